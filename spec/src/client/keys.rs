//! The keys of one end of a connection, from one change to the next.

use arrayvec::ArrayVec;
use edgewise_proto::v1::{KeyChange, Role};
use rand_core::CryptoRng;

use super::signed;
use crate::connection::Id;
use crate::constants::{CHAIN_MAX, KEY_GRACE_HOURS_MAX, KEY_LIFE_HOURS_MAX};
use crate::error::Misuse;
use crate::mutant;
use crate::rotation::KeyRecord;
use crate::suite::SigningKey;
use crate::time::{Hour, Now};

/// When a connection key may be used: whole hours since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The first hour in which the key may be used.
    pub not_before: Hour,
    /// The first hour in which it may no longer be used.
    pub not_after: Hour,
    /// Hours after `not_after` in which it may still sign its own replacement.
    pub grace: u32,
}

impl Lifetime {
    /// The longest life that a server takes, from this hour on.
    #[must_use]
    pub fn longest(now: Now) -> Self {
        let not_before = now.hour();
        let not_after = not_before.saturating_add(KEY_LIFE_HOURS_MAX);
        Self { not_before, not_after, grace: KEY_GRACE_HOURS_MAX }
    }
}

/// A secret connection key, with its version and its life.
#[derive(Clone, Debug)]
pub struct Key {
    signing: SigningKey,
    record: KeyRecord,
}

impl Key {
    /// A key from its parts, as they were stored.
    #[must_use]
    pub fn new(signing: SigningKey, version: u32, life: Lifetime) -> Self {
        let vk = *signing.verifying_key().as_bytes();
        let Lifetime { not_before, not_after, grace } = life;
        Self { signing, record: KeyRecord { vk, version, not_before, not_after, grace } }
    }

    /// A new key. The first one of an end has version 0, each later one a greater version.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng, version: u32, life: Lifetime) -> Self {
        Self::new(SigningKey::generate(rng), version, life)
    }

    /// The public record: key, version and life.
    #[must_use]
    pub const fn record(&self) -> KeyRecord {
        self.record
    }

    /// The secret half.
    #[must_use]
    pub const fn signing(&self) -> &SigningKey {
        &self.signing
    }
}

/// All the keys that one end of a connection has to keep: the newest, the one before as long as
/// the server may not have heard of the change, and the changes that the server may have missed.
#[derive(Clone, Debug)]
pub struct KeyRing {
    newest: Key,
    /// Kept until an attach under the newest key has succeeded (ROTATION-16).
    before: Option<Key>,
    chain: ArrayVec<KeyChange, CHAIN_MAX>,
}

