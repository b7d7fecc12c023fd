//! Whole cells, both ways, and cells with one fault each.

use edgewise_spec::frame::Class;
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::cell::Numbers;
use edgewise_spec::session::{Mode, Purpose, Session};
use edgewise_spec::suite::Decapsulator;
use edgewise_spec::time::Now;
use serde::{Deserialize, Serialize};

use super::derivations::ciphertext;
use crate::session::known::{KnownStep, fresh, steps};
use crate::vector::{Hex, Vector, pattern, vector};

const BODY: usize = 704;

/// What both ends come from: secret, bundle, the seeds of the bundle's key and of each step's, and
/// the ciphertexts of the steps.
#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Known {
    secret: Hex,
    bundle: Hex,
    seeds: Vec<Hex>,
    cts: Vec<Hex>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SealInput {
    known: Known,
    /// The step that the cell is of, the last of `cts`.
    t: u32,
    start: u32,
    ack: u32,
    s: u32,
    body: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SealOutput {
    cell: Hex,
}

/// What an end did before: it opened a cell, or sealed one, with a step where it may.
#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Event {
    what: String,
    s: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<Hex>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct OpenInput {
    known: Known,
    /// Which end opens: claimer or inviter.
    end: String,
    before: Vec<Event>,
    s: u32,
    cell: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct OpenOutput {
    body: Hex,
    /// The highest s that is acknowledged afterwards.
    acknowledged: u32,
}

impl Known {
    /// A session of so many steps.
    fn new(count: usize) -> Self {
        let seeds: Vec<[u8; 32]> = (0..=count).map(|t| pattern(&format!("seed {t}"))).collect();
        let cts = (0..count).map(|t| ciphertext(&seeds[t], &format!("ct {t}")).into()).collect();
        Self {
            secret: pattern::<32>("secret").into(),
            bundle: b"bundle".into(),
            seeds: seeds.iter().map(Hex::from).collect(),
            cts,
        }
    }

    fn seeds(&self) -> Vec<[u8; 32]> {
        self.seeds.iter().map(Hex::array).collect()
    }

    fn cts(&self) -> Vec<[u8; 1_120]> {
        self.cts.iter().map(Hex::array).collect()
    }

    fn steps(&self) -> Vec<KnownStep> {
        steps(&self.secret.array(), &self.bundle.0, &self.seeds(), &self.cts())
    }
}

pub fn seal(input: &SealInput) -> Result<SealOutput, &'static str> {
    let step = &input.known.steps()[input.t as usize];
    let numbers = step.numbers(input.start, input.ack);
    let cell = step.cell(input.start, input.s, numbers, &input.body.0);
    Ok(SealOutput { cell: cell.into() })
}

/// The end as it is after what it did before.
fn end(input: &OpenInput) -> Session {
    let OpenInput { known, end, before, .. } = input;
    let (seeds, cts) = (known.seeds(), known.cts());
    let shape = Shape::new(Class::Small, 4, 4).unwrap();
    let (secret, bundle, now) = (known.secret.array(), &known.bundle.0, Now::default());
    let key = Decapsulator::from_seed(&seeds[0]);
    let (mut session, mut t) = if end == "claimer" {
        let (ek, fresh) = (key.encapsulator(), fresh(0, &seeds, &cts));
        let mode = Mode::Deniable;
        (Session::claim_derand(&secret, bundle, &ek, shape, mode, now, fresh), 2)
    } else {
        (Session::invite(&secret, bundle, key, shape, Mode::Deniable), 1)
    };
    for event in before {
        session = match &event.cell {
            Some(cell) => session.open(now, event.s, &cell.0).unwrap().session,
            None => {
                let sealed = session.seal_derand(Purpose::Message, now, &[0; BODY], |_| {
                    let fresh = fresh(t, &seeds, &cts);
                    t += 2;
                    fresh
                });
                sealed.unwrap().session
            }
        };
    }
    session
}

/// The layers that refuse. A session does not tell them: each vector has one fault, and is refused.
const LAYERS: [&str; 10] =
    ["length", "number", "header", "numbers", "ack", "key", "start", "skip", "commitment", "body"];

/// The layer that a vector names.
pub fn layer(name: Option<&str>) -> &'static str {
    LAYERS.into_iter().find(|layer| Some(*layer) == name).unwrap_or("refused")
}

