//! Runs cases: side by side where they may, alone where they must, each with its verdict.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};

use crate::case::{Case, Place, Profile, Run};
use crate::outcome::Outcome;
use crate::peer::Trace;
use crate::preflight::{self, Preflight};
use crate::report::{CaseReport, TargetReport};
use crate::target::{Server, Source, StartFault, Variant};
use crate::trial::{Settings, Trial};
use crate::verdict::{Finding, Stop, Verdict};

/// No case waits longer for something to come. One that hears from the server goes on: how long
/// 65,536 blocks take is the server's own business.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);
/// No case runs longer, whatever comes.
pub const CASE_MAX: Duration = Duration::from_secs(120);
/// How often a running case is asked whether something has come.
const LOOK: Duration = Duration::from_millis(500);
/// A case that measures time is usually tried so often before it fails.
pub const QUIET_TRIES: usize = 3;
/// A program that ended is started again so often.
const RESTARTS_MAX: usize = 16;

/// What a case expects where the server does not even answer its carrier.
pub const REACHABLE: &str = "a server that can be reached";

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cases, in the order of the report.
    pub cases: Vec<&'static Case>,
    /// Where servers come from.
    pub source: Source,
    /// What holds for all cases.
    pub settings: Arc<Settings>,
    /// How many cases run side by side.
    pub jobs: usize,
    /// How often a case that measures time is tried before it fails.
    pub tries: usize,
    /// Whether the server is first to prove that it says what it cannot do.
    pub preflight: bool,
    /// Whether a pass keeps its trace too.
    pub traces: bool,
    /// The command that runs a case again, up to the case's id.
    pub rerun: String,
}

/// Hears of the run while it goes on.
pub trait Progress {
    /// A case came to its end.
    fn finished(&mut self, case: &CaseReport);

    /// Whether enough was seen: no case is begun any more, and those that run are ended.
    fn enough(&self) -> bool {
        false
    }
}

/// Why cases were not run behind one that failed.
pub(crate) const ENOUGH: &str = "an earlier case failed, which ends the run (--fail-fast)";

impl Progress for () {
    fn finished(&mut self, _case: &CaseReport) {}
}

/// What came of a plan.
#[derive(Debug)]
pub struct Ran {
    /// What was judged, as far as it said.
    pub target: TargetReport,
    /// One entry a case, and one for the program itself where it broke the suite's own rules.
    pub cases: Vec<CaseReport>,
}

/// Runs a plan to its end.
pub async fn run(plan: &Plan, progress: &mut (dyn Progress + Send)) -> Ran {
    let mut run = Running {
        plan,
        progress,
        results: BTreeMap::new(),
        extra: Vec::new(),
        seen: None,
        gone: "the implementation was gone",
    };
    run.all().await;
    run.finish()
}

struct Running<'a> {
    plan: &'a Plan,
    progress: &'a mut (dyn Progress + Send),
    results: BTreeMap<usize, CaseReport>,
    extra: Vec<CaseReport>,
    seen: Option<TargetReport>,
    /// Why cases were not run, if there are such.
    gone: &'static str,
}

