//! What somebody wants to be called, and says to a stranger: text that cannot disguise itself.

use super::layout::Fields;
use crate::constants::NAME_LEN_MAX;
use crate::require;

/// A name of at most NAME_LEN_MAX bytes of UTF-8 without characters that change how text is shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Name(String);

/// Why a name is refused (INVITATION-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameRefused {
    /// It is too long, or longer than it says.
    #[error("a name of {0} bytes; at most 64 are allowed: choose a shorter one")]
    Length(usize),
    /// It is no UTF-8.
    #[error("a name that is no text")]
    Text,
    /// It has a character that is not shown.
    #[error("a name with the character {:#x}, which cannot be shown; leave it out", *.0 as u32)]
    Character(char),
}

impl Name {
    /// A name as a person typed it.
    ///
    /// # Errors
    /// [`NameRefused`].
    pub fn new(text: &str) -> Result<Self, NameRefused> {
        require!(INVITATION_16, text.len() <= NAME_LEN_MAX, NameRefused::Length(text.len()));
        let hidden = text.chars().find(|symbol| is_hidden(*symbol));
        require!(
            INVITATION_16,
            hidden.is_none(),
            NameRefused::Character(hidden.unwrap_or_default())
        );
        Ok(Self(text.to_owned()))
    }

    /// The text; may be empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Appends length 1 ‖ text.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.0.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(self.0.as_bytes());
    }

    /// Reads what [`put`](Self::put) wrote.
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, NameRefused> {
        let len = usize::from(fields.byte().ok_or(NameRefused::Length(0))?);
        let text = fields.bytes(len).ok_or(NameRefused::Length(len))?;
        let text = core::str::from_utf8(text).map_err(|_| NameRefused::Text)?;
        Self::new(text)
    }
}

/// Controls, line ends, and what turns the direction of writing: the list of the chapter.
pub(super) const fn is_hidden(symbol: char) -> bool {
    matches!(symbol,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}')
}
