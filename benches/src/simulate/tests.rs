//! Small worlds, and what they have to show.

use clap::Parser;
use edgewise_spec::scatter::{Joined, OpenedPart, Shape, join};
use serde_json::Value;

use crate::chance::{Share, reachable, trials, unit};
use crate::edges::Edges;
use crate::end::Join;
use crate::options::Options;
use crate::report::Report;
use crate::world::World;

/// Twenty clients, forty ticks, every edge up, nobody away; and what else a test wants.
fn options(more: &[&str]) -> Options {
    let small = ["simulate", "--clients=20", "--ticks=40", "--edge-uptime=1", "--churn=0"];
    let few = ["--rate=0.05", "--instants=20000", "--seed=7"];
    let all = small.iter().chain(&few).chain(more);
    let options = Options::try_parse_from(all.copied().collect::<Vec<_>>()).unwrap();
    options.check().unwrap();
    options
}

fn run_with(more: &[&str], join: Join) -> Report {
    World::new(options(more), join).unwrap().run().unwrap()
}

fn run(more: &[&str]) -> Report {
    run_with(more, join)
}

fn json(report: &Report) -> Value {
    serde_json::from_str(&report.to_json().unwrap()).unwrap()
}

/// A client that asks for one part more than it takes.
fn joins_eight(shape: Shape, parts: &[OpenedPart]) -> Joined {
    match u8::try_from(parts.len()).unwrap() {
        8.. => join(shape, parts),
        fewer => Joined::Short { missing: 8 - fewer },
    }
}

#[test]
fn with_all_edges_up_everything_is_delivered_in_time() {
    let report = run(&[]);
    let texts = report.texts();
    assert!(texts.said > 20, "{texts:?}");
    assert_eq!((texts.delivered, texts.in_time, texts.unsaid), (texts.said, texts.said, 0));
    assert!(report.holds());
    let json = json(&report);
    assert_eq!(json["schema"], 1);
    // A tick to a group and one from it, but where links were still greeting.
    assert_eq!(json["latency_ticks"]["p50"], 1);
    assert_eq!(json["named"], Value::Array(Vec::new()));
    // With cover a client has ten blocks a tick each way, once its links are open.
    let with = &json["bytes_a_client"]["with_cover"];
    let without = &json["bytes_a_client"]["without_cover"];
    for way in ["up_a_tick", "down_a_tick"] {
        let (with, without) = (with[way].as_f64().unwrap(), without[way].as_f64().unwrap());
        assert!(with <= 10_240.0 && with > 9_000.0, "{way} {with}");
        assert!(without < with / 2.0 && without > 500.0, "{way} {without}");
    }
}

#[test]
fn three_lying_groups_prevent_nothing_and_are_named() {
    let report = run(&["--liars=3"]);
    let texts = report.texts();
    assert!(texts.said > 20);
    assert_eq!(texts.delivered, texts.said);
    let json = json(&report);
    assert_eq!(json["named"], serde_json::json!([7, 8, 9]));
    assert!(report.holds());
    let bad: u64 = (7..10).filter_map(|group| json["groups"][group]["bad"].as_u64()).sum();
    assert!(bad > 60, "{bad}");
}

#[test]
fn four_lying_groups_prevent_everything() {
    let texts = run(&["--liars=4"]).texts();
    assert!(texts.said > 20);
    assert_eq!(texts.delivered, 0);
}

#[test]
fn four_dead_groups_prevent_everything_until_one_is_back() {
    let texts = run(&["--dead=4", "--deadline=30"]).texts();
    assert!(texts.said > 20);
    assert_eq!(texts.delivered, 0);
    let report = run(&["--dead=4", "--deadline=30", "--back-tick=45"]);
    let back = report.texts();
    assert_eq!((back.said, back.delivered, back.lost), (texts.said, texts.said, 0));
    let first = json(&report)["latency_ticks"]["p50"].as_u64().unwrap();
    assert!(first > 5, "{first}");
}

#[test]
fn a_client_that_needs_eight_parts_is_noticed() {
    assert_eq!(run_with(&["--liars=2"], joins_eight).texts().lost, 0);
    let texts = run_with(&["--liars=3"], joins_eight).texts();
    assert_eq!((texts.delivered, texts.lost), (0, texts.said));
}

#[test]
fn the_seed_fixes_every_byte_and_another_seed_another_world() {
    let faults = ["--edge-uptime=0.8", "--repair-ticks=8", "--churn=0.02", "--away-ticks=5"];
    let faults = [&faults[..], &["--liars=1", "--clients=10"]].concat();
    let first = run(&faults);
    assert_eq!(first.to_json().unwrap(), run(&faults).to_json().unwrap());
    // Windows that are stored between parts are the same windows.
    let mut asleep = json(&run(&[&faults[..], &["--awake=1"]].concat()));
    assert_eq!(asleep["options"]["awake"], 1);
    asleep["options"]["awake"] = json(&first)["options"]["awake"].clone();
    assert_eq!(asleep, json(&first));
    let other = run(&[&faults[..], &["--seed=8"]].concat());
    assert_ne!(json(&other)["bytes_a_client"], json(&first)["bytes_a_client"]);
    // Edges failed, people left, and what was said arrived.
    let texts = first.texts();
    assert!(texts.delivered * 10 >= texts.said * 9, "{texts:?}");
    assert!(json(&first)["latency_ticks"]["max"].as_u64().unwrap() > 2);
}

