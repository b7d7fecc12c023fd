//! Messages of several pieces: nothing is shown before all have arrived.

use std::collections::BTreeMap;

use super::{Header, Layout, MessageId, Piece};
use crate::constants::{EPOCH_SECONDS, INCOMPLETE_BYTES_MAX, INCOMPLETE_MAX, PIECE_DAYS};
use crate::time::Now;
use crate::{mutant, require};

/// Why a piece is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PieceRefused {
    /// A piece that came before has another header.
    #[error("pieces of message {0:?} disagree about the message")]
    Header(MessageId),
    /// A piece of this place that came before has other bytes.
    #[error("two pieces with the place {1} of message {0:?} differ")]
    Bytes(MessageId, u16),
}

/// A message of which all pieces have arrived. Nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The header of every piece.
    pub header: Header,
    /// The content: as many bytes as the header says.
    pub content: Vec<u8>,
}

/// What became of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It was the last one.
    Whole(Whole),
    /// Others are missing.
    Waiting {
        /// How many have arrived.
        have: u16,
        /// How many there are.
        count: u16,
    },
    /// It had arrived before.
    Repeated,
}

#[derive(Clone, Debug)]
struct Set {
    header: Header,
    count: u16,
    since: Now,
    have: BTreeMap<u16, Vec<u8>>,
}

/// The incomplete messages of one direction: at most INCOMPLETE_MAX, of INCOMPLETE_BYTES_MAX bytes.
#[derive(Clone, Debug)]
pub struct Pieces {
    layout: Layout,
    sets: BTreeMap<MessageId, Set>,
    bytes: usize,
}

impl Pieces {
    /// No incomplete message.
    #[must_use]
    pub const fn new(layout: Layout) -> Self {
        Self { layout, sets: BTreeMap::new(), bytes: 0 }
    }

    /// Takes a piece; also the ids of messages that are given up for it: those whose time is over,
    /// and the oldest where there is no room (MESSAGE-8).
    ///
    /// # Errors
    /// [`PieceRefused`]; nothing changes then.
    pub fn take(
        &mut self,
        now: Now,
        piece: &Piece<'_>,
    ) -> Result<(Accepted, Vec<MessageId>), PieceRefused> {
        let id = piece.header.id;
        if let Some(set) = self.sets.get(&id) {
            require!(MESSAGE_7, set.header == piece.header, PieceRefused::Header(id));
            let before = set.have.get(&piece.index).filter(|_| !mutant!(MESSAGE_7, "content"));
            if let Some(bytes) = before {
                let differ = PieceRefused::Bytes(id, piece.index);
                require!(MESSAGE_7, bytes == piece.bytes, differ);
                return Ok((Accepted::Repeated, Vec::new()));
            }
        }
        let mut given_up = self.expire(now);
        if piece.count == 1 {
            let content = piece.bytes.to_vec();
            return Ok((Accepted::Whole(Whole { header: piece.header, content }), given_up));
        }
        self.make_room(id, piece.bytes.len(), &mut given_up);
        let (header, count) = (piece.header, piece.count);
        let set = self.sets.entry(id).or_insert_with(|| Set {
            header,
            count,
            since: now,
            have: BTreeMap::new(),
        });
        set.have.insert(piece.index, piece.bytes.to_vec());
        self.bytes += piece.bytes.len();
        let have = u16::try_from(set.have.len()).unwrap_or(u16::MAX);
        if have < set.count && !mutant!(MESSAGE_4) {
            return Ok((Accepted::Waiting { have, count }, given_up));
        }
        let content = self.forget(id).map(|set| set.have.into_values().flatten().collect());
        let content = content.unwrap_or_default();
        Ok((Accepted::Whole(Whole { header, content }), given_up))
    }

    /// Gives up the messages that have been incomplete for PIECE_DAYS.
    pub fn expire(&mut self, now: Now) -> Vec<MessageId> {
        let seconds = u64::from(PIECE_DAYS) * EPOCH_SECONDS;
        let over = |set: &Set| now >= set.since.plus_seconds(seconds) && !mutant!(MESSAGE_8);
        let ids: Vec<_> =
            self.sets.iter().filter(|(_, set)| over(set)).map(|(id, _)| *id).collect();
        for id in &ids {
            self.forget(*id);
        }
        ids
    }

    fn make_room(&mut self, id: MessageId, len: usize, given_up: &mut Vec<MessageId>) {
        while !mutant!(MESSAGE_8, "unbounded")
            && (self.bytes + len > INCOMPLETE_BYTES_MAX
                || (!self.sets.contains_key(&id) && self.sets.len() >= INCOMPLETE_MAX))
        {
            let others = self.sets.iter().filter(|(other, _)| **other != id);
            let oldest = others.min_by_key(|(_, set)| set.since).map(|(id, _)| *id);
            let Some(oldest) = oldest else { return };
            self.forget(oldest);
            given_up.push(oldest);
        }
    }

    fn forget(&mut self, id: MessageId) -> Option<Set> {
        let set = self.sets.remove(&id)?;
        self.bytes -= set.have.values().map(Vec::len).sum::<usize>();
        Some(set)
    }

    /// The layout of the session.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// How many messages are incomplete.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether no message is incomplete.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Bytes of content held.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}
