//! A driver that runs already and serves ConformanceDriver.

use std::time::Duration;

use edgewise_proto::conformance::v1::conformance_driver_client::ConformanceDriverClient;
use edgewise_proto::conformance::v1::{Command, Outcome};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

use super::Fault;

/// The gRPC end of an attached driver.
#[derive(Clone, Debug)]
pub(super) struct Attached(ConformanceDriverClient<Channel>);

impl Attached {
    /// Connects to `http://host:port`.
    pub(super) async fn connect(url: &str) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|error| error.to_string())?;
        let channel = endpoint.connect().await.map_err(|error| format!("{url}: {error}"))?;
        Ok(Self(ConformanceDriverClient::new(channel)))
    }

    pub(super) async fn drive(
        &mut self,
        order: Command,
        within: Duration,
    ) -> Result<Outcome, Fault> {
        match timeout(within, self.0.drive(order)).await {
            Err(_) => Err(Fault::Hang(within, "no answer".to_owned())),
            Ok(Err(status)) => Err(Fault::Crash(status.to_string())),
            Ok(Ok(answer)) => Ok(answer.into_inner()),
        }
    }
}
