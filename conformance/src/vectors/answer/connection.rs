//! Chapter connection: ids, access proofs, and requests as far as no record is looked at.

use edgewise_proto::v1;
use edgewise_spec::connection::{
    AccessKey, Attach, Claim, Create, Deposit, Setting, attach_input, claim_input, create_input,
    deposit_input, recipient_id, sender_id,
};
use edgewise_spec::error::Reject;
use edgewise_spec::link::Limits;
use edgewise_spec::suite::SuiteId;
use prost::Message;
use serde_json::json;

use super::input::{Input, No, hex, strange};
use super::{Answered, Operation};

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "ids" => ids,
        "access" => access,
        "requests" => request,
        _ => return None,
    })
}

fn ids(input: Input<'_>) -> Answered {
    let fingerprint = input.array("fingerprint")?;
    let recipient = recipient_id(&fingerprint, &input.array("recipient_vk")?);
    let sender = sender_id(&fingerprint, &input.array("claim_vk")?);
    Ok(json!({ "recipient_id": hex(recipient), "sender_id": hex(sender) }))
}

/// A suite that is only derived in.
fn suite(input: Input<'_>) -> Result<SuiteId, No> {
    SuiteId::try_from(input.number::<u16>("suite")?).map_err(strange)
}

fn access(input: Input<'_>) -> Answered {
    let key = AccessKey::from_password(&input.array("fingerprint")?, &input.bytes("password")?);
    let key = key.map_err(strange)?;
    let proof = key.proof(suite(input)?, &input.array("transcript")?);
    Ok(json!({ "stretched": hex(key.as_bytes()), "proof": hex(proof) }))
}

/// The layer of a refusal that needs no record.
pub(super) fn layer(reject: Reject) -> No {
    No::Refused(match reject {
        Reject::Malformed => "malformed",
        Reject::WrongLinkClass => "wrong-link-class",
        Reject::Terms => "terms",
        Reject::BadSignature => "bad-signature",
        Reject::AccessDenied => "access-denied",
        Reject::KeyExpired => "key-expired",
        Reject::KeyNotYetValid => "key-not-yet-valid",
        other => return strange(format_args!("{other:?}")),
    })
}

fn request(input: Input<'_>) -> Answered {
    let (fingerprint, transcript) = (input.array("fingerprint")?, input.array("transcript")?);
    let (password, class) = (input.bytes("password")?, input.class()?);
    let access = (!password.is_empty()).then(|| AccessKey::from_password(&fingerprint, &password));
    let access = access.transpose().map_err(strange)?;
    let setting = Setting {
        fingerprint: &fingerprint,
        transcript: &transcript,
        suite: suite(input)?,
        class,
        limits: &Limits::default(),
        access: access.as_ref(),
        hour: input.number("hour")?,
    };
    let message = &input.bytes("message")?[..];
    let (signed, id) = match input.text("kind")? {
        "create" => {
            let wire = v1::Create::decode(message).map_err(strange)?;
            let create = Create::from_wire(&wire, &setting, 0).map_err(layer)?;
            (create_input(&transcript, &wire.body), create.recipient_id)
        }
        "claim" => {
            let wire = v1::Claim::decode(message).map_err(strange)?;
            let claim = Claim::from_wire(&wire, &setting).map_err(layer)?;
            (claim_input(&transcript, &claim.sender_id, &claim.sender_key.vk), claim.sender_id)
        }
        "deposit" => {
            let wire = v1::Deposit::decode(message).map_err(strange)?;
            let deposit = Deposit::from_wire(&wire, &setting).map_err(layer)?;
            (deposit_input(&transcript, &deposit.part), deposit.sender_id)
        }
        "attach" => {
            let wire = v1::Attach::decode(message).map_err(strange)?;
            let attach = Attach::from_wire(&wire, class).map_err(layer)?;
            attach.verify(&setting).map_err(layer)?;
            let Attach { role, recipient_id, version, .. } = attach;
            (attach_input(&transcript, role, &recipient_id, version), recipient_id)
        }
        other => return Err(strange(other)),
    };
    Ok(json!({ "signed": hex(signed), "id": hex(id) }))
}
