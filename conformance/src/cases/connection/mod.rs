//! Cases of the chapter connection, in its order.

pub mod attach;
pub mod claim;
pub mod create;
pub mod deliver;
pub mod deposit;
pub mod send;
pub mod state;
pub mod time;

use crate::case::Case;

/// All of them.
pub const TABLES: &[&[Case]] = &[
    create::CASES,
    claim::CASES,
    deposit::CASES,
    attach::CASES,
    send::CASES,
    deliver::CASES,
    state::CASES,
    time::CASES,
];
