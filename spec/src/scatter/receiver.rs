//! The receiving end of a direction: parts of n connections join to cells.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::part::{PartRefused, cell_of, open_part};
use super::{OpenedPart, PartChain, ScatterRefused, Shape, Window};
use crate::constants::{PART_TAG_LEN, SERVERS_MAX, TAG_WINDOW};
use crate::mutant;

/// The number that a client gave to a connection of the direction.
pub type LaneId = u32;

/// While they move, a direction has two connections for a place.
const LANES_MAX: usize = 2 * SERVERS_MAX;

/// What a part is to the direction. Each is acknowledged, once what it says has been done
/// (SCATTER-15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The cell is whole, for k = 1: the session opens it, then [`Receiver::commit`].
    Cell {
        /// The cell's counter.
        s: u32,
        /// CELL bytes.
        cell: Vec<u8>,
    },
    /// A part of a cell that was not opened, for k > 1: the caller stores it, with
    /// [`Receiver::hold`], or [`joins`](super::join()) it to the cell with those that it holds; the
    /// session opens that, then [`Receiver::commit`].
    Part {
        /// The cell's counter.
        s: u32,
        /// What the part brings to it.
        part: OpenedPart,
    },
    /// The cell was opened before, from another connection: [`Receiver::commit`], no more.
    Late {
        /// The cell's counter.
        s: u32,
    },
    /// This connection's part of the cell was taken before, or another connection's of the same
    /// place: dropped.
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
    /// Parts that opened, and did not belong to their cell.
    pub wrong: u32,
}

#[derive(Clone, Debug)]
struct Lane {
    place: u8,
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
    /// of the bundle: those of their places.
    ///
    /// # Errors
    /// [`ScatterRefused::Connections`] for another number than n.
    pub fn new(shape: Shape, chains: Vec<PartChain>) -> Result<Self, ScatterRefused> {
        let (expected, got) = (usize::from(shape.n()), chains.len());
        if expected != got {
            return Err(ScatterRefused::Connections { expected, got });
        }
        let mut receiver = Self::restore(shape, 0, [])?;
        for (place, chain) in (0_u8..).zip(chains) {
            receiver.add(place.into(), place, Window::new(chain, 0))?;
        }
        Ok(receiver)
    }

    /// A stored direction without its connections: the highest s opened, and those opened within
    /// TAG_WINDOW of it.
    ///
    /// # Errors
    /// [`ScatterRefused::State`] for an s above the highest.
    pub fn restore(
        shape: Shape,
        highest: u32,
        opened: impl IntoIterator<Item = u32>,
    ) -> Result<Self, ScatterRefused> {
        let opened: BTreeSet<u32> = opened.into_iter().collect();
        if opened.last().is_some_and(|s| *s > highest) {
            return Err(ScatterRefused::State);
        }
        Ok(Self { shape, highest, opened, lanes: BTreeMap::new() })
    }

    /// Adds a connection of a place, as one that the place moves to: fragments and shares that
    /// it brings are those of the place (SCATTER-20).
    ///
    /// # Errors
    /// [`ScatterRefused::Place`] for a place that the shape does not have,
    /// [`ScatterRefused::TooMany`] beyond two connections a place.
    pub fn add(&mut self, id: LaneId, place: u8, mut window: Window) -> Result<(), ScatterRefused> {
        if place >= self.shape.n() {
            return Err(ScatterRefused::Place { place, n: self.shape.n() });
        }
        if self.lanes.len() >= LANES_MAX && !self.lanes.contains_key(&id) {
            return Err(ScatterRefused::TooMany(LANES_MAX));
        }
        window.advance(self.highest);
        self.lanes.insert(id, Lane { place, window, tally: Tally::default() });
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
        let opened = match open_part(self.shape, lane.place, key, part) {
            Ok(opened) => opened,
            Err(_) if mutant!(SCATTER_10) => return Arrival::Late { s },
            // SCATTER-10: what cannot be opened leaves the tag to the part that can.
            Err(refused) => return Arrival::Bad(refused),
        };
        if self.opened.contains(&s) && !mutant!(SCATTER_12) {
            return Arrival::Late { s };
        }
        if self.shape.k() == 1 {
            return match cell_of(&opened.share, &opened.fragment) {
                Some(cell) => Arrival::Cell { s, cell },
                None => Arrival::Bad(PartRefused::Fragment(s)),
            };
        }
        // SCATTER-20: a place has one part of a cell, whichever of its connections brings it.
        let other = |lane: &Lane| lane.place == opened.place && lane.window.is_taken(s);
        if self.lanes.values().any(other) {
            return Arrival::Repeated { s };
        }
        Arrival::Part { s, part: opened }
    }

    /// Takes a part of a cell that was not opened, together with the part itself, which is stored
    /// (SCATTER-15): its tag is used up. For k > 1.
    pub fn hold(&mut self, id: LaneId, s: u32) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.window.take(s);
        }
    }

    /// Takes what [`open`](Self::open) said of a good part, together with the stored message: the
    /// session has opened the cell of `s`, now or before.
    pub fn commit(&mut self, id: LaneId, s: u32) {
        self.hold(id, s);
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

    /// Counts a part that did not belong to its cell against the connection that brought it: one
    /// that [`Joined::Cell`](super::Joined::Cell) names (SCATTER-23).
    pub fn blame_wrong(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.tally.wrong = lane.tally.wrong.saturating_add(1);
        }
    }

    /// The place that a connection is of.
    #[must_use]
    pub fn place(&self, id: LaneId) -> Option<u8> {
        self.lanes.get(&id).map(|lane| lane.place)
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

    /// The connections' windows, to be stored beside their places (see [`Window::to_bytes`]).
    pub fn windows(&self) -> impl Iterator<Item = (LaneId, Zeroizing<Vec<u8>>)> + '_ {
        self.lanes.iter().map(|(id, lane)| (*id, lane.window.to_bytes()))
    }
}
