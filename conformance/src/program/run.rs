//! `server`, and the run without a command: selects, runs, reports.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::progress::Bar;
use super::{ServerOptions, Usage, jobs, select};
use crate::case::Case;
use crate::expectations::Expectations;
use crate::outcome::Exit;
use crate::report::Report;
use crate::runner::{self, Plan};
use crate::target::{START_SECONDS, Source};
use crate::trial::Settings;
use crate::{cases, clauses, repro, tree};

/// Folder of failures that can be run again.
const REPRO: &str = "repro";

/// Runs the selected cases.
pub(super) async fn run(options: &ServerOptions) -> Result<Exit, Usage> {
    let names: Vec<&str> = cases::all().map(|case| case.id).collect();
    let names = select::select(&options.options.cases_like, &names).map_err(Usage)?;
    let selected = cases::all().filter(|case| names.contains(&case.id)).collect();
    let seed = options.options.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    carry_out(options, selected, seed, None).await
}

/// Runs a failure of a property again.
pub(super) async fn replay(file: &Path, options: &ServerOptions) -> Result<Exit, Usage> {
    let fault = |error: &dyn std::fmt::Display| Usage(format!("{}: {error}", file.display()));
    let failure = repro::read(file).map_err(|error| fault(&error))?;
    let case = cases::find(&failure.case)
        .ok_or_else(|| fault(&format!("there is no case {}", failure.case)))?;
    if failure.spec_revision != edgewise_spec::constants::SPEC_REVISION {
        let revision = failure.spec_revision;
        return Err(fault(&format!("it is about revision {revision} of the specification")));
    }
    let data = Some(Arc::new(failure.data));
    carry_out(options, vec![case], failure.seed, data).await
}

async fn carry_out(
    options: &ServerOptions,
    selected: Vec<&'static Case>,
    seed: u64,
    replay: Option<Arc<serde_json::Value>>,
) -> Result<Exit, Usage> {
    let (source, mut rerun) = source(options)?;
    let _ = write!(rerun, " --seed {seed}");
    let expectations = options.options.expectations.as_deref();
    let expected = expectations.map(read_expectations).transpose()?;
    let settings =
        Settings { seed, cases: options.options.cases, replay, repro: PathBuf::from(REPRO) };
    let plan = Plan {
        cases: selected,
        source,
        settings: Arc::new(settings),
        jobs: jobs(options.options.jobs),
        tries: runner::QUIET_TRIES,
        traces: options.options.trace,
        rerun,
    };
    let begin = Instant::now();
    let mut bar = Bar::new(plan.cases.len());
    let ran = runner::run(&plan, &mut bar).await;
    bar.clear();
    let mut report = Report::new(ran.target, seed, ran.cases);
    report.duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(expected) = expected {
        expect(&expected, options, &mut report)?;
    }
    finish(options, &report)
}

fn expect(
    expected: &Expectations,
    options: &ServerOptions,
    report: &mut Report,
) -> Result<(), Usage> {
    let known: Vec<&str> = cases::all().map(|case| case.id).collect();
    if let (true, Some(path)) = (options.options.fix, &options.options.expectations) {
        let fixed = expected.fixed(&report.cases);
        fixed.write(path).map_err(|error| Usage(format!("{}: {error}", path.display())))?;
        report.stale = fixed.apply(&mut report.cases, &known);
    } else {
        report.stale = expected.apply(&mut report.cases, &known);
    }
    report.count();
    Ok(())
}

fn finish(options: &ServerOptions, report: &Report) -> Result<Exit, Usage> {
    let clauses = clauses::all().map_err(|error| Usage(error.to_string()))?;
    anstream::print!("{}", tree::draw(report, &clauses, options.options.trace));
    for path in &options.options.report {
        let text = serde_json::to_string_pretty(report).map_err(|e| Usage(e.to_string()))?;
        std::fs::write(path, text + "\n")
            .map_err(|error| Usage(format!("{}: {error}", path.display())))?;
    }
    let outcomes = report.outcomes();
    let exit = Exit::of(&outcomes, options.options.strict, !report.stale.is_empty());
    if !outcomes.iter().any(|outcome| outcome.ran()) {
        anstream::eprintln!("edgewise-conformance: no case was run");
    }
    Ok(exit)
}

fn read_expectations(path: &Path) -> Result<Expectations, Usage> {
    Expectations::read(path).map_err(|error| Usage(format!("{}: {error}", path.display())))
}

/// Where the server comes from, and the command that says so.
fn source(options: &ServerOptions) -> Result<(Source, String), Usage> {
    if let Some(text) = &options.attach {
        let address = text.parse().map_err(|error| Usage(format!("{error}")))?;
        let mut rerun = format!("edgewise-conformance server --attach '{text}'");
        let mut capabilities = Vec::new();
        if options.control {
            capabilities = vec!["clock".to_owned(), "restart".to_owned()];
            rerun.push_str(" --control");
        }
        let password = options.access_password.clone();
        if password.is_some() {
            rerun.push_str(" --access-password …");
        }
        return Ok((Source::Attached { address, capabilities, password }, rerun));
    }
    if let Some(command) = &options.exec {
        let words = vec!["sh".into(), "-c".into(), command.clone()];
        let text = command.to_string_lossy().replace('\'', "'\\''");
        let mut rerun = format!("edgewise-conformance server --exec '{text}'");
        if options.start_seconds != START_SECONDS {
            let _ = write!(rerun, " --start-seconds {}", options.start_seconds);
        }
        let within = Duration::from_secs(options.start_seconds);
        return Ok((Source::Program { words, within }, rerun));
    }
    Ok((Source::Embedded, "edgewise-conformance".to_owned()))
}
