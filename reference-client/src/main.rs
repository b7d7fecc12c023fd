//! `edgewise`: the reference client as one program.

use std::process::ExitCode;

fn main() -> ExitCode {
    edgewise_client::cli::main()
}
