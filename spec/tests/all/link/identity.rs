//! Epochs as a server holds them and as a client sees them, and what Describe answers.

use edgewise_spec::constants::{
    DESCRIBE_LEN, DESCRIBE_REQUEST_LEN, EDGES_MAX, HOST_LEN_MAX, SEEN_EPOCHS_MAX,
};
use edgewise_spec::error::Status;
use edgewise_spec::frame::Class;
use edgewise_spec::link::describe::{DoesNotFit, LimitsRefused, request_block};
use edgewise_spec::link::{
    DescribeAnswer, Description, Edge, EpochRefused, EpochSecret, EpochWindow, IdentityKey, Limits,
    SeenEpochs,
};
use edgewise_spec::suite::SuiteId;
use edgewise_spec::time::Now;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::{NOW, server};

/// Epochs of 1,000 seconds, numbered by their first second divided by that.
fn epochs(numbers: impl IntoIterator<Item = u32>) -> (IdentityKey, EpochWindow) {
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let identity = IdentityKey::generate(&mut rng);
    let sign = |number: u32| {
        let from = u64::from(number) * 1_000;
        identity.sign_epoch(number, from, from + 1_000, &mut rng)
    };
    let window = EpochWindow::new(numbers.into_iter().map(sign));
    (identity, window)
}

fn numbers_selected(window: &EpochWindow, now: Now) -> Vec<u32> {
    (0..20).filter(|number| window.select(*number, now).is_some()).collect()
}

/// LINK-13, LINK-14: by the server's clock, to the second.
#[test]
fn three_epochs_are_accepted() {
    let (_, window) = epochs(4..11);
    let at = |seconds| numbers_selected(&window, Now::from_seconds(seconds));
    assert_eq!(at(7_000), [6, 7, 8]);
    assert_eq!(at(7_999), [6, 7, 8]);
    assert_eq!(at(8_000), [7, 8, 9]);
    assert_eq!(numbers_selected(&window, Now::from_millis(7_999_999)), [6, 7, 8]);
    assert_eq!(at(4_000), [4, 5], "no previous one is held");
    assert_eq!(at(10_500), [9, 10], "no next one is held");
    for without_current in [3_999, 11_000] {
        assert_eq!(at(without_current), [0; 0], "nothing without a current epoch");
    }
}

#[test]
fn the_window_knows_current_next_and_when_it_moves() {
    let (identity, window) = epochs([8, 7]);
    assert_eq!(window.current(NOW).unwrap().record().number(), 7);
    assert_eq!(window.next(NOW).unwrap().record().number(), 8);
    assert_eq!(window.until(NOW), Some(8_000));
    assert_eq!(window.until(Now::from_seconds(1)), None);
    assert!(window.next(Now::from_seconds(8_500)).is_none());
    assert_eq!(window.fingerprint(), Some(identity.fingerprint()));
    assert_eq!(EpochWindow::default().fingerprint(), None);
}

/// LINK-39
#[test]
fn epochs_before_the_previous_one_are_forgotten() {
    let (_, mut window) = epochs(4..11);
    window.forget(NOW);
    assert_eq!(numbers_selected(&window, Now::from_seconds(5_500)), [0; 0]);
    assert_eq!(numbers_selected(&window, Now::from_seconds(6_500)), [6, 7], "number 5 is gone");
    assert_eq!(numbers_selected(&window, NOW), [6, 7, 8]);
}

#[test]
fn an_epoch_is_restored_from_its_seed_and_record_alone() {
    let (_, window) = epochs([7, 8]);
    let (held, other) = (window.current(NOW).unwrap(), window.next(NOW).unwrap());
    let restored = EpochSecret::from_parts(&held.to_seed(), held.record().bytes()).unwrap();
    assert_eq!(restored.record(), held.record());
    assert_eq!(restored.to_seed(), held.to_seed());
    let crossed = EpochSecret::from_parts(&other.to_seed(), held.record().bytes());
    assert_eq!(crossed.unwrap_err(), EpochRefused::Seed);
}

#[test]
fn debug_prints_no_secret() {
    let (identity, window) = epochs([7]);
    let held = window.current(NOW).unwrap();
    let shown = "EpochSecret { record: VerifiedEpoch { number: 7, not_before: 7000, \
                 not_after: 8000, .. }, .. }";
    assert_eq!(format!("{held:?}"), shown);
    assert_eq!(format!("{identity:?}"), "IdentityKey(SigningKey)");
}

