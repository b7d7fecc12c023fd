//! A million idle connections: resident memory each, and the time in which all of them are
//! attached and subscribed again after every link was lost.

use crate::Failure;
use crate::connections::{self, Ends, pump};
use crate::machine::Machine;
use crate::process::{self, Child};
use crate::report::{Bound, Report, Table, Target};
use crate::role::Role;
use crate::server::{Running, ServerRole};
use clap::Args;
use edgewise_client::{Address, Client, ClientOptions, Open, Pipeline};
use edgewise_proto::v1;
use edgewise_spec::client::{Key, Request};
use edgewise_spec::connection::Id;
use edgewise_spec::frame::Class;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Resident bytes that an idle connection may cost.
const BYTES_MAX: f64 = 300.0;
/// Seconds in which all have to be attached and subscribed again.
const SECONDS_MAX: f64 = 60.0;
/// Threads of the server and of the client: they share two cores.
const THREADS: usize = 2;
/// Connections that are made over one link, each of which may need two handles.
const PER_LINK: usize = 31_250;
/// Connections that one link makes at a time.
const AT_ONCE: usize = 100;

/// What to measure.
#[derive(Args)]
pub struct Options {
    /// Connections.
    #[arg(long, default_value_t = 1_000_000)]
    count: usize,
    /// Make each by create, claim, and one part sent, delivered and acknowledged, not by a create
    /// in state claimed. Six signatures each in the place of one.
    #[arg(long)]
    lived: bool,
}

/// A client that makes connections and comes back to them.
#[derive(Clone, Serialize, Deserialize)]
pub struct CrowdRole {
    /// Address of the server.
    pub address: String,
    /// Connections to make.
    pub count: usize,
    /// Whether each has lived: was claimed and has carried a part.
    pub lived: bool,
}

/// What the parent asks of a crowd; each is answered with [`Done`].
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Command {
    /// Make all connections, and leave no link.
    Make,
    /// Attach and subscribe to all of them.
    Attach,
    /// Drop all links without a word.
    Drop,
}

#[derive(Serialize, Deserialize)]
struct Done {
    seconds: f64,
    links: usize,
}

#[derive(Serialize)]
struct Measured {
    connections: usize,
    lived: bool,
    make_seconds: f64,
    attach_seconds: f64,
    attach_links: usize,
    resident_empty: u64,
    resident_idle: u64,
    resident_subscribed: u64,
    bytes_each: f64,
    bytes_each_subscribed: f64,
    server_cpu_us_each_attach: Option<f64>,
}

/// Makes the connections, drops the links, and brings all of them back.
pub fn measure(options: &Options) -> Result<Report, Failure> {
    let machine = Machine::look();
    let (count, lived) = (options.count, options.lived);
    let role =
        ServerRole { tls: false, threads: THREADS, links_max: 1_000, connections_max: count };
    let mut server = Running::start(role, None)?;
    let role = CrowdRole { address: server.address.clone(), count, lived };
    let mut crowd = Child::start(&Role::Crowd(role), None)?;
    crowd.answer::<()>()?;
    // One link, once, so that what the first link costs is not counted as connections.
    let resident_empty = server.resident()?;
    let made: Done = crowd.ask(&Command::Make)?;
    settle();
    let kept = server.stats()?;
    if (kept.connections, kept.parts, kept.links) != (count as u64, 0, 0) {
        return Err(format!(
            "{} connections, {} parts and {} links are kept instead of {count}, 0 and 0",
            kept.connections, kept.parts, kept.links
        )
        .into());
    }
    let resident_idle = server.resident()?;
    let ran = crate::machine::run_time(server.pid());
    let attached: Done = crowd.ask(&Command::Attach)?;
    let ran = crate::machine::run_time(server.pid()).zip(ran);
    let resident_subscribed = server.resident()?;
    crowd.ask::<Done>(&Command::Drop)?;
    let each = |bytes: u64| bytes as f64 / count as f64;
    let measured = Measured {
        connections: count,
        lived,
        make_seconds: made.seconds,
        attach_seconds: attached.seconds,
        attach_links: attached.links,
        resident_empty,
        resident_idle,
        resident_subscribed,
        bytes_each: each(resident_idle.saturating_sub(resident_empty)),
        bytes_each_subscribed: each(resident_subscribed.saturating_sub(resident_empty)),
        server_cpu_us_each_attach: ran
            .map(|(after, before)| each(after.saturating_sub(before).as_nanos() as u64) / 1_000.0),
    };
    report(machine, &measured)
}

