//! What a case says when it stops: nothing wrong, or why not.

/// A case that returns `Ok` has seen what its clauses ask for.
pub type Verdict = Result<(), Stop>;

/// What was expected and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What the clauses ask for.
    pub expected: String,
    /// What the implementation did.
    pub actual: String,
}

/// Why a case stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A MUST does not hold.
    Fail(Finding),
    /// A SHOULD does not hold, or a measurement is doubtful.
    Warn(Finding),
    /// Something that a MAY allows was seen.
    Info(String),
    /// An optional capability that the implementation does not declare is needed.
    Unsupported(String),
    /// The implementation could not be reached at all.
    Unreachable(String),
    /// The suite itself is at fault.
    Harness(String),
}

impl Stop {
    /// A MUST does not hold.
    pub fn fail(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self::Fail(Finding { expected: expected.into(), actual: actual.into() })
    }

    /// A SHOULD does not hold.
    pub fn warn(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self::Warn(Finding { expected: expected.into(), actual: actual.into() })
    }

    /// Something allowed and worth telling was seen.
    pub fn info(seen: impl Into<String>) -> Self {
        Self::Info(seen.into())
    }

    /// An undeclared capability is needed.
    pub fn unsupported(needed: impl Into<String>) -> Self {
        Self::Unsupported(needed.into())
    }

    /// The implementation could not be reached.
    pub fn unreachable(why: impl Into<String>) -> Self {
        Self::Unreachable(why.into())
    }

    /// What is wrong, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Fail(found) | Self::Warn(found) => {
                format!("expected {}, actual {}", found.expected, found.actual)
            }
            Self::Info(why)
            | Self::Unsupported(why)
            | Self::Unreachable(why)
            | Self::Harness(why) => why.clone(),
        }
    }

    /// The suite is at fault.
    pub fn harness(why: impl Into<String>) -> Self {
        Self::Harness(why.into())
    }
}

/// A named value in at most a line.
#[must_use]
pub fn told(what: &str, value: &dyn std::fmt::Debug) -> String {
    const LENGTH_MAX: usize = 120;
    let mut text = format!("{what} {value:?}");
    if let Some((cut, _)) = text.char_indices().nth(LENGTH_MAX) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// Stops the case with a failure unless `$condition` holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $expected:expr, $($actual:tt)+) => {
        if !$condition {
            return Err($crate::verdict::Stop::fail($expected, format!($($actual)+)));
        }
    };
}

/// Stops the case with a failure unless both values are equal; `$what` names the value.
#[macro_export]
macro_rules! ensure_eq {
    ($got:expr, $want:expr, $what:expr $(,)?) => {{
        let (got, want) = (&$got, &$want);
        if got != want {
            return Err($crate::verdict::Stop::fail(
                $crate::verdict::told($what, want),
                $crate::verdict::told($what, got),
            ));
        }
    }};
}
