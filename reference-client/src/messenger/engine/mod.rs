//! The engine: one thread that owns the store, and decides everything in transactions.
//!
//! What comes (a user's wishes, what connections say, time) is taken in turns. A turn reads and
//! writes in one transaction; what it wants done (parts pushed, acknowledgements, events) is done
//! once that is stored, and never if it is not. What is in memory is made from the store, so a
//! turn that could not be stored is undone by reading the store again.

mod accept;
mod address;
mod asking;
mod begin;
mod carried;
mod heard;
mod input;
mod invite;
mod join;
mod keys;
mod lanes;
mod load;
mod messages;
mod moving;
mod net;
mod offer;
mod partial;
mod people;
mod places;
mod receive;
mod record;
mod renew;
mod seal;
mod standby;
mod talk;
mod time;
mod turn;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use edgewise_spec::rotation::moving::MoverStep;
use edgewise_spec::time::Hour;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::input::Input;
use self::input::{Job, Output};
use self::net::{Heard, Net};
pub(crate) use self::turn::Turn;
use self::turn::{State, Use};
use super::{Event, MessengerError, Options};
use crate::clock::Clock;
use crate::store::{ConnectionId, Store, StoreError};

/// How long what nobody waits for may wait for the next transaction.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often time is looked at while nothing happens.
const TICK: Duration = Duration::from_secs(1);
/// After a transaction that could not be stored, as on a full disk.
const PAUSE: Duration = Duration::from_secs(2);
/// What is taken in one transaction at most.
const BATCH: usize = 256;

type Started = (Sender<Input>, mpsc::UnboundedReceiver<Event>);

/// Starts the engine on a thread of its own, and the connections on this runtime.
pub(crate) async fn start(store: Store, options: Options) -> Result<Started, MessengerError> {
    let (inputs, receiver) = channel();
    let (events, told) = mpsc::unbounded_channel();
    let (reply, started) = oneshot::channel();
    let net = Net::new(Handle::current(), options.client.clone(), inputs.clone());
    let engine = Engine {
        store,
        state: State { offline: options.offline, ..State::default() },
        net,
        events,
        clock: options.client.clock.clone(),
        offline: options.offline,
        waiting: Vec::new(),
        waiting_since: None,
        flushes: Vec::new(),
        hour: None,
    };
    let thread = std::thread::Builder::new().name("edgewise-engine".to_owned());
    let spawned = thread.spawn(move || engine.run(&receiver, reply));
    spawned.map_err(|why| MessengerError::NotNow(format!("no thread can be started: {why}")))?;
    started.await.map_err(|_| MessengerError::Closed)??;
    Ok((inputs, told))
}

/// Why nothing of a job was stored.
enum Undone {
    /// It failed by itself: its answer has the error.
    Answered,
    /// It could not be stored.
    NotStored(MessengerError),
}

impl From<MessengerError> for Undone {
    fn from(error: MessengerError) -> Self {
        Self::NotStored(error)
    }
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::NotStored(error.into())
    }
}

struct Engine {
    store: Store,
    state: State,
    net: Net,
    events: mpsc::UnboundedSender<Event>,
    clock: Clock,
    offline: bool,
    /// What was said by connections and can wait.
    waiting: Vec<(ConnectionId, Heard)>,
    waiting_since: Option<Instant>,
    flushes: Vec<(Instant, oneshot::Sender<bool>)>,
    /// The hour that was last looked after.
    hour: Option<Hour>,
}

impl Engine {
    fn run(
        mut self,
        inputs: &Receiver<Input>,
        started: oneshot::Sender<Result<(), MessengerError>>,
    ) {
        let known: Result<_, MessengerError> = self.turn(|turn| turn.places_of_all());
        let loaded = known.and_then(|known| {
            self.net.know(known);
            self.turn(|turn| {
                turn.load()?;
                turn.start_all()
            })
        });
        let failed = loaded.is_err();
        if started.send(loaded).is_err() || failed {
            return;
        }
        self.attempt(|turn| {
            let talks: Vec<_> = turn.state.talks.keys().copied().collect();
            turn.receipts_of(talks)
        });
        let closed = loop {
            match self.step(inputs) {
                Some(reply) => break reply,
                None => continue,
            }
        };
        self.net.stop_all();
        let done = self.store.close().map_err(MessengerError::from);
        if let Some(reply) = closed {
            let _ = reply.send(done);
        }
    }

