//! Time as an argument: nothing in this crate reads a clock.

/// A moment, in milliseconds since the Unix epoch. Whoever drives a link says what time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Now(u64);

/// A whole hour since the Unix epoch, as keys and records count time (`spec/rotation.md`).
pub type Hour = u32;

impl Now {
    /// A moment from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// A moment from seconds since the Unix epoch.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole hours since the Unix epoch; the last hour of u32 for anything later.
    #[must_use]
    pub fn hour(self) -> Hour {
        Hour::try_from(self.0 / 3_600_000).unwrap_or(Hour::MAX)
    }

    /// This moment and some milliseconds.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This moment and some seconds.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        self.plus_millis(seconds.saturating_mul(1_000))
    }
}
