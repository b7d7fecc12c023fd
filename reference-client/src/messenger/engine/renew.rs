//! A session that is lost, and the one that takes its place: by the contact's standby, or by an
//! exchange that is repeated.

use std::collections::BTreeSet;

use edgewise_spec::constants::STANDBY_TURN_HOURS;
use edgewise_spec::message::{Broadcast, Content, Direction as Way};
use edgewise_spec::mutant;
use edgewise_spec::session::Mode;
use edgewise_spec::time::Now;

use super::net::Order;
use super::offer::verifying_key;
use super::record::{Record, SaidRecord, row_id};
use super::standby::{Down, Proven, Renewing, Standby};
use super::talk::Talk;
use super::turn::{Result, State, Turn, Use};
use crate::messenger::{AbandonReason, Accept, BroadcastRole, Event, MessengerError};
use crate::store::{
    ConnectionId, ContactId, Delivery, Direction, Message, Position, SessionId, Verified,
};

/// How often connections are looked at.
const LOOK_SECONDS: u64 = 300;
/// A pause between two looks after which the device has slept.
const ASLEEP_SECONDS: u64 = 3_600;
/// How long servers have, after a start, a sleep, or a time without any server, before what was
/// stored of them is believed.
const PATIENCE_SECONDS: u64 = 600;

impl State {
    pub(super) fn is_look_due(&self, now: Now) -> bool {
        self.looked.is_none_or(|at| now >= at.plus_seconds(LOOK_SECONDS) || now < at)
    }

    /// When so many connections of a direction of a session were lost, or will be, that the rest
    /// is not enough.
    fn lost_at(&self, talk: &Talk) -> Option<Now> {
        let standby = self.standbys.get(&talk.contact)?;
        let lost = |id: &ConnectionId| standby.down.get(id).map(|down| down.lost_at());
        let shape = talk.session.shape();
        let spare = usize::from(shape.n().saturating_sub(shape.k()));
        // A place is lost with the last of its connections.
        let fails = |places: Vec<Vec<ConnectionId>>| {
            let last = |ids: &Vec<ConnectionId>| {
                let all: Option<Vec<Now>> = ids.iter().map(lost).collect();
                all?.into_iter().max()
            };
            let mut all: Vec<Now> = places.iter().filter_map(last).collect();
            all.sort_unstable();
            all.get(spare).copied()
        };
        let outs = fails(talk.outs.iter().map(|out| vec![out.connection]).collect());
        let lanes = fails(talk.places().into_values().collect());
        outs.into_iter().chain(lanes).min()
    }

    pub(super) fn is_lost(&self, talk: &Talk, now: Now) -> bool {
        self.lost_at(talk).is_some_and(|at| now >= at)
    }
}

/// Looking whether a session is lost.
impl Turn<'_, '_> {
    /// Every few minutes.
    pub(super) fn look(&mut self) -> Result<()> {
        let now = self.now;
        let slept = self.state.looked.is_none_or(|at| now >= at.plus_seconds(ASLEEP_SECONDS));
        if slept || now < self.state.awake || self.state.up.is_empty() {
            self.state.awake = now;
        }
        self.state.looked = Some(now);
        let talks =
            self.state.talks.values().filter(|talk| {
                self.talk_of(talk.contact).is_some_and(|present| present.id == talk.id)
            });
        let talks: Vec<(SessionId, ContactId)> = talks.map(|it| (it.id, it.contact)).collect();
        for (id, contact) in talks {
            if self.tx.contact(contact)?.is_some_and(|contact| !contact.blocked) {
                self.give_standby(id)?;
                self.claim_if_lost(id)?;
            }
        }
        let sessions = self.state.talks.values().flat_map(Talk::connections);
        let offers = self.state.offers.values().flat_map(|offer| offer.connections.clone());
        let all: Vec<ConnectionId> = sessions.chain(offers).collect();
        for id in all {
            self.order(id, Order::Look);
        }
        Ok(())
    }

    /// Whether a connection is up, as its end says.
    pub(super) fn standing(&mut self, id: ConnectionId, up: bool) -> Result<()> {
        if up {
            self.state.up.insert(id);
            return self.is_up(id);
        }
        self.state.up.remove(&id);
        self.is_down(id, false)
    }

