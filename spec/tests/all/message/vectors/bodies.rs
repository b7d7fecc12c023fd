//! Vectors of bodies and pieces. Each is of a session of shape medium, 1 of 1.

use edgewise_spec::message::{BodyRefused, Header, Layout, MessageId, UpTo};
use edgewise_spec::scatter::Shape;
use serde::{Deserialize, Serialize};

use super::mode;
use crate::vector::{Hex, Vector, pattern, vector};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct BodyInput {
    /// 1 deniable, 2 attested.
    mode: u8,
    body: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct BodyOutput {
    /// Whether the body says nothing; all else is 0 then.
    empty: bool,
    piece: u16,
    of: u16,
    header: HeaderFields,
    content: Hex,
}

/// The fields that all pieces share.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct HeaderFields {
    #[serde(rename = "type")]
    kind: u16,
    length: u32,
    id: Hex,
    previous: Hex,
    time: u64,
    received: u32,
    /// As much of it as the mode's bodies carry.
    received_hash: Hex,
    /// Empty in a deniable session.
    signature: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct EncodeInput {
    mode: u8,
    header: HeaderFields,
    content: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct EncodeOutput {
    bodies: Vec<Hex>,
}

fn layout(number: u8) -> Layout {
    Layout::new(mode(number), Shape::SINGLE)
}

fn fields(number: u8, header: &Header) -> HeaderFields {
    let signature: &[u8] = if number == 2 { &header.signature } else { &[] };
    HeaderFields {
        kind: header.kind,
        length: header.len,
        id: header.id.as_bytes().into(),
        previous: header.previous.into(),
        time: header.time,
        received: header.up_to.number,
        received_hash: header.up_to.hash[..UpTo::hash_len(mode(number))].into(),
        signature: signature.into(),
    }
}

fn header(fields: &HeaderFields) -> Header {
    let mut up_to = UpTo { number: fields.received, hash: [0; 32] };
    let told = &fields.received_hash.0;
    up_to.hash[..told.len()].copy_from_slice(told);
    let mut signature = [0; 64];
    signature[..fields.signature.0.len()].copy_from_slice(&fields.signature.0);
    Header {
        kind: fields.kind,
        len: fields.length,
        id: MessageId::from_bytes(fields.id.array()),
        previous: fields.previous.array(),
        time: fields.time,
        up_to,
        signature,
    }
}

pub fn judge_body(input: &BodyInput) -> Result<BodyOutput, &'static str> {
    let zero = Header {
        kind: 0,
        len: 0,
        id: MessageId::from_bytes([0; 16]),
        previous: [0; 32],
        time: 0,
        up_to: UpTo::default(),
        signature: [0; 64],
    };
    match layout(input.mode).parse(&input.body.0) {
        Ok(None) => Ok(BodyOutput {
            empty: true,
            piece: 0,
            of: 0,
            header: fields(input.mode, &zero),
            content: Hex(vec![]),
        }),
        Ok(Some(piece)) => Ok(BodyOutput {
            empty: false,
            piece: piece.index,
            of: piece.count,
            header: fields(input.mode, &piece.header),
            content: piece.bytes.into(),
        }),
        Err(refused) => Err(match refused {
            BodyRefused::Length { .. } => "length",
            BodyRefused::Version(_) => "version",
            BodyRefused::Padding(_) => "padding",
            BodyRefused::TooLong { .. } => "too-long",
            BodyRefused::Count { .. } => "count",
            BodyRefused::Index { .. } => "index",
            BodyRefused::PieceLength { .. } => "piece-length",
            BodyRefused::NumberZero => "number",
        }),
    }
}

pub fn judge_encode(input: &EncodeInput) -> Result<EncodeOutput, &'static str> {
    let bodies = layout(input.mode).bodies(&header(&input.header), &input.content.0);
    if bodies.is_empty() {
        return Err("too-long");
    }
    Ok(EncodeOutput { bodies: bodies.into_iter().map(Hex).collect() })
}

fn honest(number: u8, content: &[u8]) -> EncodeInput {
    let header = Header {
        kind: 1,
        len: content.len() as u32,
        id: MessageId::from_bytes(
            [&[0, 0, 0, 5][..], &pattern::<12>("id")].concat().try_into().unwrap(),
        ),
        previous: pattern("previous"),
        time: 1_800_000_000_123,
        up_to: UpTo { number: 4, hash: pattern("received") },
        signature: pattern("signature"),
    };
    EncodeInput { mode: number, header: fields(number, &header), content: content.into() }
}

