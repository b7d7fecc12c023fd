//! `server`, and the run without a command: selects, runs, reports.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::progress::Bar;
use super::recheck::Plans;
use super::{ClientOptions, RunOptions, ServerOptions, Usage, jobs, select};
use crate::case::{Case, Profile};
use crate::driver::{ClientSource, OUTCOME_WITHIN, REFERENCE, own};
use crate::expectations::{Expectations, UNEXPLAINED};
use crate::outcome::Exit;
use crate::peer::contrary;
use crate::profiles::Lists;
use crate::report::{Report, format, tree};
use crate::runner::{self, Plan};
use crate::scene::{self, run::ClientPlan};
use crate::target::{START_SECONDS, Source};
use crate::trial::Settings;
use crate::{cases, clauses, repro};

/// Folder of failures that can be run again.
const REPRO: &str = "repro";

/// What is judged: a server, a client, or both.
pub(super) struct Judged {
    server: Option<Source>,
    client: Option<ClientSource>,
    profile: Option<String>,
    rerun: String,
}

impl Judged {
    /// The references inside this program, of the profile that is asked for.
    pub(super) fn embedded(options: &RunOptions) -> Self {
        let wanted = |servers: bool| wants(options, servers);
        Self {
            server: wanted(true).then_some(Source::Embedded),
            client: wanted(false).then_some(ClientSource::Embedded(REFERENCE)),
            profile: options.profile.clone(),
            rerun: "edgewise-conformance".to_owned(),
        }
    }

    pub(super) fn server(options: &ServerOptions) -> Result<Self, Usage> {
        fits(&options.options, true)?;
        let (source, rerun) = source(options)?;
        let profile = options.options.profile.clone();
        Ok(Self { server: Some(source), client: None, profile, rerun })
    }

    pub(super) fn client(options: &ClientOptions) -> Result<Self, Usage> {
        fits(&options.options, false)?;
        let (source, rerun) = client_source(options);
        let profile = options.options.profile.clone();
        Ok(Self { server: None, client: Some(source), profile, rerun })
    }

    fn cases(&self) -> impl Iterator<Item = &'static Case> {
        let (server, client) = (self.server.is_some(), self.client.is_some());
        cases::all().filter(move |case| {
            let profile = case.profile();
            let wanted = self.profile.as_deref().is_none_or(|name| name == profile.name());
            wanted && if profile.is_for_servers() { server } else { client }
        })
    }
}

/// Whether a profile is asked for that judges servers, or clients; none asks for all.
fn wants(options: &RunOptions, servers: bool) -> bool {
    let Some(name) = options.profile.as_deref() else { return true };
    let mut profiles = Profile::ALL.into_iter().filter(|one| one.is_for_servers() == servers);
    profiles.any(|profile| profile.name() == name)
}

fn fits(options: &RunOptions, servers: bool) -> Result<(), Usage> {
    if wants(options, servers) {
        return Ok(());
    }
    let name = options.profile.as_deref().unwrap_or_default();
    Err(Usage(format!("profile {name} is not judged by this command")))
}

/// Runs the selected cases.
pub(super) async fn run(judged: Judged, options: &RunOptions) -> Result<Exit, Usage> {
    let names: Vec<&str> = judged.cases().map(|case| case.id).collect();
    let names = select::select(&options.cases_like, &names).map_err(Usage)?;
    let selected = judged.cases().filter(|case| names.contains(&case.id)).collect();
    let seed = options.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    carry_out(judged, options, selected, seed, None).await
}

/// Runs a failure of a property again.
pub(super) async fn replay(file: &Path, own: bool, options: &ServerOptions) -> Result<Exit, Usage> {
    let fault = |error: &dyn std::fmt::Display| Usage(format!("{}: {error}", file.display()));
    let failure = repro::read(file).map_err(|error| fault(&error))?;
    let case = cases::find(&failure.case)
        .ok_or_else(|| fault(&format!("there is no case {}", failure.case)))?;
    if failure.spec_revision != edgewise_spec::constants::SPEC_REVISION {
        let revision = failure.spec_revision;
        return Err(fault(&format!("it is about revision {revision} of the specification")));
    }
    let data = Some(Arc::new(failure.data));
    let judged = match case.profile().is_for_servers() {
        true if own => return Err(fault(&"it is about a server")),
        true => Judged::server(options)?,
        false => Judged::client(&ClientOptions {
            attach: options.attach.clone(),
            exec: options.exec.clone(),
            own,
            start_seconds: options.start_seconds,
            outcome_seconds: OUTCOME_WITHIN.as_secs(),
            options: options.options.clone(),
        })?,
    };
    carry_out(judged, &options.options, vec![case], failure.seed, data).await
}

