//! JUnit's XML: a suite a chapter, a test case a case.

use std::io;
use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{CaseReport, Report, StaleReport};
use crate::outcome::Outcome;

pub(super) fn render(report: &Report) -> io::Result<String> {
    let mut xml = quick_junit::Report::new("edgewise-conformance");
    xml.set_time(Duration::from_millis(report.duration_ms));
    for (word, cases) in report.chapters() {
        let mut suite = TestSuite::new(word);
        let total = cases.iter().map(|case| case.duration_ms).sum();
        suite.set_time(Duration::from_millis(total));
        suite.add_property(("implementation", report.judged().as_str()));
        suite.add_property(("spec_revision", report.spec_revision.to_string().as_str()));
        suite.add_property(("suite_version", report.suite_version.as_str()));
        for proved in report.targets.iter().flat_map(|target| &target.preflight) {
            suite.add_property(("preflight", proved.as_str()));
        }
        suite.add_property(("seed", report.seed.to_string().as_str()));
        suite.add_test_cases(cases.into_iter().map(|case| test_case(report, case)));
        xml.add_test_suite(suite);
    }
    if !report.stale.is_empty() {
        let mut suite = TestSuite::new("expectations");
        suite.add_test_cases(report.stale.iter().map(stale));
        xml.add_test_suite(suite);
    }
    xml.to_string().map_err(io::Error::other)
}

fn stale(stale: &StaleReport) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type("stale");
    status.set_message(stale.to_string());
    let mut one = TestCase::new(stale.entry.as_str(), status);
    one.set_classname("edgewise.expectations");
    one
}

fn test_case(report: &Report, case: &CaseReport) -> TestCase {
    let mut one = TestCase::new(case.id.as_str(), status(report, case));
    one.set_classname(format!("edgewise.{}.{}", case.profile, case.word()));
    one.set_time(Duration::from_millis(case.duration_ms));
    one.add_property(("requirements", case.requirements.join(" ").as_str()));
    one.add_property(("outcome", case.outcome.name()));
    if let Some(trace) = &case.trace {
        one.set_system_out(trace.join("\n"));
    }
    one
}

/// What is against the implementation is a failure, the suite's own faults are errors, and what
/// was not judged is skipped; the outcome's own name is the type.
fn status(report: &Report, case: &CaseReport) -> TestCaseStatus {
    let mut status = match case.outcome {
        _ if !case.scored => TestCaseStatus::skipped(),
        Outcome::Pass | Outcome::Info | Outcome::Warn | Outcome::Flaky => {
            return TestCaseStatus::success();
        }
        Outcome::Unsupported | Outcome::Xfail => TestCaseStatus::skipped(),
        Outcome::HarnessError | Outcome::Notrun => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
        Outcome::Fail | Outcome::Xpass | Outcome::Timeout | Outcome::Crash => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
    };
    let expected = case.expected.as_deref().unwrap_or_default();
    let actual = case.actual.as_deref().unwrap_or_default();
    let note = case.note.as_deref().unwrap_or_default();
    status.set_type(case.standing());
    status.set_message(match (expected, note) {
        _ if !case.scored => format!("{}, unscored: later than this revision", case.outcome.name()),
        ("", note) => note.to_owned(),
        (expected, _) => format!("expected {expected}; actual {actual}"),
    });
    let mut told = format!("expected  {expected}\nactual    {actual}\n");
    for id in &case.requirements {
        let text = report.clauses.get(id).map_or("", |clause| clause.text.as_str());
        told.push_str(&format!("clause    {id} {text}\n"));
    }
    if let Some(link) = &case.link {
        told.push_str(&format!("link      {link}\n"));
    }
    if let Some(rerun) = &case.rerun {
        told.push_str(&format!("rerun     {rerun}\n"));
    }
    status.set_description(told);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_counted_as_what_it_is() {
        let cases = Outcome::ALL.map(|outcome| CaseReport {
            expected: Some("<Done> & \u{1} \"quoted\"".into()),
            actual: Some("nothing".into()),
            rerun: Some("again".into()),
            link: Some("https://example.org/issues/12".into()),
            trace: Some(vec!["1 → Send".into()]),
            ..CaseReport::plain("frame/x", vec!["FRAME-1".into()], outcome)
        });
        let clauses = crate::clauses::read("frame", "**FRAME-1** (server; wire) It MUST be so.");
        let plain = |outcome| CaseReport::plain("frame/z", Vec::new(), outcome);
        let later = [Outcome::Pass, Outcome::Crash];
        let later = later.map(|outcome| CaseReport { scored: false, ..plain(outcome) });
        let cases = cases.into_iter().chain(later).collect();
        let mut report = Report::new(Vec::new(), 3, cases, &clauses.unwrap());
        let (entry, why) = ("frame/y".to_owned(), "it passes".to_owned());
        report.stale.push(StaleReport { line: 7, cases: vec![entry.clone()], entry, why });
        let xml = render(&report).unwrap();
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((read.tests, read.failures, read.errors), (15, 5, 2), "{xml}");
        assert_eq!(xml.matches("<skipped").count(), 4);
        assert!(xml.contains("crash, unscored"), "{xml}");
        for told in [
            "FRAME-1 It MUST be so.",
            "again",
            "1 → Send",
            "&lt;Done&gt; &amp;",
            "issues/12",
            "line 7",
        ] {
            assert!(xml.contains(told), "no {told:?} in\n{xml}");
        }
        assert!(!xml.contains('\u{1}'), "no control character stands in XML");
    }
}
