//! Sealing: which chain a cell takes its key from, and when a step is made.

use rand_core::CryptoRng;

use super::cell::{Numbers, seal};
use super::schedule::{chain, message};
use super::state::{Before, Fresh, Made, Ratchet, Sending, State, Waiting, make};
use super::{Counts, Session};
use crate::constants::{
    ANSWER_CELLS, ANSWER_RESERVE, COVER_STEP_TICKS, MOVE_RESERVE, TICK_SECONDS, UNACKED_MAX,
};
use crate::suite::Encapsulator;
use crate::time::Now;
use crate::{mutant, require};

/// What a cell is sealed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Something is said: Hello and receipts too.
    Message,
    /// A move of a connection, or the answer to one, is said.
    Move,
    /// Nothing is said; the body is empty.
    Cover,
    /// An answer is due ([`Session::answer_due`]); the body is empty.
    Answer,
}

/// Why nothing was sealed. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealRefused {
    /// The inviter has not opened a cell of the claimer (SESSION-34).
    #[error("nobody has answered the invitation yet")]
    NotYet,
    /// As many cells as may be are not acknowledged (SESSION-31, SESSION-32).
    #[error("the other end has not acknowledged enough of what was sent; wait for a cell of it")]
    Full,
    /// The body is not as long as the shape says: the caller's mistake.
    #[error("a body of {given} bytes where {wanted} are due")]
    Length {
        /// Its length.
        given: usize,
        /// The shape's.
        wanted: usize,
    },
    /// Every s, or every step, has been used: the session is over.
    #[error("the session has no number left; invite again")]
    Exhausted,
}

/// A sealed cell. The session and the parts of the cell are stored in one transaction before the
/// first byte leaves, so that no s is ever sealed twice (SESSION-23, SESSION-24).
#[derive(Debug)]
pub struct Sealed {
    /// What takes the place of the session.
    pub session: Session,
    /// The cell's number in its direction, from 1.
    pub s: u32,
    /// The cell, as long as the shape says.
    pub cell: Vec<u8>,
}

