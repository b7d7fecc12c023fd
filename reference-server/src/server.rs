//! A whole server in one value: one core, its edges, and an end within a bound time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edgewise_spec::link::Address;
use edgewise_spec::time::Now;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::admin::{Admin, AdminError};
use crate::clock::{Clock, NotControlled};
use crate::config::{Config, ConfigError};
use crate::control::Control;
use crate::core::{Core, CoreError};
use crate::edge::{self, EdgeServer, SPARE_CARRIERS};
use crate::group::Group;
use crate::hub::Hub;
use crate::registry::EdgeNumber;
use crate::stats::{self, Stats};
use crate::tls::{self, Certificate, TlsError};

/// Milliseconds between two turns of the clock; divides SPACE_BATCH_MS.
const TURN_MS: u64 = 250;
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
    Core(#[from] CoreError),
    /// A listening socket cannot be bound.
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
    /// What clients are given: the address of the first edge.
    pub address: Address,
    /// Where the first edge listens.
    pub local: SocketAddr,
    group: Arc<Group>,
    edges: Arc<[EdgeServer]>,
    certificate: Option<Arc<Certificate>>,
    stopping: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Binds all edges and begins to serve on the current tokio runtime. With a controlled clock
    /// the server offers ConformanceControl on the ports of its edges.
    ///
    /// # Errors
    /// [`ServerError`], which says what to do.
    pub async fn bind(mut config: Config, clock: Clock) -> Result<Running, ServerError> {
        config.check()?;
        let certificate = match &config.tls {
            None => None,
            Some(source) => Some(Arc::new(Certificate::load(source, &config.edge.host)?)),
        };
        let tls = match &certificate {
            None => None,
            Some(shown) => Some(TlsAcceptor::from(tls::server_config(Arc::clone(shown))?)),
        };
        let listens: Vec<_> = config.listens().iter().map(|place| place.listen).collect();
        let bound = listens.into_iter().map(edge::bind).collect::<Result<Vec<_>, _>>()?;
        config.settle_ports(bound.iter().map(|bound| bound.local.port()));
        let core = Arc::new(Core::new(config, clock)?);
        let config = core.config();
        let admin = match &config.admin {
            None => None,
            Some(path) => Some(Admin::bind(path)?),
        };
        let numbers = (0..=u8::MAX).map(EdgeNumber).take(bound.len());
        let hubs = numbers.map(|number| Hub::new(Arc::clone(&core), number)).collect();
        let group = Arc::new(Group::new(Arc::clone(&core), hubs));
        let controlled = core.clock().is_controlled();
        let fingerprint = core.published().params.fingerprint;
        let mut edges = Vec::with_capacity(bound.len());
        for ((bound, place), hub) in bound.into_iter().zip(config.listens()).zip(group.hubs()) {
            let address = Address { fingerprint, edge: place.edge, tls: config.tls.is_some() };
            let control = controlled.then(|| Control::new(Arc::clone(&group)));
            let (tls, hub) = (tls.clone(), Arc::clone(hub));
            edges.push(EdgeServer::serve(bound, address, tls, hub, control).await);
        }
        let edges: Arc<[EdgeServer]> = edges.into();
        let (stopping, stop) = watch::channel(false);
        let mut tasks = vec![tokio::spawn(turn_clock(Arc::clone(&group)))];
        if let Some(admin) = admin {
            let (group, edges) = (Arc::clone(&group), Arc::clone(&edges));
            tasks.push(tokio::spawn(admin.run(move || stats_of(&group, &edges), stop)));
        }
        core.epochs().warn(core.clock().now());
        let Some(first) = edges.first() else {
            return Err(CoreError::Description.into());
        };
        let (address, local) = (first.address.clone(), first.local);
        Ok(Running { address, local, group, edges, certificate, stopping, tasks })
    }
}

impl Running {
    /// The edges, the first one first.
    #[must_use]
    pub fn edges(&self) -> &[EdgeServer] {
        &self.edges
    }

    /// A snapshot of all aggregates.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats_of(&self.group, &self.edges)
    }

    /// What time it is for this server.
    #[must_use]
    pub fn now(&self) -> Now {
        self.group.core().clock().now()
    }

    /// Moves the clock forward and runs everything that became due.
    ///
    /// # Errors
    /// [`NotControlled`] for the system's clock.
    pub fn advance(&self, seconds: u64) -> Result<(), NotControlled> {
        self.group.core().clock().advance(seconds)?;
        self.group.run_due(self.now(), true);
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
        let epochs = self.group.core().epochs();
        match epochs.reload() {
            Ok(()) => epochs.warn(self.now()),
            Err(error) => tracing::error!("epochs kept: {error}"),
        }
    }

    /// Stops: says so to health checks, accepts no more, says goodbye to every link, and ends
    /// whatever is left after the configured seconds.
    pub async fn shutdown(mut self) {
        self.stopping.send_replace(true);
        for edge in &*self.edges {
            edge.begin_to_stop().await;
        }
        let limit = Duration::from_secs(self.group.core().config().shutdown_seconds);
        let until = tokio::time::Instant::now() + limit;
        for edge in &*self.edges {
            edge.end(until.saturating_duration_since(tokio::time::Instant::now())).await;
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
        for task in &self.tasks {
            task.abort();
        }
        for edge in &*self.edges {
            edge.lose();
        }
    }
}

fn stats_of(group: &Group, edges: &[EdgeServer]) -> Stats {
    group.stats(edges.iter().map(EdgeServer::stats).collect())
}

/// Says so where the system lets the process open too few files for so many links.
pub fn warn_of_files(links_max: usize) {
    let wanted = (links_max + SPARE_CARRIERS) as u64 + SPARE_FILES;
    if let Some(most) = stats::open_files_max().filter(|most| *most < wanted) {
        tracing::warn!(most, wanted, "too few open files for `links_max`: raise LimitNOFILE");
    }
}

/// Runs what became due, at every multiple of [`TURN_MS`] of the server's clock.
async fn turn_clock(group: Arc<Group>) {
    let clock = group.core().clock().clone();
    loop {
        let into = clock.now().millis() % TURN_MS;
        tokio::time::sleep(Duration::from_millis(TURN_MS - into)).await;
        group.run_due(clock.now(), false);
    }
}
