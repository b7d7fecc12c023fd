//! `matrix`: every named client with every named server, two of the client talking over the server.

use std::time::{Duration, Instant};

use clap::Args;

use super::Usage;
use crate::driver::{ClientSource, REFERENCE};
use crate::outcome::Exit;
use crate::scene::pair;
use crate::target::{START_SECONDS, Source, Variant};
use crate::verdict::Stop;

/// Texts that a pair says.
const TEXTS: usize = 40;

#[derive(Clone, Debug, Args)]
pub(super) struct MatrixOptions {
    /// A client: `reference`, `http://host:port` of a driver, or a command that starts one.
    #[arg(long = "client", value_name = "CLIENT", default_value = "reference")]
    clients: Vec<String>,
    /// A server: `reference`, an address, or a command that starts one.
    #[arg(long = "server", value_name = "SERVER", default_value = "reference")]
    servers: Vec<String>,
    /// From which the order of the texts comes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn within() -> Duration {
    Duration::from_secs(START_SECONDS)
}

fn client(text: &str) -> ClientSource {
    match text {
        "reference" => ClientSource::Embedded(REFERENCE),
        url if url.starts_with("http://") => ClientSource::Attached { url: url.to_owned() },
        command => {
            let words = vec!["sh".into(), "-c".into(), command.into()];
            ClientSource::Program { words, within: within() }
        }
    }
}

fn server(text: &str) -> Result<Source, Usage> {
    Ok(match text {
        "reference" => Source::Embedded,
        address if address.starts_with("edgewise://") => {
            let address = address.parse().map_err(|error| Usage(format!("{error}")))?;
            Source::Attached { address, capabilities: Vec::new(), password: None }
        }
        command => {
            let words = vec!["sh".into(), "-c".into(), command.into()];
            Source::Program { words, within: within() }
        }
    })
}

/// Tries every pair, in both roles, and prints a table.
pub(super) async fn matrix(options: &MatrixOptions) -> Result<Exit, Usage> {
    let width = options.clients.iter().map(String::len).max().unwrap_or_default().max(8);
    let mut all = true;
    let mut ran = false;
    for name in &options.servers {
        let started = server(name)?.start(Variant::default(), options.seed).await;
        let started = started.map_err(|fault| Usage(format!("{name}: {fault}")))?;
        let address = started.target.address.to_string();
        anstream::println!("server {name}");
        for inviter in &options.clients {
            for claimer in &options.clients {
                let begin = Instant::now();
                let (one, other) = (client(inviter), client(claimer));
                if !one.many() && inviter == claimer {
                    anstream::println!("  {inviter:<width$} × {claimer:<width$}  one client only");
                    continue;
                }
                ran = true;
                let talked = pair::converse(&one, &other, &address, options.seed, TEXTS).await;
                let millis = begin.elapsed().as_millis();
                let told = match talked {
                    Ok(()) => format!("✓  {TEXTS} texts in {millis} ms"),
                    Err(stop) => {
                        all = false;
                        format!("✗  {}", why(&stop))
                    }
                };
                anstream::println!("  {inviter:<width$} × {claimer:<width$}  {told}");
            }
        }
    }
    Ok(match (ran, all) {
        (false, _) => Exit::Harness,
        (true, true) => Exit::Conformant,
        (true, false) => Exit::Nonconformant,
    })
}

fn why(stop: &Stop) -> String {
    match stop {
        Stop::Fail(finding) | Stop::Warn(finding) => {
            format!("expected {}, actual {}", finding.expected, finding.actual)
        }
        Stop::Info(why) | Stop::Unsupported(why) | Stop::Unreachable(why) | Stop::Harness(why) => {
            why.clone()
        }
    }
}
