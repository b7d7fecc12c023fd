//! What a link has to say, and how it is said.

use bytes::{BufMut, Bytes};
use edgewise_proto::v1::{self, item::Body, result::Outcome as Wire};

use super::delivery::Part;
use crate::connection::{Notice, Outcome};
use crate::error::{GoodbyeCode, Reject};
use crate::mutant;
use crate::store::Why;

/// One thing to say, but for parts.
#[derive(Debug)]
pub(super) enum Said {
    /// The answer to a request.
    Result { tag: u32, outcome: Result<Outcome, Reject> },
    /// The answer to an Attach, which depends on the role.
    Attached { tag: u32, attached: v1::Attached },
    /// A record changed.
    Notice { handle: u16, notice: Notice },
    /// A subscription is over.
    Ended { handle: u16, why: Why },
    /// There is room again.
    Space { handle: u16 },
}

impl Said {
    /// Whether it answers a request.
    pub(super) const fn is_answer(&self) -> bool {
        matches!(self, Self::Result { .. } | Self::Attached { .. })
    }

    /// The item that says it.
    pub(super) fn to_item(&self) -> v1::Item {
        match self {
            Self::Result { tag, outcome } => result(*tag, outcome_to_wire(outcome)),
            Self::Attached { tag, attached } => result(*tag, Wire::Attached(*attached)),
            Self::Notice { handle, notice } => {
                item(Body::Notice(notice_to_wire((*handle).into(), notice)))
            }
            Self::Ended { handle, why } => {
                let reason = match why {
                    Why::Replaced => v1::EndReason::Replaced,
                    _ => v1::EndReason::Stale,
                };
                item(Body::Ended(v1::Ended { handle: (*handle).into(), reason: reason.into() }))
            }
            Self::Space { handle } => item(Body::Space(v1::Space { handle: (*handle).into() })),
        }
    }
}

/// The item that delivers a part, encoded straight from the store's copy.
pub(super) struct Deliver<'a> {
    part: &'a Part,
    len: usize,
}

/// Keys of protobuf: `deliver` of Item, `handle`, `sequence` and `part` of Deliver.
const DELIVER: u8 = 3 << 3 | 2;
const HANDLE: u8 = 1 << 3;
const SEQUENCE: u8 = 2 << 3;
const PART: u8 = 3 << 3 | 2;

impl<'a> Deliver<'a> {
    pub(super) fn of(part: &'a Part) -> Self {
        let bytes = part.bytes.len();
        let handle = varint_len(part.handle.into()) + 1;
        // A field that is 0 is left out.
        let handle = if part.handle == 0 { 0 } else { handle };
        let sequence = varint_len(part.sequence) + 1;
        let len = handle + sequence + 1 + varint_len(bytes as u64) + bytes;
        Self { part, len }
    }

    pub(super) fn encoded_len(&self) -> usize {
        1 + varint_len(self.len as u64) + self.len
    }

    pub(super) fn encode(&self, mut item: &mut [u8]) {
        let part = self.part;
        item.put_u8(DELIVER);
        put_varint(&mut item, self.len as u64);
        if part.handle != 0 {
            item.put_u8(HANDLE);
            put_varint(&mut item, part.handle.into());
        }
        item.put_u8(SEQUENCE);
        put_varint(&mut item, part.sequence);
        item.put_u8(PART);
        put_varint(&mut item, part.bytes.len() as u64);
        item.put_slice(&part.bytes);
    }
}

fn varint_len(number: u64) -> usize {
    (number | 1).ilog2() as usize / 7 + 1
}

fn put_varint(item: &mut &mut [u8], mut number: u64) {
    while number > 0x7F {
        item.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    item.put_u8(number as u8);
}

/// The item that ends a link.
pub(super) fn goodbye(code: GoodbyeCode) -> v1::Item {
    item(Body::Goodbye(v1::Goodbye { code: code.into() }))
}

const fn item(body: Body) -> v1::Item {
    v1::Item { tag: 0, body: Some(body) }
}

const fn result(tag: u32, outcome: Wire) -> v1::Item {
    v1::Item { tag, body: Some(Body::Result(v1::Result { outcome: Some(outcome) })) }
}

fn outcome_to_wire(outcome: &Result<Outcome, Reject>) -> Wire {
    match outcome {
        Err(reject) => {
            let mut wire = reject.to_wire();
            if mutant!(ERROR_3) {
                wire.next = 1;
            }
            Wire::Reject(wire)
        }
        Ok(Outcome::Done | Outcome::Attached { .. }) => Wire::Done(v1::Done {}),
        Ok(Outcome::Created(state)) => Wire::Created(v1::Created { state: (*state).into() }),
        Ok(Outcome::Claimed { recipient_id, class, bundle }) => Wire::Claimed(v1::Claimed {
            recipient_id: recipient_id.map_or_else(Bytes::new, |id| Bytes::copy_from_slice(&id)),
            bundle: bundle.clone(),
            link_class: class.number(),
        }),
        Ok(Outcome::Subscribed(notice)) => {
            let mut notice = notice_to_wire(0, notice);
            // CONNECTION-41
            if mutant!(CONNECTION_41) {
                notice.sender_key = None;
            }
            let notice = Some(notice);
            Wire::Subscribed(v1::Subscribed { notice })
        }
    }
}

fn notice_to_wire(handle: u32, notice: &Notice) -> v1::Notice {
    v1::Notice {
        handle,
        state: notice.state.into(),
        sender_key: notice.sender_key.map(|key| key.to_wire()),
        conflict: notice.conflict,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_part_is_encoded_as_protobuf_does() {
        for (handle, sequence, len) in [
            (0, 1, 848),
            (1, 127, 3_920),
            (127, 128, 16_144),
            (128, 16_384, 1),
            (65_535, u64::MAX, 3),
        ] {
            let bytes: Vec<u8> = (0..len).map(|n: usize| n as u8).collect();
            let part = Part { handle, sequence, bytes: bytes.clone().into() };
            let deliver = Deliver::of(&part);
            let mut encoded = vec![0; deliver.encoded_len()];
            deliver.encode(&mut encoded);
            let deliver = v1::Deliver { handle: handle.into(), sequence, part: bytes.into() };
            assert_eq!(encoded, item(Body::Deliver(deliver)).encode_to_vec());
        }
    }
}
