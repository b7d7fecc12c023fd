#![doc = include_str!("../../connection.md")]

mod access;
mod attach;
mod claim;
mod create;
mod deposit;
#[cfg(test)]
mod matrix;
mod op;
mod plan;
mod record;

pub use access::{AccessKey, AccessKeyRefused};
pub use attach::Attach;
pub use claim::Claim;
pub use create::Create;
pub use deposit::Deposit;
pub use edgewise_proto::v1::{Kind, Role, State};
pub use op::{By, Find, Op, Outcome};
pub use plan::{Around, Guard, Plan, Put, Unwait, plan};
pub use record::{Notice, Record, Terms};

use crate::constants::{ACCESS_LEN, labels};
use crate::frame::Class;
use crate::link::describe::Limits;
use crate::rotation::role_byte;
use crate::suite::{self, SuiteId};
use crate::time::Hour;

/// A recipient id or a sender id: a hash that names a connection from one of its two ends.
pub type Id = [u8; 32];

/// What a request is judged against before any record is looked at: the link it came over, and
/// what the server described.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The server's fingerprint.
    pub fingerprint: &'a [u8; 32],
    /// The link's final transcript, which signatures cover.
    pub transcript: &'a [u8; 32],
    /// The link's suite.
    pub suite: SuiteId,
    /// The link's class.
    pub class: Class,
    /// What the server describes as its largest values.
    pub limits: &'a Limits,
    /// The key of the server's access password, if it has one.
    pub access: Option<&'a AccessKey>,
    /// The hour.
    pub hour: Hour,
}

/// The recipient id of a connection: the hash of its first recipient key (CONNECTION-1).
#[must_use]
pub fn recipient_id(fingerprint: &[u8; 32], vk: &[u8; 32]) -> Id {
    suite::hash(&[&suite::lp(labels::CONNECTION_RECIPIENT_ID), fingerprint, vk])
}

/// The sender id of a connection: the hash of its claim key (CONNECTION-2).
#[must_use]
pub fn sender_id(fingerprint: &[u8; 32], claim_vk: &[u8; 32]) -> Id {
    suite::hash(&[&suite::lp(labels::CONNECTION_SENDER_ID), fingerprint, claim_vk])
}

/// The exact bytes that the recipient key, and while open the claim key, sign for a Create.
#[must_use]
pub fn create_input(transcript: &[u8; 32], body: &[u8]) -> Vec<u8> {
    [&suite::lp(labels::CONNECTION_CREATE), &transcript[..], body].concat()
}

/// The exact bytes that the claim key and the sender's key sign for a Claim.
#[must_use]
pub fn claim_input(transcript: &[u8; 32], sender_id: &Id, sender_vk: &[u8; 32]) -> Vec<u8> {
    let role = [role_byte(Role::Sender)];
    let label = suite::lp(labels::CONNECTION_CLAIM);
    [&label, &role[..], transcript, sender_id, sender_vk].concat()
}

/// The exact bytes that the claim key signs for a Deposit.
#[must_use]
pub fn deposit_input(transcript: &[u8; 32], part: &[u8]) -> Vec<u8> {
    [&suite::lp(labels::CONNECTION_DEPOSIT), &transcript[..], part].concat()
}

/// The exact bytes that the attached key signs for an Attach.
#[must_use]
pub fn attach_input(transcript: &[u8; 32], role: Role, recipient_id: &Id, version: u32) -> Vec<u8> {
    let role = [role_byte(role)];
    let label = suite::lp(labels::CONNECTION_ATTACH);
    [&label, &transcript[..], &role, recipient_id, &version.to_be_bytes()].concat()
}

const _: () = assert!(ACCESS_LEN == 32);
