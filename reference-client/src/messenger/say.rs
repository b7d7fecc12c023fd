//! What a user can say and choose.

use edgewise_spec::link::Address;
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;

use crate::store::{ContactId, Position};

/// Something to say to a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Say {
    /// A text, not empty.
    Text(String),
    /// A text that answers a message of the history.
    Reply {
        /// The message.
        to: Position,
        /// The text.
        text: String,
    },
    /// Another text for a message of one's own.
    Edit {
        /// The message.
        of: Position,
        /// The text that takes its place.
        text: String,
    },
    /// A message of one's own is withdrawn.
    Delete {
        /// The message.
        of: Position,
    },
    /// A reaction to a message, given or taken back.
    Reaction {
        /// The message.
        to: Position,
        /// An emoji or a word.
        with: String,
        /// Given, or taken back.
        given: bool,
    },
    /// Somebody else's invitation, passed on: the card of a one-time invitation that they have made
    /// for this contact.
    Introduction {
        /// Who that is.
        name: String,
        /// The card's text.
        card: String,
    },
    /// The session becomes a broadcast of the user, by this name.
    OpenBroadcast(String),
    /// The user's broadcast is over.
    CloseBroadcast,
    /// A listener wants nothing more for now (`true`), or wants to hear again.
    PauseBroadcast(bool),
    /// An application's own.
    Custom {
        /// The application's name, such as a domain name turned around.
        name: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
}

/// How an invitation is made.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Whom it is for; the contact is called so until they say another name. May be empty.
    pub label: String,
    /// Whether what will be said can be shown to others.
    pub mode: Mode,
    /// How everything that is said will be split, over how many of the profile's servers: the
    /// first ones by rank.
    pub shape: Shape,
    /// The servers, where the profile's own are not wanted; the shape's n is then their number.
    pub servers: Vec<Address>,
    /// Hours until it is no longer good.
    pub hours: u32,
    /// Where the exchange with a contact is to be repeated: the session that comes of it is that
    /// contact's.
    pub contact: Option<ContactId>,
}

impl Default for Invite {
    fn default() -> Self {
        Self {
            label: String::new(),
            mode: Mode::Deniable,
            shape: Shape::SINGLE,
            servers: Vec::new(),
            hours: edgewise_spec::constants::INVITATION_HOURS,
            contact: None,
        }
    }
}

/// How an invitation is accepted.
#[derive(Clone, Debug, Default)]
pub struct Accept {
    /// What the user calls the contact; else what they call themselves.
    pub name: String,
    /// Whether the card was read by a camera from the inviter's screen.
    pub scanned: bool,
    /// Where the exchange with a contact is to be repeated.
    pub contact: Option<ContactId>,
}
