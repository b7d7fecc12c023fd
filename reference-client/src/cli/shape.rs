//! What the program says of things, as JSON: plain values with stable names.
//!
//! Ids are strings of 16 hexadecimal digits, times are RFC 3339 in UTC, bytes are base64, and
//! places in a history are numbers from 1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::verb::Blocks;
use crate::messenger::{
    AddressView, BroadcastRole, ConnectionView, ContactView, Flow, InvitationView, Mark,
    MessageView, ProfileView, Reach, RequestView, SafetyView, Said, ServerView, Standing,
};
use crate::store::{
    ContactId, Delivery, Direction, Given, InvitationId, ProfileId, ServerId, Verified,
};
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;
use edgewise_spec::time::Now;

/// An id as text.
pub(crate) fn id(number: i64) -> String {
    format!("{number:016x}")
}

/// A moment as text.
pub(crate) fn time(now: Now) -> String {
    let millis = i64::try_from(now.millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| "9999-12-31T23:59:59Z".to_owned(), |moment| format!("{moment:.3}"))
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($word:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(crate) enum $name { $($word),+ }
    )+};
}

words! {
    /// Who said something, or which way a connection goes.
    Way { Sent, Received }
    /// How far a message got.
    Reached { Waiting, Accepted, Failed, Delivered, Seen }
    /// Whether a contact can be talked with.
    Talk { Joining, Waiting, Ready, Lost }
    /// Whether a contact is who the user thinks.
    Trust { No, Shown, Compared }
    /// Whether what is said can be shown to others.
    Kept { Deniable, Attested }
    /// How a card left this device.
    Handed { Not, Shown, Sent }
    /// Who speaks in a broadcast.
    Speaker { Source, Listener }
    /// Whether enough of a direction's connections carry what is said.
    Carried { Whole, Enough, TooFew }
    /// How a server does with a connection.
    Does { Answering, Silent, Lying }
}

impl From<Direction> for Way {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Sent => Self::Sent,
            Direction::Received => Self::Received,
        }
    }
}

impl From<Delivery> for Reached {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Waiting => Self::Waiting,
            Delivery::Accepted => Self::Accepted,
            Delivery::Failed => Self::Failed,
            Delivery::Delivered => Self::Delivered,
            Delivery::Seen => Self::Seen,
        }
    }
}

impl From<Mode> for Kept {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Deniable => Self::Deniable,
            Mode::Attested => Self::Attested,
        }
    }
}

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) about: String,
    /// Length of the picture, in bytes.
    pub(crate) picture: usize,
    pub(crate) delivery_receipts: bool,
    pub(crate) read_receipts: bool,
    /// Whether verbs use it when they name none.
    pub(crate) current: bool,
}

impl Profile {
    pub(crate) fn of(view: &ProfileView, current: ProfileId) -> Self {
        Self {
            id: id(view.id.number()),
            name: view.name.clone(),
            about: view.about.clone(),
            picture: view.picture.len(),
            delivery_receipts: view.delivery_receipts,
            read_receipts: view.read_receipts,
            current: view.id == current,
        }
    }
}

/// A server of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Server {
    pub(crate) id: String,
    pub(crate) address: String,
    pub(crate) password: bool,
    pub(crate) connections: usize,
    pub(crate) reached: bool,
    /// Parts that it, or whoever took its place, has altered on their way to the profile.
    pub(crate) altered: u32,
}

impl From<&ServerView> for Server {
    fn from(view: &ServerView) -> Self {
        Self {
            id: id(ServerId::number(view.id)),
            address: view.address.to_string(),
            password: view.password,
            connections: view.connections,
            reached: view.reached,
            altered: view.altered,
        }
    }
}

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contact {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) said_name: String,
    pub(crate) about: String,
    pub(crate) reach: Talk,
    pub(crate) verified: Trust,
    /// When the safety numbers were compared, if they were.
    pub(crate) compared: Option<String>,
    pub(crate) blocked: bool,
    /// `null` while it is not known.
    pub(crate) mode: Option<Kept>,
    pub(crate) broadcast: Option<Speaker>,
    pub(crate) unread: u64,
    /// Whether they have given a standby invitation, which `renew` claims.
    pub(crate) standby: bool,
    pub(crate) since: String,
    pub(crate) last: Option<Message>,
    pub(crate) connections: Vec<Connection>,
    /// How what is said is split; `null` without a session.
    pub(crate) shape: Option<Split>,
    /// Whether what is said to them gets through; `null` before there are connections to them.
    pub(crate) sending: Option<Carried>,
    /// Whether what they say gets through; `null` without a session.
    pub(crate) receiving: Option<Carried>,
}

