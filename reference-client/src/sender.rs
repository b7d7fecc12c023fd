//! A connection's sender that survives its links.

use bytes::Bytes;
use edgewise_spec::client::{Key, SenderEnd, SenderEvent, SenderState};
use edgewise_spec::error::Misuse;
use edgewise_spec::link::Address;
use tokio::sync::oneshot;

use crate::client::Client;
use crate::end::{Running, start};
use crate::error::Error;

/// The sender of one connection. It claims, attaches, hands parts in, and after each loss of the
/// link or of the server's memory goes on where it has to. It has a link of its own; dropped, it
/// says goodbye.
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
        Self(start(client, address, SenderEnd::new(state)))
    }

    async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut SenderEnd) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let command = Box::new(move |end: &mut SenderEnd| drop(reply.send(what(end))));
        let stopped = || Error::Lost("the sender has stopped; see its last event".to_owned());
        self.0.commands.send(command).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())
    }

    /// Hands over a part, which is stored; returns its number, one more each.
    ///
    /// # Errors
    /// [`Error::Lost`] once the sender has stopped.
    pub async fn push(&self, part: Bytes) -> Result<u64, Error> {
        self.ask(move |end| end.push(part)).await
    }

    /// Lets the parts up to and including a number go.
    ///
    /// # Errors
    /// [`Error::Lost`] once the sender has stopped.
    pub async fn release(&self, through: u64) -> Result<(), Error> {
        self.ask(move |end| end.release(through)).await
    }

    /// Changes the key; the new one is stored, and so is the one before until
    /// [`SenderEvent::KeyConfirmed`] or [`SenderEvent::KeyRefused`].
    ///
    /// # Errors
    /// [`Misuse`] as [`SenderEnd::rotate`] says.
    pub async fn rotate(&self, key: Key) -> Result<(), Error> {
        let changed: Result<(), Misuse> = self.ask(move |end| end.rotate(key)).await?;
        Ok(changed?)
    }

    /// What is to be stored now.
    ///
    /// # Errors
    /// [`Error::Lost`] once the sender has stopped.
    pub async fn state(&self) -> Result<SenderState, Error> {
        self.ask(|end| end.state().clone()).await
    }

    /// What happens next; `None` after the last event.
    ///
    /// # Errors
    /// Why the server must not be used any more.
    pub async fn next(&mut self) -> Result<Option<SenderEvent>, Error> {
        self.0.told.recv().await.transpose()
    }
}

impl core::fmt::Debug for Sender {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sender")
    }
}
