//! Everything that works, made from what is stored.

use edgewise_spec::client::SenderState;
use edgewise_spec::mutant;

use super::address::Home;
use super::input::Output;
use super::join::{JOIN, Join};
use super::net::Order;
use super::offer::Offer;
use super::talk::{OutPart, Talk};
use super::turn::{Result, State, Turn, Use};
use crate::store::{ConnectionId, ContactId, End, Owner, ProfileId, Session, SessionId};

impl Turn<'_, '_> {
    /// Fills an empty state from the store.
    pub(super) fn load(&mut self) -> Result<()> {
        for (profile, _) in self.tx.profiles()? {
            for (id, stored) in self.tx.invitations(profile)? {
                if mutant!(INVITATION_25) {
                    // As one that has sent before it stored.
                    continue;
                }
                let offer = Offer::from_versioned(id, profile, &stored.state);
                let mut offer = offer.ok_or_else(|| self.damaged("invitation"))?;
                self.fill_offer(&mut offer)?;
                let uses = offer.connections.iter().map(|it| (*it, Use::Offer(id)));
                self.state.uses.extend(uses);
                self.state.offers.insert(id, offer);
            }
            for (contact, _) in self.tx.contacts(profile)? {
                self.load_standby(profile, contact)?;
                for (id, session) in self.tx.sessions(contact)? {
                    self.load_session(profile, contact, id, &session)?;
                }
            }
            if let Some(home) = Home::load(self.tx, profile)? {
                let uses = home.connections.iter().map(|it| (*it, Use::Home(profile)));
                self.state.uses.extend(uses);
                self.state.homes.insert(profile, home);
            }
            for (id, connection) in self.tx.connections(profile)? {
                let used = self.state.uses.get(&id);
                if used.is_none() && connection.owner == Owner::Profile {
                    self.state.uses.insert(id, Use::Doomed);
                }
            }
        }
        Ok(())
    }

    fn load_session(
        &mut self,
        profile: ProfileId,
        contact: ContactId,
        id: SessionId,
        session: &Session,
    ) -> Result<()> {
        let (revision, bytes) = (session.revision, session.state.bytes());
        let damaged = || self.damaged("session");
        match session.state.version() {
            version if Talk::is_in(version) => {
                let base = self.tx.base(id)?;
                let talk = Talk::from_stored(id, profile, session, base.as_ref());
                let mut talk = talk.ok_or_else(damaged)?;
                self.fill(&mut talk)?;
                let all = talk.connections().map(|it| (it, Use::Session(id)));
                self.state.uses.extend(all);
                self.state.talks.insert(id, talk);
            }
            JOIN if mutant!(INVITATION_35) => {}
            JOIN => {
                let join = Join::from_bytes(id, contact, profile, revision, bytes);
                let mut join = join.ok_or_else(damaged)?;
                join.retry = Some(self.now);
                let replies = join.replies.iter().map(|reply| reply.connection);
                let all = join.claims.iter().copied().chain(replies);
                self.state.uses.extend(all.map(|it| (it, Use::Session(id))));
                self.state.joins.insert(id, join);
            }
            _ => return Err(damaged()),
        }
        Ok(())
    }

    /// What of an invitation stands in rows of its own: held parts. Their tags are used up.
    fn fill_offer(&self, offer: &mut Offer) -> Result<()> {
        if offer.bundle.shape().k() > 1 {
            offer.partial = self.held_by(offer.lanes())?;
            for s in offer.partial.cells() {
                offer.partial.lanes(s).iter().for_each(|lane| offer.receiver.hold(*lane, s));
            }
        }
        Ok(())
    }

    /// What of a talk stands in rows of its own: parts that are kept and held, and pieces of
    /// incomplete messages.
    fn fill(&self, talk: &mut Talk) -> Result<()> {
        if talk.session.shape().k() > 1 {
            talk.partial = self.held_by(talk.lanes.iter().map(|(lane, id)| (*lane, *id)))?;
        }
        for out in talk.all_outs_mut() {
            let Some(connection) = self.tx.connection(out.connection)? else { continue };
            let End::Sender(state) = connection.end else { continue };
            let answered = answered(&state);
            for (number, part) in self.tx.parts(out.connection)? {
                let (s, message, accepted) = (part.s, part.message, number < answered);
                out.parts.push_back(OutPart { number, s, message, accepted });
            }
        }
        for (id, piece) in self.tx.pieces(talk.id)? {
            let parsed = talk.layout().parse(piece.content.bytes());
            let Ok(Some(parsed)) = parsed else { continue };
            talk.pieces.entry(parsed.header.id).or_default().push(id);
            // It was accepted before, so it is now.
            let _ = talk.inbox.receive(self.now, piece.content.bytes());
        }
        Ok(())
    }

    /// Brings every connection up.
    pub(super) fn start_all(&mut self) -> Result<()> {
        let all: Vec<_> = self.state.uses.keys().copied().collect();
        for id in all {
            self.start(id)?;
            if self.state.uses.get(&id) == Some(&Use::Doomed) {
                self.order(id, Order::Delete);
            }
        }
        let joins: Vec<_> = self.state.joins.keys().copied().collect();
        for id in joins {
            self.claim_next(id)?;
        }
        Ok(())
    }

    fn start(&mut self, id: ConnectionId) -> Result<()> {
        let Some(connection) = self.tx.connection(id)? else { return Ok(()) };
        let (profile, address, end) = (connection.profile, connection.address, connection.end);
        let password = self.password(profile, &address)?;
        self.outputs.push(Output::Start { id, profile, address, password, end: Box::new(end) });
        Ok(())
    }

    /// Takes an end down and brings it up from the store.
    pub(super) fn restart(&mut self, id: ConnectionId) -> Result<()> {
        self.outputs.push(Output::Stop(id));
        self.start(id)
    }
}

/// The number of the oldest part without an answer.
fn answered(state: &SenderState) -> u64 {
    let outbox = &state.outbox;
    outbox.released().saturating_add(outbox.lowest_unanswered().saturating_sub(outbox.first()))
}

impl State {
    /// A state that is filled anew, which knows what is up and what servers were asked.
    pub(super) fn emptied(&mut self) {
        let (up, changing) = (std::mem::take(&mut self.up), std::mem::take(&mut self.changing));
        *self = Self { up, changing, offline: self.offline, ..Self::default() };
    }
}
