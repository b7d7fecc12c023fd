//! Nobody is blamed for what the reference inside this program does as well: a case that fails on
//! both shows a fault of the suite, or of the machine.

use std::collections::BTreeMap;

use crate::case::{Case, Place};
use crate::cases;
use crate::driver::{ClientSource, REFERENCE};
use crate::outcome::Outcome;
use crate::report::CaseReport;
use crate::runner::{self, Plan, REACHABLE};
use crate::scene::{self, run::ClientPlan};
use crate::target::Source;

/// What a fault of the suite is called.
const SOUND: &str = "a suite whose own reference passes";

/// The plans of a run, as far as there was something to judge.
pub(super) struct Plans {
    pub(super) server: Option<Plan>,
    pub(super) client: Option<ClientPlan>,
}

impl Plans {
    /// Has the references do what was failed, with the same seed, and tells what they fail in the
    /// same way as a fault of the suite.
    pub(super) async fn recheck(self, reports: &mut [CaseReport]) {
        let mut again = Vec::new();
        if let Some(plan) = self.server
            && !matches!(plan.source, Source::Embedded)
        {
            let cases = suspects(reports, true);
            let plan = Plan { cases, source: Source::Embedded, tries: 1, preflight: false, ..plan };
            if !plan.cases.is_empty() {
                again.extend(runner::run(&plan, &mut ()).await.cases);
            }
        }
        if let Some(plan) = self.client
            && !plan.source.is_reference()
        {
            let cases = suspects(reports, false);
            let source = ClientSource::Embedded(REFERENCE);
            let plan = ClientPlan { cases, source, preflight: false, ..plan };
            if !plan.cases.is_empty() {
                again.extend(scene::run::run(&plan, &mut ()).await.cases);
            }
        }
        mark(reports, &again);
    }
}

/// What failed, but for what measures time and what could not be reached at all.
fn suspects(reports: &[CaseReport], servers: bool) -> Vec<&'static Case> {
    let failed = reports.iter().filter(|report| {
        report.outcome == Outcome::Fail && report.expected.as_deref() != Some(REACHABLE)
    });
    let cases = failed.filter_map(|report| cases::find(&report.id));
    let judged = |case: &&Case| case.profile().is_for_servers() == servers;
    cases.filter(judged).filter(|case| case.place != Place::Quiet).collect()
}

fn mark(reports: &mut [CaseReport], again: &[CaseReport]) {
    let again: BTreeMap<_, _> = again.iter().map(|report| (&report.id, report)).collect();
    for report in reports.iter_mut().filter(|report| report.outcome == Outcome::Fail) {
        let Some(same) = again.get(&report.id) else { continue };
        if same.outcome != Outcome::Fail || same.expected != report.expected {
            continue;
        }
        let told = |text: &Option<String>| text.clone().unwrap_or_default();
        let (expected, actual) = (told(&report.expected), told(&report.actual));
        report.outcome = Outcome::HarnessError;
        report.actual = Some(format!(
            "the reference fails in the same way: expected {expected}, actual {}; of the \
             implementation: {actual}",
            told(&same.actual)
        ));
        report.expected = Some(SOUND.to_owned());
        report.note = Some("nothing is said of the implementation; please report it".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(id: &str, outcome: Outcome, expected: &str) -> CaseReport {
        let expected = Some(expected.to_owned());
        CaseReport { expected, ..CaseReport::plain(id, Vec::new(), outcome) }
    }

    #[test]
    fn what_the_reference_fails_alike_is_the_suites_fault_and_nothing_else_is() {
        let failed = ended("a/b", Outcome::Fail, "Done");
        for (same, becomes) in [
            (ended("a/b", Outcome::Fail, "Done"), Outcome::HarnessError),
            (ended("a/b", Outcome::Fail, "Goodbye"), Outcome::Fail),
            (ended("a/b", Outcome::Pass, "Done"), Outcome::Fail),
            (ended("a/c", Outcome::Fail, "Done"), Outcome::Fail),
        ] {
            let mut reports = [failed.clone()];
            mark(&mut reports, &[same]);
            assert_eq!(reports[0].outcome, becomes);
        }
        let mut passed = [ended("a/b", Outcome::Crash, "Done")];
        mark(&mut passed, &[failed]);
        assert_eq!(passed[0].outcome, Outcome::Crash);
    }

    #[test]
    fn what_measures_time_and_what_was_not_reached_is_no_suspect() {
        let suspects_of = |id, expected| {
            let reports = [ended(id, Outcome::Fail, expected)];
            suspects(&reports, true).len()
        };
        assert_eq!(suspects_of("connection/send", "Done"), 1);
        assert_eq!(suspects_of("connection/send", REACHABLE), 0);
        assert_eq!(suspects_of("error/equal-time", "the same time"), 0);
        assert_eq!(suspects_of("session/as-claimer", "Done"), 0, "of a client");
    }
}
