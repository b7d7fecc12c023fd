//! What comes: parts to cells, cells to bodies, bodies to messages; stored, then acknowledged.

use edgewise_spec::constants::{PIECE_DAYS, RECEIPTS_MAX};
use edgewise_spec::message::{
    Content, Event as Said, Header, Link, Message as Heard, MessageId, Receipt, Reference, Seen,
    UpTo, Whose,
};
use edgewise_spec::mutant;
use edgewise_spec::scatter::{Arrival, LaneId};
use edgewise_spec::session::Mode;
use zeroize::Zeroizing;

use super::net::Order;
use super::partial::Partly;
use super::record::{Record, SaidRecord, row_id};
use super::seal::is_hidden;
use super::talk::Taken;
use super::turn::{Result, Turn};
use crate::messenger::{BroadcastRole, Event, Mark};
use crate::store::{
    ConnectionId, ContactId, Delivery, Direction, Message, Piece, Position, SessionId, Versioned,
};

impl Turn<'_, '_> {
    /// A part that a connection of a talk delivered.
    pub(super) fn talk_part(
        &mut self,
        id: SessionId,
        connection: ConnectionId,
        sequence: u64,
        part: &[u8],
    ) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let Some(lane) = talk.lane_of(connection) else { return Ok(()) };
        match talk.receiver.open(lane, part) {
            Arrival::Cell { s, cell } => self.cell(id, (lane, s), &cell)?,
            Arrival::Part { s, part } => {
                self.hold(Partly::Talk(id), connection, (lane, s), &part)?;
                self.join_held(id, s)?;
                let talk = self.state.talks.get(&id);
                let waits = talk.is_some_and(|talk| !talk.partial.lanes(s).is_empty());
                if waits && mutant!(SCATTER_15, "whole") {
                    return Ok(());
                }
            }
            Arrival::Late { s } => {
                talk.receiver.commit(lane, s);
                talk.altering.remove(&lane);
                self.store_talk(id)?;
            }
            // SCATTER-13
            bad @ (Arrival::Bad(_) | Arrival::Stray) => {
                talk.receiver.blame(lane, &bad);
                let contact = talk.contact;
                if matches!(bad, Arrival::Bad(_)) && talk.altering.insert(lane) {
                    self.tell(Event::Contact(contact));
                }
                self.store_talk(id)?;
            }
            Arrival::Repeated { .. } if mutant!(SCATTER_15) => return Ok(()),
            Arrival::Repeated { .. } | Arrival::NoConnection => {}
        }
        // SCATTER-15: each part is acknowledged once what it says is stored.
        self.order(connection, Order::Stored(sequence));
        Ok(())
    }

    /// What the held parts of a cell come to.
    fn join_held(&mut self, id: SessionId, s: u32) -> Result<()> {
        let Some(cell) = self.join(Partly::Talk(id), s)? else { return Ok(()) };
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let Some(lane) = talk.partial.lanes(s).first().copied() else { return Ok(()) };
        self.cell(id, (lane, s), &cell)
    }

    /// The same for every cell of which parts are held.
    pub(super) fn join_all(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        talk.partial.cells().into_iter().try_for_each(|s| self.join_held(id, s))
    }

    /// A whole cell, the last part of which came over a lane.
    fn cell(&mut self, id: SessionId, (lane, s): (LaneId, u32), cell: &[u8]) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        match talk.session.open(self.now, s, cell) {
            Ok(opened) => {
                talk.session = opened.session;
                talk.receiver.commit(lane, s);
                if talk.session.shape().k() == 1 {
                    talk.altering.remove(&lane);
                }
                self.let_cell_go(Partly::Talk(id), s)?;
                self.let_over_go(Partly::Talk(id))?;
                self.body(id, &opened.body)
            }
            Err(_) if talk.session.is_spent(s) => {
                talk.receiver.commit(lane, s);
                self.let_cell_go(Partly::Talk(id), s)?;
                self.store_talk(id)
            }
            Err(_) if mutant!(SESSION_19) => {
                talk.receiver.commit(lane, s);
                Ok(())
            }
            // SESSION-19: its parts were good and it is not; nothing changes, and it will not get
            // better.
            Err(_) => self.let_cell_go(Partly::Talk(id), s),
        }
    }

    /// A body that the session has opened.
    pub(super) fn body(&mut self, id: SessionId, body: &[u8]) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let answered = talk.session.hello().is_none();
        // The claimer's first answer: now both ends have the session.
        let stands = answered && talk.hello.take().is_some();
        let contact = talk.contact;
        let first = talk.inbox.chain().is_empty();
        if stands {
            self.stands(id)?;
        }
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        match talk.inbox.receive(self.now, body) {
            Ok(events) => {
                for event in events {
                    self.heard_event(id, body, event)?;
                }
            }
            Err(refused) => {
                let text = format!("The contact's program is broken: {refused}.");
                self.notice(contact, &text)?;
            }
        }
        self.moving_opened(id)?;
        self.released(id)?;
        self.seal_queue(id)?;
        self.store_talk(id)?;
        if first {
            self.tell(Event::Contact(contact));
        }
        Ok(())
    }

    fn heard_event(&mut self, id: SessionId, body: &[u8], event: Said) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let contact = talk.contact;
        match event {
            Said::Empty | Said::Duplicate(_) => Ok(()),
            Said::Message(message) => {
                let Header { id: number, previous, .. } = message.header;
                let taken = Taken { number: number.number(), hash: message.hash, previous };
                if let Some(talk) = self.state.talks.get_mut(&id) {
                    talk.taken.push(taken);
                }
                self.drop_pieces(id, message.header.id)?;
                self.heard_message(id, &message)
            }
            Said::Waiting { id: message, .. } | Said::Held(message) => {
                self.keep_piece(id, message, body)
            }
            Said::Stale(message) => {
                let number = message.number();
                let text = format!(
                    "Message {number} came so late that it cannot be compared with the others; \
                     it was dropped."
                );
                self.notice(contact, &text)
            }
            Said::GivenUp(message) => self.given_up(id, contact, message),
        }
    }

    /// Bodies of incomplete messages are stored, and read again after a restart.
    fn keep_piece(&mut self, id: SessionId, message: MessageId, body: &[u8]) -> Result<()> {
        let expires = self.now.hour().saturating_add(PIECE_DAYS * 24);
        let content = Versioned::new(1, Zeroizing::new(body.to_vec()));
        let piece = self.tx.add_piece(id, &Piece { expires, content })?;
        if let Some(talk) = self.state.talks.get_mut(&id) {
            talk.pieces.entry(message).or_default().push(piece);
        }
        Ok(())
    }

    /// MESSAGE-8: what was never complete is told, and its pieces go.
    pub(super) fn given_up(
        &mut self,
        id: SessionId,
        contact: ContactId,
        message: MessageId,
    ) -> Result<()> {
        self.drop_pieces(id, message)?;
        self.mention(contact, &Record::Unreceived(message.number()))
    }

    fn drop_pieces(&mut self, id: SessionId, message: MessageId) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        for piece in talk.pieces.remove(&message).unwrap_or_default() {
            self.tx.remove_piece(id, piece)?;
        }
        Ok(())
    }

    /// A verified message.
    fn heard_message(&mut self, id: SessionId, heard: &Heard) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let (contact, mode) = (talk.contact, talk.session.mode());
        let source = talk.broadcast == Some(BroadcastRole::Source);
        let mut marks: Vec<Mark> = Mark::of(heard.link).into_iter().collect();
        if !self.agrees(id, mode, heard.header.up_to)? {
            marks.push(Mark::Mismatch { number: heard.header.up_to.number });
        }
        let number = heard.header.id.number();
        let fork = matches!(heard.link, Link::Fork { with } if with == number)
            || mutant!(MESSAGE_15) && heard.link == Link::Duplicate;
        // MESSAGE-21: what a listener says beyond control is not shown.
        let beyond = source && !matches!(&heard.content, Ok(content) if content.is_control());
        let mut said = SaidRecord {
            session: id,
            header: heard.header,
            hash: heard.hash,
            content: heard.bytes.clone(),
            hidden: beyond || marks.is_empty() && is_hidden(heard.header.kind),
            marks,
            edited: None,
            deleted: false,
            reactions: Vec::new(),
        };
        if let Ok(Content::Again { id: of, hash, .. }) = &heard.content {
            said.hidden |= self.was_heard(contact, (of.number(), hash), &said)?;
        }
        let hidden = said.hidden;
        let message = Message {
            id: row_id(id, Direction::Received, number, fork.then_some(&heard.hash)),
            direction: Direction::Received,
            time: edgewise_spec::time::Now::from_millis(heard.header.time),
            stored: self.now,
            delivery: Delivery::Waiting,
            content: Record::Said(Box::new(said)).to_versioned(),
        };
        if let Some((position, _)) = self.tx.message_of(contact, &message.id)? {
            // The same fork once more.
            return if mutant!(MESSAGE_34) { self.tell_message(contact, position) } else { Ok(()) };
        }
        let position = self.tx.add_message(contact, &message)?;
        if !beyond && !fork {
            self.act(id, heard)?;
        }
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        if !matches!(heard.content, Ok(Content::Receipt(_) | Content::Hello(_))) {
            talk.receipts.push((heard.header.id, heard.hash));
        }
        if hidden { Ok(()) } else { self.tell_message(contact, position) }
    }

    /// MESSAGE-17: whether what the message names as received was sent so.
    fn agrees(&self, id: SessionId, mode: Mode, up_to: UpTo) -> Result<bool> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(true) };
        let own = self.own_hash(talk.contact, id, up_to.number)?;
        Ok(up_to.agrees(mode, own.as_ref()))
    }

    fn own_hash(&self, contact: ContactId, id: SessionId, number: u32) -> Result<Option<[u8; 32]>> {
        Ok(self.said(contact, &row_id(id, Direction::Sent, number, None))?.map(|(_, it)| it.hash))
    }

    /// A message of the history by its row's id.
    pub(super) fn said(
        &self,
        contact: ContactId,
        row: &[u8],
    ) -> Result<Option<(Position, SaidRecord)>> {
        let Some((position, message)) = self.tx.message_of(contact, row)? else { return Ok(None) };
        match Record::from_versioned(&message.content) {
            Some(Record::Said(said)) => Ok(Some((position, *said))),
            Some(Record::Notice(_) | Record::Unreceived(_)) => Ok(None),
            None => Err(self.damaged("message")),
        }
    }

    /// Does what a message asks.
    fn act(&mut self, id: SessionId, heard: &Heard) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let contact = talk.contact;
        let Ok(content) = &heard.content else { return Ok(()) };
        // MESSAGE-20: looked up among what the same end has said, and nowhere else.
        let touched = if mutant!(MESSAGE_20) { Direction::Sent } else { Direction::Received };
        match content {
            Content::Hello(hello) => self.hello_heard(id, hello),
            Content::Receipt(receipt) => self.receipt_heard(id, receipt),
            Content::Profile(profile) => self.profile_heard(contact, profile),
            Content::Edit { id: of, text } => {
                self.change(contact, &row_id(id, touched, of.number(), None), *of, |said| {
                    said.edited = Some(text.clone());
                })
            }
            Content::Delete { id: of } => {
                self.change(contact, &row_id(id, touched, of.number(), None), *of, |said| {
                    said.deleted = true;
                })
            }
            Content::Reaction { to: Reference { whose, id: of }, given, with } => {
                let direction = match whose {
                    Whose::Mine => Direction::Received,
                    Whose::Yours => Direction::Sent,
                };
                let row = row_id(id, direction, of.number(), None);
                self.change(contact, &row, *of, |said| {
                    react(said, Direction::Received, *given, with);
                })
            }
            Content::Broadcast(broadcast) => self.broadcast_heard(id, broadcast),
            Content::Move { number, place, descriptor } => {
                self.move_heard(id, *number, *place, descriptor)
            }
            Content::Standby(card) => self.standby_heard(id, card),
            Content::Moved { number, place, s } => self.moved_heard(id, (*number, *place, *s)),
            _ => Ok(()),
        }
    }

    /// Changes a message of the history, if it is there and is that one.
    pub(super) fn change(
        &mut self,
        contact: ContactId,
        row: &[u8],
        of: MessageId,
        what: impl FnOnce(&mut SaidRecord),
    ) -> Result<()> {
        let Some((position, mut said)) = self.said(contact, row)? else { return Ok(()) };
        if said.header.id != of {
            return Ok(());
        }
        what(&mut said);
        self.tx.set_content(contact, position, &Record::Said(Box::new(said)).to_versioned())?;
        self.tell(Event::Changed { contact, position });
        Ok(())
    }

    fn receipt_heard(&mut self, id: SessionId, receipt: &Receipt) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let contact = talk.contact;
        let delivery = match receipt.seen {
            Seen::Delivered => Delivery::Delivered,
            Seen::Read => Delivery::Seen,
        };
        for (of, hash) in &receipt.messages {
            let row = row_id(id, Direction::Sent, of.number(), None);
            let found = self.said(contact, &row)?;
            let Some((position, said)) = found else { continue };
            let same = said.header.id == *of && said.hash == *hash;
            if same && self.tx.set_delivery(contact, position, delivery)? && !said.hidden {
                self.tell(Event::Changed { contact, position });
            }
        }
        Ok(())
    }

    /// Parts that the contact's session has acknowledged are let go.
    fn released(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let acked = if mutant!(SESSION_38) {
            talk.session.sealed()
        } else {
            // SESSION-38
            talk.session.acknowledged()
        };
        let mut released = Vec::new();
        // ROTATION-34: what a connection that was left may still have to deliver is kept.
        let kept = talk.moving.follower.kept();
        let end = if kept.is_empty() { acked } else { acked.min(kept.start.saturating_sub(1)) };
        for out in talk.all_outs_mut() {
            let mut through = None;
            while out.parts.front().is_some_and(|part| part.s <= end) {
                through = out.parts.pop_front().map(|part| part.number);
            }
            released.extend(through.map(|through| (out.connection, through)));
        }
        for (connection, through) in released {
            self.tx.release(connection, through)?;
            self.order(connection, Order::Release(through));
        }
        Ok(())
    }

    /// One receipt for what has come together (MESSAGE-31), and an answer where one is due.
    pub(super) fn receipts(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let wanted = self.tx.contact(talk.contact)?.is_some_and(|contact| !contact.blocked)
            && self.delivery_receipts(talk.profile)?;
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        if talk.sender.is_some() && !talk.receipts.is_empty() {
            let due = std::mem::take(&mut talk.receipts);
            self.state.dirty.insert(id);
            let due = if wanted { due } else { Vec::new() };
            for messages in due.chunks(RECEIPTS_MAX) {
                let messages = messages.to_vec();
                let receipt = Receipt { seen: Seen::Delivered, messages };
                self.say_in(id, &Content::Receipt(receipt))?;
            }
        }
        self.answer(id)
    }

    /// The same for several sessions.
    pub(super) fn receipts_of(&mut self, sessions: Vec<SessionId>) -> Result<()> {
        sessions.into_iter().try_for_each(|session| self.receipts(session))
    }
}

/// Gives a reaction, or takes it back.
pub(super) fn react(said: &mut SaidRecord, of: Direction, given: bool, with: &str) {
    said.reactions.retain(|(direction, reaction)| *direction != of || reaction != with);
    if given {
        said.reactions.push((of, with.to_owned()));
    }
}
