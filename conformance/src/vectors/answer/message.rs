//! Chapter message: bodies, statements, chains and proofs.

use edgewise_spec::message::{
    BodyRefused, Chain, Direction, Header, Layout, Link, MessageId, Proof, ProofRefused,
    ProvenMessage, Receipted, Seen, Statement, UpTo, content_hash,
};
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;
use edgewise_spec::suite::{SigningKey, VerifyingKey};
use serde_json::{Value, json};

use super::input::{Input, No, hex, strange};
use super::{Answered, Operation, content};

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "body" => body,
        "encode" => encode,
        "content" => content::content,
        "statement" => statement,
        "attest" => attest,
        "chain" => chain,
        "proof" => proof,
        _ => return None,
    })
}

pub(super) fn mode(input: Input<'_>) -> Result<Mode, No> {
    Mode::try_from(input.number::<u8>("mode")?).map_err(strange)
}

/// Of a session of shape medium, 1 of 1.
fn layout(input: Input<'_>) -> Result<Layout, No> {
    Ok(Layout::new(mode(input)?, Shape::SINGLE))
}

fn fields(mode: Mode, header: &Header) -> Value {
    let signature: &[u8] = if mode == Mode::Attested { &header.signature } else { &[] };
    let told = header.up_to.hash.get(..UpTo::hash_len(mode)).unwrap_or_default();
    json!({
        "type": header.kind,
        "length": header.len,
        "id": hex(header.id.as_bytes()),
        "previous": hex(header.previous),
        "time": header.time,
        "received": header.up_to.number,
        "received_hash": hex(told),
        "signature": hex(signature),
    })
}

/// The header of a body that says nothing.
fn nothing() -> Header {
    Header {
        kind: 0,
        len: 0,
        id: MessageId::from_bytes([0; 16]),
        previous: [0; 32],
        time: 0,
        up_to: UpTo::default(),
        signature: [0; 64],
    }
}

fn body(input: Input<'_>) -> Answered {
    let (layout, mode, body) = (layout(input)?, mode(input)?, input.bytes("body")?);
    let piece = layout.parse(&body).map_err(|refused| match refused {
        BodyRefused::Length { .. } => "length",
        BodyRefused::Version(_) => "version",
        BodyRefused::Padding(_) => "padding",
        BodyRefused::TooLong { .. } => "too-long",
        BodyRefused::Count { .. } => "count",
        BodyRefused::Index { .. } => "index",
        BodyRefused::PieceLength { .. } => "piece-length",
        BodyRefused::NumberZero => "number",
    })?;
    Ok(match piece {
        None => json!({
            "empty": true, "piece": 0, "of": 0,
            "header": fields(mode, &nothing()), "content": "",
        }),
        Some(piece) => json!({
            "empty": false, "piece": piece.index, "of": piece.count,
            "header": fields(mode, &piece.header), "content": hex(piece.bytes),
        }),
    })
}

/// Bytes in front of zeros.
fn padded<const N: usize>(bytes: &[u8]) -> Result<[u8; N], No> {
    let mut out = [0; N];
    out.get_mut(..bytes.len())
        .ok_or_else(|| strange("longer than it may be"))?
        .copy_from_slice(bytes);
    Ok(out)
}

fn encode(input: Input<'_>) -> Answered {
    let told = input.inner("header")?;
    let header = Header {
        kind: told.number("type")?,
        len: told.number("length")?,
        id: MessageId::from_bytes(told.array("id")?),
        previous: told.array("previous")?,
        time: told.number("time")?,
        up_to: UpTo {
            number: told.number("received")?,
            hash: padded(&told.bytes("received_hash")?)?,
        },
        signature: padded(&told.bytes("signature")?)?,
    };
    let bodies = layout(input)?.bodies(&header, &input.bytes("content")?);
    if bodies.is_empty() {
        return Err("too-long".into());
    }
    Ok(json!({ "bodies": bodies.into_iter().map(hex).collect::<Vec<_>>() }))
}

