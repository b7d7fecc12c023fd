//! The bundle: everything a claimer needs, under one hash.

use arrayvec::ArrayVec;
use bytes::Bytes;
use rand_core::CryptoRng;

use super::card::{Card, CardKind, CardRefused};
use super::layout::{self, Fields, ServerRefused};
use super::name::{Name, NameRefused};
use super::secret::{Secret, agree};
use crate::constants::{EK_LEN, HASH_LEN, SERVERS_MAX, VK_LEN, labels};
use crate::frame::Class;
use crate::link::Address;
use crate::require;
use crate::scatter::{Shape, ShapeRefused};
use crate::session::Mode;
use crate::suite::{self, Encapsulator, KeyRefused, SuiteId, VerifyingKey};
use crate::time::Hour;

/// What an inviter chooses.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// How cells are split; n is the number of servers.
    pub shape: Shape,
    /// The servers, in the order in which they are claimed; no fingerprint twice.
    pub servers: &'a [Address],
    /// The inviter's key-encapsulation key, made for this invitation alone.
    pub ek: &'a Encapsulator,
    /// The key under which the inviter attests, in mode attested alone.
    pub vk: Option<VerifyingKey>,
    /// What the inviter wants to be called; may be empty.
    pub name: Name,
    /// The first hour in which the invitation is no longer good.
    pub not_after: Hour,
}

/// A bundle in its canonical bytes, every field judged.
///
/// Its hash is the invitation's secret, so the bytes are as secret as that. Erased when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    bytes: zeroize::Zeroizing<Vec<u8>>,
    suite: SuiteId,
    shape: Shape,
    servers: ArrayVec<Address, SERVERS_MAX>,
    ek: Encapsulator,
    vk: Option<VerifyingKey>,
    name: Name,
    not_after: Hour,
}

/// Why a bundle is refused. Whoever holds it cannot mend it: a new invitation is needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleRefused {
    /// The sealed bundle has another length.
    #[error("a server returned {0} bytes instead of a sealed bundle; ask for a new invitation")]
    Length(usize),
    /// It does not open under the secret.
    #[error("what the server returned was not sealed by the inviter; ask for a new invitation")]
    Sealed,
    /// It is of another version than it was sealed as, or a one-time bundle of version {0}.
    #[error("the bundle is of version {0}, which is not the version it was sealed as")]
    Version(u32),
    /// Zeros are missing behind it.
    #[error("the sealed bundle is not padded with zeros; ask for a new invitation")]
    Padding,
    /// Its hash is not the invitation's secret.
    #[error("the bundle is not the one that the invitation names; ask for a new invitation")]
    Commitment,
    /// It ends in this field.
    #[error("the bundle ends within its {0}; ask for a new invitation")]
    Short(&'static str),
    /// Bytes follow its last field.
    #[error("{0} bytes follow the bundle; ask for a new invitation")]
    Surplus(usize),
    /// The suite is unknown.
    #[error("the invitation needs suite {0:#06x}, which this program does not know; update it")]
    Suite(u16),
    /// The mode is unknown.
    #[error("the invitation needs mode {0}, which this program does not know; update it")]
    Mode(u8),
    /// The class is unknown.
    #[error("the invitation needs class {0}, which this program does not know; update it")]
    Class(u8),
    /// Class, k and n are in no row of the table.
    #[error("{0}")]
    Shape(ShapeRefused),
    /// A server's entry is not acceptable.
    #[error("server {place} of the invitation: {fault}; ask for a new invitation")]
    Server {
        /// Its place in the list, from 0.
        place: u8,
        /// What is wrong with it.
        fault: ServerRefused,
    },
    /// The same server stands in the list twice.
    #[error("server {0} of the invitation stands there twice; ask for a new invitation")]
    Twice(u8),
    /// A key is not acceptable.
    #[error("a key of the invitation is not acceptable: {0}; ask for a new invitation")]
    Key(KeyRefused),
    /// The name is not acceptable.
    #[error("{0}")]
    Name(NameRefused),
    /// The card's servers are not the first ones of the bundle.
    #[error("the card names other servers than the bundle; ask for a new invitation")]
    Servers,
    /// A signature of a contact address does not verify.
    #[error("the contact address is not signed by its owner; ask the owner for it again")]
    Signature,
    /// A contact address has gone back in version.
    #[error("the server returned version {got} of the contact address, older than {seen}")]
    Older {
        /// The version that was returned.
        got: u32,
        /// The highest version that was seen before.
        seen: u32,
    },
    /// Its time is over.
    #[error("the invitation was good until hour {not_after}, and it is {now}; ask for a new one")]
    Expired {
        /// The first hour in which it is no longer good.
        not_after: Hour,
        /// The present hour.
        now: Hour,
    },
}

