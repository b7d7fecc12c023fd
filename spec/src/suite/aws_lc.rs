//! The backend on aws-lc-rs, with ML-KEM and SHA-3 of libcrux and Argon2id of RustCrypto.
//!
//! Nothing here checks an encoding: that is [`accept`](super::accept)'s, before this is asked.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    agreement::{self, X25519},
    digest, hkdf,
    signature::{self, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use libcrux_ml_kem::mlkem768::{self, MlKem768PrivateKey, MlKem768PublicKey};
use zeroize::{Zeroize, Zeroizing};

use super::{ML_KEM_CT_LEN, ML_KEM_EK_LEN, SuiteId, X_WING_LABEL, stop};
use crate::constants::{CT_LEN, EK_LEN, HASH_LEN, NONCE_LEN, SIGNATURE_LEN, SS_LEN, TAG_LEN};

/// Name of this backend.
pub const NAME: &str = "aws-lc";

/// SHA-256 over the concatenation of `parts`.
#[must_use]
pub fn hash(parts: &[&[u8]]) -> [u8; HASH_LEN] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().try_into().unwrap_or_else(|_| stop())
}

/// HKDF-SHA-256: fills `out`, at most 8,160 bytes.
pub fn hkdf(salt: &[u8], secret: &[&[u8]], info: &[&[u8]], out: &mut [u8]) {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let secret = Zeroizing::new(secret.concat());
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&secret);
    let filled = prk.expand(info, Length(out.len())).and_then(|material| material.fill(out));
    filled.unwrap_or_else(|_| stop());
}

/// Whether AES and carry-less multiplication run in hardware.
#[must_use]
pub fn aes_available() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("pmull");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// A prepared AEAD key; the library erases it.
pub struct Sealer(LessSafeKey);

impl Sealer {
    /// Prepares a key of 32 bytes.
    #[must_use]
    pub fn new(suite: SuiteId, key: &[u8; HASH_LEN]) -> Self {
        let algorithm = match suite {
            SuiteId::Chacha20Poly1305 => &CHACHA20_POLY1305,
            SuiteId::Aes256Gcm => &AES_256_GCM,
        };
        Self(LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap_or_else(|_| stop())))
    }

    /// Seals `text` in place and returns its tag.
    #[must_use]
    pub fn seal(&self, nonce: &[u8; NONCE_LEN], ad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(ad), text);
        tag.ok().and_then(|tag| tag.as_ref().try_into().ok()).unwrap_or_else(|| stop())
    }

    /// Opens `text` in place; after a failure its content is undefined.
    #[must_use]
    pub fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        ad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> bool {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_in_place_separate_tag(nonce, Aad::from(ad), tag, text).is_ok()
    }
}

/// A prepared Ed25519 key; the library erases it.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key of a seed.
    #[must_use]
    pub fn new(seed: &[u8; HASH_LEN]) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(seed).unwrap_or_else(|_| stop()))
    }

    /// The encoded public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap_or_else(|_| stop())
    }

    /// The signature of `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(message).as_ref().try_into().unwrap_or_else(|_| stop())
    }
}

/// Whether `signature` satisfies the cofactorless equation.
#[must_use]
pub fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; SIGNATURE_LEN]) -> bool {
    UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature).is_ok()
}

/// A prepared X25519 secret; the library erases it.
struct Exchange(agreement::PrivateKey);

impl Exchange {
    fn new(secret: &[u8; 32]) -> Self {
        let key = agreement::PrivateKey::from_private_key(&X25519, secret);
        Self(key.unwrap_or_else(|_| stop()))
    }

    fn public(&self) -> [u8; 32] {
        let key = self.0.compute_public_key().unwrap_or_else(|_| stop());
        key.as_ref().try_into().unwrap_or_else(|_| stop())
    }

    fn agree(&self, public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        let public = agreement::UnparsedPublicKey::new(&X25519, public);
        agreement::agree(&self.0, public, (), |shared| {
            shared.try_into().map(Zeroizing::new).map_err(|_| ())
        })
        .ok()
    }
}

/// X25519 (RFC 7748) of a secret and a public value; `None` when the result is zero.
#[must_use]
pub fn x25519(secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    Exchange::new(secret).agree(public)
}

/// X-Wing's combiner: SHA3-256 over both secrets, the X25519 halves and the draft's label.
fn combine(ss_m: &[u8; 32], ss_x: &[u8; 32], ct_x: &[u8; 32], pk_x: &[u8; 32]) -> [u8; SS_LEN] {
    let input: [&[u8]; 5] = [ss_m, ss_x, ct_x, pk_x, &X_WING_LABEL];
    libcrux_sha3::sha256(&Zeroizing::new(input.concat()))
}

