//! Random walks of two ends over a network that loses, reorders and doubles cells, with crashes at
//! every point where something is stored.

use std::collections::BTreeMap;

use edgewise_spec::session::{Purpose, SealRefused, Session};
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::ends::{Cell, End, Ends, body};

/// Where an end stops and begins again from what it stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Crash {
    No,
    /// Before the transaction.
    Before,
    /// After the transaction, before anything leaves or is acknowledged.
    After,
}

#[derive(Clone, Debug)]
enum Event {
    Seal {
        claimer: bool,
        purpose: u8,
        crash: Crash,
    },
    /// One of the cells on their way to an end arrives; it may arrive again.
    Arrive {
        claimer: bool,
        which: usize,
        again: bool,
        crash: Crash,
    },
    Lose {
        claimer: bool,
        which: usize,
    },
    /// A bit of a cell, or its number, is altered on its way.
    Alter {
        claimer: bool,
        which: usize,
        place: usize,
        bit: u8,
        shift: u32,
    },
    Minutes(u64),
}

/// An end and its store. What is in `end.session` alone is lost in a crash.
struct Stored {
    end: End,
    state: Vec<u8>,
    /// What was stored to leave, by s: never two cells of one s.
    outbox: BTreeMap<u32, Vec<u8>>,
    said: BTreeMap<u32, String>,
    heard: BTreeMap<u32, String>,
    /// Cells on their way to this end.
    coming: Vec<Cell>,
    lost: Vec<u32>,
}

impl Stored {
    fn new(end: End) -> Self {
        let state = end.session.to_bytes().to_vec();
        let (outbox, said, heard) = Default::default();
        Self { end, state, outbox, said, heard, coming: Vec::new(), lost: Vec::new() }
    }

    fn begin_again(&mut self) {
        self.end.session = Session::from_bytes(&self.state).unwrap();
        // Randomness does not begin again.
        let mut seed = [0; 32];
        rand_chacha::rand_core::Rng::fill_bytes(&mut self.end.rng, &mut seed);
        self.end.rng = ChaCha20Rng::from_seed(seed);
    }
}

struct World {
    claimer: Stored,
    inviter: Stored,
    count: u32,
}

impl World {
    fn new() -> Self {
        let Ends { claimer, inviter } = Ends::new(51);
        Self { claimer: Stored::new(claimer), inviter: Stored::new(inviter), count: 0 }
    }

    fn both(&mut self, claimer: bool) -> (&mut Stored, &mut Stored) {
        if claimer {
            (&mut self.claimer, &mut self.inviter)
        } else {
            (&mut self.inviter, &mut self.claimer)
        }
    }

    fn seal(&mut self, claimer: bool, purpose: Purpose, crash: Crash) {
        self.count += 1;
        let text = format!("cell {}", self.count);
        let (from, to) = self.both(claimer);
        let End { session, rng, now } = &mut from.end;
        let sealed = match session.seal(purpose, *now, &body(&text), rng) {
            Ok(sealed) => sealed,
            Err(SealRefused::NotYet) => {
                assert!(!claimer && from.heard.is_empty());
                return;
            }
            Err(other) => panic!("{other}"),
        };
        if crash == Crash::Before {
            return from.begin_again();
        }
        assert_eq!(sealed.s, from.outbox.len() as u32 + 1, "SESSION-23");
        from.state = sealed.session.to_bytes().to_vec();
        assert!(from.outbox.insert(sealed.s, sealed.cell.clone()).is_none(), "SESSION-23");
        from.said.insert(sealed.s, text);
        from.end.session = sealed.session;
        if crash == Crash::After {
            from.begin_again();
        }
        // What is in the outbox leaves, before a crash or after it.
        to.coming.push(Cell { s: sealed.s, cell: sealed.cell });
    }

    fn arrive(&mut self, claimer: bool, cell: &Cell, crash: Crash) -> bool {
        let (to, from) = self.both(claimer);
        let Ok(opened) = to.end.session.open(to.end.now, cell.s, &cell.cell) else {
            assert!(to.end.session.to_bytes()[..] == to.state[..], "SESSION-19");
            return to.heard.contains_key(&cell.s);
        };
        if crash == Crash::Before {
            to.begin_again();
            return false;
        }
        assert!(opened.body == body(&from.said[&cell.s]), "another body");
        to.state = opened.session.to_bytes().to_vec();
        let twice = to.heard.insert(cell.s, from.said[&cell.s].clone());
        assert_eq!(twice, None, "{} opened twice", cell.s);
        to.end.session = opened.session;
        if crash == Crash::After {
            to.begin_again();
        }
        assert!(to.end.session.is_spent(cell.s));
        true
    }

