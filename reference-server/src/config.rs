//! What an operator decides, checked before anything is opened.
//!
//! [`Config`] is what a server runs with; [`Settings`] is a TOML file read into one. A value that
//! cannot be is refused with its name, the value itself and what to write instead.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;

use edgewise_spec::connection::AccessKey;
use edgewise_spec::constants::{
    EDGES_MAX, EPOCH_SECONDS, HALF_OPEN_MAX, HELLO_SECONDS, IDLE_DAYS, LINK_LIFE_SECONDS_LIST,
    PART_DAYS, QUOTAS, STALL_SECONDS_LIST,
};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{Edge, IdentityKey, Limits};
use serde::Deserialize;
use zeroize::Zeroizing;

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
    /// Where else this identity serves.
    pub edges: Vec<Edge>,
    /// The access password's key; `None` lets anyone create connections.
    pub access: Option<Arc<AccessKey>>,
    /// Most links, confirmed or not.
    pub links_max: usize,
    /// Most links that have not confirmed.
    pub half_open_max: usize,
    /// Most simplex connections.
    pub connections_max: usize,
    /// Seconds in which a hello must be complete and confirmed.
    pub hello_seconds: u64,
    /// Unix socket on which statistics are given; `None` for none.
    pub admin: Option<PathBuf>,
    /// Seconds after which a shutdown stops waiting for links to take their last block.
    pub shutdown_seconds: u64,
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
        if self.edges.len() > EDGES_MAX {
            let wants = format!("at most {EDGES_MAX} of them");
            return Err(value("edges", self.edges.len(), wants));
        }
        // A create goes over a medium link whatever the connection's class, so medium is no choice.
        if !self.classes.contains(&Class::Medium) {
            return Err(value("classes", "without medium", "a list with \"medium\" in it"));
        }
        Ok(())
    }
}

/// A configuration file, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the server runs with.
    pub config: Config,
    /// How much the program says.
    pub log_level: LogLevel,
    /// How it says it.
    pub log_format: LogFormat,
}

/// How much the program says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What stops the server.
    Error,
    /// And what will, if nobody acts.
    Warn,
    /// And what an operator likes to see once.
    #[default]
    Info,
    /// And how often peers were refused, in numbers.
    Debug,
    /// Everything.
    Trace,
}

/// How the program says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line of text.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}. {hint}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The file is not the TOML that is expected.
    #[error("{path}: {message}", path = path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// A value cannot be.
    #[error("`{field}` cannot be {value}: write {wants}")]
    Value {
        /// The value's name in the file.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        wants: String,
    },
}

fn value(field: &'static str, value: impl fmt::Display, wants: impl Into<String>) -> ConfigError {
    ConfigError::Value { field, value: value.to_string(), wants: wants.into() }
}

fn one_of<T: PartialEq + fmt::Display>(
    field: &'static str,
    given: T,
    list: &[T],
) -> Result<(), ConfigError> {
    if list.contains(&given) {
        return Ok(());
    }
    let list = list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(value(field, given, format!("one of {list}")))
}

fn within<T: PartialOrd + fmt::Display>(
    field: &'static str,
    given: T,
    least: T,
    most: T,
) -> Result<(), ConfigError> {
    if given >= least && given <= most {
        return Ok(());
    }
    Err(value(field, given, format!("a number from {least} to {most}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: String,
    host: String,
    #[serde(default)]
    port: u16,
    epochs: PathBuf,
    #[serde(default = "yes")]
    tls: bool,
    certificate: Option<PathBuf>,
    certificate_key: Option<PathBuf>,
    #[serde(default)]
    edges: Vec<String>,
    classes: Option<Vec<String>>,
    access_key: Option<String>,
    admin_socket: Option<PathBuf>,
    shutdown_seconds: Option<u64>,
    #[serde(default)]
    log_level: LogLevel,
    #[serde(default)]
    log_format: LogFormat,
    #[serde(default)]
    limits: FileLimits,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLimits {
    quota_max: Option<u32>,
    idle_days_max: Option<u32>,
    part_days_max: Option<u32>,
    stall_seconds: Option<u32>,
    link_life_seconds: Option<u32>,
    links_max: Option<usize>,
    half_open_max: Option<usize>,
    connections_max: Option<usize>,
}

const fn yes() -> bool {
    true
}

impl Settings {
    /// Reads and checks a file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`ConfigError`], with the file, the value and what to do.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
            hint: "Make one with `edgewise-server init`, or name another with --config.",
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder).map_err(|error| match error {
            ConfigError::Parse { message, .. } => {
                ConfigError::Parse { path: path.to_owned(), message }
            }
            other => other,
        })
    }

    /// Reads and checks the text of a file that stands in `folder`.
    ///
    /// # Errors
    /// [`ConfigError`], without the file's name where parsing fails.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| ConfigError::Parse {
            path: PathBuf::new(),
            message: error.to_string(),
        })?;
        let settings = Self {
            log_level: file.log_level,
            log_format: file.log_format,
            config: file.into_config(folder)?,
        };
        settings.config.check()?;
        Ok(settings)
    }
}

