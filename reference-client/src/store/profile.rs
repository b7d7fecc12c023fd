//! Profiles: who the user is to whom.

use super::codec::{Fields, Record, Writer};
use super::error::{StoreError, StoreMisuse};
use super::table::{CONNECTION, CONTACT, INVITATION, PROFILE, SERVER, Table};
use super::{
    ConnectionId, ContactId, InvitationId, ProfileId, Reader, ServerId, Transaction, Versioned,
};

/// One of the user's profiles. Only its contacts ever see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name that contacts are told.
    pub name: String,
    /// What else contacts are told, as the word *message* writes it.
    pub details: Versioned,
}

impl Profile {
    /// A profile of which nothing but the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), details: Versioned::default() }
    }
}

impl Record for Profile {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.bytes(self.name.as_bytes());
        self.details.write(to);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self { name: from.text()?, details: Versioned::read(from)? })
    }
}

impl Reader<'_> {
    /// A profile, if there is one of this id.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn profile(&self, id: ProfileId) -> Result<Option<Profile>, StoreError> {
        Ok(self.find(&PROFILE, &[id.0])?.map(|(_, profile)| profile))
    }

    /// All profiles.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn profiles(&self) -> Result<Vec<(ProfileId, Profile)>, StoreError> {
        let rows = self.list(&PROFILE)?;
        Ok(rows.into_iter().map(|(row, profile)| (ProfileId(row.column(0)), profile)).collect())
    }

    pub(super) fn must_have(&self, table: &'static Table, id: i64) -> Result<(), StoreError> {
        match self.row(table, &[id])? {
            Some(_) => Ok(()),
            None => Err(StoreMisuse::Unknown(table.name).into()),
        }
    }

    /// Records of a table whose second column is the profile.
    pub(super) fn list_of<R: Record>(
        &self,
        table: &'static Table,
        profile: ProfileId,
    ) -> Result<Vec<(i64, R)>, StoreError> {
        let mut records = Vec::new();
        self.each(table, &[], "", |row| {
            if row.column(1) == profile.0 {
                records.push((row.column(0), self.opened(table, &row)?));
            }
            Ok::<_, StoreError>(true)
        })?;
        Ok(records)
    }

    fn numbers_of(
        &self,
        table: &'static Table,
        profile: ProfileId,
    ) -> Result<Vec<i64>, StoreError> {
        let mut numbers = Vec::new();
        self.each(table, &[], "", |row| {
            if row.column(1) == profile.0 {
                numbers.push(row.column(0));
            }
            Ok::<_, StoreError>(true)
        })?;
        Ok(numbers)
    }
}

impl Transaction<'_> {
    /// Adds a profile.
    ///
    /// # Errors
    /// As [`Store::write`](super::Store::write).
    pub fn add_profile(&mut self, profile: &Profile) -> Result<ProfileId, StoreError> {
        let id = Self::fresh();
        self.put(&PROFILE, &[id], profile)?;
        Ok(ProfileId(id))
    }

    /// Changes a profile.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn set_profile(&mut self, id: ProfileId, profile: &Profile) -> Result<(), StoreError> {
        self.must_have(&PROFILE, id.0)?;
        self.put(&PROFILE, &[id.0], profile)
    }

    /// Removes a profile with all that belongs to it.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn remove_profile(&mut self, id: ProfileId) -> Result<(), StoreError> {
        self.must_have(&PROFILE, id.0)?;
        for contact in self.numbers_of(&CONTACT, id)? {
            self.remove_contact(ContactId(contact))?;
        }
        for connection in self.numbers_of(&CONNECTION, id)? {
            self.remove_connection(ConnectionId(connection))?;
        }
        for invitation in self.numbers_of(&INVITATION, id)? {
            self.remove_invitation(InvitationId(invitation))?;
        }
        for server in self.numbers_of(&SERVER, id)? {
            self.remove_server(ServerId(server))?;
        }
        for (name, _) in self.settings(Some(id))? {
            self.remove_setting(Some(id), &name)?;
        }
        self.remove(&PROFILE, &[id.0]).map(drop)
    }
}
