//! Which combinations of state, command and outcome a run has met.

use std::collections::BTreeMap;
use std::fmt;

use edgewise_proto::v1::RejectCode as Code;

use crate::model::{Answer, Request, Role, State, World};

/// What the connection was when the command came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Was {
    /// Never made, or deleted.
    Absent,
    /// Open.
    Open,
    /// Claimed.
    Claimed,
    /// Suspended.
    Suspended,
    /// The handle names no attachment.
    Nothing,
    /// The attachment is of another incarnation or key version.
    Stale,
}

/// The kind of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names of the items
pub enum Kind {
    Create,
    Claim,
    AttachRecipient,
    AttachSender,
    Send,
    Subscribe,
    Acknowledge,
    Suspend,
    Resume,
    Rotate,
    Delete,
    Detach,
}

/// What came of it: 0 for success, else the refusal's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Came(i32);

/// One combination.
pub type Cell = (Was, Kind, Came);

/// How often each combination was met.
#[derive(Clone, Debug)]
pub struct Coverage<C> {
    cells: BTreeMap<C, u64>,
}

impl<C> Default for Coverage<C> {
    fn default() -> Self {
        Self { cells: BTreeMap::new() }
    }
}

const OK: Came = Came(0);

const fn no(code: Code) -> Came {
    Came(code as i32)
}

/// What every run of the usual size has to meet.
pub const REQUIRED: &[Cell] = &[
    (Was::Absent, Kind::Create, OK),
    (Was::Absent, Kind::Create, no(Code::Malformed)),
    (Was::Absent, Kind::Create, no(Code::Terms)),
    (Was::Absent, Kind::Create, no(Code::BadSignature)),
    (Was::Absent, Kind::Create, no(Code::WrongLinkClass)),
    (Was::Absent, Kind::Create, no(Code::KeyNotYetValid)),
    (Was::Absent, Kind::Create, no(Code::Refused)),
    (Was::Open, Kind::Create, OK),
    (Was::Open, Kind::Create, no(Code::Refused)),
    (Was::Claimed, Kind::Create, OK),
    (Was::Claimed, Kind::Create, no(Code::Refused)),
    (Was::Suspended, Kind::Create, OK),
    (Was::Absent, Kind::Claim, no(Code::Refused)),
    (Was::Open, Kind::Claim, OK),
    (Was::Open, Kind::Claim, no(Code::BadSignature)),
    (Was::Open, Kind::Claim, no(Code::WrongLinkClass)),
    (Was::Open, Kind::Claim, no(Code::Terms)),
    (Was::Open, Kind::Claim, no(Code::KeyNotYetValid)),
    (Was::Claimed, Kind::Claim, OK),
    (Was::Claimed, Kind::Claim, no(Code::Conflict)),
    (Was::Claimed, Kind::Claim, no(Code::Refused)),
    (Was::Suspended, Kind::Claim, OK),
    (Was::Absent, Kind::AttachRecipient, no(Code::Refused)),
    (Was::Open, Kind::AttachRecipient, OK),
    (Was::Open, Kind::AttachSender, no(Code::Refused)),
    (Was::Claimed, Kind::AttachRecipient, OK),
    (Was::Claimed, Kind::AttachRecipient, no(Code::Refused)),
    (Was::Claimed, Kind::AttachRecipient, no(Code::BadSignature)),
    (Was::Claimed, Kind::AttachRecipient, no(Code::HandleTaken)),
    (Was::Claimed, Kind::AttachSender, OK),
    (Was::Claimed, Kind::AttachSender, no(Code::Refused)),
    (Was::Claimed, Kind::AttachSender, no(Code::KeyNotYetValid)),
    (Was::Suspended, Kind::AttachRecipient, OK),
    (Was::Suspended, Kind::AttachSender, OK),
    (Was::Claimed, Kind::Send, OK),
    (Was::Claimed, Kind::Send, no(Code::Gap)),
    (Was::Claimed, Kind::Send, no(Code::Quota)),
    (Was::Claimed, Kind::Send, no(Code::Malformed)),
    (Was::Suspended, Kind::Send, OK),
    (Was::Suspended, Kind::Send, no(Code::Quota)),
    (Was::Suspended, Kind::Send, no(Code::Gap)),
    (Was::Stale, Kind::Send, no(Code::Refused)),
    (Was::Nothing, Kind::Send, no(Code::NotAttached)),
    (Was::Open, Kind::Subscribe, OK),
    (Was::Claimed, Kind::Subscribe, OK),
    (Was::Claimed, Kind::Subscribe, no(Code::Terms)),
    (Was::Suspended, Kind::Subscribe, OK),
    (Was::Stale, Kind::Subscribe, no(Code::Refused)),
    (Was::Nothing, Kind::Subscribe, no(Code::NotAttached)),
    (Was::Claimed, Kind::Acknowledge, OK),
    (Was::Suspended, Kind::Acknowledge, OK),
    (Was::Stale, Kind::Acknowledge, OK),
    (Was::Nothing, Kind::Acknowledge, OK),
    (Was::Open, Kind::Suspend, no(Code::WrongState)),
    (Was::Claimed, Kind::Suspend, OK),
    (Was::Suspended, Kind::Suspend, OK),
    (Was::Open, Kind::Resume, no(Code::WrongState)),
    (Was::Claimed, Kind::Resume, OK),
    (Was::Suspended, Kind::Resume, OK),
    (Was::Open, Kind::Rotate, OK),
    (Was::Claimed, Kind::Rotate, OK),
    (Was::Claimed, Kind::Rotate, no(Code::BadSignature)),
    (Was::Claimed, Kind::Rotate, no(Code::Terms)),
    (Was::Claimed, Kind::Rotate, no(Code::Refused)),
    (Was::Suspended, Kind::Rotate, OK),
    (Was::Stale, Kind::Rotate, no(Code::Refused)),
    (Was::Open, Kind::Delete, OK),
    (Was::Claimed, Kind::Delete, OK),
    (Was::Suspended, Kind::Delete, OK),
    (Was::Stale, Kind::Delete, no(Code::Refused)),
    (Was::Claimed, Kind::Detach, OK),
    (Was::Nothing, Kind::Detach, no(Code::NotAttached)),
];

