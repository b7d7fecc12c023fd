//! What changes how two people reach each other: moving, blocking, broadcasting, keys.

use serde_json::Value;

use super::{Person, Serving, met};

/// The servers of the connections of one direction with a contact.
fn servers(person: &Person, contact: &str, direction: &str) -> Vec<String> {
    let view = person.run(&["contacts", contact]).ok();
    let all = view["contact"]["connections"].as_array().unwrap().iter();
    let its = all.filter(|it| it["direction"] == direction);
    its.map(|it| it["server"].as_str().unwrap().to_owned()).collect()
}

fn texts(got: &[Value]) -> Vec<&str> {
    got.iter().filter_map(|line| line["message"]["said"]["text"].as_str()).collect()
}

#[test]
fn a_connection_moves_to_another_server() {
    let (mut old, new) = (Serving::start(), Serving::start_as(7));
    let (ann, bob) = met(&old, &[]);
    bob.run(&["send", "ann", "before"]).ok();
    assert_eq!(texts(&ann.run(&["receive", "--seconds", "20"]).said), ["before"]);
    assert_eq!(servers(&ann, "bob", "received"), [old.address()]);
    ann.run(&["move", "bob", "--server", &new.address()]).ok();
    // Bob hears of it, claims the new connection and says so; then Ann leaves the old one.
    let begun = std::time::Instant::now();
    while servers(&ann, "bob", "received") != [new.address()] {
        bob.run(&["receive", "--seconds", "1"]);
        ann.run(&["receive", "--seconds", "1"]);
        assert!(begun.elapsed().as_secs() < 60, "it does not move");
    }
    old.stop();
    assert_eq!(bob.run(&["send", "ann", "after"]).ok()["in_time"], true);
    assert_eq!(texts(&ann.run(&["receive", "--seconds", "20"]).said), ["after"]);
    assert!(ann.run(&["move", "bob", "--place", "3"]).failed(1).contains("no place 3"));
}

/// When the program ends, servers have done what it was asked for: it waits for them, and no
/// longer.
#[test]
fn blocking_and_new_keys_are_there_when_the_program_ends() {
    let server = Serving::start();
    let (ann, bob) = met(&server, &[]);
    // A change that is not confirmed lets no other one begin.
    for _ in 0..3 {
        ann.run(&["rotate", "bob"]).ok();
    }
    ann.run(&["block", "bob"]).ok();
    let late = bob.run(&["send", "ann", "hello?", "--wait", "2"]);
    assert_eq!((late.code, &late.said[0]["in_time"]), (Some(4), &false.into()), "{late:?}");
    ann.run(&["unblock", "bob"]).ok();
    assert_eq!(bob.run(&["send", "ann", "and now?"]).ok()["in_time"], true);
    let got = ann.run(&["receive", "--seconds", "20"]);
    assert!(texts(&got.said).contains(&"hello?"), "{got:?}");
}

#[test]
fn a_broadcast_is_listened_to() {
    let server = Serving::start();
    let (ann, bob) = met(&server, &[]);
    ann.run(&["broadcast", "open", "bob", "News"]).ok();
    ann.run(&["send", "bob", "first"]).ok();
    let got = bob.run(&["receive", "--seconds", "20"]).said;
    assert_eq!(got[0]["message"]["said"]["type"], "broadcast", "{got:?}");
    assert!(texts(&got).iter().any(|text| text.contains("News")), "{got:?}");
    assert_eq!(bob.run(&["contacts", "ann"]).ok()["contact"]["broadcast"], "listener");
    assert_eq!(ann.run(&["contacts", "bob"]).ok()["contact"]["broadcast"], "source");
    assert!(bob.run(&["send", "ann", "me too"]).failed(1).contains("only listen"));
    bob.run(&["broadcast", "pause", "ann"]).ok();
    let got = ann.run(&["receive", "--seconds", "20"]).said;
    assert!(texts(&got).iter().any(|text| text.contains("nothing more")), "{got:?}");
    bob.run(&["broadcast", "resume", "ann"]).ok();
    ann.run(&["broadcast", "close", "bob"]).ok();
    let begun = std::time::Instant::now();
    while bob.run(&["contacts", "ann"]).ok()["contact"]["broadcast"] == "listener" {
        bob.run(&["receive", "--seconds", "1"]);
        assert!(begun.elapsed().as_secs() < 40, "it is not over");
    }
    bob.run(&["send", "ann", "at last"]).ok();
}
