//! The program with a file of expectations: what holds, what is stale, what is wrong with the file.

use std::path::Path;

use serde_json::Value;

use crate::told::{Told, told};

const EXPECTATIONS: &str = "expectations.toml";

/// `edgewise-conformance server …` with the expectations of a folder.
fn judged(folder: &Path, args: &[&str]) -> Told {
    told(folder, Some("server"), &[&["--case", "link/describe-request*"], args].concat())
}

/// A server that is not there: every case fails as this says.
const NOBODY: [&str; 2] =
    ["--attach", "edgewise://AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@127.0.0.1:1?tls=off"];
const WITH: [&str; 2] = ["--expectations", EXPECTATIONS];

fn file(message: &str) -> String {
    format!(
        "# Ours.\n\n# It is away.\n[[expect]]\ncase = \"link/describe-request-*\" # both\n\
         count = 2\nmessage = \"{message}\"\nreason = \"away\"\nlink = \"https://example.org/1\"\n"
    )
}

#[test]
fn what_is_stale_ends_with_its_own_code_and_keeps_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(EXPECTATIONS);
    let away = [&NOBODY[..], &WITH].concat();

    std::fs::write(&path, file("a server")).unwrap();
    let ran = judged(folder.path(), &away);
    assert_eq!(ran.exit, Some(0), "{}", ran.text);
    assert_eq!(ran.report["cases"][0]["link"], "https://example.org/1");
    assert_eq!(ran.outcomes(), ["xfail", "xfail"]);

    for (text, args, words, seen) in [
        (file("a client"), &away, "it fails in another way", "fail"),
        (file("a server").replace("2", "1"), &away, "count = 1", "fail"),
        (file("a server"), &WITH.to_vec(), "it passes", "xpass"),
    ] {
        std::fs::write(&path, text).unwrap();
        let ran = judged(folder.path(), args);
        assert_eq!(ran.exit, Some(3), "{}", ran.text);
        assert!(ran.text.contains("stale expectation") && ran.text.contains(words), "{}", ran.text);
        assert!(ran.text.contains("line 4, link/describe-request-*"), "{}", ran.text);
        assert_eq!(ran.report["verdict"], "stale");
        assert_eq!(ran.outcomes(), [seen, seen]);
    }
}

#[test]
fn a_fixed_file_holds_and_keeps_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(EXPECTATIONS);
    let fixing = [&NOBODY[..], &WITH, &["--fix"]].concat();

    // None is there yet: it is begun.
    let ran = judged(folder.path(), &fixing);
    assert_eq!(ran.exit, Some(0), "{}", ran.text);
    assert!(ran.text.contains("2 expectations, 2 not explained yet"), "{}", ran.text);
    let begun = std::fs::read_to_string(&path).unwrap();
    assert_eq!(begun.matches("[[expect]]").count(), 2, "{begun}");
    assert!(!begun.contains('*'), "{begun}");

    // What holds stays to the letter; what does not is parted, with its reason and comments.
    std::fs::write(&path, file("a server")).unwrap();
    assert_eq!(judged(folder.path(), &fixing).exit, Some(0));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), file("a server"));
    std::fs::write(&path, file("a client")).unwrap();
    assert_eq!(judged(folder.path(), &fixing).exit, Some(0));
    let parted = std::fs::read_to_string(&path).unwrap();
    assert!(parted.starts_with("# Ours.\n\n# It is away.\n[[expect]]\n"), "{parted}");
    for (word, count) in [("\"away\"", 2), ("example.org/1", 2), ("# both", 2), ("*", 0)] {
        assert_eq!(parted.matches(word).count(), count, "{word}: {parted}");
    }
    assert_eq!(judged(folder.path(), &[&WITH[..], &["--fix"]].concat()).exit, Some(0));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# Ours.\n\n");

    // One that cannot be written costs nothing of what was seen.
    let ran = judged(
        folder.path(),
        &[&NOBODY[..], &["--expectations", "no/such.toml", "--fix"]].concat(),
    );
    assert_eq!(ran.exit, Some(2), "{}", ran.text);
    assert!(ran.text.contains("no/such.toml: "), "{}", ran.text);
    assert_eq!(ran.outcomes(), ["xfail", "xfail"]);
}

#[test]
fn a_file_that_is_wrong_is_told_before_anything_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(EXPECTATIONS);
    let ran = judged(folder.path(), &WITH);
    assert_eq!((ran.exit, &ran.report), (Some(2), &Value::Null), "{}", ran.text);
    assert!(
        ran.text.contains("expectations.toml: ") && ran.text.contains("--fix begins one"),
        "{}",
        ran.text
    );

    let two = file("a server").replace("request-*", "reqest-*").replace("\"away\"", "\"\"");
    std::fs::write(&path, two).unwrap();
    let ran = judged(folder.path(), &WITH);
    assert_eq!((ran.exit, &ran.report), (Some(2), &Value::Null), "{}", ran.text);
    let there = "expectations.toml: line 4: there is no case \"link/describe-reqest-*\"; near: ";
    assert!(ran.text.contains(there), "{}", ran.text);
    assert!(ran.text.contains("expectations.toml: line 4: reason is empty"), "{}", ran.text);

    std::fs::write(&path, "[[expect]]\ncase = link/describe\n").unwrap();
    let ran = judged(folder.path(), &[&WITH[..], &["--fix"]].concat());
    assert_eq!((ran.exit, &ran.report), (Some(2), &Value::Null), "{}", ran.text);
    assert!(ran.text.contains("expectations.toml: line 2: "), "{}", ran.text);
    let there = std::fs::read_to_string(&path).unwrap();
    assert_eq!(there, "[[expect]]\ncase = link/describe\n", "it is not written over");
}

#[test]
fn the_first_failure_ends_a_run_that_is_to_end_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let one_by_one = ["--jobs", "1", "--fail-fast"];
    let ran = judged(folder.path(), &[&NOBODY[..], &one_by_one].concat());
    assert_eq!(ran.exit, Some(1), "{}", ran.text);
    assert_eq!(ran.outcomes(), ["fail", "notrun"], "{}", ran.text);
    assert!(ran.cases()[1]["note"].as_str().unwrap().contains("--fail-fast"), "{}", ran.text);

    // What is expected ends nothing, and a server without a fault is judged whole.
    std::fs::write(folder.path().join(EXPECTATIONS), file("a server")).unwrap();
    let ran = judged(folder.path(), &[&NOBODY[..], &one_by_one, &WITH].concat());
    assert_eq!((ran.exit, ran.outcomes()), (Some(0), vec!["xfail", "xfail"]), "{}", ran.text);
    let ran = judged(folder.path(), &one_by_one);
    assert_eq!((ran.exit, ran.outcomes()), (Some(0), vec!["pass", "pass"]), "{}", ran.text);
}

#[test]
fn the_first_failure_of_a_client_ends_its_run_too() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--exec", "cat >/dev/null", "--start-seconds", "1", "--jobs", "1", "--fail-fast"];
    let ran = told(folder.path(), Some("client"), &[&args[..], &["--case", "scatter/*"]].concat());
    assert_ne!(ran.exit, Some(0), "{}", ran.text);
    assert_eq!(ran.outcomes().iter().filter(|it| **it != "notrun").count(), 1, "{}", ran.text);
}
