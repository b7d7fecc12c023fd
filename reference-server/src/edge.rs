//! One edge of a server: a listener, the carriers that it accepted, and the links on them.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgewise_proto::v1::GoodbyeCode;
use edgewise_spec::link::Address;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::accept;
use crate::control::Control;
use crate::hub::Hub;
use crate::server::ServerError;
use crate::service::Services;
use crate::stats::EdgeStats;

/// The health service's name for LinkService.
pub const LINK_SERVICE: &str = "edgewise.v1.LinkService";
/// Carriers beyond one a link: describing, health checks, TLS handshakes under way.
pub(crate) const SPARE_CARRIERS: usize = 1_024;

/// A bound socket that nobody accepts on yet.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: TcpListener,
    pub(crate) local: SocketAddr,
}

/// An edge that serves until it is stopped, lost or dropped.
#[derive(Debug)]
pub struct EdgeServer {
    /// What clients are given to reach this edge.
    pub address: Address,
    /// Where it listens.
    pub local: SocketAddr,
    hub: Arc<Hub>,
    health: HealthReporter,
    /// `None` once it is lost.
    life: Mutex<Option<Life>>,
}

/// What ends an edge.
#[derive(Debug)]
struct Life {
    /// True says that it stops; gone means that it is gone.
    stopping: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Drop for Life {
    fn drop(&mut self) {
        // `stopping` goes with it, and ends every carrier at once.
        self.accepting.abort();
    }
}

impl EdgeServer {
    /// Begins to serve on the current tokio runtime.
    pub(crate) async fn serve(
        bound: Bound,
        address: Address,
        tls: Option<TlsAcceptor>,
        hub: Arc<Hub>,
        control: Option<Control>,
    ) -> Self {
        let health = HealthReporter::new();
        for name in ["", LINK_SERVICE] {
            health.set_service_status(name, ServingStatus::Serving).await;
        }
        let checks = HealthServer::new(HealthService::from_health_reporter(health.clone()));
        let services = Services::new(Arc::clone(&hub), checks, control);
        let (stopping, stop) = watch::channel(false);
        let most = hub.config().links_max.saturating_add(SPARE_CARRIERS);
        let carriers = hub.carriers().clone();
        let Bound { listener, local } = bound;
        let accepting = tokio::spawn(accept::run(listener, tls, services, carriers, most, stop));
        let life = Mutex::new(Some(Life { stopping, accepting }));
        Self { address, local, hub, health, life }
    }

    /// What this edge has and has counted.
    #[must_use]
    pub fn stats(&self) -> EdgeStats {
        let serving = self.life().is_some();
        self.hub.stats(self.address.edge.to_string(), serving)
    }

    /// Ends this edge at once and without a word, as the loss of its machine does: its listener
    /// and its carriers, with every link on them, are gone. What it has accepted is in the core.
    pub fn lose(&self) {
        drop(self.life().take());
    }

    /// Says that it is going away, accepts no more and says goodbye to every link.
    pub(crate) async fn begin_to_stop(&self) {
        for name in ["", LINK_SERVICE] {
            self.health.set_service_status(name, ServingStatus::NotServing).await;
        }
        if let Some(life) = &*self.life() {
            life.stopping.send_replace(true);
        }
        let now = self.hub.clock().now();
        for link in self.hub.registry().select(|_| true) {
            link.say_goodbye(&self.hub, now, GoodbyeCode::Shutdown);
        }
    }

    /// Waits until no carrier is left, or not longer.
    pub(crate) async fn end(&self, limit: Duration) {
        let carriers = self.hub.carriers();
        let ended = tokio::time::timeout(limit, async {
            while carriers.open() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!(carriers = carriers.open(), "closing those that did not end");
        }
        let life = self.life().take();
        if let Some(mut life) = life {
            life.accepting.abort();
            // Aborted, or done already.
            let _ = (&mut life.accepting).await;
        }
    }

    fn life(&self) -> std::sync::MutexGuard<'_, Option<Life>> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Binds the socket of an edge.
pub(crate) fn bind(listen: SocketAddr) -> Result<Bound, ServerError> {
    let bound = accept::bind(listen).and_then(|listener| {
        let local = listener.local_addr()?;
        Ok(Bound { listener, local })
    });
    bound.map_err(|source| {
        let hint = match source.kind() {
            io::ErrorKind::AddrInUse => {
                " Another program listens there: stop it, or change `listen`."
            }
            io::ErrorKind::AddrNotAvailable => {
                " It is no address of this machine: use \"[::]\" for all of them."
            }
            io::ErrorKind::PermissionDenied => {
                " Ports below 1024 need CAP_NET_BIND_SERVICE: use a higher one."
            }
            _ => "",
        };
        ServerError::Listen { listen, source, hint }
    })
}
