//! Numbers about the whole server, and nothing about anyone on it.

use std::sync::atomic::{AtomicU64, Ordering};

use edgewise_spec::error::RejectCode;
use edgewise_spec::server::Refusals;
use serde::{Deserialize, Serialize};

/// Ticks a second in which Linux counts a process's time.
const TICKS: u64 = 100;
/// Bytes of a page in which Linux counts a process's memory.
const PAGE: u64 = 4_096;

/// Counters that every link adds to.
#[derive(Debug, Default)]
pub struct Counters {
    blocks_in: AtomicU64,
    blocks_out: AtomicU64,
    refused_streams: AtomicU64,
    rejects: [AtomicU64; std::mem::size_of::<Refusals>() / 4],
}

/// A snapshot of all aggregates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Version of the program.
    pub version: String,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Confirmed links.
    pub links: u64,
    /// Links that have not confirmed.
    pub half_open: u64,
    /// HTTP/2 connections.
    pub carriers: u64,
    /// Simplex connections kept.
    pub connections: u64,
    /// Parts kept.
    pub parts: u64,
    /// Bytes of parts kept.
    pub bytes: u64,
    /// Ids kept of deleted connections.
    pub tombstones: u64,
    /// Blocks taken from clients.
    pub blocks_in: u64,
    /// Blocks handed out.
    pub blocks_out: u64,
    /// Streams refused before they had keys.
    pub refused_streams: u64,
    /// Refused requests by name of their code; those of no requests are left out.
    pub rejects: std::collections::BTreeMap<String, u64>,
    /// Number of the current epoch; `None` if there is none.
    pub epoch: Option<u32>,
    /// End of the signed epochs, in seconds since the Unix epoch; `None` where none is needed.
    pub epochs_until: Option<u64>,
    /// Whether more epochs are to be signed soon.
    pub epochs_run_out: bool,
    /// Processor time of the process, in milliseconds; `None` where the system does not say.
    pub cpu_ms: Option<u64>,
    /// Resident memory of the process, in bytes; `None` where the system does not say.
    pub rss_bytes: Option<u64>,
    /// What each edge has a share in.
    #[serde(default)]
    pub edges: Vec<EdgeStats>,
}

/// A snapshot of what one edge has and has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeStats {
    /// Where clients reach it, `host:port`.
    pub address: String,
    /// Whether it serves: an edge that was lost does not.
    pub serving: bool,
    /// Confirmed links.
    pub links: u64,
    /// Links that have not confirmed.
    pub half_open: u64,
    /// HTTP/2 connections.
    pub carriers: u64,
    /// Blocks taken from clients.
    pub blocks_in: u64,
    /// Blocks handed out.
    pub blocks_out: u64,
    /// Streams refused before they had keys.
    pub refused_streams: u64,
}

impl Counters {
    /// A block came.
    pub fn block_in(&self) {
        self.blocks_in.fetch_add(1, Ordering::Relaxed);
    }

    /// Blocks went.
    pub fn blocks_out(&self, count: u64) {
        self.blocks_out.fetch_add(count, Ordering::Relaxed);
    }

    /// A stream was refused.
    pub fn refused_stream(&self) {
        self.refused_streams.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests were refused, so many of each code.
    pub fn refusals(&self, refusals: &Refusals) {
        for (counter, count) in self.rejects.iter().zip(refusals) {
            counter.fetch_add(u64::from(*count), Ordering::Relaxed);
        }
    }

    /// Blocks taken, blocks handed out, streams refused.
    #[must_use]
    pub fn read(&self) -> [u64; 3] {
        [&self.blocks_in, &self.blocks_out, &self.refused_streams]
            .map(|counter| counter.load(Ordering::Relaxed))
    }

    /// Adds refused requests by name of their code; those of no requests are left out.
    pub fn add_rejects(&self, rejects: &mut std::collections::BTreeMap<String, u64>) {
        for (index, counter) in self.rejects.iter().enumerate() {
            let count = counter.load(Ordering::Relaxed);
            let code = i32::try_from(index).ok();
            let code = code.and_then(|code| RejectCode::try_from(code).ok());
            if let Some(code) = code.filter(|_| count > 0) {
                let name = code.as_str_name().trim_start_matches("REJECT_CODE_");
                *rejects.entry(name.to_owned()).or_default() += count;
            }
        }
    }
}

/// Processor time of this process in milliseconds, user and system.
#[must_use]
pub fn cpu_ms() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold anything: fields are counted behind it.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * (1_000 / TICKS))
}

/// Resident memory of this process in bytes.
#[must_use]
pub fn rss_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

/// Files this process may open, as the system limits them now.
#[must_use]
pub fn open_files_max() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[expect(clippy::indexing_slicing, reason = "a test stops at a fault")]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_seen() {
        let start = std::time::Instant::now();
        let mut sum = 0_u64;
        while start.elapsed().as_millis() < 60 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let ms = cpu_ms().unwrap();
        assert!((10..10_000_000).contains(&ms), "{ms} ms");
        let rss = rss_bytes().unwrap();
        assert!((1 << 20..1 << 36).contains(&rss), "{rss} bytes");
        assert!(open_files_max().unwrap() >= 64);
    }

    #[test]
    fn refusals_are_counted_by_name() {
        let counters = Counters::default();
        let mut refusals = Refusals::default();
        refusals[RejectCode::Quota as usize] = 2;
        refusals[RejectCode::Gap as usize] = 1;
        counters.refusals(&refusals);
        let mut rejects = std::collections::BTreeMap::new();
        counters.add_rejects(&mut rejects);
        Counters::default().add_rejects(&mut rejects);
        counters.add_rejects(&mut rejects);
        assert_eq!(rejects.get("QUOTA"), Some(&4));
        assert_eq!(rejects.get("GAP"), Some(&2));
        assert_eq!(rejects.len(), 2);
    }
}