impl Session {
    /// Seals a body of the shape's length as the next cell.
    ///
    /// # Errors
    /// [`SealRefused`].
    pub fn seal(
        &self,
        purpose: Purpose,
        now: Now,
        body: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Sealed, SealRefused> {
        self.seal_derand(purpose, now, body, |ek| Fresh::generate(ek, rng))
    }

    /// [`seal`](Self::seal) with its randomness given, which a step alone asks for: for vectors
    /// only.
    ///
    /// # Errors
    /// [`SealRefused`].
    pub fn seal_derand(
        &self,
        purpose: Purpose,
        now: Now,
        body: &[u8],
        fresh: impl FnOnce(&Encapsulator) -> Fresh,
    ) -> Result<Sealed, SealRefused> {
        let (given, wanted) = (body.len(), self.shape.body_len());
        if given != wanted {
            return Err(SealRefused::Length { given, wanted });
        }
        let Counts { sent, acked, opened, .. } = self.counts;
        let s = sent.checked_add(1).ok_or(SealRefused::Exhausted)?;
        let room = s.saturating_sub(acked) <= UNACKED_MAX.saturating_sub(self.reserve(purpose));
        require!(SESSION_31, room, SealRefused::Full);
        let (mut state, stepped) = self.before_sealing(purpose, now, s, fresh)?;
        let sending = match &mut state {
            State::Claimed(claimed) => &mut claimed.sending,
            State::Waiting(waiting) => &mut waiting.sending,
            State::Entitled(entitled) => &mut entitled.sending,
            State::Invited(_) | State::Answering(_) => return Err(SealRefused::NotYet),
        };
        let (next, mk) = chain(&sending.chain, s);
        sending.chain = next;
        let Sending { step, start, header, tr, front, .. } = &*sending;
        // SESSION-30
        let ack = if mutant!(SESSION_30) { 0 } else { opened };
        let numbers = Numbers { step: *step, start: *start, ack, reserved: 0 };
        let cell = seal(header, &message(&mk), tr, s, front, numbers, body);
        let again = mutant!(SESSION_23) || mutant!(SCATTER_8, "twice");
        let sent = if again { sent } else { s };
        let counts = Counts { sent, acked, opened, told: opened };
        let (shape, mode, skipped) = (self.shape, self.mode, self.skipped.clone());
        let session = Self { shape, mode, counts, stepped, skipped, state };
        Ok(Sealed { session, s, cell })
    }

    /// Whether an empty cell is due, so that the other end learns what has been opened: at once for
    /// the inviter that has opened Hello (SESSION-35), and whenever ANSWER_CELLS or more have been
    /// opened beyond the ack of the last cell sealed (SESSION-33).
    #[must_use]
    pub fn answer_due(&self) -> bool {
        let untold = self.counts.opened.saturating_sub(self.counts.told);
        let first = matches!(self.state, State::Answering(_)) && !mutant!(SESSION_35);
        first || untold >= ANSWER_CELLS && !mutant!(SESSION_33)
    }

    /// How many cells may be sealed before the other end acknowledges more, moves and answers
    /// aside.
    #[must_use]
    pub fn room(&self) -> u32 {
        if mutant!(SESSION_31) {
            return u32::MAX;
        }
        let unacked = self.counts.sent.saturating_sub(self.counts.acked);
        UNACKED_MAX.saturating_sub(self.reserve(Purpose::Message)).saturating_sub(unacked)
    }

    /// The last cells before the limit, which are not for this.
    fn reserve(&self, purpose: Purpose) -> u32 {
        // SESSION-32
        let answers = if mutant!(SESSION_32) { 0 } else { ANSWER_RESERVE };
        // SESSION-43
        let moves = if mutant!(SESSION_43) { 0 } else { MOVE_RESERVE };
        match purpose {
            Purpose::Answer if self.answer_due() => 0,
            Purpose::Move => answers,
            Purpose::Message | Purpose::Cover | Purpose::Answer => answers.saturating_add(moves),
        }
    }

    /// The state that seals cell s, and when it last stepped: after a step, where one is due.
    fn before_sealing(
        &self,
        purpose: Purpose,
        now: Now,
        s: u32,
        fresh: impl FnOnce(&Encapsulator) -> Fresh,
    ) -> Result<(State, Now), SealRefused> {
        // SESSION-26: only these two states have the other end's latest step.
        let (ratchet, ek, receiving) = match &self.state {
            State::Answering(it) => (&it.ratchet, &it.ek, &it.receiving),
            State::Entitled(it) if self.steps(purpose, now) => (&it.ratchet, &it.ek, &it.receiving),
            state => return Ok((state.clone(), self.stepped)),
        };
        let Ratchet { first, root, own, peer } = ratchet;
        let step = receiving.step.checked_add(1).ok_or(SealRefused::Exhausted)?;
        // SESSION-29
        let start = if mutant!(SESSION_29) { 1 } else { s };
        let before = Before { tr: &receiving.tr, ek, root, step, start, header: own.clone() };
        let Made { sending, decapsulator, root, own } = make(before, fresh(ek));
        let ratchet = Ratchet { first: *first, root, own, peer: peer.clone() };
        let receiving = receiving.clone();
        Ok((State::Waiting(Waiting { ratchet, decapsulator, sending, receiving }), now))
    }

    /// Whether an end that may step does, with this cell.
    fn steps(&self, purpose: Purpose, now: Now) -> bool {
        if matches!(purpose, Purpose::Message | Purpose::Move) {
            // SESSION-27
            return !mutant!(SESSION_27);
        }
        // SESSION-28; a clock that was set back puts nothing off.
        let ticks = now.seconds().checked_sub(self.stepped.seconds()).map(|it| it / TICK_SECONDS);
        ticks.is_none_or(|ticks| ticks >= COVER_STEP_TICKS) || mutant!(SESSION_28)
    }
}