impl Running<'_> {
    async fn all(&mut self) {
        let mut first = None;
        if self.plan.preflight {
            let Some(server) = self.start().await else { return };
            if !self.preflight(&server).await {
                return;
            }
            first = Some(server);
        }
        let many = self.plan.source.many();
        let (mut pool, mut later) = (VecDeque::new(), Vec::new());
        for (index, case) in self.plan.cases.iter().enumerate() {
            match case.place {
                Place::Long | Place::Shared => pool.push_back(index),
                Place::Alone if many => pool.push_back(index),
                Place::Alone | Place::Quiet => later.push(index),
            }
        }
        // What takes long begins first, and then what waits for a program of its own.
        pool.make_contiguous().sort_by_key(|index| match self.case(*index).map(|c| c.place) {
            Some(Place::Long) => 0,
            Some(Place::Alone) => 1,
            _ => 2,
        });
        let mut restarts = 0;
        while !pool.is_empty() && restarts <= RESTARTS_MAX && !self.enough() {
            let server = match first.take() {
                Some(server) => server,
                None => {
                    let Some(server) = self.start().await else { return };
                    server
                }
            };
            let suspects = self.pool(&mut pool, &server).await;
            self.judge_stray(&server);
            drop(server);
            if suspects.is_empty() {
                continue;
            }
            restarts += 1;
            for index in suspects {
                if !many {
                    return;
                }
                self.alone(index, 1).await;
            }
        }
        drop(first);
        for index in later {
            if self.enough() {
                return;
            }
            let quiet = self.case(index).is_some_and(|case| case.place == Place::Quiet);
            let tries = if quiet { self.plan.tries } else { 1 };
            self.alone(index, tries).await;
        }
    }

    /// Has the server prove what it has to; false where no case would say anything about it.
    async fn preflight(&mut self, server: &Server) -> bool {
        let trace = Trace::default();
        let flight = tokio::select! {
            finding = overdue(&trace) => {
                let mut flight = Preflight::default();
                let finding = (finding.expected, finding.actual);
                flight.fault("unsupported", Profile::Core, Outcome::Timeout, finding);
                flight
            }
            flight = preflight::of_server(&server.target, &trace) => flight,
        };
        for mut fault in flight.faults {
            fault.trace = Some(trace.lines());
            self.progress.finished(&fault);
            self.extra.push(fault);
        }
        if let Some(seen) = &mut self.seen {
            seen.preflight = flight.proved;
        }
        if flight.stranger {
            self.gone = "the server is of another revision";
        }
        !flight.stranger
    }

    fn case(&self, index: usize) -> Option<&'static Case> {
        self.plan.cases.get(index).copied()
    }

    /// Whether the run is over before its end.
    fn enough(&mut self) -> bool {
        let enough = self.progress.enough();
        if enough {
            self.gone = ENOUGH;
        }
        enough
    }

    /// A server for the shared cases; a fault of it is recorded.
    async fn start(&mut self) -> Option<Arc<Server>> {
        match self.plan.source.start(Variant::default(), self.plan.settings.seed).await {
            Ok(server) => {
                self.see(&server);
                Some(Arc::new(server))
            }
            Err(fault) => {
                let report = start_fault(&fault);
                self.progress.finished(&report);
                self.extra.push(report);
                None
            }
        }
    }

    fn see(&mut self, server: &Server) {
        let target = &server.target;
        self.seen.get_or_insert_with(|| TargetReport {
            implementation: target.implementation.clone(),
            version: target.version.clone(),
            capabilities: target.capabilities.clone(),
            ..TargetReport::default()
        });
    }

    /// Runs cases side by side until all are done or the shared server has ended. Returns those
    /// that failed while it ended, any of which may be to blame.
    async fn pool(&mut self, queue: &mut VecDeque<usize>, server: &Arc<Server>) -> Vec<usize> {
        let mut running = JoinSet::new();
        let mut suspects = Vec::new();
        loop {
            while running.len() < self.plan.jobs.max(1) && server.ended().is_none() {
                let Some(index) = queue.pop_front() else { break };
                let Some(case) = self.case(index) else { continue };
                let (plan, server) = (self.plan.clone(), Arc::clone(server));
                running.spawn(async move {
                    if case.place.is_shared() {
                        (index, attempt(&plan, case, &server).await, true)
                    } else {
                        (index, on_its_own(&plan, case).await, false)
                    }
                });
            }
            let Some(joined) = running.join_next().await else { break };
            let Ok((index, report, shared)) = joined else { continue };
            if shared && report.outcome != Outcome::Pass && server.ended().is_some() {
                suspects.push(index);
            } else {
                self.record(index, report);
            }
            if self.enough() {
                break;
            }
        }
        suspects
    }

    async fn alone(&mut self, index: usize, tries: usize) {
        let Some(case) = self.case(index) else { return };
        let mut first: Option<CaseReport> = None;
        for _ in 0..tries {
            let report = on_its_own(self.plan, case).await;
            match (&first, report.outcome) {
                (None, Outcome::Fail | Outcome::Warn) if tries > 1 => first = Some(report),
                (Some(failed), Outcome::Pass) => {
                    let flaky = CaseReport { outcome: Outcome::Flaky, ..failed.clone() };
                    return self.record(index, flaky);
                }
                (Some(_), Outcome::Fail | Outcome::Warn) => {}
                _ => return self.record(index, report),
            }
        }
        if let Some(report) = first {
            self.record(index, report);
        }
    }

    fn record(&mut self, index: usize, report: CaseReport) {
        self.progress.finished(&report);
        self.results.insert(index, report);
    }

    fn judge_stray(&mut self, server: &Server) {
        let stray = server.stray();
        if stray.is_empty() {
            return;
        }
        let actual = format!("{:?}", String::from_utf8_lossy(&stray));
        self.extra.push(CaseReport {
            expected: Some("nothing on standard output behind ServerReady".to_owned()),
            actual: Some(actual),
            ..CaseReport::plain("harness/stdout", Vec::new(), Outcome::HarnessError)
        });
    }

    fn finish(mut self) -> Ran {
        let mut cases = self.extra;
        for (index, case) in self.plan.cases.iter().enumerate() {
            cases.push(self.results.remove(&index).unwrap_or_else(|| CaseReport {
                note: Some(self.gone.to_owned()),
                ..CaseReport::plain(case.id, case.requirements(), Outcome::Notrun)
            }));
        }
        let (kind, place) = match &self.plan.source {
            Source::Embedded => ("embedded", String::new()),
            Source::Attached { address, .. } => ("attach", address.to_string()),
            Source::Program { words, .. } => {
                let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                ("exec", words.join(" "))
            }
        };
        let seen = self.seen.unwrap_or_default();
        let profile = Profile::Core.name().to_owned();
        let target = TargetReport { profile, kind: kind.to_owned(), place, ..seen };
        Ran { target, cases }
    }
}

