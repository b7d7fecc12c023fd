//! One end of a session over n connections each way, with all that its client stores.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use edgewise_spec::invitation::{ConnectionSecret, Descriptor};
use edgewise_spec::message::Content;
use edgewise_spec::rotation::moving::{
    Answer, Direction, Follower, FollowerEvent, FollowerStep, LaneId, Mover, MoverEvent, MoverStep,
    Offer,
};
use edgewise_spec::scatter::{
    Arrival, Joined, OpenedPart, PartChain, Receiver, Sender, Shape, Window, join,
};
use edgewise_spec::session::{Mode, Purpose, SealRefused, Session};
use edgewise_spec::time::Now;
use rand_chacha::ChaCha20Rng;

use super::wire::{Key, WireId, server};

/// What is said: a text or a move.
pub fn body(shape: Shape, content: &Content) -> Vec<u8> {
    let bytes = content.encode(Mode::Deniable).unwrap();
    let mut body = content.kind().to_be_bytes().to_vec();
    body.extend((bytes.len() as u16).to_be_bytes());
    body.extend(bytes);
    body.resize(shape.body_len(), 0);
    body
}

fn read(body: &[u8]) -> Option<Content> {
    let kind = u16::from_be_bytes([body[0], body[1]]);
    let length = usize::from(u16::from_be_bytes([body[2], body[3]]));
    let text = &body[4..4 + length];
    (kind > 0).then(|| Content::decode(Mode::Deniable, kind, text).unwrap())
}

/// A connection to take parts from.
#[derive(Clone, Debug)]
pub struct InLane {
    pub wire: WireId,
    /// Its recipient wants it deleted.
    pub over: bool,
}

/// A connection to hand parts in.
#[derive(Clone, Debug)]
pub struct OutLane {
    pub wire: WireId,
    pub key: Key,
}

/// What is plain in the store, and in memory.
#[derive(Clone)]
pub struct Plain {
    pub places: Vec<LaneId>,
    pub lanes: BTreeMap<LaneId, InLane>,
    pub out_places: Vec<LaneId>,
    pub out_lanes: BTreeMap<LaneId, OutLane>,
    pub outbox: BTreeMap<(LaneId, u32), Vec<u8>>,
    /// Accepted from the user or due by a move, and not sealed yet.
    pub waiting: VecDeque<Content>,
    /// Texts that the user was told are accepted, in order.
    pub accepted: Vec<String>,
    /// By s.
    pub heard: BTreeMap<u32, Option<Content>>,
    /// Parts of cells that were not opened, by s: place and bytes.
    pub held: BTreeMap<u32, Vec<(u8, Vec<u8>)>>,
}

/// What the client stored last.
struct Disk {
    session: Vec<u8>,
    sender: Vec<u8>,
    highest: u32,
    opened: Vec<u32>,
    /// Connection, its place, its window.
    windows: Vec<(LaneId, u8, Vec<u8>)>,
    mover: Vec<u8>,
    follower: Vec<u8>,
    plain: Plain,
}

/// Where a client stops and begins again from what it stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    No,
    /// Before the transaction.
    Before,
    /// After it, before anything that it asks for is done.
    After,
}

pub struct End {
    pub shape: Shape,
    pub session: Session,
    pub sender: Sender,
    pub receiver: Receiver,
    pub mover: Mover,
    pub follower: Follower,
    pub plain: Plain,
    pub rng: ChaCha20Rng,
    pub now: Now,
    disk: Option<Disk>,
    /// What is not stored: how far a connection has been given its parts, in which incarnation.
    pub submitted: BTreeMap<LaneId, (u32, u32)>,
    /// Never goes back, unlike what is stored: names of connections.
    next: u32,
}

