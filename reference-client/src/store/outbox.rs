//! The outbox: sealed parts, stored before the first byte of them leaves.

use bytes::Bytes;

use super::codec::{Fields, Record, Writer};
use super::connection::Numbers;
use super::error::{StoreError, StoreMisuse};
use super::table::OUTBOX;
use super::{ConnectionId, Message, Position, Reader, SessionId, Transaction, Versioned};

/// A sealed part that is kept until the session's `ack` covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The session that sealed it.
    pub session: SessionId,
    /// Its cell's counter.
    pub s: u32,
    /// The message it belongs to, in the history of the session's contact.
    pub message: Option<Position>,
    /// The part; every time the same bytes.
    pub part: Bytes,
}

impl Record for Part {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.i64(self.session.0);
        to.u32(self.s);
        to.option(self.message, |to, position| to.u64(position.0));
        to.bytes(&self.part);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            session: SessionId(from.i64()?),
            s: from.u32()?,
            message: from.option(Fields::u64)?.map(Position),
            part: Bytes::copy_from_slice(from.bytes()?),
        })
    }
}

/// A sealed cell: one counter, and its part for each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The counter.
    pub s: u32,
    /// The parts, and the connections they go into.
    pub parts: Vec<(ConnectionId, Bytes)>,
}

/// What one sending changes.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// The session.
    pub session: SessionId,
    /// The revision of the state that the cells were sealed with.
    pub revision: u64,
    /// The state after the last of them.
    pub state: &'a Versioned,
    /// The cells, by rising counters: several for a long message.
    pub cells: &'a [Cell],
    /// What is said by them.
    pub says: Says<'a>,
}

/// What a sending says.
#[derive(Clone, Copy, Debug)]
pub enum Says<'a> {
    /// Nothing, as an empty cell.
    Nothing,
    /// A message, which takes its place at the history's end.
    New(&'a Message),
    /// A message that stands in the history already: it waited for room, or is said again.
    Known(Position),
}

/// What one sending has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The session's new revision.
    pub revision: u64,
    /// Where the message stands in the contact's history.
    pub message: Option<Position>,
    /// The parts' numbers in their connections' outboxes, in the order in which they were given.
    /// They are pushed to the sender's end in this order, which gives them the same numbers.
    pub numbers: Vec<(ConnectionId, u64)>,
}

impl Reader<'_> {
    /// The parts that a sender keeps, by number.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn parts(&self, connection: ConnectionId) -> Result<Vec<(u64, Part)>, StoreError> {
        let mut parts = Vec::new();
        self.each(&OUTBOX, &[connection.0], "ORDER BY number", |row| {
            parts.push((row.column(1).unsigned_abs(), self.opened(&OUTBOX, &row)?));
            Ok::<_, StoreError>(true)
        })?;
        Ok(parts)
    }

    /// One part that a sender keeps.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn part(&self, connection: ConnectionId, number: u64) -> Result<Option<Part>, StoreError> {
        let Ok(number) = i64::try_from(number) else { return Ok(None) };
        Ok(self.find(&OUTBOX, &[connection.0, number])?.map(|(_, part)| part))
    }

    /// The number of a sender's next part; `released` where none is kept.
    pub(super) fn next_number(
        &self,
        connection: ConnectionId,
        released: u64,
    ) -> Result<u64, StoreError> {
        let highest = self.highest_number(connection)?;
        Ok(highest.map_or(released, |highest| highest.saturating_add(1)))
    }

    fn highest_number(&self, connection: ConnectionId) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT max(number) FROM outbox WHERE connection = ?1";
        Ok(self.number(sql, &[connection.0])?.map(i64::unsigned_abs))
    }
}

