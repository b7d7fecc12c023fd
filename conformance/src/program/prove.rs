//! `prove`: every mutant of the references, each against the case that must see it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::progress::Bar;
use super::{ProveOptions, Usage, jobs, proof, select};
use crate::case::{Case, Place};
use crate::cases;
use crate::driver::{ClientSource, OUTCOME_WITHIN, REFERENCE};
use crate::mutants::{self, Mutant};
use crate::outcome::{Exit, Outcome};
use crate::report::CaseReport;
use crate::runner::{self, Plan};
use crate::scene::{self, run::ClientPlan};
use crate::target::{START_SECONDS, Source};
use crate::trial::Settings;

/// Seed of every run: a proof is the same each time.
pub(super) const SEED: u64 = 1;
/// Runs of each property.
const CASES: u32 = 64;

/// What came of one mutant.
struct Trialled {
    mutant: &'static Mutant,
    report: CaseReport,
    millis: u128,
}

impl Trialled {
    /// Only a verdict on what the server did is a kill; a crash, a timeout or a fault of the
    /// suite shows nothing about the rule.
    fn killed(&self) -> bool {
        is_kill(&self.report)
    }
}

/// Whether a case failed by what the implementation did.
pub(super) fn is_kill(report: &CaseReport) -> bool {
    report.outcome == Outcome::Fail && report.expected.as_deref() != Some(runner::REACHABLE)
}

/// A mutant as a program of its own.
pub(super) struct Program(Vec<OsString>);

impl Program {
    pub(super) fn server(self) -> Source {
        Source::Program { words: self.0, within: Duration::from_secs(START_SECONDS) }
    }

    pub(super) fn client(self) -> ClientSource {
        let within = Duration::from_secs(START_SECONDS);
        ClientSource::Program { words: self.0, within, outcome: OUTCOME_WITHIN }
    }
}

/// This program as a mutant: `serve` or `drive`.
pub(super) fn program(what: &str, mutant: &Mutant) -> Result<Program, Usage> {
    let program = std::env::current_exe().map_err(|error| Usage(error.to_string()))?;
    Ok(Program(vec![program.into(), what.into(), "--mutant".into(), mutant.id.into()]))
}

/// Runs every selected mutant against its case.
pub(super) async fn prove(options: &ProveOptions) -> Result<Exit, Usage> {
    if !cfg!(feature = "mutants") {
        let how = "this build has no mutants; run `cargo prove`";
        return Err(Usage(how.to_owned()));
    }
    let names: Vec<&str> = mutants::all().map(|mutant| mutant.id).collect();
    let names = select::select(&options.mutants_like, &names).map_err(Usage)?;
    let selected: Vec<_> = mutants::all().filter(|mutant| names.contains(&mutant.id)).collect();
    if options.matrix {
        return proof::matrix(options, selected).await;
    }
    let mut pairs = Vec::new();
    for mutant in selected {
        let case = cases::find(mutant.case)
            .ok_or_else(|| Usage(format!("{}: no case {}", mutant.id, mutant.case)))?;
        pairs.push((mutant, case));
    }
    let begin = Instant::now();
    let wanted: BTreeSet<&str> = pairs.iter().map(|(_, case)| case.id).collect();
    let baseline: Vec<_> = cases::all().filter(|case| wanted.contains(case.id)).collect();
    let bar = Bar::new(baseline.len() + pairs.len());
    let unsound = baseline_fails(baseline, &bar, options).await;
    pairs.retain(|(_, case)| !unsound.iter().any(|report| report.id == case.id));
    let trialled = try_all(pairs, &bar, options).await?;
    bar.clear();
    let exit = tell(&trialled, begin);
    Ok(if tell_unsound(&unsound) { Exit::Nonconformant } else { exit })
}

/// The cases that do not pass on the server without a fault: what they see proves nothing.
async fn baseline_fails(
    cases: Vec<&'static Case>,
    bar: &Bar,
    options: &ProveOptions,
) -> Vec<CaseReport> {
    let (servers, clients): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| case.profile().is_for_servers());
    let servers = plan(servers, Source::Embedded, jobs(options.jobs));
    let mut ran = runner::run(&servers, &mut ()).await.cases;
    let clients = client_plan(clients, ClientSource::Embedded(REFERENCE), jobs(options.jobs));
    ran.extend(scene::run::run(&clients, &mut ()).await.cases);
    for case in &ran {
        bar.step(&case.id, None);
    }
    ran.into_iter().filter(|case| case.outcome != Outcome::Pass).collect()
}

async fn try_all(
    pairs: Vec<(&'static Mutant, &'static Case)>,
    bar: &Bar,
    options: &ProveOptions,
) -> Result<Vec<Trialled>, Usage> {
    let (quiet, mut pool): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(_, case)| case.place == Place::Quiet);
    pool.reverse();
    let mut running = JoinSet::new();
    let mut trialled = Vec::new();
    loop {
        while running.len() < jobs(options.jobs) {
            let Some((mutant, case)) = pool.pop() else { break };
            running.spawn(try_one(mutant, case));
        }
        let Some(joined) = running.join_next().await else { break };
        let one = joined.map_err(|error| Usage(error.to_string()))??;
        show(bar, &one);
        trialled.push(one);
    }
    for (mutant, case) in quiet {
        let one = try_one(mutant, case).await?;
        show(bar, &one);
        trialled.push(one);
    }
    let place = |mutant: &Mutant| mutants::all().position(|other| other == mutant);
    trialled.sort_by_key(|one| place(one.mutant));
    Ok(trialled)
}

