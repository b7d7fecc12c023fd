//! Which links live, so that what one link commits can wake another.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edgewise_spec::store::LinkId;
use rand_core::Rng as _;

use crate::link::Link;
use crate::random;

/// Locks; links are spread over them by number.
const SHARDS: usize = 16;

/// Bits of a link's number that its edge chooses; those above are the edge's own number.
const LINK_BITS: u32 = 24;

/// The number of an edge among those in front of one core. Every link's number begins with its
/// edge's, so that whoever is to be woken can be found from the number alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeNumber(pub u8);

impl EdgeNumber {
    /// The edge of a link.
    #[must_use]
    pub const fn of(link: LinkId) -> Self {
        let [number, ..] = link.0.get().to_be_bytes();
        Self(number)
    }
}

/// All living links of one edge by number.
#[derive(Debug)]
pub struct Registry {
    edge: EdgeNumber,
    shards: [Mutex<HashMap<LinkId, Arc<Link>>>; SHARDS],
    next: AtomicU32,
    living: AtomicUsize,
}

impl Registry {
    /// No links. The first number is chosen by chance: an edge that comes back in the place of one
    /// that was lost does not begin with the numbers that the core may still know.
    #[must_use]
    pub fn new(edge: EdgeNumber) -> Self {
        Self {
            edge,
            shards: std::array::from_fn(|_| Mutex::default()),
            next: AtomicU32::new(random().next_u32()),
            living: AtomicUsize::new(0),
        }
    }

    /// A number that no living link has.
    #[must_use]
    pub fn number(&self) -> LinkId {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed) & ((1 << LINK_BITS) - 1);
            let whole = (number > 0).then_some(u32::from(self.edge.0) << LINK_BITS | number);
            if let Some(id) = whole.and_then(NonZeroU32::new).map(LinkId)
                && self.shard(id).is_some_and(|shard| !shard.contains_key(&id))
            {
                return id;
            }
        }
    }

    /// Adds a link, unless `most` live already.
    #[must_use]
    pub fn enter(&self, link: &Arc<Link>, most: usize) -> bool {
        if self.living.fetch_add(1, Ordering::AcqRel) >= most {
            self.living.fetch_sub(1, Ordering::AcqRel);
            return false;
        }
        if let Some(mut shard) = self.shard(link.id()) {
            shard.insert(link.id(), Arc::clone(link));
        }
        true
    }

    /// Removes a link.
    pub fn leave(&self, id: LinkId) {
        let removed = self.shard(id).and_then(|mut shard| shard.remove(&id));
        if removed.is_some() {
            self.living.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// A living link.
    #[must_use]
    pub fn get(&self, id: LinkId) -> Option<Arc<Link>> {
        self.shard(id)?.get(&id).cloned()
    }

    /// How many live.
    #[must_use]
    pub fn living(&self) -> usize {
        self.living.load(Ordering::Acquire)
    }

    /// The links for which `chosen` holds. No lock of this registry is held afterwards.
    #[must_use]
    pub fn select(&self, chosen: impl Fn(&Link) -> bool) -> Vec<Arc<Link>> {
        let mut links = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            links.extend(shard.values().filter(|link| chosen(link)).cloned());
        }
        links
    }

    fn shard(&self, id: LinkId) -> Option<MutexGuard<'_, HashMap<LinkId, Arc<Link>>>> {
        let index = usize::try_from(id.0.get()).unwrap_or(0) % SHARDS;
        let shard = self.shards.get(index)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_tells_its_edge_and_none_is_zero() {
        for edge in [0, 1, 19, 255] {
            let registry = Registry::new(EdgeNumber(edge));
            registry.next.store((1 << LINK_BITS) - 2, Ordering::Relaxed);
            let numbers: Vec<_> = (0..4).map(|_| registry.number()).collect();
            assert!(numbers.iter().all(|number| EdgeNumber::of(*number) == EdgeNumber(edge)));
            let low = |id: &LinkId| id.0.get() & ((1 << LINK_BITS) - 1);
            let last = (1 << LINK_BITS) - 1;
            assert_eq!(numbers.iter().map(low).collect::<Vec<_>>(), [last - 1, last, 1, 2]);
        }
    }
}
