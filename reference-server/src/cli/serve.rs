//! Commands around a running server: `serve`, `address`, `check-config`, `stats`.

use edgewise_spec::link::Address;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, logging, say};
use crate::admin;
use crate::clock::Clock;
use crate::config::{Place, Settings};
use crate::core::Core;
use crate::server::{Running, Server, warn_of_files};
use crate::stats::Stats;
use crate::tls::Certificate;

/// A runtime with a thread a core.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::work(format!("cannot start threads: {error}")))
}

/// Serves until a signal says otherwise.
pub(crate) fn serve(settings: &Settings) -> Result<(), Failure> {
    logging::install(settings.log_level, settings.log_format);
    runtime()?.block_on(async {
        // Before anybody is served: whoever is may send a signal at once.
        let signals = Signals::new().map_err(Failure::work)?;
        let config = settings.config.clone();
        let edges = config.listens().len();
        warn_of_files(config.links_max.saturating_mul(edges));
        let running = Server::bind(config, Clock::system()).await.map_err(Failure::work)?;
        for edge in running.edges() {
            tracing::info!(address = %edge.address, listen = %edge.local, "serving");
        }
        signals.until_stopped(&running).await;
        tracing::info!("stopping");
        running.shutdown().await;
        tracing::info!("stopped");
        Ok(())
    })
}

/// The signals that a server is told with.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn until_stopped(mut self, running: &Running) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => running.reload(),
            }
        }
    }
}

/// Prints the addresses of all edges: clients are given any of them.
pub(crate) fn address(settings: &Settings) -> Result<(), Failure> {
    for address in addresses(settings)? {
        say(address);
    }
    Ok(())
}

/// Reads everything that `serve` would.
pub(crate) fn check(settings: &Settings) -> Result<(), Failure> {
    let config = &settings.config;
    if let Some(tls) = &config.tls {
        Certificate::load(tls, &config.edge.host).map_err(Failure::usage)?;
    }
    let clock = Clock::system();
    let core = Core::new(config.clone(), clock.clone()).map_err(Failure::usage)?;
    let addresses = addresses(settings)?;
    let left = core.epochs().signed_until(clock.now());
    let days = left.map_or(0, |until| until.saturating_sub(clock.now().seconds()) / 86_400);
    for (address, place) in addresses.iter().zip(config.listens()) {
        say(format_args!("address:   {address}"));
        say(format_args!("listen:    {}", place.listen));
    }
    say(format_args!("tls:       {}", if config.tls.is_some() { "1.3" } else { "off" }));
    say(format_args!("epochs:    signed for {days} more days"));
    say(format_args!("password:  {}", if config.access.is_some() { "asked for" } else { "none" }));
    say(format_args!("links:     at most {} an edge", config.links_max));
    say(format_args!("keeps:     at most {} connections", config.connections_max));
    Ok(())
}

/// Prints the running server's statistics.
pub(crate) fn stats(settings: &Settings, json: bool) -> Result<(), Failure> {
    let path = settings.config.admin.as_deref().ok_or_else(|| {
        Failure::usage("the configuration has no `admin_socket`, where a server could be asked")
    })?;
    let stats = runtime()?.block_on(admin::ask(path)).map_err(Failure::work)?;
    if json {
        say(serde_json::to_string(&stats).map_err(Failure::work)?);
    } else {
        print(&stats).map_err(Failure::work)?;
    }
    Ok(())
}

fn print(stats: &Stats) -> Result<(), serde_json::Error> {
    if let serde_json::Value::Object(fields) = serde_json::to_value(stats)? {
        for (name, value) in fields {
            say(format_args!("{name:<16} {value}"));
        }
    }
    Ok(())
}

fn addresses(settings: &Settings) -> Result<Vec<Address>, Failure> {
    let mut config = settings.config.clone();
    let ports: Vec<_> = config.listens().iter().map(|place| place.listen.port()).collect();
    config.settle_ports(ports);
    let places = config.listens();
    if places.iter().any(|place| place.edge.port == 0) {
        return Err(Failure::usage("`port` is missing, and `listen` lets the system choose one"));
    }
    let tls = config.tls.is_some();
    let core = Core::new(config, Clock::system()).map_err(Failure::usage)?;
    let fingerprint = core.published().params.fingerprint;
    let address = |place: Place| Address { fingerprint, edge: place.edge, tls };
    Ok(places.into_iter().map(address).collect())
}
