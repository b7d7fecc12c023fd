//! Sessions over many servers, by the program's options.

use serde_json::{Value, json};

use super::{Person, Serving};

fn texts(got: &[Value]) -> Vec<&str> {
    got.iter().filter_map(|line| line["message"]["said"]["text"].as_str()).collect()
}

/// Ann invites Bob so.
fn meet(ann: &Person, bob: &Person, invite: &[&str]) -> Value {
    let mut inviting = ann.start(&[&["invite", "--wait"], invite].concat());
    let made = inviting.next();
    let card = made["card"].as_str().unwrap();
    assert_eq!(bob.run(&["accept", card, "--wait", "30"]).ok()["contact"]["reach"], "ready");
    assert_eq!(inviting.next()["contact"]["name"], "Bob");
    assert_eq!(inviting.wait(), Some(0));
    made
}

#[test]
fn the_full_system_talks_without_three_of_its_servers() {
    let mut servers: Vec<Serving> = (1..=10).map(Serving::start_as).collect();
    let ann = Person::with_servers("Ann", &servers[..9]);
    let few = ann.run(&["invite", "--full"]).failed(1);
    assert!(few.contains("has 9 servers, and 10 are needed"), "{few}");
    assert!(few.contains("edgewise servers add"), "{few}");
    ann.run(&["servers", "add", &servers[9].address()]).ok();
    let bob = Person::with_servers("Bob", &servers);
    let made = meet(&ann, &bob, &["--full"]);
    let shape = json!({"class": "small", "enough": 7, "servers": 10});
    assert_eq!(made["invitation"]["shape"], shape);
    let contact = ann.run(&["contacts", "bob"]).ok()["contact"].clone();
    assert_eq!(contact["shape"], shape);
    assert_eq!(contact["connections"].as_array().unwrap().len(), 20);
    servers[..3].iter_mut().for_each(Serving::stop);
    assert_eq!(bob.run(&["send", "ann", "by seven"]).ok()["in_time"], true);
    assert_eq!(texts(&ann.run(&["receive", "--seconds", "20"]).said), ["by seven"]);
    let found = ann.run(&["doctor", "--seconds", "3"]);
    let findings = found.said[0]["findings"].as_array().unwrap();
    let its = findings.iter().find(|it| it["what"] == "contact Bob").unwrap();
    assert!(its["found"].as_str().unwrap().contains("6 of 20 connections are not up"), "{its}");
    assert!(its["found"].as_str().unwrap().contains("still enough"), "{its}");
    servers[3].stop();
    let late = bob.run(&["send", "ann", "by six", "--wait", "3"]);
    assert_eq!(late.said[0]["in_time"], false, "{late:?}");
    let found = ann.run(&["doctor", "--seconds", "3"]);
    let findings = found.said[0]["findings"].as_array().unwrap();
    let its = findings.iter().find(|it| it["what"] == "contact Bob").unwrap();
    assert!(its["found"].as_str().unwrap().contains("the others are not enough"), "{its}");
}

#[test]
fn servers_may_be_redundant_or_each_have_a_part() {
    let servers: Vec<Serving> = (1..=5).map(Serving::start_as).collect();
    let ann = Person::with_servers("Ann", &servers);
    let bob = Person::with_servers("Bob", &servers);
    for (options, class, enough, count, said) in [
        (&["--servers", "3"][..], "medium", 1, 3, "needs any of 3 servers"),
        (&["--servers", "5", "--enough", "4"], "small", 4, 5, "needs any 4 of 5 servers"),
        (&["--servers", "2", "--class", "large"], "large", 1, 2, "needs any of 2 servers"),
    ] {
        let made = meet(&ann, &bob, options);
        let shape = json!({"class": class, "enough": enough, "servers": count});
        assert_eq!(made["invitation"]["shape"], shape);
        let text = ann.text(&["contacts", "bob"]);
        assert!(text.contains(&format!("to them: carried, {said}")), "{text}");
        assert!(text.contains(&format!("from them: carried, {said}")), "{text}");
        assert!(text.contains("  from them 1: answering, edgewise://"), "{text}");
        bob.run(&["send", "ann", "hello"]).ok();
        assert_eq!(texts(&ann.run(&["receive", "--seconds", "20"]).said), ["hello"]);
        ann.run(&["remove", "bob", "--yes"]).ok();
        bob.run(&["remove", "ann", "--yes"]).ok();
    }
    for (options, why) in [
        (&["--enough", "4"][..], "--servers is as many or more"),
        (&["--servers", "5", "--enough", "3"], "--enough is 1"),
        (&["--servers", "5", "--enough", "4", "--class", "large"], "4 (small)"),
    ] {
        let refused = ann.run(&[&["invite"], options].concat()).failed(2);
        assert!(refused.contains(why), "{refused}");
    }
    assert_eq!(ann.run(&["invite", "--full", "--servers", "3"]).code, Some(2));
}
