//! From a sender id to the record that has it.

use hashbrown::HashTable;

use super::Slot;
use crate::connection::Id;

/// Where the records of some sender ids may be: eight bytes a record.
///
/// It is a hint: the record itself, under its own lock, says what its sender id is.
#[derive(Clone, Debug)]
pub struct SenderIndex {
    key: HashKey,
    table: HashTable<Hint>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Hint {
    tag: u32,
    slot: Slot,
}

impl SenderIndex {
    /// An empty index; the key is secret and random.
    #[must_use]
    pub const fn new(key: [u64; 2]) -> Self {
        Self { key: HashKey(key), table: HashTable::new() }
    }

    /// Where the record of a sender id may be: every one of these is to be looked at.
    pub fn find<'a>(&'a self, sender_id: &Id) -> impl Iterator<Item = Slot> + use<'a> {
        let tag = self.tag(sender_id);
        self.table.iter_hash(spread(tag)).filter(move |hint| hint.tag == tag).map(|hint| hint.slot)
    }

    /// A record of this sender id is there now.
    pub fn insert(&mut self, sender_id: &Id, slot: Slot) {
        let tag = self.tag(sender_id);
        self.table.insert_unique(spread(tag), Hint { tag, slot }, |hint| spread(hint.tag));
    }

    /// The record of this sender id is no longer there.
    pub fn remove(&mut self, sender_id: &Id, slot: Slot) {
        let hint = Hint { tag: self.tag(sender_id), slot };
        if let Ok(found) = self.table.find_entry(spread(hint.tag), |other| *other == hint) {
            found.remove();
        }
    }

    /// Hints that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    fn tag(&self, sender_id: &Id) -> u32 {
        (self.key.hash(sender_id) >> 32) as u32
    }
}

/// Tags are uniform already; the table takes its probe from low bits and its control bytes from
/// high ones, so they are spread over both.
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// A keyed hash of ids: clients choose ids, and must not choose the bucket.
#[derive(Clone, Copy)]
pub(super) struct HashKey(pub(super) [u64; 2]);

impl HashKey {
    /// The standard library's SipHash, the secret words first: what it has absorbed then is as
    /// secret as they are.
    pub(super) fn hash(&self, id: &Id) -> u64 {
        use core::hash::Hasher as _;
        let mut hasher = std::hash::DefaultHasher::new();
        for word in self.0 {
            hasher.write_u64(word);
        }
        hasher.write(id);
        hasher.finish()
    }
}

impl core::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("HashKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_found_until_that_one_is_removed() {
        let mut index = SenderIndex::new([1, 2]);
        for n in 0..10_000_u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&n.to_le_bytes());
            index.insert(&id, Slot(n));
        }
        assert!(index.find(&[0; 32]).any(|slot| slot == Slot(0)));
        index.insert(&[0; 32], Slot(77_777));
        index.remove(&[0; 32], Slot(0));
        assert_eq!(index.find(&[0; 32]).collect::<Vec<_>>(), [Slot(77_777)]);
        index.remove(&[0; 32], Slot(1));
        assert_eq!(index.len(), 10_000, "the slot belongs to another id");
    }
}
