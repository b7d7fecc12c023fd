//! Accepting invitations, until the session begins.

use edgewise_spec::client::{RecipientEvent, SenderEvent, Stopped};
use edgewise_spec::invitation::{
    Answer, Card, CardKind, Claimer, ConnectionSecret, Given, Place, Step, filler,
};
use edgewise_spec::link::Address;
use edgewise_spec::session::Mode;
use edgewise_spec::suite::{self, SigningKey};

use super::join::{Join, Reply};
use super::turn::{Result, Turn, Use};
use crate::clock::OsRandom;
use crate::messenger::{AbandonReason, Accept, Event, MessengerError};
use crate::store::{ConnectionId, Contact, ContactId, Owner, ProfileId, SessionId, Versioned};

/// How long a server has to answer a claim before the next one is asked.
const PATIENCE_SECONDS: u64 = 15;
/// How often places that refused or were not reached are asked again.
const RETRY_SECONDS: u64 = 60;
/// The setting that remembers which cards were accepted, by their secrets' hashes.
const ACCEPTED: &str = "accepted";
const ACCEPTED_MAX: usize = 1_024;

impl Turn<'_, '_> {
    pub(crate) fn accept(
        &mut self,
        profile: ProfileId,
        card: &str,
        accept: &Accept,
    ) -> Result<ContactId> {
        let card = Card::parse(card)?;
        self.accept_card(profile, card, accept)
    }

    pub(super) fn accept_card(
        &mut self,
        profile: ProfileId,
        card: Card,
        accept: &Accept,
    ) -> Result<ContactId> {
        self.tx.profile(profile)?.ok_or(MessengerError::Unknown("profile"))?;
        if card.kind() == CardKind::Address {
            let text = "this is a contact address: its owner has to accept you first; \
                        leave a request there (edgewise address request)";
            return Err(MessengerError::NotNow(text.to_owned()));
        }
        let own = self.state.offers.values().any(|it| it.bundle.secret() == *card.secret());
        if own {
            let text = "this is an invitation of your own; hand it on to somebody else";
            return Err(MessengerError::NotNow(text.to_owned()));
        }
        if self.state.joins.values().any(|join| join.card.secret() == card.secret()) {
            let text = "this invitation is being accepted already; wait for it";
            return Err(MessengerError::NotNow(text.to_owned()));
        }
        self.note_accepted(profile, &card)?;
        let contact = match accept.contact {
            Some(contact) => {
                self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
                contact
            }
            None => self.tx.add_contact(&Contact::named(profile, &accept.name, self.now))?,
        };
        let claimer = Claimer::new(card.clone())?;
        let mut join = Join {
            id: SessionId::from_number(0),
            contact,
            profile,
            revision: 0,
            scanned: accept.scanned && card.kind() == CardKind::Shown,
            named: accept.contact.is_some() || !accept.name.is_empty(),
            card,
            claimer,
            claims: Vec::new(),
            replies: Vec::new(),
            seed: None,
            patience: None,
            retry: None,
            late: Vec::new(),
            ready: false,
        };
        join.id = self.tx.add_session(contact, &join.to_versioned())?;
        let id = join.id;
        self.state.joins.insert(id, join);
        self.claim_next(id)?;
        self.tell(Event::Contact(contact));
        Ok(contact)
    }

    /// A card is accepted once: a second acceptance, with other keys, would be a second claim.
    fn note_accepted(&mut self, profile: ProfileId, card: &Card) -> Result<()> {
        let hash = suite::hash(&[card.secret().as_bytes()]);
        let stored = self.tx.setting(Some(profile), ACCEPTED)?;
        let mut hashes = stored.map_or_else(Vec::new, |stored| stored.bytes().to_vec());
        if hashes.chunks(hash.len()).any(|known| known == hash) {
            let text = "this invitation was accepted before; an invitation is good for once, ask \
                        for a new one";
            return Err(MessengerError::NotNow(text.to_owned()));
        }
        hashes.extend_from_slice(&hash);
        let surplus = hashes.len().saturating_sub(ACCEPTED_MAX * hash.len());
        hashes.drain(..surplus);
        let value = Versioned::new(1, hashes.into());
        Ok(self.tx.set_setting(Some(profile), ACCEPTED, &value)?)
    }

    fn store_join(&mut self, id: SessionId) -> Result<()> {
        let Some(join) = self.state.joins.get_mut(&id) else { return Ok(()) };
        join.revision = self.tx.set_session(id, join.revision, &join.to_versioned())?;
        Ok(())
    }

