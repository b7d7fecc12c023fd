//! Two people who have nothing but the program.

use super::{Person, Serving, met, mode, program};

#[test]
fn two_people_talk() {
    let server = Serving::start();
    let (ann, bob) = met(&server, &[]);
    assert_eq!((mode(&ann.data()), mode(&ann.data().join("chat.db"))), (0o700, 0o600));

    let said = bob.run(&["send", "ann", "hello", "Ann"]).ok();
    assert_eq!((&said["kind"], &said["in_time"]), (&"said".into(), &true.into()));
    let got = ann.run(&["receive", "--seconds", "20"]);
    assert_eq!(got.said.len(), 2, "{got:?}");
    let message = &got.said[0];
    assert_eq!((&message["kind"], &message["name"]), (&"message".into(), &"Bob".into()));
    assert_eq!(message["message"]["said"]["text"], "hello Ann");
    assert_eq!(got.said[1]["kind"], "done");
    // It was seen: there is nothing new.
    assert_eq!(ann.run(&["receive", "--seconds", "0"]).ok()["what"], "nothing new");

    let first = message["message"]["position"].to_string();
    let reply = ann.run_with(&["reply", "bob", &first, "-"], "two\nlines\n").ok();
    assert_eq!(reply["message"]["said"]["text"], "two\nlines");
    let second = reply["message"]["position"].to_string();
    ann.run(&["edit", "bob", &second, "one line"]).ok();
    ann.run(&["react", "bob", &first, "👍"]).ok();
    let third =
        ann.run(&["send", "bob", "--", "--nothing"]).ok()["message"]["position"].to_string();
    ann.run(&["delete", "bob", &third]).ok();
    let mut got = bob.start(&["receive", "ann", "--follow", "--count", "2"]);
    assert_eq!(got.next()["name"], "Ann");
    drop(got);
    bob.run(&["receive", "--seconds", "5"]);
    let history = bob.run(&["history", "ann"]).ok();
    let messages = history["messages"].as_array().unwrap();
    let types: Vec<_> = messages.iter().map(|of| of["said"]["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["text", "reply", "deleted"], "{history}");
    assert_eq!(messages[0]["reactions"][0]["with"], "👍");
    assert_eq!(
        (&messages[1]["said"]["text"], &messages[1]["edited"]),
        (&"one line".into(), &true.into())
    );
    let found = bob.run(&["search", "ann", "ONE"]).ok();
    assert_eq!(found["messages"].as_array().unwrap().len(), 1);

    let exported = bob.run(&["export", "ann"]);
    assert_eq!((exported.code, exported.said.len()), (Some(0), 3));
    let file = bob.home.path().join("talk.jsonl");
    bob.run(&["export", "ann", "--out", file.to_str().unwrap()]).ok();
    assert_eq!((std::fs::read_to_string(&file).unwrap().lines().count(), mode(&file)), (3, 0o600));
}

#[test]
fn contacts_are_looked_after() {
    let server = Serving::start();
    let (ann, bob) = met(&server, &[]);
    let here = ann.run(&["verify", "bob"]).ok();
    let there = bob.run(&["verify", "ann", "--same"]).ok();
    assert_eq!(here["safety"]["number"], there["safety"]["number"]);
    assert_eq!(here["safety"]["number"].as_str().unwrap().split(' ').count(), 12);
    assert_eq!(there["contact"]["verified"], "compared");
    assert_eq!(bob.run(&["verify", "ann", "--different"]).ok()["contact"]["verified"], "no");

    assert_eq!(ann.run(&["rename", "bob", "Robert", "B"]).ok()["contact"]["name"], "Robert B");
    let id = ann.run(&["contacts", "rob"]).ok()["contact"]["id"].as_str().unwrap().to_owned();
    assert_eq!(ann.run(&["block", id.get(..8).unwrap()]).ok()["contact"]["blocked"], true);
    assert_eq!(ann.run(&["unblock", &id]).ok()["contact"]["blocked"], false);
    ann.run(&["rotate", "robert"]).ok();
    let healthy = ann.run(&["doctor"]).ok();
    assert_eq!((&healthy["kind"], &healthy["healthy"]), (&"findings".into(), &true.into()));

    ann.run(&["profile", "set", "--about", "at sea", "--read-receipts", "on"]).ok();
    let added = ann.run(&["profile", "add", "Other"]).ok();
    assert_eq!(added["profiles"].as_array().unwrap().len(), 2);
    let named = |list: &serde_json::Value, name: &str| {
        let list = list["profiles"].as_array().unwrap();
        list.iter().find(|profile| profile["name"] == name).unwrap().clone()
    };
    let mine = named(&added, "Ann");
    assert_eq!((&mine["about"], &mine["read_receipts"]), (&"at sea".into(), &true.into()));
    assert_eq!(mine["current"], true);
    assert_eq!(
        ann.run(&["--profile", "other", "contacts"]).ok()["contacts"],
        serde_json::json!([])
    );
    let used = ann.run(&["profile", "use", "other"]).ok();
    assert_eq!(named(&used, "Other")["current"], true);
    assert_eq!(ann.run(&["contacts"]).ok()["contacts"], serde_json::json!([]));
    let mine = ann.run(&["--profile", "ann", "contacts"]).ok();
    assert_eq!(mine["contacts"].as_array().unwrap().len(), 1);
    // What cannot be undone is asked for first, and there is no terminal to ask at.
    for removal in [&["profile", "remove", "other"][..], &["remove", "robert"]] {
        assert!(ann.run(removal).failed(2).contains("--yes"), "{removal:?}");
    }
    let kept = ann.run(&["--profile", "ann", "contacts", "rob"]).ok();
    assert_eq!(kept["contact"]["name"], "Robert B");
    ann.run(&["profile", "remove", "other", "--yes"]).ok();
    ann.run(&["remove", "robert", "--yes"]).ok();
    assert_eq!(ann.run(&["contacts"]).ok()["contacts"], serde_json::json!([]));
    let servers = ann.run(&["servers", "list"]).ok();
    assert_eq!(servers["servers"][0]["address"], server.address());
    ann.run(&["servers", "remove", "edgewise"]).ok();
    let none = ann.run(&["invite", "--seconds", "1"]).failed(1);
    assert!(none.contains("edgewise servers add"), "{none}");
}

#[test]
fn an_invitation_goes_over_as_a_picture_and_a_third_is_introduced() {
    let server = Serving::start();
    let (ann, bob) = met(&server, &[]);
    let carol = Person::new("Carol", &server);
    let picture = carol.home.path().join("card.png");
    let path = picture.to_str().unwrap();
    // Carol makes one for Bob, and gives it to Ann as a picture; Ann passes it on.
    let mut inviting = carol.start(&["invite", "--label", "Bob", "--png", path, "--wait"]);
    assert_eq!(inviting.next()["invitation"]["given"], "sent");
    assert_eq!(mode(&picture), 0o600);
    ann.run(&["introduce", "bob", path, "--name", "Carol"]).ok();
    let got = bob.run(&["receive", "--seconds", "20"]);
    let said = &got.said[0]["message"]["said"];
    assert_eq!(
        (&said["type"], &said["name"]),
        (&"introduction".into(), &"Carol".into()),
        "{got:?}"
    );
    let card = said["card"].as_str().unwrap();
    assert_eq!(bob.run(&["accept", card, "--wait", "20"]).ok()["contact"]["reach"], "ready");
    assert_eq!(inviting.next()["contact"]["name"], "Bob");
}

#[test]
fn a_proof_is_shown_to_somebody_who_has_no_store() {
    let server = Serving::start();
    let (ann, bob) = met(&server, &["--attested"]);
    bob.run(&["send", "ann", "I owe you five"]).ok();
    ann.run(&["receive", "--seconds", "20"]).ok();
    ann.run(&["send", "bob", "noted"]).ok();
    let file = ann.home.path().join("proof");
    let path = file.to_str().unwrap();
    ann.run(&["export", "bob", "--proof", path]).ok();
    assert_eq!(mode(&file), 0o600);
    let verify = || {
        let output = program().args(["--json", "verify-proof", path]).output().unwrap();
        super::Ran::of(&output)
    };
    let proven = verify().ok();
    let texts: Vec<_> =
        proven["messages"].as_array().unwrap().iter().map(|of| &of["text"]).collect();
    assert!(texts.iter().any(|text| *text == "I owe you five"), "{proven}");
    let mut bytes = std::fs::read(&file).unwrap();
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(verify().failed(1).contains("shows nothing"));
}

#[test]
fn what_is_said_without_a_server_is_kept() {
    let mut server = Serving::start();
    let (ann, bob) = met(&server, &[]);
    server.stop();
    let late = ann.run(&["send", "bob", "later", "--wait", "1"]);
    assert_eq!((late.code, &late.said[0]["in_time"]), (Some(4), &false.into()), "{late:?}");
    assert_eq!(late.said[0]["message"]["delivery"], "waiting");
    assert_eq!(ann.run(&["history", "bob"]).ok()["messages"][0]["said"]["text"], "later");
    let sick = ann.run(&["doctor", "--seconds", "1"]);
    assert_eq!((sick.code, &sick.said[0]["healthy"]), (Some(1), &false.into()));
    let reached = ann.run(&["invite", "--seconds", "1"]).failed(4);
    assert!(reached.contains("is kept") && reached.contains("edgewise doctor"), "{reached}");
    drop(bob);
}

#[test]
fn the_demonstration_takes_less_than_ten_seconds() {
    let begun = std::time::Instant::now();
    let output = program().args(["demo", "--script", "--json"]).output().unwrap();
    assert!(begun.elapsed().as_secs() < 10);
    let ran = super::Ran::of(&output);
    let kinds: Vec<_> = ran.said.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["message", "message", "message", "message", "demo"]);
    // Text, where nobody asked for JSON: no colours without a terminal.
    let output = program().arg("demo").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Bob: Hello Ann!") && !text.contains('\u{1b}'), "{text}");
    let output = program().args(["--color", "always", "demo"]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("\u{1b}[1m"));
}

#[test]
fn completions_and_the_manual_name_the_verbs() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = program().args(["completions", shell]).output().unwrap();
        assert!(String::from_utf8(output.stdout).unwrap().contains("verify-proof"), "{shell}");
    }
    let output = program().arg("man").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with(".ie") && text.contains("EDGEWISE INTRODUCE"), "{text}");
}

