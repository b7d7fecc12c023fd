//! `edgewise-server`: the reference server as one program.

use std::process::ExitCode;

fn main() -> ExitCode {
    edgewise_server::cli::main()
}
