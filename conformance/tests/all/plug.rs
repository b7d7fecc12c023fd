//! The program against servers that it does not hold itself: attached ones, programs that do not
//! do as they should, and expectations of a file.

use std::path::{Path, PathBuf};
use std::process::Command;

use edgewise_server::config::{Config, Tls};
use edgewise_server::{Clock, Running, Server};
use edgewise_spec::link::IdentityKey;
use tokio::runtime::Runtime;

use crate::told::{PROGRAM, Told, told};

fn server(folder: &Path, args: &[&str]) -> Told {
    told(folder, Some("server"), args)
}

/// The reference server on a port of its own, without control.
fn running(tls: Option<Tls>) -> (Runtime, Running) {
    let runtime = Runtime::new().unwrap();
    let seed = IdentityKey::from_seed(&[7; 32]);
    let config = Config { tls, ..Config::ephemeral(seed) };
    let running = runtime.block_on(Server::bind(config, Clock::system())).unwrap();
    (runtime, running)
}

/// A script around the reference server, which has the suite's standard input: in the background
/// it would have none of its own.
fn script(before: &str, behind: &str) -> String {
    format!("exec 3<&0; {before} {PROGRAM} serve <&3 {behind}")
}

const FEW: [&str; 6] =
    ["--case", "link/describe*", "--case", "connection/send", "--case", "link/life-is-over"];

#[test]
fn a_server_that_runs_is_judged_with_tls_and_without() {
    for tls in [None, Some(Tls::SelfSigned)] {
        let folder = tempfile::tempdir().unwrap();
        let (_runtime, running) = running(tls.clone());
        let address = running.address.to_string();
        assert_eq!(address.ends_with("?tls=off"), tls.is_none(), "{address}");
        let told = server(folder.path(), &[&["--attach", &address][..], &FEW].concat());
        assert_eq!(told.exit, Some(0), "{}", told.text);
        assert_eq!(told.report["targets"][0]["place"], address.as_str());
        assert_eq!(told.outcome("connection/send"), "pass");
        assert_eq!(told.outcome("link/life-is-over"), "unsupported", "it has no clock to move");

        // The other way of reaching it is none.
        let other = match address.strip_suffix("?tls=off") {
            Some(bare) => bare.to_owned(),
            None => format!("{address}?tls=off"),
        };
        let told = server(folder.path(), &["--attach", &other, "--case", "connection/send"]);
        assert_eq!(told.exit, Some(1), "{}", told.text);
        assert_eq!(told.outcome("connection/send"), "fail");
    }
}

#[test]
fn a_program_that_hangs_before_it_is_ready_is_a_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let hangs = "echo 'waiting for a disk' >&2; exec sleep 60";
    let args = [&["--exec", hangs, "--start-seconds", "1"][..], &FEW].concat();
    let told = server(folder.path(), &args);
    assert_eq!(told.exit, Some(1), "{}", told.text);
    assert_eq!(told.outcome("harness/start"), "timeout");
    let actual = told.actual("harness/start");
    assert!(actual.contains("not ready after 1 s"), "{actual}");
    assert!(actual.contains("waiting for a disk"), "{actual}");
    assert_eq!(told.outcome("connection/send"), "notrun");
}

#[test]
fn a_program_that_crashes_in_the_middle_is_a_crash_of_the_case_that_ran() {
    let folder = tempfile::tempdir().unwrap();
    let crashes = script("", "& sleep 1; echo 'out of luck' >&2; kill -9 $!; exit 7");
    // More sequences than any server carries out in a second.
    let cases = ["--cases", "100000", "--case", "property/sequences"];
    let told = server(folder.path(), &[&["--exec", &crashes][..], &cases, &FEW].concat());
    assert_eq!(told.exit, Some(1), "{}", told.text);
    assert_eq!(told.outcome("property/sequences"), "crash");
    let actual = told.actual("property/sequences");
    assert!(actual.contains("exit status: 7") && actual.contains("out of luck"), "{actual}");
    // What was there before, or came from a program started again, is kept.
    assert_eq!(told.outcome("connection/send"), "pass");
    assert_eq!(told.outcome("link/life-is-over"), "pass");
}

#[test]
fn stray_bytes_on_standard_output_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let early = script("echo 'listening on 5223';", "");
    let told = server(folder.path(), &[&["--exec", &early][..], &FEW].concat());
    assert_eq!(told.exit, Some(2), "{}", told.text);
    assert_eq!(told.outcome("harness/start"), "harness-error");
    assert!(told.actual("harness/start").contains("listening on 5223"), "{}", told.text);
    assert_eq!(told.outcome("connection/send"), "notrun");

    // Behind the whole of ServerReady, while a case runs that takes longer than that.
    let whole = "until [ $(wc -c <ready) -gt 60 ]; do sleep 0.05; done";
    let before = format!(": >ready; ({whole}; sleep 0.2; printf 'a link is open') &");
    let late = script(&before, "| tee ready");
    let cases = ["--case", "connection/space", "--case", "connection/send"];
    let told = server(folder.path(), &[&["--exec", &late][..], &cases].concat());
    assert_eq!(told.exit, Some(2), "{}", told.text);
    assert_eq!(told.outcome("harness/stdout"), "harness-error");
    assert!(told.actual("harness/stdout").contains("a link is open"), "{}", told.text);
    assert_eq!(told.outcome("connection/space"), "pass", "what was judged is kept");
    assert_eq!(told.outcome("connection/send"), "pass");
}

