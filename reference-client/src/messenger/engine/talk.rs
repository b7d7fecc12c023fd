//! A session with a contact, as it stands between transactions: ratchet, parts, messages.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use edgewise_spec::invitation::ConnectionSecret;
use edgewise_spec::message::{Chain, Composer, Direction, Inbox, Layout, MessageId, UpTo};
use edgewise_spec::rotation::moving::{Follower, Mover};
use edgewise_spec::scatter::{LaneId, Receiver, Sender, Tally};
use edgewise_spec::session::{Repeat, Session};
use edgewise_spec::suite::{SigningKey, VerifyingKey};
use edgewise_spec::time::Now;
use zeroize::Zeroizing;

use super::lanes::{Lanes, add_lanes, read_receiver, write_receiver};
use super::partial::Partial;
use crate::messenger::BroadcastRole;
use crate::store::codec::{Fields, Writer};
use crate::store::{
    ConnectionId, ContactId, PieceId, Position, ProfileId, Session as StoredSession, SessionId,
    Versioned,
};

/// The version of a session row that holds a talk.
pub(super) const TALK: u32 = 4;
/// The version before, whose rows have neither places of lanes nor counts of what they altered.
const TALK_WITHOUT_PLACES: u32 = 3;
/// The version before that, whose rows have the whole chain.
pub(super) const TALK_WITH_CHAIN: u32 = 1;
/// The version of a talk's base.
const BASE: u32 = 3;
/// Messages that a session's row has beside the chain in its base, at most.
const TAKEN_MAX: usize = 32;

/// A session that has begun.
pub(super) struct Talk {
    pub id: SessionId,
    pub contact: ContactId,
    pub profile: ProfileId,
    pub revision: u64,
    pub session: Session,
    /// The direction of what the user says.
    pub own: Direction,
    pub composer: Composer,
    pub inbox: Inbox,
    /// Whether a base is stored, and what the inbox's chain has taken since.
    pub based: bool,
    pub taken: Vec<Taken>,
    /// The signing key's seed, in an attested session (MESSAGE-33).
    pub seed: Option<Zeroizing<[u8; 32]>>,
    /// Until the claimer's hello has arrived, the inviter cannot send.
    pub sender: Option<Sender>,
    pub outs: Vec<Out>,
    pub receiver: Receiver,
    pub lanes: BTreeMap<LaneId, ConnectionId>,
    /// What the connections of each lane had brought that was of no use, before the receiver was
    /// read from the store.
    pub tallies: BTreeMap<LaneId, Tally>,
    /// Lanes whose last part was not what had been sealed for it.
    pub altering: BTreeSet<LaneId>,
    /// Cells that too few parts have come of.
    pub partial: Partial,
    /// Messages in the history that are not sealed, or not wholly.
    pub queue: VecDeque<Queued>,
    /// Pieces of the queue's first message that are sealed.
    pub begun: u16,
    /// The claimer's hello, until it is answered.
    pub hello: Option<Position>,
    /// What is to be receipted.
    pub receipts: Vec<(MessageId, [u8; 32])>,
    /// Stored pieces of incomplete messages.
    pub pieces: HashMap<MessageId, Vec<PieceId>>,
    /// At the limit: when the highest cell is sent again (SESSION-37).
    pub again: Option<(Repeat, u32)>,
    pub broadcast: Option<BroadcastRole>,
    pub moving: Moving,
    /// When the session began here: of several with a contact the newest one is talked in.
    pub since: Now,
}

/// What a chain takes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub number: u32,
    pub hash: [u8; 32],
    pub previous: [u8; 32],
}

/// The moves of both directions.
pub(super) struct Moving {
    /// The lane that each place of what the contact says has.
    pub places: Vec<LaneId>,
    /// The number of the next lane.
    pub next_lane: LaneId,
    pub mover: Mover,
    /// Of lanes that are being made for a move.
    pub secrets: Vec<(LaneId, ConnectionSecret)>,
    pub follower: Follower,
    /// The number of the next connection to the contact.
    pub next_out: LaneId,
    /// The connection that is being claimed for a move, and its secret.
    pub claiming: Option<Out>,
    pub claim_secret: Option<ConnectionSecret>,
    /// Connections that places have left, and that still have parts to deliver.
    pub leaving: Vec<Out>,
}

