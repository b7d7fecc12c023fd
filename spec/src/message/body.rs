//! The body of a cell: one piece of a message, padded with zeros; or nothing at all.

use super::field::{Fault, Fields};
use super::{MessageId, UpTo};
use crate::constants::{
    ATTESTED_OVERHEAD, DENIABLE_OVERHEAD, HASH_LEN, MESSAGE_MAX, PIECES_MAX, SIGNATURE_LEN,
};
use crate::require;
use crate::scatter::Shape;
use crate::session::Mode;

/// The one version of the layout. A body that begins with 0 is empty.
const VERSION: u16 = 1;

/// Why a body is refused: its cell is authentic, so that it was the peer that made it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyRefused {
    /// It does not have the length of the session's bodies.
    #[error("a body of {got} bytes where the session has {expected}")]
    Length {
        /// BODY of the shape.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// It begins with a version that is not known.
    #[error("a body of version {0}; this revision knows 1, and 0 for an empty one")]
    Version(u16),
    /// A byte that is to be zero is not.
    #[error("byte {0} of the body is not zero, and belongs to no field")]
    Padding(usize),
    /// The message is longer than allowed.
    #[error("a message of {got} bytes; at most {max} are allowed here")]
    TooLong {
        /// The lesser of MESSAGE_MAX and what PIECES_MAX cells hold.
        max: usize,
        /// Its length.
        got: usize,
    },
    /// The number of pieces is not the one that follows from the length.
    #[error("a message in {got} pieces whose length makes {expected}")]
    Count {
        /// What follows from the length.
        expected: u16,
        /// What is said.
        got: u16,
    },
    /// The piece's place is not below the number of pieces.
    #[error("piece {index} of a message in {count} pieces")]
    Index {
        /// What is said.
        index: u16,
        /// The number of pieces.
        count: u16,
    },
    /// The piece's length is not the one that follows from its place.
    #[error("a piece of {got} bytes whose place makes {expected}")]
    PieceLength {
        /// What follows from the place.
        expected: usize,
        /// What is said.
        got: usize,
    },
    /// The id has the number 0; messages count from 1.
    #[error("a message with the number 0; messages count from 1")]
    NumberZero,
}

/// What a body looks like in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    mode: Mode,
    body_len: usize,
}

/// All of a message but its content: the same in each of its pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of the content, which need not be a known one.
    pub kind: u16,
    /// Length of the whole content, in bytes.
    pub len: u32,
    /// The id.
    pub id: MessageId,
    /// The hash of the message before, zeros for the first.
    pub previous: [u8; HASH_LEN],
    /// Milliseconds since the Unix epoch by the sender's clock.
    pub time: u64,
    /// The highest message received in the other direction.
    pub up_to: UpTo,
    /// The signature, zeros in a deniable session.
    pub signature: [u8; SIGNATURE_LEN],
}

/// One piece of a message, as its body carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The message's header.
    pub header: Header,
    /// The piece's place, from 0.
    pub index: u16,
    /// How many pieces the message has.
    pub count: u16,
    /// Its bytes of the content.
    pub bytes: &'a [u8],
}

impl Layout {
    /// The layout of a session.
    #[must_use]
    pub const fn new(mode: Mode, shape: Shape) -> Self {
        Self { mode, body_len: shape.body_len() }
    }

    /// Mode of the session.
    #[must_use]
    pub const fn mode(self) -> Mode {
        self.mode
    }

    /// BODY: length of a body, in bytes.
    #[must_use]
    pub const fn body_len(self) -> usize {
        self.body_len
    }

    /// Bytes of a body that carry no content.
    #[must_use]
    pub const fn overhead(self) -> usize {
        match self.mode {
            Mode::Deniable => DENIABLE_OVERHEAD,
            Mode::Attested => ATTESTED_OVERHEAD,
        }
    }

    /// Bytes of content that a body has room for.
    #[must_use]
    pub const fn capacity(self) -> usize {
        self.body_len - self.overhead()
    }

    /// Longest content of a message, in bytes (MESSAGE-6).
    #[must_use]
    pub const fn len_max(self) -> usize {
        let cells = PIECES_MAX * self.capacity();
        if cells < MESSAGE_MAX { cells } else { MESSAGE_MAX }
    }

    /// How many pieces a content of this length makes; at least one.
    #[must_use]
    pub fn count(self, len: usize) -> u16 {
        u16::try_from(len.div_ceil(self.capacity()).max(1)).unwrap_or(u16::MAX)
    }

    /// The body of a cell that says nothing: all zeros.
    #[must_use]
    pub fn empty(self) -> Vec<u8> {
        vec![0; self.body_len]
    }

    /// The bodies of a message, one for each piece, in order. The header's length is that of the
    /// content; a content above [`len_max`](Self::len_max) has no layout and gives none.
    #[must_use]
    pub fn bodies(self, header: &Header, content: &[u8]) -> Vec<Vec<u8>> {
        if content.len() > self.len_max() {
            return Vec::new();
        }
        let count = self.count(content.len());
        let piece = |index: u16| {
            let start = usize::from(index) * self.capacity();
            let end = content.len().min(start + self.capacity());
            self.body(header, index, count, content.get(start..end).unwrap_or_default())
        };
        (0..count).map(piece).collect()
    }