    pub(super) fn is_up(&mut self, id: ConnectionId) -> Result<()> {
        let Some(contact) = self.contact_of(id) else { return Ok(()) };
        let known = self.state.standbys.get(&contact).is_some_and(|it| it.down.contains_key(&id));
        if !known {
            return Ok(());
        }
        self.with_standby(contact, |standby| standby.down.remove(&id))?;
        self.tell(Event::Contact(contact));
        Ok(())
    }

    pub(super) fn is_down(&mut self, id: ConnectionId, for_good: bool) -> Result<()> {
        let Some(contact) = self.contact_of(id) else { return Ok(()) };
        let known = self.state.standbys.get(&contact).and_then(|it| it.down.get(&id));
        if known.is_some_and(|known| known.for_good || !for_good) {
            return Ok(());
        }
        let down = Down { since: self.now, for_good };
        self.with_standby(contact, |standby| standby.down.insert(id, down))?;
        self.tell(Event::Contact(contact));
        Ok(())
    }

    fn contact_of(&self, id: ConnectionId) -> Option<ContactId> {
        let Some(Use::Session(session)) = self.state.uses.get(&id) else { return None };
        Some(self.state.talks.get(session)?.contact)
    }

    /// INVITATION-54, INVITATION-55
    fn claim_if_lost(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let (contact, first) = (talk.contact, talk.own == Way::FromClaimer);
        let Some(lost) = self.state.lost_at(talk) else { return Ok(()) };
        let at_once = first || mutant!(INVITATION_55);
        let turn = if at_once { 0 } else { u64::from(STANDBY_TURN_HOURS) * 3_600 };
        let believed = self.state.awake.plus_seconds(PATIENCE_SECONDS);
        let waits = self.state.standbys.get(&contact);
        let waits = waits.is_some_and(|it| it.held.is_some() && it.renewing.is_none());
        if waits && self.now >= lost.plus_seconds(turn).max(believed) {
            match self.claim_standby(contact, first) {
                Err(MessengerError::NotNow(why)) => {
                    self.with_standby(contact, |standby| standby.held = None)?;
                    self.notice(contact, &format!("The standby invitation is of no use: {why}."))?;
                }
                done => done?,
            }
        }
        Ok(())
    }
}

/// Claiming the contact's standby.
impl Turn<'_, '_> {
    /// The user says that the session is lost.
    pub(crate) fn renew(&mut self, contact: ContactId) -> Result<()> {
        self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
        let standby = self.state.standbys.get(&contact);
        let not_now = |text: &str| Err(MessengerError::NotNow(text.to_owned()));
        if standby.is_some_and(|standby| standby.renewing.is_some()) {
            return not_now("a new session with this contact is under way; wait for it");
        }
        if standby.is_none_or(|standby| standby.held.is_none()) {
            return not_now(
                "this contact has given no standby invitation yet; exchange a new invitation: \
                 edgewise invite --for NAME",
            );
        }
        let first = self.talk_of(contact).is_none_or(|talk| talk.own == Way::FromClaimer);
        self.claim_standby(contact, first)
    }

    fn claim_standby(&mut self, contact: ContactId, first: bool) -> Result<()> {
        let held = self.state.standbys.get(&contact).and_then(|standby| standby.held.clone());
        let stored = self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
        let Some(card) = held else { return Ok(()) };
        let accept = Accept { contact: Some(contact), ..Accept::default() };
        self.accept_card(stored.profile, card.clone(), &accept)?;
        let its = self.state.joins.values().find(|join| join.card.secret() == card.secret());
        let Some(session) = its.map(|join| join.id) else { return Ok(()) };
        let renewing = Some(Renewing { session, first });
        self.with_standby(contact, |standby| standby.renewing = renewing)
    }

    /// Whether a join, or a session without an answer, is by the contact's standby.
    pub(super) fn is_renewing(&self, contact: ContactId, session: SessionId) -> bool {
        let standby = self.state.standbys.get(&contact);
        standby.and_then(|it| it.renewing).is_some_and(|renewing| renewing.session == session)
    }

    /// The claim of a standby has failed.
    pub(super) fn not_renewed(&mut self, contact: ContactId, why: AbandonReason) -> Result<()> {
        self.with_standby(contact, |standby| (standby.renewing, standby.held) = (None, None))?;
        let text = match why {
            AbandonReason::Conflict => {
                "Somebody else has used the standby invitation that this contact gave to you \
                 alone: others may read what you say to one another. Meet, and exchange a new \
                 invitation."
                    .to_owned()
            }
            why => format!("The standby invitation of this contact is of no use: {why}."),
        };
        self.notice(contact, &text)?;
        self.tell(Event::Contact(contact));
        Ok(())
    }

