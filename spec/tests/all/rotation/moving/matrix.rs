//! State × event of both ends of a move. The same tables stand in the chapter.

use std::fmt::Write as _;

use edgewise_spec::constants::{DESCRIPTOR_LEN_MAX, MOVE_LANES_MAX, UNACKED_MAX};
use edgewise_spec::rotation::moving::{
    BeginRefused, Direction, Follower, FollowerEvent, FollowerStep, MoveRefused, MovedRefused,
    Mover, MoverEvent, MoverStep,
};

const CHAPTER: &str = include_str!("../../../../rotation.md");

const NOW: Direction = Direction { sealed: 120, acked: 100 };

fn table<S>(states: &[(&str, S)], events: &[&str], cell: impl Fn(&S, &str) -> String) -> String {
    let mut out = format!("| state | {} |\n|---|", events.join(" | "));
    out.push_str(&"---|".repeat(events.len()));
    for (name, state) in states {
        let cells: Vec<_> = events.iter().map(|event| cell(state, event)).collect();
        write!(out, "\n| {name} | {} |", cells.join(" | ")).unwrap();
    }
    out + "\n"
}

const fn begin(place: u8, lane: u32) -> MoverEvent {
    MoverEvent::Begin { place, from: place as u32, lane, opened: 50 }
}

const fn moved(number: u32, s: u32) -> MoverEvent {
    MoverEvent::Moved { number, place: 0, s, opened: 60 }
}

/// A recipient after these, and after a first move of which a connection is still waited for.
fn mover_after(events: &[MoverEvent]) -> Mover {
    let mut mover = Mover::default();
    let first = [begin(0, 10), MoverEvent::Created, moved(1, 61)];
    for event in first.iter().chain(events) {
        let _ = mover.handle(*event).unwrap();
        assert_eq!(Mover::from_bytes(&mover.to_bytes()), Ok(mover.clone()));
    }
    mover
}

fn mover_name(mover: &Mover) -> &'static str {
    match mover {
        Mover::Still(_) => "Still",
        Mover::Making(_) => "Making",
        Mover::Asking(_) => "Asking",
    }
}

fn mover_cell(mover: &Mover, event: &str) -> String {
    let mut mover = mover.clone();
    let asked = match mover.pending() {
        MoverStep::Ask { offer, .. } => offer.number,
        _ => 2,
    };
    let happened = match event {
        "begin" => begin(0, 99),
        "begin, another place" => begin(1, 99),
        "created" => MoverEvent::Created,
        "withdrawn" => MoverEvent::Withdrawn,
        "moved" => moved(asked, 70),
        "other answer" => moved(1, 61),
        "moved, s out of reach" => moved(asked, 50),
        "opened" => MoverEvent::Awaited(61),
        other => panic!("{other}"),
    };
    let before = mover_name(&mover);
    let what = match mover.handle(happened) {
        Err(BeginRefused::Busy) => "busy".to_owned(),
        Err(BeginRefused::OtherPlace(_)) => "other place".to_owned(),
        Err(other) => panic!("{other}"),
        Ok(MoverStep::Nothing) => "–".to_owned(),
        Ok(MoverStep::Create(_)) => "create".to_owned(),
        Ok(MoverStep::Ask { .. }) => "say move".to_owned(),
        Ok(MoverStep::Taken { withdrawn: None, .. }) => "take".to_owned(),
        Ok(MoverStep::Taken { withdrawn: Some(_), .. }) => "take, delete the newest".to_owned(),
        Ok(MoverStep::Delete(lanes)) if lanes[..] == [0] => "delete the old".to_owned(),
        Ok(MoverStep::Delete(_)) => "delete the newest".to_owned(),
        Ok(MoverStep::Refused(_)) => "refuse".to_owned(),
    };
    match mover_name(&mover) {
        after if after == before => what,
        after => format!("{what} → {after}"),
    }
}

#[test]
fn the_recipient_handles_every_event_in_every_state() {
    use MoverEvent::Created;
    let states = [
        ("Still", mover_after(&[])),
        ("Making", mover_after(&[begin(0, 11)])),
        ("Asking", mover_after(&[begin(0, 11), Created])),
        ("Making, to supersede", mover_after(&[begin(0, 11), Created, begin(0, 12)])),
        ("Asking, superseding", mover_after(&[begin(0, 11), Created, begin(0, 12), Created])),
    ];
    let events = [
        "begin",
        "begin, another place",
        "created",
        "withdrawn",
        "moved",
        "other answer",
        "moved, s out of reach",
        "opened",
    ];
    let table = table(&states, &events, mover_cell);
    insta::assert_snapshot!(table);
    assert!(CHAPTER.contains(&table), "rotation.md lacks this table:\n{table}");
}

