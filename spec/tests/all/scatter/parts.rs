//! What the tests of k > 1 share: parts of a cell, and arithmetic that is slow and has nothing of
//! the code's.

use edgewise_spec::frame::Class;
use edgewise_spec::scatter::{OpenedPart, PartChain, Sender, Shape, open_part};
use zeroize::Zeroizing;

/// The polynomials of the chapter: of fragments, and of shares.
pub const FRAGMENTS: u16 = 0x11D;
pub const SHARES: u16 = 0x11B;

/// The product of two polynomials over GF(2), then the remainder of a division.
pub fn times(a: u8, b: u8, polynomial: u16) -> u8 {
    let product =
        (0..8).filter(|bit| b >> bit & 1 == 1).fold(0, |sum, bit| sum ^ (u16::from(a) << bit));
    let reduce = |rest: u16, bit: u16| {
        if rest >> bit & 1 == 1 { rest ^ (polynomial << (bit - 8)) } else { rest }
    };
    (8..16).rev().fold(product, reduce) as u8
}

/// Found by trying all.
pub fn inverse(a: u8, polynomial: u16) -> u8 {
    (1..=u8::MAX).find(|b| times(a, *b, polynomial) == 1).unwrap()
}

pub fn coded(class: Class, k: u8, n: u8) -> Shape {
    Shape::new(class, k, n).unwrap()
}

/// Every shape with k > 1.
pub fn all_coded() -> impl Iterator<Item = Shape> {
    let rows = Shape::TABLE.into_iter().filter(|(_, k)| *k > 1);
    rows.flat_map(|(class, k)| (k..=10).map(move |n| coded(class, k, n)))
}

pub fn cell_of(shape: Shape, s: u32) -> Vec<u8> {
    (0..shape.cell_len()).map(|at| ((at as u32 * 11) ^ (at as u32 >> 7) ^ s) as u8).collect()
}

pub fn chain(place: u8) -> PartChain {
    PartChain::new(&[place; 32], 0)
}

pub fn chains(shape: Shape) -> Vec<PartChain> {
    (0..shape.n()).map(chain).collect()
}

/// What each part of a cell holds, as whoever has all keys opens them.
pub fn opened(shape: Shape, s: u32, parts: &[Vec<u8>]) -> Vec<OpenedPart> {
    let open = |(place, part): (u8, &Vec<u8>)| {
        let key = chain(place).step_to(s).unwrap();
        open_part(shape, place, &key, part).unwrap()
    };
    (0..).zip(parts).map(open).collect()
}

/// Coefficients that are as good as any.
pub fn coefficients(shape: Shape, s: u32) -> Vec<[u8; 32]> {
    let byte = |at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8;
    let one =
        |degree: u8| std::array::from_fn(|at| byte(s + 1_000 * u32::from(degree) + at as u32));
    (1..shape.k()).map(one).collect()
}

/// The opened parts of the cell of `s`.
pub fn whole(shape: Shape, s: u32) -> Vec<OpenedPart> {
    let sender = Sender::new(shape, chains(shape)).unwrap();
    let cell = cell_of(shape, s);
    let split = sender.split_under(s, &cell, &[s as u8; 32], &coefficients(shape, s));
    opened(shape, s, &split.unwrap().1)
}

/// The parts at these places of a set of bits, lowest first.
pub fn chosen(parts: &[OpenedPart], places: u32) -> Vec<OpenedPart> {
    parts.iter().filter(|part| places >> part.place & 1 == 1).cloned().collect()
}

/// Every choice of so many places.
pub fn choices(shape: Shape, count: u32) -> impl Iterator<Item = u32> {
    (0..1 << shape.n()).filter(move |places: &u32| places.count_ones() == count)
}

/// A part with other bytes than it was sealed with: only who knows its key can make it.
pub fn lie(part: &OpenedPart, kind: usize) -> OpenedPart {
    let mut part = part.clone();
    let last = part.fragment.len() - 1;
    match kind % 4 {
        0 => part.fragment[usize::from(part.place)] ^= 1,
        1 => part.share[31 - usize::from(part.place)] ^= 0x80,
        2 => {
            part.fragment[last] ^= 0x10;
            part.share = Zeroizing::new([part.place; 32]);
        }
        _ => part.fragment.fill(part.place),
    }
    part
}
