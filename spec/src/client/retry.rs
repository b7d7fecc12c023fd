//! When to try again what was refused for now.

use crate::constants::{RETRY_FIRST_SECONDS, RETRY_MAX_SECONDS};
use crate::time::Now;

/// Doubling delays, from RETRY_FIRST_SECONDS to RETRY_MAX_SECONDS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retry {
    failures: u32,
    at: Option<Now>,
}

impl Retry {
    pub(super) fn failed(&mut self, now: Now) {
        let delay = RETRY_FIRST_SECONDS.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.at = Some(now.plus_seconds(delay.min(RETRY_MAX_SECONDS)));
    }

    pub(super) const fn succeeded(&mut self) {
        self.failures = 0;
        self.at = None;
    }

    /// Whether it is too early to try again; from the moment on it is not any more.
    pub(super) fn waits(&self, now: Now) -> bool {
        self.at.is_some_and(|at| now < at)
    }

    pub(super) const fn at(&self) -> Option<Now> {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let mut retry = Retry::default();
        let now = Now::from_seconds(1_000);
        let mut delays = Vec::new();
        for _ in 0..12 {
            retry.failed(now);
            delays.push(retry.at().unwrap().seconds() - 1_000);
        }
        assert_eq!(delays[..4], [5, 10, 20, 40]);
        assert_eq!(delays[11], RETRY_MAX_SECONDS);
        assert!(retry.waits(now) && !retry.waits(now.plus_seconds(RETRY_MAX_SECONDS)));
        retry.succeeded();
        assert!(!retry.waits(now));
    }
}