fn start_fault(fault: &StartFault) -> CaseReport {
    let outcome = match fault {
        StartFault::Crash(_) => Outcome::Crash,
        StartFault::Silent { .. } => Outcome::Timeout,
        StartFault::Spawn(_) | StartFault::Stray(_) | StartFault::Ready(_) => Outcome::HarnessError,
    };
    CaseReport {
        expected: Some("a ServerReady on standard output".to_owned()),
        actual: Some(fault.to_string()),
        ..CaseReport::plain("harness/start", Vec::new(), outcome)
    }
}

/// Runs a case on a server of its own, or on the only one there is.
async fn on_its_own(plan: &Plan, case: &'static Case) -> CaseReport {
    let server = match plan.source.start(Variant::of(case.needs), plan.settings.seed).await {
        Ok(server) => server,
        Err(fault) => {
            let report = start_fault(&fault);
            return CaseReport {
                id: case.id.to_owned(),
                requirements: case.requirements(),
                rerun: Some(format!("{} --case {}", plan.rerun, case.id)),
                ..report
            };
        }
    };
    let report = attempt(plan, case, &server).await;
    if report.outcome == Outcome::Pass || server.ended().is_none() {
        return report;
    }
    CaseReport {
        outcome: Outcome::Crash,
        expected: Some("a server that goes on".to_owned()),
        actual: Some(server.evidence().await),
        ..report
    }
}

