//! Spec's memory store, spread over locks.
//!
//! Records are spread by recipient id, the index of sender ids by sender id. Locks are taken in
//! one order: one of the index, then one of the records, and never two of a kind. Each is held for
//! one plan and its commit, so every future here is ready when it is first polled.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use edgewise_spec::connection::{Around, Create, Find, Id, Op, Outcome, Plan, Record};
use edgewise_spec::error::Reject;
use edgewise_spec::store::{
    Applied, Changed, Indexed, PartBuf, ReadSpec, SenderIndex, Shard, Slot, Stats, Store,
    StoreLimits, Wakes,
};
use edgewise_spec::time::Now;
use rand_core::Rng as _;

use crate::config::Config;
use crate::random;

/// Bits of a slot that are its shard's number.
const BITS: u32 = 6;
/// Locks over records, and as many over the index.
const SHARDS: usize = 1 << BITS;

/// All connections of a server, in memory.
#[derive(Debug)]
pub struct ShardedStore {
    shards: [Mutex<Shard>; SHARDS],
    senders: [Mutex<SenderIndex>; SHARDS],
    /// Clients choose ids and must not choose the lock.
    spread: RandomState,
    limits: StoreLimits,
    /// What each shard keeps, connections and remembered ids, so that all can be added up without
    /// their locks (CONNECTION-13).
    kept: [AtomicUsize; SHARDS],
    /// The shard that is swept next.
    swept: AtomicUsize,
}

/// A locked shard; what it keeps is noted when it is let go.
struct Held<'a> {
    shard: MutexGuard<'a, Shard>,
    kept: &'a AtomicUsize,
}

impl Deref for Held<'_> {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        &self.shard
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Shard {
        &mut self.shard
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let Stats { connections, tombstones, .. } = self.shard.stats();
        self.kept.store(connections + tombstones, Ordering::Relaxed);
    }
}

