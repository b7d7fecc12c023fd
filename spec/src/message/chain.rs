//! The chain of a direction's messages, as their recipient sees it.

use std::collections::{BTreeMap, VecDeque};

use super::UpTo;
use crate::constants::{CHAIN_WINDOW, FORKS_MAX, HASH_LEN};
use crate::mutant;

const STATE_VERSION: u8 = 2;
/// The version before forks were remembered: without them.
const STATE_WITHOUT_FORKS: u8 = 1;

/// How a message stands to those that came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It follows the highest one.
    Next,
    /// Messages between the highest one and this one are missing, so far.
    Gap {
        /// The lowest number that is missing.
        first: u32,
        /// The highest number that is missing.
        last: u32,
    },
    /// It was missing.
    Filled,
    /// It came before.
    Duplicate,
    /// It contradicts another message: the peer, or whoever had its keys, has said two things.
    Fork {
        /// The number of the message that it contradicts: its own, or one beside it.
        with: u32,
    },
    /// It is more than CHAIN_WINDOW below the highest one: nothing is known of its number.
    Stale,
}

/// Stored bytes are not those of this type and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored state of messages is not of this version, or damaged")]
pub struct StateRefused;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    hash: [u8; HASH_LEN],
    /// What it says of the message before, while that one has not arrived.
    previous: Option<[u8; HASH_LEN]>,
}

/// What is known of the messages of a direction: the hashes of the last CHAIN_WINDOW numbers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Chain {
    highest: u32,
    known: BTreeMap<u32, Known>,
    /// Messages whose number was taken, oldest first: known by number and hash when they come again.
    forks: VecDeque<(u32, [u8; HASH_LEN])>,
}

impl Chain {
    /// Judges a message by its number (from 1), its hash and what it says of the one before it.
    /// Nothing changes. The chapter has the table.
    #[must_use]
    pub fn judge(&self, number: u32, hash: &[u8; HASH_LEN], previous: &[u8; HASH_LEN]) -> Link {
        if number < self.highest.saturating_sub(CHAIN_WINDOW) {
            return Link::Stale;
        }
        if let Some(known) = self.known.get(&number) {
            // MESSAGE-14: the same number twice is the same message or a fork.
            return match known.hash == *hash {
                true => Link::Duplicate,
                // MESSAGE-34
                false if self.is_known_fork(number, hash) => Link::Duplicate,
                false if mutant!(MESSAGE_14) => Link::Duplicate,
                false => Link::Fork { with: number },
            };
        }
        let before = number.saturating_sub(1);
        let joins = match self.known.get(&before) {
            Some(known) => known.hash == *previous,
            None => before > 0 || *previous == [0; HASH_LEN],
        };
        // MESSAGE-13
        if !joins && !mutant!(MESSAGE_13) {
            return Link::Fork { with: before };
        }
        let after = number.saturating_add(1);
        let named = self.known.get(&after).and_then(|known| known.previous);
        if named.is_some_and(|named| named != *hash) && !mutant!(MESSAGE_13, "after") {
            return Link::Fork { with: after };
        }
        match number.checked_sub(self.highest) {
            Some(1) => Link::Next,
            // MESSAGE-12
            Some(2..) if !mutant!(MESSAGE_12) => {
                Link::Gap { first: self.highest.saturating_add(1), last: before }
            }
            Some(2..) => Link::Next,
            _ => Link::Filled,
        }
    }

    fn is_known_fork(&self, number: u32, hash: &[u8; HASH_LEN]) -> bool {
        self.forks.contains(&(number, *hash)) && !mutant!(MESSAGE_34)
    }

