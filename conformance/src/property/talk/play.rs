//! One talk.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind as Ask;
use edgewise_proto::conformance::v1::{self as driver, ClientClock};
use edgewise_spec::connection::{Op, Outcome};
use edgewise_spec::constants::{RETRY_FIRST_SECONDS, RETRY_MAX_SECONDS};
use edgewise_spec::suite::hash;

use super::command::{Command, Failure, Lie, Of, Side};
use super::events::Told;
use super::model::{Model, Seen};
use super::{Came, Line, Talks, Was};
use crate::case::Need;
use crate::driver::ClientSource;
use crate::host::{Deed, Host};
use crate::property::coverage::Coverage;
use crate::property::{Broken, Carried};
use crate::scene::talker::Talker;
use crate::scene::{judge_wire, pair};
use crate::verdict::{Stop, Verdict};

/// Seconds of one unit of [`Command::Advance`].
const UNIT_SECONDS: u64 = 11 * 3_600;
/// No talk goes on for longer: what waits on a server would come to the end of its days.
const AHEAD_MAX: u64 = 14 * 86_400;
/// What one turn of a client waits for.
const TURN_MS: u32 = 5;
/// How long both may take to come to the same, while they get further.
const SETTLED_WITHIN: Duration = Duration::from_secs(45);
/// How long both may stand still before their clocks are moved to the next time that they wait for.
const STILL: Duration = Duration::from_millis(800);
/// How long it is looked for what comes too much once both show the same.
const LINGER: Duration = Duration::from_millis(40);

/// A failure of a server that is to come.
#[derive(Clone, Copy, Debug)]
struct Pending {
    of: Of,
    after: u8,
    deed: Doing,
}

#[derive(Clone, Copy, Debug)]
enum Doing {
    Fail(Failure),
    Drop,
}

/// The place of the server that lies, in talks where one does.
const LIAR: usize = 1;

type Plot = Arc<Mutex<Vec<Pending>>>;
/// Lies about two parts that wait together, which are still to be told.
type Lies = Arc<Mutex<VecDeque<Lie>>>;

pub(super) struct Play<'a> {
    pub(super) talks: &'a Talks,
    pub(super) hosts: Vec<Host>,
    plots: Vec<Plot>,
    lies: Lies,
    shut: Vec<bool>,
    pub(super) inviter: Talker,
    pub(super) claimer: Talker,
    pub(super) model: Model,
    /// Handles of what each has said, in order.
    pub(super) handles: [Vec<Bytes>; 2],
    pub(super) told: [Told; 2],
    /// The server of each place, by side.
    pub(super) places: [Vec<usize>; 2],
    ahead: u64,
    within: Duration,
    coverage: Coverage<super::Cell>,
    transcript: Vec<Line>,
    at: Option<usize>,
}

/// Carries out one talk.
pub(super) async fn run(
    talks: &Talks,
    number: u64,
    commands: &[Command],
    within: Duration,
) -> Carried<Talks> {
    let broken = |stop| Box::new(Broken { stop, transcript: Vec::new() });
    let mut play = Play::begin(talks, number, within).await.map_err(broken)?;
    match play.all(commands).await {
        Ok(()) => Ok(play.coverage),
        Err(stop) => Err(Box::new(Broken { stop, transcript: play.transcript })),
    }
}

