//! The command line: what is asked for, and how the program ends.

mod book;
mod expect;
mod explain;
mod implementations;
mod list;
mod lists;
mod matrix;
mod progress;
mod proof;
mod prove;
mod recheck;
mod report;
mod run;
pub mod select;
mod vectors;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use edgewise_spec::constants::SPEC_REVISION;
use tokio::signal::unix::{SignalKind, signal};

use self::expect::ExpectOptions;
use crate::case::Profile;
use crate::driver::OUTCOME_WITHIN;
use crate::outcome::Exit;
use crate::report::Wanted;
use crate::repro::SUITE_VERSION;
use crate::target::START_SECONDS;

/// The suite's version, and the revision that it judges: each goes on without the other.
static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{SUITE_VERSION}, specification revision {SPEC_REVISION}"));

/// Judges an implementation of Edgewise by what it sends.
///
/// Without a command, everything is run against the reference server inside this program.
#[derive(Debug, Parser)]
#[command(name = "edgewise-conformance", version = VERSION.as_str(), args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: RunOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge a server: one that runs already, or a program to be started.
    Server(ServerOptions),
    /// Judge a client: a driver that runs already, or a program to be started.
    Client(ClientOptions),
    /// List the cases.
    List {
        /// How.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Write what each profile scores: a list of its cases.
    #[command(hide = true)]
    Lists {
        /// The folder of the lists.
        #[arg(default_value = "conformance/profiles")]
        folder: PathBuf,
        /// The revision is released: what comes later is unscored.
        #[arg(long)]
        freeze: bool,
    },
    /// Show a clause with its cases and mutants, or a case with its clauses.
    Explain {
        /// `FRAME-3`, or `frame/unknown-item`.
        what: String,
    },
    /// Run a failure of a property again.
    Replay {
        /// A file of `repro/`.
        file: PathBuf,
        /// Of a client: run it with the suite's own client.
        #[arg(long, conflicts_with_all = ["exec", "attach"])]
        own: bool,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Have every named client talk to every other over every named server.
    Matrix(matrix::MatrixOptions),
    /// Put the vectors of the chapters to a program, one line of JSON each, and judge its answers.
    Vectors(vectors::VectorsOptions),
    /// Write a JSON report in other formats, and show it.
    Report {
        /// What `--report json=FILE` wrote.
        file: PathBuf,
        #[command(flatten)]
        options: ReportOptions,
    },
    /// Show that every mutant of the references is killed by its case.
    Prove(ProveOptions),
    /// Write the specification as the source of an mdBook.
    #[command(hide = true)]
    Book {
        /// The folder to write to.
        out: PathBuf,
        /// The script that draws the diagrams: `mermaid.min.js`.
        #[arg(long, value_name = "FILE")]
        mermaid: PathBuf,
        /// The repository.
        #[arg(long, value_name = "FOLDER", default_value = ".")]
        root: PathBuf,
    },
    /// Be the reference server under test.
    #[command(hide = true)]
    Serve {
        /// The rule to break.
        #[arg(long)]
        mutant: Option<String>,
    },
    /// Be a client under test, on standard input and output.
    #[command(hide = true)]
    Drive {
        /// The rule to break.
        #[arg(long)]
        mutant: Option<String>,
        /// Be the suite's own client.
        #[arg(long)]
        own: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line a case.
    Text,
    /// An array of objects.
    Json,
}

#[derive(Clone, Debug, Args)]
struct ServerOptions {
    /// Address of a server that runs already.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "exec")]
    attach: Option<String>,
    /// Command that starts a server; it is told on standard input what it is to be, and says on
    /// standard output when it is ready.
    #[arg(long, value_name = "COMMAND")]
    exec: Option<OsString>,
    /// Seconds within which the program has to be ready.
    #[arg(long, value_name = "N", default_value_t = START_SECONDS)]
    start_seconds: u64,
    /// The attached server offers ConformanceControl.
    #[arg(long, requires = "attach")]
    control: bool,
    /// The attached server's access password.
    #[arg(long, requires = "attach", value_name = "PASSWORD")]
    access_password: Option<String>,
    #[command(flatten)]
    options: RunOptions,
}

#[derive(Clone, Debug, Args)]
struct ClientOptions {
    /// Address of a driver that runs already and serves ConformanceDriver: `http://host:port`.
    #[arg(long, value_name = "URL", conflicts_with = "exec")]
    attach: Option<String>,
    /// Command that starts a driver, which is spoken to on its standard input and output.
    #[arg(long, value_name = "COMMAND")]
    exec: Option<OsString>,
    /// Judge the suite's own client: the suite against itself.
    #[arg(long, conflicts_with_all = ["exec", "attach"])]
    own: bool,
    /// Seconds within which the program has to be ready.
    #[arg(long, value_name = "N", default_value_t = START_SECONDS)]
    start_seconds: u64,
    /// Seconds within which the driver has to answer.
    #[arg(long, value_name = "N", default_value_t = OUTCOME_WITHIN.as_secs())]
    outcome_seconds: u64,
    #[command(flatten)]
    options: RunOptions,
}

#[derive(Clone, Debug, Args)]
struct RunOptions {
    /// Cases of this profile; without a command, of all where it is not given.
    #[arg(long, value_parser = Profile::ALL.map(Profile::name))]
    profile: Option<String>,
    /// Cases whose id fits; `*` stands for anything. May be repeated.
    #[arg(long = "case", value_name = "GLOB")]
    cases_like: Vec<String>,
    /// A folder of lists of what is scored, instead of those of this suite.
    #[arg(long, value_name = "FOLDER", hide = true)]
    lists: Option<PathBuf>,
    /// From which all randomness of the suite comes.
    #[arg(long)]
    seed: Option<u64>,
    /// Runs of each property.
    #[arg(long, value_name = "N", default_value_t = 200)]
    cases: u32,
    /// A warning, or a case that passed only when repeated, counts as a failure.
    #[arg(long)]
    strict: bool,
    /// Cases that run side by side.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// End with the first case that fails; what was not run is told as such.
    #[arg(long, conflicts_with = "fix")]
    fail_fast: bool,
    /// Show what went over the wire, for passes too.
    #[arg(long)]
    trace: bool,
    /// Write a report, as json, html, junit, markdown or badge. May be repeated.
    #[arg(long, value_name = "FORMAT=PATH")]
    report: Vec<Wanted>,
    /// Have the suite's own peers contradict its cases, to see that this is told as its own fault.
    #[arg(long, hide = true)]
    suite_fault: bool,
    #[command(flatten)]
    expect: ExpectOptions,
}

#[derive(Clone, Debug, Args)]
struct ReportOptions {
    /// Show what went over the wire, for passes too.
    #[arg(long)]
    trace: bool,
    /// Write it as json, html, junit, markdown or badge. May be repeated.
    #[arg(long, value_name = "FORMAT=PATH")]
    report: Vec<Wanted>,
}

#[derive(Clone, Debug, Args)]
struct ProveOptions {
    /// Mutants whose id fits; `*` stands for anything. May be repeated.
    #[arg(long = "mutant", value_name = "GLOB")]
    mutants_like: Vec<String>,
    /// Run every case of its profile against each mutant, which takes hours: who else notices?
    #[arg(long)]
    matrix: bool,
    /// Cases of the matrix whose id fits, beside the mutant's own; `*` stands for anything. May be
    /// repeated.
    #[arg(long = "case", value_name = "GLOB", requires = "matrix")]
    cases_like: Vec<String>,
    /// Write the matrix, as json or markdown, after each mutant. May be repeated.
    #[arg(long, value_name = "FORMAT=PATH", requires = "matrix")]
    report: Vec<Wanted>,
    /// Keep the rows that the JSON report has already, and go on with the other mutants.
    #[arg(long, requires = "report")]
    go_on: bool,
    /// Mutants, or cases of a matrix, that are tried side by side.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

/// How long what goes on may take to end when the program is interrupted.
const INTERRUPTED: Duration = Duration::from_secs(2);

/// Why the program cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Reads the command line, does what it says, and ends with its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fault(&Usage(error.to_string())),
    };
    let done = runtime.block_on(async {
        tokio::select! {
            done = dispatch(cli) => Some(done),
            () = interrupted() => None,
        }
    });
    let Some(done) = done else {
        // What was started is ended by the tasks that hold it, as they are dropped.
        runtime.shutdown_timeout(INTERRUPTED);
        return fault(&Usage("interrupted".to_owned()));
    };
    // Links of a server under test may still be open; nobody waits for them.
    runtime.shutdown_background();
    match done {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(usage) => fault(&usage),
    }
}

/// Waits until somebody wants the program to end: it has to end what it started, first.
async fn interrupted() {
    let Ok(mut asked) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = asked.recv() => {}
        Ok(()) = tokio::signal::ctrl_c() => {}
        else => std::future::pending().await,
    }
}

