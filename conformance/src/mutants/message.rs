//! Mutants of the chapter message: of a client.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    kills!("MESSAGE-4", "message/pieces"),
    kills!("MESSAGE-7", "message/pieces-differ"),
    kills!("MESSAGE-7/content", "message/pieces-differ"),
    kills!("MESSAGE-8", "message/pieces-given-up"),
    kills!("MESSAGE-12", "message/gap"),
    kills!("MESSAGE-13", "message/fork"),
    kills!("MESSAGE-14", "message/two-of-one-number"),
    kills!("MESSAGE-15", "message/duplicate"),
    kills!("MESSAGE-16", "message/hello-first"),
    kills!("MESSAGE-17", "message/disagreement"),
    kills!("MESSAGE-20", "message/meddling"),
    kills!("MESSAGE-21", "message/listener"),
    kills!("MESSAGE-25", "message/before-hello"),
    kills!("MESSAGE-26", "message/proof"),
    kills!("MESSAGE-32", "message/no-receipt-of-reading"),
    kills!("MESSAGE-34", "message/fork-told-once"),
    kills!("MESSAGE-35", "message/again-shown-once"),
    kills!("MESSAGE-35/again", "message/again-shown-once"),
    kills!("MESSAGE-36", "message/again-names-the-first"),
    kills!("MESSAGE-36/latest", "message/again-names-the-first"),
];
