//! Values whose meaning is somebody else's.

use core::fmt;

use zeroize::Zeroizing;

use super::codec::{Fields, Writer};

/// A state or a content as its own word's code writes it, with the version of that writing.
/// Erased when dropped; its `Debug` shows version and length alone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Versioned {
    version: u32,
    bytes: Zeroizing<Vec<u8>>,
}

impl Versioned {
    /// Bytes of one version. The store takes up to [`VALUE_LEN_MAX`](super::VALUE_LEN_MAX).
    #[must_use]
    pub const fn new(version: u32, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { version, bytes }
    }

    /// The version of the writing.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.u32(self.version);
        to.bytes(&self.bytes);
    }

    pub(super) fn read(from: &mut Fields<'_>) -> Option<Self> {
        let version = from.u32()?;
        Some(Self { version, bytes: Zeroizing::new(from.bytes()?.to_vec()) })
    }
}

impl fmt::Debug for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Versioned({}, {} bytes)", self.version, self.bytes.len())
    }
}

/// A text that is nobody's business, as a server's password. Erased when dropped; its `Debug`
/// shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}
