//! Errors, sorted by who is to blame. Chapter: `spec/error.md`.
//!
//! [`Reject`] and [`LinkEnd`] blame the peer and go on the wire; [`Misuse`] blames the caller of
//! this crate; a fault of our own is [`GoodbyeCode::Fault`] to the peer and a [`Bug`] to us.

pub use edgewise_proto::v1::{GoodbyeCode, RejectCode};

/// Why a request had no effect: one value of `RejectCode`, one row of the error chapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The item's kind is unknown to this server.
    #[error("item of a kind that the server does not know")]
    UnsupportedItem,
    /// A field has a wrong length or a value outside its range.
    #[error("a field has a wrong length or value")]
    Malformed,
    /// The common refusal (ERROR-4).
    #[error("refused: unknown connection, wrong key, wrong class, or stale attachment")]
    Refused,
    /// A signature does not verify under the key that the request carries.
    #[error("a signature of the request does not verify")]
    BadSignature,
    /// The handle names no attachment of this role.
    #[error("the handle names no attachment of this role")]
    NotAttached,
    /// The handle is in use or not the next one.
    #[error("the handle is in use or not the next one")]
    HandleTaken,
    /// Somebody else claimed the connection first.
    #[error("somebody else has claimed the connection")]
    Conflict,
    /// The submission is ahead of the server's.
    #[error("submission ahead of the server's, which expects {next}")]
    Gap {
        /// The submission that the server expects.
        next: u64,
    },
    /// No room for another part now.
    #[error("no room for another part now")]
    Quota,
    /// The key's time is over.
    #[error("the key's time is over")]
    KeyExpired,
    /// The key's time has not begun.
    #[error("the key's time has not begun")]
    KeyNotYetValid,
    /// The operation is not for the connection's present state.
    #[error("not in the connection's present state")]
    WrongState,
    /// The request must be made over a medium link.
    #[error("this request needs a medium link")]
    WrongLinkClass,
    /// The access password is missing or wrong.
    #[error("the server's access password is missing or wrong")]
    AccessDenied,
    /// The server, or this link, keeps no more.
    #[error("the server keeps no more")]
    Full,
    /// A value outside its closed list, or unacceptable times of a key.
    #[error("a value is outside its closed list, or a key's times are not acceptable")]
    Terms,
    /// The store could not be reached.
    #[error("the server's store could not be reached; ask again")]
    Unavailable,
}

impl Reject {
    /// The code that goes on the wire.
    #[must_use]
    pub const fn code(self) -> RejectCode {
        match self {
            Self::UnsupportedItem => RejectCode::UnsupportedItem,
            Self::Malformed => RejectCode::Malformed,
            Self::Refused => RejectCode::Refused,
            Self::BadSignature => RejectCode::BadSignature,
            Self::NotAttached => RejectCode::NotAttached,
            Self::HandleTaken => RejectCode::HandleTaken,
            Self::Conflict => RejectCode::Conflict,
            Self::Gap { .. } => RejectCode::Gap,
            Self::Quota => RejectCode::Quota,
            Self::KeyExpired => RejectCode::KeyExpired,
            Self::KeyNotYetValid => RejectCode::KeyNotYetValid,
            Self::WrongState => RejectCode::WrongState,
            Self::WrongLinkClass => RejectCode::WrongLinkClass,
            Self::AccessDenied => RejectCode::AccessDenied,
            Self::Full => RejectCode::Full,
            Self::Terms => RejectCode::Terms,
            Self::Unavailable => RejectCode::Unavailable,
        }
    }

    /// The message that goes on the wire; `next` only with GAP (ERROR-3).
    #[must_use]
    pub fn to_wire(self) -> edgewise_proto::v1::Reject {
        let next = if let Self::Gap { next } = self { next } else { 0 };
        edgewise_proto::v1::Reject { code: self.code().into(), next }
    }

