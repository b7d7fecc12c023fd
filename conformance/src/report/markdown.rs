//! Markdown for the summary of a CI run: the verdict, a table of the chapters, and what is no pass.

use std::fmt::Write;

use super::{CaseReport, Report, UNSCORED};
use crate::outcome::Outcome;

/// Lines of a trace that a summary shows; the JSON report has them all.
const TRACE_LINES: usize = 40;

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    let mut counts: Vec<String> =
        report.counts().iter().map(|(one, count)| format!("{count} {}", one.name())).collect();
    if report.unscored() > 0 {
        counts.push(format!("{} {UNSCORED}", report.unscored()));
    }
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
    for target in report.targets.iter().filter(|target| !target.preflight.is_empty()) {
        let _ =
            writeln!(text, "{}: {}\n", plain(&target.name()), plain(&target.preflight.join(", ")));
    }
    if !report.cases.is_empty() {
        text.push_str("| chapter | pass | other | of |\n|---|---:|---|---:|\n");
    }
    for (word, cases) in report.chapters() {
        let standing = |name| cases.iter().filter(|case| case.standing() == name).count();
        let passed = standing(Outcome::Pass.name());
        let names = Outcome::ALL.map(Outcome::name).into_iter().chain([UNSCORED]);
        let others: Vec<String> = names
            .filter(|name| *name != Outcome::Pass.name())
            .map(|name| (name, standing(name)))
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        let _ = writeln!(text, "| {word} | {passed} | {} | {} |", others.join(", "), cases.len());
    }
    for stale in &report.stale {
        let _ = writeln!(text, "\n**stale expectation** {}", plain(&stale.to_string()));
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
        "\n<details><summary><b>{}{}</b> {} ({})</summary>\n",
        case.outcome.name(),
        if case.scored { "" } else { ", unscored" },
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
    for (name, value) in [
        ("expected", &case.expected),
        ("actual", &case.actual),
        ("note", &case.note),
        ("link", &case.link),
    ] {
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
    use crate::report::{StaleReport, TargetReport};

    #[test]
    fn a_summary_tells_what_failed_and_takes_no_markup_from_outside() {
        let target = TargetReport {
            implementation: "<script>|*x*".into(),
            preflight: vec!["it says no".into()],
            ..TargetReport::default()
        };
        let failed = CaseReport {
            expected: Some("a ``` fence".into()),
            actual: Some("none".into()),
            trace: Some((0..TRACE_LINES + 2).map(|n| format!("line {n}.")).collect()),
            rerun: Some("run me".into()),
            link: Some("https://example.org/issues/12".into()),
            ..CaseReport::plain("frame/x", vec!["FRAME-1".into()], Outcome::Fail)
        };
        let later =
            CaseReport { scored: false, ..CaseReport::plain("frame/w", vec![], Outcome::Crash) };
        let passed = CaseReport::plain("frame/y", Vec::new(), Outcome::Pass);
        let clauses = crate::clauses::read("frame", "**FRAME-1** (server; wire) It MUST be so.");
        let mut report =
            Report::new(vec![target], 3, vec![failed, passed, later], &clauses.unwrap());
        let (entry, why) = ("frame/z".to_owned(), "it *passes*".to_owned());
        report.stale.push(StaleReport { line: 7, cases: vec![entry.clone()], entry, why });
        let text = render(&report);
        for told in [
            "not conformant",
            "&lt;script>\\|\\*x\\*",
            "| frame | 1 | 1 fail, 1 unscored | 3 |",
            "1 pass, 1 fail, 1 unscored in",
            "<b>crash, unscored</b> frame/w",
            "> **FRAME-1** (server; wire) It MUST be so.",
            "\n````text\n",
            "… 2 lines before",
            "line 2.",
            "run me",
            ": it says no\n",
            "link      https://example.org/issues/12",
            "**stale expectation** line 7, frame/z: it \\*passes\\*",
        ] {
            assert!(text.contains(told), "no {told:?} in\n{text}");
        }
        assert!(!text.contains("line 1."), "{text}");
        assert!(!text.contains("frame/y"), "a pass needs no words:\n{text}");
    }
}
