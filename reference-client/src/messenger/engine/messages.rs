//! Saying things, and what is shown of what was said.

use edgewise_spec::invitation::{Card, CardKind};
use edgewise_spec::message::{
    Broadcast, Content, Direction as Way, MessageId, Proof, ProvenMessage, Receipt, Reference,
    Seen, Whose,
};
use edgewise_spec::mutant;
use edgewise_spec::session::Mode;

use super::receive::react;
use super::record::{Record, SaidRecord, row_id};
use super::renew::proven;
use super::standby::Proven;
use super::turn::{Result, Turn};
use crate::messenger::{BroadcastRole, MessageView, MessengerError, Page, ReactionView, Said, Say};
use crate::store::{Contact, ContactId, Delivery, Direction, Message, Position, SessionId};

/// Messages that one search looks at.
const LOOKS: u32 = 10_000;

/// Saying things.
impl Turn<'_, '_> {
    pub(crate) fn send(&mut self, contact: ContactId, say: &Say) -> Result<Position> {
        self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
        let Some(talk) = self.talk_of(contact) else {
            let joining = self.state.joins.values().any(|join| join.contact == contact);
            let text = if joining {
                "the invitation is still being accepted; try again in a moment"
            } else {
                "there is no session with this contact any more; invite them again"
            };
            return Err(MessengerError::NotNow(text.to_owned()));
        };
        let (id, broadcast) = (talk.id, talk.broadcast);
        let content = self.content(contact, id, say)?;
        // MESSAGE-21
        let listens = broadcast == Some(BroadcastRole::Listener) && !mutant!(MESSAGE_21);
        if listens && !content.is_control() {
            let text = "this is a broadcast, in which you only listen; you can pause it";
            return Err(MessengerError::NotNow(text.to_owned()));
        }
        let position = self.say_in(id, &content)?;
        self.apply_own(contact, id, &content)?;
        Ok(position)
    }

    fn content(&self, contact: ContactId, id: SessionId, say: &Say) -> Result<Content> {
        Ok(match say {
            Say::Text(text) => Content::Text(text.clone()),
            Say::Reply { to, text } => {
                Content::Reply { to: self.reference(contact, id, *to)?, text: text.clone() }
            }
            Say::Edit { of, text } => {
                Content::Edit { id: self.own(contact, id, *of)?, text: text.clone() }
            }
            Say::Delete { of } => Content::Delete { id: self.own(contact, id, *of)? },
            Say::Reaction { to, with, given } => Content::Reaction {
                to: self.reference(contact, id, *to)?,
                given: *given,
                with: with.clone(),
            },
            Say::Introduction { name, card } => {
                let card = Card::parse(card)?;
                if card.kind() == CardKind::Address {
                    let text = "a contact address invites nobody; pass on the card of a one-time \
                                invitation";
                    return Err(MessengerError::NotNow(text.to_owned()));
                }
                // INVITATION-38
                let card = if mutant!(INVITATION_38) { card } else { card.sent() };
                let card = card.to_text().as_bytes().to_vec();
                Content::Introduction { name: name.clone(), card }
            }
            Say::OpenBroadcast(name) => Content::Broadcast(Broadcast::Open { name: name.clone() }),
            Say::CloseBroadcast => Content::Broadcast(Broadcast::Close),
            Say::PauseBroadcast(true) => Content::Broadcast(Broadcast::Pause),
            Say::PauseBroadcast(false) => Content::Broadcast(Broadcast::Resume),
            Say::Custom { name, bytes } => {
                Content::Custom { name: name.clone(), bytes: bytes.clone() }
            }
        })
    }

    /// A message of the session, as the contact finds it.
    fn reference(&self, contact: ContactId, id: SessionId, at: Position) -> Result<Reference> {
        let (direction, said) = self.said_at(contact, id, at)?;
        let whose = match direction {
            Direction::Sent => Whose::Mine,
            Direction::Received => Whose::Yours,
        };
        Ok(Reference { whose, id: said.header.id })
    }

