//! The safety number: what two people compare to know that nobody stands between them.

use core::fmt;

use arrayvec::ArrayVec;

use super::schedule::{Transcript, safety};
use crate::constants::{SAFETY_GROUP_BYTES, SAFETY_GROUPS};

/// Sixty decimal digits in groups of five, which stand for one transcript (SESSION-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits([u32; SAFETY_GROUPS]);

impl Digits {
    /// The digits of tr_t.
    #[must_use]
    pub fn of(tr: &Transcript, t: u32) -> Self {
        let bytes = safety(tr, t);
        let mut groups = bytes.chunks_exact(SAFETY_GROUP_BYTES);
        Self(core::array::from_fn(|_| {
            let group = groups.next().unwrap_or_default();
            let number = group.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            u32::try_from(number % 100_000).unwrap_or_default()
        }))
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, group) in self.0.iter().enumerate() {
            let gap = if place > 0 { " " } else { "" };
            write!(f, "{gap}{group:05}")?;
        }
        Ok(())
    }
}

/// What both ends show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyNumber {
    /// Of tr_0: the same for the whole session.
    pub number: Digits,
    /// Of the last steps that this end knows, the number of each with it: one step while there is no
    /// other, two afterwards. The ends have at least one of them in common.
    pub steps: ArrayVec<(u32, Digits), 2>,
}