#[test]
fn cover_hides_who_speaks_from_the_wire_and_not_from_the_group() {
    let report = json(&run(&["--rate=0.1"]));
    let wire = &report["anonymity"]["wire"];
    let bits = |of: &Value| of["part"]["normalised"].as_f64().unwrap();
    assert!(bits(&wire["with_cover"]) > 0.99, "{wire}");
    assert!(bits(&wire["without_cover"]) < 0.7, "{wire}");
    assert_eq!(wire["with_cover"]["run"]["named"], 0.0);
    assert!(wire["without_cover"]["run"]["named"].as_f64().unwrap() > 0.3, "{wire}");
    assert_eq!(report["anonymity"]["books"]["size"], 1.0);
    let without = json(&run(&["--cover=without", "--clients=2"]));
    assert!(without["anonymity"]["wire"]["with_cover"].is_null());
}

/// All states of twenty edges, one by one.
fn counted(uptime: f64, need: u32) -> f64 {
    let mut sum = 0.0;
    for state in 0_u32..1 << 20 {
        let groups = (0..10).filter(|group| state >> (2 * group) & 3 != 0).count();
        if groups >= need as usize {
            let up = state.count_ones() as i32;
            sum += uptime.powi(up) * (1.0 - uptime).powi(20 - up);
        }
    }
    sum
}

#[test]
fn the_computed_probability_is_that_of_all_states_of_the_edges() {
    let known = reachable(0.9, 7, 10);
    assert_eq!(format!("{known:.6}"), "0.999998");
    for uptime in [0.9, 0.5] {
        assert!((reachable(uptime, 7, 10) - counted(uptime, 7)).abs() < 1e-9, "{uptime}");
    }
    assert!((reachable(0.5, 8, 10) - counted(0.5, 8)).abs() < 1e-9);
    assert!((reachable(1.0, 7, 10) - 1.0).abs() < 1e-12);
}

#[test]
fn the_comparison_with_the_computed_probability_can_fail() {
    let edges = ["--edge-uptime=0.5", "--clients=2", "--ticks=1", "--deadline=1"];
    let report = json(&run(&edges));
    let instants = &report["reachable"]["instants"];
    let measured = Share::new(instants["share"].as_f64().unwrap(), 20_000.0);
    assert!(measured.admits(counted(0.5, 7)), "{measured:?}");
    for (uptime, need) in [(0.5, 8), (0.5, 6), (0.52, 7), (0.48, 7)] {
        assert!(!measured.admits(reachable(uptime, need, 10)), "{uptime} {need}");
    }
}

#[test]
fn edges_are_up_as_often_as_asked_and_remember_for_as_long() {
    let mut rng = edges_rng(3);
    let mut edges = Edges::new(0.9, 10.0, edges_rng(4));
    let (mut up, mut changes, mut before) = (0_u64, 0_u64, true);
    let ticks = 200_000;
    for tick in 1..=ticks {
        edges.advance(tick);
        up += edges.up().flatten().map(u64::from).sum::<u64>();
        let first = edges.up().flatten().next().unwrap();
        changes += u64::from(first != before);
        before = first;
    }
    let share = up as f64 / (20.0 * ticks as f64);
    assert!((share - 0.9).abs() < 0.005, "{share}");
    // An edge is up for 90 ticks and down for 10.
    let cycles = changes as f64 / 2.0 / ticks as f64;
    assert!((cycles - 0.01).abs() < 0.001, "{cycles}");
    assert!((edges.independent(1_000) - 1_000.0 * (1.0 / 9.0) / (2.0 - 1.0 / 9.0)).abs() < 1e-6);
    let mean = (0..100_000).map(|_| trials(0.2, &mut rng)).sum::<u64>() as f64 / 100_000.0;
    assert!((mean - 5.0).abs() < 0.1, "{mean}");
    assert!((0..1_000).all(|_| (0.0..1.0).contains(&unit(&mut rng))));
}

fn edges_rng(seed: u64) -> rand_chacha::ChaCha8Rng {
    rand_chacha::rand_core::SeedableRng::seed_from_u64(seed)
}

#[test]
fn what_no_world_can_be_made_with_is_refused() {
    for wrong in [
        "--clients=3",
        "--clients=0",
        "--rate=1.5",
        "--churn=-0.1",
        "--edge-uptime=0",
        "--edge-uptime=0.01",
        "--repair-ticks=0.5",
        "--tick-ms=5000",
        "--liars=10",
        "--ticks=0",
    ] {
        let parsed = Options::try_parse_from(["simulate", wrong]).unwrap();
        assert!(parsed.check().is_err(), "{wrong}");
    }
}
