//! A cell: the header box, the commitment, the sealed body.

use core::fmt;

use super::schedule::{Key, MessageKeys, SUITE, Transcript, nonce};
use crate::constants::{
    COMMITMENT_LEN, CT_LEN, EK_LEN, HASH_LEN, HEADER_BOX_LEN, HEADER_TEXT_LEN, TAG_LEN, labels,
};
use crate::require;
use crate::suite::{Sealer, constant_time_eq};

use super::OpenFailed;

/// Length of ek ‖ ct, with which a header begins.
pub const FRONT_LEN: usize = EK_LEN + CT_LEN;

/// Length of what the body's seal covers beside the body: tr ‖ s ‖ box.
const AD_LEN: usize = HASH_LEN + 4 + HEADER_BOX_LEN;

/// What stands behind ek and ct in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// t: number of the step.
    pub step: u32,
    /// start_t: the first s of the step.
    pub start: u32,
    /// The highest s that the sealing end has opened, 0 for none.
    pub ack: u32,
    /// Always 0.
    pub reserved: u32,
}

/// An opened header.
pub struct Header([u8; HEADER_TEXT_LEN]);

impl Header {
    /// ek_t: the new key of the step, as it came.
    #[must_use]
    pub fn ek(&self) -> &[u8] {
        self.0.get(..EK_LEN).unwrap_or_default()
    }

    /// ct_t: the ciphertext of the step.
    #[must_use]
    pub fn ct(&self) -> Option<&[u8; CT_LEN]> {
        self.0.get(EK_LEN..)?.first_chunk()
    }

    /// The four numbers.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        let mut numbers = self
            .0
            .get(FRONT_LEN..)
            .unwrap_or_default()
            .chunks_exact(4)
            .map(|four| four.try_into().map_or(0, u32::from_be_bytes));
        let mut next = || numbers.next().unwrap_or_default();
        Numbers { step: next(), start: next(), ack: next(), reserved: next() }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Header")
    }
}

/// A received cell in its three pieces; nothing of it is verified.
#[derive(Clone, Copy)]
pub struct Cell<'a> {
    header: &'a [u8; HEADER_BOX_LEN],
    commitment: &'a [u8; COMMITMENT_LEN],
    body: &'a [u8],
    tag: &'a [u8; TAG_LEN],
}

impl<'a> Cell<'a> {
    /// Cuts a cell.
    ///
    /// # Errors
    /// [`OpenFailed`] when its length is another than `cell_len` (SESSION-9).
    pub fn cut(cell: &'a [u8], cell_len: usize) -> Result<Self, OpenFailed> {
        require!(SESSION_9, cell.len() == cell_len, OpenFailed);
        let (header, rest) = cell.split_first_chunk().ok_or(OpenFailed)?;
        let (commitment, rest) = rest.split_first_chunk().ok_or(OpenFailed)?;
        let (body, tag) = rest.split_last_chunk().ok_or(OpenFailed)?;
        Ok(Self { header, commitment, body, tag })
    }

    /// Opens the header box as that of cell s (SESSION-6); `None` under any other key.
    #[must_use]
    pub fn open_header(&self, key: &Key, s: u32) -> Option<Header> {
        let (sealed, tag) = self.header.split_last_chunk::<TAG_LEN>()?;
        let mut text = [0; HEADER_TEXT_LEN];
        text.copy_from_slice(sealed);
        let ad = labels::SESSION_HEADER.as_bytes();
        Sealer::new(SUITE, key).open(&nonce(s), ad, &mut text, tag).ok()?;
        Some(Header(text))
    }

    /// Opens the body.
    ///
    /// # Errors
    /// [`OpenFailed`] when the key is another than the commitment's (SESSION-17), or the body does
    /// not open (SESSION-18).
    pub fn open_body(
        &self,
        keys: &MessageKeys,
        tr: &Transcript,
        s: u32,
    ) -> Result<Vec<u8>, OpenFailed> {
        let committed = constant_time_eq(self.commitment, &keys.commitment);
        require!(SESSION_17, committed, OpenFailed);
        let mut ad = [0; AD_LEN];
        if let Some(header) = ad_front(&mut ad, tr, s) {
            header.copy_from_slice(self.header);
        }
        let mut body = self.body.to_vec();
        let opened = Sealer::new(SUITE, &keys.key).open(&keys.nonce, &ad, &mut body, self.tag);
        require!(SESSION_18, opened.is_ok(), OpenFailed);
        Ok(body)
    }
}

/// Seals a cell (SESSION-6, SESSION-7): box ‖ commitment ‖ sealed body, `HEADER_BOX_LEN +
/// COMMITMENT_LEN + TAG_LEN` bytes longer than the body.
#[must_use]
pub fn seal(
    header_key: &Key,
    keys: &MessageKeys,
    tr: &Transcript,
    s: u32,
    front: &[u8; FRONT_LEN],
    numbers: Numbers,
    body: &[u8],
) -> Vec<u8> {
    let mut ad = [0; AD_LEN];
    let mut cell = Vec::with_capacity(HEADER_BOX_LEN + COMMITMENT_LEN + body.len() + TAG_LEN);
    if let Some(header) = ad_front(&mut ad, tr, s) {
        seal_header(header, header_key, s, front, numbers);
        cell.extend_from_slice(header);
    }
    cell.extend_from_slice(&keys.commitment);
    cell.extend_from_slice(body);
    let text = cell.get_mut(HEADER_BOX_LEN + COMMITMENT_LEN..).unwrap_or_default();
    let tag = Sealer::new(SUITE, &keys.key).seal(&keys.nonce, &ad, text);
    cell.extend_from_slice(&tag);
    cell
}

/// Writes the sealed header (SESSION-6).
fn seal_header(
    header: &mut [u8; HEADER_BOX_LEN],
    key: &Key,
    s: u32,
    front: &[u8; FRONT_LEN],
    numbers: Numbers,
) {
    let (text, tag) = header.split_at_mut(HEADER_TEXT_LEN);
    let (first, rest) = text.split_at_mut(FRONT_LEN);
    first.copy_from_slice(front);
    let Numbers { step, start, ack, reserved } = numbers;
    for (place, number) in rest.chunks_exact_mut(4).zip([step, start, ack, reserved]) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    let ad = labels::SESSION_HEADER.as_bytes();
    tag.copy_from_slice(&Sealer::new(SUITE, key).seal(&nonce(s), ad, text));
}

/// Writes tr ‖ s; returns the place of the box behind them.
fn ad_front<'a>(
    ad: &'a mut [u8; AD_LEN],
    tr: &Transcript,
    s: u32,
) -> Option<&'a mut [u8; HEADER_BOX_LEN]> {
    let (first, rest) = ad.split_first_chunk_mut::<HASH_LEN>()?;
    *first = *tr;
    let (second, rest) = rest.split_first_chunk_mut::<4>()?;
    *second = s.to_be_bytes();
    rest.first_chunk_mut()
}
