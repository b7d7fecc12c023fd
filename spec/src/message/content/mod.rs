//! What a message says: its type and its fields.

mod read;
mod write;

use super::MessageId;
use super::field::{Fault, Fields};
use crate::constants::{HASH_LEN, VK_LEN};
use crate::require;
use crate::session::Mode;

/// The numbers of the known types.
pub mod kind {
    /// A text.
    pub const TEXT: u16 = 1;
    /// Name, words about oneself, picture.
    pub const PROFILE: u16 = 2;
    /// The claimer's first message.
    pub const HELLO: u16 = 3;
    /// Messages were delivered, or read.
    pub const RECEIPT: u16 = 4;
    /// Another text for an own message.
    pub const EDIT: u16 = 5;
    /// An own message is withdrawn.
    pub const DELETE: u16 = 6;
    /// A text that answers a message.
    pub const REPLY: u16 = 7;
    /// A reaction to a message.
    pub const REACTION: u16 = 8;
    /// Somebody else's invitation, passed on.
    pub const INTRODUCTION: u16 = 9;
    /// Control of a broadcast.
    pub const BROADCAST: u16 = 10;
    /// A connection of this direction moves.
    pub const MOVE: u16 = 11;
    /// The answer to a move.
    pub const MOVED: u16 = 12;
    /// Control of a group.
    pub const GROUP: u16 = 13;
    /// Control of an own device.
    pub const DEVICE: u16 = 14;
    /// An application's own.
    pub const CUSTOM: u16 = 15;
    /// An invitation for the day when the session is lost for good.
    pub const STANDBY: u16 = 16;
    /// A message of the session before this one, said again.
    pub const AGAIN: u16 = 17;

    /// Whether messages of this type can be said again.
    pub(super) const fn can_be_repeated(kind: u16) -> bool {
        matches!(kind, TEXT | REPLY | INTRODUCTION | CUSTOM)
    }
}

/// Why a content is refused: it breaks a rule of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentRefused {
    /// It ends too soon.
    #[error("the content ends within its {0}")]
    Short(&'static str),
    /// A field is too long.
    #[error("the content's {field} has {got} bytes, at most {max} are allowed")]
    Long {
        /// The field.
        field: &'static str,
        /// Its greatest length.
        max: usize,
        /// Its length.
        got: usize,
    },
    /// A text is empty, not UTF-8, or holds characters that are not allowed there.
    #[error("the content's {0} is empty, not UTF-8, or holds a control character")]
    Text(&'static str),
    /// A field has a value outside its list.
    #[error("the content's {field} is {got}, which means nothing")]
    Value {
        /// The field.
        field: &'static str,
        /// Its value.
        got: u32,
    },
    /// Bytes follow the last field.
    #[error("{0} bytes follow the content's last field")]
    Surplus(usize),
    /// A hello has no acceptable key in an attested session, or has one in a deniable session.
    #[error("a hello carries an acceptable key in an attested session, and none in a deniable one")]
    Key,
}

impl From<Fault> for ContentRefused {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Short(field) => Self::Short(field),
            Fault::Long { field, max, got } => Self::Long { field, max, got },
            Fault::Text(field) => Self::Text(field),
        }
    }
}

/// Whose message is meant, as seen by the sender of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Whose {
    /// One of its own.
    Mine = 1,
    /// One that it has received.
    Yours = 2,
}

/// A message of either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Whose it is.
    pub whose: Whose,
    /// Its id.
    pub id: MessageId,
}

/// What is known of oneself.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Profile {
    /// A name, at most NAME_LEN_MAX bytes.
    pub name: String,
    /// Words about oneself, at most ABOUT_LEN_MAX bytes.
    pub about: String,
    /// A picture in a format that it names itself; empty for none.
    pub picture: Vec<u8>,
}

/// The claimer's first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The connections to the claimer, 1 to SERVERS_MAX, as the invitation chapter encodes them.
    pub descriptors: Vec<Vec<u8>>,
    /// The key that signs for the claimer; in an attested session, and only there.
    pub vk: Option<[u8; VK_LEN]>,
    /// A name, at most NAME_LEN_MAX bytes.
    pub name: String,
    /// The text of a card for the day when the session is lost for good; may be empty.
    pub standby: Vec<u8>,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Seen {
    /// The recipient's client has stored it (MESSAGE-31).
    Delivered = 1,
    /// The recipient has read it, and wants that to be known (MESSAGE-32).
    Read = 2,
}

/// Messages were delivered, or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// How far they have come.
    pub seen: Seen,
    /// Id and hash of each, 1 to RECEIPTS_MAX.
    pub messages: Vec<(MessageId, [u8; HASH_LEN])>,
}

