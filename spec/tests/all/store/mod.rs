//! The memory store beside a naive model: whatever is asked in whatever order, both agree.

mod apply;

use std::collections::VecDeque;
use std::num::NonZeroU32;

use edgewise_spec::connection::{By, Create, Kind, Op, Outcome, Role, State, Terms};
use edgewise_spec::error::Reject;
use edgewise_spec::frame::Class;
use edgewise_spec::rotation::{Chain, KeyRecord};
use edgewise_spec::store::memory::MemoryStore;
use edgewise_spec::store::{
    LinkId, PartBuf, Place, READ_PARTS_MAX, ReadSpec, Slot, StoreLimits, Wakes, Why,
};
use edgewise_spec::time::Now;
use proptest::prelude::*;

use crate::world::server::START;

const QUOTA: usize = 16;
const DAY: u64 = 86_400;
/// Of each of them, three.
const CONNECTIONS: usize = 3;

#[derive(Clone, Debug)]
enum Ask {
    Send { connection: usize, ahead: i8, place: u8 },
    Subscribe { connection: usize, place: u8 },
    Acknowledge { connection: usize, place: u8, back: u64 },
    Suspend { connection: usize, suspend: bool },
    Read { connection: usize, place: u8, after: u64 },
    Wait { seconds: u64 },
    Delete { connection: usize },
    Create { connection: usize },
    Renew,
}

fn ask() -> impl Strategy<Value = Ask> {
    let connection = 0..CONNECTIONS;
    let place = 0..3_u8;
    prop_oneof![
        12 => (connection.clone(), -2..=1_i8, place.clone())
            .prop_map(|(connection, ahead, place)| Ask::Send { connection, ahead, place }),
        3 => (connection.clone(), place.clone())
            .prop_map(|(connection, place)| Ask::Subscribe { connection, place }),
        4 => (connection.clone(), place.clone(), 0..4_u64)
            .prop_map(|(connection, place, back)| Ask::Acknowledge { connection, place, back }),
        2 => (connection.clone(), any::<bool>())
            .prop_map(|(connection, suspend)| Ask::Suspend { connection, suspend }),
        6 => (connection.clone(), place, 0..40_u64)
            .prop_map(|(connection, place, after)| Ask::Read { connection, place, after }),
        1 => prop_oneof![Just(3_600), Just(DAY), Just(3 * DAY), Just(31 * DAY)]
            .prop_map(|seconds| Ask::Wait { seconds }),
        1 => connection.clone().prop_map(|connection| Ask::Delete { connection }),
        3 => connection.prop_map(|connection| Ask::Create { connection }),
        1 => Just(Ask::Renew),
    ]
}

/// What a connection is, in the plainest words.
#[derive(Clone, Default)]
struct Model {
    exists: bool,
    suspended: bool,
    next: u64,
    accepted: u64,
    parts: VecDeque<(u64, u64, u8)>,
    subscriber: Option<u8>,
    waiting: Vec<u8>,
    active: u64,
    buried_until: u64,
    revision: u32,
    by: Option<By>,
}

impl Model {
    fn has_room(&self) -> bool {
        self.exists && !self.suspended && self.parts.len() < QUOTA
    }

    fn forget(&mut self) {
        *self = Self { buried_until: self.buried_until, by: self.by, ..Self::default() };
    }

    /// Whom a change that makes room wakes.
    fn wakes(&mut self) -> Vec<u8> {
        if self.has_room() { std::mem::take(&mut self.waiting) } else { Vec::new() }
    }
}

fn place(number: u8) -> Place {
    let link = LinkId(NonZeroU32::new(u32::from(number) + 1).unwrap());
    Place { link, handle: 7 }
}

fn key(connection: usize) -> KeyRecord {
    let vk = [connection as u8; 32];
    KeyRecord { vk, version: 0, not_before: 0, not_after: u32::MAX, grace: 0 }
}

fn create(connection: usize, incarnation: u64) -> Op {
    let id = connection as u8 + 10;
    Op::Create(Box::new(Create {
        recipient_id: [id; 32],
        sender_id: [id + 100; 32],
        recipient_key: key(connection),
        sender_key: Some(key(connection)),
        state: State::Claimed,
        kind: Kind::Contact,
        class: Class::Small,
        terms: Terms::new(QUOTA as u32, 30, 7).unwrap(),
        bundle: bytes::Bytes::new(),
        chain: Chain::default(),
        incarnation,
    }))
}

struct Bench {
    store: MemoryStore,
    models: Vec<Model>,
    now: Now,
    incarnation: u64,
    wakes: Wakes,
}

