//! The server's identity, the epoch records it signs, and the secrets behind them.

use core::fmt;
use std::collections::VecDeque;
use std::sync::Arc;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::constants::{
    EK_LEN, EPOCH_RECORD_LEN, HASH_LEN, SEEN_EPOCHS_MAX, SIGNATURE_LEN, VK_LEN, labels,
};
use crate::suite::{Decapsulator, Encapsulator, SigningKey, VerifyingKey, hash, lp};
use crate::time::Now;
use crate::{mutant, require};

const SIGNED_LEN: usize = EPOCH_RECORD_LEN - SIGNATURE_LEN;

/// The fingerprint of a server: the hash of its identity key (LINK-1).
#[must_use]
pub fn fingerprint(identity_vk: &VerifyingKey) -> [u8; HASH_LEN] {
    hash(&[&lp(labels::LINK_FINGERPRINT), identity_vk.as_bytes()])
}

/// A server's identity. It is needed offline only, to sign epochs.
#[derive(Clone, Debug)]
pub struct IdentityKey(SigningKey);

impl IdentityKey {
    /// The identity of a seed of 32 bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; HASH_LEN]) -> Self {
        Self(SigningKey::from_seed(seed))
    }

    /// A new identity.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(SigningKey::generate(rng))
    }

    /// The seed, to be stored offline.
    #[must_use]
    pub fn to_seed(&self) -> Zeroizing<[u8; HASH_LEN]> {
        self.0.to_seed()
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.0.verifying_key()
    }

    /// The fingerprint that clients know.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; HASH_LEN] {
        fingerprint(&self.verifying_key())
    }

    /// Makes the key of an epoch and signs its record; times are seconds since the Unix epoch,
    /// `not_after` the first second in which the epoch is over.
    #[must_use]
    pub fn sign_epoch(
        &self,
        number: u32,
        not_before: u64,
        not_after: u64,
        rng: &mut dyn CryptoRng,
    ) -> EpochSecret {
        let decapsulator = Decapsulator::generate(rng);
        let identity_vk = self.verifying_key();
        let ek = decapsulator.encapsulator();
        let mut bytes = Vec::with_capacity(EPOCH_RECORD_LEN);
        bytes.extend_from_slice(identity_vk.as_bytes());
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&not_before.to_be_bytes());
        bytes.extend_from_slice(&not_after.to_be_bytes());
        bytes.extend_from_slice(ek.as_bytes());
        bytes.extend_from_slice(&self.0.sign(&signed_layout(&bytes)));
        let mut record = Box::new([0; EPOCH_RECORD_LEN]);
        record.copy_from_slice(&bytes);
        let record = VerifiedEpoch(Arc::new(Parsed {
            identity_vk,
            number,
            not_before,
            not_after,
            ek,
            bytes: record,
        }));
        EpochSecret { record, decapsulator }
    }
}

/// What the identity key signs: the label and the record without its signature.
fn signed_layout(body: &[u8]) -> Vec<u8> {
    [lp(labels::LINK_EPOCH).as_slice(), body].concat()
}

/// Why an epoch record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EpochRefused {
    /// It does not have EPOCH_RECORD_LEN bytes.
    #[error("a record of the wrong length")]
    Length,
    /// Its identity key is not acceptable.
    #[error("an identity key that is not acceptable")]
    Identity,
    /// Its identity key does not hash to the fingerprint.
    #[error("an identity key of another fingerprint")]
    Fingerprint,
    /// Its signature does not verify.
    #[error("a signature that does not verify")]
    Signature,
    /// Its times are empty or reversed.
    #[error("a validity that ends before it begins")]
    Times,
    /// Its key is not acceptable.
    #[error("an epoch key that is not acceptable")]
    Key,
    /// The seed is of another key (a server's own records only).
    #[error("a seed of another key")]
    Seed,
}

/// An epoch record whose signature, times and keys were found good. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedEpoch(Arc<Parsed>);

#[derive(PartialEq, Eq)]
struct Parsed {
    identity_vk: VerifyingKey,
    number: u32,
    not_before: u64,
    not_after: u64,
    ek: Encapsulator,
    bytes: Box<[u8; EPOCH_RECORD_LEN]>,
}

