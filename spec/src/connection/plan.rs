//! What becomes of a record: pure functions of record, operation and time.

use edgewise_proto::v1::{Role, State};

use super::record::stamp;
use super::{Attach, By, Claim, Create, Deposit, Kind, Op, Outcome, Record};
use crate::error::Reject;
use crate::rotation::{Asked, Change, KeyRecord};
use crate::store::{Place, Slot, Why};
use crate::time::Now;
use crate::{mutant, require};

/// What a store knows around a record.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// Where the record is.
    pub slot: Slot,
    /// Another record has the claim key of this Create.
    pub claim_key_taken: bool,
    /// The recipient id of this Create was deleted not long ago.
    pub buried: bool,
    /// The store keeps its most connections.
    pub full: bool,
    /// The record holds the part of this Deposit.
    pub deposited: bool,
}

/// What must still hold when a plan is committed; else it is made anew.
///
/// Sends and acknowledgements do not raise the revision, so that sender and recipient never
/// stand in each other's way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guard {
    /// Nothing.
    None,
    /// There is no record.
    Absent,
    /// The record is the same in everything but what sends and acknowledgements change.
    Control {
        /// Its incarnation.
        incarnation: u64,
        /// Its revision.
        revision: u32,
    },
    /// That, and the next submission: a Send.
    Submission {
        /// Its incarnation.
        incarnation: u64,
        /// Its revision.
        revision: u32,
        /// Its next submission.
        next: u64,
    },
}

/// What becomes of the record as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Put {
    /// It stays.
    Keep,
    /// It is made.
    Insert(Record),
    /// Its keys, state and flags change; the rest is as in the store.
    Replace(Record),
    /// It is deleted, with everything that belongs to it.
    Remove,
}

/// Everything that one operation does: the store carries it out in one act.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is answered.
    pub outcome: Result<Outcome, Reject>,
    /// What must still hold.
    pub guard: Guard,
    /// What becomes of the record.
    pub put: Put,
    /// The recipient was active at this second.
    pub active: Option<u32>,
    /// The next submission becomes this.
    pub next: Option<u64>,
    /// The Send's part is kept, under the next sequence.
    pub append: bool,
    /// Parts up to this sequence are deleted.
    pub trim: Option<u64>,
    /// The bundle is deleted.
    pub drop_bundle: bool,
    /// The Create's bundle takes the place of the present one.
    pub put_bundle: bool,
    /// The answer to a Claim holds the bundle.
    pub read_bundle: bool,
    /// The subscription becomes this.
    pub subscriber: Option<Option<Place>>,
    /// What the present subscription is told.
    pub tell: Option<Why>,
    /// This attachment waits for room.
    pub wait: Option<Place>,
    /// Who waits no more.
    pub unwait: Option<Unwait>,
    /// Those that wait are told if there is room now.
    pub room: bool,
}

/// Attachments that wait for room no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwait {
    /// This one.
    One(Place),
    /// Every one of the record.
    All,
}

impl Plan {
    const fn nothing() -> Self {
        Self {
            outcome: Ok(Outcome::Done),
            guard: Guard::None,
            put: Put::Keep,
            active: None,
            next: None,
            append: false,
            trim: None,
            drop_bundle: false,
            put_bundle: false,
            read_bundle: false,
            subscriber: None,
            tell: None,
            wait: None,
            unwait: None,
            room: false,
        }
    }

    /// The record changes in what its subscription is told.
    fn replace(&mut self, mut record: Record) {
        record.revision = record.revision.wrapping_add(1);
        // CONNECTION-48: one poke; what changed is read together with the parts.
        self.tell = Some(Why::Record);
        self.put = Put::Replace(record);
    }
}

