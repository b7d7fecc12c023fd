//! Vectors against programs: the reference, and such as answer wrong, out of turn or not at all.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::told::{PROGRAM, Told, told};

fn vectors(folder: &Path, args: &[&str]) -> Told {
    told(folder, Some("vectors"), args)
}

/// A program that is asked a few vectors of a known order.
fn few(exec: &str) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let globs =
        ["--vector", "suite/hash/*", "--vector", "suite/lp/*", "--vector", "suite/open/t*t"];
    vectors(folder.path(), &[&["--exec", exec, "--answer-seconds", "2"][..], &globs].concat())
}

/// Everything passed but what is named.
fn passed_but(told: &Told, ids: &[&str]) {
    for case in told.cases() {
        let id = case["id"].as_str().unwrap();
        assert_eq!(case["outcome"] == "pass", !ids.contains(&id), "{id}: {}", told.text);
    }
}

/// The reference's answers, changed by a command in between.
fn behind(change: &str) -> String {
    format!("{PROGRAM} vectors --answer | {change}")
}

#[test]
fn the_reference_answers_every_vector_of_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let told = vectors(folder.path(), &["--strict"]);
    assert_eq!(told.exit, Some(0), "{}", told.text);
    let mut words = BTreeMap::<&str, usize>::new();
    for case in told.cases() {
        let id = case["id"].as_str().unwrap();
        *words.entry(id.split('/').next().unwrap()).or_default() += 1;
        let hardware = case["note"].as_str().is_some_and(|note| note.contains("hardware"));
        let outcome = case["outcome"].as_str().unwrap();
        assert!(outcome == "pass" || (outcome == "unsupported" && hardware), "{id}: {case}");
    }
    assert_eq!(words.len(), 9, "{words:?}");
    assert!(told.cases().len() > 700);
    assert_eq!(told.report["targets"][0]["profile"], "vectors");
}

/// Nothing that is asked says what is expected: the reference sees the input and no more.
#[test]
fn what_is_asked_tells_nothing_of_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let told = few("cat");
    assert_ne!(told.exit, Some(0), "an echo is no answer: {}", told.text);
    let asked = folder.path().join("asked");
    let exec = format!("tee {} | {PROGRAM} vectors --answer", asked.display());
    let told = vectors(folder.path(), &["--exec", &exec, "--vector", "suite/verif*"]);
    assert_eq!(told.exit, Some(0), "{}", told.text);
    let asked = std::fs::read_to_string(asked).unwrap();
    let mut forms = BTreeMap::<Vec<String>, usize>::new();
    for (at, line) in asked.lines().enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["id"], at);
        let object = line.as_object().unwrap();
        let names: Vec<_> = object.keys().map(String::as_str).collect();
        assert_eq!(names, ["file", "id", "input", "operation"]);
        if line["operation"] == "verify" {
            let form = line["input"].as_object().unwrap().keys().cloned().collect();
            *forms.entry(form).or_default() += 1;
        }
    }
    assert_eq!(asked.lines().count(), told.cases().len() + 1, "and one of no file");
    assert_eq!(forms.into_values().collect::<Vec<_>>(), [42], "accepted and refused look alike");
}

#[test]
fn one_lie_is_found_and_shown_with_all_that_is_known() {
    let told = few(&behind("sed -u s/ba7816bf8f01/aa7816bf8f01/"));
    assert_eq!(told.exit, Some(1), "{}", told.text);
    passed_but(&told, &["suite/hash/abc"]);
    let case = told.case("suite/hash/abc");
    assert_eq!(case["outcome"], "fail");
    assert!(case["expected"].as_str().unwrap().contains("output.digest \"ba7816bf"), "{case}");
    assert!(case["actual"].as_str().unwrap().contains("output.digest \"aa7816bf"), "{case}");
    assert!(case["note"].as_str().unwrap().contains("three bytes"), "{case}");
    let rerun = case["rerun"].as_str().unwrap();
    assert!(rerun.contains("--exec '") && rerun.ends_with("--vector suite/hash/abc"), "{rerun}");
    assert!(told.text.contains("✓ suite/hash/empty") && told.text.contains("✗ suite/hash/abc"));
}