/// How cells are split: any `enough` of `servers` parts join, in blocks of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Split {
    pub(crate) class: Blocks,
    pub(crate) enough: u8,
    pub(crate) servers: u8,
}

impl From<Shape> for Split {
    fn from(shape: Shape) -> Self {
        Self { class: shape.class().into(), enough: shape.k(), servers: shape.n() }
    }
}

impl From<Flow> for Carried {
    fn from(flow: Flow) -> Self {
        match flow {
            Flow::Whole => Self::Whole,
            Flow::Enough => Self::Enough,
            Flow::TooFew => Self::TooFew,
        }
    }
}

impl From<Standing> for Does {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Answering => Self::Answering,
            Standing::Silent => Self::Silent,
            Standing::Lying => Self::Lying,
        }
    }
}

impl From<&ContactView> for Contact {
    fn from(view: &ContactView) -> Self {
        let (verified, compared) = match view.verified {
            Verified::No => (Trust::No, None),
            Verified::Shown => (Trust::Shown, None),
            Verified::Compared(at) => (Trust::Compared, Some(time(at))),
        };
        Self {
            id: id(ContactId::number(view.id)),
            name: view.name.clone(),
            said_name: view.said_name.clone(),
            about: view.about.clone(),
            reach: match view.reach {
                Reach::Joining => Talk::Joining,
                Reach::Waiting => Talk::Waiting,
                Reach::Ready => Talk::Ready,
                Reach::Lost => Talk::Lost,
            },
            verified,
            compared,
            blocked: view.blocked,
            mode: view.mode.map(Into::into),
            broadcast: view.broadcast.map(|role| match role {
                BroadcastRole::Source => Speaker::Source,
                BroadcastRole::Listener => Speaker::Listener,
            }),
            unread: view.unread,
            standby: view.standby,
            since: time(view.since),
            last: view.last.as_ref().map(Into::into),
            connections: view.connections.iter().map(Into::into).collect(),
            shape: view.shape.map(Into::into),
            sending: view.sending.map(Into::into),
            receiving: view.receiving.map(Into::into),
        }
    }
}

/// One end of a connection with a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connection {
    pub(crate) direction: Way,
    pub(crate) place: u8,
    pub(crate) server: String,
    pub(crate) up: bool,
    pub(crate) waiting: usize,
    pub(crate) bad: u32,
    pub(crate) stray: u32,
    /// Parts that were sealed for this connection and did not belong to their cell.
    pub(crate) wrong: u32,
    pub(crate) standing: Does,
}

impl From<&ConnectionView> for Connection {
    fn from(view: &ConnectionView) -> Self {
        Self {
            direction: view.direction.into(),
            place: view.place,
            server: view.server.to_string(),
            up: view.up,
            waiting: view.waiting,
            bad: view.bad,
            stray: view.stray,
            wrong: view.wrong,
            standing: view.standing.into(),
        }
    }
}

/// A message of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) position: u64,
    pub(crate) direction: Way,
    /// When, as its sender says.
    pub(crate) time: String,
    /// When it was stored here.
    pub(crate) stored: String,
    pub(crate) delivery: Reached,
    pub(crate) said: Words,
    pub(crate) edited: bool,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) marks: Vec<Wrong>,
}

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Words {
    Text { text: String },
    Reply { to: Option<u64>, text: String },
    Deleted,
    Introduction { name: String, card: String },
    Profile { name: String },
    Broadcast { text: String },
    Custom { name: String, bytes: String },
    Unknown { number: u16, len: usize },
    Unreadable { number: u16, why: String },
    Notice { text: String },
}

