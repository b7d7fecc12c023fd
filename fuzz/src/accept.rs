//! The rules of acceptance, worked out a second time in another way.

use edgewise_spec::suite::{
    Decapsulator, Encapsulator, KeyRefused, ML_KEM_EK_LEN, SignatureRefused, SigningKey,
    VerifyingKey,
};

/// The key that honest signatures are of.
const SEED: [u8; 32] = [8; 32];

/// A byte for what the rest is, then bytes: 0 a verifying key, 1 a key, a signature and a
/// message, 2 an encapsulation key, 3 a ciphertext. With the highest bit they are laid over
/// honest ones.
///
/// What is accepted satisfies the rules and all else breaks one, as they are worked out here;
/// every backend that is compiled in comes to the same.
pub fn accept(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let honest = choice & 0x80 != 0;
    let accepted = match choice & 3 {
        0 => verifying_key(&over(honest, &public(), bytes)),
        1 => {
            let text = b"part".as_slice();
            let signed = SigningKey::from_seed(&SEED).sign(text);
            signature(&over(honest, &[&public()[..], &signed, text].concat(), bytes))
        }
        2 => encapsulation_key(&over(honest, decapsulator().encapsulator().as_bytes(), bytes)),
        _ => {
            let (ciphertext, _) = decapsulator().encapsulator().encapsulate_derand(&[9; 64]);
            decapsulation(&over(honest, &ciphertext, bytes))
        }
    };
    let unchanged = honest && bytes.iter().all(|bits| *bits == 0);
    assert!(accepted || !unchanged, "an honest one was refused");
}

fn public() -> [u8; 32] {
    *SigningKey::from_seed(&SEED).verifying_key().as_bytes()
}

fn decapsulator() -> Decapsulator {
    Decapsulator::from_seed(&SEED)
}

/// The bytes as they are, or laid over honest ones.
fn over(honest: bool, base: &[u8], bytes: &[u8]) -> Vec<u8> {
    if !honest {
        return bytes.to_vec();
    }
    let mut laid = base.to_vec();
    laid.iter_mut().zip(bytes).for_each(|(place, bits)| *place ^= bits);
    laid
}

fn verifying_key(bytes: &[u8]) -> bool {
    let read = VerifyingKey::parse(bytes);
    let Ok(point) = <[u8; 32]>::try_from(bytes) else {
        assert_eq!(read, Err(KeyRefused::Length));
        return false;
    };
    let expected = if !is_canonical(&point) {
        Err(KeyRefused::NotCanonical)
    } else if has_small_order(&point) {
        Err(KeyRefused::SmallOrder)
    } else {
        Ok(point)
    };
    assert_eq!(read.map(|key| *key.as_bytes()), expected);
    expected.is_ok()
}

fn signature(bytes: &[u8]) -> bool {
    let Some((point, rest)) = bytes.split_first_chunk::<32>() else { return false };
    let Some((signature, message)) = rest.split_first_chunk::<64>() else { return false };
    let Ok(key) = VerifyingKey::parse(point) else { return false };
    let (r, s) = signature.split_at(32);
    let (r, s): ([u8; 32], [u8; 32]) = (r.try_into().expect("32"), s.try_into().expect("32"));
    let expected = if !is_below_order(&s) {
        Err(SignatureRefused::Scalar)
    } else if !is_canonical(&r) {
        Err(SignatureRefused::NotCanonical)
    } else if has_small_order(&r) {
        Err(SignatureRefused::SmallOrder)
    } else if verifies(point, message, signature) {
        Ok(())
    } else {
        Err(SignatureRefused::Equation)
    };
    assert_eq!(key.verify(message, signature), expected);
    expected.is_ok()
}

fn encapsulation_key(bytes: &[u8]) -> bool {
    let read = Encapsulator::parse(bytes);
    let Ok(whole) = <[u8; 1_216]>::try_from(bytes) else {
        assert_eq!(read, Err(KeyRefused::Length));
        return false;
    };
    let (ml_kem, point) = whole.split_at(ML_KEM_EK_LEN);
    let expected = if !is_reduced(ml_kem) {
        Err(KeyRefused::Modulus)
    } else if gives_zero(point.try_into().expect("32")) {
        Err(KeyRefused::SmallOrder)
    } else {
        Ok(())
    };
    assert_eq!(read.clone().map(drop), expected);
    if let Ok(key) = read {
        assert_eq!(key.as_bytes(), &whole);
        let (ciphertext, secret) = key.encapsulate_derand(&[9; 64]);
        agreed(encapsulated(&whole), (ciphertext, *secret.as_bytes()));
    }
    expected.is_ok()
}

fn decapsulation(bytes: &[u8]) -> bool {
    let Ok(ciphertext) = <[u8; 1_120]>::try_from(bytes) else { return false };
    let read = decapsulator().decapsulate(&ciphertext).map(|secret| *secret.as_bytes());
    let zero = gives_zero(ciphertext.last_chunk().expect("1,120"));
    assert_eq!(read.is_err(), zero, "refused for its X25519 half and nothing else");
    let (honest, secret) = decapsulator().encapsulator().encapsulate_derand(&[9; 64]);
    let same = read.as_ref().is_ok_and(|read| read == secret.as_bytes());
    assert_eq!(same, ciphertext == honest, "the secret of another ciphertext");
    if let Ok(read) = read {
        agreed(decapsulated(&ciphertext), Some(read));
    }
    !zero
}

