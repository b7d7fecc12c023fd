//! Parts that come, are held and join: lies, moves, losses and restarts.

use std::collections::{BTreeMap, BTreeSet};

use edgewise_spec::constants::TAG_WINDOW;
use edgewise_spec::frame::Class;
use edgewise_spec::scatter::{
    Arrival, Joined, OpenedPart, PartRefused, Receiver, ScatterRefused, Sender, Shape,
    SplitRefused, Tally, Window, join, seal_part,
};
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::parts::{cell_of, chain, chains, choices, chosen, coded, lie, opened, whole};

fn four_of_six() -> Shape {
    coded(Class::Small, 4, 6)
}

fn ends(shape: Shape) -> (Sender, Receiver, ChaCha20Rng) {
    let sender = Sender::new(shape, chains(shape)).unwrap();
    let receiver = Receiver::new(shape, chains(shape)).unwrap();
    (sender, receiver, ChaCha20Rng::from_seed([9; 32]))
}

fn split(sender: &mut Sender, shape: Shape, s: u32, rng: &mut ChaCha20Rng) -> Vec<Vec<u8>> {
    let (next, parts) = sender.split(s, &cell_of(shape, s), rng).unwrap();
    *sender = next;
    parts
}

/// The parts, with lies at the places of a set of bits, beginning with another place each time.
fn with_lies(parts: &[OpenedPart], wrong: u32) -> Vec<OpenedPart> {
    let lied = |part: &OpenedPart| match wrong >> part.place & 1 {
        1 => lie(part, wrong as usize + usize::from(part.place)),
        _ => part.clone(),
    };
    let mut parts: Vec<_> = parts.iter().map(lied).collect();
    let first = wrong as usize % parts.len();
    parts.rotate_left(first);
    parts
}

fn places(bits: u32) -> Vec<u8> {
    (0..10).filter(|place| bits >> place & 1 == 1).collect()
}

#[test]
fn up_to_n_minus_k_wrong_parts_are_survived_and_named() {
    for (shape, step) in [(four_of_six(), 1), (Shape::SEVEN_OF_TEN, 5)] {
        let (parts, cell) = (whole(shape, 3), cell_of(shape, 3));
        for count in 0..=u32::from(shape.n() - shape.k()) {
            for bits in choices(shape, count).step_by(step) {
                let expected = Joined::Cell { cell: cell.clone(), wrong: places(bits) };
                assert!(
                    join(shape, &with_lies(&parts, bits)) == expected,
                    "{bits:#b} of {shape:?}"
                );
            }
        }
    }
}

#[test]
fn with_more_wrong_parts_there_is_no_cell_and_never_a_wrong_one() {
    for (shape, step) in [(four_of_six(), 1), (Shape::SEVEN_OF_TEN, 40)] {
        let parts = whole(shape, 3);
        for count in u32::from(shape.n() - shape.k()) + 1..=u32::from(shape.n()) {
            for bits in choices(shape, count).step_by(step) {
                assert!(join(shape, &with_lies(&parts, bits)) == Joined::Apart, "{bits:#b}");
            }
        }
    }
}

#[test]
fn a_wrong_part_costs_nothing_but_one_more() {
    let shape = Shape::SEVEN_OF_TEN;
    let (parts, cell) = (whole(shape, 3), cell_of(shape, 3));
    let mut held = vec![lie(&parts[4], 0)];
    held.extend(chosen(&parts, 0b10_0110_1011));
    assert_eq!(join(shape, &held), Joined::Apart);
    held.push(parts[8].clone());
    assert_eq!(join(shape, &held), Joined::Cell { cell, wrong: vec![4] });
}

#[test]
fn the_first_part_of_a_place_counts_and_strange_ones_do_not() {
    let shape = four_of_six();
    let (parts, cell) = (whole(shape, 3), cell_of(shape, 3));
    let mut held = vec![lie(&parts[2], 3), parts[2].clone()];
    held.extend(chosen(&parts, 0b10_1010));
    // The good one of place 2 would be the fourth.
    assert_eq!(join(shape, &held), Joined::Apart);
    held.push(parts[0].clone());
    assert_eq!(join(shape, &held), Joined::Cell { cell: cell.clone(), wrong: vec![2] });
    let mut good = chosen(&parts, 0b1111);
    let (mut short, mut far) = (parts[4].clone(), parts[5].clone());
    short.fragment.pop();
    far.place = 6;
    good.extend([short, far]);
    assert_eq!(join(shape, &good), Joined::Cell { cell, wrong: Vec::new() });
    assert_eq!(join(shape, &good[1..]), Joined::Short { missing: 1 });
}

