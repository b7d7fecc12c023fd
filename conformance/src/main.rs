//! The program `edgewise-conformance`: judges an implementation of Edgewise.

use std::process::ExitCode;

fn main() -> ExitCode {
    edgewise_conformance::program::main()
}
