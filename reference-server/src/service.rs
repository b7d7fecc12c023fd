//! Which request is whose: LinkService, gRPC health, and, under a suite, ConformanceControl.

use std::sync::Arc;

use bytes::Bytes;
use edgewise_proto::conformance::v1::conformance_control_server::ConformanceControlServer;
use edgewise_spec::constants::{BLOCK_LARGE, DESCRIBE_REQUEST_LEN, HELLO_SECONDS};
use edgewise_spec::error::{LinkEnd, Status};
use edgewise_spec::server::ServerLink;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower::Service as _;

use crate::carrier::{Answer, Carrier};
use crate::control::Control;
use crate::hub::Hub;
use crate::link::{self, Link, LinkBody};
use crate::message::{self, BlockReader};
use crate::reply::{self, ReplyBody};

/// gRPC's status for a method that is not there.
const UNIMPLEMENTED: u8 = 12;
/// gRPC's status for a request that does not come to an end.
const DEADLINE_EXCEEDED: u8 = 4;

/// Answers the requests of all carriers.
#[derive(Clone)]
pub struct Services {
    hub: Arc<Hub>,
    health: HealthServer<HealthService>,
    control: Option<Control>,
}

impl Services {
    /// All that this server offers.
    #[must_use]
    pub fn new(
        hub: Arc<Hub>,
        health: HealthServer<HealthService>,
        control: Option<Control>,
    ) -> Self {
        Self { hub, health, control }
    }

    /// Opens a link, or refuses the stream (LINK-20, LINK-21).
    fn open(&self, carrier: &Arc<Carrier>, requests: Incoming) -> Response<ReplyBody> {
        match self.enter(carrier) {
            Ok(link) => {
                let body = LinkBody::new(Arc::clone(&link), Arc::clone(&self.hub));
                tokio::spawn(link::drive(link, Arc::clone(&self.hub), requests));
                reply::answer(ReplyBody::Link(Box::new(body)))
            }
            Err(status) => {
                self.hub.counters().refused_stream();
                reply::bare(status as u8)
            }
        }
    }

    fn enter(&self, carrier: &Arc<Carrier>) -> Result<Arc<Link>, Status> {
        self.hub.enter_half_open().map_err(status_of)?;
        let mut counted = true;
        let id = self.hub.registry().number();
        let published = self.hub.published();
        let now = self.hub.clock().now();
        let link = ServerLink::new(id, Arc::clone(&published.params), now);
        let link = Link::new(id, link, Arc::clone(carrier));
        if !self.hub.registry().enter(&link, self.hub.config().links_max) {
            self.hub.leave_half_open(&mut counted);
            return Err(Status::ResourceExhausted);
        }
        Ok(link)
    }

    /// Answers Describe (LINK-6, LINK-7); anything that is no such request is INVALID_ARGUMENT.
    async fn describe(&self, carrier: &Arc<Carrier>, requests: Incoming) -> Response<ReplyBody> {
        let guard = carrier.stream();
        let limit = std::time::Duration::from_secs(HELLO_SECONDS);
        let Ok(block) = tokio::time::timeout(limit, one_block(requests)).await else {
            return reply::bare(DEADLINE_EXCEEDED);
        };
        let published = self.hub.published();
        let answered = match &published.describe {
            Some(describe) => describe.answer(&block),
            None => Err(Status::Unavailable),
        };
        match answered {
            Ok(block) => reply::answer(ReplyBody::Once {
                message: Some(message::message_of(&block)),
                done: false,
                guard,
            }),
            Err(status) => reply::bare(status as u8),
        }
    }
}

impl Answer for Services {
    async fn answer(
        &self,
        carrier: &Arc<Carrier>,
        request: Request<Incoming>,
    ) -> Response<ReplyBody> {
        if let Some(refused) = refuse_http(&request) {
            return refused;
        }
        let path = request.uri().path();
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        match (service, method, &self.control) {
            ("edgewise.v1.LinkService", "Open", _) => self.open(carrier, request.into_body()),
            ("edgewise.v1.LinkService", "Describe", _) => {
                self.describe(carrier, request.into_body()).await
            }
            ("grpc.health.v1.Health", ..) => {
                let guard = carrier.stream();
                let answered = self.health.clone().call(request).await;
                let Ok(response) = answered;
                response.map(|body| ReplyBody::Tonic(body, guard))
            }
            ("edgewise.conformance.v1.ConformanceControl", _, Some(control)) => {
                let guard = carrier.stream();
                let control = control.on(Arc::clone(carrier));
                let answered = ConformanceControlServer::new(control).call(request).await;
                let Ok(response) = answered;
                response.map(|body| ReplyBody::Tonic(body, guard))
            }
            _ => reply::bare(UNIMPLEMENTED),
        }
    }
}

/// What gRPC over HTTP/2 asks of a request before its method is looked at.
fn refuse_http(request: &Request<Incoming>) -> Option<Response<ReplyBody>> {
    let grpc = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let status = match (request.method() == Method::POST, grpc) {
        (true, true) => return None,
        (false, _) => StatusCode::METHOD_NOT_ALLOWED,
        (true, false) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
    };
    let mut response = Response::new(ReplyBody::Empty);
    *response.status_mut() = status;
    Some(response)
}

/// The block of a request that is one message; empty if it is anything else.
async fn one_block(mut requests: Incoming) -> Bytes {
    let mut reader = BlockReader::new(DESCRIBE_REQUEST_LEN);
    let mut first: Option<Bytes> = None;
    let mut total = 0;
    while let Some(Ok(frame)) = requests.frame().await {
        let Ok(mut chunk) = frame.into_data() else { continue };
        total += chunk.len();
        // More than any one block: not read to an end that may never come.
        if total > BLOCK_LARGE {
            return Bytes::new();
        }
        while let Some(block) = reader.next(&mut chunk) {
            if first.is_some() {
                return Bytes::new();
            }
            first = Some(block.freeze());
        }
    }
    if reader.is_empty() { first.unwrap_or_default() } else { Bytes::new() }
}

const fn status_of(end: LinkEnd) -> Status {
    match end {
        LinkEnd::Refused(status) => status,
        LinkEnd::Ours(_) | LinkEnd::Theirs(_) => Status::Unavailable,
    }
}
