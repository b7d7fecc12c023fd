//! JUnit's XML: a suite a chapter, a test case a case.

use std::io;
use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{CaseReport, Report};
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
        suite.add_property(("seed", report.seed.to_string().as_str()));
        suite.add_test_cases(cases.into_iter().map(|case| test_case(report, case)));
        xml.add_test_suite(suite);
    }
    xml.to_string().map_err(io::Error::other)
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
    status.set_type(case.outcome.name());
    status.set_message(match (expected, note) {
        ("", note) => note.to_owned(),
        (expected, _) => format!("expected {expected}; actual {actual}"),
    });
    let mut told = format!("expected  {expected}\nactual    {actual}\n");
    for id in &case.requirements {
        let text = report.clauses.get(id).map_or("", |clause| clause.text.as_str());
        told.push_str(&format!("clause    {id} {text}\n"));
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
            trace: Some(vec!["1 → Send".into()]),
            ..CaseReport::plain("frame/x", vec!["FRAME-1".into()], outcome)
        });
        let clauses = crate::clauses::read("frame", "**FRAME-1** (server; wire) It MUST be so.");
        let report = Report::new(Vec::new(), 3, cases.into(), &clauses.unwrap());
        let xml = render(&report).unwrap();
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((read.tests, read.failures, read.errors), (12, 4, 2), "{xml}");
        assert_eq!(xml.matches("<skipped").count(), 2);
        for told in ["FRAME-1 It MUST be so.", "again", "1 → Send", "&lt;Done&gt; &amp;"] {
            assert!(xml.contains(told), "no {told:?} in\n{xml}");
        }
        assert!(!xml.contains('\u{1}'), "no control character stands in XML");
    }
}