impl End {
    pub fn new(
        session: Session,
        shape: Shape,
        incoming: &[WireId],
        outgoing: &[WireId],
        rng: ChaCha20Rng,
        now: Now,
    ) -> Self {
        let chains = |wires: &[WireId]| -> Vec<_> {
            wires.iter().map(|wire| PartChain::new(&secret(wire).part_chain(), 0)).collect()
        };
        let lanes = (0..).zip(incoming).map(|(id, wire)| (id, InLane { wire: *wire, over: false }));
        let out = |(id, wire): (LaneId, &WireId)| (id + 900, OutLane { wire: *wire, key: id });
        let n = u32::from(shape.n());
        let plain = Plain {
            places: (0..n).collect(),
            lanes: lanes.collect(),
            out_places: (900..900 + n).collect(),
            out_lanes: (0..).zip(outgoing).map(out).collect(),
            outbox: BTreeMap::new(),
            waiting: VecDeque::new(),
            accepted: Vec::new(),
            heard: BTreeMap::new(),
            held: BTreeMap::new(),
        };
        let sender = Sender::new(shape, chains(outgoing)).unwrap();
        let receiver = Receiver::new(shape, chains(incoming)).unwrap();
        let (mover, follower) = (Mover::default(), Follower::default());
        let (disk, submitted, next) = (None, BTreeMap::new(), 1_000);
        let mut end = Self {
            shape,
            session,
            sender,
            receiver,
            mover,
            follower,
            plain,
            rng,
            now,
            disk,
            submitted,
            next,
        };
        end.store();
        end
    }

    fn store(&mut self) {
        let place = |id| self.receiver.place(id).unwrap();
        let windows = self.receiver.windows().map(|(id, it)| (id, place(id), it.to_vec()));
        self.disk = Some(Disk {
            session: self.session.to_bytes().to_vec(),
            sender: self.sender.to_bytes().to_vec(),
            highest: self.receiver.highest(),
            opened: self.receiver.opened().collect(),
            windows: windows.collect(),
            mover: self.mover.to_bytes(),
            follower: self.follower.to_bytes().to_vec(),
            plain: self.plain.clone(),
        });
    }

    fn begin_again(&mut self) {
        let disk = self.disk.as_ref().unwrap();
        self.session = Session::from_bytes(&disk.session).unwrap();
        self.sender = Sender::from_bytes(self.shape, &disk.sender).unwrap();
        let opened = disk.opened.iter().copied();
        self.receiver = Receiver::restore(self.shape, disk.highest, opened).unwrap();
        for (id, place, window) in &disk.windows {
            self.receiver.add(*id, *place, Window::from_bytes(window).unwrap()).unwrap();
        }
        self.mover = Mover::from_bytes(&disk.mover).unwrap();
        self.follower = Follower::from_bytes(&disk.follower).unwrap();
        self.plain = disk.plain.clone();
        self.submitted.clear();
    }