    /// Reads a refusal of a server; `None` for a code that this revision does not have.
    #[must_use]
    pub fn from_wire(wire: &edgewise_proto::v1::Reject) -> Option<Self> {
        Some(match RejectCode::try_from(wire.code).ok()? {
            RejectCode::Unspecified => return None,
            RejectCode::UnsupportedItem => Self::UnsupportedItem,
            RejectCode::Malformed => Self::Malformed,
            RejectCode::Refused => Self::Refused,
            RejectCode::BadSignature => Self::BadSignature,
            RejectCode::NotAttached => Self::NotAttached,
            RejectCode::HandleTaken => Self::HandleTaken,
            RejectCode::Conflict => Self::Conflict,
            RejectCode::Gap => Self::Gap { next: wire.next },
            RejectCode::Quota => Self::Quota,
            RejectCode::KeyExpired => Self::KeyExpired,
            RejectCode::KeyNotYetValid => Self::KeyNotYetValid,
            RejectCode::WrongState => Self::WrongState,
            RejectCode::WrongLinkClass => Self::WrongLinkClass,
            RejectCode::AccessDenied => Self::AccessDenied,
            RejectCode::Full => Self::Full,
            RejectCode::Terms => Self::Terms,
            RejectCode::Unavailable => Self::Unavailable,
        })
    }
}

/// Why a link is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkEnd {
    /// Before the link was confirmed: a bare status, the table of `spec/link.md`.
    #[error("the handshake was refused: {0:?}")]
    Refused(Status),
    /// This end says goodbye, in a last block.
    #[error("ended here: {0:?}")]
    Ours(GoodbyeCode),
    /// The peer said goodbye.
    #[error("ended by the peer: {0:?}")]
    Theirs(GoodbyeCode),
}

/// The gRPC statuses that can refuse a stream before it has keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// The hello, its padding, its keys or its options are not acceptable.
    InvalidArgument = 3,
    /// The hello was not complete and confirmed in time.
    DeadlineExceeded = 4,
    /// Too many unconfirmed streams, or too many links.
    ResourceExhausted = 8,
    /// The epoch is not one of the three that are accepted: describe again.
    FailedPrecondition = 9,
    /// The tick is not one that the server offers.
    OutOfRange = 11,
    /// The suite is not offered.
    Unimplemented = 12,
    /// The server is going away.
    Unavailable = 14,
}

/// The caller of this crate did something that its documentation forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// An item does not fit the rest of a block.
    #[error("the item does not fit the block")]
    ItemTooLong,
    /// More requests than REQUESTS_MAX without an answer.
    #[error("too many unanswered requests; wait for results first")]
    TooManyRequests,
    /// The link is not open.
    #[error("the link is not open")]
    NotOpen,
    /// A buffer does not have the length of the link's block.
    #[error("buffer of {0} bytes is not a block of this link")]
    BlockLength(usize),
    /// All HANDLES_MAX handles of the link are taken.
    #[error("the link has no free handle; detach one first, or open another link")]
    NoHandle,
    /// The change of key before is not confirmed by an attach under its new key.
    #[error("the key changed before is not confirmed yet; attach under it first")]
    ChangePending,
    /// A key's version does not rise.
    #[error("the new key's version is not above the present key's")]
    Version,
    /// The connection has no recipient id yet.
    #[error("the connection is not claimed yet")]
    NotClaimed,
    /// A key of the sender is not stored yet.
    #[error("store the sender's key first, then acknowledge")]
    SenderKeyNotStored,
    /// A phase is not below its tick.
    #[error("a phase of {phase} ms is not below its tick of {tick} ms")]
    Phase {
        /// The phase, in milliseconds.
        phase: u32,
        /// The tick, in milliseconds.
        tick: u32,
    },
}

/// A fault of this crate itself. It never carries data of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("internal fault: {0}")]
pub struct Bug(pub &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_wire() {
        for number in 1..=17 {
            let wire = edgewise_proto::v1::Reject { code: number, next: 0 };
            let reject = Reject::from_wire(&wire).unwrap();
            assert_eq!(reject.to_wire(), wire, "{reject:?}");
        }
        assert_eq!(Reject::from_wire(&edgewise_proto::v1::Reject { code: 18, next: 0 }), None);
    }
}
