//! The data key, and how a value is sealed under it.
//!
//! ```text
//! sealed  = nonce 12 ‖ AEAD(value key, nonce, ad, text) ‖ tag 16
//! text    = length u32 ‖ value ‖ zeros up to a multiple of PADDING
//! ad      = lp("store/value") ‖ length of the table's name u8 ‖ name ‖ every plain column, i64
//! ```
//!
//! All plain columns of a row are integers and all of them are bound, so that no value can be
//! moved to another row, table or parent. The nonce is random: among 2^32 values sealed under one
//! key, which is a value every second for 136 years, two share a nonce with a probability of 2^-33.
//! Counted nonces would have to be committed before each use, and a copy of the file that is put
//! back would use them again; random ones do not care.

use core::fmt;

use edgewise_spec::constants::{HASH_LEN, NONCE_LEN, TAG_LEN};
use edgewise_spec::suite::{self, Sealer, SuiteId};
use rand_core::Rng;
use zeroize::Zeroizing;

use crate::clock::OsRandom;

/// Texts are padded to a multiple of this many bytes, so that the file does not show the exact
/// length of what was said.
const PADDING: usize = 64;
/// Bytes of a text before its value.
const PREFIX: usize = 4;
const SUITE: SuiteId = SuiteId::Chacha20Poly1305;

/// Labels of the store's derivations and hashes: none of them is one of the protocol's.
mod labels {
    pub(super) const VALUE: &str = "store/value";
    pub(super) const LOOKUP: &str = "store/lookup";
    pub(super) const LEDGER: &str = "store/ledger";
    pub(super) const MARK: &str = "store/mark";
}

/// The key under which everything is sealed, and the keys that follow from it.
pub(super) struct Keys {
    data: Zeroizing<[u8; HASH_LEN]>,
    value: Sealer,
    lookup: Zeroizing<[u8; HASH_LEN]>,
    ledger: Zeroizing<[u8; HASH_LEN]>,
    mark: Zeroizing<[u8; HASH_LEN]>,
}

/// Where a value stands: its table's name and the row's plain columns.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) table: &'static str,
    pub(super) columns: &'a [i64],
}

/// The value is not one that was sealed for this place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotSealedHere;

impl Keys {
    pub(super) fn new(data: Zeroizing<[u8; HASH_LEN]>) -> Self {
        let derived = |label: &str| {
            let mut key = Zeroizing::new([0; HASH_LEN]);
            suite::derive(SUITE, &[&*data], label, &[], &mut key);
            key
        };
        Self {
            value: Sealer::new(SUITE, &derived(labels::VALUE)),
            lookup: derived(labels::LOOKUP),
            ledger: derived(labels::LEDGER),
            mark: derived(labels::MARK),
            data,
        }
    }

    /// The data key itself, to be wrapped.
    pub(super) fn data(&self) -> &[u8; HASH_LEN] {
        &self.data
    }

    pub(super) fn seal(&self, place: Place<'_>, value: &[u8]) -> Vec<u8> {
        let len = (PREFIX + value.len()).next_multiple_of(PADDING);
        let mut sealed = vec![0; NONCE_LEN + len];
        let mut nonce = [0; NONCE_LEN];
        OsRandom.fill_bytes(&mut nonce);
        let (front, text) = sealed.split_at_mut(NONCE_LEN);
        front.copy_from_slice(&nonce);
        let fields = u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes();
        for (to, from) in text.iter_mut().zip(fields.iter().chain(value)) {
            *to = *from;
        }
        let tag = self.value.seal(&nonce, &associated(place), text);
        sealed.extend_from_slice(&tag);
        sealed
    }

    pub(super) fn open(
        &self,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, NotSealedHere> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(NotSealedHere)?;
        let (text, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(NotSealedHere)?;
        let mut text = Zeroizing::new(text.to_vec());
        self.value.open(nonce, &associated(place), &mut text, tag).map_err(|_| NotSealedHere)?;
        let (prefix, value) = text.split_first_chunk::<PREFIX>().ok_or(NotSealedHere)?;
        let len = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| NotSealedHere)?;
        let value = value.get(..len).ok_or(NotSealedHere)?;
        Ok(Zeroizing::new(value.to_vec()))
    }