    /// Takes what has come; how to answer once it is to end.
    fn step(
        &mut self,
        inputs: &Receiver<Input>,
    ) -> Option<Option<oneshot::Sender<Result<(), MessengerError>>>> {
        let mut next = match inputs.recv_timeout(self.patience()) {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Some(None),
        };
        let mut taken = 0;
        let mut urgent = false;
        let mut ending = None;
        while let Some(input) = next {
            taken += 1;
            urgent |= !input.can_wait();
            match input {
                Input::Heard(id, heard) => self.waiting.push((id, heard)),
                Input::Job(job) => {
                    // In order: what was heard before is known to who asks now. That a server has
                    // taken parts is told soon enough, and is no transaction before this one.
                    if self.waiting.iter().any(|(_, heard)| !heard.is_acceptance()) {
                        self.take_heard();
                    }
                    self.job(job);
                }
                Input::Read(id, client, read) => {
                    self.attempt(|turn| turn.address_read(id, client, read));
                }
                Input::Left(id, left) => {
                    self.attempt(|turn| turn.request_left(id, left));
                }
                Input::Places(profile, server, places) => {
                    self.attempt(|turn| turn.places_told(profile, server, &places));
                }
                Input::Flush(limit, reply) => {
                    self.flushes.push((Instant::now() + limit, reply));
                }
                Input::Close(reply) => ending = Some(Some(reply)),
                Input::Gone => ending = Some(None),
            }
            if taken >= BATCH || ending.is_some() {
                break;
            }
            next = inputs.try_recv().ok();
        }
        if !self.waiting.is_empty() {
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            if urgent || ending.is_some() || since.elapsed() >= PATIENCE {
                self.take_heard();
            }
        }
        self.look_at_time();
        self.flushed();
        ending
    }

    fn patience(&self) -> Duration {
        let now = Instant::now();
        let waiting = self.waiting_since.map(|since| since + PATIENCE);
        let flushes = self.flushes.iter().map(|(until, _)| *until);
        let soonest = waiting.into_iter().chain(flushes).min();
        soonest.map_or(TICK, |at| at.saturating_duration_since(now).min(TICK))
    }

