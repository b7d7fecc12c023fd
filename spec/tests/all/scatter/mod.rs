//! Cells over several connections; here k = 1, and what holds of every k.

mod coding;
mod joining;
mod parts;
mod secrecy;
mod vectors;

use edgewise_spec::constants::TAG_WINDOW;
use edgewise_spec::frame::Class;
use edgewise_spec::scatter::{
    Arrival, PartChain, PartRefused, Receiver, ScatterRefused, Sender, Shape, SplitRefused, Tally,
    Window, seal_part,
};
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const LARGEST: u32 = 2 * TAG_WINDOW + 1;

fn shape(n: u8) -> Shape {
    Shape::new(Class::Medium, 1, n).unwrap()
}

fn chains(n: u8) -> Vec<PartChain> {
    (0..n).map(|place| PartChain::new(&[place; 32], 0)).collect()
}

fn cell(s: u32) -> Vec<u8> {
    (0..shape(1).cell_len()).map(|place| (place as u32 * 7 + s) as u8).collect()
}

/// Both ends of a direction over n connections.
fn ends(n: u8) -> (Sender, Receiver, ChaCha20Rng) {
    let sender = Sender::new(shape(n), chains(n)).unwrap();
    let receiver = Receiver::new(shape(n), chains(n)).unwrap();
    (sender, receiver, ChaCha20Rng::from_seed([9; 32]))
}

fn split(sender: &mut Sender, s: u32, rng: &mut ChaCha20Rng) -> Vec<Vec<u8>> {
    let (next, parts) = sender.split(s, &cell(s), rng).unwrap();
    *sender = next;
    parts
}

#[test]
fn the_first_good_part_brings_the_cell_and_the_others_are_late() {
    let (mut sender, mut receiver, mut rng) = ends(3);
    let parts = split(&mut sender, 1, &mut rng);
    let whole = Arrival::Cell { s: 1, cell: cell(1) };
    assert_eq!(receiver.open(2, &parts[2]), whole);
    // Until it is committed, a crash gives it again.
    assert_eq!(receiver.open(2, &parts[2]), whole);
    receiver.commit(2, 1);
    assert_eq!(receiver.open(2, &parts[2]), Arrival::Repeated { s: 1 });
    assert_eq!(receiver.open(0, &parts[0]), Arrival::Late { s: 1 });
    receiver.commit(0, 1);
    assert_eq!(receiver.open(0, &parts[0]), Arrival::Repeated { s: 1 });
    assert_eq!(receiver.open(1, &parts[1]), Arrival::Late { s: 1 });
    assert_eq!(receiver.highest(), 1);
    assert_eq!(receiver.open(3, &parts[2]), Arrival::NoConnection);
}

#[test]
fn parts_of_a_cell_have_nothing_in_common() {
    let (mut sender, _, mut rng) = ends(3);
    let mut parts = split(&mut sender, 1, &mut rng);
    parts.extend(split(&mut sender, 2, &mut rng));
    for (place, part) in parts.iter().enumerate() {
        assert_eq!(part.len(), shape(3).part_len());
        for other in &parts[..place] {
            let same = part.iter().zip(other).filter(|(a, b)| a == b).count();
            assert!(same < part.len() / 64, "{same} equal bytes");
            assert_ne!(part[..16], other[..16]);
        }
    }
}

