//! Cases of the chapter message.

pub mod again;
pub mod chain;
pub mod hello;
pub mod pieces;
pub mod types;

use crate::case::Case;

/// The tables, in the order of the chapter.
pub const TABLES: &[&[Case]] =
    &[pieces::CASES, chain::CASES, hello::CASES, types::CASES, again::CASES];
