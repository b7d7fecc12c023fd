//! Who steps when, and that both ends agree.

use edgewise_spec::session::{Mode, OpenFailed, Purpose, SealRefused, Session};
use edgewise_spec::suite::Decapsulator;

use super::ends::{BUNDLE, Ends, START, bundle_seed, secret, shape};

/// The number of the latest step that an end knows.
fn latest(session: &Session) -> u32 {
    session.safety_number().unwrap().steps.last().unwrap().0
}

#[test]
fn what_is_said_is_heard_whoever_speaks() {
    let mut ends = Ends::met(1);
    for (turn, from_claimer) in [true, true, false, true, false, false].into_iter().enumerate() {
        ends.pass(from_claimer, &format!("text {turn}"));
    }
    // Steps 0 and 1 met; the claimer stepped, the inviter, the claimer, the inviter.
    assert_eq!(latest(&ends.claimer.session), 5);
    assert_eq!(latest(&ends.inviter.session), 5);
}

#[test]
fn the_inviter_speaks_only_when_a_cell_of_the_claimer_has_opened() {
    let mut ends = Ends::new(2);
    let refused = ends.inviter.seal(Purpose::Message, "too early");
    assert_eq!(refused.unwrap_err(), SealRefused::NotYet);
    assert!(!ends.inviter.session.answer_due());
    assert_eq!(ends.inviter.session.transcript0(), None);
    ends.pass(true, "hello");
    // SESSION-35
    assert!(ends.inviter.session.answer_due());
    let answer = ends.inviter.seal(Purpose::Cover, "").unwrap();
    assert!(!ends.inviter.session.answer_due());
    assert_eq!(ends.claimer.hear(&answer).as_deref(), Ok(""));
    assert_eq!(ends.claimer.session.hello(), None);
}

