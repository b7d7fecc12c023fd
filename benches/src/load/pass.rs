//! One timed pass of a closed loop: what is counted, and how.

use crate::{Failure, machine};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// A pass that the parent asks for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// Before anything is counted.
    pub warm_up: Duration,
    /// While messages are counted.
    pub counted: Duration,
}

/// What one pass measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pass {
    /// Messages a second.
    pub per_second: f64,
    /// Microseconds that the server's threads ran, for each message.
    pub server_cpu_us: Option<f64>,
    /// The same of the client.
    pub client_cpu_us: Option<f64>,
    /// Half of the messages took no more than this, in microseconds.
    pub p50_us: f64,
    /// Of a hundred messages ninety-nine took no more than this, in microseconds.
    pub p99_us: f64,
}

/// Counts one pass.
pub struct Count {
    server: u32,
    started: Instant,
    phase: Phase,
}

enum Phase {
    WarmUp { until: Instant, counted: Duration },
    Counting(Box<Counting>),
}

struct Counting {
    from: Instant,
    until: Instant,
    messages: u64,
    microseconds: Vec<u32>,
    server: Option<Duration>,
    client: Option<Duration>,
}

impl Count {
    /// Begins a pass against the server with this process id.
    pub fn begin(ask: Ask, server: u32) -> Self {
        let started = Instant::now();
        let phase = Phase::WarmUp { until: started + ask.warm_up, counted: ask.counted };
        Self { server, started, phase }
    }

    /// One message that was sent at `sent` has arrived at `now`. False once the time is over.
    pub fn message(&mut self, sent: Instant, now: Instant) -> bool {
        match &mut self.phase {
            Phase::WarmUp { until, counted } if now >= *until => {
                let counted = *counted;
                self.phase = Phase::Counting(Box::new(Counting::begin(self.server, now, counted)));
                true
            }
            Phase::WarmUp { .. } => true,
            Phase::Counting(counting) => {
                counting.messages += 1;
                let took = now.duration_since(sent).as_micros();
                counting.microseconds.push(u32::try_from(took).unwrap_or(u32::MAX));
                now < counting.until
            }
        }
    }

    /// Ends the pass.
    pub fn finish(self) -> Result<Pass, Failure> {
        let Phase::Counting(mut counting) = self.phase else {
            let waited = self.started.elapsed().as_secs_f64();
            return Err(format!("nothing arrived after the warm-up ({waited:.1} s)").into());
        };
        counting.finish(self.server)
    }
}

impl Counting {
    fn begin(server: u32, from: Instant, counted: Duration) -> Self {
        Self {
            from,
            until: from + counted,
            messages: 0,
            microseconds: Vec::with_capacity(1 << 20),
            server: machine::run_time(server),
            client: machine::run_time(std::process::id()),
        }
    }

    fn finish(&mut self, server: u32) -> Result<Pass, Failure> {
        let seconds = self.from.elapsed().as_secs_f64();
        let server = machine::run_time(server).zip(self.server);
        let client = machine::run_time(std::process::id()).zip(self.client);
        if self.messages == 0 {
            return Err("not one message in the counted time".into());
        }
        let messages = self.messages as f64;
        let each = |(after, before): (Duration, Duration)| {
            after.saturating_sub(before).as_secs_f64() * 1e6 / messages
        };
        self.microseconds.sort_unstable();
        Ok(Pass {
            per_second: messages / seconds,
            server_cpu_us: server.map(each),
            client_cpu_us: client.map(each),
            p50_us: percentile(&self.microseconds, 50),
            p99_us: percentile(&self.microseconds, 99),
        })
    }
}

/// The smallest of the sorted values that at least `percent` of a hundred do not exceed.
fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().map_or(0.0, f64::from)
}

impl Pass {
    /// Of several passes, the one with the median of messages a second (the lower of two).
    pub fn median(passes: &[Self]) -> Option<&Self> {
        let mut sorted: Vec<&Self> = passes.iter().collect();
        sorted.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        sorted.get(passes.len().checked_sub(1)? / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 50), 50.0);
        assert_eq!(percentile(&hundred, 99), 99.0);
        assert_eq!(percentile(&[7], 99), 7.0);
        assert_eq!(percentile(&[1, 2, 3], 50), 2.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }

    #[test]
    fn only_the_counted_time_counts() {
        let server = std::process::id();
        let ask = Ask { warm_up: Duration::from_secs(1), counted: Duration::from_secs(2) };
        let mut count = Count::begin(ask, server);
        let start = count.started;
        let at = |millis| start + Duration::from_millis(millis);
        assert!(count.message(start, at(500)), "still warming up");
        assert!(count.message(start, at(1_000)), "begins here, not counted itself");
        assert!(count.message(at(1_000), at(1_500)));
        assert!(count.message(at(2_000), at(2_010)));
        assert!(!count.message(at(2_990), at(3_000)), "the time is over");
        let Phase::Counting(counting) = &count.phase else { panic!("must count") };
        assert_eq!(counting.messages, 3);
        assert_eq!(counting.microseconds, [500_000, 10_000, 10_000]);
    }

    #[test]
    fn the_median_is_a_whole_pass() {
        let pass = |per_second| Pass {
            per_second,
            server_cpu_us: Some(per_second * 2.0),
            client_cpu_us: None,
            p50_us: 0.0,
            p99_us: 0.0,
        };
        let passes = [pass(3.0), pass(1.0), pass(2.0)];
        let median = Pass::median(&passes).unwrap();
        assert_eq!((median.per_second, median.server_cpu_us), (2.0, Some(4.0)));
        assert!(Pass::median(&[]).is_none());
    }
}
