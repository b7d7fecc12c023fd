//! What all links of one edge share, and what the edge does as time passes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use edgewise_spec::error::{LinkEnd, Status};
use edgewise_spec::server::ServerParams;
use edgewise_spec::store::{Wake, Wakes};
use edgewise_spec::time::Now;
use edgewise_spec::{mutant, require};

use crate::accept::Carriers;
use crate::clock::Clock;
use crate::config::Config;
use crate::core::{Bell, Core, Published};
use crate::registry::{EdgeNumber, Registry};
use crate::stats::{Counters, EdgeStats};
use crate::store::ShardedStore;

/// Everything that the links of one edge share. None of it is missed when the edge is lost.
#[derive(Debug)]
pub struct Hub {
    core: Arc<Core>,
    number: EdgeNumber,
    registry: Registry,
    carriers: Carriers,
    counters: Counters,
    half_open: AtomicUsize,
    /// What the links were last given to work with.
    adopted: Mutex<Arc<ServerParams>>,
}

impl Hub {
    /// An edge without links, in front of a core that tells it from now on.
    #[must_use]
    pub fn new(core: Arc<Core>, number: EdgeNumber) -> Arc<Self> {
        let adopted = Mutex::new(Arc::clone(&core.published().params));
        let hub = Arc::new(Self {
            core,
            number,
            registry: Registry::new(number),
            carriers: Carriers::default(),
            counters: Counters::default(),
            half_open: AtomicUsize::new(0),
            adopted,
        });
        let bell: Weak<Self> = Arc::downgrade(&hub);
        hub.core.join(number, bell);
        hub
    }

    /// What stands behind this edge, and the others of its identity.
    #[must_use]
    pub const fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// What the server runs with.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.core.config()
    }

    /// What time it is.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.core.clock()
    }

    /// The connections.
    #[must_use]
    pub fn store(&self) -> &ShardedStore {
        self.core.store()
    }

    /// What holds for the present epoch.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.core.published()
    }

    /// The links.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The HTTP/2 connections.
    #[must_use]
    pub const fn carriers(&self) -> &Carriers {
        &self.carriers
    }

    /// The counters.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts one more unconfirmed stream.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED beyond the most that the edge keeps (LINK-20).
    pub fn enter_half_open(&self) -> Result<(), LinkEnd> {
        let before = self.half_open.fetch_add(1, Ordering::AcqRel);
        let room = before < self.config().half_open_max;
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

    /// Tells other links what was committed, those of other edges through the core.
    pub fn route(&self, now: Now, wakes: &mut Wakes) {
        for wake in wakes.drain(..) {
            if EdgeNumber::of(wake.place.link) == self.number {
                self.ring(now, &wake);
            } else {
                self.core.ring(now, &wake);
            }
        }
    }

    /// Runs whatever became due of this edge's links.
    pub fn run_due(&self, now: Now) {
        self.adopt();
        for link in self.registry.select(|link| link.is_due(now)) {
            link.run_due(self, now);
        }
    }

    /// Gives the links what a new epoch works with, once.
    fn adopt(&self) {
        let params = Arc::clone(&self.published().params);
        let mut adopted = self.adopted.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&adopted, &params) {
            for link in self.registry.select(|_| true) {
                link.adopt(&params);
            }
            *adopted = params;
        }
    }

    /// What this edge has counted.
    #[must_use]
    pub fn stats(&self, address: String, serving: bool) -> EdgeStats {
        let [blocks_in, blocks_out, refused_streams] = self.counters.read();
        let half_open = self.half_open.load(Ordering::Acquire);
        EdgeStats {
            address,
            serving,
            links: self.registry.living().saturating_sub(half_open) as u64,
            half_open: half_open as u64,
            carriers: self.carriers.open() as u64,
            blocks_in,
            blocks_out,
            refused_streams,
        }
    }
}

impl Bell for Hub {
    fn ring(&self, now: Now, wake: &Wake) {
        if let Some(link) = self.registry.get(wake.place.link) {
            link.wake(now, wake);
        }
    }
}
