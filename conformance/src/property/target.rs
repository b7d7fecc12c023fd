//! What the engine asks of a server under test.

use std::time::Duration;

use crate::model::{Answer, Class, Event, Hour, Request};
use crate::verdict::Stop;

/// A server, reached over links that it numbers from 0 in the order in which they are opened.
///
/// Every method fails with [`Stop::Fail`] where the server breaks a rule that the peer judges by
/// itself (a block's length, its seal, an answer without a request), and with another stop where
/// nothing can be said of the server.
pub trait Target: Send {
    /// The server's hour.
    fn hour(&self) -> Hour;

    /// Opens and confirms one more link.
    fn open(&mut self, class: Class) -> impl Future<Output = Result<(), Stop>> + Send;

    /// Says goodbye on a link and waits for its end; what came and was not read is returned.
    fn close(&mut self, link: usize) -> impl Future<Output = Result<Vec<Event>, Stop>> + Send;

    /// Makes a request and waits for its answer; an acknowledgement has none.
    fn request(
        &mut self,
        link: usize,
        request: &Request,
    ) -> impl Future<Output = Result<Option<Answer>, Stop>> + Send;

    /// The next event of a link, none if there is none within the time.
    fn event(
        &mut self,
        link: usize,
        within: Duration,
    ) -> impl Future<Output = Result<Option<Event>, Stop>> + Send;

    /// Moves the server's clock.
    fn advance(&mut self, hours: u32) -> impl Future<Output = Result<(), Stop>> + Send;

    /// Restarts the server.
    fn restart(&mut self) -> impl Future<Output = Result<(), Stop>> + Send;
}
