//! The handles of one link.

use edgewise_proto::v1::Role;

use super::delivery::Subscription;
use crate::connection::{By, Id};
use crate::constants::{HANDLES_MAX, VK_LEN};
use crate::error::Reject;
use crate::require;

/// What a handle names.
#[derive(Debug)]
enum Handle {
    /// Nothing, or nothing any more.
    Free,
    /// An Attach of it is with the store.
    Taken,
    /// An attachment.
    Attached(Attachment),
}

/// A proven key.
#[derive(Debug)]
pub(super) struct Attachment {
    /// What it was bound to.
    pub by: By,
    /// The recipient id, which the signatures of a change cover.
    pub recipient_id: Id,
    /// The proven key.
    pub vk: [u8; VK_LEN],
    /// An operation of it is with the store: the next one waits (FRAME-19).
    pub busy: bool,
    /// There is room again, which the peer has not been told yet.
    pub space: bool,
    /// Its subscription.
    pub subscription: Option<Box<Subscription>>,
}

impl Attachment {
    pub(super) const fn new(by: By, recipient_id: Id, vk: [u8; VK_LEN]) -> Self {
        Self { by, recipient_id, vk, busy: false, space: false, subscription: None }
    }
}

/// Handles from 0 on.
#[derive(Debug, Default)]
pub(super) struct Attachments(Vec<Handle>);

impl Attachments {
    /// An Attach names a handle (CONNECTION-22), which is used from now on, whatever becomes of
    /// the Attach: so a client need not wait for one answer before it names the next handle.
    pub(super) fn name(&mut self, handle: u32) -> Result<(), Reject> {
        let at = usize::try_from(handle).unwrap_or(usize::MAX);
        let free = match self.0.get(at) {
            Some(handle) => matches!(handle, Handle::Free),
            None => at == self.0.len() || at >= HANDLES_MAX,
        };
        require!(CONNECTION_22, free, Reject::HandleTaken);
        if at < HANDLES_MAX {
            // Only a mutant gets here with a handle beyond the next one.
            while self.0.len() <= at {
                self.0.push(Handle::Free);
            }
        }
        Ok(())
    }

    /// Takes a handle for an Attach that goes to the store.
    pub(super) fn take(&mut self, handle: u32) -> Result<u16, Reject> {
        let at = usize::try_from(handle).unwrap_or(usize::MAX);
        require!(CONNECTION_23, at < HANDLES_MAX, Reject::Full);
        let number = u16::try_from(handle).unwrap_or(u16::MAX);
        let at = usize::from(number);
        if let Some(place) = self.0.get_mut(at) {
            *place = Handle::Taken;
        }
        Ok(number)
    }

    /// The Attach was accepted, or it was not.
    pub(super) fn settle(&mut self, handle: u16, attachment: Option<Attachment>) {
        let at = usize::from(handle);
        if let Some(place) = self.0.get_mut(at) {
            *place = attachment.map_or(Handle::Free, Handle::Attached);
        }
    }

    pub(super) fn get_mut(&mut self, handle: u32) -> Option<&mut Attachment> {
        match self.0.get_mut(usize::try_from(handle).ok()?)? {
            Handle::Attached(attachment) => Some(attachment),
            Handle::Free | Handle::Taken => None,
        }
    }

    /// The attachment of a handle, in the role that the operation is for; any role for `None`.
    pub(super) fn of_role(
        &mut self,
        handle: u32,
        role: Option<Role>,
    ) -> Result<&mut Attachment, Reject> {
        let attachment = self.get_mut(handle).ok_or(Reject::NotAttached)?;
        let fits = role.is_none_or(|role| attachment.by.role == role);
        require!(CONNECTION_29, fits, Reject::NotAttached);
        Ok(attachment)
    }

    /// The handles that have a subscription.
    pub(super) fn subscribed(&self) -> Vec<u16> {
        let attached = self.0.iter().filter_map(|handle| match handle {
            Handle::Attached(attachment) => Some(attachment),
            Handle::Free | Handle::Taken => None,
        });
        attached.filter(|a| a.subscription.is_some()).map(|a| a.by.place.handle).collect()
    }

    /// Whether an operation of this handle is with the store.
    pub(super) fn is_busy(&self, handle: u32) -> bool {
        match usize::try_from(handle).ok().and_then(|at| self.0.get(at)) {
            Some(Handle::Attached(attachment)) => attachment.busy,
            Some(Handle::Taken) => true,
            Some(Handle::Free) | None => false,
        }
    }

    /// CONNECTION-30: the handle is free again.
    pub(super) fn free(&mut self, handle: u16) -> Option<Attachment> {
        let place = self.0.get_mut(usize::from(handle))?;
        match core::mem::replace(place, Handle::Free) {
            Handle::Attached(attachment) => Some(attachment),
            Handle::Free | Handle::Taken => None,
        }
    }
}
