//! The functions of a backend as values, so that one test runs on each that is compiled in.

use edgewise_spec::suite::SuiteId;

type Kem = fn(&[u8; 1_216], &[u8; 64]) -> ([u8; 1_120], [u8; 32]);

type Hkdf = fn(&[u8], &[&[u8]], &[&[u8]], &mut [u8]);
type Seal = fn(SuiteId, &[u8; 32], &[u8; 12], &[u8], &mut [u8]) -> [u8; 16];
type Open = fn(SuiteId, &[u8; 32], &[u8; 12], &[u8], &mut [u8], &[u8; 16]) -> bool;
type MlKem = fn(&[u8; 1_184], &[u8; 32]) -> ([u8; 1_088], [u8; 32]);
type PasswordHash = fn(&[u8], &[u8; 16], u32, u32, &mut [u8; 32]) -> Option<()>;

#[cfg_attr(
    not(all(feature = "aws-lc", feature = "sodium")),
    expect(dead_code, reason = "some fields serve only the comparison of two")
)]
pub struct Backend {
    pub name: &'static str,
    pub hash: fn(&[&[u8]]) -> [u8; 32],
    pub hkdf: Hkdf,
    pub aes_available: fn() -> bool,
    pub seal: Seal,
    pub open: Open,
    pub public: fn(&[u8; 32]) -> [u8; 32],
    pub sign: fn(&[u8; 32], &[u8]) -> [u8; 64],
    pub verify: fn(&[u8; 32], &[u8], &[u8; 64]) -> bool,
    pub x25519: fn(&[u8; 32], &[u8; 32]) -> Option<[u8; 32]>,
    pub ml_kem_public: fn(&[u8; 64]) -> [u8; 1_184],
    pub ml_kem_encapsulate: MlKem,
    pub ml_kem_decapsulate: fn(&[u8; 64], &[u8; 1_088]) -> [u8; 32],
    pub x_wing_public: fn(&[u8; 32]) -> [u8; 1_216],
    pub x_wing_encapsulate: Kem,
    pub x_wing_decapsulate: fn(&[u8; 32], &[u8; 1_120]) -> Option<[u8; 32]>,
    pub argon2id: PasswordHash,
}

macro_rules! backend {
    ($module:ident) => {{
        use edgewise_spec::suite::$module::{self as b, Decapsulator, MlKem, Sealer, SigningKey};
        Backend {
            name: b::NAME,
            hash: b::hash,
            hkdf: b::hkdf,
            aes_available: b::aes_available,
            seal: |suite, key, nonce, ad, text| Sealer::new(suite, key).seal(nonce, ad, text),
            open: |suite, key, nonce, ad, text, tag| {
                Sealer::new(suite, key).open(nonce, ad, text, tag)
            },
            public: |seed| SigningKey::new(seed).public(),
            sign: |seed, message| SigningKey::new(seed).sign(message),
            verify: b::verify,
            x25519: |secret, public| b::x25519(secret, public).map(|shared| *shared),
            ml_kem_public: |seed| *MlKem::new(seed).public(),
            ml_kem_encapsulate: |ek, message| {
                let (ciphertext, secret) = b::ml_kem_encapsulate(ek, message);
                (ciphertext, *secret)
            },
            ml_kem_decapsulate: |seed, ciphertext| *MlKem::new(seed).decapsulate(ciphertext),
            x_wing_public: |seed| *Decapsulator::new(seed).public(),
            x_wing_encapsulate: b::encapsulate,
            x_wing_decapsulate: |seed, ciphertext| Decapsulator::new(seed).decapsulate(ciphertext),
            argon2id: b::argon2id,
        }
    }};
}

/// Every backend of this build.
pub fn backends() -> Vec<Backend> {
    vec![
        #[cfg(feature = "aws-lc")]
        backend!(aws_lc),
        #[cfg(feature = "sodium")]
        backend!(sodium),
    ]
}