/// What an operation does to the record that was found for it, if any.
///
/// A refusal may have an effect too: where a clause says so, the plan holds it.
#[must_use]
pub fn plan(record: Option<&Record>, around: &Around, op: &Op, now: Now) -> Plan {
    let mut plan = Plan::nothing();
    plan.outcome = match op {
        Op::Create(create) => plan.create(record, around, create, now),
        Op::Claim(claim) => plan.claim(record, claim, now),
        Op::Deposit(deposit) => plan.deposit(record, around, deposit),
        Op::Attach(attach) => plan.attach(record, around, attach, now),
        Op::Send { by, submission, .. } => plan.send(record, by, *submission, now),
        Op::Subscribe { by } => plan.subscribe(record, by, now),
        Op::Acknowledge { by, through } => plan.acknowledge(record, by, *through, now),
        Op::Suspend { by } => plan.set_state(record, by, State::Suspended, now),
        Op::Resume { by } => plan.set_state(record, by, State::Claimed, now),
        Op::Rotate { by, change } => plan.rotate(record, by, change, now),
        Op::Delete { by } => plan.delete(record, by, now),
        Op::Detach { by } => plan.detach(record, by),
    };
    plan.guard = match (record, &plan.put) {
        (None, Put::Keep) => Guard::None,
        (None, _) => Guard::Absent,
        (Some(Record { incarnation, revision, next, .. }), _) => {
            let (incarnation, revision, next) = (*incarnation, *revision, *next);
            if plan.append {
                Guard::Submission { incarnation, revision, next }
            } else {
                Guard::Control { incarnation, revision }
            }
        }
    };
    plan
}

/// The record of an attachment that is still the one it was attached to (CONNECTION-26), and the
/// key of its role.
fn current<'r>(record: Option<&'r Record>, by: &By) -> Result<(&'r Record, &'r KeyRecord), Reject> {
    let record = record.ok_or(Reject::Refused)?;
    let key = record.key(by.role).ok_or(Reject::Refused)?;
    let same = record.incarnation == by.incarnation && key.version == by.version;
    require!(CONNECTION_26, same, Reject::Refused);
    Ok((record, key))
}

impl Plan {
    fn create(
        &mut self,
        record: Option<&Record>,
        around: &Around,
        create: &Create,
        now: Now,
    ) -> Result<Outcome, Reject> {
        let hour = now.hour();
        let Create { recipient_key, chain, .. } = create;
        let followed = record.map(|record| chain.follow(&record.recipient_key, hour)).transpose();
        require!(CONNECTION_12, record.is_some() || !around.buried, Reject::Refused);
        let proven = match &followed {
            Ok(None) => !around.claim_key_taken,
            Ok(Some(key)) => key.is(&recipient_key.vk, recipient_key.version),
            Err(_) => true,
        };
        require!(CONNECTION_10, proven, Reject::Refused);
        let key = followed?;
        key.as_ref().unwrap_or(recipient_key).allows(Asked::Use, hour)?;

        let (Some(record), Some(key)) = (record, key) else {
            require!(CONNECTION_13, !around.full, Reject::Full);
            let mut new = Record::new(create, now);
            if mutant!(CONNECTION_8) {
                new.set_state(State::Open);
            }
            if mutant!(CONNECTION_57) {
                new.next = 1;
            }
            self.put = Put::Insert(new);
            return Ok(Outcome::Created(create.state));
        };
        if key != record.recipient_key {
            self.take_key(record, Role::Recipient, key);
        }
        self.active = Some(stamp(now));
        // CONNECTION-74
        let announces = record.is_address() && create.kind == Kind::Address;
        self.put_bundle = announces && !mutant!(CONNECTION_74);
        // CONNECTION-9: the record's present state, whatever the body says.
        Ok(Outcome::Created(if mutant!(CONNECTION_9) { create.state } else { record.state() }))
    }

    fn claim(
        &mut self,
        record: Option<&Record>,
        claim: &Claim,
        now: Now,
    ) -> Result<Outcome, Reject> {
        let found = record.filter(|record| record.sender_id == claim.sender_id);
        let unknown = if mutant!(CONNECTION_16) { Reject::Conflict } else { Reject::Refused };
        let record = found.ok_or(unknown)?;
        let key = &claim.sender_key;
        let (sent, claimed) = (record.accepted > 0, record.sender_key());
        let same = claimed.is_none_or(|claimed| claimed.is(&key.vk, key.version));
        require!(CONNECTION_20, same || !sent, Reject::Refused);
        key.allows(Asked::Use, now.hour())?;
        // CONNECTION-73: everyone who has the card may read, and nobody becomes the sender.
        if record.is_address() && !mutant!(CONNECTION_73) {
            self.read_bundle = true;
            let (class, bundle) = (record.class, bytes::Bytes::new());
            return Ok(Outcome::Claimed { recipient_id: None, class, bundle });
        }
        if !same {
            let mut flagged = *record;
            flagged.set_conflict();
            if !record.conflict() && !mutant!(CONNECTION_19, "flag") {
                self.replace(flagged);
            }
            require!(CONNECTION_19, same, Reject::Conflict);
        }
        if claimed.is_none() && !mutant!(CONNECTION_17) {
            let mut claimed = *record;
            claimed.set_state(State::Claimed);
            claimed.set_key(Role::Sender, *key);
            self.replace(claimed);
        }
        let repeated = claimed.is_some();
        if repeated && mutant!(CONNECTION_18) {
            return Err(Reject::WrongState);
        }
        self.read_bundle = true;
        Ok(Outcome::Claimed {
            recipient_id: Some(record.recipient_id),
            class: record.class,
            bundle: bytes::Bytes::new(),
        })
    }

