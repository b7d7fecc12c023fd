//! A proof: signed messages, for a third party that has nothing else.

use super::content::{Content, Receipt, Seen};
use super::field::{Fault, Fields};
use super::{Direction, Header, MessageId, Statement, UpTo, content_hash};
use crate::constants::{
    HASH_LEN, MESSAGE_MAX, PROOF_LEN_MAX, PROOF_MESSAGES_MAX, SIGNATURE_LEN, VK_LEN, labels,
};
use crate::require;
use crate::session::Mode;
use crate::suite::{self, SuiteId, VerifyingKey};

const VERSION: u16 = 1;

/// Why a proof shows nothing. A message is named by its place in the proof, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefused {
    /// It is longer than any proof.
    #[error("a proof of {got} bytes; at most {max} are read")]
    TooLong {
        /// PROOF_LEN_MAX.
        max: usize,
        /// Its length.
        got: usize,
    },
    /// It does not begin as a proof does.
    #[error("this is no proof of Edgewise")]
    NoProof,
    /// Its version is not known.
    #[error("a proof of version {0}; this revision knows 1")]
    Version(u16),
    /// Its suite is not that of sessions.
    #[error("a proof for suite {0:#06x}; sessions have 0x0001")]
    Suite(u16),
    /// A key is not acceptable, or both keys are the same.
    #[error("the key of the {0} is not acceptable, or both keys are the same")]
    Key(&'static str),
    /// It shows no message, or too many.
    #[error("a proof of {got} messages; it takes 1 to {max}")]
    Count {
        /// PROOF_MESSAGES_MAX.
        max: usize,
        /// How many it says it has.
        got: u32,
    },
    /// It ends too soon.
    #[error("the proof ends within the {1} of message {0}")]
    Short(usize, &'static str),
    /// A field of a message has a value that means nothing.
    #[error("the {1} of message {0} has no legal value")]
    Value(usize, &'static str),
    /// Messages are not in order, or one number stands twice.
    #[error("message {0} does not come after the one before it: by direction, then by number")]
    Order(usize),
    /// A signature does not verify.
    #[error("message {0} is not signed by the key of its direction")]
    Signature(usize),
    /// The message before, which is shown, has another hash than this one says.
    #[error("message {0} names another message before it than the one shown")]
    Previous(usize),
    /// The message that this one says was received, which is shown, has another hash.
    #[error("message {0} says that another message was received than the one shown")]
    UpTo(usize),
    /// Bytes follow the last message.
    #[error("{0} bytes follow the proof's last message")]
    Surplus(usize),
}

/// One message of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenMessage {
    /// Who wrote it: the claimer or the inviter.
    pub direction: Direction,
    /// All but the content, the signature included.
    pub header: Header,
    /// What it says.
    pub content: Vec<u8>,
    hash: [u8; HASH_LEN],
}

/// What shows that a message was received: signed by the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipted {
    /// The place of the message that shows it.
    pub by: usize,
    /// What a receipt says; `None` where a message names it as the highest received.
    pub seen: Option<Seen>,
}

/// A verified proof. There is no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    transcript: [u8; HASH_LEN],
    inviter: VerifyingKey,
    claimer: VerifyingKey,
    messages: Vec<ProvenMessage>,
}

impl ProvenMessage {
    /// A message as a proof shows it.
    #[must_use]
    pub const fn new(direction: Direction, header: Header, content: Vec<u8>) -> Self {
        Self { direction, header, content, hash: [0; HASH_LEN] }
    }

    /// The message's hash, once verified.
    #[must_use]
    pub const fn hash(&self) -> &[u8; HASH_LEN] {
        &self.hash
    }

    const fn number(&self) -> u32 {
        self.header.id.number()
    }
}

