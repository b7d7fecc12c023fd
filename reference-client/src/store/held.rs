//! Held parts: what connections brought of cells that too few parts have come of yet.
//!
//! They are of a connection and not of a session, for the first parts of an invitation's cells
//! come before there is one. A connection brings one part of a cell, so its row is named by
//! connection and counter; the counter stands there as a keyed hash, since equal ones would show
//! which connections belong together.

use edgewise_spec::time::Now;

use super::codec::{Fields, Record, Writer};
use super::error::StoreError;
use super::table::{CONNECTION, HELD};
use super::{ConnectionId, Reader, Transaction, Versioned};

/// A part of a cell that waits for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The cell's counter.
    pub s: u32,
    /// When the first part of the cell came, over whichever connection.
    pub since: Now,
    /// What the part's seal covered, as the word *scatter* writes it.
    pub part: Versioned,
}

impl Record for Held {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.u32(self.s);
        to.u64(self.since.millis());
        self.part.write(to);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        let (s, since) = (from.u32()?, Now::from_millis(from.u64()?));
        Some(Self { s, since, part: Versioned::read(from)? })
    }
}

impl Reader<'_> {
    fn held_row(&self, connection: ConnectionId, s: u32) -> [i64; 2] {
        let of = [&connection.0.to_be_bytes()[..], &s.to_be_bytes()];
        [connection.0, self.keys.lookup("held", &of)]
    }

    /// The part that a connection brought of cell `s`, if it is held.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn held(&self, connection: ConnectionId, s: u32) -> Result<Option<Held>, StoreError> {
        let found = self.find::<Held>(&HELD, &self.held_row(connection, s))?;
        Ok(found.map(|(_, held)| held).filter(|held| held.s == s))
    }

    /// All parts of a connection that are held, by their counters.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn all_held(&self, connection: ConnectionId) -> Result<Vec<Held>, StoreError> {
        let mut all = Vec::new();
        self.each(&HELD, &[connection.0], "", |row| {
            all.push(self.opened::<Held>(&HELD, &row)?);
            Ok::<_, StoreError>(true)
        })?;
        all.sort_by_key(|held| held.s);
        Ok(all)
    }
}

impl Transaction<'_> {
    /// Holds a part that a connection brought, in the place of one of the same cell. The state in
    /// which its tag is used up is stored in the same transaction, and then it is acknowledged.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`](super::StoreMisuse::Unknown) without such a connection.
    pub fn hold(&mut self, connection: ConnectionId, held: &Held) -> Result<(), StoreError> {
        self.must_have(&CONNECTION, connection.0)?;
        let row = self.held_row(connection, held.s);
        self.put(&HELD, &row, held)
    }

    /// Lets the part go that a connection brought of cell `s`; false if none is held.
    ///
    /// # Errors
    /// As [`Store::write`](super::Store::write).
    pub fn let_go(&mut self, connection: ConnectionId, s: u32) -> Result<bool, StoreError> {
        let row = self.held_row(connection, s);
        self.remove(&HELD, &row)
    }

    /// Lets every part of a connection go.
    ///
    /// # Errors
    /// As [`Store::write`](super::Store::write).
    pub fn let_all_go(&mut self, connection: ConnectionId) -> Result<(), StoreError> {
        self.remove_all(&HELD, connection.0)
    }
}