pub fn encodings() -> Vec<Vector<EncodeInput, EncodeOutput>> {
    let made = |name: &str, comment: &str, flags: &[&str], input: EncodeInput| {
        let outcome = judge_encode(&input);
        let clauses = ["MESSAGE-5", "MESSAGE-6", "MESSAGE-9"];
        vector(&format!("encode/{name}"), comment, &clauses, flags, input, outcome)
    };
    let long = pattern::<3_000>("content");
    vec![
        made("deniable", "one piece", &[], honest(1, b"hello")),
        made("attested", "one piece, with room for a signature", &[], honest(2, b"hello")),
        made("full", "one full piece", &["Limit"], honest(1, &long[..1_328])),
        made("one-more", "a byte more makes two", &["Pieces"], honest(1, &long[..1_329])),
        made("three", "three pieces", &["Pieces"], honest(2, &long)),
        made("nothing", "no content is one piece", &["Limit"], honest(1, b"")),
    ]
}

pub fn bodies() -> Vec<Vector<BodyInput, BodyOutput>> {
    let body = |number, content: &[u8]| {
        let encoded = judge_encode(&honest(number, content));
        encoded.unwrap().bodies.into_iter().map(|body| body.0).collect::<Vec<_>>()
    };
    let made = |name: &str, comment: &str, clause: &str, flags: &[&str], mode, body: Vec<u8>| {
        let input = BodyInput { mode, body: Hex(body) };
        let outcome = judge_body(&input);
        vector(&format!("body/{name}"), comment, &[clause], flags, input, outcome)
    };
    let good = body(1, b"hello").remove(0);
    let second = body(1, &pattern::<2_000>("content")).remove(1);
    let altered = |at: usize, bytes: &[u8]| {
        let mut body = good.clone();
        body[at..at + bytes.len()].copy_from_slice(bytes);
        body
    };
    let shape = ["Layout"];
    let pieces = ["Pieces"];
    let padding = ["Padding"];
    let mut not_empty = vec![0; 1_424];
    not_empty[1_423] = 1;
    vec![
        made("deniable", "one piece", "MESSAGE-1", &[], 1, good.clone()),
        made("attested", "one piece", "MESSAGE-1", &[], 2, body(2, b"hello").remove(0)),
        made("last-piece", "the second of two", "MESSAGE-5", &pieces, 1, second.clone()),
        made("empty", "a cell of cover", "MESSAGE-3", &["Empty"], 1, vec![0; 1_424]),
        made("not-empty", "one byte is not zero", "MESSAGE-3", &padding, 1, not_empty),
        made("short", "one byte less", "MESSAGE-1", &shape, 1, good[..1_423].to_vec()),
        made("long", "one byte more", "MESSAGE-1", &shape, 1, [&good[..], &[0]].concat()),
        made("version", "version 2", "MESSAGE-2", &shape, 1, altered(0, &[0, 2])),
        made("reserved", "in the zero field", "MESSAGE-3", &padding, 1, altered(76, &[1])),
        made("padding", "behind the content", "MESSAGE-3", &padding, 1, altered(101, &[1])),
        made("padding-end", "the last byte", "MESSAGE-3", &padding, 1, altered(1_423, &[1])),
        made("count", "two pieces for five bytes", "MESSAGE-5", &pieces, 1, altered(6, &[0, 2])),
        made("count-zero", "no piece", "MESSAGE-5", &pieces, 1, altered(6, &[0, 0])),
        made("index", "place 1 of one piece", "MESSAGE-5", &pieces, 1, altered(4, &[0, 1])),
        made("here", "one byte less here", "MESSAGE-5", &pieces, 1, altered(15, &[4])),
        made("too-long", "256 KiB and one", "MESSAGE-6", &["Limit"], 1, {
            altered(8, &[0, 4, 0, 1])
        }),
        made("number", "number 0", "MESSAGE-9", &shape, 1, altered(16, &[0; 4])),
        made("other-mode", "a deniable body where it is attested", "MESSAGE-3", &padding, 2, {
            good.clone()
        }),
    ]
}