impl ShardedStore {
    /// An empty store.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let limits = StoreLimits {
            connections_max: config.connections_max,
            tombstone_seconds: u64::from(config.limits.link_life_seconds),
        };
        let empty = |number| empty(number, limits);
        Self {
            shards: std::array::from_fn(|number| Mutex::new(empty(number).0)),
            senders: std::array::from_fn(|number| Mutex::new(empty(number).1)),
            spread: RandomState::new(),
            limits,
            kept: std::array::from_fn(|_| AtomicUsize::new(0)),
            swept: AtomicUsize::new(0),
        }
    }

    /// Forgets everything, as a restart does.
    pub fn clear(&self) {
        for number in 0..SHARDS {
            let (shard, index) = empty(number, self.limits);
            *self.index(number) = index;
            *self.held(number) = shard;
        }
    }

    /// How much is kept.
    #[must_use]
    pub fn stats(&self) -> Stats {
        (0..SHARDS).fold(Stats::default(), |sum, number| {
            let one = self.held(number).stats();
            Stats {
                connections: sum.connections + one.connections,
                parts: sum.parts + one.parts,
                part_bytes: sum.part_bytes + one.part_bytes,
                tombstones: sum.tombstones + one.tombstones,
            }
        })
    }

    /// Deletes what is over among the next `slots` records, or among all of them for `usize::MAX`.
    pub fn sweep(&self, now: Now, slots: usize, wakes: &mut Wakes) {
        let mut removed = Vec::new();
        if slots == usize::MAX {
            for number in 0..SHARDS {
                let mut shard = self.held(number);
                // Once to come round from where the last sweep stood, and once all over.
                for _ in 0..2 {
                    while !shard.sweep(now, u32::MAX, wakes, &mut removed) {}
                }
            }
        } else {
            let each = u32::try_from(slots).unwrap_or(u32::MAX);
            let number = self.swept.load(Ordering::Relaxed);
            if self.held(number).sweep(now, each, wakes, &mut removed) {
                self.swept.store((number + 1) % SHARDS, Ordering::Relaxed);
            }
        }
        removed.into_iter().for_each(|gone| self.forget(Some(gone)));
    }

    /// Carries out one operation in one act.
    fn carry_out(&self, now: Now, op: &Op, wakes: &mut Wakes) -> Result<Outcome, Reject> {
        match op.find() {
            Find::Slot(slot) => self.at(slot, now, op, wakes),
            Find::Sender(id) => match self.candidate(&id) {
                Some(slot) => self.at(slot, now, op, wakes),
                // Nothing to be found is planned for as well: the same refusal, the same work.
                None => self.at(Slot(0), now, op, wakes),
            },
            Find::Recipient(id) => match op {
                Op::Create(create) => self.create(now, op, create, wakes),
                _ => {
                    let applied = self.shard_of(&id).apply(now, op, None, false, wakes);
                    self.forget(applied.removed);
                    applied.outcome
                }
            },
        }
    }

    fn at(&self, slot: Slot, now: Now, op: &Op, wakes: &mut Wakes) -> Result<Outcome, Reject> {
        let hint = matches!(op, Op::Claim(_) | Op::Deposit(_)).then_some(slot);
        let applied = self.shard_at(slot).apply(now, op, hint, false, wakes);
        self.forget(applied.removed);
        applied.outcome
    }

    /// Makes a record and its entry of the index, without a moment between them.
    fn create(
        &self,
        now: Now,
        op: &Op,
        create: &Create,
        wakes: &mut Wakes,
    ) -> Result<Outcome, Reject> {
        let Applied { outcome, inserted, removed } = {
            let mut index = self.index_of(&create.sender_id);
            let taken = self.is_taken(&index, create, now);
            let number = self.number(&create.recipient_id);
            let room = self.room_beside(number);
            let mut shard = self.held(number);
            // CONNECTION-13
            shard.set_connections_max(room);
            let applied = shard.apply(now, op, None, taken, wakes);
            if let Some(Indexed { sender_id, slot }) = &applied.inserted {
                index.insert(sender_id, *slot);
            }
            applied
        };
        // What was found to be over may be of another sender id, and so of another lock; a record
        // that was made in its very slot has another entry.
        let same = |gone: &Indexed| inserted.is_some_and(|made| made == *gone);
        self.forget(removed.filter(|gone| !same(gone)));
        outcome
    }

    /// Whether another living record has the claim key of a Create.
    fn is_taken(&self, index: &SenderIndex, create: &Create, now: Now) -> bool {
        index.find(&create.sender_id).any(|slot| {
            self.shard_at(slot).record(slot).is_some_and(|record| {
                record.sender_id == create.sender_id
                    && record.recipient_id != create.recipient_id
                    && !record.is_over(now)
            })
        })
    }

    /// Where the record of a sender id was a moment ago; its own shard has the last word.
    fn candidate(&self, sender_id: &Id) -> Option<Slot> {
        let slots: Vec<Slot> = self.index_of(sender_id).find(sender_id).collect();
        slots.into_iter().find(|slot| {
            let shard = self.shard_at(*slot);
            shard.record(*slot).is_some_and(|record| record.sender_id == *sender_id)
        })
    }

    fn forget(&self, removed: Option<Indexed>) {
        if let Some(Indexed { sender_id, slot }) = removed {
            self.index_of(&sender_id).remove(&sender_id, slot);
        }
    }

    /// How much one shard may keep, for all that the others do.
    fn room_beside(&self, number: usize) -> usize {
        let others = self.kept.iter().enumerate().filter(|(other, _)| *other != number);
        let kept: usize = others.map(|(_, kept)| kept.load(Ordering::Relaxed)).sum();
        self.limits.connections_max.saturating_sub(kept)
    }

    fn shard_at(&self, slot: Slot) -> Held<'_> {
        self.held(usize::try_from(slot.0).unwrap_or(0) % SHARDS)
    }

    fn shard_of(&self, recipient_id: &Id) -> Held<'_> {
        self.held(self.number(recipient_id))
    }

    fn index_of(&self, sender_id: &Id) -> MutexGuard<'_, SenderIndex> {
        self.index(self.number(sender_id))
    }

    fn number(&self, id: &Id) -> usize {
        usize::try_from(self.spread.hash_one(id) % SHARDS as u64).unwrap_or(0)
    }

    #[expect(clippy::indexing_slicing, reason = "in range by the remainder")]
    fn held(&self, number: usize) -> Held<'_> {
        let shard = self.shards[number % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        Held { shard, kept: &self.kept[number % SHARDS] }
    }

    #[expect(clippy::indexing_slicing, reason = "in range by the remainder")]
    fn index(&self, number: usize) -> MutexGuard<'_, SenderIndex> {
        self.senders[number % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn empty(number: usize, limits: StoreLimits) -> (Shard, SenderIndex) {
    let mut rng = random();
    let keys = [rng.next_u64(), rng.next_u64()];
    let number = u32::try_from(number).unwrap_or(0);
    (Shard::new(keys, limits).numbered(number, BITS), SenderIndex::new(keys))
}

impl Store for ShardedStore {
    async fn load(&self, now: Now, op: &Op) -> Result<(Option<Record>, Around), Reject> {
        Ok(match op.find() {
            Find::Slot(slot) => self.shard_at(slot).load(now, op, None, false),
            Find::Sender(id) => {
                let slot = self.candidate(&id).unwrap_or(Slot(0));
                self.shard_at(slot).load(now, op, Some(slot), false)
            }
            Find::Recipient(id) => {
                let taken = match op {
                    Op::Create(create) => {
                        let index = self.index_of(&create.sender_id);
                        self.is_taken(&index, create, now)
                    }
                    _ => false,
                };
                let number = self.number(&id);
                let room = self.room_beside(number);
                let mut shard = self.held(number);
                shard.set_connections_max(room);
                shard.load(now, op, None, taken)
            }
        })
    }

    async fn commit(
        &self,
        now: Now,
        op: &Op,
        plan: Plan,
        slot: Slot,
        wakes: &mut Wakes,
    ) -> Result<Result<Outcome, Reject>, Changed> {
        let applied = match (op, op.find()) {
            (Op::Create(create), _) => {
                let mut index = self.index_of(&create.sender_id);
                let mut shard = self.shard_of(&create.recipient_id);
                let applied = shard.commit(now, op, plan, None, wakes)?;
                if let Some(Indexed { sender_id, slot }) = &applied.inserted {
                    index.insert(sender_id, *slot);
                }
                applied
            }
            (_, Find::Recipient(id)) => self.shard_of(&id).commit(now, op, plan, None, wakes)?,
            _ => self.shard_at(slot).commit(now, op, plan, Some(slot), wakes)?,
        };
        self.forget(applied.removed);
        Ok(applied.outcome)
    }

    async fn read(&self, now: Now, spec: &ReadSpec, out: &mut PartBuf) -> Result<(), Reject> {
        self.shard_at(spec.by.slot).read(now, spec, out);
        Ok(())
    }

    async fn apply(&self, now: Now, op: &Op, wakes: &mut Wakes) -> Result<Outcome, Reject> {
        #[cfg(feature = "mutants")]
        if is_torn(op) {
            return self.carry_out_torn(now, op, wakes).await;
        }
        self.carry_out(now, op, wakes)
    }
}

/// Operations that a mutant takes apart: looked at under the lock, carried out under it again,
/// with room for others in between.
#[cfg(feature = "mutants")]
fn is_torn(op: &Op) -> bool {
    use edgewise_spec::mutant;

    match op {
        Op::Send { .. } => mutant!(CONNECTION_34, "two-acts"),
        Op::Claim(_) => mutant!(CONNECTION_17, "two-acts"),
        _ => false,
    }
}

#[cfg(feature = "mutants")]
impl ShardedStore {
    async fn carry_out_torn(
        &self,
        now: Now,
        op: &Op,
        wakes: &mut Wakes,
    ) -> Result<Outcome, Reject> {
        use edgewise_spec::connection::{Guard, plan};

        let (record, around) = self.load(now, op).await?;
        let planned = plan(record.as_ref(), &around, op, now);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let planned = Plan { guard: Guard::None, ..planned };
        let committed = self.commit(now, op, planned, around.slot, wakes).await;
        committed.map_err(|Changed| Reject::Unavailable)?
    }
}
