//! The file of what is known to fail: read before a run, applied or written anew behind it.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Usage;
use crate::expectations::{Expectations, UNEXPLAINED};
use crate::report::{Report, format};

#[derive(Clone, Debug, Default, Args)]
pub(super) struct ExpectOptions {
    /// What is known to fail.
    #[arg(long, value_name = "FILE")]
    expectations: Option<PathBuf>,
    /// Write the expectations anew, from what is seen.
    #[arg(long, requires = "expectations")]
    fix: bool,
}

impl ExpectOptions {
    /// The expectations, if there is a file. `known` is what they may name.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub(super) fn read(&self, known: &[&str]) -> Result<Option<Expectations>, Usage> {
        let Some(path) = &self.expectations else { return Ok(None) };
        let read = Expectations::read(path, known, self.fix);
        read.map(Some).map_err(|faults| {
            let told = faults.0.iter().map(|one| fault(path, one).0);
            Usage(told.collect::<Vec<_>>().join("\n"))
        })
    }

    /// Judges a report by what was expected, and writes the file anew if that is asked for.
    ///
    /// # Errors
    /// The file cannot be written; the report is judged all the same.
    pub(super) fn apply(
        &self,
        expected: Option<Expectations>,
        known: &[&str],
        strict: bool,
        report: &mut Report,
    ) -> Result<(), Usage> {
        let Some(mut expected) = expected else { return Ok(()) };
        let mut written = Ok(());
        if let (true, Some(path)) = (self.fix, &self.expectations) {
            let text = expected.fixed(&report.cases, known, strict);
            let text = text.map_err(|error| fault(path, &error))?;
            expected = Expectations::parse(&text, known).map_err(|error| fault(path, &error))?;
            written = format::replace(path, &text).map_err(|error| fault(path, &error));
            if written.is_ok() {
                let (entries, open) = (expected.entries.len(), expected.unexplained());
                let path = path.display();
                anstream::eprintln!("{path}: {entries} expectations, {open} {UNEXPLAINED}");
            }
        }
        report.stale = expected.apply(&mut report.cases);
        written
    }
}

fn fault(path: &Path, what: &dyn Display) -> Usage {
    Usage(format!("{}: {what}", path.display()))
}