impl Transaction<'_> {
    /// The transaction of sending: state, parts and message, before the first byte leaves.
    ///
    /// # Errors
    /// [`StoreMisuse::Stale`] if the session has moved on; [`StoreMisuse::CounterUsed`] if a
    /// counter is not above every one that was sealed; [`StoreMisuse::Unknown`],
    /// [`StoreMisuse::OtherRole`], [`StoreMisuse::Doubled`]. After any of them none of the cells
    /// may leave.
    pub fn send(&mut self, sending: &Sending<'_>) -> Result<Sent, StoreError> {
        let session = self.session_at(sending.session, sending.revision)?;
        let message = match sending.says {
            Says::Nothing => None,
            Says::New(message) => Some(self.add_message(session.contact, message)?),
            Says::Known(position) => Some(position),
        };
        let numbers = self.add_cells(sending.session, sending.cells, message)?;
        let revision = self.set_session(sending.session, sending.revision, sending.state)?;
        Ok(Sent { revision, message, numbers })
    }

    /// Stores the parts of cells that a session has sealed, by rising counters, and the message
    /// that they are of; their numbers, as [`Sent::numbers`]. The state that sealed them is to be
    /// stored after it in the same transaction, once for all of them: without it, nothing is
    /// committed.
    ///
    /// # Errors
    /// [`StoreMisuse::CounterUsed`], [`StoreMisuse::Unknown`], [`StoreMisuse::OtherRole`].
    pub fn add_cells(
        &mut self,
        id: SessionId,
        cells: &[Cell],
        message: Option<Position>,
    ) -> Result<Vec<(ConnectionId, u64)>, StoreError> {
        let mut sealed = match self.sealed.get(&id) {
            Some(sealed) => *sealed,
            None => self.session(id)?.ok_or(StoreMisuse::Unknown("session"))?.sealed,
        };
        let mut numbers = Vec::new();
        for Cell { s, parts } in cells {
            if *s <= sealed {
                return Err(StoreMisuse::CounterUsed { s: *s, sealed }.into());
            }
            sealed = *s;
            self.sealed.insert(id, sealed);
            for (connection, part) in parts {
                let part = Part { session: id, s: *s, message, part: part.clone() };
                numbers.push((*connection, self.add_part(*connection, &part)?));
            }
        }
        Ok(numbers)
    }

    fn add_part(&mut self, id: ConnectionId, part: &Part) -> Result<u64, StoreError> {
        // A connection that keeps parts is a sender; its keys are not unpacked for each of them.
        let number = match self.highest_number(id)? {
            Some(highest) => highest.saturating_add(1),
            None => self.sender(id)?.1.outbox.released(),
        };
        let column = i64::try_from(number).map_err(|_| self.corrupt("an outbox without end"))?;
        self.put(&OUTBOX, &[id.0, column], part)?;
        Ok(number)
    }

    /// Keeps a stored part once more, to be handed in again under a number of its own: the same
    /// bytes, so that no counter is sealed twice.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`], [`StoreMisuse::OtherRole`].
    pub fn send_again(&mut self, id: ConnectionId, part: &Part) -> Result<u64, StoreError> {
        self.add_part(id, part)
    }

    /// Removes a sender's parts up to and including a number, which the other side has, and
    /// returns them without their bytes: their messages are delivered.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`], [`StoreMisuse::OtherRole`].
    pub fn release(&mut self, id: ConnectionId, through: u64) -> Result<Vec<Part>, StoreError> {
        let (connection, state) = self.sender(id)?;
        let before = Numbers::of(&state.outbox);
        let next = self.next_number(id, before.released)?;
        let numbers = before.released_below(next.min(through.saturating_add(1)));
        let released = self.remove_parts(id, before.released, numbers.released)?;
        if numbers.released > before.released {
            self.put_sender(id, connection, &state, numbers)?;
        }
        Ok(released)
    }

    /// Removes the parts from one number to before another.
    pub(super) fn remove_parts(
        &mut self,
        id: ConnectionId,
        from: u64,
        to: u64,
    ) -> Result<Vec<Part>, StoreError> {
        let mut removed = Vec::new();
        for number in from..to {
            let part = self.part(id, number)?;
            let part = part.ok_or_else(|| self.corrupt("a part of an outbox is missing"))?;
            removed.push(Part { part: Bytes::new(), ..part });
            self.remove(&OUTBOX, &[id.0, number.cast_signed()])?;
        }
        Ok(removed)
    }
}