/// A connection to the contact.
pub(super) struct Out {
    pub connection: ConnectionId,
    /// Its number in the direction.
    pub lane: LaneId,
    /// Parts that are kept, by their numbers.
    pub parts: VecDeque<OutPart>,
}

/// A part that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutPart {
    pub number: u64,
    pub s: u32,
    pub message: Option<Position>,
    pub accepted: bool,
}

/// A message that waits to be sealed.
pub(super) struct Queued {
    pub position: Position,
    /// Its bodies, while they are at hand; else made again from the history.
    pub bodies: Option<Vec<Vec<u8>>>,
}

/// What a session begins with.
pub(super) struct Beginning {
    pub id: SessionId,
    pub contact: ContactId,
    pub profile: ProfileId,
    pub revision: u64,
    pub session: Session,
    pub own: Direction,
    pub composer: Composer,
    pub inbox: Inbox,
    pub seed: Option<Zeroizing<[u8; 32]>>,
    pub sender: Option<Sender>,
    pub outs: Vec<Out>,
    pub receiver: Receiver,
    pub lanes: BTreeMap<LaneId, ConnectionId>,
    pub partial: Partial,
    pub now: Now,
}

impl From<Beginning> for Talk {
    fn from(of: Beginning) -> Self {
        let moving = Moving::none(of.session.shape().n());
        Self {
            id: of.id,
            contact: of.contact,
            profile: of.profile,
            revision: of.revision,
            session: of.session,
            own: of.own,
            composer: of.composer,
            inbox: of.inbox,
            based: false,
            taken: Vec::new(),
            seed: of.seed,
            sender: of.sender,
            outs: of.outs,
            receiver: of.receiver,
            lanes: of.lanes,
            tallies: BTreeMap::new(),
            altering: BTreeSet::new(),
            partial: of.partial,
            queue: VecDeque::new(),
            begun: 0,
            hello: None,
            receipts: Vec::new(),
            pieces: HashMap::new(),
            again: None,
            broadcast: None,
            moving,
            since: of.now,
        }
    }
}

impl Talk {
    pub(super) fn layout(&self) -> Layout {
        Layout::new(self.session.mode(), self.session.shape())
    }

    /// Which lane a connection is.
    pub(super) fn lane_of(&self, id: ConnectionId) -> Option<LaneId> {
        self.lanes.iter().find(|(_, connection)| **connection == id).map(|(lane, _)| *lane)
    }

    /// Every connection to the contact.
    pub(super) fn all_outs(&self) -> impl Iterator<Item = &Out> {
        self.outs.iter().chain(&self.moving.claiming).chain(&self.moving.leaving)
    }

    /// The same, to be changed.
    pub(super) fn all_outs_mut(&mut self) -> impl Iterator<Item = &mut Out> {
        let Moving { claiming, leaving, .. } = &mut self.moving;
        self.outs.iter_mut().chain(claiming).chain(leaving)
    }

