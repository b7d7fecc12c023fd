//! A link in cadence, as the network sees it: through a carrier that writes down what passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edgewise_client::{
    Address, Class, Client, ClientOptions, Clock, Error, Event, Open, Pipeline, Request, TickMs,
};
use edgewise_proto::v1;
use edgewise_spec::cadence::BlockBytes;
use edgewise_spec::error::Reject;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::server::{Config, TestServer};

/// Far longer than any test here takes, so that only the test's own steps make ticks.
const TICK_MS: u64 = 300_000;
/// More than a busy machine takes for one block there and back.
const PATIENCE: Duration = Duration::from_secs(20);
/// What nobody sends in this time is not sent.
const QUIET: Duration = Duration::from_millis(150);

/// Bytes that have passed, to the server and from it.
#[derive(Clone, Default)]
struct Watch(Arc<[AtomicU64; 2]>);

impl Watch {
    fn bytes(&self) -> (u64, u64) {
        let [up, down] = &*self.0;
        (up.load(Ordering::SeqCst), down.load(Ordering::SeqCst))
    }

    /// Stands between a client and the server at `address`; the address of the way through it.
    async fn before(address: &Address) -> (Self, Address) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut through = address.clone();
        through.edge.port = listener.local_addr().unwrap().port();
        let (watch, port) = (Self::default(), address.edge.port);
        let seen = watch.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let (near, far) = (near.into_split(), far.into_split());
                tokio::spawn(carry(near.0, far.1, seen.clone(), 0));
                tokio::spawn(carry(far.0, near.1, seen.clone(), 1));
            }
        });
        (watch, through)
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    watch: Watch,
    way: usize,
) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        watch.0[way].fetch_add(count as u64, Ordering::SeqCst);
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// A link in cadence, and what the network sees of it.
struct Watched {
    pipeline: Pipeline,
    clock: Clock,
    watch: Watch,
    seen: (u64, u64),
    events: Vec<Event>,
}

impl Watched {
    /// Open, its first block answered, and its clock at a point that has had its block.
    async fn open(server: &TestServer, clock: &Clock) -> Self {
        let (watch, address) = Watch::before(&server.address).await;
        let client =
            Client::new(ClientOptions { clock: clock.clone(), ..ClientOptions::default() });
        let tick = TickMs::try_from(TICK_MS as u32).unwrap();
        let open = Open { class: Class::Small, suite: None, cadence: Some(tick) };
        let mut pipeline = client.pipeline(&address, open).await.unwrap();
        let now = clock.now();
        let point = pipeline.link().point_after(now).unwrap();
        let clock = clock.clone();
        let mut this = Self { pipeline, clock, watch, seen: (0, 0), events: Vec::new() };
        this.settle().await;
        this.pass(point.millis() - now.millis()).await;
        this
    }

    /// Turns the link until nothing passes any more.
    async fn settle(&mut self) {
        loop {
            let before = self.watch.bytes();
            if timeout(QUIET, self.pipeline.turn(&mut self.events)).await.is_err()
                && self.watch.bytes() == before
            {
                self.seen = before;
                return;
            }
        }
    }

    /// Lets time pass for the client until something has gone each way, and says how many bytes.
    async fn pass(&mut self, millis: u64) -> (u64, u64) {
        let before = self.seen;
        self.clock.advance_millis(millis);
        let passed = async {
            while self.watch.bytes().0 == before.0 || self.watch.bytes().1 == before.1 {
                let _ = timeout(QUIET, self.pipeline.turn(&mut self.events)).await;
            }
        };
        timeout(PATIENCE, passed).await.expect("a block each way");
        self.settle().await;
        (self.seen.0 - before.0, self.seen.1 - before.1)
    }

    /// Lets time pass in which nothing is to go.
    async fn pass_in_silence(&mut self, millis: u64) {
        let before = self.seen;
        self.clock.advance_millis(millis);
        for _ in 0..4 {
            self.settle().await;
        }
        assert_eq!(self.seen, before);
    }
}

/// What one block costs each way, as the chapter counts it.
fn block(tls: bool) -> (u64, u64) {
    let bytes = BlockBytes::of(Class::Small, tls).sum() as u64;
    (bytes, bytes)
}

fn suspend() -> Request {
    Request::Suspend { handle: 7 }
}

