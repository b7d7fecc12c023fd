//! The program: verbs, exit codes, and what it says.
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 3 the store, 4 no server in time.

mod args;
mod carry;
pub(crate) mod desk;
pub(crate) mod dispatch;
pub(crate) mod failure;
pub(crate) mod folder;
mod init;
pub(crate) mod local;
pub(crate) mod outcome;
pub(crate) mod plain;
pub(crate) mod print;
mod proof;
pub(crate) mod qr;
pub(crate) mod shape;
pub(crate) mod text;
pub(crate) mod unlock;
pub(crate) mod verb;

use std::process::ExitCode;

use clap::Parser as _;

pub use args::{Cli, verbs_table};

/// Parses the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = print::Out::new(&cli.globals);
    match dispatch::run(cli, &out) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            out.failure(&failure);
            ExitCode::from(failure.reason.code())
        }
    }
}
