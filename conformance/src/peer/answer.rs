//! The Result of one request, and what a case may expect of it.

use edgewise_proto::v1::{Attached, Claimed, Created, RejectCode, Subscribed, result::Outcome};

use super::show;
use crate::verdict::{Stop, Verdict};

/// A server's answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The request's tag.
    pub tag: u32,
    /// What the server said.
    pub outcome: Outcome,
}

impl Answer {
    /// Expects Done.
    ///
    /// # Errors
    /// [`Stop::Fail`] on another outcome, as all of these.
    pub fn done(self) -> Verdict {
        match self.outcome {
            Outcome::Done(_) => Ok(()),
            other => Err(Self::wrong("Done", &other)),
        }
    }

    /// Expects a refusal with this code.
    ///
    /// # Errors
    /// As [`done`](Self::done).
    pub fn reject(self, code: RejectCode) -> Verdict {
        match self.outcome {
            Outcome::Reject(reject) if reject.code == i32::from(code) => Ok(()),
            other => Err(Self::wrong(&format!("Reject {}", show::code(code.into())), &other)),
        }
    }

    /// Expects GAP, and returns the submission that the server expects.
    ///
    /// # Errors
    /// As [`done`](Self::done).
    pub fn gap(self) -> Result<u64, Stop> {
        match self.outcome {
            Outcome::Reject(reject) if reject.code == i32::from(RejectCode::Gap) => Ok(reject.next),
            other => Err(Self::wrong("Reject GAP", &other)),
        }
    }

    /// Expects Created.
    ///
    /// # Errors
    /// As [`done`](Self::done).
    pub fn created(self) -> Result<Created, Stop> {
        match self.outcome {
            Outcome::Created(created) => Ok(created),
            other => Err(Self::wrong("Created", &other)),
        }
    }

    /// Expects Claimed.
    ///
    /// # Errors
    /// As [`done`](Self::done).
    pub fn claimed(self) -> Result<Claimed, Stop> {
        match self.outcome {
            Outcome::Claimed(claimed) => Ok(claimed),
            other => Err(Self::wrong("Claimed", &other)),
        }
    }

    /// Expects Attached.
    ///
    /// # Errors
    /// As [`done`](Self::done).
    pub fn attached(self) -> Result<Attached, Stop> {
        match self.outcome {
            Outcome::Attached(attached) => Ok(attached),
            other => Err(Self::wrong("Attached", &other)),
        }
    }

    /// Expects Subscribed.
    ///
    /// # Errors
    /// As [`done`](Self::done).
    pub fn subscribed(self) -> Result<Subscribed, Stop> {
        match self.outcome {
            Outcome::Subscribed(subscribed) => Ok(subscribed),
            other => Err(Self::wrong("Subscribed", &other)),
        }
    }

    fn wrong(expected: &str, actual: &Outcome) -> Stop {
        Stop::fail(expected, show::outcome(actual))
    }
}
