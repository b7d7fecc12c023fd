//! What the operating system says of a process, and what it can be asked for.

use serde::{Deserialize, Serialize};
use std::fs;
use std::time::Duration;

/// The machine a measurement was made on: without it a figure says nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor, as the kernel names it.
    pub processor: String,
    /// Processors this program may use.
    pub cores: usize,
    /// Processes ready to run beside ours when the measurement began: a busy machine shows here.
    pub load_average: String,
    /// Release of the kernel.
    pub kernel: String,
}

impl Machine {
    /// Looks at `/proc`; what it does not say is called unknown.
    pub fn look() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
            .map_or_else(unknown, |(_, name)| name.trim().to_owned());
        let release =
            fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| unknown());
        let average = fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| unknown());
        Self {
            processor,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load_average: average.split(' ').take(3).collect::<Vec<_>>().join(" "),
            kernel: release.trim().to_owned(),
        }
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// Time that all threads of a process have run, or `None` where `/proc` does not say.
pub fn run_time(pid: u32) -> Option<Duration> {
    let mut nanoseconds = 0_u64;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread may end between the listing and the reading; what it ran is then not counted.
        let Ok(text) = fs::read_to_string(task.ok()?.path().join("schedstat")) else { continue };
        nanoseconds = nanoseconds.saturating_add(text.split(' ').next()?.parse().ok()?);
    }
    Some(Duration::from_nanos(nanoseconds))
}

/// Resident memory of a process in bytes, counted page by page, or `None` where `/proc` is silent.
pub fn resident(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes.saturating_mul(1_024))
}

/// Keeps this process, from now on, on one core; says whether that was possible.
#[cfg(target_os = "linux")]
pub fn pin(core: usize) -> bool {
    let mut set = rustix::thread::CpuSet::new();
    if core >= rustix::thread::CpuSet::MAX_CPU {
        return false;
    }
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set).is_ok()
}

/// Keeps this process on one core where the system can; this one cannot.
#[cfg(not(target_os = "linux"))]
pub fn pin(_core: usize) -> bool {
    false
}

/// Raises the limit of open files to at least `wanted` if that is allowed; returns what holds now.
#[cfg(target_os = "linux")]
pub fn raise_open_files(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let current = now.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return current;
    }
    let maximum = now.maximum.unwrap_or(u64::MAX);
    // Raising the hard limit needs a privilege; the soft one may rise to it without.
    let hard = Rlimit { current: Some(wanted), maximum: Some(wanted.max(maximum)) };
    if setrlimit(Resource::Nofile, hard).is_ok() {
        return wanted;
    }
    let soft = Rlimit { current: Some(maximum), maximum: now.maximum };
    if setrlimit(Resource::Nofile, soft).is_ok() { maximum } else { current }
}

/// What the limit of open files is cannot be said on this system; it is taken to be enough.
#[cfg(not(target_os = "linux"))]
pub fn raise_open_files(_wanted: u64) -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_runs_and_has_memory() {
        let pid = std::process::id();
        let before = run_time(pid).unwrap();
        let started = std::time::Instant::now();
        let mut sum = 0_u64;
        while started.elapsed() < Duration::from_millis(30) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(run_time(pid).unwrap() > before, "{before:?}");
        let before = resident(pid).unwrap();
        let pages = std::hint::black_box(vec![1_u8; 64 << 20]);
        let grown = resident(pid).unwrap() - before;
        assert!((60 << 20..80 << 20).contains(&grown), "{grown} for {}", pages.len());
    }
}
