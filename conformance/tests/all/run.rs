//! The suite against the reference server inside this process.

use std::path::PathBuf;
use std::sync::Arc;

use edgewise_conformance::case::Profile;
use edgewise_conformance::cases;
use edgewise_conformance::outcome::Outcome;
use edgewise_conformance::report::CaseReport;
use edgewise_conformance::runner::{Plan, QUIET_TRIES, run};
use edgewise_conformance::target::Source;
use edgewise_conformance::trial::Settings;

/// Every case, run once.
pub fn reports() -> Vec<CaseReport> {
    let repro = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("repro");
    let settings = Settings { seed: 7, cases: 8, replay: None, repro };
    let plan = Plan {
        cases: cases::of(Profile::Core).collect(),
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
    let registered: Vec<&str> = cases::of(Profile::Core).map(|case| case.id).collect();
    assert_eq!(emitted, registered);
}
