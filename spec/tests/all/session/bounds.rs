//! What is bounded, and what a peer that breaks a bound gets.

use edgewise_spec::constants::CT_LEN;
use edgewise_spec::session::cell::Numbers;
use edgewise_spec::session::{OpenFailed, Purpose, SealRefused, Session};
use edgewise_spec::suite::Decapsulator;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::ends::{BUNDLE, Cell, End, Ends, START, body, bundle_seed, secret};
use super::known::{KnownStep, fresh, steps};
use crate::vector::pattern;

/// An inviter, and all that its claimer knows of step 0: it seals what it likes.
fn forger() -> (End, KnownStep) {
    let seeds = [bundle_seed(), pattern("seed 0")];
    let ek = Decapsulator::from_seed(&seeds[0]).encapsulator();
    let (ct, _) = ek.encapsulate(&mut ChaCha20Rng::from_seed([9; 32]));
    let cts: [[u8; CT_LEN]; 1] = [ct];
    (Ends::new(9).inviter, steps(&secret(), BUNDLE, &seeds, &cts).remove(0))
}

fn forged(step: &KnownStep, s: u32, numbers: Numbers) -> Cell {
    Cell { s, cell: step.cell(1, s, numbers, &body("forged")) }
}

/// SESSION-16, SESSION-20
#[test]
fn five_hundred_and_twelve_may_be_skipped_and_no_more() {
    let (inviter, step) = forger();
    let numbers = step.numbers(1, 0);
    for (s, opens) in [(1, true), (512, true), (513, true), (514, false), (600, false)] {
        let mut end = inviter.clone();
        let outcome = end.hear(&forged(&step, s, numbers));
        assert_eq!(outcome.is_ok(), opens, "{s}");
    }
    let mut end = inviter.clone();
    end.hear(&forged(&step, 513, numbers)).unwrap();
    // All 512 that were skipped, the last first.
    for s in (1..=512).rev() {
        assert!(!end.session.is_spent(s));
        end.hear(&forged(&step, s, numbers)).unwrap();
        assert!(end.session.is_spent(s));
        assert_eq!(end.hear(&forged(&step, s, numbers)), Err(OpenFailed), "{s} twice");
    }
    assert_eq!(end.session.to_bytes().len(), fixed_len());
}

/// Length of the state of an answering inviter without skipped keys.
fn fixed_len() -> usize {
    let (mut end, step) = forger();
    end.hear(&forged(&step, 1, step.numbers(1, 0))).unwrap();
    end.session.to_bytes().len()
}

/// SESSION-21
#[test]
fn no_more_than_five_hundred_and_twelve_are_kept() {
    let (mut end, step) = forger();
    let numbers = step.numbers(1, 0);
    end.hear(&forged(&step, 513, numbers)).unwrap();
    end.hear(&forged(&step, 514, numbers)).unwrap();
    assert_eq!(end.hear(&forged(&step, 1, numbers)), Err(OpenFailed));
    assert!(end.session.is_spent(1));
    end.hear(&forged(&step, 2, numbers)).unwrap();
    end.hear(&forged(&step, 1_027, numbers)).unwrap();
    assert_eq!(end.session.to_bytes().len(), fixed_len() + 512 * 72);
    assert_eq!(end.hear(&forged(&step, 514, numbers)), Err(OpenFailed));
    assert_eq!(end.hear(&forged(&step, 512, numbers)), Err(OpenFailed));
    end.hear(&forged(&step, 515, numbers)).unwrap();
}

/// SESSION-21
#[test]
fn skipped_keys_are_kept_for_seven_days() {
    let (mut end, step) = forger();
    let numbers = step.numbers(1, 0);
    end.hear(&forged(&step, 3, numbers)).unwrap();
    end.now = START.plus_seconds(168 * 3_600 - 1);
    assert!(end.session.expired(end.now).is_none());
    end.hear(&forged(&step, 1, numbers)).unwrap();
    end.now = START.plus_seconds(168 * 3_600);
    assert_eq!(end.hear(&forged(&step, 2, numbers)), Err(OpenFailed));
    assert!(!end.session.is_spent(2));
    end.session = end.session.expired(end.now).unwrap();
    assert!(end.session.is_spent(2));
    assert!(end.session.expired(end.now).is_none());
}