async fn busy_and_idle_look_alike(tls: bool) {
    let clock = Clock::default();
    let config = Config { clock: clock.clone(), tls, ..Config::default() };
    let server = TestServer::start(config).await;
    let mut link = Watched::open(&server, &clock).await;
    for _ in 0..3 {
        assert_eq!(link.pass(TICK_MS).await, block(tls), "idle");
    }
    for token in 0..40 {
        link.pipeline.link().submit(token, suspend()).unwrap();
    }
    link.settle().await;
    let part = vec![7; Class::Small.part_len()];
    for token in 40..44 {
        let send = v1::Send { handle: 3, submission: 0, part: part.clone().into() };
        link.pipeline.link().submit(token, Request::Send(send)).unwrap();
        assert_eq!(link.pass(TICK_MS).await, block(tls), "busy");
    }
    for _ in 0..4 {
        assert_eq!(link.pass(TICK_MS).await, block(tls), "done");
    }
    let refused =
        |event: &&Event| matches!(event, Event::Answered { result: Err(Reject::NotAttached), .. });
    assert_eq!(link.events.iter().filter(refused).count(), 44);
}

#[tokio::test]
async fn busy_and_idle_look_alike_in_cleartext() {
    busy_and_idle_look_alike(false).await;
}

#[tokio::test]
async fn busy_and_idle_look_alike_in_tls() {
    busy_and_idle_look_alike(true).await;
}

/// CADENCE-17
#[tokio::test]
async fn an_hour_that_was_slept_through_is_no_burst() {
    let clock = Clock::default();
    let server = TestServer::start(Config { clock: clock.clone(), ..Config::default() }).await;
    let mut link = Watched::open(&server, &clock).await;
    for token in 0..60 {
        link.pipeline.link().submit(token, suspend()).unwrap();
    }
    assert_eq!(link.pass(12 * TICK_MS).await, block(false), "one for twelve");
    // It wakes up between two points, too late for the one before.
    link.pass_in_silence(12 * TICK_MS + TICK_MS * 3 / 4).await;
    assert_eq!(link.pass(TICK_MS / 4).await, block(false));
}

#[tokio::test]
async fn a_goodbye_waits_for_its_point() {
    let clock = Clock::default();
    let server = TestServer::start(Config { clock: clock.clone(), ..Config::default() }).await;
    let link = Watched::open(&server, &clock).await;
    let before = link.watch.bytes().0;
    let closing = tokio::spawn(link.pipeline.close());
    sleep(QUIET).await;
    assert_eq!(link.watch.bytes().0, before);
    assert!(!closing.is_finished());
    clock.advance_millis(TICK_MS);
    timeout(PATIENCE, closing).await.unwrap().unwrap();
    assert!(link.watch.bytes().0 >= before + block(false).0);
}

/// CADENCE-15, CADENCE-16
#[tokio::test]
async fn each_link_has_a_phase_of_its_own_and_a_tick_that_is_offered() {
    let server = TestServer::start(Config::default()).await;
    let client = Client::new(ClientOptions::default());
    let mut phases = Vec::new();
    for _ in 0..4 {
        let tick = TickMs::try_from(300_000).unwrap();
        let open = Open { class: Class::Small, suite: None, cadence: Some(tick) };
        let mut pipeline = client.pipeline(&server.address, open).await.unwrap();
        let point = pipeline.link().point_after(client.options().clock.now()).unwrap();
        phases.push(point.millis() % TICK_MS);
    }
    phases.sort_unstable();
    phases.dedup();
    assert_eq!(phases.len(), 4, "{phases:?}");
    let none = TestServer::start(Config { ticks: Vec::new(), ..Config::default() }).await;
    let tick = TickMs::try_from(300).unwrap();
    let open = Open { class: Class::Small, suite: None, cadence: Some(tick) };
    let refused = client_of_its_own().pipeline(&none.address, open).await.err();
    assert!(matches!(refused, Some(Error::TickNotOffered { .. })), "{refused:?}");
}

fn client_of_its_own() -> Client {
    Client::new(ClientOptions::default())
}

/// By the system's clock: ticks of 300 ms, a link with a task of its own, and answers in time.
#[tokio::test]
async fn a_link_answers_within_its_ticks() {
    let server = TestServer::start(Config::default()).await;
    let (watch, address) = Watch::before(&server.address).await;
    let tick = TickMs::try_from(300).unwrap();
    let open = Open { class: Class::Small, suite: None, cadence: Some(tick) };
    let link = client_of_its_own().open(&address, open).await.unwrap();
    sleep(QUIET).await;
    let (begin, before) = (tokio::time::Instant::now(), watch.bytes());
    for _ in 0..4 {
        let answer = timeout(PATIENCE, link.request(suspend())).await.unwrap();
        assert!(matches!(answer, Err(Error::Refused(Reject::NotAttached))), "{answer:?}");
    }
    let ticks = begin.elapsed().as_millis() as u64 / 300 + 2;
    let (up, down) = watch.bytes();
    let (block, _) = block(false);
    assert!((up - before.0) / block >= 4 && (up - before.0) / block <= ticks, "{up}");
    assert!((down - before.1) / block <= ticks, "{down}");
    link.close().await;
}
