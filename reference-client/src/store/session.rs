//! Sessions: the ratchet states, and which counter was sealed last.

use super::codec::{Fields, Record, Writer};
use super::error::{StoreError, StoreMisuse};
use super::table::{BASE, CONTACT, PIECE, SESSION};
use super::{ContactId, Reader, SessionId, Transaction, Versioned};

/// A session with a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The contact. It never changes.
    pub contact: ContactId,
    /// Its state, as the word *session* writes it.
    pub state: Versioned,
    /// One more with each change of the state. What is made from a state names the revision it
    /// was made from, so that two pieces of work from one state cannot both be stored.
    pub revision: u64,
    /// The highest counter *s* that was sealed; 0 for none.
    pub sealed: u32,
}

impl Record for Session {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.i64(self.contact.0);
        self.state.write(to);
        to.u64(self.revision);
        to.u32(self.sealed);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            contact: ContactId(from.i64()?),
            state: Versioned::read(from)?,
            revision: from.u64()?,
            sealed: from.u32()?,
        })
    }
}

struct Base(Versioned);

impl Record for Base {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        self.0.write(to);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Versioned::read(from).map(Self)
    }
}

impl Reader<'_> {
    /// What of a session's state is written seldom, if it ever was.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn base(&self, id: SessionId) -> Result<Option<Versioned>, StoreError> {
        Ok(self.find(&BASE, &[id.0])?.map(|(_, Base(base))| base))
    }

    /// A session, if there is one of this id.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.find(&SESSION, &[id.0])?.map(|(_, session)| session))
    }

    /// All sessions with a contact; a repeated exchange or a standby makes another one.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn sessions(&self, contact: ContactId) -> Result<Vec<(SessionId, Session)>, StoreError> {
        let rows = self.list::<Session>(&SESSION)?.into_iter();
        let its = rows.filter(|(_, session)| session.contact == contact);
        Ok(its.map(|(row, session)| (SessionId(row.column(0)), session)).collect())
    }
}

impl Transaction<'_> {
    /// Adds a session, whose first revision is 0 and which has sealed nothing.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`] without such a contact.
    pub fn add_session(
        &mut self,
        contact: ContactId,
        state: &Versioned,
    ) -> Result<SessionId, StoreError> {
        self.must_have(&CONTACT, contact.0)?;
        let id = Self::fresh();
        let session = Session { contact, state: state.clone(), revision: 0, sealed: 0 };
        self.put(&SESSION, &[id, contact.0], &session)?;
        Ok(SessionId(id))
    }

    /// Stores what of a session's state is written seldom. It belongs to the state that the same
    /// transaction stores: a long state whose larger part seldom changes is not written whole for
    /// each message.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`] without such a session.
    pub fn set_base(&mut self, id: SessionId, base: &Versioned) -> Result<(), StoreError> {
        self.must_have(&SESSION, id.0)?;
        self.put(&BASE, &[id.0], &Base(base.clone()))
    }

    /// Stores the next state of a session, which has sealed the cells that this transaction has
    /// [stored](Self::add_cells), and no others; its new revision.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`], [`StoreMisuse::Stale`].
    pub fn set_session(
        &mut self,
        id: SessionId,
        revision: u64,
        state: &Versioned,
    ) -> Result<u64, StoreError> {
        let session = self.session_at(id, revision)?;
        self.put_session(id, session, state)
    }

    /// The session, if it is still at this revision.
    pub(super) fn session_at(&self, id: SessionId, revision: u64) -> Result<Session, StoreError> {
        let session = self.session(id)?.ok_or(StoreMisuse::Unknown("session"))?;
        if session.revision != revision {
            return Err(StoreMisuse::Stale(revision).into());
        }
        Ok(session)
    }

    pub(super) fn put_session(
        &mut self,
        id: SessionId,
        before: Session,
        state: &Versioned,
    ) -> Result<u64, StoreError> {
        let revision = before.revision.saturating_add(1);
        let sealed = self.sealed.remove(&id).unwrap_or(before.sealed);
        let session = Session { state: state.clone(), revision, sealed, ..before };
        self.put(&SESSION, &[id.0, session.contact.0], &session)?;
        Ok(revision)
    }

    /// Removes a session with its pieces.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn remove_session(&mut self, id: SessionId) -> Result<(), StoreError> {
        self.must_have(&SESSION, id.0)?;
        self.sealed.remove(&id);
        self.remove(&BASE, &[id.0])?;
        self.remove_all(&PIECE, id.0)?;
        self.remove(&SESSION, &[id.0]).map(drop)
    }
}
