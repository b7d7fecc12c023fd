//! One connection on one link.

use bytes::Bytes;
use edgewise_proto::v1::{self, EndReason, KeyChange, State};
use edgewise_spec::client::{Answer, Request};

use crate::error::Error;
use crate::link::{Command, Events, Link};

/// What happens to an attached connection.
#[derive(Clone, Debug)]
pub enum ConnectionEvent {
    /// One part of the subscription, in order. Store it, then acknowledge it.
    Deliver {
        /// From 1, one more each, for the life of the record.
        sequence: u64,
        /// As the sender handed it in.
        part: Bytes,
    },
    /// The record has changed. Store the sender's key before the next acknowledgement.
    Notice(v1::Notice),
    /// The subscription is over.
    Ended(EndReason),
    /// There is room again for a sender that was refused with QUOTA.
    Space,
    /// The link is over, and the attachment with it.
    LinkEnded(Error),
}

/// A connection attached to a link. Dropped, it is detached; the connection stays.
#[derive(Debug)]
pub struct Attachment {
    link: Link,
    handle: u32,
    attached: v1::Attached,
    events: Events,
}

impl Attachment {
    pub(crate) fn new(link: Link, handle: u32, attached: v1::Attached, events: Events) -> Self {
        Self { link, handle, attached, events }
    }

    /// The attachment's handle on its link.
    #[must_use]
    pub const fn handle(&self) -> u32 {
        self.handle
    }

    /// The record's incarnation: another value than last time means the server lost parts.
    #[must_use]
    pub const fn incarnation(&self) -> u64 {
        self.attached.incarnation
    }

    /// The record's state at the attach, told to a recipient.
    #[must_use]
    pub fn state(&self) -> State {
        self.attached.state()
    }

    /// The submission that the server expected at the attach, told to a sender.
    #[must_use]
    pub const fn next_submission(&self) -> u64 {
        self.attached.next
    }

    /// Hands in one part and waits until the server has it.
    ///
    /// Several may be under way; a submission below the server's next one is answered without
    /// effect, so that repeating one doubles nothing.
    ///
    /// # Errors
    /// [`Error::Refused`]: with GAP and QUOTA the part is to be handed in again.
    pub async fn send(&self, submission: u64, part: Bytes) -> Result<(), Error> {
        let send = v1::Send { handle: self.handle, submission, part };
        self.link.request(Request::Send(send)).await.map(drop)
    }

    /// Asks for parts: at most so many, and so many bytes of them, beyond those acknowledged.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason.
    pub async fn subscribe(
        &self,
        window_parts: u32,
        window_bytes: u32,
    ) -> Result<v1::Notice, Error> {
        let subscribe = v1::Subscribe { handle: self.handle, window_parts, window_bytes };
        match self.link.request(Request::Subscribe(subscribe)).await? {
            Answer::Subscribed(notice) => Ok(notice),
            _ => Err(Error::Carrier("a Subscribe with the answer of something else")),
        }
    }

    /// Acknowledges everything up to `through`, which is stored; the server deletes it.
    ///
    /// # Errors
    /// Why the link is over.
    pub async fn acknowledge(&self, through: u64) -> Result<(), Error> {
        self.link.command(Command::Acknowledge { handle: self.handle, through }).await
    }

    /// Takes no parts from now on, until [`resume`](Self::resume).
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason.
    pub async fn suspend(&self) -> Result<(), Error> {
        self.link.request(Request::Suspend { handle: self.handle }).await.map(drop)
    }

    /// Takes parts again.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason.
    pub async fn resume(&self) -> Result<(), Error> {
        self.link.request(Request::Resume { handle: self.handle }).await.map(drop)
    }

    /// Changes the key of this role; the attachment is void after it. Attach again under the new
    /// key, and keep the old one until that succeeds.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason.
    pub async fn rotate(&self, change: KeyChange) -> Result<(), Error> {
        let rotate = v1::Rotate { handle: self.handle, change: Some(change) };
        self.link.request(Request::Rotate(Box::new(rotate))).await.map(drop)
    }

    /// Deletes the connection, with its parts.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason.
    pub async fn delete(&self) -> Result<(), Error> {
        self.link.request(Request::Delete { handle: self.handle }).await.map(drop)
    }

    /// What happens next. After [`ConnectionEvent::LinkEnded`] nothing does.
    pub async fn event(&mut self) -> ConnectionEvent {
        match self.events.recv().await {
            Some(event) => event,
            None => ConnectionEvent::LinkEnded(self.link.ended().await),
        }
    }

    /// The link that it is attached to.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // Should the link be too busy, its end frees the handle.
        let _ = self.link.try_command(Command::Detach { handle: self.handle });
    }
}
