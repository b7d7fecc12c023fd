//! The engine against servers in memory: a conformant one passes and is covered, a faulty one is
//! caught and shrunk to the fewest commands that show the fault.

use std::sync::Mutex;

use super::command::{Command, Powers};
use super::coverage::{Cell, REQUIRED};
use super::memory::{Fault, Memories, TERMS};
use super::sequence::{Line, Setting};
use super::*;
use crate::model::{Role, State};

type Coverage = super::Coverage<Cell>;
type Ended = super::Ended<Command, Line>;
type Found = super::Found<Command, Line>;
type Repro = super::Repro<Command, Line>;

const PLAN: Plan = Plan {
    first: 0,
    seed: 1,
    sequences: 220,
    commands: 50,
    at_once: 4,
    shrink_within: Duration::from_secs(30),
};

fn setting(powers: Powers) -> Setting {
    Setting { terms: TERMS, powers, patience: Duration::ZERO }
}

fn subject(fault: Fault, powers: Powers) -> Sequences<Memories> {
    Sequences { supply: Arc::new(Memories(fault, Mutex::new(0))), setting: setting(powers) }
}

fn explore_with(fault: Fault, powers: Powers) -> Result<Coverage, Ended> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(explore(Arc::new(subject(fault, powers)), PLAN))
}

fn found(fault: Fault) -> Found {
    match explore_with(fault, Powers::default()) {
        Err(Ended::Found(found)) => *found,
        other => panic!("{fault:?} was not found: {other:?}"),
    }
}

#[test]
fn a_conformant_server_passes_and_every_required_cell_is_met() {
    let coverage = explore_with(Fault::None, Powers::default()).unwrap();
    assert!(coverage.commands() >= 10_000, "{}", coverage.commands());
    assert!(coverage.missing(REQUIRED).is_empty(), "{:?}", coverage.missing(REQUIRED));
}

#[test]
fn a_conformant_server_passes_with_clock_and_restarts() {
    explore_with(Fault::None, Powers { clock: true, restart: true }).unwrap();
}

#[test]
fn a_forgotten_suspend_shrinks_to_three_commands() {
    let found = found(Fault::SuspendForgotten);
    assert_eq!(found.commands.len(), 3, "{:#?}", found.commands);
    assert!(matches!(found.commands[0], Command::Create { state: State::Claimed, .. }));
    assert!(matches!(found.commands[1], Command::Attach { role: Role::Recipient, .. }));
    assert!(matches!(found.commands[2], Command::Suspend(_)));
}

#[test]
fn parts_not_delivered_again_shrink_to_three_commands() {
    let found = found(Fault::NothingTwice);
    assert_eq!(found.commands.len(), 3, "{:#?}", found.commands);
    assert!(matches!(found.commands[2], Command::Send { count: 1, .. }));
}

#[test]
fn a_doubled_send_shrinks_to_three_or_four_commands() {
    let found = found(Fault::SendDoubled);
    assert!(found.commands.len() <= 4, "{:#?}", found.commands);
}

#[test]
fn an_acknowledgement_too_far_shrinks_to_six_commands() {
    let found = found(Fault::AcknowledgeAll);
    assert_eq!(found.commands.len(), 6, "{:#?}", found.commands);
}

#[test]
fn a_subscription_that_outlives_its_key_shrinks_to_four_commands() {
    let found = found(Fault::RotateSilent);
    assert_eq!(found.commands.len(), 4, "{:#?}", found.commands);
}

#[test]
fn a_swap_at_the_end_of_a_full_record_shrinks_to_sixteen_sends() {
    let found = found(Fault::Swapped);
    let sends = found.commands.iter().map(|command| match command {
        Command::Send { count, .. } => u32::from(*count),
        _ => 0,
    });
    assert!((15..=16).contains(&sends.sum::<u32>()), "{:#?}", found.commands);
    assert!(found.commands.len() <= 5, "{:#?}", found.commands);
}

#[test]
fn the_same_seed_and_number_make_the_same_sequence() {
    let strategy = command::command(Powers::default());
    assert_eq!(generate(&PLAN, 3, &strategy), generate(&PLAN, 3, &strategy));
    assert_ne!(generate(&PLAN, 3, &strategy), generate(&PLAN, 4, &strategy));
    let other = Plan { seed: 2, ..PLAN };
    assert_ne!(generate(&PLAN, 3, &strategy), generate(&other, 3, &strategy));
}

#[test]
fn any_subsequence_is_a_sequence() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let subject = subject(Fault::None, Powers::default());
    let all = generate(&PLAN, 0, &subject.strategy());
    for skip in 1..8 {
        for from in 0..skip {
            let some: Vec<Command> = all.iter().skip(from).step_by(skip).cloned().collect();
            runtime.block_on(subject.carry_out(0, &some, Patience::Full)).unwrap();
        }
    }
}

#[test]
fn a_repro_survives_its_file() {
    let found = found(Fault::NothingTwice);
    let repro = Repro::from(&found);
    let text = serde_json::to_string_pretty(&repro).unwrap();
    let again: Repro = serde_json::from_str(&text).unwrap();
    assert_eq!(again.commands, found.commands);
    assert!(!again.transcript.is_empty());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let subject = subject(Fault::NothingTwice, Powers::default());
    runtime.block_on(subject.carry_out(0, &again.commands, Patience::Full)).unwrap_err();
}
