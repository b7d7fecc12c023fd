//! The requests that carry signatures, ready to submit.

use bytes::Bytes;
use edgewise_proto::v1::{self, KeyChange, Kind, Role, State};
use prost::Message;

use super::keys::Key;
use crate::connection::{self, Id};
use crate::constants::{ACCESS_LEN, PART_DAYS, QUOTA};
use crate::frame::Class;
use crate::rotation::{self, KeyRecord};
use crate::suite::{SigningKey, VerifyingKey};

/// What a connection is made with; every value from its closed list and within the server's
/// limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The connection's class.
    pub class: Class,
    /// What the connection is for.
    pub kind: Kind,
    /// Parts that the server keeps, from QUOTAS.
    pub quota: u32,
    /// Days without activity of the recipient, from IDLE_DAYS.
    pub idle_days: u32,
    /// Days that a part waits, from PART_DAYS.
    pub part_days: u32,
}

impl Terms {
    /// The usual terms of a connection of this class: for a contact, QUOTA parts, 90 days idle,
    /// 21 days a part.
    #[must_use]
    pub const fn usual(class: Class) -> Self {
        let [_, _, part_days, _] = PART_DAYS;
        Self { class, kind: Kind::Contact, quota: QUOTA, idle_days: 90, part_days }
    }
}

/// What a connection is made as.
#[derive(Clone, Debug)]
pub enum CreateAs<'a> {
    /// For somebody to claim.
    Open {
        /// The claim key, which signs too.
        claim: &'a SigningKey,
        /// The sealed bundle, BUNDLE_LEN bytes.
        bundle: Bytes,
    },
    /// Restored after the server lost it.
    Claimed {
        /// The public claim key.
        claim_vk: VerifyingKey,
        /// The sender's key, as Subscribed or Notice told it.
        sender_key: KeyRecord,
        /// Whether the recipient takes no parts for now.
        suspended: bool,
    },
}

/// A Create over the link of `transcript`, signed by the recipient key and, in state open, the
/// claim key.
///
/// `access` is [`AccessKey::proof`](connection::AccessKey::proof) where the server asks for a
/// password.
#[must_use]
pub fn create(
    transcript: &[u8; 32],
    recipient_id: &Id,
    key: &Key,
    chain: &[KeyChange],
    terms: &Terms,
    made: &CreateAs<'_>,
    access: Option<[u8; ACCESS_LEN]>,
) -> v1::Create {
    let (state, claim_vk, sender_key, bundle) = match made {
        CreateAs::Open { claim, bundle } => {
            (State::Open, claim.verifying_key(), None, bundle.clone())
        }
        CreateAs::Claimed { claim_vk, sender_key, suspended } => {
            let state = if *suspended { State::Suspended } else { State::Claimed };
            (state, *claim_vk, Some(sender_key.to_wire()), Bytes::new())
        }
    };
    let body = v1::CreateBody {
        recipient_id: recipient_id.to_vec().into(),
        recipient_key: Some(key.record().to_wire()),
        claim_vk: claim_vk.as_bytes().to_vec().into(),
        state: state.into(),
        sender_key,
        link_class: terms.class.number(),
        kind: terms.kind.into(),
        quota: terms.quota,
        idle_days: terms.idle_days,
        part_days: terms.part_days,
        bundle,
    }
    .encode_to_vec();
    let input = connection::create_input(transcript, &body);
    let claim_signature = match made {
        CreateAs::Open { claim, .. } => bytes(&claim.sign(&input)),
        CreateAs::Claimed { .. } => Bytes::new(),
    };
    v1::Create {
        body: body.into(),
        recipient_signature: bytes(&key.signing().sign(&input)),
        claim_signature,
        access: access.map_or_else(Bytes::new, |proof| bytes(&proof)),
        chain: chain.to_vec(),
    }
}

/// A Claim over the link of `transcript`, by the claim key for the sender's own new key, which has
/// version 0.
#[must_use]
pub fn claim(
    transcript: &[u8; 32],
    fingerprint: &[u8; 32],
    claim: &SigningKey,
    sender: &Key,
) -> v1::Claim {
    let claim_vk = claim.verifying_key();
    let sender_id = connection::sender_id(fingerprint, claim_vk.as_bytes());
    let input = connection::claim_input(transcript, &sender_id, &sender.record().vk);
    v1::Claim {
        claim_vk: bytes(claim_vk.as_bytes()),
        sender_key: Some(sender.record().to_wire()),
        claim_signature: bytes(&claim.sign(&input)),
        sender_signature: bytes(&sender.signing().sign(&input)),
    }
}

/// A Deposit of a part of class medium over the link of `transcript`, by the claim key of a
/// connection of kind address.
#[must_use]
pub fn deposit(transcript: &[u8; 32], claim: &SigningKey, part: Bytes) -> v1::Deposit {
    let signature = claim.sign(&connection::deposit_input(transcript, &part));
    v1::Deposit {
        claim_vk: bytes(claim.verifying_key().as_bytes()),
        part,
        signature: bytes(&signature),
    }
}

/// An Attach over the link of `transcript`.
///
/// `from` is a sender's lowest unanswered submission and 0 for a recipient; `chain` has the
/// changes of the key that the server may have missed.
#[must_use]
pub fn attach(
    transcript: &[u8; 32],
    handle: u32,
    role: Role,
    recipient_id: &Id,
    key: &Key,
    chain: &[KeyChange],
    from: u64,
) -> v1::Attach {
    let KeyRecord { vk, version, .. } = key.record();
    let input = connection::attach_input(transcript, role, recipient_id, version);
    v1::Attach {
        handle,
        role: role.into(),
        recipient_id: bytes(recipient_id),
        vk: bytes(&vk),
        version,
        signature: bytes(&key.signing().sign(&input)),
        from,
        chain: chain.to_vec(),
    }
}

/// A change of key, signed by the key that ends and the key that takes over.
#[must_use]
pub fn change(role: Role, recipient_id: &Id, old: &Key, new: &Key) -> KeyChange {
    let old_vk = old.record().vk;
    let input = rotation::change_input(role, recipient_id, &old_vk, &new.record());
    KeyChange {
        new_key: Some(new.record().to_wire()),
        old_vk: bytes(&old_vk),
        old_signature: bytes(&old.signing().sign(&input)),
        new_signature: bytes(&new.signing().sign(&input)),
    }
}

fn bytes(of: &[u8]) -> Bytes {
    Bytes::copy_from_slice(of)
}
