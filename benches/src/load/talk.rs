//! Two people over a server with TLS: from a text typed to a text shown, both stores on the disk.

use crate::Failure;
use crate::machine::Machine;
use crate::report::{Bound, Report, Table, Target};
use crate::server::{Running, ServerRole};
use clap::Args;
use edgewise_client::messenger::{
    Accept, Event, Events, InvitationStep, Invite, Messenger, Options as Messaging, Reach, Say,
};
use edgewise_client::store::{self, ContactId, ProfileId, Store, Stretch, Unlock};
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Median milliseconds from typed to shown.
const MILLISECONDS_MAX: f64 = 5.0;
/// Seconds until a thousand texts that waited are shown.
const SECONDS_MAX: f64 = 3.0;
/// Between two texts, so that each finds everything at rest.
const PAUSE: Duration = Duration::from_millis(20);
/// Nothing of this takes so long, unless it is broken.
const LIMIT: Duration = Duration::from_secs(60);

/// What to measure.
#[derive(Args)]
pub struct Options {
    /// Texts, one after the other.
    #[arg(long, default_value_t = 500)]
    texts: usize,
    /// Texts that wait for somebody who is away.
    #[arg(long, default_value_t = 1_000)]
    waiting: usize,
    /// No TLS outside.
    #[arg(long)]
    cleartext: bool,
}

#[derive(Serialize)]
struct Measured {
    texts: usize,
    tls: bool,
    /// A bare write of a page and its wait for the disk: two of them are in each text.
    sync_ms: [f64; 3],
    stored_ms: [f64; 3],
    shown_ms: [f64; 3],
    waiting: usize,
    said_seconds: f64,
    delivered_seconds: f64,
}

/// Measures both.
pub fn measure(options: &Options) -> Result<Report, Failure> {
    let machine = Machine::look();
    let tls = !options.cleartext;
    let role = ServerRole { tls, threads: 1, links_max: 100, connections_max: 1_000 };
    let server = Running::start(role, None)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let measured = runtime.block_on(talk(options, tls, &server.address))?;
    report(machine, &measured)
}

