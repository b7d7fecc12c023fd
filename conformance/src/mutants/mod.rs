//! The faults that the references can be built with, and the case that must see each.

pub mod cadence;
pub mod connection;
pub mod error;
pub mod frame;
pub mod invitation;
pub mod link;
pub mod message;
pub mod rotation;
pub mod scatter;
pub mod session;
pub mod suite;

/// One fault of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The clause that it breaks, and which of several faults it is: `FRAME-13`,
    /// `FRAME-13/short-block`.
    pub id: &'static str,
    /// The case that must fail because of it.
    pub case: &'static str,
}

impl Mutant {
    /// The clause that it breaks.
    #[must_use]
    pub fn clause(&self) -> &'static str {
        self.id.split('/').next().unwrap_or(self.id)
    }
}

/// One line of a table: the mutant and the case that kills it.
#[macro_export]
macro_rules! kills {
    ($id:literal, $case:literal) => {
        $crate::mutants::Mutant { id: $id, case: $case }
    };
}

const TABLES: &[&[Mutant]] = &[
    suite::MUTANTS,
    frame::MUTANTS,
    link::MUTANTS,
    connection::MUTANTS,
    rotation::MUTANTS,
    error::MUTANTS,
    invitation::MUTANTS,
    session::MUTANTS,
    message::MUTANTS,
    scatter::MUTANTS,
    cadence::MUTANTS,
];

/// Every mutant, in the order of the chapters.
pub fn all() -> impl Iterator<Item = &'static Mutant> {
    TABLES.iter().copied().flatten()
}
