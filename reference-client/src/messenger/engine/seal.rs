//! What is said becomes cells and parts: stored in one transaction, before the first byte leaves.

use bytes::Bytes;
use edgewise_spec::message::{Composed, Content, kind};
use edgewise_spec::mutant;
use edgewise_spec::scatter::SplitRefused;
use edgewise_spec::session::{Purpose, Repeat, SealRefused, Sealed};

use super::net::Order;
use super::record::{Record, SaidRecord, row_id};
use super::talk::{OutPart, Queued, Talk};
use super::turn::{Result, Turn};
use crate::clock::OsRandom;
use crate::messenger::MessengerError;
use crate::store::{Cell, ConnectionId, Delivery, Direction, Message, Position, SessionId};

impl Turn<'_, '_> {
    /// Composes a message, stores it, and seals as much as there is room for.
    pub(super) fn say_in(&mut self, id: SessionId, content: &Content) -> Result<Position> {
        let unknown = || MessengerError::Unknown("session");
        let talk = self.state.talks.get_mut(&id).ok_or_else(unknown)?;
        let up_to = talk.inbox.chain().up_to();
        let (composer, composed) =
            talk.composer.compose(self.now, up_to, content, &mut OsRandom)?;
        talk.composer = composer;
        let contact = talk.contact;
        let Composed { bodies, .. } = &composed;
        let bodies = Some(bodies.clone());
        let message = self.record_of(id, composed);
        let position = self.tx.add_message(contact, &message)?;
        let talk = self.state.talks.get_mut(&id).ok_or_else(unknown)?;
        talk.queue.push_back(Queued { position, bodies });
        self.seal_queue(id)?;
        if matches!(content, Content::Move { .. } | Content::Moved { .. }) {
            self.seal_move(id, position)?;
        }
        self.store_talk(id)?;
        Ok(position)
    }

