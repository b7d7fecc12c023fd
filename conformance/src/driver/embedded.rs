//! A driver in this process.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use edgewise_proto::conformance::v1::{ClientReady, ClientStart, Command, Outcome};
use tokio::time::timeout;

use super::Fault;

/// What is to come of one command.
pub type Driving<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A client in this process behind the words of driver.proto.
pub trait Embedded: Send {
    /// Does one thing.
    fn drive(&mut self, order: Command) -> Driving<'_>;
}

/// A client in this process that has been started.
pub type Started = Result<(Box<dyn Embedded>, ClientReady), String>;

/// Starts a client in this process.
pub type Starter = fn(ClientStart) -> Pin<Box<dyn Future<Output = Started> + Send>>;

pub(super) async fn drive(
    client: &mut dyn Embedded,
    order: Command,
    within: Duration,
) -> Result<Outcome, Fault> {
    match timeout(within, client.drive(order)).await {
        Ok(outcome) => Ok(outcome),
        Err(_) => Err(Fault::Hang(within, "the embedded client did not answer".to_owned())),
    }
}
