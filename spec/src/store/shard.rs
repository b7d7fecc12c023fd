//! Some of a server's records, in memory, for one thread at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashTable;
use rand_core::CryptoRng;

use super::senders::HashKey;
use super::slab::{NOWHERE, Slab};
use super::tombstones::Tombstones;
use super::{Changed, PartBuf, Place, READ_PARTS_MAX, ReadSpec, Slot, Wake, Wakes, Why};
use crate::connection::{Around, Find, Guard, Id, Op, Outcome, Plan, Put, Record, State, plan};
use crate::error::Reject;
use crate::mutant;
use crate::time::Now;

/// Bounds of a memory store.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Most connections, deleted ones that are still remembered among them (CONNECTION-13).
    pub connections_max: usize,
    /// Seconds for which a deleted id is remembered: a link's longest life (CONNECTION-12).
    pub tombstone_seconds: u64,
}

/// How much a store holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Connections.
    pub connections: usize,
    /// Parts that wait.
    pub parts: usize,
    /// Their bytes.
    pub part_bytes: usize,
    /// Deleted ids that are remembered.
    pub tombstones: usize,
}

/// A sender id whose record is made or gone: the sender index is to follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Indexed {
    /// The sender id.
    pub sender_id: Id,
    /// Where the record is or was.
    pub slot: Slot,
}

/// What came of one operation.
#[derive(Debug)]
pub struct Applied {
    /// The answer.
    pub outcome: Result<Outcome, Reject>,
    /// A record was made.
    pub inserted: Option<Indexed>,
    /// A record is gone: it was deleted, or found to be over.
    pub removed: Option<Indexed>,
}

/// One stored part: an exact-size copy, in a ring that its record's `parts` names the last of.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) part: Arc<[u8]>,
    pub(super) sequence: u64,
    pub(super) owner: u32,
    pub(super) next: u32,
    pub(super) accepted_at: u32,
}

/// Some of a server's records and all that belongs to them.
///
/// The caller says which record an operation is for where it is not found by recipient id, and
/// keeps the index of sender ids.
#[derive(Clone, Debug)]
pub struct Shard {
    pub(super) key: HashKey,
    limits: StoreLimits,
    number: u32,
    bits: u32,
    pub(super) records: Slab<Record>,
    pub(super) by_recipient: HashTable<u32>,
    pub(super) parts: Slab<Stored>,
    pub(super) part_bytes: usize,
    pub(super) bundles: BTreeMap<u32, Bytes>,
    pub(super) waiters: BTreeMap<u32, VecDeque<Place>>,
    pub(super) tombstones: Tombstones,
    swept: u32,
}

impl Shard {
    /// An empty shard; the hash key is secret and random.
    #[must_use]
    pub fn new(hash_key: [u64; 2], limits: StoreLimits) -> Self {
        let key = HashKey(hash_key);
        Self {
            key,
            limits,
            number: 0,
            bits: 0,
            records: Slab::new(),
            by_recipient: HashTable::new(),
            parts: Slab::new(),
            part_bytes: 0,
            bundles: BTreeMap::new(),
            waiters: BTreeMap::new(),
            tombstones: Tombstones::new(key, limits.tombstone_seconds),
            swept: 0,
        }
    }

    /// Makes it one of 2^`bits` shards: the lowest bits of every slot are `number`.
    #[must_use]
    pub fn numbered(self, number: u32, bits: u32) -> Self {
        Self { number, bits, ..self }
    }

    /// Changes the most that it keeps: one of several shards keeps what the others leave.
    pub const fn set_connections_max(&mut self, connections_max: usize) {
        self.limits.connections_max = connections_max;
    }

    /// The keyed hash of an id: its low bits choose the shard.
    #[must_use]
    pub fn hash(&self, id: &Id) -> u64 {
        self.key.hash(id)
    }

