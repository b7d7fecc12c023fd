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
    kills!("INVITATION-25", "invitation/killed-creating"),
    kills!("INVITATION-26", "invitation/created-late"),
    kills!("INVITATION-27", "invitation/all-created"),
    kills!("INVITATION-28", "invitation/second-claim"),
    kills!("INVITATION-29", "invitation/withdrawn"),
    kills!("INVITATION-30", "invitation/claimed-in-time"),
    kills!("INVITATION-30/early", "invitation/expires"),
    kills!("INVITATION-30/one-of-them", "invitation/seen-open"),
    kills!("INVITATION-32", "invitation/claim-order"),
    kills!("INVITATION-33", "invitation/claimed-before"),
    kills!("INVITATION-34", "invitation/slow-place"),
    kills!("INVITATION-35", "invitation/killed-joining"),
    kills!("INVITATION-38", "invitation/card-kind"),
    kills!("INVITATION-45", "invitation/address-renewed"),
    kills!("INVITATION-45/early", "invitation/address-renewed"),
    kills!("INVITATION-46/early", "invitation/address-late"),
    kills!("INVITATION-46/never", "invitation/address-late"),
];