#[test]
fn a_stranger_asks_at_a_contact_address() {
    let server = Serving::start();
    let (ann, bob) = (Person::new("Ann", &server), Person::new("Bob", &server));
    assert_eq!(ann.run(&["address", "show"]).ok()["address"], serde_json::Value::Null);
    let address = ann.run(&["address", "add"]).ok();
    let card = address["address"]["card"].as_str().unwrap();
    assert!(bob.run(&["accept", card]).failed(1).contains("address request"));
    let mut owner = ann.start(&["daemon"]);
    owner.next();
    let mut asking =
        bob.start(&["address", "request", card, "--greeting", "Bob, from the ferry", "--wait"]);
    assert_eq!(asking.next()["kind"], "asked");
    let begun = std::time::Instant::now();
    let number = loop {
        let asked = ann.run(&["address", "requests"]).ok();
        if let Some(request) = asked["requests"].as_array().unwrap().first() {
            assert_eq!(request["greeting"], "Bob, from the ferry");
            break request["number"].to_string();
        }
        assert!(begun.elapsed().as_secs() < 20, "nobody asks");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    ann.run(&["address", "accept", &number, "--name", "Ferry"]).ok();
    assert_eq!(asking.next()["kind"], "accepted");
    assert_eq!(asking.wait(), Some(0));
    assert_eq!(ann.run(&["contacts", "ferry"]).ok()["contact"]["name"], "Ferry");
    ann.run(&["address", "remove"]).ok();
    assert_eq!(ann.run(&["address", "show"]).ok()["address"], serde_json::Value::Null);
}
