//! What the history keeps of a message: everything that a proof shows, and what became of it.

use edgewise_spec::message::{Header, MessageId, UpTo};

use crate::messenger::Mark;
use crate::store::codec::{Fields, Writer};
use crate::store::{Direction, SessionId, Versioned};

const VERSION: u32 = 1;

/// A row of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// A message of a session.
    Said(Box<SaidRecord>),
    /// A notice of this program.
    Notice(String),
    /// The message of this number was given up.
    Unreceived(u32),
}

/// A message of a session, as it was composed or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SaidRecord {
    pub session: SessionId,
    pub header: Header,
    pub hash: [u8; 32],
    /// As it was sent, for proofs.
    pub content: Vec<u8>,
    pub marks: Vec<Mark>,
    /// The text that took the place of the first one.
    pub edited: Option<String>,
    pub deleted: bool,
    pub reactions: Vec<(Direction, String)>,
    /// It acts on another row and is not shown itself.
    pub hidden: bool,
}

impl Record {
    pub(super) fn to_versioned(&self) -> Versioned {
        let mut to = Writer::bare();
        match self {
            Self::Notice(text) => {
                to.u8(0);
                to.bytes(text.as_bytes());
            }
            Self::Said(said) => {
                to.u8(1);
                said.write(&mut to);
            }
            Self::Unreceived(number) => {
                to.u8(2);
                to.u32(*number);
            }
        }
        Versioned::new(VERSION, to.finish())
    }

    pub(super) fn from_versioned(stored: &Versioned) -> Option<Self> {
        if stored.version() != VERSION {
            return None;
        }
        let mut from = Fields::new(stored.bytes());
        let record = match from.u8()? {
            0 => Self::Notice(from.text()?),
            1 => Self::Said(Box::new(SaidRecord::read(&mut from)?)),
            2 => Self::Unreceived(from.u32()?),
            _ => return None,
        };
        from.end()?;
        Some(record)
    }
}

impl SaidRecord {
    fn write(&self, to: &mut Writer) {
        to.i64(self.session.number());
        let Header { kind, len, id, previous, time, up_to, signature } = &self.header;
        to.u32((*kind).into());
        to.u32(*len);
        to.raw(id.as_bytes());
        to.raw(previous);
        to.u64(*time);
        to.u32(up_to.number);
        to.raw(&up_to.hash);
        to.raw(signature);
        to.raw(&self.hash);
        to.bytes(&self.content);
        to.u32(u32::try_from(self.marks.len()).unwrap_or_default());
        self.marks.iter().for_each(|mark| write_mark(to, mark));
        to.option(self.edited.as_ref(), |to, text| to.bytes(text.as_bytes()));
        to.flag(self.deleted);
        to.u32(u32::try_from(self.reactions.len()).unwrap_or_default());
        for (direction, with) in &self.reactions {
            to.flag(*direction == Direction::Sent);
            to.bytes(with.as_bytes());
        }
        to.flag(self.hidden);
    }

    fn read(from: &mut Fields<'_>) -> Option<Self> {
        let session = SessionId::from_number(from.i64()?);
        let header = Header {
            kind: u16::try_from(from.u32()?).ok()?,
            len: from.u32()?,
            id: MessageId::from_bytes(from.array()?),
            previous: from.array()?,
            time: from.u64()?,
            up_to: UpTo { number: from.u32()?, hash: from.array()? },
            signature: from.array()?,
        };
        let (hash, content) = (from.array()?, from.bytes()?.to_vec());
        let marks = (0..from.u32()?).map(|_| read_mark(from)).collect::<Option<_>>()?;
        let (edited, deleted) = (from.option(Fields::text)?, from.flag()?);
        let mut reactions = Vec::new();
        for _ in 0..from.u32()? {
            let direction = if from.flag()? { Direction::Sent } else { Direction::Received };
            reactions.push((direction, from.text()?));
        }
        let hidden = from.flag()?;
        let said =
            Self { session, header, hash, content, marks, edited, deleted, reactions, hidden };
        Some(said)
    }
}

fn write_mark(to: &mut Writer, mark: &Mark) {
    let (kind, first, last) = match *mark {
        Mark::Gap { first, last } => (0, first, last),
        Mark::Fork { with } => (1, with, 0),
        Mark::Mismatch { number } => (2, number, 0),
    };
    to.u8(kind);
    to.u32(first);
    to.u32(last);
}

fn read_mark(from: &mut Fields<'_>) -> Option<Mark> {
    let (kind, first, last) = (from.u8()?, from.u32()?, from.u32()?);
    match kind {
        0 => Some(Mark::Gap { first, last }),
        1 => Some(Mark::Fork { with: first }),
        2 => Some(Mark::Mismatch { number: first }),
        _ => None,
    }
}

/// The id of a message's row: session, direction, number. Of two that share a number the later one
/// has its hash behind it.
pub(super) fn row_id(
    session: SessionId,
    direction: Direction,
    number: u32,
    fork: Option<&[u8; 32]>,
) -> Vec<u8> {
    let mut id = session.number().to_be_bytes().to_vec();
    id.push(u8::from(direction == Direction::Sent));
    id.extend_from_slice(&number.to_be_bytes());
    id.extend(fork.into_iter().flatten());
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let id = MessageId::from_bytes([3; 16]);
        let up_to = UpTo { number: 4, hash: [5; 32] };
        let (previous, signature) = ([1; 32], [2; 64]);
        let header = Header { kind: 1, len: 2, id, previous, time: 9, up_to, signature };
        let marks = vec![
            Mark::Gap { first: 1, last: 2 },
            Mark::Fork { with: 3 },
            Mark::Mismatch { number: 4 },
        ];
        let said = SaidRecord {
            session: SessionId::from_number(7),
            header,
            hash: [8; 32],
            content: b"hi".to_vec(),
            marks,
            edited: Some("ho".to_owned()),
            deleted: true,
            reactions: vec![(Direction::Sent, "+".to_owned())],
            hidden: true,
        };
        let said = Record::Said(Box::new(said));
        for record in [said, Record::Notice("told".to_owned()), Record::Unreceived(9)] {
            let stored = record.to_versioned();
            assert_eq!(Record::from_versioned(&stored), Some(record));
            let mut longer = stored.bytes().to_vec();
            longer.push(0);
            assert_eq!(Record::from_versioned(&Versioned::new(1, longer.into())), None);
        }
    }
}
