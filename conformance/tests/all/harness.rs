//! A broken suite says so: it neither passes an implementation nor blames it.

use std::process::Command;

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_edgewise-conformance");

/// What a run of a whole program comes to: its exit code, and the outcome and finding of each case.
fn judged(what: &str, program: &str, args: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM)
        .current_dir(folder.path())
        .args([what, "--exec", &format!("exec {PROGRAM} {program}"), "--report"])
        .arg("json=report.json")
        .args(args)
        .output()
        .unwrap();
    let report = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let cases = report["cases"].as_array().unwrap().iter();
    let cases = cases.map(|case| (text(&case["outcome"]), text(&case["actual"])));
    (output.status.code(), cases.collect())
}

/// The suite's peers hear and say something else than its cases and models believe.
#[test]
fn a_peer_that_contradicts_the_suite_is_the_suites_fault() {
    let server = ["--case", "connection/send", "--case", "property/sequences", "--cases", "4"];
    let client = ["--case", "session/as-claimer", "--case", "message/duplicate"];
    for (what, program, cases) in [("server", "serve", &server[..]), ("client", "drive", &client)] {
        let (exit, sound) = judged(what, program, cases);
        assert_eq!(exit, Some(0), "{sound:?}");
        let (exit, broken) = judged(what, program, &[cases, &["--suite-fault"]].concat());
        assert_eq!(exit, Some(2), "{broken:?}");
        assert_eq!(broken.len(), 2, "{broken:?}");
        for (outcome, actual) in broken {
            assert_eq!(outcome, "harness-error", "{actual}");
            assert!(actual.starts_with("the reference fails in the same way: "), "{actual}");
        }
    }
}
