//! Where servers under test come from: one that is there already, a program, or the reference
//! inside this process.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use edgewise_proto::conformance::v1::{ClockMode, ServerLimits, ServerReady, ServerStart};
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::suite::hash;
use tokio::process::Command;

use super::child::Program;
use super::{ACCESS_PASSWORD, FULL_CONNECTIONS, Target};
use crate::case::Need;
use crate::peer::Address;
use crate::verdict::Stop;

/// Where servers come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The reference server, in this process.
    Embedded,
    /// A server that runs already; there is only this one.
    Attached {
        /// Where it is.
        address: Address,
        /// What its operator says it can do beyond the profile.
        capabilities: Vec<String>,
        /// Its access password.
        password: Option<String>,
    },
    /// A program that speaks ServerStart and ServerReady.
    Program {
        /// File name and arguments.
        words: Vec<OsString>,
        /// How long it may take until it is ready.
        within: Duration,
    },
}

/// What a server is asked to be beside the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// Asks for [`ACCESS_PASSWORD`].
    pub access: bool,
    /// Keeps at most [`FULL_CONNECTIONS`].
    pub full: bool,
}

impl Variant {
    /// What a case needs.
    #[must_use]
    pub fn of(needs: &[Need]) -> Self {
        Self { access: needs.contains(&Need::Access), full: needs.contains(&Need::Full) }
    }

    fn start(self, seed: u64) -> ServerStart {
        let connections_max = if self.full { FULL_CONNECTIONS } else { 0 };
        let access_password = if self.access { ACCESS_PASSWORD } else { "" };
        ServerStart {
            spec_revision: SPEC_REVISION,
            limits: Some(ServerLimits { connections_max, ..ServerLimits::default() }),
            clock: ClockMode::Control.into(),
            seed: bytes::Bytes::copy_from_slice(&hash(&[&seed.to_be_bytes()])),
            access_password: access_password.to_owned(),
        }
    }
}

/// Why there is no server to judge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartFault {
    /// The program cannot be started at all.
    #[error("cannot be started: {0}")]
    Spawn(String),
    /// It ended before it was ready.
    #[error("ended before it was ready: {0}")]
    Crash(String),
    /// It did not become ready.
    #[error("not ready after {seconds} s: {evidence}")]
    Silent {
        /// How long the suite waited.
        seconds: u64,
        /// What is known of it.
        evidence: String,
    },
    /// Something else than ServerReady came on standard output.
    #[error("standard output is not one ServerReady: {:?}", String::from_utf8_lossy(.0))]
    Stray(Vec<u8>),
    /// ServerReady holds no address.
    #[error("ServerReady: {0}")]
    Ready(String),
}

/// A server under test, for as long as this lives.
#[derive(Debug)]
pub struct Server {
    /// How to reach it.
    pub target: Arc<Target>,
    hold: Hold,
}

#[derive(Debug)]
enum Hold {
    Attached,
    Program(Box<Program>),
    Embedded(
        #[expect(dead_code, reason = "held until the cases are done")]
        Box<edgewise_server::conformance::Started>,
    ),
}

impl Source {
    /// Whether each call of [`start`](Self::start) gives a server of its own.
    #[must_use]
    pub fn many(&self) -> bool {
        !matches!(self, Self::Attached { .. })
    }

    /// Starts a server, or names the one that is there.
    ///
    /// # Errors
    /// [`StartFault`] with the evidence.
    pub async fn start(&self, variant: Variant, seed: u64) -> Result<Server, StartFault> {
        match self {
            Self::Attached { address, capabilities, password } => {
                let target = Target::new(
                    address.clone(),
                    "attached".to_owned(),
                    String::new(),
                    capabilities.clone(),
                    password.as_deref(),
                );
                Ok(Server { target: Arc::new(target.map_err(ready_fault)?), hold: Hold::Attached })
            }
            Self::Program { words, within } => {
                let (first, rest) = words
                    .split_first()
                    .ok_or_else(|| StartFault::Spawn("an empty command".to_owned()))?;
                let mut command = Command::new(first);
                command.args(rest);
                let (program, ready) =
                    Program::start(command, &variant.start(seed), *within).await?;
                let target = read_ready(&ready, variant)?;
                Ok(Server { target, hold: Hold::Program(Box::new(program)) })
            }
            Self::Embedded => {
                let started = edgewise_server::conformance::start(variant.start(seed))
                    .await
                    .map_err(|error| StartFault::Spawn(error.to_string()))?;
                let target = read_ready(&started.ready, variant)?;
                Ok(Server { target, hold: Hold::Embedded(Box::new(started)) })
            }
        }
    }
}

impl Server {
    /// How the server's program ended, if it did.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        match &self.hold {
            Hold::Program(program) => program.ended(),
            Hold::Attached | Hold::Embedded(_) => None,
        }
    }

    /// What is known of an end that nobody asked for.
    pub async fn evidence(&self) -> String {
        match &self.hold {
            Hold::Program(program) => program.evidence().await,
            Hold::Attached | Hold::Embedded(_) => String::new(),
        }
    }

    /// What the program wrote to standard output where nothing may stand.
    #[must_use]
    pub fn stray(&self) -> Vec<u8> {
        match &self.hold {
            Hold::Program(program) => program.stray(),
            Hold::Attached | Hold::Embedded(_) => Vec::new(),
        }
    }
}

fn read_ready(ready: &ServerReady, variant: Variant) -> Result<Arc<Target>, StartFault> {
    let address: Address =
        ready.address.parse().map_err(|error| StartFault::Ready(format!("{error}")))?;
    let honoured = ready.capabilities.iter().any(|capability| capability == "access");
    let password = (variant.access && honoured).then_some(ACCESS_PASSWORD);
    let target = Target::new(
        address,
        ready.implementation.clone(),
        ready.version.clone(),
        ready.capabilities.clone(),
        password,
    );
    target.map(Arc::new).map_err(ready_fault)
}

fn ready_fault(stop: Stop) -> StartFault {
    StartFault::Ready(format!("{stop:?}"))
}
