//! What can become of a case.

use serde::{Deserialize, Serialize};

/// The outcome of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its clauses were seen to be kept.
    Pass,
    /// A MUST was seen not to be kept.
    Fail,
    /// A SHOULD was seen not to be kept, or a measurement is doubtful.
    Warn,
    /// Something that a MAY allows was seen.
    Info,
    /// It needs an optional capability that the implementation does not declare.
    Unsupported,
    /// It failed as the implementer's expectations say.
    Xfail,
    /// It passed although the implementer's expectations say that it fails.
    Xpass,
    /// It measures time, and failed before it passed.
    Flaky,
    /// It did not come to an end.
    Timeout,
    /// The implementation ended while it ran.
    Crash,
    /// It was not run, because the implementation was gone.
    Notrun,
    /// The suite is at fault, or the implementation broke the rules of the suite itself.
    HarnessError,
}

impl Outcome {
    /// All of them, in the order of a summary.
    pub const ALL: [Self; 12] = [
        Self::Pass,
        Self::Fail,
        Self::Warn,
        Self::Info,
        Self::Unsupported,
        Self::Xfail,
        Self::Xpass,
        Self::Flaky,
        Self::Timeout,
        Self::Crash,
        Self::Notrun,
        Self::HarnessError,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Unsupported => "unsupported",
            Self::Xfail => "xfail",
            Self::Xpass => "xpass",
            Self::Flaky => "flaky",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::Notrun => "notrun",
            Self::HarnessError => "harness-error",
        }
    }

    /// Whether the case was carried out at all.
    #[must_use]
    pub const fn ran(self) -> bool {
        !matches!(self, Self::Unsupported | Self::Notrun | Self::HarnessError)
    }

    /// Whether the implementation does not conform because of it.
    #[must_use]
    pub const fn is_against(self, strict: bool) -> bool {
        match self {
            Self::Fail | Self::Xpass | Self::Timeout | Self::Crash | Self::Notrun => true,
            Self::Warn | Self::Flaky => strict,
            _ => false,
        }
    }

    /// Whether a report explains it.
    #[must_use]
    pub const fn is_plain(self) -> bool {
        matches!(self, Self::Pass)
    }
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Exit {
    /// Everything that ran is as it should be, and something ran.
    Conformant = 0,
    /// The implementation does not conform.
    Nonconformant = 1,
    /// The suite or its use is at fault, or nothing ran.
    Harness = 2,
    /// Expectations name cases that are not there or do not fail as they say.
    Stale = 3,
}

impl Exit {
    /// What it says of the implementation.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Conformant => "conformant",
            Self::Nonconformant => "not conformant",
            Self::Harness => "not judged: the suite or its use is at fault",
            Self::Stale => "stale expectations",
        }
    }

    /// The exit of a run.
    #[must_use]
    pub fn of(outcomes: &[Outcome], strict: bool, stale: bool) -> Self {
        if outcomes.contains(&Outcome::HarnessError) {
            Self::Harness
        } else if outcomes
            .iter()
            .any(|outcome| outcome.is_against(strict) && !(*outcome == Outcome::Xpass && stale))
        {
            Self::Nonconformant
        } else if stale {
            Self::Stale
        } else if outcomes.iter().any(|outcome| outcome.ran()) {
            Self::Conformant
        } else {
            Self::Harness
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_cases_are_never_a_success() {
        assert_eq!(Exit::of(&[], false, false), Exit::Harness);
        assert_eq!(Exit::of(&[Outcome::Unsupported], false, false), Exit::Harness);
        assert_eq!(
            Exit::of(&[Outcome::Pass, Outcome::Unsupported], false, false),
            Exit::Conformant
        );
    }

    #[test]
    fn every_outcome_has_its_exit() {
        for (outcome, plain, strict) in [
            (Outcome::Pass, Exit::Conformant, Exit::Conformant),
            (Outcome::Fail, Exit::Nonconformant, Exit::Nonconformant),
            (Outcome::Warn, Exit::Conformant, Exit::Nonconformant),
            (Outcome::Info, Exit::Conformant, Exit::Conformant),
            (Outcome::Xfail, Exit::Conformant, Exit::Conformant),
            (Outcome::Xpass, Exit::Nonconformant, Exit::Nonconformant),
            (Outcome::Flaky, Exit::Conformant, Exit::Nonconformant),
            (Outcome::Timeout, Exit::Nonconformant, Exit::Nonconformant),
            (Outcome::Crash, Exit::Nonconformant, Exit::Nonconformant),
            (Outcome::Notrun, Exit::Nonconformant, Exit::Nonconformant),
            (Outcome::HarnessError, Exit::Harness, Exit::Harness),
        ] {
            let outcomes = [Outcome::Pass, outcome];
            assert_eq!(Exit::of(&outcomes, false, false), plain, "{outcome:?}");
            assert_eq!(Exit::of(&outcomes, true, false), strict, "{outcome:?} --strict");
        }
    }

    #[test]
    fn stale_expectations_have_an_exit_of_their_own() {
        assert_eq!(Exit::of(&[Outcome::Pass, Outcome::Xpass], false, true), Exit::Stale);
        assert_eq!(Exit::of(&[Outcome::Fail], false, true), Exit::Nonconformant);
    }

    #[test]
    fn names_are_what_serde_writes() {
        for outcome in Outcome::ALL {
            let json = serde_json::to_string(&outcome).unwrap();
            assert_eq!(json, format!("\"{}\"", outcome.name()));
        }
    }
}