    /// SESSION-43: a move and its answer do not wait behind what there is no room for, since that
    /// may be waiting for them.
    fn seal_move(&mut self, id: SessionId, position: Position) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let last = talk.queue.back().filter(|queued| queued.position == position);
        let Some(bodies) = last.and_then(|queued| queued.bodies.clone()) else { return Ok(()) };
        if talk.sender.is_some()
            && self.seal_bodies(id, &bodies, Purpose::Move, Some(position))? == bodies.len()
        {
            if let Some(talk) = self.state.talks.get_mut(&id) {
                talk.queue.pop_back();
            }
            self.moving_sealed(id)?;
        }
        Ok(())
    }

    fn record_of(&self, session: SessionId, composed: Composed) -> Message {
        let Composed { id, hash, header, content, .. } = composed;
        let said = SaidRecord {
            session,
            header,
            hash,
            content,
            marks: Vec::new(),
            edited: None,
            deleted: false,
            reactions: Vec::new(),
            hidden: is_hidden(header.kind),
        };
        Message {
            id: row_id(session, Direction::Sent, id.number(), None),
            direction: Direction::Sent,
            time: self.now,
            stored: self.now,
            delivery: Delivery::Waiting,
            content: Record::Said(Box::new(said)).to_versioned(),
        }
    }

    /// Seals what waits, as far as the other end has acknowledged enough (SESSION-31).
    pub(super) fn seal_queue(&mut self, id: SessionId) -> Result<()> {
        if self.seal_waiting(id)? {
            // What a move asks to be said now stands behind all that was sealed.
            self.moving_sealed(id)?;
        }
        Ok(())
    }

    fn seal_waiting(&mut self, id: SessionId) -> Result<bool> {
        let mut any = false;
        loop {
            let Some(talk) = self.state.talks.get(&id) else { return Ok(any) };
            if talk.sender.is_none() || talk.session.room() == 0 {
                return Ok(any);
            }
            let Some(next) = talk.queue.front() else { return Ok(any) };
            let (position, begun) = (next.position, usize::from(talk.begun));
            let bodies = match &next.bodies {
                Some(bodies) => bodies.clone(),
                None => self.bodies_of(talk, position)?,
            };
            let count = bodies.len();
            let bodies: Vec<_> = bodies.into_iter().skip(begun).collect();
            let sealed = self.seal_bodies(id, &bodies, Purpose::Message, Some(position))?;
            any |= sealed > 0;
            let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(any) };
            if begun + sealed >= count {
                talk.queue.pop_front();
                talk.begun = 0;
            } else {
                talk.begun = u16::try_from(begun + sealed).unwrap_or(u16::MAX);
                self.store_talk(id)?;
                return Ok(any);
            }
        }
    }

    /// A message's bodies, made again from the history.
    fn bodies_of(&self, talk: &Talk, position: Position) -> Result<Vec<Vec<u8>>> {
        let stored = self.tx.message(talk.contact, position)?;
        let record = stored.and_then(|message| Record::from_versioned(&message.content));
        match record {
            Some(Record::Said(said)) => Ok(talk.layout().bodies(&said.header, &said.content)),
            _ => Err(self.damaged("message")),
        }
    }

    /// Seals bodies into cells, one transaction for all; how many there was room for.
    fn seal_bodies(
        &mut self,
        id: SessionId,
        bodies: &[Vec<u8>],
        purpose: Purpose,
        position: Option<Position>,
    ) -> Result<usize> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(0) };
        let mut cells = Vec::new();
        for body in bodies {
            let Some(sender) = &talk.sender else { break };
            let sealed = talk.session.seal(purpose, self.now, body, &mut OsRandom);
            let Sealed { session, s, cell } = match sealed {
                Ok(sealed) => sealed,
                // SESSION-31, SESSION-34: what is not sealed stays in the queue.
                Err(SealRefused::Full | SealRefused::NotYet) => break,
                Err(other) => return Err(MessengerError::NotNow(other.to_string())),
            };
            let (sender, parts) = sender.split(s, &cell, &mut OsRandom).map_err(split)?;
            (talk.session, talk.sender) = (session, Some(sender));
            let connections = talk.outs.iter().map(|out| out.connection);
            let parts = connections.zip(parts.into_iter().map(Bytes::from)).collect();
            cells.push(Cell { s, parts });
        }
        self.store_cells(id, &cells, position)?;
        Ok(cells.len())
    }

    /// SESSION-24: state and parts in one transaction, before the first byte leaves.
    fn store_cells(
        &mut self,
        id: SessionId,
        cells: &[Cell],
        position: Option<Position>,
    ) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        if cells.is_empty() {
            return Ok(());
        }
        let mut numbers = self.tx.add_cells(id, cells, position)?.into_iter();
        // The state follows once, at the turn's end; the store commits no cell without it.
        self.state.dirty.insert(id);
        for Cell { s, parts } in cells {
            for (connection, part) in parts {
                let Some((_, number)) = numbers.next() else { continue };
                let out = talk.outs.iter_mut().find(|out| out.connection == *connection);
                if let Some(out) = out {
                    let (s, message, accepted) = (*s, position, false);
                    out.parts.push_back(OutPart { number, s, message, accepted });
                }
                let order = Order::Push(part.clone());
                self.outputs.push(super::input::Output::Order(*connection, order));
            }
        }
        Ok(())
    }

    /// An empty cell where one is due, so that the contact learns what has come (SESSION-33,
    /// SESSION-35).
    pub(super) fn answer(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        if talk.session.answer_due() && talk.sender.is_some() {
            let empty = talk.layout().empty();
            self.seal_bodies(id, &[empty], Purpose::Answer, None)?;
            self.moving_sealed(id)?;
        }
        Ok(())
    }

    /// Has a talk that has sealed nothing new stored with the turn.
    pub(super) fn store_talk(&mut self, id: SessionId) -> Result<()> {
        self.state.dirty.insert(id);
        Ok(())
    }

    /// What time asks of a talk: its hello again, or at the limit its highest cell.
    pub(super) fn talk_tick(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        if let (Some(repeat), Some(hello)) = (talk.session.hello(), talk.hello)
            && repeat.is_due(self.now)
        {
            // SESSION-36: the same bodies in new cells.
            let bodies = self.bodies_of(talk, hello)?;
            self.seal_bodies(id, &bodies, Purpose::Message, Some(hello))?;
            if let Some(talk) = self.state.talks.get_mut(&id) {
                talk.session = talk.session.hello_sealed(self.now);
            }
            self.store_talk(id)?;
        }
        self.send_again(id)
    }

    /// SESSION-37: at the limit the parts of the highest cell are sent again, until an ack
    /// advances.
    fn send_again(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let acked = talk.session.acknowledged();
        let limited = talk.session.room() == 0 && !talk.queue.is_empty();
        let limited = limited && !mutant!(SESSION_37);
        match talk.again {
            _ if !limited => talk.again = None,
            Some((_, before)) if before != acked => talk.again = None,
            None => talk.again = Some((Repeat::new(self.now).done(self.now), acked)),
            Some((repeat, _)) if repeat.is_due(self.now) => {
                talk.again = Some((repeat.done(self.now), acked));
                let highest = talk.session.sealed();
                let kept = talk.outs.iter().filter_map(|out| {
                    let part = out.parts.iter().rfind(|part| part.s == highest)?;
                    Some((out.connection, part.number))
                });
                let kept: Vec<(ConnectionId, u64)> = kept.collect();
                for (connection, number) in kept {
                    self.push_again(id, connection, number)?;
                }
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn push_again(&mut self, id: SessionId, connection: ConnectionId, of: u64) -> Result<()> {
        let Some(part) = self.tx.part(connection, of)? else { return Ok(()) };
        let (s, message) = (part.s, part.message);
        let bytes = part.part.clone();
        let number = self.tx.send_again(connection, &part)?;
        if let Some(talk) = self.state.talks.get_mut(&id)
            && let Some(out) = talk.outs.iter_mut().find(|out| out.connection == connection)
        {
            out.parts.push_back(OutPart { number, s, message, accepted: false });
        }
        self.order(connection, Order::Push(bytes));
        Ok(())
    }
}

/// Whether a message of this type acts on something else and is not shown itself.
pub(super) const fn is_hidden(of: u16) -> bool {
    matches!(
        of,
        kind::HELLO
            | kind::RECEIPT
            | kind::EDIT
            | kind::DELETE
            | kind::REACTION
            | kind::MOVE
            | kind::MOVED
            | kind::STANDBY
    )
}

fn split(refused: SplitRefused) -> MessengerError {
    MessengerError::NotNow(refused.to_string())
}
