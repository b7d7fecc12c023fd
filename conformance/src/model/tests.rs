//! The model, one rule at a time, in the words of the chapter.

use super::*;

const TERMS: Terms =
    Terms { quota_max: 128, idle_days_max: 90, part_days_max: 21, buried_hours: 24 };
const NOW: Hour = 500_000;

fn key(pair: Pair, version: u32) -> Key {
    Key { pair, version, not_before: NOW - 1, not_after: NOW + 1_000, grace: 24 }
}

fn create(state: State) -> Create {
    let open = state == State::Open;
    Create {
        name: 1,
        key: key(1, 0),
        claim: 2,
        state,
        sender: (!open).then(|| key(3, 0)),
        class: Class::Medium,
        quota: 16,
        idle_days: 7,
        part_days: 1,
        bundle: open.then_some(9),
        recipient_signed: true,
        claim_signed: open,
        chain: Vec::new(),
    }
}

fn attach(role: Role, handle: u32) -> Attach {
    let pair = if role == Role::Recipient { 1 } else { 3 };
    let (name, version, from, signed, chain) = (1, 0, 0, true, Vec::new());
    Attach { handle, role, name, pair, version, from, signed, chain }
}

/// A claimed connection, its recipient on link 0 and its sender on link 1, both with handle 0.
fn pair() -> World {
    let mut world = World::new(TERMS, NOW);
    let (recipient, sender) = (world.open(Class::Medium), world.open(Class::Medium));
    let answer = ask(&mut world, recipient, Request::Create(Box::new(create(State::Claimed))));
    assert_eq!(answer, Answer::Created(State::Claimed));
    for (link, role) in [(recipient, Role::Recipient), (sender, Role::Sender)] {
        let answer = ask(&mut world, link, Request::Attach(Box::new(attach(role, 0))));
        assert!(matches!(answer, Answer::Attached { .. }), "{answer:?}");
    }
    world
}

fn ask(world: &mut World, link: usize, request: Request) -> Answer {
    world.handle(link, &request).answer.unwrap()
}

fn send(submission: u64) -> Request {
    let part = u32::try_from(submission).unwrap() + 100;
    Request::Send { handle: 0, submission, part, whole: true }
}

const fn rotate(handle: u32, change: Change) -> Request {
    Request::Rotate { handle, name: 1, role: Role::Recipient, change }
}

fn no(code: Code) -> Answer {
    Answer::refused(code)
}

const fn subscribe(parts: u32, bytes: u32) -> Request {
    Request::Subscribe { handle: 0, parts, bytes }
}

fn sequences(outcome: &Outcome) -> Vec<u64> {
    let events = outcome.events.iter().filter_map(|(_, event)| match event {
        Event::Deliver { sequence, .. } => Some(*sequence),
        _ => None,
    });
    events.collect()
}

#[test]
fn below_is_done_above_is_a_gap_and_full_is_quota() {
    let mut world = pair();
    for submission in 0..16 {
        assert_eq!(ask(&mut world, 1, send(submission)), Answer::Done);
    }
    assert_eq!(ask(&mut world, 1, send(3)), Answer::Done);
    assert_eq!(ask(&mut world, 1, send(16)), no(Code::Quota));
    let gap = Answer::Refused { code: Code::Gap as i32, next: 16 };
    assert_eq!(ask(&mut world, 1, send(17)), gap);
    assert_eq!(world.records()[&1].parts.len(), 16);
}

#[test]
fn a_window_admits_so_many_and_always_one() {
    let mut world = pair();
    for submission in 0..5 {
        ask(&mut world, 1, send(submission));
    }
    assert_eq!(sequences(&world.handle(0, &subscribe(2, 1 << 20))), [1, 2]);
    assert_eq!(sequences(&world.handle(0, &subscribe(64, 1))), [1]);
    let outcome = world.handle(0, &Request::Acknowledge { handle: 0, through: 9 });
    assert_eq!((outcome.answer.as_ref(), sequences(&outcome)), (None, vec![2]));
    assert_eq!(world.records()[&1].parts.len(), 4);
}

#[test]
fn another_subscription_replaces_and_a_rotation_ends() {
    let mut world = pair();
    world.handle(0, &subscribe(1, 1));
    ask(&mut world, 1, Request::Attach(Box::new(attach(Role::Recipient, 1))));
    let outcome = world.handle(1, &Request::Subscribe { handle: 1, parts: 1, bytes: 1 });
    assert_eq!(outcome.events, [(0, Event::Replaced { handle: 0 })]);
    let change = Change { new: key(8, 1), old: 1, signed: true };
    let outcome = world.handle(0, &rotate(0, change.clone()));
    assert_eq!(outcome.answer, Some(Answer::Done));
    assert_eq!(outcome.events, [(1, Event::Stale { handle: 1 })]);
    assert_eq!(ask(&mut world, 0, Request::Suspend { handle: 0 }), no(Code::Refused));
    let mut again = attach(Role::Recipient, 1);
    (again.pair, again.version) = (8, 1);
    ask(&mut world, 0, Request::Attach(Box::new(again)));
    let answer = ask(&mut world, 0, rotate(1, change));
    assert_eq!(answer, Answer::Done, "ROTATION-10");
}

