//! The chain of part keys of one connection: forward only, one step for each s.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::constants::{HASH_LEN, PART_TAG_LEN, labels};
use crate::suite::{self, SuiteId};

/// Bytes that one step derives: next chain key, part key, tag.
const STEP_LEN: usize = HASH_LEN + HASH_LEN + PART_TAG_LEN;

/// PC_s: what the part keys of every later s of one connection follow from. Erased when dropped.
///
/// A step erases the key it came from, so that no chain goes back.
#[derive(Clone, ZeroizeOnDrop)]
pub struct PartChain {
    key: [u8; HASH_LEN],
    #[zeroize(skip)]
    s: u32,
}

/// The key and the tag of one part. Erased when dropped.
#[derive(Clone, ZeroizeOnDrop)]
pub struct PartKey {
    pub(crate) key: [u8; HASH_LEN],
    #[zeroize(skip)]
    tag: [u8; PART_TAG_LEN],
    #[zeroize(skip)]
    s: u32,
}

impl PartChain {
    /// The chain of a connection from its PC_base, D(c, "scatter/chain"), which the invitation's
    /// connection secret gives; the first part is that of s = `base` + 1 (SCATTER-2). Or a stored
    /// chain: its key, and the s of the last step taken.
    #[must_use]
    pub const fn new(key: &[u8; HASH_LEN], base: u32) -> Self {
        Self { key: *key, s: base }
    }

    /// The chain's key, to be stored with [`s`](Self::s).
    #[must_use]
    pub fn to_key(&self) -> Zeroizing<[u8; HASH_LEN]> {
        Zeroizing::new(self.key)
    }

    /// The s of the last step taken; the base of the connection before the first.
    #[must_use]
    pub const fn s(&self) -> u32 {
        self.s
    }

    /// Takes one step (SCATTER-3); `None` when every s has been used.
    pub fn step(&mut self) -> Option<PartKey> {
        let s = self.s.checked_add(1)?;
        let mut out = Zeroizing::new([0; STEP_LEN]);
        suite::derive(
            SuiteId::Chacha20Poly1305,
            &[&self.key],
            labels::SCATTER_PART,
            &[&s.to_be_bytes()],
            &mut out,
        );
        let (next, rest) = out.split_first_chunk::<HASH_LEN>()?;
        let (key, rest) = rest.split_first_chunk::<HASH_LEN>()?;
        let tag = *rest.first_chunk::<PART_TAG_LEN>()?;
        self.key.zeroize();
        self.key = *next;
        self.s = s;
        Some(PartKey { key: *key, tag, s })
    }

    /// Steps until the key of `s`; `None` when the chain is past it.
    pub fn step_to(&mut self, s: u32) -> Option<PartKey> {
        if s <= self.s {
            return None;
        }
        loop {
            let key = self.step()?;
            if key.s == s {
                return Some(key);
            }
        }
    }
}

impl PartKey {
    /// The tag in front of the part.
    #[must_use]
    pub const fn tag(&self) -> &[u8; PART_TAG_LEN] {
        &self.tag
    }

    /// The key, for vectors and for whoever seals this part in the sender's stead.
    #[must_use]
    pub fn to_key(&self) -> Zeroizing<[u8; HASH_LEN]> {
        Zeroizing::new(self.key)
    }

    /// The s of the cell that the part is of.
    #[must_use]
    pub const fn s(&self) -> u32 {
        self.s
    }
}

impl fmt::Debug for PartChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartChain({})", self.s)
    }
}

impl fmt::Debug for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartKey({})", self.s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_goes_forward_only_and_ends_with_the_last_s() {
        let mut chain = PartChain::new(&[1; 32], 0);
        let first = chain.clone().step().unwrap();
        let third = chain.step_to(3).unwrap();
        assert_eq!((first.s(), third.s(), chain.s()), (1, 3, 3));
        assert_ne!(first.tag(), third.tag());
        assert!(chain.step_to(3).is_none() && chain.step_to(1).is_none());
        assert_eq!(chain.s(), 3);
        let mut last = PartChain::new(&[2; 32], u32::MAX - 1);
        assert_eq!(last.step().unwrap().s(), u32::MAX);
        assert!(last.step().is_none());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let mut chain = PartChain::new(&[1; 32], 7);
        assert_eq!(format!("{chain:?}"), "PartChain(7)");
        assert_eq!(format!("{:?}", chain.step().unwrap()), "PartKey(8)");
    }
}
