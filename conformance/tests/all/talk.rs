//! The property engine for clients: conformant ones pass, and what is wrong with one is caught and
//! shrunk to the few commands that show it.

use std::sync::Arc;
use std::time::Duration;

use edgewise_conformance::driver::own::{self, Flaw};
use edgewise_conformance::driver::{ClientSource, REFERENCE, Starter};
use edgewise_conformance::peer::Trace;
use edgewise_conformance::property::talk::{Command, Line, Powers, Talks};
use edgewise_conformance::property::{
    Ended, Found, Patience, Plan, Repro, Subject, explore, generate,
};

const PLAN: Plan = Plan {
    seed: 5,
    first: 0,
    sequences: 40,
    commands: 12,
    at_once: 1,
    shrink_within: Duration::from_secs(40),
};

fn talks(starter: Starter, powers: Powers) -> Talks {
    let client = ClientSource::Embedded(starter);
    let (one, other) = (client.clone(), client);
    Talks { one, other, powers, seed: PLAN.seed, trace: Trace::default() }
}

fn explored(talks: Talks) -> Result<(), Ended<Command, Line>> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let came = runtime.block_on(explore(Arc::new(talks), PLAN));
    runtime.shutdown_background();
    came.map(drop)
}

fn found(starter: Starter, powers: Powers) -> Found<Command, Line> {
    match explored(talks(starter, powers)) {
        Err(Ended::Found(found)) => *found,
        other => panic!("not found: {other:?}"),
    }
}

const NOTHING: Powers = Powers {
    receipts: false,
    moves: false,
    restarts: false,
    clock: false,
    cuts: false,
    loss: false,
    lies: false,
};

#[test]
fn a_client_of_the_specifications_words_talks_with_itself() {
    let powers = Powers { restarts: true, clock: true, cuts: true, ..NOTHING };
    explored(talks(own::start::<{ Flaw::None as u8 }>, powers)).unwrap();
}

#[test]
fn a_text_that_a_restart_loses_shrinks_to_two_commands() {
    let powers = Powers { restarts: true, ..NOTHING };
    let found = found(own::start::<{ Flaw::Forgets as u8 }>, powers);
    assert!(matches!(
        found.commands[..],
        [Command::Say { count: 1, .. }, Command::Restart(_) | Command::Leave(_)]
    ));
}

#[test]
fn changes_in_the_wrong_order_shrink_to_a_few_commands() {
    let found = found(own::start::<{ Flaw::EditsBackwards as u8 }>, NOTHING);
    let [.., Command::Edit { .. }, Command::Edit { .. }] = found.commands[..] else {
        panic!("{:#?}", found.commands);
    };
    assert!(found.commands.len() <= 5, "{:#?}", found.commands);
}

#[test]
fn a_repeated_part_that_is_shown_again_shrinks_to_three_commands() {
    let powers = Powers { cuts: true, ..NOTHING };
    let found = found(own::start::<{ Flaw::ShowsAgain as u8 }>, powers);
    assert!(found.commands.len() <= 3, "{:#?}", found.commands);
}

#[test]
fn the_same_seed_and_number_make_the_same_talk() {
    let talks = talks(REFERENCE, Powers { restarts: true, cuts: true, loss: true, ..NOTHING });
    let of = |number| generate(&PLAN, number, &talks.strategy());
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
}

#[test]
fn a_talk_survives_its_file() {
    let starter = own::start::<{ Flaw::Forgets as u8 }>;
    let powers = Powers { restarts: true, ..NOTHING };
    let found = found(starter, powers);
    let text = serde_json::to_string_pretty(&Repro::from(&found)).unwrap();
    let again: Repro<Command, Line> = serde_json::from_str(&text).unwrap();
    assert_eq!(again.commands, found.commands);
    assert!(!again.transcript.is_empty());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let talks = talks(starter, powers);
    let carried = talks.carry_out(again.sequence, &again.commands, Patience::Short);
    runtime.block_on(carried).unwrap_err();
    runtime.shutdown_background();
}
