//! Mutants of the chapter scatter: of a client.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[kills!("SCATTER-13", "scatter/blame")];
