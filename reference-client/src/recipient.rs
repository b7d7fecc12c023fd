//! A connection's recipient that survives its links.

use edgewise_spec::client::{Key, RecipientEnd, RecipientEvent, RecipientState};
use edgewise_spec::error::Misuse;
use edgewise_spec::link::Address;

use crate::client::Client;
use crate::ends::Running;
use crate::error::Error;

/// The recipient of one connection. It makes it, subscribes, and after each loss of the link or of
/// the server's memory subscribes again or restores it. Dropped, it leaves the link,
/// which it shares as [`Isolation`](crate::Isolation) says. Parts that it is slow to store are held
/// against the window of the whole link.
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
        Self(Running::start(client, address, RecipientEnd::new(state)))
    }

    /// The sender's key of the last [`RecipientEvent::StoreSenderKey`] is stored.
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn sender_key_stored(&self) -> Result<(), Error> {
        self.0.ask(RecipientEnd::sender_key_stored).await
    }

    /// Every part up to this sequence is stored: the server may delete it.
    ///
    /// # Errors
    /// [`Misuse::SenderKeyNotStored`] before
    /// [`sender_key_stored`](Self::sender_key_stored).
    pub async fn stored(&self, through: u64) -> Result<(), Error> {
        let stored: Result<(), Misuse> = self.0.ask(move |end| end.stored(through)).await?;
        Ok(stored?)
    }

    /// Wants no parts from now on, or wants them again.
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn suspend(&self, suspended: bool) -> Result<(), Error> {
        self.0.ask(move |end| end.suspend(suspended)).await
    }

    /// Deletes the connection.
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn delete(&self) -> Result<(), Error> {
        self.0.ask(RecipientEnd::delete).await
    }

    /// Takes the subscription back after [`RecipientEvent::Replaced`].
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn subscribe_again(&self) -> Result<(), Error> {
        self.0.ask(RecipientEnd::subscribe_again).await
    }

    /// Changes the key; the new one is stored, and so is the one before until
    /// [`RecipientEvent::KeyConfirmed`] or [`RecipientEvent::KeyRefused`].
    ///
    /// # Errors
    /// [`Misuse`] as [`RecipientEnd::rotate`] says.
    pub async fn rotate(&self, key: Key) -> Result<(), Error> {
        let changed: Result<(), Misuse> = self.0.ask(move |end| end.rotate(key)).await?;
        Ok(changed?)
    }

    /// What is to be stored now.
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn state(&self) -> Result<RecipientState, Error> {
        self.0.ask(|end| end.state().clone()).await
    }

    /// Whether it is attached to the connection now.
    ///
    /// # Errors
    /// [`Error::Lost`] once the recipient has stopped.
    pub async fn is_attached(&self) -> Result<bool, Error> {
        self.0.ask(|end| end.handle_of().is_some()).await
    }

    /// What happens next; `None` after the last event.
    ///
    /// # Errors
    /// Why the server must not be used any more.
    pub async fn next(&mut self) -> Result<Option<RecipientEvent>, Error> {
        self.0.next().await
    }
}

impl core::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Recipient")
    }
}
