//! Mutants of the chapter connection.

use super::Mutant;

/// All of them.
pub const MUTANTS: &[Mutant] = &[];
