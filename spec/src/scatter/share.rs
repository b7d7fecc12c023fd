//! Shares of a cell's key, k of n: Shamir's scheme over GF(2^8), each byte for itself.
//!
//! The arithmetic is that of the field of AES, x^8 + x^4 + x^3 + x + 1, without tables or branches
//! on what is secret. Places are no secret.

use vsss_rs::{Gf256, IdentifierGf256, ShareIdentifier};
use zeroize::Zeroizing;

use super::Shape;
use crate::constants::SHARE_LEN;

/// A share, a cell's key, or one coefficient for each byte of it.
type Share = [u8; SHARE_LEN];

/// The x of a place: place + 1, since the key is at 0.
const fn x_of(place: u8) -> Gf256 {
    Gf256(place.wrapping_add(1))
}

/// The n shares of a cell's key, in the order of the places; `coefficients` are the k − 1 of each
/// byte's polynomial, those of x first (SCATTER-18).
#[must_use]
pub fn shares(shape: Shape, cell_key: &Share, coefficients: &[Share]) -> Vec<Zeroizing<Share>> {
    (0..shape.n()).map(|place| share_of(place, cell_key, coefficients)).collect()
}

/// The share of a place: the polynomial that begins with the cell's key and goes on
/// with the coefficients, those of x first.
fn share_of(place: u8, cell_key: &Share, coefficients: &[Share]) -> Zeroizing<Share> {
    let x = x_of(place);
    let mut share = Zeroizing::new([0; SHARE_LEN]);
    for coefficient in coefficients.iter().rev().chain([cell_key]) {
        for (to, byte) in share.iter_mut().zip(coefficient) {
            *to = (Gf256(*to) * x + Gf256(*byte)).0;
        }
    }
    share
}

/// What shares of different places fix elsewhere: at another place, or the key at `None`.
///
/// `None` for two shares of one place.
pub(super) fn joined<'a>(
    shares: impl Iterator<Item = (u8, &'a Share)> + Clone,
    at: Option<u8>,
) -> Option<Zeroizing<Share>> {
    let at = at.map_or(Gf256(0), x_of);
    let mut joined = Zeroizing::new([0; SHARE_LEN]);
    for (place, share) in shares.clone() {
        let x = x_of(place);
        let (mut above, mut below) = (Gf256(1), Gf256(1));
        for (other, _) in shares.clone().filter(|(other, _)| *other != place) {
            above *= at - x_of(other);
            below *= x - x_of(other);
        }
        let factor = above * IdentifierGf256(below).invert().ok()?.0;
        for (to, byte) in joined.iter_mut().zip(share) {
            *to ^= (factor * Gf256(*byte)).0;
        }
    }
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_that_of_aes() {
        assert_eq!(Gf256(0x80) * Gf256(2), Gf256(0x1B));
        // FIPS 197, section 4.2.
        assert_eq!(Gf256(0x57) * Gf256(0x83), Gf256(0xC1));
    }

    #[test]
    fn k_shares_fix_the_key_and_every_other_share() {
        let (key, coefficients) = ([7; 32], [[1; 32], [0; 32], [0xFF; 32]]);
        let share = |place| share_of(place, &key, &coefficients);
        let shares: Vec<_> = [9, 0, 3, 4].map(|place| (place, share(place))).into();
        let all = || shares.iter().map(|(place, share)| (*place, &**share));
        assert_eq!(joined(all(), None), Some(Zeroizing::new(key)));
        for place in 0..10 {
            assert_eq!(joined(all(), Some(place)), Some(share(place)));
        }
        assert_ne!(joined(all().skip(1), None), Some(Zeroizing::new(key)));
        // With k = 1 the share is the key.
        assert_eq!(*share_of(5, &key, &[]), key);
    }
}