    /// The number by which something is found that must not be read in the file: 63 bits of a
    /// keyed hash. Two things may have the same one; what is found is compared.
    pub(super) fn lookup(&self, what: &str, of: &[&[u8]]) -> i64 {
        let mut parts: Vec<&[u8]> = vec![&*self.lookup];
        let lens: Vec<[u8; 8]> = of.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
        parts.push(what.as_bytes());
        for (len, part) in lens.iter().zip(of) {
            parts.push(len);
            parts.push(part);
        }
        let [a, b, c, d, e, f, g, h, ..] = suite::hash(&parts);
        i64::from_be_bytes([a & 0x7f, b, c, d, e, f, g, h])
    }

    /// What one row adds to its table's ledger: a keyed hash of place, nonce and tag, which are
    /// new with every sealing.
    pub(super) fn element(&self, place: Place<'_>, sealed: &[u8]) -> [u8; HASH_LEN] {
        let nonce = sealed.get(..NONCE_LEN).unwrap_or_default();
        let tag = sealed.get(sealed.len().saturating_sub(TAG_LEN)..).unwrap_or_default();
        suite::hash(&[&suite::lp(labels::LEDGER), &*self.ledger, &associated(place), nonce, tag])
    }

    /// What proves that a count of transactions was written with this key.
    pub(super) fn mark(&self, committed: u64) -> [u8; HASH_LEN] {
        suite::hash(&[&suite::lp(labels::MARK), &*self.mark, &committed.to_be_bytes()])
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

fn associated(place: Place<'_>) -> Vec<u8> {
    let mut ad = suite::lp(labels::VALUE).to_vec();
    ad.push(u8::try_from(place.table.len()).unwrap_or(u8::MAX));
    ad.extend_from_slice(place.table.as_bytes());
    for column in place.columns {
        ad.extend_from_slice(&column.to_be_bytes());
    }
    ad
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'static> = Place { table: "contact", columns: &[7, 8] };

    fn keys() -> Keys {
        Keys::new(Zeroizing::new([3; HASH_LEN]))
    }

    #[test]
    fn a_value_opens_where_it_was_sealed_and_nowhere_else() {
        let sealed = keys().seal(HERE, b"the value");
        assert_eq!(&**keys().open(HERE, &sealed).unwrap(), b"the value");
        let elsewhere = [
            Place { table: "session", columns: &[7, 8] },
            Place { table: "contact", columns: &[8, 8] },
            Place { table: "contact", columns: &[7, 9] },
            Place { table: "contact", columns: &[7] },
        ];
        for place in elsewhere {
            assert_eq!(keys().open(place, &sealed).unwrap_err(), NotSealedHere);
        }
        let other = Keys::new(Zeroizing::new([4; HASH_LEN]));
        assert_eq!(other.open(HERE, &sealed).unwrap_err(), NotSealedHere);
    }

    #[test]
    fn every_byte_of_a_sealed_value_counts() {
        let sealed = keys().seal(HERE, b"the value");
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(keys().open(HERE, &altered).unwrap_err(), NotSealedHere, "byte {at}");
        }
        for len in 0..sealed.len() {
            assert_eq!(keys().open(HERE, &sealed[..len]).unwrap_err(), NotSealedHere);
        }
    }

    #[test]
    fn a_value_never_seals_the_same_twice_and_hides_its_exact_length() {
        let lens: Vec<usize> =
            [0, 1, 59, 60, 61].map(|len| keys().seal(HERE, &vec![1; len]).len()).to_vec();
        assert_eq!(lens, [92, 92, 92, 92, 156]);
        assert_ne!(keys().seal(HERE, b"same"), keys().seal(HERE, b"same"));
    }

    #[test]
    fn lookups_are_keyed_separate_and_not_negative() {
        let a = keys().lookup("message", &[b"ab", b"c"]);
        assert_eq!(a, keys().lookup("message", &[b"ab", b"c"]));
        assert_ne!(a, keys().lookup("message", &[b"a", b"bc"]));
        assert_ne!(a, keys().lookup("setting", &[b"ab", b"c"]));
        assert_ne!(a, Keys::new(Zeroizing::new([4; 32])).lookup("message", &[b"ab", b"c"]));
        assert!((0..64_u8).all(|i| keys().lookup("message", &[&[i]]) >= 0));
    }

    #[test]
    fn keys_print_nothing() {
        assert_eq!(format!("{:?}", keys()), "Keys");
    }
}
