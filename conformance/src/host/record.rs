//! What a host was asked by the client under test: the record of the wire, and the second verdict.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use bytes::Bytes;
use edgewise_proto::v1::{Role, State};
use edgewise_spec::connection::{By, Id, Op, Outcome};
use edgewise_spec::error::Reject;

use crate::scene::tag_of;

/// One thing that a client asked, or that was given to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Create.
    Create {
        /// The recipient id.
        id: Id,
        /// The sender id that its claim key gives.
        sender_id: Id,
        /// The state that it is to be made in.
        open: bool,
        /// The bundle.
        bundle: Bytes,
    },
    /// Claim.
    Claim {
        /// The sender id.
        sender_id: Id,
        /// The claimer's own key.
        vk: [u8; 32],
    },
    /// Attach.
    Attach {
        /// The recipient id.
        id: Id,
        /// Whether as recipient.
        recipient: bool,
        /// The version of the key.
        version: u32,
    },
    /// Send.
    Send {
        /// The recipient id.
        id: Id,
        /// Its number.
        submission: u64,
        /// The part.
        part: Bytes,
    },
    /// Deposit.
    Deposit {
        /// The part.
        part: Bytes,
    },
    /// A part was put into a block for the client.
    Given {
        /// The recipient id.
        id: Id,
        /// Its number.
        sequence: u64,
    },
    /// Acknowledge.
    Acknowledge {
        /// The recipient id.
        id: Id,
        /// Up to this one.
        through: u64,
    },
    /// Delete.
    Delete {
        /// The recipient id.
        id: Id,
    },
    /// Rotate.
    Rotate {
        /// The recipient id.
        id: Id,
        /// Whether as recipient.
        recipient: bool,
    },
    /// Anything else, by its name.
    Other(&'static str),
}

/// One entry of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What was asked.
    pub what: Watched,
    /// The refusal, if there was one.
    pub refused: Option<Reject>,
    /// When it was asked.
    pub at: Instant,
}

/// Everything of one server, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What was asked.
    pub asked: Vec<Asked>,
    /// Lengths of all blocks in either direction, and how often each came.
    pub blocks: BTreeMap<usize, usize>,
    /// How many streams were opened.
    pub streams: usize,
    /// How many of them at the second edge.
    pub streams_at_second: usize,
    records: BTreeMap<(u32, u64), Id>,
}

impl Record {
    pub(super) fn block(&mut self, length: usize) {
        *self.blocks.entry(length).or_default() += 1;
    }

    pub(super) fn given(&mut self, by: &By, sequence: u64) {
        let id = self.id_of(by);
        self.asked.push(Asked {
            what: Watched::Given { id, sequence },
            refused: None,
            at: Instant::now(),
        });
    }

    /// The id of the connection that an attachment is of; zeros for none.
    fn id_of(&self, by: &By) -> Id {
        self.records.get(&(by.slot.0, by.incarnation)).copied().unwrap_or_default()
    }

    pub(super) fn note(&mut self, op: &Op, outcome: &Result<Outcome, Reject>) {
        if let (Op::Attach(attach), Ok(Outcome::Attached { slot, incarnation, .. })) = (op, outcome)
        {
            self.records.insert((slot.0, *incarnation), attach.recipient_id);
        }
        let what = self.watched(op);
        self.asked.push(Asked {
            what,
            refused: outcome.as_ref().err().copied(),
            at: Instant::now(),
        });
    }

    fn watched(&self, op: &Op) -> Watched {
        match op {
            Op::Create(it) => Watched::Create {
                id: it.recipient_id,
                sender_id: it.sender_id,
                open: it.state == State::Open,
                bundle: it.bundle.clone(),
            },
            Op::Claim(it) => Watched::Claim { sender_id: it.sender_id, vk: it.sender_key.vk },
            Op::Deposit(it) => Watched::Deposit { part: it.part.clone() },
            Op::Attach(it) => Watched::Attach {
                id: it.recipient_id,
                recipient: it.role == Role::Recipient,
                version: it.version,
            },
            Op::Send { by, submission, part } => {
                Watched::Send { id: self.id_of(by), submission: *submission, part: part.clone() }
            }
            Op::Acknowledge { by, through } => {
                Watched::Acknowledge { id: self.id_of(by), through: *through }
            }
            Op::Delete { by } => Watched::Delete { id: self.id_of(by) },
            Op::Rotate { by, .. } => {
                Watched::Rotate { id: self.id_of(by), recipient: by.role == Role::Recipient }
            }
            Op::Subscribe { .. } => Watched::Other("Subscribe"),
            Op::Suspend { .. } => Watched::Other("Suspend"),
            Op::Resume { .. } => Watched::Other("Resume"),
            Op::Detach { .. } => Watched::Other("Detach"),
        }
    }

    /// Every part that the client handed in and the server took, in order, with its connection.
    pub fn parts(&self) -> impl Iterator<Item = (&Id, u64, &Bytes)> {
        self.asked.iter().filter(|asked| asked.refused.is_none()).filter_map(|asked| {
            match &asked.what {
                Watched::Send { id, submission, part } => Some((id, *submission, part)),
                _ => None,
            }
        })
    }

    /// Of how many cells it took parts.
    #[must_use]
    pub fn cells(&self) -> usize {
        let tags: HashSet<_> = self.parts().filter_map(|(_, _, part)| tag_of(part)).collect();
        tags.len()
    }

    /// Everything that the server was handed and could read: bundles and parts.
    pub fn readable(&self) -> impl Iterator<Item = &Bytes> {
        self.asked.iter().filter_map(|asked| match &asked.what {
            Watched::Create { bundle: bytes, .. }
            | Watched::Send { part: bytes, .. }
            | Watched::Deposit { part: bytes } => Some(bytes),
            _ => None,
        })
    }
}