const fn asked(number: u32, place: u8, base: u32, to: u32) -> FollowerEvent<'static> {
    let descriptor = b"descriptor";
    FollowerEvent::Move { number, place, base, descriptor, n: 2, from: 0, to, now: NOW }
}

/// A sender after these, and after a first move whose old connection still has parts.
fn follower_after(events: &[FollowerEvent<'_>]) -> Follower {
    let mut follower = Follower::default();
    let first = [asked(5, 0, 100, 10), FollowerEvent::Claimed(NOW)];
    for event in first.iter().chain(events) {
        let _ = follower.handle(*event);
        assert_eq!(Follower::from_bytes(&follower.to_bytes()), Ok(follower.clone()));
    }
    follower
}

fn follower_name(follower: &Follower) -> &'static str {
    match follower {
        Follower::Still(_) => "Still",
        Follower::Claiming(_) => "Claiming",
        Follower::Waiting(_) => "Waiting",
    }
}

fn follower_cell(follower: &Follower, event: &str) -> String {
    let mut follower = follower.clone();
    let newest = if follower_name(&follower) == "Still" { 5 } else { 6 };
    let happened = match event {
        "move" => asked(9, 1, 120, 99),
        "same" => asked(newest, 0, 100, 99),
        "answered" => asked(5, 0, 100, 99),
        "lower" => asked(4, 0, 100, 99),
        "refused" => asked(9, 0, 633, 99),
        "claimed" => FollowerEvent::Claimed(NOW),
        "REFUSED, unreached" => FollowerEvent::Unclaimed,
        "CONFLICT" => FollowerEvent::Conflict,
        "sealed" => FollowerEvent::Sealed(Direction { sealed: 200, acked: 100 }),
        "acknowledged" => FollowerEvent::Acknowledged(900),
        other => panic!("{other}"),
    };
    let before = follower_name(&follower);
    let what = match follower.handle(happened) {
        FollowerStep::Nothing => "–",
        FollowerStep::Claim { forget: None, .. } => "claim",
        FollowerStep::Claim { forget: Some(_), .. } => "claim instead",
        FollowerStep::Wait => "wait",
        FollowerStep::Switched { .. } => "switch, say moved",
        FollowerStep::Repeat(_) => "say moved again",
        FollowerStep::LetGo(_) => "let go",
        FollowerStep::Alarm { .. } => "tell: conflict",
        FollowerStep::Refused(_) => "refuse",
    };
    match follower_name(&follower) {
        after if after == before => what.to_owned(),
        after => format!("{what} → {after}"),
    }
}

#[test]
fn the_sender_handles_every_event_in_every_state() {
    let waits = [asked(6, 0, 150, 11), FollowerEvent::Claimed(NOW)];
    let states = [
        ("Still", follower_after(&[])),
        ("Claiming", follower_after(&[asked(6, 0, 100, 11)])),
        ("Waiting", follower_after(&waits)),
    ];
    let events = [
        "move",
        "same",
        "answered",
        "lower",
        "refused",
        "claimed",
        "REFUSED, unreached",
        "CONFLICT",
        "sealed",
        "acknowledged",
    ];
    let table = table(&states, &events, follower_cell);
    insta::assert_snapshot!(table);
    assert!(CHAPTER.contains(&table), "rotation.md lacks this table:\n{table}");
}

