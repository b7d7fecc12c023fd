//! Pieces: what was received of something that is not complete yet.

use edgewise_spec::time::Hour;

use super::codec::{Fields, Record, Writer};
use super::error::{StoreError, StoreMisuse};
use super::table::{PIECE, SESSION};
use super::{PieceId, Reader, SessionId, Transaction, Versioned};

/// A fragment of a message, or a part of a cell, that waits for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The hour from which it is of no use.
    pub expires: Hour,
    /// What it is, as its word writes it.
    pub content: Versioned,
}

impl Record for Piece {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.u32(self.expires);
        self.content.write(to);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self { expires: from.u32()?, content: Versioned::read(from)? })
    }
}

impl Reader<'_> {
    /// The pieces that a session holds, in no order.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn pieces(&self, session: SessionId) -> Result<Vec<(PieceId, Piece)>, StoreError> {
        let mut pieces = Vec::new();
        self.each(&PIECE, &[session.0], "", |row| {
            pieces.push((PieceId(row.column(1)), self.opened(&PIECE, &row)?));
            Ok::<_, StoreError>(true)
        })?;
        Ok(pieces)
    }
}

impl Transaction<'_> {
    /// Keeps a piece.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`] without such a session.
    pub fn add_piece(&mut self, session: SessionId, piece: &Piece) -> Result<PieceId, StoreError> {
        self.must_have(&SESSION, session.0)?;
        let id = Self::fresh();
        self.put(&PIECE, &[session.0, id], piece)?;
        Ok(PieceId(id))
    }

    /// Lets a piece go.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn remove_piece(&mut self, session: SessionId, id: PieceId) -> Result<(), StoreError> {
        if self.remove(&PIECE, &[session.0, id.0])? {
            return Ok(());
        }
        Err(StoreMisuse::Unknown("piece").into())
    }

    /// Lets every piece go whose time is over; how many.
    ///
    /// # Errors
    /// As [`Store::write`](super::Store::write).
    pub fn expire_pieces(&mut self, session: SessionId, now: Hour) -> Result<usize, StoreError> {
        let pieces = self.pieces(session)?;
        let over: Vec<_> = pieces.into_iter().filter(|(_, piece)| piece.expires <= now).collect();
        for (id, _) in &over {
            self.remove_piece(session, *id)?;
        }
        Ok(over.len())
    }
}
