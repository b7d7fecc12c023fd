//! Two ends of one session.

use edgewise_spec::frame::Class;
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::{Mode, OpenFailed, Purpose, SealRefused, Session};
use edgewise_spec::suite::Decapsulator;
use edgewise_spec::time::Now;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use crate::vector::pattern;

pub const START: Now = Now::from_seconds(1_800_000_000);

/// What the invitation of every test consists of.
pub const BUNDLE: &[u8] = b"a bundle is any bytes to a session";

pub fn secret() -> [u8; 32] {
    pattern("secret")
}

pub fn bundle_seed() -> [u8; 32] {
    pattern("bundle seed")
}

/// The smallest cells.
pub fn shape() -> Shape {
    Shape::new(Class::Small, 4, 4).unwrap()
}

pub fn body(text: &str) -> Vec<u8> {
    let mut body = text.as_bytes().to_vec();
    body.resize(shape().body_len(), 0);
    body
}

#[derive(Clone, Debug)]
pub struct Cell {
    pub s: u32,
    pub cell: Vec<u8>,
}

/// One end: its session, what it sealed and what it opened.
#[derive(Clone)]
pub struct End {
    pub session: Session,
    pub rng: ChaCha20Rng,
    pub now: Now,
}

impl End {
    pub fn seal(&mut self, purpose: Purpose, text: &str) -> Result<Cell, SealRefused> {
        let sealed = self.session.seal(purpose, self.now, &body(text), &mut self.rng)?;
        self.session = sealed.session;
        assert_eq!(sealed.cell.len(), shape().cell_len());
        Ok(Cell { s: sealed.s, cell: sealed.cell })
    }

    pub fn say(&mut self, text: &str) -> Cell {
        self.seal(Purpose::Message, text).unwrap()
    }

    /// Opens a cell; whatever does not open changes nothing.
    pub fn hear(&mut self, cell: &Cell) -> Result<String, OpenFailed> {
        let before = self.session.to_bytes();
        match self.session.open(self.now, cell.s, &cell.cell) {
            Ok(opened) => {
                self.session = opened.session;
                let text: Vec<u8> = opened.body.into_iter().take_while(|byte| *byte > 0).collect();
                Ok(String::from_utf8(text).unwrap())
            }
            Err(failed) => {
                assert!(before == self.session.to_bytes());
                Err(failed)
            }
        }
    }

    /// What Debug says of the state, without its frame.
    pub fn state(&self) -> String {
        let text = format!("{:?}", self.session);
        text.trim_start_matches("Session(").trim_end_matches(')').to_owned()
    }
}

pub struct Ends {
    pub claimer: End,
    pub inviter: End,
}

impl Ends {
    /// Both ends of an invitation; nothing has been sealed.
    pub fn new(seed: u8) -> Self {
        let key = Decapsulator::from_seed(&bundle_seed());
        let mut rng = ChaCha20Rng::from_seed([seed; 32]);
        let (ek, mode) = (key.encapsulator(), Mode::Deniable);
        let claimer = Session::claim(&secret(), BUNDLE, &ek, shape(), mode, START, &mut rng);
        let inviter = Session::invite(&secret(), BUNDLE, key, shape(), mode);
        let end =
            |session, seed| End { session, rng: ChaCha20Rng::from_seed([seed; 32]), now: START };
        Self { claimer: end(claimer, seed ^ 0x40), inviter: end(inviter, seed ^ 0x80) }
    }

    /// Both ends once Hello and its answer have been opened: the claimer may step.
    pub fn met(seed: u8) -> Self {
        let mut ends = Self::new(seed);
        let hello = ends.claimer.say("hello");
        assert_eq!(ends.inviter.hear(&hello).as_deref(), Ok("hello"));
        let answer = ends.inviter.seal(Purpose::Answer, "").unwrap();
        assert_eq!(ends.claimer.hear(&answer).as_deref(), Ok(""));
        ends
    }

    /// The ends in the order that one of them sends in.
    pub fn both(&mut self, from_claimer: bool) -> (&mut End, &mut End) {
        if from_claimer {
            (&mut self.claimer, &mut self.inviter)
        } else {
            (&mut self.inviter, &mut self.claimer)
        }
    }

    /// Something is said and heard.
    pub fn pass(&mut self, from_claimer: bool, text: &str) -> Cell {
        let (from, to) = self.both(from_claimer);
        let cell = from.say(text);
        assert_eq!(to.hear(&cell).as_deref(), Ok(text));
        cell
    }
}
