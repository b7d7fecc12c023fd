//! What is derived from an invitation's secret, and the sealing of bundles.

use core::fmt;

use bytes::Bytes;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::bundle::BundleRefused;
use super::layout::Fields;
use crate::connection::{self, Id};
use crate::constants::{
    BUNDLE_LEN, BUNDLE_TEXT_LEN, HASH_LEN, NONCE_LEN, SERVERS_MAX, TAG_LEN, labels,
};
use crate::link::Address;
use crate::suite::{self, Sealer, SigningKey, SuiteId};
use crate::{mutant, require};

/// The suite of every derivation here, whatever suite the bundle names for the session: it has to
/// be known before the bundle is open.
pub(super) const SUITE: SuiteId = SuiteId::Chacha20Poly1305;

/// What a connection without a sealed bundle is created with (INVITATION-27).
static FILLER: [u8; BUNDLE_LEN] = [0; BUNDLE_LEN];

/// s: the secret of a one-time invitation or of a contact address, 32 bytes.
///
/// Erased when dropped; its Debug prints nothing; compared in constant time.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; HASH_LEN]>);

impl Secret {
    /// A secret that was stored, or came in a card.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; HASH_LEN]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// c of the connection at a place of the bundle's list of servers (INVITATION-4).
    #[must_use]
    pub fn connection(&self, place: u8, fingerprint: &[u8; HASH_LEN]) -> ConnectionSecret {
        let mut secret = Zeroizing::new([0; HASH_LEN]);
        let place = if mutant!(INVITATION_4) { 0 } else { place };
        let context: [&[u8]; 2] = [&[place], fingerprint];
        let label = labels::INVITATION_CONNECTION;
        suite::derive(SUITE, &[&self.0[..]], label, &context, &mut secret);
        ConnectionSecret(secret)
    }

    /// Seals a bundle as its `version`: BUNDLE_LEN bytes (INVITATION-6).
    ///
    /// `None` for a bundle that is longer than BUNDLE_TEXT_LEN − 2 bytes, which none is.
    pub(super) fn seal(&self, version: u32, bundle: &[u8]) -> Option<Bytes> {
        let len = u16::try_from(bundle.len()).ok()?;
        let mut text = Zeroizing::new(vec![0; BUNDLE_TEXT_LEN]);
        text.get_mut(..2)?.copy_from_slice(&len.to_be_bytes());
        text.get_mut(2..2 + bundle.len())?.copy_from_slice(bundle);
        let version = version.to_be_bytes();
        let tag = self.bundle_key(version).seal(&[0; NONCE_LEN], &version, &mut text);
        Some([&version[..], &text, &tag].concat().into())
    }

    /// Opens a sealed bundle: its version, and the bundle as it was before sealing.
    ///
    /// # Errors
    /// [`BundleRefused`] for another length, bytes that do not open, and padding that is not zero
    /// (INVITATION-7, INVITATION-8).
    pub(super) fn open(&self, sealed: &[u8]) -> Result<(u32, Zeroizing<Vec<u8>>), BundleRefused> {
        let length = || BundleRefused::Length(sealed.len());
        require!(INVITATION_7, sealed.len() == BUNDLE_LEN, length());
        let mut fields = Fields::new(sealed);
        let version: [u8; 4] = fields.array().ok_or_else(length)?;
        let (text, tag) = fields.rest().split_last_chunk::<TAG_LEN>().ok_or_else(length)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self.bundle_key(version).open(&[0; NONCE_LEN], &version, &mut text, tag);
        require!(INVITATION_7, opened.is_ok(), BundleRefused::Sealed);
        let mut fields = Fields::new(&text);
        let len = fields.short().ok_or(BundleRefused::Padding)?;
        let bundle = fields.bytes(usize::from(len)).ok_or(BundleRefused::Padding)?;
        let padded = fields.rest().iter().all(|byte| *byte == 0);
        require!(INVITATION_8, padded, BundleRefused::Padding);
        Ok((u32::from_be_bytes(version), Zeroizing::new(bundle.to_vec())))
    }

    fn bundle_key(&self, version: [u8; 4]) -> Sealer {
        let mut key = Zeroizing::new([0; HASH_LEN]);
        let version = if mutant!(INVITATION_6) { [0; 4] } else { version };
        let label = labels::INVITATION_BUNDLE;
        suite::derive(SUITE, &[&self.0[..]], label, &[&version], &mut key);
        Sealer::new(SUITE, &key)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        suite::constant_time_eq(&self.0[..], &other.0[..])
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// c: the secret of one connection, 32 bytes, derived from s or random in a
/// [`Descriptor`](super::Descriptor). Erased when dropped.
#[derive(Clone)]
pub struct ConnectionSecret(Zeroizing<[u8; HASH_LEN]>);

impl ConnectionSecret {
    /// A secret that was stored, or came in a descriptor.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; HASH_LEN]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// A new random secret, for a descriptor (INVITATION-37).
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut secret = Zeroizing::new([0; HASH_LEN]);
        rng.fill_bytes(secret.as_mut());
        Self(secret)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// The claim key, which whoever holds the invitation signs a Claim with (INVITATION-5).
    #[must_use]
    pub fn claim_key(&self) -> SigningKey {
        SigningKey::from_seed(&self.derived(labels::INVITATION_CLAIM))
    }

    /// The sender id that the claim key gives at the server of a fingerprint (CONNECTION-2).
    #[must_use]
    pub fn sender_id(&self, fingerprint: &[u8; HASH_LEN]) -> Id {
        connection::sender_id(fingerprint, self.claim_key().verifying_key().as_bytes())
    }

    /// The first chain secret of the connection's parts, as the chapter scatter uses it.
    #[must_use]
    pub fn part_chain(&self) -> Zeroizing<[u8; HASH_LEN]> {
        self.derived(labels::SCATTER_CHAIN)
    }

    fn derived(&self, label: &str) -> Zeroizing<[u8; HASH_LEN]> {
        let mut derived = Zeroizing::new([0; HASH_LEN]);
        suite::derive(SUITE, &[&self.0[..]], label, &[], &mut derived);
        derived
    }
}

impl PartialEq for ConnectionSecret {
    fn eq(&self, other: &Self) -> bool {
        suite::constant_time_eq(&self.0[..], &other.0[..])
    }
}

impl Eq for ConnectionSecret {}

impl fmt::Debug for ConnectionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionSecret")
    }
}

/// What stands in Create where a connection holds no sealed bundle: BUNDLE_LEN zeros
/// (INVITATION-27).
#[must_use]
pub fn filler() -> Bytes {
    Bytes::from_static(&FILLER)
}

/// What the connection at `place` is created with: the sealed bundle where the card names its
/// server, zeros elsewhere (INVITATION-27).
#[must_use]
pub fn bundle_at(place: u8, carded: u8, sealed: &Bytes) -> Bytes {
    // INVITATION-27
    if place < carded || mutant!(INVITATION_27) { sealed.clone() } else { filler() }
}

/// Whether the first servers of the bundle are those of the card, in order (INVITATION-17).
pub(super) fn agree(card: &[Address], bundle: &[Address]) -> bool {
    debug_assert!(bundle.len() <= SERVERS_MAX);
    card.len() <= bundle.len() && card.iter().zip(bundle).all(|(card, bundle)| card == bundle)
}
