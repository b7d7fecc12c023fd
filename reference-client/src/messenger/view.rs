//! What a user is shown: plain values, made from the store.

use edgewise_spec::link::Address;
use edgewise_spec::message::Link;
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;
use edgewise_spec::time::Now;

use crate::store::{
    ContactId, Delivery, Direction, Given, InvitationId, Position, ProfileId, ServerId, Verified,
};

/// One of the user's profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileView {
    /// Its id.
    pub id: ProfileId,
    /// The name that contacts are told.
    pub name: String,
    /// Words about oneself that contacts are told; may be empty.
    pub about: String,
    /// A picture that contacts are told; may be empty.
    pub picture: Vec<u8>,
    /// Whether receipts of delivery are sent.
    pub delivery_receipts: bool,
    /// Whether receipts of reading are sent; off until the user switches it on (MESSAGE-32).
    pub read_receipts: bool,
}

/// A server that a profile makes its connections on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerView {
    /// Its id.
    pub id: ServerId,
    /// Where it is and who it is.
    pub address: Address,
    /// Where else it is, as its last Description has told this profile.
    pub others: Vec<Address>,
    /// Whether a password is stored for it.
    pub password: bool,
    /// How many of the profile's connections are on it, of either direction.
    pub connections: usize,
    /// Whether a link to it is up now, as far as this client knows.
    pub reached: bool,
    /// Parts that it, or whoever took its place, has altered on their way to the profile, over the
    /// connections that there are (SCATTER-13).
    pub altered: u32,
}

/// Whether enough of a direction's connections carry what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// All of them do.
    Whole,
    /// Some do not, and the others are still enough.
    Enough,
    /// Too few do: nothing comes through now. What is said waits, and is not lost.
    TooFew,
}

/// How a server does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is reached, as far as this client knows.
    Answering,
    /// It is not reached.
    Silent,
    /// It has brought what nobody had sealed for it, whether it is reached or not: it, or whoever
    /// took its place, alters what it carries, or the contact's program is broken.
    Lying,
}

/// Whether a contact can be talked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// An invitation was accepted, and its servers are being claimed.
    Joining,
    /// Everything is claimed; what is said waits for the contact's first answer.
    Waiting,
    /// Both ends have heard one another.
    Ready,
    /// Nothing goes any more: the session is over, or the servers of all connections to the contact
    /// or from them are gone for good (INVITATION-54).
    Lost,
}

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactView {
    /// Its id.
    pub id: ContactId,
    /// The profile that talks with them.
    pub profile: ProfileId,
    /// What the user calls them.
    pub name: String,
    /// What they call themselves; may be empty.
    pub said_name: String,
    /// What they say about themselves; may be empty.
    pub about: String,
    /// Whether they are who the user thinks.
    pub verified: Verified,
    /// Whether nothing of them is shown any more.
    pub blocked: bool,
    /// Whether they can be talked with.
    pub reach: Reach,
    /// Whether what is said can be shown to others; `None` while it is not known.
    pub mode: Option<Mode>,
    /// Received messages that the user has not seen.
    pub unread: u64,
    /// The newest message that is shown.
    pub last: Option<MessageView>,
    /// The connections to and from them.
    pub connections: Vec<ConnectionView>,
    /// How what is said is split; `None` without a session.
    pub shape: Option<Shape>,
    /// Whether what the user says gets through; `None` before there are connections to the contact.
    pub sending: Option<Flow>,
    /// Whether what the contact says gets through; `None` without a session.
    pub receiving: Option<Flow>,
    /// What kind of broadcast this is, if it is one.
    pub broadcast: Option<BroadcastRole>,
    /// Whether they have given a standby invitation, for the day when the session is lost for good.
    pub standby: bool,
    /// Since when they are a contact.
    pub since: Now,
}

/// Who speaks in a broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastRole {
    /// The user alone.
    Source,
    /// The contact alone.
    Listener,
}

/// One end of a connection with a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionView {
    /// Whether it carries what the user says, or what the contact says.
    pub direction: Direction,
    /// Its place among the connections of its direction.
    pub place: u8,
    /// The server.
    pub server: Address,
    /// Whether it is up, as far as this client knows.
    pub up: bool,
    /// Parts that the server has not accepted yet; 0 for a recipient.
    pub waiting: usize,
    /// Parts that were not what the contact had sealed: the server, or whoever took its place,
    /// altered them (SCATTER-13).
    pub bad: u32,
    /// Parts that belong to nothing that is awaited. A slow server brings some.
    pub stray: u32,
    /// Parts that were sealed for this connection and did not belong to their cell (SCATTER-23).
    pub wrong: u32,
    /// How its server does.
    pub standing: Standing,
    /// Whether it is reached, and the last part that it brought was what had been sealed.
    pub carries: bool,
}