impl Proof {
    /// The proof of some messages of an attested session, in any order: its bytes, which
    /// [`verify`](Self::verify) takes.
    ///
    /// # Errors
    /// [`ProofRefused`]: what would not verify is not exported (MESSAGE-26).
    pub fn export(
        transcript: &[u8; HASH_LEN],
        inviter: &VerifyingKey,
        claimer: &VerifyingKey,
        mut messages: Vec<ProvenMessage>,
    ) -> Result<Vec<u8>, ProofRefused> {
        messages.sort_by_key(|message| (message.direction, message.number()));
        let mut out = suite::lp(labels::MESSAGE_PROOF).to_vec();
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&SuiteId::Chacha20Poly1305.code().to_be_bytes());
        out.extend_from_slice(transcript);
        out.extend_from_slice(inviter.as_bytes());
        out.extend_from_slice(claimer.as_bytes());
        let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for ProvenMessage { direction, header, content, .. } in &messages {
            out.push(direction.number());
            out.extend_from_slice(&header.kind.to_be_bytes());
            out.extend_from_slice(header.id.as_bytes());
            out.extend_from_slice(&header.previous);
            out.extend_from_slice(&header.up_to.number.to_be_bytes());
            out.extend_from_slice(&header.up_to.hash);
            out.extend_from_slice(&header.time.to_be_bytes());
            let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(content);
            out.extend_from_slice(&header.signature);
        }
        Self::verify(&out)?;
        Ok(out)
    }

    /// Reads a proof and judges it whole.
    ///
    /// # Errors
    /// [`ProofRefused`] for the first fault: layout, then signatures in order, then the chain.
    pub fn verify(bytes: &[u8]) -> Result<Self, ProofRefused> {
        let (max, got) = (PROOF_LEN_MAX, bytes.len());
        require!(MESSAGE_27, got <= max, ProofRefused::TooLong { max, got });
        let label = suite::lp(labels::MESSAGE_PROOF);
        let rest = bytes.strip_prefix(&label[..]).ok_or(ProofRefused::NoProof)?;
        let mut fields = Fields(rest);
        let mut proof = Self::front(&mut fields)?;
        let short = |_: Fault| ProofRefused::Short(0, "count");
        let (count, max) = (fields.u32("count").map_err(short)?, PROOF_MESSAGES_MAX);
        let legal = (1..=max).contains(&(count as usize));
        require!(MESSAGE_27, legal, ProofRefused::Count { max, got: count });
        for place in 0..count as usize {
            let message = proof.message(place, &mut fields)?;
            let last = proof.messages.last().map(|last| (last.direction, last.number()));
            let after = last.is_none_or(|last| last < (message.direction, message.number()));
            require!(MESSAGE_28, after, ProofRefused::Order(place));
            proof.messages.push(message);
        }
        let surplus = fields.0.len();
        require!(MESSAGE_27, surplus == 0, ProofRefused::Surplus(surplus));
        for place in 0..proof.messages.len() {
            proof.signed(place)?;
        }
        for place in 0..proof.messages.len() {
            proof.joined(place)?;
        }
        Ok(proof)
    }

    fn front(fields: &mut Fields<'_>) -> Result<Self, ProofRefused> {
        let short = |fault: Fault| match fault {
            Fault::Short(field) | Fault::Long { field, .. } | Fault::Text(field) => {
                ProofRefused::Short(0, field)
            }
        };
        let version = fields.u16("version").map_err(short)?;
        require!(MESSAGE_27, version == VERSION, ProofRefused::Version(version));
        let code = fields.u16("suite").map_err(short)?;
        let known = code == SuiteId::Chacha20Poly1305.code();
        require!(MESSAGE_27, known, ProofRefused::Suite(code));
        let transcript = fields.array("transcript").map_err(short)?;
        let inviter: [u8; VK_LEN] = fields.array("inviter's key").map_err(short)?;
        let claimer: [u8; VK_LEN] = fields.array("claimer's key").map_err(short)?;
        let key = |vk: &[u8; VK_LEN], whose| {
            VerifyingKey::parse(vk).map_err(|_| ProofRefused::Key(whose))
        };
        let (inviter, claimer) = (key(&inviter, "inviter")?, key(&claimer, "claimer")?);
        require!(MESSAGE_27, inviter != claimer, ProofRefused::Key("claimer"));
        Ok(Self { transcript, inviter, claimer, messages: Vec::new() })
    }

    fn message(
        &self,
        place: usize,
        fields: &mut Fields<'_>,
    ) -> Result<ProvenMessage, ProofRefused> {
        let short = |fault: Fault| match fault {
            Fault::Short(field) | Fault::Long { field, .. } | Fault::Text(field) => {
                ProofRefused::Short(place, field)
            }
        };
        let direction = fields.u8("direction").map_err(short)?;
        let direction =
            Direction::from_number(direction).ok_or(ProofRefused::Value(place, "direction"))?;
        let kind = fields.u16("type").map_err(short)?;
        let id = MessageId::from_bytes(fields.array("id").map_err(short)?);
        require!(MESSAGE_27, id.number() > 0, ProofRefused::Value(place, "id"));
        let previous = fields.array("previous").map_err(short)?;
        let number = fields.u32("received").map_err(short)?;
        let hash = fields.array("received hash").map_err(short)?;
        let time = fields.u64("time").map_err(short)?;
        let len = fields.u32("length").map_err(short)?;
        let legal = len as usize <= MESSAGE_MAX;
        require!(MESSAGE_27, legal, ProofRefused::Value(place, "length"));
        let content = fields.bytes("content", len as usize).map_err(short)?.to_vec();
        let signature: [u8; SIGNATURE_LEN] = fields.array("signature").map_err(short)?;
        let up_to = UpTo { number, hash };
        let header = Header { kind, len, id, previous, time, up_to, signature };
        let hash = self.statement(direction, &header, &content_hash(kind, &content)).hash();
        Ok(ProvenMessage { direction, header, content, hash })
    }

    fn statement<'a>(
        &'a self,
        direction: Direction,
        header: &'a Header,
        content_hash: &'a [u8; HASH_LEN],
    ) -> Statement<'a> {
        Statement {
            mode: Mode::Attested,
            transcript: &self.transcript,
            direction,
            id: header.id,
            previous: &header.previous,
            up_to: header.up_to,
            time: header.time,
            content_hash,
        }
    }

    fn signed(&self, place: usize) -> Result<(), ProofRefused> {
        let Some(message) = self.messages.get(place) else { return Ok(()) };
        let ProvenMessage { direction, header, content, .. } = message;
        let vk = match direction {
            Direction::FromClaimer => &self.claimer,
            Direction::FromInviter => &self.inviter,
        };
        let content_hash = content_hash(header.kind, content);
        let statement = self.statement(*direction, header, &content_hash);
        let signed = statement.is_signed(vk, &header.signature);
        require!(MESSAGE_29, signed, ProofRefused::Signature(place));
        Ok(())
    }

    /// MESSAGE-30: whatever a message says of others that are shown is so.
    fn joined(&self, place: usize) -> Result<(), ProofRefused> {
        let Some(message) = self.messages.get(place) else { return Ok(()) };
        let header = &message.header;
        let before = match message.number() {
            1 => Some([0; HASH_LEN]),
            number => self.find(message.direction, number - 1).map(|(_, before)| before.hash),
        };
        let joins = before.is_none_or(|before| before == header.previous);
        require!(MESSAGE_30, joins, ProofRefused::Previous(place));
        let named = match header.up_to.number {
            0 => Some([0; HASH_LEN]),
            number => self.find(message.direction.other(), number).map(|(_, named)| named.hash),
        };
        let agrees = named.is_none_or(|named| named == header.up_to.hash);
        require!(MESSAGE_30, agrees, ProofRefused::UpTo(place));
        Ok(())
    }

    fn find(&self, direction: Direction, number: u32) -> Option<(usize, &ProvenMessage)> {
        let key = |message: &ProvenMessage| (message.direction, message.number());
        let place = self.messages.binary_search_by_key(&(direction, number), key).ok()?;
        Some((place, self.messages.get(place)?))
    }

    /// tr_0 of the session, from which its safety number follows.
    #[must_use]
    pub const fn transcript(&self) -> &[u8; HASH_LEN] {
        &self.transcript
    }

    /// The key under which a direction's messages are signed.
    #[must_use]
    pub const fn author(&self, direction: Direction) -> &VerifyingKey {
        match direction {
            Direction::FromClaimer => &self.claimer,
            Direction::FromInviter => &self.inviter,
        }
    }

    /// The messages: the claimer's, then the inviter's, each in the order of their numbers.
    #[must_use]
    pub fn messages(&self) -> &[ProvenMessage] {
        &self.messages
    }

    /// Everything in the proof that shows that the message at `place` was received.
    #[must_use]
    pub fn receipts(&self, place: usize) -> Vec<Receipted> {
        let Some(message) = self.messages.get(place) else { return Vec::new() };
        let mut found = Vec::new();
        for (by, other) in self.messages.iter().enumerate() {
            if other.direction == message.direction {
                continue;
            }
            let up_to = UpTo { number: message.number(), hash: message.hash };
            if other.header.up_to == up_to {
                found.push(Receipted { by, seen: None });
            }
            let content = Content::decode(Mode::Attested, other.header.kind, &other.content);
            if let Ok(Content::Receipt(Receipt { seen, messages })) = content
                && messages.contains(&(message.header.id, message.hash))
            {
                found.push(Receipted { by, seen: Some(seen) });
            }
        }
        found
    }

    /// Whether the message at `later` was written when the one at `earlier` had been: the author
    /// numbered it so, or had received it.
    #[must_use]
    pub fn is_before(&self, earlier: usize, later: usize) -> bool {
        let (Some(a), Some(b)) = (self.messages.get(earlier), self.messages.get(later)) else {
            return false;
        };
        if a.direction == b.direction {
            return a.number() < b.number();
        }
        // Whoever has received a message has it after everything that its author wrote before it.
        let received = |by: usize| by == later || self.is_own_before(by, later);
        let from = |place: usize| place == earlier || self.is_own_before(earlier, place);
        (0..self.messages.len())
            .filter(|place| from(*place))
            .any(|place| self.receipts(place).into_iter().any(|receipt| received(receipt.by)))
    }

    fn is_own_before(&self, earlier: usize, later: usize) -> bool {
        let key = |place: usize| {
            self.messages.get(place).map(|message| (message.direction, message.number()))
        };
        match (key(earlier), key(later)) {
            (Some((a, m)), Some((b, n))) => a == b && m < n,
            _ => false,
        }
    }
}
