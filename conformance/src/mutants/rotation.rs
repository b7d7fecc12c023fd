//! Mutants of the chapter rotation.

use super::Mutant;

/// All of them.
pub const MUTANTS: &[Mutant] = &[];
