//! What an operator decides, checked before anything is opened.
//!
//! [`Config`] is what a server runs with; [`Settings`] is a TOML file read into one. A value that
//! cannot be is refused with its name, the value itself and what to write instead.

mod error;
mod settings;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use edgewise_spec::cadence::TickMs;
use edgewise_spec::connection::AccessKey;
use edgewise_spec::constants::{
    EDGES_MAX, EPOCH_SECONDS, HALF_OPEN_MAX, HELLO_SECONDS, IDLE_DAYS, LINK_LIFE_SECONDS_LIST,
    PART_DAYS, QUOTAS, STALL_SECONDS_LIST,
};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{Edge, IdentityKey, Limits};

pub use self::error::ConfigError;
use self::error::{one_of, value, within};
pub use self::settings::{LogFormat, LogLevel, Settings, edge};

/// Links of one server, unless configured otherwise.
pub const LINKS_MAX: usize = 20_000;
/// Connections of one server, unless configured otherwise.
pub const CONNECTIONS_MAX: usize = 1_000_000;
/// Seconds in which links take their last block when the server stops.
pub const SHUTDOWN_SECONDS: u64 = 10;

/// Everything a server runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Host and port of the address that is handed out; port 0 stands for the one listened on.
    pub edge: Edge,
    /// The certificate, or `None` for cleartext HTTP/2.
    pub tls: Option<Tls>,
    /// Where the epoch keys come from.
    pub epochs: Epochs,
    /// What the server imposes, from the closed lists.
    pub limits: Limits,
    /// Link classes that are served, ascending.
    pub classes: Vec<Class>,
    /// Ticks that links in cadence may have, ascending; none for no cadence.
    pub ticks: Vec<TickMs>,
    /// Further edges of this server, in front of the same core.
    pub further: Vec<Place>,
    /// Where else this identity serves, beside the edges of this server.
    pub edges: Vec<Edge>,
    /// The access password's key; `None` lets anyone create connections.
    pub access: Option<Arc<AccessKey>>,
    /// Most links of each edge, confirmed or not.
    pub links_max: usize,
    /// Most links of each edge that have not confirmed.
    pub half_open_max: usize,
    /// Most simplex connections, over all edges.
    pub connections_max: usize,
    /// Seconds in which a hello must be complete and confirmed.
    pub hello_seconds: u64,
    /// Unix socket on which statistics are given; `None` for none.
    pub admin: Option<PathBuf>,
    /// Seconds after which a shutdown stops waiting for links to take their last block.
    pub shutdown_seconds: u64,
}

/// Where an edge listens, and where clients reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where to listen; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Host and port of the edge's address; port 0 stands for the one listened on.
    pub edge: Edge,
}

/// Where the certificate comes from. The fingerprint is the identity, so any certificate will do.
#[derive(Clone, Debug)]
pub enum Tls {
    /// PEM files, read again on reload.
    Files {
        /// The chain, the server's own certificate first.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// A new self-signed certificate for the edge's host, in memory only.
    SelfSigned,
}

/// Where the epoch keys come from.
#[derive(Clone)]
pub enum Epochs {
    /// A file of signed epochs, read again as the clock nears its end.
    File(PathBuf),
    /// The identity key itself, for servers that live as long as a test.
    Identity {
        /// Signs an epoch when it is needed.
        key: Arc<IdentityKey>,
        /// Seconds that each epoch is current.
        epoch_seconds: u64,
    },
}

impl fmt::Debug for Epochs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => formatter.debug_tuple("File").field(path).finish(),
            Self::Identity { epoch_seconds, .. } => {
                formatter.debug_tuple("Identity").field(epoch_seconds).finish()
            }
        }
    }
}

