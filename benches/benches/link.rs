//! What a link costs: sealing and opening its blocks beside the bare AEAD, both ends of the
//! handshake, a record, a description.
//!
//! `cargo bench -p edgewise-benches --bench link`
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, clippy::panic, reason = "a bench stops at a fault")]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use edgewise_spec::constants::TAG_LEN;
use edgewise_spec::frame::Class;
use edgewise_spec::link::{
    BlockOpener, BlockSealer, ClientHandshake, Description, EpochWindow, HandshakeParams,
    IdentityKey, Limits, Progress, ServerHandshake, VerifiedEpoch,
};
use edgewise_spec::suite::{Sealer, SuiteId, aes_available};
use edgewise_spec::time::Now;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const NOW: Now = Now::from_seconds(7_500);

fn suites() -> impl Iterator<Item = (SuiteId, &'static str)> {
    let all = [(SuiteId::Chacha20Poly1305, "chacha20"), (SuiteId::Aes256Gcm, "aes256")];
    all.into_iter().filter(|(suite, _)| *suite != SuiteId::Aes256Gcm || aes_available())
}

/// Sealing, and sealing with opening, since a block opens but once.
fn blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("link/blocks");
    for ((suite, name), class) in suites().flat_map(|s| Class::ALL.map(|class| (s, class))) {
        let len = class.block_len();
        group.throughput(Throughput::Bytes(len as u64));
        let mut block = vec![0; len];
        let bare = Sealer::new(suite, &[7; 32]);
        group.bench_function(BenchmarkId::new(format!("{name}/seal, bare"), len), |b| {
            b.iter(|| bare.seal(&[0; 12], b"", black_box(&mut block[..len - TAG_LEN])));
        });
        let mut sealer = BlockSealer::new(suite, class, &[7; 32]);
        group.bench_function(BenchmarkId::new(format!("{name}/seal"), len), |b| {
            b.iter(|| sealer.seal(black_box(&mut block)));
        });
        let mut sealer = BlockSealer::new(suite, class, &[7; 32]);
        let mut opener = BlockOpener::new(suite, class, &[7; 32]);
        group.bench_function(BenchmarkId::new(format!("{name}/seal and open"), len), |b| {
            b.iter(|| {
                sealer.seal(black_box(&mut block)).expect("a whole block");
                opener.open(black_box(&mut block)).expect("the next block");
            });
        });
    }
    group.finish();
}

fn server() -> (HandshakeParams, VerifiedEpoch, IdentityKey) {
    let identity = IdentityKey::from_seed(&[1; 32]);
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    let epoch = identity.sign_epoch(7, 7_000, 8_000, &mut rng);
    let record = epoch.record().clone();
    let params = HandshakeParams {
        fingerprint: identity.fingerprint(),
        epochs: EpochWindow::new([epoch]),
        suites: suites().map(|(suite, _)| suite).collect(),
        classes: Class::ALL.into(),
        ticks: edgewise_spec::cadence::TickMs::all().collect(),
    };
    (params, record, identity)
}

fn handshake(criterion: &mut Criterion) {
    let (params, record, identity) = server();
    let suite = SuiteId::Chacha20Poly1305;
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    let mut group = criterion.benchmark_group("link/handshake");
    let start = |rng: &mut ChaCha20Rng| ClientHandshake::start(&record, suite, Class::Medium, rng);
    group.bench_function("client: hello", |b| b.iter(|| start(&mut rng)));
    let (_, hello) = start(&mut rng);
    let answer = |hello: &[u8], rng: &mut ChaCha20Rng| {
        let mut edge = ServerHandshake::new(NOW, 10);
        edge.handle_block(&params, NOW, rng, &mut hello.to_vec()).expect("a good hello")
    };
    group.bench_function("server: reply", |b| b.iter(|| answer(&hello[0], &mut rng)));
    group.bench_function("server: refusal of random bytes", |b| {
        b.iter(|| {
            let mut edge = ServerHandshake::new(NOW, 10);
            edge.handle_block(&params, NOW, &mut rng, &mut [0x5a; 4_096]).expect_err("no hello")
        });
    });
    group.bench_function("client: confirmation", |b| {
        b.iter_batched(
            || {
                let mut rng = ChaCha20Rng::from_seed([4; 32]);
                let (client, hello) = start(&mut rng);
                let Progress::Reply(reply) = answer(&hello[0], &mut rng) else {
                    panic!("no reply")
                };
                (client, reply)
            },
            |(mut client, reply)| client.handle_block(&reply[0]).expect("a good reply"),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("epoch record: verify", |b| {
        b.iter(|| VerifiedEpoch::verify(record.bytes(), &identity.fingerprint()));
    });
    let description = Description {
        identity_vk: identity.verifying_key(),
        epochs: vec![record.clone()],
        suites: vec![suite],
        classes: Class::ALL.to_vec(),
        limits: Limits::default(),
        ticks: edgewise_spec::cadence::TickMs::all().collect(),
        edges: Vec::new(),
        access_required: false,
    };
    let block = description.to_block().expect("it fits");
    group.bench_function("description: read", |b| {
        b.iter(|| Description::read(black_box(&block), &identity.fingerprint()));
    });
    group.finish();
}

criterion_group!(benches, blocks, handshake);
criterion_main!(benches);
