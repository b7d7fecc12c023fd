//! A connection's recipient that survives its links.

use edgewise_spec::client::{Key, RecipientEnd, RecipientEvent, RecipientState};
use edgewise_spec::error::Misuse;
use edgewise_spec::link::Address;
use tokio::sync::oneshot;

use crate::client::Client;
use crate::end::{Running, start};
use crate::error::Error;

/// The recipient of one connection. It makes it, subscribes, and after each loss of the link or of
/// the server's memory subscribes again or restores it. It has a link of its own; dropped, it says
/// goodbye.
///
/// ```no_run
/// # async fn example(
/// #     client: edgewise_client::Client,
/// #     address: edgewise_client::Address,
/// #     state: edgewise_client::RecipientState,
/// # ) -> Result<(), edgewise_client::Error> {
/// use edgewise_client::{Recipient, RecipientEvent};
///
/// let mut recipient = Recipient::start(&client, &address, state);
/// while let Some(event) = recipient.next().await? {
///     match event {
///         RecipientEvent::StoreSenderKey(_) => {
///             let _state = recipient.state().await?; // store it, then:
///             recipient.sender_key_stored().await?;
///         }
///         RecipientEvent::Part { sequence, .. } => {
///             // Store the part, then:
///             recipient.stored(sequence).await?;
///         }
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Recipient(Running<RecipientEnd>);

impl Recipient {
    /// Starts from a stored state.
    #[must_use]
    pub fn start(client: &Client, address: &Address, state: RecipientState) -> Self {
        Self(start(client, address, RecipientEnd::new(state)))
    }

    async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut RecipientEnd) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let command = Box::new(move |end: &mut RecipientEnd| drop(reply.send(what(end))));
        let stopped = || Error::Lost("the recipient has stopped; see its last event".to_owned());
        self.0.commands.send(command).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())
    }

    /// The sender's key of the last [`RecipientEvent::StoreSenderKey`] is stored.
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn sender_key_stored(&self) -> Result<(), Error> {
        self.ask(RecipientEnd::sender_key_stored).await
    }

    /// Every part up to this sequence is stored: the server may delete it.
    ///
    /// # Errors
    /// [`Misuse::SenderKeyNotStored`] before
    /// [`sender_key_stored`](Self::sender_key_stored).
    pub async fn stored(&self, through: u64) -> Result<(), Error> {
        let stored: Result<(), Misuse> = self.ask(move |end| end.stored(through)).await?;
        Ok(stored?)
    }

    /// Wants no parts from now on, or wants them again.
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn suspend(&self, suspended: bool) -> Result<(), Error> {
        self.ask(move |end| end.suspend(suspended)).await
    }

    /// Deletes the connection.
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn delete(&self) -> Result<(), Error> {
        self.ask(RecipientEnd::delete).await
    }

    /// Takes the subscription back after [`RecipientEvent::Replaced`].
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn subscribe_again(&self) -> Result<(), Error> {
        self.ask(RecipientEnd::subscribe_again).await
    }

    /// Changes the key; the new one is stored, and so is the one before until
    /// [`RecipientEvent::KeyConfirmed`] or [`RecipientEvent::KeyRefused`].
    ///
    /// # Errors
    /// [`Misuse`] as [`RecipientEnd::rotate`] says.
    pub async fn rotate(&self, key: Key) -> Result<(), Error> {
        let changed: Result<(), Misuse> = self.ask(move |end| end.rotate(key)).await?;
        Ok(changed?)
    }

    /// What is to be stored now.
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn state(&self) -> Result<RecipientState, Error> {
        self.ask(|end| end.state().clone()).await
    }

    /// What happens next; `None` after the last event.
    ///
    /// # Errors
    /// Why the server must not be used any more.
    pub async fn next(&mut self) -> Result<Option<RecipientEvent>, Error> {
        self.0.told.recv().await.transpose()
    }
}

impl core::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Recipient")
    }
}
