//! What the suite costs: each backend of this build beside the bare primitive.
//!
//! `cargo bench -p edgewise-benches --bench suite`, with `--features sodium` for the second backend.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, reason = "a bench stops at a fault")]

use std::hint::black_box;

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use edgewise_spec::suite::{
    BACKEND, Decapsulator, Sealer, SigningKey, SuiteId, aes_available, derive, hash,
};

/// A small item, an ordinary block, a large block: in bytes.
const LENGTHS: [usize; 3] = [256, 4_096, 16_320];

fn suites() -> impl Iterator<Item = (SuiteId, &'static str)> {
    let all = [(SuiteId::Chacha20Poly1305, "chacha20"), (SuiteId::Aes256Gcm, "aes256")];
    all.into_iter().filter(|(suite, _)| *suite != SuiteId::Aes256Gcm || aes_available())
}

fn bare(suite: SuiteId) -> LessSafeKey {
    let algorithm = match suite {
        SuiteId::Chacha20Poly1305 => &CHACHA20_POLY1305,
        SuiteId::Aes256Gcm => &AES_256_GCM,
    };
    LessSafeKey::new(UnboundKey::new(algorithm, &[7; 32]).expect("a key of 32 bytes"))
}

fn seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal");
    for ((suite, name), length) in suites().flat_map(|s| LENGTHS.map(|length| (s, length))) {
        group.throughput(Throughput::Bytes(length as u64));
        let mut text = vec![0; length];
        let key = bare(suite);
        group.bench_function(BenchmarkId::new(format!("{name}/bare aws-lc-rs"), length), |b| {
            b.iter(|| {
                let nonce = Nonce::assume_unique_for_key([0; 12]);
                key.seal_in_place_separate_tag(nonce, Aad::from(b""), black_box(&mut text))
            });
        });
        let sealer = Sealer::new(suite, &[7; 32]);
        group.bench_function(BenchmarkId::new(format!("{name}/suite {BACKEND}"), length), |b| {
            b.iter(|| sealer.seal(&[0; 12], b"", black_box(&mut text)));
        });
        #[cfg(feature = "sodium")]
        {
            let sealer = edgewise_spec::suite::sodium::Sealer::new(suite, &[7; 32]);
            group.bench_function(BenchmarkId::new(format!("{name}/sodium"), length), |b| {
                b.iter(|| sealer.seal(&[0; 12], b"", black_box(&mut text)));
            });
        }
    }
    group.finish();
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    for ((suite, name), length) in suites().flat_map(|s| LENGTHS.map(|length| (s, length))) {
        group.throughput(Throughput::Bytes(length as u64));
        let sealer = Sealer::new(suite, &[7; 32]);
        let mut text = vec![0; length];
        let tag = sealer.seal(&[0; 12], b"", &mut text);
        let sealed = text.clone();
        group.bench_function(BenchmarkId::new(format!("{name}/suite {BACKEND}"), length), |b| {
            // The copy is part of the figure: opening destroys what it opens.
            b.iter(|| {
                text.copy_from_slice(&sealed);
                sealer.open(&[0; 12], b"", black_box(&mut text), &tag)
            });
        });
    }
    group.finish();
}

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("keys/{BACKEND}"));
    let signer = SigningKey::from_seed(&[1; 32]);
    let (public, message) = (signer.verifying_key(), [2; 100]);
    let signature = signer.sign(&message);
    group.bench_function("ed25519 sign", |b| b.iter(|| signer.sign(black_box(&message))));
    group.bench_function("ed25519 verify", |b| {
        b.iter(|| public.verify(black_box(&message), &signature));
    });
    let key = Decapsulator::from_seed(&[3; 32]);
    let peer = key.encapsulator();
    let (ciphertext, _) = peer.encapsulate_derand(&[4; 64]);
    group.bench_function("x-wing key", |b| b.iter(|| Decapsulator::from_seed(black_box(&[3; 32]))));
    group.bench_function("x-wing encapsulate", |b| {
        b.iter(|| peer.encapsulate_derand(black_box(&[4; 64])));
    });
    group.bench_function("x-wing decapsulate", |b| {
        b.iter(|| key.decapsulate(black_box(&ciphertext)));
    });
    group.finish();
}

fn derivations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("derive/{BACKEND}"));
    group.bench_function("hash 4096", |b| b.iter(|| hash(&[black_box(&[0; 4_096])])));
    group.bench_function("derive 32", |b| {
        let mut out = [0; 32];
        b.iter(|| {
            let secret: &[&[u8]] = &[black_box(&[5; 32])];
            derive(SuiteId::Chacha20Poly1305, secret, "link/ratchet", &[], &mut out);
            out
        });
    });
    group.finish();
}

criterion_group!(benches, seal, open, keys, derivations);
criterion_main!(benches);
