//! Clients under test: where they come from, and how they are told what to do.

mod attach;
mod child;
mod embedded;
pub mod own;
mod reference;
mod serve;
mod source;

use std::time::Duration;

use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::{
    ClientReady, Command, Ok as Done, Reject, RejectReason, ok, outcome,
};

use crate::verdict::Stop;

pub(crate) use child::Program;
pub use embedded::{Driving, Embedded, Started, Starter};
pub use serve::serve_stdio;
pub use source::{Client, ClientSource};

/// The reference client.
pub const REFERENCE: Starter = reference::start;

/// How long an Outcome may usually take beside what NextEvent waits.
pub const OUTCOME_WITHIN: Duration = Duration::from_secs(25);

/// What is wrong with a driver rather than with what its client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The program ended; with what is known of it.
    Crash(String),
    /// No answer came within this time; with what is known of it.
    Hang(Duration, String),
    /// Something else than an Outcome came.
    Stray(String),
    /// The driver says that it is at fault itself.
    Driver(String),
}

impl Fault {
    /// The same, with what the driver was asked last.
    #[must_use]
    fn behind(mut self, asked: &str) -> Self {
        let (Self::Crash(evidence)
        | Self::Hang(_, evidence)
        | Self::Stray(evidence)
        | Self::Driver(evidence)) = &mut self;
        evidence.push_str("\nlast asked: ");
        evidence.push_str(asked);
        self
    }

    /// What was expected, and what came.
    #[must_use]
    pub fn finding(&self) -> (String, String) {
        match self {
            Self::Crash(evidence) => ("a client that goes on".to_owned(), evidence.clone()),
            Self::Hang(within, evidence) => {
                (format!("an answer within {:.0} s", within.as_secs_f32()), evidence.clone())
            }
            Self::Stray(bytes) => ("one Outcome".to_owned(), bytes.clone()),
            Self::Driver(message) => ("a driver without a fault".to_owned(), message.clone()),
        }
    }
}

/// What a command led to.
pub type Told = Result<ok::Kind, Refused>;

/// The client did not do what it was asked to.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// It refuses.
    Reject(Reject),
    /// It cannot do this at all.
    Unsupported(String),
}

impl Refused {
    /// The code of a refusal.
    #[must_use]
    pub fn code(&self) -> Option<RejectReason> {
        match self {
            Self::Reject(reject) => Some(reject.code()),
            Self::Unsupported(_) => None,
        }
    }

    /// As the end of a case that needs the answer.
    #[must_use]
    pub fn stop(self, expected: &str) -> Stop {
        match self {
            Self::Reject(reject) => {
                let code = reject.code().as_str_name();
                Stop::fail(expected, format!("Reject {code}: {}", reject.message))
            }
            // A case is not begun where a capability that it needs is not declared: driver.proto.
            Self::Unsupported(what) => Stop::fail(expected, format!("Unsupported: {what}")),
        }
    }
}

/// Reads an Outcome.
fn told(kind: Option<outcome::Kind>) -> Result<Told, Fault> {
    match kind {
        Some(outcome::Kind::Ok(Done { kind: Some(kind) })) => Ok(Ok(kind)),
        Some(outcome::Kind::Ok(Done { kind: None })) => {
            Err(Fault::Stray("an Ok without what it is".to_owned()))
        }
        Some(outcome::Kind::Reject(reject)) => Ok(Err(Refused::Reject(reject))),
        Some(outcome::Kind::Unsupported(it)) => Ok(Err(Refused::Unsupported(it.message))),
        Some(outcome::Kind::DriverError(error)) => Err(Fault::Driver(error.message)),
        None => Err(Fault::Stray("an Outcome without what it is".to_owned())),
    }
}

fn command(kind: Kind) -> Command {
    Command { kind: Some(kind) }
}

/// How long the answer to a command may take.
fn patience(kind: &Kind, within: Duration) -> Duration {
    match kind {
        Kind::NextEvent(next) => within + Duration::from_millis(next.wait_ms.into()),
        _ => within,
    }
}

/// What a client says of itself.
pub type Ready = ClientReady;
