//! Create: make a connection, or take it back after the server lost it.

use edgewise_proto::v1::{self, Kind, Role, State};
use prost::Message;

use super::{Id, Setting, Terms, create_input, recipient_id, sender_id};
use crate::constants::{ACCESS_LEN, BUNDLE_LEN};
use crate::error::Reject;
use crate::frame::Class;
use crate::rotation::{Chain, KeyRecord, accepted, array, signed};
use crate::suite;
use crate::{mutant, require};

/// A Create whose fields, signatures and access proof are in order.
#[derive(Clone, Debug)]
pub struct Create {
    /// The recipient id.
    pub recipient_id: Id,
    /// The sender id that the claim key hashes to.
    pub sender_id: Id,
    /// The recipient key.
    pub recipient_key: KeyRecord,
    /// The sender's key, in any state but open.
    pub sender_key: Option<KeyRecord>,
    /// The state to make the record in.
    pub state: State,
    /// What the connection is for.
    pub kind: Kind,
    /// The connection's class.
    pub class: Class,
    /// Quota and lifetimes.
    pub terms: Terms,
    /// BUNDLE_LEN bytes in state open, else empty.
    pub bundle: bytes::Bytes,
    /// Changes of the recipient key that the server may have missed.
    pub chain: Chain,
    /// The random number that a record made by this request gets.
    pub incarnation: u64,
}

impl Create {
    /// Reads and judges a Create in the order of ERROR-6; `incarnation` is fresh and random.
    ///
    /// # Errors
    /// MALFORMED, WRONG_LINK_CLASS, TERMS, BAD_SIGNATURE, ACCESS_DENIED.
    pub fn from_wire(
        wire: &v1::Create,
        setting: &Setting<'_>,
        incarnation: u64,
    ) -> Result<Self, Reject> {
        let body = v1::CreateBody::decode(wire.body.clone()).map_err(|_| Reject::Malformed)?;
        let key = body.recipient_key.as_ref().ok_or(Reject::Malformed)?;
        let recipient_key = KeyRecord::from_wire(key)?;
        let sender_key = body.sender_key.as_ref().map(KeyRecord::from_wire).transpose()?;
        let claim_vk = accepted(&body.claim_vk)?;
        let recipient_id = array(&body.recipient_id)?;
        check_shape(wire, &body, &recipient_key, &recipient_id, setting)?;
        let chain = Chain::from_wire(&wire.chain, &recipient_key.vk, recipient_key.version)?;

        let open = body.state() == State::Open;
        let class_fits = !open || setting.class == Class::Medium;
        require!(CONNECTION_7, class_fits, Reject::WrongLinkClass);

        // ERROR-6: the terms come before the signatures.
        if mutant!(ERROR_6) {
            check_signatures(wire, open, &recipient_key, &claim_vk, setting)?;
        }
        let (class, terms) = check_terms(&body, setting)?;
        recipient_key.check_terms()?;
        sender_key.as_ref().map_or(Ok(()), KeyRecord::check_terms)?;
        chain.check_terms(setting.hour)?;

        check_signatures(wire, open, &recipient_key, &claim_vk, setting)?;
        chain.verify(Role::Recipient, &recipient_id)?;
        check_access(wire, setting)?;

        let sender_id = sender_id(setting.fingerprint, &claim_vk);
        // An exact-size copy: a slice would pin the block it came in.
        let bundle = bytes::Bytes::copy_from_slice(&body.bundle);
        let (state, kind) = (body.state(), body.kind());
        Ok(Self {
            recipient_id,
            sender_id,
            recipient_key,
            sender_key,
            state,
            kind,
            class,
            terms,
            bundle,
            chain,
            incarnation,
        })
    }
}

/// CONNECTION-5: what goes with what.
fn check_shape(
    wire: &v1::Create,
    body: &v1::CreateBody,
    key: &KeyRecord,
    id: &Id,
    setting: &Setting<'_>,
) -> Result<(), Reject> {
    let open = body.state() == State::Open;
    let hashes = key.version != 0 || recipient_id(setting.fingerprint, &key.vk) == *id;
    let bundle = if open { body.bundle.len() == BUNDLE_LEN } else { body.bundle.is_empty() };
    let claim_signature = if open { 64 } else { 0 };
    let lengths = wire.recipient_signature.len() == 64
        && wire.claim_signature.len() == claim_signature
        && (wire.access.is_empty() || wire.access.len() == ACCESS_LEN);
    let whole = lengths && hashes && bundle && open != body.sender_key.is_some();
    require!(CONNECTION_5, whole, Reject::Malformed);
    Ok(())
}

/// CONNECTION-6: the closed lists, and the limits this server describes.
fn check_terms(body: &v1::CreateBody, setting: &Setting<'_>) -> Result<(Class, Terms), Reject> {
    let named = body.state() != State::Unspecified && body.kind() != Kind::Unspecified;
    let limits = setting.limits;
    let within = body.quota <= limits.quota_max
        && body.idle_days <= limits.idle_days_max
        && body.part_days <= limits.part_days_max;
    require!(CONNECTION_6, named && within, Reject::Terms);
    let class = Class::try_from(body.link_class).map_err(|_| Reject::Terms)?;
    let address = body.kind() == Kind::Address;
    let depositable = body.state() == State::Open && class == Class::Medium;
    require!(CONNECTION_72, !address || depositable, Reject::Terms);
    let terms = Terms::new(body.quota, body.idle_days, body.part_days).ok_or(Reject::Terms)?;
    Ok((class, terms))
}

fn check_signatures(
    wire: &v1::Create,
    open: bool,
    key: &KeyRecord,
    claim_vk: &[u8; 32],
    setting: &Setting<'_>,
) -> Result<(), Reject> {
    let input = create_input(setting.transcript, &wire.body);
    let by_recipient =
        array(&wire.recipient_signature).is_ok_and(|signature| signed(&key.vk, &input, &signature));
    require!(CONNECTION_3, by_recipient, Reject::BadSignature);
    let by_claim = !open
        || array(&wire.claim_signature).is_ok_and(|signature| signed(claim_vk, &input, &signature));
    require!(CONNECTION_4, by_claim, Reject::BadSignature);
    Ok(())
}

fn check_access(wire: &v1::Create, setting: &Setting<'_>) -> Result<(), Reject> {
    let proven = setting.access.is_none_or(|key| {
        let proof = key.proof(setting.suite, setting.transcript);
        suite::constant_time_eq(&proof, &wire.access)
    });
    require!(CONNECTION_11, proven, Reject::AccessDenied);
    Ok(())
}