impl File {
    fn into_config(self, folder: &Path) -> Result<Config, ConfigError> {
        let listen = self.listen.parse().map_err(|_| {
            value("listen", quoted(&self.listen), "an IP address and a port, as \"[::]:5223\"")
        })?;
        let edge = edge(&self.host, self.port)?;
        let edges = self.edges.iter().map(|text| {
            Edge::from_str(text)
                .map_err(|_| value("edges", quoted(text), "host:port, as \"b.example.org:5223\""))
        });
        let access = self.access_key.as_deref().map(|text| {
            let mut key = Zeroizing::new([0; 32]);
            hex::decode_to_slice(text, key.as_mut_slice()).map_err(|_| {
                value("access_key", "this", "what `edgewise-server access-key` prints")
            })?;
            Ok(Arc::new(AccessKey::from_bytes(&key)))
        });
        Ok(Config {
            listen,
            edge,
            tls: tls(self.tls, self.certificate, self.certificate_key, folder)?,
            epochs: Epochs::File(folder.join(self.epochs)),
            limits: self.limits.imposed(),
            classes: classes(self.classes.as_deref())?,
            edges: edges.collect::<Result<_, _>>()?,
            access: access.transpose()?,
            links_max: self.limits.links_max.unwrap_or(LINKS_MAX),
            half_open_max: self.limits.half_open_max.unwrap_or(HALF_OPEN_MAX),
            connections_max: self.limits.connections_max.unwrap_or(CONNECTIONS_MAX),
            hello_seconds: HELLO_SECONDS,
            admin: self.admin_socket.map(|path| folder.join(path)),
            shutdown_seconds: self.shutdown_seconds.unwrap_or(SHUTDOWN_SECONDS),
        })
    }
}

