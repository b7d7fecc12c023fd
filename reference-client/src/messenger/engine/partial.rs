//! Cells that too few parts have come of: their parts are held in the store, until enough have, or
//! their time is over.

use std::collections::{BTreeMap, BTreeSet};

use edgewise_spec::constants::{PARTIAL_DAYS, TAG_WINDOW};
use edgewise_spec::scatter::{Joined, LaneId, OpenedPart, Receiver, Shape, join};
use edgewise_spec::time::Now;

use super::turn::{Result, Turn};
use crate::store::{ConnectionId, Held, InvitationId, SessionId, Versioned};

/// The version of a held part, as the word *scatter* writes it.
const VERSION: u32 = 1;

/// Which parts of which cells are held. The parts themselves are in the store alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Partial(BTreeMap<u32, Cell>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    /// When its first part came.
    since: Now,
    /// The connections that have brought one, in the order in which they did.
    lanes: Vec<LaneId>,
}

impl Partial {
    /// The connections whose parts of a cell are held.
    pub(super) fn lanes(&self, s: u32) -> &[LaneId] {
        self.0.get(&s).map_or(&[], |cell| &cell.lanes)
    }

    /// Every cell of which parts are held.
    pub(super) fn cells(&self) -> Vec<u32> {
        self.0.keys().copied().collect()
    }

    /// Remembers that a connection's part of a cell is held, which is of this time.
    pub(super) fn add(&mut self, s: u32, lane: LaneId, since: Now) {
        let cell = self.0.entry(s).or_insert(Cell { since, lanes: Vec::new() });
        cell.since = cell.since.min(since);
        cell.lanes.push(lane);
    }

    /// Forgets a cell; whose parts are to be let go.
    fn take(&mut self, s: u32) -> Vec<LaneId> {
        self.0.remove(&s).map_or_else(Vec::new, |cell| cell.lanes)
    }

    /// Forgets a connection, whose parts are gone.
    pub(super) fn forget(&mut self, lane: LaneId) {
        self.0.values_mut().for_each(|cell| cell.lanes.retain(|it| *it != lane));
        self.0.retain(|_, cell| !cell.lanes.is_empty());
    }

    /// The cells that are given up: those whose first part came PARTIAL_DAYS ago (SCATTER-24), and
    /// those whose other parts nobody could open any more (SCATTER-9).
    fn over(&self, highest: u32, now: Now) -> Vec<u32> {
        let lowest = highest.saturating_sub(TAG_WINDOW);
        let seconds = u64::from(PARTIAL_DAYS) * 86_400;
        let cells = self.0.iter();
        let over =
            cells.filter(|(s, cell)| **s < lowest || now >= cell.since.plus_seconds(seconds));
        over.map(|(s, _)| *s).collect()
    }
}

/// What receives the parts of a direction, of a session or of an invitation.
struct Inward<'a> {
    receiver: &'a mut Receiver,
    partial: &'a mut Partial,
    /// Lanes whose last part was not what had been sealed for it.
    altering: Option<&'a mut BTreeSet<LaneId>>,
    /// Which connection each lane is.
    lanes: BTreeMap<LaneId, ConnectionId>,
    shape: Shape,
}

impl Turn<'_, '_> {
    /// SCATTER-15: the part is stored with the state in which its tag is used up; then it is
    /// acknowledged.
    pub(super) fn hold(
        &mut self,
        of: Partly,
        connection: ConnectionId,
        (lane, s): (LaneId, u32),
        part: &OpenedPart,
    ) -> Result<()> {
        let now = self.now;
        let Some(to) = self.inward(of) else { return Ok(()) };
        let since = to.partial.0.get(&s).map_or(now, |cell| cell.since);
        to.receiver.hold(lane, s);
        to.partial.add(s, lane, since);
        let part = Versioned::new(VERSION, part.to_bytes());
        self.tx.hold(connection, &Held { s, since, part })?;
        match of {
            Partly::Talk(id) => self.store_talk(id),
            // Which tags are used up follows from what is held.
            Partly::Offer(_) => Ok(()),
        }
    }

