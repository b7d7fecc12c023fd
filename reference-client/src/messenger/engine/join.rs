//! An invitation that the user accepted, until its session begins.

use edgewise_spec::invitation::{Bundle, Card, Claimer, ConnectionSecret, Place};
use edgewise_spec::time::Now;
use zeroize::Zeroizing;

use super::talk::{read_list, write_list};
use crate::store::codec::{Fields, Writer};
use crate::store::{ConnectionId, ContactId, ProfileId, SessionId, Versioned};

/// The version of a session row that holds a join.
pub(super) const JOIN: u32 = 2;

/// An acceptance as it stands between transactions.
pub(super) struct Join {
    pub id: SessionId,
    pub contact: ContactId,
    pub profile: ProfileId,
    pub revision: u64,
    pub card: Card,
    /// Whether it was read from the inviter's screen.
    pub scanned: bool,
    /// Whether the user has named the contact.
    pub named: bool,
    pub claimer: Claimer,
    /// The connections that are claimed, or being claimed, by place.
    pub claims: Vec<ConnectionId>,
    /// The connections back, by place; made once the bundle is open.
    pub replies: Vec<Reply>,
    /// The signing key's seed, in an attested session.
    pub seed: Option<Zeroizing<[u8; 32]>>,
    /// Not stored: when the present claim is given up for now, and when all are tried again.
    pub patience: Option<(u8, Now)>,
    pub retry: Option<Now>,
    /// Not stored: answers to claims whose place was not to be asked when they came.
    pub late: Vec<(u8, Vec<u8>)>,
    /// The claimer wants to begin; the connections back are awaited.
    pub ready: bool,
}

/// A connection back to the user.
pub(super) struct Reply {
    pub connection: ConnectionId,
    pub secret: ConnectionSecret,
    pub created: bool,
}

impl Join {
    pub(super) fn to_versioned(&self) -> Versioned {
        let mut to = Writer::bare();
        to.bytes(self.card.to_text().as_bytes());
        to.flag(self.scanned);
        to.flag(self.named);
        to.option(self.claimer.bundle(), |to, bundle| to.bytes(bundle.as_bytes()));
        write_list(&mut to, self.claimer.places().iter(), |to, place| {
            to.u8(match place {
                Place::Open => 0,
                Place::Claimed => 1,
                Place::Refused => 2,
                Place::Unreached => 3,
            });
        });
        write_list(&mut to, self.claims.iter(), |to, id| to.i64(id.number()));
        write_list(&mut to, self.replies.iter(), |to, reply| {
            to.i64(reply.connection.number());
            to.raw(reply.secret.as_bytes());
            to.flag(reply.created);
        });
        to.option(self.seed.as_ref(), |to, seed| to.raw(seed.as_slice()));
        Versioned::new(JOIN, to.finish())
    }

    pub(super) fn from_bytes(
        id: SessionId,
        contact: ContactId,
        profile: ProfileId,
        revision: u64,
        bytes: &[u8],
    ) -> Option<Self> {
        let mut from = Fields::new(bytes);
        let card = Card::parse(&from.text()?).ok()?;
        let (scanned, named) = (from.flag()?, from.flag()?);
        let bundle = match from.option(Fields::bytes)? {
            Some(bytes) => Some(Bundle::parse(bytes).ok()?),
            None => None,
        };
        let places = read_list(&mut from, |from| match from.u8()? {
            0 => Some(Place::Open),
            1 => Some(Place::Claimed),
            2 => Some(Place::Refused),
            3 => Some(Place::Unreached),
            _ => None,
        })?;
        let claims = read_list(&mut from, Fields::i64)?;
        let claims = claims.into_iter().map(ConnectionId::from_number).collect();
        let replies = read_list(&mut from, |from| {
            Some(Reply {
                connection: ConnectionId::from_number(from.i64()?),
                secret: ConnectionSecret::from_bytes(&from.array()?),
                created: from.flag()?,
            })
        })?;
        let seed = from.option(Fields::array)?.map(Zeroizing::new);
        from.end()?;
        let (claimer, _) = Claimer::restore(card.clone(), bundle, &places).ok()?;
        let ready = matches!(claimer, Claimer::Ready(_));
        Some(Self {
            id,
            contact,
            profile,
            revision,
            card,
            scanned,
            named,
            claimer,
            claims,
            replies,
            seed,
            patience: None,
            retry: None,
            late: Vec::new(),
            ready,
        })
    }

    pub(super) fn place_of(&self, id: ConnectionId) -> Option<u8> {
        let place = self.claims.iter().position(|connection| *connection == id)?;
        u8::try_from(place).ok()
    }
}
