//! An invitation that the user made, from its first connection to its session.

use edgewise_spec::invitation::{Bundle, Card, Claimed, Inviter, Lost, Made, Making, Places};
use edgewise_spec::scatter::{LaneId, PartChain, Receiver};
use edgewise_spec::session::Session;
use edgewise_spec::suite::{Decapsulator, SigningKey, VerifyingKey};
use edgewise_spec::time::Now;
use zeroize::Zeroizing;

use super::partial::Partial;
use super::talk::{read_list, write_list};
use crate::store::codec::{Fields, Writer};
use crate::store::{ConnectionId, ContactId, InvitationId, ProfileId, Versioned};

const VERSION: u32 = 1;

/// An invitation as it stands between transactions.
pub(super) struct Offer {
    pub id: InvitationId,
    pub profile: ProfileId,
    pub inviter: Inviter,
    pub bundle: Bundle,
    /// The seed of the bundle's ek.
    pub seed: Zeroizing<[u8; 32]>,
    /// The seed of the bundle's vk, in an attested session.
    pub signing: Option<Zeroizing<[u8; 32]>>,
    /// How many servers the card names.
    pub carded: u8,
    /// Its connections, by place.
    pub connections: Vec<ConnectionId>,
    /// Those seen open since not_after (INVITATION-30).
    pub seen: Places,
    /// Whom it is for, where an exchange is repeated.
    pub contact: Option<ContactId>,
    /// What is left at a contact address once the card may be handed on.
    pub request: Option<Asked>,
    /// Not stored: what its first parts are opened with.
    pub receiver: Receiver,
    /// Not stored: cells that too few parts have come of; the parts are.
    pub partial: Partial,
    pub session: Session,
}

/// A request that is to be left at a contact address.
#[derive(Clone)]
pub(super) struct Asked {
    pub card: Card,
    pub greeting: String,
    /// Whether a server has taken it.
    pub left: bool,
    /// Not stored: when it is tried again.
    pub retry: Option<Now>,
}

/// What an invitation's first part is opened with: it follows from the bundle and its key's seed.
pub(super) fn opening(bundle: &Bundle, seed: &[u8; 32]) -> Option<(Receiver, Session)> {
    let (secret, shape) = (bundle.secret(), bundle.shape());
    let chains = bundle.servers().iter().zip(0..).map(|(server, place)| {
        let secret = secret.connection(place, &server.fingerprint);
        PartChain::new(&secret.part_chain(), 0)
    });
    let receiver = Receiver::new(shape, chains.collect()).ok()?;
    let key = Decapsulator::from_seed(seed);
    let session = Session::invite(secret.as_bytes(), bundle.as_bytes(), key, shape, bundle.mode());
    Some((receiver, session))
}

impl Offer {
    pub(super) fn place_of(&self, id: ConnectionId) -> Option<u8> {
        let place = self.connections.iter().position(|connection| *connection == id)?;
        u8::try_from(place).ok()
    }

    pub(super) fn lanes(&self) -> impl Iterator<Item = (LaneId, ConnectionId)> + '_ {
        (0..).zip(self.connections.iter().copied())
    }

    pub(super) const fn is_abandoned(&self) -> bool {
        matches!(self.inviter, Inviter::Abandoned(_))
    }

    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.inviter, Inviter::Made(_) | Inviter::Claimed(_))
    }

    pub(super) fn to_versioned(&self) -> Versioned {
        let mut to = Writer::bare();
        let (number, bits) = match self.inviter {
            Inviter::Making(Making { missing }) => (0, missing.bits()),
            Inviter::Made(Made) => (1, 0),
            Inviter::Claimed(Claimed { at }) => (2, at.bits()),
            Inviter::Accepted => (3, 0),
            Inviter::Abandoned(Lost::Conflict) => (4, 0),
            Inviter::Abandoned(Lost::Expired) => (5, 0),
            Inviter::Abandoned(Lost::Withdrawn) => (6, 0),
        };
        to.u8(number);
        to.u32(bits.into());
        to.bytes(self.bundle.as_bytes());
        to.raw(self.seed.as_slice());
        to.option(self.signing.as_ref(), |to, seed| to.raw(seed.as_slice()));
        to.u8(self.carded);
        write_list(&mut to, self.connections.iter(), |to, id| to.i64(id.number()));
        to.u32(self.seen.bits().into());
        to.option(self.contact, |to, contact| to.i64(contact.number()));
        to.option(self.request.as_ref(), |to, asked| {
            to.bytes(asked.card.to_text().as_bytes());
            to.bytes(asked.greeting.as_bytes());
            to.flag(asked.left);
        });
        Versioned::new(VERSION, to.finish())
    }

    pub(super) fn from_versioned(
        id: InvitationId,
        profile: ProfileId,
        stored: &Versioned,
    ) -> Option<Self> {
        if stored.version() != VERSION {
            return None;
        }
        let mut from = Fields::new(stored.bytes());
        let number = from.u8()?;
        let bits = Places::from_bits(u16::try_from(from.u32()?).ok()?);
        let inviter = match number {
            0 => Inviter::Making(Making { missing: bits }),
            1 => Inviter::Made(Made),
            2 => Inviter::Claimed(Claimed { at: bits }),
            3 => Inviter::Accepted,
            4 => Inviter::Abandoned(Lost::Conflict),
            5 => Inviter::Abandoned(Lost::Expired),
            6 => Inviter::Abandoned(Lost::Withdrawn),
            _ => return None,
        };
        let bundle = Bundle::parse(from.bytes()?).ok()?;
        let seed = Zeroizing::new(from.array()?);
        let (receiver, session) = opening(&bundle, &seed)?;
        let offer = Self {
            id,
            profile,
            inviter,
            bundle,
            seed,
            signing: from.option(Fields::array)?.map(Zeroizing::new),
            carded: from.u8()?,
            connections: read_list(&mut from, Fields::i64)?
                .into_iter()
                .map(ConnectionId::from_number)
                .collect(),
            seen: Places::from_bits(u16::try_from(from.u32()?).ok()?),
            contact: from.option(Fields::i64)?.map(ContactId::from_number),
            request: from.option(|from| {
                let card = Card::parse(&from.text()?).ok()?;
                Some(Asked { card, greeting: from.text()?, left: from.flag()?, retry: None })
            })?,
            receiver,
            partial: Partial::default(),
            session,
        };
        from.end()?;
        Some(offer)
    }
}

/// The public half of a signing seed.
pub(super) fn verifying_key(seed: &Zeroizing<[u8; 32]>) -> VerifyingKey {
    SigningKey::from_seed(seed).verifying_key()
}
