//! A session with a contact, as it stands between transactions: ratchet, parts, messages.

use std::collections::{BTreeMap, HashMap, VecDeque};

use edgewise_spec::constants::TAG_WINDOW;
use edgewise_spec::invitation::ConnectionSecret;
use edgewise_spec::message::{Chain, Composer, Direction, Inbox, Layout, MessageId, UpTo};
use edgewise_spec::rotation::moving::{Follower, Mover};
use edgewise_spec::scatter::{LaneId, Receiver, Sender, Shape, Window};
use edgewise_spec::session::{Repeat, Session};
use edgewise_spec::suite::{SigningKey, VerifyingKey};
use edgewise_spec::time::Now;
use zeroize::Zeroizing;

use crate::messenger::BroadcastRole;
use crate::store::codec::{Fields, Writer};
use crate::store::{
    ConnectionId, ContactId, PieceId, Position, ProfileId, Session as StoredSession, SessionId,
    Versioned,
};

/// The version of a session row that holds a talk, and of its base.
pub(super) const TALK: u32 = 3;
/// The version before, whose rows have the whole chain.
const TALK_WITH_CHAIN: u32 = 1;
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
        Some(Versioned::new(TALK, self.inbox.chain().to_bytes().into()))
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
        to.u32(self.receiver.highest());
        write_list(&mut to, runs(self.receiver.opened()).into_iter(), |to, (first, last)| {
            to.u32(first);
            to.u32(last);
        });
        let windows: Vec<_> = self.receiver.windows().collect();
        write_list(&mut to, windows.iter(), |to, (lane, window)| {
            to.u32(*lane);
            to.i64(self.lanes.get(lane).map_or(0, |id| id.number()));
            to.bytes(window);
        });
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
        let based = version == TALK && base.is_some();
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
        let (receiver, lanes) = read_receiver(&mut from, shape, version)?;
        let queue = read_list(&mut from, Fields::u64)?
            .into_iter()
            .map(|at| Queued { position: Position(at), bodies: None });
        let queue = queue.collect();
        let begun = u16::try_from(from.u32()?).ok()?;
        let hello = from.option(Fields::u64)?.map(Position);
        let receipts = read_list(&mut from, |from| {
            Some((MessageId::from_bytes(from.array()?), from.array()?))
        })?;
        let broadcast = match from.u8()? {
            0 => None,
            1 => Some(BroadcastRole::Source),
            2 => Some(BroadcastRole::Listener),
            _ => return None,
        };
        let moving = Moving::read(&mut from)?;
        let since = Now::from_millis(from.u64()?);
        from.end()?;
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
        matches!(version, TALK | TALK_WITH_CHAIN)
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
        Some(base) if base.version() == TALK => Chain::from_bytes(base.bytes()).ok()?,
        Some(_) => return None,
        None => Chain::default(),
    };
    for Taken { number, hash, previous } in &taken {
        chain.take(*number, hash, previous);
    }
    (chain.up_to() == up_to).then_some((chain, taken))
}

/// Ascending numbers as runs of which each one is there, from the first to the last.
fn runs(numbers: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

/// The receiving end of the parts, and which connection each lane is.
fn read_receiver(
    from: &mut Fields<'_>,
    shape: Shape,
    version: u32,
) -> Option<(Receiver, BTreeMap<LaneId, ConnectionId>)> {
    let highest = from.u32()?;
    let opened: Vec<u32> = if version == TALK_WITH_CHAIN {
        read_list(from, Fields::u32)?
    } else {
        let runs = read_list(from, |from| {
            let (first, last) = (from.u32()?, from.u32()?);
            (first <= last && last - first <= TAG_WINDOW).then_some(first..=last)
        })?;
        runs.into_iter().flatten().collect()
    };
    let mut receiver = Receiver::restore(shape, highest, opened).ok()?;
    let mut lanes = BTreeMap::new();
    for (lane, connection, window) in read_list(from, |from| {
        Some((from.u32()?, from.i64()?, Window::from_bytes(from.bytes()?).ok()?))
    })? {
        // With k = 1 it makes no difference which place a connection is of.
        receiver.add(lane, 0, window).ok()?;
        lanes.insert(lane, ConnectionId::from_number(connection));
    }
    Some((receiver, lanes))
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
