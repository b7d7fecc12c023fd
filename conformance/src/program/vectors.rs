//! `vectors`: the vectors of the chapters, against any program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::expect::ExpectOptions;
use super::progress::Bar;
use super::{Usage, select};
use crate::clauses;
use crate::driver::OUTCOME_WITHIN;
use crate::outcome::Exit;
use crate::report::{Report, Wanted, format, tree};
use crate::vectors::run::{Plan, run};
use crate::vectors::{self, answer, export};

#[derive(Clone, Debug, Args)]
pub(super) struct VectorsOptions {
    /// Command that starts the program to be asked; the reference without it.
    #[arg(long, value_name = "COMMAND")]
    exec: Option<OsString>,
    /// Vectors whose name fits, as `suite/verify/*`. May be repeated.
    #[arg(long = "vector", value_name = "GLOB")]
    vectors_like: Vec<String>,
    /// Vectors that have to be answered: to call them unsupported is a failure. May be repeated.
    #[arg(long, value_name = "GLOB")]
    require: Vec<String>,
    /// Seconds within which the program has to answer.
    #[arg(long, value_name = "N", default_value_t = OUTCOME_WITHIN.as_secs())]
    answer_seconds: u64,
    /// A refusal without a layer counts as a failure.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    expect: ExpectOptions,
    /// Show the lines of both sides.
    #[arg(long)]
    trace: bool,
    /// Write a report, as json, html, junit, markdown or badge. May be repeated.
    #[arg(long, value_name = "FORMAT=PATH")]
    report: Vec<Wanted>,
    /// Write them as an archive instead, with their schemas and a README: a file that ends with
    /// `.tar.gz`, or the folder that it is to stand in.
    #[arg(long, value_name = "PATH", exclusive = true)]
    export: Option<PathBuf>,
    /// Be the program that is asked: answer lines of standard input.
    #[arg(long, hide = true, exclusive = true)]
    answer: bool,
}

/// Asks, shows and writes; or answers.
pub(super) async fn vectors(options: &VectorsOptions) -> Result<Exit, Usage> {
    if options.answer {
        return serve().await;
    }
    if let Some(place) = &options.export {
        return write(place);
    }
    let all = vectors::all().map_err(|fault| Usage(fault.to_string()))?;
    let known: Vec<&str> = all.iter().map(|vector| vector.name.as_str()).collect();
    let expected = options.expect.read(&known)?;
    let required = if options.require.is_empty() {
        Vec::new()
    } else {
        select::select(&options.require, &known).map_err(Usage)?
    };
    let names = select::select(&options.vectors_like, &known).map_err(Usage)?;
    let wanted = all.iter().filter(|vector| names.contains(&vector.name.as_str())).cloned();
    let plan = Plan {
        vectors: wanted.collect(),
        required: required.into_iter().map(str::to_owned).collect(),
        command: options.exec.clone(),
        within: Duration::from_secs(options.answer_seconds),
        traces: options.trace,
        rerun: rerun(options),
    };
    let begin = Instant::now();
    let mut bar = Bar::new(plan.vectors.len());
    let ran = run(&plan, &mut bar).await.map_err(|fault| Usage(fault.to_string()))?;
    bar.clear();
    let clauses = clauses::all().map_err(|fault| Usage(fault.to_string()))?;
    let mut report = Report::new(vec![ran.target], 0, ran.cases, &clauses);
    report.duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    // What was seen is shown and written, whatever becomes of the file of expectations.
    let expected = options.expect.apply(expected, &known, options.strict, &mut report);
    report.judge(options.strict);
    anstream::print!("{}", tree::draw(&report, options.trace));
    if !report.cases.iter().any(|case| case.outcome.ran()) {
        anstream::eprintln!("edgewise-conformance: no vector was judged");
    }
    format::write(&report, &options.report).map_err(Usage)?;
    expected.map(|()| report.verdict)
}

fn write(place: &Path) -> Result<Exit, Usage> {
    let written = export::write(place);
    let path = written.map_err(|fault| Usage(format!("{}: {fault}", place.display())))?;
    anstream::println!("{}", path.display());
    Ok(Exit::Conformant)
}

/// The command that asks again.
fn rerun(options: &VectorsOptions) -> String {
    let mut rerun = "edgewise-conformance vectors".to_owned();
    if let Some(command) = &options.exec {
        let text = command.to_string_lossy().replace('\'', "'\\''");
        rerun.push_str(&format!(" --exec '{text}'"));
    }
    for glob in &options.require {
        rerun.push_str(&format!(" --require '{glob}'"));
    }
    if options.answer_seconds != OUTCOME_WITHIN.as_secs() {
        rerun.push_str(&format!(" --answer-seconds {}", options.answer_seconds));
    }
    rerun
}

/// Answers on standard output, on a thread of its own: reading blocks.
async fn serve() -> Result<Exit, Usage> {
    let served = tokio::task::spawn_blocking(|| {
        answer::serve(std::io::stdin().lock(), std::io::stdout().lock())
    });
    let served = served.await.map_err(|fault| Usage(fault.to_string()))?;
    served.map(|()| Exit::Conformant).map_err(|fault| Usage(fault.to_string()))
}
