//! An independent model of the connection: what a conformant server holds and says.
//!
//! Written from `spec/connection.md`, `spec/rotation.md` and `spec/error.md` alone; it shares no
//! code with the specification crate, so that the two can disagree. One [`World`] is one server
//! as several links see it. It is pure: a request goes in, the answer and the events that must
//! follow come out. Two things of the link chapter are left out, because the engine never comes
//! near them: LINK_WINDOW_BYTES and REQUESTS_MAX.

mod act;
mod item;
mod judge;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

pub use item::{
    Answer, Attach, Change, Class, Create, Event, Hour, Key, Name, Notice, Pair, Request, Role,
    State,
};

use edgewise_proto::v1::RejectCode as Code;
use judge::Refusal;
use serde::{Deserialize, Serialize};

/// Most changes of key that a request carries (spec/parameters.md, CHAIN_MAX).
const CHAIN_MAX: usize = 3;
/// Most attachments of a link (HANDLES_MAX).
const HANDLES_MAX: u32 = 65_536;
/// Longest life of a key, in hours (KEY_LIFE_HOURS_MAX).
const KEY_LIFE_HOURS_MAX: u32 = 366 * 24;
/// Longest grace of a key, in hours (KEY_GRACE_HOURS_MAX).
const KEY_GRACE_HOURS_MAX: u32 = 30 * 24;
/// Widest window, in parts (WINDOW_PARTS_MAX).
const WINDOW_PARTS_MAX: u32 = 64;
/// Widest window, in bytes (WINDOW_BYTES_MAX).
const WINDOW_BYTES_MAX: u32 = 1 << 20;
/// Closed list of quotas (QUOTAS).
pub const QUOTAS: [u32; 4] = [16, 32, 128, 512];
/// Closed list of a connection's lives, in days (IDLE_DAYS).
pub const IDLE_DAYS: [u32; 4] = [7, 30, 90, 365];
/// Closed list of a part's lives, in days (PART_DAYS).
pub const PART_DAYS: [u32; 4] = [1, 7, 21, 30];

/// What the server under test described of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Terms {
    /// The largest quota.
    pub quota_max: u32,
    /// The longest life of a connection, in days.
    pub idle_days_max: u32,
    /// The longest life of a part, in days.
    pub part_days_max: u32,
    /// Hours for which a deleted connection's id stays refused (CONNECTION-12).
    pub buried_hours: u32,
}

/// One server, as seen over several links.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    terms: Terms,
    hour: Hour,
    links: Vec<Link>,
    records: BTreeMap<Name, Record>,
    buried: BTreeMap<Name, Hour>,
    made: u32,
}

/// One link.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// Its class.
    pub class: Class,
    /// Its attachments by handle.
    pub attachments: BTreeMap<u32, Attachment>,
    /// The lowest handle never used.
    pub fresh: u32,
}

/// One attachment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attachment {
    /// The connection.
    pub name: Name,
    /// The end of it.
    pub role: Role,
    /// The record's incarnation at the attach.
    pub incarnation: u32,
    /// The key's version at the attach.
    pub version: u32,
    /// The subscription, if there is one.
    pub subscription: Option<Subscription>,
    /// A send was refused with QUOTA, and there has been no room since.
    pub waiting: bool,
    /// There has been: a Space may come, even where the room is taken again by then.
    pub space_due: bool,
}

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subscription {
    /// Window in parts.
    pub parts: u32,
    /// Window in bytes.
    pub bytes: u32,
    /// The highest sequence delivered to it; 0 for none.
    pub delivered: u64,
    /// What it was told last.
    told: Notice,
}

/// What the server keeps of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Numbered in the order in which records were made.
    pub incarnation: u32,
    /// The recipient's key.
    pub recipient: Key,
    /// The claim key pair.
    pub claim: Pair,
    /// The state.
    pub state: State,
    /// The sender's key.
    pub sender: Option<Key>,
    /// The class.
    pub class: Class,
    /// Parts it keeps.
    pub quota: u32,
    idle_days: u32,
    part_days: u32,
    bundle: Option<u32>,
    /// Whether a Send was ever accepted.
    pub accepted: bool,
    conflict: bool,
    /// The submission expected.
    pub next: u64,
    /// The last sequence given; 0 for none.
    pub last: u64,
    /// Parts kept, oldest first.
    pub parts: VecDeque<Part>,
    active: Hour,
}