/// LINK-5
#[test]
fn two_keys_for_one_number_are_proof_of_equivocation() {
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let identity = IdentityKey::generate(&mut rng);
    let mut sign = || identity.sign_epoch(7, 7_000, 8_000, &mut rng).record().clone();
    let (first, second) = (sign(), sign());
    let mut seen = SeenEpochs::default();
    assert_eq!(seen.note(&first), Ok(()));
    assert_eq!(seen.note(&first), Ok(()));
    let proof = seen.note(&second).unwrap_err();
    assert_eq!((&proof.seen, &proof.shown), (&first, &second));
    assert_eq!(seen.note(&first), Ok(()), "what was seen first stays");
    assert!(seen.note(&second).is_err());
}

#[test]
fn a_client_remembers_a_bounded_number_of_records() {
    let last = u32::try_from(SEEN_EPOCHS_MAX).unwrap();
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let identity = IdentityKey::generate(&mut rng);
    let mut sign = |number| identity.sign_epoch(number, 1, 2, &mut rng).record().clone();
    let mut seen = SeenEpochs::default();
    for number in 0..=last {
        seen.note(&sign(number)).unwrap();
    }
    assert!(seen.note(&sign(1)).is_err(), "still remembered");
    assert_eq!(seen.note(&sign(0)), Ok(()), "the oldest is not");
}

fn description() -> (Description, [u8; 32]) {
    let (identity, params) = server(&mut ChaCha20Rng::from_seed([8; 32]));
    let description = Description {
        identity_vk: identity.verifying_key(),
        epochs: vec![
            params.epochs.current(NOW).unwrap().record().clone(),
            params.epochs.next(NOW).unwrap().record().clone(),
        ],
        suites: vec![SuiteId::Chacha20Poly1305, SuiteId::Aes256Gcm],
        classes: Class::ALL.to_vec(),
        limits: Limits::default(),
        ticks: edgewise_spec::cadence::TickMs::all().collect(),
        edges: vec!["edge-2.example:4433".parse().unwrap(), "[::1]:1".parse().unwrap()],
        access_required: true,
    };
    (description, identity.fingerprint())
}

#[test]
fn a_description_survives_its_block() {
    let (description, fingerprint) = description();
    let block = description.to_block().unwrap();
    assert_eq!(block.len(), DESCRIBE_LEN);
    assert_eq!(Description::read(&block, &fingerprint), Ok(description.clone()));
    let number = |now| description.epoch_at(now).unwrap().number();
    assert_eq!((number(NOW), number(Now::from_seconds(8_000))), (7, 8));
    assert_eq!(number(Now::from_seconds(99_000)), 7, "this end's clock is off");
}

#[test]
fn a_description_that_does_not_fit_is_not_made() {
    let (mut description, _) = description();
    let edge = Edge { host: "e".to_owned(), port: 1 };
    description.edges = vec![edge; EDGES_MAX + 1];
    assert_eq!(description.to_block(), Err(DoesNotFit));
    description.edges.pop();
    assert!(description.to_block().is_ok());
    for edge in &mut description.edges {
        edge.host = "e".repeat(HOST_LEN_MAX);
    }
    assert_eq!(description.to_block(), Err(DoesNotFit));
}

/// LINK-7, LINK-9
#[test]
fn a_description_is_the_same_for_everyone_who_asks_with_zeros() {
    let (description, _) = description();
    let answer = DescribeAnswer::new(&description).unwrap();
    let asked = request_block();
    assert_eq!(asked, vec![0; DESCRIBE_REQUEST_LEN]);
    let first = answer.answer(&asked).unwrap();
    assert_eq!(first, description.to_block().unwrap());
    for _ in 0..3 {
        assert_eq!(answer.answer(&asked), Ok(first.clone()));
    }
    let mut marked = asked.to_vec();
    marked[1_023] = 1;
    let longer = [&asked[..], &[0]].concat();
    for wrong in [&marked[..], &asked[1..], &longer, &[]] {
        assert_eq!(answer.answer(wrong), Err(Status::InvalidArgument));
    }
}

/// LINK-8
#[test]
fn every_limit_is_of_its_closed_list() {
    assert_eq!(Limits::default().check(), Ok(()));
    let wrong = [
        (Limits { quota_max: 127, ..Limits::default() }, "quota_max"),
        (Limits { idle_days_max: 0, ..Limits::default() }, "idle_days_max"),
        (Limits { part_days_max: 29, ..Limits::default() }, "part_days_max"),
        (Limits { stall_seconds: 6, ..Limits::default() }, "stall_seconds"),
        (Limits { link_life_seconds: 59, ..Limits::default() }, "link_life_seconds"),
    ];
    for (limits, name) in wrong {
        assert_eq!(limits.check(), Err(LimitsRefused(name)));
    }
}
