//! A connection's sender that survives its links.

use bytes::Bytes;
use edgewise_spec::client::{Key, SenderEnd, SenderEvent, SenderState};
use edgewise_spec::error::Misuse;
use edgewise_spec::link::Address;

use crate::client::Client;
use crate::ends::Running;
use crate::error::Error;

/// The sender of one connection. It claims, attaches, hands parts in, and after each loss of the
/// link or of the server's memory goes on where it has to. Dropped, it leaves the link, which
/// it shares as [`Isolation`](crate::Isolation) says.
///
/// ```no_run
/// # async fn example(
/// #     client: edgewise_client::Client,
/// #     address: edgewise_client::Address,
/// #     state: edgewise_client::SenderState,
/// #     part: bytes::Bytes,
/// # ) -> Result<(), edgewise_client::Error> {
/// use edgewise_client::{Sender, SenderEvent};
///
/// // State and part are stored before they are handed over.
/// let mut sender = Sender::start(&client, &address, state);
/// let number = sender.push(part).await?;
/// while let Some(event) = sender.next().await? {
///     if event == (SenderEvent::Accepted { through: number }) {
///         break;
///     }
/// }
/// // The other side says that it has the part: it may go.
/// sender.release(number).await?;
/// # Ok(())
/// # }
/// ```
pub struct Sender(Running<SenderEnd>);

impl Sender {
    /// Starts from a stored state.
    #[must_use]
    pub fn start(client: &Client, address: &Address, state: SenderState) -> Self {
        Self(Running::start(client, address, SenderEnd::new(state)))
    }

    /// Hands over a part, which is stored; returns its number, one more each.
    ///
    /// # Errors
    /// [`Error::Lost`] once the sender has stopped.
    pub async fn push(&self, part: Bytes) -> Result<u64, Error> {
        self.0.ask(move |end| end.push(part)).await
    }

    /// Lets the parts up to and including a number go.
    ///
    /// # Errors
    /// [`Error::Lost`] once the sender has stopped.
    pub async fn release(&self, through: u64) -> Result<(), Error> {
        self.0.ask(move |end| end.release(through)).await
    }

    /// Changes the key; the new one is stored, and so is the one before until
    /// [`SenderEvent::KeyConfirmed`] or [`SenderEvent::KeyRefused`].
    ///
    /// # Errors
    /// [`Misuse`] as [`SenderEnd::rotate`] says.
    pub async fn rotate(&self, key: Key) -> Result<(), Error> {
        let changed: Result<(), Misuse> = self.0.ask(move |end| end.rotate(key)).await?;
        Ok(changed?)
    }

    /// What is to be stored now.
    ///
    /// # Errors
    /// [`Error::Lost`] once the sender has stopped.
    pub async fn state(&self) -> Result<SenderState, Error> {
        self.0.ask(|end| end.state().clone()).await
    }

    /// Whether it is attached to the connection now.
    ///
    /// # Errors
    /// [`Error::Lost`] once the sender has stopped.
    pub async fn is_attached(&self) -> Result<bool, Error> {
        self.0.ask(|end| end.handle_of().is_some()).await
    }

    /// What happens next; `None` after the last event.
    ///
    /// # Errors
    /// Why the server must not be used any more.
    pub async fn next(&mut self) -> Result<Option<SenderEvent>, Error> {
        self.0.next().await
    }
}

impl core::fmt::Debug for Sender {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sender")
    }
}
