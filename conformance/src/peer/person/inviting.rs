//! The person invites: makes a bundle, good or bad, creates the connections, hands the card on.

use bytes::Bytes;
use edgewise_spec::constants::{
    BUNDLE_TEXT_LEN, CARD_SERVERS_MAX, HASH_LEN, INVITATION_HOURS, NONCE_LEN, SERVERS_MAX, labels,
};
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{Bundle, Card, CardKind, Name, Offer, Secret, filler};
use edgewise_spec::scatter::{PartChain, Receiver, Shape};
use edgewise_spec::session::{Mode, Session};
use edgewise_spec::suite::{Decapsulator, Sealer, SigningKey, SuiteId, derive, hash, lp};
use rand_core::{CryptoRng, SeedableRng};

use super::lanes::Lane;
use super::{Person, Role, Surroundings};
use crate::verdict::{Stop, Verdict};

/// What an invitation of the suite is like.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The servers, as places of the scene's.
    pub servers: Vec<usize>,
    /// How many of them the card names.
    pub carded: usize,
    /// The session's mode.
    pub mode: Mode,
    /// Hours from now until not_after.
    pub hours: u32,
    /// What the inviter calls itself.
    pub name: String,
    /// The class of the connections.
    pub class: Class,
    /// How many parts join to a cell; n is the number of the servers.
    pub k: u8,
}

impl Terms {
    /// Of a shape, at the first n servers of the scene; the card names as many as it may.
    #[must_use]
    pub fn of(class: Class, k: u8, n: u8) -> Self {
        let servers: Vec<_> = (0..usize::from(n)).collect();
        let carded = servers.len().min(CARD_SERVERS_MAX);
        Self { servers, carded, class, k, ..Self::default() }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            servers: vec![0],
            carded: 1,
            mode: Mode::Deniable,
            hours: INVITATION_HOURS,
            name: "Alice".to_owned(),
            class: Class::Medium,
            k: 1,
        }
    }
}

/// An invitation before its connections are created; everything of it may be changed.
#[derive(Debug)]
pub struct Draft {
    /// The canonical bytes of the bundle.
    pub bundle: Vec<u8>,
    /// The version that it is sealed as.
    pub version: u32,
    /// The bundle as each server is to return it, where that is not the regular one.
    pub returned: Option<Bytes>,
    /// s, where it is not the hash of the bundle.
    pub secret: Option<[u8; HASH_LEN]>,
}

