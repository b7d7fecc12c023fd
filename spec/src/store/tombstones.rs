//! Ids of deleted connections, so that a Create that comes late revives nothing (CONNECTION-12).

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::senders::HashKey;
use crate::connection::Id;
use crate::time::Now;

/// Deleted ids, each for the same time.
#[derive(Clone, Debug)]
pub(super) struct Tombstones {
    key: HashKey,
    seconds: u64,
    table: HashTable<Tombstone>,
    order: VecDeque<Tombstone>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Tombstone {
    id: Id,
    until: u64,
}

impl Tombstones {
    pub(super) const fn new(key: HashKey, seconds: u64) -> Self {
        Self { key, seconds, table: HashTable::new(), order: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether the id was deleted not long ago.
    pub(super) fn has(&mut self, id: &Id, now: Now) -> bool {
        self.forget(now);
        self.table.find(self.key.hash(id), |stone| stone.id == *id).is_some()
    }

    pub(super) fn insert(&mut self, id: Id, now: Now) {
        self.forget(now);
        let stone = Tombstone { id, until: now.seconds().saturating_add(self.seconds) };
        let key = self.key;
        self.table.insert_unique(key.hash(&id), stone, |stone| key.hash(&stone.id));
        self.order.push_back(stone);
    }

    /// Forgets those whose time is over.
    pub(super) fn forget(&mut self, now: Now) {
        while let Some(stone) = self.order.front().filter(|stone| stone.until <= now.seconds()) {
            let hash = self.key.hash(&stone.id);
            if let Ok(found) = self.table.find_entry(hash, |other| other == stone) {
                found.remove();
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_for_its_time() {
        let mut stones = Tombstones::new(HashKey([3, 4]), 60);
        stones.insert([1; 32], Now::from_seconds(100));
        stones.insert([2; 32], Now::from_seconds(130));
        assert!(stones.has(&[1; 32], Now::from_seconds(159)));
        assert!(!stones.has(&[1; 32], Now::from_seconds(160)));
        assert!(stones.has(&[2; 32], Now::from_seconds(160)));
        assert!(!stones.has(&[3; 32], Now::from_seconds(160)));
        assert_eq!(stones.len(), 1);
    }
}
