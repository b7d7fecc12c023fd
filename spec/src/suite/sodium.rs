//! The backend on libsodium through sodiumoxide, with ML-KEM and SHA-3 of RustCrypto.
//!
//! libsodium 1.0.18 has no HKDF, which is composed here from its HMAC (RFC 5869), and AES-256-GCM
//! only on machines with AES hardware. Nothing here checks an encoding: that is
//! [`accept`](super::accept)'s, before this is asked.

use std::sync::OnceLock;

use ml_kem::{
    DecapsulationKey, EncapsulationKey, MlKem768,
    array::Array,
    kem::{Decapsulate, KeyExport},
};
use sha3::{Digest, Sha3_256};
use shake::{ExtendableOutput, Shake256, Update, XofReader};
use sodiumoxide::crypto::{
    aead::{aes256gcm, chacha20poly1305_ietf as chacha},
    auth::hmacsha256,
    hash::sha256,
    pwhash::argon2id13,
    scalarmult::curve25519,
    sign::ed25519,
};
use zeroize::Zeroizing;

use super::{ML_KEM_CT_LEN, ML_KEM_EK_LEN, SuiteId, X_WING_LABEL, stop};
use crate::constants::{CT_LEN, EK_LEN, HASH_LEN, NONCE_LEN, SIGNATURE_LEN, SS_LEN, TAG_LEN};

/// Name of this backend.
pub const NAME: &str = "sodium";

/// libsodium picks its implementations for this machine once, before anything else of it runs.
fn ready() {
    static READY: OnceLock<bool> = OnceLock::new();
    if !READY.get_or_init(|| sodiumoxide::init().is_ok()) {
        stop();
    }
}

/// SHA-256 over the concatenation of `parts`.
#[must_use]
pub fn hash(parts: &[&[u8]]) -> [u8; HASH_LEN] {
    ready();
    let mut state = sha256::State::new();
    parts.iter().for_each(|part| state.update(part));
    state.finalize().0
}

/// HMAC-SHA-256 over the concatenation of `parts`, under a key of any length.
fn hmac<'a>(key: &[u8], parts: impl IntoIterator<Item = &'a [u8]>) -> Zeroizing<[u8; HASH_LEN]> {
    let mut state = hmacsha256::State::init(key);
    parts.into_iter().for_each(|part| state.update(part));
    Zeroizing::new(state.finalize().0)
}

/// HKDF-SHA-256: fills `out`, at most 8,160 bytes.
pub fn hkdf(salt: &[u8], secret: &[&[u8]], info: &[&[u8]], out: &mut [u8]) {
    ready();
    let prk = hmac(salt, secret.iter().copied());
    let mut block = Zeroizing::new([0; HASH_LEN]);
    for (chunk, count) in out.chunks_mut(HASH_LEN).zip(1..) {
        let Ok(count) = u8::try_from(count) else { stop() };
        // T(0) is empty; T(i) = HMAC(PRK, T(i-1) ‖ info ‖ i).
        let previous = if count == 1 { [].as_slice() } else { block.as_slice() };
        let counter = [count];
        let parts = [previous].into_iter().chain(info.iter().copied()).chain([counter.as_slice()]);
        block = hmac(prk.as_slice(), parts);
        chunk.iter_mut().zip(block.iter()).for_each(|(to, from)| *to = *from);
    }
}

/// Whether libsodium has AES-256-GCM on this machine.
#[must_use]
pub fn aes_available() -> bool {
    ready();
    aes256gcm::is_available()
}

/// An AEAD key; the library erases it.
pub struct Sealer(Key);

enum Key {
    Chacha(chacha::Key),
    Aes(aes256gcm::Aes256Gcm, aes256gcm::Key),
    Unavailable,
}

impl Sealer {
    /// Keeps a key of 32 bytes.
    #[must_use]
    pub fn new(suite: SuiteId, key: &[u8; HASH_LEN]) -> Self {
        ready();
        Self(match (suite, aes256gcm::Aes256Gcm::new()) {
            (SuiteId::Chacha20Poly1305, _) => Key::Chacha(chacha::Key(*key)),
            (SuiteId::Aes256Gcm, Ok(aes)) => Key::Aes(aes, aes256gcm::Key(*key)),
            (SuiteId::Aes256Gcm, Err(())) => Key::Unavailable,
        })
    }

    /// Seals `text` in place and returns its tag.
    #[must_use]
    pub fn seal(&self, nonce: &[u8; NONCE_LEN], ad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        match &self.0 {
            Key::Chacha(key) => {
                chacha::seal_detached(text, Some(ad), &chacha::Nonce(*nonce), key).0
            }
            Key::Aes(aes, key) => {
                aes.seal_detached(text, Some(ad), &aes256gcm::Nonce(*nonce), key).0
            }
            Key::Unavailable => {
                text.fill(0);
                [0; TAG_LEN]
            }
        }
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
        match &self.0 {
            Key::Chacha(key) => {
                let (nonce, tag) = (chacha::Nonce(*nonce), chacha::Tag(*tag));
                chacha::open_detached(text, Some(ad), &tag, &nonce, key).is_ok()
            }
            Key::Aes(aes, key) => {
                let (nonce, tag) = (aes256gcm::Nonce(*nonce), aes256gcm::Tag(*tag));
                aes.open_detached(text, Some(ad), &tag, &nonce, key).is_ok()
            }
            Key::Unavailable => false,
        }
    }
}

/// An Ed25519 key; the library erases it.
pub struct SigningKey {
    secret: ed25519::SecretKey,
    public: ed25519::PublicKey,
}

impl SigningKey {
    /// The key of a seed.
    #[must_use]
    pub fn new(seed: &[u8; HASH_LEN]) -> Self {
        ready();
        let (public, secret) = ed25519::keypair_from_seed(&ed25519::Seed(*seed));
        Self { secret, public }
    }

