//! What a message says about itself: hashed for the chain, signed in attested mode.

use core::fmt;

use rand_core::CryptoRng;

use crate::constants::{HASH_LEN, MESSAGE_ID_LEN, SIGNATURE_LEN, labels};
use crate::session::Mode;
use crate::suite::{self, SigningKey, VerifyingKey};

/// Which way a message of a session goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Direction {
    /// From the claimer to the inviter.
    FromClaimer = 0,
    /// From the inviter to the claimer.
    FromInviter = 1,
}

impl Direction {
    /// The number in hashes, signatures and proofs.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The other direction.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::FromClaimer => Self::FromInviter,
            Self::FromInviter => Self::FromClaimer,
        }
    }

    /// The direction of a number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::FromClaimer),
            1 => Some(Self::FromInviter),
            _ => None,
        }
    }
}

/// A message's id: its number in its direction, from 1, and 12 random bytes.
///
/// The random bytes make the hash of a message that is not shown tell nothing of what it said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId([u8; MESSAGE_ID_LEN]);

impl MessageId {
    /// The id of a new message (MESSAGE-9).
    #[must_use]
    pub fn new(number: u32, rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = [0; MESSAGE_ID_LEN];
        rng.fill_bytes(&mut bytes);
        let (front, _) = bytes.split_at_mut(4);
        front.copy_from_slice(&number.to_be_bytes());
        Self(bytes)
    }

    /// An id from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; MESSAGE_ID_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes: number u32, then 12 random ones.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; MESSAGE_ID_LEN] {
        &self.0
    }

    /// The message's number in its direction.
    #[must_use]
    pub const fn number(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.number())
    }
}

/// The highest message received in the other direction: its number and its hash, both 0 for none.
///
/// A deniable body carries the first 16 bytes of the hash; the rest is zero here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct UpTo {
    /// The message's number, 0 for none.
    pub number: u32,
    /// Its hash.
    pub hash: [u8; HASH_LEN],
}

impl UpTo {
    /// Bytes of the hash that a body of this mode carries.
    #[must_use]
    pub const fn hash_len(mode: Mode) -> usize {
        match mode {
            Mode::Deniable => HASH_LEN / 2,
            Mode::Attested => HASH_LEN,
        }
    }

    /// The same, with as much of the hash as a body of this mode carries.
    #[must_use]
    pub fn cut(mut self, mode: Mode) -> Self {
        self.hash.iter_mut().skip(Self::hash_len(mode)).for_each(|byte| *byte = 0);
        self
    }
}

/// H(lp("message/content") ‖ type ‖ content) (MESSAGE-10).
#[must_use]
pub fn content_hash(kind: u16, content: &[u8]) -> [u8; HASH_LEN] {
    suite::hash(&[&suite::lp(labels::MESSAGE_CONTENT), &kind.to_be_bytes(), content])
}

/// Everything of a message that its hash and its signature cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Mode of the session.
    pub mode: Mode,
    /// tr_0 of the session.
    pub transcript: &'a [u8; HASH_LEN],
    /// Which way the message goes.
    pub direction: Direction,
    /// The message's id.
    pub id: MessageId,
    /// The hash of the message before, zeros for the first.
    pub previous: &'a [u8; HASH_LEN],
    /// The highest message received in the other direction.
    pub up_to: UpTo,
    /// Milliseconds since the Unix epoch by the sender's clock.
    pub time: u64,
    /// [`content_hash`].
    pub content_hash: &'a [u8; HASH_LEN],
}

impl Statement<'_> {
    /// The label and the layout that is hashed or signed: the table of the chapter.
    fn input(&self, label: &str) -> Vec<u8> {
        let mut input = suite::lp(label).to_vec();
        input.extend_from_slice(self.transcript);
        input.push(self.direction.number());
        input.extend_from_slice(self.id.as_bytes());
        input.extend_from_slice(self.previous);
        input.extend_from_slice(&self.up_to.number.to_be_bytes());
        let hash_len = UpTo::hash_len(self.mode);
        input.extend_from_slice(self.up_to.hash.get(..hash_len).unwrap_or_default());
        input.extend_from_slice(&self.time.to_be_bytes());
        input.extend_from_slice(self.content_hash);
        input
    }

    /// The hash of the message, which the next message of its direction names (MESSAGE-11).
    #[must_use]
    pub fn hash(&self) -> [u8; HASH_LEN] {
        suite::hash(&[&self.input(labels::MESSAGE_HASH)])
    }

    /// The exact bytes that are signed (MESSAGE-24).
    #[must_use]
    pub fn signed(&self) -> Vec<u8> {
        self.input(labels::MESSAGE_ATTEST)
    }

    /// The signature of an attested message.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> [u8; SIGNATURE_LEN] {
        key.sign(&self.signed())
    }

    /// Whether `vk` has signed this.
    #[must_use]
    pub fn is_signed(&self, vk: &VerifyingKey, signature: &[u8; SIGNATURE_LEN]) -> bool {
        vk.verify(&self.signed(), signature).is_ok()
    }
}