/// Seals any bytes as a bundle under a secret (INVITATION-6), written from the chapter.
#[must_use]
pub fn seal_bundle(secret: &[u8; HASH_LEN], version: u32, bundle: &[u8]) -> Bytes {
    let suite = SuiteId::Chacha20Poly1305;
    let version = version.to_be_bytes();
    let mut key = [0; HASH_LEN];
    derive(suite, &[secret], labels::INVITATION_BUNDLE, &[&version], &mut key);
    let mut text = u16::try_from(bundle.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    text.extend_from_slice(bundle);
    text.resize(BUNDLE_TEXT_LEN, 0);
    let tag = Sealer::new(suite, &key).seal(&[0; NONCE_LEN], &version, &mut text);
    [&version[..], &text, &tag].concat().into()
}

impl Person {
    /// Invites, and hands back the card's text.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn invite(
        around: Surroundings,
        seed: [u8; 32],
        terms: &Terms,
    ) -> Result<(Self, String), Stop> {
        Self::invite_with(around, seed, terms, |_, _| {}).await
    }

    /// Invites with a bundle that `change` may spoil.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn invite_with(
        around: Surroundings,
        seed: [u8; 32],
        terms: &Terms,
        change: impl FnOnce(&mut Draft, &mut dyn CryptoRng),
    ) -> Result<(Self, String), Stop> {
        let harness = |why: &dyn std::fmt::Display| Stop::harness(why.to_string());
        let mut rng = rand_chacha::ChaCha20Rng::from_seed(seed);
        let doors: Option<Vec<_>> =
            terms.servers.iter().map(|place| around.doors.get(*place).cloned()).collect();
        let doors = doors.ok_or_else(|| harness(&"a scene with fewer servers"))?;
        let n = u8::try_from(doors.len().min(SERVERS_MAX)).unwrap_or(1);
        let shape = Shape::new(terms.class, terms.k, n).map_err(|error| harness(&error))?;
        let servers: Vec<_> = doors.iter().map(|door| door.public.clone()).collect();
        let decapsulator = Decapsulator::generate(&mut rng);
        let key = (terms.mode == Mode::Attested).then(|| SigningKey::generate(&mut rng));
        let offer = Offer {
            shape,
            servers: &servers,
            ek: &decapsulator.encapsulator(),
            vk: key.as_ref().map(SigningKey::verifying_key),
            name: Name::new(&terms.name).map_err(|error| harness(&error))?,
            not_after: around.clock.now().hour().saturating_add(terms.hours),
        };
        let bundle = Bundle::make(&offer, &mut rng).map_err(|error| harness(&error))?;
        let mut draft =
            Draft { bundle: bundle.as_bytes().to_vec(), version: 0, returned: None, secret: None };
        change(&mut draft, &mut rng);
        let Draft { bundle, version, returned, secret } = draft;
        let secret = secret.unwrap_or_else(|| hash(&[&lp(labels::INVITATION_COMMIT), &bundle]));
        let sealed = returned.unwrap_or_else(|| seal_bundle(&secret, version, &bundle));
        let words = Secret::from_bytes(&secret);
        let mut lanes = Vec::new();
        let mut chains = Vec::new();
        for (place, door) in doors.iter().enumerate() {
            let mut lane = Lane::open(door, shape.class(), &around, &mut rng).await?;
            let number = u8::try_from(place).unwrap_or_default();
            let c = words.connection(number, &door.public.fingerprint);
            let bundle = if place < terms.carded { sealed.clone() } else { filler() };
            lane.receive_on(&around, &c, bundle, &mut rng).await?;
            chains.push(PartChain::new(&c.part_chain(), 0));
            lanes.push(lane);
        }
        let card = Card::new(CardKind::Sent, words, servers.get(..terms.carded).unwrap_or(&[]))
            .map_err(|error| harness(&error))?;
        let receiver = Receiver::new(shape, chains).map_err(|error| harness(&error))?;
        let role = Role::Inviter { secret, bundle, decapsulator: Some(decapsulator) };
        let mut person = Self::new(around, seed, role, shape, terms.mode, receiver);
        person.rng = rng;
        person.ins = lanes;
        person.key = key;
        person.begin_invited();
        Ok((person, card.to_text().to_string()))
    }

    fn begin_invited(&mut self) {
        if let Role::Inviter { secret, bundle, decapsulator } = &mut self.role
            && let Some(decapsulator) = decapsulator.take()
        {
            let session = Session::invite(secret, bundle, decapsulator, self.shape, self.mode);
            self.session = Some(session);
        }
    }

    /// Deletes nothing and forgets nothing, but claims what a hello describes, so that it can
    /// answer.
    ///
    /// # Errors
    /// [`Stop::Fail`] where the descriptors are not good.
    pub(super) async fn claim_back(&mut self, descriptors: &[Vec<u8>]) -> Verdict {
        let n = usize::from(self.shape.n());
        if descriptors.len() != n {
            let expected = format!("{n} descriptors in the hello");
            return Err(Stop::fail(expected, descriptors.len().to_string()));
        }
        let mut chains = Vec::new();
        self.outs.clear();
        for bytes in descriptors {
            let described = edgewise_spec::invitation::Descriptor::parse(bytes)
                .map_err(|error| Stop::fail("a descriptor (INVITATION-36)", error.to_string()))?;
            if described.base != 0 {
                let actual = format!("base {}", described.base);
                return Err(Stop::fail("base 0 in a new direction", actual));
            }
            self.claim_out(&described.server, &described.secret).await?;
            chains.push(PartChain::new(&described.secret.part_chain(), 0));
        }
        let sender = edgewise_spec::scatter::Sender::new(self.shape, chains);
        self.sender = Some(sender.map_err(|error| Stop::harness(error.to_string()))?);
        Ok(())
    }
}
