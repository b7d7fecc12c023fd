//! What time it is, for everything that the protocol counts in time.
//!
//! A server in service follows the system's clock. Under a conformance suite the clock can also be
//! moved forward; nothing but the protocol follows it (sockets and TLS stay on real time).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use edgewise_spec::time::Now;

/// A clock, cheap to clone; clones move together.
#[derive(Clone, Debug)]
pub struct Clock {
    ahead: Option<Arc<AtomicU64>>,
}

/// The clock follows the system alone and cannot be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this server's clock is the system's and cannot be moved")]
pub struct NotControlled;

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self { ahead: None }
    }

    /// The system's clock, and whatever it has been moved ahead.
    #[must_use]
    pub fn controlled() -> Self {
        Self { ahead: Some(Arc::new(AtomicU64::new(0))) }
    }

    /// Whether [`Clock::advance`] is possible.
    #[must_use]
    pub const fn is_controlled(&self) -> bool {
        self.ahead.is_some()
    }

    /// The present moment; the Unix epoch on a machine whose clock is set before it.
    #[must_use]
    pub fn now(&self) -> Now {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(system.as_millis()).unwrap_or(u64::MAX);
        let ahead = self.ahead.as_ref().map_or(0, |ahead| ahead.load(Ordering::Acquire));
        Now::from_millis(millis.saturating_add(ahead))
    }

    /// Moves the clock forward by whole seconds. Whoever does so has the server run what became
    /// due: [`crate::Running::advance`] does both.
    ///
    /// # Errors
    /// [`NotControlled`] for the system's clock.
    pub fn advance(&self, seconds: u64) -> Result<(), NotControlled> {
        let ahead = self.ahead.as_ref().ok_or(NotControlled)?;
        let millis = seconds.saturating_mul(1_000);
        // Saturating, so that no request can turn time back.
        let _ = ahead.fetch_update(Ordering::AcqRel, Ordering::Acquire, |old| {
            Some(old.saturating_add(millis))
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_controlled_clock_move_together_and_never_back() {
        let clock = Clock::controlled();
        let other = clock.clone();
        let before = other.now();
        clock.advance(3_600).unwrap();
        assert!(other.now() >= before.plus_seconds(3_600));
        clock.advance(u64::MAX).unwrap();
        clock.advance(u64::MAX).unwrap();
        assert_eq!(other.now(), Now::from_millis(u64::MAX));
    }

    #[test]
    fn the_system_clock_cannot_be_moved() {
        assert_eq!(Clock::system().advance(1), Err(NotControlled));
    }
}
