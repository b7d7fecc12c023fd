//! What a run is made with.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use edgewise_spec::constants::SERVERS_MAX;
use serde::Serialize;

use crate::Failure;

/// Most milliseconds a tick may last: a hello and its reply take five ticks, and HELLO_SECONDS.
const TICK_MS_MAX: u64 = 2_000;

/// Simulates clients over ten unlinked groups of two edges, a session being 7 of 10, class small.
#[derive(Clone, Debug, Parser, Serialize)]
#[command(name = "simulate", version, about, args_override_self = true)]
pub struct Options {
    /// Clients, an even number: each talks with one other.
    #[arg(long, default_value_t = 10_000)]
    pub clients: usize,
    /// Ticks in which texts are said; the run goes on until each has had its --deadline.
    #[arg(long, default_value_t = 200)]
    pub ticks: u64,
    /// Milliseconds a tick.
    #[arg(long, default_value_t = 1_000)]
    pub tick_ms: u64,
    /// What everything follows from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Share of time in which an edge is up, above 0 and at most 1.
    #[arg(long, default_value_t = 0.9)]
    pub edge_uptime: f64,
    /// Mean ticks until an edge that failed is back.
    #[arg(long, default_value_t = 30.0)]
    pub repair_ticks: f64,
    /// Groups that alter every part they deliver.
    #[arg(long, default_value_t = 0)]
    pub liars: usize,
    /// Groups that are dead from the first tick on.
    #[arg(long, default_value_t = 0)]
    pub dead: usize,
    /// The tick in which one of the dead groups is back.
    #[arg(long)]
    pub back_tick: Option<u64>,
    /// Chance of a client to leave in a tick.
    #[arg(long, default_value_t = 0.001)]
    pub churn: f64,
    /// Mean ticks until a client that left is back.
    #[arg(long, default_value_t = 30.0)]
    pub away_ticks: f64,
    /// Texts that a client says in a tick, 0 to 1.
    #[arg(long, default_value_t = 0.02)]
    pub rate: f64,
    /// Ticks in which a text is to be delivered.
    #[arg(long, default_value_t = 60)]
    pub deadline: u64,
    /// Independent instants at which the edges are looked at, beside those of the world.
    #[arg(long, default_value_t = 1_000_000)]
    pub instants: u64,
    /// Whether bandwidth and anonymity are told with a block a tick on every link, without, or both.
    #[arg(long, value_enum, default_value_t = Cover::Both)]
    pub cover: Cover,
    /// Clients whose tag windows are in memory at a time; those of others are stored, as on a disk.
    #[arg(long, default_value_t = 6_000)]
    pub awake: usize,
    /// Also write the report to this file, as JSON.
    #[arg(long, value_name = "PATH")]
    #[serde(skip)]
    pub json: Option<PathBuf>,
}

/// What is told of cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cover {
    /// Every link carries a block each way in each tick.
    With,
    /// A link carries blocks only when there is something to say.
    Without,
    /// Both, of the same run: cover takes nothing else's place.
    Both,
}

impl Cover {
    /// Whether figures with cover are told.
    pub const fn with(self) -> bool {
        !matches!(self, Self::Without)
    }

    /// Whether figures without cover are told.
    pub const fn without(self) -> bool {
        !matches!(self, Self::With)
    }
}

impl Options {
    /// Refuses what no world can be made with, and says what to change.
    pub fn check(&self) -> Result<(), Failure> {
        let shares = [("--churn", self.churn), ("--rate", self.rate)];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("{name} {share} is a chance: give 0 to 1").into());
            }
        }
        let uptime = self.edge_uptime;
        if !(uptime > 0.0 && uptime <= 1.0) {
            return Err(format!("--edge-uptime {uptime}: give more than 0 and at most 1").into());
        }
        for (name, ticks) in
            [("--repair-ticks", self.repair_ticks), ("--away-ticks", self.away_ticks)]
        {
            if !(ticks.is_finite() && ticks >= 1.0) {
                return Err(format!("{name} {ticks}: give 1 or more").into());
            }
        }
        let least = (1.0 - uptime) / uptime;
        if self.repair_ticks < least {
            let given = self.repair_ticks;
            return Err(format!(
                "an edge that is up {uptime} of the time is down for {least:.2} ticks or more; \
                 --repair-ticks is {given}"
            )
            .into());
        }
        if self.clients < 2 || self.clients % 2 == 1 || u32::try_from(self.clients).is_err() {
            return Err(format!("--clients {}: give an even number", self.clients).into());
        }
        if self.ticks == 0 || self.deadline == 0 || self.awake == 0 || self.instants == 0 {
            return Err("--ticks, --deadline, --awake and --instants: give 1 or more".into());
        }
        if !(1..=TICK_MS_MAX).contains(&self.tick_ms) {
            return Err(format!("--tick-ms {}: give 1 to {TICK_MS_MAX}", self.tick_ms).into());
        }
        if self.liars.saturating_add(self.dead) >= SERVERS_MAX {
            return Err("--liars and --dead: leave one group of ten as it should be".into());
        }
        Ok(())
    }

    /// The groups that lie: those before the dead ones.
    pub fn lying(&self) -> core::ops::Range<usize> {
        let end = SERVERS_MAX.saturating_sub(self.dead);
        end.saturating_sub(self.liars)..end
    }

    /// Whether a group is dead in a tick. Dead are the last ones, and the first of them comes back.
    pub fn is_dead(&self, group: usize, tick: u64) -> bool {
        let first = SERVERS_MAX.saturating_sub(self.dead);
        let back = group == first && self.back_tick.is_some_and(|back| tick >= back);
        group >= first && !back
    }
}
