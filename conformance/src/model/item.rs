//! What is said to a server and what it says, with numbers for everything a byte string stands
//! for: key pairs, bundles, parts. Whoever drives a server turns numbers into bytes and back.

use edgewise_proto::v1::RejectCode;
use serde::{Deserialize, Serialize};

/// A key pair, by number.
pub type Pair = u32;
/// A connection, by the number of its first recipient key pair.
pub type Name = u32;
/// A whole hour since the Unix epoch.
pub type Hour = u32;

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Takes parts.
    Recipient,
    /// Hands parts in.
    Sender,
}

/// What a record can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// Made, not claimed.
    Open,
    /// One sender has claimed it.
    Claimed,
    /// Claimed, and takes no parts for now.
    Suspended,
}

/// A link's or a connection's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// Blocks of 1,024 bytes.
    Small,
    /// Blocks of 4,096 bytes.
    Medium,
    /// Blocks of 16,320 bytes.
    Large,
}

impl Class {
    /// Length of a part, in bytes (spec/frame.md, Sizes).
    #[must_use]
    pub const fn part_len(self) -> u32 {
        match self {
            Self::Small => 848,
            Self::Medium => 3_920,
            Self::Large => 16_144,
        }
    }
}

/// A key and its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The key pair.
    pub pair: Pair,
    /// 0 for the first key.
    pub version: u32,
    /// The first hour in which it may be used.
    pub not_before: Hour,
    /// The first hour in which it may no longer be used.
    pub not_after: Hour,
    /// Hours after that in which it may sign its replacement.
    pub grace: Hour,
}

/// One change of key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Change {
    /// The key that takes over.
    pub new: Key,
    /// The key that ends.
    pub old: Pair,
    /// Whether both keys have signed for this connection and role.
    pub signed: bool,
}

/// Make a connection, or restore it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Create {
    /// The connection that the recipient id names.
    pub name: Name,
    /// The recipient key.
    pub key: Key,
    /// The claim key pair.
    pub claim: Pair,
    /// The state asked for.
    pub state: State,
    /// The sender's key.
    pub sender: Option<Key>,
    /// The class asked for.
    pub class: Class,
    /// Parts the record keeps.
    pub quota: u32,
    /// Days it lives without its recipient.
    pub idle_days: u32,
    /// Days a part waits.
    pub part_days: u32,
    /// The bundle; none is empty.
    pub bundle: Option<u32>,
    /// Whether the recipient key has signed.
    pub recipient_signed: bool,
    /// Whether the claim key has signed.
    pub claim_signed: bool,
    /// Changes of the recipient key, oldest first.
    pub chain: Vec<Change>,
}

/// Prove a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attach {
    /// The handle asked for.
    pub handle: u32,
    /// The end of the connection.
    pub role: Role,
    /// The connection.
    pub name: Name,
    /// The key proven.
    pub pair: Pair,
    /// Its version.
    pub version: u32,
    /// The sender's lowest unanswered submission.
    pub from: u64,
    /// Whether the key has signed for this link.
    pub signed: bool,
    /// Changes of the role's key, oldest first.
    pub chain: Vec<Change>,
}

/// One request of a client; an acknowledgement too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Request {
    /// Make a connection, or restore it.
    Create(Box<Create>),
    /// Become the sender: claim key, sender's key, whether both have signed.
    Claim {
        /// The claim key pair, which names the connection.
        claim: Pair,
        /// The sender's key.
        key: Key,
        /// Whether both have signed for this link.
        signed: bool,
    },
    /// Prove a key.
    Attach(Box<Attach>),
    /// Hand in a part.
    Send {
        /// The attachment.
        handle: u32,
        /// From 0, one more each.
        submission: u64,
        /// The part's number.
        part: u32,
        /// Whether the part has the length of the link's class.
        whole: bool,
    },
    /// Ask for parts.
    Subscribe {
        /// The attachment.
        handle: u32,
        /// Window in parts.
        parts: u32,
        /// Window in bytes.
        bytes: u32,
    },
    /// Everything up to `through` is stored.
    Acknowledge {
        /// The attachment.
        handle: u32,
        /// The last sequence stored.
        through: u64,
    },
    /// Take no parts for now.
    Suspend {
        /// The attachment.
        handle: u32,
    },
    /// Take parts again.
    Resume {
        /// The attachment.
        handle: u32,
    },
    /// Change the key of the attachment's role.
    Rotate {
        /// The attachment.
        handle: u32,
        /// The connection that the signatures name: the attachment's.
        name: Name,
        /// The role that they name: the attachment's.
        role: Role,
        /// The change.
        change: Change,
    },
    /// Delete the connection.
    Delete {
        /// The attachment.
        handle: u32,
    },
    /// Give the handle back.
    Detach {
        /// The attachment.
        handle: u32,
    },
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// It took effect.
    Done,
    /// It had none; the code's number, and the submission expected.
    Refused {
        /// A `RejectCode`.
        code: i32,
        /// The submission expected, with GAP.
        next: u64,
    },
    /// The record's state.
    Created(State),
    /// The connection, its bundle and class.
    Claimed {
        /// The connection.
        name: Name,
        /// The bundle, none once it is deleted.
        bundle: Option<u32>,
        /// The connection's class.
        class: Class,
    },
    /// The record's incarnation, numbered in the order in which records were made, and the
    /// state or the next submission.
    Attached {
        /// The incarnation's number.
        incarnation: u32,
        /// For the recipient.
        state: Option<State>,
        /// For the sender; 0 for the recipient.
        next: u64,
    },
    /// What the recipient needs to know.
    Subscribed(Notice),
}

impl Answer {
    /// A refusal that carries nothing but its code.
    #[must_use]
    pub const fn refused(code: RejectCode) -> Self {
        Self::Refused { code: code as i32, next: 0 }
    }
}

/// What a subscription is told of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Notice {
    /// The state.
    pub state: State,
    /// The sender's key.
    pub sender: Option<Key>,
    /// Whether somebody else tried to claim it.
    pub conflict: bool,
}

/// What a server says unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// One part.
    Deliver {
        /// The attachment.
        handle: u32,
        /// From 1, one more each.
        sequence: u64,
        /// The part's number.
        part: u32,
    },
    /// The record has changed.
    Notice {
        /// The attachment.
        handle: u32,
        /// What it is now.
        notice: Notice,
    },
    /// Another link has subscribed.
    Replaced {
        /// The attachment.
        handle: u32,
    },
    /// The record is gone or has another recipient key or incarnation.
    Stale {
        /// The attachment.
        handle: u32,
    },
    /// There is room again.
    Space {
        /// The attachment.
        handle: u32,
    },
}

impl Event {
    /// The attachment that it is about.
    #[must_use]
    pub const fn handle(self) -> u32 {
        match self {
            Self::Deliver { handle, .. }
            | Self::Notice { handle, .. }
            | Self::Replaced { handle }
            | Self::Stale { handle }
            | Self::Space { handle } => handle,
        }
    }
}
