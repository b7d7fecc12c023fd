//! The history: what was said with each contact, in the order in which it was stored.

use edgewise_spec::time::Now;

use super::codec::{Fields, Record, Writer};
use super::error::{StoreError, StoreMisuse};
use super::reader::Row;
use super::table::{CONTACT, MESSAGE};
use super::{ContactId, Reader, Transaction, Versioned};

/// A message's place in its contact's history: 1, 2, 3 … without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The user.
    Sent,
    /// The contact.
    Received,
}

/// How far a message got. It only ever rises, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// It is in the outbox. A received message has come, and nobody has looked.
    Waiting,
    /// A server has it.
    Accepted,
    /// It was given up: every way to the contact has refused it.
    Failed,
    /// The contact's device has it.
    Delivered,
    /// The contact, or the user for a received message, has seen it.
    Seen,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id, as the word *message* makes it; one in a contact's history.
    pub id: Vec<u8>,
    /// Who said it.
    pub direction: Direction,
    /// When, as its sender says.
    pub time: Now,
    /// When it was stored here.
    pub stored: Now,
    /// How far it got.
    pub delivery: Delivery,
    /// What was said, with what proves it, as the word *message* writes it.
    pub content: Versioned,
}

impl Record for Message {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.bytes(&self.id);
        to.u8(match self.direction {
            Direction::Sent => 1,
            Direction::Received => 2,
        });
        to.u64(self.time.millis());
        to.u64(self.stored.millis());
        to.u8(match self.delivery {
            Delivery::Waiting => 0,
            Delivery::Accepted => 1,
            Delivery::Failed => 2,
            Delivery::Delivered => 3,
            Delivery::Seen => 4,
        });
        self.content.write(to);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            id: from.bytes()?.to_vec(),
            direction: match from.u8()? {
                1 => Direction::Sent,
                2 => Direction::Received,
                _ => return None,
            },
            time: Now::from_millis(from.u64()?),
            stored: Now::from_millis(from.u64()?),
            delivery: match from.u8()? {
                0 => Delivery::Waiting,
                1 => Delivery::Accepted,
                2 => Delivery::Failed,
                3 => Delivery::Delivered,
                4 => Delivery::Seen,
                _ => return None,
            },
            content: Versioned::read(from)?,
        })
    }
}

/// What one look through a history found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The messages, the newest first.
    pub messages: Vec<(Position, Message)>,
    /// Where to look on: before this position; `None` at the history's beginning.
    pub before: Option<Position>,
}

impl Reader<'_> {
    /// Up to `most` messages before a position, or the newest; the newest first.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], also if one of them is missing; [`StoreError::Io`].
    pub fn history(
        &self,
        contact: ContactId,
        before: Option<Position>,
        most: u32,
    ) -> Result<Found, StoreError> {
        self.search(contact, before, most, &mut |_| true)
    }

    /// Opens up to `looks` messages before a position, or the newest, and keeps those that
    /// `matches` takes. Nothing of the history stands readable in the file, so searching is
    /// opening; `looks` bounds time and memory of one call (a thousand short texts take about
    /// 1 ms), and [`Found::before`] is where the next one goes on.
    ///
    /// # Errors
    /// As [`history`](Self::history).
    pub fn search(
        &self,
        contact: ContactId,
        before: Option<Position>,
        looks: u32,
        matches: &mut dyn FnMut(&Message) -> bool,
    ) -> Result<Found, StoreError> {
        let mut found = Found { messages: Vec::new(), before: None };
        let Some(Position(end)) = self.end(contact)? else { return Ok(found) };
        let start = before.map_or(end, |Position(at)| end.min(at.saturating_sub(1)));
        // A history has no gap, so what must come is known before it is read.
        let mut next = start;
        let tail = "AND position <= ?2 ORDER BY position DESC LIMIT ?3";
        let values = [i64::try_from(start).unwrap_or(i64::MAX), looks.into()];
        self.each_of(&MESSAGE, &[contact.0], (tail, &values), |row| {
            let at = position(&row);
            if at != Position(next) {
                return Err(self.missing());
            }
            next = next.saturating_sub(1);
            let message = self.opened(&MESSAGE, &row)?;
            if matches(&message) {
                found.messages.push((at, message));
            }
            Ok(true)
        })?;
        if start - next < start.min(u64::from(looks)) {
            return Err(self.missing());
        }
        found.before = (next > 0).then(|| Position(next.saturating_add(1)));
        Ok(found)
    }

    fn missing(&self) -> StoreError {
        self.corrupt("a message of the history is missing")
    }

    /// One message.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn message(
        &self,
        contact: ContactId,
        position: Position,
    ) -> Result<Option<Message>, StoreError> {
        let Ok(at) = i64::try_from(position.0) else { return Ok(None) };
        Ok(self.find(&MESSAGE, &[contact.0, at])?.map(|(_, message)| message))
    }

    /// Where the message of an id stands.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn message_of(
        &self,
        contact: ContactId,
        id: &[u8],
    ) -> Result<Option<(Position, Message)>, StoreError> {
        let lookup = self.message_lookup(contact, id);
        // Named, for SQLite would walk through the whole history of the contact instead.
        let sql = "SELECT position FROM message INDEXED BY message_lookup \
                   WHERE contact = ?1 AND lookup = ?2";
        let failed = |error: rusqlite::Error| self.failed(&error);
        let mut statement = self.db.prepare_cached(sql).map_err(failed)?;
        let positions = statement.query_map([contact.0, lookup], |row| row.get(0));
        for at in positions.map_err(failed)? {
            let at = Position(at.map(i64::unsigned_abs).map_err(failed)?);
            let message = self.message(contact, at)?.ok_or_else(|| self.missing())?;
            if message.id == id {
                return Ok(Some((at, message)));
            }
        }
        Ok(None)
    }

    fn message_lookup(&self, contact: ContactId, id: &[u8]) -> i64 {
        self.keys.lookup("message", &[&contact.0.to_be_bytes(), id])
    }

    /// The position of the newest message; `None` in an empty history.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn end(&self, contact: ContactId) -> Result<Option<Position>, StoreError> {
        let sql = "SELECT max(position) FROM message WHERE contact = ?1";
        Ok(self.number(sql, &[contact.0])?.map(|at| Position(at.unsigned_abs())))
    }
}