#[test]
fn a_bad_part_is_blamed_and_its_tag_stays() {
    let (mut sender, mut receiver, mut rng) = ends(2);
    let parts = split(&mut sender, 1, &mut rng);
    for at in [16, 3_000, parts[0].len() - 1] {
        let mut bad = parts[0].clone();
        bad[at] ^= 1;
        let arrival = receiver.open(0, &bad);
        assert_eq!(arrival, Arrival::Bad(PartRefused::Seal(1)));
        receiver.blame(0, &arrival);
    }
    let short = receiver.open(0, &parts[0][..3_919]);
    let length = PartRefused::Length { expected: 3_920, got: 3_919 };
    assert_eq!(short, Arrival::Bad(length));
    receiver.blame(0, &short);
    // Another connection's part, and nothing at all.
    for part in [&parts[1][..], &[], &parts[0][..15]] {
        let arrival = receiver.open(0, part);
        assert_eq!(arrival, Arrival::Stray);
        receiver.blame(0, &arrival);
    }
    assert_eq!(receiver.tally(0), Some(Tally { bad: 4, stray: 3, wrong: 0 }));
    assert_eq!(receiver.tally(1), Some(Tally::default()));
    assert!(matches!(receiver.open(0, &parts[0]), Arrival::Cell { s: 1, .. }));
}

#[test]
fn a_fragment_that_its_share_does_not_open_is_the_peers_fault() {
    let (_, receiver, _) = ends(1);
    let key = PartChain::new(&[0; 32], 0).step().unwrap();
    let part = seal_part(&key, &vec![3; shape(1).fragment_len()], &[4; 32]);
    assert_eq!(receiver.open(0, &part), Arrival::Bad(PartRefused::Fragment(1)));
}

#[test]
fn tags_reach_as_far_as_the_window() {
    let (mut sender, mut receiver, mut rng) = ends(1);
    let last = split(&mut sender, TAG_WINDOW, &mut rng);
    let beyond = split(&mut sender, TAG_WINDOW + 1, &mut rng);
    assert_eq!(receiver.open(0, &beyond[0]), Arrival::Stray);
    assert!(matches!(receiver.open(0, &last[0]), Arrival::Cell { s: TAG_WINDOW, .. }));
    receiver.commit(0, 1);
    assert!(matches!(receiver.open(0, &beyond[0]), Arrival::Cell { .. }));
    receiver.commit(0, TAG_WINDOW + 1);
    let far = split(&mut sender, 2 * TAG_WINDOW, &mut rng);
    receiver.commit(0, 2 * TAG_WINDOW);
    assert_eq!(receiver.open(0, &far[0]), Arrival::Repeated { s: 2 * TAG_WINDOW });
    // TAG_WINDOW below is known, one less is forgotten.
    assert!(matches!(receiver.open(0, &last[0]), Arrival::Cell { .. }));
    receiver.commit(0, 2 * TAG_WINDOW + 1);
    assert_eq!(receiver.open(0, &last[0]), Arrival::Stray);
    assert_eq!(receiver.opened().min(), Some(TAG_WINDOW + 1));
}

#[test]
fn a_window_is_bounded_and_goes_forward_only() {
    let mut window = Window::new(PartChain::new(&[1; 32], 0), 0);
    assert_eq!(window.len(), TAG_WINDOW as usize);
    for highest in [1, 2, 600, 599, 5_000, 1, 5_001] {
        window.advance(highest);
        assert!(window.len() <= LARGEST as usize, "{}", window.len());
    }
    let mut chain = PartChain::new(&[1; 32], 0);
    let below = chain.step_to(5_001 - TAG_WINDOW - 1).unwrap();
    assert!(window.find(below.tag()).is_none());
    assert!(window.find(chain.step().unwrap().tag()).is_some());
    let end = chain.step_to(5_001 + TAG_WINDOW).unwrap();
    assert!(window.find(end.tag()).is_some());
    assert!(window.find(chain.step().unwrap().tag()).is_none());
    assert_eq!(window.len(), LARGEST as usize);
    // A base ahead of the window opens nothing before its time.
    let ahead = Window::new(PartChain::new(&[1; 32], 9_000), 10);
    assert!(ahead.is_empty());
}