/// Lets the server notice that links are gone.
fn settle() {
    std::thread::sleep(Duration::from_secs(2));
}

fn report(machine: Machine, measured: &Measured) -> Result<Report, Failure> {
    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let row = |what: &str, seconds: String, resident: u64, each: String| {
        vec![what.to_owned(), seconds, mebibytes(resident), each]
    };
    let rows = vec![
        row("empty", String::new(), measured.resident_empty, String::new()),
        row(
            "made, all links gone",
            format!("{:.1}", measured.make_seconds),
            measured.resident_idle,
            format!("{:.0}", measured.bytes_each),
        ),
        row(
            "attached and subscribed",
            format!("{:.1}", measured.attach_seconds),
            measured.resident_subscribed,
            format!("{:.0}", measured.bytes_each_subscribed),
        ),
    ];
    let way = if measured.lived {
        "made by create, claim and one part sent, delivered and acknowledged"
    } else {
        "made by a signed create in state claimed, as after a loss; --lived makes them whole"
    };
    let count = measured.connections;
    let mut targets = vec![Target::new(
        format!("resident memory of an idle connection, {count} of them"),
        measured.bytes_each,
        Bound::AtMost(BYTES_MAX),
        "bytes",
    )];
    targets.push(Target::new(
        format!("{count} attached and subscribed after all links were lost"),
        measured.attach_seconds,
        Bound::AtMost(SECONDS_MAX),
        "s",
    ));
    Ok(Report {
        command: "idle-connections",
        machine,
        notes: vec![
            way.to_owned(),
            format!(
                "over the wire: {} links, cleartext; server and client share the cores, unpinned",
                measured.attach_links
            ),
        ],
        table: Table { head: vec!["", "seconds", "MiB resident", "bytes each"], rows },
        targets,
        measured: serde_json::to_value(measured)?,
    })
}

/// Does what the parent asks.
pub async fn crowd(role: CrowdRole) -> Result<(), Failure> {
    let mut commands = process::commands();
    let address: Address = role.address.parse()?;
    let run = connections::run()?;
    // The first link, so that the server has done everything once.
    drop(medium(&address).await?);
    process::answer(Ok(()))?;
    let mut groups: Vec<Group> = Vec::new();
    while let Some(line) = commands.recv().await {
        let started = Instant::now();
        match serde_json::from_str(&line)? {
            Command::Make => {
                groups = gather(&role, |from, count| {
                    make(address.clone(), run, from, count, role.lived)
                })
                .await?;
            }
            Command::Attach => {
                let mut left: Vec<Group> = std::mem::take(&mut groups);
                let address = &address;
                groups = gather(&role, |_, _| {
                    let group = left.pop().unwrap_or_default();
                    attach(address.clone(), group)
                })
                .await?;
            }
            Command::Drop => groups.iter_mut().for_each(|group| group.link = None),
        }
        let seconds = started.elapsed().as_secs_f64();
        process::answer(Ok(Done { seconds, links: groups.len() }))?;
    }
    Ok(())
}

/// The connections of one link, and the keys that their recipients have kept.
#[derive(Default)]
struct Group {
    recipients: Vec<(Id, Key)>,
    link: Option<Pipeline>,
}

/// Runs one task for every PER_LINK connections.
async fn gather<F>(
    role: &CrowdRole,
    mut task: impl FnMut(usize, usize) -> F,
) -> Result<Vec<Group>, Failure>
where
    F: Future<Output = Result<Group, Failure>> + Send + 'static,
{
    let firsts = (0..role.count).step_by(PER_LINK);
    let tasks: Vec<_> =
        firsts.map(|first| tokio::spawn(task(first, PER_LINK.min(role.count - first)))).collect();
    let mut groups = Vec::new();
    for task in tasks {
        groups.push(task.await??);
    }
    Ok(groups)
}

