//! What a frame costs: writing and reading the items of one block, and the zeros around them.
//!
//! `cargo bench -p edgewise-benches --bench frame`
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, reason = "a bench stops at a fault")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use edgewise_proto::v1::{self, item::Body};
use edgewise_spec::frame::{Class, Writer, read_client_items, read_server_items};

fn item(tag: u32, body: Body) -> v1::Item {
    v1::Item { tag, body: Some(body) }
}

fn done(tag: u32) -> v1::Item {
    let outcome = Some(v1::result::Outcome::Done(v1::Done {}));
    item(tag, Body::Result(v1::Result { outcome }))
}

/// What a sender's block holds: a part, nearly as long as the block.
fn up(class: Class) -> Vec<v1::Item> {
    let part = Bytes::from(vec![7; class.part_len()]);
    let acknowledge = v1::Acknowledge { handle: 9, through: 1_000_000 };
    vec![
        item(1_000, Body::Send(v1::Send { handle: 3, submission: 1_000_000, part })),
        item(0, Body::Acknowledge(acknowledge)),
    ]
}

/// What a server's block holds: a part, and the result of the part before.
fn down(class: Class) -> Vec<v1::Item> {
    let part = Bytes::from(vec![7; class.part_len()]);
    let deliver = v1::Deliver { handle: 3, sequence: 1_000_000, part };
    vec![done(999), item(0, Body::Deliver(deliver))]
}

fn written(class: Class, items: &[v1::Item]) -> Vec<u8> {
    let mut text = vec![0; class.text_len()];
    let mut writer = Writer::new(&mut text);
    for item in items {
        writer.push(item).expect("room");
    }
    writer.finish();
    text
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame/write");
    for class in Class::ALL {
        let mut text = vec![0; class.text_len()];
        group.throughput(Throughput::Bytes(class.block_len() as u64));
        for (name, items) in [("send+acknowledge", up(class)), ("result+deliver", down(class))] {
            group.bench_function(BenchmarkId::new(name, class.block_len()), |b| {
                b.iter(|| {
                    let mut writer = Writer::new(black_box(&mut text));
                    for item in &items {
                        writer.push(item).expect("room");
                    }
                    writer.finish()
                });
            });
        }
    }
    let small: Vec<_> = (1..=64).map(done).collect();
    let mut text = vec![0; Class::Medium.text_len()];
    group.throughput(Throughput::Elements(64));
    group.bench_function("64 results", |b| {
        b.iter(|| {
            let mut writer = Writer::new(black_box(&mut text));
            for item in &small {
                writer.push(item).expect("room");
            }
            writer.finish()
        });
    });
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame/read");
    let mut items = Vec::with_capacity(128);
    for class in Class::ALL {
        group.throughput(Throughput::Bytes(class.block_len() as u64));
        let text = Bytes::from(written(class, &up(class)));
        group.bench_function(BenchmarkId::new("send+acknowledge", class.block_len()), |b| {
            b.iter(|| {
                items.clear();
                read_client_items(black_box(text.clone()), &mut items)
            });
        });
        let text = Bytes::from(written(class, &down(class)));
        group.bench_function(BenchmarkId::new("result+deliver", class.block_len()), |b| {
            b.iter(|| {
                items.clear();
                read_server_items(black_box(text.clone()), &mut items)
            });
        });
        let text = Bytes::from(vec![0; class.text_len()]);
        group.bench_function(BenchmarkId::new("zeros", class.block_len()), |b| {
            b.iter(|| {
                items.clear();
                read_client_items(black_box(text.clone()), &mut items)
            });
        });
    }
    let small: Vec<_> = (1..=64).map(done).collect();
    let text = Bytes::from(written(Class::Medium, &small));
    group.throughput(Throughput::Elements(64));
    group.bench_function("64 results", |b| {
        b.iter(|| {
            items.clear();
            read_server_items(black_box(text.clone()), &mut items)
        });
    });
    group.finish();
}

criterion_group!(benches, write, read);
criterion_main!(benches);
