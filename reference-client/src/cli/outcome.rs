//! What came of a verb: one JSON object, or a text for a person.

use serde::{Deserialize, Serialize};

use super::shape::{Address, Asking, Contact, Invitation, Message, Profile, Safety, Server};

/// Version of the JSON. A member is added without raising it; one that changes or goes raises it.
pub(crate) const SCHEMA: u32 = 1;

/// What came of a verb, or one of many things that it tells on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It is done, and there is no more to say.
    Done {
        what: String,
    },
    /// A store was made.
    Initialized {
        folder: String,
        profile: Option<Profile>,
        key_file: Option<String>,
        /// How many servers it has.
        servers: usize,
    },
    /// An invitation, with its card once that may be handed on.
    Invitation {
        invitation: Invitation,
        card: Option<String>,
    },
    Invitations {
        invitations: Vec<Invitation>,
    },
    /// Somebody has accepted an invitation or a request.
    Accepted {
        invitation: Option<String>,
        contact: Contact,
    },
    /// A request was left at somebody's contact address.
    Asked {
        invitation: Invitation,
    },
    Contacts {
        contacts: Vec<Contact>,
    },
    Contact {
        contact: Contact,
    },
    /// Something was said; `in_time` is false if no server had it when the waiting ended.
    Said {
        contact: String,
        name: String,
        message: Message,
        in_time: bool,
    },
    /// A message of a history, one of many.
    Message {
        contact: String,
        name: String,
        message: Message,
    },
    /// A page of a history, the oldest first; what is before it is asked for with `before`.
    History {
        contact: String,
        name: String,
        messages: Vec<Message>,
        before: Option<u64>,
    },
    Safety {
        contact: Contact,
        safety: Option<Safety>,
    },
    /// `null` where the profile has none.
    Address {
        address: Option<Address>,
    },
    Requests {
        requests: Vec<Asking>,
    },
    Profiles {
        profiles: Vec<Profile>,
    },
    Servers {
        servers: Vec<Server>,
    },
    /// A list of servers was added, all but those that could not be.
    ServersAdded {
        added: usize,
        /// How many the profile had before; other edges of one server are the same server.
        had: usize,
        failed: Vec<NotAdded>,
        servers: Vec<Server>,
    },
    /// The bytes of a proof, in base64.
    Proof {
        contact: String,
        messages: usize,
        proof: String,
    },
    /// A proof that holds.
    Proven {
        messages: Vec<Proven>,
    },
    /// What is right and what is wrong.
    Findings {
        healthy: bool,
        findings: Vec<Finding>,
    },
    /// Something has happened.
    Event {
        event: Event,
    },
    /// What a demonstration took.
    Demo {
        milliseconds: Vec<(String, u64)>,
    },
}

/// A line of a list of servers that could not be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotAdded {
    /// From 1.
    pub(crate) line: usize,
    /// What stands there.
    pub(crate) text: String,
    pub(crate) why: String,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) good: bool,
    /// What was looked at.
    pub(crate) what: String,
    /// How it is.
    pub(crate) found: String,
    /// What to do about it; empty if there is nothing.
    pub(crate) advice: String,
}

/// One message of a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proven {
    /// Its place in the proof, from 0.
    pub(crate) place: usize,
    /// Its author: inviter or claimer.
    pub(crate) author: String,
    pub(crate) number: u32,
    pub(crate) time: String,
    pub(crate) text: String,
    /// Places of messages by which the other end says that it has received this one.
    pub(crate) received_by: Vec<usize>,
}

/// What a user is told without having asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// A contact has said something, or a notice stands in the history.
    Message {
        contact: String,
        message: Box<Message>,
    },
    /// A message looks different; read it again.
    Changed {
        contact: String,
        position: u64,
    },
    /// A contact is new or looks different.
    Contact {
        contact: String,
    },
    ContactRemoved {
        contact: String,
    },
    /// A new session has taken the place of the one before: compare the safety number again.
    Renewed {
        contact: String,
    },
    /// An invitation has gone on: ready, claimed, accepted or abandoned.
    Invitation {
        invitation: String,
        step: String,
        contact: Option<String>,
        why: Option<String>,
    },
    AcceptFailed {
        contact: String,
        name: String,
        why: String,
    },
    Request {
        profile: String,
        request: Asking,
    },
    Server {
        server: String,
        text: String,
    },
    Trouble {
        text: String,
    },
    /// Too much happened to tell all of it: read what you show again.
    Missed {
        count: u64,
    },
}

impl From<crate::messenger::Event> for Event {
    fn from(event: crate::messenger::Event) -> Self {
        use super::shape::id;
        use crate::messenger::{Event as Told, InvitationStep as Step};
        match event {
            Told::Message { contact, message } => Self::Message {
                contact: id(contact.number()),
                message: Box::new((&*message).into()),
            },
            Told::Changed { contact, position } => {
                Self::Changed { contact: id(contact.number()), position: position.0 }
            }
            Told::Contact(contact) => Self::Contact { contact: id(contact.number()) },
            Told::Renewed(contact) => Self::Renewed { contact: id(contact.number()) },
            Told::ContactRemoved(contact) => Self::ContactRemoved { contact: id(contact.number()) },
            Told::Invitation { invitation, step } => {
                let (step, contact, why) = match step {
                    Step::Ready => ("ready", None, None),
                    Step::Claimed => ("claimed", None, None),
                    Step::Accepted(contact) => ("accepted", Some(id(contact.number())), None),
                    Step::Abandoned(why) => ("abandoned", None, Some(why.to_string())),
                };
                let (invitation, step) = (id(invitation.number()), step.to_owned());
                Self::Invitation { invitation, step, contact, why }
            }
            Told::AcceptFailed { contact, name, why } => {
                Self::AcceptFailed { contact: id(contact.number()), name, why: why.to_string() }
            }
            Told::Request { profile, request } => {
                Self::Request { profile: id(profile.number()), request: (&*request).into() }
            }
            Told::Server { server, text } => Self::Server { server: server.to_string(), text },
            Told::Trouble(text) => Self::Trouble { text },
        }
    }
}

/// An outcome as a line of JSON says it: with the version of the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) schema: u32,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

impl Line {
    pub(crate) const fn new(outcome: Outcome) -> Self {
        Self { schema: SCHEMA, outcome }
    }
}

/// A failure as a line of JSON says it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FailureLine<'a> {
    pub(crate) schema: u32,
    pub(crate) kind: &'static str,
    pub(crate) code: u8,
    #[serde(flatten)]
    pub(crate) failure: &'a super::failure::Failure,
}
