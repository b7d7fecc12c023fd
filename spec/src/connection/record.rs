//! What a server keeps of one connection, in 208 bytes.

use edgewise_proto::v1::{Kind, Role, State};

use super::{Create, Id};
use crate::constants::{IDLE_DAYS, PART_DAYS, QUOTAS};
use crate::frame::Class;
use crate::mutant;
use crate::rotation::KeyRecord;
use crate::store::{LinkId, Place};
use crate::time::Now;

/// Quota and lifetimes: places in their closed lists, two bits each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms(u8);

impl Terms {
    /// Terms of the closed lists; `None` for any other value.
    #[must_use]
    pub fn new(quota: u32, idle_days: u32, part_days: u32) -> Option<Self> {
        let place = |list: &[u32; 4], value| list.iter().position(|listed| *listed == value);
        let quota = place(&QUOTAS, quota)?;
        let idle = place(&IDLE_DAYS, idle_days)?;
        let part = place(&PART_DAYS, part_days)?;
        u8::try_from(quota | idle << 2 | part << 4).ok().map(Self)
    }

    /// Parts that the server keeps.
    #[must_use]
    pub const fn quota(self) -> u32 {
        listed(&QUOTAS, self.0)
    }

    /// Days that the connection lives without activity of its recipient.
    #[must_use]
    pub const fn idle_days(self) -> u32 {
        listed(&IDLE_DAYS, self.0 >> 2)
    }

    /// Days that a part waits.
    #[must_use]
    pub const fn part_days(self) -> u32 {
        listed(&PART_DAYS, self.0 >> 4)
    }
}

const fn listed(list: &[u32; 4], place: u8) -> u32 {
    let [first, second, third, fourth] = *list;
    match place & 3 {
        0 => first,
        1 => second,
        2 => third,
        _ => fourth,
    }
}

/// A server's record of one connection. [`super::plan`] says what becomes of it; the store keeps
/// it, its parts and its bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// Random, made with the record; another value means that parts were lost.
    pub incarnation: u64,
    /// The next submission.
    pub next: u64,
    /// The sequence of the last part that was accepted; 0 before the first.
    pub accepted: u64,
    /// The recipient id.
    pub recipient_id: Id,
    /// The sender id.
    pub sender_id: Id,
    /// The recipient key.
    pub recipient_key: KeyRecord,
    sender_key: KeyRecord,
    /// When the recipient was last active, in seconds since the Unix epoch.
    pub active: u32,
    /// Rises with every change that a subscription is told (CONNECTION-48).
    pub revision: u32,
    /// The store's own: where it keeps the parts.
    pub(crate) parts: u32,
    subscriber_link: Option<LinkId>,
    subscriber_handle: u16,
    /// Parts that the record holds.
    pub held: u16,
    /// Quota and lifetimes.
    pub terms: Terms,
    /// The connection's class.
    pub class: Class,
    flags: u8,
}

// The budget of a connection: see "Memory" in the chapter.
const _: () = assert!(size_of::<Record>() <= 208);

/// Bits of `flags`: the state's number in the lowest two.
const STATE: u8 = 3;
const CONFLICT: u8 = 4;
const ADDRESS: u8 = 8;

/// What a subscription is told of its record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    /// The record's state.
    pub state: State,
    /// The sender's key, in any state but open.
    pub sender_key: Option<KeyRecord>,
    /// Somebody else tried to claim it too.
    pub conflict: bool,
    /// Of which revision of the record this is told.
    pub revision: u32,
}

impl Record {
    /// The record that a Create makes (CONNECTION-8, CONNECTION-57).
    #[must_use]
    pub fn new(create: &Create, now: Now) -> Self {
        let mut record = Self {
            incarnation: create.incarnation,
            next: 0,
            accepted: 0,
            recipient_id: create.recipient_id,
            sender_id: create.sender_id,
            recipient_key: create.recipient_key,
            sender_key: create.sender_key.unwrap_or(create.recipient_key),
            active: stamp(now),
            revision: 0,
            parts: u32::MAX,
            subscriber_link: None,
            subscriber_handle: 0,
            held: 0,
            terms: create.terms,
            class: create.class,
            flags: if create.kind == Kind::Address { ADDRESS } else { 0 },
        };
        record.set_state(create.state);
        record
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.flags & STATE {
            1 => State::Open,
            2 => State::Claimed,
            3 => State::Suspended,
            _ => State::Unspecified,
        }
    }

