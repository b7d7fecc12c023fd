//! Mutants of the chapter link.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    kills!("LINK-3", "link/description-holds-the-epoch"),
    kills!("LINK-4", "link/wrong-epoch"),
    kills!("LINK-5", "link/equivocation"),
    kills!("LINK-6", "link/description-is-padded"),
    kills!("LINK-7", "link/describe-request-not-zero"),
    kills!("LINK-8/open-list", "link/limits-come-from-lists"),
    kills!("LINK-9", "link/description-is-the-same-to-all"),
    kills!("LINK-10", "link/first-block-length"),
    kills!("LINK-11", "link/hello-padding"),
    kills!("LINK-12", "link/unknown-suite"),
    kills!("LINK-13", "link/unknown-epoch"),
    kills!("LINK-14", "link/neighbouring-epochs"),
    kills!("LINK-15", "link/hello-key-unacceptable"),
    kills!("LINK-16", "link/hello-bit-flips"),
    kills!("LINK-17", "link/options-layout"),
    kills!("LINK-18", "link/options-of-another-class"),
    kills!("LINK-19", "link/hello-too-slow"),
    kills!("LINK-20", "link/too-many-half-open"),
    kills!("LINK-21", "link/bare-status"),
    kills!("LINK-22", "link/reply"),
    kills!("LINK-23", "link/first-block-does-not-open"),
    kills!("LINK-24", "link/quiet-until-confirmed"),
    kills!("LINK-27", "link/block-replayed"),
    kills!("LINK-28/opened-under-one-key", "link/ratchet"),
    kills!("LINK-28/sealed-under-one-key", "link/ratchet"),
    kills!("LINK-29", "link/life-is-over"),
    kills!("LINK-30", "link/too-many-requests"),
    kills!("LINK-31", "link/takes-while-not-taken"),
    kills!("LINK-32", "link/stalled"),
    kills!("LINK-33", "link/window-of-the-link"),
    kills!("LINK-34", "link/goodbye-of-the-server"),
    kills!("LINK-35", "link/goodbye-of-the-client"),
    kills!("LINK-36", "link/nothing-behind-goodbye"),
    kills!("LINK-37", "link/end-of-the-stream"),
    kills!("LINK-41", "link/wrong-epoch"),
    kills!("LINK-52", "link/another-edge"),
];
