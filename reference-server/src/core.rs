//! What stands behind the edges of one identity: its connections, its epochs, and whom to wake.
//!
//! An edge keeps nothing that another one needs: whatever was accepted is in the core before it is
//! answered, so an edge that is lost loses nothing. Two narrow things join them. An edge carries
//! out operations through [`Store`](edgewise_spec::store::Store), and the core tells edges of what
//! was committed elsewhere through [`Bell`]. A core that is spread over machines is another store
//! behind the first, and, for each edge that is not of this process, a bell that passes wakes on
//! to it. A wake carries no data, and one that is lost loses none.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Instant;

use edgewise_spec::link::{DescribeAnswer, Description, EpochWindow, HandshakeParams};
use edgewise_spec::server::ServerParams;
use edgewise_spec::store::{Wake, Wakes};
use edgewise_spec::suite::{self, SuiteId};
use edgewise_spec::time::Now;

use crate::clock::Clock;
use crate::config::Config;
use crate::epochs::{EpochSource, EpochsError};
use crate::registry::EdgeNumber;
use crate::store::ShardedStore;

/// Records that one turn of the clock looks at for what is over.
const SWEEP: usize = 2_000;

/// An edge as its core sees it: somebody to be told.
pub trait Bell: std::fmt::Debug + Send + Sync {
    /// Wakes an attachment of one of the edge's links; one that is gone is none.
    fn ring(&self, now: Now, wake: &Wake);
}

/// Everything that the edges of one identity share.
#[derive(Debug)]
pub struct Core {
    config: Config,
    clock: Clock,
    store: ShardedStore,
    bells: RwLock<Vec<Option<Weak<dyn Bell>>>>,
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
pub enum CoreError {
    /// No current epoch.
    #[error(transparent)]
    Epochs(#[from] EpochsError),
    /// Too many or too long edges for one Description.
    #[error("the description does not fit its block: have fewer edges, or shorter hosts")]
    Description,
}

impl Core {
    /// An empty core.
    ///
    /// # Errors
    /// [`CoreError`], see there.
    pub fn new(config: Config, clock: Clock) -> Result<Self, CoreError> {
        let now = clock.now();
        let epochs = EpochSource::open(&config.epochs, now)?;
        let published = publish(&config, &epochs.window(now)?, now)?;
        let store = ShardedStore::new(&config);
        Ok(Self {
            config,
            clock,
            store,
            bells: RwLock::default(),
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

    /// Since when it has been there.
    #[must_use]
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// Has an edge told of what concerns its links, for as long as it lives.
    pub fn join(&self, number: EdgeNumber, bell: Weak<dyn Bell>) {
        let mut bells = self.bells.write().unwrap_or_else(PoisonError::into_inner);
        let place = usize::from(number.0);
        if bells.len() <= place {
            bells.resize(place + 1, None);
        }
        if let Some(slot) = bells.get_mut(place) {
            *slot = Some(bell);
        }
    }

    /// Tells the edge of a link, if there is one.
    pub fn ring(&self, now: Now, wake: &Wake) {
        let bell = {
            let bells = self.bells.read().unwrap_or_else(PoisonError::into_inner);
            let place = usize::from(EdgeNumber::of(wake.place.link).0);
            bells.get(place).and_then(Option::as_ref).and_then(Weak::upgrade)
        };
        if let Some(bell) = bell {
            bell.ring(now, wake);
        }
    }

    /// Turns the epoch and deletes what is over. With `all`, every record is looked at, as after a
    /// jump of the clock; else some of them.
    pub fn run_due(&self, now: Now, all: bool) {
        self.turn_epoch(now);
        let mut wakes = Wakes::new();
        self.store.sweep(now, if all { usize::MAX } else { SWEEP }, &mut wakes);
        for wake in &wakes {
            self.ring(now, wake);
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
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(published);
        self.epochs.warn(now);
    }
}

/// The suites this machine offers: AES only where the hardware has it.
fn suites() -> impl Iterator<Item = SuiteId> {
    let aes = suite::aes_available().then_some(SuiteId::Aes256Gcm);
    [SuiteId::Chacha20Poly1305].into_iter().chain(aes)
}

fn publish(config: &Config, window: &EpochWindow, now: Now) -> Result<Published, CoreError> {
    let current = window.current(now).ok_or(EpochsError::Hole)?;
    let records = [Some(current), window.next(now)];
    let description = Description {
        identity_vk: current.record().identity_vk(),
        epochs: records.into_iter().flatten().map(|epoch| epoch.record().clone()).collect(),
        suites: suites().collect(),
        classes: config.classes.clone(),
        limits: config.limits,
        ticks: config.ticks.clone(),
        edges: config.described_edges(),
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
            ticks: config.ticks.clone(),
        },
        limits: config.limits,
        access: config.access.clone(),
        hello_seconds: config.hello_seconds,
    };
    Ok(Published {
        params: Arc::new(params),
        describe: Some(DescribeAnswer::new(&description).map_err(|_| CoreError::Description)?),
        number: Some(current.record().number()),
        until: current.record().not_after(),
    })
}