impl Config {
    /// A cleartext server on a free loopback port with an identity of its own: for tests, benches
    /// and the conformance suite.
    #[must_use]
    pub fn ephemeral(identity: IdentityKey) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            edge: Edge { host: "127.0.0.1".to_owned(), port: 0 },
            tls: None,
            epochs: Epochs::Identity { key: Arc::new(identity), epoch_seconds: EPOCH_SECONDS },
            limits: Limits::default(),
            classes: Class::ALL.to_vec(),
            ticks: TickMs::all().collect(),
            further: Vec::new(),
            edges: Vec::new(),
            access: None,
            links_max: LINKS_MAX,
            half_open_max: HALF_OPEN_MAX,
            connections_max: CONNECTIONS_MAX,
            hello_seconds: HELLO_SECONDS,
            admin: None,
            shutdown_seconds: SHUTDOWN_SECONDS,
        }
    }

    /// The same with `count` edges in all, each on a free port of its own.
    #[must_use]
    pub fn with_edges(mut self, count: usize) -> Self {
        let place = Place { listen: self.listen, edge: self.edge.clone() };
        self.further = vec![place; count.saturating_sub(1)];
        self
    }

    /// Has the edges listen on consecutive ports from this one on, at most the last there is.
    pub fn listen_from(&mut self, first: u16) {
        let edges = self.further.iter_mut().map(|place| &mut place.listen);
        for (offset, listen) in std::iter::once(&mut self.listen).chain(edges).enumerate() {
            listen.set_port(first.saturating_add(u16::try_from(offset).unwrap_or(u16::MAX)));
        }
    }

    /// Where all edges of this server are, the first one first.
    #[must_use]
    pub fn listens(&self) -> Vec<Place> {
        let first = Place { listen: self.listen, edge: self.edge.clone() };
        std::iter::once(first).chain(self.further.iter().cloned()).collect()
    }

    /// Puts the ports that the edges listen on where none is said.
    pub(crate) fn settle_ports(&mut self, ports: impl IntoIterator<Item = u16>) {
        let first = std::iter::once(&mut self.edge);
        let edges = first.chain(self.further.iter_mut().map(|place| &mut place.edge));
        for (edge, port) in edges.zip(ports) {
            if edge.port == 0 {
                edge.port = port;
            }
        }
    }

    /// What Describe lists: every place of the identity, in the same order at each of them
    /// (LINK-9), and nothing where there is only this one.
    #[must_use]
    pub fn described_edges(&self) -> Vec<Edge> {
        let own = self.listens().into_iter().map(|place| place.edge);
        let mut all: Vec<_> = own.chain(self.edges.iter().cloned()).collect();
        all.sort_by_key(Edge::to_string);
        all.dedup();
        if all.len() == 1 { Vec::new() } else { all }
    }

    /// Checks what types cannot: closed lists and bounds.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        one_of("limits.quota_max", limits.quota_max, &QUOTAS)?;
        one_of("limits.idle_days_max", limits.idle_days_max, &IDLE_DAYS)?;
        one_of("limits.part_days_max", limits.part_days_max, &PART_DAYS)?;
        one_of("limits.stall_seconds", u64::from(limits.stall_seconds), &STALL_SECONDS_LIST)?;
        one_of(
            "limits.link_life_seconds",
            u64::from(limits.link_life_seconds),
            &LINK_LIFE_SECONDS_LIST,
        )?;
        within("limits.half_open_max", self.half_open_max, 1, HALF_OPEN_MAX)?;
        within("limits.links_max", self.links_max, 1, 10_000_000)?;
        within("limits.connections_max", self.connections_max, 1, u32::MAX as usize - 1)?;
        within("shutdown_seconds", self.shutdown_seconds, 0, 600)?;
        within("hello_seconds", self.hello_seconds, 1, HELLO_SECONDS)?;
        let edges = 1 + self.further.len() + self.edges.len();
        if edges > EDGES_MAX {
            let wants = format!("at most {EDGES_MAX} in all, every `[[edge]]` among them");
            return Err(value("edges", edges, wants));
        }
        self.check_places()?;
        // A create goes over a medium link whatever the connection's class, so medium is no choice.
        if !self.classes.contains(&Class::Medium) {
            return Err(value("classes", "without medium", "a list with \"medium\" in it"));
        }
        Ok(())
    }

    /// No two edges are one place.
    fn check_places(&self) -> Result<(), ConfigError> {
        let places = self.listens();
        for (index, place) in places.iter().enumerate() {
            for other in places.iter().take(index) {
                let listen = place.listen.port() != 0 && place.listen == other.listen;
                if listen {
                    let wants = "another port or address for each edge";
                    return Err(value("edge.listen", place.listen, wants));
                }
                if place.edge.port != 0 && place.edge == other.edge {
                    let wants = "another host or port for each edge";
                    return Err(value("edge.host", &place.edge, wants));
                }
            }
        }
        Ok(())
    }
}
