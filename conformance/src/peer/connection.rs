//! A connection's keys, and the requests that they sign.

use bytes::Bytes;
use edgewise_proto::v1::{self, KeyChange, KeyRecord};
use edgewise_spec::constants::{HASH_LEN, labels};
use edgewise_spec::suite::{SigningKey, SuiteId, derive, hash, lp};
use prost::Message;

use super::class::Class;

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes the parts.
    Recipient,
    /// Hands them in.
    Sender,
}

impl Role {
    /// The number that goes on the wire and into signatures.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Recipient => 1,
            Self::Sender => 2,
        }
    }
}

/// A connection key: what signs, and what the server is told of it.
#[derive(Clone, Debug)]
pub struct Key {
    /// The secret half.
    pub signing: SigningKey,
    /// The public half with its life.
    pub record: KeyRecord,
}

impl Key {
    /// A key with a life.
    #[must_use]
    pub fn new(
        signing: SigningKey,
        version: u32,
        not_before: u32,
        not_after: u32,
        grace: u32,
    ) -> Self {
        let vk = Bytes::copy_from_slice(signing.verifying_key().as_bytes());
        Self { signing, record: KeyRecord { vk, version, not_before, not_after, grace } }
    }

    fn sign(&self, message: &[u8]) -> Bytes {
        Bytes::copy_from_slice(&self.signing.sign(message))
    }
}

/// Everything that both ends of one connection know.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The class of its parts.
    pub class: Class,
    /// What it is for.
    pub kind: v1::Kind,
    /// The recipient's present key.
    pub recipient: Key,
    /// The sender's present key.
    pub sender: Key,
    /// The key from the invitation.
    pub claim: SigningKey,
    /// Hash of fingerprint and first recipient key.
    pub recipient_id: Bytes,
    /// Hash of fingerprint and claim key.
    pub sender_id: Bytes,
    /// The sealed bundle.
    pub bundle: Bytes,
    /// The server's fingerprint.
    pub fingerprint: [u8; HASH_LEN],
    /// The server's terms: quota, idle days, part days.
    pub terms: (u32, u32, u32),
    /// Argon2id of the access password, where the server asks for one.
    pub access_key: Option<[u8; HASH_LEN]>,
}

impl Connection {
    /// A connection of these keys on the server of this fingerprint.
    #[must_use]
    pub fn new(
        class: Class,
        fingerprint: [u8; HASH_LEN],
        recipient: Key,
        sender: Key,
        claim: SigningKey,
        bundle: Bytes,
    ) -> Self {
        let recipient_id =
            hash(&[&lp(labels::CONNECTION_RECIPIENT_ID), &fingerprint, &recipient.record.vk]);
        let sender_id = sender_id(&fingerprint, claim.verifying_key().as_bytes());
        Self {
            class,
            kind: v1::Kind::Contact,
            recipient,
            sender,
            claim,
            recipient_id: Bytes::copy_from_slice(&recipient_id),
            sender_id: Bytes::copy_from_slice(&sender_id),
            bundle,
            fingerprint,
            terms: (128, 30, 7),
            access_key: None,
        }
    }

    /// The body of a Create in state open.
    #[must_use]
    pub fn body(&self) -> v1::CreateBody {
        let (quota, idle_days, part_days) = self.terms;
        v1::CreateBody {
            recipient_id: self.recipient_id.clone(),
            recipient_key: Some(self.recipient.record.clone()),
            claim_vk: Bytes::copy_from_slice(self.claim.verifying_key().as_bytes()),
            state: v1::State::Open.into(),
            sender_key: None,
            link_class: self.class.code(),
            kind: self.kind.into(),
            quota,
            idle_days,
            part_days,
            bundle: self.bundle.clone(),
        }
    }

    /// The body of a Create that restores a claimed connection.
    #[must_use]
    pub fn restore_body(&self, state: v1::State) -> v1::CreateBody {
        v1::CreateBody {
            state: state.into(),
            sender_key: Some(self.sender.record.clone()),
            bundle: Bytes::new(),
            ..self.body()
        }
    }

    /// A Create in state open, signed for the link of this transcript.
    #[must_use]
    pub fn create(&self, transcript: &[u8; HASH_LEN]) -> v1::Create {
        self.create_from(transcript, &self.body())
    }

    /// A Create of any body, signed by the recipient and, in state open, by the claim key.
    #[must_use]
    pub fn create_from(&self, transcript: &[u8; HASH_LEN], body: &v1::CreateBody) -> v1::Create {
        self.create_bytes(transcript, body.encode_to_vec(), body.state == 1)
    }