/// Runs a case once against a server that is there.
async fn attempt(plan: &Plan, case: &'static Case, server: &Server) -> CaseReport {
    let begin = Instant::now();
    let trace = Trace::default();
    let (outcome, finding) = match missing(case, server, &trace).await {
        Some(stop) => judge(Err(stop)),
        None => carry_out(plan, case, server, &trace).await,
    };
    let mut report = CaseReport::plain(case.id, case.requirements(), outcome);
    report.duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(finding) = finding {
        report.expected = Some(finding.expected);
        report.actual = Some(finding.actual);
        report.shrunk = trace.shrunk();
        report.rerun = Some(format!("{} --case {}", plan.rerun, case.id));
    }
    let telling = !matches!(outcome, Outcome::Pass | Outcome::Unsupported);
    if telling || plan.traces {
        report.trace = Some(trace.lines());
    }
    report
}

/// Why the case cannot be run on this server.
async fn missing(case: &Case, server: &Server, trace: &Trace) -> Option<Stop> {
    for need in case.needs {
        if server.target.has(*need) {
            continue;
        }
        if !server.target.canary(*need, trace).await {
            let expected = format!("UNIMPLEMENTED for {need:?}, which is not declared");
            return Some(Stop::fail(expected, "another answer"));
        }
        return Some(Stop::unsupported(format!("{need:?} is not declared")));
    }
    None
}

async fn carry_out(
    plan: &Plan,
    case: &'static Case,
    server: &Server,
    trace: &Trace,
) -> (Outcome, Option<Finding>) {
    let (target, settings) = (Arc::clone(&server.target), Arc::clone(&plan.settings));
    let Run::Server(run) = case.run else {
        return judge(Err(Stop::harness("a client's case on a server")));
    };
    let own = trace.clone();
    let mut task = tokio::spawn(async move {
        let mut trial = Trial::new(case, target, settings, own);
        run(&mut trial).await
    });
    tokio::select! {
        finding = overdue(trace) => {
            task.abort();
            (Outcome::Timeout, Some(finding))
        }
        ended = &mut task => judge_end(ended),
    }
}

/// Waits until a case has heard nothing for too long, or has run for too long, and says which.
pub(crate) async fn overdue(trace: &Trace) -> Finding {
    let begin = Instant::now();
    let (mut heard, mut since) = (trace.heard(), begin);
    loop {
        tokio::time::sleep(LOOK).await;
        let now = trace.heard();
        if now != heard {
            (heard, since) = (now, Instant::now());
        }
        if since.elapsed() >= SILENCE_MAX {
            let expected = format!("something within {} s", SILENCE_MAX.as_secs());
            return Finding { expected, actual: "nothing".to_owned() };
        }
        if begin.elapsed() >= CASE_MAX {
            let expected = format!("an end within {} s", CASE_MAX.as_secs());
            return Finding { expected, actual: "none, though something came".to_owned() };
        }
    }
}

pub(crate) fn judge_end(ended: Result<Verdict, JoinError>) -> (Outcome, Option<Finding>) {
    match ended {
        Ok(verdict) => judge(verdict),
        Err(error) => {
            let actual = match error.try_into_panic() {
                Ok(panic) => panic_text(panic.as_ref()),
                Err(error) => error.to_string(),
            };
            let expected = "a case that comes to a verdict".to_owned();
            (Outcome::HarnessError, Some(Finding { expected, actual }))
        }
    }
}

pub(crate) fn judge(verdict: Verdict) -> (Outcome, Option<Finding>) {
    let told = |expected: &str, actual| Some(Finding { expected: expected.to_owned(), actual });
    match verdict {
        Ok(()) => (Outcome::Pass, None),
        Err(Stop::Fail(finding)) => (Outcome::Fail, Some(finding)),
        Err(Stop::Warn(finding)) => (Outcome::Warn, Some(finding)),
        Err(Stop::Info(seen)) => (Outcome::Info, told("anything that the clauses allow", seen)),
        Err(Stop::Unsupported(needed)) => {
            (Outcome::Unsupported, told("an optional capability", needed))
        }
        Err(Stop::Unreachable(why)) => (Outcome::Fail, told(REACHABLE, why)),
        Err(Stop::Harness(why)) => (Outcome::HarnessError, told("a sound suite", why)),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the case panicked: {}", text.unwrap_or("without a text"))
}