    fn run(&mut self, event: Event) {
        match event {
            Event::Seal { claimer, purpose, crash } => {
                let purpose =
                    [Purpose::Message, Purpose::Cover, Purpose::Answer][usize::from(purpose % 3)];
                self.seal(claimer, purpose, crash);
            }
            Event::Arrive { claimer, which, again, crash } => {
                let (to, _) = self.both(claimer);
                if to.coming.is_empty() {
                    return;
                }
                let which = which % to.coming.len();
                let cell = to.coming[which].clone();
                let done = self.arrive(claimer, &cell, crash);
                if done && !again {
                    self.both(claimer).0.coming.remove(which);
                }
            }
            Event::Lose { claimer, which } => {
                let (to, _) = self.both(claimer);
                if !to.coming.is_empty() {
                    let cell = to.coming.remove(which % to.coming.len());
                    to.lost.push(cell.s);
                }
            }
            Event::Alter { claimer, which, place, bit, shift } => {
                let (to, _) = self.both(claimer);
                if to.coming.is_empty() {
                    return;
                }
                let mut cell = to.coming[which % to.coming.len()].clone();
                if shift == 0 {
                    let place = place % cell.cell.len();
                    cell.cell[place] ^= 1 << (bit % 8);
                } else {
                    cell.s = cell.s.wrapping_add(shift);
                }
                let before = to.heard.len();
                assert!(to.end.session.open(to.end.now, cell.s, &cell.cell).is_err());
                assert_eq!(self.both(claimer).0.heard.len(), before);
            }
            Event::Minutes(minutes) => {
                for end in [&mut self.claimer.end, &mut self.inviter.end] {
                    end.now = end.now.plus_seconds(minutes * 60);
                }
            }
        }
    }

    /// Everything that was not lost arrives, and both understand one another.
    fn finish(mut self) {
        for claimer in [false, true, false, true] {
            for cell in std::mem::take(&mut self.both(claimer).0.coming) {
                assert!(self.arrive(claimer, &cell, Crash::No), "{} does not open", cell.s);
            }
            self.seal(!claimer, Purpose::Message, Crash::No);
            self.seal(claimer, Purpose::Message, Crash::No);
        }
        for claimer in [false, true] {
            for cell in std::mem::take(&mut self.both(claimer).0.coming) {
                assert!(self.arrive(claimer, &cell, Crash::No), "{} does not open", cell.s);
            }
            let (to, from) = self.both(claimer);
            for (s, text) in &from.said {
                assert!(to.lost.contains(s) || to.heard.get(s) == Some(text), "{s} is missing");
            }
        }
        let numbers = |it: &Stored| it.end.session.safety_number().unwrap();
        assert_eq!(numbers(&self.claimer).number, numbers(&self.inviter).number);
    }
}

fn crash() -> impl Strategy<Value = Crash> {
    prop_oneof![8 => Just(Crash::No), 1 => Just(Crash::Before), 1 => Just(Crash::After)]
}

fn event() -> impl Strategy<Value = Event> {
    let end = any::<bool>;
    let which = any::<u8>;
    prop_oneof![
        8 => (end(), 0_u8..4, crash())
            .prop_map(|(claimer, purpose, crash)| Event::Seal { claimer, purpose, crash }),
        8 => (end(), which(), prop::bool::weighted(0.2), crash()).prop_map(
            |(claimer, which, again, crash)| {
                Event::Arrive { claimer, which: which.into(), again, crash }
            }
        ),
        1 => (end(), which()).prop_map(|(claimer, which)| {
            Event::Lose { claimer, which: which.into() }
        }),
        2 => (end(), which(), any::<u16>(), any::<u8>(), prop_oneof![3 => Just(0), 1 => 1_u32..4])
            .prop_map(|(claimer, which, place, bit, shift)| Event::Alter {
                claimer, which: which.into(), place: place.into(), bit, shift,
            }),
        1 => (1_u64..20).prop_map(Event::Minutes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_arrives_opens_once(events in prop::collection::vec(event(), 1..160)) {
        let mut world = World::new();
        for event in events {
            world.run(event);
        }
        world.finish();
    }
}
