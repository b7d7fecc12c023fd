//! Runs a property and tells of what it finds: a note a command, a file to run it again.

use std::sync::Arc;
use std::time::Duration;

use crate::peer::{Trace, What};
use crate::property::coverage::Coverage;
use crate::property::{Ended, FoundIn, Patience, Plan, Repro, Subject, explore};
use crate::report::ShrunkReport;
use crate::repro;
use crate::trial::Settings;
use crate::verdict::Stop;

/// How long shrinking may take.
pub(super) const SHRINK_WITHIN: Duration = Duration::from_secs(20);

/// The case that a property is run for.
pub(in crate::cases) struct Account<'a> {
    /// Its id.
    pub(in crate::cases) case: &'static str,
    /// What holds for the run.
    pub(in crate::cases) settings: &'a Settings,
    /// Its record.
    pub(in crate::cases) trace: &'a Trace,
}

impl Account<'_> {
    fn note(&self, text: String) {
        self.trace.push(0, What::Note(text));
    }
}

/// Carries out a plan, or the sequence of a repro file, and writes down what fails.
pub(super) async fn run<S: Subject>(
    subject: Arc<S>,
    plan: Plan,
    account: &Account<'_>,
) -> Result<Coverage<S::Cell>, Stop> {
    if let Some(data) = &account.settings.replay {
        let repro: Repro<S::Command, S::Line> = serde_json::from_value((**data).clone())
            .map_err(|error| Stop::harness(format!("the repro file: {error}")))?;
        let carried = subject.carry_out(repro.sequence, &repro.commands, Patience::Full).await;
        return carried.map_err(|broken| broken.stop);
    }
    match explore(subject, plan).await {
        Ok(coverage) => {
            let (commands, cells) = (coverage.commands(), coverage.cells());
            account.note(format!("{commands} commands, {cells} combinations"));
            Ok(coverage)
        }
        Err(Ended::Stopped(stop)) => Err(stop),
        Err(Ended::Found(found)) => Err(tell::<S>(account, &found)?),
    }
}

fn tell<S: Subject>(account: &Account<'_>, found: &FoundIn<S>) -> Result<Stop, Stop> {
    let data = serde_json::to_value(Repro::from(found))
        .map_err(|error| Stop::harness(error.to_string()))?;
    let settings = account.settings;
    let path = repro::write(&settings.repro, account.case, settings.seed, data)
        .map_err(|error| Stop::harness(format!("the repro file: {error}")))?;
    for command in &found.commands {
        account.note(format!("{command:?}"));
    }
    let (left, of, tried) = (found.commands.len(), found.generated, found.tried);
    let (number, after) = (found.sequence, found.after);
    account.trace.keep(ShrunkReport {
        sequences: found.after,
        commands: left as u64,
        generated: of as u64,
        candidates: tried.into(),
    });
    let expected = found.finding.expected.clone();
    let actual = format!(
        "{} (sequence {number} of seed {}, after {after} sequences; {left} of {of} commands left \
         after {tried} candidates; {})",
        found.finding.actual,
        settings.seed,
        path.display()
    );
    Ok(Stop::fail(expected, actual))
}
