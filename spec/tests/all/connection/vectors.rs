//! `conformance/vectors/connection.json`: made here, checked here.

use edgewise_proto::v1::{self, Role, State};
use edgewise_spec::connection::{
    AccessKey, Attach, Claim, Create, Setting, attach_input, claim_input, create_input,
    recipient_id, sender_id,
};
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::error::Reject;
use edgewise_spec::frame::Class;
use edgewise_spec::link::describe::Limits;
use edgewise_spec::rotation::KeyRecord;
use edgewise_spec::suite::{SigningKey, SuiteId};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::audit::audit;
use crate::vector::{Hex, Vector, VectorFile, assert_current, load, pattern, vector};

const HOUR: u32 = 500_000;
const PASSWORD: &[u8] = b"correct horse battery staple";

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
struct Request {
    kind: Kind,
    fingerprint: Hex,
    transcript: Hex,
    suite: u16,
    class: u32,
    hour: u32,
    /// Of the server; empty for none.
    password: Hex,
    message: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Create,
    Claim,
    Attach,
}

/// What is found before any record is looked at.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Judged {
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

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(&pattern(name))
}

fn vk(name: &str) -> [u8; 32] {
    *key(name).verifying_key().as_bytes()
}

fn record(name: &str, version: u32) -> KeyRecord {
    KeyRecord { vk: vk(name), version, not_before: HOUR - 1, not_after: HOUR + 720, grace: 48 }
}

fn fingerprint() -> [u8; 32] {
    pattern("fingerprint")
}

fn transcript() -> [u8; 32] {
    pattern("transcript")
}

