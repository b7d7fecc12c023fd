//! Mutants of the chapter session: of a client.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    kills!("SESSION-17", "session/forged"),
    kills!("SESSION-20", "session/overtaken"),
    kills!("SESSION-21", "session/skipped-in-time"),
    kills!("SESSION-27", "session/step-with-next"),
    kills!("SESSION-28", "session/no-step-for-answers"),
    kills!("SESSION-30", "session/ack"),
    kills!("SESSION-33", "session/answer-due"),
    kills!("SESSION-35", "session/answer"),
    kills!("SESSION-36", "session/hello-again"),
];
