//! What all links of a server share, and what it does as time passes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use edgewise_spec::error::{LinkEnd, Status};
use edgewise_spec::link::{DescribeAnswer, Description, EpochWindow, HandshakeParams};
use edgewise_spec::server::ServerParams;
use edgewise_spec::store::Wakes;
use edgewise_spec::suite::{self, SuiteId};
use edgewise_spec::time::Now;
use edgewise_spec::{mutant, require};

use crate::clock::Clock;
use crate::config::Config;
use crate::epochs::{EpochSource, EpochsError};
use crate::registry::Registry;
use crate::stats::{self, Counters, Stats};
use crate::store::ShardedStore;

/// Records that one turn of the clock looks at for what is over.
const SWEEP: usize = 2_000;

/// Everything that links share.
#[derive(Debug)]
pub struct Hub {
    config: Config,
    clock: Clock,
    store: ShardedStore,
    registry: Registry,
    counters: Counters,
    half_open: AtomicUsize,
    epochs: EpochSource,
    published: RwLock<Arc<Published>>,
    started: Instant,
}

/// What is the same for a whole epoch.
#[derive(Debug)]
pub struct Published {
    /// What links work with.
    pub params: Arc<ServerParams>,
    /// What Describe answers; `None` once no epoch is current (LINK-3).
    pub describe: Option<DescribeAnswer>,
    /// The epoch's number.
    pub number: Option<u32>,
    /// When another begins, in seconds since the Unix epoch.
    until: u64,
}

/// A server cannot begin with what it was given.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// No current epoch.
    #[error(transparent)]
    Epochs(#[from] EpochsError),
    /// Too many or too long edges for one Description.
    #[error("the description does not fit its block: list fewer, or shorter, `edges`")]
    Description,
}

impl Hub {
    /// An empty server.
    ///
    /// # Errors
    /// [`HubError`], see there.
    pub fn new(config: Config, clock: Clock) -> Result<Self, HubError> {
        let now = clock.now();
        let epochs = EpochSource::open(&config.epochs, now)?;
        let published = publish(&config, &epochs.window(now)?, now)?;
        let store = ShardedStore::new(&config);
        Ok(Self {
            config,
            clock,
            store,
            registry: Registry::new(),
            counters: Counters::default(),
            half_open: AtomicUsize::new(0),
            epochs,
            published: RwLock::new(Arc::new(published)),
            started: Instant::now(),
        })
    }

    /// What the server runs with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What time it is.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The connections.
    #[must_use]
    pub const fn store(&self) -> &ShardedStore {
        &self.store
    }

    /// The links.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The counters.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Where the epochs come from.
    #[must_use]
    pub const fn epochs(&self) -> &EpochSource {
        &self.epochs
    }

    /// What holds for the present epoch.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts one more unconfirmed stream.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED beyond the most that the server keeps (LINK-20).
    pub fn enter_half_open(&self) -> Result<(), LinkEnd> {
        let before = self.half_open.fetch_add(1, Ordering::AcqRel);
        let room = before < self.config.half_open_max;
        if !room && !mutant!(LINK_20) {
            self.half_open.fetch_sub(1, Ordering::AcqRel);
        }
        require!(LINK_20, room, LinkEnd::Refused(Status::ResourceExhausted));
        Ok(())
    }

    /// Counts an unconfirmed stream no more, once.
    pub fn leave_half_open(&self, counted: &mut bool) {
        if std::mem::take(counted) {
            self.half_open.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Tells other links what was committed.
    pub fn route(&self, now: Now, wakes: &mut Wakes) {
        for wake in wakes.drain(..) {
            if let Some(link) = self.registry.get(wake.place.link) {
                link.wake(now, &wake);
            }
        }
    }

    /// Runs whatever became due. With `all`, every record is looked at, as after a jump of the
    /// clock; else some of them.
    pub fn run_due(&self, now: Now, all: bool) {
        self.turn_epoch(now);
        let mut wakes = Wakes::new();
        self.store.sweep(now, if all { usize::MAX } else { SWEEP }, &mut wakes);
        self.route(now, &mut wakes);
        for link in self.registry.select(|link| link.is_due(now)) {
            link.run_due(self, now);
        }
    }

    fn turn_epoch(&self, now: Now) {
        if now.seconds() < self.published().until {
            return;
        }
        let turned = match self.epochs.window(now) {
            Ok(window) => publish(&self.config, &window, now),
            Err(error) => Err(error.into()),
        };
        let published = match turned {
            Ok(published) => {
                tracing::info!(epoch = published.number, "a new epoch has begun");
                published
            }
            Err(error) => {
                tracing::error!("no new link can be opened: {error}");
                let params = Arc::clone(&self.published().params);
                // Looked at again with the next turn of the clock, a minute from now.
                Published { params, describe: None, number: None, until: now.seconds() + 60 }
            }
        };
        let params = Arc::clone(&published.params);
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(published);
        for link in self.registry.select(|_| true) {
            link.adopt(&params);
        }
        self.epochs.warn(now);
    }

    /// A snapshot of all aggregates; `carriers` are counted elsewhere.
    #[must_use]
    pub fn stats(&self, carriers: usize) -> Stats {
        let now = self.clock.now();
        let kept = self.store.stats();
        let [blocks_in, blocks_out, refused_streams] = self.counters.read();
        let half_open = self.half_open.load(Ordering::Acquire);
        let epochs_until = self.epochs.signed_until(now);
        Stats {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.started.elapsed().as_secs(),
            links: self.registry.living().saturating_sub(half_open) as u64,
            half_open: half_open as u64,
            carriers: carriers as u64,
            connections: kept.connections as u64,
            parts: kept.parts as u64,
            bytes: kept.part_bytes as u64,
            tombstones: kept.tombstones as u64,
            blocks_in,
            blocks_out,
            refused_streams,
            rejects: self.counters.rejects(),
            epoch: self.published().number,
            epochs_until,
            epochs_run_out: self.epochs.run_out(now),
            cpu_ms: stats::cpu_ms(),
            rss_bytes: stats::rss_bytes(),
        }
    }
}

/// The suites this machine offers: AES only where the hardware has it.
fn suites() -> impl Iterator<Item = SuiteId> {
    let aes = suite::aes_available().then_some(SuiteId::Aes256Gcm);
    [SuiteId::Chacha20Poly1305].into_iter().chain(aes)
}

fn publish(config: &Config, window: &EpochWindow, now: Now) -> Result<Published, HubError> {
    let current = window.current(now).ok_or(EpochsError::Hole)?;
    let records = [Some(current), window.next(now)];
    let description = Description {
        identity_vk: current.record().identity_vk(),
        epochs: records.into_iter().flatten().map(|epoch| epoch.record().clone()).collect(),
        suites: suites().collect(),
        classes: config.classes.clone(),
        limits: config.limits,
        edges: config.edges.clone(),
        access_required: config.access.is_some(),
    };
    let fingerprint = window.fingerprint().ok_or(EpochsError::Hole)?;
    let params = ServerParams {
        fingerprint,
        link: HandshakeParams {
            fingerprint,
            epochs: window.clone(),
            suites: suites().collect(),
            classes: config.classes.iter().copied().collect(),
        },
        limits: config.limits,
        access: config.access.clone(),
        hello_seconds: config.hello_seconds,
    };
    Ok(Published {
        params: Arc::new(params),
        describe: Some(DescribeAnswer::new(&description).map_err(|_| HubError::Description)?),
        number: Some(current.record().number()),
        until: current.record().not_after(),
    })
}
