//! Fills an opened block.

use edgewise_proto::v1;
use prost::Message;

use crate::constants::{ITEM_PREFIX, ITEMS_MAX};
use crate::mutant;

/// The item does not fit the rest of the block; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the item does not fit the rest of the block")]
pub struct NoRoom;

/// Fills one opened block in place: items, end, zeros. Allocates nothing.
#[derive(Debug)]
pub struct Writer<'a> {
    text: &'a mut [u8],
    used: usize,
    items: usize,
}

impl<'a> Writer<'a> {
    /// Begins an opened block, [`text_len`](super::Class::text_len) bytes; what stands in it is
    /// overwritten.
    #[must_use]
    pub const fn new(text: &'a mut [u8]) -> Self {
        Self { text, used: 0, items: 0 }
    }

    /// Appends an item.
    ///
    /// # Errors
    /// [`NoRoom`] when it is longer than what is left, or the block has ITEMS_MAX items.
    pub fn push(&mut self, item: &v1::Item) -> Result<(), NoRoom> {
        let len = item.encoded_len();
        let prefix = u16::try_from(len).map_err(|_| NoRoom)?;
        if len == 0 || self.items == ITEMS_MAX {
            return Err(NoRoom);
        }
        let end = self.used + ITEM_PREFIX + len;
        let place = self.text.get_mut(self.used..end).ok_or(NoRoom)?;
        let (head, mut body) = place.split_at_mut_checked(ITEM_PREFIX).ok_or(NoRoom)?;
        head.copy_from_slice(&prefix.to_be_bytes());
        item.encode(&mut body).map_err(|_| NoRoom)?;
        self.used = end;
        self.items += 1;
        Ok(())
    }

    /// Appends an item that encodes itself into exactly `len` bytes.
    ///
    /// # Errors
    /// [`NoRoom`] when it is longer than what is left, or the block has ITEMS_MAX items.
    pub fn push_encoded(
        &mut self,
        len: usize,
        encode: impl FnOnce(&mut [u8]),
    ) -> Result<(), NoRoom> {
        let prefix = u16::try_from(len).map_err(|_| NoRoom)?;
        if len == 0 || self.items == ITEMS_MAX {
            return Err(NoRoom);
        }
        let end = self.used + ITEM_PREFIX + len;
        let place = self.text.get_mut(self.used..end).ok_or(NoRoom)?;
        let (head, body) = place.split_at_mut_checked(ITEM_PREFIX).ok_or(NoRoom)?;
        head.copy_from_slice(&prefix.to_be_bytes());
        encode(body);
        self.used = end;
        self.items += 1;
        Ok(())
    }

    /// Whether [`push`](Self::push) would take the item.
    #[must_use]
    pub fn fits(&self, item: &v1::Item) -> bool {
        item.encoded_len() <= self.remaining()
    }

    /// The encoded length of the longest item that still fits, in bytes.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        if self.items == ITEMS_MAX {
            return 0;
        }
        self.text.len().saturating_sub(self.used + ITEM_PREFIX)
    }

    /// Whether no item was written yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Ends the block with zeros and returns how many bytes its items take.
    #[expect(clippy::must_use_candidate, reason = "the zeros are what most callers want")]
    pub fn finish(self) -> usize {
        // FRAME-13
        if let Some(rest) = self.text.get_mut(self.used..) {
            rest.fill(0);
            if let Some(last) = rest.last_mut()
                && mutant!(FRAME_13, "padding")
            {
                *last = 1;
            }
        }
        self.used
    }
}
