//! The client's end of the lock-step.

use core::fmt;
use std::collections::VecDeque;

use super::tick::Rhythm;
use crate::constants::TICKS_UNANSWERED_MAX;
use crate::time::Now;

/// A block came that answers none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a block that answers none")]
pub struct Unasked;

/// When a client in cadence sends its blocks, from the server's reply on: each call that takes one
/// is one block, and the answer to each is counted.
pub struct Beat {
    rhythm: Rhythm,
    state: State,
}

enum State {
    /// The server's reply has come: the first block is due at once.
    First,
    /// Blocks go at points.
    Beating(Beating),
}

struct Beating {
    /// The lowest number of a point that may still have a block.
    next: u64,
    /// When the blocks without an answer went, oldest first.
    unanswered: VecDeque<Now>,
}

impl Beat {
    /// Begins when the server's reply has come.
    #[must_use]
    pub const fn new(rhythm: Rhythm) -> Self {
        Self { rhythm, state: State::First }
    }

    /// Its rhythm.
    #[must_use]
    pub const fn rhythm(&self) -> Rhythm {
        self.rhythm
    }

    /// Takes the block that is due at `now`, if one is; the caller then sends exactly one. What is
    /// too late is missed and never comes again.
    pub fn take(&mut self, now: Now) -> bool {
        match &mut self.state {
            State::First => {
                let unanswered = VecDeque::from([now]);
                let next = self.rhythm.next(now);
                self.state = State::Beating(Beating { next, unanswered });
                true
            }
            State::Beating(beating) => beating.take(self.rhythm, now),
        }
    }

    /// A block of the server came.
    ///
    /// # Errors
    /// [`Unasked`] if every block of this end has its answer already.
    pub fn answered(&mut self) -> Result<(), Unasked> {
        match &mut self.state {
            State::Beating(beating) => beating.unanswered.pop_front().map(drop).ok_or(Unasked),
            State::First => Err(Unasked),
        }
    }

    /// The first point after `now`, to look for a block that is due.
    #[must_use]
    pub const fn point_after(&self, now: Now) -> Now {
        self.rhythm.point(self.rhythm.next(now))
    }

    /// When the longest unanswered block went.
    #[must_use]
    pub fn unanswered_since(&self) -> Option<Now> {
        match &self.state {
            State::Beating(beating) => beating.unanswered.front().copied(),
            State::First => None,
        }
    }
}

impl Beating {
    fn take(&mut self, rhythm: Rhythm, now: Now) -> bool {
        let after = rhythm.next(now);
        // A clock that was set back by more than a tick: nobody waits until it is there again.
        if self.next > after.saturating_add(1) {
            self.next = after;
        }
        if after <= self.next {
            return false;
        }
        // CADENCE-13, CADENCE-17: of all points up to now the last one alone has a block, if it is
        // not too late for it.
        self.next = after;
        // CADENCE-14
        if rhythm.is_late(now) || self.unanswered.len() >= TICKS_UNANSWERED_MAX {
            return false;
        }
        self.unanswered.push_back(now);
        true
    }
}

impl fmt::Debug for Beat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::First => f.write_str("First"),
            State::Beating(beating) => match beating.unanswered.len() {
                0 => f.write_str("Even"),
                TICKS_UNANSWERED_MAX => f.write_str("Full"),
                _ => f.write_str("Waiting"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cadence::TickMs;

    fn beat() -> Beat {
        Beat::new(Rhythm::new(TickMs::try_from(1_000).unwrap(), 250).unwrap())
    }

    fn at(millis: u64) -> Now {
        Now::from_millis(1_800_000_000_000 + millis)
    }

    #[test]
    fn each_point_has_one_block_however_often_it_is_asked() {
        let mut beat = beat();
        assert!(beat.take(at(0)));
        let taken: Vec<u64> = (0..5_000).filter(|millis| beat.take(at(*millis))).collect();
        assert_eq!(taken, [250, 1_250, 2_250, 3_250, 4_250]);
        assert_eq!(beat.point_after(at(4_250)), at(5_250));
    }

    #[test]
    fn what_was_missed_never_comes_again() {
        let mut beat = beat();
        assert!(beat.take(at(0)));
        assert!(beat.take(at(250)));
        // An hour later, at the wrong time: the tick of now is missed too.
        assert!(!beat.take(at(3_600_900)));
        let taken: Vec<u64> =
            (3_600_900..3_604_000).filter(|millis| beat.take(at(*millis))).collect();
        assert_eq!(taken, [3_601_250, 3_602_250, 3_603_250]);
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut beat = beat();
        assert!(beat.take(at(10_000_000)));
        assert!(beat.take(at(10_000_250)));
        // A little: the tick has its block.
        assert!(!beat.take(at(10_000_249)) && !beat.take(at(10_000_251)));
        assert!(!beat.take(at(0)));
        let taken: Vec<u64> = (0..2_000).filter(|millis| beat.take(at(*millis))).collect();
        assert_eq!(taken, [250, 1_250]);
    }

    #[test]
    fn the_oldest_block_without_an_answer_is_known() {
        let mut beat = beat();
        assert_eq!((beat.unanswered_since(), beat.answered()), (None, Err(Unasked)));
        assert!(beat.take(at(0)) && beat.take(at(250)));
        assert_eq!(beat.unanswered_since(), Some(at(0)));
        assert_eq!(beat.answered(), Ok(()));
        assert_eq!(beat.unanswered_since(), Some(at(250)));
    }
}