/// One part kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// Its sequence.
    pub sequence: u64,
    /// Its number.
    pub part: u32,
    since: Hour,
}

/// What must come of one request: its answer, and the events of each link in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The answer; an acknowledgement has none.
    pub answer: Option<Answer>,
    /// Link and event.
    pub events: Vec<(usize, Event)>,
}

impl Record {
    fn notice(&self) -> Notice {
        Notice { state: self.state, sender: self.sender, conflict: self.conflict }
    }

    fn key(&self, role: Role) -> Option<Key> {
        match role {
            Role::Recipient => Some(self.recipient),
            Role::Sender => self.sender,
        }
    }

    fn set_key(&mut self, role: Role, key: Key) {
        match role {
            Role::Recipient => self.recipient = key,
            Role::Sender => self.sender = Some(key),
        }
    }

    fn has_room(&self) -> bool {
        self.state == State::Claimed && (self.parts.len() as u64) < u64::from(self.quota)
    }
}

impl World {
    /// A server without records or links, at `hour`.
    #[must_use]
    pub fn new(terms: Terms, hour: Hour) -> Self {
        let (records, buried) = (BTreeMap::new(), BTreeMap::new());
        Self { terms, hour, links: Vec::new(), records, buried, made: 0 }
    }

    /// Opens one more link and returns its number.
    pub fn open(&mut self, class: Class) -> usize {
        self.links.push(Link { class, attachments: BTreeMap::new(), fresh: 0 });
        self.links.len() - 1
    }

    /// Ends a link, its attachments and subscriptions (LINK-37); its number stays unused.
    pub fn close(&mut self, link: usize) {
        if let Some(link) = self.links.get_mut(link) {
            link.attachments.clear();
            link.fresh = 0;
        }
    }

    /// The links, by number.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The records, by name.
    #[must_use]
    pub const fn records(&self) -> &BTreeMap<Name, Record> {
        &self.records
    }

    /// The present hour.
    #[must_use]
    pub const fn hour(&self) -> Hour {
        self.hour
    }

    /// Whether an operation of the attachment gets the common refusal (CONNECTION-26).
    #[must_use]
    pub fn is_stale(&self, attachment: &Attachment) -> bool {
        self.records.get(&attachment.name).is_none_or(|record| {
            record.incarnation != attachment.incarnation
                || record.key(attachment.role).map(|key| key.version) != Some(attachment.version)
        })
    }

    /// What one request does.
    pub fn handle(&mut self, link: usize, request: &Request) -> Outcome {
        let answer = match self.carry_out(link, request) {
            Ok(answer) => answer,
            Err(Refusal { code, next }) => Some(Answer::Refused { code: code as i32, next }),
        };
        let mut outcome = Outcome { answer, events: Vec::new() };
        self.replace(link, request, &mut outcome);
        self.settle(&mut outcome.events);
        outcome
    }

    /// A Space came; false where none was due (CONNECTION-37).
    pub fn take_space(&mut self, link: usize, handle: u32) -> bool {
        let found = self.links.get_mut(link).and_then(|link| link.attachments.get_mut(&handle));
        found.is_some_and(|attachment| std::mem::take(&mut attachment.space_due))
    }

    /// Moves the clock forward; every link must have been closed before.
    pub fn advance(&mut self, hours: u32) {
        self.hour = self.hour.saturating_add(hours);
        let hour = self.hour;
        // CONNECTION-54, CONNECTION-55
        self.records.retain(|_, record| hour < record.active + record.idle_days * 24);
        for record in self.records.values_mut() {
            let life = record.part_days * 24;
            record.parts.retain(|part| hour < part.since + life);
        }
        self.buried.retain(|_, until| hour < *until);
    }

    /// The server has lost everything it kept; every link must have been closed before.
    pub fn lose(&mut self) {
        self.records.clear();
        self.buried.clear();
    }

