//! ConformanceControl: what a suite cannot see or wait for from outside. Never in service.

use std::sync::Arc;
use std::time::Duration;

use edgewise_proto::conformance::v1::conformance_control_server::ConformanceControl;
use edgewise_proto::conformance::v1::{
    AdvanceClockRequest, AdvanceClockResponse, RestartRequest, RestartResponse,
};
use tonic::{Request, Response, Status};

use crate::carrier::Carrier;
use crate::hub::Hub;

/// How long links may take to be gone after a restart.
const GONE: Duration = Duration::from_secs(2);

/// The control of one server.
#[derive(Clone, Debug)]
pub struct Control {
    hub: Arc<Hub>,
    /// The carrier over which it is asked: the answer still has to leave on it.
    carrier: Option<Arc<Carrier>>,
}

impl Control {
    /// Controls a server whose clock is a controlled one.
    #[must_use]
    pub const fn new(hub: Arc<Hub>) -> Self {
        Self { hub, carrier: None }
    }

    /// The same, asked over `carrier`.
    #[must_use]
    pub fn on(&self, carrier: Arc<Carrier>) -> Self {
        Self { hub: Arc::clone(&self.hub), carrier: Some(carrier) }
    }
}

#[tonic::async_trait]
impl ConformanceControl for Control {
    async fn advance_clock(
        &self,
        request: Request<AdvanceClockRequest>,
    ) -> Result<Response<AdvanceClockResponse>, Status> {
        self.hub
            .clock()
            .advance(request.get_ref().seconds)
            .map_err(|error| Status::failed_precondition(error.to_string()))?;
        self.hub.run_due(self.hub.clock().now(), true);
        Ok(Response::new(AdvanceClockResponse {}))
    }

    async fn restart(
        &self,
        _request: Request<RestartRequest>,
    ) -> Result<Response<RestartResponse>, Status> {
        self.hub.store().clear();
        let before = self.hub.registry().select(|_| true);
        for link in &before {
            link.abort(&self.hub);
            let own = self.carrier.as_ref().is_some_and(|own| Arc::ptr_eq(own, link.carrier()));
            if !own {
                link.carrier().kill();
            }
        }
        let gone = async {
            while before.iter().any(|link| self.hub.registry().get(link.id()).is_some()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(GONE, gone)
            .await
            .map_err(|_| Status::internal("links outlived the restart"))?;
        Ok(Response::new(RestartResponse {}))
    }
}