#[test]
fn no_s_is_sealed_twice_and_a_failed_split_changes_nothing() {
    let (mut sender, _, mut rng) = ends(2);
    let parts = split(&mut sender, 5, &mut rng);
    for s in [0, 1, 5] {
        let spent = SplitRefused::Spent { s, last: 5 };
        assert_eq!(sender.split(s, &cell(s), &mut rng).unwrap_err(), spent);
    }
    let short = SplitRefused::Length { expected: 3_840, got: 3_839 };
    assert_eq!(sender.split(6, &cell(6)[1..], &mut rng).unwrap_err(), short);
    let stored = sender.to_bytes();
    let restored = Sender::from_bytes(shape(2), &stored).unwrap();
    let again = |sender: &Sender| sender.split_under(6, &cell(6), &[1; 32], &[]).unwrap().1;
    assert_eq!(again(&restored), again(&sender));
    assert_ne!(again(&sender)[0][16..], parts[0][16..]);
    for cut in [0, 1, stored.len() - 1] {
        assert!(Sender::from_bytes(shape(2), &stored[..cut]).is_err());
    }
}

#[test]
fn every_connection_is_needed_and_of_a_place() {
    let refused = ScatterRefused::Connections { expected: 3, got: 2 };
    assert_eq!(Sender::new(shape(3), chains(2)).unwrap_err(), refused);
    assert_eq!(Receiver::new(shape(3), chains(2)).unwrap_err(), refused);
    let refused = ScatterRefused::Connections { expected: 10, got: 7 };
    assert_eq!(Sender::new(Shape::SEVEN_OF_TEN, chains(7)).unwrap_err(), refused);
    assert_eq!(Receiver::new(Shape::SEVEN_OF_TEN, chains(7)).unwrap_err(), refused);
    let (_, mut receiver, _) = ends(3);
    let window = Window::new(PartChain::new(&[8; 32], 0), 0);
    assert_eq!(receiver.add(9, 3, window), Err(ScatterRefused::Place { place: 3, n: 3 }));
    assert_eq!((receiver.place(2), receiver.place(9)), (Some(2), None));
    assert_eq!(Receiver::restore(shape(3), 6, [3, 7]).unwrap_err(), ScatterRefused::State);
}

#[test]
fn a_place_moves_to_another_connection() {
    let (mut sender, mut receiver, mut rng) = ends(1);
    let old = split(&mut sender, 700, &mut rng);
    receiver.commit(0, 400);
    assert!(matches!(receiver.open(0, &old[0]), Arrival::Cell { s: 700, .. }));
    for base in [1_213, u32::MAX] {
        let refused = sender.replace(0, PartChain::new(&[8; 32], base)).unwrap_err();
        assert_eq!(refused, ScatterRefused::Base { base, last: 700 });
    }
    sender.replace(0, PartChain::new(&[8; 32], 650)).unwrap();
    receiver.add(7, 0, Window::new(PartChain::new(&[8; 32], 650), 400)).unwrap();
    let new = split(&mut sender, 701, &mut rng);
    assert_eq!(receiver.open(0, &new[0]), Arrival::Stray);
    assert!(matches!(receiver.open(7, &new[0]), Arrival::Cell { s: 701, .. }));
    receiver.commit(7, 701);
    assert!(matches!(receiver.open(0, &old[0]), Arrival::Cell { s: 700, .. }));
    receiver.commit(0, 700);
    receiver.remove(0).unwrap();
    assert_eq!(receiver.open(0, &old[0]), Arrival::NoConnection);
    assert_eq!(receiver.remove(0), Err(ScatterRefused::NoConnection(0)));
    // A base that would take a sender thousands of steps.
    let (mut far, _, _) = ends(1);
    split(&mut far, 2_000, &mut rng);
    let refused = far.replace(0, PartChain::new(&[8; 32], 0)).unwrap_err();
    assert_eq!(refused, ScatterRefused::Base { base: 0, last: 2_000 });
    assert_eq!(far.replace(1, PartChain::new(&[8; 32], 0)), Err(ScatterRefused::NoConnection(1)));
    for id in 20..39 {
        receiver.add(id, 0, Window::new(PartChain::new(&[8; 32], 650), 400)).unwrap();
    }
    let one_more = Window::new(PartChain::new(&[8; 32], 650), 400);
    assert_eq!(receiver.add(39, 0, one_more), Err(ScatterRefused::TooMany(20)));
}

