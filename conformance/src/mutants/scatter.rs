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
    kills!("SCATTER-15/held", "scatter/killed-partial"),
    kills!("SCATTER-15/whole", "scatter/too-few"),
    kills!("SCATTER-16", "scatter/fresh-cell-keys"),
    kills!("SCATTER-20/neighbour", "scatter/parts-sent"),
    kills!("SCATTER-21", "scatter/any-k"),
    kills!("SCATTER-22", "scatter/wrong-parts"),
    kills!("SCATTER-23", "scatter/wrong-parts"),
    kills!("SCATTER-24", "scatter/partial-given-up"),
    kills!("SCATTER-24/early", "scatter/partial-kept"),
];
