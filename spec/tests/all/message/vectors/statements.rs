//! Vectors of statements, signatures, chains and proofs.

use edgewise_spec::message::{
    Chain, Direction, Link, MessageId, Proof, ProofRefused, Seen, Statement, UpTo, content_hash,
};
use edgewise_spec::suite::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::mode;
use crate::message::proof::{conversation, export};
use crate::vector::{Hex, Vector, pattern, vector};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct StatementInput {
    /// 1 deniable, 2 attested.
    mode: u8,
    transcript: Hex,
    direction: u8,
    id: Hex,
    previous: Hex,
    received: u32,
    /// 32 bytes; a deniable statement takes the first 16.
    received_hash: Hex,
    time: u64,
    #[serde(rename = "type")]
    kind: u16,
    content: Hex,
    /// The seed of the direction's key; empty in a deniable session.
    seed: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct StatementOutput {
    content_hash: Hex,
    hash: Hex,
    /// The label and the statement.
    signed: Hex,
    vk: Hex,
    signature: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct AttestInput {
    vk: Hex,
    /// The label and the statement.
    signed: Hex,
    statement: StatementInput,
    signature: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    hash: Hex,
}

/// Messages in the order in which they arrive.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ChainInput {
    messages: Vec<Arrived>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Arrived {
    number: u32,
    hash: Hex,
    previous: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ChainOutput {
    /// `next`, `gap first-last`, `filled`, `duplicate`, `fork with`, `stale`.
    links: Vec<String>,
    missing: Vec<u32>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ProofInput {
    proof: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ProofOutput {
    messages: Vec<Proven>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// `claimer` or `inviter`.
    author: String,
    number: u32,
    time: u64,
    #[serde(rename = "type")]
    kind: u16,
    content: Hex,
    hash: Hex,
    /// What shows that it was received: `place`, then `named`, `delivered` or `read`.
    receipts: Vec<String>,
    /// The places of the messages that were written after it.
    before: Vec<usize>,
}

fn statement_of<T>(input: &StatementInput, run: impl Fn(&Statement<'_>, [u8; 32]) -> T) -> T {
    let (transcript, previous) = (input.transcript.array(), input.previous.array());
    let content_hash = content_hash(input.kind, &input.content.0);
    let statement = Statement {
        mode: mode(input.mode),
        transcript: &transcript,
        direction: Direction::from_number(input.direction).unwrap(),
        id: MessageId::from_bytes(input.id.array()),
        previous: &previous,
        up_to: UpTo { number: input.received, hash: input.received_hash.array() },
        time: input.time,
        content_hash: &content_hash,
    };
    run(&statement, content_hash)
}

pub fn judge_statement(input: &StatementInput) -> Result<StatementOutput, &'static str> {
    Ok(statement_of(input, |statement, content_hash| {
        let key = (!input.seed.0.is_empty()).then(|| SigningKey::from_seed(&input.seed.array()));
        let vk = key.as_ref().map(|key| key.verifying_key().as_bytes().to_vec());
        let signature = key.as_ref().map(|key| statement.sign(key).to_vec());
        StatementOutput {
            content_hash: content_hash.into(),
            hash: statement.hash().into(),
            signed: if input.mode == 2 { statement.signed().into() } else { Hex(vec![]) },
            vk: Hex(vk.unwrap_or_default()),
            signature: Hex(signature.unwrap_or_default()),
        }
    }))
}

pub fn judge_attest(input: &AttestInput) -> Result<Signed, &'static str> {
    let vk = VerifyingKey::parse(&input.vk.0).map_err(|_| "key")?;
    statement_of(&input.statement, |statement, _| {
        assert_eq!(statement.signed(), input.signed.0);
        let signed = statement.is_signed(&vk, &input.signature.array());
        signed.then(|| Signed { hash: statement.hash().into() }).ok_or("signature")
    })
}

pub fn judge_chain(input: &ChainInput) -> Result<ChainOutput, &'static str> {
    let mut chain = Chain::default();
    let link = |message: &Arrived| {
        let (hash, previous) = (message.hash.array(), message.previous.array());
        let link = chain.judge(message.number, &hash, &previous);
        chain.take(message.number, &hash, &previous);
        match link {
            Link::Next => "next".to_owned(),
            Link::Gap { first, last } => format!("gap {first}-{last}"),
            Link::Filled => "filled".to_owned(),
            Link::Duplicate => "duplicate".to_owned(),
            Link::Fork { with } => format!("fork {with}"),
            Link::Stale => "stale".to_owned(),
        }
    };
    let links = input.messages.iter().map(link).collect();
    Ok(ChainOutput { links, missing: chain.missing().collect() })
}

pub fn judge_proof(input: &ProofInput) -> Result<ProofOutput, &'static str> {
    let proof = Proof::verify(&input.proof.0).map_err(|refused| match refused {
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
    })?;
    let count = proof.messages().len();
    let proven = |(place, message): (usize, &edgewise_spec::message::ProvenMessage)| Proven {
        author: match message.direction {
            Direction::FromClaimer => "claimer".to_owned(),
            Direction::FromInviter => "inviter".to_owned(),
        },
        number: message.header.id.number(),
        time: message.header.time,
        kind: message.header.kind,
        content: Hex(message.content.clone()),
        hash: message.hash().into(),
        receipts: proof
            .receipts(place)
            .iter()
            .map(|receipt| match receipt.seen {
                None => format!("{} named", receipt.by),
                Some(Seen::Delivered) => format!("{} delivered", receipt.by),
                Some(Seen::Read) => format!("{} read", receipt.by),
            })
            .collect(),
        before: (0..count).filter(|later| proof.is_before(place, *later)).collect(),
    };
    Ok(ProofOutput { messages: proof.messages().iter().enumerate().map(proven).collect() })
}

fn statement(number: u8, direction: u8) -> StatementInput {
    let seed = if number == 2 { pattern::<32>("seed").to_vec() } else { vec![] };
    StatementInput {
        mode: number,
        transcript: pattern::<32>("transcript").into(),
        direction,
        id: Hex([&[0, 0, 0, 5][..], &pattern::<12>("id")].concat()),
        previous: pattern::<32>("previous").into(),
        received: 4,
        received_hash: pattern::<32>("received").into(),
        time: 1_800_000_000_123,
        kind: 1,
        content: "an answer".into(),
        seed: Hex(seed),
    }
}

pub fn statements() -> Vec<Vector<StatementInput, StatementOutput>> {
    let made = |name: &str, comment: &str, input: StatementInput| {
        let outcome = judge_statement(&input);
        let clauses: &[&str] = match input.mode {
            1 => &["MESSAGE-10", "MESSAGE-11"],
            _ => &["MESSAGE-10", "MESSAGE-11", "MESSAGE-24"],
        };
        vector(&format!("statement/{name}"), comment, clauses, &[], input, outcome)
    };
    let first = StatementInput {
        id: Hex([&[0, 0, 0, 1][..], &pattern::<12>("id")].concat()),
        previous: [0; 32].into(),
        received: 0,
        received_hash: [0; 32].into(),
        ..statement(2, 0)
    };
    vec![
        made("deniable", "from the claimer", statement(1, 0)),
        made("deniable-back", "from the inviter", statement(1, 1)),
        made("attested", "from the claimer", statement(2, 0)),
        made("attested-back", "from the inviter", statement(2, 1)),
        made("first", "the first message of a direction", first),
        made(
            "other-type",
            "the same bytes as a type of their own",
            StatementInput { kind: 900, ..statement(2, 0) },
        ),
        made(
            "receipt",
            "receipts are signed too",
            StatementInput {
                kind: 4,
                content: Hex([&[1, 0, 1, 0, 0, 0, 4][..], &pattern::<44>("receipt")].concat()),
                ..statement(2, 1)
            },
        ),
    ]
}

pub fn attested() -> Vec<Vector<AttestInput, Signed>> {
    let good = judge_statement(&statement(2, 0)).unwrap();
    let made = |name: &str, comment: &str, altered: &dyn Fn(&mut StatementInput), flip: usize| {
        let mut input = AttestInput {
            vk: good.vk.clone(),
            signed: Hex(vec![]),
            statement: statement(2, 0),
            signature: good.signature.clone(),
        };
        altered(&mut input.statement);
        input.statement.seed = Hex(vec![]);
        if flip > 0 {
            input.signature.0[flip] ^= 1;
        }
        input.signed = statement_of(&input.statement, |statement, _| statement.signed()).into();
        let outcome = judge_attest(&input);
        let flags: &[&str] = if outcome.is_ok() { &[] } else { &["Signature"] };
        vector(&format!("attest/{name}"), comment, &["MESSAGE-23"], flags, input, outcome)
    };
    vec![
        made("good", "as it was signed", &|_| {}, 0),
        made("transcript", "of another session", &|it| it.transcript.0[0] ^= 1, 0),
        made("direction", "of the other direction", &|it| it.direction = 1, 0),
        made("number", "another number", &|it| it.id.0[3] = 6, 0),
        made("id", "another id", &|it| it.id.0[15] ^= 1, 0),
        made("previous", "after another message", &|it| it.previous.0[31] ^= 1, 0),
        made("received", "after another number", &|it| it.received = 5, 0),
        made("received-hash", "after another text", &|it| it.received_hash.0[31] ^= 1, 0),
        made("time", "a millisecond later", &|it| it.time += 1, 0),
        made("type", "another type", &|it| it.kind = 2, 0),
        made("content", "another text", &|it| it.content.0[0] ^= 1, 0),
        made("signature", "a bit of it", &|_| {}, 40),
    ]
}

pub fn chains() -> Vec<Vector<ChainInput, ChainOutput>> {
    let hash = |name: &str| -> Hex {
        if name == "0" { [0; 32].into() } else { pattern::<32>(name).into() }
    };
    let made = |name: &str, comment: &str, clauses: &[&str], messages: &[(u32, &str, &str)]| {
        let arrived = |(number, own, previous): &(u32, &str, &str)| Arrived {
            number: *number,
            hash: hash(own),
            previous: hash(previous),
        };
        let input = ChainInput { messages: messages.iter().map(arrived).collect() };
        let outcome = judge_chain(&input);
        let fork = outcome.as_ref().unwrap().links.iter().any(|link| link.starts_with("fork"));
        let flags: &[&str] = if fork { &["Contradiction"] } else { &[] };
        vector(&format!("chain/{name}"), comment, clauses, flags, input, outcome)
    };
    let order = ["MESSAGE-13"];
    let twice = ["MESSAGE-14"];
    vec![
        made("order", "in order", &order, &[(1, "1", "0"), (2, "2", "1"), (3, "3", "2")]),
        made("gap", "two are missing", &order, &[(1, "1", "0"), (4, "4", "3")]),
        made("filled", "and come later", &order, &{
            [(1, "1", "0"), (4, "4", "3"), (3, "3", "2"), (2, "2", "1")]
        }),
        made("late-first", "the second before the first", &order, &{
            [(2, "2", "1"), (1, "1", "0")]
        }),
        made("repeated", "one arrives twice", &twice, &{
            [(1, "1", "0"), (2, "2", "1"), (1, "1", "0")]
        }),
        made("fork-number", "two messages of one number", &twice, &{
            [(1, "1", "0"), (2, "2", "1"), (2, "2b", "1"), (3, "3", "2")]
        }),
        made("fork-before", "follows another message", &order, &[(1, "1", "0"), (2, "2", "1b")]),
        made("fork-after", "is followed by another message's follower", &order, &{
            [(1, "1", "0"), (3, "3", "2b"), (2, "2", "1")]
        }),
        made("fork-first", "a first message with one before it", &order, &[(1, "1", "0b")]),
        made("stale", "513 behind", &order, &{
            [(1, "1", "0"), (600, "600", "599"), (87, "87", "86"), (88, "88", "87")]
        }),
    ]
}

/// The vector of a proof.
fn shown(
    name: &str,
    comment: &str,
    clause: &str,
    flags: &[&str],
    proof: Vec<u8>,
) -> Vector<ProofInput, ProofOutput> {
    let input = ProofInput { proof: Hex(proof) };
    let outcome = judge_proof(&input);
    vector(&format!("proof/{name}"), comment, &[clause], flags, input, outcome)
}

/// A proof of five messages.
fn good() -> Vec<u8> {
    export(conversation()).unwrap()
}

fn altered(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut proof = good();
    proof[at..at + bytes.len()].copy_from_slice(bytes);
    proof
}

fn flip(at: usize) -> Vec<u8> {
    altered(at, &[good()[at] ^ 1])
}

pub fn proofs() -> Vec<Vector<ProofInput, ProofOutput>> {
    let one = export(vec![conversation().remove(1)]).unwrap();
    let mut vectors = vec![
        shown("whole", "five messages of a conversation", "MESSAGE-29", &[], good()),
        shown("one", "one message alone", "MESSAGE-29", &[], one),
    ];
    vectors.extend(faulty_fronts());
    vectors.extend(faulty_messages());
    vectors
}

/// Faults of what stands before the messages.
fn faulty_fronts() -> Vec<Vector<ProofInput, ProofOutput>> {
    let layout = ["Layout"];
    let keys = &good()[51..115];
    let swapped = [&keys[32..], &keys[..32]].concat();
    vec![
        shown("label", "another label", "MESSAGE-27", &layout, flip(2)),
        shown("version", "version 2", "MESSAGE-27", &layout, altered(15, &[0, 2])),
        shown("suite", "suite 0x0002", "MESSAGE-27", &layout, altered(17, &[0, 2])),
        shown("transcript", "another session", "MESSAGE-29", &["Signature"], flip(19)),
        shown("key-order", "a key of small order", "MESSAGE-27", &["Key"], altered(51, &[0; 32])),
        shown("key-same", "one key twice", "MESSAGE-27", &["Key"], altered(83, &keys[..32])),
        shown("keys-swapped", "each as the other", "MESSAGE-29", &["Signature"], {
            altered(51, &swapped)
        }),
        shown("count-zero", "no message", "MESSAGE-27", &layout, altered(115, &[0; 4])),
        shown("count-many", "1,001 messages", "MESSAGE-27", &["Limit"], altered(117, &[3, 0xe9])),
        shown("count-less", "one fewer than there are", "MESSAGE-27", &layout, altered(118, &[4])),
        shown("count-more", "one more than there are", "MESSAGE-27", &layout, altered(118, &[6])),
    ]
}

/// Faults of the messages.
fn faulty_messages() -> Vec<Vector<ProofInput, ProofOutput>> {
    let (good, messages) = (good(), conversation());
    let len = |place: usize| 163 + messages[place].content.len();
    let (front, first) = (119, len(0));
    let swapped = {
        let (a, b) = (&good[front..front + first], &good[front + first..front + first + len(1)]);
        let rest = &good[front + first + len(1)..];
        [&good[..front], b, a, rest].concat()
    };
    let mut twice = [&good[..front + first], &good[front..]].concat();
    twice[118] = 6;
    let (layout, contradicts) = (["Layout"], ["Contradiction"]);
    let cut = good[..good.len() - 1].to_vec();
    let surplus = [&good[..], &[0]].concat();
    let long = altered(front + 95, &[0, 4, 0, 1]);
    let previous = contradiction(|statement| statement.previous = [7; 32].into());
    let received = contradiction(|statement| statement.received_hash = [7; 32].into());
    let (text, last) = (flip(front + first + 99), flip(good.len() - 1));
    vec![
        shown("direction", "direction 2", "MESSAGE-27", &layout, altered(front, &[2])),
        shown("number", "number 0", "MESSAGE-27", &layout, altered(front + 6, &[0])),
        shown("length", "longer than any message", "MESSAGE-27", &["Limit"], long),
        shown("cut", "without its last byte", "MESSAGE-27", &layout, cut),
        shown("surplus", "and a byte", "MESSAGE-27", &layout, surplus),
        shown("swapped", "two in the wrong order", "MESSAGE-28", &contradicts, swapped),
        shown("twice", "one number twice", "MESSAGE-28", &contradicts, twice),
        shown("type", "another type", "MESSAGE-29", &["Signature"], flip(front + 2)),
        shown("time", "another time", "MESSAGE-29", &["Signature"], flip(front + 94)),
        shown("content", "another text", "MESSAGE-29", &["Signature"], text),
        shown("signature", "a bit of the last", "MESSAGE-29", &["Signature"], last),
        shown(
            "previous",
            "follows another than the one shown",
            "MESSAGE-30",
            &contradicts,
            previous,
        ),
        shown(
            "received",
            "received another than the one shown",
            "MESSAGE-30",
            &contradicts,
            received,
        ),
    ]
}

/// A proof in which everything is signed, and the last message says something that is not so.
fn contradiction(alter: fn(&mut StatementInput)) -> Vec<u8> {
    use crate::message::{TRANSCRIPT, key};
    let (inviter, claimer) = (key(Direction::FromInviter), key(Direction::FromClaimer));
    let mut proof = export(vec![conversation().remove(3)]).unwrap()[..115].to_vec();
    proof.extend_from_slice(&3_u32.to_be_bytes());
    let id = |number: u8| Hex([&[0, 0, 0, number][..], &pattern::<12>("id")].concat());
    let first = |direction: u8| StatementInput {
        transcript: TRANSCRIPT.into(),
        id: id(1),
        previous: [0; 32].into(),
        received: 0,
        received_hash: [0; 32].into(),
        seed: Hex(vec![]),
        ..statement(2, direction)
    };
    let hash = |input: &StatementInput| statement_of(input, |statement, _| statement.hash());
    let (claimed, invited) = (first(0), first(1));
    let mut last = StatementInput {
        id: id(2),
        previous: hash(&invited).into(),
        received: 1,
        received_hash: hash(&claimed).into(),
        ..first(1)
    };
    alter(&mut last);
    for (input, key) in [(&claimed, &claimer), (&invited, &inviter), (&last, &inviter)] {
        proof.push(input.direction);
        proof.extend_from_slice(&input.kind.to_be_bytes());
        proof.extend_from_slice(&input.id.0);
        proof.extend_from_slice(&input.previous.0);
        proof.extend_from_slice(&input.received.to_be_bytes());
        proof.extend_from_slice(&input.received_hash.0);
        proof.extend_from_slice(&input.time.to_be_bytes());
        proof.extend_from_slice(&(input.content.0.len() as u32).to_be_bytes());
        proof.extend_from_slice(&input.content.0);
        proof.extend_from_slice(&statement_of(input, |statement, _| statement.sign(key)));
    }
    proof
}
