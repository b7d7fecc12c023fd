//! Mutants of the chapter scatter: of a client.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    kills!("SCATTER-8/twice", "scatter/every-server"),
    kills!("SCATTER-9", "scatter/window"),
    kills!("SCATTER-10", "scatter/bad-part"),
    kills!("SCATTER-13", "scatter/blame"),
    kills!("SCATTER-14/anywhere", "rotation/follow-far"),
    kills!("SCATTER-15", "scatter/repeated"),
];
