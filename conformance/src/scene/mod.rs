//! What a client's case works with: the client under test, servers of the suite's own, other
//! people, and one clock for all of them.

mod folder;
mod judge;
mod meet;
pub mod pair;
mod preflight;
mod renew;
pub mod run;
mod talk;
pub(crate) mod talker;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, ClientClock, ClientStart, NextEvent, ok};
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::suite::hash;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::case::{Case, Need};
use crate::driver::{Client, ClientSource, Fault, Told};
use crate::host::Host;
use crate::peer::person::{Door, SceneClock, Surroundings};
use crate::peer::{Trace, What};
use crate::trial::Settings;
use crate::verdict::{Stop, Verdict};

use folder::Folder;
pub(crate) use judge::judge_wire;
pub use judge::tag_of;
pub use meet::mode;
pub use renew::card_of;
pub use talk::text_of;

/// How long a case waits for what a client owes it.
pub const PATIENCE: Duration = Duration::from_secs(12);
/// For how long a case listens where nothing may come.
pub const QUIET: Duration = Duration::from_millis(400);
/// What one NextEvent waits while the client is left to itself.
const TURN_MS: u32 = 20;
/// Between two of them, so that commands have their turn.
const PAUSE: Duration = Duration::from_millis(2);

/// One run of one case of a client.
#[derive(Debug)]
pub struct Scene {
    case: &'static Case,
    source: ClientSource,
    settings: Arc<Settings>,
    trace: Trace,
    rng: ChaCha20Rng,
    hosts: Vec<Host>,
    around: Surroundings,
    folder: Folder,
    stage: Arc<Stage>,
    pump: Option<AbortHandle>,
    canaries: Vec<Vec<u8>>,
}

/// What the case and the client's own time share.
#[derive(Debug, Default)]
struct Stage {
    client: tokio::sync::Mutex<Option<Client>>,
    events: Mutex<VecDeque<Event>>,
    fault: Mutex<Option<Fault>>,
    news: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(pump) = self.pump.take() {
            pump.abort();
        }
    }
}

impl Scene {
    /// A run of `case` with a client of `source`.
    ///
    /// # Errors
    /// [`Stop::Harness`] where there is no place for the client's folder.
    pub fn new(
        case: &'static Case,
        source: ClientSource,
        settings: Arc<Settings>,
        trace: Trace,
    ) -> Result<Self, Stop> {
        let seed = hash(&[&settings.seed.to_be_bytes(), case.id.as_bytes()]);
        let folder = Folder::make().map_err(|error| Stop::harness(error.to_string()))?;
        let clock = SceneClock::default();
        let around = Surroundings { doors: Vec::new(), clock, trace: trace.clone() };
        Ok(Self {
            case,
            source,
            settings,
            trace,
            rng: ChaCha20Rng::from_seed(seed),
            hosts: Vec::new(),
            around,
            folder,
            stage: Arc::default(),
            pump: None,
            canaries: Vec::new(),
        })
    }

    // ---- the client ----------------------------------------------------------------------------

    fn start_message(&mut self) -> ClientStart {
        ClientStart {
            spec_revision: SPEC_REVISION,
            clock: ClientClock::Control.into(),
            seed: Bytes::copy_from_slice(&self.seed32()),
            folder: self.folder.path().to_string_lossy().into_owned(),
        }
    }

    /// Starts the client, or starts it again on what it has stored.
    ///
    /// # Errors
    /// [`Stop::Harness`], with the fault kept for the verdict.
    pub async fn start(&mut self) -> Verdict {
        let start = self.start_message();
        let client = match self.source.start(start).await {
            Ok(client) => client,
            Err(fault) => return Err(self.stage.keep(fault)),
        };
        *self.stage.client.lock().await = Some(client);
        let ahead = self.around.clock.ahead();
        if ahead > 0 {
            self.tell(Kind::Clock(driver::Clock { seconds: ahead }))
                .await?
                .map_err(|refused| refused.stop("the client's clock goes forward"))?;
        }
        let stage = Arc::clone(&self.stage);
        self.pump = Some(tokio::spawn(pump(stage)).abort_handle());
        Ok(())
    }

