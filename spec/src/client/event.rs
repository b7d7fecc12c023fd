//! What a link tells its user.

use edgewise_proto::v1::{self, EndReason, State};

use crate::error::{LinkEnd, Reject};

/// What an accepted request was answered with.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It took effect, or had done so before.
    Done,
    /// Of a Create: the state that the record has now.
    Created(State),
    /// Of a Claim: recipient id, bundle and class.
    Claimed(Box<v1::Claimed>),
    /// Of an Attach: incarnation, state or next submission.
    Attached(v1::Attached),
    /// Of a Subscribe: what the recipient needs to know of the record.
    Subscribed(v1::Notice),
}

/// What a server said.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The server has proved its identity; the transcript is known.
    Opened,
    /// The one answer to the request that was submitted with this token.
    Answered {
        /// As handed to [`ClientLink::submit`](super::ClientLink::submit).
        token: u64,
        /// What came of it.
        result: Result<Answer, Reject>,
    },
    /// One part of a subscription, in order.
    Deliver(v1::Deliver),
    /// A subscribed record has changed.
    Notice(v1::Notice),
    /// A subscription is over; the attachment stays until it is detached.
    Ended {
        /// The attachment.
        handle: u32,
        /// Why.
        reason: EndReason,
    },
    /// There is room again for a sender that was refused with QUOTA.
    Space {
        /// The attachment.
        handle: u32,
    },
}

/// What [`ClientLink::poll_block`](super::ClientLink::poll_block) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// There is nothing to send.
    Nothing,
    /// One block was appended.
    Block,
    /// The last block was appended; the carrier ends after it.
    Last(LinkEnd),
}