    /// INVITATION-56: whether what the contact begins by a standby of the user's has to wait; if
    /// not, the user's own claim of the contact's is given up for it.
    pub(super) fn gives_way(&mut self, contact: ContactId) -> Result<bool> {
        let standby = self.state.standbys.get(&contact);
        let Some(renewing) = standby.and_then(|standby| standby.renewing) else { return Ok(true) };
        if let Some(talk) = self.state.talks.get(&renewing.session)
            && renewing.first
            && !mutant!(INVITATION_56)
        {
            let hours = if mutant!(INVITATION_56, "short") { 1 } else { STANDBY_TURN_HOURS };
            let turn = u64::from(hours) * 3_600;
            return Ok(self.now >= talk.since.plus_seconds(turn));
        }
        self.drop_join(renewing.session)?;
        Ok(true)
    }

    fn drop_join(&mut self, id: SessionId) -> Result<()> {
        let Some(join) = self.state.joins.remove(&id) else { return Ok(()) };
        let replies = join.replies.iter().map(|reply| reply.connection);
        for connection in join.claims.iter().copied().chain(replies) {
            self.doom(connection)?;
        }
        self.with_standby(join.contact, |standby| standby.renewing = None)?;
        Ok(self.tx.remove_session(id)?)
    }
}

/// Taking the place of the session before.
impl Turn<'_, '_> {
    /// A session stands: those before it end, and what they could not bring is said in it.
    pub(super) fn stands(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let contact = talk.contact;
        let renewing = self.state.standbys.get(&contact).and_then(|standby| standby.renewing);
        if let Some(renewing) = renewing {
            self.drop_join(renewing.session)?;
            self.with_standby(contact, |standby| standby.renewing = None)?;
        }
        let mut others: Vec<&Talk> = self.state.talks.values().collect();
        others.retain(|talk| talk.contact == contact && talk.id != id);
        others.sort_by_key(|talk| talk.since);
        let others: Vec<(SessionId, bool)> = others
            .iter()
            .map(|talk| (talk.id, talk.broadcast == Some(BroadcastRole::Source)))
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        let mut outbox = Vec::new();
        for (other, _) in &others {
            outbox.extend(self.end_talk(*other)?);
        }
        self.void_standbys(contact)?;
        self.with_standby(contact, |standby| standby.down.clear())?;
        if !mutant!(INVITATION_60) {
            // INVITATION-60
            self.notice(
                contact,
                "A new session with this contact has taken the place of the one before. Its \
                 safety number is another one: compare it again.",
            )?;
            self.tell(Event::Renewed(contact));
        }
        if others.iter().any(|(_, source)| *source) {
            self.open_broadcast_again(id)?;
        }
        if mutant!(INVITATION_61) {
            return Ok(());
        }
        outbox.into_iter().try_for_each(|position| self.say_again(id, position))
    }

    /// INVITATION-58: the session ends, with its connections; what it has not brought over.
    fn end_talk(&mut self, id: SessionId) -> Result<BTreeSet<Position>> {
        let Some(talk) = self.state.talks.remove(&id) else { return Ok(BTreeSet::new()) };
        let kept = talk.all_outs().flat_map(|out| out.parts.iter().filter_map(|it| it.message));
        let waiting = talk.queue.iter().map(|queued| queued.position);
        let outbox = kept.chain(waiting).collect();
        for connection in talk.connections() {
            if mutant!(INVITATION_58) {
                continue;
            }
            let down =
                self.state.standbys.get(&talk.contact).and_then(|it| it.down.get(&connection));
            // There is nobody to be told Delete.
            if down.is_some_and(|down| self.now >= down.lost_at()) {
                self.tx.remove_connection(connection)?;
                self.forget(connection);
            } else {
                self.doom(connection)?;
            }
        }
        let proven = proven(&talk);
        self.with_standby(talk.contact, |standby| standby.remember(id, proven))?;
        self.tx.remove_session(id)?;
        Ok(outbox)
    }

    fn open_broadcast_again(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        talk.broadcast = Some(BroadcastRole::Source);
        let name = self.tx.profile(talk.profile)?.map_or_else(String::new, |own| own.name);
        self.say_in(id, &Content::Broadcast(Broadcast::Open { name })).map(drop)
    }

