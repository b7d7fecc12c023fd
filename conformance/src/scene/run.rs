//! Runs the cases of clients, side by side where there are as many clients as one likes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::Scene;
use super::preflight::of_client;
use crate::case::{Case, Profile, Run};
use crate::driver::{ClientSource, Fault, Ready};
use crate::outcome::Outcome;
use crate::peer::Trace;
use crate::report::{CaseReport, TargetReport};
use crate::runner::{ENOUGH, Progress, Ran, judge, judge_end, overdue};
use crate::trial::Settings;
use crate::verdict::{Finding, Stop, Verdict};

/// After so many faults of the driver, one behind another, nothing more is expected of it.
pub const FAULTS_MAX: usize = 8;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    /// The cases, in the order of the report.
    pub cases: Vec<&'static Case>,
    /// Where clients come from.
    pub source: ClientSource,
    /// What holds for all cases.
    pub settings: Arc<Settings>,
    /// How many cases run side by side.
    pub jobs: usize,
    /// Whether the client is first to prove that it says what it cannot do.
    pub preflight: bool,
    /// Whether a pass keeps its trace too.
    pub traces: bool,
    /// The command that runs a case again, up to the case's id.
    pub rerun: String,
}

/// Runs a plan to its end.
pub async fn run(plan: &ClientPlan, progress: &mut (dyn Progress + Send)) -> Ran {
    let jobs = if plan.source.many() { plan.jobs.max(1) } else { 1 };
    let mut queue: VecDeque<(usize, &'static Case)> =
        plan.cases.iter().copied().enumerate().collect();
    let mut running = JoinSet::new();
    let mut results = BTreeMap::new();
    let flown = if plan.preflight { of_client(&plan.source).await } else { None };
    let (flight, mut seen) = flown.map(|(flight, ready)| (flight, Some(ready))).unwrap_or_default();
    flight.faults.iter().for_each(|fault| progress.finished(fault));
    if flight.stranger {
        queue.clear();
    }
    let mut faults = 0;
    loop {
        while running.len() < jobs
            && faults < FAULTS_MAX
            && !progress.enough()
            && let Some((index, case)) = queue.pop_front()
        {
            let plan = plan.clone();
            running.spawn(async move { (index, attempt(&plan, case).await) });
        }
        let Some(joined) = running.join_next().await else { break };
        let Ok((index, (report, ready))) = joined else { continue };
        progress.finished(&report);
        let faulty =
            matches!(report.outcome, Outcome::Crash | Outcome::Timeout | Outcome::HarnessError);
        faults = if faulty { faults + 1 } else { 0 };
        results.insert(index, report);
        seen = seen.or(ready);
        if progress.enough() {
            break;
        }
    }
    let (kind, place) = match &plan.source {
        ClientSource::Embedded(_) => ("embedded", String::new()),
        ClientSource::Attached { url, .. } => ("attach", url.clone()),
        ClientSource::Program { words, .. } => {
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            ("exec", words.join(" "))
        }
    };
    let ready = seen.unwrap_or_default();
    let target = TargetReport {
        profile: Profile::Duplex.name().to_owned(),
        kind: kind.to_owned(),
        place,
        implementation: ready.implementation,
        version: ready.version,
        capabilities: ready.capabilities,
        preflight: flight.proved,
    };
    let why = if flight.stranger {
        "the client is of another revision".to_owned()
    } else if progress.enough() {
        ENOUGH.to_owned()
    } else {
        format!("the driver was at fault {FAULTS_MAX} times, one behind another")
    };
    let missing = |case: &&'static Case| CaseReport {
        note: Some(why.clone()),
        ..plain(case, Outcome::Notrun)
    };
    let ran = plan.cases.iter().enumerate();
    let ran = ran.map(|(index, case)| results.remove(&index).unwrap_or_else(|| missing(case)));
    let cases = flight.faults.into_iter().chain(ran).collect();
    Ran { target, cases }
}

fn plain(case: &Case, outcome: Outcome) -> CaseReport {
    CaseReport {
        profile: case.profile().name().to_owned(),
        ..CaseReport::plain(case.id, case.requirements(), outcome)
    }
}

async fn attempt(plan: &ClientPlan, case: &'static Case) -> (CaseReport, Option<Ready>) {
    let begin = Instant::now();
    let trace = Trace::default();
    let (source, settings) = (plan.source.clone(), Arc::clone(&plan.settings));
    let own = trace.clone();
    let mut task = tokio::spawn(async move { carry_out(case, source, settings, own).await });
    let ((outcome, finding), ready) = tokio::select! {
        finding = overdue(&trace) => {
            task.abort();
            ((Outcome::Timeout, Some(finding)), None)
        }
        ended = &mut task => match ended {
            Ok((verdict, fault, ready)) => (settle(verdict, fault), ready),
            Err(error) => (judge_end(Err(error)), None),
        },
    };
    let mut report = plain(case, outcome);
    report.duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(finding) = finding {
        report.expected = Some(finding.expected);
        report.actual = Some(finding.actual);
        report.shrunk = trace.shrunk();
        report.rerun = Some(format!("{} --case {}", plan.rerun, case.id));
    }
    if plan.traces || !matches!(outcome, Outcome::Pass | Outcome::Unsupported) {
        report.trace = Some(trace.lines());
    }
    (report, ready)
}

async fn carry_out(
    case: &'static Case,
    source: ClientSource,
    settings: Arc<Settings>,
    trace: Trace,
) -> (Verdict, Option<Fault>, Option<Ready>) {
    let Run::Client(run) = case.run else {
        return (Err(Stop::harness("a server's case on a client")), None, None);
    };
    let mut scene = match Scene::new(case, source, settings, trace) {
        Ok(scene) => scene,
        Err(stop) => return (Err(stop), None, None),
    };
    if let Err(stop) = scene.start().await {
        return (Err(stop), scene.fault(), None);
    }
    let ready = scene.said().await;
    if let Some(stop) = scene.missing().await {
        return (Err(stop), None, ready);
    }
    let mut verdict = run(&mut scene).await;
    if verdict.is_ok() {
        verdict = scene.judge_wire();
    }
    (verdict, scene.fault(), ready)
}

/// A fault of the driver outweighs what the case made of it.
fn settle(verdict: Verdict, fault: Option<Fault>) -> (Outcome, Option<Finding>) {
    let Some(fault) = fault else { return judge(verdict) };
    let (expected, actual) = fault.finding();
    (outcome_of(&fault), Some(Finding { expected, actual }))
}

/// What a fault of the driver is.
pub(super) const fn outcome_of(fault: &Fault) -> Outcome {
    match fault {
        Fault::Crash(_) => Outcome::Crash,
        Fault::Hang(..) => Outcome::Timeout,
        Fault::Stray(_) | Fault::Driver(_) => Outcome::HarnessError,
    }
}

impl Scene {
    async fn said(&self) -> Option<Ready> {
        self.stage.client.lock().await.as_ref().map(|client| client.ready.clone())
    }
}