/// One cell comes of it, with the parts of the other named, and it is one of the two.
#[test]
fn a_peer_who_sends_two_cells_is_shown_to_have() {
    let shape = coded(Class::Small, 4, 10);
    let (one, other) = (whole(shape, 1), whole(shape, 2));
    let mut parts = chosen(&one, 0b00_0001_1011);
    parts.extend(chosen(&other, 0b11_1110_0100));
    let wrong = vec![2, 5, 6, 7, 8, 9];
    assert_eq!(join(shape, &parts), Joined::Cell { cell: cell_of(shape, 1), wrong });
    parts.reverse();
    let wrong = vec![0, 1, 3, 4];
    assert_eq!(join(shape, &parts), Joined::Cell { cell: cell_of(shape, 2), wrong });
}

#[test]
fn parts_of_another_cell_place_or_share_do_not_belong() {
    let shape = four_of_six();
    let (parts, cell) = (whole(shape, 3), cell_of(shape, 3));
    let other = whole(shape, 4);
    let swapped = |strange: OpenedPart| {
        let mut held = chosen(&parts, 0b1_1110);
        held.insert(0, strange);
        join(shape, &held)
    };
    let named = Joined::Cell { cell, wrong: vec![0] };
    assert_eq!(swapped(parts[0].clone()), Joined::Cell { cell: cell_of(shape, 3), wrong: vec![] });
    assert_eq!(swapped(other[0].clone()), named);
    assert_eq!(swapped(OpenedPart { place: 0, ..parts[5].clone() }), named);
    assert_eq!(swapped(OpenedPart { share: parts[1].share.clone(), ..parts[0].clone() }), named);
    let fragment = parts[1].fragment.clone();
    assert_eq!(swapped(OpenedPart { fragment, ..parts[0].clone() }), named);
}

#[test]
fn parts_are_held_and_join() {
    let shape = four_of_six();
    let (mut sender, mut receiver, mut rng) = ends(shape);
    let parts = split(&mut sender, shape, 1, &mut rng);
    let truth = opened(shape, 1, &parts);
    let mut store = Vec::new();
    for place in [5_u8, 1, 4] {
        let arrival = receiver.open(place.into(), &parts[usize::from(place)]);
        let Arrival::Part { s: 1, part } = arrival else { panic!("{arrival:?}") };
        assert_eq!(part, truth[usize::from(place)]);
        // Until it is held, a crash gives it again.
        let again = Arrival::Part { s: 1, part: part.clone() };
        assert_eq!(receiver.open(place.into(), &parts[usize::from(place)]), again);
        store.push(part);
        assert!(matches!(join(shape, &store), Joined::Short { .. }));
        receiver.hold(place.into(), 1);
        let repeated = Arrival::Repeated { s: 1 };
        assert_eq!(receiver.open(place.into(), &parts[usize::from(place)]), repeated);
        assert_eq!((receiver.highest(), receiver.opened().count()), (0, 0));
    }
    let Arrival::Part { s: 1, part } = receiver.open(0, &parts[0]) else { panic!() };
    store.push(part);
    let whole = Joined::Cell { cell: cell_of(shape, 1), wrong: Vec::new() };
    assert_eq!(join(shape, &store), whole);
    receiver.commit(0, 1);
    assert_eq!(receiver.open(0, &parts[0]), Arrival::Repeated { s: 1 });
    assert_eq!(receiver.open(3, &parts[3]), Arrival::Late { s: 1 });
    receiver.commit(3, 1);
    assert_eq!(receiver.open(3, &parts[3]), Arrival::Repeated { s: 1 });
    assert_eq!(receiver.highest(), 1);
    receiver.blame_wrong(3);
    assert_eq!(receiver.tally(3), Some(Tally { wrong: 1, ..Tally::default() }));
    assert_eq!(receiver.tally(2), Some(Tally::default()));
}

#[test]
fn altered_cut_and_swapped_parts_are_refused_and_leave_their_tags() {
    let shape = Shape::SEVEN_OF_TEN;
    let (mut sender, receiver, mut rng) = ends(shape);
    let parts = split(&mut sender, shape, 1, &mut rng);
    let next = split(&mut sender, shape, 2, &mut rng);
    for at in [16, 799, 800, 831, 832, 847] {
        let mut bad = parts[9].clone();
        bad[at] ^= 4;
        assert_eq!(receiver.open(9, &bad), Arrival::Bad(PartRefused::Seal(1)));
    }
    for (len, part) in [(847, &parts[9][..847]), (849, &[&parts[9][..], &[0]].concat()[..])] {
        let refused = PartRefused::Length { expected: 848, got: len };
        assert_eq!(receiver.open(9, part), Arrival::Bad(refused));
    }
    // Another place's part; this place's tag before another place's, or another s's, text.
    assert_eq!(receiver.open(8, &parts[9]), Arrival::Stray);
    for text in [&parts[8], &next[9]] {
        let mixed = [&parts[9][..16], &text[16..]].concat();
        assert_eq!(receiver.open(9, &mixed), Arrival::Bad(PartRefused::Seal(1)));
    }
    assert!(matches!(receiver.open(9, &parts[9]), Arrival::Part { s: 1, .. }));
}