    /// Neither submission nor Space: who deposits is nobody in particular.
    fn deposit(
        &mut self,
        record: Option<&Record>,
        around: &Around,
        deposit: &Deposit,
    ) -> Result<Outcome, Reject> {
        let found = record.filter(|record| record.sender_id == deposit.sender_id);
        let record = found.ok_or(Reject::Refused)?;
        require!(CONNECTION_78, record.is_address(), Reject::Refused);
        // CONNECTION-79: before quota is looked at, so that repeating is safe.
        if around.deposited && !mutant!(CONNECTION_79) {
            return Ok(Outcome::Done);
        }
        let room = u32::from(record.held) < record.terms.quota();
        require!(CONNECTION_80, room, Reject::Quota);
        self.append = !mutant!(CONNECTION_81);
        // Two deposits that were planned at once are told from one another by it.
        self.next = Some(record.next + 1);
        self.tell = Some(Why::Parts);
        Ok(Outcome::Done)
    }

    fn attach(
        &mut self,
        record: Option<&Record>,
        around: &Around,
        attach: &Attach,
        now: Now,
    ) -> Result<Outcome, Reject> {
        let Attach { role, vk, version, class, chain, .. } = attach;
        // ERROR-4, ERROR-5
        if record.is_none() {
            if mutant!(ERROR_4) {
                return Err(Reject::NotAttached);
            }
            linger_as_mutant();
        }
        let key = record.and_then(|record| record.key(*role));
        let followed = key.map(|key| chain.follow(key, now.hour())).transpose();
        let proven = match &followed {
            Ok(key) => key.as_ref().is_some_and(|key| key.is(vk, *version)),
            Err(_) => true,
        };
        let class_fits = record.is_some_and(|record| record.class == *class);
        require!(CONNECTION_25, proven & class_fits, Reject::Refused);
        let (Some(record), Some(key)) = (record, followed?) else { return Err(Reject::Refused) };
        key.allows(Asked::Use, now.hour())?;

        if record.key(*role) != Some(&key) {
            self.take_key(record, *role, key);
        }
        let mut next = record.next;
        match role {
            Role::Recipient | Role::Unspecified => self.active = Some(stamp(now)),
            Role::Sender => {
                next = next.max(attach.from);
                if mutant!(CONNECTION_27) {
                    next = record.next;
                }
                self.next = Some(next);
                self.sender_active(now);
            }
        }
        let incarnation = record.incarnation ^ u64::from(mutant!(CONNECTION_28));
        let state = record.state();
        Ok(Outcome::Attached { slot: around.slot, incarnation, state, next })
    }

    fn send(
        &mut self,
        record: Option<&Record>,
        by: &By,
        submission: u64,
        now: Now,
    ) -> Result<Outcome, Reject> {
        let (record, key) = current(record, by)?;
        key.allows(Asked::Use, now.hour())?;
        // CONNECTION-32: a repeat is answered before quota and state are looked at.
        if submission < record.next && !mutant!(CONNECTION_32) {
            return Ok(Outcome::Done);
        }
        // ERROR-1
        self.append = mutant!(ERROR_1);
        require!(CONNECTION_33, submission <= record.next, Reject::Gap { next: record.next });
        // CONNECTION-37: the refusal and the registration are one act.
        self.wait = (!mutant!(CONNECTION_37)).then_some(by.place);
        let room = u32::from(record.held) < record.terms.quota();
        require!(CONNECTION_35, room, Reject::Quota);
        require!(CONNECTION_36, record.state() != State::Suspended, Reject::Quota);
        self.wait = None;
        self.append = true;
        self.next = Some(record.next + u64::from(!mutant!(CONNECTION_34)));
        self.drop_bundle = record.accepted == 0 && !mutant!(CONNECTION_39);
        self.tell = Some(Why::Parts);
        self.sender_active(now);
        Ok(Outcome::Done)
    }

