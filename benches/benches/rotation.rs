//! What a change of key costs a server: reading, judging, verifying one, and a chain of three.
//!
//! `cargo bench -p edgewise-benches --bench rotation`
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, reason = "a bench stops at a fault")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use edgewise_proto::v1::{self, Role};
use edgewise_spec::rotation::{Asked, Chain, Change, KeyRecord, change_input};
use edgewise_spec::suite::SigningKey;

const HOUR: u32 = 500_000;
const ID: [u8; 32] = [7; 32];

fn record(number: u8) -> (SigningKey, KeyRecord) {
    let key = SigningKey::from_seed(&[number; 32]);
    let vk = *key.verifying_key().as_bytes();
    let version = number.into();
    (key, KeyRecord { vk, version, not_before: HOUR, not_after: HOUR + 9, grace: 5 })
}

fn change(old: u8) -> v1::KeyChange {
    let ((old_key, old), (new_key, new)) = (record(old), record(old + 1));
    let input = change_input(Role::Sender, &ID, &old.vk, &new);
    v1::KeyChange {
        new_key: Some(new.to_wire()),
        old_vk: old.vk.to_vec().into(),
        old_signature: old_key.sign(&input).to_vec().into(),
        new_signature: new_key.sign(&input).to_vec().into(),
    }
}

fn rotation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rotation");
    let (_, key) = record(0);
    group.bench_function("life", |bencher| {
        bencher.iter(|| black_box(&key).allows(Asked::Use, black_box(HOUR)));
    });
    let one = change(0);
    group.bench_function("change", |bencher| {
        bencher.iter(|| {
            let change = Change::from_wire(black_box(&one)).expect("whole");
            change.check_terms(0, Some(HOUR)).expect("acceptable");
            change.verify(Role::Sender, &ID).expect("signed");
        });
    });
    let changes: Vec<_> = (0..3).map(change).collect();
    let (_, last) = record(3);
    group.bench_function("chain of 3", |bencher| {
        bencher.iter(|| {
            let chain = Chain::from_wire(black_box(&changes), &last.vk, 3).expect("joined");
            chain.check_terms(HOUR).expect("acceptable");
            chain.verify(Role::Sender, &ID).expect("signed");
            assert_eq!(chain.follow(&key, HOUR), Ok(last));
        });
    });
    group.finish();
}

criterion_group!(benches, rotation);
criterion_main!(benches);
