//! Markdown for the summary of a CI run: the verdict, a table of the chapters, and what is no pass.

use std::fmt::Write;

use super::{CaseReport, Report};
use crate::outcome::Outcome;

/// Lines of a trace that a summary shows; the JSON report has them all.
const TRACE_LINES: usize = 40;

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    let counts: Vec<String> =
        report.counts().iter().map(|(one, count)| format!("{count} {}", one.name())).collect();
    let _ = writeln!(text, "## Edgewise conformance: {}\n", report.verdict.words());
    let _ = writeln!(
        text,
        "{}, specification revision {}, suite {}, seed {}: {} in {:.1} s\n",
        plain(&report.judged()),
        report.spec_revision,
        report.suite_version,
        report.seed,
        counts.join(", "),
        std::time::Duration::from_millis(report.duration_ms).as_secs_f32(),
    );
    if !report.cases.is_empty() {
        text.push_str("| chapter | pass | other | of |\n|---|---:|---|---:|\n");
    }
    for (word, cases) in report.chapters() {
        let passed = cases.iter().filter(|case| case.outcome == Outcome::Pass).count();
        let others: Vec<String> = Outcome::ALL
            .into_iter()
            .filter(|outcome| *outcome != Outcome::Pass)
            .map(|outcome| (outcome, cases.iter().filter(|case| case.outcome == outcome).count()))
            .filter(|(_, count)| *count > 0)
            .map(|(outcome, count)| format!("{count} {}", outcome.name()))
            .collect();
        let _ = writeln!(text, "| {word} | {passed} | {} | {} |", others.join(", "), cases.len());
    }
    for stale in &report.stale {
        let _ = writeln!(text, "\n**stale expectation** {}", plain(stale));
    }
    matrix(&mut text, report);
    let telling =
        |case: &&CaseReport| !matches!(case.outcome, Outcome::Pass | Outcome::Unsupported);
    for case in report.cases.iter().filter(telling) {
        details(&mut text, report, case);
    }
    text
}

fn matrix(text: &mut String, report: &Report) {
    if report.matrix.is_empty() {
        return;
    }
    text.push_str("\n| server | inviter | claimer | outcome | |\n|---|---|---|---|---|\n");
    for pair in &report.matrix {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            plain(&pair.server),
            plain(&pair.inviter),
            plain(&pair.claimer),
            pair.outcome.name(),
            plain(&pair.note),
        );
    }
}

fn details(text: &mut String, report: &Report, case: &CaseReport) {
    let _ = writeln!(
        text,
        "\n<details><summary><b>{}</b> {} ({})</summary>\n",
        case.outcome.name(),
        plain(&case.id),
        case.requirements.join(", ")
    );
    for id in &case.requirements {
        if let Some(clause) = report.clauses.get(id) {
            let _ = writeln!(
                text,
                "> **{id}** ({}; {}) {}\n>",
                clause.role, clause.evidence, clause.text
            );
        }
    }
    let mut lines = Vec::new();
    for (name, value) in
        [("expected", &case.expected), ("actual", &case.actual), ("note", &case.note)]
    {
        if let Some(value) = value {
            lines.push(format!("{name:<9} {value}"));
        }
    }
    if let Some(trace) = &case.trace {
        let skipped = trace.len().saturating_sub(TRACE_LINES);
        lines.push(String::new());
        if skipped > 0 {
            lines.push(format!("… {skipped} lines before"));
        }
        lines.extend(trace.iter().skip(skipped).cloned());
    }
    if let Some(rerun) = &case.rerun {
        lines.push(format!("\n{rerun}"));
    }
    fenced(text, &lines.join("\n"));
    text.push_str("\n</details>\n");
}

/// A block of code whose fence is longer than any that stands in it.
fn fenced(text: &mut String, code: &str) {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = write!(text, "\n{fence}text\n{code}\n{fence}\n");
}

/// What a program under test says of itself is text, not markup.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c {
            '<' => "&lt;".chars().collect::<Vec<_>>(),
            '&' => "&amp;".chars().collect(),
            '\n' | '\r' => vec![' '],
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' => vec!['\\', c],
            c => vec![c],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::TargetReport;

    #[test]
    fn a_summary_tells_what_failed_and_takes_no_markup_from_outside() {
        let target =
            TargetReport { implementation: "<script>|*x*".into(), ..TargetReport::default() };
        let failed = CaseReport {
            expected: Some("a ``` fence".into()),
            actual: Some("none".into()),
            trace: Some((0..TRACE_LINES + 2).map(|n| format!("line {n}.")).collect()),
            rerun: Some("run me".into()),
            ..CaseReport::plain("frame/x", vec!["FRAME-1".into()], Outcome::Fail)
        };
        let passed = CaseReport::plain("frame/y", Vec::new(), Outcome::Pass);
        let clauses = crate::clauses::read("frame", "**FRAME-1** (server; wire) It MUST be so.");
        let text = render(&Report::new(vec![target], 3, vec![failed, passed], &clauses.unwrap()));
        for told in [
            "not conformant",
            "&lt;script>\\|\\*x\\*",
            "| frame | 1 | 1 fail | 2 |",
            "> **FRAME-1** (server; wire) It MUST be so.",
            "\n````text\n",
            "… 2 lines before",
            "line 2.",
            "run me",
        ] {
            assert!(text.contains(told), "no {told:?} in\n{text}");
        }
        assert!(!text.contains("line 1."), "{text}");
        assert!(!text.contains("frame/y"), "a pass needs no words:\n{text}");
    }
}