/// A recipient that stores its state and starts again from it.
fn restart(receiver: &Receiver, n: u8) -> Receiver {
    let opened: Vec<u32> = receiver.opened().collect();
    let mut again = Receiver::restore(shape(n), receiver.highest(), opened).unwrap();
    for (id, window) in receiver.windows() {
        assert_eq!(window.len(), 1 + 32 + 4 + 4 + 129);
        let place = receiver.place(id).unwrap();
        again.add(id, place, Window::from_bytes(&window).unwrap()).unwrap();
        assert!(Window::from_bytes(&window[1..]).is_err());
    }
    again
}

#[derive(Clone, Debug)]
enum Act {
    Send { skip: u32 },
    Deliver { lane: u8, place: usize, fault: Option<usize> },
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1_u32..200).prop_map(|skip| Act::Send { skip }),
        6 => (0_u8..3, any::<prop::sample::Index>(), prop::option::weighted(0.2, 0..3_920_usize))
            .prop_map(|(lane, place, fault)| {
                Act::Deliver { lane, place: place.index(1_000), fault }
            }),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is lost, overtaken, repeated or altered: each cell comes out at most once, as it
    /// was, whenever any connection delivers its part within the window.
    #[test]
    fn each_cell_comes_out_once(acts in prop::collection::vec(act(), 1..60)) {
        let (mut sender, mut receiver, mut rng) = ends(3);
        let mut sent: Vec<(u32, Vec<Vec<u8>>)> = Vec::new();
        let mut out = std::collections::BTreeSet::new();
        let mut taken = std::collections::BTreeSet::new();
        let mut s = 0;
        for act in acts {
            match act {
                Act::Send { skip } => {
                    s += skip;
                    sent.push((s, split(&mut sender, s, &mut rng)));
                }
                Act::Restart => receiver = restart(&receiver, 3),
                Act::Deliver { lane, place, fault } => {
                    if sent.is_empty() { continue; }
                    let (s, parts) = &sent[place % sent.len()];
                    let mut part = parts[usize::from(lane)].clone();
                    if let Some(at) = fault {
                        part[at] ^= 0x10;
                    }
                    let highest = receiver.highest();
                    let reach = highest.saturating_sub(TAG_WINDOW)..=highest + TAG_WINDOW;
                    let arrival = receiver.open(lane.into(), &part);
                    let expected = match fault {
                        _ if !reach.contains(s) => Arrival::Stray,
                        Some(0..16) => Arrival::Stray,
                        _ if taken.contains(&(lane, *s)) => Arrival::Repeated { s: *s },
                        Some(_) => Arrival::Bad(PartRefused::Seal(*s)),
                        None if out.contains(s) => Arrival::Late { s: *s },
                        None => Arrival::Cell { s: *s, cell: cell(*s) },
                    };
                    prop_assert_eq!(&arrival, &expected);
                    receiver.blame(lane.into(), &arrival);
                    if let Arrival::Cell { s, .. } | Arrival::Late { s } = arrival {
                        receiver.commit(lane.into(), s);
                        out.insert(s);
                        taken.insert((lane, s));
                    }
                }
            }
        }
    }

    /// No bytes lead anywhere but to a refusal, and none to a panic.
    #[test]
    fn no_bytes_are_a_part(mut bytes in prop::collection::vec(any::<u8>(), 0..4_000), tagged: bool) {
        let (mut sender, receiver, mut rng) = ends(1);
        let part = split(&mut sender, 1, &mut rng).remove(0);
        if tagged {
            bytes.splice(0..bytes.len().min(16), part[..16].iter().copied());
        }
        let arrival = receiver.open(0, &bytes);
        prop_assert!(matches!(arrival, Arrival::Bad(_) | Arrival::Stray), "{arrival:?}");
    }
}