fn body(state: State) -> v1::CreateBody {
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

fn create(body: &v1::CreateBody) -> v1::Create {
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

fn claim(version: u32) -> v1::Claim {
    let id = sender_id(&fingerprint(), &vk("claim"));
    let input = claim_input(&transcript(), &id, &vk("sender"));
    v1::Claim {
        claim_vk: vk("claim").to_vec().into(),
        sender_key: Some(record("sender", version).to_wire()),
        claim_signature: key("claim").sign(&input).to_vec().into(),
        sender_signature: key("sender").sign(&input).to_vec().into(),
    }
}

fn attach(role: Role, name: &str) -> v1::Attach {
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

fn over(kind: Kind, class: u32, message: Vec<u8>) -> Request {
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

fn case(
    id: &str,
    comment: &str,
    requirements: &[&str],
    flags: &[&str],
    input: Request,
) -> Vector<Request, Judged> {
    let outcome = judge(&input);
    vector(&format!("requests/{id}"), comment, requirements, flags, input, outcome)
}

/// Changes one thing of a good body and signs what came of it.
fn with(state: State, change: impl Fn(&mut v1::CreateBody)) -> Request {
    let mut body = body(state);
    change(&mut body);
    over(Kind::Create, 2, create(&body).encode_to_vec())
}

fn creates() -> Vec<Vector<Request, Judged>> {
    use State::{Claimed, Open, Suspended};
    let other_link = |make: fn(&mut v1::Create)| {
        let mut wire = create(&body(Open));
        make(&mut wire);
        over(Kind::Create, 2, wire.encode_to_vec())
    };
    let not_hash = |body: &mut v1::CreateBody| body.recipient_id = vec![7; 32].into();
    vec![
        case("create-open", "a new connection", &["CONNECTION-8"], &[], with(Open, |_| ())),
        case("create-claimed", "a restore", &["CONNECTION-57"], &[], with(Claimed, |_| ())),
        case("create-suspended", "a restore", &["CONNECTION-57"], &[], with(Suspended, |_| ())),
        case(
            "create-small-link",
            "a restore comes over a link of any class",
            &["CONNECTION-7"],
            &[],
            over(Kind::Create, 1, create(&body(Claimed)).encode_to_vec()),
        ),
        case(
            "create-open-small-link",
            "state open needs a medium link",
            &["CONNECTION-7"],
            &["WrongLink"],
            over(Kind::Create, 3, create(&body(Open)).encode_to_vec()),
        ),
        case("create-id", "no hash", &["CONNECTION-5"], &["Shape"], with(Open, not_hash)),
        case(
            "create-later-version",
            "with a later version the id is taken as named",
            &["CONNECTION-5"],
            &[],
            with(Open, |body| {
                not_hash(body);
                body.recipient_key = Some(record("recipient", 1).to_wire());
            }),
        ),
        case(
            "create-bundle",
            "a bundle of another length",
            &["CONNECTION-5"],
            &["Shape"],
            with(Open, |body| body.bundle = vec![1; 3_583].into()),
        ),
        case(
            "create-claimed-bundle",
            "a bundle in another state",
            &["CONNECTION-5"],
            &["Shape"],
            with(Claimed, |body| body.bundle = vec![1; 3_584].into()),
        ),
        case(
            "create-claimed-without-sender",
            "no sender key",
            &["CONNECTION-5"],
            &["Shape"],
            with(Claimed, |body| body.sender_key = None),
        ),
        case(
            "create-state",
            "state 4, with everything that no state forbids",
            &["CONNECTION-6"],
            &["ClosedList"],
            with(Claimed, |body| body.state = 4),
        ),
        case(
            "create-quota",
            "a quota outside its list",
            &["CONNECTION-6"],
            &["ClosedList"],
            with(Open, |body| body.quota = 127),
        ),
        case(
            "create-days",
            "idle days outside their list",
            &["CONNECTION-6"],
            &["ClosedList"],
            with(Open, |body| body.idle_days = 0),
        ),
        case(
            "create-key-times",
            "a key that ends as it begins",
            &["ROTATION-2"],
            &["KeyTimes"],
            with(Open, |body| {
                body.recipient_key.as_mut().unwrap().not_after = HOUR - 1;
            }),
        ),
        case(
            "create-recipient-signature",
            "signed for another link by the recipient key",
            &["CONNECTION-3"],
            &["Signature"],
            other_link(|wire| {
                let input = create_input(&[0; 32], &wire.body);
                wire.recipient_signature = key("recipient").sign(&input).to_vec().into();
            }),
        ),
        case(
            "create-claim-signature",
            "signed for another link by the claim key",
            &["CONNECTION-4"],
            &["Signature"],
            other_link(|wire| {
                let input = create_input(&[0; 32], &wire.body);
                wire.claim_signature = key("claim").sign(&input).to_vec().into();
            }),
        ),
        case(
            "create-reencoded",
            "the body is signed as received: an unknown field belongs to it",
            &["CONNECTION-3"],
            &["Unknown"],
            other_link(|wire| {
                let body = [&wire.body[..], &[0xf8, 0x3e, 0x01]].concat();
                let input = create_input(&transcript(), &body);
                wire.recipient_signature = key("recipient").sign(&input).to_vec().into();
                wire.claim_signature = key("claim").sign(&input).to_vec().into();
                wire.body = body.into();
            }),
        ),
    ]
}

fn passwords() -> Vec<Vector<Request, Judged>> {
    let proof = AccessKey::from_password(&fingerprint(), PASSWORD)
        .unwrap()
        .proof(SuiteId::Chacha20Poly1305, &transcript());
    let asked = |access: Vec<u8>| {
        let mut wire = create(&body(State::Open));
        wire.access = access.into();
        let request = over(Kind::Create, 2, wire.encode_to_vec());
        Request { password: PASSWORD.into(), ..request }
    };
    let case =
        |id, comment, flags: &[&str], input| case(id, comment, &["CONNECTION-11"], flags, input);
    vec![
        case("access-proof", "the right password", &["Password"], asked(proof.to_vec())),
        case("access-none", "no proof", &["Password"], asked(Vec::new())),
        case("access-wrong", "another proof", &["Password"], asked(vec![7; 32])),
    ]
}

fn claims_and_attaches() -> Vec<Vector<Request, Judged>> {
    let altered_claim = |alter: fn(&mut v1::Claim)| {
        let mut wire = claim(0);
        alter(&mut wire);
        over(Kind::Claim, 2, wire.encode_to_vec())
    };
    let altered_attach = |alter: fn(&mut v1::Attach)| {
        let mut wire = attach(Role::Sender, "sender");
        alter(&mut wire);
        over(Kind::Attach, 3, wire.encode_to_vec())
    };
    let recipient = attach(Role::Recipient, "recipient").encode_to_vec();
    vec![
        case("claim", "a claim", &["CONNECTION-15"], &[], altered_claim(|_| ())),
        case(
            "claim-large-link",
            "a claim needs a medium link",
            &["CONNECTION-14"],
            &["WrongLink"],
            over(Kind::Claim, 3, claim(0).encode_to_vec()),
        ),
        case(
            "claim-version",
            "a sender key of version 1",
            &["CONNECTION-21"],
            &["KeyTimes"],
            over(Kind::Claim, 2, claim(1).encode_to_vec()),
        ),
        case(
            "claim-one-signature",
            "the sender's key has signed twice",
            &["CONNECTION-15"],
            &["Signature"],
            altered_claim(|wire| wire.claim_signature = wire.sender_signature.clone()),
        ),
        case(
            "claim-small-order",
            "a claim key that is no acceptable key",
            &["CONNECTION-70"],
            &["Shape"],
            altered_claim(|wire| wire.claim_vk = vec![0; 32].into()),
        ),
        case(
            "claim-without-key",
            "no sender key",
            &["CONNECTION-70"],
            &["Shape"],
            altered_claim(|wire| wire.sender_key = None),
        ),
        case("attach-sender", "a sender", &["CONNECTION-24"], &[], altered_attach(|_| ())),
        case(
            "attach-recipient",
            "a recipient",
            &["CONNECTION-24"],
            &[],
            over(Kind::Attach, 1, recipient),
        ),
        case(
            "attach-other-role",
            "signed for the other role",
            &["CONNECTION-24"],
            &["Signature"],
            altered_attach(|wire| wire.role = 1),
        ),
        case(
            "attach-other-version",
            "signed for another version",
            &["CONNECTION-24"],
            &["Signature"],
            altered_attach(|wire| wire.version = 4),
        ),
        case(
            "attach-no-role",
            "role 0",
            &["CONNECTION-70"],
            &["Shape"],
            altered_attach(|wire| wire.role = 0),
        ),
        case(
            "attach-from",
            "from is SUBMISSIONS_MAX",
            &["CONNECTION-70"],
            &["Shape"],
            altered_attach(|wire| wire.from = 1 << 63),
        ),
    ]
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
            requests: [creates(), passwords(), claims_and_attaches()]
                .into_iter()
                .flatten()
                .collect(),
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
