//! A contact address: a card for anyone, whose bundle changes under one root.

use core::fmt;

use arrayvec::ArrayVec;
use bytes::Bytes;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::bundle::{self, BundleRefused};
use super::card::{Card, CardKind, CardRefused};
use super::layout::{self, Fields};
use super::name::Name;
use super::secret::{Secret, agree};
use crate::constants::{
    ADDRESS_EK_HOURS, HASH_LEN, REQUEST_GRACE_DAYS, SERVERS_MAX, SIGNATURE_LEN, VK_LEN, labels,
};
use crate::link::Address;
use crate::suite::{self, Decapsulator, Encapsulator, SigningKey, SuiteId, VerifyingKey};
use crate::time::Hour;
use crate::{mutant, require};

/// Salt 32 ‖ root_vk 32: what the secret of a contact address is the hash of.
const ROOT_LEN: usize = HASH_LEN + VK_LEN;

/// The root of a contact address, which never changes and never leaves its owner.
#[derive(Clone, Debug)]
pub struct Root {
    salt: [u8; HASH_LEN],
    key: SigningKey,
}

impl Root {
    /// A new root.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut salt = [0; HASH_LEN];
        rng.fill_bytes(&mut salt);
        Self { salt, key: SigningKey::generate(rng) }
    }

    /// A root that was stored: its salt and the seed of its key.
    #[must_use]
    pub fn from_parts(salt: &[u8; HASH_LEN], seed: &[u8; HASH_LEN]) -> Self {
        Self { salt: *salt, key: SigningKey::from_seed(seed) }
    }

    /// Salt and seed, to be stored.
    #[must_use]
    pub fn to_parts(&self) -> (Zeroizing<[u8; HASH_LEN]>, Zeroizing<[u8; HASH_LEN]>) {
        (Zeroizing::new(self.salt), self.key.to_seed())
    }

    /// The secret that the address's card carries (INVITATION-39).
    #[must_use]
    pub fn secret(&self) -> Secret {
        secret_of(&self.to_bytes())
    }

    /// The 64 bytes under the hash.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ROOT_LEN] {
        let vk = self.key.verifying_key();
        let mut bytes = self.salt.iter().chain(vk.as_bytes()).copied();
        core::array::from_fn(|_| bytes.next().unwrap_or_default())
    }
}

/// What an owner says in a version of the address's bundle.
#[derive(Clone, Debug)]
pub struct Announcement<'a> {
    /// Greater than that of every version before; from 1.
    pub version: u32,
    /// The servers that take requests, the card's first; one to SERVERS_MAX, none twice.
    pub servers: &'a [Address],
    /// The key that requests are sealed to.
    pub ek: &'a Encapsulator,
    /// What the owner wants to be called; may be empty.
    pub name: Name,
    /// The first hour in which this version is no longer good.
    pub not_after: Hour,
}

/// A version of a contact address's bundle, signed by its root, every field judged.
#[derive(Clone, PartialEq, Eq)]
pub struct ContactBundle {
    bytes: Zeroizing<Vec<u8>>,
    version: u32,
    servers: ArrayVec<Address, SERVERS_MAX>,
    ek: Encapsulator,
    name: Name,
    not_after: Hour,
}

impl ContactBundle {
    /// Makes and signs a version (INVITATION-40).
    ///
    /// # Errors
    /// What [`parse`](Self::parse) refuses: no server, too many, one of them twice, version 0.
    pub fn make(root: &Root, announcement: &Announcement<'_>) -> Result<Self, BundleRefused> {
        let Announcement { version, servers, ek, name, not_after } = announcement;
        let mut bytes = root.to_bytes().to_vec();
        bytes.extend_from_slice(&version.to_be_bytes());
        bytes.extend_from_slice(&SuiteId::Chacha20Poly1305.code().to_be_bytes());
        bytes.push(u8::try_from(servers.len()).unwrap_or(u8::MAX));
        servers.iter().for_each(|server| layout::put_server(&mut bytes, server));
        bytes.extend_from_slice(ek.as_bytes());
        name.put(&mut bytes);
        bytes.extend_from_slice(&not_after.to_be_bytes());
        let signature = root.key.sign(&signed(&bytes));
        bytes.extend_from_slice(&signature);
        Self::parse(&bytes)
    }

