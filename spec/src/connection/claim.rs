//! Claim: become the sender, once, and read the bundle in the same act.

use edgewise_proto::v1;

use super::{Id, Setting, claim_input, sender_id};
use crate::error::Reject;
use crate::frame::Class;
use crate::require;
use crate::rotation::{KeyRecord, accepted, array, signed};

/// A Claim whose fields and signatures are in order.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The sender id that the claim key hashes to.
    pub sender_id: Id,
    /// The sender's own key.
    pub sender_key: KeyRecord,
}

impl Claim {
    /// Reads and judges a Claim in the order of ERROR-6.
    ///
    /// # Errors
    /// MALFORMED, WRONG_LINK_CLASS, TERMS, BAD_SIGNATURE.
    pub fn from_wire(wire: &v1::Claim, setting: &Setting<'_>) -> Result<Self, Reject> {
        // CONNECTION-70
        let claim_vk = accepted(&wire.claim_vk)?;
        let sender_key = wire.sender_key.as_ref().ok_or(Reject::Malformed)?;
        let sender_key = KeyRecord::from_wire(sender_key)?;
        let claim_signature = array(&wire.claim_signature)?;
        let sender_signature = array(&wire.sender_signature)?;

        require!(CONNECTION_14, setting.class == Class::Medium, Reject::WrongLinkClass);
        sender_key.check_terms()?;
        require!(CONNECTION_21, sender_key.version == 0, Reject::Terms);

        let sender_id = sender_id(setting.fingerprint, &claim_vk);
        let input = claim_input(setting.transcript, &sender_id, &sender_key.vk);
        let by_both = signed(&claim_vk, &input, &claim_signature)
            & signed(&sender_key.vk, &input, &sender_signature);
        require!(CONNECTION_15, by_both, Reject::BadSignature);
        Ok(Self { sender_id, sender_key })
    }
}