/// A place moves while a cell is under way; its parts keep their index, and it has one of each cell.
#[test]
fn a_place_keeps_its_index_and_has_one_part_of_a_cell() {
    let shape = four_of_six();
    let (mut sender, mut receiver, mut rng) = ends(shape);
    let old = split(&mut sender, shape, 1, &mut rng);
    sender.replace(3, chain(77)).unwrap();
    receiver.add(40, 3, Window::new(chain(77), 0)).unwrap();
    assert_eq!((receiver.place(3), receiver.place(40)), (Some(3), Some(3)));
    let new = split(&mut sender, shape, 2, &mut rng);
    assert_eq!(receiver.open(3, &new[3]), Arrival::Stray);
    let held: Vec<_> = [(0, 0), (1, 1), (40, 3), (5, 5)]
        .map(|(lane, place)| {
            let arrival = receiver.open(lane, &new[place]);
            let Arrival::Part { s: 2, part } = arrival else { panic!("{arrival:?}") };
            part
        })
        .into();
    let cell = Joined::Cell { cell: cell_of(shape, 2), wrong: Vec::new() };
    assert_eq!(join(shape, &held), cell);
    // A peer that seals for one place over both of its connections.
    let Arrival::Part { part, .. } = receiver.open(3, &old[3]) else { panic!() };
    let second = seal_part(&chain(77).step().unwrap(), &part.fragment, &part.share);
    assert!(matches!(receiver.open(40, &second), Arrival::Part { s: 1, .. }));
    receiver.hold(3, 1);
    assert_eq!(receiver.open(40, &second), Arrival::Repeated { s: 1 });
    let mut spoilt = second;
    spoilt[20] ^= 1;
    assert_eq!(receiver.open(40, &spoilt), Arrival::Bad(PartRefused::Seal(1)));
}

#[test]
fn what_is_stored_of_a_part_is_read_again_and_says_nothing() {
    let shape = four_of_six();
    for part in whole(shape, 3) {
        let bytes = part.to_bytes();
        assert_eq!(bytes.len(), 784 + 32);
        assert_eq!(OpenedPart::from_bytes(shape, part.place, &bytes).as_ref(), Ok(&part));
        for wrong in [&bytes[1..], &[&bytes[..], &[0]].concat(), &bytes[..31], &[]] {
            let refused = OpenedPart::from_bytes(shape, part.place, wrong);
            assert_eq!(refused, Err(ScatterRefused::State));
        }
        assert_eq!(OpenedPart::from_bytes(shape, 6, &bytes), Err(ScatterRefused::State));
        assert_eq!(format!("{part:?}"), format!("OpenedPart({})", part.place));
    }
}

#[test]
fn the_shares_of_a_key_need_one_coefficient_less_than_k() {
    let shape = four_of_six();
    let (sender, _, _) = ends(shape);
    for got in [0, 2, 4] {
        let refused = SplitRefused::Coefficients { expected: 3, got };
        let split = sender.split_under(1, &cell_of(shape, 1), &[1; 32], &vec![[2; 32]; got]);
        assert_eq!(split.unwrap_err(), refused);
    }
}

/// A recipient and its store, over four of six.
struct Recipient {
    receiver: Receiver,
    held: BTreeMap<u32, Vec<(u8, Vec<u8>)>>,
    out: BTreeSet<u32>,
    taken: BTreeSet<(u8, u32)>,
}

impl Recipient {
    /// A part comes, good or altered at some byte: it is what it has to be.
    fn deliver(&mut self, place: u8, s: u32, part: &[u8], fault: Option<usize>) {
        let highest = self.receiver.highest();
        let reach = highest.saturating_sub(TAG_WINDOW)..=highest + TAG_WINDOW;
        let arrival = self.receiver.open(place.into(), part);
        match fault {
            Some(0..16) => assert_eq!(arrival, Arrival::Stray),
            _ if !reach.contains(&s) => assert_eq!(arrival, Arrival::Stray),
            _ if self.taken.contains(&(place, s)) => assert_eq!(arrival, Arrival::Repeated { s }),
            Some(_) => assert_eq!(arrival, Arrival::Bad(PartRefused::Seal(s))),
            None if self.out.contains(&s) => {
                assert_eq!(arrival, Arrival::Late { s });
                self.receiver.commit(place.into(), s);
                self.taken.insert((place, s));
            }
            None => {
                let Arrival::Part { s: of, part } = arrival else { panic!("{arrival:?}") };
                assert_eq!((of, part.place), (s, place));
                self.take(s, &part);
            }
        }
    }

