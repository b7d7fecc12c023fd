//! Ticks, and the points at which a link's client sends.

use rand_core::CryptoRng;

use crate::constants::{TICK_LATE_PART, TICK_MS_LIST};
use crate::error::Misuse;
use crate::time::Now;

/// Milliseconds in a day.
const DAY_MS: u64 = 86_400_000;

/// Milliseconds from one tick to the next: a value of TICK_MS_LIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TickMs(u32);

/// A number of milliseconds is not of TICK_MS_LIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a tick of {0} ms is not of its closed list")]
pub struct TickRefused(pub u32);

impl TickMs {
    /// Every tick, ascending.
    pub fn all() -> impl Iterator<Item = Self> {
        TICK_MS_LIST.into_iter().map(Self)
    }

    /// Milliseconds from one tick to the next.
    #[must_use]
    pub const fn millis(self) -> u32 {
        self.0
    }

    /// How many there are in a day.
    #[must_use]
    pub const fn a_day(self) -> u64 {
        DAY_MS / self.0 as u64
    }
}

impl TryFrom<u32> for TickMs {
    type Error = TickRefused;

    fn try_from(millis: u32) -> Result<Self, TickRefused> {
        Self::all().find(|tick| tick.0 == millis).ok_or(TickRefused(millis))
    }
}

/// A tick and a phase: tick n begins at n·tick_ms since the Unix epoch, and the client sends at
/// its **point**, phase milliseconds later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rhythm {
    tick: TickMs,
    phase: u32,
}

impl Rhythm {
    /// A rhythm whose phase the caller chose.
    ///
    /// # Errors
    /// [`Misuse::Phase`] unless the phase is below the tick.
    pub const fn new(tick: TickMs, phase: u32) -> Result<Self, Misuse> {
        if phase >= tick.0 {
            return Err(Misuse::Phase { phase, tick: tick.0 });
        }
        Ok(Self { tick, phase })
    }

    /// A rhythm with a phase of its own: the links of one client do not send together.
    #[must_use]
    pub fn draw(tick: TickMs, rng: &mut dyn CryptoRng) -> Self {
        // CADENCE-15: of 2^64 numbers, every phase has the same share but for one in 2^45.
        let phase = rng.next_u64() % u64::from(tick.0);
        Self { tick, phase: u32::try_from(phase).unwrap_or(0) }
    }

    /// The tick.
    #[must_use]
    pub const fn tick(self) -> TickMs {
        self.tick
    }

    /// Milliseconds from the beginning of a tick to its point.
    #[must_use]
    pub const fn phase(self) -> u32 {
        self.phase
    }

    /// The number of the first point after `now`.
    #[must_use]
    pub const fn next(self, now: Now) -> u64 {
        match now.millis().checked_sub(self.phase as u64) {
            Some(since) => since / self.tick.0 as u64 + 1,
            None => 0,
        }
    }

    /// When a point is.
    #[must_use]
    pub const fn point(self, number: u64) -> Now {
        let begin = number.saturating_mul(self.tick.0 as u64);
        Now::from_millis(begin).plus_millis(self.phase as u64)
    }

    /// How many points there were after that of `number` and not after `now`.
    #[must_use]
    pub const fn passed(self, number: u64, now: Now) -> u64 {
        self.next(now).saturating_sub(number.saturating_add(1))
    }

    /// Whether it is too late for the last point: TICK_LATE_PART of a tick after it, or before the
    /// first one.
    #[must_use]
    pub const fn is_late(self, now: Now) -> bool {
        match self.next(now).checked_sub(1) {
            Some(number) => {
                let late = now.millis().saturating_sub(self.point(number).millis());
                late.saturating_mul(TICK_LATE_PART) >= self.tick.0 as u64
            }
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    fn tick(millis: u32) -> TickMs {
        TickMs::try_from(millis).unwrap()
    }

    #[test]
    fn only_the_list_has_ticks() {
        for millis in [300, 1_000, 30_000, 300_000] {
            assert_eq!(tick(millis).millis(), millis);
        }
        for millis in [0, 1, 299, 301, 999, 60_001, u32::MAX] {
            assert_eq!(TickMs::try_from(millis), Err(TickRefused(millis)));
        }
        assert_eq!(tick(300).a_day(), 288_000);
        assert_eq!(tick(300_000).a_day(), 288);
    }

    #[test]
    fn a_phase_is_below_its_tick() {
        assert_eq!(Rhythm::new(tick(300), 299).unwrap().phase(), 299);
        let refused = Rhythm::new(tick(300), 300);
        assert_eq!(refused, Err(Misuse::Phase { phase: 300, tick: 300 }));
    }

    #[test]
    fn phases_are_drawn_from_the_whole_tick() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut fifths = [0_u32; 5];
        for _ in 0..1_000 {
            let phase = Rhythm::draw(tick(1_000), &mut rng).phase();
            fifths[phase as usize / 200] += 1;
        }
        assert!(fifths.iter().all(|count| (150..250).contains(count)), "{fifths:?}");
    }

    #[test]
    fn points_are_multiples_of_the_tick_since_the_epoch() {
        let rhythm = Rhythm::new(tick(300), 100).unwrap();
        let at = Now::from_millis;
        assert_eq!(rhythm.next(at(0)), 0);
        assert_eq!(rhythm.next(at(99)), 0);
        assert_eq!(rhythm.next(at(100)), 1);
        assert_eq!(rhythm.point(1), at(400));
        assert!(rhythm.is_late(at(99)) && !rhythm.is_late(at(100)));
        assert!(!rhythm.is_late(at(249)) && rhythm.is_late(at(250)) && !rhythm.is_late(at(400)));
        assert_eq!(rhythm.passed(1, at(399)), 0);
        assert_eq!(rhythm.passed(1, at(1_000)), 2);
    }

    proptest! {
        #[test]
        fn the_next_point_is_the_first_one_after_now(
            index in 0_usize..7,
            phase in 0_u32..300_000,
            now in 0_u64..4_000_000_000_000,
        ) {
            let tick = TickMs::all().nth(index).unwrap();
            let rhythm = Rhythm::new(tick, phase % tick.millis()).unwrap();
            let now = Now::from_millis(now);
            let number = rhythm.next(now);
            prop_assert!(rhythm.point(number) > now);
            if let Some(before) = number.checked_sub(1) {
                prop_assert!(rhythm.point(before) <= now);
                prop_assert_eq!(rhythm.passed(before, now), 0);
                prop_assert_eq!(rhythm.passed(before, rhythm.point(before + 3)), 3);
            }
        }
    }
}
