//! A part: what one connection carries of one cell.

use core::fmt;

use zeroize::Zeroizing;

use super::{PartKey, ScatterRefused, Shape};
use crate::constants::{HASH_LEN, NONCE_LEN, PART_TAG_LEN, SHARE_LEN, TAG_LEN};
use crate::require;
use crate::suite::{Sealer, SuiteId, constant_time_eq};

const NONCE_0: [u8; NONCE_LEN] = [0; NONCE_LEN];

/// Why a part is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartRefused {
    /// It does not have the length of its connection's parts.
    #[error("a part of {got} bytes on a connection of parts of {expected}")]
    Length {
        /// Length of a part of the class.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// It begins with another tag.
    #[error("the part begins with another tag than that of s = {0}")]
    Tag(u32),
    /// Its seal does not open.
    #[error("the part of s = {0} does not open under its key")]
    Seal(u32),
    /// The fragment does not open under its share (k = 1).
    #[error("the fragment of s = {0} does not open under the share beside it")]
    Fragment(u32),
}

/// What the seal of a part covered, and the place whose connection brought it. Erased when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedPart {
    /// The place, below n: that of fragment and share (SCATTER-20).
    pub place: u8,
    /// FRAGMENT bytes.
    pub fragment: Zeroizing<Vec<u8>>,
    /// The share of the cell's key; for k = 1 the key itself.
    pub share: Zeroizing<[u8; SHARE_LEN]>,
}

impl OpenedPart {
    /// Fragment and share, to be stored beside s and place: FRAGMENT + 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let len = self.fragment.len() + SHARE_LEN;
        let mut bytes = Zeroizing::new(Vec::with_capacity(len));
        bytes.extend_from_slice(&self.fragment);
        bytes.extend_from_slice(self.share.as_ref());
        bytes
    }

    /// Reads a stored part of a place.
    ///
    /// # Errors
    /// [`ScatterRefused::State`] for another length than FRAGMENT + 32, or a place that the shape
    /// does not have.
    pub fn from_bytes(shape: Shape, place: u8, bytes: &[u8]) -> Result<Self, ScatterRefused> {
        let (fragment, share) = bytes.split_last_chunk().ok_or(ScatterRefused::State)?;
        let fragment = Zeroizing::new(fragment.to_vec());
        let part = Self { place, fragment, share: Zeroizing::new(*share) };
        if part.is_of(shape) { Ok(part) } else { Err(ScatterRefused::State) }
    }

    /// Whether place and length are some that the shape has.
    pub(super) fn is_of(&self, shape: Shape) -> bool {
        self.place < shape.n() && self.fragment.len() == shape.fragment_len()
    }
}

impl fmt::Debug for OpenedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenedPart({})", self.place)
    }
}

fn sealer(key: &[u8; HASH_LEN]) -> Sealer {
    Sealer::new(SuiteId::Chacha20Poly1305, key)
}

/// Seals one fragment and its share under the key of its part: PART bytes (SCATTER-4).
///
/// A key seals one part; whoever calls this keeps the part and repeats it, never the sealing.
#[must_use]
pub fn seal_part(key: &PartKey, fragment: &[u8], share: &[u8; SHARE_LEN]) -> Vec<u8> {
    let mut part = Vec::with_capacity(PART_TAG_LEN + fragment.len() + SHARE_LEN + TAG_LEN);
    part.extend_from_slice(key.tag());
    part.extend_from_slice(fragment);
    part.extend_from_slice(share);
    let seal =
        part.get_mut(PART_TAG_LEN..).map(|text| sealer(&key.key).seal(&NONCE_0, key.tag(), text));
    part.extend_from_slice(&seal.unwrap_or_default());
    part
}

/// Opens a part that a connection of `place` brought: its fragment and its share.
///
/// # Errors
/// [`PartRefused`], but for [`PartRefused::Fragment`] (SCATTER-4, SCATTER-5).
pub fn open_part(
    shape: Shape,
    place: u8,
    key: &PartKey,
    part: &[u8],
) -> Result<OpenedPart, PartRefused> {
    let length = PartRefused::Length { expected: shape.part_len(), got: part.len() };
    require!(SCATTER_5, part.len() == shape.part_len(), length);
    let (tag, sealed) = part.split_first_chunk::<PART_TAG_LEN>().ok_or(length)?;
    let (text, seal) = sealed.split_last_chunk::<TAG_LEN>().ok_or(length)?;
    if !constant_time_eq(tag, key.tag()) {
        return Err(PartRefused::Tag(key.s()));
    }
    let mut text = Zeroizing::new(text.to_vec());
    let opened = sealer(&key.key).open(&NONCE_0, tag, &mut text, seal);
    opened.map_err(|_| PartRefused::Seal(key.s()))?;
    let at = text.len().checked_sub(SHARE_LEN).ok_or(length)?;
    let share = text.last_chunk::<SHARE_LEN>().copied().ok_or(length)?;
    text.truncate(at);
    Ok(OpenedPart { place, fragment: text, share: Zeroizing::new(share) })
}

/// A cell under its own key: k·FRAGMENT bytes, which for k = 1 are every part's fragment (SCATTER-6).
#[must_use]
pub fn seal_cell(cell_key: &[u8; SHARE_LEN], cell: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(cell.len() + TAG_LEN);
    sealed.extend_from_slice(cell);
    let seal = sealer(cell_key).seal(&NONCE_0, &[], &mut sealed);
    sealed.extend_from_slice(&seal);
    sealed
}

/// The cell that was sealed, if this is its key.
pub(super) fn cell_of(cell_key: &[u8; SHARE_LEN], sealed: &[u8]) -> Option<Vec<u8>> {
    let (cell, seal) = sealed.split_last_chunk::<TAG_LEN>()?;
    let mut cell = cell.to_vec();
    sealer(cell_key).open(&NONCE_0, &[], &mut cell, seal).ok()?;
    Some(cell)
}