async fn medium(address: &Address) -> Result<Pipeline, Failure> {
    let client = Client::new(ClientOptions::default());
    Ok(client.pipeline(address, Open::from(Class::Medium)).await?)
}

/// Makes connections, over a link for every AT_ONCE of them.
async fn make(
    address: Address,
    run: [u8; 16],
    first: usize,
    count: usize,
    lived: bool,
) -> Result<Group, Failure> {
    let mut recipients = Vec::with_capacity(count);
    // An open connection keeps its bundle until the first Send, and a link what is attached to it:
    // few at a time, as people do, so that what is left in the end is idle connections.
    for from in (first..first + count).step_by(AT_ONCE) {
        let mut link = medium(&address).await?;
        let fingerprint = *link.link().fingerprint();
        let numbers = from..(first + count).min(from + AT_ONCE);
        let all: Vec<Ends> = numbers.map(|n| Ends::of(&run, n as u64, &fingerprint)).collect();
        let mut left = all.iter();
        pump(&mut link, |link| {
            let Some(ends) = left.next() else { return Ok(None) };
            let request = if lived {
                ends.create(link, Class::Medium)
            } else {
                ends.restore(link, Class::Medium)
            };
            request.map(Some)
        })
        .await?;
        if lived {
            let mut left = all.iter();
            pump(&mut link, |link| left.next().map(|ends| ends.claim(link)).transpose()).await?;
            live(&mut link, &all).await?;
        }
        recipients.extend(all.into_iter().map(|ends| (ends.recipient_id, ends.recipient)));
    }
    Ok(Group { recipients, link: None })
}

/// Sends one part over each connection, and acknowledges it.
async fn live(link: &mut Pipeline, all: &[Ends]) -> Result<(), Failure> {
    let part = bytes::Bytes::from(vec![0x5a; Class::Medium.part_len()]);
    let mut requests = Vec::with_capacity(4 * all.len());
    for ends in all {
        let (recipient, sender) = (link.link().free_handle()?, link.link().free_handle()?);
        requests.push(ends.attach(link.link(), recipient, v1::Role::Recipient)?);
        requests.push(connections::subscribe(recipient));
        requests.push(ends.attach(link.link(), sender, v1::Role::Sender)?);
        let send = v1::Send { handle: sender, submission: 0, part: part.clone() };
        requests.push(Request::Send(send));
    }
    let mut requests = requests.into_iter();
    let mut delivered = pump(link, |_| Ok(requests.next())).await?.delivered;
    // The last parts may come after the last answers.
    let mut events = Vec::new();
    while delivered < all.len() as u64 {
        link.turn(&mut events).await?;
        for event in events.drain(..) {
            if let edgewise_spec::client::Event::Deliver(deliver) = event {
                delivered += 1;
                link.link().acknowledge(deliver.handle, deliver.sequence);
            }
        }
    }
    // An answer to a later request says that the acknowledgements before it were carried out.
    let mut last = Some(Request::Detach { handle: 0 });
    pump(link, |_| Ok(last.take())).await?;
    Ok(())
}

/// Attaches and subscribes to all connections of a group over one new link.
async fn attach(address: Address, group: Group) -> Result<Group, Failure> {
    let mut link = medium(&address).await?;
    let mut left = group.recipients.iter();
    let mut then = None;
    let pumped = pump(&mut link, |link| {
        if let Some(handle) = then.take() {
            return Ok(Some(connections::subscribe(handle)));
        }
        let Some((recipient_id, key)) = left.next() else { return Ok(None) };
        let handle = link.free_handle()?;
        then = Some(handle);
        connections::attach(link, handle, v1::Role::Recipient, recipient_id, key).map(Some)
    })
    .await?;
    if pumped.attached != group.recipients.len() as u64 {
        return Err(format!("{} attached", pumped.attached).into());
    }
    Ok(Group { link: Some(link), ..group })
}