    fn take(&mut self, s: u32, part: &OpenedPart) {
        let (shape, lane) = (four_of_six(), part.place.into());
        self.taken.insert((part.place, s));
        let held = self.held.entry(s).or_default();
        held.push((part.place, part.to_bytes().to_vec()));
        let read = |(place, bytes): &(u8, Vec<u8>)| OpenedPart::from_bytes(shape, *place, bytes);
        let parts: Vec<_> = held.iter().map(|held| read(held).unwrap()).collect();
        match join(shape, &parts) {
            Joined::Short { missing } => {
                assert_eq!(usize::from(missing) + parts.len(), 4);
                self.receiver.hold(lane, s);
            }
            Joined::Cell { cell, wrong } => {
                assert_eq!(parts.len(), 4);
                assert!(cell == cell_of(shape, s) && wrong.is_empty());
                self.receiver.commit(lane, s);
                self.held.remove(&s);
                self.out.insert(s);
            }
            Joined::Apart => panic!("{s} is apart"),
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Send { skip: u32 },
    Deliver { place: u8, cell: usize, fault: Option<usize> },
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (1_u32..150).prop_map(|skip| Act::Send { skip }),
        16 => (0_u8..6, 0..6_usize, prop::option::weighted(0.1, 0..848_usize))
            .prop_map(|(place, cell, fault)| Act::Deliver { place, cell, fault }),
        1 => Just(Act::Restart),
    ]
}

fn restart(receiver: &Receiver, shape: Shape) -> Receiver {
    let opened: Vec<u32> = receiver.opened().collect();
    let mut again = Receiver::restore(shape, receiver.highest(), opened).unwrap();
    for (id, window) in receiver.windows() {
        let window = Window::from_bytes(&window).unwrap();
        again.add(id, receiver.place(id).unwrap(), window).unwrap();
    }
    again
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is lost, overtaken, repeated or altered, and wherever the recipient begins again:
    /// each cell comes out once, as it was, with the fourth of its good parts within the window.
    #[test]
    fn each_cell_comes_out_with_its_fourth_part(acts in prop::collection::vec(act(), 1..90)) {
        let shape = four_of_six();
        let (mut sender, receiver, mut rng) = ends(shape);
        let mut sent: Vec<(u32, Vec<Vec<u8>>)> = Vec::new();
        let (held, out, taken) = Default::default();
        let (mut end, mut s) = (Recipient { receiver, held, out, taken }, 0);
        for act in acts {
            match act {
                Act::Send { skip } => {
                    s += skip;
                    sent.push((s, split(&mut sender, shape, s, &mut rng)));
                }
                Act::Restart => end.receiver = restart(&end.receiver, shape),
                Act::Deliver { place, cell, fault } => {
                    let Some((s, parts)) = sent.iter().rev().nth(cell) else { continue };
                    let mut part = parts[usize::from(place)].clone();
                    if let Some(at) = fault {
                        part[at] ^= 0x10;
                    }
                    end.deliver(place, *s, &part, fault);
                }
            }
        }
    }

    /// Any parts whatever: no panic, and a cell only if k of those that were sealed are among them.
    #[test]
    fn any_parts_join_to_the_cell_or_to_none(
        picked in prop::collection::vec((0_u8..7, 0_usize..9, any::<u8>()), 0..14),
    ) {
        let shape = four_of_six();
        let truth = whole(shape, 3);
        let (mut good, mut seen) = (0, BTreeSet::new());
        let parts: Vec<_> = picked.into_iter().map(|(place, kind, salt)| {
            let is_good = kind >= 4 && place < 6;
            good += u32::from(seen.insert(place) && is_good);
            match truth.get(usize::from(place)) {
                Some(part) if is_good => part.clone(),
                part => {
                    let mut part = lie(part.unwrap_or(&truth[0]), kind);
                    part.place = place;
                    part.fragment[usize::from(salt)] ^= salt | 0x40;
                    part
                }
            }
        }).collect();
        match join(shape, &parts) {
            Joined::Cell { cell, .. } => {
                prop_assert!(good >= 4);
                prop_assert!(cell == cell_of(shape, 3));
            }
            _ => prop_assert!(good < 4),
        }
    }
}
