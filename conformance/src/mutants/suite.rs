//! Mutants of the chapter suite.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[kills!("SUITE-1", "suite/offered")];
