//! The tags that a recipient knows on one connection.

use std::collections::{BTreeMap, VecDeque};

use zeroize::Zeroizing;

use super::{PartChain, PartKey, ScatterRefused};
use crate::constants::{HASH_LEN, PART_TAG_LEN, TAG_WINDOW};
use crate::mutant;

const STATE_VERSION: u8 = 1;
/// One bit for each s of the window: TAG_WINDOW either way and the middle.
const BITS_LEN: usize = (2 * TAG_WINDOW as usize + 1).div_ceil(8);
const STATE_LEN: usize = 1 + HASH_LEN + 4 + 4 + BITS_LEN;

/// The keys of the parts that may arrive on one connection: those of s from `highest` − TAG_WINDOW
/// to `highest` + TAG_WINDOW, never one below the connection's base (SCATTER-9).
#[derive(Clone, Debug)]
pub struct Window {
    /// The chain before the first entry, from which a stored window is made again.
    low: PartChain,
    /// The chain after the last entry.
    chain: PartChain,
    highest: u32,
    entries: VecDeque<Entry>,
    by_tag: BTreeMap<[u8; PART_TAG_LEN], u32>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: PartKey,
    taken: bool,
}

impl Window {
    /// The window of a new connection in a direction where `highest` is the highest s opened.
    #[must_use]
    pub fn new(chain: PartChain, highest: u32) -> Self {
        let (low, entries, by_tag) = (chain.clone(), VecDeque::new(), BTreeMap::new());
        let mut window = Self { low, chain, highest, entries, by_tag };
        window.slide();
        window
    }

    /// The key of the part that begins with this tag, and whether such a part was taken before;
    /// `None` for a tag that is not in the window.
    #[must_use]
    pub fn find(&self, tag: &[u8; PART_TAG_LEN]) -> Option<(&PartKey, bool)> {
        let s = *self.by_tag.get(tag)?;
        let entry = self.entry(s)?;
        Some((&entry.key, entry.taken))
    }

    fn entry(&self, s: u32) -> Option<&Entry> {
        let place = s.checked_sub(self.low.s())?.checked_sub(1)?;
        self.entries.get(usize::try_from(place).ok()?)
    }

    /// Whether the part of `s` was taken, as long as its key is known.
    pub(super) fn is_taken(&self, s: u32) -> bool {
        self.entry(s).is_some_and(|entry| entry.taken)
    }

    /// Remembers that the part of `s` was taken: another one is a repetition.
    pub fn take(&mut self, s: u32) {
        let place = s.checked_sub(self.low.s()).and_then(|place| place.checked_sub(1));
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
            entry.taken = true;
        }
    }

    /// Moves the window to a higher `highest`; a lower one changes nothing.
    pub fn advance(&mut self, highest: u32) {
        if highest > self.highest {
            self.highest = highest;
            self.slide();
        }
    }

    /// How many keys the window holds: at most 2·TAG_WINDOW + 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the window holds no key, as when its base is out of reach.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// SCATTER-9: steps up to the end of the window, and drops what lies before it.
    fn slide(&mut self) {
        let end = self.highest.saturating_add(TAG_WINDOW);
        let start = self.highest.saturating_sub(TAG_WINDOW);
        // A base far below is stepped over without keeping keys.
        while self.entries.is_empty() && self.chain.s().saturating_add(1) < start {
            if self.chain.step().is_none() {
                break;
            }
            self.low = self.chain.clone();
        }
        while self.chain.s() < end {
            let Some(key) = self.chain.step() else { break };
            self.by_tag.insert(*key.tag(), key.s());
            self.entries.push_back(Entry { key, taken: false });
        }
        while !mutant!(SCATTER_9)
            && let Some(first) = self.entries.front().filter(|entry| entry.key.s() < start)
        {
            self.by_tag.remove(first.key.tag());
            self.entries.pop_front();
            self.low.step();
        }
    }

    /// The state, to be stored: 170 bytes, from which the keys are derived again.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(STATE_LEN));
        bytes.push(STATE_VERSION);
        bytes.extend_from_slice(self.low.to_key().as_ref());
        bytes.extend_from_slice(&self.low.s().to_be_bytes());
        bytes.extend_from_slice(&self.highest.to_be_bytes());
        let mut bits = [0_u8; BITS_LEN];
        for (place, _) in self.entries.iter().enumerate().filter(|(_, entry)| entry.taken) {
            if let Some(byte) = bits.get_mut(place / 8) {
                *byte |= 1 << (place % 8);
            }
        }
        bytes.extend_from_slice(&bits);
        bytes
    }

    /// Reads a stored state.
    ///
    /// # Errors
    /// [`ScatterRefused::State`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ScatterRefused> {
        let state = <&[u8; STATE_LEN]>::try_from(bytes).map_err(|_| ScatterRefused::State)?;
        let read = || {
            let (&STATE_VERSION, rest) = state.split_first()? else { return None };
            let (key, rest) = rest.split_first_chunk::<HASH_LEN>()?;
            let (s, rest) = rest.split_first_chunk::<4>()?;
            let (highest, bits) = rest.split_first_chunk::<4>()?;
            let chain = PartChain::new(key, u32::from_be_bytes(*s));
            let mut window = Self::new(chain, u32::from_be_bytes(*highest));
            for (place, entry) in window.entries.iter_mut().enumerate() {
                entry.taken = bits.get(place / 8).is_some_and(|byte| byte >> (place % 8) & 1 == 1);
            }
            Some(window)
        };
        read().ok_or(ScatterRefused::State)
    }
}
