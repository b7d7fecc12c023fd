//! Concurrent histories against a server: few calls at once, and a search for their order.
//!
//! One connection, three links: the recipient's and two of the sender's, or three that claim.
//! Each link makes its calls one after the other while the others make theirs, or all of them in
//! a row without waiting, so that many are in flight. What was delivered in the end is part of
//! what the order has to explain.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::Supply;
use super::history::{Call, Core, core, explain};
use super::resolve::Cast;
use super::sequence::Setting;
use super::target::Target;
use super::wire::{Book, Wire, Wires};
use crate::model::{
    Answer, Attach, Change, Class, Create, Event, Hour, Key, Request, Role, State, Terms, World,
};
use crate::peer::Link;
use crate::verdict::Stop;

/// The recipient's link.
const RECIPIENT: usize = 0;
/// Most calls of one link.
const CALLS: usize = 8;
/// How often the script of a recorded history is carried out again.
pub const AGAIN: usize = 20;
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

/// A history that no order explains, with all it takes to judge it again without a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What was to be done.
    pub script: Script,
    /// What the server described of itself.
    pub terms: Terms,
    /// The server's hour.
    pub hour: Hour,
    /// What was done, and answered.
    pub calls: Vec<Call>,
    /// Sequences and parts delivered in the end, if that can be told.
    pub delivered: Option<Vec<(u64, u32)>>,
    /// What contradicts itself.
    pub core: Core,
}

impl Record {
    /// The calls that contradict one another, and those that handed in what was delivered if that
    /// is part of it.
    pub fn kept(&self) -> impl Iterator<Item = &Call> {
        let delivered = self.delivered.iter().flatten().filter(|_| self.core.end);
        let parts: HashSet<u32> = delivered.map(|(_, part)| *part).collect();
        let calls = self.calls.iter().enumerate();
        let kept = calls.filter(move |(place, call)| {
            let handed_in = match &call.request {
                Request::Send { part, .. } => parts.contains(part),
                _ => false,
            };
            handed_in || self.core.calls.contains(place)
        });
        kept.map(|(_, call)| call)
    }

    /// Whether there is an order that explains what was recorded. Needs no server.
    ///
    /// # Errors
    /// [`Stop::Harness`] where the script makes no sense.
    pub fn is_linearizable(&self) -> Result<bool, Stop> {
        let stage = Stage::of(self.terms, self.hour, &self.script)?;
        let agrees = |world: &World| stage.agrees(world, self.delivered.as_deref());
        Ok(explain(&stage.world, &self.calls, agrees).is_some())
    }
}

/// Why a run ended before its end.
#[derive(Debug)]
pub enum Ended {
    /// A history that no order explains.
    Found(Box<Record>),
    /// Nothing can be said of the server, or it broke a rule that the peer judges.
    Stopped(Stop),
}

/// Sends as senders make them, mostly one submission after the other from 0 on: so two senders
/// meet in the same ones.
fn sends() -> impl Strategy<Value = Vec<Step>> {
    let other = prop_oneof![4 => Just(None), 1 => (0..5_u64).prop_map(Some)];
    prop::collection::vec(other, 1..CALLS).prop_map(|others| {
        let numbered = (0..).zip(others);
        numbered.map(|(next, other)| Step::Send(other.unwrap_or(next))).collect()
    })
}

