//! `load`: measures whole servers beside the bare transport. What each command measures, and the
//! limit it is compared with, stands in `benches/README.md`.
//!
//! Server, client, echo server and echo client are processes of their own: this program runs
//! itself again, once for each [`role::Role`], and they talk in lines of JSON.

mod connections;
mod echo;
mod idle_connections;
mod idle_links;
mod machine;
mod pair;
mod pass;
mod process;
mod report;
mod role;
mod server;
mod stalled_links;
mod talk;
mod throughput;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Whatever went wrong, for a person to read.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures whole Edgewise servers beside the bare transport.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Also write the results to this file, as JSON.
    #[arg(long, global = true, value_name = "PATH")]
    json: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Send, deliver, acknowledge: parts a second beside a bare echo of the same block (default).
    Throughput(throughput::Options),
    /// A million idle connections: bytes each, and seconds until all are attached again.
    IdleConnections(idle_connections::Options),
    /// Twenty thousand idle links: resident memory of the server for each.
    IdleLinks(idle_links::Options),
    /// A thousand links whose peer stopped reading: resident memory of the server for each.
    StalledLinks(stalled_links::Options),
    /// Two people over a server with TLS: milliseconds from a text typed to a text shown.
    Talk(talk::Options),
    /// One of the processes of a measurement.
    #[command(hide = true)]
    As { role: String },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            report::complain(&format!("load: {failure}"));
            ExitCode::from(2)
        }
    }
}

/// True if every target was met.
fn run(arguments: Arguments) -> Result<bool, Failure> {
    let command = arguments.command.unwrap_or(Command::Throughput(throughput::Options::default()));
    let report = match command {
        Command::As { role } => {
            role::run(&role)?;
            return Ok(true);
        }
        Command::Throughput(options) => throughput::measure(&options)?,
        Command::IdleConnections(options) => idle_connections::measure(&options)?,
        Command::IdleLinks(options) => idle_links::measure(&options)?,
        Command::StalledLinks(options) => stalled_links::measure(&options)?,
        Command::Talk(options) => talk::measure(&options)?,
    };
    report.print()?;
    if let Some(path) = arguments.json {
        report.write(&path)?;
    }
    Ok(report.is_met())
}
