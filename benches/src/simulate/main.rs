//! `simulate`: a world of clients over ten unlinked groups of edges, in virtual time, from one
//! seed. What is real in it and what is not stands in `benches/README.md`.
//!
//! Links, connections, stores, sessions, cells and parts are those of `edgewise_spec`. Simulated are
//! the network, time, users and faults.

mod chance;
mod counts;
mod edges;
mod end;
mod group;
mod lane;
mod options;
mod report;
mod setup;
#[cfg(test)]
mod tests;
mod watch;
mod world;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use edgewise_spec::scatter::join;

use crate::options::Options;
use crate::world::World;

/// Whatever went wrong, for a person to read.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            // Nobody is left to be told if standard error is closed.
            let _ = writeln!(std::io::stderr().lock(), "simulate: {failure}");
            ExitCode::from(2)
        }
    }
}

/// True if every comparison holds.
fn run(options: &Options) -> Result<bool, Failure> {
    options.check()?;
    let began = Instant::now();
    let world = World::new(options.clone(), join)?;
    let made = began.elapsed();
    let report = world.run()?;
    let mut out = std::io::stdout().lock();
    report.print(&mut out)?;
    // What depends on the machine is no part of the report, which the seed fixes byte for byte.
    let whole = began.elapsed();
    writeln!(out, "\nmade in {made:.1?}, run in {:.1?}", whole.saturating_sub(made))?;
    match peak_kib() {
        Some(peak) => {
            let each = peak as f64 / options.clients as f64;
            writeln!(out, "peak resident memory {peak} KiB, {each:.0} KiB a client")?;
        }
        None => writeln!(out, "peak resident memory unknown")?,
    }
    if let Some(path) = &options.json {
        let written = std::fs::write(path, report.to_json()?);
        written.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(report.holds())
}

/// The most memory that was resident in this process so far, or `None` where `/proc` is silent.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