pub fn open(input: &OpenInput) -> Option<OpenOutput> {
    let opened = end(input).open(Now::default(), input.s, &input.cell.0).ok()?;
    let acknowledged = opened.session.acknowledged();
    Some(OpenOutput { body: opened.body.into(), acknowledged })
}

pub fn seals() -> Vec<Vector<SealInput, SealOutput>> {
    let of = |name: &str, comment: &str, t: u32, start: u32, s: u32, ack: u32| {
        let (known, body) = (Known::new(t as usize + 1), pattern::<BODY>(name).into());
        let input = SealInput { known, t, start, ack, s, body };
        let outcome = seal(&input);
        vector(&format!("cell/{name}"), comment, &["SESSION-7"], &[], input, outcome)
    };
    vec![
        of("hello", "the first cell of all", 0, 1, 1, 0),
        of("answer", "the inviter's first", 1, 1, 1, 1),
        of("later", "the third cell of a later step", 2, 5, 7, 1),
    ]
}

fn opened(s: u32, cell: Vec<u8>) -> Event {
    Event { what: "open".to_owned(), s, cell: Some(cell.into()) }
}

fn sealed(s: u32) -> Event {
    Event { what: "seal".to_owned(), s, cell: None }
}

/// One vector of the group: what is asked of which end after what.
struct Asked {
    known: Known,
    end: &'static str,
    before: Vec<Event>,
}

impl Asked {
    /// An inviter of which nothing has been asked yet.
    fn inviter(count: usize, before: Vec<Event>) -> Self {
        Self { known: Known::new(count), end: "inviter", before }
    }

    fn of(
        &self,
        name: &str,
        comment: &str,
        clause: &str,
        (s, cell): (u32, Vec<u8>),
        refused: Option<(&str, &str)>,
    ) -> Vector<OpenInput, OpenOutput> {
        let (known, before, end) = (self.known.clone(), self.before.clone(), self.end.to_owned());
        let input = OpenInput { known, end, before, s, cell: cell.into() };
        let outcome = open(&input);
        assert_eq!(outcome.is_none(), refused.is_some(), "{name}");
        let flags: Vec<_> = refused.iter().map(|(flag, _)| *flag).collect();
        let outcome = outcome.ok_or_else(|| layer(refused.map(|(_, layer)| layer)));
        vector(&format!("open/{name}"), comment, &[clause], &flags, input, outcome)
    }
}

/// A body of its own for each s.
fn body(s: u32) -> Vec<u8> {
    pattern::<BODY>(&format!("body {s}")).into()
}

/// Cell s of a step whose chain begins at `start`, as an honest end seals it.
fn honest(step: &KnownStep, start: u32, s: u32, ack: u32) -> (u32, Vec<u8>) {
    (s, step.cell(start, s, step.numbers(start, ack), &body(s)))
}

pub fn opens() -> Vec<Vector<OpenInput, OpenOutput>> {
    let mut all = honest_ones();
    all.extend(cut_or_numbered());
    all.extend(headers());
    all.extend(keys());
    all.extend(bodies());
    all.extend(later_steps());
    all
}

fn honest_ones() -> Vec<Vector<OpenInput, OpenOutput>> {
    let first = Asked::inviter(1, vec![]);
    let step = &first.known.steps()[0];
    let third = honest(step, 1, 3, 0);
    let after_third = Asked::inviter(1, vec![opened(3, third.1)]);
    vec![
        first.of("first", "Hello", "SESSION-7", honest(step, 1, 1, 0), None),
        first.of("far", "512 are skipped", "SESSION-16", honest(step, 1, 513, 0), None),
        after_third.of("skipped", "comes late", "SESSION-20", honest(step, 1, 1, 0), None),
    ]
}

