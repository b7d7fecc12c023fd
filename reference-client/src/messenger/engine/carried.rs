//! Which servers carry what is said with a contact, which are silent, and which lie.

use std::collections::{BTreeMap, BTreeSet};

use edgewise_spec::scatter::{LaneId, Tally};

use super::talk::Talk;
use super::turn::{Result, Turn};
use crate::messenger::{ConnectionView, Flow, Standing};
use crate::store::{ConnectionId, ContactId, Direction, Position};

impl Talk {
    /// The connections from the contact, by their places.
    pub(super) fn places(&self) -> BTreeMap<u8, Vec<ConnectionId>> {
        let mut places = BTreeMap::<u8, Vec<ConnectionId>>::new();
        for (lane, connection) in &self.lanes {
            let place = self.receiver.place(*lane).unwrap_or_default();
            places.entry(place).or_default().push(*connection);
        }
        places
    }

    /// What a lane's connection has brought that was of no use (SCATTER-13).
    pub(super) fn tally(&self, lane: LaneId) -> Tally {
        let before = self.tallies.get(&lane).copied().unwrap_or_default();
        let now = self.receiver.tally(lane).unwrap_or_default();
        Tally {
            bad: before.bad.saturating_add(now.bad),
            stray: before.stray.saturating_add(now.stray),
            wrong: before.wrong.saturating_add(now.wrong),
        }
    }

    /// Whether so many servers have taken a part of each of a message's cells that it can be
    /// received.
    pub(super) fn is_accepted(&self, position: Position) -> bool {
        let mut cells: BTreeMap<u32, u8> = BTreeMap::new();
        for out in self.all_outs() {
            let its = out.parts.iter().filter(|part| part.message == Some(position));
            let mut taken = BTreeSet::new();
            for part in its {
                let cell = cells.entry(part.s).or_default();
                // One that was sent again is the same part.
                if part.accepted && taken.insert(part.s) {
                    *cell = cell.saturating_add(1);
                }
            }
        }
        cells.values().all(|taken| *taken >= self.session.shape().k())
    }
}

impl Turn<'_, '_> {
    pub(super) fn connection_views(&self, talk: &Talk) -> Result<Vec<ConnectionView>> {
        let mut views = Vec::new();
        let outs = talk.outs.iter().map(|out| {
            let waiting = out.parts.iter().filter(|part| !part.accepted).count();
            (out.connection, Direction::Sent, waiting, (Tally::default(), false))
        });
        let ins = talk.lanes.iter().map(|(lane, connection)| {
            let altering = talk.altering.contains(lane);
            (*connection, Direction::Received, 0, (talk.tally(*lane), altering))
        });
        for (id, direction, waiting, tally) in outs.chain(ins) {
            let Some(connection) = self.tx.connection(id)? else { continue };
            let (Tally { bad, stray, wrong }, altering) = tally;
            let reached = self.is_reached(talk.contact, id);
            let standing = match reached {
                _ if bad > 0 || wrong > 0 => Standing::Lying,
                true => Standing::Answering,
                false => Standing::Silent,
            };
            views.push(ConnectionView {
                direction,
                place: connection.place,
                server: connection.address,
                up: self.state.up.contains(&id),
                waiting,
                bad,
                stray,
                wrong,
                standing,
                carries: reached && !altering,
            });
        }
        Ok(views)
    }

    /// How many parts connections have brought that were altered on their way.
    pub(super) fn altered_by(&self, connections: &[ConnectionId]) -> u32 {
        let lanes = self.state.talks.values().flat_map(|talk| {
            let its = talk.lanes.iter().filter(|(_, id)| connections.contains(id));
            its.map(|(lane, _)| talk.tally(*lane))
        });
        let altered = lanes.map(|tally| tally.bad.saturating_add(tally.wrong));
        altered.fold(0, u32::saturating_add)
    }

    /// Whether a connection is up; of who listens to nobody, whether it was when somebody did.
    fn is_reached(&self, contact: ContactId, id: ConnectionId) -> bool {
        if !self.state.offline {
            return self.state.up.contains(&id);
        }
        let standby = self.state.standbys.get(&contact);
        standby.is_none_or(|standby| !standby.down.contains_key(&id))
    }
}

/// Whether enough places of a direction have a connection whose server is reached, and whose last
/// part was what had been sealed.
pub(super) fn flow(talk: &Talk, of: Direction, connections: &[ConnectionView]) -> Option<Flow> {
    let mut places: BTreeMap<u8, bool> = BTreeMap::new();
    for view in connections.iter().filter(|view| view.direction == of) {
        *places.entry(view.place).or_default() |= view.carries;
    }
    if places.is_empty() {
        return None;
    }
    let enough = usize::from(talk.session.shape().k());
    let carrying = places.values().filter(|carries| **carries).count();
    Some(match carrying {
        _ if carrying >= places.len() => Flow::Whole,
        _ if carrying >= enough => Flow::Enough,
        _ => Flow::TooFew,
    })
}