async fn talk(options: &Options, tls: bool, address: &str) -> Result<Measured, Failure> {
    let (mut ann, mut bob) = (Person::new("Ann").await?, Person::new("Bob").await?);
    let server: edgewise_client::Address = address.parse()?;
    ann.messenger.add_server(ann.profile, server.clone(), None).await?;
    bob.messenger.add_server(bob.profile, server, None).await?;
    let card = ann.card().await?;
    let anns = bob.messenger.accept(bob.profile, &card, Accept::default()).await?;
    let bobs = ann.accepted().await?;
    bob.ready(anns).await?;
    ann.ready(bobs).await?;
    let sync = syncs(ann.folder.path(), options.texts)?;
    let (mut stored, mut shown) = (Vec::new(), Vec::new());
    for number in 0..options.texts {
        let started = Instant::now();
        ann.messenger.send(bobs, Say::Text(format!("text {number}"))).await?;
        stored.push(started.elapsed());
        bob.shown().await?;
        shown.push(started.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    let bob = bob.close().await?;
    let started = Instant::now();
    for number in 0..options.waiting {
        ann.messenger.send(bobs, Say::Text(format!("waiting {number}"))).await?;
    }
    let said_seconds = started.elapsed().as_secs_f64();
    // What a server can take while somebody is away, it has.
    ann.messenger.flush(2_000).await?;
    let started = Instant::now();
    let mut bob = Person::open(bob).await?;
    for _ in 0..options.waiting {
        bob.shown().await?;
    }
    let delivered_seconds = started.elapsed().as_secs_f64();
    Ok(Measured {
        texts: options.texts,
        tls,
        sync_ms: percentiles(sync),
        stored_ms: percentiles(stored),
        shown_ms: percentiles(shown),
        waiting: options.waiting,
        said_seconds,
        delivered_seconds,
    })
}

/// What the disk takes for a page that is to be there.
fn syncs(folder: &Path, count: usize) -> Result<Vec<Duration>, Failure> {
    let mut file = File::create(folder.join("bare"))?;
    let page = [7; 4_096];
    (0..count.max(1))
        .map(|_| {
            let started = Instant::now();
            file.write_all(&page)?;
            file.sync_data()?;
            Ok(started.elapsed())
        })
        .collect()
}

/// The median, and what nine of ten and ninety-nine of a hundred stay below, in milliseconds.
fn percentiles(mut times: Vec<Duration>) -> [f64; 3] {
    times.sort_unstable();
    let at = |of: usize| {
        let place = (times.len() * of / 100).min(times.len().saturating_sub(1));
        times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
    };
    [at(50), at(90), at(99)]
}

fn report(machine: Machine, measured: &Measured) -> Result<Report, Failure> {
    let row = |name: &str, [p50, p90, p99]: [f64; 3]| {
        let cells = [p50, p90, p99].map(|it| format!("{it:.2}"));
        std::iter::once(name.to_owned()).chain(cells).collect::<Vec<_>>()
    };
    let rows = vec![
        row("a bare page written and synced", measured.sync_ms),
        row("typed to stored and on its way", measured.stored_ms),
        row("typed to shown", measured.shown_ms),
    ];
    let [p50, ..] = measured.shown_ms;
    let (waiting, said) = (measured.waiting, measured.said_seconds);
    let targets = vec![
        Target::new("typed to shown, median".into(), p50, Bound::AtMost(MILLISECONDS_MAX), "ms"),
        Target::new(
            format!("{waiting} texts that waited, from opening to the last one shown"),
            measured.delivered_seconds,
            Bound::AtMost(SECONDS_MAX),
            "s",
        ),
    ];
    let notes = vec![format!("{waiting} texts were said in {said:.2} s, each stored by itself")];
    Ok(Report {
        command: "talk",
        machine,
        notes,
        table: Table { head: vec!["milliseconds", "p50", "p90", "p99"], rows },
        targets,
        measured: serde_json::to_value(measured)?,
    })
}

struct Person {
    messenger: Messenger,
    events: Events,
    profile: ProfileId,
    folder: TempDir,
}

/// What is left of somebody who is away.
struct Away(TempDir, ProfileId);

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("chat.db")
}

fn unlock() -> (Unlock, store::Options) {
    let stretch = Stretch { memory_kib: 8, passes: 1 };
    (Unlock::passphrase("load"), store::Options { stretch, ..store::Options::default() })
}

impl Person {
    async fn new(name: &str) -> Result<Self, Failure> {
        // Not the system's folder for temporary files, which may be memory.
        let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
        let (unlock, options) = unlock();
        let store = Store::create(&path(&folder), &unlock, &options)?;
        let (messenger, events) = Messenger::open(store, Messaging::default()).await?;
        let profile = messenger.add_profile(name).await?;
        Ok(Self { messenger, events, profile, folder })
    }

    async fn open(Away(folder, profile): Away) -> Result<Self, Failure> {
        let (unlock, options) = unlock();
        let store = Store::open(&path(&folder), &unlock, &options)?;
        let (messenger, events) = Messenger::open(store, Messaging::default()).await?;
        Ok(Self { messenger, events, profile, folder })
    }

    async fn close(self) -> Result<Away, Failure> {
        self.messenger.close().await?;
        Ok(Away(self.folder, self.profile))
    }

    async fn next<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> Result<T, Failure> {
        let waiting = async {
            loop {
                let event = self.events.next().await.ok_or("the messenger has ended")?;
                if let Some(found) = wanted(&event) {
                    return Ok::<T, Failure>(found);
                }
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.map_err(|_| "nothing comes any more")?
    }

    async fn card(&mut self) -> Result<String, Failure> {
        let id = self.messenger.invite(self.profile, Invite::default()).await?;
        self.next(|event| {
            matches!(event, Event::Invitation { step: InvitationStep::Ready, .. }).then_some(())
        })
        .await?;
        Ok(self.messenger.card(id, true).await?)
    }

    async fn accepted(&mut self) -> Result<ContactId, Failure> {
        self.next(|event| match event {
            Event::Invitation { step: InvitationStep::Accepted(contact), .. } => Some(*contact),
            _ => None,
        })
        .await
    }

    async fn ready(&mut self, contact: ContactId) -> Result<(), Failure> {
        while self.messenger.contact(contact).await?.reach != Reach::Ready {
            self.next(|event| matches!(event, Event::Contact(_)).then_some(())).await?;
        }
        Ok(())
    }

    async fn shown(&mut self) -> Result<(), Failure> {
        self.next(|event| matches!(event, Event::Message { .. }).then_some(())).await
    }
}
