//! A whole server in one value: bound, running, and stopped within a bound time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edgewise_proto::v1::GoodbyeCode;
use edgewise_spec::link::{Address, Edge};
use edgewise_spec::time::Now;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::accept::{self, Carriers};
use crate::admin::{Admin, AdminError};
use crate::clock::{Clock, NotControlled};
use crate::config::{Config, ConfigError};
use crate::control::Control;
use crate::hub::{Hub, HubError};
use crate::service::Services;
use crate::stats::{self, Stats};
use crate::tls::{self, Certificate, TlsError};

/// The health service's name for LinkService.
pub const LINK_SERVICE: &str = "edgewise.v1.LinkService";
/// Milliseconds between two turns of the clock; divides SPACE_BATCH_MS.
const TURN_MS: u64 = 250;
/// Carriers beyond one a link: describing, health checks, TLS handshakes under way.
const SPARE_CARRIERS: usize = 1_024;
/// Open files beyond one a carrier.
const SPARE_FILES: u64 = 64;

const _: () = assert!(edgewise_spec::constants::SPACE_BATCH_MS.is_multiple_of(TURN_MS));

/// Why a server cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A value of the configuration cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No current epoch, or no description.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The listening socket cannot be bound.
    #[error("cannot listen on {listen}: {source}.{hint}")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// What the system says.
        source: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The admin socket cannot be bound.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// Makes servers.
#[derive(Debug)]
pub struct Server;

/// A server that runs until it is shut down or dropped.
#[derive(Debug)]
pub struct Running {
    /// What clients are given.
    pub address: Address,
    /// Where it listens.
    pub local: SocketAddr,
    hub: Arc<Hub>,
    carriers: Carriers,
    certificate: Option<Arc<Certificate>>,
    health: HealthReporter,
    stopping: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Binds and begins to serve on the current tokio runtime. With a controlled clock the server
    /// offers ConformanceControl on the same port.
    ///
    /// # Errors
    /// [`ServerError`], which says what to do.
    pub async fn bind(config: Config, clock: Clock) -> Result<Running, ServerError> {
        config.check()?;
        let certificate = match &config.tls {
            None => None,
            Some(source) => Some(Arc::new(Certificate::load(source, &config.edge.host)?)),
        };
        let tls = match &certificate {
            None => None,
            Some(shown) => Some(TlsAcceptor::from(tls::server_config(Arc::clone(shown))?)),
        };
        let hub = Arc::new(Hub::new(config, clock)?);
        let config = hub.config();
        let (listener, local) = listen(config.listen)?;
        let carriers = Carriers::default();
        let admin = match &config.admin {
            None => None,
            Some(path) => Some(Admin::bind(path)?),
        };
        let health = HealthReporter::new();
        for name in ["", LINK_SERVICE] {
            health.set_service_status(name, ServingStatus::Serving).await;
        }
        let control = hub.clock().is_controlled().then(|| Control::new(Arc::clone(&hub)));
        let checks = HealthServer::new(HealthService::from_health_reporter(health.clone()));
        let services = Services::new(Arc::clone(&hub), checks, control);
        let (stopping, stop) = watch::channel(false);
        let most = config.links_max.saturating_add(SPARE_CARRIERS);
        let mut tasks = vec![
            tokio::spawn(accept::run(
                listener,
                tls,
                services,
                carriers.clone(),
                most,
                stop.clone(),
            )),
            tokio::spawn(turn_clock(Arc::clone(&hub))),
        ];
        if let Some(admin) = admin {
            tasks.push(tokio::spawn(admin.run(Arc::clone(&hub), carriers.clone(), stop)));
        }
        let port = if config.edge.port == 0 { local.port() } else { config.edge.port };
        let address = Address {
            fingerprint: hub.published().params.fingerprint,
            edge: Edge { host: config.edge.host.clone(), port },
            tls: config.tls.is_some(),
        };
        hub.epochs().warn(hub.clock().now());
        Ok(Running { address, local, hub, carriers, certificate, health, stopping, tasks })
    }
}

impl Running {
    /// A snapshot of all aggregates.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.hub.stats(self.carriers.open())
    }

    /// What time it is for this server.
    #[must_use]
    pub fn now(&self) -> Now {
        self.hub.clock().now()
    }

    /// Moves the clock forward and runs everything that became due.
    ///
    /// # Errors
    /// [`NotControlled`] for the system's clock.
    pub fn advance(&self, seconds: u64) -> Result<(), NotControlled> {
        self.hub.clock().advance(seconds)?;
        self.hub.run_due(self.hub.clock().now(), true);
        Ok(())
    }

    /// Reads certificate and epochs again. Whatever cannot be used is said and left as it was.
    pub fn reload(&self) {
        if let Some(certificate) = &self.certificate {
            match certificate.reload() {
                Ok(()) => tracing::info!("certificate read again"),
                Err(error) => tracing::error!("certificate kept: {error}"),
            }
        }
        match self.hub.epochs().reload() {
            Ok(()) => self.hub.epochs().warn(self.hub.clock().now()),
            Err(error) => tracing::error!("epochs kept: {error}"),
        }
    }

    /// Stops: says so to health checks, accepts no more, says goodbye to every link, and ends
    /// whatever is left after the configured seconds.
    pub async fn shutdown(mut self) {
        for name in ["", LINK_SERVICE] {
            self.health.set_service_status(name, ServingStatus::NotServing).await;
        }
        self.stopping.send_replace(true);
        let now = self.hub.clock().now();
        for link in self.hub.registry().select(|_| true) {
            link.say_goodbye(&self.hub, now, GoodbyeCode::Shutdown);
        }
        let limit = Duration::from_secs(self.hub.config().shutdown_seconds);
        let ended = tokio::time::timeout(limit, async {
            while self.carriers.open() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!(carriers = self.carriers.open(), "closing those that did not end");
        }
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // Aborted, or done already.
            let _ = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Dropping `stopping` then ends every carrier at once.
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn listen(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let bound = accept::bind(listen).and_then(|socket| {
        let local = socket.local_addr()?;
        Ok((socket, local))
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

/// Says so where the system lets the process open too few files for so many links.
pub fn warn_of_files(links_max: usize) {
    let wanted = (links_max + SPARE_CARRIERS) as u64 + SPARE_FILES;
    if let Some(most) = stats::open_files_max().filter(|most| *most < wanted) {
        tracing::warn!(most, wanted, "too few open files for `links_max`: raise LimitNOFILE");
    }
}

/// Runs what became due, at every multiple of [`TURN_MS`] of the server's clock.
async fn turn_clock(hub: Arc<Hub>) {
    loop {
        let into = hub.clock().now().millis() % TURN_MS;
        tokio::time::sleep(Duration::from_millis(TURN_MS - into)).await;
        hub.run_due(hub.clock().now(), false);
    }
}
