//! What time it is, and randomness: what the specification's code asks its driver for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use edgewise_spec::time::Now;
use rand_core::{TryCryptoRng, TryRng};

/// The system's clock, and what a test has added to it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    added_millis: Arc<AtomicU64>,
}

impl Clock {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Now::from_millis(millis).plus_millis(self.added_millis.load(Ordering::Relaxed))
    }

    /// Moves this clock, and every clone of it, forward.
    pub fn advance_millis(&self, millis: u64) {
        self.added_millis.fetch_add(millis, Ordering::Relaxed);
    }
}

/// The operating system's randomness.
///
/// Should the operating system fail to give any, the process stops: nothing secret may be made
/// from less.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OsRandom;

impl TryRng for OsRandom {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Self::Error> {
        if getrandom::fill(dst).is_err() {
            std::process::abort();
        }
        Ok(())
    }
}

impl TryCryptoRng for OsRandom {}
