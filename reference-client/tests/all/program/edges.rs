//! Servers with several edges, and lists of servers.

use std::fs;

use serde_json::Value;
use tokio::runtime::Runtime;

use super::{Person, Serving};
use crate::edge::two_edges;

fn findings<'a>(of: &'a Value, begins: &str) -> Vec<(bool, &'a str)> {
    let all = of["findings"].as_array().unwrap().iter();
    let its = all.filter(|it| it["what"].as_str().unwrap().starts_with(begins));
    its.map(|it| (it["good"].as_bool().unwrap(), it["what"].as_str().unwrap())).collect()
}

/// One whose list is read: each line that cannot be is told, and the others are added.
#[test]
fn a_list_of_servers_is_added() {
    let (own, other, third) = (Serving::start(), Serving::start_as(7), Serving::start_as(8));
    let ann = Person::new("Ann", &own);
    let list = format!(
        "# One address of each group; its other edges are found through it.\n\
         Ours:\n\n{}\n  group  2  {} # the second\n          also at 127.0.0.1:9\n\
         http://127.0.0.1:1\nedgewise://short@127.0.0.1:1\n{}\n{}\n",
        own.address(),
        other.address(),
        other.address().replace("127.0.0.1", "localhost"),
        third.address(),
    );
    let file = ann.home.path().join("network.txt");
    fs::write(&file, &list).unwrap();
    let added = ann.run(&["servers", "add", "--file", file.to_str().unwrap()]);
    assert_eq!(added.code, Some(1), "{added:?}");
    let said = added.said.last().unwrap();
    assert_eq!((&said["kind"], &said["schema"]), (&"servers-added".into(), &1.into()));
    assert_eq!((&said["added"], &said["had"]), (&2.into(), &2.into()), "{said}");
    let failed: Vec<_> = said["failed"].as_array().unwrap().iter().collect();
    let lines: Vec<_> = failed.iter().map(|it| it["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [7, 8]);
    assert!(failed[0]["why"].as_str().unwrap().contains("begins with edgewise://"), "{said}");
    assert!(failed[1]["why"].as_str().unwrap().contains("43 characters"), "{said}");
    let listed = ann.run(&["servers", "list"]).ok();
    let listed: Vec<_> = listed["servers"].as_array().unwrap().iter().collect();
    let listed: Vec<_> = listed.iter().map(|it| it["address"].as_str().unwrap()).collect();
    assert_eq!(listed, [own.address(), other.address(), third.address()]);
    // Again, from standard input: there is nothing to do, and nothing is wrong.
    let again = format!("{}\n{}", own.address(), third.address());
    let again = ann.run_with(&["servers", "add", "--file", "-"], &again).ok();
    assert_eq!((&again["added"], &again["had"]), (&0.into(), &2.into()), "{again}");
    let neither = ann.run(&["servers", "add"]);
    assert_eq!(neither.code, Some(2), "{neither:?}");
    let missing = ann.run(&["servers", "add", "--file", "/nonexistent"]);
    assert!(!missing.failed(2).is_empty());
}

#[test]
fn doctor_asks_every_edge() {
    let runtime = Runtime::new().unwrap();
    let (server, mut first, mut second) = runtime.block_on(two_edges());
    let ann = Person::at("Ann", &first.address(&server).to_string());
    let given = format!("server {}", first.address(&server));
    let edge = format!("{given}, edge {}", second.place);
    let well = ann.run(&["doctor", "--seconds", "2"]).ok();
    assert_eq!(findings(&well, "server "), [(true, &*given), (true, &*edge)]);
    runtime.block_on(second.close());
    let sick = ann.run(&["doctor", "--seconds", "2"]);
    assert_eq!(sick.code, Some(1));
    assert_eq!(findings(&sick.said[0], "server "), [(true, &*given), (false, &*edge)]);
    // One that has talked there knows the other edge, although the first is gone.
    ann.run(&["invite", "--link"]).ok();
    runtime.block_on(second.open(&server));
    runtime.block_on(first.close());
    let other = ann.run(&["doctor", "--seconds", "2"]);
    let found = findings(&other.said[0], "server ");
    assert_eq!(found, [(false, &*given), (true, &*edge)]);
    let text = other.said[0].to_string();
    assert!(text.contains("another edge of the server is used meanwhile"), "{text}");
    // And it is used.
    let made = ann.run(&["invite", "--link", "--seconds", "20"]).ok();
    assert!(made["card"].as_str().is_some(), "{made}");
    let _within = runtime.enter();
    drop((server, first, second));
}
