//! Opening: everything is worked out beside the session, which stays as it is.

use core::fmt;

use super::cell::{Cell, Numbers};
use super::schedule::{Key, Transcript, chain, message};
use super::skipped::SkippedKey;
use super::state::State;
use super::{Counts, Session};
use crate::constants::SKIPPED_MAX;
use crate::time::{Hour, Now};
use crate::{mutant, require};

/// A cell does not open. Nothing has changed, and what was wrong is not told (SESSION-19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cell that does not open")]
pub struct OpenFailed;

/// An opened cell. The session and the body are stored in one transaction before anything is
/// acknowledged (SESSION-25).
pub struct Opened {
    /// What takes the place of the session.
    pub session: Session,
    /// The body, as long as the shape says.
    pub body: Vec<u8>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({:?})", self.session)
    }
}

/// Where a new cell belongs.
struct Place {
    /// The state that knows the cell's step.
    state: State,
    /// The first s that the step's chain has a key for now.
    first: u32,
    /// Keys of the step before that were skipped.
    skipped: Vec<SkippedKey>,
    /// What the header acknowledges.
    ack: u32,
}

impl Session {
    /// Opens the cell of s, the number that the tag of its parts stands for.
    ///
    /// # Errors
    /// [`OpenFailed`], whatever is wrong; [`is_spent`](Self::is_spent) tells a cell that was opened
    /// before.
    pub fn open(&self, now: Now, s: u32, cell: &[u8]) -> Result<Opened, OpenFailed> {
        let cell = Cell::cut(cell, self.shape.cell_len())?;
        if s <= self.counts.opened {
            return self.open_skipped(now, s, cell);
        }
        let place = match self.open_in_chain(s, cell)? {
            Some(place) => place,
            None => self.open_next_step(now, s, cell)?,
        };
        let Place { state, first, mut skipped, ack } = place;
        let receiving = state.receiving().ok_or(OpenFailed)?;
        let mut end = receiving.chain.clone();
        skipped.extend(keys(&mut end, &receiving.tr, first..s, now.hour()));
        let (next, mk) = chain(&end, s);
        let body = cell.open_body(&message(&mk), &receiving.tr, s)?;
        let Counts { sent, acked, told, .. } = self.counts;
        let counts = Counts { sent, acked: acked.max(ack), opened: s, told };
        let skipped = self.skipped.with(skipped, s, now);
        let (shape, mode, stepped) = (self.shape, self.mode, self.stepped);
        let state = state.with_chain(next);
        Ok(Opened { session: Self { shape, mode, counts, stepped, skipped, state }, body })
    }

    /// A cell that was skipped: its key is kept, and its header tells nothing new (SESSION-20).
    fn open_skipped(&self, now: Now, s: u32, cell: Cell<'_>) -> Result<Opened, OpenFailed> {
        // SESSION-10: no key is kept of a cell that was opened.
        let key = self.skipped.get(s, now).ok_or(OpenFailed)?;
        let body = cell.open_body(&message(&key.message), &key.tr, s)?;
        let kept = if mutant!(SESSION_10) { self.skipped.clone() } else { self.skipped.without(s) };
        Ok(Opened { session: Self { skipped: kept, ..self.clone() }, body })
    }

    /// A cell of the step that is known; `None` when its header does not open under its key.
    fn open_in_chain(&self, s: u32, cell: Cell<'_>) -> Result<Option<Place>, OpenFailed> {
        let Some(receiving) = self.state.receiving() else { return Ok(None) };
        let Some(header) = cell.open_header(&receiving.header, s) else { return Ok(None) };
        let Numbers { step, start, ack, reserved } = header.numbers();
        let known = step == receiving.step && start == receiving.start && reserved == 0;
        require!(SESSION_12, known, OpenFailed);
        self.check(s, ack)?;
        let (state, first) = (self.state.clone(), self.counts.opened.saturating_add(1));
        Ok(Some(Place { state, first, skipped: Vec::new(), ack }))
    }

    /// A cell of the step that may come next.
    fn open_next_step(&self, now: Now, s: u32, cell: Cell<'_>) -> Result<Place, OpenFailed> {
        // SESSION-11
        let awaited = self.state.awaited().ok_or(OpenFailed)?;
        let header = cell.open_header(awaited.header, s).ok_or(OpenFailed)?;
        let taken = awaited.take(&header)?;
        let Numbers { start, ack, .. } = header.numbers();
        let from = self.counts.opened.saturating_add(1);
        let old = self.state.receiving();
        // The first step of all has none before it that could have sealed what it skips.
        let joins = if old.is_some() { start >= from } else { start == from };
        require!(SESSION_15, joins && start <= s, OpenFailed);
        self.check(s, ack)?;
        let skipped = old.map(|old| keys(&mut old.chain.clone(), &old.tr, from..start, now.hour()));
        let state = self.state.with_step(taken).ok_or(OpenFailed)?;
        Ok(Place { state, first: start, skipped: skipped.unwrap_or_default(), ack })
    }

    /// What holds of every new cell.
    fn check(&self, s: u32, ack: u32) -> Result<(), OpenFailed> {
        require!(SESSION_13, ack <= self.counts.sent, OpenFailed);
        let gap = s.saturating_sub(self.counts.opened).saturating_sub(1);
        let near = usize::try_from(gap).is_ok_and(|gap| gap <= SKIPPED_MAX);
        require!(SESSION_16, near, OpenFailed);
        Ok(())
    }
}

/// The keys of a run of cells; the chain's key stands behind them afterwards.
fn keys(
    end: &mut Key,
    tr: &Transcript,
    cells: core::ops::Range<u32>,
    hour: Hour,
) -> Vec<SkippedKey> {
    cells
        .map(|s| {
            let (next, message) = chain(end, s);
            *end = next;
            SkippedKey { s, hour, tr: *tr, message }
        })
        .collect()
}
