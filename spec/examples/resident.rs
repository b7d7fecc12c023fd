//! What a connection costs a server in resident memory: makes some in a memory store and asks the
//! system. `cargo run --release -p edgewise-spec --example resident -- 1000000`
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a figure")]

use edgewise_spec::connection::{Create, Kind, Op, State, Terms};
use edgewise_spec::frame::Class;
use edgewise_spec::rotation::{Chain, KeyRecord};
use edgewise_spec::store::memory::MemoryStore;
use edgewise_spec::store::{StoreLimits, Wakes};
use edgewise_spec::suite;
use edgewise_spec::time::Now;

/// Resident bytes of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a system with /proc");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    let kib = line.split_whitespace().nth(1).expect("a number");
    kib.parse::<u64>().expect("a number") * 1_024
}

fn main() {
    let asked = std::env::args().nth(1).and_then(|number| number.parse().ok());
    let connections: u64 = asked.unwrap_or(1_000_000);
    let limits = StoreLimits { connections_max: usize::MAX, tombstone_seconds: 86_400 };
    let mut store = MemoryStore::new([1, 2], limits);
    let now = Now::from_seconds(1_800_000_000);
    let key = KeyRecord { vk: [1; 32], version: 0, not_before: 0, not_after: u32::MAX, grace: 0 };
    let terms = Terms::new(128, 90, 21).expect("terms of the closed lists");
    let mut create = Create {
        recipient_id: [0; 32],
        sender_id: [0; 32],
        recipient_key: key,
        sender_key: Some(key),
        state: State::Claimed,
        kind: Kind::Contact,
        class: Class::Medium,
        terms,
        bundle: bytes::Bytes::new(),
        chain: Chain::default(),
        incarnation: 0,
    };
    let mut wakes = Wakes::new();
    let before = resident();
    for number in 0..connections {
        create.recipient_id = suite::hash(&[b"recipient", &number.to_be_bytes()]);
        create.sender_id = suite::hash(&[b"sender", &number.to_be_bytes()]);
        create.incarnation = number;
        let made = store.apply(now, &Op::Create(Box::new(create.clone())), &mut wakes);
        made.expect("room for another connection");
    }
    let bytes = resident().saturating_sub(before);
    println!("{connections} connections: {bytes} bytes, {} each", bytes / connections.max(1));
}