    /// A transaction: whether it was stored.
    pub fn transact(&mut self, crash: Crash) -> bool {
        if crash != Crash::Before {
            self.store();
        }
        if crash != Crash::No {
            self.begin_again();
        }
        crash != Crash::Before
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    pub fn direction(&self) -> Direction {
        Direction { sealed: self.session.sealed(), acked: self.session.acknowledged() }
    }

    /// Seals what waits, in one transaction.
    pub fn flush(&mut self, crash: Crash) {
        let mut later = VecDeque::new();
        for content in std::mem::take(&mut self.plain.waiting) {
            let is_move = matches!(content, Content::Move { .. } | Content::Moved { .. });
            let purpose = if is_move { Purpose::Move } else { Purpose::Message };
            if !self.seal(purpose, &body(self.shape, &content)) {
                later.push_back(content);
            }
        }
        self.plain.waiting = later;
        if self.session.answer_due() {
            self.seal(Purpose::Answer, &vec![0; self.shape.body_len()]);
        }
        self.transact(crash);
    }

    fn seal(&mut self, purpose: Purpose, body: &[u8]) -> bool {
        let sealed = match self.session.seal(purpose, self.now, body, &mut self.rng) {
            Ok(sealed) => sealed,
            Err(SealRefused::NotYet | SealRefused::Full) => return false,
            Err(other) => panic!("{other}"),
        };
        let (sender, parts) = self.sender.split(sealed.s, &sealed.cell, &mut self.rng).unwrap();
        (self.sender, self.session) = (sender, sealed.session);
        for (lane, part) in self.plain.out_places.iter().zip(parts) {
            let twice = self.plain.outbox.insert((*lane, sealed.s), part);
            assert!(twice.is_none(), "SCATTER-8");
        }
        let step = self.follower.handle(FollowerEvent::Sealed(self.direction()));
        self.follow(step);
        true
    }

    /// Holds a part: the cell, if it was the last that it takes.
    fn hold(&mut self, lane: LaneId, s: u32, part: &OpenedPart) -> Option<Arrival> {
        let held = self.plain.held.entry(s).or_default();
        held.push((part.place, part.to_bytes().to_vec()));
        let read =
            |(place, bytes): &(u8, Vec<u8>)| OpenedPart::from_bytes(self.shape, *place, bytes);
        match join(self.shape, &held.iter().map(|it| read(it).unwrap()).collect::<Vec<_>>()) {
            Joined::Short { .. } => self.receiver.hold(lane, s),
            Joined::Cell { cell, wrong } => {
                assert!(wrong.is_empty());
                self.plain.held.remove(&s);
                return Some(Arrival::Cell { s, cell });
            }
            Joined::Apart => panic!("{s} is apart"),
        }
        None
    }

    /// Whether the part was stored, so that it may be acknowledged.
    pub fn take(&mut self, lane: LaneId, part: &[u8], crash: Crash) -> bool {
        let arrival = match self.receiver.open(lane, part) {
            Arrival::Part { s, part } => self.hold(lane, s, &part),
            other => Some(other),
        };
        let Some(arrival) = arrival else { return self.transact(crash) };
        match arrival {
            Arrival::Cell { s, cell } => {
                let opened = self.session.open(self.now, s, &cell).unwrap();
                self.session = opened.session;
                self.receiver.commit(lane, s);
                let content = read(&opened.body);
                let twice = self.plain.heard.insert(s, content.clone());
                assert!(twice.is_none(), "{s} was opened twice");
                self.hear(content);
                let ack = self.session.acknowledged();
                let step = self.follower.handle(FollowerEvent::Acknowledged(ack));
                self.follow(step);
                let kept = self.follower.kept();
                self.plain.outbox.retain(|(_, s), _| *s > ack || kept.contains(s));
                self.awaited();
            }
            Arrival::Late { s } => self.receiver.commit(lane, s),
            Arrival::Repeated { .. } => {}
            other => panic!("{lane}: {other:?}"),
        }
        self.transact(crash)
    }

    pub fn awaited(&mut self) {
        let awaited = MoverEvent::Awaited(self.session.awaited());
        let step = self.mover.handle(awaited).unwrap();
        self.go(step);
    }

    fn hear(&mut self, content: Option<Content>) {
        match content {
            Some(Content::Move { number, place, descriptor }) => {
                let base = Descriptor::parse(&descriptor).unwrap().base;
                let from = self.plain.out_places[usize::from(place)];
                let (n, to, now) = (self.shape.n(), self.number(), self.direction());
                let descriptor = &descriptor[..];
                let event =
                    FollowerEvent::Move { number, place, base, descriptor, n, from, to, now };
                let step = self.follower.handle(event);
                self.follow(step);
            }
            Some(Content::Moved { number, place, s }) => {
                let opened = self.session.opened();
                let moved = MoverEvent::Moved { number, place, s, opened };
                let step = self.mover.handle(moved).unwrap();
                self.go(step);
            }
            Some(_) | None => {}
        }
    }

    /// Does at the sender's end what belongs to the transaction.
    pub fn follow(&mut self, step: FollowerStep) {
        let plain = &mut self.plain;
        match step {
            FollowerStep::Nothing | FollowerStep::Wait => {}
            FollowerStep::Claim { to, forget } => {
                let claim = self.follower.claim().unwrap();
                let descriptor = Descriptor::parse(&claim.descriptor).unwrap();
                let wire = *descriptor.secret.as_bytes();
                plain.out_lanes.insert(to, OutLane { wire, key: to });
                if let Some(forget) = forget {
                    plain.out_lanes.remove(&forget).unwrap();
                }
            }
            FollowerStep::Switched { answer, base, from, to, let_go } => {
                // ROTATION-33
                assert_eq!(answer.s, self.session.sealed() + 1);
                assert_eq!(plain.out_places[usize::from(answer.place)], from);
                plain.out_places[usize::from(answer.place)] = to;
                let wire = plain.out_lanes[&to].wire;
                let mut chain = PartChain::new(&secret(&wire).part_chain(), base);
                let _ = chain.step_to(answer.s - 1);
                self.sender.replace(answer.place, chain).unwrap();
                self.answer(answer);
                self.let_go(&let_go);
            }
            FollowerStep::Repeat(answer) => self.answer(answer),
            FollowerStep::LetGo(lanes) => self.let_go(&lanes),
            FollowerStep::Alarm { .. } => panic!("nobody else has read the session"),
            FollowerStep::Refused(refused) => panic!("{refused}"),
        }
    }

    fn answer(&mut self, answer: Answer) {
        let Answer { number, place, s } = answer;
        self.plain.waiting.push_back(Content::Moved { number, place, s });
    }

    fn let_go(&mut self, lanes: &[LaneId]) {
        for lane in lanes {
            self.plain.out_lanes.remove(lane).unwrap();
            self.plain.outbox.retain(|(of, _), _| of != lane);
            self.submitted.remove(lane);
        }
    }

    /// Does at the recipient's end what belongs to the transaction.
    fn go(&mut self, step: MoverStep) {
        let over = |end: &mut Self, lane: LaneId| {
            end.receiver.remove(lane).unwrap();
            end.plain.lanes.get_mut(&lane).unwrap().over = true;
        };
        match step {
            MoverStep::Nothing => {}
            MoverStep::Create(_) => panic!("asked for by begin alone"),
            MoverStep::Ask { place, offer } => {
                let wire = self.plain.lanes[&offer.lane].wire;
                let descriptor =
                    Descriptor { server: server(), secret: secret(&wire), base: offer.base };
                let (number, descriptor) = (offer.number, descriptor.to_bytes());
                self.plain.waiting.push_back(Content::Move { number, place, descriptor });
            }
            MoverStep::Taken { place, lane, withdrawn, .. } => {
                self.plain.places[usize::from(place)] = lane;
                if let Some(lane) = withdrawn {
                    over(self, lane);
                }
                self.awaited();
            }
            MoverStep::Delete(lanes) => {
                let heard: BTreeSet<_> = self.plain.heard.keys().copied().collect();
                assert!((1..self.session.awaited()).all(|s| heard.contains(&s)), "ROTATION-25");
                lanes.iter().for_each(|lane| over(self, *lane));
            }
            MoverStep::Refused(refused) => panic!("{refused}"),
        }
    }

    /// Says once more what was asked for: the same number with the same descriptor.
    pub fn say_again(&mut self, place: u8, offer: Offer) {
        self.go(MoverStep::Ask { place, offer });
    }

    /// Begins a move where one may begin: whether it did.
    pub fn begin(&mut self, place: u8, crash: Crash) -> bool {
        let (lane, opened) = (self.number(), self.session.opened());
        let from = self.plain.places[usize::from(place)];
        let event = MoverEvent::Begin { place, from, lane, opened };
        match self.mover.handle(event) {
            Ok(step) => {
                let mut wire = [0; 32];
                rand_chacha::rand_core::Rng::fill_bytes(&mut self.rng, &mut wire);
                self.plain.lanes.insert(lane, InLane { wire, over: false });
                let chain = PartChain::new(&secret(&wire).part_chain(), opened);
                let window = Window::new(chain, self.receiver.highest());
                self.receiver.add(lane, place, window).unwrap();
                if !matches!(step, MoverStep::Create(_)) {
                    self.go(step);
                }
                self.transact(crash)
            }
            Err(_) => false,
        }
    }

    /// The new connection exists, or is not wanted.
    pub fn made(&mut self, event: MoverEvent, crash: Crash) {
        let step = self.mover.handle(event).unwrap();
        self.go(step);
        self.transact(crash);
    }

    /// The connections to take parts from.
    pub fn listens(&self) -> Vec<LaneId> {
        self.plain.places.iter().copied().chain(self.mover.lanes()).collect()
    }

    /// The connections to hand parts in.
    pub fn serves(&self) -> Vec<LaneId> {
        self.plain.out_places.iter().copied().chain(self.follower.lanes()).collect()
    }
}

pub fn secret(wire: &WireId) -> ConnectionSecret {
    ConnectionSecret::from_bytes(wire)
}
