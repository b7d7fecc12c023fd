//! Keys of cells that were skipped, for as long as their cells may still come.

use core::fmt;
use std::sync::Arc;

use super::schedule::{Key, Transcript};
use crate::constants::{SKIPPED_HOURS, SKIPPED_MAX};
use crate::mutant;
use crate::time::{Hour, Now};

/// The key of one cell that was skipped.
#[derive(Clone)]
pub(super) struct SkippedKey {
    /// The cell's s.
    pub s: u32,
    /// The hour in which it was skipped.
    pub hour: Hour,
    /// tr of its step.
    pub tr: Transcript,
    /// Its message key.
    pub message: Key,
}

/// All of them, ascending by s, at most SKIPPED_MAX. What is not changed is shared by the states
/// that follow one another.
#[derive(Clone, Default)]
pub(super) struct Skipped(Arc<Vec<SkippedKey>>);

impl Skipped {
    /// Keys that are ascending by s.
    pub fn new(keys: Vec<SkippedKey>) -> Self {
        Self(Arc::new(keys))
    }

    /// The keys.
    pub fn keys(&self) -> &[SkippedKey] {
        &self.0
    }

    /// The key of s, unless its time is over.
    pub fn get(&self, s: u32, now: Now) -> Option<&SkippedKey> {
        let place = self.0.binary_search_by_key(&s, |key| key.s).ok()?;
        self.0.get(place).filter(|key| !is_over(key, now))
    }

    /// Whether the key of s is here.
    pub fn has(&self, s: u32) -> bool {
        self.0.binary_search_by_key(&s, |key| key.s).is_ok()
    }

    /// What is left without the key of s.
    pub fn without(&self, s: u32) -> Self {
        Self::new(self.0.iter().filter(|key| key.s != s).cloned().collect())
    }

    /// These and more, all of them behind, without those whose time is over or that are more than
    /// SKIPPED_MAX below `highest` (SESSION-21).
    pub fn with(&self, more: Vec<SkippedKey>, highest: u32, now: Now) -> Self {
        let stays = |key: &&SkippedKey| is_near(key, highest) && !is_over(key, now);
        let more = if mutant!(SESSION_20) { Vec::new() } else { more };
        if more.is_empty() && self.0.iter().all(|key| stays(&key)) {
            return self.clone();
        }
        let mut keys: Vec<_> = self.0.iter().filter(stays).cloned().collect();
        keys.extend(more.into_iter().filter(|key| stays(&key)));
        Self::new(keys)
    }
}

impl fmt::Debug for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Skipped({})", self.0.len())
    }
}

fn is_near(key: &SkippedKey, highest: u32) -> bool {
    let far = highest.saturating_sub(key.s);
    usize::try_from(far).is_ok_and(|far| far <= SKIPPED_MAX) || mutant!(SESSION_21, "far")
}

fn is_over(key: &SkippedKey, now: Now) -> bool {
    now.hour().saturating_sub(key.hour) >= SKIPPED_HOURS && !mutant!(SESSION_21)
}
