//! From a sequence that fails to the shortest and simplest that still does.
//!
//! A pass of chunks first, since every candidate costs requests: whole stretches of commands go
//! before any single one is looked at. Then proptest simplifies what is left, command by command,
//! and a second pass of chunks takes away what that has made superfluous.

use std::cell::RefCell;
use std::fmt;
use std::time::{Duration, Instant};

use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

/// A generated command that can still be simplified.
pub type Tree<T> = Box<dyn ValueTree<Value = T>>;

/// What shrinking came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk<T> {
    /// The sequence that is left; it fails.
    pub commands: Vec<T>,
    /// How many candidates were tried.
    pub tried: u32,
}

/// Shrinks the sequence of `trees`, which must fail, until `within` is over.
pub fn shrink<T: Clone + fmt::Debug + 'static>(
    trees: Vec<Tree<T>>,
    within: Duration,
    fails: impl Fn(&[T]) -> bool,
) -> Shrunk<T> {
    let until = Instant::now() + within;
    let tried = RefCell::new(0_u32);
    let counted = |commands: &[T]| {
        *tried.borrow_mut() += 1;
        Instant::now() < until && fails(commands)
    };
    let all: Vec<T> = trees.iter().map(|tree| tree.current()).collect();
    let kept = chunks(&all, &counted);
    let mut trees: Vec<Option<Tree<T>>> = trees.into_iter().map(Some).collect();
    let ready: Vec<Ready<T>> = kept
        .iter()
        .filter_map(|place| trees.get_mut(*place)?.take())
        .map(|tree| Ready(RefCell::new(Some(tree))))
        .collect();
    let simple = simplify(&ready, until, &counted).unwrap_or_else(|| pick(&all, &kept));
    let last = chunks(&simple, &counted);
    let commands = pick(&simple, &last);
    Shrunk { commands, tried: tried.into_inner() }
}

/// The places of a shortest failing subsequence: no chunk of any size can be left out.
fn chunks<T: Clone>(all: &[T], fails: &impl Fn(&[T]) -> bool) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..all.len()).collect();
    let mut size = (kept.len() / 2).max(1);
    loop {
        let mut removed = false;
        let mut from = 0;
        while from < kept.len() {
            let to = (from + size).min(kept.len());
            let outside = |(place, _): &(usize, &usize)| !(from..to).contains(place);
            let fewer: Vec<usize> =
                kept.iter().enumerate().filter(outside).map(|(_, at)| *at).collect();
            if fails(&pick(all, &fewer)) {
                kept = fewer;
                removed = true;
            } else {
                from = to;
            }
        }
        match (size, removed) {
            (1, false) => return kept,
            (1, true) => {}
            _ => size = size.div_ceil(2),
        }
    }
}

fn pick<T: Clone>(all: &[T], places: &[usize]) -> Vec<T> {
    places.iter().filter_map(|place| all.get(*place).cloned()).collect()
}

/// proptest's own shrinking; none where the sequence does not fail any more.
fn simplify<T: Clone + fmt::Debug + 'static>(
    ready: &Vec<Ready<T>>,
    until: Instant,
    fails: &impl Fn(&[T]) -> bool,
) -> Option<Vec<T>> {
    let left = until.saturating_duration_since(Instant::now()).as_millis();
    let config = Config {
        failure_persistence: None,
        max_shrink_time: u32::try_from(left).unwrap_or(u32::MAX).max(1),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let tree = ready.new_tree(&mut runner).ok()?;
    let result = runner.run_one(tree, |commands: Vec<T>| {
        if fails(&commands) { Err(TestCaseError::fail("still fails")) } else { Ok(()) }
    });
    match result {
        Err(TestError::Fail(_, commands)) => Some(commands),
        _ => None,
    }
}

/// A strategy that has been asked already.
struct Ready<T>(RefCell<Option<Tree<T>>>);

impl<T> fmt::Debug for Ready<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready")
    }
}

impl<T: fmt::Debug> Strategy for Ready<T> {
    type Tree = Tree<T>;
    type Value = T;

    fn new_tree(&self, _runner: &mut TestRunner) -> NewTree<Self> {
        self.0.borrow_mut().take().ok_or_else(|| "asked twice".into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{RngAlgorithm, TestRng};

    use super::*;

    fn numbers(count: usize) -> Vec<Tree<u32>> {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let number = (0..1_000_u32).boxed();
        (0..count).map(|_| number.new_tree(&mut runner).unwrap()).collect()
    }

    #[test]
    fn two_numbers_far_apart_are_found_and_made_small() {
        let fails = |numbers: &[u32]| numbers.iter().filter(|n| **n >= 500).count() >= 2;
        let shrunk = shrink(numbers(200), Duration::from_secs(20), fails);
        assert_eq!(shrunk.commands, [500, 500]);
    }

    #[test]
    fn whole_chunks_go_first() {
        let tried = RefCell::new(0);
        let all: Vec<u32> = (0..256).collect();
        let fails = |numbers: &[u32]| {
            *tried.borrow_mut() += 1;
            numbers.contains(&200)
        };
        assert_eq!(chunks(&all, &fails), [200]);
        assert!(tried.into_inner() < 40);
    }

    #[test]
    fn no_time_leaves_the_sequence_as_it_is() {
        let shrunk = shrink(numbers(5), Duration::ZERO, |_| true);
        assert_eq!(shrunk.commands.len(), 5);
    }
}