    /// The cell that the held parts of `s` join to, if enough of them do. Those that do not belong
    /// to it are counted against the servers that brought them.
    pub(super) fn join(&mut self, of: Partly, s: u32) -> Result<Option<Vec<u8>>> {
        let Some(to) = self.inward(of) else { return Ok(None) };
        let shape = to.shape;
        let lanes = to.partial.lanes(s).to_vec();
        if lanes.len() < usize::from(shape.k()) {
            return Ok(None);
        }
        let places = lanes
            .iter()
            .filter_map(|lane| Some((*lane, *to.lanes.get(lane)?, to.receiver.place(*lane)?)));
        let places: Vec<_> = places.collect();
        let mut parts = Vec::new();
        for (_, connection, place) in &places {
            let held = self.tx.held(*connection, s)?;
            let part = held.and_then(|held| read(shape, *place, &held));
            parts.push(part.ok_or_else(|| self.damaged("held part"))?);
        }
        let Joined::Cell { cell, wrong } = join(shape, &parts) else { return Ok(None) };
        let Some(to) = self.inward(of) else { return Ok(None) };
        let mut altering = to.altering;
        for (lane, _, place) in places {
            if wrong.contains(&place) {
                // SCATTER-23
                to.receiver.blame_wrong(lane);
                altering.as_mut().map(|altering| altering.insert(lane));
            } else {
                altering.as_mut().map(|altering| altering.remove(&lane));
            }
        }
        Ok(Some(cell))
    }

    /// Lets the parts of a cell go: it is open, or never will be.
    pub(super) fn let_cell_go(&mut self, of: Partly, s: u32) -> Result<()> {
        let Some(to) = self.inward(of) else { return Ok(()) };
        let lanes = to.partial.take(s).into_iter();
        let connections: Vec<_> = lanes.filter_map(|it| to.lanes.get(&it).copied()).collect();
        for connection in connections {
            self.tx.let_go(connection, s)?;
        }
        Ok(())
    }

    /// Lets the cells go that are given up.
    pub(super) fn let_over_go(&mut self, of: Partly) -> Result<()> {
        let now = self.now;
        let Some(to) = self.inward(of) else { return Ok(()) };
        let over = to.partial.over(to.receiver.highest(), now);
        over.into_iter().try_for_each(|s| self.let_cell_go(of, s))
    }

    /// What the store holds for connections.
    pub(super) fn held_by(
        &self,
        lanes: impl IntoIterator<Item = (LaneId, ConnectionId)>,
    ) -> Result<Partial> {
        let mut held = Vec::new();
        for (lane, connection) in lanes {
            held.extend(self.tx.all_held(connection)?.into_iter().map(|it| (it.s, lane, it.since)));
        }
        let mut partial = Partial::default();
        held.into_iter().for_each(|(s, lane, since)| partial.add(s, lane, since));
        Ok(partial)
    }

    fn inward(&mut self, of: Partly) -> Option<Inward<'_>> {
        match of {
            Partly::Talk(id) => self.state.talks.get_mut(&id).map(|talk| Inward {
                shape: talk.session.shape(),
                lanes: talk.lanes.clone(),
                receiver: &mut talk.receiver,
                partial: &mut talk.partial,
                altering: Some(&mut talk.altering),
            }),
            Partly::Offer(id) => self.state.offers.get_mut(&id).map(|offer| Inward {
                shape: offer.bundle.shape(),
                lanes: offer.lanes().collect(),
                receiver: &mut offer.receiver,
                partial: &mut offer.partial,
                altering: None,
            }),
        }
    }
}

/// Whose cells they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partly {
    /// A session's.
    Talk(SessionId),
    /// An invitation's, whose session begins with the first one.
    Offer(InvitationId),
}

fn read(shape: Shape, place: u8, held: &Held) -> Option<OpenedPart> {
    if held.part.version() != VERSION {
        return None;
    }
    OpenedPart::from_bytes(shape, place, held.part.bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64) -> Now {
        Now::from_seconds(day * 86_400)
    }

    #[test]
    fn a_cell_is_given_up_seven_days_after_its_first_part() {
        let mut partial = Partial::default();
        partial.add(5, 0, at(1));
        partial.add(5, 3, at(1));
        partial.add(6, 0, at(2));
        assert!(partial.over(0, Now::from_millis(at(8).millis() - 1)).is_empty());
        assert_eq!(partial.over(0, at(8)), [5]);
        assert_eq!(partial.over(0, at(9)), [5, 6]);
        assert_eq!(partial.take(5), [0, 3]);
        assert_eq!((partial.lanes(5), partial.lanes(6)), (&[][..], &[0][..]));
    }

    #[test]
    fn a_cell_is_given_up_when_its_tags_are_forgotten() {
        let mut partial = Partial::default();
        partial.add(5, 0, at(1));
        partial.add(6, 0, at(1));
        assert!(partial.over(5 + TAG_WINDOW, at(1)).is_empty());
        assert_eq!(partial.over(6 + TAG_WINDOW, at(1)), [5]);
    }

    #[test]
    fn a_connection_takes_its_parts_along() {
        let mut partial = Partial::default();
        partial.add(5, 0, at(1));
        partial.add(5, 1, at(1));
        partial.add(6, 1, at(1));
        partial.forget(1);
        assert_eq!(partial.cells(), [5]);
        assert_eq!(partial.lanes(5), [0]);
    }
}