/// An ML-KEM-768 key (FIPS 203), expanded.
pub struct MlKem {
    secret: Box<MlKem768PrivateKey>,
    public: Box<MlKem768PublicKey>,
}

impl MlKem {
    /// Expands a seed d 32 ‖ z 32.
    #[must_use]
    pub fn new(seed: &[u8; 64]) -> Self {
        let (secret, public) = mlkem768::generate_key_pair(*seed).into_parts();
        Self { secret: Box::new(secret), public: Box::new(public) }
    }

    /// The encoded encapsulation key.
    #[must_use]
    pub fn public(&self) -> &[u8; ML_KEM_EK_LEN] {
        self.public.as_slice()
    }

    /// The secret of a ciphertext, or that of its implicit rejection.
    #[must_use]
    pub fn decapsulate(&self, ciphertext: &[u8; ML_KEM_CT_LEN]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(mlkem768::decapsulate(&self.secret, &ciphertext.into()))
    }
}

impl Drop for MlKem {
    fn drop(&mut self) {
        // The library does not erase its keys.
        self.secret[0..].zeroize();
    }
}

/// Encapsulates to an ML-KEM-768 key whose modulus was checked; `message` is the randomness.
#[must_use]
pub fn ml_kem_encapsulate(
    ek: &[u8; ML_KEM_EK_LEN],
    message: &[u8; 32],
) -> ([u8; ML_KEM_CT_LEN], Zeroizing<[u8; 32]>) {
    let (ciphertext, secret) = mlkem768::encapsulate(&ek.into(), *message);
    (ciphertext.into(), Zeroizing::new(secret))
}

/// A prepared X-Wing key.
pub struct Decapsulator {
    ml_kem: MlKem,
    exchange: Exchange,
    public: Box<[u8; EK_LEN]>,
}

impl Decapsulator {
    /// Expands a seed.
    #[must_use]
    pub fn new(seed: &[u8; HASH_LEN]) -> Self {
        let expanded = Zeroizing::new(libcrux_sha3::shake256::<96>(seed));
        let (ml_kem, secret) = expanded.split_first_chunk().unwrap_or_else(|| stop());
        let (ml_kem, exchange) =
            (MlKem::new(ml_kem), Exchange::new(secret.try_into().unwrap_or_else(|_| stop())));
        let public = [ml_kem.public().as_slice(), &exchange.public()].concat();
        let public = public.into_boxed_slice().try_into().unwrap_or_else(|_| stop());
        Self { ml_kem, exchange, public }
    }

    /// The encoded public key.
    #[must_use]
    pub fn public(&self) -> &[u8; EK_LEN] {
        &self.public
    }

    /// The secret of a ciphertext; `None` when its X25519 half is of low order.
    #[must_use]
    pub fn decapsulate(&self, ciphertext: &[u8; CT_LEN]) -> Option<[u8; SS_LEN]> {
        let (ct_m, ct_x) = ciphertext.split_first_chunk()?;
        let ct_x = ct_x.first_chunk()?;
        let ss_x = self.exchange.agree(ct_x)?;
        let ss_m = self.ml_kem.decapsulate(ct_m);
        Some(combine(&ss_m, &ss_x, ct_x, self.public.last_chunk()?))
    }
}

/// Encapsulates to a checked key with 64 bytes of randomness.
#[must_use]
pub fn encapsulate(ek: &[u8; EK_LEN], seed: &[u8; 64]) -> ([u8; CT_LEN], [u8; SS_LEN]) {
    try_encapsulate(ek, seed).unwrap_or_else(|| stop())
}

fn try_encapsulate(ek: &[u8; EK_LEN], seed: &[u8; 64]) -> Option<([u8; CT_LEN], [u8; SS_LEN])> {
    let (pk_m, pk_x) = ek.split_first_chunk()?;
    let pk_x = pk_x.first_chunk()?;
    let exchange = Exchange::new(seed.last_chunk()?);
    let ss_x = exchange.agree(pk_x)?;
    let (ct_m, ss_m) = ml_kem_encapsulate(pk_m, seed.first_chunk()?);
    let ct_x = exchange.public();
    let mut ciphertext = [0; CT_LEN];
    let (first, last) = ciphertext.split_first_chunk_mut()?;
    *first = ct_m;
    last.copy_from_slice(&ct_x);
    Some((ciphertext, combine(&ss_m, &ss_x, &ct_x, pk_x)))
}

/// Argon2id, version 0x13, parallelism 1; `None` for parameters out of range.
pub fn argon2id(
    password: &[u8],
    salt: &[u8; 16],
    memory_kib: u32,
    passes: u32,
    out: &mut [u8; 32],
) -> Option<()> {
    let params = Params::new(memory_kib, passes, 1, Some(out.len())).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password, salt, out).ok()
}
