//! What a person at a terminal sees while cases run.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::expectations::Expectations;
use crate::outcome::Outcome;
use crate::profiles::Lists;
use crate::report::CaseReport;
use crate::runner::Progress;

/// A bar on a terminal, nothing elsewhere.
pub(super) struct Bar(Option<ProgressBar>);

impl Bar {
    /// A bar for so many steps.
    pub(super) fn new(steps: usize) -> Self {
        if !stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(steps as u64);
        let template = "{elapsed_precise} [{bar:40}] {pos} of {len}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(Some(bar))
    }

    /// One step is done; what is worth telling stays on the screen.
    pub(super) fn step(&self, name: &str, tell: Option<&str>) {
        let Some(bar) = &self.0 else { return };
        bar.inc(1);
        bar.set_message(name.to_owned());
        if let Some(tell) = tell {
            bar.println(format!("{tell}  {name}"));
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bar {
    fn finished(&mut self, case: &CaseReport) {
        let quiet = matches!(case.outcome, Outcome::Pass | Outcome::Info | Outcome::Unsupported);
        self.step(&case.id, (!quiet).then_some(case.outcome.name()));
    }
}

/// Ends a run at the first case that is against the implementation, if that is wanted.
pub(super) struct Watch<'a> {
    /// What is seen meanwhile.
    pub(super) bar: Bar,
    /// Whether the first failure is enough.
    pub(super) fail_fast: bool,
    /// Whether a warning is a failure.
    pub(super) strict: bool,
    /// What is known to fail, and so ends nothing.
    pub(super) expected: Option<&'a Expectations>,
    /// What is not scored ends nothing either.
    pub(super) lists: &'a Lists,
    /// Whether one has failed.
    pub(super) failed: bool,
}

impl Progress for Watch<'_> {
    fn finished(&mut self, case: &CaseReport) {
        self.bar.finished(case);
        let mut cases = [case.clone()];
        self.lists.score(&mut cases);
        if let Some(expected) = self.expected {
            // What is stale is told at the end, of the cases that were run.
            expected.apply(&mut cases);
        }
        let against = |case: &CaseReport| case.scored && case.outcome.is_against(self.strict);
        self.failed |= cases.iter().any(against);
    }

    fn enough(&self) -> bool {
        self.fail_fast && self.failed
    }
}
