//! Invitations: what a profile has given to whom, and how.

use edgewise_spec::time::Now;

use super::codec::{Fields, Record, Writer};
use super::error::{StoreError, StoreMisuse};
use super::table::{CONNECTION, INVITATION, PROFILE};
use super::{
    Connection, ConnectionId, ContactId, InvitationId, Owner, ProfileId, Reader, Transaction,
    Versioned,
};

/// How an invitation left this device. It never gets better: once sent, always sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Given {
    /// Not yet.
    Not,
    /// Shown on a screen: whoever read it was there.
    Shown,
    /// Sent by some other means, where others may have seen or changed it.
    Sent,
}

/// An invitation that a profile made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The profile that made it. It never changes.
    pub profile: ProfileId,
    /// Whom it is for, as the user says; empty if they say nothing.
    pub label: String,
    /// How it was given.
    pub given: Given,
    /// Whom it is for, or who has taken it.
    pub contact: Option<ContactId>,
    /// When it was made.
    pub made: Now,
    /// Its state, as the word *invitation* writes it.
    pub state: Versioned,
}

impl Record for Invitation {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.i64(self.profile.0);
        to.bytes(self.label.as_bytes());
        to.u8(match self.given {
            Given::Not => 0,
            Given::Shown => 1,
            Given::Sent => 2,
        });
        to.option(self.contact, |to, contact| to.i64(contact.0));
        to.u64(self.made.millis());
        self.state.write(to);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            profile: ProfileId(from.i64()?),
            label: from.text()?,
            given: match from.u8()? {
                0 => Given::Not,
                1 => Given::Shown,
                2 => Given::Sent,
                _ => return None,
            },
            contact: from.option(Fields::i64)?.map(ContactId),
            made: Now::from_millis(from.u64()?),
            state: Versioned::read(from)?,
        })
    }
}

impl Reader<'_> {
    /// An invitation, if there is one of this id.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn invitation(&self, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
        Ok(self.find(&INVITATION, &[id.0])?.map(|(_, invitation)| invitation))
    }

    /// The invitations of a profile, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn invitations(
        &self,
        profile: ProfileId,
    ) -> Result<Vec<(InvitationId, Invitation)>, StoreError> {
        let rows = self.list_of::<Invitation>(&INVITATION, profile)?;
        let mut all: Vec<_> = rows.into_iter().map(|(id, i)| (InvitationId(id), i)).collect();
        all.sort_by_key(|(id, invitation)| (invitation.made, *id));
        Ok(all)
    }
}

impl Transaction<'_> {
    /// Adds an invitation.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`] without such a profile.
    pub fn add_invitation(&mut self, invitation: &Invitation) -> Result<InvitationId, StoreError> {
        self.must_have(&PROFILE, invitation.profile.0)?;
        let id = Self::fresh();
        self.put(&INVITATION, &[id, invitation.profile.0], invitation)?;
        Ok(InvitationId(id))
    }

    /// Changes an invitation; it stays with its profile, and how it was given never gets better.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn set_invitation(
        &mut self,
        id: InvitationId,
        invitation: &Invitation,
    ) -> Result<(), StoreError> {
        let before = self.invitation(id)?.ok_or(StoreMisuse::Unknown("invitation"))?;
        if before.profile != invitation.profile {
            return Err(StoreMisuse::Unknown("invitation").into());
        }
        let given = before.given.max(invitation.given);
        let invitation = Invitation { given, ..invitation.clone() };
        self.put(&INVITATION, &[id.0, invitation.profile.0], &invitation)
    }

    /// Removes an invitation, and the connections that are still its own.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn remove_invitation(&mut self, id: InvitationId) -> Result<(), StoreError> {
        let row = self.row(&INVITATION, &[id.0])?;
        let profile = ProfileId(row.ok_or(StoreMisuse::Unknown("invitation"))?.column(1));
        for (connection, stored) in self.list_of::<Connection>(&CONNECTION, profile)? {
            if stored.owner == Owner::Invitation(id) {
                self.remove_connection(ConnectionId(connection))?;
            }
        }
        self.remove(&INVITATION, &[id.0]).map(drop)
    }
}
