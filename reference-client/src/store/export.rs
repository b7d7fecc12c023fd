//! Everything, in the clear, one row after the other.

use super::profile::Profile;
use super::setting::Setting;
use super::table::{
    CONNECTION, CONTACT, HELD, INVITATION, MESSAGE, PIECE, PROFILE, SERVER, SESSION, SETTING,
};
use super::{
    Connection, ConnectionId, Contact, ContactId, Held, Invitation, InvitationId, Message, Piece,
    PieceId, Position, ProfileId, Reader, Server, ServerId, Session, SessionId, StoreError,
    Versioned,
};

/// One row of the store. Keys and states of sessions are among them: an export that a person
/// keeps should leave those out, for going on from a copy of them would seal counters twice.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Exported {
    /// A profile.
    Profile(ProfileId, Profile),
    /// A server.
    Server(ServerId, Server),
    /// A contact.
    Contact(ContactId, Contact),
    /// An invitation.
    Invitation(InvitationId, Invitation),
    /// A connection, with a sender's parts.
    Connection(ConnectionId, Box<Connection>),
    /// A part that a connection brought of a cell that is not whole yet.
    Held(ConnectionId, Held),
    /// A session.
    Session(SessionId, Session),
    /// What of a session's state is written seldom.
    Base(SessionId, Versioned),
    /// A piece of something incomplete.
    Piece(SessionId, PieceId, Piece),
    /// A message; those of one contact come in their order.
    Message(ContactId, Position, Message),
    /// A setting of a profile, or of the whole store.
    Setting(Option<ProfileId>, String, Versioned),
}

impl Reader<'_> {
    /// Hands over everything that is stored, one row at a time, owners before what they own. It
    /// ends at the first error of `take`.
    ///
    /// # Errors
    /// Those of `take`, [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn export<E: From<StoreError>>(
        &self,
        mut take: impl FnMut(Exported) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each::<E>(&PROFILE, &[], "", |row| {
            take(Exported::Profile(ProfileId(row.column(0)), self.opened(&PROFILE, &row)?))?;
            Ok(true)
        })?;
        self.each::<E>(&SETTING, &[], "", |row| {
            let Setting { profile, name, value } = self.opened(&SETTING, &row)?;
            take(Exported::Setting(profile, name, value))?;
            Ok(true)
        })?;
        self.each::<E>(&SERVER, &[], "", |row| {
            take(Exported::Server(ServerId(row.column(0)), self.opened(&SERVER, &row)?))?;
            Ok(true)
        })?;
        self.each::<E>(&CONTACT, &[], "", |row| {
            take(Exported::Contact(ContactId(row.column(0)), self.opened(&CONTACT, &row)?))?;
            Ok(true)
        })?;
        self.each::<E>(&INVITATION, &[], "", |row| {
            let id = InvitationId(row.column(0));
            take(Exported::Invitation(id, self.opened(&INVITATION, &row)?))?;
            Ok(true)
        })?;
        self.export_states(&mut take)?;
        self.each::<E>(&MESSAGE, &[], "ORDER BY contact, position", |row| {
            let (contact, at) = (ContactId(row.column(0)), Position(row.column(1).unsigned_abs()));
            take(Exported::Message(contact, at, self.opened(&MESSAGE, &row)?))?;
            Ok(true)
        })
    }

    fn export_states<E: From<StoreError>>(
        &self,
        take: &mut impl FnMut(Exported) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each::<E>(&CONNECTION, &[], "", |row| {
            let id = ConnectionId(row.column(0));
            if let Some(connection) = self.connection(id)? {
                take(Exported::Connection(id, Box::new(connection)))?;
            }
            Ok(true)
        })?;
        self.each::<E>(&HELD, &[], "", |row| {
            let connection = ConnectionId(row.column(0));
            take(Exported::Held(connection, self.opened(&HELD, &row)?))?;
            Ok(true)
        })?;
        self.each::<E>(&SESSION, &[], "", |row| {
            let id = SessionId(row.column(0));
            take(Exported::Session(id, self.opened(&SESSION, &row)?))?;
            if let Some(base) = self.base(id)? {
                take(Exported::Base(id, base))?;
            }
            Ok(true)
        })?;
        self.each::<E>(&PIECE, &[], "", |row| {
            let (session, id) = (SessionId(row.column(0)), PieceId(row.column(1)));
            take(Exported::Piece(session, id, self.opened(&PIECE, &row)?))?;
            Ok(true)
        })
    }
}
