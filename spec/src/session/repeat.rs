//! When what got no answer is done again.

use crate::constants::{REPEAT_FIRST_SECONDS, REPEAT_MAX_SECONDS};
use crate::mutant;
use crate::time::Now;

/// Doubling intervals from REPEAT_FIRST_SECONDS to REPEAT_MAX_SECONDS: for Hello until a cell of the
/// inviter opens (SESSION-36), for the parts of the highest cell at the limit (SESSION-37).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub(super) due: Now,
    pub(super) seconds: u32,
}

impl Repeat {
    /// The first time is now.
    #[must_use]
    pub const fn new(now: Now) -> Self {
        Self { due: now, seconds: REPEAT_FIRST_SECONDS }
    }

    /// When it is to be done.
    #[must_use]
    pub const fn due(&self) -> Now {
        self.due
    }

    /// Whether it is to be done by now. A clock that was set back does not put it off for longer
    /// than it would have waited.
    #[must_use]
    pub fn is_due(&self, now: Now) -> bool {
        now >= self.due || now.plus_seconds(self.seconds.into()) < self.due
    }

    /// It is done now: the next time is an interval later, and the interval after that twice as
    /// long.
    #[must_use]
    pub fn done(&self, now: Now) -> Self {
        let times = if mutant!(SESSION_36) { 1 } else { 2 };
        let seconds = self.seconds.saturating_mul(times).min(REPEAT_MAX_SECONDS);
        Self { due: now.plus_seconds(self.seconds.into()), seconds }
    }
}