/// Control of a broadcast, in which one end says things and the other only listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broadcast {
    /// From now on only the sender of this says things.
    Open {
        /// The broadcast's name, at most NAME_LEN_MAX bytes.
        name: String,
    },
    /// The broadcast is over: both ends may say things again.
    Close,
    /// The listener wants nothing more for now.
    Pause,
    /// The listener wants to hear again.
    Resume,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A text, not empty.
    Text(String),
    /// Name, words about oneself, picture.
    Profile(Profile),
    /// The claimer's first message.
    Hello(Hello),
    /// Messages were delivered, or read.
    Receipt(Receipt),
    /// Another text for an own message (MESSAGE-20).
    Edit {
        /// The own message.
        id: MessageId,
        /// The text that takes its place, not empty.
        text: String,
    },
    /// An own message is withdrawn (MESSAGE-20).
    Delete {
        /// The own message.
        id: MessageId,
    },
    /// A text that answers a message.
    Reply {
        /// The message.
        to: Reference,
        /// The text, not empty.
        text: String,
    },
    /// A reaction to a message.
    Reaction {
        /// The message.
        to: Reference,
        /// Whether it is given or taken back.
        given: bool,
        /// An emoji or a word, 1 to REACTION_LEN_MAX bytes.
        with: String,
    },
    /// Somebody else's invitation, passed on.
    Introduction {
        /// Who that is, at most NAME_LEN_MAX bytes.
        name: String,
        /// The text of a card, 1 to CARD_LEN_MAX bytes.
        card: Vec<u8>,
    },
    /// Control of a broadcast.
    Broadcast(Broadcast),
    /// A connection to the sender of this moves.
    Move {
        /// Counts the moves of the direction.
        number: u32,
        /// The connection's place, below n.
        place: u8,
        /// The new connection, as the invitation chapter encodes it, its base included.
        descriptor: Vec<u8>,
    },
    /// The answer to a move.
    Moved {
        /// The move's.
        number: u32,
        /// The move's.
        place: u8,
        /// The first s whose part goes over the new connection.
        s: u32,
    },
    /// Control of a group.
    Group {
        /// What is asked; 0 is nothing.
        operation: u8,
        /// As the chapter of groups says.
        bytes: Vec<u8>,
    },
    /// Control of an own device.
    Device {
        /// What is asked; 0 is nothing.
        operation: u8,
        /// As the chapter of devices says.
        bytes: Vec<u8>,
    },
    /// An application's own.
    Custom {
        /// Whose, such as `org.example.chess`, 1 to NAME_LEN_MAX bytes.
        name: String,
        /// The application's.
        bytes: Vec<u8>,
    },
    /// An invitation for the day when the session is lost for good: the text of its card, 1 to
    /// CARD_LEN_MAX bytes. It takes the place of the one before.
    Standby(Vec<u8>),
    /// A message of the session before this one, said again.
    Again {
        /// The id under which it was said first (MESSAGE-36).
        id: MessageId,
        /// The hash under which it was said first.
        hash: [u8; HASH_LEN],
        /// What it says now: a text, a reply, an introduction or an application's own.
        content: Box<Self>,
    },
    /// Of a type that this revision does not know: kept, and shown as such (MESSAGE-18).
    Unknown {
        /// The type.
        kind: u16,
        /// All of it.
        bytes: Vec<u8>,
    },
}

impl Content {
    /// The number of the type.
    #[must_use]
    pub const fn kind(&self) -> u16 {
        match self {
            Self::Text(_) => kind::TEXT,
            Self::Profile(_) => kind::PROFILE,
            Self::Hello(_) => kind::HELLO,
            Self::Receipt(_) => kind::RECEIPT,
            Self::Edit { .. } => kind::EDIT,
            Self::Delete { .. } => kind::DELETE,
            Self::Reply { .. } => kind::REPLY,
            Self::Reaction { .. } => kind::REACTION,
            Self::Introduction { .. } => kind::INTRODUCTION,
            Self::Broadcast(_) => kind::BROADCAST,
            Self::Move { .. } => kind::MOVE,
            Self::Moved { .. } => kind::MOVED,
            Self::Group { .. } => kind::GROUP,
            Self::Device { .. } => kind::DEVICE,
            Self::Custom { .. } => kind::CUSTOM,
            Self::Standby(_) => kind::STANDBY,
            Self::Again { .. } => kind::AGAIN,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Whether the listener of a broadcast may send it (MESSAGE-21).
    #[must_use]
    pub const fn is_control(&self) -> bool {
        matches!(
            self,
            Self::Receipt(_)
                | Self::Broadcast(_)
                | Self::Move { .. }
                | Self::Moved { .. }
                | Self::Standby(_)
        )
    }

    /// Whether it can be said again in another session, inside a [`Content::Again`].
    #[must_use]
    pub const fn can_be_repeated(&self) -> bool {
        kind::can_be_repeated(self.kind())
    }

    /// The one encoding of this content.
    ///
    /// # Errors
    /// [`ContentRefused`]: nothing is encoded that [`decode`](Self::decode) would refuse.
    pub fn encode(&self, mode: Mode) -> Result<Vec<u8>, ContentRefused> {
        let mut out = Vec::new();
        write::content(self, &mut out).ok_or(ContentRefused::Long {
            field: "length",
            max: usize::from(u16::MAX),
            got: out.len(),
        })?;
        // The rules stand in one place: where contents are read.
        Self::decode(mode, self.kind(), &out)?;
        Ok(out)
    }

    /// Reads the content of a message.
    ///
    /// # Errors
    /// [`ContentRefused`] for the first fault (MESSAGE-19): the message is kept all the same.
    pub fn decode(mode: Mode, kind: u16, bytes: &[u8]) -> Result<Self, ContentRefused> {
        let mut fields = Fields(bytes);
        let content = read::content(mode, kind, &mut fields)?;
        let rest = fields.0.len();
        require!(MESSAGE_19, rest == 0, ContentRefused::Surplus(rest));
        Ok(content)
    }
}