fn agreed<T: PartialEq>(backends: Vec<T>, selected: T) {
    assert!(backends.iter().all(|other| *other == selected), "backends differ");
}

/// What every backend that is compiled in comes to.
macro_rules! each {
    ($module:ident => $of:expr) => {
        vec![
            #[cfg(feature = "aws-lc")]
            {
                use edgewise_spec::suite::aws_lc as $module;
                $of
            },
            #[cfg(feature = "sodium")]
            {
                use edgewise_spec::suite::sodium as $module;
                $of
            },
        ]
    };
}

fn verifies(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let verdicts: Vec<bool> = each!(backend => backend::verify(key, message, signature));
    let verifies = verdicts.first() == Some(&true);
    agreed(verdicts, verifies);
    verifies
}

fn encapsulated(ek: &[u8; 1_216]) -> Vec<([u8; 1_120], [u8; 32])> {
    each!(backend => backend::encapsulate(ek, &[9; 64]))
}

fn decapsulated(ciphertext: &[u8; 1_120]) -> Vec<Option<[u8; 32]>> {
    each!(backend => backend::Decapsulator::new(&SEED).decapsulate(ciphertext))
}

/// Low order, by what it means: a secret, which is a multiple of 8, makes zero of it.
fn gives_zero(u: &[u8; 32]) -> bool {
    let verdicts: Vec<bool> = each!(backend => backend::x25519(&SEED, u).is_none());
    let zero = verdicts.first() == Some(&true);
    agreed(verdicts, zero);
    zero
}

/// The same of an Edwards point, by way of the Montgomery curve: u = (1 + y) / (1 − y).
fn has_small_order(point: &[u8; 32]) -> bool {
    let y = Field::read(point);
    let u = Field::ONE.plus(y).times(Field::ONE.minus(y).inverse());
    gives_zero(&u.write())
}

/// Only the 19 values from p to 2^255 − 1 are not canonical, and they differ in one byte.
fn is_canonical(point: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = point;
    !(*low >= 0xed && middle.iter().all(|byte| *byte == 0xff) && high | 0x80 == 0xff)
}

/// Below 2^252 + 27742317777372353535851937790883648493, in two halves.
fn is_below_order(scalar: &[u8; 32]) -> bool {
    let (low, high) = scalar.split_at(16);
    let half = |bytes: &[u8]| u128::from_le_bytes(bytes.try_into().expect("16"));
    (half(high), half(low)) < (1 << 124, 27_742_317_777_372_353_535_851_937_790_883_648_493)
}

/// As FIPS 203 has it: decoded, reduced and encoded again they are the same bytes.
fn is_reduced(ml_kem: &[u8]) -> bool {
    let bit = |n: usize| ml_kem[n / 8] >> (n % 8) & 1;
    (0..768).all(|coefficient| {
        let bits = (0..12).map(|n| u16::from(bit(coefficient * 12 + n)) << n);
        let decoded: u16 = bits.sum();
        decoded == decoded % 3_329
    })
}

/// A number below p = 2^255 − 19, in two halves of 128 bits, the lower one first. As slow as it
/// is plain.
#[derive(Clone, Copy)]
struct Field(u128, u128);

impl Field {
    const ONE: Self = Self(1, 0);
    const PRIME: Self = Self(u128::MAX - 18, u128::MAX >> 1);

    /// Without the highest bit.
    fn read(bytes: &[u8; 32]) -> Self {
        let (low, high) = bytes.split_at(16);
        let half = |bytes: &[u8]| u128::from_le_bytes(bytes.try_into().expect("16"));
        Self(half(low), half(high) & (u128::MAX >> 1)).reduced()
    }

    fn write(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.0.to_le_bytes());
        bytes[16..].copy_from_slice(&self.1.to_le_bytes());
        bytes
    }

    fn reduced(self) -> Self {
        let Self(low, high) = Self::PRIME;
        if (self.1, self.0) < (high, low) {
            return self;
        }
        let (difference, borrow) = self.0.overflowing_sub(low);
        Self(difference, self.1 - high - u128::from(borrow))
    }

    fn plus(self, other: Self) -> Self {
        let (sum, carry) = self.0.overflowing_add(other.0);
        Self(sum, self.1 + other.1 + u128::from(carry)).reduced()
    }

    fn minus(self, other: Self) -> Self {
        let Self(low, high) = Self::PRIME;
        let (negative, borrow) = low.overflowing_sub(other.0);
        self.plus(Self(negative, high - other.1 - u128::from(borrow)).reduced())
    }

    fn times(self, other: Self) -> Self {
        let mut product = Self(0, 0);
        for n in (0..255).rev() {
            product = product.plus(product);
            if other.bit(n) {
                product = product.plus(self);
            }
        }
        product
    }

    /// To the power of p − 2; zero has none and stays zero.
    fn inverse(self) -> Self {
        let exponent = Self(Self::PRIME.0 - 2, Self::PRIME.1);
        let mut power = Self::ONE;
        for n in (0..255).rev() {
            power = power.times(power);
            if exponent.bit(n) {
                power = power.times(self);
            }
        }
        power
    }

    fn bit(self, n: u32) -> bool {
        let half = if n < 128 { self.0 } else { self.1 };
        half >> (n % 128) & 1 == 1
    }
}
