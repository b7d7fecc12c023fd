//! Puts vectors to a program, one behind the other, and keeps what was finished whatever it does.

use std::ffi::OsString;
use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;

use super::judge::judge;
use super::protocol::{Answer, LINE_MAX, Reply, Request};
use super::{Expected, Vector};
use crate::driver::{Fault, Program};
use crate::outcome::Outcome;
use crate::report::{CaseReport, TargetReport};
use crate::runner::{Progress, Ran};
use crate::scene::run::FAULTS_MAX;

/// What stands where reports name a profile.
pub const PROFILE: &str = "vectors";

/// An operation that no file has: a program says so.
const UNHEARD_OF: &str = "unheard_of";
/// How long a program is listened to behind its last answer.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What is to be asked of whom.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The vectors, in the order of the report.
    pub vectors: Vec<Vector>,
    /// Names of those that have to be answered: to say that they are unsupported is a failure.
    pub required: Vec<String>,
    /// The program; none is the reference's own.
    pub command: Option<OsString>,
    /// How long an answer may take.
    pub within: Duration,
    /// Whether the lines of both sides are kept.
    pub traces: bool,
    /// The command that asks a vector again, up to its name.
    pub rerun: String,
}

/// Asks everything.
///
/// # Errors
/// The program cannot be started at all.
pub async fn run(plan: &Plan, progress: &mut (dyn Progress + Send)) -> io::Result<Ran> {
    let mut asker = Asker { plan, words: words(plan)?, program: None, kept: Vec::new(), next: 0 };
    let mut cases = Vec::new();
    let mut lines = Vec::new();
    let mut faults = 0;
    match asker.ask("suite", UNHEARD_OF, &json!({}), &mut lines).await {
        Err(fault) => {
            // Who never answered was never judged.
            let (_, expected, actual) = fault_words(&fault);
            cases.push(own("start", Outcome::HarnessError, &expected, actual));
            faults = FAULTS_MAX;
        }
        Ok(Answer::Unsupported(_)) => {}
        Ok(other) => {
            let expected = format!("unsupported: {UNHEARD_OF} is no operation");
            let told = serde_json::to_string(&Reply::new(0, other)).unwrap_or_default();
            cases.push(own("unheard-of", Outcome::Fail, &expected, told));
        }
    }
    for vector in &plan.vectors {
        let mut case = plain(vector);
        if faults < FAULTS_MAX {
            let begin = Instant::now();
            let mut lines = Vec::new();
            let answer =
                asker.ask(&vector.word, &vector.operation, &vector.input, &mut lines).await;
            faults = if answer.is_err() { faults + 1 } else { 0 };
            settle(&mut case, plan, vector, answer);
            case.duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
            case.trace = plan.traces.then_some(lines);
        } else {
            let why = format!("no answer came {FAULTS_MAX} times, one behind another");
            case.note = (!cases.iter().any(is_start)).then_some(why);
        }
        progress.finished(&case);
        cases.push(case);
    }
    let words = asker.last_words().await;
    if !words.is_empty() {
        let seen = String::from_utf8_lossy(&words).into_owned();
        let expected = "nothing behind the last answer";
        cases.push(own("end", Outcome::HarnessError, expected, format!("{seen:?}")));
    }
    Ok(Ran { target: target(plan), cases })
}

fn is_start(case: &CaseReport) -> bool {
    case.id == "vectors/start"
}

/// A finding that is about no vector.
fn own(name: &str, outcome: Outcome, expected: &str, actual: String) -> CaseReport {
    CaseReport {
        profile: PROFILE.to_owned(),
        expected: Some(expected.to_owned()),
        actual: Some(actual),
        ..CaseReport::plain(&format!("vectors/{name}"), Vec::new(), outcome)
    }
}

/// A vector that was not asked.
fn plain(vector: &Vector) -> CaseReport {
    CaseReport {
        profile: PROFILE.to_owned(),
        ..CaseReport::plain(&vector.name, vector.requirements.clone(), Outcome::Notrun)
    }
}

