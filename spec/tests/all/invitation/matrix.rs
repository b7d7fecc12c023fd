//! State × event of both ends of an invitation. The same tables stand in the chapter.

use std::fmt::Write as _;

use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{
    Answer, Ask, Bundle, BundleRefused, Claimer, Given, Happened, Inviter, Lost, Name, Offer, Step,
};
use edgewise_spec::scatter::Shape;

use super::{HOUR, NOT_AFTER, bundle_over, key, servers};

const CHAPTER: &str = include_str!("../../../invitation.md");

fn table<S: Copy>(
    states: &[(&str, S)],
    events: &[&str],
    cell: impl Fn(S, &str) -> String,
) -> String {
    let mut out = format!("| state | {} |\n|---|", events.join(" | "));
    out.push_str(&"---|".repeat(events.len()));
    for (name, state) in states {
        let cells: Vec<_> = events.iter().map(|event| cell(*state, event)).collect();
        write!(out, "\n| {name} | {} |", cells.join(" | ")).unwrap();
    }
    out + "\n"
}

fn inviter_after(events: &[Happened]) -> Inviter {
    let mut inviter = Inviter::new(2);
    inviter.handle(Happened::Created(0));
    for event in events {
        let _ = inviter.handle(*event);
    }
    inviter
}

fn inviter_name(inviter: &Inviter) -> &'static str {
    match inviter {
        Inviter::Making(_) => "Making",
        Inviter::Made(_) => "Made",
        Inviter::Claimed(_) => "Claimed",
        Inviter::Accepted => "Accepted",
        Inviter::Abandoned(_) => "Abandoned",
    }
}

fn inviter_cell(mut inviter: Inviter, event: &str) -> String {
    let happened = match event {
        "created" => Happened::Created(1),
        "claimed" => Happened::Claimed(0),
        "conflict" => Happened::Conflict(1),
        "opened" => Happened::Opened,
        "over" => Happened::Over,
        "withdrawn" => Happened::Withdrawn,
        other => panic!("{other}"),
    };
    let before = inviter_name(&inviter);
    let what = match inviter.handle(happened) {
        Ask::Nothing => "–",
        Ask::HandOn => "hand on",
        Ask::Expect => "tell: claimed",
        Ask::Begin => "begin",
        Ask::Delete(Lost::Conflict) => "delete, tell: conflict",
        Ask::Delete(Lost::Expired) => "delete, tell: over",
        Ask::Delete(Lost::Withdrawn) => "delete",
    };
    match inviter_name(&inviter) {
        after if after == before => what.to_owned(),
        after => format!("{what} → {after}"),
    }
}

#[test]
fn the_inviter_handles_every_event_in_every_state() {
    use Happened::{Claimed, Created, Opened, Withdrawn};
    let made = inviter_after(&[Created(1)]);
    let states = [
        ("Making", inviter_after(&[])),
        ("Made", made),
        ("Claimed", inviter_after(&[Created(1), Claimed(0)])),
        ("Accepted", inviter_after(&[Created(1), Opened])),
        ("Abandoned", inviter_after(&[Withdrawn])),
    ];
    let events = ["created", "claimed", "conflict", "opened", "over", "withdrawn"];
    let table = table(&states, &events, inviter_cell);
    assert!(CHAPTER.contains(&table), "invitation.md lacks this table:\n{table}");
    insta::assert_snapshot!(table);
}

/// How many answers came before, and which.
#[derive(Clone, Copy)]
struct Stage {
    /// c claimed, r refused, u unreached.
    answers: &'static str,
    withdrawn: bool,
}

fn bundle() -> Bundle {
    bundle_over(3, false)
}

fn claimer_after(stage: Stage) -> Claimer {
    let bundle = bundle();
    let sealed = bundle.sealed();
    let mut claimer = Claimer::new(bundle.card(true, 2).unwrap()).unwrap();
    for answer in stage.answers.chars() {
        let place = claimer.next().expect("an open place").place;
        let answer = match answer {
            'c' => Answer::Claimed(&sealed),
            'r' => Answer::Refused,
            _ => Answer::Unreached,
        };
        claimer.handle(place, answer, HOUR);
    }
    if stage.withdrawn {
        claimer.withdraw();
    }
    claimer
}

