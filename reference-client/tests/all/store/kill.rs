//! A process that is killed at any moment loses nothing that it said was stored, and seals no
//! counter twice.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use edgewise_client::store::{
    Cell, ConnectionId, ContactId, Direction, End, Message, Owner, ProfileId, Receiving, Says,
    Sending, SessionId, Store, StoreError, Unlock, Versioned,
};
use edgewise_spec::suite;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Home, OPTIONS, connection, recipient, said, sender, versioned};

const ROUNDS: u64 = 60;
const COMMITS: usize = 200;

/// One line for the parent, written at once.
macro_rules! tell {
    ($($what:tt)*) => {{
        let line = format!($($what)*) + "\n";
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        std::io::stdout().flush().unwrap();
    }};
}

/// Another process, running one task on a home's store.
pub struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    pub fn start(home: &Home, task: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "store::kill::child", "--ignored", "--nocapture"]);
        command.env("EDGEWISE_FOLDER", home.folder.path()).env("EDGEWISE_TASK", task);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Self { process, lines }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn wait_for(&self, wanted: &str) {
        let limit = Duration::from_secs(20);
        while self.lines.recv_timeout(limit).expect("the child says so in time") != wanted {}
    }

    /// Kills it, as `kill -9` does, and returns what it said.
    pub fn kill(mut self) -> Vec<String> {
        assert!(self.process.try_wait().unwrap().is_none(), "it ended by itself");
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.lines.iter().collect()
    }
}

/// Does nothing unless another test starts it.
#[test]
#[ignore = "the body of other tests"]
fn child() {
    let folder = PathBuf::from(std::env::var_os("EDGEWISE_FOLDER").unwrap());
    let unlock = Unlock::KeyFile(folder.join("key"));
    let mut store = Store::open(&folder.join("chat.db"), &unlock, &OPTIONS).unwrap();
    // Ends the line that the harness has begun.
    tell!("");
    if std::env::var("EDGEWISE_TASK").unwrap() == "hold" {
        tell!("held");
        thread::sleep(Duration::from_secs(60));
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(std::process::id()));
    let rows = Rows::find(&store);
    loop {
        match rng.next_u32() % 8 {
            0..4 => send(&mut store, &rows, &mut rng),
            4..6 => receive(&mut store, &rows),
            6 => release(&mut store, &rows),
            _ => {
                store.close().unwrap();
                store = Store::open(&folder.join("chat.db"), &unlock, &OPTIONS).unwrap();
            }
        }
    }
}

struct Rows {
    contact: ContactId,
    session: SessionId,
    sender: ConnectionId,
}

impl Rows {
    fn find(store: &Store) -> Self {
        let read = store.read();
        let profile = read.profiles().unwrap()[0].0;
        let contact = read.contacts(profile).unwrap()[0].0;
        let session = read.sessions(contact).unwrap()[0].0;
        let ends = read.connections(profile).unwrap();
        let sender = ends.iter().find(|(_, it)| matches!(it.end, End::Sender(_))).unwrap().0;
        Self { contact, session, sender }
    }
}

/// The state of this test's session: the counters it has sealed and opened.
fn state(sealed: u32, opened: u64) -> Versioned {
    let mut bytes = sealed.to_be_bytes().to_vec();
    bytes.extend(opened.to_be_bytes());
    // Long enough for several pages, so that half of it could be written.
    bytes.extend(bytes.repeat(700));
    versioned(&bytes)
}

fn counters(state: &Versioned) -> (u32, u64) {
    let (sealed, rest) = state.bytes().split_first_chunk().unwrap();
    let counters = (u32::from_be_bytes(*sealed), u64::from_be_bytes(rest[..8].try_into().unwrap()));
    assert_eq!(*state, self::state(counters.0, counters.1), "a state that is not of one piece");
    counters
}

/// Seals a cell, which never comes out the same twice, and lets it leave once it is stored.
fn send(store: &mut Store, rows: &Rows, rng: &mut ChaCha8Rng) {
    let session = store.read().session(rows.session).unwrap().unwrap();
    let (sealed, opened) = counters(&session.state);
    let s = sealed + 1;
    let mut part = vec![0; 3_920];
    rng.fill_bytes(&mut part);
    let fingerprint = fingerprint(&part);
    let message = Message { id: s.to_be_bytes().to_vec(), ..said(0, "from here") };
    let sending = Sending {
        session: rows.session,
        revision: session.revision,
        state: &state(s, opened),
        cells: &[Cell { s, parts: vec![(rows.sender, part.into())] }],
        says: Says::New(&message),
    };
    store.write(|tx| tx.send(&sending)).unwrap();
    tell!("left {s} {fingerprint}");
}

