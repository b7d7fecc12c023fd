//! Mutants of the chapter error.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    kills!("ERROR-1", "error/refused-send-keeps-nothing"),
    kills!("ERROR-2", "error/refused-among-others"),
    kills!("ERROR-3", "error/next-only-with-gap"),
    kills!("ERROR-4", "error/common-refusal"),
    kills!("ERROR-5", "error/equal-time"),
    kills!("ERROR-6", "error/terms-before-signature"),
];
