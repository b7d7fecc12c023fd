//! Contacts: whom a profile talks with.

use edgewise_spec::time::Now;

use super::codec::{Fields, Record, Writer};
use super::error::{StoreError, StoreMisuse};
use super::table::{CONNECTION, CONTACT, INVITATION, MESSAGE, PROFILE, SESSION};
use super::{
    Connection, ConnectionId, ContactId, Invitation, InvitationId, Owner, Position, ProfileId,
    Reader, SessionId, Transaction, Versioned,
};

/// Whether the contact is who the user thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Nobody compared anything.
    No,
    /// The invitation was read from a screen.
    Shown,
    /// The safety numbers were compared, then.
    Compared(Now),
}

/// Somebody whom a profile talks with, or has invited to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The profile that talks with them. It never changes.
    pub profile: ProfileId,
    /// What the user calls them.
    pub name: String,
    /// Their profile, as they last told it and the word *message* writes it.
    pub details: Versioned,
    /// Whether they are who the user thinks.
    pub verified: Verified,
    /// Whether nothing of them is shown any more.
    pub blocked: bool,
    /// Everything up to here was seen by the user.
    pub seen: Option<Position>,
    /// Since when they are a contact.
    pub since: Now,
}

impl Contact {
    /// A contact of whom nothing but a name is known.
    #[must_use]
    pub fn named(profile: ProfileId, name: &str, since: Now) -> Self {
        Self {
            profile,
            name: name.to_owned(),
            details: Versioned::default(),
            verified: Verified::No,
            blocked: false,
            seen: None,
            since,
        }
    }
}

impl Record for Contact {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.i64(self.profile.0);
        to.bytes(self.name.as_bytes());
        self.details.write(to);
        match self.verified {
            Verified::No => to.u8(0),
            Verified::Shown => to.u8(1),
            Verified::Compared(when) => {
                to.u8(2);
                to.u64(when.millis());
            }
        }
        to.flag(self.blocked);
        to.option(self.seen, |to, position| to.u64(position.0));
        to.u64(self.since.millis());
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            profile: ProfileId(from.i64()?),
            name: from.text()?,
            details: Versioned::read(from)?,
            verified: match from.u8()? {
                0 => Verified::No,
                1 => Verified::Shown,
                2 => Verified::Compared(Now::from_millis(from.u64()?)),
                _ => return None,
            },
            blocked: from.flag()?,
            seen: from.option(Fields::u64)?.map(Position),
            since: Now::from_millis(from.u64()?),
        })
    }
}

impl Reader<'_> {
    /// A contact, if there is one of this id.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn contact(&self, id: ContactId) -> Result<Option<Contact>, StoreError> {
        Ok(self.find(&CONTACT, &[id.0])?.map(|(_, contact)| contact))
    }

    /// The contacts of a profile, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn contacts(&self, profile: ProfileId) -> Result<Vec<(ContactId, Contact)>, StoreError> {
        let rows = self.list_of::<Contact>(&CONTACT, profile)?;
        let mut contacts: Vec<_> = rows.into_iter().map(|(id, c)| (ContactId(id), c)).collect();
        contacts.sort_by_key(|(id, contact)| (contact.since, *id));
        Ok(contacts)
    }
}

impl Transaction<'_> {
    /// Adds a contact.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`] without such a profile.
    pub fn add_contact(&mut self, contact: &Contact) -> Result<ContactId, StoreError> {
        self.must_have(&PROFILE, contact.profile.0)?;
        let id = Self::fresh();
        self.put(&CONTACT, &[id, contact.profile.0], contact)?;
        Ok(ContactId(id))
    }

    /// Changes a contact; it stays with its profile.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn set_contact(&mut self, id: ContactId, contact: &Contact) -> Result<(), StoreError> {
        let row = self.row(&CONTACT, &[id.0])?;
        if row.is_none_or(|row| row.column(1) != contact.profile.0) {
            return Err(StoreMisuse::Unknown("contact").into());
        }
        self.put(&CONTACT, &[id.0, contact.profile.0], contact)
    }

    /// Removes a contact with their sessions, connections, invitations and history.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn remove_contact(&mut self, id: ContactId) -> Result<(), StoreError> {
        let row = self.row(&CONTACT, &[id.0])?;
        let profile = ProfileId(row.ok_or(StoreMisuse::Unknown("contact"))?.column(1));
        let mut sessions = Vec::new();
        self.each(&SESSION, &[], "", |row| {
            if row.column(1) == id.0 {
                sessions.push(SessionId(row.column(0)));
            }
            Ok::<_, StoreError>(true)
        })?;
        for session in sessions {
            self.remove_session(session)?;
        }
        for (connection, stored) in self.list_of::<Connection>(&CONNECTION, profile)? {
            if stored.owner == Owner::Contact(id) {
                self.remove_connection(ConnectionId(connection))?;
            }
        }
        for (invitation, stored) in self.list_of::<Invitation>(&INVITATION, profile)? {
            if stored.contact == Some(id) {
                self.remove_invitation(InvitationId(invitation))?;
            }
        }
        self.remove_all(&MESSAGE, id.0)?;
        self.remove(&CONTACT, &[id.0]).map(drop)
    }
}