impl Bench {
    fn new() -> Self {
        let limits = StoreLimits { connections_max: 100, tombstone_seconds: DAY };
        Self {
            store: MemoryStore::new([5, 6], limits),
            models: vec![Model::default(); CONNECTIONS],
            now: START,
            incarnation: 0,
            wakes: Wakes::new(),
        }
    }

    fn by(&self, connection: usize, role: Role, number: u8) -> By {
        let gone = By {
            slot: Slot(connection as u32),
            incarnation: u64::MAX,
            version: 0,
            role,
            place: place(number),
        };
        self.models[connection].by.map_or(gone, |by| By { role, place: place(number), ..by })
    }

    fn apply(&mut self, op: &Op) -> Result<Outcome, Reject> {
        self.wakes.clear();
        self.store.apply(self.now, op, &mut self.wakes)
    }

    /// The attachments that were woken for a reason.
    fn woken(&self, why: Why) -> Vec<u8> {
        let woken = self.wakes.iter().filter(|wake| wake.why == why);
        woken.map(|wake| wake.place.link.0.get() as u8 - 1).collect()
    }

    /// Deletes what is over, in the model; the store is swept.
    fn sweep(&mut self) {
        let now = self.now.seconds();
        self.wakes.clear();
        self.store.sweep(self.now, &mut self.wakes);
        for model in &mut self.models {
            if model.exists && now >= model.active + 30 * DAY {
                model.forget();
            }
            model.parts.retain(|(_, at, _)| now < at + 7 * DAY);
            model.wakes();
        }
    }

    fn run(&mut self, ask: &Ask) {
        match *ask {
            Ask::Create { connection } => self.create(connection),
            Ask::Send { connection, ahead, place } => self.send(connection, ahead, place),
            Ask::Subscribe { connection, place } => self.subscribe(connection, place),
            Ask::Acknowledge { connection, place, back } => {
                self.acknowledge(connection, place, back);
            }
            Ask::Suspend { connection, suspend } => self.suspend(connection, suspend),
            Ask::Read { connection, place, after } => self.read(connection, place, after),
            Ask::Wait { seconds } => {
                self.now = self.now.plus_seconds(seconds);
                self.sweep();
            }
            Ask::Delete { connection } => self.delete(connection),
            Ask::Renew => self.renew(),
        }
        let stats = self.store.stats();
        assert_eq!(stats.connections, self.models.iter().filter(|model| model.exists).count());
        let parts: usize = self.models.iter().map(|model| model.parts.len()).sum();
        assert_eq!((stats.parts, stats.part_bytes), (parts, parts * 3));
    }

    fn create(&mut self, connection: usize) {
        self.incarnation += 1;
        let outcome = self.apply(&create(connection, self.incarnation));
        let (now, incarnation) = (self.now.seconds(), self.incarnation);
        let model = &mut self.models[connection];
        if !model.exists && now < model.buried_until {
            assert_eq!(outcome, Err(Reject::Refused));
            return;
        }
        let state = if model.suspended { State::Suspended } else { State::Claimed };
        assert_eq!(outcome, Ok(Outcome::Created(state)));
        model.active = now;
        if !model.exists {
            model.exists = true;
            let slot = self.slot(connection);
            let (role, place) = (Role::Recipient, place(0));
            self.models[connection].by = Some(By { slot, incarnation, version: 0, role, place });
        }
    }

    /// Where the record is: an attach tells.
    fn slot(&mut self, connection: usize) -> Slot {
        let found = (0..64).map(Slot).find(|slot| {
            let role = Role::Recipient;
            let incarnation = self.incarnation;
            let by = By { slot: *slot, incarnation, version: 0, role, place: place(0) };
            let mut wakes = Wakes::new();
            let asked = Op::Resume { by };
            self.store.clone().apply(self.now, &asked, &mut wakes).is_ok()
        });
        found.unwrap_or_else(|| panic!("connection {connection} was made"))
    }

    fn send(&mut self, connection: usize, ahead: i8, number: u8) {
        let by = self.by(connection, Role::Sender, number);
        let next = self.models[connection].next;
        let submission = next.saturating_add_signed(ahead.into());
        let part = bytes::Bytes::from(vec![submission as u8; 3]);
        let outcome = self.apply(&Op::Send { by, submission, part });
        let now = self.now.seconds();
        let told = self.woken(Why::Parts);
        let model = &mut self.models[connection];
        let expected = if !model.exists {
            Err(Reject::Refused)
        } else if submission < next {
            Ok(Outcome::Done)
        } else if submission > next {
            Err(Reject::Gap { next })
        } else if !model.has_room() {
            if !model.waiting.contains(&number) {
                model.waiting.push(number);
            }
            Err(Reject::Quota)
        } else {
            model.next += 1;
            model.accepted += 1;
            model.parts.push_back((model.accepted, now, submission as u8));
            assert_eq!(told, Vec::from_iter(model.subscriber));
            Ok(Outcome::Done)
        };
        assert_eq!(outcome, expected);
    }