    /// Reads and verifies the bytes of a version, and nothing else.
    ///
    /// # Errors
    /// [`BundleRefused`], with the first fault in the order of the layout.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleRefused> {
        let mut fields = Fields::new(bytes);
        let _salt: [u8; HASH_LEN] = fields.array().ok_or(BundleRefused::Short("salt"))?;
        let vk: [u8; VK_LEN] = fields.array().ok_or(BundleRefused::Short("root_vk"))?;
        // INVITATION-15
        let vk = VerifyingKey::parse(&vk).map_err(BundleRefused::Key)?;
        let version = fields.long().ok_or(BundleRefused::Short("version"))?;
        require!(INVITATION_43, version != 0, BundleRefused::Version(0));
        bundle::suite(&mut fields)?;
        let n = fields.byte().ok_or(BundleRefused::Short("number of servers"))?;
        let counted = (1..=SERVERS_MAX).contains(&usize::from(n));
        require!(INVITATION_14, counted, BundleRefused::Short("servers"));
        let servers = bundle::servers(&mut fields, n)?;
        let ek = bundle::key(&mut fields)?;
        let name = Name::read(&mut fields).map_err(BundleRefused::Name)?;
        let not_after = fields.long().ok_or(BundleRefused::Short("not_after"))?;
        let len = bytes.len() - fields.rest().len();
        let signature: [u8; SIGNATURE_LEN] =
            fields.array().ok_or(BundleRefused::Short("signature"))?;
        let surplus = fields.rest().len();
        require!(INVITATION_11, surplus == 0, BundleRefused::Surplus(surplus));
        let text = bytes.get(..len).ok_or(BundleRefused::Short("signature"))?;
        let verified = vk.verify(&signed(text), &signature).is_ok();
        require!(INVITATION_42, verified, BundleRefused::Signature);
        let bytes = Zeroizing::new(bytes.to_vec());
        Ok(Self { bytes, version, servers, ek, name, not_after })
    }

    /// Opens what a server returned for the card of a contact address, and judges all of it.
    ///
    /// `seen` is the highest version that was opened before, 0 for none.
    ///
    /// # Errors
    /// [`BundleRefused`], in the order of the chapter (INVITATION-41 to INVITATION-44).
    pub fn open(card: &Card, sealed: &[u8], seen: u32, now: Hour) -> Result<Self, BundleRefused> {
        let (version, bytes) = card.secret().open(sealed)?;
        let root = bytes.first_chunk::<ROOT_LEN>().ok_or(BundleRefused::Short("root"))?;
        let committed = secret_of(root) == *card.secret();
        require!(INVITATION_41, committed, BundleRefused::Commitment);
        let contact = Self::parse(&bytes)?;
        require!(INVITATION_43, contact.version == version, BundleRefused::Version(version));
        let older = BundleRefused::Older { got: version, seen };
        require!(INVITATION_44, version >= seen, older);
        let same = agree(card.servers(), &contact.servers);
        require!(INVITATION_17, same, BundleRefused::Servers);
        let expired = BundleRefused::Expired { not_after: contact.not_after, now };
        require!(INVITATION_18, now < contact.not_after, expired);
        Ok(contact)
    }

    /// The version as its owner hands it to the servers: BUNDLE_LEN bytes (INVITATION-6).
    #[must_use]
    pub fn sealed(&self) -> Bytes {
        let sealed = self.secret().seal(self.version, &self.bytes);
        // One that was parsed is never too long; zeros would open nowhere.
        sealed.unwrap_or_else(super::filler)
    }

    /// The secret of the address (INVITATION-39).
    #[must_use]
    pub fn secret(&self) -> Secret {
        secret_of(self.bytes.get(..ROOT_LEN).unwrap_or_default())
    }

    /// The signed bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its version, from 1.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The servers that take requests.
    #[must_use]
    pub fn servers(&self) -> &[Address] {
        &self.servers
    }

    /// The key that requests are sealed to.
    #[must_use]
    pub const fn ek(&self) -> &Encapsulator {
        &self.ek
    }

    /// What the owner wants to be called; may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The first hour in which this version is no longer good.
    #[must_use]
    pub const fn not_after(&self) -> Hour {
        self.not_after
    }

    /// The address's card, naming the first `count` servers.
    ///
    /// # Errors
    /// [`CardRefused::Count`] for no or too many servers.
    pub fn card(&self, count: usize) -> Result<Card, CardRefused> {
        let servers = self.servers.get(..count).unwrap_or(&self.servers);
        Card::new(CardKind::Address, self.secret(), servers)
    }
}

