//! The server as a server under test: ServerStart in, ServerReady out.

use std::io;
use std::sync::Arc;

use edgewise_proto::conformance::v1::{ClockMode, ServerLimits, ServerReady, ServerStart};
use edgewise_spec::connection::AccessKey;
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::link::IdentityKey;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::clock::Clock;
use crate::config::{Config, Epochs};
use crate::random;
use crate::server::{Running, Server, ServerError};

/// Longest ServerStart, in bytes.
const START_MAX: u32 = 64 * 1_024;

/// A server under test; dropping it ends it.
#[derive(Debug)]
pub struct Started {
    /// What the suite is told.
    pub ready: ServerReady,
    running: Running,
}

/// Why there is no server to test.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The suite judges another revision.
    #[error("the suite judges revision {0} of the specification, this server has {SPEC_REVISION}")]
    Revision(u32),
    /// What it asks for cannot be.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The password cannot be used.
    #[error(transparent)]
    Access(#[from] edgewise_spec::connection::AccessKeyRefused),
    /// Standard input is no ServerStart.
    #[error("standard input holds no ServerStart: {0}")]
    Input(String),
    /// Standard input or output is broken.
    #[error("standard input or output: {0}")]
    Io(#[from] io::Error),
}

/// Starts a server as the suite asks: cleartext on a free loopback port.
///
/// # Errors
/// [`StartError`].
pub async fn start(start: ServerStart) -> Result<Started, StartError> {
    if start.spec_revision != SPEC_REVISION {
        return Err(StartError::Revision(start.spec_revision));
    }
    let identity = match <[u8; 32]>::try_from(start.seed.as_ref()) {
        Ok(seed) => IdentityKey::from_seed(&seed),
        Err(_) => IdentityKey::generate(&mut random()),
    };
    let controlled = start.clock() == ClockMode::Control;
    let fingerprint = identity.fingerprint();
    let mut config = Config::ephemeral(identity);
    config.shutdown_seconds = 1;
    if let Some(limits) = &start.limits {
        grant(&mut config, limits);
    }
    if !start.access_password.is_empty() {
        let key = AccessKey::from_password(&fingerprint, start.access_password.as_bytes())?;
        config.access = Some(Arc::new(key));
    }
    let clock = if controlled { Clock::controlled() } else { Clock::system() };
    let running = Server::bind(config, clock).await?;
    let control: &[&str] = if controlled { &["clock", "restart"] } else { &[] };
    let ready = ServerReady {
        address: running.address.to_string(),
        implementation: "edgewise-server".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        capabilities: control.iter().chain(&["access", "full"]).map(ToString::to_string).collect(),
    };
    Ok(Started { ready, running })
}

/// Grants what is asked for; 0 leaves the usual value.
fn grant(config: &mut Config, limits: &ServerLimits) {
    if limits.epoch_seconds > 0
        && let Epochs::Identity { epoch_seconds, .. } = &mut config.epochs
    {
        *epoch_seconds = u64::from(limits.epoch_seconds);
    }
    if limits.hello_seconds > 0 {
        config.hello_seconds = u64::from(limits.hello_seconds);
    }
    if limits.stall_seconds > 0 {
        config.limits.stall_seconds = limits.stall_seconds;
    }
    if limits.link_life_seconds > 0 {
        config.limits.link_life_seconds = limits.link_life_seconds;
    }
    if limits.connections_max > 0 {
        config.connections_max = usize::try_from(limits.connections_max).unwrap_or(usize::MAX);
    }
}

impl Started {
    /// The server itself.
    #[must_use]
    pub const fn running(&self) -> &Running {
        &self.running
    }

    /// Ends it as an operator would.
    pub async fn shutdown(self) {
        self.running.shutdown().await;
    }
}

/// Serves as a child of the suite: ends when standard input ends. Nothing but ServerReady is ever
/// written to standard output.
///
/// # Errors
/// [`StartError`].
pub async fn serve_stdio() -> Result<(), StartError> {
    serve_over(tokio::io::stdin(), tokio::io::stdout()).await
}

async fn serve_over(
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), StartError> {
    let length = input.read_u32().await?;
    if length > START_MAX {
        return Err(StartError::Input(format!("its length is said to be {length} bytes")));
    }
    let mut message = Vec::new();
    (&mut input).take(u64::from(length)).read_to_end(&mut message).await?;
    if u32::try_from(message.len()) != Ok(length) {
        return Err(StartError::Input("it ends early".to_owned()));
    }
    let asked = ServerStart::decode(message.as_slice())
        .map_err(|error| StartError::Input(error.to_string()))?;
    let started = start(asked).await?;
    let ready = started.ready.encode_to_vec();
    output.write_u32(u32::try_from(ready.len()).unwrap_or(u32::MAX)).await?;
    output.write_all(&ready).await?;
    output.flush().await?;
    // Whatever else comes is ignored; the end of the input is the end of the server.
    tokio::io::copy(&mut input, &mut tokio::io::sink()).await?;
    started.shutdown().await;
    Ok(())
}