    fn subscribe(&mut self, connection: usize, number: u8) {
        let by = self.by(connection, Role::Recipient, number);
        let outcome = self.apply(&Op::Subscribe { by });
        let told = self.woken(Why::Replaced);
        let now = self.now.seconds();
        let model = &mut self.models[connection];
        assert_eq!(outcome.is_ok(), model.exists);
        if model.exists {
            let replaced = model.subscriber.replace(number).filter(|old| *old != number);
            assert_eq!(told, Vec::from_iter(replaced));
            model.active = now;
        }
    }

    fn acknowledge(&mut self, connection: usize, number: u8, back: u64) {
        let by = self.by(connection, Role::Recipient, number);
        let through = self.models[connection].accepted.saturating_sub(back);
        let outcome = self.apply(&Op::Acknowledge { by, through });
        let told = self.woken(Why::Space);
        let now = self.now.seconds();
        let model = &mut self.models[connection];
        assert_eq!(outcome.is_ok(), model.exists);
        if model.exists && model.subscriber == Some(number) {
            model.parts.retain(|(sequence, ..)| *sequence > through);
            model.active = now;
            assert_eq!(told, model.wakes());
        } else {
            assert!(told.is_empty());
        }
    }

    fn suspend(&mut self, connection: usize, suspend: bool) {
        let by = self.by(connection, Role::Recipient, 0);
        let op = if suspend { Op::Suspend { by } } else { Op::Resume { by } };
        let outcome = self.apply(&op);
        let told = self.woken(Why::Space);
        let model = &mut self.models[connection];
        assert_eq!(outcome.is_ok(), model.exists);
        if model.exists && model.suspended != suspend {
            model.suspended = suspend;
            model.revision += 1;
            assert_eq!(told, model.wakes());
        }
    }

    fn read(&mut self, connection: usize, number: u8, after: u64) {
        let by = self.by(connection, Role::Recipient, number);
        let mut out = PartBuf::default();
        // From the start, and then on from where each read left off.
        let mut spec = ReadSpec { by, after, cursor: u32::MAX, seen: 0, parts: 3 };
        let mut read = Vec::new();
        let over = loop {
            self.store.read(self.now, &spec, &mut out);
            read.extend(out.parts.iter().map(|(sequence, part)| (*sequence, part[0])));
            assert!(out.parts.len() <= 3.min(READ_PARTS_MAX));
            if out.over.is_some() || !out.more {
                break out.over;
            }
            spec.after = read.last().unwrap().0;
            spec.cursor = out.cursor;
        };
        let model = &self.models[connection];
        let expected = match (model.exists, model.subscriber == Some(number)) {
            (false, _) => Some(Why::Stale),
            (true, false) => Some(Why::Replaced),
            (true, true) => None,
        };
        assert_eq!(over, expected);
        if over.is_none() {
            let held = model.parts.iter().filter(|(sequence, ..)| *sequence > after);
            let held: Vec<_> = held.map(|(sequence, _, byte)| (*sequence, *byte)).collect();
            assert_eq!(read, held);
            assert_eq!(out.notice.is_some(), model.revision != 0);
        }
    }

    fn delete(&mut self, connection: usize) {
        let by = self.by(connection, Role::Recipient, 0);
        let outcome = self.apply(&Op::Delete { by });
        let told = self.woken(Why::Stale);
        let until = self.now.seconds() + DAY;
        let model = &mut self.models[connection];
        assert_eq!(outcome.is_ok(), model.exists);
        if model.exists {
            assert_eq!(told, Vec::from_iter(model.subscriber));
            model.buried_until = until;
            model.forget();
        }
    }

    /// New incarnations: what is attached is refused from then on.
    fn renew(&mut self) {
        let mut rng: rand_chacha::ChaCha8Rng = rand_core::SeedableRng::seed_from_u64(1);
        self.wakes.clear();
        let before: Vec<By> = (0..CONNECTIONS).map(|at| self.by(at, Role::Recipient, 0)).collect();
        let mut renewed = self.store.clone();
        renewed.renew(&mut rng, &mut self.wakes);
        let subscribers = self.models.iter().filter_map(|model| model.subscriber);
        let (mut told, mut expected) = (self.woken(Why::Stale), Vec::from_iter(subscribers));
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected);
        for by in before {
            let refused = renewed.apply(self.now, &Op::Resume { by }, &mut Wakes::new());
            assert_eq!(refused, Err(Reject::Refused));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn store_and_model_agree(asks in proptest::collection::vec(ask(), 1..250)) {
        let mut bench = Bench::new();
        for ask in &asks {
            bench.run(ask);
        }
    }
}
