//! The server's end of the lock-step.

use core::fmt;

use super::tick::TickMs;
use crate::constants::TICKS_AHEAD_MAX;
use crate::mutant;
use crate::time::Now;

/// A block came before its client's ticks allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a block too soon")]
pub struct TooSoon;

/// What a server owes a client in cadence: one answer for each block, and none besides. It has no
/// timer: it moves only when a block comes.
pub struct Answering {
    tick: TickMs,
    state: State,
    /// When all credit would be back if no more blocks came, and when that was last reckoned.
    full_at: Now,
    seen: Now,
}

enum State {
    /// Nothing is owed.
    Even,
    /// Blocks wait for their answer.
    Owing(Owing),
}

struct Owing {
    /// Answers that may go.
    ready: u64,
    /// Answers whose blocks are still being carried out.
    held: u64,
}

impl Answering {
    /// Begins when the client's first block comes; that one is the first to be counted.
    #[must_use]
    pub const fn new(tick: TickMs, now: Now) -> Self {
        Self { tick, state: State::Even, full_at: now, seen: now }
    }

    /// The link's tick.
    #[must_use]
    pub const fn tick(&self) -> TickMs {
        self.tick
    }

    /// A block came: one more answer is owed, whatever is in it.
    ///
    /// # Errors
    /// [`TooSoon`] if the client has no credit left. The answer is owed all the same.
    pub fn block(&mut self, now: Now) -> Result<(), TooSoon> {
        let (ready, held) = self.counts();
        // CADENCE-4
        let more = if mutant!(CADENCE_4, "twice") { 2 } else { 1 };
        self.owe(ready, held + more);
        self.spend(now)
    }

    /// Everything that the blocks so far asked has been given to the store.
    pub const fn carried_out(&mut self) {
        let (ready, held) = self.counts();
        self.owe(ready + held, 0);
    }

    /// Takes the answer that may go now, if there is one; the caller then sends exactly one block.
    pub const fn answer(&mut self) -> bool {
        let (ready, held) = self.counts();
        let Some(left) = ready.checked_sub(1) else { return false };
        self.owe(left, held);
        true
    }

    /// How many answers are owed.
    #[must_use]
    pub const fn owed(&self) -> u64 {
        let (ready, held) = self.counts();
        ready + held
    }

    const fn counts(&self) -> (u64, u64) {
        match self.state {
            State::Even => (0, 0),
            State::Owing(Owing { ready, held }) => (ready, held),
        }
    }

    const fn owe(&mut self, ready: u64, held: u64) {
        self.state = match ready + held {
            0 => State::Even,
            _ => State::Owing(Owing { ready, held }),
        };
    }

    /// Each block costs a tick of credit; a tick gives one back, up to TICKS_AHEAD_MAX.
    fn spend(&mut self, now: Now) -> Result<(), TooSoon> {
        // A clock that is set back takes no credit away.
        let back = self.seen.millis().saturating_sub(now.millis());
        let full_at = self.full_at.millis().saturating_sub(back);
        self.seen = now;
        let tick = u64::from(self.tick.millis());
        // CADENCE-9
        let begin = match mutant!(CADENCE_9) {
            true => full_at,
            false => full_at.max(now.millis()),
        };
        let full_at = begin.saturating_add(tick);
        let ahead = full_at.saturating_sub(now.millis());
        let most = if mutant!(CADENCE_8, "half") { TICKS_AHEAD_MAX / 2 } else { TICKS_AHEAD_MAX };
        // CADENCE-8
        if ahead > most.saturating_mul(tick) && !mutant!(CADENCE_8) {
            return Err(TooSoon);
        }
        self.full_at = Now::from_millis(full_at);
        Ok(())
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Even => "Even",
            State::Owing(Owing { ready: 0, .. }) => "Held",
            State::Owing(_) => "Ready",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK_MS: u64 = 1_000;

    fn at(millis: u64) -> Now {
        Now::from_millis(1_800_000_000_000 + millis)
    }

    fn answering() -> Answering {
        Answering::new(TickMs::try_from(1_000).unwrap(), at(0))
    }

    /// How many blocks come through at one moment.
    fn admitted(answering: &mut Answering, now: Now) -> u64 {
        (0..10_000).take_while(|_| answering.block(now).is_ok()).count() as u64
    }

    #[test]
    fn every_block_is_answered_once_and_not_before_it_was_carried_out() {
        let mut answering = answering();
        assert!(!answering.answer());
        answering.block(at(0)).unwrap();
        answering.block(at(0)).unwrap();
        assert!(!answering.answer());
        answering.carried_out();
        answering.block(at(0)).unwrap();
        assert_eq!(answering.owed(), 3);
        assert!(answering.answer() && answering.answer() && !answering.answer());
        answering.carried_out();
        assert!(answering.answer() && !answering.answer());
        assert_eq!(answering.owed(), 0);
    }

    #[test]
    fn credit_is_bounded_and_comes_back_with_ticks() {
        let mut answering = answering();
        assert_eq!(admitted(&mut answering, at(0)), TICKS_AHEAD_MAX);
        assert_eq!(admitted(&mut answering, at(TICK_MS - 1)), 0);
        assert_eq!(admitted(&mut answering, at(TICK_MS)), 1);
        // Ticks that were missed are no credit.
        assert_eq!(admitted(&mut answering, at(3_600_000)), TICKS_AHEAD_MAX);
    }

    #[test]
    fn a_client_that_keeps_its_ticks_has_credit_for_ever() {
        let mut answering = answering();
        for n in 0..10_000 {
            answering.block(at(n * TICK_MS)).unwrap();
        }
    }

    #[test]
    fn a_clock_that_is_set_back_takes_no_credit() {
        let mut answering = answering();
        answering.block(at(3_600_000)).unwrap();
        for n in 0..1_000 {
            answering.block(at(n * TICK_MS)).unwrap();
        }
    }
}
