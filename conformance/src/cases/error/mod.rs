//! Cases of the chapter error.

pub mod effect;
pub mod order;
pub mod refusal;
pub mod strangers;
pub mod time;

use crate::case::Case;

/// The tables, in the order of the chapter.
pub const TABLES: &[&[Case]] = &[effect::CASES, refusal::CASES, time::CASES, order::CASES];