    /// How much it holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            connections: self.records.len(),
            parts: self.parts.len(),
            part_bytes: self.part_bytes,
            tombstones: self.tombstones.len(),
        }
    }

    /// The record at a slot of this shard.
    #[must_use]
    pub fn record(&self, slot: Slot) -> Option<&Record> {
        self.records.get(self.local(slot)?)
    }

    /// Carries out one operation: finds the record, plans, commits.
    ///
    /// `hint` is where the sender index says that the record of a Claim may be; `claim_key_taken`
    /// whether another record has the claim key of a Create.
    pub fn apply(
        &mut self,
        now: Now,
        op: &Op,
        hint: Option<Slot>,
        claim_key_taken: bool,
        wakes: &mut Wakes,
    ) -> Applied {
        let found = self.find(op, hint);
        let (found, mut removed) = self.bury_if_over(found, now, wakes);
        let around = self.around(op, found, claim_key_taken, now);
        let record = found.and_then(|at| self.records.get(at));
        let planned = plan(record, &around, op, now);
        let gone = matches!(planned.put, Put::Remove);
        let made = matches!(planned.put, Put::Insert(_));
        if gone {
            removed = found.and_then(|at| self.indexed(at));
        }
        let (outcome, at) = self.carry_out(planned, op, found, now, wakes);
        let inserted = at.filter(|_| made).and_then(|at| self.indexed(at));
        Applied { outcome, inserted, removed }
    }

    /// The record of an operation, and what stands around it, for a plan made elsewhere.
    pub fn load(
        &mut self,
        now: Now,
        op: &Op,
        hint: Option<Slot>,
        claim_key_taken: bool,
    ) -> (Option<Record>, Around) {
        let found = self.find(op, hint);
        let around = self.around(op, found, claim_key_taken, now);
        let record =
            found.and_then(|at| self.records.get(at)).filter(|record| !record.is_over(now));
        (record.copied(), around)
    }

    /// Commits a plan that was made of what [`Shard::load`] returned.
    ///
    /// # Errors
    /// [`Changed`]: the plan's guard does not hold, and nothing was done.
    pub fn commit(
        &mut self,
        now: Now,
        op: &Op,
        planned: Plan,
        hint: Option<Slot>,
        wakes: &mut Wakes,
    ) -> Result<Applied, Changed> {
        let found = self.find(op, hint);
        let (found, mut removed) = self.bury_if_over(found, now, wakes);
        let record = found.and_then(|at| self.records.get(at));
        if !holds(&planned, record) {
            return Err(Changed);
        }
        let made = matches!(planned.put, Put::Insert(_));
        if matches!(planned.put, Put::Remove) {
            removed = found.and_then(|at| self.indexed(at));
        }
        let (outcome, at) = self.carry_out(planned, op, found, now, wakes);
        let inserted = at.filter(|_| made).and_then(|at| self.indexed(at));
        Ok(Applied { outcome, inserted, removed })
    }

    /// Reads parts for a subscription, and what changed of its record since it was told.
    pub fn read(&self, now: Now, spec: &ReadSpec, out: &mut PartBuf) {
        out.clear();
        out.cursor = spec.cursor;
        let at = self.local(spec.by.slot);
        let Some((at, record)) = at.and_then(|at| Some((at, self.records.get(at)?))) else {
            out.over = Some(Why::Stale);
            return;
        };
        let same = record.incarnation == spec.by.incarnation
            && record.recipient_key.version == spec.by.version;
        if record.subscriber() != Some(spec.by.place) || !same {
            out.over = Some(if same { Why::Replaced } else { Why::Stale });
            return;
        }
        // CONNECTION-48: in the same act as the parts.
        if record.revision != spec.seen && !mutant!(CONNECTION_48) {
            out.notice = Some(record.notice());
        }
        // CONNECTION-52: a suspended connection goes on delivering.
        let silent = mutant!(CONNECTION_52) && record.state() == State::Suspended;
        if record.held == 0 || record.accepted <= spec.after || silent {
            return;
        }
        let mut next = self.first_after(at, record, spec);
        let last = record.parts;
        let most = spec.parts.min(READ_PARTS_MAX);
        while let Some((number, stored)) = next {
            if out.parts.len() == most || out.parts.is_full() {
                out.more = true;
                return;
            }
            // CONNECTION-54: one that waits to be swept is as good as gone.
            if !record.part_is_over(stored.accepted_at, now) {
                out.parts.push((stored.sequence, Arc::clone(&stored.part)));
                out.cursor = number;
            }
            next = (number != last)
                .then_some(stored.next)
                .and_then(|number| Some((number, self.parts.get(number)?)));
        }
    }

    /// Looks at some more slots, deletes what is over, and says whether it has come round.
    ///
    /// A server calls it steadily with few slots, so that no caller waits long.
    pub fn sweep(
        &mut self,
        now: Now,
        slots: u32,
        wakes: &mut Wakes,
        removed: &mut Vec<Indexed>,
    ) -> bool {
        self.tombstones.forget(now);
        let end = self.records.end();
        let until = self.swept.saturating_add(slots).min(end);
        for at in self.swept..until {
            let (kept, gone) = self.bury_if_over(Some(at), now, wakes);
            removed.extend(gone);
            if let Some(at) = kept {
                self.drop_old_parts(at, now, wakes);
            }
        }
        let round = until == end;
        self.swept = if round { 0 } else { until };
        round
    }

    /// Gives every record a new incarnation: answered commits may have been lost (CONNECTION-58).
    pub fn renew(&mut self, rng: &mut dyn CryptoRng, wakes: &mut Wakes) {
        for at in 0..self.records.end() {
            let slot = self.slot(at);
            let Some(record) = self.records.get_mut(at) else { continue };
            record.incarnation = rng.next_u64(); // CONNECTION-58
            if let Some(place) = record.subscriber() {
                record.set_subscriber(None);
                wakes.push(Wake { place, slot, why: Why::Stale });
            }
            self.waiters.remove(&at);
        }
    }
}