fn cut_or_numbered() -> Vec<Vector<OpenInput, OpenOutput>> {
    let first = Asked::inviter(1, vec![]);
    let step = &first.known.steps()[0];
    let (_, cell) = honest(step, 1, 1, 0);
    let again = Asked::inviter(1, vec![opened(1, cell.clone())]);
    let (short, longer) = (cell[..3_119].to_vec(), [&cell[..], &[0]].concat());
    let long_body = (1, step.cell(1, 1, step.numbers(1, 0), &[0; BODY + 1]));
    let length = Some(("Shape", "length"));
    let number = Some(("Number", "number"));
    let header = Some(("Header", "header"));
    let zero = step.cell(0, 0, step.numbers(0, 0), &body(0));
    vec![
        first.of("short", "a byte is missing", "SESSION-9", (1, short), length),
        first.of("longer", "a byte too many", "SESSION-9", (1, longer), length),
        first.of("longer-body", "sealed as one of 705 bytes", "SESSION-9", long_body, length),
        first.of("empty", "no cell at all", "SESSION-9", (1, vec![]), length),
        first.of("zero", "s counts from 1", "SESSION-10", (0, zero), number),
        again.of("twice", "it was opened before", "SESSION-10", (1, cell.clone()), number),
        first.of("other-s", "sealed as 1, given as 2", "SESSION-11", (2, cell), header),
    ]
}

fn headers() -> Vec<Vector<OpenInput, OpenOutput>> {
    let first = Asked::inviter(1, vec![]);
    let step = &first.known.steps()[0];
    let (_, hello) = honest(step, 1, 1, 0);
    let second = Asked::inviter(1, vec![opened(1, hello.clone())]);
    let with = |s: u32, numbers: Numbers| (s, step.cell(1, s, numbers, &body(s)));
    let good = step.numbers(1, 0);
    let fits = Some(("Header", "numbers"));
    let mut altered = hello;
    altered[100] ^= 1;
    let mut other_key = step.clone();
    other_key.header = pattern::<32>("another header key").into();
    let header = Some(("Header", "header"));
    let second_of = |name: &str, comment: &str, numbers| {
        second.of(name, comment, "SESSION-12", with(2, numbers), fits)
    };
    let first_of = |name: &str, comment: &str, numbers| {
        first.of(name, comment, "SESSION-12", with(1, numbers), fits)
    };
    vec![
        first.of("header-bit", "a bit of the box", "SESSION-11", (1, altered), header),
        first.of("header-key", "under another key", "SESSION-11", honest(&other_key, 1, 1, 0), {
            header
        }),
        first_of("first-step", "another step's number", Numbers { step: 2, ..good }),
        first_of("first-reserved", "the last number is not 0", Numbers { reserved: 1, ..good }),
        second_of("known-step", "another step's number", Numbers { step: 2, ..good }),
        second_of("known-start", "another start", Numbers { start: 2, ..good }),
        second_of("known-reserved", "the last number is not 0", Numbers { reserved: 1, ..good }),
        first.of("ack", "of what was never sealed", "SESSION-13", honest(step, 1, 1, 1), {
            Some(("Header", "ack"))
        }),
        first.of(
            "start",
            "the first step of all starts at 1",
            "SESSION-15",
            (2, step.cell(2, 2, step.numbers(2, 0), &body(2))),
            Some(("Header", "start")),
        ),
        first.of("too-far", "513 are skipped", "SESSION-16", honest(step, 1, 514, 0), {
            Some(("Number", "skip"))
        }),
    ]
}

