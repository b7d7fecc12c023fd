//! Every case, one table a word, in the order of the chapters.

pub mod connection;
pub mod error;
pub mod frame;
pub mod link;
pub mod rotation;
pub mod suite;

use crate::case::Case;

/// The tables, in the order in which a report shows them.
const TABLES: &[&[Case]] =
    &[suite::CASES, frame::CASES, link::CASES, connection::CASES, rotation::CASES, error::CASES];

/// Every case.
pub fn all() -> impl Iterator<Item = &'static Case> {
    TABLES.iter().copied().flatten()
}

/// The case of an id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Case> {
    all().find(|case| case.id == id)
}
