//! Which X25519 public values are refused: those for which every secret gives zero. All others
//! are accepted in every encoding (SUITE-23).

use super::without_high_bit;

/// The u coordinates of low order below 2^255, little-endian: 0, 1, two of order 8, p − 1, and the
/// second encodings of 0 and 1, which are p and p + 1.
const LOW_ORDER_U: [[u8; 32]; 7] = [
    [0; 32],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    near_prime(0xec),
    near_prime(0xed),
    near_prime(0xee),
];

/// 2^255 − 256 + `low`, little-endian.
const fn near_prime(low: u8) -> [u8; 32] {
    let mut u = [0xff; 32];
    u[0] = low;
    u[31] = 0x7f;
    u
}

/// Whether `u`, in any encoding, is of low order. X25519 ignores the highest bit, so this does.
#[must_use]
pub fn is_low_order(u: &[u8; 32]) -> bool {
    LOW_ORDER_U.contains(&without_high_bit(u))
}
