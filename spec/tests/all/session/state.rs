//! A session as bytes.

use edgewise_spec::session::{Session, StateRefused};

use super::ends::{Ends, START};

/// A session in each of its states, some with skipped keys.
fn sessions() -> Vec<(&'static str, Session)> {
    let mut ends = Ends::new(21);
    let mut all = vec![("Claimed", ends.claimer.session.clone())];
    all.push(("Invited", ends.inviter.session.clone()));
    let skipped = ends.claimer.say("skipped");
    all.push(("Claimed", ends.claimer.session.clone()));
    ends.pass(true, "hello");
    all.push(("Answering", ends.inviter.session.clone()));
    ends.inviter.hear(&skipped).unwrap();
    all.push(("Answering", ends.inviter.session.clone()));
    ends.pass(false, "answer");
    all.push(("Waiting", ends.inviter.session.clone()));
    all.push(("Entitled", ends.claimer.session.clone()));
    for turn in 0..4 {
        let (from, to) = ends.both(turn % 2 == 0);
        for _ in 0..turn {
            from.say("skipped");
        }
        let cell = from.say("heard");
        to.hear(&cell).unwrap();
    }
    all.push(("Waiting", ends.inviter.session.clone()));
    all.push(("Entitled", ends.claimer.session.clone()));
    all
}

#[test]
fn a_session_is_read_as_it_was_written() {
    for (name, session) in sessions() {
        let bytes = session.to_bytes();
        let again = Session::from_bytes(&bytes).unwrap();
        assert!(again.to_bytes() == bytes, "{name}");
        assert_eq!(format!("{again:?}"), format!("Session({name})"));
        assert_eq!(again.safety_number(), session.safety_number());
        assert_eq!(again.hello(), session.hello());
    }
}

#[test]
fn a_session_that_was_stored_goes_on() {
    let mut ends = Ends::met(22);
    for turn in 0..8 {
        for end in [&mut ends.claimer, &mut ends.inviter] {
            end.session = Session::from_bytes(&end.session.to_bytes()).unwrap();
        }
        ends.pass(turn % 3 == 0, "still");
    }
}

#[test]
fn cut_lengthened_and_foreign_bytes_are_refused() {
    for (name, session) in sessions() {
        let bytes = session.to_bytes();
        for len in 0..bytes.len() {
            let refused = Session::from_bytes(&bytes[..len]).unwrap_err();
            assert_eq!(refused, StateRefused::Malformed, "{name} cut at {len}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Session::from_bytes(&longer).unwrap_err(), StateRefused::Malformed);
        for version in [0, 2, 255] {
            let mut other = bytes.to_vec();
            other[0] = version;
            assert_eq!(Session::from_bytes(&other).unwrap_err(), StateRefused::Version(version));
        }
    }
}

/// Any byte but the first may be another: what is taken then is written again as it was read, and
/// neither sealing nor opening stops at it.
#[test]
fn altered_bytes_are_refused_or_are_another_session() {
    for (name, session) in sessions() {
        let bytes = session.to_bytes();
        let (mut taken, mut refused) = (0, 0);
        for place in (1..bytes.len()).step_by(if bytes.len() > 500 { 7 } else { 1 }).chain(1..40) {
            let mut other = bytes.to_vec();
            other[place] ^= 0x11;
            match Session::from_bytes(&other) {
                Ok(session) => {
                    assert!(session.to_bytes()[..] == other[..], "{name} at {place}");
                    assert!(session.open(START, 3, &[0; 3_120]).is_err());
                    taken += 1;
                }
                Err(error) => {
                    assert_eq!(error, StateRefused::Malformed, "{name} at {place}");
                    refused += 1;
                }
            }
        }
        assert!(taken > 10 && refused > 10, "{name}: {taken} taken, {refused} refused");
    }
}

#[test]
fn numbers_that_do_not_fit_together_are_refused() {
    let bytes = Ends::met(23).claimer.session.to_bytes();
    // sealed, acknowledged, opened, told: 1, 1, 1, 0
    for (place, number) in [(5, 0_u32), (9, 2), (5, 514), (13, 0), (17, 2)] {
        let mut other = bytes.to_vec();
        other[place..place + 4].copy_from_slice(&number.to_be_bytes());
        assert_eq!(Session::from_bytes(&other).unwrap_err(), StateRefused::Malformed, "{place}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    for (name, session) in sessions() {
        let opened = format!("{session:?}");
        assert_eq!(opened, format!("Session({name})"));
    }
    let mut ends = Ends::met(24);
    let now = ends.claimer.now;
    let body = super::ends::body("secret words");
    let sealed = ends.claimer.session.seal(
        edgewise_spec::session::Purpose::Message,
        now,
        &body,
        &mut ends.claimer.rng,
    );
    let sealed = sealed.unwrap();
    let opened = ends.inviter.session.open(now, sealed.s, &sealed.cell).unwrap();
    assert_eq!(format!("{opened:?}"), "Opened(Session(Entitled))");
}