fn keys() -> Vec<Vector<OpenInput, OpenOutput>> {
    let first = Asked::inviter(1, vec![]);
    let step = &first.known.steps()[0];
    let with = |alter: fn(&mut KnownStep)| {
        let mut step = step.clone();
        alter(&mut step);
        honest(&step, 1, 1, 0)
    };
    let refused = Some(("Key", "key"));
    let of = |name: &str, comment: &str, alter| {
        first.of(name, comment, "SESSION-14", with(alter), refused)
    };
    vec![
        of("ek-modulus", "a coefficient of 3,329 or more", |step| step.front[..3].fill(0xff)),
        of("ek-order", "an X25519 half of low order", |step| step.front[1_184..1_216].fill(0)),
        of("ct-order", "an X25519 half of low order", |step| {
            step.front[1_216 + 1_088..].fill(0);
        }),
    ]
}

fn bodies() -> Vec<Vector<OpenInput, OpenOutput>> {
    let first = Asked::inviter(1, vec![]);
    let step = &first.known.steps()[0];
    let (_, cell) = honest(step, 1, 1, 0);
    let second = Asked::inviter(1, vec![opened(1, cell.clone())]);
    let flipped = |place: usize| {
        let mut cell = cell.clone();
        cell[place] ^= 0x80;
        (1, cell)
    };
    let mut other_tr = step.clone();
    other_tr.tr[0] ^= 1;
    let mut other_chain = step.clone();
    other_chain.chain = pattern::<32>("another chain").into();
    let mut other_ek = step.clone();
    other_ek.front[700] ^= 1;
    let box_of_other =
        [&honest(&other_ek, 1, 2, 0).1[..2_368], &honest(step, 1, 2, 0).1[2_368..]].concat();
    let commitment = Some(("Commitment", "commitment"));
    let refused = Some(("Body", "body"));
    vec![
        first.of("commitment-bit", "a bit of it", "SESSION-17", flipped(2_368 + 31), commitment),
        first.of("chain", "of another chain", "SESSION-17", honest(&other_chain, 1, 1, 0), {
            commitment
        }),
        first.of("body-bit", "a bit of it", "SESSION-18", flipped(2_400), refused),
        first.of("tag-bit", "its last bit but seven", "SESSION-18", flipped(3_119), refused),
        first.of("transcript", "sealed for another", "SESSION-18", honest(&other_tr, 1, 1, 0), {
            refused
        }),
        second.of(
            "box",
            "another box under the same key",
            "SESSION-18",
            (2, box_of_other),
            refused,
        ),
    ]
}

fn later_steps() -> Vec<Vector<OpenInput, OpenOutput>> {
    let claimer = Asked { known: Known::new(2), end: "claimer", before: vec![sealed(1)] };
    let answer = &claimer.known.steps()[1];
    let known = Known::new(3).steps();
    let (_, hello) = honest(&known[0], 1, 1, 0);
    let turn = |s: u32, cell| Asked::inviter(3, vec![opened(s, cell), sealed(1)]);
    let inviter = turn(1, hello.clone());
    let early = Asked::inviter(3, vec![opened(1, hello)]);
    let next = &known[2];
    let with = |start: u32, s: u32| (s, next.cell(2, s, next.numbers(start, 1), &body(s)));
    let wrong = Some(("Header", "start"));
    vec![
        claimer.of("answer", "the inviter's step", "SESSION-3", honest(answer, 1, 1, 1), None),
        claimer.of("answer-ack", "one too many", "SESSION-13", honest(answer, 1, 1, 2), {
            Some(("Header", "ack"))
        }),
        inviter.of("next", "the claimer's second step", "SESSION-3", honest(next, 2, 2, 1), None),
        inviter.of(
            "next-skips",
            "two of the step before, one of its own",
            "SESSION-15",
            honest(next, 4, 5, 1),
            None,
        ),
        inviter.of("next-start-low", "at a cell opened before", "SESSION-15", with(1, 2), wrong),
        inviter.of("next-start-high", "behind the cell itself", "SESSION-15", with(3, 2), wrong),
        early.of(
            "out-of-turn",
            "before the inviter has stepped",
            "SESSION-11",
            honest(next, 2, 2, 0),
            Some(("Header", "header")),
        ),
    ]
}