#[test]
fn a_second_claimer_is_a_conflict_until_a_send() {
    let mut world = World::new(TERMS, NOW);
    let link = world.open(Class::Medium);
    let create = Request::Create(Box::new(create(State::Open)));
    assert_eq!(ask(&mut world, link, create.clone()), Answer::Created(State::Open));
    let claim = |pair| Request::Claim { claim: 2, key: key(pair, 0), signed: true };
    let claimed = |bundle| Answer::Claimed { name: 1, bundle, class: Class::Medium };
    assert_eq!(ask(&mut world, link, claim(3)), claimed(Some(9)));
    assert_eq!(ask(&mut world, link, create), Answer::Created(State::Claimed));
    assert_eq!(ask(&mut world, link, claim(4)), no(Code::Conflict));
    ask(&mut world, link, Request::Attach(Box::new(attach(Role::Sender, 0))));
    ask(&mut world, link, send(0));
    assert_eq!(ask(&mut world, link, claim(3)), claimed(None));
    assert_eq!(ask(&mut world, link, claim(4)), no(Code::Refused));
}

#[test]
fn the_first_fault_of_the_table_is_named() {
    let mut world = World::new(TERMS, NOW);
    let small = world.open(Class::Small);
    let mut faulty = create(State::Open);
    faulty.bundle = None;
    faulty.quota = 17;
    faulty.recipient_signed = false;
    let ask = |world: &mut World, link, create: &Create| {
        ask(world, link, Request::Create(Box::new(create.clone())))
    };
    assert_eq!(ask(&mut world, small, &faulty), no(Code::Malformed));
    faulty.bundle = Some(1);
    assert_eq!(ask(&mut world, small, &faulty), no(Code::WrongLinkClass));
    let medium = world.open(Class::Medium);
    assert_eq!(ask(&mut world, medium, &faulty), no(Code::Terms));
    faulty.quota = 16;
    assert_eq!(ask(&mut world, medium, &faulty), no(Code::BadSignature));
    faulty.recipient_signed = true;
    faulty.key.not_before = NOW + 1;
    assert_eq!(ask(&mut world, medium, &faulty), no(Code::KeyNotYetValid));
    assert!(world.records().is_empty(), "ERROR-1");
}

#[test]
fn deleted_stays_refused_until_the_stone_is_gone() {
    let mut world = pair();
    ask(&mut world, 0, Request::Delete { handle: 0 });
    let create = || Request::Create(Box::new(create(State::Claimed)));
    assert_eq!(ask(&mut world, 0, create()), no(Code::Refused));
    world.advance(24);
    assert_eq!(ask(&mut world, 0, create()), Answer::Created(State::Claimed));
}

#[test]
fn parts_and_connections_grow_old() {
    let mut world = pair();
    ask(&mut world, 1, send(0));
    world.advance(23);
    assert_eq!(world.records()[&1].parts.len(), 1);
    world.advance(1);
    assert_eq!(world.records()[&1].parts.len(), 0);
    world.advance(6 * 24);
    assert!(world.records().is_empty());
}

#[test]
fn a_key_in_grace_can_only_change() {
    let mut world = pair();
    world.advance(1_000 - 7 * 24);
    world.lose();
    let mut old = create(State::Claimed);
    old.key.not_after = world.hour() + 1;
    ask(&mut world, 0, Request::Create(Box::new(old)));
    world.close(0);
    ask(&mut world, 0, Request::Attach(Box::new(attach(Role::Recipient, 0))));
    world.advance(1);
    assert_eq!(ask(&mut world, 0, Request::Suspend { handle: 0 }), no(Code::KeyExpired));
    let new = Key { not_after: world.hour() + 9, ..key(8, 1) };
    let change = Change { new, old: 1, signed: true };
    assert_eq!(ask(&mut world, 0, rotate(0, change)), Answer::Done);
}

#[test]
fn room_makes_a_space_due_once() {
    let mut world = pair();
    ask(&mut world, 0, Request::Suspend { handle: 0 });
    assert_eq!(ask(&mut world, 1, send(0)), no(Code::Quota));
    assert!(!world.take_space(1, 0), "no room yet");
    ask(&mut world, 0, Request::Resume { handle: 0 });
    ask(&mut world, 0, Request::Suspend { handle: 0 });
    assert_eq!(ask(&mut world, 1, send(0)), no(Code::Quota));
    assert!(world.take_space(1, 0), "for the room there was");
    assert!(!world.take_space(1, 0), "once");
}
