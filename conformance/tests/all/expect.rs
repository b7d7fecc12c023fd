//! The program with a file of expectations: what holds, what is stale, what is wrong with the file.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_edgewise-conformance");
const EXPECTATIONS: &str = "expectations.toml";

/// `edgewise-conformance server …` with the expectations of a folder: exit code, what stood on the
/// terminal, and the report, if there is one.
fn judged(folder: &Path, args: &[&str]) -> (Option<i32>, String, Option<Value>) {
    let report = folder.join("report.json");
    let _ = std::fs::remove_file(&report);
    let output = Command::new(PROGRAM)
        .current_dir(folder)
        .args(["server", "--case", "link/describe-request*", "--report", "json=report.json"])
        .args(args)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let report = std::fs::read_to_string(&report).ok();
    (output.status.code(), text.concat(), report.map(|text| serde_json::from_str(&text).unwrap()))
}

fn outcomes(report: Option<Value>) -> Vec<String> {
    let report = report.expect("what was seen is kept");
    let cases = report["cases"].as_array().unwrap().clone();
    cases.iter().map(|case| case["outcome"].as_str().unwrap().to_owned()).collect()
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
    let (exit, text, report) = judged(folder.path(), &away);
    assert_eq!(exit, Some(0), "{text}");
    assert_eq!(report.as_ref().unwrap()["cases"][0]["link"], "https://example.org/1");
    assert_eq!(outcomes(report), ["xfail", "xfail"]);

    for (text, args, told, seen) in [
        (file("a client"), &away, "it fails in another way", "fail"),
        (file("a server").replace("2", "1"), &away, "count = 1", "fail"),
        (file("a server"), &WITH.to_vec(), "it passes", "xpass"),
    ] {
        std::fs::write(&path, text).unwrap();
        let (exit, text, report) = judged(folder.path(), args);
        assert_eq!(exit, Some(3), "{text}");
        assert!(text.contains("stale expectation") && text.contains(told), "{text}");
        assert!(text.contains("line 4, link/describe-request-*"), "{text}");
        assert_eq!(report.as_ref().unwrap()["verdict"], "stale");
        assert_eq!(outcomes(report), [seen, seen]);
    }
}

#[test]
fn a_fixed_file_holds_and_keeps_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(EXPECTATIONS);
    let fixing = [&NOBODY[..], &WITH, &["--fix"]].concat();

    // None is there yet: it is begun.
    let (exit, text, _) = judged(folder.path(), &fixing);
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("2 expectations, 2 not explained yet"), "{text}");
    let begun = std::fs::read_to_string(&path).unwrap();
    assert_eq!(begun.matches("[[expect]]").count(), 2, "{begun}");
    assert!(!begun.contains('*'), "{begun}");

    // What holds stays to the letter; what does not is parted, with its reason and comments.
    std::fs::write(&path, file("a server")).unwrap();
    assert_eq!(judged(folder.path(), &fixing).0, Some(0));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), file("a server"));
    std::fs::write(&path, file("a client")).unwrap();
    assert_eq!(judged(folder.path(), &fixing).0, Some(0));
    let parted = std::fs::read_to_string(&path).unwrap();
    assert!(parted.starts_with("# Ours.\n\n# It is away.\n[[expect]]\n"), "{parted}");
    for (word, count) in [("\"away\"", 2), ("example.org/1", 2), ("# both", 2), ("*", 0)] {
        assert_eq!(parted.matches(word).count(), count, "{word}: {parted}");
    }
    assert_eq!(judged(folder.path(), &[&WITH[..], &["--fix"]].concat()).0, Some(0));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# Ours.\n\n");

    // One that cannot be written costs nothing of what was seen.
    let (exit, text, report) = judged(
        folder.path(),
        &[&NOBODY[..], &["--expectations", "no/such.toml", "--fix"]].concat(),
    );
    assert_eq!(exit, Some(2), "{text}");
    assert!(text.contains("no/such.toml: "), "{text}");
    assert_eq!(outcomes(report), ["xfail", "xfail"]);
}

#[test]
fn a_file_that_is_wrong_is_told_before_anything_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(EXPECTATIONS);
    let (exit, text, report) = judged(folder.path(), &WITH);
    assert_eq!((exit, report), (Some(2), None), "{text}");
    assert!(text.contains("expectations.toml: ") && text.contains("--fix begins one"), "{text}");

    let two = file("a server").replace("request-*", "reqest-*").replace("\"away\"", "\"\"");
    std::fs::write(&path, two).unwrap();
    let (exit, text, report) = judged(folder.path(), &WITH);
    assert_eq!((exit, report), (Some(2), None), "{text}");
    let there = "expectations.toml: line 4: there is no case \"link/describe-reqest-*\"; near: ";
    assert!(text.contains(there), "{text}");
    assert!(text.contains("expectations.toml: line 4: reason is empty"), "{text}");

    std::fs::write(&path, "[[expect]]\ncase = link/describe\n").unwrap();
    let (exit, text, report) = judged(folder.path(), &[&WITH[..], &["--fix"]].concat());
    assert_eq!((exit, report), (Some(2), None), "{text}");
    assert!(text.contains("expectations.toml: line 2: "), "{text}");
    let there = std::fs::read_to_string(&path).unwrap();
    assert_eq!(there, "[[expect]]\ncase = link/describe\n", "it is not written over");
}
