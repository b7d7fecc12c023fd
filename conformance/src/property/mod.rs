//! The property engine: random sequences of commands against a server, in lockstep with the model.
//!
//! A [`Command`] names what it is about by small numbers that are resolved when
//! it is carried out, so any subsequence of a sequence can run: shrinking only leaves things out.
//! Each sequence runs over links and connections of its own, many beside one another. After each
//! request the engine waits for the answer and the events that the model says must follow; after
//! the last, every connection is drained and deleted, and a [`ledger`] that knows nothing of
//! the model balances what was handed in with what came out. [Histories](history) are the
//! concurrent counterpart: few calls at once, and a search for an order that explains them.

pub mod command;
pub mod concurrent;
pub mod coverage;
pub mod history;
pub mod ledger;
#[cfg(test)]
mod memory;
pub mod resolve;
pub mod sequence;
pub mod shrink;
pub mod target;
#[cfg(test)]
mod tests;
pub mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use command::{Command, Powers};
use coverage::Coverage;
use sequence::{Broken, Line, Setting};
use target::Target;

use crate::verdict::{Finding, Stop};

/// Patience with an event that must come, while shrinking: a candidate may wait in vain.
const SHRINK_PATIENCE: Duration = Duration::from_millis(400);

/// How often a shrunk sequence is tried before the sequence is reported as it was generated.
const CONFIRMATIONS: usize = 5;

/// Where targets come from: each sequence gets one, with links of its own, to the same server.
pub trait Supply: Send + Sync + 'static {
    /// What it supplies.
    type Target: Target;

    /// One more.
    fn supply(&self) -> impl Future<Output = Result<Self::Target, Stop>> + Send;
}

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The run's seed.
    pub seed: u64,
    /// Number of the first sequence.
    pub first: u64,
    /// How many sequences there are.
    pub sequences: u64,
    /// Commands of each.
    pub commands: usize,
    /// Sequences at a time.
    pub at_once: usize,
    /// How long shrinking may take.
    pub shrink_within: Duration,
}

/// A sequence that a conformant server would have carried out otherwise.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its number in the run; with the seed it makes the sequence again.
    pub sequence: u64,
    /// How many sequences had been carried out.
    pub after: u64,
    /// How many commands it had before shrinking.
    pub generated: usize,
    /// The commands that are left.
    pub commands: Vec<Command>,
    /// How many candidates were tried to shrink it.
    pub tried: u32,
    /// What was expected and what came.
    pub finding: Finding,
    /// How it went.
    pub transcript: Vec<Line>,
}

/// What a repro file holds, under `data`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repro {
    /// The sequence's number.
    pub sequence: u64,
    /// The commands.
    pub commands: Vec<Command>,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// How it went.
    pub transcript: Vec<Line>,
}

/// Why a run ended before its end.
#[derive(Debug)]
pub enum Ended {
    /// A sequence failed.
    Found(Box<Found>),
    /// Nothing can be said of the server.
    Stopped(Stop),
}

impl From<&Found> for Repro {
    fn from(found: &Found) -> Self {
        Self {
            sequence: found.sequence,
            commands: found.commands.clone(),
            expected: found.finding.expected.clone(),
            actual: found.finding.actual.clone(),
            transcript: found.transcript.clone(),
        }
    }
}

