//! What cannot be: a clear message, the right exit code, and nothing lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{Person, Ran, Serving, met, program};

#[test]
fn a_store_that_does_not_open() {
    let server = Serving::start();
    let ann = Person::new("Ann", &server);
    let nothing = tempfile::tempdir().unwrap();
    let elsewhere =
        program().args(["--json", "--data"]).arg(nothing.path().join("x")).arg("contacts").output();
    assert!(Ran::of(&elsewhere.unwrap()).failed(3).contains("edgewise init"));
    // Locked with a key file, and a passphrase is given.
    let given = ann.command(&["contacts"]).env("EDGEWISE_PASSPHRASE", "x").output();
    assert!(Ran::of(&given.unwrap()).failed(3).contains("key file"));
    let other = nothing.path().join("other");
    fs::write(&other, "rubbish").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    let wrong = ann.run(&["--key-file", other.to_str().unwrap(), "contacts"]);
    assert!(wrong.failed(3).contains("no key file"));
    assert!(ann.run(&["init", "--name", "Ann"]).failed(3).contains("exists already"));
    // Others may look into the folder.
    fs::set_permissions(ann.data(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(ann.run(&["contacts"]).failed(3).contains("chmod 700"));
    fs::set_permissions(ann.data(), fs::Permissions::from_mode(0o700)).unwrap();
    // Somebody else has it open.
    let mut held = ann.start(&["receive", "--follow"]);
    // Once it has the lock, and not before: it would find the store in use itself.
    let holder = held.child.id().to_string();
    let lock = ann.data().join("chat.db-lock");
    while !fs::read_to_string(&lock).unwrap().contains(&holder) {
        assert!(held.child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let busy = ann.run(&["contacts"]).failed(3);
    assert!(busy.contains(&format!("in use by process {holder}")), "{busy}");
    held.signal("-INT");
    assert_eq!(held.wait(), Some(130));
    ann.run(&["contacts"]).ok();
    // One from the future, which is as it was for the program that made it.
    let version = |version: u32| {
        let db = rusqlite::Connection::open(ann.data().join("chat.db")).unwrap();
        let found: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
        found
    };
    let own = version(9);
    for verb in [&["contacts"][..], &["send", "bob", "x"], &["daemon"]] {
        let newer = ann.run(verb).failed(3);
        assert!(newer.contains("update this program") && newer.contains("schema 9"), "{newer}");
    }
    version(own);
    ann.run(&["contacts"]).ok();
    // A damaged one.
    let store = ann.data().join("chat.db");
    let mut bytes = fs::read(&store).unwrap();
    bytes[4_096..].iter_mut().for_each(|byte| *byte ^= 1);
    fs::write(&store, bytes).unwrap();
    let damaged = ann.run(&["contacts"]);
    assert!(damaged.failed(3).contains("damaged"));
}

#[test]
fn a_wrong_passphrase_and_one_from_a_file() {
    let home = tempfile::tempdir().unwrap();
    let pass = home.path().join("pass");
    fs::write(&pass, "correct horse\n").unwrap();
    fs::set_permissions(&pass, fs::Permissions::from_mode(0o600)).unwrap();
    let run = |pass: Option<&str>, arguments: &[&str]| {
        let mut command = program();
        command.arg("--json").arg("--data").arg(home.path().join("data")).args(arguments);
        if let Some(pass) = pass {
            command.env("EDGEWISE_PASSPHRASE", pass);
        }
        Ran::of(&command.output().unwrap())
    };
    let file = pass.to_str().unwrap();
    run(None, &["init", "--passphrase-file", file]).ok();
    assert!(run(Some("wrong"), &["contacts"]).failed(3).contains("wrong passphrase"));
    assert!(run(None, &["contacts"]).failed(3).contains("--passphrase-file"));
    run(Some("correct horse"), &["contacts"]).ok();
    run(None, &["--passphrase-file", file, "profile", "list"]).ok();
    assert!(run(None, &["wipe"]).failed(2).contains("--yes"));
    run(None, &["wipe", "--yes"]).ok();
    assert!(!home.path().join("data").exists());
    assert!(run(None, &["wipe", "--yes"]).failed(3).contains("there is no store"));
}

#[test]
fn cards_that_are_none() {
    let server = Serving::start();
    let (ann, bob) = met(&server, &[]);
    let card = ann.run(&["invite", "--link"]).ok()["card"].as_str().unwrap().to_owned();
    let half = card.get(..80).unwrap();
    // One character of the secret is another, and all are small.
    let other = if card.get(30..31) == Some("A") { "B" } else { "A" };
    let altered = format!("{}{other}{}", card.get(..30).unwrap(), card.get(31..).unwrap());
    let altered = altered.to_lowercase();
    let server_address = server.address();
    for (text, why) in [
        (half, "the end is missing"),
        ("https://example.org", "not of Edgewise"),
        ("hello", "no invitation"),
        (server_address.as_str(), "address of a server"),
        ("EDGEWISE:X1/A", "kind X"),
    ] {
        let refused = bob.run(&["accept", text]).failed(2);
        assert!(refused.contains(why), "{text}: {refused}");
    }
    assert!(bob.run(&["accept", &altered]).failed(2).contains("altered"));
    let picture = bob.home.path().join("none.png");
    fs::write(&picture, "no picture").unwrap();
    let refused = bob.run(&["accept", picture.to_str().unwrap()]).failed(2);
    assert!(refused.contains("no whole PNG or JPEG"), "{refused}");
    let missing = bob.home.path().join("missing.jpg");
    assert!(bob.run(&["accept", missing.to_str().unwrap()]).failed(2).contains("cannot read"));
    // One's own, and standard input.
    let own = ann.run_with(&["accept", "-"], &card);
    assert!(matches!(own.code, Some(1 | 2)), "{own:?}");
    // Taken back: nobody can talk by it any more.
    let list = ann.run(&["invitations", "list"]).ok();
    let id = list["invitations"][0]["id"].as_str().unwrap();
    ann.run(&["invitations", "withdraw", id]).ok();
    let late = bob.run(&["accept", &card, "--wait", "3"]);
    assert!(matches!(late.code, Some(1 | 4)), "{late:?}");
    // Nothing over a file that is there.
    let there = ann.home.path().join("there.png");
    fs::write(&there, "mine").unwrap();
    ann.run(&["invite", "--png", there.to_str().unwrap()]).failed(2);
    assert_eq!(fs::read(&there).unwrap(), b"mine");
}

#[test]
fn names_and_numbers_that_are_none() {
    let server = Serving::start();
    let (ann, bob) = met(&server, &[]);
    for arguments in [
        &["send", "carol", "x"][..],
        &["send", "", "x"],
        &["history", "zz"],
        &["edit", "bob", "77", "x"],
        &["rename", "bob", "a\u{202e}b"],
        &["move", "bob", "--server", "nowhere"],
        &["servers", "add", "http://x"],
        &["--profile", "nobody", "contacts"],
        &["verify-proof", "/nonexistent"],
    ] {
        let refused = ann.run(arguments).failed(2);
        assert!(!refused.is_empty(), "{arguments:?}");
    }
    assert!(
        ann.run(&["export", "bob", "--proof", "/tmp/never"]).failed(1).contains("nothing was said")
    );
    ann.run(&["send", "bob", "x"]).ok();
    let usage = ann.run(&["nothing"]);
    assert_eq!(usage.code, Some(2));
    let deniable = ann.run(&["export", "bob", "--proof", "/tmp/never"]).failed(1);
    assert!(deniable.contains("deniable"), "{deniable}");
    drop(bob);
}