impl Bundle {
    /// Makes the bundle of an offer, with a new salt (INVITATION-1, INVITATION-2).
    ///
    /// # Errors
    /// What [`parse`](Self::parse) refuses: too many servers, or one of them twice.
    pub fn make(offer: &Offer<'_>, rng: &mut dyn CryptoRng) -> Result<Self, BundleRefused> {
        // INVITATION-2
        let mut salt = [0; HASH_LEN];
        rng.fill_bytes(&mut salt);
        Self::with_salt(offer, &salt)
    }

    /// [`make`](Self::make) with its randomness given: for vectors only.
    ///
    /// # Errors
    /// As there.
    pub fn with_salt(offer: &Offer<'_>, salt: &[u8; HASH_LEN]) -> Result<Self, BundleRefused> {
        let Offer { shape, servers, ek, vk, name, not_after } = offer;
        let mode = if vk.is_some() { Mode::Attested } else { Mode::Deniable };
        let class = u8::try_from(shape.class().number()).unwrap_or_default();
        let mut bytes = salt.to_vec();
        bytes.extend_from_slice(&SuiteId::Chacha20Poly1305.code().to_be_bytes());
        bytes.extend([mode.number(), class, shape.k(), shape.n()]);
        servers.iter().for_each(|server| layout::put_server(&mut bytes, server));
        bytes.extend_from_slice(ek.as_bytes());
        bytes.extend(vk.iter().flat_map(VerifyingKey::as_bytes));
        name.put(&mut bytes);
        bytes.extend_from_slice(&not_after.to_be_bytes());
        // What is made is judged as what comes: nobody makes what nobody accepts.
        Self::parse(&bytes)
    }

    /// Reads the canonical bytes of a bundle, and nothing else.
    ///
    /// # Errors
    /// [`BundleRefused`], with the first fault in the order of the layout (INVITATION-10 to
    /// INVITATION-16). Nothing is said about its time.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleRefused> {
        let mut fields = Fields::new(bytes);
        let _salt: [u8; HASH_LEN] = fields.array().ok_or(BundleRefused::Short("salt"))?;
        let suite = suite(&mut fields)?;
        let mode = mode(&mut fields)?;
        let shape = shape(&mut fields)?;
        let servers = servers(&mut fields, shape.n())?;
        let ek = key(&mut fields)?;
        let vk = match mode {
            Mode::Deniable => None,
            Mode::Attested => {
                let vk: [u8; VK_LEN] = fields.array().ok_or(BundleRefused::Short("vk"))?;
                // INVITATION-15
                Some(VerifyingKey::parse(&vk).map_err(BundleRefused::Key)?)
            }
        };
        let name = Name::read(&mut fields).map_err(BundleRefused::Name)?;
        let not_after = fields.long().ok_or(BundleRefused::Short("not_after"))?;
        let surplus = fields.rest().len();
        require!(INVITATION_11, surplus == 0, BundleRefused::Surplus(surplus));
        let bytes = zeroize::Zeroizing::new(bytes.to_vec());
        Ok(Self { bytes, suite, shape, servers, ek, vk, name, not_after })
    }

    /// Opens what a server returned to a Claim made with `card`, and judges all of it.
    ///
    /// # Errors
    /// [`BundleRefused`], in the order of INVITATION-7 to INVITATION-18.
    pub fn open(card: &Card, sealed: &[u8], now: Hour) -> Result<Self, BundleRefused> {
        let (version, bytes) = card.secret().open(sealed)?;
        require!(INVITATION_7, version == 0, BundleRefused::Version(version));
        let committed = secret_of(&bytes) == *card.secret();
        require!(INVITATION_9, committed, BundleRefused::Commitment);
        let bundle = Self::parse(&bytes)?;
        let same = agree(card.servers(), &bundle.servers);
        require!(INVITATION_17, same, BundleRefused::Servers);
        bundle.check_time(now)?;
        Ok(bundle)
    }

    /// Whether the bundle is still good.
    ///
    /// # Errors
    /// [`BundleRefused::Expired`] from `not_after` on (INVITATION-18).
    pub fn check_time(&self, now: Hour) -> Result<(), BundleRefused> {
        let expired = BundleRefused::Expired { not_after: self.not_after, now };
        require!(INVITATION_18, now < self.not_after, expired);
        Ok(())
    }

    /// The secret that the bundle hashes to (INVITATION-3).
    #[must_use]
    pub fn secret(&self) -> Secret {
        secret_of(&self.bytes)
    }

    /// The bundle as it is created with: BUNDLE_LEN bytes, the same every time (INVITATION-6).
    #[must_use]
    pub fn sealed(&self) -> Bytes {
        // A bundle that was parsed is never too long; zeros would open nowhere.
        self.secret().seal(0, &self.bytes).unwrap_or_else(super::filler)
    }

    /// The card of the invitation, naming the first `count` servers (INVITATION-24); `shown` where
    /// it is shown on the inviter's screen and not sent (INVITATION-23).
    ///
    /// # Errors
    /// [`CardRefused::Count`] for no or too many servers.
    pub fn card(&self, shown: bool, count: usize) -> Result<Card, CardRefused> {
        let kind = if shown { CardKind::Shown } else { CardKind::Sent };
        let servers = self.servers.get(..count).unwrap_or(&self.servers);
        Card::new(kind, self.secret(), servers)
    }

    /// The canonical bytes, as the session takes them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The session's suite.
    #[must_use]
    pub const fn suite(&self) -> SuiteId {
        self.suite
    }

    /// The session's mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        if self.vk.is_some() { Mode::Attested } else { Mode::Deniable }
    }

    /// How cells are split.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The servers, in the order in which they are claimed.
    #[must_use]
    pub fn servers(&self) -> &[Address] {
        &self.servers
    }

    /// The inviter's key-encapsulation key.
    #[must_use]
    pub const fn ek(&self) -> &Encapsulator {
        &self.ek
    }

    /// The key under which the inviter attests, in mode attested.
    #[must_use]
    pub const fn vk(&self) -> Option<&VerifyingKey> {
        self.vk.as_ref()
    }

    /// What the inviter wants to be called; may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The first hour in which the invitation is no longer good.
    #[must_use]
    pub const fn not_after(&self) -> Hour {
        self.not_after
    }
}