fn fault(usage: &Usage) -> ExitCode {
    anstream::eprintln!("edgewise-conformance: {usage}");
    ExitCode::from(Exit::Harness as u8)
}

async fn dispatch(cli: Cli) -> Result<Exit, Usage> {
    match cli.command {
        None => run::run(run::Judged::embedded(&cli.options), &cli.options).await,
        Some(Command::Server(options)) => {
            run::run(run::Judged::server(&options)?, &options.options).await
        }
        Some(Command::Client(options)) => {
            run::run(run::Judged::client(&options)?, &options.options).await
        }
        Some(Command::List { format }) => list::list(format == Format::Json),
        Some(Command::Lists { folder, freeze }) => lists::lists(&folder, freeze),
        Some(Command::Explain { what }) => explain::explain(&what),
        Some(Command::Replay { file, own, server }) => run::replay(&file, own, &server).await,
        Some(Command::Report { file, options }) => report::report(&file, &options),
        Some(Command::Matrix(options)) => matrix::matrix(&options).await,
        Some(Command::Vectors(options)) => vectors::vectors(&options).await,
        Some(Command::Prove(options)) => prove::prove(&options).await,
        Some(Command::Book { out, mermaid, root }) => book::book(&root, &out, &mermaid),
        Some(Command::Serve { mutant }) => prove::serve(mutant.as_deref()).await,
        Some(Command::Drive { mutant, own }) => prove::drive(mutant.as_deref(), own).await,
    }
}

/// How many things to do side by side: cases wait more than they work.
fn jobs(asked: Option<usize>) -> usize {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    asked.unwrap_or(cores * 4).max(1)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_version_of_the_suite_stands_apart_from_the_revision() {
        let version = Cli::command().render_version();
        assert_eq!(
            version.trim_end(),
            format!("edgewise-conformance {SUITE_VERSION}, specification revision {SPEC_REVISION}")
        );
    }

    #[test]
    fn options_stand_with_and_without_a_command() {
        let cli = Cli::parse_from(["edgewise-conformance", "--case", "frame/*", "--seed", "3"]);
        assert!(cli.command.is_none());
        assert_eq!((cli.options.cases_like.len(), cli.options.seed), (1, Some(3)));
        let cli = Cli::try_parse_from(["edgewise-conformance", "server", "--control"]);
        assert!(cli.is_err(), "--control says something about an attached server");
    }
}