    pub(super) const fn set_state(&mut self, state: State) {
        let number = match state {
            State::Unspecified => 0,
            State::Open => 1,
            State::Claimed => 2,
            State::Suspended => 3,
        };
        self.flags = self.flags & !STATE | number;
    }

    /// Whether it is of kind address: never claimed, parts are deposited.
    #[must_use]
    pub const fn is_address(&self) -> bool {
        self.flags & ADDRESS != 0
    }

    /// Whether somebody else tried to claim the connection too.
    #[must_use]
    pub const fn conflict(&self) -> bool {
        self.flags & CONFLICT != 0
    }

    pub(super) const fn set_conflict(&mut self) {
        self.flags |= CONFLICT;
    }

    /// The sender's key; `None` while open.
    #[must_use]
    pub fn sender_key(&self) -> Option<&KeyRecord> {
        (self.state() != State::Open).then_some(&self.sender_key)
    }

    /// The present key of a role.
    #[must_use]
    pub fn key(&self, role: Role) -> Option<&KeyRecord> {
        match role {
            Role::Recipient => Some(&self.recipient_key),
            Role::Sender => self.sender_key(),
            Role::Unspecified => None,
        }
    }

    pub(super) const fn set_key(&mut self, role: Role, key: KeyRecord) {
        match role {
            Role::Sender => self.sender_key = key,
            Role::Recipient | Role::Unspecified => self.recipient_key = key,
        }
    }

    /// The attachment that parts are delivered to.
    #[must_use]
    pub fn subscriber(&self) -> Option<Place> {
        let handle = self.subscriber_handle;
        self.subscriber_link.map(|link| Place { link, handle })
    }

    pub(crate) fn set_subscriber(&mut self, place: Option<Place>) {
        self.subscriber_link = place.map(|place| place.link);
        self.subscriber_handle = place.map_or(0, |place| place.handle);
    }

    /// Takes over keys, state and flags; what sends, acknowledgements and subscriptions change
    /// stays as it is.
    pub(crate) const fn take_control(&mut self, changed: &Self) {
        self.recipient_key = changed.recipient_key;
        self.sender_key = changed.sender_key;
        self.flags = changed.flags;
        self.revision = changed.revision;
    }

    /// What a subscription is told.
    #[must_use]
    pub fn notice(&self) -> Notice {
        Notice {
            state: self.state(),
            sender_key: self.sender_key().copied(),
            conflict: self.conflict(),
            revision: self.revision,
        }
    }

    /// Whether there is room for another part, and the recipient takes parts.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.state() != State::Suspended && u32::from(self.held) < self.terms.quota()
    }

    /// Whether the recipient has been away for too long (CONNECTION-55).
    #[must_use]
    pub fn is_over(&self, now: Now) -> bool {
        now.seconds() >= over_at(self.active, self.terms.idle_days()) && !mutant!(CONNECTION_55)
    }

    /// Whether a part accepted at that second has waited for too long (CONNECTION-54).
    #[must_use]
    pub fn part_is_over(&self, accepted_at: u32, now: Now) -> bool {
        now.seconds() >= over_at(accepted_at, self.terms.part_days()) && !mutant!(CONNECTION_54)
    }
}

/// Seconds since the Unix epoch as records keep them: the last of u32 for anything later.
pub(crate) fn stamp(now: Now) -> u32 {
    u32::try_from(now.seconds()).unwrap_or(u32::MAX)
}

fn over_at(since: u32, days: u32) -> u64 {
    u64::from(since) + u64::from(days) * 86_400
}
