//! Concurrent histories against a server: few calls at once, and a search for their order.
//!
//! One connection, three links: the recipient's and two of the sender's, or three that claim.
//! Each link makes its calls one after the other while the others make theirs, or all of them in
//! a row without waiting, so that many are in flight. What was delivered in the end is part of
//! what the order has to explain.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::Supply;
use super::history::{Call, explain};
use super::resolve::Cast;
use super::sequence::Setting;
use super::target::Target;
use super::wire::{Book, Wire, Wires};
use crate::model::{
    Answer, Attach, Change, Class, Create, Event, Key, Request, Role, State, World,
};
use crate::peer::Link;
use crate::verdict::Stop;

/// The recipient's link.
const RECIPIENT: usize = 0;
/// Most calls of one link.
const CALLS: usize = 8;
/// How long an answer may take before its call counts as still in flight.
const IN_FLIGHT: Duration = Duration::from_secs(2);

/// One call of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Send this submission.
    Send(u64),
    /// Suspend.
    Suspend,
    /// Resume.
    Resume,
    /// Change the role's key to the other of two.
    Rotate(bool),
    /// Claim, with the key of the link's own.
    Claim,
    /// Delete.
    Delete,
}

/// What three links do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Whether the connection is open at the beginning.
    pub open: bool,
    /// Whether each link makes all its calls without waiting.
    pub in_a_row: bool,
    /// The calls of each link.
    pub links: Vec<Vec<Step>>,
}

/// A history that no order explains.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What was to be done.
    pub script: Script,
    /// What was done, and answered.
    pub calls: Vec<Call>,
    /// Sequences and parts delivered in the end.
    pub delivered: Vec<(u64, u32)>,
}

/// Why a run ended before its end.
#[derive(Debug)]
pub enum Ended {
    /// A history that no order explains.
    Found(Box<Record>),
    /// Nothing can be said of the server, or it broke a rule that the peer judges.
    Stopped(Stop),
}

fn script() -> impl Strategy<Value = Script> {
    let send = || prop::collection::vec((0..5_u64).prop_map(Step::Send), 1..CALLS);
    let rotating = prop_oneof![
        6 => (0..5_u64).prop_map(Step::Send),
        1 => any::<bool>().prop_map(Step::Rotate),
    ];
    let recipient = prop_oneof![
        4 => Just(Step::Suspend),
        4 => Just(Step::Resume),
        1 => any::<bool>().prop_map(Step::Rotate),
        1 => Just(Step::Delete),
    ];
    let recipient = prop::collection::vec(recipient, 1..CALLS);
    let sends = (any::<bool>(), recipient, send(), prop::collection::vec(rotating, 1..CALLS))
        .prop_map(|(in_a_row, recipient, one, other)| Script {
            open: false,
            in_a_row,
            links: vec![recipient, one, other],
        });
    let claim = || prop::collection::vec(Just(Step::Claim), 1..3);
    // Not in a row: nothing orders requests that name no handle.
    let claims = (claim(), claim(), claim()).prop_map(|(a, b, c)| Script {
        open: true,
        in_a_row: false,
        links: vec![a, b, c],
    });
    prop_oneof![3 => sends, 1 => claims]
}

/// Carries out so many histories; returns how many calls were made.
///
/// # Errors
/// The first history that no order explains, or what kept the run from going on.
pub async fn explore(
    supply: Arc<Wires>,
    setting: Setting,
    seed: u64,
    histories: u64,
    at_once: usize,
) -> Result<u64, Ended> {
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..at_once.max(1) {
        let (supply, next) = (Arc::clone(&supply), Arc::clone(&next));
        workers.spawn(async move {
            let mut calls = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= histories {
                    return Ok(calls);
                }
                calls += once(&supply, &setting, &generate(seed, number)?).await?;
            }
        });
    }
    let mut calls = 0;
    while let Some(joined) = workers.join_next().await {
        calls += joined.map_err(|fault| Ended::Stopped(Stop::harness(fault.to_string())))??;
    }
    Ok(calls)
}

/// Judges a recorded history again, and carries out its script once more.
///
/// A recorded history that no order explains is proof by itself.
///
/// # Errors
/// [`Stop::Fail`] in both cases.
pub async fn again(supply: &Wires, setting: &Setting, record: &Record) -> Result<u64, Stop> {
    match once(supply, setting, &record.script).await {
        Ok(calls) => Ok(calls),
        Err(Ended::Stopped(stop)) => Err(stop),
        Err(Ended::Found(_)) => {
            Err(Stop::fail("a linearizable history", "answers that no order explains"))
        }
    }
}

