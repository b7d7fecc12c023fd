//! Mutants of the chapter frame.

use super::Mutant;
use crate::kills;

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    kills!("FRAME-1", "frame/blocks-have-one-length"),
    kills!("FRAME-2", "frame/short-block"),
    kills!("FRAME-5", "frame/item-past-the-end"),
    kills!("FRAME-6", "frame/byte-behind-the-end"),
    kills!("FRAME-7", "frame/item-truncated"),
    kills!("FRAME-8", "frame/too-many-items"),
    kills!("FRAME-9", "frame/item-with-nothing-but-a-tag"),
    kills!("FRAME-10", "frame/request-without-tag"),
    kills!("FRAME-11", "frame/item-truncated"),
    kills!("FRAME-12", "frame/refused-block-has-no-effect"),
    kills!("FRAME-13/padding", "frame/blocks-open-to-items"),
    kills!("FRAME-14", "frame/unknown-item-with-tag"),
    kills!("FRAME-15", "frame/unknown-item-without-tag"),
    kills!("FRAME-16", "frame/unknown-fields"),
    kills!("FRAME-17", "frame/one-answer-to-each"),
    kills!("FRAME-18", "frame/acknowledge-has-no-answer"),
    kills!("FRAME-19", "frame/order-of-one-handle"),
];
