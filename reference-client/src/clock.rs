//! What time it is, and randomness: what the specification's code asks its driver for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use edgewise_spec::time::Now;
use rand_core::{TryCryptoRng, TryRng};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, sleep};

/// Longest that an alarm sleeps before it looks at its clock again: the system's timers stand still
/// while a machine sleeps, and its clock does not.
const LOOK: Duration = Duration::from_secs(30);

/// The system's clock, and what a test has added to it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    added_millis: Arc<AtomicU64>,
    moved: Arc<Notify>,
}

impl Clock {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Now::from_millis(millis).plus_millis(self.added_millis.load(Ordering::Relaxed))
    }

    /// Moves this clock, and every clone of it, forward, and wakes who waits for it.
    pub fn advance_millis(&self, millis: u64) {
        self.added_millis.fetch_add(millis, Ordering::Relaxed);
        self.moved.notify_waiters();
    }
}

/// Waits for a time of a clock, whichever way that time comes: it passes, the clock is moved, or the
/// machine wakes up after it.
pub(crate) struct Alarm {
    clock: Clock,
    at: Option<Now>,
    timer: Pin<Box<Sleep>>,
    moved: Pin<Box<OwnedNotified>>,
}

impl Alarm {
    /// An alarm that is not set.
    pub(crate) fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            at: None,
            timer: Box::pin(sleep(LOOK)),
            moved: Box::pin(Arc::clone(&clock.moved).notified_owned()),
        }
    }

    /// Sets it to another time, or to none.
    pub(crate) fn set(&mut self, at: Option<Now>) {
        if at != self.at {
            self.at = at;
            self.look_again();
        }
    }

    /// Ready once its time has come, and as often as it is asked from then on, until it is set to
    /// another; never while it is not set.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(at) = self.at else { return Poll::Pending };
            // Renewed before the clock is read: what moves it after that is told to the new one.
            let moved = self.moved.as_mut().poll(cx).is_ready();
            if moved {
                self.moved = Box::pin(Arc::clone(&self.clock.moved).notified_owned());
            }
            if at <= self.clock.now() {
                return Poll::Ready(());
            }
            let slept = self.timer.as_mut().poll(cx).is_ready();
            if !moved && !slept {
                return Poll::Pending;
            }
            self.look_again();
        }
    }

    /// When it looks at the clock next.
    fn look_again(&mut self) {
        let Some(at) = self.at else { return };
        let left = at.millis().saturating_sub(self.clock.now().millis());
        self.timer.as_mut().reset(Instant::now() + Duration::from_millis(left).min(LOOK));
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    const HOUR: u64 = 3_600_000;
    /// Far less than any time an alarm here is set to, far more than a busy machine takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn alarm(clock: &Clock, millis: u64) -> Alarm {
        let mut alarm = Alarm::new(clock);
        alarm.set(Some(clock.now().plus_millis(millis)));
        alarm
    }

    /// Waits in a task of its own, which only the alarm wakes: a time-out would look at it once more
    /// itself. It has looked at the clock once when this returns.
    async fn waiting(mut alarm: Alarm) -> JoinHandle<Alarm> {
        let waiting = tokio::spawn(async move {
            poll_fn(|cx| alarm.poll(cx)).await;
            alarm
        });
        sleep(Duration::from_millis(20)).await;
        waiting
    }

    async fn rings(waiting: JoinHandle<Alarm>, within: Duration) -> Alarm {
        timeout(within, waiting).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn time_that_passes_wakes() {
        let waiting = waiting(alarm(&Clock::default(), 60)).await;
        rings(waiting, PATIENCE).await;
    }

    #[tokio::test]
    async fn a_clock_that_is_moved_wakes_those_whose_time_has_come() {
        let clock = Clock::default();
        let sooner = waiting(alarm(&clock, HOUR)).await;
        let later = waiting(alarm(&clock, 3 * HOUR)).await;
        clock.advance_millis(2 * HOUR);
        rings(sooner, PATIENCE).await;
        assert!(!later.is_finished());
        clock.advance_millis(HOUR);
        rings(later, PATIENCE).await;
    }

    #[tokio::test]
    async fn what_moves_a_clock_before_anybody_waits_is_not_missed() {
        let clock = Clock::default();
        let alarm = alarm(&clock, HOUR);
        clock.advance_millis(HOUR);
        let mut alarm = rings(waiting(alarm).await, PATIENCE).await;
        alarm.set(None);
        assert!(!waiting(alarm).await.is_finished());
    }

    /// While a machine sleeps its clock goes on, and nobody tells.
    #[tokio::test(start_paused = true)]
    async fn a_machine_that_wakes_up_is_noticed() {
        let clock = Clock::default();
        let waiting = waiting(alarm(&clock, HOUR)).await;
        assert!(!waiting.is_finished());
        clock.added_millis.fetch_add(HOUR, Ordering::Relaxed);
        rings(waiting, 2 * LOOK).await;
    }
}