    /// The encoded public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.public.0
    }

    /// The signature of `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        ed25519::sign_detached(message, &self.secret).to_bytes()
    }
}

/// Whether `signature` satisfies the cofactorless equation.
#[must_use]
pub fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; SIGNATURE_LEN]) -> bool {
    ready();
    let Ok(signature) = ed25519::Signature::try_from(signature.as_slice()) else { return false };
    ed25519::verify_detached(&signature, message, &ed25519::PublicKey(*key))
}

/// X25519 (RFC 7748) of a secret and a public value; `None` when the result is zero.
#[must_use]
pub fn x25519(secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    ready();
    agree(&curve25519::Scalar(*secret), public)
}

fn agree(secret: &curve25519::Scalar, public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let shared = curve25519::scalarmult(secret, &curve25519::GroupElement(*public)).ok()?;
    Some(Zeroizing::new(shared.0))
}

/// X-Wing's combiner: SHA3-256 over both secrets, the X25519 halves and the draft's label.
fn combine(ss_m: &[u8; 32], ss_x: &[u8; 32], ct_x: &[u8; 32], pk_x: &[u8; 32]) -> [u8; SS_LEN] {
    let hash = Sha3_256::new_with_prefix(ss_m).chain_update(ss_x).chain_update(ct_x);
    hash.chain_update(pk_x).chain_update(X_WING_LABEL).finalize().0
}

/// An ML-KEM-768 key (FIPS 203), expanded; the library erases it.
pub struct MlKem {
    secret: Box<DecapsulationKey<MlKem768>>,
    public: Box<[u8; ML_KEM_EK_LEN]>,
}

impl MlKem {
    /// Expands a seed d 32 ‖ z 32.
    #[must_use]
    pub fn new(seed: &[u8; 64]) -> Self {
        let secret = Box::new(DecapsulationKey::from_seed(Array(*seed)));
        let public = Box::new(secret.encapsulation_key().to_bytes().0);
        Self { secret, public }
    }

    /// The encoded encapsulation key.
    #[must_use]
    pub fn public(&self) -> &[u8; ML_KEM_EK_LEN] {
        &self.public
    }

    /// The secret of a ciphertext, or that of its implicit rejection.
    #[must_use]
    pub fn decapsulate(&self, ciphertext: &[u8; ML_KEM_CT_LEN]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.decapsulate(&Array(*ciphertext)).0)
    }
}

/// Encapsulates to an ML-KEM-768 key whose modulus was checked; `message` is the randomness.
#[must_use]
pub fn ml_kem_encapsulate(
    ek: &[u8; ML_KEM_EK_LEN],
    message: &[u8; 32],
) -> ([u8; ML_KEM_CT_LEN], Zeroizing<[u8; 32]>) {
    let ek = EncapsulationKey::<MlKem768>::new(&Array(*ek)).unwrap_or_else(|_| stop());
    let message = Zeroizing::new(Array(*message));
    let (ciphertext, secret) = ek.encapsulate_deterministic(&message);
    (ciphertext.0, Zeroizing::new(secret.0))
}

/// A prepared X-Wing key; the libraries erase its halves.
pub struct Decapsulator {
    ml_kem: MlKem,
    scalar: curve25519::Scalar,
    public: Box<[u8; EK_LEN]>,
}

impl Decapsulator {
    /// Expands a seed.
    #[must_use]
    pub fn new(seed: &[u8; HASH_LEN]) -> Self {
        ready();
        let mut shake = Shake256::default();
        shake.update(seed);
        let mut stream = shake.finalize_xof();
        let mut ml_kem_seed = Zeroizing::new([0; 64]);
        stream.read(ml_kem_seed.as_mut());
        let mut scalar = curve25519::Scalar([0; 32]);
        stream.read(&mut scalar.0);
        let ml_kem = MlKem::new(&ml_kem_seed);
        let exchange = curve25519::scalarmult_base(&scalar).0;
        let public = [ml_kem.public().as_slice(), &exchange].concat();
        let public = public.into_boxed_slice().try_into().unwrap_or_else(|_| stop());
        Self { ml_kem, scalar, public }
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
        let ss_x = agree(&self.scalar, ct_x)?;
        let ss_m = self.ml_kem.decapsulate(ct_m);
        Some(combine(&ss_m, &ss_x, ct_x, self.public.last_chunk()?))
    }
}

/// Encapsulates to a checked key with 64 bytes of randomness.
#[must_use]
pub fn encapsulate(ek: &[u8; EK_LEN], seed: &[u8; 64]) -> ([u8; CT_LEN], [u8; SS_LEN]) {
    ready();
    try_encapsulate(ek, seed).unwrap_or_else(|| stop())
}

fn try_encapsulate(ek: &[u8; EK_LEN], seed: &[u8; 64]) -> Option<([u8; CT_LEN], [u8; SS_LEN])> {
    let (pk_m, pk_x) = ek.split_first_chunk()?;
    let pk_x = pk_x.first_chunk()?;
    let scalar = curve25519::Scalar(*seed.last_chunk()?);
    let ss_x = agree(&scalar, pk_x)?;
    let (ct_m, ss_m) = ml_kem_encapsulate(pk_m, seed.first_chunk()?);
    let ct_x = curve25519::scalarmult_base(&scalar).0;
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
    ready();
    let memory = argon2id13::MemLimit(usize::try_from(memory_kib).ok()?.checked_mul(1_024)?);
    let passes = argon2id13::OpsLimit(usize::try_from(passes).ok()?);
    let salt = argon2id13::Salt(*salt);
    argon2id13::derive_key(out, password, &salt, passes, memory).ok().map(|_| ())
}
