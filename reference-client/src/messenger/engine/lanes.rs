//! The receiving end of a talk as it is stored: which cells were opened, and the lanes with their
//! windows, places and counts.

use std::collections::{BTreeMap, BTreeSet};

use edgewise_spec::constants::TAG_WINDOW;
use edgewise_spec::scatter::{LaneId, Receiver, Shape, Tally, Window};

use super::talk::{Moving, TALK, TALK_WITH_CHAIN, Talk, read_list, write_list};
use crate::store::ConnectionId;
use crate::store::codec::{Fields, Writer};

pub(super) fn write_receiver(to: &mut Writer, talk: &Talk) {
    to.u32(talk.receiver.highest());
    write_list(to, runs(talk.receiver.opened()).into_iter(), |to, (first, last)| {
        to.u32(first);
        to.u32(last);
    });
    let windows: Vec<_> = talk.receiver.windows().collect();
    write_list(to, windows.iter(), |to, (lane, window)| {
        to.u32(*lane);
        to.i64(talk.lanes.get(lane).map_or(0, |id| id.number()));
        to.bytes(window);
        to.u8(talk.receiver.place(*lane).unwrap_or_default());
        let Tally { bad, stray, wrong } = talk.tally(*lane);
        [bad, stray, wrong].into_iter().for_each(|count| to.u32(count));
        to.flag(talk.altering.contains(lane));
    });
}

/// Ascending numbers as runs of which each one is there, from the first to the last.
fn runs(numbers: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

/// A lane as it is stored.
pub(super) struct StoredLane {
    lane: LaneId,
    connection: ConnectionId,
    window: Window,
    /// Not in versions before the present one.
    place: Option<u8>,
    tally: Tally,
    altering: bool,
}

/// The receiving end of the parts, and what is stored of its lanes.
pub(super) fn read_receiver(
    from: &mut Fields<'_>,
    shape: Shape,
    version: u32,
) -> Option<(Receiver, Vec<StoredLane>)> {
    let highest = from.u32()?;
    let opened: Vec<u32> = if version == TALK_WITH_CHAIN {
        read_list(from, Fields::u32)?
    } else {
        let runs = read_list(from, |from| {
            let (first, last) = (from.u32()?, from.u32()?);
            (first <= last && last - first <= TAG_WINDOW).then_some(first..=last)
        })?;
        runs.into_iter().flatten().collect()
    };
    let receiver = Receiver::restore(shape, highest, opened).ok()?;
    let lanes = read_list(from, |from| {
        let (lane, connection) = (from.u32()?, ConnectionId::from_number(from.i64()?));
        let window = Window::from_bytes(from.bytes()?).ok()?;
        let (place, tally, altering) = if version == TALK {
            let place = Some(from.u8()?);
            let (bad, stray, wrong) = (from.u32()?, from.u32()?, from.u32()?);
            (place, Tally { bad, stray, wrong }, from.flag()?)
        } else {
            (None, Tally::default(), false)
        };
        Some(StoredLane { lane, connection, window, place, tally, altering })
    })?;
    Some((receiver, lanes))
}

/// The receiving end with its lanes.
pub(super) struct Lanes {
    pub receiver: Receiver,
    /// Which connection each lane is.
    pub lanes: BTreeMap<LaneId, ConnectionId>,
    /// What each lane's connection has brought that was of no use.
    pub tallies: BTreeMap<LaneId, Tally>,
    /// Lanes whose last part was not what had been sealed for it.
    pub altering: BTreeSet<LaneId>,
}

/// Adds the stored lanes. Of those of an earlier version that are being made for a move the place
/// is not known, and asked of nobody: one part was a cell.
pub(super) fn add_lanes(
    receiver: Receiver,
    stored: Vec<StoredLane>,
    moving: &Moving,
) -> Option<Lanes> {
    let (lanes, tallies) = (BTreeMap::new(), BTreeMap::new());
    let mut all = Lanes { receiver, lanes, tallies, altering: BTreeSet::new() };
    for StoredLane { lane, connection, window, place, tally, altering } in stored {
        let at = || moving.places.iter().position(|it| *it == lane);
        let place = place.or_else(|| u8::try_from(at()?).ok()).unwrap_or_default();
        all.receiver.add(lane, place, window).ok()?;
        all.lanes.insert(lane, connection);
        all.tallies.insert(lane, tally);
        if altering {
            all.altering.insert(lane);
        }
    }
    Some(all)
}
