//! Somebody who saw every cell and got hold of one end's stored state, once.

use edgewise_spec::constants::{CT_LEN, EK_LEN};
use edgewise_spec::session::OpenFailed;
use edgewise_spec::session::Purpose;
use edgewise_spec::session::cell::Cell as CutCell;
use edgewise_spec::session::schedule::{self, Key, Transcript};
use edgewise_spec::suite::Decapsulator;

use super::ends::{Cell, End, Ends, shape};

/// A chain key, the s it is for, and the transcript of its step.
struct Chain {
    key: Key,
    s: u32,
    tr: Transcript,
}

/// All the keys of a stolen state, and what follows from them.
struct Attacker {
    headers: Vec<Key>,
    chains: Vec<Chain>,
    /// The root, transcript and number of the latest step, and its secret key, where the state had
    /// it: it opens the next step and no other.
    root: Key,
    tr: Transcript,
    step: u32,
    decapsulator: Option<Decapsulator>,
}

/// Reads the layout of `spec/src/session/bytes.rs`.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn skip(&mut self, len: usize) {
        self.0 = &self.0[len..];
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (front, rest) = self.0.split_first_chunk().unwrap();
        self.0 = rest;
        *front
    }

    fn key(&mut self) -> Key {
        Key::new(self.array())
    }

    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// A step: its number, its header key, its chain.
    fn step(&mut self, s: u32) -> (u32, Key, Chain) {
        let (step, _start) = (self.u32(), self.u32());
        let (header, key, tr) = (self.key(), self.key(), self.array());
        (step, header, Chain { key, s, tr })
    }
}

impl Attacker {
    fn steal(end: &End) -> Self {
        let bytes = end.session.to_bytes();
        let mut from = Reader(&bytes);
        from.skip(5);
        let (sealed, _, opened, _) = (from.u32(), from.u32(), from.u32(), from.u32());
        from.skip(8);
        let kind = from.array::<1>()[0];
        let _first: Transcript = from.array();
        let (root, own, peer) = (from.key(), from.key(), from.key());
        let decapsulator = match kind {
            3 | 4 => Some(Decapsulator::from_seed(&from.array())),
            5 => {
                from.skip(EK_LEN);
                None
            }
            other => panic!("{other}"),
        };
        let (sent, header, chain) = from.step(sealed + 1);
        from.skip(EK_LEN + CT_LEN);
        let (mut step, mut tr) = (sent, chain.tr);
        let mut attacker = Self {
            headers: vec![own, peer, header],
            chains: vec![chain],
            root,
            tr,
            step,
            decapsulator,
        };
        if kind != 3 {
            let (received, header, chain) = from.step(opened + 1);
            if received > step {
                (step, tr) = (received, chain.tr);
            }
            attacker.headers.push(header);
            attacker.chains.push(chain);
        }
        Self { step, tr, ..attacker }
    }

    /// Tries everything: whether the header opened, and whether the body did.
    fn look(&mut self, cell: &Cell) -> (bool, bool) {
        let cut = CutCell::cut(&cell.cell, shape().cell_len()).unwrap();
        let header = self.headers.iter().find_map(|key| cut.open_header(key, cell.s));
        if let Some(header) = &header
            && header.numbers().step == self.step + 1
            && let Some(own) = self.decapsulator.take()
        {
            let (ct, ek): (_, [u8; EK_LEN]) =
                (header.ct().unwrap(), header.ek().try_into().unwrap());
            let ss = own.decapsulate(ct).unwrap();
            let before = own.encapsulator();
            self.step += 1;
            let tr = schedule::transcript(&self.tr, self.step, before.as_bytes(), ct, &ek);
            let step = schedule::step(&self.root, &ss, &tr);
            (self.root, self.tr) = (step.root, tr);
            self.headers.push(step.header);
            self.chains.push(Chain { key: step.chain, s: header.numbers().start, tr });
        }
        let opened = self.chains.iter().any(|chain| {
            let mut key = chain.key.clone();
            for s in chain.s..cell.s {
                key = schedule::chain(&key, s).0;
            }
            let keys = schedule::message(&schedule::chain(&key, cell.s).1);
            cell.s >= chain.s && cut.open_body(&keys, &chain.tr, cell.s).is_ok()
        });
        (header.is_some(), opened)
    }
}