    /// INVITATION-32: one claim after the other, in order.
    pub(super) fn claim_next(&mut self, id: SessionId) -> Result<()> {
        loop {
            let Some(join) = self.state.joins.get_mut(&id) else { return Ok(()) };
            let Some(claim) = join.claimer.next() else { return Ok(()) };
            if let Some(at) = join.late.iter().position(|(place, _)| *place == claim.place) {
                // It was answered while it was not asked.
                let (_, bundle) = join.late.swap_remove(at);
                let step =
                    join.claimer.handle(claim.place, Answer::Claimed(&bundle), self.now.hour());
                self.joined(id, step)?;
                continue;
            }
            join.patience = Some((claim.place, self.now.plus_seconds(PATIENCE_SECONDS)));
            if join.claims.len() > usize::from(claim.place) {
                // Its end goes on trying by itself.
                return Ok(());
            }
            let (profile, owner) = (join.profile, Owner::Contact(join.contact));
            let at = (claim.place, &claim.server);
            let made = self.add_sender(profile, (owner, Use::Session(id)), at, &claim.secret)?;
            if let Some(join) = self.state.joins.get_mut(&id) {
                join.claims.push(made);
            }
            return self.store_join(id);
        }
    }

    /// What a connection of an acceptance says.
    pub(super) fn join_sender(
        &mut self,
        id: SessionId,
        connection: ConnectionId,
        event: &SenderEvent,
    ) -> Result<()> {
        let Some(join) = self.state.joins.get_mut(&id) else { return Ok(()) };
        let Some(place) = join.place_of(connection) else { return Ok(()) };
        let answer = match event {
            SenderEvent::Claimed { bundle } => Answer::Claimed(bundle),
            SenderEvent::Stopped(Stopped::Conflict) => Answer::Conflict,
            SenderEvent::Stopped(_) | SenderEvent::Unreachable => Answer::Refused,
            _ => return Ok(()),
        };
        let asked = join.patience.is_some_and(|(asked, _)| asked == place);
        let open = join.claimer.next().is_some_and(|claim| claim.place == place);
        match answer {
            Answer::Claimed(bundle) if !open => {
                join.late.push((place, bundle.to_vec()));
                return Ok(());
            }
            Answer::Refused if !(asked && open) => return Ok(()),
            _ => {}
        }
        let step = join.claimer.handle(place, answer, self.now.hour());
        self.joined(id, step)?;
        self.claim_next(id)
    }

    /// What comes of a claim's answer.
    fn joined(&mut self, id: SessionId, step: Step) -> Result<()> {
        let Some(join) = self.state.joins.get_mut(&id) else { return Ok(()) };
        join.patience = None;
        if !matches!(step, Step::Abandon(_) | Step::Nothing) {
            self.store_join(id)?;
            self.add_replies(id)?;
        }
        let Some(join) = self.state.joins.get_mut(&id) else { return Ok(()) };
        match step {
            Step::Claim | Step::Nothing => Ok(()),
            Step::Begin => {
                join.ready = true;
                join.retry = Some(self.now.plus_seconds(RETRY_SECONDS));
                self.begin_if_ready(id)
            }
            Step::Wait => {
                join.retry = Some(self.now.plus_seconds(RETRY_SECONDS));
                let refused = join.claimer.places().contains(&Place::Refused);
                let (contact, id) = (join.contact, join.id);
                let text = if self.is_renewing(contact, id) {
                    "The standby invitation of a contact cannot be used yet: its servers refuse \
                     it or cannot be reached. It is tried again from time to time."
                } else if refused {
                    "An invitation's servers refuse it: it was used or taken back, or a server \
                     has lost it for now. It is tried again from time to time; remove the contact \
                     to give it up."
                } else {
                    "The servers of an invitation cannot be reached. It is tried again from time \
                     to time; remove the contact to give it up."
                };
                self.tell(Event::Trouble(text.to_owned()));
                Ok(())
            }
            Step::Abandon(why) => self.abandon_join(
                id,
                match why {
                    Given::Conflict => AbandonReason::Conflict,
                    Given::Bundle(_) => AbandonReason::Bundle,
                    Given::Withdrawn => AbandonReason::Withdrawn,
                },
            ),
        }
    }

