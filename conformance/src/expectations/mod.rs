//! What an implementer knows to fail, and why. The file lives with the implementer.
//!
//! ```toml
//! [[expect]]
//! case = "link/description-is-padded"
//! message = "a length, a Description"      # how the failure's expectation begins
//! reason = "padding comes with the next release"
//! link = "https://example.org/issues/12"   # where that is discussed; optional
//!
//! [[expect]]
//! case = "frame/unknown-*"
//! count = 3                                # how many cases that is: all of them, and no other
//! message = "Reject UNSUPPORTED_ITEM"
//! reason = "unknown items end the link"
//! ```
//!
//! An entry that does not hold any more is *stale*: its case passes, fails in another way or is
//! unsupported, or its wildcard covers more or fewer cases than it says. So no entry can hide a failure
//! that it was not written for.

mod file;
mod fix;

use crate::outcome::Outcome;
use crate::report::{CaseReport, StaleReport};

pub use file::{Fault, Faults};
pub use fix::UNEXPLAINED;

/// Most cases that one wildcard may cover.
pub const WILDCARD_MAX: usize = 20;

/// All expectations of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// In the order of the file.
    pub entries: Vec<Expectation>,
    /// The file as it is.
    text: String,
}

/// One case, or a few of one chapter, that are known to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Where it begins in the file, from 1.
    pub line: usize,
    /// The case's id; behind the slash `*` stands for any characters and `?` for one.
    pub case: String,
    /// How many cases a wildcard covers.
    pub count: Option<usize>,
    /// How `expected` of the failure begins.
    pub message: String,
    /// Why it fails.
    pub reason: String,
    /// Where that is discussed: a URL.
    pub link: Option<String>,
    /// The cases of the suite that it covers.
    pub covers: Vec<String>,
}

/// What an outcome says about an entry that covers its case.
enum Told {
    /// The case fails as the entry says.
    Holds,
    /// Nothing: the case was not judged, or not surely.
    Nothing,
    /// The entry is stale, and why.
    Stale(String),
}

impl Expectations {
    /// Turns expected failures to xfail and unexpected passes to xpass; returns what is stale.
    pub fn apply(&self, cases: &mut [CaseReport]) -> Vec<StaleReport> {
        let mut stale = Vec::new();
        for entry in &self.entries {
            if let Some(why) = entry.miscounts() {
                stale.push(entry.stale(entry.covers.clone(), why));
                continue;
            }
            for case in cases.iter_mut().filter(|case| entry.covers.contains(&case.id)) {
                match entry.told(case) {
                    Told::Nothing => {}
                    Told::Holds => {
                        case.outcome = Outcome::Xfail;
                        case.note = Some(entry.reason.clone());
                        case.link.clone_from(&entry.link);
                    }
                    Told::Stale(why) => {
                        if matches!(case.outcome, Outcome::Pass | Outcome::Info) {
                            case.outcome = Outcome::Xpass;
                        }
                        stale.push(entry.stale(vec![case.id.clone()], why));
                    }
                }
            }
        }
        stale
    }

    /// How many entries nobody has explained since they were written by `--fix`.
    #[must_use]
    pub fn unexplained(&self) -> usize {
        self.entries.iter().filter(|entry| entry.reason == UNEXPLAINED).count()
    }
}

impl Expectation {
    /// Why a wildcard does not cover what it says, if so.
    fn miscounts(&self) -> Option<String> {
        let (said, there) = (self.count?, self.covers.len());
        (said != there).then(|| {
            let cases = self.covers.join(", ");
            format!("count = {said}, and the suite has {there} such cases: {cases}")
        })
    }

    fn told(&self, case: &CaseReport) -> Told {
        if !case.scored {
            return Told::Nothing;
        }
        match case.outcome {
            Outcome::Fail | Outcome::Timeout | Outcome::Crash | Outcome::Warn => {
                let expected = case.expected.as_deref().unwrap_or_default();
                if expected.starts_with(&self.message) {
                    return Told::Holds;
                }
                let outcome = case.outcome.name();
                let message = &self.message;
                Told::Stale(format!(
                    "it fails in another way: {outcome}, expected {expected:?}, which does not \
                     begin with {message:?}"
                ))
            }
            Outcome::Pass | Outcome::Info => Told::Stale("it passes".to_owned()),
            Outcome::Unsupported => Told::Stale("it is unsupported".to_owned()),
            Outcome::Flaky
            | Outcome::Xfail
            | Outcome::Xpass
            | Outcome::Notrun
            | Outcome::HarnessError => Told::Nothing,
        }
    }