fn position(row: &Row) -> Position {
    Position(row.column(1).unsigned_abs())
}

/// Every history runs from 1 without a gap.
pub(super) fn check_positions(reader: &Reader<'_>) -> Result<(), StoreError> {
    let sql = "SELECT count(*) FROM (SELECT contact FROM message GROUP BY contact \
               HAVING min(position) <> 1 OR max(position) <> count(*))";
    match reader.number(sql, &[])? {
        Some(0) => Ok(()),
        _ => Err(reader.missing()),
    }
}

impl Transaction<'_> {
    /// Adds a message at the end of a contact's history. [`send`](Self::send) and
    /// [`receive`](Self::receive) do so; this is for what comes about in other ways, such as a
    /// notice of this device.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`] without such a contact, [`StoreMisuse::Doubled`].
    pub fn add_message(
        &mut self,
        contact: ContactId,
        message: &Message,
    ) -> Result<Position, StoreError> {
        self.must_have(&CONTACT, contact.0)?;
        if self.message_of(contact, &message.id)?.is_some() {
            return Err(StoreMisuse::Doubled.into());
        }
        let end = self.end(contact)?.map_or(0, |Position(at)| at);
        let at = i64::try_from(end.saturating_add(1)).unwrap_or(i64::MAX);
        let lookup = self.message_lookup(contact, &message.id);
        self.put(&MESSAGE, &[contact.0, at, lookup], message)?;
        Ok(Position(at.unsigned_abs()))
    }

    /// Raises how far a message got; false if it was there already or further.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn set_delivery(
        &mut self,
        contact: ContactId,
        position: Position,
        delivery: Delivery,
    ) -> Result<bool, StoreError> {
        let message = self.known_message(contact, position)?;
        if message.delivery >= delivery {
            return Ok(false);
        }
        self.put_message(contact, position, &Message { delivery, ..message })?;
        Ok(true)
    }

    /// Replaces what a message says, when it is edited, reacted to or deleted. Its place and id
    /// stay.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn set_content(
        &mut self,
        contact: ContactId,
        position: Position,
        content: &Versioned,
    ) -> Result<(), StoreError> {
        let message = self.known_message(contact, position)?;
        let content = content.clone();
        self.put_message(contact, position, &Message { content, ..message })
    }

    fn known_message(&self, contact: ContactId, position: Position) -> Result<Message, StoreError> {
        Ok(self.message(contact, position)?.ok_or(StoreMisuse::Unknown("message"))?)
    }

    fn put_message(
        &mut self,
        contact: ContactId,
        position: Position,
        message: &Message,
    ) -> Result<(), StoreError> {
        let lookup = self.message_lookup(contact, &message.id);
        let at = i64::try_from(position.0).unwrap_or(i64::MAX);
        self.put(&MESSAGE, &[contact.0, at, lookup], message)
    }
}