    fn carry_out(&mut self, link: usize, request: &Request) -> Result<Option<Answer>, Refusal> {
        Ok(Some(match request {
            Request::Create(create) => self.create(link, create)?,
            Request::Claim { claim, key, signed } => self.claim(link, *claim, *key, *signed)?,
            Request::Attach(attach) => self.attach(link, attach)?,
            Request::Send { handle, submission, part, whole } => {
                self.send(link, *handle, *submission, *part, *whole)?
            }
            Request::Subscribe { handle, parts, bytes } => {
                self.subscribe(link, *handle, *parts, *bytes)?
            }
            Request::Acknowledge { handle, through } => {
                self.acknowledge(link, *handle, *through);
                return Ok(None);
            }
            Request::Suspend { handle } => self.turn(link, *handle, State::Suspended)?,
            Request::Resume { handle } => self.turn(link, *handle, State::Claimed)?,
            Request::Rotate { handle, change, .. } => self.rotate(link, *handle, change)?,
            Request::Delete { handle } => self.delete(link, *handle)?,
            Request::Detach { handle } => {
                let found = self.links.get_mut(link);
                // CONNECTION-30
                let freed = found.and_then(|link| link.attachments.remove(handle));
                freed.map(|_| Answer::Done).ok_or(Refusal::of(Code::NotAttached))?
            }
        }))
    }

    fn attachment_mut(&mut self, link: usize, handle: u32) -> Option<&mut Attachment> {
        self.links.get_mut(link)?.attachments.get_mut(&handle)
    }

    fn record_of(&mut self, link: usize, handle: u32) -> Result<&mut Record, Refusal> {
        let attachment = self.links.get(link).and_then(|link| link.attachments.get(&handle));
        let name = attachment.map(|attachment| attachment.name);
        let record = name.and_then(|name| self.records.get_mut(&name));
        record.ok_or(Refusal::of(Code::Refused))
    }

    /// A new subscription ends the old one (CONNECTION-47).
    fn replace(&mut self, link: usize, request: &Request, outcome: &mut Outcome) {
        let (Request::Subscribe { handle, .. }, Some(Answer::Subscribed(_))) =
            (request, &outcome.answer)
        else {
            return;
        };
        let Some(name) = self.attachment_mut(link, *handle).map(|a| a.name) else { return };
        for (number, other) in self.links.iter_mut().enumerate() {
            for (other_handle, a) in &mut other.attachments {
                let same = (number, *other_handle) == (link, *handle);
                if !same && a.name == name && a.subscription.take().is_some() {
                    outcome.events.push((number, Event::Replaced { handle: *other_handle }));
                }
            }
        }
    }

    /// Everything that follows of itself: ends, notices, deliveries, room.
    fn settle(&mut self, events: &mut Vec<(usize, Event)>) {
        let records = &self.records;
        for (number, link) in self.links.iter_mut().enumerate() {
            let class = link.class;
            for (handle, attachment) in &mut link.attachments {
                let handle = *handle;
                let record = records.get(&attachment.name).filter(|record| {
                    record.incarnation == attachment.incarnation
                        && record.key(attachment.role).map(|k| k.version)
                            == Some(attachment.version)
                });
                let Some(record) = record else {
                    attachment.waiting = false;
                    if attachment.subscription.take().is_some() {
                        events.push((number, Event::Stale { handle })); // CONNECTION-49
                    }
                    continue;
                };
                if attachment.waiting && record.has_room() {
                    (attachment.waiting, attachment.space_due) = (false, true);
                }
                if let Some(subscription) = &mut attachment.subscription {
                    deliver(number, handle, class, record, subscription, events);
                }
            }
        }
    }
}

fn deliver(
    link: usize,
    handle: u32,
    class: Class,
    record: &Record,
    subscription: &mut Subscription,
    events: &mut Vec<(usize, Event)>,
) {
    let notice = record.notice();
    if subscription.told != notice {
        subscription.told = notice; // CONNECTION-48
        events.push((link, Event::Notice { handle, notice }));
    }
    let delivered = subscription.delivered;
    let kept = record.parts.iter();
    let unacknowledged = kept.clone().filter(|part| part.sequence <= delivered).count() as u64;
    for (count, part) in (unacknowledged..).zip(kept.filter(|part| part.sequence > delivered)) {
        let bytes = (count + 1) * u64::from(class.part_len());
        let fits = count < u64::from(subscription.parts) && bytes <= u64::from(subscription.bytes);
        if count > 0 && !fits {
            break; // CONNECTION-44
        }
        subscription.delivered = part.sequence; // CONNECTION-42
        let event = Event::Deliver { handle, sequence: part.sequence, part: part.part };
        events.push((link, event));
    }
}
