//! The key schedule of a link as pure functions: every hash and derivation of the chapter, once.

use zeroize::Zeroizing;

use crate::constants::{
    CONFIRMATION_LEN, CT_LEN, EPOCH_RECORD_LEN, HASH_LEN, HELLO_LEN, HELLO_PREFIX_LEN, NONCE_LEN,
    REPLY_LEN, labels,
};
use crate::suite::{SharedSecret, SuiteId, derive, hash, lp};

/// A symmetric key, erased when dropped.
pub type Key = Zeroizing<[u8; HASH_LEN]>;

/// What both ends derive once both secrets are shared.
pub struct Master {
    /// Proves that the server opened the hello: 32 bytes, sent in the reply.
    pub confirmation: [u8; CONFIRMATION_LEN],
    /// First key of the client's blocks.
    pub client_to_server: Key,
    /// First key of the server's blocks.
    pub server_to_client: Key,
}

impl core::fmt::Debug for Master {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Master")
    }
}

/// th0: the transcript before anything was sent, from the server's fingerprint and the record of
/// the epoch that the hello names.
#[must_use]
pub fn th0(
    suite: SuiteId,
    fingerprint: &[u8; HASH_LEN],
    record: &[u8; EPOCH_RECORD_LEN],
) -> [u8; HASH_LEN] {
    hash(&[&lp(labels::LINK), &suite.code().to_be_bytes(), fingerprint, record])
}

/// k1: the key of the hello's sealed options.
#[must_use]
pub fn hello_key(
    suite: SuiteId,
    ss_s: &SharedSecret,
    th0: &[u8; HASH_LEN],
    prefix: &[u8; HELLO_PREFIX_LEN],
) -> Key {
    let mut key = Key::default();
    derive(suite, &[ss_s.as_bytes()], labels::LINK_HELLO, &[th0, prefix], &mut key);
    key
}

/// th1: the transcript with the hello, without its padding.
#[must_use]
pub fn th1(th0: &[u8; HASH_LEN], hello: &[u8; HELLO_LEN]) -> [u8; HASH_LEN] {
    hash(&[th0, hello])
}

/// Confirmation and traffic keys.
#[must_use]
pub fn master(
    suite: SuiteId,
    ss_s: &SharedSecret,
    ss_c: &SharedSecret,
    th1: &[u8; HASH_LEN],
    ct_c: &[u8; CT_LEN],
) -> Master {
    const LEN: usize = CONFIRMATION_LEN + 2 * HASH_LEN;
    let mut out = Zeroizing::new([0; LEN]);
    let secret: [&[u8]; 2] = [ss_s.as_bytes(), ss_c.as_bytes()];
    derive(suite, &secret, labels::LINK_MASTER, &[th1, ct_c], &mut out);
    let (mut confirmation, mut up, mut down) =
        ([0; CONFIRMATION_LEN], Key::default(), Key::default());
    let (front, rest) = out.split_at(CONFIRMATION_LEN);
    let (first, second) = rest.split_at(HASH_LEN);
    confirmation.copy_from_slice(front);
    up.copy_from_slice(first);
    down.copy_from_slice(second);
    Master { confirmation, client_to_server: up, server_to_client: down }
}

/// The final transcript, which signatures of the link's requests cover: with the reply, without
/// its padding.
#[must_use]
pub fn transcript(th1: &[u8; HASH_LEN], reply: &[u8; REPLY_LEN]) -> [u8; HASH_LEN] {
    hash(&[th1, reply])
}

/// The key that follows `key` before block `n`, a positive multiple of RATCHET_FRAMES (LINK-28).
#[must_use]
pub fn ratchet(suite: SuiteId, key: &[u8; HASH_LEN], n: u64) -> Key {
    let mut next = Key::default();
    derive(suite, &[key], labels::LINK_RATCHET, &[&n.to_be_bytes()], &mut next);
    next
}

/// The nonce of block `n` of a direction.
#[must_use]
pub fn nonce(n: u64) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    if let Some(count) = nonce.last_chunk_mut() {
        *count = n.to_be_bytes();
    }
    nonce
}
