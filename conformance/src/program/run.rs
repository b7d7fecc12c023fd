//! `server`, and the run without a command: selects, runs, reports.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::progress::{Bar, Watch};
use super::recheck::Plans;
use super::{ClientOptions, RunOptions, ServerOptions, Usage, jobs, select};
use crate::case::{Case, Profile};
use crate::driver::{ClientSource, OUTCOME_WITHIN, REFERENCE, own};
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
    /// The one profile that is asked for.
    profile: Option<Profile>,
    rerun: String,
}

impl Judged {
    /// The references inside this program, of the profile that is asked for.
    pub(super) fn embedded(options: &RunOptions) -> Self {
        let profile = asked(options);
        let wanted = |clients| profile.is_none_or(|it| it.is_for_clients() == clients);
        Self {
            server: wanted(false).then_some(Source::Embedded),
            client: wanted(true).then_some(ClientSource::Embedded(REFERENCE)),
            profile,
            rerun: "edgewise-conformance".to_owned(),
        }
    }

    pub(super) fn server(options: &ServerOptions) -> Result<Self, Usage> {
        let profile = fits(&options.options, false)?;
        let (source, rerun) = source(options)?;
        Ok(Self { server: Some(source), client: None, profile, rerun })
    }

    pub(super) fn client(options: &ClientOptions) -> Result<Self, Usage> {
        let profile = fits(&options.options, true)?;
        let (source, rerun) = client_source(options);
        Ok(Self { server: None, client: Some(source), profile, rerun })
    }

    fn cases(&self) -> impl Iterator<Item = &'static Case> {
        let (server, client) = (self.server.is_some(), self.client.is_some());
        let asked = self.profile;
        cases::all().filter(move |case| {
            let profile = case.profile();
            let there = if profile.is_for_clients() { client } else { server };
            there && asked.is_none_or(|asked| asked == profile)
        })
    }
}

/// The profile that is asked for by its name.
fn asked(options: &RunOptions) -> Option<Profile> {
    let name = options.profile.as_deref()?;
    Profile::ALL.into_iter().find(|profile| profile.name() == name)
}

/// The same, where the command judges it.
fn fits(options: &RunOptions, clients: bool) -> Result<Option<Profile>, Usage> {
    match asked(options) {
        Some(other) if other.is_for_clients() != clients => {
            let name = other.name();
            Err(Usage(format!("profile {name} is not judged by this command")))
        }
        profile => Ok(profile),
    }
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
    let expected = options.expect.read(&known())?;
    let lists = options.lists.as_deref().map_or_else(Lists::checked_in, Lists::read);
    let lists = lists.map_err(Usage)?;
    let clauses = clauses::all().map_err(|error| Usage(error.to_string()))?;
    if options.suite_fault {
        contrary::begin();
    }
    let begin = Instant::now();
    let mut watch = Watch {
        bar: Bar::new(selected.len()),
        fail_fast: options.fail_fast,
        strict: options.strict,
        expected: expected.as_ref(),
        lists: &lists,
        failed: false,
    };
    let plans = plans(judged, options, selected, seed, replay);
    let mut rans = Vec::new();
    if let Some(plan) = &plans.server {
        rans.push(runner::run(plan, &mut watch).await);
    }
    if let Some(plan) = &plans.client {
        rans.push(scene::run::run(plan, &mut watch).await);
    }
    let bar = watch.bar;
    let targets = rans.iter().flat_map(|ran| ran.target.by_profile(&ran.cases)).collect();
    let mut cases: Vec<_> = rans.into_iter().flat_map(|ran| ran.cases).collect();
    plans.recheck(&mut cases).await;
    bar.clear();
    lists.score(&mut cases);
    let mut report = Report::new(targets, seed, cases, &clauses);
    report.duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    // What was seen is shown and written, whatever becomes of the file of expectations.
    let expected = options.expect.apply(expected, &known(), options.strict, &mut report);
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
