//! Cases of the chapter invitation.

pub mod accepting;
pub mod address;
pub mod asking;
pub mod bundle;
pub mod inviting;
pub mod lost;
pub mod renewed;
pub mod standby;

use crate::case::Case;

/// The tables, in the order of the chapter.
pub const TABLES: &[&[Case]] = &[
    bundle::CASES,
    inviting::CASES,
    accepting::CASES,
    standby::CASES,
    lost::CASES,
    renewed::CASES,
    address::CASES,
    asking::CASES,
];
