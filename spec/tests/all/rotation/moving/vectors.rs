//! Moves and answers to moves, and what becomes of them: two groups of `rotation.json`.

use edgewise_spec::rotation::moving::{
    Direction, Follower, FollowerEvent, FollowerStep, MoveRefused, MovedRefused, Mover, MoverEvent,
    MoverStep,
};
use serde::{Deserialize, Serialize};

use crate::vector::{Vector, vector};

/// A move that comes to a sender.
#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct MoveInput {
    /// How many places the direction has.
    n: u8,
    /// The move that was answered last, of place 0; 0 for none.
    answered: u32,
    /// The s of that answer.
    answered_s: u32,
    /// The highest number taken up.
    taken: u32,
    sealed: u32,
    acked: u32,
    number: u32,
    place: u8,
    base: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct MoveOutput {
    verdict: String,
    /// Of `repeat`: what is answered again; else 0.
    s: u32,
}

/// An answer that comes to a recipient.
#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct MovedInput {
    /// The move asked for last; 0 for none. Lower numbers were superseded.
    asked: u32,
    asked_place: u8,
    base: u32,
    opened: u32,
    number: u32,
    place: u8,
    s: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct MovedOutput {
    verdict: String,
}

fn event(input: &MoveInput, number: u32, to: u32) -> FollowerEvent<'static> {
    let MoveInput { n, place, base, sealed, acked, .. } = *input;
    let (descriptor, now) = (&b"any"[..], Direction { sealed, acked });
    FollowerEvent::Move { number, place, base, descriptor, n, from: 0, to, now }
}

pub fn judge_move(input: &MoveInput) -> Result<MoveOutput, &'static str> {
    let mut follower = Follower::default();
    if input.answered > 0 {
        let sealed = input.answered_s - 1;
        let before = MoveInput { n: 1, place: 0, base: sealed, sealed, acked: sealed, ..*input };
        let _ = follower.handle(event(&before, input.answered, 10));
        let _ = follower.handle(FollowerEvent::Claimed(Direction { sealed, acked: sealed }));
    }
    if input.taken > input.answered {
        let before = MoveInput { n: 1, place: 0, base: input.sealed, ..*input };
        let _ = follower.handle(event(&before, input.taken, 11));
        assert!(follower.claim().is_some());
    }
    let (verdict, s) = match follower.handle(event(input, input.number, 12)) {
        FollowerStep::Claim { .. } => ("claim", 0),
        FollowerStep::Repeat(answer) => ("repeat", answer.s),
        FollowerStep::Nothing => ("ignore", 0),
        FollowerStep::Refused(MoveRefused::Number) => return Err("number"),
        FollowerStep::Refused(MoveRefused::Place { .. }) => return Err("place"),
        FollowerStep::Refused(MoveRefused::Base { .. }) => return Err("base"),
        other => panic!("{other:?}"),
    };
    Ok(MoveOutput { verdict: verdict.to_owned(), s })
}

pub fn judge_moved(input: &MovedInput) -> Result<MovedOutput, &'static str> {
    let MovedInput { asked, asked_place, base, opened, number, place, s } = *input;
    let mut mover = Mover::default();
    for lane in 10..10 + asked {
        let begin = MoverEvent::Begin { place: asked_place, from: 0, lane, opened: base };
        let _ = mover.handle(begin).unwrap();
        let _ = mover.handle(MoverEvent::Created).unwrap();
    }
    let verdict = match mover.handle(MoverEvent::Moved { number, place, s, opened }).unwrap() {
        MoverStep::Taken { .. } => "take",
        MoverStep::Nothing => "ignore",
        MoverStep::Refused(MovedRefused::Number(_)) => return Err("number"),
        MoverStep::Refused(MovedRefused::Place { .. }) => return Err("place"),
        MoverStep::Refused(MovedRefused::Early { .. }) => return Err("early"),
        MoverStep::Refused(MovedRefused::Far { .. }) => return Err("far"),
        other => panic!("{other:?}"),
    };
    Ok(MovedOutput { verdict: verdict.to_owned() })
}