    /// Runs a turn in one transaction; what it wants done is done once it is stored.
    fn turn<T, E: From<StoreError> + From<MessengerError>>(
        &mut self,
        work: impl FnOnce(&mut Turn<'_, '_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (state, now) = (&mut self.state, self.clock.now());
        let (mut outputs, mut written) = (Vec::new(), true);
        let done = self.store.write(|tx| {
            let mut turn = Turn { tx, state, now, outputs: &mut outputs };
            let done = work(&mut turn).and_then(|done| {
                turn.finish()?;
                Ok(done)
            });
            written = tx.has_written();
            done
        });
        match done {
            Ok(done) => {
                self.carry_out(outputs);
                Ok(done)
            }
            Err(error) => {
                // Nothing in memory changes but with something in the store.
                if written {
                    self.reload();
                }
                Err(error)
            }
        }
    }

    /// What is in memory may be ahead of the store: it is made from it again.
    fn reload(&mut self) {
        let (state, now) = (&mut self.state, self.clock.now());
        state.emptied();
        let mut outputs = Vec::new();
        let loaded: Result<(), MessengerError> =
            self.store.write(|tx| Turn { tx, state, now, outputs: &mut outputs }.load());
        if let Err(error) = loaded {
            let _ = self.events.send(Event::Trouble(error.to_string()));
        }
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Tell(event) => drop(self.events.send(event)),
                _ if self.offline => {}
                Output::Start { id, profile, address, password, end } => {
                    self.net.start(id, profile, &address, password.as_ref(), *end);
                }
                Output::Order(id, order) => self.net.order(id, order),
                Output::Read(id, reading) => self.net.read(id, *reading),
                Output::Leave(id, client, leaving) => self.net.leave(id, client, *leaving),
                Output::Stop(id) => self.net.stop(id),
            }
        }
    }

    /// What a user asks is a transaction of its own.
    fn job(&mut self, job: Job) {
        let mut answer = None;
        let done = self.turn(|turn| {
            let (reply, done) = match job(turn) {
                Ok(reply) => (reply, Ok(())),
                Err(reply) => (reply, Err(Undone::Answered)),
            };
            answer = Some(reply);
            done
        });
        let refused = match done {
            Ok(()) | Err(Undone::Answered) => None,
            Err(Undone::NotStored(error)) => Some(error),
        };
        if let Some(reply) = answer {
            reply(refused);
        }
    }

    /// Takes what connections said, all of it in one transaction, and answers it in another.
    fn take_heard(&mut self) {
        self.waiting_since = None;
        if self.waiting.is_empty() {
            return;
        }
        let heard = std::mem::take(&mut self.waiting);
        let done: Result<_, MessengerError> = self.turn(|turn| {
            let mut sessions = Vec::new();
            for (id, heard) in heard {
                if let Some(Use::Session(session)) = turn.state.uses.get(&id) {
                    sessions.push(*session);
                }
                turn.heard(id, heard)?;
            }
            sessions.sort_unstable();
            sessions.dedup();
            Ok(sessions)
        });
        match done {
            // What was said is shown first. Receipts that are due are stored with it, so that one
            // that ends here gives them when it begins again.
            Ok(sessions) => self.attempt(|turn| turn.receipts_of(sessions)),
            // Nothing of it is acknowledged: servers deliver it again to ends that begin anew.
            Err(error) => {
                let _ = self.events.send(Event::Trouble(error.to_string()));
                std::thread::sleep(PAUSE);
                self.attempt(|turn| turn.restart_all());
            }
        }
    }

    fn look_at_time(&mut self) {
        let now = self.clock.now();
        if self.hour != Some(now.hour()) {
            self.hour = Some(now.hour());
            self.attempt(|turn| turn.hourly());
        }
        if self.state.is_due(now) {
            self.attempt(|turn| turn.tick());
        }
    }

    fn attempt(&mut self, work: impl FnOnce(&mut Turn<'_, '_>) -> Result<(), MessengerError>) {
        if let Err(error) = self.turn(work) {
            let _ = self.events.send(Event::Trouble(error.to_string()));
        }
    }

    fn flushed(&mut self) {
        if self.flushes.is_empty() {
            return;
        }
        let now = Instant::now();
        let done = self.waiting.is_empty() && self.state.is_flushed();
        for (until, reply) in std::mem::take(&mut self.flushes) {
            if done || now >= until {
                let _ = reply.send(done);
            } else {
                self.flushes.push((until, reply));
            }
        }
    }
}

impl State {
    /// Whether everything that was said is accepted by a server, what was given up is deleted
    /// there, and what is to be changed or moved there is.
    fn is_flushed(&self) -> bool {
        self.joins.is_empty()
            && self.changing.is_empty()
            && self.uses.values().all(|used| *used != Use::Doomed)
            && self.offers.values().all(|offer| offer.request.as_ref().is_none_or(|it| it.left))
            && self.talks.values().all(|talk| {
                let taken = |out: &talk::Out| out.parts.iter().all(|part| part.accepted);
                let making = matches!(talk.moving.mover.pending(), MoverStep::Create(_));
                let enough = usize::from(talk.session.shape().k());
                !making
                    && talk.queue.is_empty()
                    && (talk.outs.is_empty()
                        || talk.outs.iter().filter(|out| taken(out)).count() >= enough)
            })
    }
}

impl Turn<'_, '_> {
    /// What a turn has put off until its end.
    fn finish(&mut self) -> Result<(), MessengerError> {
        for id in std::mem::take(&mut self.state.dirty) {
            if let Some(talk) = self.state.talks.get_mut(&id) {
                if let Some(base) = talk.rebased() {
                    self.tx.set_base(id, &base)?;
                }
                talk.revision = self.tx.set_session(id, talk.revision, &talk.to_versioned())?;
            }
        }
        Ok(())
    }

    fn restart_all(&mut self) -> Result<(), MessengerError> {
        let all: Vec<_> = self.state.uses.keys().copied().collect();
        all.into_iter().try_for_each(|id| self.restart(id))
    }
}
