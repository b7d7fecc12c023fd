//! Links that are open and silent: resident memory of the server for each.

use crate::Failure;
use crate::machine::{self, Machine};
use crate::process::{self, Child};
use crate::report::{Bound, Report, Table, Target};
use crate::role::Role;
use crate::server::{Running, ServerRole};
use clap::Args;
use edgewise_client::{Address, Client, ClientOptions, Link, Open};
use edgewise_spec::frame::Class;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Resident KiB that an idle link may cost, cleartext.
const KIBIBYTES_MAX: f64 = 38.0;
/// Links that one client process holds at most.
const PER_CLIENT: usize = 9_500;
/// Links that one client opens at a time.
const AT_A_TIME: usize = 64;
/// Files that a process has open beside its links.
const OTHER_FILES: u64 = 64;

/// What to measure.
#[derive(Args)]
pub struct Options {
    /// Links.
    #[arg(long, default_value_t = 20_000)]
    count: usize,
    /// TLS outside; its buffers are measured too, then, and held to no bound.
    #[arg(long)]
    tls: bool,
}

/// A client that opens links and holds them.
#[derive(Clone, Serialize, Deserialize)]
pub struct HolderRole {
    /// Address of the server.
    pub address: String,
    /// Links to open.
    pub count: usize,
}

#[derive(Serialize)]
struct Measured {
    asked: usize,
    links: usize,
    tls: bool,
    open_seconds: f64,
    resident_empty: u64,
    resident_open: u64,
    kibibytes_each: f64,
}

/// Opens the links and looks at the server.
pub fn measure(options: &Options) -> Result<Report, Failure> {
    let machine = Machine::look();
    let (asked, tls) = (options.count, options.tls);
    let role = ServerRole { tls, threads: 2, links_max: asked + 1, connections_max: 1_000 };
    let server = Running::start(role, None)?;
    let most = usize::try_from(server.open_files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    let links = asked.min(most);
    let mut holders = Vec::new();
    let mut left = links;
    while left > 0 {
        let count = left.min(PER_CLIENT);
        left -= count;
        let role = HolderRole { address: server.address.clone(), count };
        let mut holder = Child::start(&Role::Holder(role), None)?;
        holder.answer::<()>()?;
        holders.push(holder);
    }
    let resident_empty = server.resident()?;
    let started = Instant::now();
    for holder in &mut holders {
        holder.ask::<()>(&())?;
    }
    let open_seconds = started.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(3));
    let resident_open = server.resident()?;
    // Each must still be there: a link that has ended costs nothing.
    for holder in &mut holders {
        holder.ask::<()>(&())?;
    }
    let kibibytes_each =
        resident_open.saturating_sub(resident_empty) as f64 / 1_024.0 / links as f64;
    let measured =
        Measured { asked, links, tls, open_seconds, resident_empty, resident_open, kibibytes_each };
    report(machine, &measured)
}

fn report(machine: Machine, measured: &Measured) -> Result<Report, Failure> {
    let Measured { asked, links, tls, .. } = *measured;
    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let rows = vec![
        vec!["empty".to_owned(), String::new(), mebibytes(measured.resident_empty), String::new()],
        vec![
            format!("{links} idle links"),
            format!("{:.1}", measured.open_seconds),
            mebibytes(measured.resident_open),
            format!("{:.1}", measured.kibibytes_each),
        ],
    ];
    let what = format!("resident memory of an idle link, {links} of them");
    let each = measured.kibibytes_each;
    let mut notes = Vec::new();
    let mut targets = Vec::new();
    if tls {
        notes.push(format!("TLS: the bound of {KIBIBYTES_MAX} KiB is for cleartext"));
    } else {
        targets.push(Target::new(what, each, Bound::AtMost(KIBIBYTES_MAX), "KiB"));
    }
    if links < asked {
        notes.push(format!(
            "only {links} of {asked} links: this system lets a process open no more files; raise \
             the hard limit (`ulimit -Hn {}` as root, or LimitNOFILE= of the service) and repeat",
            asked as u64 + OTHER_FILES
        ));
    }
    Ok(Report {
        command: "idle-links",
        machine,
        notes,
        table: Table { head: vec!["", "seconds", "MiB resident", "KiB each"], rows },
        targets,
        measured: serde_json::to_value(measured)?,
    })
}

/// Opens links when first asked, and says after that whether all of them live.
pub async fn hold(role: HolderRole) -> Result<(), Failure> {
    let mut commands = process::commands();
    machine::raise_open_files(role.count as u64 + OTHER_FILES);
    let address: Address = role.address.parse()?;
    let client = Client::new(ClientOptions::default());
    client.describe(&address).await?;
    process::answer(Ok(()))?;
    let mut links: Vec<Link> = Vec::new();
    while commands.recv().await.is_some() {
        if links.is_empty() {
            links = open(&client, &address, role.count).await?;
        }
        let gone = links.iter().filter(|link| is_over(link)).count();
        let answer = if gone == 0 { Ok(()) } else { Err(format!("{gone} links are gone").into()) };
        process::answer(answer)?;
    }
    Ok(())
}

/// Whether a link has ended; its ends are known without waiting.
fn is_over(link: &Link) -> bool {
    let ended = pin!(link.ended());
    ended.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

async fn open(client: &Client, address: &Address, count: usize) -> Result<Vec<Link>, Failure> {
    let turns = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = Vec::with_capacity(count);
    for _ in 0..count {
        let turn = Arc::clone(&turns).acquire_owned().await?;
        let (client, address) = (client.clone(), address.clone());
        tasks.push(tokio::spawn(async move {
            let link = client.open(&address, Open::from(Class::Medium)).await;
            drop(turn);
            link
        }));
    }
    let mut links = Vec::with_capacity(count);
    for task in tasks {
        links.push(task.await??);
    }
    Ok(links)
}