async fn carry_out(
    judged: Judged,
    options: &RunOptions,
    selected: Vec<&'static Case>,
    seed: u64,
    replay: Option<Arc<serde_json::Value>>,
) -> Result<Exit, Usage> {
    let expected = options.expectations.as_deref();
    let expected = expected.map(|path| read_expectations(path, options.fix)).transpose()?;
    let lists = options.lists.as_deref().map_or_else(Lists::checked_in, Lists::read);
    let lists = lists.map_err(Usage)?;
    let clauses = clauses::all().map_err(|error| Usage(error.to_string()))?;
    if options.suite_fault {
        contrary::begin();
    }
    let begin = Instant::now();
    let mut bar = Bar::new(selected.len());
    let plans = plans(judged, options, selected, seed, replay);
    let mut rans = Vec::new();
    if let Some(plan) = &plans.server {
        rans.push(runner::run(plan, &mut bar).await);
    }
    if let Some(plan) = &plans.client {
        rans.push(scene::run::run(plan, &mut bar).await);
    }
    let (targets, cases) =
        rans.into_iter().map(|ran| (ran.target, ran.cases)).unzip::<_, _, Vec<_>, Vec<_>>();
    let mut cases = cases.concat();
    plans.recheck(&mut cases).await;
    bar.clear();
    lists.score(&mut cases);
    let mut report = Report::new(targets, seed, cases, &clauses);
    report.duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    // What was seen is shown and written, whatever becomes of the file of expectations.
    let expected = expected.map_or(Ok(()), |expected| expect(expected, options, &mut report));
    let exit = finish(options, report)?;
    expected.map(|()| exit)
}

/// What is to be run of the selected cases.
fn plans(
    judged: Judged,
    options: &RunOptions,
    selected: Vec<&'static Case>,
    seed: u64,
    replay: Option<Arc<serde_json::Value>>,
) -> Plans {
    let rerun = format!("{} --seed {seed}", judged.rerun);
    let settings = Settings { seed, cases: options.cases, replay, repro: PathBuf::from(REPRO) };
    let settings = Arc::new(settings);
    let (servers, clients): (Vec<_>, Vec<_>) =
        selected.into_iter().partition(|case| case.profile().is_for_servers());
    let server = judged.server.filter(|_| !servers.is_empty()).map(|source| Plan {
        cases: servers,
        source,
        settings: Arc::clone(&settings),
        jobs: jobs(options.jobs),
        tries: runner::QUIET_TRIES,
        preflight: true,
        traces: options.trace,
        rerun: rerun.clone(),
    });
    let client = judged.client.filter(|_| !clients.is_empty()).map(|source| ClientPlan {
        cases: clients,
        source,
        settings,
        jobs: jobs(options.jobs),
        preflight: true,
        traces: options.trace,
        rerun,
    });
    Plans { server, client }
}

fn expect(
    mut expected: Expectations,
    options: &RunOptions,
    report: &mut Report,
) -> Result<(), Usage> {
    let mut written = Ok(());
    if let (true, Some(path)) = (options.fix, &options.expectations) {
        let fault = |error: &dyn std::fmt::Display| Usage(format!("{}: {error}", path.display()));
        let text = expected.fixed(&report.cases, &known(), options.strict);
        let text = text.map_err(|error| fault(&error))?;
        expected = Expectations::parse(&text, &known()).map_err(|error| fault(&error))?;
        written = format::replace(path, &text).map_err(|error| fault(&error));
        if written.is_ok() {
            let (entries, open) = (expected.entries.len(), expected.unexplained());
            let path = path.display();
            anstream::eprintln!("{path}: {entries} expectations, {open} {UNEXPLAINED}");
        }
    }
    report.stale = expected.apply(&mut report.cases);
    written
}

/// The cases that an expectation may name.
fn known() -> Vec<&'static str> {
    cases::all().map(|case| case.id).collect()
}

/// Shows the report, and writes it as whatever is asked for; what is shown stands before a disk is asked.
fn finish(options: &RunOptions, mut report: Report) -> Result<Exit, Usage> {
    report.judge(options.strict);
    anstream::print!("{}", tree::draw(&report, options.trace));
    if !report.cases.iter().any(|case| case.scored && case.outcome.ran()) {
        anstream::eprintln!("edgewise-conformance: no case that counts was run");
    }
    format::write(&report, &options.report).map_err(Usage)?;
    Ok(report.verdict)
}

fn read_expectations(path: &Path, fix: bool) -> Result<Expectations, Usage> {
    let read = Expectations::read(path, &known(), fix);
    read.map_err(|faults| {
        let told = faults.0.iter().map(|fault| format!("{}: {fault}", path.display()));
        Usage(told.collect::<Vec<_>>().join("\n"))
    })
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

/// Where the client comes from, and the command that says so.
fn client_source(options: &ClientOptions) -> (ClientSource, String) {
    let outcome = Duration::from_secs(options.outcome_seconds);
    if options.own {
        let rerun = "edgewise-conformance client --own".to_owned();
        return (ClientSource::Embedded(own::start::<0>), rerun);
    }
    if let Some(url) = &options.attach {
        let rerun = format!("edgewise-conformance client --attach '{url}'");
        return (ClientSource::Attached { url: url.clone(), outcome }, rerun);
    }
    if let Some(command) = &options.exec {
        let words = vec!["sh".into(), "-c".into(), command.clone()];
        let text = command.to_string_lossy().replace('\'', "'\\''");
        let within = Duration::from_secs(options.start_seconds);
        let rerun = format!("edgewise-conformance client --exec '{text}'");
        return (ClientSource::Program { words, within, outcome }, rerun);
    }
    (ClientSource::Embedded(REFERENCE), "edgewise-conformance client".to_owned())
}
