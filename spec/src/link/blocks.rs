//! Seals and opens the blocks of a confirmed link, in place.

use core::fmt;

use super::schedule::{Key, nonce, ratchet};
use crate::cadence::TickMs;
use crate::constants::{HASH_LEN, LINK_TAG, RATCHET_FRAMES, TAG_LEN};
use crate::error::{GoodbyeCode, LinkEnd, Misuse};
use crate::frame::Class;
use crate::suite::{Sealer, SuiteId};
use crate::{mutant, require};

/// Both directions of a confirmed link, as one end holds them.
#[derive(Debug)]
pub struct Blocks {
    /// Seals what this end sends.
    pub sealer: BlockSealer,
    /// Opens what the peer sends.
    pub opener: BlockOpener,
    /// The length of every block.
    pub class: Class,
    /// The link's suite.
    pub suite: SuiteId,
    /// The tick of the link's cadence, if it has one.
    pub tick: Option<TickMs>,
    /// The final transcript, covered by the signatures of this link's requests.
    pub transcript: [u8; HASH_LEN],
}

/// Seals the blocks of one direction, each with the next number.
#[derive(Debug)]
pub struct BlockSealer(Direction);

/// Opens the blocks of one direction, each as the next number.
#[derive(Debug)]
pub struct BlockOpener(Direction);

impl BlockSealer {
    /// Begins a direction with its first key, 32 bytes.
    #[must_use]
    pub fn new(suite: SuiteId, class: Class, key: &[u8; HASH_LEN]) -> Self {
        Self(Direction::new(suite, class, key))
    }

    /// Seals a block in place: the opened block in front, LINK_TAG bytes for the tag behind.
    ///
    /// # Errors
    /// [`Misuse::BlockLength`] when `block` does not have the class's length; nothing is counted.
    pub fn seal(&mut self, block: &mut [u8]) -> Result<(), Misuse> {
        let len = block.len();
        if len != self.0.class.block_len() {
            return Err(Misuse::BlockLength(len));
        }
        let (text, tag) = split(block).ok_or(Misuse::BlockLength(len))?;
        let ratchets = !mutant!(LINK_28, "sealed-under-one-key");
        *tag = self.0.next(ratchets, |sealer, nonce| sealer.seal(nonce, &[], text));
        Ok(())
    }

    /// How many blocks were sealed.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.0.count
    }
}

impl BlockOpener {
    /// Begins a direction with its first key, 32 bytes.
    #[must_use]
    pub fn new(suite: SuiteId, class: Class, key: &[u8; HASH_LEN]) -> Self {
        Self(Direction::new(suite, class, key))
    }

    /// Opens a block in place: the opened block is what stands before its last LINK_TAG bytes.
    ///
    /// # Errors
    /// The link's end, [`GoodbyeCode::BlockLength`] or [`GoodbyeCode::BlockSeal`]. After that this
    /// direction is over: whatever the peer sends next is not to be opened.
    pub fn open(&mut self, block: &mut [u8]) -> Result<(), LinkEnd> {
        let whole = block.len() == self.0.class.block_len();
        // FRAME-4: the same rule at a client.
        require!(FRAME_2, whole, LinkEnd::Ours(GoodbyeCode::BlockLength));
        let refused = LinkEnd::Ours(GoodbyeCode::BlockSeal);
        let (text, tag) = split(block).ok_or(refused)?;
        let ratchets = !mutant!(LINK_28, "opened-under-one-key");
        let opened = self.0.next(ratchets, |sealer, nonce| sealer.open(nonce, &[], text, tag));
        // LINK-40: the same rule at a client.
        require!(LINK_27, opened.is_ok(), refused);
        Ok(())
    }

    /// How many blocks were opened, or failed to open.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.0.count
    }
}

fn split(block: &mut [u8]) -> Option<(&mut [u8], &mut [u8; TAG_LEN])> {
    const { assert!(TAG_LEN == LINK_TAG) }
    block.split_last_chunk_mut()
}

/// The key and the count of one direction.
struct Direction {
    suite: SuiteId,
    class: Class,
    key: Key,
    sealer: Sealer,
    count: u64,
}

impl Direction {
    fn new(suite: SuiteId, class: Class, key: &[u8; HASH_LEN]) -> Self {
        Self { suite, class, key: Key::new(*key), sealer: Sealer::new(suite, key), count: 0 }
    }

    /// Uses the key and the nonce of the next block, once.
    fn next<T>(&mut self, ratchets: bool, act: impl FnOnce(&Sealer, &[u8; 12]) -> T) -> T {
        let n = self.count;
        // LINK-28
        if n > 0 && n.is_multiple_of(RATCHET_FRAMES) && ratchets {
            self.key = ratchet(self.suite, &self.key, n);
            self.sealer = Sealer::new(self.suite, &self.key);
        }
        // 2^64 blocks are never reached: a link lives a day at most.
        self.count = n.saturating_add(1);
        act(&self.sealer, &nonce(n))
    }
}

impl fmt::Debug for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direction")
            .field("suite", &self.suite)
            .field("class", &self.class)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
