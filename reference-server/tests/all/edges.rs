//! Several edges in front of one core: any of them serves, and the loss of one loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use edgewise_proto::v1::result::Outcome;
use edgewise_proto::v1::{self, RejectCode, item::Body};
use edgewise_server::{Clock, Running};
use edgewise_spec::connection::Role;
use edgewise_spec::frame::Class;
use edgewise_spec::link::{Description, describe};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use tokio::time::{Duration, timeout};

use crate::peer::{Came, Keys, Link, Stream, connect, describe_with, eventually, start_with};

const CLASS: Class = Class::Small;
/// The quota of every connection that a [`Keys`] makes.
const QUOTA: u64 = 16;

async fn start(edges: usize) -> Running {
    start_with(Clock::controlled(), |config| *config = config.clone().with_edges(edges)).await
}

async fn create(running: &Running, edge: usize) -> Keys {
    let keys = Keys::new(running, CLASS);
    let mut link = Link::open_at(running, edge, Class::Medium).await;
    let create = keys.create(running, &link);
    assert!(matches!(link.ask(create).await, Outcome::Created(_)));
    keys
}

async fn claim(running: &Running, edge: usize, keys: &Keys) {
    let mut link = Link::open_at(running, edge, Class::Medium).await;
    let claim = keys.claim(running, &link);
    assert!(matches!(link.ask(claim).await, Outcome::Claimed(_)));
}

/// A new link to an edge, attached at handle 0.
async fn attach(running: &Running, edge: usize, keys: &Keys, role: Role) -> Link {
    let mut link = Link::open_at(running, edge, CLASS).await;
    let attach = keys.attach(&link, role, 0);
    assert!(matches!(link.ask(attach).await, Outcome::Attached(_)));
    link
}

async fn subscribe(link: &mut Link) {
    let subscribe = v1::Subscribe { handle: 0, window_parts: 16, window_bytes: 1 << 20 };
    assert!(matches!(link.ask(Body::Subscribe(subscribe)).await, Outcome::Subscribed(_)));
}

/// A part that says which submission it is.
fn part(submission: u64) -> Bytes {
    let mut part = vec![9; CLASS.part_len()];
    part[..8].copy_from_slice(&submission.to_be_bytes());
    part.into()
}

fn send(submission: u64) -> Body {
    Body::Send(v1::Send { handle: 0, submission, part: part(submission) })
}

fn acknowledge(through: u64) -> Body {
    Body::Acknowledge(v1::Acknowledge { handle: 0, through })
}

#[tokio::test]
async fn any_edge_serves_any_connection() {
    let running = start(4).await;
    let keys = create(&running, 0).await;
    claim(&running, 1, &keys).await;
    let mut recipient = attach(&running, 3, &keys, Role::Recipient).await;
    subscribe(&mut recipient).await;
    let mut sender = attach(&running, 2, &keys, Role::Sender).await;
    for submission in 0..40 {
        sender.done(send(submission)).await;
        let item = recipient.next().await.unwrap();
        let Some(Body::Deliver(deliver)) = item.body else { panic!("{item:?}") };
        assert_eq!((deliver.sequence, deliver.part), (submission + 1, part(submission)));
        recipient.tell(acknowledge(submission + 1)).await;
    }
    eventually("the end of the parts", || running.stats().parts == 0).await;
    let edges = running.stats().edges;
    assert_eq!(edges.iter().map(|edge| edge.links).collect::<Vec<_>>(), [0, 0, 1, 1]);
    assert!(edges.iter().all(|edge| edge.serving && edge.blocks_in > 0));
    let all: u64 = edges.iter().map(|edge| edge.blocks_out).sum();
    assert_eq!(running.stats().blocks_out, all);
}

#[tokio::test]
async fn every_edge_describes_all_of_them_in_the_same_bytes() {
    let running = start(3).await;
    let places: BTreeSet<_> =
        running.edges().iter().map(|edge| edge.address.edge.to_string()).collect();
    assert_eq!(places.len(), 3);
    let mut blocks = BTreeSet::new();
    for edge in running.edges() {
        assert_eq!(edge.address.edge.port, edge.local.port());
        assert_eq!(edge.address.fingerprint, running.address.fingerprint);
        let carrier = connect(edge.local).await;
        let block = describe_with(&carrier, &describe::request_block()).await.unwrap();
        let read = Description::read(&block, &running.address.fingerprint).unwrap();
        let edges: BTreeSet<_> = read.edges.iter().map(ToString::to_string).collect();
        assert_eq!(edges, places);
        blocks.insert(block);
    }
    assert_eq!(blocks.len(), 1);
}

