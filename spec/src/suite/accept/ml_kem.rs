//! The modulus check of FIPS 203, section 7.2, for ML-KEM-768.

use crate::suite::ML_KEM_EK_LEN;

/// q of ML-KEM.
const MODULUS: u16 = 3_329;

/// Bytes of an encapsulation key that encode coefficients, 12 bits each; the last 32 are ρ.
const COEFFICIENT_BYTES: usize = ML_KEM_EK_LEN - 32;

/// Whether all 768 coefficients of an encapsulation key are less than q.
#[must_use]
pub fn coefficients_are_reduced(ek: &[u8; ML_KEM_EK_LEN]) -> bool {
    let (coefficients, _rho) = ek.split_at(COEFFICIENT_BYTES);
    coefficients.as_chunks::<3>().0.iter().all(|&[a, b, c]| {
        let first = u16::from(a) | (u16::from(b & 0x0f) << 8);
        let second = u16::from(b >> 4) | (u16::from(c) << 4);
        first < MODULUS && second < MODULUS
    })
}
