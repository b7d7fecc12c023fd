//! The server's one shared password, and the proof that a client knows it (CONNECTION-11).

use core::fmt;

use zeroize::Zeroizing;

use crate::constants::{ACCESS_ARGON2_MEMORY_KIB, ACCESS_ARGON2_PASSES, ACCESS_LEN, labels};
use crate::suite::{self, SuiteId};

/// The stretched access password of one server. Erased when dropped; its Debug prints nothing.
pub struct AccessKey(Zeroizing<[u8; 32]>);

/// The password cannot be stretched: it is too long for Argon2id, or there is no memory for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the access password cannot be used")]
pub struct AccessKeyRefused;

impl AccessKey {
    /// Stretches a password for the server of a fingerprint. Takes about 20 MiB and 20 ms.
    ///
    /// # Errors
    /// [`AccessKeyRefused`], see there.
    pub fn from_password(
        fingerprint: &[u8; 32],
        password: &[u8],
    ) -> Result<Self, AccessKeyRefused> {
        let salt = fingerprint.first_chunk::<16>().ok_or(AccessKeyRefused)?;
        let mut key = Zeroizing::new([0; 32]);
        let (memory, passes) = (ACCESS_ARGON2_MEMORY_KIB, ACCESS_ARGON2_PASSES);
        suite::argon2id(password, salt, memory, passes, &mut key).map_err(|_| AccessKeyRefused)?;
        Ok(Self(key))
    }

    /// A key that was stretched before and kept instead of the password.
    #[must_use]
    pub fn from_bytes(key: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*key))
    }

    /// The stretched password, 32 bytes: as secret as the password itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The proof for one link, in `access` of a Create.
    #[must_use]
    pub fn proof(&self, suite: SuiteId, transcript: &[u8; 32]) -> [u8; ACCESS_LEN] {
        let mut proof = [0; ACCESS_LEN];
        let (secret, context) = ([&self.0[..]], [&transcript[..]]);
        suite::derive(suite, &secret, labels::CONNECTION_ACCESS, &context, &mut proof);
        proof
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey")
    }
}
