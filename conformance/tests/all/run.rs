//! The suite against the reference server inside this process.

use std::path::PathBuf;
use std::sync::Arc;

use edgewise_conformance::case::Case;
use edgewise_conformance::cases;
use edgewise_conformance::outcome::Outcome;
use edgewise_conformance::report::CaseReport;
use edgewise_conformance::runner::{Plan, QUIET_TRIES, run};
use edgewise_conformance::target::Source;
use edgewise_conformance::trial::Settings;
use serde_json::Value;

/// The cases that judge servers.
fn servers() -> impl Iterator<Item = &'static Case> {
    cases::all().filter(|case| case.profile().is_for_servers())
}

/// Every case, run once.
pub fn reports() -> Vec<CaseReport> {
    let repro = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("repro");
    let settings = Settings { seed: 7, cases: 8, replay: None, repro };
    let plan = Plan {
        cases: servers().collect(),
        source: Source::Embedded,
        settings: Arc::new(settings),
        jobs: 8,
        tries: QUIET_TRIES,
        preflight: true,
        traces: false,
        rerun: "edgewise-conformance --seed 7".to_owned(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ran = runtime.block_on(run(&plan, &mut ()));
    runtime.shutdown_background();
    ran.cases
}

/// The reference conforms, nothing is left out, and every case of the tables is emitted.
#[test]
fn the_reference_conforms() {
    let reports = reports();
    for report in &reports {
        let fine = matches!(report.outcome, Outcome::Pass | Outcome::Warn | Outcome::Flaky);
        assert!(fine, "{report:#?}");
    }
    let emitted: Vec<&str> = reports.iter().map(|report| report.id.as_str()).collect();
    let registered: Vec<&str> = servers().map(|case| case.id).collect();
    assert_eq!(emitted, registered);
}

/// Two runs of one seed tell the same, in whatever order their cases end: everything but times.
#[test]
fn two_runs_of_one_seed_tell_the_same() {
    let [one, other, another] = ["7", "7", "8"].map(told);
    assert_eq!(one, other);
    assert_ne!(one, another, "the seed is told");
    assert!(one["cases"].as_array().unwrap().len() > 20, "{one}");
}

/// The JSON report of some cases of both profiles, without times.
fn told(seed: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let cases = ["frame/*", "invitation/card*", "property/talks"].map(|case| ["--case", case]);
    let args = [&["--seed", seed, "--cases", "25"][..], &cases.concat()].concat();
    let mut told = crate::told::told(folder.path(), None, &args);
    assert_eq!(told.exit, Some(0), "{}", told.text);
    without_times(&mut told.report);
    told.report
}

fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("duration_ms");
            fields.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}
