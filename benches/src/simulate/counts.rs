//! What is counted while a world goes on.

use serde::Serialize;

/// One text.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Who says it.
    pub from: usize,
    /// In which tick.
    pub said: u64,
    /// In which tick it was shown at the other end.
    pub heard: Option<u64>,
    /// Whether seven groups or more were reachable when it was said.
    pub reachable: bool,
}

impl Text {
    /// Ticks from said to shown.
    pub fn latency(&self) -> Option<u64> {
        self.heard.map(|heard| heard.saturating_sub(self.said))
    }
}

/// Bytes of blocks one way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// Blocks that say something, or greet.
    pub said: u64,
    /// Blocks of cover.
    pub cover: u64,
}

impl Way {
    /// A link's tick: the length of its block or 0, and that of the cover where there was none.
    pub fn add(&mut self, said: usize, cover: usize) {
        self.said += said as u64;
        if said == 0 {
            self.cover += cover as u64;
        }
    }
}

/// Bytes of all clients, both ways.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Ticks, one for each client that was there.
    pub ticks: u64,
    /// To the groups.
    pub up: Way,
    /// From the groups.
    pub down: Way,
}

/// Ticks from said to shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Of half of the texts, no more than this.
    pub p50: u64,
    /// Of nine tenths.
    pub p90: u64,
    /// Of 99 of a hundred.
    pub p99: u64,
    /// Of all.
    pub max: u64,
}

impl Latency {
    /// The nearest ranks; `None` if nothing was delivered.
    pub fn new(texts: &[Text]) -> Option<Self> {
        let mut all: Vec<u64> = texts.iter().filter_map(Text::latency).collect();
        all.sort_unstable();
        let rank = |percent: usize| {
            let place = (all.len() * percent).div_ceil(100).saturating_sub(1);
            all.get(place).copied()
        };
        Some(Self { p50: rank(50)?, p90: rank(90)?, p99: rank(99)?, max: rank(100)? })
    }
}