    /// Every connection of the session.
    pub(super) fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        let outs = self.all_outs().map(|out| out.connection);
        outs.chain(self.lanes.values().copied())
    }

    /// Whether a cell of the contact has opened.
    pub(super) fn is_answered(&self) -> bool {
        self.session.opened() > 0
    }

    /// The chain of what was received, which is long, is stored whole now and then; between, the
    /// session's row has what it has taken since. What is to be stored whole now, if it is time.
    pub(super) fn rebased(&mut self) -> Option<Versioned> {
        if self.based && self.taken.len() <= TAKEN_MAX {
            return None;
        }
        self.based = true;
        self.taken.clear();
        Some(Versioned::new(BASE, self.inbox.chain().to_bytes().into()))
    }

    pub(super) fn to_versioned(&self) -> Versioned {
        let mut to = Writer::bare();
        to.bytes(&self.session.to_bytes());
        to.u8(self.own.number());
        to.bytes(&self.composer.to_bytes());
        let up_to = self.inbox.chain().up_to();
        to.u32(up_to.number);
        to.raw(&up_to.hash);
        write_list(&mut to, self.taken.iter(), |to, taken| {
            to.u32(taken.number);
            to.raw(&taken.hash);
            to.raw(&taken.previous);
        });
        to.option(self.inbox.vk(), |to, vk| to.raw(vk.as_bytes()));
        to.option(self.seed.as_ref(), |to, seed| to.raw(seed.as_slice()));
        to.option(self.sender.as_ref(), |to, sender| to.bytes(&sender.to_bytes()));
        write_list(&mut to, self.outs.iter(), write_out);
        write_receiver(&mut to, self);
        write_list(&mut to, self.queue.iter(), |to, queued| to.u64(queued.position.0));
        to.u32(self.begun.into());
        to.option(self.hello, |to, at| to.u64(at.0));
        write_list(&mut to, self.receipts.iter(), |to, (id, hash)| {
            to.raw(id.as_bytes());
            to.raw(hash);
        });
        to.u8(match self.broadcast {
            None => 0,
            Some(BroadcastRole::Source) => 1,
            Some(BroadcastRole::Listener) => 2,
        });
        self.moving.write(&mut to);
        to.u64(self.since.millis());
        Versioned::new(TALK, to.finish())
    }

    /// A talk as it was stored, without what stands in other rows: kept parts and pieces.
    pub(super) fn from_stored(
        id: SessionId,
        profile: ProfileId,
        stored: &StoredSession,
        base: Option<&Versioned>,
    ) -> Option<Self> {
        let (contact, revision, version) =
            (stored.contact, stored.revision, stored.state.version());
        let mut from = Fields::new(stored.state.bytes());
        let session = Session::from_bytes(from.bytes()?).ok()?;
        let own = Direction::from_number(from.u8()?)?;
        let composed = from.bytes()?;
        let (chain, taken) = read_chain(&mut from, base, version)?;
        let based = version != TALK_WITH_CHAIN && base.is_some();
        let vk = match from.option(Fields::array::<32>)? {
            Some(vk) => Some(VerifyingKey::parse(&vk).ok()?),
            None => None,
        };
        let seed = from.option(Fields::array)?.map(Zeroizing::new);
        let (mode, shape) = (session.mode(), session.shape());
        let (layout, transcript) = (Layout::new(mode, shape), session.transcript0()?);
        let key = seed.as_ref().map(|seed| SigningKey::from_seed(seed));
        let composer = Composer::new(layout, transcript, own, key).ok()?.resume(composed).ok()?;
        let inbox = Inbox::new(layout, transcript, own.other(), vk, chain);
        let sender = match from.option(Fields::bytes)? {
            Some(bytes) => Some(Sender::from_bytes(shape, bytes).ok()?),
            None => None,
        };
        let outs = read_list(&mut from, read_out)?;
        let (receiver, windows) = read_receiver(&mut from, shape, version)?;
        let queue = read_list(&mut from, Fields::u64)?
            .into_iter()
            .map(|at| Queued { position: Position(at), bodies: None });
        let queue = queue.collect();
        let begun = u16::try_from(from.u32()?).ok()?;
        let hello = from.option(Fields::u64)?.map(Position);
        let receipts = read_list(&mut from, |from| {
            Some((MessageId::from_bytes(from.array()?), from.array()?))
        })?;
        let broadcast = read_broadcast(&mut from)?;
        let moving = Moving::read(&mut from)?;
        let since = Now::from_millis(from.u64()?);
        from.end()?;
        let Lanes { receiver, lanes, tallies, altering } = add_lanes(receiver, windows, &moving)?;
        Some(Self {
            id,
            contact,
            profile,
            revision,
            session,
            own,
            composer,
            inbox,
            based,
            taken,
            seed,
            sender,
            outs,
            receiver,
            lanes,
            tallies,
            altering,
            partial: Partial::default(),
            queue,
            begun,
            hello,
            receipts,
            pieces: HashMap::new(),
            again: None,
            broadcast,
            moving,
            since,
        })
    }

    /// Whether a session's row holds a talk.
    pub(super) const fn is_in(version: u32) -> bool {
        matches!(version, TALK | TALK_WITHOUT_PLACES | TALK_WITH_CHAIN)
    }

    /// When something is to be done although nothing happens.
    pub(super) fn is_due(&self, now: Now) -> bool {
        let hello = self.session.hello().is_some_and(|repeat| repeat.is_due(now));
        let again = self.again.is_some_and(|(repeat, _)| repeat.is_due(now));
        hello || again
    }
}