/// What a statement is about, and what `run` makes of it.
fn stated<T>(
    input: Input<'_>,
    run: impl FnOnce(&Statement<'_>, [u8; 32]) -> Result<T, No>,
) -> Result<T, No> {
    let (transcript, previous) = (input.array("transcript")?, input.array("previous")?);
    let content_hash = content_hash(input.number("type")?, &input.bytes("content")?);
    let direction = Direction::from_number(input.number("direction")?);
    let statement = Statement {
        mode: mode(input)?,
        transcript: &transcript,
        direction: direction.ok_or_else(|| strange("its direction"))?,
        id: MessageId::from_bytes(input.array("id")?),
        previous: &previous,
        up_to: UpTo { number: input.number("received")?, hash: input.array("received_hash")? },
        time: input.number("time")?,
        content_hash: &content_hash,
    };
    run(&statement, content_hash)
}

fn statement(input: Input<'_>) -> Answered {
    let attested = mode(input)? == Mode::Attested;
    stated(input, |statement, content_hash| {
        let seed = input.bytes("seed")?;
        let (mut vk, mut signature) = (hex([]), hex([]));
        if !seed.is_empty() {
            let key = SigningKey::from_seed(&input.array("seed")?);
            (vk, signature) = (hex(key.verifying_key().as_bytes()), hex(statement.sign(&key)));
        }
        Ok(json!({
            "content_hash": hex(content_hash),
            "hash": hex(statement.hash()),
            "signed": if attested { hex(statement.signed()) } else { hex([]) },
            "vk": vk,
            "signature": signature,
        }))
    })
}

/// The statement is what is signed; `signed` beside it is the same, to compare with.
fn attest(input: Input<'_>) -> Answered {
    let vk = VerifyingKey::parse(&input.bytes("vk")?).map_err(|_| "key")?;
    let signature = input.array("signature")?;
    stated(input.inner("statement")?, |statement, _| {
        if statement.signed() != input.bytes("signed")? {
            return Err(strange("signed is not the statement"));
        }
        if !statement.is_signed(&vk, &signature) {
            return Err("signature".into());
        }
        Ok(json!({ "hash": hex(statement.hash()) }))
    })
}

fn chain(input: Input<'_>) -> Answered {
    let mut chain = Chain::default();
    let mut links = Vec::new();
    for message in input.list("messages")? {
        let number = message.number("number")?;
        let (hash, previous) = (message.array("hash")?, message.array("previous")?);
        links.push(match chain.judge(number, &hash, &previous) {
            Link::Next => "next".to_owned(),
            Link::Gap { first, last } => format!("gap {first}-{last}"),
            Link::Filled => "filled".to_owned(),
            Link::Duplicate => "duplicate".to_owned(),
            Link::Fork { with } => format!("fork {with}"),
            Link::Stale => "stale".to_owned(),
        });
        chain.take(number, &hash, &previous);
    }
    Ok(json!({ "links": links, "missing": chain.missing().collect::<Vec<_>>() }))
}

fn proof_layer(refused: ProofRefused) -> &'static str {
    match refused {
        ProofRefused::TooLong { .. } => "too-long",
        ProofRefused::NoProof => "no-proof",
        ProofRefused::Version(_) => "version",
        ProofRefused::Suite(_) => "suite",
        ProofRefused::Key(_) => "key",
        ProofRefused::Count { .. } => "count",
        ProofRefused::Short(..) => "short",
        ProofRefused::Value(..) => "value",
        ProofRefused::Order(_) => "order",
        ProofRefused::Signature(_) => "signature",
        ProofRefused::Previous(_) => "previous",
        ProofRefused::UpTo(_) => "received",
        ProofRefused::Surplus(_) => "surplus",
    }
}

fn proof(input: Input<'_>) -> Answered {
    let proof = Proof::verify(&input.bytes("proof")?).map_err(proof_layer)?;
    let count = proof.messages().len();
    let receipt = |receipt: &Receipted| match receipt.seen {
        None => format!("{} named", receipt.by),
        Some(Seen::Delivered) => format!("{} delivered", receipt.by),
        Some(Seen::Read) => format!("{} read", receipt.by),
    };
    let proven = |(place, message): (usize, &ProvenMessage)| {
        json!({
            "author": match message.direction {
                Direction::FromClaimer => "claimer",
                Direction::FromInviter => "inviter",
            },
            "number": message.header.id.number(),
            "time": message.header.time,
            "type": message.header.kind,
            "content": hex(&message.content),
            "hash": hex(message.hash()),
            "receipts": proof.receipts(place).iter().map(receipt).collect::<Vec<_>>(),
            "before": (0..count).filter(|it| proof.is_before(place, *it)).collect::<Vec<_>>(),
        })
    };
    let messages: Vec<Value> = proof.messages().iter().enumerate().map(proven).collect();
    Ok(json!({ "messages": messages }))
}