/// ROTATION-19, ROTATION-20, ROTATION-26
#[test]
fn moves_count_up_and_are_as_many_as_are_waited_for() {
    let mut mover = Mover::default();
    for number in 1.. {
        let lane = 9 + number;
        match mover.handle(begin(0, lane)) {
            Ok(step) => assert_eq!(step, MoverStep::Create(lane)),
            Err(refused) => {
                assert_eq!((refused, number), (BeginRefused::TooMany, MOVE_LANES_MAX as u32 + 1));
                break;
            }
        }
        let MoverStep::Ask { place: 0, offer } = mover.handle(MoverEvent::Created).unwrap() else {
            panic!("{mover:?}");
        };
        assert_eq!((offer.number, offer.lane, offer.base), (number, lane, 50));
        assert_eq!(mover.lanes().count(), number as usize);
        assert_eq!(Mover::from_bytes(&mover.to_bytes()), Ok(mover.clone()));
    }
    // All but the one that is taken are left, and deleted together.
    let last = MOVE_LANES_MAX as u32;
    let taken = mover.handle(moved(last, 51)).unwrap();
    assert!(matches!(taken, MoverStep::Taken { lane, s: 51, .. } if lane == 9 + last));
    assert_eq!(mover.handle(begin(0, 99)), Err(BeginRefused::TooMany));
    assert_eq!(mover.handle(MoverEvent::Awaited(50)), Ok(MoverStep::Nothing));
    let MoverStep::Delete(lanes) = mover.handle(MoverEvent::Awaited(51)).unwrap() else { panic!() };
    assert_eq!(lanes.len(), MOVE_LANES_MAX);
    assert!(mover.handle(begin(0, 99)).is_ok());
    // Withdrawn, it is as if it had not begun, but for its number.
    assert!(matches!(mover.handle(MoverEvent::Withdrawn), Ok(MoverStep::Delete(_))));
    let _ = mover.handle(begin(0, 98)).unwrap();
    let step = mover.handle(MoverEvent::Created).unwrap();
    assert!(matches!(step, MoverStep::Ask { offer, .. } if offer.number == last + 2));
}

/// The last number of a direction is the last move.
#[test]
fn numbers_of_moves_do_not_wrap() {
    let mut bytes = Mover::default().to_bytes();
    bytes[2..6].copy_from_slice(&[0xff; 4]);
    let mut mover = Mover::from_bytes(&bytes).unwrap();
    assert_eq!(mover.handle(begin(0, 10)), Err(BeginRefused::Exhausted));
    let mut follower = follower_after(&[asked(u32::MAX, 1, 120, 11)]);
    assert!(follower.claim().is_some_and(|claim| claim.number == u32::MAX));
    assert_eq!(follower.handle(asked(7, 1, 120, 12)), FollowerStep::Nothing);
    // No s is left for the new connection: it waits for good, and the old one goes on.
    let end = Direction { sealed: u32::MAX, acked: u32::MAX };
    assert_eq!(follower.handle(FollowerEvent::Claimed(end)), FollowerStep::Wait);
}

/// ROTATION-33: a base above what was sealed.
#[test]
fn the_answer_waits_for_the_base() {
    let mut follower = follower_after(&[asked(6, 1, 122, 11)]);
    assert_eq!(follower.handle(FollowerEvent::Claimed(NOW)), FollowerStep::Wait);
    let at = |sealed| FollowerEvent::Sealed(Direction { sealed, acked: 100 });
    assert_eq!(follower.handle(at(121)), FollowerStep::Nothing);
    let step = follower.handle(at(122));
    let FollowerStep::Switched { answer, base: 122, from: 0, to: 11, .. } = step else {
        panic!("{step:?}");
    };
    assert_eq!((answer.number, answer.place, answer.s), (6, 1, 123));
    // ROTATION-30, also long after its base is out of reach.
    let now = Direction { sealed: 9_000, acked: 9_000 };
    let again = FollowerEvent::Move {
        number: 6,
        place: 1,
        base: 122,
        descriptor: b"",
        n: 2,
        from: 11,
        to: 12,
        now,
    };
    assert_eq!(follower.handle(again), FollowerStep::Repeat(answer));
}

/// ROTATION-34
#[test]
fn an_ack_beyond_the_move_leaves_what_was_under_way() {
    let mut follower = follower_after(&[]);
    assert_eq!(follower.kept(), 101..121);
    assert_eq!(follower.handle(FollowerEvent::Acknowledged(104)), FollowerStep::Nothing);
    assert_eq!(follower.kept(), 105..121);
    assert_eq!(follower.handle(FollowerEvent::Acknowledged(121)), FollowerStep::Nothing);
    assert_eq!(follower.kept(), 105..121);
    assert_eq!(follower.handle(FollowerEvent::Acknowledged(118 + 513)), FollowerStep::Nothing);
    assert_eq!(follower.kept(), 119..121);
    let over = follower.handle(FollowerEvent::Acknowledged(120 + 513));
    assert!(matches!(over, FollowerStep::LetGo(lanes) if lanes[..] == [0]));
    assert!(follower.kept().is_empty());
    // An ack of all that was sealed before leaves nothing, and one that comes late goes not back.
    let mut follower = follower_after(&[FollowerEvent::Acknowledged(119)]);
    assert_eq!(follower.handle(FollowerEvent::Acknowledged(110)), FollowerStep::Nothing);
    let over = follower.handle(FollowerEvent::Acknowledged(120));
    assert!(matches!(over, FollowerStep::LetGo(lanes) if lanes[..] == [0]));
}

