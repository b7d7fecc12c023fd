//! Mutants of the chapter cadence.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    kills!("CADENCE-1", "cadence/ticks-come-from-the-list"),
    kills!("CADENCE-2", "cadence/tick-not-offered"),
    kills!("CADENCE-3", "cadence/tick-zero"),
    kills!("CADENCE-4/twice", "cadence/one-answer-a-block"),
    kills!("CADENCE-4/not-when-idle", "cadence/one-answer-a-block"),
    kills!("CADENCE-5", "cadence/nothing-unasked"),
    kills!("CADENCE-6", "cadence/answers-carry-results"),
    kills!("CADENCE-8", "cadence/too-soon"),
    kills!("CADENCE-8/half", "cadence/too-soon"),
    kills!("CADENCE-9", "cadence/missed-ticks"),
    kills!("CADENCE-10", "cadence/goodbye-of-the-server"),
    kills!("CADENCE-11", "cadence/goodbye-of-the-client"),
    kills!("CADENCE-12", "cadence/not-stalled"),
];
