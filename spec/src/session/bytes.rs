//! A session as bytes for a client's store, and back.
//!
//! The layout is this implementation's own; nothing of it goes over a wire. It is sealed by the
//! store that keeps it, and has one encoding: what is read is written again the same.

use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use super::cell::FRONT_LEN;
use super::repeat::Repeat;
use super::schedule::{Key, Start, Transcript};
use super::skipped::{Skipped, SkippedKey};
use super::state::{
    Answering, Claimed, Entitled, Invited, Ratchet, Receiving, Sending, State, Waiting,
};
use super::{Counts, Mode, Session};
use crate::constants::{
    EK_LEN, HASH_LEN, REPEAT_FIRST_SECONDS, REPEAT_MAX_SECONDS, SKIPPED_MAX, UNACKED_MAX,
};
use crate::frame::Class;
use crate::scatter::Shape;
use crate::suite::{Decapsulator, Encapsulator};
use crate::time::Now;

/// With which the bytes begin; other versions are refused.
pub const STATE_VERSION: u8 = 1;

/// Length of a skipped key in the bytes: s, hour, tr, message key.
const SKIPPED_LEN: usize = 8 + 2 * HASH_LEN;

/// Longest state without skipped keys, in bytes, rounded up: one allocation is enough, so that no
/// copy of a secret is left behind by a growing one.
const FIXED_LEN: usize = 2 * EK_LEN + FRONT_LEN;

/// Bytes that are no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateRefused {
    /// They are of another version of this program.
    #[error("a session of version {0}; this program reads version {STATE_VERSION}")]
    Version(u8),
    /// They were cut, altered, or never a session.
    #[error("bytes that are no session")]
    Malformed,
}

impl Session {
    /// The session as bytes, all its secrets among them; erased when dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let skipped = self.skipped.keys();
        let out = Vec::with_capacity(FIXED_LEN + skipped.len() * SKIPPED_LEN);
        let mut out = Writer(Zeroizing::new(out));
        let Counts { sent, acked, opened, told } = self.counts;
        let class = u8::try_from(self.shape.class().number()).unwrap_or_default();
        out.bytes(&[STATE_VERSION, self.mode.number(), class, self.shape.k(), self.shape.n()]);
        [sent, acked, opened, told].into_iter().for_each(|number| out.u32(number));
        out.u64(self.stepped.millis());
        out.state(&self.state);
        out.u32(u32::try_from(skipped.len()).unwrap_or(u32::MAX));
        for SkippedKey { s, hour, tr, message } in skipped {
            out.u32(*s);
            out.u32(*hour);
            out.bytes(tr);
            out.bytes(message.as_slice());
        }
        out.0
    }

    /// The session of such bytes.
    ///
    /// # Errors
    /// [`StateRefused`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateRefused> {
        let mut from = Reader(bytes);
        let version = from.u8().ok_or(StateRefused::Malformed)?;
        if version != STATE_VERSION {
            return Err(StateRefused::Version(version));
        }
        let session = from.session().filter(Self::is_whole).ok_or(StateRefused::Malformed)?;
        if from.0.is_empty() { Ok(session) } else { Err(StateRefused::Malformed) }
    }

    /// Whether the numbers fit together as they do in every session that was made here.
    fn is_whole(&self) -> bool {
        let Counts { sent, acked, opened, told } = self.counts;
        let window = acked <= sent && sent - acked <= UNACKED_MAX && told <= opened;
        let keys = self.skipped.keys();
        let ascending = keys.windows(2).all(|pair| matches!(pair, [a, b] if a.s < b.s));
        let near = keys.iter().all(|key| {
            key.s > 0 && key.s < opened && opened - key.s <= u32::try_from(SKIPPED_MAX).unwrap_or(0)
        });
        let sending = self.state.sending().map(|own| (own.step, own.start));
        let receiving = self.state.receiving().map(|peer| (peer.step, peer.start));
        let received = receiving.is_none_or(|(_, start)| (1..=opened).contains(&start));
        let begun = sending.is_none_or(|(_, start)| (1..=sent).contains(&start));
        let steps = match (&self.state, sending, receiving) {
            (State::Invited(_), ..) => self.counts == Counts::default(),
            (State::Answering(_), _, Some((0, 1))) => sent == 0 && told == 0,
            (State::Claimed(it), Some((0, 1)), _) => {
                let seconds = it.hello.seconds;
                opened == 0 && (REPEAT_FIRST_SECONDS..=REPEAT_MAX_SECONDS).contains(&seconds)
            }
            (State::Waiting(_), Some((own, _)), Some((peer, _))) => {
                peer.checked_add(1) == Some(own)
            }
            (State::Entitled(_), Some((own, _)), Some((peer, _))) => {
                own.checked_add(1) == Some(peer)
            }
            _ => false,
        };
        let begun = begun || matches!(self.state, State::Claimed(_));
        window && ascending && near && received && begun && steps
    }
}

struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn u32(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    fn state(&mut self, state: &State) {
        match state {
            State::Invited(Invited { decapsulator, tr, start }) => {
                self.bytes(&[1]);
                self.bytes(decapsulator.to_seed().as_slice());
                self.bytes(tr);
                for key in [&start.root, &start.claimer, &start.inviter] {
                    self.bytes(key.as_slice());
                }
            }
            State::Answering(Answering { ratchet, ek, receiving }) => {
                self.bytes(&[2]);
                self.ratchet(ratchet);
                self.bytes(ek.as_bytes());
                self.receiving(receiving);
            }
            State::Claimed(Claimed { ratchet, decapsulator, sending, hello }) => {
                self.bytes(&[3]);
                self.ratchet(ratchet);
                self.bytes(decapsulator.to_seed().as_slice());
                self.sending(sending);
                self.u64(hello.due.millis());
                self.u32(hello.seconds);
            }
            State::Waiting(Waiting { ratchet, decapsulator, sending, receiving }) => {
                self.bytes(&[4]);
                self.ratchet(ratchet);
                self.bytes(decapsulator.to_seed().as_slice());
                self.sending(sending);
                self.receiving(receiving);
            }
            State::Entitled(Entitled { ratchet, ek, sending, receiving }) => {
                self.bytes(&[5]);
                self.ratchet(ratchet);
                self.bytes(ek.as_bytes());
                self.sending(sending);
                self.receiving(receiving);
            }
        }
    }

    fn ratchet(&mut self, ratchet: &Ratchet) {
        self.bytes(&ratchet.first);
        for key in [&ratchet.root, &ratchet.own, &ratchet.peer] {
            self.bytes(key.as_slice());
        }
    }

    fn sending(&mut self, sending: &Sending) {
        let Sending { step, start, header, chain, tr, front } = sending;
        self.step(*step, *start, header, chain, tr);
        self.bytes(front.as_slice());
    }

    fn receiving(&mut self, receiving: &Receiving) {
        let Receiving { step, start, header, chain, tr } = receiving;
        self.step(*step, *start, header, chain, tr);
    }

    fn step(&mut self, step: u32, start: u32, header: &Key, chain: &Key, tr: &Transcript) {
        self.u32(step);
        self.u32(start);
        self.bytes(header.as_slice());
        self.bytes(chain.as_slice());
        self.bytes(tr);
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*front)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn now(&mut self) -> Option<Now> {
        self.array().map(u64::from_be_bytes).map(Now::from_millis)
    }

    fn key(&mut self) -> Option<Key> {
        let mut bytes = self.array::<HASH_LEN>()?;
        let mut key = Key::default();
        key.copy_from_slice(&bytes);
        bytes.zeroize();
        Some(key)
    }

    fn session(&mut self) -> Option<Session> {
        let mode = Mode::try_from(self.u8()?).ok()?;
        let class = Class::try_from(u32::from(self.u8()?)).ok()?;
        let shape = Shape::new(class, self.u8()?, self.u8()?).ok()?;
        let [sent, acked, opened, told] = [self.u32()?, self.u32()?, self.u32()?, self.u32()?];
        let counts = Counts { sent, acked, opened, told };
        let stepped = self.now()?;
        let state = self.state()?;
        let skipped = usize::try_from(self.u32()?).ok().filter(|len| *len <= SKIPPED_MAX)?;
        let skipped: Option<Vec<_>> = (0..skipped).map(|_| self.skipped()).collect();
        let skipped = Skipped::new(skipped?);
        Some(Session { shape, mode, counts, stepped, skipped, state })
    }

    fn skipped(&mut self) -> Option<SkippedKey> {
        let (s, hour) = (self.u32()?, self.u32()?);
        Some(SkippedKey { s, hour, tr: self.array()?, message: self.key()? })
    }

    fn state(&mut self) -> Option<State> {
        Some(match self.u8()? {
            1 => {
                let (decapsulator, tr) = (self.decapsulator()?, self.array()?);
                let start = Start { root: self.key()?, claimer: self.key()?, inviter: self.key()? };
                State::Invited(Invited { decapsulator, tr, start })
            }
            2 => {
                let (ratchet, ek, receiving) = (self.ratchet()?, self.ek()?, self.receiving()?);
                State::Answering(Answering { ratchet, ek, receiving })
            }
            3 => {
                let (ratchet, decapsulator) = (self.ratchet()?, self.decapsulator()?);
                let sending = self.own(&decapsulator)?;
                let hello = Repeat { due: self.now()?, seconds: self.u32()? };
                State::Claimed(Claimed { ratchet, decapsulator, sending, hello })
            }
            4 => {
                let (ratchet, decapsulator) = (self.ratchet()?, self.decapsulator()?);
                let (sending, receiving) = (self.own(&decapsulator)?, self.receiving()?);
                State::Waiting(Waiting { ratchet, decapsulator, sending, receiving })
            }
            5 => {
                let (ratchet, ek) = (self.ratchet()?, self.ek()?);
                let (sending, receiving) = (self.sending()?, self.receiving()?);
                State::Entitled(Entitled { ratchet, ek, sending, receiving })
            }
            _ => return None,
        })
    }

    fn decapsulator(&mut self) -> Option<Arc<Decapsulator>> {
        self.key().map(|seed| Arc::new(Decapsulator::from_seed(&seed)))
    }

    fn ek(&mut self) -> Option<Arc<Encapsulator>> {
        Encapsulator::parse(&self.array::<EK_LEN>()?).ok().map(Arc::new)
    }

    fn ratchet(&mut self) -> Option<Ratchet> {
        let first = self.array()?;
        Some(Ratchet { first, root: self.key()?, own: self.key()?, peer: self.key()? })
    }

    fn sending(&mut self) -> Option<Sending> {
        let Receiving { step, start, header, chain, tr } = self.receiving()?;
        Some(Sending { step, start, header, chain, tr, front: Arc::new(self.array()?) })
    }

    /// A step whose secret key is still needed: its headers show the public half.
    fn own(&mut self, decapsulator: &Decapsulator) -> Option<Sending> {
        let sending = self.sending()?;
        sending.front.starts_with(decapsulator.encapsulator().as_bytes()).then_some(sending)
    }

    fn receiving(&mut self) -> Option<Receiving> {
        let (step, start) = (self.u32()?, self.u32()?);
        Some(Receiving { step, start, header: self.key()?, chain: self.key()?, tr: self.array()? })
    }
}
