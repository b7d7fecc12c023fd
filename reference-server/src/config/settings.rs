//! The configuration file: its TOML, and what is left out of it.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;

use edgewise_spec::cadence::TickMs;
use edgewise_spec::connection::AccessKey;
use edgewise_spec::constants::{HALF_OPEN_MAX, HELLO_SECONDS, TICK_MS_LIST};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{Edge, Limits};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::{ConfigError, quoted, value};
use super::{CONNECTIONS_MAX, Config, Epochs, LINKS_MAX, Place, SHUTDOWN_SECONDS, Tls};

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<String>,
    host: Option<String>,
    #[serde(default)]
    port: u16,
    #[serde(default, rename = "edge")]
    further: Vec<FileEdge>,
    epochs: PathBuf,
    #[serde(default = "yes")]
    tls: bool,
    certificate: Option<PathBuf>,
    certificate_key: Option<PathBuf>,
    #[serde(default)]
    edges: Vec<String>,
    classes: Option<Vec<String>>,
    ticks: Option<Vec<u32>>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEdge {
    listen: String,
    host: String,
    #[serde(default)]
    port: u16,
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

impl File {
    fn into_config(self, folder: &Path) -> Result<Config, ConfigError> {
        let mut places = self.places()?;
        let Place { listen, edge } = places.remove(0);
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
            further: places,
            tls: tls(self.tls, self.certificate, self.certificate_key, folder)?,
            epochs: Epochs::File(folder.join(self.epochs)),
            limits: self.limits.imposed(),
            classes: classes(self.classes.as_deref())?,
            ticks: ticks(self.ticks)?,
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

impl File {
    /// All edges, at least one: that of the file's top, and those of its tables.
    fn places(&self) -> Result<Vec<Place>, ConfigError> {
        let first = match (&self.listen, &self.host) {
            (Some(listen), Some(host)) => Some(place(listen, host, self.port)?),
            (None, None) if self.port == 0 && !self.further.is_empty() => None,
            (None, _) => {
                let wants = "an IP address and a port, as \"[::]:5223\"";
                return Err(value("listen", "missing", wants));
            }
            (Some(_), None) => {
                return Err(value("host", "missing", "where clients reach this edge"));
            }
        };
        let further = self.further.iter().map(|edge| place(&edge.listen, &edge.host, edge.port));
        first.map(Ok).into_iter().chain(further).collect()
    }
}

fn place(listen: &str, host: &str, port: u16) -> Result<Place, ConfigError> {
    let at = listen.parse().map_err(|_| {
        value("listen", quoted(listen), "an IP address and a port, as \"[::]:5223\"")
    })?;
    Ok(Place { listen: at, edge: edge(host, port)? })
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

fn ticks(millis: Option<Vec<u32>>) -> Result<Vec<TickMs>, ConfigError> {
    let Some(millis) = millis else { return Ok(TickMs::all().collect()) };
    let wanted = || format!("some of {TICK_MS_LIST:?}, ascending, or none");
    let known =
        |millis: u32| TickMs::try_from(millis).map_err(|_| value("ticks", millis, wanted()));
    let ticks = millis.iter().copied().map(known).collect::<Result<Vec<_>, _>>()?;
    if !ticks.is_sorted_by(|one, next| one < next) {
        return Err(value("ticks", format!("{millis:?}"), wanted()));
    }
    Ok(ticks)
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
            ("ticks = [500]", "`ticks` cannot be 500: write some of [300, 1000"),
            ("ticks = [3000, 1000]", "`ticks` cannot be [3000, 1000]"),
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
    fn edges_are_the_files_own_and_its_tables() {
        let second = "[[edge]]\nlisten = \"[::]:5224\"\nhost = \"b.example.org\"\n";
        let config = parse(&format!("{USUAL}\nedges = [\"c.example.org:1\"]\n{second}")).unwrap();
        let places = config.config.listens();
        assert_eq!(places.len(), 2);
        assert_eq!(places[1].listen.port(), 5224);
        let mut config = config.config;
        config.settle_ports([5223, 5224]);
        let described: Vec<_> = config.described_edges().iter().map(Edge::to_string).collect();
        assert_eq!(described, ["b.example.org:5224", "c.example.org:1", "chat.example.org:5223"]);
        assert!(parse(USUAL).unwrap().config.described_edges().is_empty());
        // The tables alone do as well.
        let only = USUAL.replace("listen = \"[::]:5223\"", "").replace("host = ", "# ");
        let config = parse(&format!("{only}\n{second}")).unwrap().config;
        assert_eq!((config.listen.port(), config.further.len()), (5224, 0));
        for (text, wanted) in [
            (only.clone(), "`listen` cannot be missing"),
            (format!("{only}\nlisten = \"[::]:1\"\n{second}"), "`host` cannot be missing"),
            (format!("{USUAL}\n{second}\n{second}"), "`edge.listen` cannot be [::]:5224"),
            (format!("{USUAL}\n{}", second.replace("5224", "0").repeat(20)), "at most 20 in all"),
            (format!("{USUAL}\n{second}\nlinks_max = 1"), "unknown field"),
        ] {
            let error = parse(&text).map(|_| text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
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