#[tokio::test]
async fn a_subscription_that_is_replaced_at_another_edge_is_told() {
    let running = start(2).await;
    let keys = create(&running, 0).await;
    claim(&running, 0, &keys).await;
    let mut before = attach(&running, 0, &keys, Role::Recipient).await;
    subscribe(&mut before).await;
    let mut after = attach(&running, 1, &keys, Role::Recipient).await;
    subscribe(&mut after).await;
    let Some(Body::Ended(ended)) = before.next().await.unwrap().body else { panic!("not ended") };
    assert_eq!((ended.handle, ended.reason()), (0, v1::EndReason::Replaced));
    let mut sender = attach(&running, 0, &keys, Role::Sender).await;
    sender.done(send(0)).await;
    let item = after.next().await.unwrap();
    assert!(matches!(item.body, Some(Body::Deliver(_))), "{item:?}");
    assert!(timeout(Duration::from_millis(100), before.next()).await.is_err(), "told of nothing");
    // The acknowledgement of the one that was replaced deletes nothing.
    before.tell(acknowledge(1)).await;
    let detach = Body::Detach(v1::Detach { handle: 0 });
    before.done(detach).await;
    assert_eq!(running.stats().parts, 1);
}

#[tokio::test]
async fn a_sender_who_waits_at_one_edge_is_woken_from_another() {
    let running = start(2).await;
    let keys = create(&running, 0).await;
    claim(&running, 0, &keys).await;
    let mut sender = attach(&running, 0, &keys, Role::Sender).await;
    for submission in 0..QUOTA {
        sender.done(send(submission)).await;
    }
    assert_eq!(sender.reject(send(QUOTA)).await, RejectCode::Quota);
    let mut recipient = attach(&running, 1, &keys, Role::Recipient).await;
    subscribe(&mut recipient).await;
    for _ in 0..QUOTA {
        assert!(matches!(recipient.next().await.unwrap().body, Some(Body::Deliver(_))));
    }
    recipient.tell(acknowledge(QUOTA)).await;
    eventually("the end of the parts", || running.stats().parts == 0).await;
    // Space is told in batches.
    running.advance(5).unwrap();
    let Some(Body::Space(space)) = sender.next().await.unwrap().body else { panic!("no space") };
    assert_eq!(space.handle, 0);
    sender.done(send(QUOTA)).await;
}

#[tokio::test]
async fn what_the_group_may_keep_is_counted_once_for_all_edges() {
    let most = 3;
    let running = start_with(Clock::controlled(), |config| {
        *config = config.clone().with_edges(3);
        config.connections_max = most;
    })
    .await;
    let mut made = Vec::new();
    for edge in 0..most {
        made.push(create(&running, edge).await);
    }
    // CONNECTION-13: none is left for any edge.
    for edge in 0..3 {
        let mut link = Link::open_at(&running, edge, Class::Medium).await;
        let create = Keys::new(&running, CLASS).create(&running, &link);
        assert_eq!(link.reject(create).await, RejectCode::Full, "edge {edge}");
    }
    // CONNECTION-12: what is deleted at one edge is not made again at another.
    let mut recipient = attach(&running, 0, &made[0], Role::Recipient).await;
    recipient.done(Body::Delete(v1::Delete { handle: 0 })).await;
    let mut link = Link::open_at(&running, 2, Class::Medium).await;
    let create = made[0].create(&running, &link);
    let again = link.reject(create).await;
    assert_ne!(again, RejectCode::Full);
    // The quota is the connection's, wherever its senders are.
    claim(&running, 1, &made[1]).await;
    let mut senders = Vec::new();
    for edge in 0..3 {
        senders.push(attach(&running, edge, &made[1], Role::Sender).await);
    }
    for submission in 0..QUOTA {
        senders[submission as usize % 3].done(send(submission)).await;
    }
    for sender in &mut senders {
        assert_eq!(sender.reject(send(QUOTA)).await, RejectCode::Quota);
    }
}

#[tokio::test]
async fn streams_without_keys_are_bounded_at_each_edge() {
    let running = start_with(Clock::controlled(), |config| {
        *config = config.clone().with_edges(2);
        config.half_open_max = 1;
    })
    .await;
    let mut open = Vec::new();
    for edge in running.edges() {
        let path = "/edgewise.v1.LinkService/Open";
        let carrier = connect(edge.local).await;
        let one = Stream::open(&carrier, path).await;
        eventually("the stream", || edge.stats().half_open == 1).await;
        // LINK-20
        let mut more = Stream::open(&connect(edge.local).await, path).await;
        assert_eq!(more.status().await, 8);
        open.push((carrier, one));
    }
    assert_eq!(running.stats().half_open, 2);
}

