//! The requests of `conformance/vectors/connection.json`: good ones, and ones with one fault each.

use edgewise_proto::v1::{self, Role, State};
use edgewise_spec::connection::{AccessKey, create_input};
use edgewise_spec::suite::SuiteId;
use prost::Message as _;

use super::vectors::{
    HOUR, Judged, Kind, PASSWORD, Request, attach, body, case, claim, create, deposit, fingerprint,
    key, over, record, transcript,
};
use crate::vector::Vector;

/// Changes one thing of a good body and signs what came of it.
fn with(state: State, change: impl Fn(&mut v1::CreateBody)) -> Request {
    let mut body = body(state);
    change(&mut body);
    over(Kind::Create, 2, create(&body).encode_to_vec())
}

fn creates() -> Vec<Vector<Request, Judged>> {
    use State::{Claimed, Open, Suspended};
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
    ]
}

fn misshapen_creates() -> Vec<Vector<Request, Judged>> {
    use State::{Claimed, Open};
    let not_hash = |body: &mut v1::CreateBody| body.recipient_id = vec![7; 32].into();
    vec![
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
    ]
}

fn creates_out_of_terms() -> Vec<Vector<Request, Judged>> {
    use State::{Claimed, Open};
    vec![
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
    ]
}

fn creates_of_another_signer() -> Vec<Vector<Request, Judged>> {
    let other_link = |make: fn(&mut v1::Create)| {
        let mut wire = create(&body(State::Open));
        make(&mut wire);
        over(Kind::Create, 2, wire.encode_to_vec())
    };
    vec![
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
        let mut request = over(Kind::Create, 2, wire.encode_to_vec());
        request.password = PASSWORD.into();
        request
    };
    let case =
        |id, comment, flags: &[&str], input| case(id, comment, &["CONNECTION-11"], flags, input);
    vec![
        case("access-proof", "the right password", &["Password"], asked(proof.to_vec())),
        case("access-none", "no proof", &["Password"], asked(Vec::new())),
        case("access-wrong", "another proof", &["Password"], asked(vec![7; 32])),
    ]
}

fn claims() -> Vec<Vector<Request, Judged>> {
    let altered_claim = |alter: fn(&mut v1::Claim)| {
        let mut wire = claim(0);
        alter(&mut wire);
        over(Kind::Claim, 2, wire.encode_to_vec())
    };
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
    ]
}

fn deposits() -> Vec<Vector<Request, Judged>> {
    let altered = |class, alter: fn(&mut v1::Deposit)| {
        let mut wire = deposit();
        alter(&mut wire);
        over(Kind::Deposit, class, wire.encode_to_vec())
    };
    let other = |wire: &mut v1::Deposit| wire.part = vec![1; 3_920].into();
    let short = |wire: &mut v1::Deposit| wire.part = vec![1; 3_919].into();
    let small = |wire: &mut v1::Deposit| wire.claim_vk = vec![0; 32].into();
    let (medium, large) = (altered(2, |_| ()), altered(3, |_| ()));
    vec![
        case("deposit", "a part", &["CONNECTION-77"], &[], medium),
        case(
            "deposit-other",
            "another part",
            &["CONNECTION-77"],
            &["Signature"],
            altered(2, other),
        ),
        case("deposit-short", "3,919 bytes", &["CONNECTION-75"], &["Shape"], altered(2, short)),
        case("deposit-large", "over a large link", &["CONNECTION-76"], &["WrongLink"], large),
        case("deposit-key", "an order of 4", &["CONNECTION-70"], &["Shape"], altered(2, small)),
    ]
}

fn attaches() -> Vec<Vector<Request, Judged>> {
    let altered_attach = |alter: fn(&mut v1::Attach)| {
        let mut wire = attach(Role::Sender, "sender");
        alter(&mut wire);
        over(Kind::Attach, 3, wire.encode_to_vec())
    };
    let recipient = attach(Role::Recipient, "recipient").encode_to_vec();
    vec![
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

/// Every request of the file.
pub fn all() -> Vec<Vector<Request, Judged>> {
    let creates = [creates(), misshapen_creates(), creates_out_of_terms()].into_iter().flatten();
    let creates = creates.chain(creates_of_another_signer()).chain(passwords());
    creates.chain(claims()).chain(deposits()).chain(attaches()).collect()
}
