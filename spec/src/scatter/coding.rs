//! Fragments: a sealed cell, Reed-Solomon coded k of n over GF(2^8).

use field::Gf;

use super::Shape;

/// GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1.
///
/// It multiplies by table. What it is given is ciphertext, and places, which are no secret; the key
/// shares have arithmetic of their own (`share.rs`).
mod field {
    g2p::g2p!(Gf, 8, modulus: 0x11D);
}

const ZERO: Gf = Gf(0);
const ONE: Gf = Gf(1);

/// The row of a place in the matrix of k columns: what each data fragment is multiplied by before
/// all are added to the place's fragment (SCATTER-17).
///
/// Rows 0 to k − 1 are those of the identity, the others 1/(x + y) with x the row and y the column.
/// For k = 1 every row is 1: each fragment is the sealed cell (SCATTER-6).
#[must_use]
pub fn coding_row(k: u8, place: u8) -> Vec<u8> {
    let entry = |column: u8| match (place < k, k) {
        (true, _) => Gf(u8::from(place == column)),
        (false, 1) => ONE,
        // The row is at least k and the column below it, so that their sum is not zero.
        (false, _) => ONE / Gf(place ^ column),
    };
    (0..k).map(|column| entry(column).0).collect()
}

/// Adds `from`, each byte multiplied by the factor.
fn add(to: &mut [u8], factor: Gf, from: &[u8]) {
    if factor != ZERO {
        to.iter_mut().zip(from).for_each(|(to, from)| *to ^= (factor * Gf(*from)).0);
    }
}

/// The n fragments of a sealed cell of k·FRAGMENT bytes, in the order of the places (SCATTER-17).
#[must_use]
pub fn fragments(shape: Shape, sealed: &[u8]) -> Vec<Vec<u8>> {
    let fragment = |place| {
        let mut fragment = vec![0; shape.fragment_len()];
        let data = sealed.chunks(shape.fragment_len());
        for (factor, data) in coding_row(shape.k(), place).into_iter().zip(data) {
            add(&mut fragment, Gf(factor), data);
        }
        fragment
    };
    (0..shape.n()).map(fragment).collect()
}

/// That the data fragments, each multiplied by its factor, add up to a value.
struct Equation {
    factors: Vec<u8>,
    value: Vec<u8>,
}

impl Equation {
    fn factor(&self, column: usize) -> Gf {
        self.factors.get(column).map_or(ZERO, |factor| Gf(*factor))
    }

    /// Makes the factor of a column, which is not zero, one.
    fn scale(&mut self, column: usize) {
        let factor = ONE / self.factor(column);
        let all = self.factors.iter_mut().chain(&mut self.value);
        all.for_each(|byte| *byte = (factor * Gf(*byte)).0);
    }

    /// Takes away as much of another one as makes the factor of a column zero.
    fn clear(&mut self, column: usize, with: &Self) {
        let factor = self.factor(column);
        add(&mut self.factors, factor, &with.factors);
        add(&mut self.value, factor, &with.value);
    }
}

/// The sealed cell that k fragments of different places fix: of whatever they are.
///
/// `None` for fewer than k, or for two of one place.
pub(super) fn sealed_of<'a>(
    k: u8,
    fragments: impl Iterator<Item = (u8, &'a [u8])>,
) -> Option<Vec<u8>> {
    let equation = |(place, value): (u8, &[u8])| Equation {
        factors: coding_row(k, place),
        value: value.to_vec(),
    };
    let mut open: Vec<_> = fragments.map(equation).collect();
    let mut solved: Vec<Equation> = Vec::with_capacity(open.len());
    for column in 0..usize::from(k) {
        let place = open.iter().position(|equation| equation.factor(column) != ZERO)?;
        let mut pivot = open.swap_remove(place);
        if pivot.factor(column) != ONE {
            pivot.scale(column);
        }
        open.iter_mut().chain(&mut solved).for_each(|other| other.clear(column, &pivot));
        solved.push(pivot);
    }
    Some(solved.into_iter().flat_map(|equation| equation.value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Class;

    #[test]
    fn the_field_has_the_polynomial_of_the_chapter() {
        assert_eq!(Gf(0x80) * Gf(2), Gf(0x1D));
        for byte in 1..=u8::MAX {
            assert_eq!((ONE / Gf(byte)) * Gf(byte), ONE);
        }
    }

    #[test]
    fn too_few_fragments_and_two_of_one_place_fix_nothing() {
        let shape = Shape::new(Class::Small, 4, 6).unwrap();
        let sealed: Vec<u8> = (0..4 * shape.fragment_len()).map(|at| (at * at / 5) as u8).collect();
        let all = fragments(shape, &sealed);
        let of = |places: &[u8]| {
            sealed_of(4, places.iter().map(|place| (*place, &all[usize::from(*place)][..])))
        };
        assert_eq!(of(&[5, 1, 4, 0]).as_deref(), Some(&sealed[..]));
        assert_eq!(of(&[5, 1, 4]), None);
        assert_eq!(of(&[5, 1, 4, 5]), None);
        assert_eq!(of(&[0, 0, 4, 5]), None);
    }
}
