//! The AEAD of a suite under a prepared key.

use core::fmt;

use super::{SuiteId, backend};
use crate::constants::{HASH_LEN, NONCE_LEN, TAG_LEN};

/// What was to be opened is not what was sealed under this key, nonce and associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not open")]
pub struct OpenFailed;

/// A key prepared for sealing and opening. Erased when dropped.
pub struct Sealer(backend::Sealer);

impl Sealer {
    /// Prepares a key of 32 bytes.
    ///
    /// [`SuiteId::Aes256Gcm`] is for machines where [`aes_available`](super::aes_available) holds.
    /// Elsewhere the `sodium` backend has no AES: such a sealer opens nothing, and what it seals is
    /// zeros that nothing opens.
    #[must_use]
    pub fn new(suite: SuiteId, key: &[u8; HASH_LEN]) -> Self {
        Self(backend::Sealer::new(suite, key))
    }

    /// Seals `text` in place and returns its tag (SUITE-6). A nonce never serves twice under one key.
    #[must_use]
    pub fn seal(&self, nonce: &[u8; NONCE_LEN], ad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        self.0.seal(nonce, ad, text)
    }

    /// Opens `text` in place (SUITE-7).
    ///
    /// # Errors
    /// [`OpenFailed`] when key, nonce, associated data, text or tag differ from those of the
    /// sealing; `text` is then all zeros, so that nothing unverified is ever read.
    pub fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        ad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenFailed> {
        if self.0.open(nonce, ad, text, tag) {
            return Ok(());
        }
        text.fill(0);
        Err(OpenFailed)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_opening_leaves_zeros() {
        let aes = crate::suite::aes_available().then_some(SuiteId::Aes256Gcm);
        for suite in [SuiteId::Chacha20Poly1305].into_iter().chain(aes) {
            let sealer = Sealer::new(suite, &[1; 32]);
            let mut text = *b"the text";
            let mut tag = sealer.seal(&[0; 12], b"ad", &mut text);
            let mut copy = text;
            assert_eq!(sealer.open(&[0; 12], b"ad", &mut copy, &tag), Ok(()));
            assert_eq!(&copy, b"the text");
            tag[0] ^= 1;
            assert_eq!(sealer.open(&[0; 12], b"ad", &mut text, &tag), Err(OpenFailed));
            assert_eq!(text, [0; 8]);
        }
    }
}
