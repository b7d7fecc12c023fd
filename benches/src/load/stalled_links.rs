//! Links whose peer stopped reading while parts wait for it: resident memory of the server for
//! each, beside the parts themselves.

use crate::Failure;
use crate::connections::{self, Ends, pump};
use crate::machine::{self, Machine};
use crate::process::{self, Child};
use crate::report::{Bound, Report, Table, Target};
use crate::role::Role;
use crate::server::{Running, ServerRole};
use clap::Args;
use edgewise_client::{Address, Client, ClientOptions, Open, Pipeline};
use edgewise_proto::v1;
use edgewise_spec::client::Request;
use edgewise_spec::frame::Class;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Resident KiB that a stalled link may cost, cleartext.
const KIBIBYTES_MAX: f64 = 101.0;
/// Files that a process has open beside its links.
const OTHER_FILES: u64 = 64;
/// Connections of each link: one subscription alone would not fill HTTP/2's window.
const CONNECTIONS: usize = 3;

/// What to measure.
#[derive(Args)]
pub struct Options {
    /// Links.
    #[arg(long, default_value_t = 1_000)]
    count: usize,
    /// Medium parts that wait for each, in three connections: as many as three subscriptions may
    /// have under way, and more than the client's HTTP/2 window (127 blocks) takes.
    #[arg(long, default_value_t = 192)]
    parts: u64,
}

/// A client whose links stop reading.
#[derive(Clone, Serialize, Deserialize)]
pub struct StallerRole {
    /// Address of the server.
    pub address: String,
    /// Links, each with connections of its own.
    pub count: usize,
    /// Parts that wait for each link.
    pub parts: u64,
}

#[derive(Serialize)]
struct Measured {
    links: usize,
    parts: u64,
    stall_seconds: f64,
    resident_parts: u64,
    resident_stalled: u64,
    kibibytes_each: f64,
}

/// Fills the connections, opens the links, lets them stop reading and looks at the server.
pub fn measure(options: &Options) -> Result<Report, Failure> {
    let machine = Machine::look();
    let (links, parts) = (options.count, options.parts);
    let (links_max, connections_max) = (links + 16, CONNECTIONS * links);
    let role = ServerRole { tls: false, threads: 2, links_max, connections_max };
    let mut server = Running::start(role, None)?;
    if server.open_files < links as u64 + OTHER_FILES {
        return Err(format!("a process may open {} files here", server.open_files).into());
    }
    let role = StallerRole { address: server.address.clone(), count: links, parts };
    let mut staller = Child::start(&Role::Staller(role), None)?;
    staller.answer::<()>()?;
    std::thread::sleep(Duration::from_secs(2));
    let resident_parts = server.resident()?;
    let blocks = server.stats()?.blocks_out;
    let started = Instant::now();
    staller.ask::<()>(&())?;
    // The server fills what HTTP/2 and its own buffers take; it ends a stalled link only later.
    std::thread::sleep(Duration::from_secs(3));
    let resident_stalled = server.resident()?;
    let stats = server.stats()?;
    let (all, out) = (parts * links as u64, stats.blocks_out - blocks);
    if stats.links != links as u64 || out >= all {
        return Err(format!("{} links, {out} blocks of {all}: not all stalled", stats.links).into());
    }
    let measured = Measured {
        links,
        parts,
        stall_seconds: started.elapsed().as_secs_f64(),
        resident_parts,
        resident_stalled,
        kibibytes_each: resident_stalled.saturating_sub(resident_parts) as f64
            / 1_024.0
            / links as f64,
    };
    report(machine, &measured)
}

fn report(machine: Machine, measured: &Measured) -> Result<Report, Failure> {
    let Measured { links, parts, kibibytes_each: each, .. } = *measured;
    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let row = |what: String, resident: u64, each: String| vec![what, mebibytes(resident), each];
    let rows = vec![
        row(format!("no link, {parts} parts for each"), measured.resident_parts, String::new()),
        row(format!("{links} links stalled"), measured.resident_stalled, format!("{each:.1}")),
    ];
    let what = format!("resident memory of a stalled link, {links} of them");
    Ok(Report {
        command: "stalled-links",
        machine,
        notes: vec![format!(
            "measured {:.0} s after the first stall; cleartext, class medium",
            measured.stall_seconds
        )],
        table: Table { head: vec!["", "MiB resident", "KiB each"], rows },
        targets: vec![Target::new(what, each, Bound::AtMost(KIBIBYTES_MAX), "KiB")],
        measured: serde_json::to_value(measured)?,
    })
}

/// Makes and fills the connections; when asked, subscribes to each over a link that is never read
/// again.
pub async fn stall(role: StallerRole) -> Result<(), Failure> {
    let mut commands = process::commands();
    machine::raise_open_files(role.count as u64 + OTHER_FILES);
    let address: Address = role.address.parse()?;
    let client = Client::new(ClientOptions::default());
    let open = Open::from(Class::Medium);
    let run = connections::run()?;
    let mut link = client.pipeline(&address, open).await?;
    let fingerprint = *link.link().fingerprint();
    let all: Vec<Ends> =
        (0..(CONNECTIONS * role.count) as u64).map(|n| Ends::of(&run, n, &fingerprint)).collect();
    for ends in &all {
        fill(&mut link, ends, role.parts.div_ceil(CONNECTIONS as u64)).await?;
    }
    drop(link);
    process::answer(Ok(()))?;
    let mut stalled = Vec::with_capacity(role.count);
    while commands.recv().await.is_some() {
        for of_link in all.chunks(CONNECTIONS).skip(stalled.len()) {
            let mut link = client.pipeline(&address, open).await?;
            let mut requests = Vec::new();
            for ends in of_link {
                let handle = link.link().free_handle()?;
                requests.push(ends.attach(link.link(), handle, v1::Role::Recipient)?);
                requests.push(connections::subscribe(handle));
            }
            let mut requests = requests.into_iter();
            pump(&mut link, |_| Ok(requests.next())).await?;
            // From here on nobody turns this link: it neither reads nor opens a window.
            stalled.push(link);
        }
        process::answer(Ok(()))?;
    }
    Ok(())
}

/// Makes one connection and sends it parts.
async fn fill(link: &mut Pipeline, ends: &Ends, parts: u64) -> Result<(), Failure> {
    let handle = link.link().free_handle()?;
    let mut create = Some(ends.restore(link.link(), Class::Medium)?);
    pump(link, |_| Ok(create.take())).await?;
    let mut requests = vec![ends.attach(link.link(), handle, v1::Role::Sender)?];
    for submission in 0..parts {
        let part = bytes::Bytes::from(vec![0x5a; Class::Medium.part_len()]);
        requests.push(Request::Send(v1::Send { handle, submission, part }));
    }
    let mut requests = requests.into_iter();
    pump(link, |_| Ok(requests.next())).await?;
    Ok(())
}