/// A reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reaction {
    pub(crate) direction: Way,
    pub(crate) with: String,
}

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Wrong {
    Gap { first: u32, last: u32 },
    Fork { with: u32 },
    Mismatch { number: u32 },
}

impl From<&MessageView> for Message {
    fn from(view: &MessageView) -> Self {
        let reaction = |reaction: &crate::messenger::ReactionView| Reaction {
            direction: reaction.direction.into(),
            with: reaction.with.clone(),
        };
        Self {
            position: view.position.0,
            direction: view.direction.into(),
            time: time(view.time),
            stored: time(view.stored),
            delivery: view.delivery.into(),
            said: (&view.said).into(),
            edited: view.edited,
            reactions: view.reactions.iter().map(reaction).collect(),
            marks: view.marks.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Mark> for Wrong {
    fn from(mark: &Mark) -> Self {
        match *mark {
            Mark::Gap { first, last } => Self::Gap { first, last },
            Mark::Fork { with } => Self::Fork { with },
            Mark::Mismatch { number } => Self::Mismatch { number },
        }
    }
}

impl From<&Said> for Words {
    fn from(said: &Said) -> Self {
        match said.clone() {
            Said::Text(text) => Self::Text { text },
            Said::Reply { to, text } => Self::Reply { to: to.map(|at| at.0), text },
            Said::Deleted => Self::Deleted,
            Said::Introduction { name, card } => Self::Introduction { name, card },
            Said::Profile { name } => Self::Profile { name },
            Said::Broadcast(text) => Self::Broadcast { text },
            Said::Custom { name, bytes } => Self::Custom { name, bytes: base64(&bytes) },
            Said::Unknown { kind, len } => Self::Unknown { number: kind, len },
            Said::Unreadable { kind, why } => Self::Unreadable { number: kind, why },
            Said::Unreceived { number } => Self::Notice { text: super::text::unreceived(number) },
            Said::Notice(text) => Self::Notice { text },
        }
    }
}

/// An invitation that nobody has taken yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invitation {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) given: Handed,
    pub(crate) ready: bool,
    pub(crate) claimed: bool,
    pub(crate) mode: Kept,
    /// How what is said will be split.
    pub(crate) shape: Split,
    pub(crate) servers: Vec<String>,
    pub(crate) made: String,
    /// When it is no longer good.
    pub(crate) until: String,
}

impl From<&InvitationView> for Invitation {
    fn from(view: &InvitationView) -> Self {
        Self {
            id: id(InvitationId::number(view.id)),
            label: view.label.clone(),
            given: match view.given {
                Given::Not => Handed::Not,
                Given::Shown => Handed::Shown,
                Given::Sent => Handed::Sent,
            },
            ready: view.ready,
            claimed: view.claimed,
            mode: view.mode.into(),
            shape: view.shape.into(),
            servers: view.servers.iter().map(ToString::to_string).collect(),
            made: time(view.made),
            until: time(Now::from_seconds(u64::from(view.not_after) * 3_600)),
        }
    }
}

/// A contact address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    /// `null` until every connection of it exists.
    pub(crate) card: Option<String>,
    pub(crate) version: u32,
    pub(crate) servers: Vec<String>,
    pub(crate) requests: Vec<Asking>,
}

impl From<&AddressView> for Address {
    fn from(view: &AddressView) -> Self {
        Self {
            card: view.card.clone(),
            version: view.version,
            servers: view.servers.iter().map(ToString::to_string).collect(),
            requests: view.requests.iter().map(Into::into).collect(),
        }
    }
}

/// A stranger's request at a contact address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asking {
    pub(crate) number: u64,
    pub(crate) greeting: String,
    pub(crate) time: String,
}

impl From<&RequestView> for Asking {
    fn from(view: &RequestView) -> Self {
        Self { number: view.number, greeting: view.greeting.clone(), time: time(view.stored) }
    }
}

/// What both people compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Safety {
    pub(crate) number: String,
    pub(crate) steps: Vec<(u32, String)>,
}

impl From<&SafetyView> for Safety {
    fn from(view: &SafetyView) -> Self {
        Self { number: view.number.clone(), steps: view.steps.clone() }
    }
}