fn claimer_name(claimer: &Claimer) -> &'static str {
    match claimer {
        Claimer::Seeking(_) => "Seeking",
        Claimer::Claiming(_) => "Claiming",
        Claimer::Ready(_) => "Ready",
        Claimer::Waiting(_) => "Waiting",
        Claimer::Abandoned(_) => "Abandoned",
    }
}

fn claimer_cell(stage: Stage, event: &str) -> String {
    let mut claimer = claimer_after(stage);
    let before = claimer_name(&claimer);
    // What comes for a place that was asked before may come at any time.
    let place = claimer.next().map_or(1, |claim| claim.place);
    let sealed = bundle().sealed();
    let step = match event {
        "claimed" => claimer.handle(place, Answer::Claimed(&sealed), HOUR),
        "claimed, bad bundle" => claimer.handle(place, Answer::Claimed(&[]), HOUR),
        "claimed, over" => claimer.handle(place, Answer::Claimed(&sealed), NOT_AFTER),
        "CONFLICT" => claimer.handle(place, Answer::Conflict, HOUR),
        "refused, unreached" => {
            let mut other = claimer.clone();
            let step = claimer.handle(place, Answer::Refused, HOUR);
            assert_eq!(other.handle(place, Answer::Unreached, HOUR), step);
            step
        }
        "retry" => claimer.retry(HOUR),
        "retry, over" => claimer.retry(NOT_AFTER),
        "withdrawn" => claimer.withdraw(),
        other => panic!("{other}"),
    };
    let what = match step {
        Step::Nothing => "–",
        Step::Claim => "claim",
        Step::Begin => "begin",
        Step::Wait => "wait",
        Step::Abandon(Given::Conflict) => "tell: conflict",
        Step::Abandon(Given::Bundle(BundleRefused::Expired { .. })) => "tell: over",
        Step::Abandon(Given::Bundle(_)) => "tell: bad bundle",
        Step::Abandon(Given::Withdrawn) => "stop",
    };
    match claimer_name(&claimer) {
        after if after == before => what.to_owned(),
        after => format!("{what} → {after}"),
    }
}

#[test]
fn the_claimer_handles_every_event_in_every_state() {
    let after = |answers| Stage { answers, withdrawn: false };
    let states = [
        ("Seeking, none tried", after("")),
        ("Seeking, the last of the card", after("u")),
        ("Claiming", after("c")),
        ("Claiming, the last", after("cu")),
        ("Ready", after("ccc")),
        ("Ready, one missing", after("cuc")),
        ("Waiting", after("ur")),
        ("Abandoned", Stage { answers: "", withdrawn: true }),
    ];
    let events = [
        "claimed",
        "claimed, bad bundle",
        "claimed, over",
        "CONFLICT",
        "refused, unreached",
        "retry",
        "retry, over",
        "withdrawn",
    ];
    let table = table(&states, &events, claimer_cell);
    assert!(CHAPTER.contains(&table), "invitation.md lacks this table:\n{table}");
    insta::assert_snapshot!(table);
}

/// Each kind of state with a name has the place that the table says is next.
#[test]
fn claims_are_made_in_the_order_of_the_bundle() {
    let next = |answers| {
        let claimer = claimer_after(Stage { answers, withdrawn: false });
        claimer.next().map(|claim| (claim.place, claim.server.edge.port))
    };
    assert_eq!(next(""), Some((0, 4_433)));
    assert_eq!(next("u"), Some((1, 4_434)));
    assert_eq!(next("c"), Some((1, 4_434)));
    // The second server of the card has opened it: the first stays unreached for now.
    assert_eq!(next("uc"), Some((2, 4_435)));
    assert_eq!(next("ucc"), None);
    assert_eq!(next("ur"), None);
}