fn generate(seed: u64, number: u64) -> Result<Script, Ended> {
    let bytes: Vec<u8> = seed.to_be_bytes().into_iter().chain(number.to_be_bytes()).collect();
    let mut rng = [1; 32];
    rng.iter_mut().zip(bytes).for_each(|(there, byte)| *there = byte);
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &rng));
    let tree = script().new_tree(&mut runner);
    tree.map(|tree| tree.current()).map_err(|why| Ended::Stopped(Stop::harness(why.to_string())))
}

/// The world before the calls, and what they are about.
struct Stage {
    world: World,
    create: Create,
    handles: Vec<u32>,
    spare: Vec<Key>,
}

async fn once(supply: &Wires, setting: &Setting, script: &Script) -> Result<u64, Ended> {
    let mut wire = supply.supply().await.map_err(Ended::Stopped)?;
    let stage = prepare(&mut wire, setting, script).await.map_err(Ended::Stopped)?;
    let calls = perform(&mut wire, &stage, script).await.map_err(Ended::Stopped)?;
    let delivered = collect(&mut wire, &stage, &calls).await.map_err(Ended::Stopped)?;
    let name = stage.create.name;
    let agrees = |world: &World| {
        let Some(delivered) = &delivered else { return true };
        let record = world.records().get(&name);
        let parts = record.into_iter().flat_map(|record| &record.parts);
        parts.map(|part| (part.sequence, part.part)).eq(delivered.iter().copied())
    };
    if explain(&stage.world, &calls, agrees).is_none() {
        let (script, delivered) = (script.clone(), delivered.unwrap_or_default());
        return Err(Ended::Found(Box::new(Record { script, calls, delivered })));
    }
    Ok(calls.len() as u64)
}

/// Makes the connection and attaches the three links.
async fn prepare(wire: &mut Wire, setting: &Setting, script: &Script) -> Result<Stage, Stop> {
    let hour = wire.hour();
    let mut world = World::new(setting.terms, hour);
    let mut cast = Cast::default();
    let state = if script.open { State::Open } else { State::Claimed };
    let create = cast.new_connection(Class::Medium, state, hour);
    let spare = (0..6).map(|_| cast.fresh_key(1, hour)).collect();
    for _ in &script.links {
        wire.open(Class::Medium).await?;
        world.open(Class::Medium);
    }
    let mut stage = Stage { world, create: create.clone(), handles: Vec::new(), spare };
    must(wire, &mut stage.world, RECIPIENT, &Request::Create(Box::new(create.clone()))).await?;
    for link in 0..script.links.len() {
        stage.handles.push(0);
        if script.open {
            continue;
        }
        let role = role_of(link);
        let key = if role == Role::Recipient { Some(create.key) } else { create.sender };
        let key = key.ok_or_else(|| Stop::harness("a claimed connection without a sender"))?;
        let attach = attach(role, &create, key);
        must(wire, &mut stage.world, link, &attach).await?;
    }
    Ok(stage)
}

fn attach(role: Role, create: &Create, key: Key) -> Request {
    let (name, pair, version) = (create.name, key.pair, key.version);
    let (handle, from, signed, chain) = (0, 0, true, Vec::new());
    Request::Attach(Box::new(Attach { handle, role, name, pair, version, from, signed, chain }))
}

const fn role_of(link: usize) -> Role {
    if link == RECIPIENT { Role::Recipient } else { Role::Sender }
}

/// A request that the model and the server must agree on.
async fn must(
    wire: &mut Wire,
    world: &mut World,
    link: usize,
    request: &Request,
) -> Result<(), Stop> {
    let must = world.handle(link, request).answer;
    let answer = wire.request(link, request).await?;
    let same = match (&must, &answer) {
        (Some(Answer::Attached { .. }), Some(Answer::Attached { .. })) => true,
        _ => must == answer,
    };
    if same { Ok(()) } else { Err(Stop::fail(format!("{must:?}"), format!("{answer:?}"))) }
}

/// All links at once. Times are taken from one counter: what was answered before something was
/// made has the lower number.
async fn perform(wire: &mut Wire, stage: &Stage, script: &Script) -> Result<Vec<Call>, Stop> {
    let clock = Arc::new(AtomicU64::new(0));
    let mut links = JoinSet::new();
    let book = wire.book().clone();
    for (number, (link, steps)) in wire.take_links().into_iter().zip(&script.links).enumerate() {
        let handle = stage.handles.get(number).copied().unwrap_or_default();
        let requests: Vec<Request> = steps
            .iter()
            .enumerate()
            .map(|(place, step)| request(stage, number, place, handle, *step))
            .collect();
        let lane = Lane { number, link, book: book.clone(), clock: Arc::clone(&clock) };
        let in_a_row = script.in_a_row;
        links.spawn(lane.run(requests, in_a_row));
    }
    let mut done = Vec::new();
    while let Some(joined) = links.join_next().await {
        done.push(joined.map_err(|fault| Stop::harness(fault.to_string()))??);
    }
    done.sort_by_key(|(number, ..)| *number);
    let (mut calls, mut back) = (Vec::new(), Vec::new());
    for (_, link, made) in done {
        calls.extend(made);
        back.push(link);
    }
    wire.put_links(back);
    Ok(calls)
}

