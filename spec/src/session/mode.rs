//! Whether what is said can be shown to others: fixed by the bundle, for the session's life.

/// The mode of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mode {
    /// No signing key exists at either end: nothing that is said can be proven to anyone else.
    Deniable = 1,
    /// Messages and receipts are signed, and can be shown to a third party.
    Attested = 2,
}

/// The number is no mode's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode")]
pub struct UnknownMode;

impl Mode {
    /// The number in a bundle.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for Mode {
    type Error = UnknownMode;

    fn try_from(number: u8) -> Result<Self, UnknownMode> {
        match number {
            1 => Ok(Self::Deniable),
            2 => Ok(Self::Attested),
            _ => Err(UnknownMode),
        }
    }
}
