//! `network`: ten groups of edges on this machine, with one word.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, logging, say, serve};
use crate::config::{LogFormat, LogLevel};
use crate::network::{Network, PROFILE_L, PROFILE_S, Shape};
use crate::stats::Stats;

/// How often what is shown on a terminal is drawn anew.
const DRAWN_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct NetworkArgs {
    /// How large: s is ten groups of two edges, l is ten groups of twenty.
    #[arg(long, value_enum, default_value = "s")]
    profile: Profile,
    /// The first of consecutive ports, group by group; else free ports are chosen.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    base_port: Option<u16>,
    /// Write an address of each group into this file, a line each.
    #[arg(long, value_name = "FILE")]
    addresses: Option<PathBuf>,
    /// Say where everything is as one JSON object, and nothing else.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Profile {
    /// Ten groups of two edges.
    S,
    /// Ten groups of twenty edges.
    L,
}

impl Profile {
    const fn shape(self) -> Shape {
        match self {
            Self::S => PROFILE_S,
            Self::L => PROFILE_L,
        }
    }
}

/// What `--json` says.
#[derive(Serialize)]
struct Said {
    kind: &'static str,
    profile: Profile,
    groups: Vec<SaidGroup>,
}

#[derive(Serialize)]
struct SaidGroup {
    group: usize,
    addresses: Vec<String>,
}

/// Runs a network until a signal ends it.
pub(crate) fn network(arguments: &NetworkArgs) -> Result<(), Failure> {
    logging::install(LogLevel::Warn, LogFormat::Text);
    let shape = arguments.profile.shape();
    if let Some(base) = arguments.base_port.filter(|base| shape.last_port(*base).is_none()) {
        let count = shape.groups * shape.edges;
        let message = format!("`--base-port` cannot be {base}: {count} ports do not fit above it");
        return Err(Failure::usage(message));
    }
    serve::runtime()?.block_on(async {
        // Before anything is said: whoever reads it may send a signal at once.
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::work)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::work)?;
        let started = Network::start(shape, arguments.base_port).await;
        let network = started.map_err(Failure::work)?;
        announce(arguments, &network)?;
        let live = !arguments.json && std::io::stdout().is_terminal();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = show(&network, live) => {}
        }
        network.shutdown().await;
        Ok(())
    })
}

/// Says where everything is, and writes it where it is wanted.
fn announce(arguments: &NetworkArgs, network: &Network) -> Result<(), Failure> {
    let addresses = network.addresses();
    if let Some(path) = &arguments.addresses {
        let firsts = addresses.iter().filter_map(|group| group.first());
        let text = firsts.fold(
            "# One address of each group; its other edges are found through it.\n".to_owned(),
            |text, address| format!("{text}{address}\n"),
        );
        std::fs::write(path, text)
            .map_err(|error| Failure::work(format!("cannot write {}: {error}", path.display())))?;
    }
    if arguments.json {
        let text = |(index, group): (usize, &Vec<_>)| SaidGroup {
            group: index + 1,
            addresses: group.iter().map(ToString::to_string).collect(),
        };
        let groups = addresses.iter().enumerate().map(text).collect();
        let said = Said { kind: "network", profile: arguments.profile, groups };
        say(serde_json::to_string(&said).map_err(Failure::work)?);
        return Ok(());
    }
    for (index, group) in addresses.iter().enumerate() {
        let Some(first) = group.first() else { continue };
        say(format_args!("group {:>2}  {first}", index + 1));
        let others: Vec<_> = group.iter().skip(1).map(|address| address.edge.to_string()).collect();
        say(format_args!("          also at {}", others.join(", ")));
    }
    match &arguments.addresses {
        Some(path) => {
            say(format_args!("take all in: edgewise servers add --file {}", path.display()));
        }
        None => say("take one in: edgewise servers add ADDRESS"),
    }
    say("ctrl-c ends all of it, and everything that is kept in it");
    Ok(())
}

/// Draws what the groups do, again and again; without a terminal, nothing.
async fn show(network: &Network, live: bool) {
    if !live {
        return std::future::pending().await;
    }
    let mut drawn = 0;
    loop {
        let table = table(&network.stats());
        // Up over what was drawn before, and over it line by line.
        let up = if drawn > 0 { format!("\x1b[{drawn}A") } else { String::new() };
        drawn = table.lines().count();
        let lines = table.lines().fold(up, |text, line| format!("{text}\x1b[2K{line}\n"));
        let mut out = std::io::stdout();
        if out.write_all(lines.as_bytes()).and_then(|()| out.flush()).is_err() {
            // Nobody looks any more; it goes on all the same.
            return std::future::pending().await;
        }
        tokio::time::sleep(DRAWN_EVERY).await;
    }
}

/// A line a group: aggregates, and nothing about anyone.
fn table(groups: &[Stats]) -> String {
    let mut text = String::from("group  edges  links  connections  parts  blocks in  blocks out\n");
    for (index, group) in groups.iter().enumerate() {
        let serving = group.edges.iter().filter(|edge| edge.serving).count();
        let all = group.edges.len();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:>5}  {:>5}  {:>5}  {:>11}  {:>5}  {:>9}  {:>10}",
            index + 1,
            format!("{serving}/{all}"),
            group.links,
            group.connections,
            group.parts,
            group.blocks_in,
            group.blocks_out,
        );
    }
    text
}
