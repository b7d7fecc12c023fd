//! The one seam of a server: where records and parts are kept.
//!
//! A store decides nothing. [`crate::connection::plan`] says what an operation does; the store
//! finds the record, carries the plan out in one act, and says whom to wake.

mod act;
pub mod memory;
mod senders;
mod shard;
mod slab;
mod tombstones;

use core::future::Future;
use core::num::NonZeroU32;
use std::sync::Arc;

use arrayvec::ArrayVec;

pub use senders::SenderIndex;
pub use shard::{Applied, Indexed, Shard, Stats, StoreLimits};

use crate::connection::{Around, By, Notice, Op, Outcome, Plan, Record, plan};
use crate::error::Reject;
use crate::time::Now;

/// Most parts of one read.
pub const READ_PARTS_MAX: usize = 4;
/// Most plans that are made for one operation, while its record changes between load and commit.
pub const RETRIES_MAX: usize = 8;

/// The number of a living link, chosen by the server and not soon used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub NonZeroU32);

/// One attachment: a link, and a handle of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The link.
    pub link: LinkId,
    /// The handle.
    pub handle: u16,
}

/// Where a store keeps a record. Another record may come to the same place later: its
/// incarnation tells them apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slot(pub u32);

/// Why an attachment is woken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Why {
    /// There are parts for its subscription.
    Parts,
    /// The record changed in what its subscription is told.
    Record,
    /// There is room again.
    Space,
    /// Its subscription is over: another began.
    Replaced,
    /// Its subscription is over: the record is gone, or has another key or incarnation.
    Stale,
}

/// One attachment to be woken. No wake carries data, and one that is lost loses none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Wake {
    /// The attachment.
    pub place: Place,
    /// The record it is about.
    pub slot: Slot,
    /// Why.
    pub why: Why,
}

/// Whom to wake after a commit; the caller's, reused.
pub type Wakes = Vec<Wake>;

/// What a subscription asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadSpec {
    /// The subscription.
    pub by: By,
    /// Parts after this sequence.
    pub after: u64,
    /// Where the last read left off: a hint of the store's own.
    pub cursor: u32,
    /// The revision of the record that the subscription was told.
    pub seen: u32,
    /// At most so many parts, 1 to [`READ_PARTS_MAX`].
    pub parts: usize,
}

/// What was read for a subscription; reused.
#[derive(Debug, Default)]
pub struct PartBuf {
    /// Sequence and part, in order.
    pub parts: ArrayVec<(u64, Arc<[u8]>), READ_PARTS_MAX>,
    /// The record changed since the revision that was seen: told before these parts.
    pub notice: Option<Notice>,
    /// The subscription is over.
    pub over: Option<Why>,
    /// The record holds more.
    pub more: bool,
    /// Where this read left off.
    pub cursor: u32,
}

impl PartBuf {
    /// Empties it for another read.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Why a plan was not committed: what it was made for has changed. Make it anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the record has changed since the plan was made")]
pub struct Changed;

/// Where records and parts are kept.
///
/// A store that can carry out a plan where it was made overrides [`Store::apply`]; any other one
/// loads, and commits under the plan's guard.
pub trait Store: Send + Sync + 'static {
    /// Finds the record of an operation and what stands around it. A record or part whose time is
    /// over is as good as gone.
    fn load(
        &self,
        now: Now,
        op: &Op,
    ) -> impl Future<Output = Result<(Option<Record>, Around), Reject>> + Send;

    /// Carries out a plan in one act if its guard holds, and says whom to wake.
    fn commit(
        &self,
        now: Now,
        op: &Op,
        plan: Plan,
        slot: Slot,
        wakes: &mut Wakes,
    ) -> impl Future<Output = Result<Result<Outcome, Reject>, Changed>> + Send;

    /// Reads parts for a subscription, and what changed of its record.
    ///
    /// # Errors
    /// [`Reject::Unavailable`].
    fn read(
        &self,
        now: Now,
        spec: &ReadSpec,
        out: &mut PartBuf,
    ) -> impl Future<Output = Result<(), Reject>> + Send;

    /// Carries out one operation.
    ///
    /// # Errors
    /// The operation's refusal, or [`Reject::Unavailable`]: the store could not be reached, or the
    /// record changed under each of [`RETRIES_MAX`] plans, none of which was carried out.
    fn apply(
        &self,
        now: Now,
        op: &Op,
        wakes: &mut Wakes,
    ) -> impl Future<Output = Result<Outcome, Reject>> + Send {
        async move {
            for _ in 0..RETRIES_MAX {
                let (record, around) = self.load(now, op).await?;
                let planned = plan(record.as_ref(), &around, op, now);
                if let Ok(outcome) = self.commit(now, op, planned, around.slot, wakes).await {
                    return outcome;
                }
            }
            Err(Reject::Unavailable)
        }
    }
}