/// SESSION-36: the claimer goes on in chain 0, whichever of its cells arrives.
#[test]
fn hello_is_said_again_until_it_is_answered() {
    let mut ends = Ends::new(3);
    let mut waited = Vec::new();
    for _ in 0..12 {
        let hello = ends.claimer.session.hello().unwrap();
        waited.push((hello.due().seconds() - ends.claimer.now.seconds()) / 60);
        ends.claimer.now = hello.due();
        assert!(hello.is_due(ends.claimer.now));
        ends.claimer.say("hello");
        ends.claimer.session = ends.claimer.session.hello_sealed(ends.claimer.now);
        assert!(!ends.claimer.session.hello().unwrap().is_due(ends.claimer.now));
    }
    assert_eq!(waited, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
    // A clock that was set back by a year does not keep it waiting for one.
    let hello = ends.claimer.session.hello().unwrap();
    assert!(hello.is_due(edgewise_spec::time::Now::from_seconds(1)));
    let hello = ends.claimer.say("hello");
    assert_eq!(hello.s, 13);
    assert_eq!(ends.inviter.hear(&hello).as_deref(), Ok("hello"));
    let answer = ends.inviter.seal(Purpose::Answer, "").unwrap();
    ends.claimer.hear(&answer).unwrap();
    assert_eq!(ends.claimer.session.hello(), None);
    assert_eq!(ends.claimer.session.acknowledged(), 13);
}

#[test]
fn both_may_speak_at_once() {
    let mut ends = Ends::met(4);
    for round in 0..6 {
        let theirs = ends.claimer.say(&format!("claimer {round}"));
        let more = ends.claimer.say(&format!("claimer {round} more"));
        let ours = ends.inviter.say(&format!("inviter {round}"));
        // The later cell first: the step comes with it, and the earlier one still opens.
        ends.inviter.hear(&more).unwrap();
        ends.inviter.hear(&theirs).unwrap();
        ends.claimer.hear(&ours).unwrap();
        assert_eq!(ends.inviter.hear(&theirs), Err(OpenFailed));
    }
    assert_eq!(ends.claimer.session.transcript0(), ends.inviter.session.transcript0());
}

/// SESSION-27, SESSION-28.
#[test]
fn a_message_steps_and_cover_steps_after_eight_ticks() {
    let mut ends = Ends::met(5);
    let steps = |end: &super::ends::End| latest(&end.session);
    assert_eq!((ends.claimer.state().as_str(), steps(&ends.claimer)), ("Entitled", 1));
    for purpose in [Purpose::Cover, Purpose::Answer] {
        ends.claimer.seal(purpose, "").unwrap();
        assert_eq!((ends.claimer.state().as_str(), steps(&ends.claimer)), ("Entitled", 1));
    }
    ends.claimer.now = START.plus_seconds(8 * 60 - 1);
    ends.claimer.seal(Purpose::Cover, "").unwrap();
    assert_eq!(ends.claimer.state(), "Entitled");
    let early = ends.claimer.session.clone();
    ends.claimer.now = START.plus_seconds(8 * 60);
    let cover = ends.claimer.seal(Purpose::Cover, "").unwrap();
    assert_eq!((ends.claimer.state().as_str(), steps(&ends.claimer)), ("Waiting", 2));
    ends.inviter.hear(&cover).unwrap();
    ends.inviter.seal(Purpose::Message, "").unwrap();
    assert_eq!((ends.inviter.state().as_str(), steps(&ends.inviter)), ("Waiting", 3));
    // A clock that was set back does not keep cover from stepping.
    ends.claimer.session = early;
    ends.claimer.now = edgewise_spec::time::Now::from_seconds(5);
    ends.claimer.seal(Purpose::Cover, "").unwrap();
    assert_eq!(ends.claimer.state(), "Waiting");
}

/// SESSION-26: nobody steps twice in a row.
#[test]
fn an_end_that_has_stepped_goes_on_in_its_chain() {
    let mut ends = Ends::met(6);
    for text in ["one", "two", "three"] {
        ends.claimer.say(text);
        assert_eq!((ends.claimer.state().as_str(), latest(&ends.claimer.session)), ("Waiting", 2));
    }
}

/// SESSION-8
#[test]
fn safety_numbers_are_equal_and_of_this_session_alone() {
    let (mut ends, mut others) = (Ends::met(7), Ends::met(8));
    let number = |session: &Session| session.safety_number().unwrap();
    assert_eq!(number(&ends.claimer.session), number(&ends.inviter.session));
    assert_ne!(number(&ends.claimer.session).number, number(&others.claimer.session).number);
    others.pass(true, "x");
    let first = number(&ends.claimer.session);
    assert_eq!(first.number.to_string().split(' ').count(), 12);
    assert!(first.number.to_string().split(' ').all(|group| group.len() == 5));
    for turn in 0..5 {
        // Said, and not heard yet: the ends are one step apart and have one in common.
        let (from, to) = ends.both(turn % 2 == 0);
        let cell = from.say("y");
        let (ahead, behind) = (number(&from.session), number(&to.session));
        assert_eq!((ahead.number, behind.number), (first.number, first.number));
        assert_eq!(ahead.steps.first(), behind.steps.last());
        assert_ne!(ahead.steps.last(), behind.steps.last());
        to.hear(&cell).unwrap();
        assert_eq!(number(&from.session), number(&to.session));
    }
}

#[test]
fn another_secret_bundle_or_key_opens_nothing() {
    let mut ends = Ends::new(9);
    let hello = ends.claimer.say("hello");
    let key = || Decapsulator::from_seed(&bundle_seed());
    let mode = Mode::Attested;
    let strangers = [
        Session::invite(&[1; 32], BUNDLE, key(), shape(), mode),
        Session::invite(&secret(), b"another bundle", key(), shape(), mode),
        Session::invite(&secret(), BUNDLE, Decapsulator::from_seed(&[1; 32]), shape(), mode),
    ];
    for stranger in strangers {
        assert_eq!(stranger.open(START, hello.s, &hello.cell).unwrap_err(), OpenFailed);
    }
    let friend = Session::invite(&secret(), BUNDLE, key(), shape(), mode);
    assert!(friend.open(START, hello.s, &hello.cell).is_ok());
    assert_eq!(friend.mode(), Mode::Attested);
}

/// Cells of one step with the same body have nothing in common, and show nothing of what both ends
/// know: no sixteen bytes stand in two of them.
#[test]
fn cells_show_nothing() {
    let mut ends = Ends::new(10);
    let mut cells: Vec<_> = (0..4).map(|_| ends.pass(true, "the same").cell).collect();
    cells.extend((0..4).map(|_| ends.pass(false, "the same").cell));
    cells.extend((0..4).map(|_| ends.claimer.seal(Purpose::Cover, "").unwrap().cell));
    let key = Decapsulator::from_seed(&bundle_seed());
    let known = [
        super::ends::body("the same"),
        ends.claimer.session.transcript0().unwrap().to_vec(),
        ends.claimer.session.to_bytes().to_vec(),
        ends.inviter.session.to_bytes().to_vec(),
        key.encapsulator().as_bytes().to_vec(),
    ];
    let known: std::collections::HashSet<_> = known.iter().flat_map(|it| it.windows(16)).collect();
    let mut seen = std::collections::HashSet::new();
    for cell in &cells {
        for window in cell.windows(16) {
            assert!(seen.insert(window), "in two cells");
            assert!(!known.contains(window), "in the clear");
        }
    }
}