impl FileLimits {
    fn imposed(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            quota_max: self.quota_max.unwrap_or(usual.quota_max),
            idle_days_max: self.idle_days_max.unwrap_or(usual.idle_days_max),
            part_days_max: self.part_days_max.unwrap_or(usual.part_days_max),
            stall_seconds: self.stall_seconds.unwrap_or(usual.stall_seconds),
            link_life_seconds: self.link_life_seconds.unwrap_or(usual.link_life_seconds),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// A host as operators write it, IPv6 with or without brackets, and the port of the address.
///
/// # Errors
/// [`ConfigError::Value`] for what cannot stand in an address.
pub fn edge(host: &str, port: u16) -> Result<Edge, ConfigError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let edge = Edge { host: bare.to_owned(), port: port.max(1) };
    if Edge::from_str(&edge.to_string()).is_ok_and(|read| read == edge) {
        return Ok(Edge { port, ..edge });
    }
    Err(value("host", quoted(host), "a host name or an IP address, without port"))
}

fn tls(
    wanted: bool,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    folder: &Path,
) -> Result<Option<Tls>, ConfigError> {
    match (wanted, certificate, key) {
        (false, None, None) => Ok(None),
        (false, _, _) => Err(value(
            "tls",
            "false beside a certificate",
            "`tls = true`, or leave `certificate` and `certificate_key` out",
        )),
        (true, Some(certificate), Some(key)) => {
            Ok(Some(Tls::Files { certificate: folder.join(certificate), key: folder.join(key) }))
        }
        (true, _, _) => Err(value(
            "tls",
            "true without `certificate` and `certificate_key`",
            "both paths, or `tls = false` for cleartext HTTP/2",
        )),
    }
}

fn classes(names: Option<&[String]>) -> Result<Vec<Class>, ConfigError> {
    let Some(names) = names else { return Ok(Class::ALL.to_vec()) };
    let mut classes = Vec::with_capacity(names.len());
    for name in names {
        let class = match name.as_str() {
            "small" => Class::Small,
            "medium" => Class::Medium,
            "large" => Class::Large,
            other => {
                return Err(value("classes", quoted(other), "\"small\", \"medium\" or \"large\""));
            }
        };
        classes.push(class);
    }
    classes.sort_unstable();
    classes.dedup();
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = r#"
        listen = "[::]:5223"
        host = "chat.example.org"
        epochs = "epochs.toml"
        certificate = "certificate.pem"
        certificate_key = "/etc/ssl/key.pem"
    "#;

    fn parse(text: &str) -> Result<Settings, ConfigError> {
        Settings::parse(text, Path::new("/srv"))
    }

    #[test]
    fn what_is_left_out_is_the_usual() {
        let settings = parse(USUAL).unwrap();
        let config = settings.config;
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.classes, Class::ALL);
        assert_eq!((config.links_max, config.half_open_max), (20_000, 4_096));
        assert!(config.access.is_none() && config.admin.is_none());
        assert_eq!(settings.log_level, LogLevel::Info);
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = parse(USUAL).unwrap().config;
        let Some(Tls::Files { certificate, key }) = config.tls else { panic!("TLS is usual") };
        assert_eq!(certificate, Path::new("/srv/certificate.pem"));
        assert_eq!(key, Path::new("/etc/ssl/key.pem"));
        assert!(
            matches!(config.epochs, Epochs::File(path) if path == Path::new("/srv/epochs.toml"))
        );
    }

    #[test]
    fn a_refusal_names_the_value_and_the_way_out() {
        let cases = [
            ("port = 70000", "port"),
            ("tls = false", "`tls` cannot be false beside a certificate"),
            ("classes = [\"small\"]", "\"medium\""),
            ("classes = [\"tiny\"]", "\"tiny\""),
            ("edges = [\"nowhere\"]", "\"nowhere\""),
            ("access_key = \"12\"", "edgewise-server access-key"),
            ("shutdown_seconds = 601", "a number from 0 to 600"),
            ("acess_key = \"\"", "unknown field"),
            ("[limits]\nquota_max = 17", "`limits.quota_max` cannot be 17: write one of 16, 32"),
            ("[limits]\nidle_days_max = 8", "7, 30, 90, 365"),
            ("[limits]\npart_days_max = 2", "1, 7, 21, 30"),
            ("[limits]\nstall_seconds = 1", "5, 15, 60, 120"),
            ("[limits]\nlink_life_seconds = 1", "60, 3600, 43200, 86400"),
            ("[limits]\nhalf_open_max = 4097", "4096"),
            ("[limits]\nlinks_max = 0", "limits.links_max"),
            ("[limits]\nconnections_max = 0", "limits.connections_max"),
        ];
        for (line, wanted) in cases {
            let error = parse(&format!("{USUAL}\n{line}")).map(|_| line).unwrap_err().to_string();
            assert!(error.contains(wanted), "{line}: {error}");
        }
        for (from, to, wanted) in [
            ("[::]:5223", "everywhere", "`listen` cannot be \"everywhere\""),
            ("chat.example.org", "chat.example.org:1", "`host` cannot be"),
            ("certificate = \"certificate.pem\"", "", "`tls` cannot be true without"),
        ] {
            let error = parse(&USUAL.replace(from, to)).map(|_| to).unwrap_err().to_string();
            assert!(error.contains(wanted), "{to}: {error}");
        }
    }

    #[test]
    fn an_ipv6_host_may_come_with_brackets() {
        for host in ["::1", "[::1]"] {
            assert_eq!(edge(host, 1).unwrap().host, "::1");
        }
    }

    #[test]
    fn a_missing_file_says_how_to_make_one() {
        let error = Settings::read(Path::new("/nowhere/server.toml")).unwrap_err().to_string();
        assert!(error.contains("/nowhere/server.toml") && error.contains("init"), "{error}");
    }
}
