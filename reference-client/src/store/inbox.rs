//! The inbox: what was received is stored, then acknowledged.

use super::codec::{Fields, Record, Writer};
use super::error::StoreError;
use super::table::{CONNECTION, INBOX};
use super::{
    ConnectionId, Message, Piece, PieceId, Position, Reader, SessionId, Transaction, Versioned,
};

/// Up to where a recipient's parts are stored, and the server may delete them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledge {
    /// The recipient.
    pub connection: ConnectionId,
    /// The record's incarnation, as Attached told it: in another one sequences start over, and
    /// what was to be acknowledged in this one is void.
    pub incarnation: u64,
    /// The sequence.
    pub through: u64,
}

impl Record for Acknowledge {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.i64(self.connection.0);
        to.u64(self.incarnation);
        to.u64(self.through);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            connection: ConnectionId(from.i64()?),
            incarnation: from.u64()?,
            through: from.u64()?,
        })
    }
}

/// What one receiving changes.
#[derive(Clone, Copy, Debug)]
pub struct Receiving<'a> {
    /// The session.
    pub session: SessionId,
    /// The revision of the state that the cell was opened with.
    pub revision: u64,
    /// The state after it.
    pub state: &'a Versioned,
    /// What was said, once it is complete.
    pub message: Option<&'a Message>,
    /// What is kept until the rest of it comes.
    pub pieces: &'a [Piece],
    /// Pieces that are of no use any more.
    pub joined: &'a [PieceId],
    /// What is to be acknowledged once this is stored.
    pub acknowledge: &'a [Acknowledge],
}

/// What one receiving has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The session's new revision.
    pub revision: u64,
    /// Where the message stands in the contact's history.
    pub message: Option<Position>,
    /// The ids of the new pieces.
    pub pieces: Vec<PieceId>,
}

impl Reader<'_> {
    /// What is stored and perhaps not acknowledged yet. After a crash the server delivers it
    /// again, and it is acknowledged then; that it is a repetition is known by its tag.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn unacknowledged(&self) -> Result<Vec<Acknowledge>, StoreError> {
        Ok(self.list::<Acknowledge>(&INBOX)?.into_iter().map(|(_, due)| due).collect())
    }
}

impl Transaction<'_> {
    /// The transaction of receiving: state, message and what is to be acknowledged.
    ///
    /// # Errors
    /// [`Stale`](super::StoreMisuse::Stale) if the session has moved on: open the cell again, with its present
    /// state. [`Unknown`](super::StoreMisuse::Unknown), [`Doubled`](super::StoreMisuse::Doubled).
    pub fn receive(&mut self, receiving: &Receiving<'_>) -> Result<Received, StoreError> {
        let session = self.session_at(receiving.session, receiving.revision)?;
        let message = match receiving.message {
            Some(message) => Some(self.add_message(session.contact, message)?),
            None => None,
        };
        let mut pieces = Vec::new();
        for piece in receiving.pieces {
            pieces.push(self.add_piece(receiving.session, piece)?);
        }
        for piece in receiving.joined {
            self.remove_piece(receiving.session, *piece)?;
        }
        for due in receiving.acknowledge {
            self.acknowledge(due)?;
        }
        let revision = self.put_session(receiving.session, session, receiving.state, None)?;
        Ok(Received { revision, message, pieces })
    }

    /// Notes that parts are stored and to be acknowledged; also for parts that were bad or late,
    /// and changed no session. It never goes back within an incarnation.
    ///
    /// # Errors
    /// [`Unknown`](super::StoreMisuse::Unknown).
    pub fn acknowledge(&mut self, due: &Acknowledge) -> Result<(), StoreError> {
        self.must_have(&CONNECTION, due.connection.0)?;
        let key = [due.connection.0];
        let before = self.find::<Acknowledge>(&INBOX, &key)?.map(|(_, before)| before);
        let covers = |before: Acknowledge| {
            before.incarnation == due.incarnation && before.through >= due.through
        };
        if before.is_some_and(covers) {
            return Ok(());
        }
        self.put(&INBOX, &key, due)
    }

    /// The acknowledgement has gone out over a link that is still up, or is void: forgets it if
    /// nothing higher has become due.
    ///
    /// # Errors
    /// As [`Store::write`](super::Store::write).
    pub fn acknowledged(&mut self, done: &Acknowledge) -> Result<(), StoreError> {
        let key = [done.connection.0];
        let due = self.find::<Acknowledge>(&INBOX, &key)?.map(|(_, due)| due);
        let covered =
            |due: Acknowledge| due.incarnation != done.incarnation || due.through <= done.through;
        if due.is_some_and(covered) {
            self.remove(&INBOX, &key)?;
        }
        Ok(())
    }
}
