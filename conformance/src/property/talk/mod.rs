//! Talks: two clients say things to one another, in any order and while servers and clients fail,
//! and both come to show the same.
//!
//! The `model` knows what was said and done to it. At any time a history must hold nothing
//! but that, each message once and in order; when everything is repaired, both must come to show
//! all of it, with every edit, deletion and reaction. Beside it stand what was told in events, the
//! safety number, and the record of the servers.

pub mod command;
mod events;
mod model;
mod play;
mod words;

use std::time::Duration;

use proptest::strategy::BoxedStrategy;
use serde::{Deserialize, Serialize};

use super::{Carried, Patience, Subject};
use crate::driver::ClientSource;
use crate::peer::{Trace, What};

pub use command::{Command, Powers, Side};

/// How long both may stand still: what is refused twice is asked again after 5 and 10 s, and a
/// client may measure these by the machine's clock alone.
const FULL_PATIENCE: Duration = Duration::from_secs(18);
/// Patience with what both must come to show, while shrinking.
const SHRINK_PATIENCE: Duration = Duration::from_secs(3);

/// Two clients, as a subject of the engine.
#[derive(Debug)]
pub struct Talks {
    /// Who invites in talks of even numbers and accepts in the others.
    pub one: ClientSource,
    /// The other.
    pub other: ClientSource,
    /// What talks may hold.
    pub powers: Powers,
    /// The run's seed: of what the servers are, and what the clients are told to take.
    pub seed: u64,
    /// The case's record.
    pub trace: Trace,
}

/// What was done, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The command's place in the talk; none for what is done behind the last.
    pub command: Option<usize>,
    /// In words.
    pub did: String,
}

/// What a command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Was {
    /// Everything works, and both are there.
    Calm,
    /// The other client is not there.
    Alone,
    /// A server is away, or is about to fail or lie.
    Troubled,
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// It was done.
    Done,
    /// It names nothing that is there.
    Nothing,
    /// It was refused, as it may be.
    Refused,
}

/// The kind of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the names of the commands
pub enum Kind {
    Say,
    Reply,
    Edit,
    Delete,
    React,
    Receipts,
    Read,
    Listen,
    Settle,
    Restart,
    Leave,
    Rotate,
    Move,
    Advance,
    Cut,
    Shut,
    Fail,
    Forget,
    Lie,
}

/// One combination.
pub type Cell = (Was, Kind, Came);

impl Command {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Say { .. } => Kind::Say,
            Self::Reply { .. } => Kind::Reply,
            Self::Edit { .. } => Kind::Edit,
            Self::Delete { .. } => Kind::Delete,
            Self::React { .. } => Kind::React,
            Self::Receipts { .. } => Kind::Receipts,
            Self::Read(_) => Kind::Read,
            Self::Listen { .. } => Kind::Listen,
            Self::Settle => Kind::Settle,
            Self::Restart(_) => Kind::Restart,
            Self::Leave(_) => Kind::Leave,
            Self::Rotate(_) => Kind::Rotate,
            Self::Move { .. } => Kind::Move,
            Self::Advance(_) => Kind::Advance,
            Self::Cut(_) => Kind::Cut,
            Self::Shut { .. } => Kind::Shut,
            Self::Fail { .. } => Kind::Fail,
            Self::Forget(_) => Kind::Forget,
            Self::Lie(_) => Kind::Lie,
        }
    }
}

impl Subject for Talks {
    type Command = Command;
    type Line = Line;
    type Cell = Cell;

    fn strategy(&self) -> BoxedStrategy<Command> {
        command::command(self.powers)
    }

    async fn carry_out(
        &self,
        number: u64,
        commands: &[Command],
        patience: Patience,
    ) -> Carried<Self> {
        let within = match patience {
            Patience::Full => FULL_PATIENCE,
            Patience::Short => SHRINK_PATIENCE,
        };
        let carried = play::run(self, number, commands, within).await;
        let came = if carried.is_ok() { "as it must" } else { "otherwise" };
        let talk = format!("talk {number}, {} commands: {came}", commands.len());
        self.trace.push(0, What::ReceivedRaw(talk));
        carried
    }
}