/// SESSION-12, SESSION-13, SESSION-15: headers that only a dishonest end seals.
#[test]
fn a_header_that_does_not_fit_is_refused() {
    let (inviter, step) = forger();
    let good = step.numbers(1, 0);
    let bad = [
        Numbers { step: 1, ..good },
        Numbers { step: 2, ..good },
        Numbers { start: 0, ..good },
        Numbers { start: 2, ..good },
        Numbers { ack: 1, ..good },
        Numbers { reserved: 1, ..good },
    ];
    for (numbers, s) in bad.into_iter().flat_map(|bad| [(bad, 1), (bad, 2)]) {
        let mut end = inviter.clone();
        assert_eq!(end.hear(&forged(&step, s, numbers)), Err(OpenFailed), "{numbers:?} first");
        end.hear(&forged(&step, 1, good)).unwrap();
        let later = forged(&step, s + 1, numbers);
        assert_eq!(end.hear(&later), Err(OpenFailed), "{numbers:?} later");
        end.hear(&forged(&step, s + 1, good)).unwrap();
    }
}

/// SESSION-15, SESSION-29: of a step after another one.
#[test]
fn a_step_starts_behind_the_cells_of_the_step_before() {
    let mut ends = Ends::new(11);
    let seeds = [bundle_seed(), pattern("seed 0"), pattern("seed 1"), pattern("seed 2")];
    let mut rng = ChaCha20Rng::from_seed([12; 32]);
    let cts = [0, 1, 2]
        .map(|t| Decapsulator::from_seed(&seeds[t]).encapsulator().encapsulate(&mut rng).0);
    let known = steps(&secret(), BUNDLE, &seeds, &cts);
    for s in 1..=3 {
        ends.inviter.hear(&forged(&known[0], s, known[0].numbers(1, 0))).unwrap();
    }
    let end = &mut ends.inviter;
    let sealed =
        end.session.seal_derand(Purpose::Message, START, &body("x"), |_| fresh(1, &seeds, &cts));
    end.session = sealed.unwrap().session;
    let next = |start, s| {
        let numbers = known[2].numbers(start, 1);
        Cell { s, cell: known[2].cell(start, s, numbers, &body("next")) }
    };
    for start in [0, 1, 3, 5, u32::MAX] {
        let numbers = known[2].numbers(start, 1);
        let cell = Cell { s: 4, cell: known[2].cell(4, 4, numbers, &body("next")) };
        assert_eq!(end.clone().hear(&cell), Err(OpenFailed), "{start}");
        assert_eq!(end.clone().hear(&next(start.min(3), 4)), Err(OpenFailed), "{start}");
    }
    for (start, s) in [(4, 4), (4, 9), (7, 9), (9, 9)] {
        let mut end = end.clone();
        assert_eq!(end.hear(&next(start, s)).as_deref(), Ok("next"), "{start} {s}");
        // What was skipped of the step before still opens, and so does what was skipped of this.
        for earlier in 4..start {
            end.hear(&forged(&known[0], earlier, known[0].numbers(1, 0))).unwrap();
        }
        for earlier in start..s {
            end.hear(&next(start, earlier)).unwrap();
        }
    }
}

/// SESSION-31, SESSION-32, SESSION-43
#[test]
fn an_end_does_not_get_ahead_of_the_other() {
    let mut ends = Ends::met(13);
    let end = &mut ends.claimer;
    assert_eq!(end.session.acknowledged(), 1);
    assert_eq!(end.session.room(), 500);
    for _ in 0..500 {
        end.say("x");
    }
    assert_eq!((end.session.sealed(), end.session.room()), (501, 0));
    for s in 502..=505 {
        for purpose in [Purpose::Message, Purpose::Cover, Purpose::Answer] {
            assert_eq!(end.seal(purpose, "x").unwrap_err(), SealRefused::Full, "{purpose:?}");
        }
        assert_eq!(end.seal(Purpose::Move, "x").unwrap().s, s);
    }
    for purpose in [Purpose::Message, Purpose::Move, Purpose::Cover, Purpose::Answer] {
        assert_eq!(end.seal(purpose, "x").unwrap_err(), SealRefused::Full, "{purpose:?}");
    }
    let short = end.session.seal(Purpose::Message, START, &[0; 3], &mut end.rng);
    assert_eq!(short.unwrap_err(), SealRefused::Length { given: 3, wanted: 704 });
}

