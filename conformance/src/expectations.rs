//! What an implementer knows to fail, and why. The file lives with the implementer.
//!
//! ```toml
//! [[expect]]
//! case = "link/describe-padding"
//! message = "a length, a Description"   # how the failure's expectation begins
//! reason = "https://example.org/issues/12"
//! ```

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;
use crate::report::CaseReport;

/// All expectations of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    /// One entry a case.
    #[serde(default)]
    pub expect: Vec<Expectation>,
}

/// One case that is known to fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The case's id.
    pub case: String,
    /// How `expected` of the failure begins.
    pub message: String,
    /// Why it fails, or where that is discussed.
    pub reason: String,
}

impl Expectations {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(path: &Path) -> io::Result<Self> {
        toml::from_str(&std::fs::read_to_string(path)?).map_err(io::Error::other)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, toml::to_string(self).map_err(io::Error::other)?)
    }

    /// Turns expected failures to xfail and unexpected passes to xpass.
    ///
    /// Returns what is stale: entries without a case among `known`, that passed, or that failed
    /// in another way.
    pub fn apply(&self, cases: &mut [CaseReport], known: &[&str]) -> Vec<String> {
        let mut stale = Vec::new();
        for entry in &self.expect {
            if !known.contains(&entry.case.as_str()) {
                stale.push(format!("{}: there is no such case", entry.case));
                continue;
            }
            let Some(case) = cases.iter_mut().find(|case| case.id == entry.case) else { continue };
            match case.outcome {
                Outcome::Fail | Outcome::Timeout | Outcome::Crash => {
                    let expected = case.expected.as_deref().unwrap_or_default();
                    if expected.starts_with(&entry.message) {
                        case.outcome = Outcome::Xfail;
                        case.note = Some(entry.reason.clone());
                    } else {
                        stale.push(format!("{}: it fails in another way", entry.case));
                    }
                }
                Outcome::Pass | Outcome::Info => {
                    case.outcome = Outcome::Xpass;
                    stale.push(format!("{}: it passes", entry.case));
                }
                Outcome::Unsupported => stale.push(format!("{}: unsupported", entry.case)),
                _ => {}
            }
        }
        stale
    }

    /// The expectations that fit what was seen, keeping the reasons that are there.
    #[must_use]
    pub fn fixed(&self, cases: &[CaseReport]) -> Self {
        let mut expect: Vec<Expectation> = cases
            .iter()
            .filter(|case| {
                matches!(
                    case.outcome,
                    Outcome::Fail | Outcome::Timeout | Outcome::Crash | Outcome::Xfail
                )
            })
            .map(|case| {
                let known = self.expect.iter().find(|entry| entry.case == case.id);
                Expectation {
                    case: case.id.clone(),
                    message: case.expected.clone().unwrap_or_default(),
                    reason: known.map_or_else(|| "unknown yet".into(), |old| old.reason.clone()),
                }
            })
            .collect();
        // Entries of cases that were not selected this time stay as they are.
        let untouched = |entry: &&Expectation| {
            crate::cases::find(&entry.case).is_some()
                && !cases.iter().any(|case| case.id == entry.case)
        };
        expect.extend(self.expect.iter().filter(untouched).cloned());
        Self { expect }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(case: &str, message: &str) -> Expectation {
        Expectation { case: case.into(), message: message.into(), reason: "known".into() }
    }

    fn failed(id: &str, expected: &str) -> CaseReport {
        CaseReport {
            outcome: Outcome::Fail,
            expected: Some(expected.to_owned()),
            ..CaseReport::plain(id, Vec::new(), Outcome::Fail)
        }
    }

    #[test]
    fn an_expected_failure_is_none_and_everything_else_is_stale() {
        let mut cases = [
            failed("a/known", "a Result for #1"),
            failed("a/other", "something else"),
            CaseReport::plain("a/fixed", Vec::new(), Outcome::Pass),
        ];
        let expectations = Expectations {
            expect: vec![
                entry("a/known", "a Result"),
                entry("a/other", "a Result"),
                entry("a/fixed", "a Result"),
                entry("a/gone", "a Result"),
            ],
        };
        let known = ["a/known", "a/other", "a/fixed"];
        let stale = expectations.apply(&mut cases, &known);
        let outcomes = cases.each_ref().map(|case| case.outcome);
        assert_eq!(outcomes, [Outcome::Xfail, Outcome::Fail, Outcome::Xpass]);
        assert_eq!(
            stale,
            [
                "a/other: it fails in another way",
                "a/fixed: it passes",
                "a/gone: there is no such case"
            ]
        );
        let fixed = expectations.fixed(&cases);
        assert_eq!(fixed.expect[0], entry("a/known", "a Result for #1"));
        assert_eq!(fixed.expect[1], entry("a/other", "something else"));
        assert_eq!(fixed.expect.len(), 2);
    }

    #[test]
    fn a_file_survives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expectations.toml");
        let expectations = Expectations { expect: vec![entry("a/known", "a Result")] };
        expectations.write(&path).unwrap();
        assert_eq!(Expectations::read(&path).unwrap(), expectations);
    }
}
