//! Mutants of the chapter error.

use super::Mutant;

/// All of them.
pub const MUTANTS: &[Mutant] = &[];