#[test]
fn a_refusal_has_the_right_layer_or_a_warning() {
    let told = few(&behind("sed -u 's/\"refused\":\"tag\"/\"refused\":\"length\"/'"));
    assert_eq!(told.exit, Some(1), "{}", told.text);
    let case = told.case("suite/open/tag-first");
    assert_eq!(case["outcome"], "fail");
    assert!(case["expected"].as_str().unwrap().contains("tag"), "{case}");
    assert!(case["note"].as_str().unwrap().contains("expect_layer: tag"), "{case}");
    let told = few(&behind("sed -u 's/\"refused\":\"tag\"/\"refused\":\"\"/'"));
    assert_eq!((told.exit, told.count("fail")), (Some(0), 0), "{}", told.text);
    assert_eq!(told.count("warn"), 5);
    assert_eq!(told.case("suite/open/tag-first")["outcome"], "warn");
}

/// Programs that know the form of an answer and nothing else.
#[test]
fn one_answer_to_everything_is_no_conformance() {
    for answer in [r#""output":{}"#, r#""refused":"tag""#, r#""refused":"""#] {
        let exec = format!(r#"sed -uE 's/.*"id":([0-9]+).*/{{"id":\1,{answer}}}/'"#);
        let told = few(&exec);
        assert_eq!(told.exit, Some(1), "{answer}: {}", told.text);
        assert_eq!(told.case("vectors/unheard-of")["outcome"], "fail", "{answer}");
        assert!(told.count("fail") >= 7, "{answer}: {}", told.text);
    }
    let told = few(r#"sed -uE 's/.*"id":([0-9]+).*/{"id":\1,"unsupported":"not yet"}/'"#);
    assert_eq!(told.exit, Some(2), "nothing was judged: {}", told.text);
    assert!(told.text.contains("no vector was judged"), "{}", told.text);
    assert_eq!(told.case("suite/hash/abc")["note"], "not yet");
    assert_eq!(told.count("pass") + told.count("fail"), 0);
}

#[test]
fn what_is_required_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let never_lp = behind(
        r#"sed -uE 's/.*"id":([0-9]+),"output":\{"encoded".*/{"id":\1,"unsupported":"later"}/'"#,
    );
    let args = ["--exec", &never_lp, "--vector", "suite/hash/*", "--vector", "suite/lp/*"];
    let told = vectors(folder.path(), &args);
    assert_eq!((told.exit, told.count("unsupported")), (Some(0), 3), "{}", told.text);
    let told = vectors(folder.path(), &[&args[..], &["--require", "suite/hash/*"]].concat());
    assert_eq!(told.exit, Some(0), "{}", told.text);
    let told = vectors(folder.path(), &[&args[..], &["--require", "suite/lp/l*"]].concat());
    assert_eq!((told.exit, told.count("fail")), (Some(1), 2), "{}", told.text);
    let case = told.case("suite/lp/link");
    assert!(case["actual"].as_str().unwrap().contains("later"), "{case}");
    assert!(case["rerun"].as_str().unwrap().contains("--require 'suite/lp/l*'"), "{case}");
    assert_eq!(told.case("suite/lp/empty")["outcome"], "unsupported");
}

/// The program is started anew behind each fault, and each of them goes wrong at its fourth line.
fn faulty(fault: &str, outcome: &str, words: &[&str]) -> Told {
    let read = "n=0; while read -r line; do n=$((n+1)); if [ $n = 4 ]; then";
    let told = few(&behind(&format!(
        "({read} echo 'a last word' >&2; {fault}; else printf '%s\\n' \"$line\"; fi; done)"
    )));
    let came = told.count(outcome);
    assert!(came >= 2, "{outcome}: {}", told.text);
    assert_eq!(came + told.count("pass"), told.cases().len() as u64, "{}", told.text);
    assert!(told.count("pass") >= 6, "what was finished is kept: {}", told.text);
    let exit = if outcome == "harness-error" { 2 } else { 1 };
    assert_eq!(told.exit, Some(exit), "{}", told.text);
    for case in told.cases().iter().filter(|case| case["outcome"] == outcome) {
        let actual = case["actual"].as_str().unwrap();
        for word in words {
            assert!(actual.contains(word), "no {word:?} in {actual}");
        }
        assert!(case["rerun"].as_str().unwrap().contains("--vector"));
    }
    told
}

#[test]
fn a_program_that_hangs_is_a_timeout_with_its_last_words() {
    let begin = Instant::now();
    faulty("sleep 600", "timeout", &["still running", "a last word"]);
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

#[test]
fn a_program_that_ends_is_a_crash_with_its_last_words() {
    faulty("kill $$; exit", "crash", &["signal", "a last word"]);
}

#[test]
fn what_is_no_answer_is_a_harness_error_that_shows_it() {
    let shown = ["a last word", "rubbish"];
    faulty("echo rubbish", "harness-error", &shown);
    faulty("printf rubbish; kill $$; exit", "harness-error", &["without an end", "rubbish"]);
    let long = "head -c 2000000 /dev/zero | tr '\\0' x; echo";
    faulty(long, "harness-error", &["a line of more than", "xxxx"]);
    let swapped = r#"echo '{"id":4711,"refused":"tag"}'"#;
    faulty(swapped, "harness-error", &["an answer to 4711, where"]);
    let twice = r#"printf '%s\n%s\n' "$line" "$line""#;
    let told = few(&behind(&format!("(while read -r line; do {twice}; done)")));
    assert_eq!(told.exit, Some(2), "{}", told.text);
    assert!(told.count("pass") >= 1 && told.count("harness-error") >= 1, "{}", told.text);
}

#[test]
fn what_comes_behind_the_last_answer_is_told() {
    let told = few(&behind("(cat; echo goodbye)"));
    assert_eq!(told.exit, Some(2), "{}", told.text);
    let end = told.case("vectors/end");
    assert_eq!(end["outcome"], "harness-error");
    assert!(end["actual"].as_str().unwrap().contains("goodbye"), "{end}");
    passed_but(&told, &["vectors/end"]);
}

#[test]
fn who_never_answers_is_not_judged() {
    for (exec, told_of) in [
        ("/no/such/program", "127"),
        ("exec sleep 600", "still running"),
        ("echo listening on 5223", "listening on 5223"),
    ] {
        let told = few(exec);
        assert_eq!(told.exit, Some(2), "{exec}: {}", told.text);
        let start = told.case("vectors/start");
        assert_eq!(start["outcome"], "harness-error", "{start}");
        assert!(start["actual"].as_str().unwrap().contains(told_of), "{start}");
        assert_eq!(told.count("notrun") + 1, told.cases().len() as u64);
    }
}

#[test]
fn a_glob_that_fits_nothing_is_told_what_is_near() {
    let args = ["vectors", "--vector", "suite/hash/abcd"];
    let output = Command::new(PROGRAM).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("near: suite/hash/abc"), "{text}");
}

#[test]
fn what_is_known_to_fail_is_expected_and_stale_once_it_passes() {
    let folder = tempfile::tempdir().unwrap();
    let entry = "[[expect]]\ncase = \"suite/hash/abc\"\nmessage = \"MESSAGE\"\nreason = \"soon\"\n";
    let path = folder.path().join("known.toml");
    let with = ["--vector", "suite/hash/*", "--expectations", "known.toml"];
    let lie = behind("sed -u s/ba7816bf8f01/aa7816bf8f01/");
    let lying = [&with[..], &["--exec", &lie]].concat();
    let failed = vectors(folder.path(), &["--vector", "suite/hash/*", "--exec", &lie]);
    assert_eq!(
        (failed.exit, failed.outcome("suite/hash/abc")),
        (Some(1), "fail"),
        "{}",
        failed.text
    );
    let message = failed.case("suite/hash/abc")["expected"].as_str().unwrap().to_owned();

    std::fs::write(&path, entry.replace("MESSAGE", &message.replace('"', "\\\""))).unwrap();
    let ran = vectors(folder.path(), &lying);
    assert_eq!((ran.exit, ran.outcome("suite/hash/abc")), (Some(0), "xfail"), "{}", ran.text);
    let ran = vectors(folder.path(), &with);
    assert_eq!((ran.exit, ran.outcome("suite/hash/abc")), (Some(3), "xpass"), "{}", ran.text);
    let ran = vectors(folder.path(), &[&with[..], &["--fix"]].concat());
    assert_eq!((ran.exit, std::fs::read_to_string(&path).unwrap().trim()), (Some(0), ""));

    std::fs::write(&path, entry.replace("hash/abc", "hash/acb")).unwrap();
    let ran = vectors(folder.path(), &with);
    assert_eq!(ran.exit, Some(2), "{}", ran.text);
    assert!(
        ran.text.contains("known.toml: line 1: there is no case \"suite/hash/acb\""),
        "{}",
        ran.text
    );
}
