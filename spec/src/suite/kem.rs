//! X-Wing (draft-connolly-cfrg-xwing-kem-10): ML-KEM-768 and X25519 as one KEM.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{
    KeyRefused,
    accept::{ml_kem, x25519},
    backend,
};
use crate::{
    constants::{CT_LEN, EK_LEN, HASH_LEN, SS_LEN},
    require,
};

/// The X25519 half of a ciphertext is of low order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ciphertext of small order")]
pub struct CiphertextRefused;

/// What both ends of an encapsulation share: 32 bytes, erased when dropped.
#[derive(ZeroizeOnDrop)]
pub struct SharedSecret([u8; SS_LEN]);

impl SharedSecret {
    /// The secret.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SS_LEN] {
        &self.0
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret")
    }
}

/// A secret key that decapsulates, expanded from a seed of 32 bytes. Erased when dropped.
pub struct Decapsulator {
    seed: Zeroizing<[u8; HASH_LEN]>,
    prepared: backend::Decapsulator,
}

impl Decapsulator {
    /// The key of a seed of 32 bytes: the decapsulation key of the draft (SUITE-17).
    #[must_use]
    pub fn from_seed(seed: &[u8; HASH_LEN]) -> Self {
        Self { seed: Zeroizing::new(*seed), prepared: backend::Decapsulator::new(seed) }
    }

    /// A new key.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; HASH_LEN]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// The seed, to be stored.
    #[must_use]
    pub fn to_seed(&self) -> Zeroizing<[u8; HASH_LEN]> {
        self.seed.clone()
    }

    /// The public half.
    #[must_use]
    pub fn encapsulator(&self) -> Encapsulator {
        Encapsulator(Box::new(*self.prepared.public()))
    }

    /// The secret that `ciphertext` shares.
    ///
    /// A ciphertext that was altered gives an unrelated secret (implicit rejection, SUITE-22), never
    /// an error: that the ends share a secret shows only when something opens under it.
    ///
    /// # Errors
    /// [`CiphertextRefused`] when its X25519 half is of low order.
    pub fn decapsulate(
        &self,
        ciphertext: &[u8; CT_LEN],
    ) -> Result<SharedSecret, CiphertextRefused> {
        let half = ciphertext.last_chunk::<32>().ok_or(CiphertextRefused)?;
        require!(SUITE_21, !x25519::is_low_order(half), CiphertextRefused);
        self.prepared.decapsulate(ciphertext).map(SharedSecret).ok_or(CiphertextRefused)
    }
}

impl fmt::Debug for Decapsulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decapsulator")
    }
}

/// A public key of 1,216 bytes that is acceptable; no other exists.
#[derive(Clone, PartialEq, Eq)]
pub struct Encapsulator(Box<[u8; EK_LEN]>);

impl Encapsulator {
    /// Checks an encoded key: ML-KEM-768 1,184 ‖ X25519 32 bytes.
    ///
    /// # Errors
    /// [`KeyRefused::Length`], [`KeyRefused::Modulus`] or [`KeyRefused::SmallOrder`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyRefused> {
        // SUITE-18
        let bytes = <&[u8; EK_LEN]>::try_from(bytes).map_err(|_| KeyRefused::Length)?;
        let (pk_m, pk_x) = bytes.split_first_chunk().ok_or(KeyRefused::Length)?;
        let pk_x = pk_x.first_chunk().ok_or(KeyRefused::Length)?;
        require!(SUITE_19, ml_kem::coefficients_are_reduced(pk_m), KeyRefused::Modulus);
        require!(SUITE_20, !x25519::is_low_order(pk_x), KeyRefused::SmallOrder);
        Ok(Self(Box::new(*bytes)))
    }

    /// The encoded key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; EK_LEN] {
        &self.0
    }

    /// A new secret, and the ciphertext of 1,120 bytes (ML-KEM 1,088 ‖ X25519 32) that shares it.
    #[must_use]
    pub fn encapsulate(&self, rng: &mut dyn CryptoRng) -> ([u8; CT_LEN], SharedSecret) {
        let mut seed = Zeroizing::new([0; 64]);
        rng.fill_bytes(seed.as_mut());
        self.encapsulate_derand(&seed)
    }

    /// [`encapsulate`](Self::encapsulate) with its randomness given: for vectors only.
    ///
    /// The seed is ML-KEM's message 32 ‖ X25519's secret 32 bytes.
    #[must_use]
    pub fn encapsulate_derand(&self, seed: &[u8; 64]) -> ([u8; CT_LEN], SharedSecret) {
        let (ciphertext, secret) = backend::encapsulate(&self.0, seed);
        (ciphertext, SharedSecret(secret))
    }
}

impl fmt::Debug for Encapsulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encapsulator")
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;

    #[test]
    fn both_ends_share_a_secret_and_an_altered_ciphertext_gives_another() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let key = Decapsulator::generate(&mut rng);
        let peer = Encapsulator::parse(key.encapsulator().as_bytes()).unwrap();
        let (mut ciphertext, secret) = peer.encapsulate(&mut rng);
        assert_eq!(key.decapsulate(&ciphertext).unwrap().as_bytes(), secret.as_bytes());
        ciphertext[7] ^= 1;
        assert_ne!(key.decapsulate(&ciphertext).unwrap().as_bytes(), secret.as_bytes());
    }

    #[test]
    fn a_stored_seed_is_the_same_key() {
        let key = Decapsulator::generate(&mut ChaCha20Rng::from_seed([2; 32]));
        let restored = Decapsulator::from_seed(&key.to_seed());
        assert_eq!(restored.encapsulator(), key.encapsulator());
    }
}
