//! What comes to the engine, and what it does once that is stored.

use std::time::Duration;

use edgewise_spec::client::SenderEvent;
use edgewise_spec::constants::HASH_LEN;
use edgewise_spec::invitation::ContactBundle;
use edgewise_spec::link::Address;
use tokio::sync::oneshot;

use super::asking::{Leaving, Reading};
use super::net::{Heard, Order};
use super::turn::Turn;
use crate::client::Client;
use crate::messenger::{Event, MessengerError};
use crate::places::Places;
use crate::store::{ConnectionId, End, InvitationId, ProfileId, SecretText};

/// Something that was asked, with the answer that waits for its being stored.
pub(crate) type Job = Box<dyn FnOnce(&mut Turn<'_, '_>) -> Result<Reply, Reply> + Send>;

/// Gives the answer, or the store's error instead.
pub(crate) type Reply = Box<dyn FnOnce(Option<MessengerError>) + Send>;

/// What comes to the engine.
pub(crate) enum Input {
    /// A user asks.
    Job(Job),
    /// Something has happened to a connection.
    Heard(ConnectionId, Heard),
    /// A request was left at a contact address, or why not.
    Left(InvitationId, Result<(), String>),
    /// What a contact address was read as.
    Read(InvitationId, Client, Result<Box<ContactBundle>, String>),
    /// A server of a profile has listed other places than before.
    Places(ProfileId, [u8; HASH_LEN], Places),
    /// To tell when everything said is accepted, or so much time is over.
    Flush(Duration, oneshot::Sender<bool>),
    /// To end, and tell how the store was closed.
    Close(oneshot::Sender<Result<(), MessengerError>>),
    /// Nobody uses the messenger any more.
    Gone,
}

impl Input {
    /// A job that answers through `reply`.
    pub(crate) fn job<T: Send + 'static>(
        what: impl FnOnce(&mut Turn<'_, '_>) -> Result<T, MessengerError> + Send + 'static,
        reply: oneshot::Sender<Result<T, MessengerError>>,
    ) -> Self {
        Self::Job(Box::new(move |turn| {
            let done = what(turn);
            let failed = done.is_err();
            let answer: Reply = Box::new(move |refused| {
                // Who asked may have gone.
                let _ = reply.send(match refused {
                    Some(error) => Err(error),
                    None => done,
                });
            });
            if failed { Err(answer) } else { Ok(answer) }
        }))
    }

    /// Whether it can wait for the next transaction, or a moment: nobody waits for its being
    /// stored.
    pub(super) const fn can_wait(&self) -> bool {
        matches!(
            self,
            Self::Heard(
                _,
                Heard::Standing(_)
                    | Heard::Sender(SenderEvent::Accepted { .. } | SenderEvent::Attached { .. }, _)
            )
        )
    }
}

/// What is done once a transaction is stored.
pub(super) enum Output {
    /// An end is brought up.
    Start {
        id: ConnectionId,
        profile: ProfileId,
        address: Address,
        password: Option<SecretText>,
        end: Box<End>,
    },
    /// Something is asked of an end.
    Order(ConnectionId, Order),
    /// A request is left at a contact address.
    Leave(InvitationId, Client, Box<Leaving>),
    /// A contact address is read.
    Read(InvitationId, Box<Reading>),
    /// An end is let go.
    Stop(ConnectionId),
    /// The user is told.
    Tell(Event),
}
