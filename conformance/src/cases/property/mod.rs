//! Properties: random sequences of commands, shrunk where they fail.

mod client;
mod report;
mod server;

use crate::case::Case;

/// All of them.
pub const TABLES: &[&[Case]] = &[server::CASES, client::CASES];
