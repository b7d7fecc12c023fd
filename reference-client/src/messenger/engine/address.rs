//! Contact addresses, and requests at other people's.

use edgewise_spec::client::RecipientEvent;

use super::turn::{Result, Turn};
use crate::messenger::{Accept, AddressView, Invite, MessengerError};
use crate::store::{ConnectionId, ContactId, InvitationId, ProfileId, Reader};

/// A contact address as it stands between transactions.
pub(super) struct Home {
    pub connections: Vec<ConnectionId>,
}

impl Home {
    pub(super) fn load(_: &Reader<'_>, _: ProfileId) -> Result<Option<Self>> {
        Ok(None)
    }
}

impl Turn<'_, '_> {
    pub(crate) fn address(&mut self, _: ProfileId) -> Result<Option<AddressView>> {
        Ok(None)
    }
    pub(crate) fn add_address(&mut self, _: ProfileId, _: u8) -> Result<()> {
        Err(MessengerError::NotNow("not yet".to_owned()))
    }
    pub(crate) fn remove_address(&mut self, _: ProfileId) -> Result<()> {
        Err(MessengerError::Unknown("address"))
    }
    pub(crate) fn accept_request(&mut self, _: ProfileId, _: u64, _: &Accept) -> Result<ContactId> {
        Err(MessengerError::Unknown("request"))
    }
    pub(crate) fn refuse_request(&mut self, _: ProfileId, _: u64) -> Result<()> {
        Err(MessengerError::Unknown("request"))
    }
    pub(crate) fn request(
        &mut self,
        _: ProfileId,
        _: &str,
        _: &str,
        _: &Invite,
    ) -> Result<InvitationId> {
        Err(MessengerError::NotNow("not yet".to_owned()))
    }
    pub(super) fn home_heard(
        &mut self,
        _: ProfileId,
        _: ConnectionId,
        _: &RecipientEvent,
    ) -> Result<()> {
        Ok(())
    }
    pub(super) fn homes_tick(&mut self) -> Result<()> {
        Ok(())
    }
    pub(super) fn leave_request(&mut self, _: InvitationId) -> Result<()> {
        Ok(())
    }
    pub(crate) fn move_connection(
        &mut self,
        _: ContactId,
        _: u8,
        _: Option<edgewise_spec::link::Address>,
    ) -> Result<()> {
        Err(MessengerError::NotNow("not yet".to_owned()))
    }
}
