//! The edges of all groups, which fail and come back at random.

use edgewise_spec::constants::SERVERS_MAX;
use rand_chacha::ChaCha8Rng;

use crate::chance::{trials, unit};

/// Edges of a group in profile S.
pub const EDGES: usize = 2;

/// One edge: whether it is up, and the tick in which that changes.
#[derive(Clone, Copy, Debug)]
struct Edge {
    up: bool,
    until: u64,
}

/// Two edges a group. Each is up and down by turns, for a random number of ticks that has no
/// memory; it begins as it stands on the average.
#[derive(Clone, Debug)]
pub struct Edges {
    groups: Vec<[Edge; EDGES]>,
    fails: f64,
    returns: f64,
    rng: ChaCha8Rng,
}

impl Edges {
    /// The edges of ten groups.
    pub fn new(uptime: f64, repair_ticks: f64, rng: ChaCha8Rng) -> Self {
        let returns = 1.0 / repair_ticks;
        let fails = returns * (1.0 - uptime) / uptime;
        let mut edges = Self { groups: Vec::new(), fails, returns, rng };
        for _ in 0..SERVERS_MAX {
            let pair = core::array::from_fn(|_| edges.begin(uptime));
            edges.groups.push(pair);
        }
        edges
    }

    fn begin(&mut self, uptime: f64) -> Edge {
        let up = unit(&mut self.rng) < uptime;
        let chance = if up { self.fails } else { self.returns };
        Edge { up, until: trials(chance, &mut self.rng) }
    }

    /// Lets time go on to a tick.
    pub fn advance(&mut self, tick: u64) {
        let Self { groups, fails, returns, rng } = self;
        for edge in groups.iter_mut().flatten() {
            while edge.until <= tick {
                edge.up = !edge.up;
                let chance = if edge.up { *fails } else { *returns };
                edge.until = edge.until.saturating_add(trials(chance, rng));
            }
        }
    }

    /// Which edges of each group are up.
    pub fn up(&self) -> impl Iterator<Item = [bool; EDGES]> + '_ {
        self.groups.iter().map(|pair| pair.map(|edge| edge.up))
    }

    /// How many groups have an edge that is up.
    pub fn reachable(&self) -> usize {
        self.up().filter(|pair| pair.contains(&true)).count()
    }

    /// How many of so many ticks in a row count as independent: an edge remembers how it was.
    pub fn independent(&self, ticks: u64) -> f64 {
        let memory = 1.0 - self.fails - self.returns;
        // Without failures, or with edges that alternate, nothing is remembered that would count.
        let memory = memory.clamp(0.0, 1.0);
        (ticks as f64 * (1.0 - memory) / (1.0 + memory)).max(1.0)
    }

    /// Ticks after which an edge remembers nothing to speak of.
    pub fn forgets(&self) -> u64 {
        (10.0 / (self.fails + self.returns)).ceil() as u64
    }
}
