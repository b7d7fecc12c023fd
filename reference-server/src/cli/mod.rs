//! The program: commands, exit codes, and what it says.
//!
//! Exit code 0 is success, 1 a failure while working, 2 a usage or a configuration that cannot be.

mod files;
mod health;
mod logging;
mod network;
mod serve;

use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use logging::subscriber;

use crate::config::{LogFormat, Settings};

/// Features compiled in, for `--version`: a server in service has no `mutants`.
pub const FEATURES: &[&str] = &[
    #[cfg(feature = "aws-lc")]
    "aws-lc",
    #[cfg(feature = "sodium")]
    "sodium",
    #[cfg(feature = "mutants")]
    "mutants",
];

/// The reference server of Edgewise: it keeps one-way connections in memory and knows nobody.
#[derive(Debug, Parser)]
#[command(name = "edgewise-server", version = version(), max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make identity, signed epochs, certificate and configuration in a folder; print the address.
    Init(files::Init),
    /// Sign epochs ahead, with the identity key, wherever that is kept.
    Epochs(files::Epochs),
    /// Run the server. SIGTERM and SIGINT stop it, SIGHUP reads certificate and epochs again.
    Serve(Configured),
    /// Print the address that clients are given.
    Address(Configured),
    /// Read and check everything that `serve` would, and say what it comes to.
    CheckConfig(Configured),
    /// Turn an access password (standard input) into the configuration's `access_key`.
    AccessKey(Configured),
    /// Ask the running server whether it serves; exit code 0 if it does.
    Healthcheck(Configured),
    /// Print the running server's statistics: aggregates, nothing about anyone.
    Stats(StatsArgs),
    /// Run a whole network on this machine: ten unlinked groups of edges, in memory. ctrl-c ends it.
    Network(network::NetworkArgs),
    /// Be a server under test: ServerStart on standard input, ServerReady on standard output.
    Conformance(ConformanceArgs),
}

#[derive(Debug, Args)]
struct Configured {
    /// The configuration file.
    #[arg(long, short, env = "EDGEWISE_CONFIG", default_value = "server.toml")]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct StatsArgs {
    #[command(flatten)]
    configured: Configured,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ConformanceArgs {
    /// Leave one rule out, named by its clause: CONNECTION-36 or FRAME-13/short-block.
    #[cfg(feature = "mutants")]
    #[arg(long)]
    mutant: Option<String>,
}

/// What ends the program early: exit code 2 or 1, and a line on standard error.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn usage(error: impl Display) -> Self {
        Self { code: 2, message: error.to_string() }
    }

    fn work(error: impl Display) -> Self {
        Self { code: 1, message: error.to_string() }
    }
}

/// Version, backend and features.
fn version() -> &'static str {
    static VERSION: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    VERSION.get_or_init(|| {
        format!(
            "{} (specification revision {}, backend {}, features: {})",
            env!("CARGO_PKG_VERSION"),
            edgewise_spec::constants::SPEC_REVISION,
            edgewise_spec::suite::BACKEND,
            FEATURES.join(" ")
        )
    })
}

/// Parses the command line and runs its command.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "edgewise-server: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Init(init) => files::init(&init),
        Command::Epochs(epochs) => files::epochs(&epochs),
        Command::Serve(configured) => serve::serve(&settings(&configured)?),
        Command::Address(configured) => serve::address(&settings(&configured)?),
        Command::CheckConfig(configured) => serve::check(&settings(&configured)?),
        Command::AccessKey(configured) => files::access_key(&settings(&configured)?),
        Command::Healthcheck(configured) => health::check(&settings(&configured)?),
        Command::Stats(stats) => serve::stats(&settings(&stats.configured)?, stats.json),
        Command::Network(arguments) => network::network(&arguments),
        Command::Conformance(arguments) => conformance(&arguments),
    }
}

fn settings(configured: &Configured) -> Result<Settings, Failure> {
    Settings::read(&configured.config).map_err(Failure::usage)
}

fn conformance(arguments: &ConformanceArgs) -> Result<(), Failure> {
    #[cfg(feature = "mutants")]
    if let Some(mutant) = &arguments.mutant {
        edgewise_spec::requirement::choose(mutant);
    }
    #[cfg(not(feature = "mutants"))]
    let ConformanceArgs {} = arguments;
    // To standard error: standard output belongs to the suite.
    logging::install(crate::config::LogLevel::Warn, LogFormat::Text);
    let served = serve::runtime()?.block_on(crate::conformance::serve_stdio());
    served.map_err(Failure::work)
}

/// Writes lines to standard output; a reader that has gone away is no failure.
fn say(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
