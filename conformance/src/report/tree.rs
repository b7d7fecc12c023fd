//! A report as a tree for a terminal.

use std::fmt::Write;

use super::{CaseReport, ClauseReport, PairReport, Report, UNSCORED};
use crate::outcome::Outcome;

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const DIM: &str = "\u{1b}[2m";
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// Lines of a trace that a terminal shows; the JSON report has them all.
const TRACE_LINES: usize = 24;

/// The whole report: words, cases, and for each that is no pass what there is to know.
#[must_use]
pub fn draw(report: &Report, traces: bool) -> String {
    let mut text = String::new();
    for (word, cases) in report.chapters() {
        let good = cases.iter().filter(|case| case.outcome == Outcome::Pass).count();
        let _ = writeln!(text, "{BOLD}{word}{PLAIN}  {good} of {}", cases.len());
        for case in cases {
            draw_case(&mut text, report, case, traces);
        }
    }
    for stale in &report.stale {
        let _ = writeln!(text, "{YELLOW}stale expectation{PLAIN}  {stale}");
    }
    text.push_str(&summary(report));
    text
}

/// The last lines: what was judged, and how many cases had each outcome.
#[must_use]
pub fn summary(report: &Report) -> String {
    let counts: Vec<String> = report
        .counts()
        .into_iter()
        .map(|(outcome, count)| format!("{}{count} {}{PLAIN}", colour(outcome), outcome.name()))
        .chain((report.unscored() > 0).then(|| format!("{} {UNSCORED}", report.unscored())))
        .collect();
    let mut proved = String::new();
    for target in report.targets.iter().filter(|target| !target.preflight.is_empty()) {
        let _ = write!(proved, "\n{DIM}{}: {}{PLAIN}", target.name(), target.preflight.join(", "));
    }
    format!(
        "{proved}\n{}, specification revision {}, suite {}, seed {}\n{} in {:.1} s\n",
        report.judged(),
        report.spec_revision,
        report.suite_version,
        report.seed,
        counts.join(", "),
        std::time::Duration::from_millis(report.duration_ms).as_secs_f32(),
    )
}

/// One pair of a matrix in a line.
#[must_use]
pub fn pair(pair: &PairReport, width: usize) -> String {
    let PairReport { inviter, claimer, outcome, duration_ms, note, .. } = pair;
    format!(
        "  {inviter:<width$} × {claimer:<width$}  {}{:<11}{PLAIN} {note}  {DIM}{duration_ms} ms{PLAIN}",
        colour(*outcome),
        outcome.name(),
    )
}

fn draw_case(text: &mut String, report: &Report, case: &CaseReport, traces: bool) {
    let outcome = case.outcome;
    let mark = match outcome {
        Outcome::Pass => "✓".to_owned(),
        Outcome::Fail => "✗".to_owned(),
        other => format!("● {}", other.name()),
    };
    let colour = colour(outcome);
    let requirements = case.requirements.join(", ");
    let unscored = if case.scored { "" } else { "  unscored: later than this revision" };
    let _ = writeln!(
        text,
        "  {colour}{mark}{PLAIN} {}  {DIM}{requirements}  {} ms{unscored}{PLAIN}",
        case.id, case.duration_ms
    );
    let mut line = |name: &str, value: &str| {
        let value = value.replace('\n', "\n                ");
        let _ = writeln!(text, "      {DIM}{name:<9}{PLAIN} {value}");
    };
    if let Some(expected) = &case.expected {
        line("expected", expected);
    }
    if let Some(actual) = &case.actual {
        line("actual", actual);
    }
    if let Some(note) = &case.note {
        line("note", note);
    }
    if let Some(link) = &case.link {
        line("link", link);
    }
    if outcome.is_against(true) {
        for id in &case.requirements {
            if let Some(clause) = report.clauses.get(id) {
                let ClauseReport { role, evidence, text, .. } = clause;
                line("clause", &format!("{id} ({role}; {evidence}) {text}"));
            }
        }
    }
    let wanted = traces || (outcome != Outcome::Unsupported && outcome != Outcome::Xfail);
    if let Some(trace) = case.trace.as_ref().filter(|_| wanted) {
        let shown = if traces { trace.len() } else { TRACE_LINES };
        let skipped = trace.len().saturating_sub(shown);
        if skipped > 0 {
            line("trace", &format!("… {skipped} lines before; --trace shows them"));
        }
        for event in trace.iter().skip(skipped) {
            line("trace", event);
        }
    }
    if let Some(rerun) = &case.rerun {
        line("rerun", rerun);
    }
}

const fn colour(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass | Outcome::Info => GREEN,
        Outcome::Warn
        | Outcome::Unsupported
        | Outcome::Xfail
        | Outcome::Flaky
        | Outcome::Notrun => YELLOW,
        _ => RED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{StaleReport, TargetReport};

    #[test]
    fn a_failure_says_all_that_is_known() {
        let clauses = crate::clauses::read("frame", "**FRAME-1** (server; wire) It MUST be so.");
        let case = CaseReport {
            expected: Some("Done".into()),
            actual: Some("nothing for 5 s".into()),
            trace: Some(vec!["1 → Send".into()]),
            rerun: Some("edgewise-conformance --case frame/x".into()),
            link: Some("https://example.org/issues/12".into()),
            ..CaseReport::plain("frame/x", vec!["FRAME-1".into()], Outcome::Fail)
        };
        let target = TargetReport { preflight: vec!["it says no".into()], ..Default::default() };
        let later =
            CaseReport { scored: false, ..CaseReport::plain("frame/z", vec![], Outcome::Crash) };
        let mut report = Report::new(vec![target], 3, vec![case, later], &clauses.unwrap());
        let (entry, why) = ("frame/*".to_owned(), "it passes".to_owned());
        report.stale.push(StaleReport { line: 7, cases: vec!["frame/y".into()], entry, why });
        let text = draw(&report, false);
        for part in [
            "✗",
            "frame/x",
            "Done",
            "nothing for 5 s",
            "FRAME-1 (server; wire) It MUST be so.",
            "1 → Send",
            "edgewise-conformance --case frame/x",
            "1 fail",
            "seed 3",
            "frame/z  \u{1b}[2m  0 ms  unscored",
            ", 1 unscored",
            "it says no",
            "https://example.org/issues/12",
            "line 7, frame/* (frame/y): it passes",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }
}
