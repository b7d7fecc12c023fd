//! What is refused before a backend is asked. Libraries differ on these encodings; the protocol
//! does not, so each rule stands here once, in code that both backends share. All inputs are
//! public, so nothing here runs in constant time.

pub mod ed25519;
pub mod ml_kem;
pub mod x25519;

/// Whether `a` is less than `b`, both little-endian and of one length.
fn less_le<const N: usize>(a: &[u8; N], b: &[u8; N]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// p = 2^255 − 19, the prime of Curve25519's field, little-endian.
const FIELD_PRIME: [u8; 32] = {
    let mut p = [0xff; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    p
};

/// `bytes` without its highest bit: the sign of an Ed25519 point, ignored by X25519.
fn without_high_bit(bytes: &[u8; 32]) -> [u8; 32] {
    let mut low = *bytes;
    low[31] &= 0x7f;
    low
}
