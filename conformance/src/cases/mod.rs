//! Every case, one table a word, in the order of the chapters.

pub mod connection;
pub mod error;
pub mod frame;
pub mod link;
pub mod rotation;
pub mod suite;

use crate::case::Case;

/// The tables, in the order in which a report shows them.
const WORDS: &[&[&[Case]]] = &[
    &[suite::CASES],
    &[frame::CASES],
    link::TABLES,
    &[connection::CASES],
    &[rotation::CASES],
    error::TABLES,
];

/// Every case.
pub fn all() -> impl Iterator<Item = &'static Case> {
    WORDS.iter().copied().flatten().copied().flatten()
}

/// The case of an id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Case> {
    all().find(|case| case.id == id)
}