    /// MESSAGE-20: a message of the user's own.
    fn own(&self, contact: ContactId, id: SessionId, at: Position) -> Result<MessageId> {
        match self.said_at(contact, id, at)? {
            (Direction::Sent, said) => Ok(said.header.id),
            (Direction::Received, _) => {
                let text = "only your own messages can be edited or deleted";
                Err(MessengerError::NotNow(text.to_owned()))
            }
        }
    }

    fn said_at(
        &self,
        contact: ContactId,
        id: SessionId,
        at: Position,
    ) -> Result<(Direction, SaidRecord)> {
        let message = self.tx.message(contact, at)?.ok_or(MessengerError::Unknown("message"))?;
        match Record::from_versioned(&message.content) {
            Some(Record::Said(said)) if said.session == id => Ok((message.direction, *said)),
            Some(_) => {
                let text = "that message is not of the present session; say it in words";
                Err(MessengerError::NotNow(text.to_owned()))
            }
            None => Err(self.damaged("message")),
        }
    }

    /// What the user's own message does to the history here.
    fn apply_own(&mut self, contact: ContactId, id: SessionId, content: &Content) -> Result<()> {
        let own = |of: &MessageId| row_id(id, Direction::Sent, of.number(), None);
        match content {
            Content::Edit { id: of, text } => {
                self.change(contact, &own(of), *of, |said| said.edited = Some(text.clone()))
            }
            Content::Delete { id: of } => {
                self.change(contact, &own(of), *of, |said| said.deleted = true)
            }
            Content::Reaction { to: Reference { whose, id: of }, given, with } => {
                let direction = match whose {
                    Whose::Mine => Direction::Sent,
                    Whose::Yours => Direction::Received,
                };
                let row = row_id(id, direction, of.number(), None);
                self.change(contact, &row, *of, |said| {
                    react(said, Direction::Sent, *given, with);
                })
            }
            Content::Broadcast(broadcast) => {
                if let Some(talk) = self.state.talks.get_mut(&id) {
                    match broadcast {
                        Broadcast::Open { .. } => talk.broadcast = Some(BroadcastRole::Source),
                        Broadcast::Close => talk.broadcast = None,
                        Broadcast::Pause | Broadcast::Resume => {}
                    }
                }
                self.store_talk(id)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn mark_read(&mut self, contact: ContactId, through: Position) -> Result<()> {
        let stored = self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
        let end = self.tx.end(contact)?.unwrap_or(Position(0));
        let seen = Some(through.min(end)).max(stored.seen);
        if seen == stored.seen {
            return Ok(());
        }
        let (from, profile, blocked) = (stored.seen, stored.profile, stored.blocked);
        self.tx.set_contact(contact, &Contact { seen, ..stored })?;
        let messages = self.newly_seen(contact, from, through)?;
        // MESSAGE-32
        if !blocked && (self.read_receipts(profile)? || mutant!(MESSAGE_32)) {
            self.say_read(contact, &messages)?;
        }
        self.tell(crate::messenger::Event::Contact(contact));
        Ok(())
    }

    /// Marks what was received between two positions as seen, and gives it, the oldest first.
    fn newly_seen(
        &mut self,
        contact: ContactId,
        from: Option<Position>,
        through: Position,
    ) -> Result<Vec<SaidRecord>> {
        let mut seen = Vec::new();
        let before = Some(Position(through.0.saturating_add(1)));
        for (position, message) in self.tx.history(contact, before, LOOKS)?.messages {
            if Some(position) <= from {
                break;
            }
            if message.direction == Direction::Received
                && let Some(Record::Said(said)) = Record::from_versioned(&message.content)
                && !said.hidden
            {
                self.tx.set_delivery(contact, position, Delivery::Seen)?;
                seen.push(*said);
            }
        }
        seen.reverse();
        Ok(seen)
    }

    fn say_read(&mut self, contact: ContactId, messages: &[SaidRecord]) -> Result<()> {
        let Some(id) = self.talk_of(contact).map(|talk| talk.id) else { return Ok(()) };
        let its = messages.iter().filter(|said| said.session == id);
        let messages: Vec<_> = its.map(|said| (said.header.id, said.hash)).collect();
        for messages in messages.chunks(edgewise_spec::constants::RECEIPTS_MAX) {
            let receipt = Receipt { seen: Seen::Read, messages: messages.to_vec() };
            self.say_in(id, &Content::Receipt(receipt))?;
        }
        Ok(())
    }
}

/// Showing things.
impl Turn<'_, '_> {
    pub(crate) fn message(&mut self, contact: ContactId, at: Position) -> Result<MessageView> {
        self.shown(contact, at)?.ok_or(MessengerError::Unknown("message"))
    }

    /// A message as it is shown; none for one that is not.
    pub(super) fn shown(&self, contact: ContactId, at: Position) -> Result<Option<MessageView>> {
        let Some(message) = self.tx.message(contact, at)? else { return Ok(None) };
        self.view_of(contact, at, &message)
    }

    pub(super) fn view_of(
        &self,
        contact: ContactId,
        position: Position,
        message: &Message,
    ) -> Result<Option<MessageView>> {
        let record = Record::from_versioned(&message.content);
        let record = record.ok_or_else(|| self.damaged("message"))?;
        let mut view = MessageView {
            position,
            direction: message.direction,
            time: message.time,
            stored: message.stored,
            delivery: message.delivery,
            said: Said::Deleted,
            edited: false,
            reactions: Vec::new(),
            marks: Vec::new(),
        };
        match record {
            Record::Notice(text) => view.said = Said::Notice(text),
            Record::Unreceived(number) => view.said = Said::Unreceived { number },
            Record::Said(said) if said.hidden => return Ok(None),
            Record::Said(said) => {
                view.said = self.what(contact, message.direction, &said)?;
                view.edited = said.edited.is_some() && !said.deleted;
                let reactions = said.reactions.into_iter();
                view.reactions =
                    reactions.map(|(direction, with)| ReactionView { direction, with }).collect();
                view.marks = said.marks;
            }
        }
        Ok(Some(view))
    }

    fn what(&self, contact: ContactId, way: Direction, said: &SaidRecord) -> Result<Said> {
        if said.deleted {
            return Ok(Said::Deleted);
        }
        let kind = said.header.kind;
        // A hello's key was judged when it came.
        let mode = Mode::Deniable;
        let content = match Content::decode(mode, kind, &said.content) {
            Ok(content) => content,
            Err(why) => return Ok(Said::Unreadable { kind, why: why.to_string() }),
        };
        let content = match content {
            Content::Again { content, .. } => *content,
            content => content,
        };
        let edited = |text: String| said.edited.clone().unwrap_or(text);
        Ok(match content {
            Content::Text(text) => Said::Text(edited(text)),
            Content::Reply { to, text } => {
                let from = match (to.whose, way) {
                    (Whose::Mine, way) => way,
                    (Whose::Yours, Direction::Sent) => Direction::Received,
                    (Whose::Yours, Direction::Received) => Direction::Sent,
                };
                let to = self.found(contact, said.session, from, to.id)?;
                Said::Reply { to, text: edited(text) }
            }
            Content::Introduction { name, card } => {
                Said::Introduction { name, card: String::from_utf8_lossy(&card).into_owned() }
            }
            Content::Profile(profile) => Said::Profile { name: profile.name },
            Content::Broadcast(Broadcast::Open { name }) => {
                Said::Broadcast(format!("This is a broadcast now: {name}"))
            }
            Content::Broadcast(Broadcast::Close) => {
                Said::Broadcast("The broadcast is over".to_owned())
            }
            Content::Broadcast(Broadcast::Pause) => {
                Said::Broadcast("The listener wants nothing more for now".to_owned())
            }
            Content::Broadcast(Broadcast::Resume) => {
                Said::Broadcast("The listener wants to hear again".to_owned())
            }
            Content::Custom { name, bytes } => Said::Custom { name, bytes },
            _ => Said::Unknown { kind, len: said.content.len() },
        })
    }

    /// Where a message is, of this session or, for what was said again, of one before it.
    fn found(
        &self,
        contact: ContactId,
        session: SessionId,
        from: Direction,
        id: MessageId,
    ) -> Result<Option<Position>> {
        let before = self.state.standbys.get(&contact).map_or(&[][..], |it| &it.before[..]);
        let before = before.iter().rev().map(|before| before.session);
        for session in core::iter::once(session).chain(before) {
            let row = row_id(session, from, id.number(), None);
            if let Some((at, said)) = self.said(contact, &row)?
                && said.header.id == id
            {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    pub(crate) fn history(
        &mut self,
        contact: ContactId,
        before: Option<Position>,
        most: u32,
    ) -> Result<Page> {
        self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
        self.page(contact, before, most, |_| true)
    }

    pub(crate) fn search(
        &mut self,
        contact: ContactId,
        text: &str,
        before: Option<Position>,
    ) -> Result<Page> {
        self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
        self.page(contact, before, u32::MAX, |view| match &view.said {
            Said::Text(said) | Said::Reply { text: said, .. } | Said::Notice(said) => {
                said.to_lowercase().contains(text)
            }
            Said::Introduction { name, .. } => name.to_lowercase().contains(text),
            _ => false,
        })
    }

    fn page(
        &self,
        contact: ContactId,
        before: Option<Position>,
        most: u32,
        wanted: impl Fn(&MessageView) -> bool,
    ) -> Result<Page> {
        let mut page = Page { messages: Vec::new(), before };
        let mut looked = 0;
        loop {
            let found = self.tx.history(contact, page.before, 128)?;
            for (position, message) in found.messages {
                looked += 1;
                if let Some(view) = self.view_of(contact, position, &message)?
                    && wanted(&view)
                {
                    page.messages.push(view);
                    if page.messages.len() >= most as usize {
                        page.before = (position.0 > 1).then_some(position);
                        return Ok(page);
                    }
                }
            }
            page.before = found.before;
            if page.before.is_none() || looked >= LOOKS {
                return Ok(page);
            }
        }
    }

    pub(crate) fn export_proof(
        &mut self,
        contact: ContactId,
        positions: &[Position],
    ) -> Result<Vec<u8>> {
        self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
        let mut chosen = Vec::new();
        for at in positions {
            let stored = self.tx.message(contact, *at)?;
            let stored = stored.ok_or(MessengerError::Unknown("message"))?;
            if let Some(Record::Said(said)) = Record::from_versioned(&stored.content) {
                chosen.push((stored.direction, *said));
            }
        }
        let session = chosen.first().map(|(_, said)| said.session);
        let session = session.ok_or(MessengerError::Unknown("message"))?;
        let not_now = |text: &str| MessengerError::NotNow(text.to_owned());
        if chosen.iter().any(|(_, said)| said.session != session) {
            return Err(not_now("a proof shows messages of one session; choose them so"));
        }
        let past = self.state.standbys.get(&contact).and_then(|it| it.proven(session));
        let present = match self.state.talks.get(&session) {
            Some(talk) if talk.seed.is_some() && talk.inbox.vk().is_none() => {
                return Err(not_now("the contact has not said anything yet"));
            }
            talk => talk.and_then(proven),
        };
        let Some(Proven { own, transcript, own_vk, peer_vk }) = present.as_ref().or(past) else {
            return Err(not_now(
                "that session was deniable, or is long over: nothing in it can be proved",
            ));
        };
        let (inviter, claimer) = match own {
            Way::FromInviter => (own_vk, peer_vk),
            Way::FromClaimer => (peer_vk, own_vk),
        };
        let messages = chosen.into_iter().map(|(direction, said)| {
            let direction = match direction {
                Direction::Sent => *own,
                Direction::Received => own.other(),
            };
            ProvenMessage::new(direction, said.header, said.content)
        });
        let mut proof = Proof::export(transcript, inviter, claimer, messages.collect())?;
        if mutant!(MESSAGE_26) {
            proof.pop();
        }
        Ok(proof)
    }
}