fn request(stage: &Stage, link: usize, place: usize, handle: u32, step: Step) -> Request {
    let create = &stage.create;
    let role = role_of(link);
    let key = |n: usize| stage.spare.get(n).copied().unwrap_or(create.key);
    match step {
        Step::Send(submission) => {
            let part = u32::try_from(1_000 * link + place).unwrap_or_default();
            Request::Send { handle, submission, part, whole: true }
        }
        Step::Suspend => Request::Suspend { handle },
        Step::Resume => Request::Resume { handle },
        Step::Delete => Request::Delete { handle },
        Step::Rotate(other) => {
            let old = if role == Role::Recipient { Some(create.key) } else { create.sender };
            let old = old.map_or(create.key.pair, |key| key.pair);
            let change = Change { new: key(usize::from(other)), old, signed: true };
            Request::Rotate { handle, name: create.name, role, change }
        }
        Step::Claim => {
            let key = Key { version: 0, ..key(link) };
            Request::Claim { claim: create.claim, key, signed: true }
        }
    }
}

/// One link and the calls it makes.
struct Lane {
    number: usize,
    link: Link,
    book: Book,
    clock: Arc<AtomicU64>,
}

impl Lane {
    async fn run(
        mut self,
        requests: Vec<Request>,
        in_a_row: bool,
    ) -> Result<(usize, Link, Vec<Call>), Stop> {
        let mut calls = Vec::new();
        let mut tags = Vec::new();
        for request in requests {
            let (transcript, class) = (*self.link.transcript(), self.link.class());
            let body = self.book.body(&transcript, class, &request);
            let made = self.clock.fetch_add(1, Ordering::SeqCst);
            tags.push(self.link.post(body).await?);
            calls.push(Call { link: self.number, request, made, answered: None });
            if !in_a_row && !self.take(calls.last_mut(), tags.last().copied()).await? {
                break;
            }
        }
        if in_a_row {
            for (call, tag) in calls.iter_mut().zip(tags) {
                if !self.take(Some(call), Some(tag)).await? {
                    break;
                }
            }
        }
        Ok((self.number, self.link, calls))
    }

    /// Waits for an answer; false where none comes: the call stays in flight, its client retires.
    async fn take(&mut self, call: Option<&mut Call>, tag: Option<u32>) -> Result<bool, Stop> {
        let (Some(call), Some(tag)) = (call, tag) else { return Ok(false) };
        let Ok(answer) = tokio::time::timeout(IN_FLIGHT, self.link.answer(tag)).await else {
            return Ok(false);
        };
        let answer = self.book.answer(&answer?.outcome)?;
        call.answered = Some((self.clock.fetch_add(1, Ordering::SeqCst), answer));
        Ok(true)
    }
}

/// What the record holds in the end, read by its recipient under whatever key it has now; none if
/// that cannot be told, since calls are in flight or the connection was deleted.
async fn collect(
    wire: &mut Wire,
    stage: &Stage,
    calls: &[Call],
) -> Result<Option<Vec<(u64, u32)>>, Stop> {
    let in_flight = calls.iter().any(|call| call.answered.is_none());
    if in_flight || stage.create.state == State::Open {
        return Ok(None);
    }
    wire.open(Class::Medium).await?;
    let link = stage.handles.len();
    let keys = [Some(&stage.create.key), stage.spare.first(), stage.spare.get(1)];
    for key in keys.into_iter().flatten() {
        let attached = wire.request(link, &attach(Role::Recipient, &stage.create, *key)).await?;
        if !matches!(attached, Some(Answer::Attached { .. })) {
            continue;
        }
        let accepted = u64::try_from(calls.len()).unwrap_or(u64::MAX);
        let subscribe = Request::Subscribe { handle: 0, parts: 64, bytes: 1 << 20 };
        wire.request(link, &subscribe).await?;
        let mut delivered = Vec::new();
        // The highest sequence that there can be is the number of sends answered with Done.
        while (delivered.len() as u64) < accepted {
            match wire.event(link, Duration::from_millis(60)).await? {
                Some(Event::Deliver { sequence, part, .. }) => delivered.push((sequence, part)),
                Some(Event::Notice { .. }) => {}
                Some(other) => return Err(Stop::fail("a Deliver", format!("{other:?}"))),
                None => break,
            }
        }
        return Ok(Some(delivered));
    }
    Ok(Some(Vec::new()))
}