    /// Once the bundle is open, the connections back are made: as many, on the profile's own
    /// servers where it has enough, else on the invitation's.
    fn add_replies(&mut self, id: SessionId) -> Result<()> {
        let Some(join) = self.state.joins.get(&id) else { return Ok(()) };
        let Some(bundle) = join.claimer.bundle() else { return Ok(()) };
        if !join.replies.is_empty() {
            return Ok(());
        }
        let (shape, mode) = (bundle.shape(), bundle.mode());
        let theirs = bundle.servers().to_vec();
        let (profile, owner) = (join.profile, Owner::Contact(join.contact));
        let servers = self.servers_for_replies(profile, shape.n())?.unwrap_or(theirs);
        let mut replies = Vec::new();
        for (place, server) in (0..).zip(&servers) {
            let reply = self.add_reply(profile, owner, id, (place, server), shape.class())?;
            replies.push(reply);
        }
        let Some(join) = self.state.joins.get_mut(&id) else { return Ok(()) };
        join.replies = replies;
        if mode == Mode::Attested {
            join.seed = Some(SigningKey::generate(&mut OsRandom).to_seed());
        }
        self.store_join(id)
    }

    /// The profile's first servers, those last that have been found down; none where it has too few.
    fn servers_for_replies(&self, profile: ProfileId, n: u8) -> Result<Option<Vec<Address>>> {
        let mut down = Vec::new();
        for id in self.state.standbys.values().flat_map(|standby| standby.down.keys()) {
            down.extend(self.tx.connection(*id)?.map(|it| it.address.fingerprint));
        }
        let all = self.tx.servers(profile)?.into_iter().map(|(_, server)| server.address);
        let mut all: Vec<Address> = all.collect();
        all.sort_by_key(|server| down.contains(&server.fingerprint));
        all.truncate(n.into());
        Ok((all.len() == usize::from(n)).then_some(all))
    }

    fn add_reply(
        &mut self,
        profile: ProfileId,
        owner: Owner,
        id: SessionId,
        at: (u8, &Address),
        class: edgewise_spec::frame::Class,
    ) -> Result<Reply> {
        let secret = ConnectionSecret::generate(&mut OsRandom);
        let (owner, terms) = ((owner, Use::Session(id)), Self::terms(class));
        let connection = self.add_recipient(profile, owner, at, &secret, filler(), terms)?;
        Ok(Reply { connection, secret, created: false })
    }

    /// What a connection back to the user says before the session begins.
    pub(super) fn join_recipient(
        &mut self,
        id: SessionId,
        connection: ConnectionId,
        event: &RecipientEvent,
    ) -> Result<()> {
        let Some(join) = self.state.joins.get_mut(&id) else { return Ok(()) };
        let reply = join.replies.iter_mut().find(|reply| reply.connection == connection);
        if let (Some(reply), RecipientEvent::Created) = (reply, event) {
            reply.created = true;
            self.store_join(id)?;
            return self.begin_if_ready(id);
        }
        Ok(())
    }

    /// Begins once the claimer may and every connection back exists.
    fn begin_if_ready(&mut self, id: SessionId) -> Result<()> {
        let Some(join) = self.state.joins.get(&id) else { return Ok(()) };
        let created = !join.replies.is_empty() && join.replies.iter().all(|reply| reply.created);
        if !join.ready || !created {
            return Ok(());
        }
        let Some(join) = self.state.joins.remove(&id) else { return Ok(()) };
        self.begin_as_claimer(join)
    }

    fn abandon_join(&mut self, id: SessionId, why: AbandonReason) -> Result<()> {
        let Some(join) = self.state.joins.remove(&id) else { return Ok(()) };
        let connections = join.claims.iter().copied();
        let replies = join.replies.iter().map(|reply| reply.connection);
        for connection in connections.chain(replies) {
            self.doom(connection)?;
        }
        let contact = join.contact;
        self.tx.remove_session(id)?;
        if self.is_renewing(contact, id) {
            return self.not_renewed(contact, why);
        }
        let stored = self.tx.contact(contact)?;
        let name = stored.map_or_else(String::new, |contact| contact.name);
        // A contact that was there before stays, with what it was.
        let others = !self.tx.sessions(contact)?.is_empty();
        if others {
            self.notice(contact, &format!("The exchange was not repeated: {why}."))?;
        } else {
            self.tx.remove_contact(contact)?;
        }
        self.tell(Event::AcceptFailed { contact, name, why });
        Ok(())
    }

    /// Gives the claim up for now that was not answered in time, and asks all again that failed.
    pub(super) fn join_tick(&mut self, id: SessionId) -> Result<()> {
        let Some(join) = self.state.joins.get_mut(&id) else { return Ok(()) };
        if let Some((place, until)) = join.patience
            && self.now >= until
        {
            let step = join.claimer.handle(place, Answer::Unreached, self.now.hour());
            self.joined(id, step)?;
            return self.claim_next(id);
        }
        if join.retry.is_some_and(|at| self.now >= at) {
            join.retry = Some(self.now.plus_seconds(RETRY_SECONDS));
            let step = join.claimer.retry(self.now.hour());
            self.joined(id, step)?;
            self.claim_next(id)?;
        }
        Ok(())
    }
}
