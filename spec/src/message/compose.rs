//! The sending end: content becomes bodies, numbered, chained and, in attested mode, signed.

use rand_core::CryptoRng;

use super::content::{Content, ContentRefused, kind};
use super::{Direction, Header, Layout, MessageId, StateRefused, Statement, UpTo, content_hash};
use crate::constants::{HASH_LEN, SIGNATURE_LEN};
use crate::require;
use crate::session::Mode;
use crate::suite::SigningKey;
use crate::time::Now;

const STATE_VERSION: u8 = 1;

/// Why a message cannot be sent. Each blames the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeRefused {
    /// An attested session signs, a deniable one has no key.
    #[error("a signing key is for attested sessions, and needed there")]
    Key,
    /// The content breaks a rule of its type.
    #[error(transparent)]
    Content(#[from] ContentRefused),
    /// The content is too long.
    #[error("a message of {got} bytes; this session takes at most {max}")]
    TooLong {
        /// The lesser of MESSAGE_MAX and what PIECES_MAX cells hold.
        max: usize,
        /// Its length.
        got: usize,
    },
    /// A claimer's first message is a hello, and no other message is.
    #[error("a hello is the claimer's first message, and nothing else")]
    Hello,
    /// Every number of the direction has been used.
    #[error("the direction has used its last message number")]
    Exhausted,
}

/// A message that is ready for the session: each body goes into a cell of its own, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The message's id.
    pub id: MessageId,
    /// Its hash.
    pub hash: [u8; HASH_LEN],
    /// Its bodies. They are kept and sealed again where the message has to be sent again.
    pub bodies: Vec<Vec<u8>>,
    /// What it says of itself, with the signature of an attested one.
    pub header: Header,
    /// Its content, as a proof shows it.
    pub content: Vec<u8>,
}

/// The end of a direction that says things.
#[derive(Clone, Debug)]
pub struct Composer {
    layout: Layout,
    transcript: [u8; HASH_LEN],
    direction: Direction,
    key: Option<SigningKey>,
    number: u32,
    previous: [u8; HASH_LEN],
}

impl Composer {
    /// The end that sends in a direction of a session with this tr_0.
    ///
    /// # Errors
    /// [`ComposeRefused::Key`] (MESSAGE-22).
    pub fn new(
        layout: Layout,
        transcript: [u8; HASH_LEN],
        direction: Direction,
        key: Option<SigningKey>,
    ) -> Result<Self, ComposeRefused> {
        let keyed = key.is_some() == (layout.mode() == Mode::Attested);
        require!(MESSAGE_22, keyed, ComposeRefused::Key);
        Ok(Self { layout, transcript, direction, key, number: 0, previous: [0; HASH_LEN] })
    }

    /// Makes a message and the state after it; `up_to` is what the other direction's
    /// [`Chain`](super::Chain) tells. State and bodies are stored in one transaction.
    ///
    /// # Errors
    /// [`ComposeRefused`].
    pub fn compose(
        &self,
        now: Now,
        up_to: UpTo,
        content: &Content,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Self, Composed), ComposeRefused> {
        let mode = self.layout.mode();
        let number = self.number.checked_add(1).ok_or(ComposeRefused::Exhausted)?;
        let first = self.direction == Direction::FromClaimer && number == 1;
        let is_hello = content.kind() == kind::HELLO;
        require!(MESSAGE_16, first == is_hello, ComposeRefused::Hello);
        let bytes = content.encode(mode)?;
        let (max, got) = (self.layout.len_max(), bytes.len());
        require!(MESSAGE_6, got <= max, ComposeRefused::TooLong { max, got });
        let len = u32::try_from(got).map_err(|_| ComposeRefused::TooLong { max, got })?;
        let id = MessageId::new(number, rng);
        let content_hash = content_hash(content.kind(), &bytes);
        let statement = Statement {
            mode,
            transcript: &self.transcript,
            direction: self.direction,
            id,
            previous: &self.previous,
            up_to: up_to.cut(mode),
            time: now.millis(),
            content_hash: &content_hash,
        };
        let (hash, signature) = (
            statement.hash(),
            self.key.as_ref().map_or([0; SIGNATURE_LEN], |key| statement.sign(key)),
        );
        let header = Header {
            kind: content.kind(),
            len,
            id,
            previous: self.previous,
            time: now.millis(),
            up_to: up_to.cut(mode),
            signature,
        };
        let bodies = self.layout.bodies(&header, &bytes);
        let mut next = self.clone();
        (next.number, next.previous) = (number, hash);
        Ok((next, Composed { id, hash, bodies, header, content: bytes }))
    }

    /// The number of the last message; 0 before the first.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The state without the key, to be stored: version 1, number 4, hash of the last message 32.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[STATE_VERSION], &self.number.to_be_bytes()[..], &self.previous].concat()
    }

    /// Takes up where a stored state stands.
    ///
    /// # Errors
    /// [`StateRefused`].
    pub fn resume(mut self, bytes: &[u8]) -> Result<Self, StateRefused> {
        let (&STATE_VERSION, rest) = bytes.split_first().ok_or(StateRefused)? else {
            return Err(StateRefused);
        };
        let (number, previous) = rest.split_first_chunk().ok_or(StateRefused)?;
        self.number = u32::from_be_bytes(*number);
        self.previous = previous.try_into().map_err(|_| StateRefused)?;
        Ok(self)
    }
}