/// Carries out a run.
///
/// # Errors
/// The first sequence that failed, shrunk; or what kept the run from going on.
pub async fn explore<S: Supply>(
    supply: Arc<S>,
    setting: Setting,
    plan: Plan,
) -> Result<Coverage, Ended> {
    let end = plan.first + plan.sequences;
    let (next, stop) = (Arc::new(AtomicU64::new(plan.first)), Arc::new(AtomicBool::new(false)));
    let mut workers = JoinSet::new();
    for _ in 0..plan.at_once.max(1) {
        let (supply, next, stop) = (Arc::clone(&supply), Arc::clone(&next), Arc::clone(&stop));
        workers.spawn(async move {
            let mut coverage = Coverage::default();
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    break;
                }
                let commands = generate(&plan, number, setting.powers);
                match carry_out(&*supply, &setting, &commands).await {
                    Ok(met) => coverage.add(&met),
                    Err(broken) => {
                        stop.store(true, Ordering::Relaxed);
                        return Err((number, broken));
                    }
                }
            }
            Ok(coverage)
        });
    }
    let mut coverage = Coverage::default();
    let mut first: Option<(u64, Box<Broken>)> = None;
    while let Some(joined) = workers.join_next().await {
        match joined {
            Ok(Ok(met)) => coverage.add(&met),
            Ok(Err((number, broken))) if first.as_ref().is_none_or(|(n, _)| number < *n) => {
                first = Some((number, broken));
            }
            Ok(Err(_)) => {}
            Err(fault) => return Err(Ended::Stopped(Stop::harness(fault.to_string()))),
        }
    }
    let Some((number, broken)) = first else { return Ok(coverage) };
    let Broken { stop: Stop::Fail(finding), transcript } = *broken else {
        return Err(Ended::Stopped(broken.stop));
    };
    let after = next.load(Ordering::Relaxed).min(end);
    let found = Found {
        sequence: number,
        after,
        generated: plan.commands,
        commands: generate(&plan, number, setting.powers),
        tried: 0,
        finding,
        transcript,
    };
    let shrunk = smaller(supply, setting, plan, found).await;
    Err(shrunk.map_or_else(Ended::Stopped, |found| Ended::Found(Box::new(found))))
}

/// Carries out one sequence of commands over a fresh target.
///
/// # Errors
/// As [`sequence::run`].
pub async fn carry_out<S: Supply>(
    supply: &S,
    setting: &Setting,
    commands: &[Command],
) -> Result<Coverage, Box<Broken>> {
    match supply.supply().await {
        Ok(mut target) => sequence::run(&mut target, setting, commands).await,
        Err(stop) => Err(Box::new(Broken { stop, transcript: Vec::new() })),
    }
}

/// The sequence of a number: the same for the same seed, whatever ran before.
#[must_use]
pub fn generate(plan: &Plan, number: u64, powers: Powers) -> Vec<Command> {
    trees(plan, number, powers).iter().map(|tree| tree.current()).collect()
}

fn trees(plan: &Plan, number: u64, powers: Powers) -> Vec<shrink::Tree<Command>> {
    let mut seed = [0; 32];
    for (place, byte) in plan.seed.to_be_bytes().into_iter().chain(number.to_be_bytes()).enumerate()
    {
        if let Some(there) = seed.get_mut(place) {
            *there = byte;
        }
    }
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let command = command::command(powers);
    (0..plan.commands).filter_map(|_| command.new_tree(&mut runner).ok()).collect()
}

/// Shrinks a sequence that failed, and runs what is left once more for its transcript.
///
/// A sequence that does not fail again is reported as it was: what it saw is proof by itself.
async fn smaller<S: Supply>(
    supply: Arc<S>,
    setting: Setting,
    plan: Plan,
    found: Found,
) -> Result<Found, Stop> {
    let runtime = tokio::runtime::Handle::current();
    let patience = setting.patience.min(SHRINK_PATIENCE);
    let hasty = Setting { patience, ..setting };
    let work = move || {
        let trees = trees(&plan, found.sequence, setting.powers);
        let attempt = |commands: &[Command]| {
            let result = runtime.block_on(carry_out(&*supply, &hasty, commands)).err();
            result.and_then(|broken| match broken.stop {
                Stop::Fail(finding) => Some((finding, broken.transcript)),
                _ => None,
            })
        };
        let shrunk = shrink::shrink(trees, plan.shrink_within, |c| attempt(c).is_some());
        // A fault that hangs on timing may need more than one try to show again.
        match (0..CONFIRMATIONS).find_map(|_| attempt(&shrunk.commands)) {
            Some((finding, transcript)) => Found {
                commands: shrunk.commands,
                tried: shrunk.tried,
                finding,
                transcript,
                ..found
            },
            None => Found { tried: shrunk.tried, ..found },
        }
    };
    tokio::task::spawn_blocking(work).await.map_err(|fault| Stop::harness(fault.to_string()))
}
