//! What a connection costs a server: one record's operations in the memory store, and the checks
//! that come before a record is looked at.
//!
//! `cargo bench -p edgewise-benches --bench connection`
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, clippy::panic, reason = "a bench stops at a fault")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use edgewise_proto::v1;
use edgewise_spec::connection::{
    Around, Attach, By, Claim, Create, Kind, Op, Outcome, Role, Setting, State, Terms,
    attach_input, claim_input, plan, recipient_id, sender_id,
};
use edgewise_spec::frame::Class;
use edgewise_spec::link::Limits;
use edgewise_spec::rotation::{Chain, KeyRecord};
use edgewise_spec::store::memory::MemoryStore;
use edgewise_spec::store::{LinkId, PartBuf, Place, ReadSpec, Slot, StoreLimits, Wakes};
use edgewise_spec::suite::{SigningKey, SuiteId};
use edgewise_spec::time::Now;

const NOW: Now = Now::from_seconds(1_800_000_000);
const FINGERPRINT: [u8; 32] = [9; 32];
const TRANSCRIPT: [u8; 32] = [8; 32];

fn key(seed: u8) -> (SigningKey, KeyRecord) {
    let key = SigningKey::from_seed(&[seed; 32]);
    let vk = *key.verifying_key().as_bytes();
    let (not_before, not_after) = (NOW.hour() - 1, NOW.hour() + 1_000);
    (key, KeyRecord { vk, version: 0, not_before, not_after, grace: 48 })
}

/// A store with so many connections, of which one is looked at.
struct Bench {
    store: MemoryStore,
    recipient: By,
    sender: By,
    wakes: Wakes,
    next: u64,
}

impl Bench {
    fn new(connections: u64, class: Class) -> Self {
        let limits = StoreLimits { connections_max: usize::MAX, tombstone_seconds: 86_400 };
        let mut store = MemoryStore::new([1, 2], limits);
        let mut wakes = Wakes::new();
        let ((_, recipient_key), (_, sender_key)) = (key(1), key(2));
        for number in 0..connections {
            let mut recipient_id = [0; 32];
            recipient_id[..8].copy_from_slice(&number.to_be_bytes());
            let mut sender_id = recipient_id;
            sender_id[31] = 1;
            let create = Create {
                recipient_id,
                sender_id,
                recipient_key,
                sender_key: Some(sender_key),
                state: State::Claimed,
                kind: Kind::Contact,
                class,
                terms: Terms::new(128, 90, 21).expect("terms of the closed lists"),
                bundle: Bytes::new(),
                chain: Chain::default(),
                incarnation: number,
            };
            let op = Op::Create(Box::new(create));
            store.apply(NOW, &op, &mut wakes).expect("room for another");
        }
        let by = |role, link| By {
            slot: Slot(0),
            incarnation: 0,
            version: 0,
            role,
            place: Place { link: LinkId(link), handle: 0 },
        };
        let recipient = by(Role::Recipient, 1.try_into().expect("not 0"));
        let sender = by(Role::Sender, 2.try_into().expect("not 0"));
        let subscribed = store.apply(NOW, &Op::Subscribe { by: recipient }, &mut wakes);
        assert!(matches!(subscribed, Ok(Outcome::Subscribed(_))));
        Self { store, recipient, sender, wakes, next: 0 }
    }

    fn send(&mut self, part: &Bytes) {
        let op = Op::Send { by: self.sender, submission: self.next, part: part.clone() };
        self.wakes.clear();
        self.store.apply(NOW, &op, &mut self.wakes).expect("room for a part");
        self.next += 1;
    }

    fn read(&self, out: &mut PartBuf) {
        let (by, after) = (self.recipient, self.next - 1);
        let spec = ReadSpec { by, after, cursor: u32::MAX, seen: 0, parts: 4 };
        self.store.read(NOW, &spec, out);
        assert_eq!(out.parts.len(), 1);
    }

    fn acknowledge(&mut self) {
        let op = Op::Acknowledge { by: self.recipient, through: self.next };
        self.store.apply(NOW, &op, &mut self.wakes).expect("a present subscription");
    }
}

fn store(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("connection/store");
    for (connections, class) in [(1, Class::Small), (1, Class::Medium), (100_000, Class::Medium)] {
        let part = Bytes::from(vec![7; class.part_len()]);
        let mut bench = Bench::new(connections, class);
        let mut out = PartBuf::default();
        group.throughput(Throughput::Elements(1));
        let id = BenchmarkId::new(format!("send, read, acknowledge/{class:?}"), connections);
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                bench.send(black_box(&part));
                bench.read(&mut out);
                bench.acknowledge();
            });
        });
    }
    group.finish();
}

fn planning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("connection/plan");
    let bench = Bench::new(1, Class::Medium);
    let record = {
        let create = Create {
            recipient_id: [0; 32],
            sender_id: [1; 32],
            recipient_key: key(1).1,
            sender_key: Some(key(2).1),
            state: State::Claimed,
            kind: Kind::Contact,
            class: Class::Medium,
            terms: Terms::new(128, 90, 21).expect("terms of the closed lists"),
            bundle: Bytes::new(),
            chain: Chain::default(),
            incarnation: 0,
        };
        edgewise_spec::connection::Record::new(&create, NOW)
    };
    let around = Around {
        slot: Slot(0),
        claim_key_taken: false,
        buried: false,
        full: false,
        deposited: false,
    };
    let send = Op::Send { by: bench.sender, submission: 0, part: Bytes::new() };
    let acknowledge = Op::Acknowledge { by: bench.recipient, through: 0 };
    for (name, op) in [("send", send), ("acknowledge", acknowledge)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| plan(black_box(Some(&record)), &around, black_box(&op), NOW));
        });
    }
    group.finish();
}

/// What is judged of a request before any record is: signatures above all.
fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("connection/request");
    let setting = Setting {
        fingerprint: &FINGERPRINT,
        transcript: &TRANSCRIPT,
        suite: SuiteId::Chacha20Poly1305,
        class: Class::Medium,
        limits: &Limits::default(),
        access: None,
        hour: NOW.hour(),
    };
    let ((recipient, recipient_key), (sender, sender_key)) = (key(1), key(2));
    let (claim_key, claim_record) = key(3);
    let id = sender_id(&FINGERPRINT, &claim_record.vk);
    let input = claim_input(&TRANSCRIPT, &id, &sender_key.vk);
    let claim = v1::Claim {
        claim_vk: claim_record.vk.to_vec().into(),
        sender_key: Some(sender_key.to_wire()),
        claim_signature: claim_key.sign(&input).to_vec().into(),
        sender_signature: sender.sign(&input).to_vec().into(),
    };
    group.bench_function("claim", |bencher| {
        bencher.iter(|| Claim::from_wire(black_box(&claim), &setting).expect("a good claim"));
    });
    let id = recipient_id(&FINGERPRINT, &recipient_key.vk);
    let input = attach_input(&TRANSCRIPT, Role::Recipient, &id, 0);
    let attach = v1::Attach {
        handle: 0,
        role: Role::Recipient.into(),
        recipient_id: id.to_vec().into(),
        vk: recipient_key.vk.to_vec().into(),
        version: 0,
        signature: recipient.sign(&input).to_vec().into(),
        from: 0,
        chain: Vec::new(),
    };
    group.bench_function("attach", |bencher| {
        bencher.iter(|| {
            let attach = Attach::from_wire(black_box(&attach), Class::Medium).expect("whole");
            attach.verify(&setting).expect("signed");
        });
    });
    group.finish();
}

criterion_group!(benches, store, planning, requests);
criterion_main!(benches);
