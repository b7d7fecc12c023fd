//! `conformance/vectors/connection.json`: made here, checked here.

use edgewise_proto::v1::{self, Role, State};
use edgewise_spec::connection::{
    AccessKey, Attach, Claim, Create, Deposit, Setting, attach_input, claim_input, create_input,
    deposit_input, recipient_id, sender_id,
};
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::error::Reject;
use edgewise_spec::frame::Class;
use edgewise_spec::link::describe::Limits;
use edgewise_spec::rotation::KeyRecord;
use edgewise_spec::suite::{SigningKey, SuiteId};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::requests;
use crate::audit::audit;
use crate::vector::{Hex, Vector, VectorFile, assert_current, load, pattern, vector};

pub const HOUR: u32 = 500_000;
pub const PASSWORD: &[u8] = b"correct horse battery staple";

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Groups {
    ids: Vec<Vector<Ids, IdsOutput>>,
    access: Vec<Vector<Access, Proof>>,
    requests: Vec<Vector<Request, Judged>>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Ids {
    fingerprint: Hex,
    recipient_vk: Hex,
    claim_vk: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct IdsOutput {
    recipient_id: Hex,
    sender_id: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Access {
    fingerprint: Hex,
    password: Hex,
    suite: u16,
    transcript: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Proof {
    stretched: Hex,
    proof: Hex,
}

/// A request and the link that it comes over. The server describes the largest limits.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Request {
    kind: Kind,
    fingerprint: Hex,
    transcript: Hex,
    suite: u16,
    class: u32,
    hour: u32,
    /// Of the server; empty for none.
    pub password: Hex,
    message: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Create,
    Claim,
    Deposit,
    Attach,
}

/// What is found before any record is looked at.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// The bytes that the request's signatures cover.
    signed: Hex,
    /// By which id the record is found.
    id: Hex,
}

fn layer(reject: Reject) -> &'static str {
    match reject {
        Reject::Malformed => "malformed",
        Reject::WrongLinkClass => "wrong-link-class",
        Reject::Terms => "terms",
        Reject::BadSignature => "bad-signature",
        Reject::AccessDenied => "access-denied",
        other => panic!("{other:?}"),
    }
}

fn judge(input: &Request) -> Result<Judged, &'static str> {
    let (fingerprint, transcript) = (input.fingerprint.array(), input.transcript.array());
    let suite = SuiteId::try_from(input.suite).unwrap();
    let class = Class::try_from(input.class).unwrap();
    let password = (!input.password.0.is_empty()).then_some(&input.password.0);
    let access = password.map(|it| AccessKey::from_password(&fingerprint, it).unwrap());
    let setting = Setting {
        fingerprint: &fingerprint,
        transcript: &transcript,
        suite,
        class,
        limits: &Limits::default(),
        access: access.as_ref(),
        hour: input.hour,
    };
    let message = &input.message.0[..];
    let (signed, id) = match input.kind {
        Kind::Create => {
            let wire = v1::Create::decode(message).unwrap();
            let create = Create::from_wire(&wire, &setting, 0).map_err(layer)?;
            (create_input(&transcript, &wire.body), create.recipient_id)
        }
        Kind::Claim => {
            let wire = v1::Claim::decode(message).unwrap();
            let claim = Claim::from_wire(&wire, &setting).map_err(layer)?;
            (claim_input(&transcript, &claim.sender_id, &claim.sender_key.vk), claim.sender_id)
        }
        Kind::Deposit => {
            let wire = v1::Deposit::decode(message).unwrap();
            let deposit = Deposit::from_wire(&wire, &setting).map_err(layer)?;
            (deposit_input(&transcript, &deposit.part), deposit.sender_id)
        }
        Kind::Attach => {
            let wire = v1::Attach::decode(message).unwrap();
            let attach = Attach::from_wire(&wire, class).map_err(layer)?;
            attach.verify(&setting).map_err(layer)?;
            let Attach { role, recipient_id, version, .. } = attach;
            (attach_input(&transcript, role, &recipient_id, version), recipient_id)
        }
    };
    Ok(Judged { signed: signed.into(), id: id.into() })
}

pub fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(&pattern(name))
}

fn vk(name: &str) -> [u8; 32] {
    *key(name).verifying_key().as_bytes()
}

pub fn record(name: &str, version: u32) -> KeyRecord {
    KeyRecord { vk: vk(name), version, not_before: HOUR - 1, not_after: HOUR + 720, grace: 48 }
}

pub fn fingerprint() -> [u8; 32] {
    pattern("fingerprint")
}

pub fn transcript() -> [u8; 32] {
    pattern("transcript")
}

pub fn body(state: State) -> v1::CreateBody {
    let open = state == State::Open;
    v1::CreateBody {
        recipient_id: recipient_id(&fingerprint(), &vk("recipient")).to_vec().into(),
        recipient_key: Some(record("recipient", 0).to_wire()),
        claim_vk: vk("claim").to_vec().into(),
        state: state.into(),
        sender_key: (!open).then(|| record("sender", 0).to_wire()),
        link_class: 1,
        kind: v1::Kind::Contact.into(),
        quota: 128,
        idle_days: 90,
        part_days: 21,
        bundle: if open { pattern::<3_584>("bundle").to_vec().into() } else { vec![].into() },
    }
}

pub fn create(body: &v1::CreateBody) -> v1::Create {
    let open = body.state() == State::Open;
    let body: bytes::Bytes = body.encode_to_vec().into();
    let input = create_input(&transcript(), &body);
    let claimed = if open { key("claim").sign(&input).to_vec() } else { Vec::new() };
    v1::Create {
        recipient_signature: key("recipient").sign(&input).to_vec().into(),
        claim_signature: claimed.into(),
        body,
        access: vec![].into(),
        chain: vec![],
    }
}

