//! What is asked of a record, and what comes of it.

use bytes::Bytes;
use edgewise_proto::v1::{Role, State};

use super::{Attach, Claim, Create, Deposit, Id, Notice};
use crate::frame::Class;
use crate::rotation::Change;
use crate::store::{Place, Slot};

/// By whom an operation is asked: an attachment, and what it was bound to when it attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct By {
    /// Where the record was then.
    pub slot: Slot,
    /// The record's incarnation then.
    pub incarnation: u64,
    /// The version of the role's key then.
    pub version: u32,
    /// The end of the connection.
    pub role: Role,
    /// The attachment.
    pub place: Place,
}

/// One operation on one record. Everything that can be judged without the record has been.
#[derive(Clone, Debug)]
pub enum Op {
    /// Make the connection, or take it back.
    Create(Box<Create>),
    /// Become its sender.
    Claim(Box<Claim>),
    /// Leave a part at a connection of kind address.
    Deposit(Box<Deposit>),
    /// Prove a key.
    Attach(Box<Attach>),
    /// Hand in one part.
    Send {
        /// Who asks.
        by: By,
        /// Its number, from 0.
        submission: u64,
        /// The part; the store keeps a copy of exact size.
        part: Bytes,
    },
    /// Ask for parts.
    Subscribe {
        /// Who asks.
        by: By,
    },
    /// Delete what is stored by the recipient.
    Acknowledge {
        /// Who asks.
        by: By,
        /// Up to this sequence, which has been delivered to the subscription.
        through: u64,
    },
    /// Take no parts for now.
    Suspend {
        /// Who asks.
        by: By,
    },
    /// Take parts again.
    Resume {
        /// Who asks.
        by: By,
    },
    /// Change the role's key.
    Rotate {
        /// Who asks.
        by: By,
        /// To what, signed by both keys.
        change: Box<Change>,
    },
    /// Delete the connection.
    Delete {
        /// Who asks.
        by: By,
    },
    /// The attachment is over: forget its subscription and that it waits.
    Detach {
        /// Who asks.
        by: By,
    },
}

/// How the record of an operation is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Find {
    /// By recipient id.
    Recipient(Id),
    /// By sender id.
    Sender(Id),
    /// It was found when its key was proven.
    Slot(Slot),
}

impl Op {
    /// How its record is found.
    #[must_use]
    pub fn find(&self) -> Find {
        match self {
            Self::Create(create) => Find::Recipient(create.recipient_id),
            Self::Claim(claim) => Find::Sender(claim.sender_id),
            Self::Deposit(deposit) => Find::Sender(deposit.sender_id),
            Self::Attach(attach) => Find::Recipient(attach.recipient_id),
            Self::Send { by, .. }
            | Self::Subscribe { by }
            | Self::Acknowledge { by, .. }
            | Self::Suspend { by }
            | Self::Resume { by }
            | Self::Rotate { by, .. }
            | Self::Delete { by }
            | Self::Detach { by } => Find::Slot(by.slot),
        }
    }
}

/// What an accepted operation answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It took effect, or had taken it before.
    Done,
    /// The connection exists, in this state.
    Created(State),
    /// The claimer is the sender; or, of kind address, has the bundle.
    Claimed {
        /// The recipient id; not of kind address.
        recipient_id: Option<Id>,
        /// The connection's class.
        class: Class,
        /// The bundle; empty once a Send was accepted.
        bundle: Bytes,
    },
    /// The key is the record's.
    Attached {
        /// Where the record is.
        slot: Slot,
        /// Its incarnation.
        incarnation: u64,
        /// Its state.
        state: State,
        /// The submission it expects.
        next: u64,
    },
    /// The subscription has begun.
    Subscribed(Notice),
}