    /// A Create of any bytes as its body, signed by the recipient and perhaps by the claim key.
    #[must_use]
    pub fn create_bytes(
        &self,
        transcript: &[u8; HASH_LEN],
        body: Vec<u8>,
        claim: bool,
    ) -> v1::Create {
        let message = [&lp(labels::CONNECTION_CREATE)[..], transcript, &body].concat();
        let claim_signature =
            if claim { Bytes::copy_from_slice(&self.claim.sign(&message)) } else { Bytes::new() };
        v1::Create {
            recipient_signature: self.recipient.sign(&message),
            claim_signature,
            body: body.into(),
            access: self.access(transcript),
            chain: Vec::new(),
        }
    }

    /// The proof of the access password; empty where the server asks for none.
    #[must_use]
    pub fn access(&self, transcript: &[u8; HASH_LEN]) -> Bytes {
        let Some(key) = &self.access_key else { return Bytes::new() };
        let mut proof = [0; HASH_LEN];
        let suite = SuiteId::Chacha20Poly1305;
        derive(suite, &[key], labels::CONNECTION_ACCESS, &[transcript], &mut proof);
        Bytes::copy_from_slice(&proof)
    }

    /// A Claim by the connection's sender.
    #[must_use]
    pub fn claim(&self, transcript: &[u8; HASH_LEN]) -> v1::Claim {
        self.claim_with(transcript, &self.sender)
    }

    /// A Claim by any sender who has the claim key.
    #[must_use]
    pub fn claim_with(&self, transcript: &[u8; HASH_LEN], sender: &Key) -> v1::Claim {
        let message = [
            &lp(labels::CONNECTION_CLAIM)[..],
            &[Role::Sender.code()],
            transcript,
            &self.sender_id,
            &sender.record.vk,
        ]
        .concat();
        v1::Claim {
            claim_vk: Bytes::copy_from_slice(self.claim.verifying_key().as_bytes()),
            sender_key: Some(sender.record.clone()),
            claim_signature: Bytes::copy_from_slice(&self.claim.sign(&message)),
            sender_signature: sender.sign(&message),
        }
    }

    /// A Deposit by whoever has the claim key.
    #[must_use]
    pub fn deposit(&self, transcript: &[u8; HASH_LEN], part: Bytes) -> v1::Deposit {
        let message = [&lp(labels::CONNECTION_DEPOSIT)[..], transcript, &part].concat();
        v1::Deposit {
            claim_vk: Bytes::copy_from_slice(self.claim.verifying_key().as_bytes()),
            signature: Bytes::copy_from_slice(&self.claim.sign(&message)),
            part,
        }
    }

    /// The present key of a role.
    #[must_use]
    pub fn key(&self, role: Role) -> &Key {
        match role {
            Role::Recipient => &self.recipient,
            Role::Sender => &self.sender,
        }
    }

    /// An Attach under the present key of a role.
    #[must_use]
    pub fn attach(
        &self,
        transcript: &[u8; HASH_LEN],
        role: Role,
        handle: u32,
        from: u64,
    ) -> v1::Attach {
        self.attach_with(transcript, role, handle, from, self.key(role), Vec::new())
    }

    /// An Attach under any key, with any chain.
    #[must_use]
    pub fn attach_with(
        &self,
        transcript: &[u8; HASH_LEN],
        role: Role,
        handle: u32,
        from: u64,
        key: &Key,
        chain: Vec<KeyChange>,
    ) -> v1::Attach {
        let version = key.record.version;
        let message = [
            &lp(labels::CONNECTION_ATTACH)[..],
            transcript,
            &[role.code()],
            &self.recipient_id,
            &version.to_be_bytes(),
        ]
        .concat();
        v1::Attach {
            handle,
            role: i32::from(role.code()),
            recipient_id: self.recipient_id.clone(),
            vk: key.record.vk.clone(),
            version,
            signature: key.sign(&message),
            from,
            chain,
        }
    }

    /// The change of a role's key from `old` to `new`, signed by both.
    #[must_use]
    pub fn change(&self, role: Role, old: &Key, new: &Key) -> KeyChange {
        let message = [
            &lp(labels::ROTATION_CHANGE)[..],
            &[role.code()],
            &self.recipient_id,
            &old.record.vk,
            &new.record.vk,
            &new.record.version.to_be_bytes(),
            &new.record.not_before.to_be_bytes(),
            &new.record.not_after.to_be_bytes(),
            &new.record.grace.to_be_bytes(),
        ]
        .concat();
        KeyChange {
            new_key: Some(new.record.clone()),
            old_vk: old.record.vk.clone(),
            old_signature: old.sign(&message),
            new_signature: new.sign(&message),
        }
    }
}

/// The sender id of a claim key (CONNECTION-2).
#[must_use]
pub fn sender_id(fingerprint: &[u8; HASH_LEN], claim_vk: &[u8; HASH_LEN]) -> [u8; HASH_LEN] {
    hash(&[&lp(labels::CONNECTION_SENDER_ID), fingerprint, claim_vk])
}
