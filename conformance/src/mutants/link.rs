//! Mutants of the chapter link.

use super::Mutant;

/// All of them.
pub const MUTANTS: &[Mutant] = &[];
