#![doc = include_str!("../../suite.md")]
//!
//! # This module
//!
//! The only code that names a cryptographic library. Everything above it works on either backend:
//! `aws_lc`, the default, or `sodium`. With both compiled in, `aws-lc` is selected and the tests
//! compare the two. What libraries judge differently (encodings of keys, signatures and
//! ciphertexts) is decided by [`accept`], before a backend sees it.

pub mod accept;
mod aead;
#[cfg(feature = "aws-lc")]
pub mod aws_lc;
mod kem;
mod signature;
#[cfg(feature = "sodium")]
pub mod sodium;

#[cfg(feature = "aws-lc")]
use aws_lc as backend;
#[cfg(all(feature = "sodium", not(feature = "aws-lc")))]
use sodium as backend;

#[cfg(not(any(feature = "aws-lc", feature = "sodium")))]
compile_error!("one of the features `aws-lc` and `sodium` is needed");

use arrayvec::ArrayVec;

use crate::constants::{CT_LEN, EK_LEN, HASH_LEN, labels};

pub use aead::{OpenFailed, Sealer};
pub use kem::{CiphertextRefused, Decapsulator, Encapsulator, SharedSecret};
pub use signature::{SignatureRefused, SigningKey, VerifyingKey};

/// Name of the selected backend: `"aws-lc"` or `"sodium"`.
pub const BACKEND: &str = backend::NAME;

/// Longest label, in bytes.
pub const LABEL_LEN_MAX: usize = 32;

/// Longest output of [`derive()`], in bytes: 255 blocks of HKDF.
pub const DERIVE_LEN_MAX: usize = 255 * HASH_LEN;

/// Length of the ML-KEM-768 half of an encapsulation key, in bytes.
pub const ML_KEM_EK_LEN: usize = EK_LEN - 32;

/// Length of the ML-KEM-768 half of a ciphertext, in bytes.
pub const ML_KEM_CT_LEN: usize = CT_LEN - 32;

/// What X-Wing's combiner ends with, `\.//^\`.
const X_WING_LABEL: [u8; 6] = *br"\.//^\";

/// A suite: everything that could be chosen, as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum SuiteId {
    /// 0x0001: X-Wing, Ed25519, HKDF-SHA-256 and ChaCha20-Poly1305. Mandatory.
    Chacha20Poly1305 = 1,
    /// 0x0002: the same with AES-256-GCM; for links, where both ends have AES hardware.
    Aes256Gcm = 2,
}

impl SuiteId {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }
}

/// The number is no suite's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown suite")]
pub struct UnknownSuite;

impl TryFrom<u16> for SuiteId {
    type Error = UnknownSuite;

    fn try_from(code: u16) -> Result<Self, UnknownSuite> {
        match code {
            1 => Ok(Self::Chacha20Poly1305),
            2 => Ok(Self::Aes256Gcm),
            _ => Err(UnknownSuite),
        }
    }
}

/// Why a public key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// It does not have its kind's length.
    #[error("a key of the wrong length")]
    Length,
    /// A coordinate is not less than the field's prime.
    #[error("a key with a non-canonical encoding")]
    NotCanonical,
    /// A point's order divides 8.
    #[error("a key of small order")]
    SmallOrder,
    /// A coefficient of an ML-KEM key is not less than the modulus.
    #[error("a key with an unreduced coefficient")]
    Modulus,
}

/// H: SHA-256 over the concatenation of `parts` (SUITE-3).
#[must_use]
pub fn hash(parts: &[&[u8]]) -> [u8; HASH_LEN] {
    backend::hash(parts)
}

/// `lp(label)`: the label's length as a u16, then its bytes (SUITE-4).
///
/// A label has at most [`LABEL_LEN_MAX`] bytes, as all of [`labels`] do.
#[must_use]
pub fn lp(label: &str) -> ArrayVec<u8, { LABEL_LEN_MAX + 2 }> {
    debug_assert!(label.len() <= LABEL_LEN_MAX);
    let len = u16::try_from(label.len()).unwrap_or(u16::MAX);
    len.to_be_bytes().into_iter().chain(label.bytes()).take(LABEL_LEN_MAX + 2).collect()
}

/// D: fills `out` with the key material that `label` and the concatenated `context` name, from
/// the concatenation of `secret`.
///
/// HKDF-SHA-256 with salt `"edgewise/1"` ‖ suite, and info lp(label) ‖ H(context) ‖ u16(N)
/// (SUITE-5).
pub fn derive<const N: usize>(
    suite: SuiteId,
    secret: &[&[u8]],
    label: &str,
    context: &[&[u8]],
    out: &mut [u8; N],
) {
    const { assert!(N <= DERIVE_LEN_MAX) }
    let mut salt = ArrayVec::<u8, { LABEL_LEN_MAX + 2 }>::new();
    salt.extend(labels::SALT.bytes().chain(suite.code().to_be_bytes()));
    let length = const { [(N >> 8) as u8, N as u8] };
    let info: [&[u8]; 3] = [&lp(label), &hash(context), &length];
    backend::hkdf(&salt, secret, &info, out);
}

/// Whether AES runs in hardware here, so that suite 0x0002 may be offered.
#[must_use]
pub fn aes_available() -> bool {
    backend::aes_available()
}

/// The parameters of a password hash are out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("password hash parameters out of range")]
pub struct PasswordHashRefused;

/// Fills `out` with Argon2id (RFC 9106, version 0x13, parallelism 1) of `password` (SUITE-24).
///
/// # Errors
/// Less than 8 KiB of memory, no pass, or more memory than there is.
pub fn argon2id(
    password: &[u8],
    salt: &[u8; 16],
    memory_kib: u32,
    passes: u32,
    out: &mut [u8; 32],
) -> Result<(), PasswordHashRefused> {
    backend::argon2id(password, salt, memory_kib, passes, out).ok_or(PasswordHashRefused)
}

/// Whether `a` and `b` are equal, in a time that depends on their lengths alone.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(a, b).into()
}

/// Ends the program when a primitive that cannot fail has failed, which a library does only when
/// it gets no memory. Going on would mean an unset key or an unsealed block; Rust itself ends the
/// program when memory runs out.
#[cold]
fn stop() -> ! {
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_prefixed_with_its_length() {
        assert_eq!(lp("link").as_slice(), b"\x00\x04link");
    }

    #[test]
    fn only_known_suites_have_a_number() {
        for suite in [SuiteId::Chacha20Poly1305, SuiteId::Aes256Gcm] {
            assert_eq!(SuiteId::try_from(suite.code()), Ok(suite));
        }
        for code in [0, 3, 0x0100, u16::MAX] {
            assert_eq!(SuiteId::try_from(code), Err(UnknownSuite));
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let printed = [
            format!("{:?}", SigningKey::from_seed(&[7; 32])),
            format!("{:?}", SigningKey::from_seed(&[7; 32]).verifying_key()),
            format!("{:?}", Decapsulator::from_seed(&[7; 32])),
            format!("{:?}", Sealer::new(SuiteId::Chacha20Poly1305, &[7; 32])),
        ];
        assert_eq!(printed, ["SigningKey", "VerifyingKey", "Decapsulator", "Sealer"]);
    }

    #[test]
    fn equal_means_same_bytes_and_length() {
        assert!(constant_time_eq(b"abc", b"abc"));
        assert!(!constant_time_eq(b"abc", b"abd"));
        assert!(!constant_time_eq(b"abc", b"abcd"));
    }
}
