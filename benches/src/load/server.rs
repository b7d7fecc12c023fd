//! The server under measurement: the reference server in a process of its own, or another program
//! that starts as `edgewise-server conformance` does.

use crate::process::{self, Child};
use crate::role::Role;
use crate::{Failure, machine};
use edgewise_proto::conformance::v1::{ClockMode, ServerReady, ServerStart};
use edgewise_server::config::Tls;
use edgewise_server::stats::Stats;
use edgewise_server::{Clock, Config, Server};
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::link::IdentityKey;
use prost::Message;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::Path;

/// How the reference server serves.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct ServerRole {
    /// TLS outside.
    pub tls: bool,
    /// Worker threads; 1 is the thread of the process alone.
    pub threads: usize,
    /// Most links.
    pub links_max: usize,
    /// Most connections.
    pub connections_max: usize,
}

/// The reference server's first line.
#[derive(Serialize, Deserialize)]
struct Ready {
    address: String,
    pinned: bool,
    open_files: u64,
}

/// A running server.
pub struct Running {
    child: Child,
    /// Its address, `edgewise://…`.
    pub address: String,
    /// Whether it stays on the core that was asked for.
    pub pinned: bool,
    /// Files that it may have open.
    pub open_files: u64,
}

impl Running {
    /// Starts the reference server, on one core if one is named.
    pub fn start(role: ServerRole, core: Option<usize>) -> Result<Self, Failure> {
        let mut child = Child::start(&Role::Server(role), core)?;
        let Ready { address, pinned, open_files } = child.answer()?;
        Ok(Self { child, address, pinned, open_files })
    }

    /// Starts a program that reads ServerStart and writes ServerReady, each behind its length.
    pub fn start_program(program: &Path) -> Result<Self, Failure> {
        let mut command = std::process::Command::new(program);
        command.arg("conformance");
        let mut child = Child::spawn(command, "server")?;
        let start = ServerStart {
            spec_revision: SPEC_REVISION,
            clock: ClockMode::Real.into(),
            ..ServerStart::default()
        };
        let body = start.encode_to_vec();
        let input = child.input()?;
        input.write_all(&u32::try_from(body.len())?.to_be_bytes())?;
        input.write_all(&body)?;
        input.flush()?;
        let mut length = [0; 4];
        child.output().read_exact(&mut length)?;
        let length = u64::from(u32::from_be_bytes(length));
        let mut body = Vec::new();
        child.output().take(length).read_to_end(&mut body)?;
        let address = ServerReady::decode(&body[..])?.address;
        Ok(Self { child, address, pinned: false, open_files: u64::MAX })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// What the reference server says of itself.
    pub fn stats(&mut self) -> Result<Stats, Failure> {
        self.child.ask(&())
    }

    /// Its resident memory in bytes.
    pub fn resident(&self) -> Result<u64, Failure> {
        machine::resident(self.pid()).ok_or_else(|| "/proc does not tell memory here".into())
    }
}

/// Serves until the process ends, and says its numbers for every line.
pub async fn serve(role: ServerRole, pinned: bool) -> Result<(), Failure> {
    let mut asks = process::commands();
    // One for each link, and a few for the program itself.
    let open_files = machine::raise_open_files(role.links_max as u64 + 64);
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let mut config = Config::ephemeral(IdentityKey::from_seed(&seed));
    config.tls = role.tls.then_some(Tls::SelfSigned);
    config.links_max = role.links_max;
    config.connections_max = role.connections_max;
    let running = Server::bind(config, Clock::system()).await?;
    let address = running.address.to_string();
    process::answer(Ok(Ready { address, pinned, open_files }))?;
    while asks.recv().await.is_some() {
        process::answer(Ok(running.stats()))?;
    }
    Ok(())
}
