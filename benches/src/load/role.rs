//! What a process of a measurement can be.

use crate::stalled_links;
use crate::{Failure, echo, idle_connections, idle_links, machine, pair, process, server};
use serde::{Deserialize, Serialize};
use std::future::Future;
use tokio::runtime::{Builder, Runtime};

/// One process's part in a measurement.
#[derive(Serialize, Deserialize)]
pub enum Role {
    /// Answers every frame with itself.
    EchoServer(echo::ServerRole),
    /// Keeps a window of frames on its way to the echo server.
    EchoClient(echo::ClientRole),
    /// The reference server.
    Server(server::ServerRole),
    /// Senders and recipients, which keep a window of parts on its way.
    Pair(pair::PairRole),
    /// Makes connections and comes back to them.
    Crowd(idle_connections::CrowdRole),
    /// Holds links that say nothing.
    Holder(idle_links::HolderRole),
    /// Holds links that do not read.
    Staller(stalled_links::StallerRole),
}

impl Role {
    /// What to call it in messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::EchoServer(_) => "echo server",
            Self::EchoClient(_) => "echo client",
            Self::Server(_) => "server",
            Self::Pair(_) | Self::Crowd(_) | Self::Holder(_) | Self::Staller(_) => "client",
        }
    }
}

/// Plays the role that the parent has written on the command line.
pub fn run(start: &str) -> Result<(), Failure> {
    let process::Start { core, role } = serde_json::from_str::<process::Start<Role>>(start)?;
    let pinned = core.is_some_and(machine::pin);
    let (one, several) = (|| runtime(1), runtime);
    match role {
        Role::EchoServer(role) => play(&one()?, echo::serve(&role, pinned)),
        Role::EchoClient(role) => play(&one()?, echo::drive(&role, pinned)),
        Role::Server(role) => play(&several(role.threads)?, server::serve(role, pinned)),
        Role::Pair(role) => play(&one()?, pair::drive(role, pinned)),
        Role::Crowd(role) => play(&several(2)?, idle_connections::crowd(role)),
        Role::Holder(role) => play(&one()?, idle_links::hold(role)),
        Role::Staller(role) => play(&one()?, stalled_links::stall(role)),
    }
}

/// With one thread everything runs on the thread of the process.
fn runtime(threads: usize) -> Result<Runtime, Failure> {
    Ok(match threads {
        0 | 1 => Builder::new_current_thread().enable_all().build()?,
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build()?,
    })
}

/// Runs a role to its end. What fails is told to the parent.
fn play(runtime: &Runtime, role: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    if let Err(failure) = runtime.block_on(role) {
        process::answer::<()>(Err(failure))?;
    }
    Ok(())
}