fn receive(store: &mut Store, rows: &Rows) {
    let session = store.read().session(rows.session).unwrap().unwrap();
    let (sealed, opened) = counters(&session.state);
    let through = opened + 1;
    let message = Message {
        id: [&[1][..], &through.to_be_bytes()].concat(),
        direction: Direction::Received,
        ..said(0, "from there")
    };
    let receiving = Receiving {
        session: rows.session,
        revision: session.revision,
        state: &state(sealed, through),
        message: Some(&message),
        pieces: &[],
        joined: &[],
    };
    store.write(|tx| tx.receive(&receiving)).unwrap();
    tell!("acknowledged {through}");
}

fn release(store: &mut Store, rows: &Rows) {
    let kept = store.read().parts(rows.sender).unwrap();
    let Some((number, _)) = kept.get(kept.len() / 2) else { return };
    store.write(|tx| tx.release(rows.sender, *number)).unwrap();
    tell!("released {number}");
}

fn fingerprint(part: &[u8]) -> String {
    suite::hash(&[part]).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the outside world has seen.
#[derive(Default)]
struct World {
    left: HashMap<u32, String>,
    acknowledged: u64,
    released: Option<u64>,
    commits: usize,
}

impl World {
    fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["left", s, fingerprint] => self.cell(s.parse().unwrap(), fingerprint),
            ["acknowledged", through] => self.acknowledged = through.parse().unwrap(),
            ["released", number] => self.released = Some(number.parse().unwrap()),
            _ => return,
        }
        self.commits += 1;
    }

    fn cell(&mut self, s: u32, fingerprint: &str) {
        let known = self.left.entry(s).or_insert_with(|| fingerprint.to_owned());
        assert_eq!(known, fingerprint, "counter {s} was sealed twice");
    }

    /// The store must be in a state that was committed, and not before anything that left.
    fn compare(&mut self, store: &Store, rows: &Rows) {
        let read = store.read();
        let session = read.session(rows.session).unwrap().unwrap();
        let (sealed, opened) = counters(&session.state);
        assert_eq!(session.sealed, sealed);
        let last_left = self.left.keys().max().copied().unwrap_or(0);
        assert!(sealed == last_left || sealed == last_left + 1, "{sealed} after {last_left}");
        let told = self.acknowledged;
        assert!(opened == told || opened == told + 1, "{opened} after {told}");
        // Everything of one transaction is there, or nothing.
        let end = read.end(rows.contact).unwrap().map_or(0, |position| position.0);
        assert_eq!(end, u64::from(sealed) + opened);
        let last = read.message_of(rows.contact, &sealed.to_be_bytes()).unwrap();
        assert_eq!(last.is_some(), sealed > 0);
        let kept = read.parts(rows.sender).unwrap();
        let first = kept.first().map_or(u64::from(sealed), |(number, _)| *number);
        assert!(self.released.is_none_or(|number| first > number));
        for (at, (number, part)) in kept.iter().enumerate() {
            assert_eq!(*number, first + at as u64);
            assert_eq!(u64::from(part.s), number + 1);
            self.cell(part.s, &fingerprint(&part.part));
        }
        assert_eq!(first + kept.len() as u64, u64::from(sealed));
        self.acknowledged = opened;
    }
}

fn prepare(home: &Home) {
    let mut store = home.create();
    store
        .write(|tx| {
            let profile: ProfileId =
                tx.add_profile(&edgewise_client::store::Profile::named("Ann"))?;
            let contact =
                edgewise_client::store::Contact::named(profile, "Bob", Default::default());
            let contact = tx.add_contact(&contact)?;
            tx.add_session(contact, &state(0, 0))?;
            let owner = Owner::Contact(contact);
            tx.add_connection(&connection(profile, owner, End::Sender(Box::new(sender()))))?;
            let end = End::Recipient(Box::new(recipient()));
            tx.add_connection(&connection(profile, owner, end))?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    store.close().unwrap();
}

#[test]
fn killed_at_any_moment_it_goes_on_from_what_was_committed() {
    let home = Home::new();
    prepare(&home);
    let mut world = World::default();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for round in 0.. {
        // More on a slow machine, until enough has happened.
        if round >= ROUNDS && world.commits > COMMITS || round >= 20 * ROUNDS {
            break;
        }
        let child = Child::start(&home, "work");
        // From before it has opened the store to some dozens of transactions later.
        thread::sleep(Duration::from_micros(u64::from(rng.next_u32() % 90_000)));
        for line in child.kill() {
            world.note(&line);
        }
        let store = home.open();
        world.compare(&store, &Rows::find(&store));
        if round % 2 == 0 {
            store.close().unwrap();
        }
    }
    assert!(world.commits > COMMITS, "only {} transactions", world.commits);
}
