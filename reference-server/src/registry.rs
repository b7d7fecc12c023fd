//! Which links live, so that what one link commits can wake another.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edgewise_spec::store::LinkId;

use crate::link::Link;

/// Locks; links are spread over them by number.
const SHARDS: usize = 16;

/// All living links by number.
#[derive(Debug)]
pub struct Registry {
    shards: [Mutex<HashMap<LinkId, Arc<Link>>>; SHARDS],
    next: AtomicU32,
    living: AtomicUsize,
}

impl Registry {
    /// No links.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            next: AtomicU32::new(1),
            living: AtomicUsize::new(0),
        }
    }

    /// A number that no living link has.
    #[must_use]
    pub fn number(&self) -> LinkId {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if let Some(id) = NonZeroU32::new(number).map(LinkId)
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

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
