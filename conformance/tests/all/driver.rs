//! Drivers that are attached, and drivers that hang, end or babble: each is a verdict with what is
//! known of it, and nothing that was finished is lost.

use std::path::Path;
use std::time::{Duration, Instant};

use prost::Message;

use crate::told::{PROGRAM, Told, told};

/// Cases that take their time and need most of a driver.
const FEW: [&str; 6] =
    ["--case", "session/as-claimer", "--case", "session/as-inviter", "--case", "message/gap"];

fn client(folder: &Path, args: &[&str]) -> Told {
    told(folder, Some("client"), args)
}

#[test]
fn the_reference_client_is_judged_where_it_listens() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(edgewise_client::driver::listen(listener));
    let folder = tempfile::tempdir().unwrap();
    let more = ["--case", "session/killed-sending", "--case", "property/talks-with-the-suite"];
    let args = [&["--attach", &url, "--cases", "25"][..], &FEW, &more].concat();
    let ran = client(folder.path(), &args);
    assert_eq!(ran.exit, Some(0), "{}", ran.text);
    assert_eq!(ran.outcomes(), ["pass"; 5], "{}", ran.text);
    assert_eq!(ran.report["targets"][0]["implementation"], "edgewise-client");
    runtime.shutdown_background();
}

#[test]
fn nobody_at_the_address_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--attach", "http://127.0.0.1:1", "--case", "session/as-claimer"];
    let ran = client(folder.path(), &args);
    assert_ne!(ran.exit, Some(0), "{}", ran.text);
    let actual = ran.cases()[0]["actual"].as_str().unwrap();
    assert!(actual.contains("http://127.0.0.1:1"), "{actual}");
}

/// A driver that is sound for the preflight and one case, and from then on in the middle of its
/// answers does this.
fn sound_twice_then(folder: &Path, then: &str) -> String {
    let (mark, next) = (folder.join("started"), folder.join("again"));
    let (mark, next) = (mark.display(), next.display());
    // Up to its first Outcome.
    let ready = 4 + edgewise_client::driver::ready().encoded_len();
    format!(
        "if mkdir {mark} 2>/dev/null || mkdir {next} 2>/dev/null; then exec {PROGRAM} drive; fi; \
         echo 'a last word' >&2; {PROGRAM} drive | (dd bs=1 count={ready} status=none; {then})"
    )
}

/// Runs the few with a driver, one behind another: the first passes, and the others end like this.
fn judged(then: &str, outcome: &str, told: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let exec = sound_twice_then(folder.path(), then);
    let more = ["--jobs", "1", "--outcome-seconds", "2"];
    let begin = Instant::now();
    let ran = client(folder.path(), &[&["--exec", &exec][..], &FEW, &more].concat());
    assert!(begin.elapsed() < Duration::from_secs(90), "{:?}", begin.elapsed());
    assert_ne!(ran.exit, Some(0), "{}", ran.text);
    let mut came = ran.outcomes();
    came.sort_unstable();
    let mut wanted = ["pass", outcome, outcome];
    wanted.sort_unstable();
    assert_eq!(came, wanted, "{}", ran.text);
    for case in ran.cases().iter().filter(|case| case["outcome"] != "pass") {
        let actual = case["actual"].as_str().unwrap();
        for told in told.iter().chain(&["a last word", "last asked: "]) {
            assert!(actual.contains(told), "no {told:?} in {actual}");
        }
        assert!(case["rerun"].as_str().unwrap().contains("--case"));
    }
}

#[test]
fn a_driver_that_hangs_is_a_timeout_with_its_last_words() {
    judged("exec sleep 600", "timeout", &["still running"]);
}

#[test]
fn a_driver_that_ends_is_a_crash_with_its_last_words() {
    judged("kill $$", "crash", &["signal"]);
}

#[test]
fn a_driver_that_babbles_is_told_by_what_it_said() {
    judged("exec yes rubbish", "harness-error", &["on standard output", "rubbish"]);
}

/// Where not even a start succeeds, the suite gives up after a while, and tells what was not run.
#[test]
fn a_driver_that_never_says_a_word_does_not_hold_up_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let args = ["--exec", "cat >/dev/null", "--start-seconds", "1", "--jobs", "8"];
    let ran = client(folder.path(), &args);
    assert_ne!(ran.exit, Some(0), "{}", ran.text);
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    let outcomes = ran.outcomes();
    let timeouts = outcomes.iter().filter(|outcome| **outcome == "timeout").count();
    assert!((8..=16).contains(&timeouts), "{timeouts}");
    assert!(outcomes.contains(&"notrun"), "{outcomes:?}");
}
