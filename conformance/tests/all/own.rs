//! The suite against itself: its own client passes, and each of its flaws is seen.

use std::path::PathBuf;
use std::sync::Arc;

use edgewise_conformance::cases;
use edgewise_conformance::driver::own::{self, Flaw};
use edgewise_conformance::driver::{ClientSource, REFERENCE, Starter};
use edgewise_conformance::outcome::Outcome;
use edgewise_conformance::report::CaseReport;
use edgewise_conformance::runner::Ran;
use edgewise_conformance::scene::run::{ClientPlan, run};
use edgewise_conformance::trial::Settings;

/// What came of some cases with a client of this process.
pub fn reports(starter: Starter, ids: &[&str]) -> Vec<CaseReport> {
    ran(starter, ids, false).cases
}

fn ran(starter: Starter, ids: &[&str], preflight: bool) -> Ran {
    let repro = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("repro");
    let settings = Settings { seed: 7, cases: 8, replay: None, repro };
    let plan = ClientPlan {
        cases: ids.iter().map(|id| cases::find(id).expect(id)).collect(),
        source: ClientSource::Embedded(starter),
        settings: Arc::new(settings),
        jobs: 4,
        preflight,
        traces: false,
        rerun: "edgewise-conformance client --own --seed 7".to_owned(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ran = runtime.block_on(run(&plan, &mut ()));
    runtime.shutdown_background();
    ran
}

/// Each flaw, and the case that sees it.
const SEEN: &[(Flaw, Starter, &str)] = &[
    (Flaw::SealsTwice, own::start::<{ Flaw::SealsTwice as u8 }>, "session/as-claimer"),
    (Flaw::Clear, own::start::<{ Flaw::Clear as u8 }>, "session/as-inviter"),
    (Flaw::Silent, own::start::<{ Flaw::Silent as u8 }>, "session/answer"),
    (Flaw::Repeats, own::start::<{ Flaw::Repeats as u8 }>, "message/duplicate"),
    (Flaw::NoGaps, own::start::<{ Flaw::NoGaps as u8 }>, "message/gap"),
    (Flaw::Meddles, own::start::<{ Flaw::Meddles as u8 }>, "message/meddling"),
];

#[test]
fn a_client_of_the_specifications_words_passes() {
    let ids: Vec<&str> = SEEN.iter().map(|(_, _, id)| *id).collect();
    let more = [
        "session/attested",
        "invitation/claim-order",
        "scatter/bad-part",
        "scatter/any-k",
        "scatter/lying-servers",
        "scatter/wrong-parts",
        "scatter/parts-sent",
    ];
    let ids = [ids, more.to_vec()].concat();
    for report in reports(own::start::<{ Flaw::None as u8 }>, &ids) {
        assert_eq!(report.outcome, Outcome::Pass, "{report:#?}");
    }
}

/// The reference client passes every case, and every case of the tables is emitted.
#[test]
fn the_reference_client_conforms() {
    let driven = cases::all().filter(|case| case.profile().is_for_clients());
    let ids: Vec<&str> = driven.map(|case| case.id).collect();
    let reports = reports(REFERENCE, &ids);
    for report in &reports {
        assert_eq!(report.outcome, Outcome::Pass, "{report:#?}");
    }
    let emitted: Vec<&str> = reports.iter().map(|report| report.id.as_str()).collect();
    assert_eq!(emitted, ids);
}

/// What says that it can do everything says nothing by *unsupported*.
#[test]
fn a_client_says_what_it_cannot_do_before_it_is_judged() {
    let one: Starter = own::start::<{ Flaw::None as u8 }>;
    for starter in [one, own::start::<{ Flaw::Single as u8 }>, REFERENCE] {
        let ran = ran(starter, &[], true);
        assert_eq!(ran.cases, [], "{:#?}", ran.cases);
        assert_eq!(ran.target.preflight.len(), 2, "{:?}", ran.target);
    }
    let ran = ran(own::start::<{ Flaw::Agrees as u8 }>, &["session/as-claimer"], true);
    assert_eq!(ran.target.preflight, ["it is of revision 1"]);
    let (last, faults) = ran.cases.split_last().unwrap();
    assert_eq!(last.outcome, Outcome::Pass, "what can be judged is judged");
    let told: Vec<_> = faults.iter().map(|it| it.expected.as_deref().unwrap()).collect();
    assert_eq!(told.len(), 7, "{told:?}");
    assert_eq!(told[0], "Unsupported for a Command of no kind that a revision has");
    assert_eq!(told[1], "Unsupported for state, which is not declared");
    assert_eq!(told[6], "Unsupported for scatter, which is not declared");
    for fault in faults {
        assert_eq!((&fault.id[..], fault.outcome), ("preflight/unsupported", Outcome::Fail));
    }
}

#[test]
fn a_client_of_another_revision_is_judged_by_no_case() {
    let ran = ran(own::start::<{ Flaw::Ahead as u8 }>, &["session/as-claimer"], true);
    let told: Vec<_> = ran.cases.iter().map(|it| (&it.id[..], it.outcome)).collect();
    let wanted = [("preflight/revision", Outcome::Fail), ("session/as-claimer", Outcome::Notrun)];
    assert_eq!(told, wanted);
    let note = ran.cases[1].note.as_deref();
    assert_eq!(note, Some("the client is of another revision"));
}

/// A client that speaks k = 1 alone is not judged by profile scatter, and has to say so to its user; one
/// that does not declare k > 1 and takes it is seen.
#[test]
fn a_client_of_whole_cells_abandons_a_bundle_of_parts() {
    let ids = ["scatter/undeclared", "scatter/any-k"];
    let outcomes = |starter| reports(starter, &ids).iter().map(|it| it.outcome).collect::<Vec<_>>();
    let single = outcomes(own::start::<{ Flaw::Single as u8 }>);
    assert_eq!(single, [Outcome::Pass, Outcome::Unsupported]);
    let agrees = outcomes(own::start::<{ Flaw::Agrees as u8 }>);
    assert_eq!(agrees, [Outcome::Fail, Outcome::Unsupported]);
    assert_eq!(outcomes(own::start::<{ Flaw::None as u8 }>), [Outcome::Pass, Outcome::Pass]);
}

#[test]
fn every_flaw_is_seen() {
    for (flaw, starter, id) in SEEN {
        for report in reports(*starter, &[id]) {
            assert_eq!(report.outcome, Outcome::Fail, "{flaw:?}: {report:#?}");
        }
    }
}