/// The combination that a request with its answer is.
#[must_use]
pub fn cell(was: Was, request: &Request, answer: Option<&Answer>) -> Cell {
    let came = match answer {
        Some(Answer::Refused { code, .. }) => Came(*code),
        _ => OK,
    };
    (was, kind(request), came)
}

impl<C: Ord + Copy> Coverage<C> {
    /// Counts one command.
    pub fn count(&mut self, cell: C) {
        *self.cells.entry(cell).or_default() += 1;
    }

    /// Adds what another run has met.
    pub fn add(&mut self, other: &Self) {
        for (cell, count) in &other.cells {
            *self.cells.entry(*cell).or_default() += count;
        }
    }

    /// How many commands were counted.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.cells.values().sum()
    }

    /// How many combinations were met.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells.len()
    }

    /// How often a combination was met.
    #[must_use]
    pub fn met(&self, cell: &C) -> u64 {
        self.cells.get(cell).copied().unwrap_or_default()
    }

    /// Those of some combinations that were never met.
    #[must_use]
    pub fn missing(&self, required: &[C]) -> Vec<C> {
        required.iter().filter(|cell| self.met(cell) == 0).copied().collect()
    }
}

/// What a request finds in the model.
#[must_use]
pub fn was(world: &World, link: usize, request: &Request) -> Was {
    let name = match request {
        Request::Create(create) => Some(create.name),
        Request::Attach(attach) => Some(attach.name),
        Request::Claim { claim, .. } => {
            let claimed = world.records().iter().find(|(_, record)| record.claim == *claim);
            claimed.map(|(name, _)| *name)
        }
        Request::Send { handle, .. }
        | Request::Subscribe { handle, .. }
        | Request::Acknowledge { handle, .. }
        | Request::Suspend { handle }
        | Request::Resume { handle }
        | Request::Rotate { handle, .. }
        | Request::Delete { handle }
        | Request::Detach { handle } => {
            let link = world.links().get(link);
            let Some(attachment) = link.and_then(|link| link.attachments.get(handle)) else {
                return Was::Nothing;
            };
            if world.is_stale(attachment) {
                return Was::Stale;
            }
            Some(attachment.name)
        }
    };
    match name.and_then(|name| world.records().get(&name)).map(|record| record.state) {
        None => Was::Absent,
        Some(State::Open) => Was::Open,
        Some(State::Claimed) => Was::Claimed,
        Some(State::Suspended) => Was::Suspended,
    }
}

fn kind(request: &Request) -> Kind {
    match request {
        Request::Create(_) => Kind::Create,
        Request::Claim { .. } => Kind::Claim,
        Request::Attach(attach) if attach.role == Role::Recipient => Kind::AttachRecipient,
        Request::Attach(_) => Kind::AttachSender,
        Request::Send { .. } => Kind::Send,
        Request::Subscribe { .. } => Kind::Subscribe,
        Request::Acknowledge { .. } => Kind::Acknowledge,
        Request::Suspend { .. } => Kind::Suspend,
        Request::Resume { .. } => Kind::Resume,
        Request::Rotate { .. } => Kind::Rotate,
        Request::Delete { .. } => Kind::Delete,
        Request::Detach { .. } => Kind::Detach,
    }
}

impl fmt::Debug for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Code::try_from(self.0) {
            Ok(Code::Unspecified) => f.write_str("OK"),
            Ok(code) => write!(f, "{code:?}"),
            Err(_) => write!(f, "code {}", self.0),
        }
    }
}
