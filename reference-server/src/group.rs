//! The edges of one identity and the core behind them, as one thing that time passes for.

use std::collections::BTreeMap;
use std::sync::Arc;

use edgewise_spec::time::Now;

use crate::core::Core;
use crate::hub::Hub;
use crate::stats::{self, EdgeStats, Stats};

/// A core, and what stands in front of it in this process.
#[derive(Debug)]
pub struct Group {
    core: Arc<Core>,
    hubs: Vec<Arc<Hub>>,
}

impl Group {
    /// A core and its edges.
    #[must_use]
    pub const fn new(core: Arc<Core>, hubs: Vec<Arc<Hub>>) -> Self {
        Self { core, hubs }
    }

    /// What the edges share.
    #[must_use]
    pub const fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The edges.
    #[must_use]
    pub fn hubs(&self) -> &[Arc<Hub>] {
        &self.hubs
    }

    /// Runs whatever became due, in the core and at every edge. With `all`, every record is looked
    /// at, as after a jump of the clock; else some of them.
    pub fn run_due(&self, now: Now, all: bool) {
        self.core.run_due(now, all);
        for hub in &self.hubs {
            hub.run_due(now);
        }
    }

    /// A snapshot of all aggregates, with those of each edge.
    #[must_use]
    pub fn stats(&self, edges: Vec<EdgeStats>) -> Stats {
        let core = &self.core;
        let now = core.clock().now();
        let kept = core.store().stats();
        let sum = |of: fn(&EdgeStats) -> u64| edges.iter().map(of).sum();
        let mut rejects = BTreeMap::new();
        for hub in &self.hubs {
            hub.counters().add_rejects(&mut rejects);
        }
        Stats {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: core.started().elapsed().as_secs(),
            links: sum(|edge| edge.links),
            half_open: sum(|edge| edge.half_open),
            carriers: sum(|edge| edge.carriers),
            connections: kept.connections as u64,
            parts: kept.parts as u64,
            bytes: kept.part_bytes as u64,
            tombstones: kept.tombstones as u64,
            blocks_in: sum(|edge| edge.blocks_in),
            blocks_out: sum(|edge| edge.blocks_out),
            refused_streams: sum(|edge| edge.refused_streams),
            rejects,
            epoch: core.published().number,
            epochs_until: core.epochs().signed_until(now),
            epochs_run_out: core.epochs().run_out(now),
            cpu_ms: stats::cpu_ms(),
            rss_bytes: stats::rss_bytes(),
            edges,
        }
    }
}
