//! `matrix`: every named client with every other over every named server.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::Usage;
use super::implementations::Implementations;
use crate::driver::ClientSource;
use crate::outcome::{Exit, Outcome};
use crate::report::{PairReport, Report, Wanted, format, tree};
use crate::runner;
use crate::scene::pair;
use crate::target::{Source, Variant};

/// Texts that a pair says.
const TEXTS: usize = 40;

#[derive(Clone, Debug, Args)]
pub(super) struct MatrixOptions {
    /// A TOML file that names clients and servers.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["clients", "servers"])]
    file: Option<PathBuf>,
    /// A client: `reference`, `http://host:port` of a driver, or a command that starts one.
    #[arg(long = "client", value_name = "CLIENT", default_value = "reference")]
    clients: Vec<String>,
    /// A server: `reference`, an address, or a command that starts one.
    #[arg(long = "server", value_name = "SERVER", default_value = "reference")]
    servers: Vec<String>,
    /// From which the order of the texts comes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write a report, as json, html, junit, markdown or badge. May be repeated.
    #[arg(long, value_name = "FORMAT=PATH")]
    report: Vec<Wanted>,
}

/// Tries every pair, in both roles, and reports each; a server that does not start is one of them.
pub(super) async fn matrix(options: &MatrixOptions) -> Result<Exit, Usage> {
    let all = match &options.file {
        Some(path) => Implementations::read(path)
            .map_err(|error| Usage(format!("{}: {error}", path.display())))?,
        None => Implementations::of(&options.clients, &options.servers).map_err(Usage)?,
    };
    let begin = Instant::now();
    let mut report = Report::new(Vec::new(), options.seed, Vec::new(), &[]);
    for (name, server) in &all.servers {
        anstream::println!("server {name}");
        report.matrix.extend(over(name, server, &all.clients, options.seed).await);
    }
    report.duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    report.judge(false);
    anstream::print!("{}", tree::summary(&report));
    format::write(&report, &options.report).map_err(Usage)?;
    Ok(report.verdict)
}

/// Every pair over one server.
async fn over(
    name: &str,
    server: &Source,
    clients: &[(String, ClientSource)],
    seed: u64,
) -> Vec<PairReport> {
    let started = server.start(Variant::default(), seed).await;
    let width = clients.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let mut pairs = Vec::new();
    for (inviter, one) in clients {
        for (claimer, other) in clients {
            let begin = Instant::now();
            let (outcome, note) = match &started {
                Err(fault) => (Outcome::Notrun, fault.to_string()),
                Ok(_) if !one.many() && inviter == claimer => {
                    (Outcome::Unsupported, "one client only".to_owned())
                }
                Ok(server) => {
                    let address = server.target.address.to_string();
                    let talked = pair::converse(one, other, &address, seed, TEXTS).await;
                    let (outcome, finding) = runner::judge(talked);
                    let note = finding.map_or_else(
                        || format!("{TEXTS} texts"),
                        |finding| {
                            format!("expected {}, actual {}", finding.expected, finding.actual)
                        },
                    );
                    (outcome, note)
                }
            };
            let pair = PairReport {
                server: name.to_owned(),
                inviter: inviter.clone(),
                claimer: claimer.clone(),
                outcome,
                duration_ms: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
                note,
            };
            anstream::println!("{}", tree::pair(&pair, width));
            pairs.push(pair);
        }
    }
    pairs
}
