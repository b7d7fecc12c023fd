//! The inbox: what was received is stored, then acknowledged. What is to be acknowledged is not
//! stored: after a crash the server delivers it again, and it is acknowledged then; that it is a
//! repetition is known by its tag.

use super::error::StoreError;
use super::{Message, Piece, PieceId, Position, SessionId, Transaction, Versioned};

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

impl Transaction<'_> {
    /// The transaction of receiving: state and message, before the part is acknowledged.
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
        let revision = self.put_session(receiving.session, session, receiving.state)?;
        Ok(Received { revision, message, pieces })
    }
}