    fn body(self, header: &Header, index: u16, count: u16, bytes: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.body_len);
        for number in [VERSION, header.kind, index, count] {
            body.extend_from_slice(&number.to_be_bytes());
        }
        body.extend_from_slice(&header.len.to_be_bytes());
        body.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(header.id.as_bytes());
        body.extend_from_slice(&header.previous);
        body.extend_from_slice(&header.time.to_be_bytes());
        body.extend_from_slice(&header.up_to.number.to_be_bytes());
        body.extend_from_slice(&[0; 4]);
        let hash_len = UpTo::hash_len(self.mode);
        body.extend_from_slice(header.up_to.hash.get(..hash_len).unwrap_or_default());
        if self.mode == Mode::Attested {
            body.extend_from_slice(&header.signature);
        }
        body.extend_from_slice(bytes);
        body.resize(self.body_len, 0);
        body
    }

    /// Reads a body: a piece, or `None` when it is empty.
    ///
    /// # Errors
    /// [`BodyRefused`] for the first fault, in the order of the layout.
    pub fn parse(self, body: &[u8]) -> Result<Option<Piece<'_>>, BodyRefused> {
        let (expected, got) = (self.body_len, body.len());
        require!(MESSAGE_1, expected == got, BodyRefused::Length { expected, got });
        let mut fields = Fields(body);
        let read = self.read(&mut fields, body);
        // A body of the right length is longer than its fields.
        read.unwrap_or(Err(BodyRefused::Length { expected, got }))
    }

    fn read<'a>(
        self,
        fields: &mut Fields<'a>,
        body: &[u8],
    ) -> Result<Result<Option<Piece<'a>>, BodyRefused>, Fault> {
        let version = fields.u16("version")?;
        if version == 0 {
            return Ok(zero(body, 0).map(|()| None));
        }
        let (kind, index, count) = (fields.u16("type")?, fields.u16("piece")?, fields.u16("of")?);
        let (len, here) = (fields.u32("length")?, fields.u32("here")?);
        let id = MessageId::from_bytes(fields.array("id")?);
        let previous = fields.array("previous")?;
        let time = fields.u64("time")?;
        let number = fields.u32("received")?;
        let reserved = fields.array::<4>("reserved")?;
        let mut hash = [0; HASH_LEN];
        let told = fields.bytes("received hash", UpTo::hash_len(self.mode))?;
        hash.iter_mut().zip(told).for_each(|(to, from)| *to = *from);
        let signature = match self.mode {
            Mode::Deniable => [0; SIGNATURE_LEN],
            Mode::Attested => fields.array("signature")?,
        };
        let up_to = UpTo { number, hash };
        let header = Header { kind, len, id, previous, time, up_to, signature };
        let room = fields.rest();
        Ok(self
            .judge(version, &header, index, count, reserved, here, room)
            .map(|bytes| Some(Piece { header, index, count, bytes })))
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one layout")]
    fn judge<'a>(
        self,
        version: u16,
        header: &Header,
        index: u16,
        count: u16,
        reserved: [u8; 4],
        here: u32,
        room: &'a [u8],
    ) -> Result<&'a [u8], BodyRefused> {
        require!(MESSAGE_2, version == VERSION, BodyRefused::Version(version));
        let (max, got) = (self.len_max(), header.len as usize);
        require!(MESSAGE_6, got <= max, BodyRefused::TooLong { max, got });
        let expected = self.count(got);
        require!(MESSAGE_5, count == expected, BodyRefused::Count { expected, got: count });
        require!(MESSAGE_5, index < count, BodyRefused::Index { index, count });
        let start = usize::from(index) * self.capacity();
        let expected = got.saturating_sub(start).min(self.capacity());
        let fault = BodyRefused::PieceLength { expected, got: here as usize };
        require!(MESSAGE_5, here as usize == expected, fault);
        require!(MESSAGE_9, header.id.number() > 0, BodyRefused::NumberZero);
        let reserved_at = DENIABLE_OVERHEAD - HASH_LEN / 2 - reserved.len();
        zero(&reserved, reserved_at)?;
        let (bytes, padding) = room.split_at_checked(expected).ok_or(fault)?;
        zero(padding, self.overhead() + expected)?;
        Ok(bytes)
    }
}

/// Whether all bytes are zero, the first of which stands at `at` in the body.
fn zero(bytes: &[u8], at: usize) -> Result<(), BodyRefused> {
    let place = bytes.iter().position(|byte| *byte != 0);
    let fault = BodyRefused::Padding(at + place.unwrap_or_default());
    require!(MESSAGE_3, place.is_none(), fault);
    Ok(())
}

/// Where the content begins: the sum of the fields before it.
const fn fields_len(mode: Mode) -> usize {
    let signature = match mode {
        Mode::Deniable => 0,
        Mode::Attested => SIGNATURE_LEN,
    };
    4 * 2 + 2 * 4 + 16 + HASH_LEN + 8 + 4 + 4 + UpTo::hash_len(mode) + signature
}

const _: () = {
    assert!(fields_len(Mode::Deniable) == DENIABLE_OVERHEAD);
    assert!(fields_len(Mode::Attested) == ATTESTED_OVERHEAD);
    // The text capacities of the chapter's table, deniable and attested.
    assert!(704 - DENIABLE_OVERHEAD == 608 && 704 - ATTESTED_OVERHEAD == 528);
    assert!(3_056 - DENIABLE_OVERHEAD == 2_960 && 3_056 - ATTESTED_OVERHEAD == 2_880);
    assert!(1_424 - DENIABLE_OVERHEAD == 1_328 && 1_424 - ATTESTED_OVERHEAD == 1_248);
    assert!(24_560 - DENIABLE_OVERHEAD == 24_464 && 24_560 - ATTESTED_OVERHEAD == 24_384);
    assert!(13_648 - DENIABLE_OVERHEAD == 13_552 && 13_648 - ATTESTED_OVERHEAD == 13_472);
    let single = Shape::SINGLE.body_len();
    assert!(Layout::new(Mode::Deniable, Shape::SINGLE).capacity() == single - 96);
    assert!(Layout::new(Mode::Attested, Shape::SINGLE).capacity() == single - 176);
};
