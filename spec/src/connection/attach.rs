//! Attach: prove a key once per link.

use edgewise_proto::v1::{self, Role};

use super::{Id, Setting, attach_input};
use crate::constants::SUBMISSIONS_MAX;
use crate::error::Reject;
use crate::frame::Class;
use crate::require;
use crate::rotation::{Chain, accepted, array, signed};

/// An Attach whose fields are in order. Its signatures are not looked at yet: [`Attach::verify`]
/// comes after the handle has been judged (ERROR-6).
#[derive(Clone, Debug)]
pub struct Attach {
    /// The end of the connection that attaches.
    pub role: Role,
    /// The recipient id, for both roles.
    pub recipient_id: Id,
    /// The proven key.
    pub vk: [u8; 32],
    /// Its version.
    pub version: u32,
    /// The link's class.
    pub class: Class,
    /// Sender only: its lowest unanswered submission.
    pub from: u64,
    /// Changes of this role's key that the server may have missed.
    pub chain: Chain,
    signature: [u8; 64],
}

impl Attach {
    /// Reads an Attach.
    ///
    /// # Errors
    /// MALFORMED.
    pub fn from_wire(wire: &v1::Attach, class: Class) -> Result<Self, Reject> {
        // CONNECTION-70
        let role = wire.role();
        let named = role != Role::Unspecified && wire.from < SUBMISSIONS_MAX;
        require!(CONNECTION_70, named, Reject::Malformed);
        let vk = accepted(&wire.vk)?;
        Ok(Self {
            role,
            recipient_id: array(&wire.recipient_id)?,
            vk,
            version: wire.version,
            class,
            from: wire.from,
            chain: Chain::from_wire(&wire.chain, &vk, wire.version)?,
            signature: array(&wire.signature)?,
        })
    }

    /// Judges the terms of its chain and its signatures.
    ///
    /// # Errors
    /// TERMS, BAD_SIGNATURE.
    pub fn verify(&self, setting: &Setting<'_>) -> Result<(), Reject> {
        self.chain.check_terms(setting.hour)?;
        let id = &self.recipient_id;
        let input = attach_input(setting.transcript, self.role, id, self.version);
        let signed = signed(&self.vk, &input, &self.signature);
        require!(CONNECTION_24, signed, Reject::BadSignature);
        self.chain.verify(self.role, &self.recipient_id)
    }
}