impl<'a> Play<'a> {
    async fn begin(talks: &'a Talks, number: u64, within: Duration) -> Result<Self, Stop> {
        let named = if talks.powers.lies { 2 } else { 1 + usize::from(number % 2 == 1) };
        let mut hosts = Vec::new();
        for place in 0..=named {
            let place = u64::try_from(place).unwrap_or_default().to_be_bytes();
            let seed = hash(&[&talks.seed.to_be_bytes(), &number.to_be_bytes(), &place]);
            let host = Host::start(seed, 0).await;
            hosts.push(host.map_err(|error| Stop::harness(error.to_string()))?);
        }
        let plots: Vec<Plot> = hosts.iter().map(|_| Plot::default()).collect();
        for (host, plot) in hosts.iter().zip(&plots) {
            let plot = Arc::clone(plot);
            host.judge(move |op| decide(&plot, op));
        }
        let lies = Lies::default();
        if let Some(liar) = hosts.get(LIAR).filter(|_| talks.powers.lies) {
            let lies = Arc::clone(&lies);
            liar.tamper(move |parts| mix_up(&lies, parts));
        }
        let (one, other) =
            if number % 4 < 2 { (&talks.one, &talks.other) } else { (&talks.other, &talks.one) };
        let start = |side: Side, source: &'a ClientSource| {
            Talker::start(side.name(), source, talks.seed ^ number, ClientClock::Control)
        };
        let mut inviter = start(Side::Inviter, one).await?;
        let mut claimer = start(Side::Claimer, other).await?;
        let servers: Vec<String> =
            hosts.iter().take(named).map(|host| host.address.to_string()).collect();
        pair::meet(&mut inviter, &mut claimer, &servers).await?;
        let places: Vec<usize> = (0..named).collect();
        Ok(Self {
            talks,
            shut: vec![false; hosts.len()],
            hosts,
            plots,
            lies,
            inviter,
            claimer,
            model: Model::default(),
            handles: [Vec::new(), Vec::new()],
            told: [Told::default(), Told::default()],
            places: [places.clone(), places],
            ahead: 0,
            within,
            coverage: Coverage::default(),
            transcript: Vec::new(),
            at: None,
        })
    }

    pub(super) fn talker(&mut self, side: Side) -> &mut Talker {
        match side {
            Side::Inviter => &mut self.inviter,
            Side::Claimer => &mut self.claimer,
        }
    }

    pub(super) fn note(&mut self, did: impl Into<String>) {
        self.transcript.push(Line { command: self.at, did: did.into() });
    }

    async fn all(&mut self, commands: &[Command]) -> Verdict {
        for (place, command) in commands.iter().enumerate() {
            self.at = Some(place);
            let was = self.was(command);
            self.note(format!("{command:?}"));
            let came = self.command(command).await?;
            self.coverage.count((was, command.kind(), came));
        }
        self.at = None;
        self.settle().await?;
        pair::same_safety_number(&mut self.inviter, &mut self.claimer).await?;
        judge_wire(&self.hosts, &self.model.texts())
    }

    fn was(&self, command: &Command) -> Was {
        let pending = |plot: &Plot| !lock(plot).is_empty();
        if self.shut.contains(&true) || self.plots.iter().any(pending) {
            return Was::Troubled;
        }
        let here = [self.inviter.is_here(), self.claimer.is_here()];
        match (command.kind(), here) {
            (_, [true, true]) => Was::Calm,
            _ => Was::Alone,
        }
    }

    async fn command(&mut self, command: &Command) -> Result<Came, Stop> {
        let powers = self.talks.powers;
        match *command {
            Command::Settle => self.settle().await?,
            Command::Listen { who, turns } => {
                self.come_back(who).await?;
                for _ in 0..turns {
                    self.turn(who).await?;
                }
            }
            Command::Restart(who) if powers.restarts => {
                self.leave(who).await;
                self.come_back(who).await?;
            }
            Command::Leave(who) if powers.restarts => self.leave(who).await,
            Command::Rotate(who) if self.can(who, Need::Move) => {
                self.come_back(who).await?;
                let contact = self.talker(who).contact.clone();
                let rotate = Ask::RotateKeys(driver::RotateKeys { contact });
                return self.change(who, rotate, "keys changed").await;
            }
            Command::Move { who, place } if self.can(who, Need::Move) => {
                return self.relocate(who, place).await;
            }
            Command::Advance(units) if powers.clock => return self.advance(units).await,
            Command::Cut(host) if powers.cuts => self.host(host)?.cut(),
            Command::Shut { host, shut } if powers.loss => {
                let place = usize::from(host) % self.hosts.len().max(1);
                self.host(host)?.close(shut);
                if let Some(is) = self.shut.get_mut(place) {
                    *is = shut;
                }
            }
            Command::Fail { host, of, after, how } if powers.cuts => {
                self.plot(host, Pending { of, after, deed: Doing::Fail(how) });
            }
            Command::Forget(host) if powers.loss => self.host(host)?.forget(),
            Command::Lie(lie) if powers.lies => match lie {
                Lie::Drops => {
                    self.plot(1, Pending { of: Of::Send, after: 0, deed: Doing::Drop });
                }
                Lie::Repeats | Lie::Swaps => lock(&self.lies).push_back(lie),
            },
            _ => return self.words(command).await,
        }
        Ok(Came::Done)
    }

    fn plot(&self, host: u8, pending: Pending) {
        let place = usize::from(host) % self.plots.len().max(1);
        if let Some(plot) = self.plots.get(place) {
            lock(plot).push(pending);
        }
    }

    fn host(&self, host: u8) -> Result<&Host, Stop> {
        let place = usize::from(host) % self.hosts.len().max(1);
        self.hosts.get(place).ok_or_else(|| Stop::harness("a talk without servers"))
    }

    /// Whether a side, which need not be there, can do this.
    pub(super) fn can(&mut self, who: Side, need: Need) -> bool {
        self.talker(who).has(need)
    }

    fn both_can(&mut self, need: Need) -> bool {
        Side::BOTH.into_iter().all(|side| self.can(side, need))
    }

    async fn leave(&mut self, who: Side) {
        self.talker(who).leave().await;
        self.told_of(who).cut_short = true;
    }

    pub(super) async fn come_back(&mut self, who: Side) -> Verdict {
        let ahead = self.ahead;
        self.talker(who).come_back(ahead).await
    }

    async fn advance(&mut self, units: u8) -> Result<Came, Stop> {
        match self.forward(u64::from(units) * UNIT_SECONDS).await? {
            true => Ok(Came::Done),
            false => Ok(Came::Nothing),
        }
    }

    /// Moves the clock of all that there is; false where a talk would become too long.
    async fn forward(&mut self, seconds: u64) -> Result<bool, Stop> {
        if self.ahead + seconds > AHEAD_MAX {
            return Ok(false);
        }
        self.ahead += seconds;
        for host in &self.hosts {
            host.advance(seconds);
        }
        for side in Side::BOTH {
            if self.talker(side).is_here() {
                self.talker(side).ask(Ask::Clock(driver::Clock { seconds })).await?;
            }
        }
        Ok(true)
    }

    /// Moves a connection to the server that has none of this side.
    async fn relocate(&mut self, who: Side, place: u8) -> Result<Came, Stop> {
        self.come_back(who).await?;
        let [inviter, claimer] = &self.places;
        let places = if who == Side::Inviter { inviter } else { claimer };
        let Some(free) = (0..self.hosts.len()).find(|host| !places.contains(host)) else {
            return Ok(Came::Nothing);
        };
        let at = usize::from(place) % places.len().max(1);
        let server = self.hosts.get(free).map(|host| host.address.to_string());
        let contact = self.talker(who).contact.clone();
        let asked = driver::MoveConnection {
            contact,
            place: u32::try_from(at).unwrap_or_default(),
            server: server.unwrap_or_default(),
        };
        let came = self.change(who, Ask::MoveConnection(asked), "a connection moved").await?;
        if came == Came::Done {
            let [inviter, claimer] = &mut self.places;
            let places = if who == Side::Inviter { inviter } else { claimer };
            if let Some(stands) = places.get_mut(at) {
                *stands = free;
            }
        }
        Ok(came)
    }

    /// Changes something of the connections, unless another change is under way.
    async fn change(&mut self, who: Side, ask: Ask, what: &str) -> Result<Came, Stop> {
        match self.talker(who).tell(ask).await? {
            Ok(_) => Ok(Came::Done),
            Err(refused) if refused.code() == Some(driver::RejectReason::State) => {
                self.note(format!("refused: {refused:?}"));
                Ok(Came::Refused)
            }
            Err(refused) => Err(refused.stop(what)),
        }
    }

    /// Repairs everything and waits until both show the same.
    async fn settle(&mut self) -> Verdict {
        for (host, plot) in self.hosts.iter().zip(&self.plots) {
            lock(plot).clear();
            host.close(false);
        }
        lock(&self.lies).clear();
        self.shut.fill(false);
        for side in Side::BOTH {
            self.come_back(side).await?;
        }
        let begin = Instant::now();
        let mut end = begin + self.within;
        let mut since: Option<Instant> = None;
        let mut last: Option<(String, String)> = None;
        let (mut still, mut step) = (Instant::now(), RETRY_FIRST_SECONDS);
        loop {
            let mut told = false;
            for side in Side::BOTH {
                while self.turn(side).await? {
                    told = true;
                }
            }
            let missing = self.look().await?;
            // A machine that has much to do is slow: only who gets no further has had time enough.
            let further = told || missing != last;
            if further && begin.elapsed() < SETTLED_WITHIN {
                end = Instant::now() + self.within;
            }
            if further || missing.is_none() {
                (still, step) = (Instant::now(), RETRY_FIRST_SECONDS);
            } else if still.elapsed() >= STILL && self.both_can(Need::Clock) {
                // What was refused for now may be asked again ever later.
                self.forward(step).await?;
                (still, step) = (Instant::now(), (2 * step).min(RETRY_MAX_SECONDS));
            }
            match &missing {
                None if since.is_some_and(|since| since.elapsed() >= LINGER) => return Ok(()),
                None => {
                    since.get_or_insert_with(Instant::now);
                }
                Some((expected, actual)) if Instant::now() >= end => {
                    let waited = begin.elapsed().as_secs_f32();
                    let actual = format!("{actual}, {waited:.1} s later");
                    return Err(Stop::fail(expected, actual));
                }
                Some(_) => since = None,
            }
            last = missing;
        }
    }

    /// Whether one cell can overtake another: where one of two connections begins anew behind the
    /// first, or its server lies.
    const fn overtaking(&self) -> bool {
        let powers = self.talks.powers;
        powers.lies || powers.moves
    }

    /// What is missing yet.
    async fn look(&mut self) -> Result<Option<(String, String)>, Stop> {
        for side in Side::BOTH {
            let entries = self.talker(side).history().await?;
            match self.model.see(side, &entries, self.overtaking()) {
                Seen::Same => {}
                Seen::NotYet { expected, actual } => return Ok(Some((expected, actual))),
                Seen::Wrong(stop) => return Err(stop),
            }
        }
        for side in Side::BOTH {
            if let Some(missing) = self.untold(side) {
                return Ok(Some(missing));
            }
        }
        Ok(None)
    }

    async fn turn(&mut self, who: Side) -> Result<bool, Stop> {
        let told = self.talker(who).turn(TURN_MS).await?;
        while let Some(event) = self.talker(who).events.pop_front() {
            self.heard(who, &event)?;
        }
        Ok(told)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the next lie as soon as two parts wait together.
fn mix_up(lies: &Lies, parts: &mut [(u64, Bytes)]) {
    let [(_, first), (_, second), ..] = parts else { return };
    match lock(lies).pop_front() {
        Some(Lie::Repeats) => second.clone_from(first),
        Some(Lie::Swaps) => std::mem::swap(first, second),
        Some(Lie::Drops) | None => {}
    }
}

/// What becomes of an operation: the first failure of its kind that is due.
fn decide(plot: &Plot, op: &Op) -> Deed {
    let of = match op {
        Op::Send { .. } => Of::Send,
        Op::Acknowledge { .. } => Of::Acknowledge,
        _ => return Deed::Honest,
    };
    let mut plot = lock(plot);
    let Some(place) = plot.iter().position(|pending| pending.of == of) else {
        return Deed::Honest;
    };
    match plot.get_mut(place) {
        Some(pending) if pending.after > 0 => {
            pending.after -= 1;
            Deed::Honest
        }
        _ => match plot.remove(place).deed {
            Doing::Fail(Failure::Before) => Deed::Cut,
            Doing::Fail(Failure::After) => Deed::CutAfter,
            Doing::Fail(Failure::Forgets) => Deed::Forget,
            Doing::Drop => Deed::Answer(Ok(Outcome::Done)),
        },
    }
}

/// By handle, how often something was told.
pub(super) type Counts = HashMap<Bytes, usize>;
