//! Mutants of the chapter session: of a client.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    kills!("SESSION-17", "session/forged"),
    kills!("SESSION-19", "session/forged"),
    kills!("SESSION-20", "session/overtaken"),
    kills!("SESSION-21", "session/skipped-in-time"),
    kills!("SESSION-23", "session/killed-sending"),
    kills!("SESSION-27", "session/step-with-next"),
    kills!("SESSION-28", "session/no-step-for-answers"),
    kills!("SESSION-29", "session/one-step"),
    kills!("SESSION-30", "session/ack"),
    kills!("SESSION-31", "session/unacknowledged"),
    kills!("SESSION-32", "session/unacknowledged"),
    kills!("SESSION-33", "session/answer-due"),
    kills!("SESSION-35", "session/answer"),
    kills!("SESSION-36", "session/hello-again"),
    kills!("SESSION-37", "session/unacknowledged"),
    kills!("SESSION-38", "session/server-forgets"),
    kills!("SESSION-39", "session/deniable"),
    kills!("SESSION-43", "session/unacknowledged"),
];
