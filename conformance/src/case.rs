//! A case: a stable name, the clauses it judges, and one function.

use std::future::Future;
use std::pin::Pin;

use crate::scene::Scene;
use crate::trial::Trial;
use crate::verdict::Verdict;

/// The future of one run of a case.
pub type Running<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// What a case needs beside the protocol itself. Only what the server declares is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// `ConformanceControl.AdvanceClock`.
    Clock,
    /// `ConformanceControl.Restart`.
    Restart,
    /// A server that asks for an access password that the suite chose or was told.
    Access,
    /// A server that keeps at most [`FULL_CONNECTIONS`](crate::target::FULL_CONNECTIONS).
    Full,
    /// A client that goes on from its folder.
    Folder,
    /// A client that exports its state and goes back to it.
    State,
    /// A client with sessions in mode attested.
    Attested,
    /// A client with contact addresses.
    Address,
    /// A client whose receipts can be chosen.
    Receipts,
    /// A client that moves connections and changes keys.
    Move,
    /// A client that gives standbys, takes them, and repeats an exchange.
    Standby,
    /// A client that speaks the shapes with k > 1.
    Scatter,
}

impl Need {
    /// Its name among the capabilities.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Restart => "restart",
            Self::Access => "access",
            Self::Full => "full",
            Self::Folder => "folder",
            Self::State => "state",
            Self::Attested => "attested",
            Self::Address => "address",
            Self::Receipts => "receipts",
            Self::Move => "move",
            Self::Standby => "standby",
            Self::Scatter => "scatter",
        }
    }
}

/// What a case judges, and how it is run.
#[derive(Clone, Copy)]
pub enum Run {
    /// A server.
    Server(for<'a> fn(&'a mut Trial) -> Running<'a>),
    /// A client.
    Client(for<'a> fn(&'a mut Scene) -> Running<'a>),
}

/// The profiles: what is judged together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Servers: frame, link, connection, rotation and error.
    Core,
    /// Clients: invitation, session, message, and scatter over several servers.
    Duplex,
    /// Clients that speak k > 1: a cell in parts, of which any k join.
    Scatter,
    /// Servers that offer links in cadence.
    Cadence,
}

impl Profile {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Core, Self::Duplex, Self::Scatter, Self::Cadence];

    /// Whether it judges servers; else it judges clients.
    #[must_use]
    pub const fn is_for_servers(self) -> bool {
        match self {
            Self::Core | Self::Cadence => true,
            Self::Duplex | Self::Scatter => false,
        }
    }

    /// Whether it judges clients.
    #[must_use]
    pub const fn is_for_clients(self) -> bool {
        !self.is_for_servers()
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Duplex => "duplex",
            Self::Scatter => "scatter",
            Self::Cadence => "cadence",
        }
    }
}

/// Where and beside what a case may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Beside others on one server; isolated by fresh connections.
    Shared,
    /// As `Shared`, and begun before the others, since it takes long.
    Long,
    /// On a server of its own, or after all shared cases where there is only one.
    Alone,
    /// As `Alone`, and with nothing else running, since it measures time.
    Quiet,
}

impl Place {
    /// Whether the server is shared with other cases.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        matches!(self, Self::Shared | Self::Long)
    }
}

/// One entry of a table of cases.
#[derive(Clone, Copy)]
pub struct Case {
    /// `word/what-is-done`: a slug that never changes its meaning.
    pub id: &'static str,
    /// The clauses it judges, as identifiers: `FRAME_5`.
    pub clauses: &'static [&'static str],
    /// What it needs beside the protocol.
    pub needs: &'static [Need],
    /// Where it may run.
    pub place: Place,
    /// Runs it once.
    pub run: Run,
}

impl Case {
    /// The word whose chapter the case belongs to: the id up to the first slash.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.id.split('/').next().unwrap_or(self.id)
    }

    /// The profile that it belongs to: what needs k > 1 is scored where that is declared.
    #[must_use]
    pub fn profile(&self) -> Profile {
        match self.run {
            Run::Server(_) if self.word() == "cadence" => Profile::Cadence,
            Run::Server(_) => Profile::Core,
            Run::Client(_) if self.needs.contains(&Need::Scatter) => Profile::Scatter,
            Run::Client(_) => Profile::Duplex,
        }
    }

    /// The ids of the clauses as the chapters write them: `FRAME-5`.
    #[must_use]
    pub fn requirements(&self) -> Vec<String> {
        self.clauses.iter().map(|clause| clause.replacen('_', "-", 1)).collect()
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("id", &self.id).field("clauses", &self.clauses).finish()
    }
}

/// One line of a table: `case!("frame/length", [FRAME_2], length)`, with `needs Clock` (which
/// implies a server of its own), `long`, `alone` or `quiet` behind it where that applies.
#[macro_export]
macro_rules! case {
    ($id:literal, [$($clause:ident),+ $(,)?], $run:path) => {
        $crate::case!(@ $id, [$($clause),+], $run, [], Shared)
    };
    ($id:literal, [$($clause:ident),+ $(,)?], $run:path, long) => {
        $crate::case!(@ $id, [$($clause),+], $run, [], Long)
    };
    ($id:literal, [$($clause:ident),+ $(,)?], $run:path, alone) => {
        $crate::case!(@ $id, [$($clause),+], $run, [], Alone)
    };
    ($id:literal, [$($clause:ident),+ $(,)?], $run:path, quiet) => {
        $crate::case!(@ $id, [$($clause),+], $run, [], Quiet)
    };
    ($id:literal, [$($clause:ident),+ $(,)?], $run:path, needs $($need:ident)+) => {
        $crate::case!(@ $id, [$($clause),+], $run, [$($need),+], Alone)
    };
    (@ $id:literal, [$($clause:ident),+], $run:path, [$($need:ident),*], $place:ident) => {
        $crate::case::Case {
            id: $id,
            clauses: &[$(stringify!($clause)),+],
            needs: &[$($crate::case::Need::$need),*],
            place: $crate::case::Place::$place,
            run: $crate::case::Run::Server(|trial| Box::pin($run(trial))),
        }
    };
}

/// One line of a table of a client's cases: `driven!("session/answer", [SESSION_35], answer)`, with
/// `needs Clock` behind it where that applies.
#[macro_export]
macro_rules! driven {
    ($id:literal, [$($clause:ident),+ $(,)?], $run:path) => {
        $crate::driven!($id, [$($clause),+], $run, needs)
    };
    ($id:literal, [$($clause:ident),+ $(,)?], $run:path, needs $($need:ident)*) => {
        $crate::case::Case {
            id: $id,
            clauses: &[$(stringify!($clause)),+],
            needs: &[$($crate::case::Need::$need),*],
            place: $crate::case::Place::Alone,
            run: $crate::case::Run::Client(|scene| Box::pin($run(scene))),
        }
    };
}

pub use crate::{case, driven};