#[tokio::test]
async fn time_passes_for_every_edge() {
    let running = start(2).await;
    let life = u64::from(edgewise_spec::link::Limits::default().link_life_seconds);
    let mut links = Vec::new();
    for edge in 0..2 {
        links.push(Link::open_at(&running, edge, CLASS).await);
    }
    running.advance(life).unwrap();
    for link in &mut links {
        assert_eq!(link.goodbye().await, v1::GoodbyeCode::LifeOver);
    }
}

#[tokio::test]
async fn a_shutdown_says_goodbye_at_every_edge() {
    let running = start(3).await;
    let mut links = Vec::new();
    for edge in 0..3 {
        links.push(Link::open_at(&running, edge, CLASS).await);
    }
    running.edges()[1].lose();
    let places: Vec<_> = running.edges().iter().map(|edge| edge.local).collect();
    let (ended, codes) = tokio::join!(running.shutdown(), async {
        let mut codes = Vec::new();
        for (index, link) in links.iter_mut().enumerate() {
            codes.push(if index == 1 { None } else { Some(link.goodbye().await) });
        }
        codes
    });
    let () = ended;
    let shutdown = Some(v1::GoodbyeCode::Shutdown);
    assert_eq!(codes, [shutdown, None, shutdown]);
    for place in places {
        assert!(tokio::net::TcpStream::connect(place).await.is_err(), "{place} still listens");
    }
}

/// What two clients do, and what becomes of the edges under them.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many parts, in one go.
    Send(u64),
    /// So many parts, and nobody waits for an answer before the sender's edge is lost.
    SendAndLose(u64),
    /// Everything that is there is taken; half of it is acknowledged, or all.
    Take { all: bool },
    /// Acknowledged, and the recipient's edge is lost at once.
    AcknowledgeAndLose,
    /// The sender goes on at another edge.
    MoveSender(usize),
    /// The recipient goes on at another edge, without a goodbye at the old one.
    MoveRecipient(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..12_u64).prop_map(Step::Send),
        2 => (1..12_u64).prop_map(Step::SendAndLose),
        4 => any::<bool>().prop_map(|all| Step::Take { all }),
        1 => Just(Step::AcknowledgeAndLose),
        2 => (0..EDGES).prop_map(Step::MoveSender),
        2 => (0..EDGES).prop_map(Step::MoveRecipient),
    ];
    proptest::collection::vec(step, 1..24)
}

const EDGES: usize = 5;

/// One sender and one recipient, who know what clients know and no more.
struct World {
    running: Running,
    keys: Keys,
    living: Vec<usize>,
    sender: (usize, Option<Link>),
    recipient: (usize, Option<Link>),
    /// Every submission below was answered.
    answered: u64,
    /// Parts by sequence, as they were stored.
    stored: BTreeMap<u64, Bytes>,
    acknowledged: u64,
    tag: u32,
}

impl World {
    async fn new() -> Self {
        let running = start(EDGES).await;
        let keys = create(&running, 0).await;
        claim(&running, 1, &keys).await;
        Self {
            running,
            keys,
            living: (0..EDGES).collect(),
            sender: (0, None),
            recipient: (1, None),
            answered: 0,
            stored: BTreeMap::new(),
            acknowledged: 0,
            tag: 1_000,
        }
    }

    /// The edge, or the next one that lives.
    fn living(&self, edge: usize) -> usize {
        let after = self.living.iter().find(|living| **living >= edge);
        after.or(self.living.first()).copied().unwrap()
    }

    fn lose(&mut self, edge: usize) {
        if self.living.len() > 1 {
            self.running.edges()[edge].lose();
            self.living.retain(|living| *living != edge);
        }
        for (at, link) in [&mut self.sender, &mut self.recipient] {
            if !self.living.contains(at) {
                *link = None;
            }
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Send(count) => self.send(count, true).await,
            Step::SendAndLose(count) => {
                self.send(count, false).await;
                self.lose(self.sender.0);
                self.sender.1 = None;
            }
            Step::Take { all } => {
                self.take().await;
                let seen = self.stored.len() as u64;
                let through = if all { seen } else { self.acknowledged.midpoint(seen) };
                self.acknowledge(through).await;
            }
            Step::AcknowledgeAndLose => {
                self.take().await;
                self.acknowledge(self.stored.len() as u64).await;
                self.lose(self.recipient.0);
                self.recipient.1 = None;
            }
            Step::MoveSender(edge) => self.sender = (edge, None),
            Step::MoveRecipient(edge) => self.recipient = (edge, None),
        }
    }

