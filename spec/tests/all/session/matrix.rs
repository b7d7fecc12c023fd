//! The state × event matrix: a snapshot, and the same table in the chapter.

use std::fmt::Write as _;

use edgewise_spec::session::{Purpose, SealRefused};

use super::ends::{Cell, End, Ends, START};

const CHAPTER: &str = include_str!("../../../session.md");

/// An end in a state, and a cell of the other end's: of the step that this end knows, if it knows
/// one, and of the step that may come next, if one may.
struct Stage {
    end: End,
    known: Option<Cell>,
    next: Option<Cell>,
}

fn stage(state: &str) -> Stage {
    let mut ends = Ends::new(31);
    if state == "Invited" {
        let next = Some(ends.claimer.say("hello"));
        return Stage { end: ends.inviter, known: None, next };
    }
    if state == "Claimed" {
        ends.pass(true, "hello");
        let next = Some(ends.inviter.say("answer"));
        return Stage { end: ends.claimer, known: None, next };
    }
    ends.pass(true, "hello");
    if state == "Answering" {
        let known = Some(ends.claimer.say("more"));
        return Stage { end: ends.inviter, known, next: None };
    }
    ends.pass(false, "answer");
    match state {
        "Waiting" => {
            let known = ends.claimer.clone_before_step();
            let next = Some(ends.claimer.say("next step"));
            Stage { end: ends.inviter, known: Some(known), next }
        }
        "Entitled" => {
            let known = Some(ends.inviter.say("more"));
            Stage { end: ends.claimer, known, next: None }
        }
        other => panic!("{other}"),
    }
}

impl End {
    /// A cell of the step before the one that a message would make.
    fn clone_before_step(&self) -> Cell {
        self.clone().seal(Purpose::Cover, "").unwrap()
    }
}

fn cell(state: &str, event: &str) -> String {
    let mut stage = stage(state);
    let before = stage.end.session.safety_number();
    let seal = |end: &mut End, purpose| match end.seal(purpose, "x") {
        Ok(_) if end.session.safety_number() == before => "sealed".to_owned(),
        Ok(_) => "stepped, sealed".to_owned(),
        Err(SealRefused::NotYet) => "refused".to_owned(),
        Err(other) => panic!("{other}"),
    };
    let hear = |end: &mut End, cell: &Cell| match end.hear(cell) {
        Ok(_) => "opened".to_owned(),
        Err(_) => "refused".to_owned(),
    };
    let end = &mut stage.end;
    let what = match event {
        "message to seal" => seal(end, Purpose::Message),
        "cover or answer to seal" => seal(end, Purpose::Cover),
        "the same, 8 ticks after the last step" => {
            end.now = START.plus_seconds(480);
            seal(end, Purpose::Cover)
        }
        "cell of the known step" => stage.known.map_or("–".to_owned(), |cell| hear(end, &cell)),
        "cell of the next step" => stage.next.map_or("–".to_owned(), |cell| hear(end, &cell)),
        "any other cell" => hear(end, &Cell { s: 5, cell: vec![7; 3_120] }),
        other => panic!("{other}"),
    };
    format!("{what} → {}", end.state())
}

#[test]
fn a_session_handles_every_event_in_every_state() {
    let states = ["Invited", "Answering", "Claimed", "Waiting", "Entitled"];
    let events = [
        "message to seal",
        "cover or answer to seal",
        "the same, 8 ticks after the last step",
        "cell of the known step",
        "cell of the next step",
        "any other cell",
    ];
    let mut table = format!("| state | {} |\n|---|", events.join(" | "));
    table.push_str(&"---|".repeat(events.len()));
    for state in states {
        let cells: Vec<_> = events.iter().map(|event| cell(state, event)).collect();
        write!(table, "\n| {state} | {} |", cells.join(" | ")).unwrap();
    }
    table.push('\n');
    assert!(CHAPTER.contains(&table), "session.md lacks this table:\n{table}");
    insta::assert_snapshot!(table);
}
