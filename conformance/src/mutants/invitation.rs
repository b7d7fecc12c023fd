//! Mutants of the chapter invitation: of a client.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    kills!("INVITATION-7", "invitation/bundle-version"),
    kills!("INVITATION-9", "invitation/bundle-other"),
    kills!("INVITATION-11", "invitation/bundle-long"),
    kills!("INVITATION-12", "invitation/bundle-suite"),
    kills!("INVITATION-13", "invitation/bundle-mode"),
    kills!("INVITATION-18", "invitation/bundle-expired"),
    kills!("INVITATION-21", "invitation/card-altered"),
    kills!("INVITATION-28", "invitation/second-claim"),
    kills!("INVITATION-32", "invitation/claim-order"),
    kills!("INVITATION-33", "invitation/claimed-before"),
    kills!("INVITATION-34", "invitation/slow-place"),
];
