//! What can go wrong, with what, and what to do about it.

use edgewise_spec::cadence::TickMs;
use edgewise_spec::error::{LinkEnd, Misuse, Reject};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{DescriptionRefused, Equivocation};
use edgewise_spec::suite::SuiteId;

/// Why something did not work. Nothing in it names a connection or a key of one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No TCP connection, or no TLS, to this edge.
    #[error("cannot reach {edge}: {why}; check the address, and whether the server runs")]
    Unreachable {
        /// Host and port.
        edge: String,
        /// What the operating system or TLS says.
        why: String,
    },
    /// Something took longer than the options allow.
    #[error("{what} of {edge} took longer than {seconds} s")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// Host and port.
        edge: String,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The server's Description is not acceptable, or not this server's.
    #[error("the description of {edge} is refused: {why}; do not use this server at this address")]
    Description {
        /// Host and port.
        edge: String,
        /// Which rule it breaks.
        why: DescriptionRefused,
    },
    /// The server showed two keys for one epoch: it, or whoever holds its identity key, lies to
    /// some of its users. Both records are the proof.
    #[error("the server has signed two keys for epoch {}: keep both records as proof and do not use it", .0.seen.number())]
    Equivocation(Box<Equivocation>),
    /// None of the epoch records that the server shows is valid now.
    #[error("no epoch record of {edge} is valid at second {second}; check this machine's clock")]
    NoEpoch {
        /// Host and port.
        edge: String,
        /// The time that was compared, in seconds since the Unix epoch.
        second: u64,
    },
    /// The server does not offer the class that was asked for.
    #[error("the server offers the classes {offered:?}, not {asked:?}")]
    ClassNotOffered {
        /// The class that was asked for.
        asked: Class,
        /// What the Description lists.
        offered: Vec<Class>,
    },
    /// The server or this machine does not have the suite that was asked for.
    #[error("suite {asked:?} is not to be had; the server offers {offered:?}")]
    SuiteNotOffered {
        /// The suite that was asked for.
        asked: SuiteId,
        /// What the Description lists.
        offered: Vec<SuiteId>,
    },
    /// The server does not offer the tick that was asked for.
    #[error("the server offers ticks of {} ms, not of {} ms", millis(.offered), .asked.millis())]
    TickNotOffered {
        /// The tick that was asked for.
        asked: TickMs,
        /// What the Description lists.
        offered: Vec<TickMs>,
    },
    /// The server asks for an access password, and the options have none.
    #[error("the server asks for an access password to create connections; set it in the options")]
    PasswordNeeded,
    /// The access password cannot be stretched.
    #[error("the access password cannot be used: it is too long, or there is no memory for it")]
    PasswordUnusable,
    /// The server refused a request; the link goes on.
    #[error("the server refused: {0}")]
    Refused(Reject),
    /// The link is over.
    #[error("the link is over: {0}; open another")]
    Ended(LinkEnd),
    /// The carrier failed under the link; what was unanswered may or may not have taken effect.
    #[error("the connection to the server was lost: {0}; open another link")]
    Lost(String),
    /// The server does not speak the carrier's protocol.
    #[error("this is no Edgewise server, or a broken one: {0}")]
    Carrier(&'static str),
    /// The caller did something that the documentation forbids.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

impl Error {
    /// Whether trying again later can help: false for a server that must not be used, and for
    /// faults of the caller.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::NoEpoch { .. }
                | Self::Ended(_)
                | Self::Lost(_)
                | Self::Refused(Reject::Unavailable | Reject::Quota | Reject::Full)
        )
    }

    /// Whether another place of the same server may do better: what a place shows, or does not,
    /// and not what its identity has signed.
    pub(crate) const fn is_of_place(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Description { .. }
                | Self::NoEpoch { .. }
                | Self::ClassNotOffered { .. }
                | Self::SuiteNotOffered { .. }
                | Self::Ended(_)
                | Self::Lost(_)
                | Self::Carrier(_)
        )
    }
}

fn millis(ticks: &[TickMs]) -> String {
    let ticks: Vec<String> = ticks.iter().map(|tick| tick.millis().to_string()).collect();
    ticks.join(", ")
}

impl From<Reject> for Error {
    fn from(reject: Reject) -> Self {
        Self::Refused(reject)
    }
}

impl From<h2::Error> for Error {
    fn from(error: h2::Error) -> Self {
        Self::Lost(error.to_string())
    }
}