/// SESSION-33: of all that an end seals one cell arrives, and the other end is silent.
#[test]
fn the_last_cell_at_the_limit_is_answered() {
    let mut ends = Ends::met(14);
    let mut last = None;
    while ends.claimer.session.room() > 0 {
        last = Some(ends.claimer.say("x"));
    }
    ends.inviter.hear(&last.unwrap()).unwrap();
    assert!(ends.inviter.session.answer_due());
    let answer = ends.inviter.seal(Purpose::Answer, "").unwrap();
    assert!(!ends.inviter.session.answer_due());
    ends.claimer.hear(&answer).unwrap();
    assert_eq!(ends.claimer.session.room(), 500);
}

#[test]
fn an_answer_is_due_after_sixty_four_cells() {
    let mut ends = Ends::met(15);
    for n in 1..=64 {
        assert!(!ends.inviter.session.answer_due());
        ends.pass(true, &n.to_string());
    }
    assert!(ends.inviter.session.answer_due());
    ends.inviter.say("not an empty cell, and it tells the same");
    assert!(!ends.inviter.session.answer_due());
}

/// Both ends seal all they may before either hears anything: answers still go out, so nobody waits
/// for the other for ever.
#[test]
fn two_ends_at_the_limit_get_on() {
    let mut ends = Ends::met(16);
    let mut cells = [true, false].map(|from_claimer| {
        let (from, _) = ends.both(from_claimer);
        let mut cells = Vec::new();
        while from.session.room() > 0 {
            cells.push(from.say("x"));
        }
        cells
    });
    let mut answers = 0;
    for from_claimer in [true, false] {
        for cell in std::mem::take(&mut cells[usize::from(!from_claimer)]) {
            let (from, to) = ends.both(from_claimer);
            to.hear(&cell).unwrap();
            if to.session.answer_due() {
                let answer = to.seal(Purpose::Answer, "").unwrap();
                from.hear(&answer).unwrap();
                answers += 1;
            }
        }
    }
    // Seven tell of the cells as they come, the eighth of all that came before the answers.
    assert_eq!(answers, 8);
    assert!(ends.claimer.session.room() > 400 && ends.inviter.session.room() > 400);
}

/// The reserve is enough: while nothing of what an end seals arrives, the other seals all it may,
/// and each answer that becomes due is sealed.
#[test]
fn every_answer_that_becomes_due_is_sealed() {
    let mut ends = Ends::met(17);
    ends.pass(true, "the other end may step");
    while ends.inviter.session.room() > 0 {
        ends.inviter.say("x");
    }
    while ends.inviter.seal(Purpose::Move, "x").is_ok() {}
    while let Ok(cell) = ends.claimer.seal(Purpose::Message, "x") {
        ends.inviter.hear(&cell).unwrap();
        if ends.inviter.session.answer_due() {
            ends.inviter.seal(Purpose::Answer, "").unwrap();
        }
    }
    assert_eq!(ends.inviter.seal(Purpose::Answer, "").unwrap_err(), SealRefused::Full);
    assert_eq!(
        Session::from_bytes(&ends.inviter.session.to_bytes()).map(|it| it.sealed()),
        Ok(512)
    );
}

/// SESSION-23: the last number has been used.
#[test]
fn numbers_do_not_wrap() {
    let mut ends = Ends::met(18);
    let mut bytes = ends.inviter.session.to_bytes();
    // sealed and acknowledged
    bytes[5..13].copy_from_slice(&[0xff; 8]);
    ends.inviter.session = Session::from_bytes(&bytes).unwrap();
    let refused = ends.inviter.seal(Purpose::Message, "one too many").unwrap_err();
    assert_eq!(refused, SealRefused::Exhausted);
    bytes[8] = 0xfe;
    bytes[12] = 0xfe;
    ends.inviter.session = Session::from_bytes(&bytes).unwrap();
    assert_eq!(ends.inviter.say("the last").s, u32::MAX);
}