pub fn claim(version: u32) -> v1::Claim {
    let id = sender_id(&fingerprint(), &vk("claim"));
    let input = claim_input(&transcript(), &id, &vk("sender"));
    v1::Claim {
        claim_vk: vk("claim").to_vec().into(),
        sender_key: Some(record("sender", version).to_wire()),
        claim_signature: key("claim").sign(&input).to_vec().into(),
        sender_signature: key("sender").sign(&input).to_vec().into(),
    }
}

pub fn deposit() -> v1::Deposit {
    let part = pattern::<3_920>("part");
    let input = deposit_input(&transcript(), &part);
    v1::Deposit {
        claim_vk: vk("claim").to_vec().into(),
        part: part.to_vec().into(),
        signature: key("claim").sign(&input).to_vec().into(),
    }
}

pub fn attach(role: Role, name: &str) -> v1::Attach {
    let id = recipient_id(&fingerprint(), &vk("recipient"));
    let input = attach_input(&transcript(), role, &id, 3);
    v1::Attach {
        handle: 0,
        role: role.into(),
        recipient_id: id.to_vec().into(),
        vk: vk(name).to_vec().into(),
        version: 3,
        signature: key(name).sign(&input).to_vec().into(),
        from: 17,
        chain: vec![],
    }
}

pub fn over(kind: Kind, class: u32, message: Vec<u8>) -> Request {
    Request {
        kind,
        fingerprint: fingerprint().into(),
        transcript: transcript().into(),
        suite: 1,
        class,
        hour: HOUR,
        password: Hex(Vec::new()),
        message: message.into(),
    }
}

pub fn case(
    id: &str,
    comment: &str,
    requirements: &[&str],
    flags: &[&str],
    input: Request,
) -> Vector<Request, Judged> {
    let outcome = judge(&input);
    vector(&format!("requests/{id}"), comment, requirements, flags, input, outcome)
}

fn ids(input: &Ids) -> Result<IdsOutput, &'static str> {
    let fingerprint = input.fingerprint.array();
    Ok(IdsOutput {
        recipient_id: recipient_id(&fingerprint, &input.recipient_vk.array()).into(),
        sender_id: sender_id(&fingerprint, &input.claim_vk.array()).into(),
    })
}

fn access(input: &Access) -> Result<Proof, &'static str> {
    let key = AccessKey::from_password(&input.fingerprint.array(), &input.password.0).unwrap();
    let suite = SuiteId::try_from(input.suite).unwrap();
    let proof = key.proof(suite, &input.transcript.array()).into();
    Ok(Proof { stretched: key.as_bytes().into(), proof })
}

fn made() -> VectorFile<Groups> {
    let id = |name: &str, fingerprint: [u8; 32]| {
        let recipient_vk = vk("recipient").into();
        let input =
            Ids { fingerprint: fingerprint.into(), recipient_vk, claim_vk: vk("claim").into() };
        let outcome = ids(&input);
        let clauses = ["CONNECTION-1", "CONNECTION-2"];
        vector(&format!("ids/{name}"), "both ids", &clauses, &[], input, outcome)
    };
    let proof = |name: &str, suite, password: &[u8]| {
        let (fingerprint, transcript) = (fingerprint().into(), transcript().into());
        let input = Access { fingerprint, password: password.into(), suite, transcript };
        let outcome = access(&input);
        let id = format!("access/{name}");
        vector(&id, "a proof", &["CONNECTION-11"], &["Password"], input, outcome)
    };
    let flags = [
        ("ClosedList", "a value outside its closed list"),
        ("KeyTimes", "a key's times or version"),
        ("Password", "a server with an access password"),
        ("Shape", "fields that do not go together, or of a wrong length"),
        ("Signature", "a signature over something else"),
        ("Unknown", "a field of a later revision"),
        ("WrongLink", "a link of the wrong class"),
    ];
    VectorFile {
        schema: "connection.schema.json".to_owned(),
        word: "connection".to_owned(),
        spec_revision: SPEC_REVISION,
        flags: flags.map(|(flag, meaning)| (flag.to_owned(), meaning.to_owned())).into(),
        groups: Groups {
            ids: vec![id("one-server", fingerprint()), id("another-server", pattern("other"))],
            access: vec![
                proof("chacha", 1, PASSWORD),
                proof("aes", 2, PASSWORD),
                proof("empty", 1, b""),
            ],
            requests: requests::all(),
        },
    }
}

#[test]
fn vectors_are_current() {
    assert_current(&made());
}

#[test]
fn vectors_hold() {
    let file: VectorFile<Groups> = load("connection");
    file.groups.ids.iter().for_each(|vector| vector.check(ids));
    file.groups.access.iter().for_each(|vector| vector.check(access));
    file.groups.requests.iter().for_each(|vector| vector.check(judge));
    audit::<Groups>("connection");
}

/// What each request of the file is meant to come to, said apart from the code that made it.
#[test]
fn each_fault_is_refused_for_its_own_sake() {
    let file: VectorFile<Groups> = load("connection");
    for vector in &file.groups.requests {
        let expected = match vector.flags.first().map(String::as_str) {
            None | Some("Unknown") => None,
            Some("ClosedList" | "KeyTimes") => Some("terms"),
            Some("Shape") => Some("malformed"),
            Some("Signature") => Some("bad-signature"),
            Some("WrongLink") => Some("wrong-link-class"),
            Some("Password") if vector.id.ends_with("proof") => None,
            Some("Password") => Some("access-denied"),
            Some(other) => panic!("{other}"),
        };
        assert_eq!(vector.expect_layer.as_deref(), expected, "{}", vector.id);
    }
}
