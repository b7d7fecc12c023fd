//! Send, deliver, acknowledge: parts a second beside a bare echo of the same block.
//!
//! A part costs the server one block in and one block out, as an echo does; results and
//! acknowledgements come on top. So parts a second are compared with the echo's blocks a second.

use crate::machine::Machine;
use crate::pass::{Ask, Pass};
use crate::process::Child;
use crate::report::{Bound, Report, Table, Target};
use crate::role::Role;
use crate::server::{Running, ServerRole};
use crate::{Failure, echo, pair};
use clap::Args;
use edgewise_spec::constants::WINDOW_PARTS_MAX;
use edgewise_spec::frame::Class;
use edgewise_spec::suite::{self, SuiteId};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// The core that servers stay on.
const SERVER_CORE: usize = 0;
/// The core that clients stay on.
const CLIENT_CORE: usize = 1;
/// What parts a second have to be of the echo's blocks a second, cleartext, class medium, over one
/// connection: by suite.
const RATIOS: [(SuiteId, f64); 2] = [(SuiteId::Chacha20Poly1305, 0.3), (SuiteId::Aes256Gcm, 0.5)];

/// What to measure.
#[derive(Args, Clone)]
pub struct Options {
    /// The links' class: their block is what the echo carries too.
    #[arg(long, value_enum, default_value_t = ClassName::Medium)]
    class: ClassName,
    /// Link suites.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    suites: Vec<u16>,
    /// TLS outside.
    #[arg(long, value_enum, default_value_t = TlsChoice::Both)]
    tls: TlsChoice,
    /// Numbers of simplex connections that share the window.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64])]
    connections: Vec<usize>,
    /// How many links a sender and its recipient have between them: 2, one each as isolation asks,
    /// or 1, on which results and acknowledgements ride along with parts.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2],
        value_parser = clap::value_parser!(u8).range(1..=2))]
    links: Vec<u8>,
    /// Passes of each measurement; the median counts.
    #[arg(long, default_value_t = 5)]
    passes: usize,
    /// Seconds that each pass counts.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Seconds of each pass before it counts.
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// Blocks, or parts, on their way at a time.
    #[arg(long, default_value_t = WINDOW_PARTS_MAX as usize)]
    window: usize,
    /// Another server, started as `PATH conformance`; measured with TLS or without, as it serves.
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            class: ClassName::Medium,
            suites: vec![1, 2],
            tls: TlsChoice::Both,
            connections: vec![1, 64],
            links: vec![1, 2],
            passes: 5,
            seconds: 2.0,
            warm_up: 0.5,
            window: WINDOW_PARTS_MAX as usize,
            server: None,
        }
    }
}

/// A link's class, by name.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ClassName {
    Small,
    Medium,
    Large,
}

/// With or without TLS.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TlsChoice {
    Off,
    On,
    Both,
}

impl From<ClassName> for Class {
    fn from(name: ClassName) -> Self {
        match name {
            ClassName::Small => Self::Small,
            ClassName::Medium => Self::Medium,
            ClassName::Large => Self::Large,
        }
    }
}

impl TlsChoice {
    const fn each(self) -> &'static [bool] {
        match self {
            Self::Off => &[false],
            Self::On => &[true],
            Self::Both => &[false, true],
        }
    }
}

/// What stands in one row.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
enum What {
    Echo { tls: bool },
    Edgewise { suite: u16, tls: bool, connections: usize, links: u8 },
}

impl What {
    const fn tls(self) -> bool {
        match self {
            Self::Echo { tls } | Self::Edgewise { tls, .. } => tls,
        }
    }

    fn name(self) -> String {
        let tls = if self.tls() { ", TLS" } else { "" };
        match self {
            Self::Echo { .. } => format!("bare echo{tls}"),
            Self::Edgewise { suite, connections, links, .. } => {
                format!("suite 0x{suite:04x}{tls}, links: {links}, connections: {connections}")
            }
        }
    }

    /// The share of the echo that it has to reach, if it is one of those that have to.
    fn ratio(self, class: Class) -> Option<f64> {
        let Self::Edgewise { suite, tls: false, connections: 1, links: 1 } = self else {
            return None;
        };
        if class != Class::Medium {
            return None;
        }
        RATIOS.iter().find(|(id, _)| id.code() == suite).map(|(_, ratio)| *ratio)
    }
}

/// A client that is ready for passes, and what they measured.
struct Bench {
    what: What,
    client: Child,
    passes: Vec<Pass>,
}

#[derive(Serialize)]
struct Measured {
    what: What,
    passes: Vec<Pass>,
}

