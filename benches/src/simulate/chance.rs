//! Chances: drawn, computed, and measured with what they may be off by.

use rand_chacha::rand_core::Rng;
use serde::Serialize;

/// How many standard deviations an interval reaches: one in a thousand measured figures lies
/// further off.
const DEVIATIONS: f64 = 3.290_526_731;

/// What the computing itself may be off by.
const ROUNDING: f64 = 1e-12;

/// A number from 0 up to 1, drawn evenly.
pub fn unit(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// How many trials of this chance it takes until the first succeeds: 1 or more.
pub fn trials(chance: f64, rng: &mut impl Rng) -> u64 {
    let drawn = unit(rng);
    if chance <= 0.0 {
        return u64::MAX;
    }
    if chance >= 1.0 {
        return 1;
    }
    // A cast from f64 stops at the ends of u64.
    1_u64.saturating_add(((1.0 - drawn).ln() / (1.0 - chance).ln()) as u64)
}

/// The chance that at least `need` of `groups` groups are up, each of which is up while one of its
/// two edges is.
pub fn reachable(edge_uptime: f64, need: u32, groups: u32) -> f64 {
    let down = 1.0 - edge_uptime;
    let up = 1.0 - down * down;
    let exactly = |count: u32| {
        let ways: f64 = (0..count).map(|at| f64::from(groups - at) / f64::from(at + 1)).product();
        ways * up.powi(count as i32) * (1.0 - up).powi((groups - count) as i32)
    };
    (need..=groups).map(exactly).sum()
}

/// A measured share, and the interval in which the true one is but for one time in a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// What was measured.
    pub share: f64,
    /// How many independent looks it stands for.
    pub looks: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Share {
    /// A share of so many independent looks, with Wilson's interval.
    pub fn new(share: f64, looks: f64) -> Self {
        let square = DEVIATIONS * DEVIATIONS;
        let weight = 1.0 + square / looks;
        let middle = (share + square / (2.0 * looks)) / weight;
        let variance = share * (1.0 - share) / looks + square / (4.0 * looks * looks);
        let half = DEVIATIONS * variance.max(0.0).sqrt() / weight;
        Self { share, looks, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
    }

    /// Whether a computed share may be the true one.
    pub fn admits(&self, computed: f64) -> bool {
        (self.low - ROUNDING..=self.high + ROUNDING).contains(&computed)
    }
}
