//! What k − 1 parts tell of a cell.

use edgewise_spec::frame::Class;
use edgewise_spec::scatter::{Joined, OpenedPart, Sender, Shape, join, shares};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use zeroize::Zeroizing;

use super::parts::{
    SHARES, cell_of, chains, choices, chosen, coded, inverse, opened, times, whole,
};

/// The coefficients, key first, of the polynomials of degree points − 1 at most through these
/// points, for each byte: Newton's divided differences, multiplied out.
fn through(points: &[(u8, [u8; 32])]) -> Vec<[u8; 32]> {
    let mut all = vec![[0; 32]; points.len()];
    for at in 0..32 {
        let mut differences: Vec<u8> = points.iter().map(|(_, values)| values[at]).collect();
        for step in 1..points.len() {
            for place in (step..points.len()).rev() {
                let over = inverse(points[place].0 ^ points[place - step].0, SHARES);
                differences[place] =
                    times(differences[place] ^ differences[place - 1], over, SHARES);
            }
        }
        let mut polynomial = vec![0; points.len()];
        for (place, difference) in differences.iter().enumerate().rev() {
            // polynomial · (x − x_place) + difference
            let before = polynomial.clone();
            let lower = [*difference].into_iter().chain(before.iter().copied());
            for ((to, same), lower) in polynomial.iter_mut().zip(&before).zip(lower) {
                *to = lower ^ times(*same, points[place].0, SHARES);
            }
        }
        all.iter_mut().zip(polynomial).for_each(|(to, byte)| to[at] = byte);
    }
    all
}

/// Whether these shares are those that some sharing of the key has, constructed.
fn fits(shape: Shape, key: [u8; 32], some: &[OpenedPart]) -> bool {
    let points = some.iter().map(|part| (part.place + 1, *part.share));
    let points: Vec<_> = [(0, key)].into_iter().chain(points).collect();
    let polynomials = through(&points);
    assert_eq!(polynomials[0], key);
    assert_eq!(polynomials.len(), usize::from(shape.k()), "degree k − 1 at most");
    let made = shares(shape, &key, &polynomials[1..]);
    some.iter().all(|part| made[usize::from(part.place)] == part.share)
}

/// Exact, and whatever one can compute: every key has one sharing with the shares of any k − 1
/// places, and all coefficients are equally likely.
#[test]
fn k_minus_one_shares_fit_every_key() {
    for (k, n) in [(4, 10), (7, 10)] {
        let shape = coded(Class::Small, k, n);
        let parts = whole(shape, 7);
        for (number, places) in choices(shape, u32::from(k) - 1).enumerate() {
            let some = chosen(&parts, places);
            // Each byte takes all 256 values in the first of them.
            let keys = if number == 0 { 0..=u8::MAX } else { number as u8..=number as u8 };
            for value in keys {
                let key = std::array::from_fn(|at| value.wrapping_add(at as u8 * 5));
                assert!(fits(shape, key, &some), "{places:#b}, {value}");
            }
        }
    }
}

/// They do not join, not with any part that is made up for the one that is missing.
#[test]
fn k_minus_one_parts_do_not_open() {
    let shape = Shape::SEVEN_OF_TEN;
    let parts = whole(shape, 9);
    for (number, places) in choices(shape, 6).enumerate() {
        let mut some = chosen(&parts, places);
        assert_eq!(join(shape, &some), Joined::Short { missing: 1 });
        // Nor does one of them count twice.
        some.push(some[number % 6].clone());
        assert_eq!(join(shape, &some), Joined::Short { missing: 1 });
        some.pop();
        let place = (0..10).find(|place| places >> place & 1 == 0).unwrap();
        let guess = [some[0].fragment.clone(), Zeroizing::new(vec![0; shape.fragment_len()])];
        some.push(OpenedPart {
            place,
            fragment: guess[number % 2].clone(),
            share: Zeroizing::new([number as u8; 32]),
        });
        assert_eq!(join(shape, &some), Joined::Apart, "{places:#b}");
    }
}

/// The key and the coefficients of a cell, from k of its parts.
fn drawn(shape: Shape, parts: &[OpenedPart]) -> Vec<[u8; 32]> {
    let k = usize::from(shape.k());
    let points: Vec<_> = parts[..k].iter().map(|part| (part.place + 1, *part.share)).collect();
    through(&points)
}

#[test]
fn keys_and_coefficients_are_drawn_from_all_bytes_and_for_each_cell() {
    let shape = coded(Class::Small, 4, 4);
    let sender = Sender::new(shape, chains(shape)).unwrap();
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    let (mut seen, mut counts) = (std::collections::BTreeSet::new(), vec![[0_u32; 256]; 4]);
    let cell = cell_of(shape, 1);
    const CELLS: u32 = 256;
    for _ in 0..CELLS {
        let (_, parts) = sender.split(1, &cell, &mut rng).unwrap();
        for (counts, bytes) in counts.iter_mut().zip(drawn(shape, &opened(shape, 1, &parts))) {
            assert!(seen.insert(bytes), "drawn for two cells, or twice for one");
            bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        }
    }
    // χ² with 255 degrees of freedom: 400 is beyond what a fair draw shows in ten million runs.
    let expected = f64::from(CELLS * 32) / 256.0;
    for counts in counts {
        let chi: f64 =
            counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
        assert!(chi < 400.0, "{chi}");
        assert!(counts[0] > 0, "zero among them");
    }
}

/// Parts as they leave say nothing of one another, nor of a cell whose bytes are all alike.
#[test]
fn parts_look_like_noise() {
    for shape in [Shape::SEVEN_OF_TEN, coded(Class::Small, 4, 10)] {
        let sender = Sender::new(shape, chains(shape)).unwrap();
        let mut rng = ChaCha20Rng::from_seed([6; 32]);
        let (_, parts) = sender.split(1, &vec![0; shape.cell_len()], &mut rng).unwrap();
        for (place, part) in parts.iter().enumerate() {
            assert_eq!(part.len(), 848);
            let ones: u32 = part.iter().map(|byte| byte.count_ones()).sum();
            assert!((3_000..3_784).contains(&ones), "{ones} ones of 6,784 bits");
            for other in &parts[..place] {
                let alike = part.windows(8).filter(|it| other.windows(8).any(|other| other == *it));
                assert_eq!(alike.count(), 0);
            }
        }
    }
}
