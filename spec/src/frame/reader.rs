//! Reads an opened block: the whole of it or nothing.

use bytes::{Buf, Bytes};
use edgewise_proto::v1::{self, item::Body};
use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};

use crate::constants::ITEMS_MAX;
use crate::error::{GoodbyeCode, LinkEnd};
use crate::{mutant, require};

/// One item of a block that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// An item that this end knows; its body is set, and a request's tag is not 0.
    Item(v1::Item),
    /// An item of a kind that this end does not know, to be answered under its tag, never 0.
    Unknown {
        /// The tag of the answer.
        tag: u32,
    },
}

/// Why a block is refused. Every reason ends the link in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// An item's length exceeds the bytes that are left.
    #[error("an item is longer than what is left of the block")]
    ItemLength,
    /// A byte after the end is not zero.
    #[error("a byte after the end is not zero")]
    NotZero,
    /// An item is not a valid protobuf encoding of `Item`.
    #[error("an item that is no protobuf encoding of Item")]
    Encoding,
    /// More than ITEMS_MAX items.
    #[error("too many items")]
    TooManyItems,
    /// An item has no field beside its tag.
    #[error("an item without a body")]
    EmptyItem,
    /// A request has no tag.
    #[error("a request without a tag")]
    Untagged,
    /// A Result has no outcome that is known.
    #[error("a result without an outcome")]
    NoOutcome,
}

impl From<Malformed> for LinkEnd {
    fn from(_: Malformed) -> Self {
        // FRAME-11; at a client FRAME-23
        if mutant!(FRAME_11) {
            return Self::Ours(GoodbyeCode::Done);
        }
        Self::Ours(GoodbyeCode::FrameMalformed)
    }
}

/// Reads a block that a client sent and appends its items to `items`, parts being slices of `text`.
///
/// # Errors
/// The first [`Malformed`] found; `items` is then as it was.
pub fn read_client_items(text: Bytes, items: &mut Vec<Received>) -> Result<(), Malformed> {
    read(text, End::Server, items)
}

/// Reads a block that a server sent and appends its items to `items`, parts being slices of `text`.
///
/// # Errors
/// The first [`Malformed`] found; `items` is then as it was.
pub fn read_server_items(text: Bytes, items: &mut Vec<Received>) -> Result<(), Malformed> {
    read(text, End::Client, items)
}

/// Whether a body is a request: what a client sends under a tag and a server answers once.
#[must_use]
pub const fn is_request(body: &Body) -> bool {
    match body {
        Body::Send(_)
        | Body::Create(_)
        | Body::Claim(_)
        | Body::Deposit(_)
        | Body::Attach(_)
        | Body::Subscribe(_)
        | Body::Suspend(_)
        | Body::Resume(_)
        | Body::Rotate(_)
        | Body::Delete(_)
        | Body::Detach(_) => true,
        Body::Acknowledge(_)
        | Body::Goodbye(_)
        | Body::Deliver(_)
        | Body::Result(_)
        | Body::Notice(_)
        | Body::Ended(_)
        | Body::Space(_) => false,
    }
}

/// The end that reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Client,
    Server,
}

impl End {
    /// Whether this end takes items of this kind.
    const fn knows(self, body: &Body) -> bool {
        let from_client = is_request(body) || matches!(body, Body::Acknowledge(_));
        matches!(body, Body::Goodbye(_)) || (from_client == matches!(self, Self::Server))
    }
}

fn read(text: Bytes, end: End, items: &mut Vec<Received>) -> Result<(), Malformed> {
    let before = items.len();
    let outcome = read_items(text, end, items);
    // FRAME-12: what stood before the fault goes with it.
    if outcome.is_err() && !mutant!(FRAME_12) {
        items.truncate(before);
    }
    outcome
}

fn read_items(mut text: Bytes, end: End, items: &mut Vec<Received>) -> Result<(), Malformed> {
    let mut count = 0;
    while let Some(head) = text.first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*head));
        if len == 0 {
            break;
        }
        text.advance(2);
        require!(FRAME_5, len <= text.len(), Malformed::ItemLength);
        count += 1;
        require!(FRAME_8, count <= ITEMS_MAX, Malformed::TooManyItems);
        let encoded = text.split_to(len.min(text.len()));
        if let Some(received) = read_item(encoded, end)? {
            items.push(received);
        }
    }
    require!(FRAME_6, is_zero(&text), Malformed::NotZero);
    Ok(())
}

/// Whether all bytes are zero. Blocks are mostly padding, so whole chunks are looked at at once.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(256).all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
}

/// Reads one item; `None` is one to skip.
fn read_item(encoded: Bytes, end: End) -> Result<Option<Received>, Malformed> {
    let decoded = v1::Item::decode(encoded.clone());
    require!(FRAME_7, decoded.is_ok(), Malformed::Encoding);
    let Ok(item) = decoded else { return Ok(None) };
    if mutant!(FRAME_16) && item.encoded_len() < encoded.len() {
        return Err(Malformed::Encoding);
    }
    let Some(body) = item.body.as_ref().filter(|body| end.knows(body)) else {
        let has_body = item.body.is_some() || has_field_beside_tag(encoded);
        require!(FRAME_9, has_body, Malformed::EmptyItem);
        return Ok(unknown(item.tag, end));
    };
    require!(FRAME_10, item.tag != 0 || !is_request(body), Malformed::Untagged);
    if let Body::Result(result) = body {
        require!(FRAME_22, result.outcome.is_some(), Malformed::NoOutcome);
    }
    Ok(Some(Received::Item(item)))
}

/// What becomes of an item that this end does not know.
fn unknown(tag: u32, end: End) -> Option<Received> {
    let answered = match end {
        End::Server if tag == 0 => mutant!(FRAME_15), // FRAME-15
        End::Server => !mutant!(FRAME_14),            // FRAME-14
        End::Client => false,                         // FRAME-21
    };
    answered.then_some(Received::Unknown { tag })
}

/// Whether an item that decoded has a field of another number than the tag's.
fn has_field_beside_tag(mut encoded: Bytes) -> bool {
    while encoded.has_remaining() {
        let Ok((field, wire_type)) = decode_key(&mut encoded) else { return false };
        if field != 1 {
            return true;
        }
        if skip_field(wire_type, field, &mut encoded, DecodeContext::default()).is_err() {
            return false;
        }
    }
    false
}
