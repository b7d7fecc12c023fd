//! Both ends of a claimed connection, attached.

use bytes::Bytes;
use edgewise_proto::v1::{self, item::Body};

use super::connection::Connection;
use super::link::Link;
use crate::verdict::{Stop, Verdict};

/// A claimed connection with a link at each end.
#[derive(Debug)]
pub struct Pair {
    /// The keys.
    pub connection: Connection,
    /// The recipient's link, attached.
    pub recipient: Link,
    /// The sender's link, attached.
    pub sender: Link,
    /// The recipient's handle.
    pub recipient_handle: u32,
    /// The sender's handle.
    pub sender_handle: u32,
    /// The next submission.
    pub next: u64,
}

impl Pair {
    /// Sends one part under the next submission and expects Done.
    ///
    /// # Errors
    /// [`Stop::Fail`] on another answer.
    pub async fn send(&mut self, part: Bytes) -> Verdict {
        let (handle, submission) = (self.sender_handle, self.next);
        self.sender.ask(Body::Send(v1::Send { handle, submission, part })).await?.done()?;
        self.next += 1;
        Ok(())
    }

    /// Subscribes with a window of so many parts, and of as many bytes as there may be.
    ///
    /// # Errors
    /// [`Stop::Fail`] on another answer.
    pub async fn subscribe(&mut self, window_parts: u32) -> Result<v1::Notice, Stop> {
        let handle = self.recipient_handle;
        let window_bytes = edgewise_spec::constants::WINDOW_BYTES_MAX;
        let body = Body::Subscribe(v1::Subscribe { handle, window_parts, window_bytes });
        let subscribed = self.recipient.ask(body).await?.subscribed()?;
        subscribed.notice.ok_or_else(|| Stop::fail("a Notice in Subscribed", "none"))
    }

    /// Acknowledges up to a sequence.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server takes no block.
    pub async fn acknowledge(&mut self, through: u64) -> Verdict {
        let handle = self.recipient_handle;
        self.recipient.tell(Body::Acknowledge(v1::Acknowledge { handle, through })).await
    }
}
