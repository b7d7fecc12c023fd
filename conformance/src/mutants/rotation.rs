//! Mutants of the chapter rotation.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    kills!("ROTATION-1", "rotation/key-not-acceptable"),
    kills!("ROTATION-2", "rotation/key-times"),
    kills!("ROTATION-3", "rotation/key-early"),
    kills!("ROTATION-4", "rotation/key-in-grace"),
    kills!("ROTATION-5", "rotation/key-dead"),
    kills!("ROTATION-6", "rotation/change-unsigned"),
    kills!("ROTATION-7", "rotation/change-from-another-key"),
    kills!("ROTATION-8", "rotation/change-version"),
    kills!("ROTATION-9", "rotation/change-to-a-key-not-valid"),
    kills!("ROTATION-10", "rotation/rotate-again"),
    kills!("ROTATION-11", "rotation/rotate"),
    kills!("ROTATION-12", "rotation/first-change-wins"),
    kills!("ROTATION-13", "rotation/change-in-grace"),
    kills!("ROTATION-14", "rotation/chain-not-joined"),
    kills!("ROTATION-15", "rotation/chain-in-attach"),
    kills!("ROTATION-16", "rotation/keys-not-taken"),
    kills!("ROTATION-17", "rotation/keys-lost"),
    kills!("ROTATION-18/left", "rotation/move"),
    kills!("ROTATION-19", "rotation/move-superseded"),
    kills!("ROTATION-20", "rotation/move"),
    kills!("ROTATION-21/said", "rotation/move-created-first"),
    kills!("ROTATION-22", "rotation/move-bounds"),
    kills!("ROTATION-23", "rotation/move-superseded"),
    kills!("ROTATION-25/early", "rotation/move"),
    kills!("ROTATION-25/never", "rotation/move"),
    kills!("ROTATION-26", "rotation/move-bounds"),
    kills!("ROTATION-28", "rotation/follow-far"),
    kills!("ROTATION-29", "rotation/follow-superseded"),
    kills!("ROTATION-30", "rotation/follow"),
    kills!("ROTATION-31", "rotation/follow-superseded"),
    kills!("ROTATION-32", "rotation/follow-claim-first"),
    kills!("ROTATION-33", "rotation/follow"),
    kills!("ROTATION-33/below-base", "rotation/follow-later"),
    kills!("ROTATION-34", "rotation/follow-left-behind"),
    kills!("ROTATION-35", "rotation/follow-conflict"),
    kills!("ROTATION-36", "rotation/follow"),
];