/// Whoever moves again and again waits for nothing but what may be waited for.
#[test]
fn the_oldest_connection_is_let_go_where_too_many_are_left() {
    let mut follower = follower_after(&[]);
    for number in 6..=4 + MOVE_LANES_MAX as u32 {
        let _ = follower.handle(asked(number, 0, 120, 10 + number));
        let step = follower.handle(FollowerEvent::Claimed(NOW));
        assert!(matches!(step, FollowerStep::Switched { let_go, .. } if let_go.is_empty()));
    }
    assert_eq!(follower.lanes().count(), MOVE_LANES_MAX);
    let _ = follower.handle(asked(99, 0, 120, 99));
    let step = follower.handle(FollowerEvent::Claimed(NOW));
    assert!(matches!(step, FollowerStep::Switched { let_go, .. } if let_go[..] == [0]));
    assert_eq!(follower.lanes().count(), MOVE_LANES_MAX);
    let gone = follower.handle(FollowerEvent::Gone(0));
    assert!(matches!(gone, FollowerStep::LetGo(lanes) if !lanes.is_empty()));
}

/// ROTATION-35: nothing of the move is left, and its number is used up.
#[test]
fn a_conflict_ends_the_move() {
    let mut follower = follower_after(&[asked(6, 0, 100, 11)]);
    let step = follower.handle(FollowerEvent::Conflict);
    assert_eq!(step, FollowerStep::Alarm { forget: 11 });
    assert!(follower.claim().is_none());
    assert_eq!(follower.handle(FollowerEvent::Claimed(NOW)), FollowerStep::Nothing);
    assert_eq!(follower.handle(asked(6, 0, 100, 12)), FollowerStep::Nothing);
}

#[test]
fn what_is_refused_is_told_and_changes_nothing() {
    let mut follower = follower_after(&[]);
    let before = follower.clone();
    let long = [0; DESCRIPTOR_LEN_MAX + 1];
    let descriptor = &long[..];
    let event = FollowerEvent::Move {
        number: 6,
        place: 0,
        base: 120,
        descriptor,
        n: 2,
        from: 0,
        to: 9,
        now: NOW,
    };
    let step = follower.handle(event);
    assert_eq!(step, FollowerStep::Refused(MoveRefused::Descriptor(257)));
    assert_eq!(follower, before);
    let mut mover = mover_after(&[begin(0, 11), MoverEvent::Created]);
    let before = mover.clone();
    let far = 60 + UNACKED_MAX + 2;
    let step = mover.handle(moved(2, far)).unwrap();
    assert_eq!(step, MoverStep::Refused(MovedRefused::Far { s: far, opened: 60 }));
    assert_eq!(mover, before);
}

#[test]
fn a_stored_move_that_is_damaged_is_not_read() {
    let mover = mover_after(&[begin(0, 11), MoverEvent::Created, begin(0, 12)]).to_bytes();
    let follower = follower_after(&[asked(6, 0, 100, 11)]).to_bytes();
    for end in 0..mover.len() {
        assert!(Mover::from_bytes(&mover[..end]).is_err(), "{end}");
    }
    // A descriptor has the length that is left.
    for end in 0..follower.len() - b"descriptor".len() {
        assert!(Follower::from_bytes(&follower[..end]).is_err(), "{end}");
    }
    for at in [0, 1] {
        let mut bytes = mover.clone();
        bytes[at] = 7;
        assert!(Mover::from_bytes(&bytes).is_err());
        let mut bytes = follower.clone();
        bytes[at] = 7;
        assert!(Follower::from_bytes(&bytes).is_err());
    }
    let mut longer = mover;
    longer.push(0);
    assert!(Mover::from_bytes(&longer).is_err());
    assert!(!format!("{:?}", follower_after(&[asked(6, 0, 100, 11)])).contains("100, 101, 115"));
}
