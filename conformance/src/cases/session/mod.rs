//! Cases of the chapter session.

pub mod anywhere;
pub mod bounds;
pub mod cells;
pub mod steps;
pub mod store;
pub mod talk;

use crate::case::Case;

/// The tables, in the order of the chapter.
pub const TABLES: &[&[Case]] =
    &[talk::CASES, steps::CASES, bounds::CASES, cells::CASES, store::CASES, anywhere::CASES];