/// Finding, and what stands around.
impl Shard {
    pub(super) const fn slot(&self, at: u32) -> Slot {
        Slot(at << self.bits | self.number)
    }

    fn local(&self, slot: Slot) -> Option<u32> {
        (self.slot(slot.0 >> self.bits) == slot).then_some(slot.0 >> self.bits)
    }

    fn find(&self, op: &Op, hint: Option<Slot>) -> Option<u32> {
        let at = match op.find() {
            Find::Recipient(id) => {
                let same = |at: &u32| self.records.get(*at).is_some_and(|r| r.recipient_id == id);
                self.by_recipient.find(self.key.hash(&id), same).copied()
            }
            Find::Sender(_) => hint.and_then(|slot| self.local(slot)),
            Find::Slot(slot) => self.local(slot),
        };
        at.filter(|at| self.records.get(*at).is_some())
    }

    fn around(&mut self, op: &Op, found: Option<u32>, claim_key_taken: bool, now: Now) -> Around {
        let buried = match op {
            Op::Create(create) => self.tombstones.has(&create.recipient_id, now),
            _ => false,
        };
        let kept = self.records.len() + self.tombstones.len();
        let full =
            kept >= self.limits.connections_max || self.records.end() >= NOWHERE >> self.bits;
        let slot = found.map_or(Slot(NOWHERE), |at| self.slot(at));
        let deposited = match (op, found) {
            (Op::Deposit(deposit), Some(at)) => self.has_part(at, &deposit.part, now),
            _ => false,
        };
        Around { slot, claim_key_taken, buried, full, deposited }
    }

    /// Whether a record holds a part of the same bytes (CONNECTION-79).
    fn has_part(&self, at: u32, part: &[u8], now: Now) -> bool {
        let Some(record) = self.records.get(at) else { return false };
        let mut number = record.parts;
        (0..record.held).any(|_| {
            let Some(stored) = self.parts.get(number) else { return false };
            number = stored.next;
            stored.part[..] == *part && !record.part_is_over(stored.accepted_at, now)
        })
    }

    pub(super) fn indexed(&self, at: u32) -> Option<Indexed> {
        let sender_id = self.records.get(at)?.sender_id;
        Some(Indexed { sender_id, slot: self.slot(at) })
    }

    /// The first part after what the subscription has been given, from the hint if it holds.
    fn first_after(&self, at: u32, record: &Record, spec: &ReadSpec) -> Option<(u32, &Stored)> {
        let mut number = self.parts.get(record.parts)?.next;
        let hinted = self.parts.get(spec.cursor);
        if let Some(hint) = hinted.filter(|s| s.owner == at && s.sequence == spec.after) {
            number = hint.next;
        }
        for _ in 0..record.held {
            let stored = self.parts.get(number)?;
            if stored.sequence > spec.after {
                return Some((number, stored));
            }
            number = stored.next;
        }
        None
    }
}

/// Whether what a plan was made for still holds.
fn holds(planned: &Plan, record: Option<&Record>) -> bool {
    let now = record.map(|r| (r.incarnation, r.revision));
    match planned.guard {
        Guard::None => true,
        Guard::Absent => record.is_none(),
        Guard::Control { incarnation, revision } => now == Some((incarnation, revision)),
        Guard::Submission { incarnation, revision, next } => record.is_some_and(|r| {
            now == Some((incarnation, revision)) && r.next == next && r.has_room()
        }),
    }
}
