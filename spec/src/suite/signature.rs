//! Ed25519 (RFC 8032) with one verdict for every key and signature.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{KeyRefused, accept::ed25519, backend};
use crate::{
    constants::{HASH_LEN, SIGNATURE_LEN, VK_LEN},
    require,
};

/// Why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefused {
    /// S is not less than the order of the base point.
    #[error("a signature with an unreduced scalar")]
    Scalar,
    /// The y coordinate of R is not less than the field's prime.
    #[error("a signature with a non-canonical point")]
    NotCanonical,
    /// The order of R divides 8.
    #[error("a signature with a point of small order")]
    SmallOrder,
    /// S·B is not R + k·A, or A is no point of the curve.
    #[error("a signature that does not verify")]
    Equation,
}

/// A secret key that signs. Erased when dropped; made from a seed of 32 bytes.
pub struct SigningKey {
    seed: Zeroizing<[u8; HASH_LEN]>,
    prepared: backend::SigningKey,
}

impl SigningKey {
    /// The key of a seed of 32 bytes (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; HASH_LEN]) -> Self {
        Self { seed: Zeroizing::new(*seed), prepared: backend::SigningKey::new(seed) }
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
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.prepared.public())
    }

    /// The signature of `message`: R 32 ‖ S 32 bytes, the same every time (SUITE-9).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.prepared.sign(message)
    }
}

impl Clone for SigningKey {
    fn clone(&self) -> Self {
        Self::from_seed(&self.seed)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// A public key of 32 bytes with an acceptable encoding; no other exists.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerifyingKey([u8; VK_LEN]);

impl VerifyingKey {
    /// Checks an encoded key.
    ///
    /// That it is a point of the curve at all shows when it verifies: such a key verifies nothing.
    ///
    /// # Errors
    /// [`KeyRefused::Length`], [`KeyRefused::NotCanonical`] or [`KeyRefused::SmallOrder`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyRefused> {
        // SUITE-10
        let bytes = <[u8; VK_LEN]>::try_from(bytes).map_err(|_| KeyRefused::Length)?;
        require!(SUITE_11, ed25519::point_is_canonical(&bytes), KeyRefused::NotCanonical);
        require!(SUITE_12, !ed25519::point_is_small_order(&bytes), KeyRefused::SmallOrder);
        Ok(Self(bytes))
    }

    /// The encoded key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; VK_LEN] {
        &self.0
    }

    /// Verifies a signature of `message` with the cofactorless equation.
    ///
    /// # Errors
    /// The first rule that it breaks, in the order of [`SignatureRefused`].
    pub fn verify(
        &self,
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), SignatureRefused> {
        let (Some(point), Some(scalar)) =
            (signature.first_chunk::<32>(), signature.last_chunk::<32>())
        else {
            return Err(SignatureRefused::Equation);
        };
        require!(SUITE_13, ed25519::scalar_is_canonical(scalar), SignatureRefused::Scalar);
        require!(SUITE_14, ed25519::point_is_canonical(point), SignatureRefused::NotCanonical);
        require!(SUITE_15, !ed25519::point_is_small_order(point), SignatureRefused::SmallOrder);
        let verifies = backend::verify(&self.0, message, signature);
        require!(SUITE_16, verifies, SignatureRefused::Equation);
        Ok(())
    }
}

impl fmt::Debug for VerifyingKey {
    /// Prints nothing of the key: it names a connection, and logs name none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_verifies_under_its_key_and_message_alone() {
        let key = SigningKey::from_seed(&[3; 32]);
        let signature = key.sign(b"part");
        let public = VerifyingKey::parse(key.verifying_key().as_bytes()).unwrap();
        assert_eq!(public.verify(b"part", &signature), Ok(()));
        assert_eq!(public.verify(b"pert", &signature), Err(SignatureRefused::Equation));
        let other = SigningKey::from_seed(&[4; 32]).verifying_key();
        assert_eq!(other.verify(b"part", &signature), Err(SignatureRefused::Equation));
    }

    #[test]
    fn a_stored_seed_is_the_same_key() {
        let key = SigningKey::from_seed(&[5; 32]);
        assert_eq!(SigningKey::from_seed(&key.to_seed()).sign(b"x"), key.clone().sign(b"x"));
    }
}