#[test]
fn expectations_are_fixed_and_then_hold() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("expectations.toml");
    std::fs::write(&file, "").unwrap();
    let (_runtime, running) = running(None);
    let address = running.address.to_string();
    // Its clock is said to move, and does not.
    let moves = [&["--attach", &address, "--control"][..], &FEW].concat();
    let stands = [&["--attach", &address][..], &FEW].concat();
    let expecting = |args: &[&str], more: &[&str]| {
        let path = file.to_str().unwrap();
        server(folder.path(), &[args, &["--expectations", path], more].concat())
    };

    let told = expecting(&moves, &[]);
    assert_eq!((told.exit, told.outcome("link/life-is-over")), (Some(1), "fail"), "{}", told.text);
    let told = expecting(&moves, &["--fix"]);
    assert_eq!((told.exit, told.outcome("link/life-is-over")), (Some(0), "xfail"), "{}", told.text);
    assert_eq!(entries(&file), ["link/life-is-over"]);
    let told = expecting(&moves, &[]);
    assert_eq!((told.exit, told.outcome("link/life-is-over")), (Some(0), "xfail"), "{}", told.text);

    // Not there any more: the entry is stale until it is fixed away.
    let told = expecting(&stands, &[]);
    assert_eq!(told.exit, Some(3), "{}", told.text);
    assert!(told.text.contains("stale expectation"), "{}", told.text);
    let told = expecting(&stands, &["--fix"]);
    assert_eq!(told.exit, Some(0), "{}", told.text);
    assert!(entries(&file).is_empty());
}

fn entries(file: &PathBuf) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let table: toml::Table = toml::from_str(&text).unwrap();
    let entries = table.get("expect").and_then(|expect| expect.as_array()).cloned();
    let cases = entries.unwrap_or_default();
    cases.iter().map(|entry| entry["case"].as_str().unwrap().to_owned()).collect()
}

/// A case that came after its revision was frozen is run and told, and changes nothing.
#[test]
fn a_case_that_is_later_than_the_revision_is_unscored() {
    let folder = tempfile::tempdir().unwrap();
    let (_runtime, running) = running(None);
    let address = running.address.to_string();
    // Its clock is said to move, and does not.
    let args = ["--attach", &address, "--control", "--lists", "."];
    let args = [&args[..], &FEW].concat();
    let list = |cases: &str| {
        let list = format!("# As of then.\nfrozen\n{cases}");
        std::fs::write(folder.path().join("core-1.txt"), list).unwrap();
        server(folder.path(), &args)
    };
    let told = list("connection/send\nlink/life-is-over\n");
    assert_eq!(told.exit, Some(1), "{}", told.text);
    assert_eq!(told.report["summary"]["unscored"], 2);
    let told = list("connection/send\n");
    assert_eq!(told.exit, Some(0), "{}", told.text);
    assert_eq!(told.outcome("link/life-is-over"), "fail");
    assert_eq!(told.case("link/life-is-over")["scored"], false);
    assert_eq!(told.case("connection/send")["scored"], true);
    assert_eq!(
        (&told.report["summary"]["fail"], &told.report["summary"]["pass"]),
        (&0.into(), &1.into())
    );
    assert!(told.text.contains("unscored: later than this revision"), "{}", told.text);
    // Where nothing counts, nothing is proved.
    assert_eq!(list("").exit, Some(2));
}

/// A command is rarely the program itself: what it started goes with it, also where the suite is
/// told to end in the middle.
#[test]
fn nothing_is_left_behind_by_a_program_and_by_one_that_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let exec_line = format!("sleep 600 & echo $! >>started; {PROGRAM} serve");
    server(folder.path(), &["--exec", &exec_line, "--case", "link/describe*"]);
    // The ratchet takes seconds: it is in the middle of it when it is told to end.
    let mut run = Command::new(PROGRAM)
        .current_dir(folder.path())
        .args(["server", "--exec", &exec_line, "--case", "link/ratchet"])
        .spawn()
        .unwrap();
    let started = || std::fs::read_to_string(folder.path().join("started")).unwrap();
    let wait = |done: &dyn Fn() -> bool| {
        for _ in 0..300 {
            if done() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("it takes too long");
    };
    wait(&|| started().lines().count() > 1);
    let told = Command::new("kill").arg(run.id().to_string()).status().unwrap();
    assert!(told.success());
    assert_eq!(run.wait().unwrap().code(), Some(2));
    for id in started().lines() {
        let alive = || Path::new("/proc").join(id).join("fd").exists() && !zombie(id);
        wait(&|| !alive());
    }
}

/// Whether a process has ended and nobody has asked how.
fn zombie(id: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat"));
    stat.is_ok_and(|stat| stat.contains(") Z "))
}