    /// CONNECTION-56: nothing that a sender does is activity.
    fn sender_active(&mut self, now: Now) {
        if mutant!(CONNECTION_56) {
            self.active = Some(stamp(now));
        }
    }

    fn subscribe(&mut self, record: Option<&Record>, by: &By, now: Now) -> Result<Outcome, Reject> {
        let (record, key) = current(record, by)?;
        key.allows(Asked::Use, now.hour())?;
        let replaces = record.subscriber().is_some_and(|place| place != by.place);
        // CONNECTION-47
        self.tell = (replaces && !mutant!(CONNECTION_47)).then_some(Why::Replaced);
        self.subscriber = Some(Some(by.place));
        self.active = Some(stamp(now));
        Ok(Outcome::Subscribed(record.notice()))
    }

    fn acknowledge(
        &mut self,
        record: Option<&Record>,
        by: &By,
        through: u64,
        now: Now,
    ) -> Result<Outcome, Reject> {
        let (record, key) = current(record, by)?;
        key.allows(Asked::Use, now.hour())?;
        // CONNECTION-46: only the present subscription deletes.
        if record.subscriber() == Some(by.place) || mutant!(CONNECTION_46) {
            self.trim = Some(through);
            self.active = Some(stamp(now));
            self.room = true;
        }
        Ok(Outcome::Done)
    }

    fn set_state(
        &mut self,
        record: Option<&Record>,
        by: &By,
        state: State,
        now: Now,
    ) -> Result<Outcome, Reject> {
        let (record, key) = current(record, by)?;
        key.allows(Asked::Use, now.hour())?;
        require!(CONNECTION_51, record.state() != State::Open, Reject::WrongState);
        if record.state() != state && !mutant!(CONNECTION_50) {
            let mut changed = *record;
            changed.set_state(state);
            self.replace(changed);
            self.room = state == State::Claimed;
        }
        Ok(Outcome::Done)
    }

    fn rotate(
        &mut self,
        record: Option<&Record>,
        by: &By,
        change: &Change,
        now: Now,
    ) -> Result<Outcome, Reject> {
        let (record, key) = current(record, by)?;
        if key.is(&change.new.vk, change.new.version) {
            // ROTATION-10
            return if mutant!(ROTATION_10) { Err(Reject::Refused) } else { Ok(Outcome::Done) };
        }
        require!(ROTATION_7, change.old_vk == key.vk, Reject::Refused);
        key.allows(Asked::Change, now.hour())?;
        // ROTATION-11: the old key is gone with this.
        if !mutant!(ROTATION_11) {
            self.take_key(record, by.role, change.new);
        }
        Ok(Outcome::Done)
    }

    /// The record gets another key of a role; what was attached under the one before is stale.
    fn take_key(&mut self, record: &Record, role: Role, key: KeyRecord) {
        let mut changed = *record;
        changed.set_key(role, key);
        self.replace(changed);
        if role == Role::Recipient && !mutant!(CONNECTION_49) {
            self.tell = Some(Why::Stale);
            self.subscriber = Some(None);
        }
        if role == Role::Sender && !mutant!(CONNECTION_71) {
            self.unwait = Some(Unwait::All);
        }
    }

    fn delete(&mut self, record: Option<&Record>, by: &By, now: Now) -> Result<Outcome, Reject> {
        let (_, key) = current(record, by)?;
        key.allows(Asked::Use, now.hour())?;
        if !mutant!(CONNECTION_53) {
            self.put = Put::Remove;
            self.tell = (!mutant!(CONNECTION_49)).then_some(Why::Stale);
        }
        Ok(Outcome::Done)
    }

    /// CONNECTION-30: whatever has become of the record.
    fn detach(&mut self, record: Option<&Record>, by: &By) -> Result<Outcome, Reject> {
        if let Ok((record, _)) = current(record, by) {
            let subscribed = record.subscriber() == Some(by.place);
            self.subscriber = subscribed.then_some(None);
            self.unwait = Some(Unwait::One(by.place));
        }
        Ok(Outcome::Done)
    }
}
/// ERROR-5: takes longer than a look at a record, if that is the mutant.
fn linger_as_mutant() {
    if mutant!(ERROR_5) {
        let mut digest = [0; 32];
        for _ in 0..200 {
            digest = crate::suite::hash(&[&digest, &[0; 1_024]]);
        }
    }
}
