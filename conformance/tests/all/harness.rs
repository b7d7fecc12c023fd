//! A broken suite says so: it neither passes an implementation nor blames it.

use crate::told::{PROGRAM, Told, told};

/// A run against a whole program of this one.
fn judged(what: &str, program: &str, args: &[&str]) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let exec = format!("exec {PROGRAM} {program}");
    told(folder.path(), Some(what), &[&["--exec", &exec][..], args].concat())
}

/// The suite's peers hear and say something else than its cases and models believe.
#[test]
fn a_peer_that_contradicts_the_suite_is_the_suites_fault() {
    let server = ["--case", "connection/send", "--case", "property/sequences", "--cases", "4"];
    let client = ["--case", "session/as-claimer", "--case", "message/duplicate"];
    for (what, program, cases) in [("server", "serve", &server[..]), ("client", "drive", &client)] {
        let sound = judged(what, program, cases);
        assert_eq!(sound.exit, Some(0), "{}", sound.text);
        let broken = judged(what, program, &[cases, &["--suite-fault"]].concat());
        assert_eq!(broken.exit, Some(2), "{}", broken.text);
        assert_eq!(broken.outcomes(), ["harness-error"; 2], "{}", broken.text);
        for case in broken.cases() {
            let actual = case["actual"].as_str().unwrap();
            assert!(actual.starts_with("the reference fails in the same way: "), "{actual}");
        }
    }
}