    /// INVITATION-61, MESSAGE-36
    fn say_again(&mut self, id: SessionId, position: Position) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let contact = talk.contact;
        let Some(message) = self.tx.message(contact, position)? else { return Ok(()) };
        let record = Record::from_versioned(&message.content);
        let Some(Record::Said(mut said)) = record else { return Ok(()) };
        let received =
            message.delivery >= Delivery::Delivered && !mutant!(INVITATION_61, "received");
        if received || said.deleted || said.hidden {
            return Ok(());
        }
        let decoded = Content::decode(Mode::Deniable, said.header.kind, &said.content);
        let (of, hash, content) = match decoded {
            Ok(Content::Again { content, .. }) if mutant!(MESSAGE_36, "latest") => {
                (said.header.id, said.hash, *content)
            }
            Ok(Content::Again { id, hash, content }) => (id, hash, *content),
            Ok(content) if content.can_be_repeated() => (said.header.id, said.hash, content),
            _ => return Ok(()),
        };
        let content = match (content, said.edited.take()) {
            (Content::Text(_), Some(text)) => Content::Text(text),
            (Content::Reply { to, .. }, Some(text)) => Content::Reply { to, text },
            (content, _) => content,
        };
        let hash = if mutant!(MESSAGE_36) { said.header.previous } else { hash };
        let again = Content::Again { id: of, hash, content: Box::new(content.clone()) };
        match self.say_in(id, &again) {
            // With its name it may be too long: rather shown twice than not at all.
            Err(MessengerError::Compose(_)) => self.say_in(id, &content)?,
            said => said?,
        };
        // It stands where it was said again.
        said.hidden = true;
        self.tx.set_content(contact, position, &Record::Said(said).to_versioned())?;
        self.tell(Event::Changed { contact, position });
        Ok(())
    }

    /// MESSAGE-35: whether a message was received before, in a session of the past or by being
    /// said again; if not, it is from now on.
    pub(super) fn was_heard(
        &mut self,
        contact: ContactId,
        again: (u32, &[u8; 32]),
        said: &SaidRecord,
    ) -> Result<bool> {
        let (number, hash) = again;
        let before = self.state.standbys.get(&contact).map_or(&[][..], |it| &it.before[..]);
        for session in before.iter().map(|before| before.session) {
            if mutant!(MESSAGE_35) {
                break;
            }
            for fork in [None, Some(hash)] {
                let row = row_id(session, Direction::Received, number, fork);
                if self.said(contact, &row)?.is_some_and(|(_, said)| said.hash == *hash) {
                    return Ok(true);
                }
            }
        }
        let mut row = vec![0xfe];
        row.extend_from_slice(hash);
        if self.tx.message_of(contact, &row)?.is_some() {
            return Ok(!mutant!(MESSAGE_35, "again"));
        }
        let mark = SaidRecord { content: Vec::new(), hidden: true, ..said.clone() };
        let message = Message {
            id: row,
            direction: Direction::Received,
            time: self.now,
            stored: self.now,
            delivery: Delivery::Seen,
            content: Record::Said(Box::new(mark)).to_versioned(),
        };
        self.tx.add_message(contact, &message)?;
        Ok(false)
    }

    /// A session begins by the user's claim: how its contact was met is known from its card.
    pub(super) fn begins_anew(&mut self, contact: ContactId, scanned: bool) -> Result<()> {
        let mut stored = self.tx.contact(contact)?.ok_or_else(|| self.damaged("contact"))?;
        if !mutant!(INVITATION_60, "as-claimer") {
            stored.verified = if scanned { Verified::Shown } else { Verified::No };
        }
        Ok(self.tx.set_contact(contact, &stored)?)
    }
}

/// What proofs of a session need, once it is over.
pub(super) fn proven(talk: &Talk) -> Option<Proven> {
    let own_vk = verifying_key(talk.seed.as_ref()?);
    let peer_vk = talk.inbox.vk().copied()?;
    Some(Proven { own: talk.own, transcript: talk.session.transcript0()?, own_vk, peer_vk })
}

impl Standby {
    /// What proofs of a session of the past need.
    pub(super) fn proven(&self, session: SessionId) -> Option<&Proven> {
        self.before.iter().find(|before| before.session == session)?.proven.as_ref()
    }
}
