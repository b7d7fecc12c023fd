//! What a cell costs as ten parts of which seven join, by stage and in all, beside the bare AEAD and
//! coding that are in it. Target: sealed and back at most twice the bare work.
//!
//! `cargo bench -p edgewise-benches --bench scatter`, and the same with
//! `--no-default-features --features sodium`
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, reason = "a bench stops at a fault")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use edgewise_spec::scatter::{
    Arrival, Joined, OpenedPart, PartChain, Receiver, Sender, Shape, fragments, join, seal_cell,
    shares,
};
use edgewise_spec::suite::{BACKEND, Sealer, SuiteId};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const SHAPE: Shape = Shape::SEVEN_OF_TEN;
const SUITE: SuiteId = SuiteId::Chacha20Poly1305;
/// The places that deliver: three of parity, as after the worst losses.
const LATE: [usize; 7] = [3, 4, 5, 6, 7, 8, 9];
const FIRST: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];

fn chains() -> Vec<PartChain> {
    (0..SHAPE.n()).map(|place| PartChain::new(&[place; 32], 0)).collect()
}

fn opened(receiver: &Receiver, parts: &[Vec<u8>], places: [usize; 7]) -> Vec<OpenedPart> {
    let open = |place: usize| match receiver.open(place as u32, &parts[place]) {
        Arrival::Part { part, .. } => Some(part),
        _ => None,
    };
    places.into_iter().filter_map(open).collect()
}

fn joins(parts: &[OpenedPart]) -> bool {
    matches!(join(SHAPE, parts), Joined::Cell { .. })
}

fn stages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("scatter/7 of 10, {BACKEND}"));
    let mut rng = ChaCha20Rng::from_seed([6; 32]);
    let cell = vec![7; SHAPE.cell_len()];
    let sender = Sender::new(SHAPE, chains()).expect("ten connections");
    let receiver = Receiver::new(SHAPE, chains()).expect("ten connections");
    let (_, parts) = sender.split(1, &cell, &mut rng).expect("a new s");
    group.bench_function("split", |b| {
        b.iter(|| sender.split(1, &cell, &mut rng).expect("a new s"));
    });
    group.bench_function("open seven parts", |b| b.iter(|| opened(&receiver, &parts, LATE)));
    for (name, places) in [("join, all of data", FIRST), ("join, three of parity", LATE)] {
        let held = opened(&receiver, &parts, places);
        assert!(joins(&held));
        group.bench_function(name, |b| b.iter(|| joins(&held)));
    }
    let mut lied = opened(&receiver, &parts, LATE);
    lied.extend(opened(&receiver, &parts, FIRST).into_iter().take(3));
    lied[..3].iter_mut().for_each(|part| part.share[0] ^= 1);
    assert!(joins(&lied));
    group.bench_function("join, three wrong of ten", |b| b.iter(|| joins(&lied)));
    group.bench_function("split and back", |b| {
        b.iter(|| {
            let (_, parts) = sender.split(1, &cell, &mut rng).expect("a new s");
            joins(&opened(&receiver, &parts, LATE))
        });
    });
    group.finish();
}

/// What no implementation can do without: the cell and ten parts sealed, seven parts and the cell
/// opened; the fragments coded once each way, the key shared and joined.
fn bare(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("scatter/bare, {BACKEND}"));
    let mut cell = vec![9; SHAPE.cell_len()];
    let mut part = vec![9; SHAPE.fragment_len() + 32];
    let aead = |cell: &mut [u8], part: &mut [u8]| {
        // Opening costs what sealing does.
        for _ in 0..2 {
            black_box(Sealer::new(SUITE, &[4; 32]).seal(&[0; 12], &[], cell));
        }
        for _ in 0..SHAPE.n() + SHAPE.k() {
            black_box(Sealer::new(SUITE, &[4; 32]).seal(&[0; 12], &[1; 16], part));
        }
    };
    let sealed = seal_cell(&[1; 32], &cell);
    let coefficients = vec![[2; 32]; usize::from(SHAPE.k()) - 1];
    let coding = || {
        // Three fragments are made, and three made again.
        for _ in 0..2 {
            black_box(fragments(SHAPE, &sealed));
        }
        black_box(shares(SHAPE, &[1; 32], &coefficients));
    };
    group.bench_function("AEAD, both ways", |b| b.iter(|| aead(&mut cell, &mut part)));
    group.bench_function("coding and sharing, both ways", |b| b.iter(coding));
    group.bench_function("both", |b| {
        b.iter(|| {
            aead(&mut cell, &mut part);
            coding();
        });
    });
    group.bench_function("ten steps of a part chain", |b| {
        b.iter(|| chains().iter_mut().map(PartChain::step).filter(Option::is_some).count());
    });
    group.finish();
}

criterion_group!(benches, stages, bare);
criterion_main!(benches);