#[test]
fn a_stored_acceptance_goes_on_where_it_was() {
    for answers in ["", "u", "c", "cu", "ccc", "cuc", "ur", "uc", "ucr"] {
        let claimer = claimer_after(Stage { answers, withdrawn: false });
        let (card, bundle) = (bundle().card(true, 2).unwrap(), claimer.bundle().cloned());
        let (restored, step) = Claimer::restore(card, bundle, claimer.places()).unwrap();
        assert_eq!(restored, claimer, "{answers}");
        let expected = match claimer_name(&claimer) {
            "Ready" => Step::Begin,
            "Waiting" => Step::Wait,
            _ => Step::Claim,
        };
        assert_eq!(step, expected, "{answers}");
    }
}

/// INVITATION-33, whenever it comes.
#[test]
fn a_conflict_ends_it_even_when_it_has_begun() {
    let mut claimer = claimer_after(Stage { answers: "cuc", withdrawn: false });
    assert_eq!(claimer.retry(HOUR), Step::Claim);
    assert_eq!(claimer.next().unwrap().place, 1);
    let step = claimer.handle(1, Answer::Conflict, HOUR);
    assert_eq!(step, Step::Abandon(Given::Conflict));
    assert!(claimer.next().is_none() && claimer.bundle().is_none());
}

/// Four of five: a bundle that is open, and too few places.
#[test]
fn a_bundle_without_enough_servers_waits_until_its_time_is_over() {
    let offer = Offer {
        shape: Shape::new(Class::Small, 4, 5).unwrap(),
        servers: &servers(5),
        ek: &key().encapsulator(),
        vk: None,
        name: Name::default(),
        not_after: NOT_AFTER,
    };
    let bundle = Bundle::with_salt(&offer, &[5; 32]).unwrap();
    let (card, sealed) = (bundle.card(false, 1).unwrap(), bundle.sealed());
    let mut claimer = Claimer::new(card).unwrap();
    let mut steps = Vec::new();
    for answer in [true, false, true, false, true] {
        let place = claimer.next().unwrap().place;
        let answer = if answer { Answer::Claimed(&sealed) } else { Answer::Unreached };
        steps.push(claimer.handle(place, answer, HOUR));
    }
    // INVITATION-34
    assert_eq!(steps, [Step::Claim, Step::Claim, Step::Claim, Step::Claim, Step::Wait]);
    assert_eq!(claimer_name(&claimer), "Waiting");
    let mut late = claimer.clone();
    assert!(matches!(
        late.retry(NOT_AFTER),
        Step::Abandon(Given::Bundle(BundleRefused::Expired { .. }))
    ));
    // A late answer is not lost: the claim is made again.
    assert_eq!(claimer.handle(1, Answer::Claimed(&sealed), HOUR), Step::Nothing);
    assert_eq!(claimer.retry(HOUR), Step::Claim);
    assert_eq!(claimer_name(&claimer), "Claiming");
    assert_eq!(claimer.next().unwrap().place, 1);
    assert_eq!(claimer.handle(1, Answer::Claimed(&sealed), HOUR), Step::Claim);
    assert_eq!(claimer.next().unwrap().place, 3);
    assert_eq!(claimer.handle(3, Answer::Refused, HOUR), Step::Begin);
}

/// Nothing was reached, and then something was.
#[test]
fn too_few_claims_wait_and_go_on_with_what_they_have() {
    let mut claimer = claimer_after(Stage { answers: "uu", withdrawn: false });
    assert_eq!(claimer_name(&claimer), "Waiting");
    assert_eq!(claimer.retry(HOUR), Step::Claim);
    assert_eq!(claimer.next().unwrap().place, 0);
    let sealed = bundle().sealed();
    assert_eq!(claimer.handle(0, Answer::Claimed(&sealed), HOUR), Step::Claim);
    // Place 1 was asked anew with the retry, but not answered: it is asked before place 2.
    assert_eq!(claimer.next().unwrap().place, 1);
    assert_eq!(claimer.handle(1, Answer::Unreached, HOUR), Step::Claim);
    assert_eq!(claimer.handle(2, Answer::Claimed(&[]), HOUR), Step::Begin);
    assert_eq!(claimer.bundle().unwrap().as_bytes(), bundle().as_bytes());
}
