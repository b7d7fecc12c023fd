//! What time asks for although nothing happens.

use edgewise_spec::time::{Hour, Now};

use super::offer::Offer;
use super::partial::Partly;
use super::turn::{Result, State, Turn};
use crate::store::{InvitationId, SessionId};

impl State {
    /// Whether anything is due now.
    pub(super) fn is_due(&self, now: Now) -> bool {
        let talks = self
            .talks
            .values()
            .any(|talk| talk.is_due(now) || talk.again.is_none() && talk.session.room() == 0);
        let joins = self.joins.values().any(|join| {
            join.patience.is_some_and(|(_, until)| now >= until)
                || join.retry.is_some_and(|at| now >= at)
        });
        let requests = self.offers.values().any(|offer| wants_to_ask(offer, now));
        talks || joins || requests || self.is_look_due(now)
    }
}

impl Turn<'_, '_> {
    /// Every second or so.
    pub(super) fn tick(&mut self) -> Result<()> {
        let talks: Vec<SessionId> = self.state.talks.keys().copied().collect();
        for id in talks {
            self.talk_tick(id)?;
        }
        let joins: Vec<SessionId> = self.state.joins.keys().copied().collect();
        for id in joins {
            self.join_tick(id)?;
        }
        let now = self.now;
        if self.state.is_look_due(now) {
            self.look()?;
        }
        let asking = self.state.offers.values().filter(|offer| wants_to_ask(offer, now));
        let asking: Vec<InvitationId> = asking.map(|offer| offer.id).collect();
        asking.into_iter().try_for_each(|id| self.leave_request(id))
    }

    /// Every hour, and when the messenger is opened.
    pub(super) fn hourly(&mut self) -> Result<()> {
        let hour: Hour = self.now.hour();
        let talks: Vec<SessionId> = self.state.talks.keys().copied().collect();
        for id in talks {
            self.expire(id, hour)?;
        }
        let partial: Vec<InvitationId> = self.state.offers.keys().copied().collect();
        partial.into_iter().try_for_each(|id| self.offer_hourly(id))?;
        let over = |offer: &Offer| hour >= offer.bundle.not_after();
        let offers: Vec<InvitationId> =
            self.state.offers.values().filter(|it| over(it)).map(|it| it.id).collect();
        for id in offers {
            self.look_whether_open(id)?;
        }
        self.keys_tick()?;
        self.homes_tick()?;
        self.forget_places()
    }

    /// SESSION-21, MESSAGE-8, SCATTER-24
    fn expire(&mut self, id: SessionId, hour: Hour) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let contact = talk.contact;
        let expired = talk.session.expired(self.now);
        let changed = expired.is_some();
        if let Some(session) = expired {
            talk.session = session;
        }
        for message in talk.inbox.expire(self.now) {
            self.given_up(id, contact, message)?;
        }
        self.tx.expire_pieces(id, hour)?;
        // SCATTER-24
        self.let_over_go(Partly::Talk(id))?;
        if !changed {
            return Ok(());
        }
        self.store_talk(id)?;
        // ROTATION-25: a connection that was left is waited for no longer than its cells open.
        self.moving_opened(id)
    }

    /// INVITATION-30: an invitation whose time is over ends once every connection of it was seen
    /// open since; subscribing again shows that.
    fn look_whether_open(&mut self, id: InvitationId) -> Result<()> {
        let Some(offer) = self.state.offers.get(&id) else { return Ok(()) };
        for connection in offer.connections.clone() {
            self.restart(connection)?;
        }
        Ok(())
    }
}

/// Whether an invitation has a request that is to be left now.
fn wants_to_ask(offer: &Offer, now: Now) -> bool {
    let asked = offer.request.as_ref().filter(|asked| !asked.left);
    offer.is_ready() && asked.is_some_and(|asked| asked.retry.is_none_or(|at| now >= at))
}
