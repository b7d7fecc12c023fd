//! The receiving end of a direction: parts of n connections join to cells.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::part::{PartRefused, cell_of, open_part};
use super::{PartChain, ScatterRefused, Shape, Window};
use crate::constants::{PART_TAG_LEN, SERVERS_MAX, TAG_WINDOW};
use crate::{mutant, require};

/// The number that a client gave to a connection of the direction.
pub type LaneId = u32;

/// While they move, a direction has two connections for a place.
const LANES_MAX: usize = 2 * SERVERS_MAX;

/// What a part is to the direction. Each is acknowledged, once what it says has been done
/// (SCATTER-15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The cell is whole: the session opens it, then [`Receiver::commit`].
    Cell {
        /// The cell's counter.
        s: u32,
        /// CELL bytes.
        cell: Vec<u8>,
    },
    /// The cell was opened before, from another connection: [`Receiver::commit`], no more.
    Late {
        /// The cell's counter.
        s: u32,
    },
    /// This connection's part of the cell was taken before: dropped.
    Repeated {
        /// The cell's counter.
        s: u32,
    },
    /// The part has a known tag and is not what was sealed: dropped, and counted.
    Bad(PartRefused),
    /// The part begins with no tag of this connection's window: dropped, and counted.
    Stray,
    /// No such connection.
    NoConnection,
}

/// What a connection has brought that is of no use: its server is named to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tally {
    /// Parts that were not what the sender sealed.
    pub bad: u32,
    /// Parts without a tag of the window.
    pub stray: u32,
}

#[derive(Clone, Debug)]
struct Lane {
    window: Window,
    tally: Tally,
}

/// The tag windows of the connections of one direction, at the end that receives.
#[derive(Clone, Debug)]
pub struct Receiver {
    shape: Shape,
    highest: u32,
    /// Every s of the window that was opened.
    opened: BTreeSet<u32>,
    lanes: BTreeMap<LaneId, Lane>,
}

impl Receiver {
    /// The end that receives over n connections, which have the numbers 0 to n − 1 in the order
    /// of the bundle.
    ///
    /// # Errors
    /// [`ScatterRefused::Coding`] for k > 1, [`ScatterRefused::Connections`] for another number
    /// than n.
    pub fn new(shape: Shape, chains: Vec<PartChain>) -> Result<Self, ScatterRefused> {
        let (expected, got) = (usize::from(shape.n()), chains.len());
        if expected != got {
            return Err(ScatterRefused::Connections { expected, got });
        }
        let mut receiver = Self::restore(shape, 0, [])?;
        for (id, chain) in (0..).zip(chains) {
            receiver.add(id, Window::new(chain, 0))?;
        }
        Ok(receiver)
    }

    /// A stored direction without its connections: the highest s opened, and those opened within
    /// TAG_WINDOW of it.
    ///
    /// # Errors
    /// [`ScatterRefused::Coding`] for k > 1.
    pub fn restore(
        shape: Shape,
        highest: u32,
        opened: impl IntoIterator<Item = u32>,
    ) -> Result<Self, ScatterRefused> {
        require!(SCATTER_7, shape.k() == 1, ScatterRefused::Coding { k: shape.k() });
        let opened = opened.into_iter().collect();
        Ok(Self { shape, highest, opened, lanes: BTreeMap::new() })
    }

    /// Adds a connection, as one that a place moves to.
    ///
    /// # Errors
    /// [`ScatterRefused::TooMany`] beyond two connections a place.
    pub fn add(&mut self, id: LaneId, mut window: Window) -> Result<(), ScatterRefused> {
        if self.lanes.len() >= LANES_MAX && !self.lanes.contains_key(&id) {
            return Err(ScatterRefused::TooMany(LANES_MAX));
        }
        window.advance(self.highest);
        self.lanes.insert(id, Lane { window, tally: Tally::default() });
        Ok(())
    }

    /// Forgets a connection that was moved away from.
    ///
    /// # Errors
    /// [`ScatterRefused::NoConnection`].
    pub fn remove(&mut self, id: LaneId) -> Result<(), ScatterRefused> {
        self.lanes.remove(&id).map(drop).ok_or(ScatterRefused::NoConnection(id))
    }

    /// Judges a part that connection `id` delivered. Nothing changes, so that whoever crashes
    /// before the cell is stored gets it again.
    #[must_use]
    pub fn open(&self, id: LaneId, part: &[u8]) -> Arrival {
        let Some(lane) = self.lanes.get(&id) else { return Arrival::NoConnection };
        let Some(tag) = part.first_chunk::<PART_TAG_LEN>() else { return Arrival::Stray };
        let Some((key, taken)) = lane.window.find(tag) else { return Arrival::Stray };
        let s = key.s();
        if taken && !mutant!(SCATTER_11) {
            return Arrival::Repeated { s };
        }
        match open_part(self.shape, key, part) {
            Err(_) if mutant!(SCATTER_10) => Arrival::Late { s },
            // SCATTER-10: what cannot be opened leaves the tag to the part that can.
            Err(refused) => Arrival::Bad(refused),
            Ok(_) if self.opened.contains(&s) && !mutant!(SCATTER_12) => Arrival::Late { s },
            Ok(part) => match cell_of(s, &part.share, &part.fragment) {
                Ok(cell) => Arrival::Cell { s, cell },
                Err(refused) => Arrival::Bad(refused),
            },
        }
    }

    /// Takes what [`open`](Self::open) said of a good part, together with the stored message: the
    /// session has opened the cell of `s`, now or before.
    pub fn commit(&mut self, id: LaneId, s: u32) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.window.take(s);
        }
        self.opened.insert(s);
        if s > self.highest {
            self.highest = s;
            self.lanes.values_mut().for_each(|lane| lane.window.advance(s));
            // Bounded like the windows are.
            self.opened = self.opened.split_off(&s.saturating_sub(TAG_WINDOW));
        }
    }

    /// Counts a part that was of no use against its connection (SCATTER-13).
    pub fn blame(&mut self, id: LaneId, arrival: &Arrival) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        match arrival {
            _ if mutant!(SCATTER_13) => {}
            Arrival::Bad(_) => lane.tally.bad = lane.tally.bad.saturating_add(1),
            Arrival::Stray => lane.tally.stray = lane.tally.stray.saturating_add(1),
            _ => {}
        }
    }

    /// What a connection has brought that was of no use.
    #[must_use]
    pub fn tally(&self, id: LaneId) -> Option<Tally> {
        self.lanes.get(&id).map(|lane| lane.tally)
    }

    /// The highest s opened.
    #[must_use]
    pub const fn highest(&self) -> u32 {
        self.highest
    }

    /// Every s opened within TAG_WINDOW of the highest, ascending: to be stored.
    pub fn opened(&self) -> impl Iterator<Item = u32> + '_ {
        self.opened.iter().copied()
    }

    /// The connections' windows, to be stored (see [`Window::to_bytes`]).
    pub fn windows(&self) -> impl Iterator<Item = (LaneId, Zeroizing<Vec<u8>>)> + '_ {
        self.lanes.iter().map(|(id, lane)| (*id, lane.window.to_bytes()))
    }
}
