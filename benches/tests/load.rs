//! Every command of `load` runs, small, and says what it measured. Whether targets are met is not
//! looked at here: tests run unoptimised and beside each other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a fault"
)]

use serde_json::Value;
use std::process::Command;

/// Runs a command of `load`, and reads what it has written.
fn load(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.json");
    let output = Command::new(env!("CARGO_BIN_EXE_load"))
        .args(arguments)
        .arg("--json")
        .arg(&path)
        .output()
        .unwrap();
    let code = output.status.code();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(code, Some(0 | 1)), "{arguments:?} ended with {code:?}: {complaints}");
    let text = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let met = report["targets"].as_array().unwrap().iter().all(|target| target["met"] == true);
    assert_eq!(code, Some(i32::from(!met)), "the exit code says whether targets are met: {text}");
    assert!(text.starts_with(&format!("load {}\n", arguments[0])), "{text}");
    report
}

#[test]
fn throughput_measures_every_row_beside_its_echo() {
    let report = load(&[
        "throughput",
        "--passes=1",
        "--seconds=0.2",
        "--warm-up=0.05",
        "--suites=1",
        "--connections=1,3",
        "--window=8",
    ]);
    let names: Vec<&str> = report["table"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[0].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "bare echo",
            "suite 0x0001, links: 1, connections: 1",
            "suite 0x0001, links: 2, connections: 1",
            "suite 0x0001, links: 1, connections: 3",
            "suite 0x0001, links: 2, connections: 3",
            "bare echo, TLS",
            "suite 0x0001, TLS, links: 1, connections: 1",
            "suite 0x0001, TLS, links: 2, connections: 1",
            "suite 0x0001, TLS, links: 1, connections: 3",
            "suite 0x0001, TLS, links: 2, connections: 3",
        ]
    );
    for measured in report["measured"].as_array().unwrap() {
        let passes = measured["passes"].as_array().unwrap();
        assert_eq!(passes.len(), 1);
        assert!(passes[0]["per_second"].as_f64().unwrap() > 1.0, "{measured}");
        let (p50, p99) = (passes[0]["p50_us"].as_f64(), passes[0]["p99_us"].as_f64());
        assert!(p50.unwrap() > 0.0 && p99 >= p50, "{measured}");
    }
    let targets = report["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 1, "suite 1, cleartext, one link, one connection: {targets:?}");
}

#[test]
fn idle_connections_come_back() {
    for arguments in
        [&["idle-connections", "--count=300"][..], &["idle-connections", "--count=40", "--lived"]]
    {
        let measured = load(arguments)["measured"].clone();
        assert_eq!(measured["lived"], arguments.len() == 3);
        assert!(measured["attach_seconds"].as_f64().unwrap() > 0.0);
        assert!(measured["resident_idle"].as_u64() >= Some(1 << 20));
    }
}

#[test]
fn links_are_held_idle_and_stalled() {
    let idle = load(&["idle-links", "--count=30"])["measured"].clone();
    assert_eq!(idle["links"], 30);
    let stalled = load(&["stalled-links", "--count=10"])["measured"].clone();
    assert!(stalled["resident_stalled"].as_u64() > stalled["resident_parts"].as_u64(), "{stalled}");
}
