//! Deposit: leave a part at a connection of kind address.

use bytes::Bytes;
use edgewise_proto::v1;

use super::{Id, Setting, deposit_input, sender_id};
use crate::error::Reject;
use crate::frame::Class;
use crate::require;
use crate::rotation::{accepted, array, signed};

/// A Deposit whose fields and signature are in order.
#[derive(Clone, Debug)]
pub struct Deposit {
    /// The sender id that the claim key hashes to.
    pub sender_id: Id,
    /// The part, of class medium; the store keeps a copy of exact size.
    pub part: Bytes,
}

impl Deposit {
    /// Reads and judges a Deposit in the order of ERROR-6.
    ///
    /// # Errors
    /// MALFORMED, WRONG_LINK_CLASS, BAD_SIGNATURE.
    pub fn from_wire(wire: &v1::Deposit, setting: &Setting<'_>) -> Result<Self, Reject> {
        // CONNECTION-70
        let claim_vk = accepted(&wire.claim_vk)?;
        let signature = array(&wire.signature)?;
        let fits = wire.part.len() == Class::Medium.part_len();
        require!(CONNECTION_75, fits, Reject::Malformed);
        require!(CONNECTION_76, setting.class == Class::Medium, Reject::WrongLinkClass);
        let input = deposit_input(setting.transcript, &wire.part);
        let by_claim = signed(&claim_vk, &input, &signature);
        require!(CONNECTION_77, by_claim, Reject::BadSignature);
        let sender_id = sender_id(setting.fingerprint, &claim_vk);
        Ok(Self { sender_id, part: wire.part.clone() })
    }
}
