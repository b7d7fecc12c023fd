//! The access password of a private server, kept only as the key that CONNECTION-11 derives.

use std::fmt;

use edgewise_spec::suite;
use zeroize::{Zeroize as _, Zeroizing};

/// Argon2id of the access password, 32 bytes. Forgotten on drop, never shown.
#[derive(Clone)]
pub struct AccessKey(Zeroizing<[u8; 32]>);

/// The text is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an access key is 64 hexadecimal digits")]
pub struct NotAKey;

/// Memory of Argon2id, in KiB (CONNECTION-11).
const MEMORY_KIB: u32 = 19_456;
/// Passes of Argon2id (CONNECTION-11).
const PASSES: u32 = 2;

impl AccessKey {
    /// CONNECTION-11: Argon2id, salted with the first 16 bytes of the server's fingerprint.
    #[must_use]
    pub fn derive(password: &[u8], fingerprint: &[u8; 32]) -> Self {
        let mut salt = [0; 16];
        for (to, from) in salt.iter_mut().zip(fingerprint) {
            *to = *from;
        }
        let mut key = Zeroizing::new([0; 32]);
        suite::argon2id(password, &salt, MEMORY_KIB, PASSES, &mut key);
        Self(key)
    }

    /// Reads what [`AccessKey::to_hex`] writes.
    ///
    /// # Errors
    /// [`NotAKey`] for anything but 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, NotAKey> {
        let mut key = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, key.as_mut_slice()).map_err(|_| NotAKey)?;
        Ok(Self(key))
    }

    /// 64 hexadecimal digits, for the configuration file.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// The key itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AccessKey")
    }
}

impl Drop for AccessKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_and_shows_nothing() {
        let key = AccessKey::derive(b"correct horse", &[7; 32]);
        let read = AccessKey::from_hex(&key.to_hex()).unwrap();
        assert_eq!(read.as_bytes(), key.as_bytes());
        assert_eq!(format!("{key:?}"), "AccessKey");
        assert_ne!(AccessKey::derive(b"correct horse", &[8; 32]).as_bytes(), key.as_bytes());
        assert!(AccessKey::from_hex("00").is_err());
    }
}