    fn stale(&self, cases: Vec<String>, why: String) -> StaleReport {
        StaleReport { entry: self.case.clone(), line: self.line, cases, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Exit;
    use crate::report::Report;

    /// Cases of the suite, as far as these tests know it.
    pub(super) const KNOWN: [&str; 6] =
        ["frame/length", "frame/order", "link/a", "link/close-a", "link/close-b", "link/close-c"];

    pub(super) fn parsed(text: &str) -> Expectations {
        Expectations::parse(text, &KNOWN).unwrap()
    }

    /// An entry; `more` are lines of it.
    pub(super) fn entry(case: &str, message: &str, more: &str) -> String {
        format!(
            "[[expect]]\ncase = \"{case}\"\nmessage = \"{message}\"\nreason = \"known\"\n{more}\n"
        )
    }

    pub(super) fn ended(id: &str, outcome: Outcome, expected: &str) -> CaseReport {
        let expected = Some(expected.to_owned());
        CaseReport { expected, ..CaseReport::plain(id, Vec::new(), outcome) }
    }

    #[test]
    fn an_expected_failure_is_none() {
        let file = parsed(&entry("link/a", "a Result", "link = \"https://x.org/1\""));
        for outcome in [Outcome::Fail, Outcome::Timeout, Outcome::Crash, Outcome::Warn] {
            let mut cases = [ended("link/a", outcome, "a Result for #1")];
            assert_eq!(file.apply(&mut cases), []);
            assert_eq!(cases[0].outcome, Outcome::Xfail);
            assert_eq!(cases[0].note.as_deref(), Some("known"));
            assert_eq!(cases[0].link.as_deref(), Some("https://x.org/1"));
        }
    }

    #[test]
    fn what_does_not_hold_is_stale_and_says_why() {
        let file = parsed(&entry("link/a", "a Result", ""));
        for (outcome, expected, becomes, why) in [
            (Outcome::Fail, "something else", Outcome::Fail, "fails in another way"),
            (Outcome::Pass, "", Outcome::Xpass, "it passes"),
            (Outcome::Info, "", Outcome::Xpass, "it passes"),
            (Outcome::Unsupported, "", Outcome::Unsupported, "it is unsupported"),
        ] {
            let mut cases = [ended("link/a", outcome, expected)];
            let stale = file.apply(&mut cases);
            assert_eq!(cases[0].outcome, becomes);
            let line = stale[0].to_string();
            assert!(line.starts_with("line 1, link/a: ") && line.contains(why), "{line}");
            let mut report = Report::new(Vec::new(), 1, cases.to_vec(), &[]);
            report.stale = stale;
            report.judge(false);
            assert_eq!(report.verdict, Exit::Stale, "{outcome:?}");
            // What no entry covers is not excused by one that is stale.
            report.cases.push(ended("frame/order", Outcome::Fail, "a Result"));
            report.judge(false);
            assert_eq!(report.verdict, Exit::Nonconformant, "{outcome:?}");
        }
        for outcome in [Outcome::Flaky, Outcome::Notrun, Outcome::HarnessError] {
            let mut cases = [ended("link/a", outcome, "something else")];
            assert_eq!(file.apply(&mut cases), [], "{outcome:?} says nothing");
            assert_eq!(cases[0].outcome, outcome);
        }
        let mut later = ended("link/a", Outcome::Pass, "");
        later.scored = false;
        assert_eq!(file.apply(&mut [later]), [], "nor does what is unscored");
        assert_eq!(file.apply(&mut []), [], "nor does a case that was not selected");
    }

    #[test]
    fn a_wildcard_swallows_nothing_that_it_was_not_written_for() {
        let failed = |id| ended(id, Outcome::Fail, "Goodbye");
        let mut cases = [failed("link/close-a"), failed("link/close-b"), failed("link/close-c")];
        let exact = parsed(&entry("link/close-*", "Goodbye", "count = 3"));
        assert_eq!(exact.apply(&mut cases.clone()), []);
        // A case that is new in the suite, failing or not, is not covered in silence.
        let before = parsed(&entry("link/close-*", "Goodbye", "count = 2"));
        let stale = before.apply(&mut cases);
        assert!(cases.iter().all(|case| case.outcome == Outcome::Fail), "{cases:?}");
        let told = stale[0].to_string();
        assert!(told.contains("count = 2") && told.contains("link/close-c"), "{told}");
        // One that passes is told by itself, and the others stay expected.
        cases[1].outcome = Outcome::Pass;
        let stale = exact.apply(&mut cases);
        let outcomes = cases.each_ref().map(|case| case.outcome);
        assert_eq!(outcomes, [Outcome::Xfail, Outcome::Xpass, Outcome::Xfail]);
        assert_eq!((stale.len(), &stale[0].cases[0][..]), (1, "link/close-b"));
    }
}
