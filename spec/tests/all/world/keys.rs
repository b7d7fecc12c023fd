//! A connection's keys, and the requests they sign.

use edgewise_proto::v1::{self, Kind, Role, State};
use edgewise_spec::connection::{attach_input, claim_input, create_input, recipient_id, sender_id};
use edgewise_spec::constants::{BUNDLE_LEN, CHAIN_MAX};
use edgewise_spec::frame::Class;
use edgewise_spec::rotation::{KeyRecord, change_input};
use edgewise_spec::suite::SigningKey;
use edgewise_spec::time::Hour;
use prost::Message as _;
use rand_core::CryptoRng;

use super::server::START;

/// A key with its life.
#[derive(Clone)]
pub struct Key {
    pub seed: [u8; 32],
    pub record: KeyRecord,
}

impl Key {
    pub fn new(rng: &mut dyn CryptoRng) -> Self {
        let hour = START.hour();
        Self::lasting(rng, 0, hour - 1, hour + 300 * 24)
    }

    pub fn lasting(
        rng: &mut dyn CryptoRng,
        version: u32,
        not_before: Hour,
        not_after: Hour,
    ) -> Self {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let vk = *SigningKey::from_seed(&seed).verifying_key().as_bytes();
        Self { seed, record: KeyRecord { vk, version, not_before, not_after, grace: 48 } }
    }

    pub fn next(&self, rng: &mut dyn CryptoRng) -> Self {
        let KeyRecord { version, not_before, not_after, .. } = self.record;
        Self::lasting(rng, version + 1, not_before, not_after)
    }

    pub fn sign(&self, input: &[u8]) -> bytes::Bytes {
        SigningKey::from_seed(&self.seed).sign(input).to_vec().into()
    }
}

/// A role's key and the changes that led to it.
#[derive(Clone)]
pub struct Keys {
    pub now: Key,
    pub chain: Vec<v1::KeyChange>,
}

impl Keys {
    pub fn new(rng: &mut dyn CryptoRng) -> Self {
        Self { now: Key::new(rng), chain: Vec::new() }
    }

    /// Takes another key, and remembers the change.
    pub fn take(&mut self, next: Key, change: v1::KeyChange) {
        self.now = next;
        self.chain.push(change);
        if self.chain.len() > CHAIN_MAX {
            self.chain.remove(0);
        }
    }
}

/// What both ends agreed on out of band.
#[derive(Clone)]
pub struct Connection {
    pub fingerprint: [u8; 32],
    pub recipient_id: [u8; 32],
    pub claim: Key,
    pub class: Class,
    pub quota: u32,
}

pub fn change(role: Role, recipient_id: &[u8; 32], old: &Key, new: &Key) -> v1::KeyChange {
    let input = change_input(role, recipient_id, &old.record.vk, &new.record);
    v1::KeyChange {
        new_key: Some(new.record.to_wire()),
        old_vk: old.record.vk.to_vec().into(),
        old_signature: old.sign(&input),
        new_signature: new.sign(&input),
    }
}

impl Connection {
    pub fn new(
        rng: &mut dyn CryptoRng,
        fingerprint: [u8; 32],
        recipient: &Key,
        class: Class,
        quota: u32,
    ) -> Self {
        let recipient_id = recipient_id(&fingerprint, &recipient.record.vk);
        Self { fingerprint, recipient_id, claim: Key::new(rng), class, quota }
    }

    /// The body of a Create: open, or restoring with the sender's key.
    pub fn body(&self, recipient: &Key, sender: Option<KeyRecord>) -> v1::CreateBody {
        let state = if sender.is_some() { State::Claimed } else { State::Open };
        let bundle = if sender.is_some() { Vec::new() } else { vec![0xB5; BUNDLE_LEN] };
        v1::CreateBody {
            recipient_id: self.recipient_id.to_vec().into(),
            recipient_key: Some(recipient.record.to_wire()),
            claim_vk: self.claim.record.vk.to_vec().into(),
            state: state.into(),
            sender_key: sender.map(|key| key.to_wire()),
            link_class: self.class.number(),
            kind: Kind::Contact.into(),
            quota: self.quota,
            idle_days: 30,
            part_days: 7,
            bundle: bundle.into(),
        }
    }

    pub fn create(
        &self,
        transcript: &[u8; 32],
        recipient: &Keys,
        body: &v1::CreateBody,
    ) -> v1::Create {
        let open = body.state() == State::Open;
        let body: bytes::Bytes = body.encode_to_vec().into();
        let input = create_input(transcript, &body);
        let claim_signature = if open { self.claim.sign(&input) } else { bytes::Bytes::new() };
        // Beside a bundle there is no room for a chain: an Attach has carried it before.
        let chain = if open { Vec::new() } else { recipient.chain.clone() };
        v1::Create {
            recipient_signature: recipient.now.sign(&input),
            claim_signature,
            body,
            access: bytes::Bytes::new(),
            chain,
        }
    }

    pub fn claim(&self, transcript: &[u8; 32], sender: &Key) -> v1::Claim {
        let sender_id = sender_id(&self.fingerprint, &self.claim.record.vk);
        let input = claim_input(transcript, &sender_id, &sender.record.vk);
        v1::Claim {
            claim_vk: self.claim.record.vk.to_vec().into(),
            sender_key: Some(sender.record.to_wire()),
            claim_signature: self.claim.sign(&input),
            sender_signature: sender.sign(&input),
        }
    }

    pub fn attach(
        &self,
        transcript: &[u8; 32],
        handle: u32,
        role: Role,
        keys: &Keys,
        from: u64,
    ) -> v1::Attach {
        let KeyRecord { vk, version, .. } = keys.now.record;
        let input = attach_input(transcript, role, &self.recipient_id, version);
        v1::Attach {
            handle,
            role: role.into(),
            recipient_id: self.recipient_id.to_vec().into(),
            vk: vk.to_vec().into(),
            version,
            signature: keys.now.sign(&input),
            from,
            chain: keys.chain.clone(),
        }
    }
}