fn show(bar: &Bar, one: &Trialled) {
    bar.step(one.mutant.id, (!one.killed()).then_some("not killed"));
}

async fn try_one(mutant: &'static Mutant, case: &'static Case) -> Result<Trialled, Usage> {
    let begin = Instant::now();
    let ran = match case.profile().is_for_servers() {
        true => {
            let source = program("serve", mutant)?.server();
            runner::run(&plan(vec![case], source, 1), &mut ()).await
        }
        false => {
            let source = program("drive", mutant)?.client();
            scene::run::run(&client_plan(vec![case], source, 1), &mut ()).await
        }
    };
    let missing = || CaseReport::plain(case.id, case.requirements(), Outcome::Notrun);
    let report = ran
        .cases
        .into_iter()
        .find(|report| report.id == case.id || report.outcome == Outcome::HarnessError)
        .unwrap_or_else(missing);
    Ok(Trialled { mutant, report, millis: begin.elapsed().as_millis() })
}

fn settings() -> Arc<Settings> {
    let repro = std::env::temp_dir().join("edgewise-prove");
    Arc::new(Settings { seed: SEED, cases: CASES, replay: None, repro })
}

pub(super) fn plan(cases: Vec<&'static Case>, source: Source, jobs: usize) -> Plan {
    let rerun = format!("edgewise-conformance --seed {SEED}");
    Plan {
        cases,
        source,
        settings: settings(),
        jobs,
        tries: 1,
        preflight: false,
        traces: false,
        rerun,
    }
}

pub(super) fn client_plan(
    cases: Vec<&'static Case>,
    source: ClientSource,
    jobs: usize,
) -> ClientPlan {
    let rerun = format!("edgewise-conformance client --seed {SEED}");
    ClientPlan { cases, source, settings: settings(), jobs, preflight: false, traces: false, rerun }
}

/// Whether there are cases that prove nothing, told one by one.
fn tell_unsound(unsound: &[CaseReport]) -> bool {
    for report in unsound {
        let (expected, actual) = (report.expected.as_deref(), report.actual.as_deref());
        anstream::println!(
            "UNPROVEN  {}: {} without a mutant: expected {}, actual {}",
            report.id,
            report.outcome.name(),
            expected.unwrap_or("-"),
            actual.unwrap_or("-")
        );
    }
    !unsound.is_empty()
}

fn tell(trialled: &[Trialled], begin: Instant) -> Exit {
    let width = trialled.iter().map(|one| one.mutant.id.len()).max().unwrap_or_default();
    for one in trialled {
        let report = &one.report;
        let (id, case) = (one.mutant.id, one.mutant.case);
        if one.killed() {
            let saw = report.actual.as_deref().unwrap_or_default().lines().next();
            let saw = saw.unwrap_or_default();
            anstream::println!("killed    {id:<width$}  {case}  {} ms: {saw}", one.millis);
        } else {
            let outcome = report.outcome.name();
            anstream::println!("SURVIVED  {id:<width$}  {case}  {outcome}");
            if let Some(actual) = &report.actual {
                anstream::println!("          {actual}");
            }
        }
    }
    let killed = trialled.iter().filter(|one| one.killed()).count();
    let seconds = begin.elapsed().as_secs_f32();
    anstream::println!("\n{killed} of {} mutants killed in {seconds:.1} s", trialled.len());
    if trialled.is_empty() {
        Exit::Harness
    } else if killed == trialled.len() {
        Exit::Conformant
    } else {
        Exit::Nonconformant
    }
}

/// Is the reference server, perhaps with one rule broken, until standard input ends.
pub(super) async fn serve(mutant: Option<&str>) -> Result<Exit, Usage> {
    if let Some(mutant) = mutant {
        choose(mutant)?;
    }
    edgewise_server::conformance::serve_stdio().await.map_err(|error| Usage(error.to_string()))?;
    Ok(Exit::Conformant)
}

/// Is a client under test, perhaps with one rule broken, until standard input ends.
pub(super) async fn drive(mutant: Option<&str>, own: bool) -> Result<Exit, Usage> {
    if let Some(mutant) = mutant {
        choose(mutant)?;
    }
    let starter = if own { crate::driver::own::start::<0> } else { crate::driver::REFERENCE };
    crate::driver::serve_stdio(starter).await.map_err(|error| Usage(error.to_string()))?;
    Ok(Exit::Conformant)
}

#[cfg(feature = "mutants")]
fn choose(mutant: &str) -> Result<(), Usage> {
    if edgewise_spec::requirement::choose(mutant) {
        return Ok(());
    }
    Err(Usage("a mutant was chosen before".to_owned()))
}

#[cfg(not(feature = "mutants"))]
fn choose(_mutant: &str) -> Result<(), Usage> {
    Err(Usage("this build has no mutants".to_owned()))
}