impl VerifiedEpoch {
    /// Reads a record of the server with this fingerprint (LINK-4).
    ///
    /// Whether it is valid at some time is [`is_valid_at`](Self::is_valid_at).
    ///
    /// # Errors
    /// The first rule that it breaks, in the order of [`EpochRefused`].
    pub fn verify(bytes: &[u8], expected: &[u8; HASH_LEN]) -> Result<Self, EpochRefused> {
        let record =
            <&[u8; EPOCH_RECORD_LEN]>::try_from(bytes).map_err(|_| EpochRefused::Length)?;
        let (body, signature) = record.split_at(SIGNED_LEN);
        let signature = signature.first_chunk().ok_or(EpochRefused::Length)?;
        let mut rest = body;
        let vk = take::<VK_LEN>(&mut rest)?;
        let number = u32::from_be_bytes(*take(&mut rest)?);
        let not_before = u64::from_be_bytes(*take(&mut rest)?);
        let not_after = u64::from_be_bytes(*take(&mut rest)?);
        let ek = take::<EK_LEN>(&mut rest)?;

        let identity_vk = VerifyingKey::parse(vk).map_err(|_| EpochRefused::Identity)?;
        require!(LINK_4, fingerprint(&identity_vk) == *expected, EpochRefused::Fingerprint);
        let signed = identity_vk.verify(&signed_layout(body), signature);
        require!(LINK_4, signed.is_ok(), EpochRefused::Signature);
        require!(LINK_4, not_before < not_after, EpochRefused::Times);
        let ek = Encapsulator::parse(ek).map_err(|_| EpochRefused::Key)?;
        let bytes = Box::new(*record);
        Ok(Self(Arc::new(Parsed { identity_vk, number, not_before, not_after, ek, bytes })))
    }

    /// The epoch's number, one more each.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// The first second of the epoch.
    #[must_use]
    pub fn not_before(&self) -> u64 {
        self.0.not_before
    }

    /// The first second after the epoch.
    #[must_use]
    pub fn not_after(&self) -> u64 {
        self.0.not_after
    }

    /// The identity key that signed it.
    #[must_use]
    pub fn identity_vk(&self) -> VerifyingKey {
        self.0.identity_vk
    }

    /// The key to which hellos of this epoch are encapsulated.
    #[must_use]
    pub fn ek(&self) -> &Encapsulator {
        &self.0.ek
    }

    /// The record as it was received.
    #[must_use]
    pub fn bytes(&self) -> &[u8; EPOCH_RECORD_LEN] {
        &self.0.bytes
    }

    /// Whether the epoch is the current one at this time.
    #[must_use]
    pub fn is_valid_at(&self, now: Now) -> bool {
        (self.0.not_before..self.0.not_after).contains(&now.seconds())
    }
}

impl fmt::Debug for VerifiedEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedEpoch")
            .field("number", &self.0.number)
            .field("not_before", &self.0.not_before)
            .field("not_after", &self.0.not_after)
            .finish_non_exhaustive()
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], EpochRefused> {
    let (field, after) = rest.split_first_chunk().ok_or(EpochRefused::Length)?;
    *rest = after;
    Ok(field)
}

/// An epoch's record and the secret key behind it. Erased when dropped.
pub struct EpochSecret {
    record: VerifiedEpoch,
    decapsulator: Decapsulator,
}

impl EpochSecret {
    /// Restores an epoch from its stored seed and record.
    ///
    /// # Errors
    /// What [`VerifiedEpoch::verify`] refuses, or [`EpochRefused::Seed`].
    pub fn from_parts(seed: &[u8; HASH_LEN], record: &[u8]) -> Result<Self, EpochRefused> {
        let vk = record.first_chunk::<VK_LEN>().ok_or(EpochRefused::Length)?;
        let identity_vk = VerifyingKey::parse(vk).map_err(|_| EpochRefused::Identity)?;
        let record = VerifiedEpoch::verify(record, &fingerprint(&identity_vk))?;
        let decapsulator = Decapsulator::from_seed(seed);
        if decapsulator.encapsulator() != *record.ek() {
            return Err(EpochRefused::Seed);
        }
        Ok(Self { record, decapsulator })
    }

    /// The seed of the secret key, to be stored beside the record.
    #[must_use]
    pub fn to_seed(&self) -> Zeroizing<[u8; HASH_LEN]> {
        self.decapsulator.to_seed()
    }

    /// The record.
    #[must_use]
    pub const fn record(&self) -> &VerifiedEpoch {
        &self.record
    }

    /// The secret key.
    #[must_use]
    pub(super) const fn decapsulator(&self) -> &Decapsulator {
        &self.decapsulator
    }
}