impl core::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Bundle")
    }
}

/// s of a bundle's bytes (INVITATION-3).
fn secret_of(bytes: &[u8]) -> Secret {
    let label = suite::lp(labels::INVITATION_COMMIT);
    Secret::from_bytes(&suite::hash(&[&label, bytes]))
}

pub(super) fn suite(fields: &mut Fields<'_>) -> Result<SuiteId, BundleRefused> {
    let code = fields.short().ok_or(BundleRefused::Short("suite"))?;
    // Suite 2 is for links only.
    let known = code == SuiteId::Chacha20Poly1305.code();
    require!(INVITATION_12, known, BundleRefused::Suite(code));
    Ok(SuiteId::Chacha20Poly1305)
}

fn mode(fields: &mut Fields<'_>) -> Result<Mode, BundleRefused> {
    let number = fields.byte().ok_or(BundleRefused::Short("mode"))?;
    let mode = Mode::try_from(number);
    require!(INVITATION_13, mode.is_ok(), BundleRefused::Mode(number));
    Ok(mode.unwrap_or(Mode::Deniable))
}

fn shape(fields: &mut Fields<'_>) -> Result<Shape, BundleRefused> {
    let [class, k, n] = fields.array().ok_or(BundleRefused::Short("shape"))?;
    let known = Class::try_from(u32::from(class)).map_err(|_| BundleRefused::Class(class))?;
    Shape::new(known, k, n).map_err(BundleRefused::Shape)
}

pub(super) fn servers(
    fields: &mut Fields<'_>,
    n: u8,
) -> Result<ArrayVec<Address, SERVERS_MAX>, BundleRefused> {
    let mut servers = ArrayVec::<Address, SERVERS_MAX>::new();
    for place in 0..n {
        let server = layout::server(fields);
        let server = server.map_err(|fault| BundleRefused::Server { place, fault })?;
        let known = servers.iter().any(|known| known.fingerprint == server.fingerprint);
        require!(INVITATION_14, !known, BundleRefused::Twice(place));
        servers.try_push(server).map_err(|_| BundleRefused::Short("servers"))?;
    }
    Ok(servers)
}

pub(super) fn key(fields: &mut Fields<'_>) -> Result<Encapsulator, BundleRefused> {
    let ek = fields.bytes(EK_LEN).ok_or(BundleRefused::Short("ek"))?;
    // INVITATION-15
    Encapsulator::parse(ek).map_err(BundleRefused::Key)
}