fn settle(case: &mut CaseReport, plan: &Plan, vector: &Vector, answer: Result<Answer, Fault>) {
    let finding = match answer {
        Ok(Answer::Unsupported(why)) if plan.required.contains(&vector.name) => {
            case.outcome = Outcome::Fail;
            Some(("an answer: it is required".to_owned(), format!("unsupported: {why:?}")))
        }
        Ok(answer) => {
            let judged = judge(vector, &answer);
            case.outcome = judged.outcome;
            if let Answer::Unsupported(why) = answer {
                case.note = (!why.is_empty()).then_some(why);
            }
            judged.finding
        }
        Err(fault) => {
            let (outcome, expected, actual) = fault_words(&fault);
            case.outcome = outcome;
            Some((expected, actual))
        }
    };
    let Some((expected, actual)) = finding else { return };
    case.expected = Some(expected);
    case.actual = Some(actual);
    case.note = Some(about(vector));
    case.rerun = Some(format!("{} --vector {}", plan.rerun, vector.name));
}

/// What the vector is about, for the one who has to find the fault.
fn about(vector: &Vector) -> String {
    let mut lines = vec![vector.comment.clone()];
    lines.extend(vector.flags.iter().map(|(flag, meaning)| format!("{flag}: {meaning}")));
    if let Expected::Refused(layer) = &vector.expected {
        lines.push(format!("expect_layer: {layer}"));
    }
    lines.join("\n")
}

fn fault_words(fault: &Fault) -> (Outcome, String, String) {
    match fault {
        Fault::Crash(evidence) => {
            (Outcome::Crash, "an answer".to_owned(), format!("the end: {evidence}"))
        }
        Fault::Hang(within, evidence) => {
            let expected = format!("an answer within {:.0} s", within.as_secs_f32());
            (Outcome::Timeout, expected, evidence.clone())
        }
        Fault::Stray(seen) | Fault::Driver(seen) => {
            (Outcome::HarnessError, "one line with the answer".to_owned(), seen.clone())
        }
    }
}

fn target(plan: &Plan) -> TargetReport {
    let (kind, implementation) = match plan.command {
        Some(_) => ("exec", String::new()),
        None => ("embedded", "edgewise-spec".to_owned()),
    };
    let place = plan.command.as_deref().unwrap_or_default().to_string_lossy().into_owned();
    let version = if plan.command.is_none() { env!("CARGO_PKG_VERSION") } else { "" }.to_owned();
    TargetReport {
        profile: PROFILE.to_owned(),
        kind: kind.to_owned(),
        place,
        implementation,
        version,
        ..TargetReport::default()
    }
}

fn words(plan: &Plan) -> io::Result<Vec<OsString>> {
    Ok(match &plan.command {
        Some(command) => vec!["sh".into(), "-c".into(), command.clone()],
        None => vec![std::env::current_exe()?.into(), "vectors".into(), "--answer".into()],
    })
}

/// A program that is asked, started again when it was at fault.
struct Asker<'a> {
    plan: &'a Plan,
    words: Vec<OsString>,
    program: Option<Program>,
    /// What came behind the last line.
    kept: Vec<u8>,
    next: u64,
}

impl Asker<'_> {
    async fn ask(
        &mut self,
        file: &str,
        operation: &str,
        input: &Value,
        lines: &mut Vec<String>,
    ) -> Result<Answer, Fault> {
        let id = self.next;
        self.next += 1;
        let (file, operation) = (file.to_owned(), operation.to_owned());
        let request = Request { id, file, operation, input: input.clone() };
        let line = serde_json::to_string(&request).map_err(|why| Fault::Driver(why.to_string()))?;
        lines.push(format!("→ {line}"));
        let mut program = match self.program.take() {
            Some(program) => program,
            None => self.start()?,
        };
        let (kept, within) = (&mut self.kept, self.plan.within);
        let came = program.exchange_line(line.as_bytes(), kept, LINE_MAX, within).await?;
        lines.push(format!("← {}", String::from_utf8_lossy(&came)));
        match Reply::read(&came, id) {
            Ok(answer) => {
                self.program = Some(program);
                Ok(answer)
            }
            // What comes next would be taken for the answer to another question.
            Err(why) => Err(program.stray_line(&why, &came).await),
        }
    }

    fn start(&mut self) -> Result<Program, Fault> {
        self.kept.clear();
        let (first, rest) =
            self.words.split_first().ok_or_else(|| Fault::Driver("no command".to_owned()))?;
        let mut command = Command::new(first);
        command.args(rest);
        Program::spawn(command).map_err(Fault::Driver)
    }

    /// What the program writes behind its last answer.
    async fn last_words(self) -> Vec<u8> {
        match self.program {
            Some(_) if !self.kept.is_empty() => self.kept,
            Some(program) => program.last_words(LAST_WORDS).await,
            None => Vec::new(),
        }
    }
}
