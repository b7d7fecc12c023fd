//! A whole store in memory, for one thread: simulation, tests, and the example of how shards and
//! the sender index work together.

use rand_core::CryptoRng;

use super::shard::{Indexed, StoreLimits};
use super::{PartBuf, ReadSpec, SenderIndex, Shard, Slot, Stats, Wakes};
use crate::connection::{Op, Outcome};
use crate::error::Reject;
use crate::time::Now;

/// Records, parts and indexes of one server. A clone is a snapshot.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    shard: Shard,
    senders: SenderIndex,
}

impl MemoryStore {
    /// An empty store; the hash key is secret and random.
    #[must_use]
    pub fn new(hash_key: [u64; 2], limits: StoreLimits) -> Self {
        Self { shard: Shard::new(hash_key, limits), senders: SenderIndex::new(hash_key) }
    }

    /// Carries out one operation, in one act, and says whom to wake.
    ///
    /// # Errors
    /// The operation's refusal.
    pub fn apply(&mut self, now: Now, op: &Op, wakes: &mut Wakes) -> Result<Outcome, Reject> {
        let (hint, taken) = match op {
            Op::Create(create) => (None, self.is_taken(create, now)),
            Op::Claim(claim) => (self.with_sender_id(&claim.sender_id), false),
            Op::Deposit(deposit) => (self.with_sender_id(&deposit.sender_id), false),
            _ => (None, false),
        };
        let applied = self.shard.apply(now, op, hint, taken, wakes);
        if let Some(Indexed { sender_id, slot }) = applied.removed {
            self.senders.remove(&sender_id, slot);
        }
        if let Some(Indexed { sender_id, slot }) = applied.inserted {
            self.senders.insert(&sender_id, slot);
        }
        applied.outcome
    }

    /// Reads parts for a subscription, and what changed of its record.
    pub fn read(&self, now: Now, spec: &ReadSpec, out: &mut PartBuf) {
        self.shard.read(now, spec, out);
    }

    /// Deletes everything that is over.
    pub fn sweep(&mut self, now: Now, wakes: &mut Wakes) {
        let mut removed = Vec::new();
        while !self.shard.sweep(now, u32::MAX, wakes, &mut removed) {}
        for Indexed { sender_id, slot } in removed {
            self.senders.remove(&sender_id, slot);
        }
    }

    /// Answered commits may have been lost: every record gets a new incarnation (CONNECTION-58).
    pub fn renew(&mut self, rng: &mut dyn CryptoRng, wakes: &mut Wakes) {
        self.shard.renew(rng, wakes);
    }

    /// How much it holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shard.stats()
    }

    /// Where a record of this sender id is.
    fn with_sender_id(&self, sender_id: &[u8; 32]) -> Option<Slot> {
        self.senders.find(sender_id).find(|slot| {
            self.shard.record(*slot).is_some_and(|record| record.sender_id == *sender_id)
        })
    }

    /// Whether another living record has the claim key of a Create.
    fn is_taken(&self, create: &crate::connection::Create, now: Now) -> bool {
        let slot = self.with_sender_id(&create.sender_id);
        let record = slot.and_then(|slot| self.shard.record(slot));
        record.is_some_and(|r| r.recipient_id != create.recipient_id && !r.is_over(now))
    }
}
