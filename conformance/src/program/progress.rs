//! What a person at a terminal sees while cases run.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::outcome::Outcome;
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