/// Measures everything that the options name, pass by pass in turn, so that whatever else the
/// machine does meets all of them alike.
pub fn measure(options: &Options) -> Result<Report, Failure> {
    let machine = Machine::look();
    let mut stage = Stage::default();
    let mut choices = options.tls.each().to_vec();
    let given = options.server.as_deref().map(Running::start_program).transpose()?;
    if let Some(server) = given {
        choices = vec![!server.address.ends_with("tls=off")];
        stage.servers.push(server);
    }
    for tls in choices {
        stage.add_echo(options, tls)?;
        if options.server.is_none() {
            let role = ServerRole { tls, threads: 1, links_max: 1_000, connections_max: 10_000 };
            stage.servers.push(Running::start(role, Some(SERVER_CORE))?);
        }
        for &suite in &options.suites {
            for &connections in &options.connections {
                for &links in &options.links {
                    stage.add_pair(options, What::Edgewise { suite, tls, connections, links })?;
                }
            }
        }
    }
    let ask = Ask {
        warm_up: Duration::try_from_secs_f64(options.warm_up)?,
        counted: Duration::try_from_secs_f64(options.seconds)?,
    };
    for _ in 0..options.passes {
        for bench in &mut stage.benches {
            bench.passes.push(bench.client.ask(&ask)?);
        }
    }
    stage.report(machine, options)
}

/// All processes of the measurement. Those that are not asked for a pass sleep.
#[derive(Default)]
struct Stage {
    echoes: Vec<Child>,
    servers: Vec<Running>,
    benches: Vec<Bench>,
    loose: usize,
    left_out: Vec<String>,
}

impl Stage {
    fn add_echo(&mut self, options: &Options, tls: bool) -> Result<(), Failure> {
        let role = Role::EchoServer(echo::ServerRole { tls });
        let mut server = Child::start(&role, Some(SERVER_CORE))?;
        let ready: echo::Ready = server.answer()?;
        let role = Role::EchoClient(echo::ClientRole {
            port: ready.port,
            certificate: ready.certificate,
            block_len: Class::from(options.class).block_len(),
            window: options.window,
            server: server.pid(),
        });
        self.echoes.push(server);
        self.loose += usize::from(!ready.pinned);
        self.add(What::Echo { tls }, &role)
    }

    fn add_pair(&mut self, options: &Options, what: What) -> Result<(), Failure> {
        let What::Edgewise { suite, connections, links, .. } = what else { return Ok(()) };
        if suite == SuiteId::Aes256Gcm.code() && !suite::aes_available() {
            self.left_out.push(format!("{}: this machine has no AES hardware", what.name()));
            return Ok(());
        }
        let server = self.servers.last().ok_or("no server")?;
        let role = Role::Pair(pair::PairRole {
            address: server.address.clone(),
            class: Class::from(options.class).number(),
            suite,
            connections,
            window: options.window,
            one_link: links == 1,
            server: server.pid(),
        });
        self.loose += usize::from(!server.pinned);
        self.add(what, &role)
    }

    fn add(&mut self, what: What, role: &Role) -> Result<(), Failure> {
        let mut client = Child::start(role, Some(CLIENT_CORE))?;
        self.loose += usize::from(!client.answer::<bool>()?);
        self.benches.push(Bench { what, client, passes: Vec::new() });
        Ok(())
    }

    fn report(self, machine: Machine, options: &Options) -> Result<Report, Failure> {
        let class = Class::from(options.class);
        let mut echo = None;
        let mut targets = Vec::new();
        let mut rows = Vec::new();
        for bench in &self.benches {
            let median = Pass::median(&bench.passes).ok_or("no pass")?;
            if matches!(bench.what, What::Echo { .. }) {
                echo = Some(median.per_second);
            }
            let ratio = median.per_second / echo.ok_or("no echo to compare with")?;
            rows.push(row(bench.what, class, median, ratio));
            if let Some(least) = bench.what.ratio(class) {
                let what = format!("{}, of the bare echo", bench.what.name());
                targets.push(Target::new(what, ratio, Bound::AtLeast(least), "x"));
            }
        }
        let mut notes = self.left_out;
        notes.push(format!(
            "{:?} blocks of {} bytes, window {}, median of {} passes of {} s after {} s",
            class,
            class.block_len(),
            options.window,
            options.passes,
            options.seconds,
            options.warm_up
        ));
        notes.push(match self.loose {
            0 => format!("servers stay on core {SERVER_CORE}, clients on core {CLIENT_CORE}"),
            loose => format!("NOT PINNED to a core: {loose} processes; figures may be halved"),
        });
        let measured: Vec<Measured> = self
            .benches
            .into_iter()
            .map(|Bench { what, passes, .. }| Measured { what, passes })
            .collect();
        Ok(Report {
            command: "throughput",
            machine,
            notes,
            table: Table { head: HEAD.to_vec(), rows },
            targets,
            measured: serde_json::to_value(measured)?,
        })
    }
}

const HEAD: [&str; 8] = [
    "",
    "parts/s",
    "of echo",
    "MB/s of parts",
    "server CPU us",
    "client CPU us",
    "p50 us",
    "p99 us",
];

fn row(what: What, class: Class, pass: &Pass, ratio: f64) -> Vec<String> {
    let microseconds = |us: Option<f64>| us.map_or_else(|| "?".to_owned(), |us| format!("{us:.2}"));
    let carried = match what {
        What::Echo { .. } => class.block_len(),
        What::Edgewise { .. } => class.part_len(),
    };
    vec![
        what.name(),
        format!("{:.0}", pass.per_second),
        format!("{ratio:.2}"),
        format!("{:.0}", pass.per_second * carried as f64 / 1e6),
        microseconds(pass.server_cpu_us),
        microseconds(pass.client_cpu_us),
        format!("{:.0}", pass.p50_us),
        format!("{:.0}", pass.p99_us),
    ]
}
