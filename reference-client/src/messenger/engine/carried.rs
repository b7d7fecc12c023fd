//! Which servers carry what is said with a contact, which are silent, and which lie.

use std::collections::BTreeMap;

use edgewise_spec::scatter::Tally;

use super::talk::Talk;
use super::turn::{Result, Turn};
use crate::messenger::{ConnectionView, Flow, Standing};
use crate::store::{ConnectionId, ContactId, Direction};

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
