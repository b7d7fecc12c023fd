//! Every case, one table a word, in the order of the chapters.

pub(crate) mod ask;
pub mod cadence;
pub mod connection;
pub mod error;
pub mod frame;
pub mod invitation;
pub mod link;
pub mod message;
pub mod property;
pub mod rotation;
pub mod scatter;
pub mod session;
pub mod suite;

use std::time::Duration;

use crate::case::{Case, Profile};

/// The tables, in the order in which a report shows them.
const WORDS: &[&[&[Case]]] = &[
    &[suite::CASES],
    &[frame::CASES],
    link::TABLES,
    connection::TABLES,
    rotation::TABLES,
    cadence::TABLES,
    error::TABLES,
    property::TABLES,
    invitation::TABLES,
    session::TABLES,
    message::TABLES,
    scatter::TABLES,
];

/// For how long a case listens where nothing may come. A server that sends what it must not sends
/// it in answer to what was just asked, so this is many times what an answer takes.
const SOON: Duration = Duration::from_millis(150);

/// Every case.
pub fn all() -> impl Iterator<Item = &'static Case> {
    WORDS.iter().copied().flatten().copied().flatten()
}

/// The cases of a profile.
pub fn of(profile: Profile) -> impl Iterator<Item = &'static Case> {
    all().filter(move |case| case.profile() == profile)
}

/// The case of an id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Case> {
    all().find(|case| case.id == id)
}