    /// Takes a message into the chain. One whose number is taken by another is remembered, so that
    /// it is told of once; one out of the window changes nothing.
    pub fn take(&mut self, number: u32, hash: &[u8; HASH_LEN], previous: &[u8; HASH_LEN]) {
        let low = self.highest.saturating_sub(CHAIN_WINDOW);
        if number == 0 || number < low {
            return;
        }
        if let Some(known) = self.known.get(&number) {
            if known.hash != *hash && !self.forks.contains(&(number, *hash)) {
                self.forks.push_back((number, *hash));
                self.forks.drain(..self.forks.len().saturating_sub(FORKS_MAX));
            }
            return;
        }
        let joined = number == 1 || self.known.contains_key(&(number - 1));
        let previous = (!joined).then_some(*previous);
        self.known.insert(number, Known { hash: *hash, previous });
        if let Some(after) = number.checked_add(1).and_then(|after| self.known.get_mut(&after)) {
            after.previous = None;
        }
        if number > self.highest {
            self.highest = number;
            let low = number.saturating_sub(CHAIN_WINDOW);
            self.known = self.known.split_off(&low);
            self.forks.retain(|(number, _)| *number >= low);
        }
    }

    /// The highest message received: what the next message in the other direction tells.
    #[must_use]
    pub fn up_to(&self) -> UpTo {
        let hash = self.known.get(&self.highest).map(|known| known.hash).unwrap_or_default();
        UpTo { number: self.highest, hash }
    }

    /// The numbers of the window that are missing, ascending.
    pub fn missing(&self) -> impl Iterator<Item = u32> + '_ {
        let low = self.highest.saturating_sub(CHAIN_WINDOW).max(1);
        (low..=self.highest).filter(|number| !self.known.contains_key(number))
    }

    /// How many messages the chain knows: at most CHAIN_WINDOW + 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no message has been received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The state, to be stored: a version byte, the highest number, a byte with the number of forks
    /// and 36 bytes for each, then 37 bytes or 69 a message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![STATE_VERSION];
        bytes.extend_from_slice(&self.highest.to_be_bytes());
        bytes.push(u8::try_from(self.forks.len()).unwrap_or(u8::MAX));
        for (number, hash) in &self.forks {
            bytes.extend_from_slice(&number.to_be_bytes());
            bytes.extend_from_slice(hash);
        }
        for (number, known) in &self.known {
            bytes.extend_from_slice(&number.to_be_bytes());
            bytes.extend_from_slice(&known.hash);
            bytes.push(u8::from(known.previous.is_some()));
            bytes.extend_from_slice(known.previous.as_ref().map_or(&[], |hash| &hash[..]));
        }
        bytes
    }

    /// Reads a stored state.
    ///
    /// # Errors
    /// [`StateRefused`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateRefused> {
        let read = || {
            let (&version, rest) = bytes.split_first()?;
            let (highest, mut rest) = rest.split_first_chunk::<4>()?;
            let highest = u32::from_be_bytes(*highest);
            let mut forks = VecDeque::new();
            match version {
                STATE_VERSION => {
                    let (&count, after) = rest.split_first()?;
                    rest = after;
                    for _ in 0..count {
                        let (number, after) = rest.split_first_chunk::<4>()?;
                        let (hash, after) = after.split_first_chunk::<HASH_LEN>()?;
                        forks.push_back((u32::from_be_bytes(*number), *hash));
                        rest = after;
                    }
                }
                STATE_WITHOUT_FORKS => {}
                _ => return None,
            }
            let few = forks.len() <= FORKS_MAX;
            let mut known = BTreeMap::new();
            while let Some((number, after)) = rest.split_first_chunk::<4>() {
                let (hash, after) = after.split_first_chunk::<HASH_LEN>()?;
                let (told, after) = after.split_first()?;
                let (previous, after) = match told {
                    0 => (None, after),
                    1 => after.split_first_chunk().map(|(hash, after)| (Some(*hash), after))?,
                    _ => return None,
                };
                known.insert(u32::from_be_bytes(*number), Known { hash: *hash, previous });
                rest = after;
            }
            let last = known.last_key_value().map(|(number, _)| *number).unwrap_or_default();
            let bounded = u32::try_from(known.len()).is_ok_and(|len| len <= CHAIN_WINDOW + 1);
            let whole = rest.is_empty() && last == highest && bounded && few;
            whole.then_some(Self { highest, known, forks })
        };
        read().ok_or(StateRefused)
    }
}