impl fmt::Debug for EpochSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpochSecret").field("record", &self.record).finish_non_exhaustive()
    }
}

/// The epochs that a server holds, ascending by number. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct EpochWindow(Vec<Arc<EpochSecret>>);

impl EpochWindow {
    /// Epochs in any order; of two with one number the later given counts.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = EpochSecret>) -> Self {
        let mut window = Self::default();
        for secret in secrets {
            window.insert(secret);
        }
        window
    }

    /// Adds an epoch, or replaces the one of the same number.
    pub fn insert(&mut self, secret: EpochSecret) {
        let number = secret.record.number();
        self.0.retain(|held| held.record.number() != number);
        let place = self.0.partition_point(|held| held.record.number() < number);
        self.0.insert(place, Arc::new(secret));
    }

    /// The epoch that is valid now.
    #[must_use]
    pub fn current(&self, now: Now) -> Option<&EpochSecret> {
        self.0.iter().map(Arc::as_ref).find(|held| held.record.is_valid_at(now))
    }

    /// The epoch after the current one, if it is held.
    #[must_use]
    pub fn next(&self, now: Now) -> Option<&EpochSecret> {
        self.held(self.current(now)?.record.number().checked_add(1)?)
    }

    /// The epoch of this number, if it is the previous, the current or the next one.
    #[must_use]
    pub fn select(&self, number: u32, now: Now) -> Option<&EpochSecret> {
        let current = self.current(now)?;
        let distance = current.record.number().abs_diff(number);
        // LINK-13
        if mutant!(LINK_13) {
            return self.held(number).or(Some(current));
        }
        // LINK-14
        let accepted = if mutant!(LINK_14) { 0 } else { 1 };
        if distance > accepted { None } else { self.held(number) }
    }

    /// Drops, and so erases, every epoch before the previous one (LINK-39).
    pub fn forget(&mut self, now: Now) {
        if let Some(current) = self.current(now).map(|held| held.record.number()) {
            self.0.retain(|held| held.record.number().saturating_add(1) >= current);
        }
    }

    /// When the current epoch ends, in seconds since the Unix epoch.
    #[must_use]
    pub fn until(&self, now: Now) -> Option<u64> {
        self.current(now).map(|held| held.record.not_after())
    }

    /// When the first epoch that is held begins, in seconds since the Unix epoch.
    #[must_use]
    pub fn first_not_before(&self) -> Option<u64> {
        self.0.first().map(|held| held.record.not_before())
    }

    /// When the last epoch that is held ends, in seconds since the Unix epoch.
    #[must_use]
    pub fn last_not_after(&self) -> Option<u64> {
        self.0.last().map(|held| held.record.not_after())
    }

    /// The server's fingerprint, if any epoch is held.
    #[must_use]
    pub fn fingerprint(&self) -> Option<[u8; HASH_LEN]> {
        self.0.first().map(|held| fingerprint(&held.record.identity_vk()))
    }

    fn held(&self, number: u32) -> Option<&EpochSecret> {
        self.0.iter().map(Arc::as_ref).find(|held| held.record.number() == number)
    }
}

/// Two records of one number with different keys: proof that the server speaks with two tongues.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two keys for epoch {}", .seen.number())]
pub struct Equivocation {
    /// The record that was seen first.
    pub seen: VerifiedEpoch,
    /// The record that contradicts it.
    pub shown: VerifiedEpoch,
}

/// The records that a client has seen of one server, the latest SEEN_EPOCHS_MAX.
#[derive(Clone, Debug, Default)]
pub struct SeenEpochs(VecDeque<VerifiedEpoch>);

impl SeenEpochs {
    /// Remembers a record and compares it with the one seen before (LINK-5).
    ///
    /// # Errors
    /// [`Equivocation`], both records in it, to be shown to whoever uses the server. What was seen
    /// first stays.
    pub fn note(&mut self, shown: &VerifiedEpoch) -> Result<(), Box<Equivocation>> {
        if let Some(seen) = self.0.iter().find(|seen| seen.number() == shown.number()) {
            let (seen, shown) = (seen.clone(), shown.clone());
            let same = seen.ek() == shown.ek();
            require!(LINK_5, same, Box::new(Equivocation { seen, shown }));
            return Ok(());
        }
        if self.0.len() == SEEN_EPOCHS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(shown.clone());
        Ok(())
    }
}
