//! ConformanceControl: what a suite cannot see or wait for from outside. Never in service.

use std::sync::Arc;
use std::time::Duration;

use edgewise_proto::conformance::v1::conformance_control_server::ConformanceControl;
use edgewise_proto::conformance::v1::{
    AdvanceClockRequest, AdvanceClockResponse, RestartRequest, RestartResponse,
};
use tonic::{Request, Response, Status};

use crate::carrier::Carrier;
use crate::group::Group;

/// How long links may take to be gone after a restart.
const GONE: Duration = Duration::from_secs(2);

/// The control of one server.
#[derive(Clone, Debug)]
pub struct Control {
    group: Arc<Group>,
    /// The carrier over which it is asked: the answer still has to leave on it.
    carrier: Option<Arc<Carrier>>,
}

impl Control {
    /// Controls a server whose clock is a controlled one.
    #[must_use]
    pub const fn new(group: Arc<Group>) -> Self {
        Self { group, carrier: None }
    }

    /// The same, asked over `carrier`.
    #[must_use]
    pub fn on(&self, carrier: Arc<Carrier>) -> Self {
        Self { group: Arc::clone(&self.group), carrier: Some(carrier) }
    }
}

#[tonic::async_trait]
impl ConformanceControl for Control {
    async fn advance_clock(
        &self,
        request: Request<AdvanceClockRequest>,
    ) -> Result<Response<AdvanceClockResponse>, Status> {
        let clock = self.group.core().clock();
        clock
            .advance(request.get_ref().seconds)
            .map_err(|error| Status::failed_precondition(error.to_string()))?;
        self.group.run_due(clock.now(), true);
        Ok(Response::new(AdvanceClockResponse {}))
    }

    async fn restart(
        &self,
        _request: Request<RestartRequest>,
    ) -> Result<Response<RestartResponse>, Status> {
        self.group.core().store().clear();
        let mut before = Vec::new();
        for hub in self.group.hubs() {
            for link in hub.registry().select(|_| true) {
                link.abort(hub);
                let own = self.carrier.as_ref().is_some_and(|own| Arc::ptr_eq(own, link.carrier()));
                if !own {
                    link.carrier().kill();
                }
                before.push((hub, link.id()));
            }
        }
        let gone = async {
            while before.iter().any(|(hub, id)| hub.registry().get(*id).is_some()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(GONE, gone)
            .await
            .map_err(|_| Status::internal("links outlived the restart"))?;
        Ok(Response::new(RestartResponse {}))
    }
}
