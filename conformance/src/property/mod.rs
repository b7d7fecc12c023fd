//! The property engine: random sequences of commands against what is under test, judged by a model,
//! and shrunk where they fail.
//!
//! The engine knows no more than a [`Subject`]: what commands there are, and how a sequence of them
//! is carried out. A command names what it is about by small numbers that are resolved when it is
//! carried out, so any subsequence of a sequence can run: shrinking only leaves things out.
//!
//! There are two subjects. [`Sequences`] are requests of a server in lockstep with the model, over
//! links and connections of their own: after each request the engine waits for the answer and the
//! events that the model says must follow; after the last, every connection is drained and deleted,
//! and a [`ledger`] that knows nothing of the model balances what was handed in with what came out.
//! [Talks](talk) are what two clients say to one another while servers and clients fail.
//! [Histories](history) are the concurrent counterpart of sequences: few calls at once, and a
//! search for an order that explains them.

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
pub mod talk;
pub mod target;
#[cfg(test)]
mod tests;
pub mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

pub use sequence::{Sequences, Supply};

use coverage::Coverage;

use crate::verdict::{Finding, Stop};

/// How often a shrunk sequence is tried before the sequence is reported as it was generated.
const CONFIRMATIONS: usize = 5;

/// How the engine waits for what must come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// As long as the subject allows.
    Full,
    /// While shrinking: a candidate may wait in vain.
    Short,
}

/// What sequences of commands are carried out on.
pub trait Subject: Send + Sync + 'static {
    /// One command. Any subsequence of a sequence is a sequence.
    type Command: Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// One line of a transcript.
    type Line: Clone + fmt::Debug + Serialize + DeserializeOwned + Send + 'static;
    /// One combination of state, command and outcome that a run can meet.
    type Cell: Copy + Ord + fmt::Debug + Send + 'static;

    /// What a sequence is made of.
    fn strategy(&self) -> BoxedStrategy<Self::Command>;

    /// Carries out one sequence on something fresh; its number is all that it may follow beside
    /// the commands.
    fn carry_out(
        &self,
        number: u64,
        commands: &[Self::Command],
        patience: Patience,
    ) -> impl Future<Output = Carried<Self>> + Send;
}

/// What came of one sequence.
pub type Carried<S> = Result<Coverage<<S as Subject>::Cell>, Box<Broken<<S as Subject>::Line>>>;

/// Why a sequence ended before its end.
#[derive(Clone, Debug)]
pub struct Broken<L> {
    /// What was expected and what came.
    pub stop: Stop,
    /// Everything up to there.
    pub transcript: Vec<L>,
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

/// A sequence that something conformant would have carried out otherwise.
#[derive(Clone, Debug)]
pub struct Found<C, L> {
    /// Its number in the run; with the seed it makes the sequence again.
    pub sequence: u64,
    /// How many sequences had been carried out.
    pub after: u64,
    /// How many commands it had before shrinking.
    pub generated: usize,
    /// The commands that are left.
    pub commands: Vec<C>,
    /// How many candidates were tried to shrink it.
    pub tried: u32,
    /// What was expected and what came.
    pub finding: Finding,
    /// How it went.
    pub transcript: Vec<L>,
}

/// What a subject's runs find.
pub type FoundIn<S> = Found<<S as Subject>::Command, <S as Subject>::Line>;

/// What a repro file holds, under `data`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repro<C, L> {
    /// The sequence's number.
    pub sequence: u64,
    /// The commands.
    pub commands: Vec<C>,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// How it went.
    pub transcript: Vec<L>,
}

/// Why a run ended before its end.
#[derive(Debug)]
pub enum Ended<C, L> {
    /// A sequence failed.
    Found(Box<Found<C, L>>),
    /// Nothing can be said of the subject.
    Stopped(Stop),
}

/// Why a subject's run ended.
pub type EndedIn<S> = Ended<<S as Subject>::Command, <S as Subject>::Line>;

impl<C: Clone, L: Clone> From<&Found<C, L>> for Repro<C, L> {
    fn from(found: &Found<C, L>) -> Self {
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
pub async fn explore<S: Subject>(
    subject: Arc<S>,
    plan: Plan,
) -> Result<Coverage<S::Cell>, EndedIn<S>> {
    let end = plan.first + plan.sequences;
    let (next, stop) = (Arc::new(AtomicU64::new(plan.first)), Arc::new(AtomicBool::new(false)));
    let mut workers = JoinSet::new();
    for _ in 0..plan.at_once.max(1) {
        let (subject, next, stop) = (Arc::clone(&subject), Arc::clone(&next), Arc::clone(&stop));
        workers.spawn(async move {
            let mut coverage = Coverage::default();
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    break;
                }
                let commands = generate(&plan, number, &subject.strategy());
                match subject.carry_out(number, &commands, Patience::Full).await {
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
    let mut first: Option<(u64, Box<Broken<S::Line>>)> = None;
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
        commands: generate(&plan, number, &subject.strategy()),
        tried: 0,
        finding,
        transcript,
    };
    let shrunk = smaller(subject, plan, found).await;
    Err(shrunk.map_or_else(Ended::Stopped, |found| Ended::Found(Box::new(found))))
}

/// The sequence of a number: the same for the same seed, whatever ran before.
#[must_use]
pub fn generate<C: Clone + fmt::Debug + 'static>(
    plan: &Plan,
    number: u64,
    command: &BoxedStrategy<C>,
) -> Vec<C> {
    trees(plan, number, command).iter().map(|tree| tree.current()).collect()
}

fn trees<C: Clone + fmt::Debug + 'static>(
    plan: &Plan,
    number: u64,
    command: &BoxedStrategy<C>,
) -> Vec<shrink::Tree<C>> {
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
    (0..plan.commands).filter_map(|_| command.new_tree(&mut runner).ok()).collect()
}

/// Shrinks a sequence that failed, and runs what is left once more for its transcript.
///
/// A sequence that does not fail again is reported as it was: what it saw is proof by itself.
async fn smaller<S: Subject>(
    subject: Arc<S>,
    plan: Plan,
    found: FoundIn<S>,
) -> Result<FoundIn<S>, Stop> {
    let runtime = tokio::runtime::Handle::current();
    let work = move || {
        let number = found.sequence;
        let trees = trees(&plan, number, &subject.strategy());
        let attempt = |commands: &[S::Command], patience| {
            let carried = subject.carry_out(number, commands, patience);
            runtime.block_on(carried).err().and_then(|broken| match broken.stop {
                Stop::Fail(finding) => Some((finding, broken.transcript)),
                _ => None,
            })
        };
        let shrunk = shrink::shrink(trees, plan.shrink_within, |commands| {
            attempt(commands, Patience::Short).is_some()
        });
        // A fault that hangs on timing may need more than one try to show again, and what was only
        // slow must not be taken for one.
        match (0..CONFIRMATIONS).find_map(|_| attempt(&shrunk.commands, Patience::Full)) {
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