/// Each with what it is meant to come to, said apart from the code.
const MOVES: [(&str, &str, &str, &str, [u32; 9]); 17] = [
    // name, comment, clause, expected, [n, answered, answered_s, taken, sealed, acked, number, place, base]
    ("first", "the first move", "ROTATION-29", "claim", [3, 0, 0, 0, 40, 30, 1, 2, 35]),
    ("higher", "numbers may be left out", "ROTATION-29", "claim", [3, 1, 9, 1, 40, 30, 7, 2, 35]),
    ("supersedes", "above one that waits", "ROTATION-29", "claim", [3, 1, 9, 2, 40, 30, 3, 0, 35]),
    ("pending", "one that waits, again", "ROTATION-29", "ignore", [3, 1, 9, 2, 40, 30, 2, 0, 35]),
    ("lower", "below the one answered", "ROTATION-29", "ignore", [3, 4, 9, 4, 40, 30, 3, 0, 35]),
    ("again", "the one answered", "ROTATION-30", "repeat", [3, 4, 9, 4, 40, 30, 4, 0, 35]),
    (
        "again-late",
        "the one answered, with a base that is out of reach by now",
        "ROTATION-30",
        "repeat",
        [3, 4, 9, 4, 4_000, 4_000, 4, 0, 8],
    ),
    (
        "again-while-another",
        "the one answered, while a later one waits",
        "ROTATION-30",
        "repeat",
        [3, 4, 9, 5, 40, 30, 4, 0, 35],
    ),
    (
        "number-zero",
        "numbers begin with 1",
        "ROTATION-27",
        "number",
        [3, 0, 0, 0, 40, 30, 0, 0, 35],
    ),
    (
        "number-last",
        "the last number",
        "ROTATION-29",
        "claim",
        [3, 0, 0, 0, 40, 30, u32::MAX, 0, 35],
    ),
    ("place", "the first that is none", "ROTATION-27", "place", [3, 0, 0, 0, 40, 30, 1, 3, 35]),
    ("place-last", "the last place", "ROTATION-27", "claim", [10, 0, 0, 0, 40, 30, 1, 9, 35]),
    ("base-lowest", "512 below ack", "ROTATION-28", "claim", [1, 0, 0, 0, 1_400, 1_000, 1, 0, 488]),
    ("base-low", "513 below ack", "ROTATION-28", "base", [1, 0, 0, 0, 1_400, 1_000, 1, 0, 487]),
    ("base-highest", "512 ahead", "ROTATION-28", "claim", [1, 0, 0, 0, 1_400, 1_000, 1, 0, 1_912]),
    ("base-high", "513 ahead", "ROTATION-28", "base", [1, 0, 0, 0, 1_400, 1_000, 1, 0, 1_913]),
    ("base-last", "the last s", "ROTATION-28", "base", [1, 0, 0, 0, 40, 30, 1, 0, u32::MAX]),
];

const ANSWERS: [(&str, &str, &str, &str, [u32; 7]); 13] = [
    // name, comment, clause, expected, [asked, asked_place, base, opened, number, place, s]
    ("good", "the move asked for", "ROTATION-23", "take", [1, 2, 50, 60, 1, 2, 61]),
    ("newest", "the last of three", "ROTATION-23", "take", [3, 2, 50, 60, 3, 2, 61]),
    ("superseded", "the second of three", "ROTATION-23", "ignore", [3, 2, 50, 60, 2, 2, 61]),
    (
        "superseded-absurd",
        "whatever else it says",
        "ROTATION-23",
        "ignore",
        [3, 2, 50, 60, 2, 1, 1],
    ),
    ("never", "no move was begun", "ROTATION-23", "number", [0, 0, 50, 60, 1, 0, 61]),
    ("number-zero", "no move has it", "ROTATION-23", "number", [2, 0, 50, 60, 0, 0, 61]),
    ("number-high", "a move that was not begun", "ROTATION-23", "number", [2, 0, 50, 60, 3, 0, 61]),
    ("place", "of another place", "ROTATION-23", "place", [1, 2, 50, 60, 1, 1, 61]),
    ("first-s", "one above the base", "ROTATION-24", "take", [1, 0, 50, 60, 1, 0, 51]),
    ("base", "the base itself", "ROTATION-24", "early", [1, 0, 50, 60, 1, 0, 50]),
    ("last-s", "513 above the highest opened", "ROTATION-24", "take", [1, 0, 50, 60, 1, 0, 573]),
    ("far", "514 above", "ROTATION-24", "far", [1, 0, 50, 60, 1, 0, 574]),
    (
        "last-of-all",
        "an s that no end comes to",
        "ROTATION-24",
        "far",
        [1, 0, 50, 60, 1, 0, u32::MAX],
    ),
];

fn flags(expected: &str) -> &'static [&'static str] {
    match expected {
        "claim" | "take" => &[],
        "ignore" | "repeat" => &["Old"],
        _ => &["Reach"],
    }
}

fn place(number: u32) -> u8 {
    u8::try_from(number).unwrap()
}

pub fn moves() -> Vec<Vector<MoveInput, MoveOutput>> {
    let made = MOVES.iter().map(|(name, comment, clause, expected, numbers)| {
        let [n, answered, answered_s, taken, sealed, acked, number, at, base] = *numbers;
        let (n, place) = (place(n), place(at));
        let input =
            MoveInput { n, answered, answered_s, taken, sealed, acked, number, place, base };
        let outcome = judge_move(&input);
        vector(&format!("move/{name}"), comment, &[clause], flags(expected), input, outcome)
    });
    made.collect()
}

pub fn answers() -> Vec<Vector<MovedInput, MovedOutput>> {
    let made = ANSWERS.iter().map(|(name, comment, clause, expected, numbers)| {
        let [asked, asked_place, base, opened, number, at, s] = *numbers;
        let (asked_place, place) = (place(asked_place), place(at));
        let input = MovedInput { asked, asked_place, base, opened, number, place, s };
        let outcome = judge_moved(&input);
        vector(&format!("moved/{name}"), comment, &[clause], flags(expected), input, outcome)
    });
    made.collect()
}

#[test]
fn each_comes_to_what_is_said_of_it() {
    for (vector, (_, _, _, expected, _)) in moves().iter().zip(&MOVES) {
        let got = vector.output.as_ref().map(|output| output.verdict.as_str());
        assert_eq!(got.or(vector.expect_layer.as_deref()), Some(*expected), "{}", vector.id);
    }
    for (vector, (_, _, _, expected, _)) in answers().iter().zip(&ANSWERS) {
        let got = vector.output.as_ref().map(|output| output.verdict.as_str());
        assert_eq!(got.or(vector.expect_layer.as_deref()), Some(*expected), "{}", vector.id);
    }
}