impl KeyRing {
    /// The ring of an end with one key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { newest: key, before: None, chain: ArrayVec::new() }
    }

    /// A ring from its parts, as they were stored.
    #[must_use]
    pub fn restore(
        newest: Key,
        before: Option<Key>,
        chain: ArrayVec<KeyChange, CHAIN_MAX>,
    ) -> Self {
        Self { newest, before, chain }
    }

    /// The newest key.
    #[must_use]
    pub const fn newest(&self) -> &Key {
        &self.newest
    }

    /// The key before, while the server may still know that one only.
    #[must_use]
    pub const fn before(&self) -> Option<&Key> {
        self.before.as_ref()
    }

    /// The last changes, oldest first; the last one made the newest key.
    #[must_use]
    pub fn chain(&self) -> &[KeyChange] {
        &self.chain
    }

    /// Makes `new` the newest key, by a change that both keys sign.
    ///
    /// The caller stores the ring before anything of the change goes out.
    ///
    /// # Errors
    /// [`Misuse::ChangePending`] while the change before is not confirmed, and
    /// [`Misuse::Version`] unless the version rises.
    pub(super) fn change(&mut self, role: Role, recipient_id: &Id, new: Key) -> Result<(), Misuse> {
        if self.before.is_some() {
            return Err(Misuse::ChangePending);
        }
        if new.record.version <= self.newest.record.version {
            return Err(Misuse::Version);
        }
        let change = signed::change(role, recipient_id, &self.newest, &new);
        if mutant!(ROTATION_17) {
            self.chain.clear();
        }
        // ROTATION-17: the oldest change makes room.
        if self.chain.is_full() {
            self.chain.remove(0);
        }
        self.chain.push(change);
        self.before = Some(std::mem::replace(&mut self.newest, new));
        if mutant!(ROTATION_16) {
            self.before = None;
        }
        Ok(())
    }

    /// An attach under the newest key has succeeded: the one before is erased (ROTATION-16).
    pub(super) fn confirm(&mut self) {
        self.before = None;
    }

    /// The server will not have the change: the key before is the newest again.
    pub(super) fn withdraw(&mut self) {
        if let Some(before) = self.before.take() {
            self.newest = before;
            self.chain.pop();
        }
    }

    /// What to attach under, in the order in which it is tried.
    pub(super) const fn first_try(&self) -> Try {
        if self.before.is_some() { Try::NewestWithChain } else { Try::Newest }
    }

    /// What to attach under after a refusal; `None` once all was tried.
    pub(super) fn next_try(&self, refused: Try) -> Option<Try> {
        match refused {
            Try::Newest if self.chain.is_empty() => None,
            Try::Newest => Some(Try::NewestWithChain),
            Try::NewestWithChain if self.before.is_some() => Some(Try::Before),
            Try::NewestWithChain | Try::Before => None,
        }
    }

    /// Key and chain of one try.
    pub(super) fn of(&self, attempt: Try) -> (&Key, &[KeyChange]) {
        match (attempt, &self.before) {
            (Try::Before, Some(before)) => (before, &[]),
            (Try::NewestWithChain, _) => (&self.newest, &self.chain),
            (Try::Newest | Try::Before, _) => (&self.newest, &[]),
        }
    }
}

/// One way to attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Try {
    /// Under the newest key.
    Newest,
    /// Under the newest key, with the changes that the server may have missed.
    NewestWithChain,
    /// Under the key before, because the server may not have taken the change.
    Before,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8, version: u32) -> Key {
        let life = Lifetime { not_before: 0, not_after: 10, grace: 1 };
        Key::new(SigningKey::from_seed(&[seed; 32]), version, life)
    }

    #[test]
    fn both_keys_are_kept_until_the_new_one_is_confirmed() {
        let mut ring = KeyRing::new(key(1, 0));
        ring.change(Role::Sender, &[0; 32], key(2, 1)).unwrap();
        assert_eq!(ring.before().unwrap().record().version, 0);
        assert_eq!(ring.change(Role::Sender, &[0; 32], key(3, 2)), Err(Misuse::ChangePending));
        assert_eq!(ring.first_try(), Try::NewestWithChain);
        assert_eq!(ring.next_try(Try::NewestWithChain), Some(Try::Before));
        assert_eq!(ring.of(Try::Before).0.record().version, 0);
        ring.confirm();
        assert!(ring.before().is_none());
        assert_eq!(ring.first_try(), Try::Newest);
        assert_eq!(ring.change(Role::Sender, &[0; 32], key(3, 1)), Err(Misuse::Version));
    }

    #[test]
    fn a_withdrawn_change_leaves_the_key_before() {
        let mut ring = KeyRing::new(key(1, 0));
        ring.change(Role::Recipient, &[0; 32], key(2, 1)).unwrap();
        ring.withdraw();
        assert_eq!(ring.newest().record(), key(1, 0).record());
        assert!(ring.chain().is_empty() && ring.before().is_none());
    }

    #[test]
    fn the_chain_keeps_the_last_three_and_they_join() {
        let mut ring = KeyRing::new(key(1, 0));
        for version in 1..=5 {
            let seed = u8::try_from(version).unwrap() + 1;
            ring.change(Role::Recipient, &[0; 32], key(seed, version)).unwrap();
            ring.confirm();
        }
        let versions: Vec<u32> =
            ring.chain().iter().filter_map(|c| Some(c.new_key.as_ref()?.version)).collect();
        assert_eq!(versions, [3, 4, 5]);
        for pair in ring.chain().windows(2) {
            assert_eq!(pair[0].new_key.as_ref().unwrap().vk, pair[1].old_vk);
        }
    }
}