/// What is shown of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageView {
    /// Its place in the contact's history.
    pub position: Position,
    /// Who said it.
    pub direction: Direction,
    /// When, as its sender says.
    pub time: Now,
    /// When it was stored here.
    pub stored: Now,
    /// How far it got.
    pub delivery: Delivery,
    /// What was said.
    pub said: Said,
    /// Whether the text is another than at first.
    pub edited: bool,
    /// Reactions to it, as they stand.
    pub reactions: Vec<ReactionView>,
    /// What is wrong with it.
    pub marks: Vec<Mark>,
}

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// A text.
    Text(String),
    /// A text that answers a message; `None` for one that is not known here.
    Reply {
        /// The message, if it is in this history.
        to: Option<Position>,
        /// The text.
        text: String,
    },
    /// It was withdrawn by its author.
    Deleted,
    /// Somebody else's invitation, passed on: accept `card` to talk with them.
    Introduction {
        /// Who that is, as the contact says.
        name: String,
        /// The card.
        card: String,
    },
    /// The contact, or the user, has told another profile.
    Profile {
        /// The name.
        name: String,
    },
    /// The session became a broadcast, or is none any more.
    Broadcast(String),
    /// An application's own.
    Custom {
        /// The application's name.
        name: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A type that this program does not know (MESSAGE-18).
    Unknown {
        /// Number of the type.
        kind: u16,
        /// Length of its content, in bytes.
        len: usize,
    },
    /// It breaks a rule of its type, and nothing was done (MESSAGE-19).
    Unreadable {
        /// Number of the type.
        kind: u16,
        /// Which rule.
        why: String,
    },
    /// A message of the contact that was given up, since parts of it never came (MESSAGE-8).
    Unreceived {
        /// Its number.
        number: u32,
    },
    /// A notice of this program, in the place where it belongs.
    Notice(String),
}

/// A reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionView {
    /// Whose it is.
    pub direction: Direction,
    /// An emoji or a word.
    pub with: String,
}

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The messages with these numbers were missing when it arrived (MESSAGE-12).
    Gap {
        /// The lowest number.
        first: u32,
        /// The highest number.
        last: u32,
    },
    /// It contradicts another message of the contact (MESSAGE-13, MESSAGE-14).
    Fork {
        /// The number of that one.
        with: u32,
    },
    /// It names a message as received that was never sent, or was another (MESSAGE-17).
    Mismatch {
        /// The number that it names.
        number: u32,
    },
}

impl Mark {
    pub(super) const fn of(link: Link) -> Option<Self> {
        match link {
            Link::Gap { first, last } => Some(Self::Gap { first, last }),
            Link::Fork { with } => Some(Self::Fork { with }),
            Link::Next | Link::Filled | Link::Duplicate | Link::Stale => None,
        }
    }
}

/// An invitation that a profile made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationView {
    /// Its id.
    pub id: InvitationId,
    /// The profile that made it.
    pub profile: ProfileId,
    /// Whom it is for, as the user says.
    pub label: String,
    /// How it left this device.
    pub given: Given,
    /// Whether its card may be handed on: every connection of it exists (INVITATION-26).
    pub ready: bool,
    /// Whether somebody has claimed it.
    pub claimed: bool,
    /// Whether what will be said can be shown to others.
    pub mode: Mode,
    /// How what is said will be split.
    pub shape: Shape,
    /// Its servers.
    pub servers: Vec<Address>,
    /// When it was made.
    pub made: Now,
    /// The first hour, since the Unix epoch, in which it is no longer good.
    pub not_after: u32,
}

/// Why an invitation, made or accepted, is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AbandonReason {
    /// Two have claimed it: somebody else has seen the card. Hand on a new one, in another way.
    Conflict,
    /// Nobody claimed it in time.
    Expired,
    /// It was taken back.
    Withdrawn,
    /// What the servers hold is not the bundle that the card names.
    Bundle,
    /// Its servers have refused it: it was used, taken back, or is over.
    Refused,
}

impl core::fmt::Display for AbandonReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Conflict => {
                "somebody else has claimed the invitation, so others have seen it; hand on a new one, in another way"
            }
            Self::Expired => "the invitation's time is over; hand on a new one",
            Self::Withdrawn => "the invitation was taken back",
            Self::Bundle => "what the servers hold is not what the invitation names; ask for a new one",
            Self::Refused => "the servers refuse the invitation: it was used, taken back, or is over; ask for a new one",
        })
    }
}

/// What both people compare (SESSION-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyView {
    /// Sixty digits in groups of five: the same at both ends for the whole session.
    pub number: String,
    /// The last steps that this end knows, with their digits; the ends have at least one in common.
    pub steps: Vec<(u32, String)>,
}

/// A contact address of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressView {
    /// The profile that it reaches.
    pub profile: ProfileId,
    /// The card, for anyone; `None` until every connection of it exists.
    pub card: Option<String>,
    /// The version of its bundle.
    pub version: u32,
    /// Its servers.
    pub servers: Vec<Address>,
    /// Who has asked and waits for an answer.
    pub requests: Vec<RequestView>,
}

/// A stranger's request at a contact address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestView {
    /// Its number at the profile, from 1.
    pub number: u64,
    /// What the stranger says; may be empty.
    pub greeting: String,
    /// When it came.
    pub stored: Now,
}

/// A page of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The messages that are shown, the newest first.
    pub messages: Vec<MessageView>,
    /// Where to look on: before this position; `None` at the history's beginning.
    pub before: Option<Position>,
}