fn script() -> impl Strategy<Value = Script> {
    // The second sender may change the key somewhere between.
    let change = prop::option::weighted(0.3, (0..CALLS, any::<bool>()));
    let rotating = (sends(), change).prop_map(|(mut steps, change)| {
        if let Some((place, other)) = change {
            steps.insert(place.min(steps.len()), Step::Rotate(other));
        }
        steps
    });
    let recipient = prop_oneof![
        4 => Just(Step::Suspend),
        4 => Just(Step::Resume),
        1 => any::<bool>().prop_map(Step::Rotate),
        1 => Just(Step::Delete),
    ];
    let recipient = prop::collection::vec(recipient, 1..CALLS);
    let sends = (any::<bool>(), recipient, sends(), rotating).prop_map(
        |(in_a_row, recipient, one, other)| Script {
            open: false,
            in_a_row,
            links: vec![recipient, one, other],
        },
    );
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

/// Carries out the script of a recorded history again, up to [`AGAIN`] times, since what happens
/// at once need not happen in the same way; returns the first time that no order explains.
///
/// # Errors
/// What kept it from being carried out.
pub async fn again(
    supply: &Wires,
    setting: &Setting,
    script: &Script,
) -> Result<Option<usize>, Stop> {
    for time in 1..=AGAIN {
        match once(supply, setting, script).await {
            Ok(_) => {}
            Err(Ended::Stopped(stop)) => return Err(stop),
            Err(Ended::Found(_)) => return Ok(Some(time)),
        }
    }
    Ok(None)
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

/// The world before the calls, how it comes about, and what the calls are about.
struct Stage {
    world: World,
    create: Create,
    handles: Vec<u32>,
    spare: Vec<Key>,
    /// On which link what is asked first, and the answer.
    prelude: Vec<(usize, Request, Option<Answer>)>,
}

impl Stage {
    /// The same for the same terms, hour and script.
    fn of(terms: Terms, hour: Hour, script: &Script) -> Result<Self, Stop> {
        let mut world = World::new(terms, hour);
        let mut cast = Cast::default();
        let state = if script.open { State::Open } else { State::Claimed };
        let create = cast.new_connection(Class::Medium, state, hour);
        let spare = (0..6).map(|_| cast.fresh_key(1, hour)).collect();
        let handles = vec![0; script.links.len()];
        let mut asked = vec![(RECIPIENT, Request::Create(Box::new(create.clone())))];
        for link in 0..script.links.len() {
            world.open(Class::Medium);
            let role = role_of(link);
            let key = if role == Role::Recipient { Some(create.key) } else { create.sender };
            if !script.open {
                let key =
                    key.ok_or_else(|| Stop::harness("a claimed connection without a sender"))?;
                asked.push((link, attach(role, &create, key)));
            }
        }
        let prelude = asked.into_iter().map(|(link, request)| {
            let answer = world.handle(link, &request).answer;
            (link, request, answer)
        });
        let prelude = prelude.collect();
        Ok(Self { world, create, handles, spare, prelude })
    }

    /// Whether a world holds what was delivered in the end.
    fn agrees(&self, world: &World, delivered: Option<&[(u64, u32)]>) -> bool {
        let Some(delivered) = delivered else { return true };
        let record = world.records().get(&self.create.name);
        let parts = record.into_iter().flat_map(|record| &record.parts);
        parts.map(|part| (part.sequence, part.part)).eq(delivered.iter().copied())
    }
}

async fn once(supply: &Wires, setting: &Setting, script: &Script) -> Result<u64, Ended> {
    let mut wire = supply.supply().await.map_err(Ended::Stopped)?;
    let (terms, hour) = (setting.terms, wire.hour());
    let stage = Stage::of(terms, hour, script).map_err(Ended::Stopped)?;
    prepare(&mut wire, &stage).await.map_err(Ended::Stopped)?;
    let calls = perform(&mut wire, &stage, script).await.map_err(Ended::Stopped)?;
    let delivered = collect(&mut wire, &stage, &calls).await.map_err(Ended::Stopped)?;
    let agrees = |world: &World| stage.agrees(world, delivered.as_deref());
    if explain(&stage.world, &calls, agrees).is_none() {
        let core = core(&stage.world, &calls, agrees);
        let script = script.clone();
        return Err(Ended::Found(Box::new(Record { script, terms, hour, calls, delivered, core })));
    }
    Ok(calls.len() as u64)
}

/// Opens the links, makes the connection and attaches, as the model says.
async fn prepare(wire: &mut Wire, stage: &Stage) -> Result<(), Stop> {
    for _ in &stage.handles {
        wire.open(Class::Medium).await?;
    }
    for (link, request, must) in &stage.prelude {
        let answer = wire.request(*link, request).await?;
        let same = match (must, &answer) {
            (Some(Answer::Attached { .. }), Some(Answer::Attached { .. })) => true,
            _ => *must == answer,
        };
        if !same {
            return Err(Stop::fail(format!("{must:?}"), format!("{answer:?}")));
        }
    }
    Ok(())
}

fn attach(role: Role, create: &Create, key: Key) -> Request {
    let (name, pair, version) = (create.name, key.pair, key.version);
    let (handle, from, signed, chain) = (0, 0, true, Vec::new());
    Request::Attach(Box::new(Attach { handle, role, name, pair, version, from, signed, chain }))
}

const fn role_of(link: usize) -> Role {
    if link == RECIPIENT { Role::Recipient } else { Role::Sender }
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
