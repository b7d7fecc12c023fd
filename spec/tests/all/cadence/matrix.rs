//! State × event of both ends of the lock-step. The same tables stand in the chapter.

use std::fmt::Write as _;

use edgewise_spec::cadence::{Answering, Beat, Rhythm, TickMs};
use edgewise_spec::constants::{TICKS_AHEAD_MAX, TICKS_UNANSWERED_MAX};
use edgewise_spec::time::Now;

const CHAPTER: &str = include_str!("../../../cadence.md");

/// Points are at whole seconds.
fn at(millis: u64) -> Now {
    Now::from_millis(1_800_000_000_000 + millis)
}

fn tick() -> TickMs {
    TickMs::try_from(1_000).unwrap()
}

/// A client whose last point was at 0, with so many blocks unanswered.
fn client(state: &str) -> Beat {
    let mut beat = Beat::new(Rhythm::new(tick(), 0).unwrap());
    let unanswered = match state {
        "First" => return beat,
        "Even" => 0,
        "Waiting" => 1,
        "Full" => TICKS_UNANSWERED_MAX as u64,
        other => panic!("{other}"),
    };
    let blocks = TICKS_UNANSWERED_MAX as u64;
    let begin = Now::from_millis(at(0).millis() - 1_000 * (blocks - 1));
    for n in 0..blocks {
        assert!(beat.take(begin.plus_millis(n * 1_000)));
        if n >= unanswered {
            beat.answered().unwrap();
        }
    }
    beat
}

fn client_cell(state: &str, event: &str) -> String {
    let mut beat = client(state);
    let mut sent = |now| if beat.take(now) { "block" } else { "–" };
    let what = match event {
        "before the next point" => sent(at(999)),
        "at the next point" => sent(at(1_000)),
        "half a tick after it" => sent(at(1_500)),
        "an hour later, at a point" => match sent(at(3_600_000)) {
            "block" => {
                assert!(!beat.take(at(3_600_000)), "no more than one");
                "block"
            }
            other => other,
        },
        "block comes in" => match beat.answered() {
            Ok(()) => "–",
            Err(_) => return "OUT_OF_STEP → Over".to_owned(),
        },
        other => panic!("{other}"),
    };
    format!("{what} → {beat:?}")
}

fn server(state: &str) -> (Answering, Now) {
    let mut answering = Answering::new(tick(), at(0));
    match state {
        "Even" => {}
        "Even, credit spent" => {
            for _ in 0..TICKS_AHEAD_MAX {
                answering.block(at(0)).unwrap();
                answering.carried_out();
                assert!(answering.answer());
            }
        }
        "Held" => answering.block(at(0)).unwrap(),
        "Ready" => {
            answering.block(at(0)).unwrap();
            answering.carried_out();
        }
        other => panic!("{other}"),
    }
    (answering, at(0))
}

fn server_cell(state: &str, event: &str) -> String {
    let (mut answering, now) = server(state);
    let what = match event {
        "block comes in" => match answering.block(now) {
            Ok(()) => "–",
            Err(_) => return "OUT_OF_STEP → Over".to_owned(),
        },
        "its items are carried out" => {
            answering.carried_out();
            "–"
        }
        "carrier has room" => match answering.answer() {
            true => "answer",
            false => "–",
        },
        other => panic!("{other}"),
    };
    format!("{what} → {answering:?}")
}

fn table(states: &[&str], events: &[&str], cell: impl Fn(&str, &str) -> String) -> String {
    let mut out = format!("| state | {} |\n|---|", events.join(" | "));
    out.push_str(&"---|".repeat(events.len()));
    for state in states {
        let cells: Vec<_> = events.iter().map(|event| cell(state, event)).collect();
        write!(out, "\n| {state} | {} |", cells.join(" | ")).unwrap();
    }
    out + "\n"
}

#[test]
fn the_client_handles_every_event_in_every_state() {
    let states = ["First", "Even", "Waiting", "Full"];
    let events = [
        "before the next point",
        "at the next point",
        "half a tick after it",
        "an hour later, at a point",
        "block comes in",
    ];
    let table = table(&states, &events, client_cell);
    assert!(CHAPTER.contains(&table), "cadence.md lacks this table:\n{table}");
    insta::assert_snapshot!(table);
}

#[test]
fn the_server_handles_every_event_in_every_state() {
    let states = ["Even", "Even, credit spent", "Held", "Ready"];
    let events = ["block comes in", "its items are carried out", "carrier has room"];
    let table = table(&states, &events, server_cell);
    assert!(CHAPTER.contains(&table), "cadence.md lacks this table:\n{table}");
    insta::assert_snapshot!(table);
}