    /// Why the client cannot be judged by this case.
    pub async fn missing(&self) -> Option<Stop> {
        let client = self.stage.client.lock().await;
        let client = client.as_ref()?;
        let need = self.case.needs.iter().find(|need| !client.has(**need))?;
        Some(Stop::unsupported(format!("{} is not declared", need.name())))
    }

    /// Whether the client declares this.
    pub async fn has(&self, need: Need) -> bool {
        self.stage.client.lock().await.as_ref().is_some_and(|client| client.has(need))
    }

    /// Kills the client and starts it again on its folder.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn crash(&mut self) -> Verdict {
        self.note("the client is killed and starts again");
        self.dismiss().await;
        self.start().await
    }

    /// Ends the client without a word, for a case that starts its own.
    pub async fn dismiss(&mut self) {
        if let Some(pump) = self.pump.take() {
            pump.abort();
        }
        if let Some(client) = self.stage.client.lock().await.take() {
            client.kill().await;
        }
    }

    /// Where clients under test come from.
    #[must_use]
    pub const fn source(&self) -> &ClientSource {
        &self.source
    }

    /// The case's record.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The id of the case.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.case.id
    }

    /// Has the client do one thing.
    ///
    /// # Errors
    /// [`Stop::Harness`] on a fault of the driver, which is kept for the verdict.
    pub async fn tell(&self, kind: Kind) -> Result<Told, Stop> {
        let shown = show(&kind);
        let mut client = self.stage.client.lock().await;
        let there = client.as_mut().ok_or_else(|| Stop::harness("no client"))?;
        if let Some(shown) = &shown {
            self.trace.push(0, What::SentRaw(shown.clone()));
        }
        match there.tell(kind).await {
            Ok(told) => {
                self.trace.push(0, What::ReceivedRaw(cut(&format!("{told:?}"))));
                Ok(told)
            }
            Err(fault) => Err(self.stage.keep(fault)),
        }
    }

    /// Has the client do something that has no answer of its own.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it refuses.
    pub async fn done(&self, kind: Kind, what: &str) -> Verdict {
        self.tell(kind).await?.map(drop).map_err(|refused| refused.stop(what))
    }

    /// The fault of the driver, if it had one.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        lock(&self.stage.fault).clone()
    }

    // ---- what the client tells -----------------------------------------------------------------

    /// The first event of which `wanted` makes something; others stay.
    ///
    /// # Errors
    /// [`Stop::Fail`] where none comes in time.
    pub async fn event<T>(
        &self,
        expected: &str,
        mut wanted: impl FnMut(&Event) -> Option<T>,
    ) -> Result<T, Stop> {
        match self.event_within(PATIENCE, &mut wanted).await? {
            Some(found) => Ok(found),
            None => {
                let events = lock(&self.stage.events);
                let others: Vec<_> =
                    events.iter().map(|event| cut(&format!("{event:?}"))).collect();
                let actual = if others.is_empty() {
                    format!("no event for {} s", PATIENCE.as_secs())
                } else {
                    format!("only {}", others.join("; "))
                };
                Err(Stop::fail(expected, actual))
            }
        }
    }

    /// The same, for as long as a case chooses.
    ///
    /// # Errors
    /// [`Stop::Harness`] on a fault of the driver.
    pub async fn event_within<T>(
        &self,
        within: Duration,
        wanted: &mut impl FnMut(&Event) -> Option<T>,
    ) -> Result<Option<T>, Stop> {
        let end = Instant::now() + within;
        loop {
            let news = self.stage.news.notified();
            {
                let mut events = lock(&self.stage.events);
                let found = events
                    .iter()
                    .enumerate()
                    .find_map(|(place, event)| wanted(event).map(|found| (place, found)));
                if let Some((place, found)) = found {
                    events.remove(place);
                    return Ok(Some(found));
                }
            }
            if self.fault().is_some() {
                return Err(Stop::harness("the driver is at fault"));
            }
            if tokio::time::timeout_at(end.into(), news).await.is_err() {
                return Ok(None);
            }
        }
    }

    /// Expects that no such event comes for a while.
    ///
    /// # Errors
    /// [`Stop::Fail`] with what came.
    pub async fn no_event(
        &self,
        expected: &str,
        mut unwanted: impl FnMut(&Event) -> bool,
    ) -> Verdict {
        let mut seen = |event: &Event| unwanted(event).then(|| cut(&format!("{event:?}")));
        match self.event_within(QUIET, &mut seen).await? {
            None => Ok(()),
            Some(event) => Err(Stop::fail(expected, event)),
        }
    }

    // ---- the scene -----------------------------------------------------------------------------

    /// Adds servers until there are so many.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub async fn servers(&mut self, count: usize) -> Verdict {
        while self.hosts.len() < count {
            let seed = self.seed32();
            let host = Host::start(seed, self.around.clock.ahead()).await;
            let host = host.map_err(|error| Stop::harness(error.to_string()))?;
            self.around.doors.push(Door::of(&host)?);
            self.hosts.push(host);
        }
        Ok(())
    }

    /// A server.
    ///
    /// # Errors
    /// [`Stop::Harness`] where there are fewer.
    pub fn host(&self, place: usize) -> Result<&Host, Stop> {
        self.hosts.get(place).ok_or_else(|| Stop::harness("a scene with fewer servers"))
    }

    /// All servers.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// What people need to know of the scene.
    #[must_use]
    pub fn around(&self) -> Surroundings {
        self.around.clone()
    }

    /// Moves the clock of everything there is.
    ///
    /// # Errors
    /// [`Stop::Fail`] where the client does not follow.
    pub async fn advance(&mut self, seconds: u64) -> Verdict {
        self.note(format!("the clock goes forward {seconds} s"));
        self.around.clock.advance(seconds);
        for host in &self.hosts {
            host.advance(seconds);
        }
        self.done(Kind::Clock(driver::Clock { seconds }), "the client's clock goes forward").await
    }

    /// 32 random bytes.
    pub fn seed32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A text that stands nowhere else, and on no server in clear.
    pub fn canary(&mut self) -> String {
        let mut bytes = [0; 12];
        self.rng.fill_bytes(&mut bytes);
        let text = format!("canary {}", hex::encode(bytes));
        self.canaries.push(text.clone().into_bytes());
        text
    }

    /// Bytes that stand on no server in clear.
    pub fn keep_secret(&mut self, bytes: &[u8]) {
        self.canaries.push(bytes.to_vec());
    }

    /// Puts a line into the trace.
    pub fn note(&self, text: impl Into<String>) {
        self.trace.push(0, What::Note(text.into()));
    }

    /// The seed of the run, and how often a property is run.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl Stage {
    fn keep(&self, fault: Fault) -> Stop {
        let (expected, actual) = fault.finding();
        lock(&self.fault).get_or_insert(fault);
        self.news.notify_waiters();
        Stop::fail(expected, actual)
    }
}

/// Leaves the client to itself, and keeps what it tells.
async fn pump(stage: Arc<Stage>) {
    loop {
        let next = Kind::NextEvent(NextEvent { wait_ms: TURN_MS });
        let told = {
            let mut client = stage.client.lock().await;
            let Some(client) = client.as_mut() else { return };
            client.tell(next).await
        };
        match told {
            Ok(Ok(ok::Kind::Event(driver::Event { kind: Some(kind) }))) => {
                lock(&stage.events).push_back(kind);
                stage.news.notify_waiters();
            }
            Ok(Ok(_)) => {}
            Ok(Err(refused)) => {
                let _ = stage.keep(Fault::Driver(format!("NextEvent: {refused:?}")));
                return;
            }
            Err(fault) => {
                let _ = stage.keep(fault);
                return;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn show(kind: &Kind) -> Option<String> {
    Some(cut(&format!("{kind:?}")))
}

/// As much of a text as a trace shows.
pub(crate) fn cut(text: &str) -> String {
    const LENGTH_MAX: usize = 240;
    match text.char_indices().nth(LENGTH_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