impl Moving {
    /// No move, in a session over n places.
    pub(super) fn none(n: u8) -> Self {
        Self {
            places: (0..n).map(u32::from).collect(),
            next_lane: n.into(),
            mover: Mover::default(),
            secrets: Vec::new(),
            follower: Follower::default(),
            next_out: n.into(),
            claiming: None,
            claim_secret: None,
            leaving: Vec::new(),
        }
    }

    fn write(&self, to: &mut Writer) {
        write_list(to, self.places.iter(), |to, lane| to.u32(*lane));
        to.u32(self.next_lane);
        to.bytes(&self.mover.to_bytes());
        write_list(to, self.secrets.iter(), |to, (lane, secret)| {
            to.u32(*lane);
            to.raw(secret.as_bytes());
        });
        to.bytes(&self.follower.to_bytes());
        to.u32(self.next_out);
        to.option(self.claiming.as_ref(), write_out);
        to.option(self.claim_secret.as_ref(), |to, secret| to.raw(secret.as_bytes()));
        write_list(to, self.leaving.iter(), write_out);
    }

    fn read(from: &mut Fields<'_>) -> Option<Self> {
        let places = read_list(from, Fields::u32)?;
        let next_lane = from.u32()?;
        let mover = Mover::from_bytes(from.bytes()?).ok()?;
        let secrets = read_list(from, |from| {
            Some((from.u32()?, ConnectionSecret::from_bytes(&from.array()?)))
        })?;
        let follower = Follower::from_bytes(from.bytes()?).ok()?;
        let next_out = from.u32()?;
        let claiming = from.option(read_out)?;
        let claim_secret =
            from.option(Fields::array)?.map(|bytes| ConnectionSecret::from_bytes(&bytes));
        let leaving = read_list(from, read_out)?;
        Some(Self {
            places,
            next_lane,
            mover,
            secrets,
            follower,
            next_out,
            claiming,
            claim_secret,
            leaving,
        })
    }
}

impl Out {
    pub(super) const fn new(connection: ConnectionId, lane: LaneId) -> Self {
        Self { connection, lane, parts: VecDeque::new() }
    }
}

fn read_broadcast(from: &mut Fields<'_>) -> Option<Option<BroadcastRole>> {
    match from.u8()? {
        0 => Some(None),
        1 => Some(Some(BroadcastRole::Source)),
        2 => Some(Some(BroadcastRole::Listener)),
        _ => None,
    }
}

fn write_out(to: &mut Writer, out: &Out) {
    to.i64(out.connection.number());
    to.u32(out.lane);
}

fn read_out(from: &mut Fields<'_>) -> Option<Out> {
    Some(Out::new(ConnectionId::from_number(from.i64()?), from.u32()?))
}

/// The chain of a base and what it has taken since, which must lead to what the row says.
fn read_chain(
    from: &mut Fields<'_>,
    base: Option<&Versioned>,
    version: u32,
) -> Option<(Chain, Vec<Taken>)> {
    if version == TALK_WITH_CHAIN {
        return Some((Chain::from_bytes(from.bytes()?).ok()?, Vec::new()));
    }
    let up_to = UpTo { number: from.u32()?, hash: from.array()? };
    let taken = read_list(from, |from| {
        Some(Taken { number: from.u32()?, hash: from.array()?, previous: from.array()? })
    })?;
    let mut chain = match base {
        Some(base) if base.version() == BASE => Chain::from_bytes(base.bytes()).ok()?,
        Some(_) => return None,
        None => Chain::default(),
    };
    for Taken { number, hash, previous } in &taken {
        chain.take(*number, hash, previous);
    }
    (chain.up_to() == up_to).then_some((chain, taken))
}

pub(super) fn write_list<T>(
    to: &mut Writer,
    items: impl ExactSizeIterator<Item = T>,
    mut write: impl FnMut(&mut Writer, T),
) {
    to.u32(u32::try_from(items.len()).unwrap_or(u32::MAX));
    items.for_each(|item| write(to, item));
}

pub(super) fn read_list<'a, T>(
    from: &mut Fields<'a>,
    mut read: impl FnMut(&mut Fields<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    (0..from.u32()?).map(|_| read(from)).collect()
}