impl fmt::Debug for ContactBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContactBundle")
    }
}

/// The owner's keys of a contact address: the present one, and those that requests on their way
/// may still be sealed to.
#[derive(Debug)]
pub struct ContactKeys(Vec<ContactKey>);

/// The key of one version.
#[derive(Debug)]
pub struct ContactKey {
    /// The version whose bundle names it.
    pub version: u32,
    /// The hour in which it was made.
    pub made: Hour,
    /// The secret key.
    pub key: Decapsulator,
}

impl ContactKeys {
    /// The keys of a new address: version 1.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng, now: Hour) -> Self {
        Self(vec![ContactKey { version: 1, made: now, key: Decapsulator::generate(rng) }])
    }

    /// Keys that were stored, in any order; `None` for none.
    #[must_use]
    pub fn restore(mut keys: Vec<ContactKey>) -> Option<Self> {
        keys.sort_by_key(|key| key.version);
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// All of them, oldest first, to be stored.
    #[must_use]
    pub fn keys(&self) -> &[ContactKey] {
        &self.0
    }

    /// The present one.
    #[must_use]
    pub fn present(&self) -> Option<&ContactKey> {
        self.0.last()
    }

    /// Replaces the present key once it is ADDRESS_EK_HOURS old, and erases those that were replaced
    /// REQUEST_GRACE_DAYS ago (INVITATION-45, INVITATION-46). True where there is a new version to
    /// announce.
    pub fn renew(&mut self, rng: &mut dyn CryptoRng, now: Hour) -> bool {
        // INVITATION-46: a key was replaced when the next one was made.
        let grace = match REQUEST_GRACE_DAYS * 24 {
            _ if mutant!(INVITATION_46, "early") => 0,
            _ if mutant!(INVITATION_46, "never") => u32::MAX,
            grace => grace,
        };
        while self.0.get(1).is_some_and(|next| now >= next.made.saturating_add(grace)) {
            self.0.remove(0);
        }
        let Some(present) = self.0.last() else { return false };
        // INVITATION-45
        let young = now < present.made.saturating_add(ADDRESS_EK_HOURS);
        let young = young && !mutant!(INVITATION_45, "early") || mutant!(INVITATION_45);
        if young || present.version == u32::MAX {
            return false;
        }
        let (version, key) = (present.version + 1, Decapsulator::generate(rng));
        self.0.push(ContactKey { version, made: now, key });
        true
    }

    /// The key of a version, as long as it is kept.
    #[must_use]
    pub fn of_version(&self, version: u32) -> Option<&Decapsulator> {
        self.0.iter().find(|key| key.version == version).map(|key| &key.key)
    }
}

fn secret_of(root: &[u8]) -> Secret {
    let label = suite::lp(labels::INVITATION_ROOT);
    Secret::from_bytes(&suite::hash(&[&label, root]))
}

/// What the root signs: all that stands before the signature.
fn signed(text: &[u8]) -> Vec<u8> {
    [&suite::lp(labels::INVITATION_ADDRESS), text].concat()
}
