//! The key schedule of a session as pure functions: every hash and derivation of the chapter, once.

use core::fmt;

use zeroize::Zeroizing;

use crate::constants::{
    COMMITMENT_LEN, CT_LEN, EK_LEN, HASH_LEN, NONCE_LEN, SAFETY_GROUP_BYTES, SAFETY_GROUPS, labels,
};
use crate::suite::{SharedSecret, SuiteId, derive, hash, lp};

/// The suite of every session; 0x0002 is for links only.
pub const SUITE: SuiteId = SuiteId::Chacha20Poly1305;

/// A symmetric key, erased when dropped.
pub type Key = Zeroizing<[u8; HASH_LEN]>;

/// tr_t: what both ends agree on once step t is made.
pub type Transcript = [u8; HASH_LEN];

/// What the invitation's secret gives both ends before any step.
#[derive(Clone)]
pub struct Start {
    /// R_0.
    pub root: Key,
    /// HK_0: seals the headers of the claimer's step 0.
    pub claimer: Key,
    /// HK_1: seals the headers of the inviter's step 1.
    pub inviter: Key,
}

/// What step t gives.
pub struct Step {
    /// R_{t+1}.
    pub root: Key,
    /// CK_t: the first key of the step's chain.
    pub chain: Key,
    /// HK_{t+2}: seals the headers of the same end's next step.
    pub header: Key,
}

/// What seals one body.
pub struct MessageKeys {
    /// The AEAD's key.
    pub key: Key,
    /// Its nonce.
    pub nonce: [u8; NONCE_LEN],
    /// What stands in the cell and binds it to this key.
    pub commitment: [u8; COMMITMENT_LEN],
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Start")
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step")
    }
}

impl fmt::Debug for MessageKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageKeys")
    }
}

/// (R_0, HK_0, HK_1) of an invitation's secret and bundle (SESSION-1).
#[must_use]
pub fn start(secret: &[u8; HASH_LEN], bundle: &[u8]) -> Start {
    let mut out = Zeroizing::new([0; 3 * HASH_LEN]);
    derive(SUITE, &[secret], labels::SESSION_ROOT, &[bundle], &mut out);
    let [root, claimer, inviter] = keys(out.as_slice());
    Start { root, claimer, inviter }
}

/// tr_-1: the transcript before any step (SESSION-2).
#[must_use]
pub fn transcript_of_bundle(bundle: &[u8]) -> Transcript {
    hash(&[bundle])
}

/// tr_t, from the transcript before, the key that the step encapsulates to, its ciphertext and its
/// new key (SESSION-2).
#[must_use]
pub fn transcript(
    before: &Transcript,
    t: u32,
    ek_before: &[u8; EK_LEN],
    ct: &[u8; CT_LEN],
    ek: &[u8; EK_LEN],
) -> Transcript {
    hash(&[&lp(labels::SESSION_TRANSCRIPT), before, &t.to_be_bytes(), ek_before, ct, ek])
}

/// (R_{t+1}, CK_t, HK_{t+2}) of R_t, the step's secret and tr_t (SESSION-3).
#[must_use]
pub fn step(root: &Key, ss: &SharedSecret, tr: &Transcript) -> Step {
    let mut out = Zeroizing::new([0; 3 * HASH_LEN]);
    let secret: [&[u8]; 2] = [root.as_slice(), ss.as_bytes()];
    derive(SUITE, &secret, labels::SESSION_STEP, &[tr], &mut out);
    let [root, chain, header] = keys(out.as_slice());
    Step { root, chain, header }
}

/// (CK', mk) of a chain's key at s (SESSION-4).
#[must_use]
pub fn chain(chain: &Key, s: u32) -> (Key, Key) {
    let mut out = Zeroizing::new([0; 2 * HASH_LEN]);
    let secret: [&[u8]; 1] = [chain.as_slice()];
    derive(SUITE, &secret, labels::SESSION_CHAIN, &[&s.to_be_bytes()], &mut out);
    let [next, message] = keys(out.as_slice());
    (next, message)
}

/// What a message key gives (SESSION-5).
#[must_use]
pub fn message(mk: &Key) -> MessageKeys {
    let mut out = Zeroizing::new([0; HASH_LEN + NONCE_LEN + COMMITMENT_LEN]);
    let secret: [&[u8]; 1] = [mk.as_slice()];
    derive(SUITE, &secret, labels::SESSION_MESSAGE, &[], &mut out);
    let (mut key, mut nonce, mut commitment) =
        (Key::default(), [0; NONCE_LEN], [0; COMMITMENT_LEN]);
    let (first, rest) = out.split_at(HASH_LEN);
    let (second, third) = rest.split_at(NONCE_LEN);
    key.copy_from_slice(first);
    nonce.copy_from_slice(second);
    commitment.copy_from_slice(third);
    MessageKeys { key, nonce, commitment }
}

/// The bytes that a safety number's digits are read from (SESSION-8).
#[must_use]
pub fn safety(tr: &Transcript, t: u32) -> [u8; SAFETY_GROUPS * SAFETY_GROUP_BYTES] {
    let mut out = [0; SAFETY_GROUPS * SAFETY_GROUP_BYTES];
    derive(SUITE, &[tr], labels::SESSION_SAFETY, &[&t.to_be_bytes()], &mut out);
    out
}

/// The nonce of the header of cell s: eight zeros, then s.
#[must_use]
pub fn nonce(s: u32) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    if let Some(last) = nonce.last_chunk_mut() {
        *last = s.to_be_bytes();
    }
    nonce
}

/// Keys that stand one after the other.
fn keys<const N: usize>(bytes: &[u8]) -> [Key; N] {
    let mut chunks = bytes.chunks_exact(HASH_LEN);
    core::array::from_fn(|_| {
        let mut key = Key::default();
        if let Some(chunk) = chunks.next() {
            key.copy_from_slice(chunk);
        }
        key
    })
}
