//! Cases of the chapter link.

pub mod blocks;
pub mod bounds;
pub mod crowd;
pub mod describe;
pub mod edges;
pub mod end;
pub mod epochs;
pub mod hello;

use crate::case::Case;

/// The tables, in the order of the chapter.
pub const TABLES: &[&[Case]] = &[
    describe::CASES,
    hello::CASES,
    crowd::CASES,
    blocks::CASES,
    bounds::CASES,
    end::CASES,
    epochs::CASES,
    edges::CASES,
];
