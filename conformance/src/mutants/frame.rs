//! Mutants of the chapter frame.

use super::Mutant;

/// All of them.
pub const MUTANTS: &[Mutant] = &[];