    async fn sender(&mut self) -> Link {
        self.sender.0 = self.living(self.sender.0);
        match self.sender.1.take() {
            Some(link) => link,
            None => attach(&self.running, self.sender.0, &self.keys, Role::Sender).await,
        }
    }

    /// Submits parts from the lowest one that was not answered on.
    async fn send(&mut self, count: u64, waits: bool) {
        let mut link = self.sender().await;
        let first = self.tag;
        for submission in self.answered..self.answered + count {
            let item = v1::Item { tag: self.tag, body: Some(send(submission)) };
            self.tag += 1;
            assert!(link.post(&[item]).await);
        }
        if waits {
            for tag in first..self.tag {
                let outcome = outcome(&mut link, tag).await;
                let Outcome::Reject(reject) = outcome else {
                    assert_eq!(outcome, Outcome::Done(v1::Done {}));
                    self.answered += 1;
                    continue;
                };
                assert!(matches!(reject.code(), RejectCode::Quota | RejectCode::Gap), "{reject:?}");
            }
        }
        self.sender.1 = Some(link);
    }

    async fn recipient(&mut self) -> Link {
        self.recipient.0 = self.living(self.recipient.0);
        if let Some(link) = self.recipient.1.take() {
            return link;
        }
        let mut link = attach(&self.running, self.recipient.0, &self.keys, Role::Recipient).await;
        subscribe(&mut link).await;
        link
    }

    /// Stores what is there, until there is nothing more for a while.
    async fn take(&mut self) {
        let mut link = self.recipient().await;
        while let Ok(item) = timeout(Duration::from_millis(20), link.next()).await {
            let body = item.unwrap().body;
            let Some(Body::Deliver(deliver)) = body else { panic!("{body:?}") };
            if let Some(known) = self.stored.get(&deliver.sequence) {
                assert_eq!(*known, deliver.part, "another part under one sequence");
                continue;
            }
            let next = self.stored.len() as u64 + 1;
            assert_eq!(deliver.sequence, next, "out of order, or left out");
            assert_eq!(deliver.part, part(next - 1), "lost, doubled or reordered");
            self.stored.insert(deliver.sequence, deliver.part);
        }
        self.recipient.1 = Some(link);
    }

    async fn acknowledge(&mut self, through: u64) {
        let mut link = self.recipient().await;
        // Again and again, since one may have been lost with its edge.
        assert!(link.tell(acknowledge(through)).await);
        self.acknowledged = self.acknowledged.max(through);
        self.recipient.1 = Some(link);
    }
}

async fn outcome(link: &mut Link, tag: u32) -> Outcome {
    loop {
        let item = link.next().await.unwrap();
        match item.body {
            Some(Body::Result(result)) if item.tag == tag => return result.outcome.unwrap(),
            Some(Body::Space(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn play(steps: &[Step]) {
    let mut world = World::new().await;
    for step in steps {
        world.step(*step).await;
    }
    // Everything that was answered comes, once and in order, and so does what is sent afterwards.
    let all = world.answered + 3;
    for turn in 0.. {
        if world.answered == all {
            break;
        }
        assert!(turn < 200, "stuck");
        world.take().await;
        world.acknowledge(world.stored.len() as u64).await;
        world.send(1, true).await;
    }
    world.take().await;
    assert!(world.stored.len() as u64 >= world.answered, "accepted and lost");
    world.running.shutdown().await;
}

#[test]
fn edges_that_are_lost_lose_double_and_reorder_nothing() {
    let cases = Cases { cases: 12, failure_persistence: None, ..Cases::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let played = TestRunner::new(cases).run(&steps(), |steps| {
        // A panic of the world is a failure that proptest makes smaller.
        runtime.block_on(play(&steps));
        Ok(())
    });
    if let Err(failed) = played {
        panic!("{failed}");
    }
}

#[tokio::test]
async fn a_lost_edge_is_gone_and_the_others_go_on() {
    let running = start(2).await;
    let keys = create(&running, 0).await;
    claim(&running, 0, &keys).await;
    let mut there = attach(&running, 0, &keys, Role::Sender).await;
    let mut here = attach(&running, 1, &keys, Role::Sender).await;
    there.done(send(0)).await;
    running.edges()[0].lose();
    assert!(matches!(there.next().await, Err(Came::Broken)), "no goodbye");
    assert!(tokio::net::TcpStream::connect(running.edges()[0].local).await.is_err());
    eventually("the end of its links", || running.stats().links == 1).await;
    here.done(send(0)).await;
    here.done(send(1)).await;
    assert_eq!(running.stats().parts, 2, "0 was there already");
    let serving: Vec<_> = running.stats().edges.iter().map(|edge| edge.serving).collect();
    assert_eq!(serving, [false, true]);
}
