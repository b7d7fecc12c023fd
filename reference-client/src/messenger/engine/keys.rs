//! The keys of connections, over time.

use edgewise_spec::client::{Key, KeyRing, Lifetime, RecipientEnd, SenderEnd};
use edgewise_spec::error::Misuse;
use edgewise_spec::time::Now;

use super::net::Order;
use super::turn::{Result, Turn};
use crate::clock::OsRandom;
use crate::messenger::MessengerError;
use crate::store::{ConnectionId, ContactId, End};

/// A key is changed so many hours before its time is over.
const AHEAD_HOURS: u32 = 30 * 24;

impl Turn<'_, '_> {
    pub(crate) fn rotate(&mut self, contact: ContactId) -> Result<()> {
        self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
        let Some(talk) = self.talk_of(contact) else {
            let text = "there is no session with this contact whose keys could be changed";
            return Err(MessengerError::NotNow(text.to_owned()));
        };
        let all: Vec<_> = talk.connections().collect();
        for connection in all {
            self.rotate_key(connection).map_err(|error| match error {
                MessengerError::Misuse(Misuse::ChangePending) => MessengerError::NotNow(
                    "the keys were changed a moment ago, and a server has not confirmed it yet; \
                     try again later"
                        .to_owned(),
                ),
                MessengerError::Misuse(Misuse::NotClaimed) => MessengerError::NotNow(
                    "a connection is not claimed yet; try again once the contact has answered"
                        .to_owned(),
                ),
                other => other,
            })?;
        }
        Ok(())
    }

    /// Changes the key of one connection: stored first, then asked of its end (ROTATION-16).
    pub(super) fn rotate_key(&mut self, id: ConnectionId) -> Result<()> {
        let Some(connection) = self.tx.connection(id)? else { return Ok(()) };
        let key = match connection.end {
            End::Sender(state) => {
                let key = self.next_key(&state.keys);
                let mut end = SenderEnd::new(*state);
                end.rotate(key.clone())?;
                self.tx.set_sender(id, end.state())?;
                key
            }
            End::Recipient(state) => {
                let key = self.next_key(&state.keys);
                let mut end = RecipientEnd::new(*state);
                end.rotate(key.clone())?;
                self.tx.set_recipient(id, end.state())?;
                key
            }
        };
        self.state.changing.insert(id);
        self.order(id, Order::Rotate(Box::new(key)));
        Ok(())
    }

    fn next_key(&self, keys: &KeyRing) -> Key {
        let version = keys.newest().record().version.saturating_add(1);
        Key::generate(&mut OsRandom, version, Lifetime::longest(self.now))
    }

    /// Changes the keys whose time is nearly over.
    pub(super) fn keys_tick(&mut self) -> Result<()> {
        let all: Vec<_> = self.state.uses.keys().copied().collect();
        for id in all {
            let Some(connection) = self.tx.connection(id)? else { continue };
            let keys = match &connection.end {
                End::Sender(state) if state.claimed.is_some() => &state.keys,
                End::Recipient(state) => &state.keys,
                End::Sender(_) => continue,
            };
            if keys.before().is_none() && is_old(keys, self.now) {
                self.rotate_key(id)?;
            }
        }
        Ok(())
    }
}

fn is_old(keys: &KeyRing, now: Now) -> bool {
    now.hour().saturating_add(AHEAD_HOURS) >= keys.newest().record().not_after
}