/// Cells of a step, said and heard: three, so that the middle of chains is seen too.
fn cells_of_step(ends: &mut Ends, step: u32) -> Vec<Cell> {
    (0..3).map(|n| ends.pass(step.is_multiple_of(2), &format!("step {step} text {n}"))).collect()
}

/// The steps whose headers and bodies the thief of `stolen`'s state after `at` opens, of the steps
/// `first` to `last`.
fn opened_by_thief(stolen_claimer: bool, at: u32, last: u32) -> (Vec<u32>, Vec<u32>) {
    let mut ends = Ends::new(41);
    let mut recorded: Vec<_> = (0..=at).map(|t| (t, cells_of_step(&mut ends, t))).collect();
    let (stolen, _) = ends.both(stolen_claimer);
    let mut attacker = Attacker::steal(stolen);
    recorded.extend((at + 1..=last).map(|t| (t, cells_of_step(&mut ends, t))));
    let (mut headers, mut bodies) = (Vec::new(), Vec::new());
    for (t, cells) in recorded {
        for seen in cells.iter().map(|cell| attacker.look(cell)) {
            headers.extend(seen.0.then_some(t));
            bodies.extend(seen.1.then_some(t));
        }
    }
    headers.dedup();
    bodies.dedup();
    (headers, bodies)
}

/// The end that stepped last holds the key of the next step: bodies heal at the second step after
/// the theft, headers two steps later.
#[test]
fn a_session_heals_from_the_end_that_waits() {
    for at in [1, 2, 3] {
        let (headers, bodies) = opened_by_thief(at % 2 == 0, at, at + 7);
        assert_eq!(bodies, [at + 1], "stolen after step {at}");
        let expected: Vec<_> = (at - 1..=at + 3).collect();
        assert_eq!(headers, expected, "stolen after step {at}");
    }
}

/// The end that may step holds no secret key at all: bodies heal with its own next step.
#[test]
fn a_session_heals_from_the_end_that_may_step() {
    for at in [1, 2, 3] {
        let (headers, bodies) = opened_by_thief(at % 2 == 1, at, at + 7);
        assert_eq!(bodies, [0; 0], "stolen after step {at}");
        let expected: Vec<_> = (at - 1..=at + 2).collect();
        assert_eq!(headers, expected, "stolen after step {at}");
    }
}

/// Forward secrecy, by the ends' own code: a stored state opens nothing that was opened before.
#[test]
fn a_stolen_state_opens_nothing_of_before() {
    let mut ends = Ends::new(42);
    let mut heard = Vec::new();
    for step in 0..5 {
        heard.extend(cells_of_step(&mut ends, step));
        for end in [&ends.claimer, &ends.inviter] {
            for cell in &heard {
                assert_eq!(end.clone().hear(cell), Err(OpenFailed));
            }
        }
    }
}

/// What a thief can do in the victim's place ends with the victim's next step, too: two ends that
/// know the same step and make the next one apart do not understand one another.
#[test]
fn a_copy_that_steps_is_not_the_session_any_more() {
    let mut ends = Ends::met(43);
    let mut copy = ends.claimer.clone();
    copy.rng = rand_chacha::rand_core::SeedableRng::from_seed([44; 32]);
    let (honest, other) = (ends.claimer.say("honest"), copy.say("copied"));
    ends.inviter.hear(&other).unwrap();
    assert_eq!(ends.inviter.hear(&honest), Err(OpenFailed));
    let answer = ends.inviter.say("answer");
    assert_eq!(ends.claimer.hear(&answer), Err(OpenFailed), "the honest end sees that it is lost");
    let numbers = |end: &End| end.session.safety_number().unwrap();
    assert_ne!(numbers(&ends.claimer).steps, numbers(&ends.inviter).steps);
    assert_eq!(numbers(&ends.claimer).number, numbers(&ends.inviter).number);
    ends.inviter.seal(Purpose::Cover, "").unwrap();
}
