//! One sequence of commands, in lockstep with the model.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proptest::strategy::BoxedStrategy;
use serde::{Deserialize, Serialize};

use super::command::{self, Command, Powers};
use super::coverage::{self, Cell, Coverage};
use super::ledger::Ledger;
use super::resolve::{Cast, Links, SLOTS};
use super::target::Target;
use super::{Broken, Carried, Patience, Subject};
use crate::model::{Answer, Attach, Event, Name, Request, Role, State, Terms, World};
use crate::verdict::Stop;

/// Hours of one unit of `Command::Advance`.
const UNIT_HOURS: u32 = 11;

/// Patience with an event that must come, while shrinking.
const SHRINK_PATIENCE: Duration = Duration::from_millis(400);

/// Where targets come from: each sequence gets one, with links of its own, to the same server.
pub trait Supply: Send + Sync + 'static {
    /// What it supplies.
    type Target: Target;

    /// One more.
    fn supply(&self) -> impl Future<Output = Result<Self::Target, Stop>> + Send;
}

/// Requests of a server, as a subject of the engine.
#[derive(Debug)]
pub struct Sequences<S> {
    /// Where targets come from.
    pub supply: Arc<S>,
    /// What is known of the server.
    pub setting: Setting,
}

impl<S: Supply> Subject for Sequences<S> {
    type Command = Command;
    type Line = Line;
    type Cell = Cell;

    fn strategy(&self) -> BoxedStrategy<Command> {
        command::command(self.setting.powers)
    }

    async fn carry_out(
        &self,
        _number: u64,
        commands: &[Command],
        patience: Patience,
    ) -> Carried<Self> {
        let mut setting = self.setting;
        if patience == Patience::Short {
            setting.patience = setting.patience.min(SHRINK_PATIENCE);
        }
        match self.supply.supply().await {
            Ok(mut target) => run(&mut target, &setting, commands).await,
            Err(stop) => Err(Box::new(Broken { stop, transcript: Vec::new() })),
        }
    }
}

/// What a sequence runs against.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// What the server described of itself.
    pub terms: Terms,
    /// What it can do beyond the profile.
    pub powers: Powers,
    /// How long an event that must come may take.
    pub patience: Duration,
}

/// One request as it went: for the transcript.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The command's place in the sequence; none in the drain after it.
    pub command: Option<usize>,
    /// The link.
    pub link: usize,
    /// What was asked.
    pub request: Request,
    /// What came.
    pub answer: Option<Answer>,
    /// What came unasked before the next request: link and event.
    pub events: Vec<(usize, Event)>,
}

struct Play<'a, T> {
    target: &'a mut T,
    setting: Setting,
    world: World,
    cast: Cast,
    links: Links,
    ledger: Ledger,
    coverage: Coverage<Cell>,
    transcript: Vec<Line>,
    place: Option<usize>,
    /// The model's number of each incarnation, and the server's.
    incarnations: BTreeMap<u32, u32>,
}

/// Carries out `commands`, then drains and closes every connection.
///
/// # Errors
/// The first thing that a conformant server would not have done.
pub async fn run<T: Target>(
    target: &mut T,
    setting: &Setting,
    commands: &[Command],
) -> Result<Coverage<Cell>, Box<Broken<Line>>> {
    let world = World::new(setting.terms, target.hour());
    let mut play = Play {
        target,
        setting: *setting,
        world,
        cast: Cast::default(),
        links: Links::default(),
        ledger: Ledger::default(),
        coverage: Coverage::default(),
        transcript: Vec::new(),
        place: None,
        incarnations: BTreeMap::new(),
    };
    match play.all(commands).await {
        Ok(()) => Ok(play.coverage),
        Err(stop) => Err(Box::new(Broken { stop, transcript: play.transcript })),
    }
}

impl<T: Target> Play<'_, T> {
    async fn all(&mut self, commands: &[Command]) -> Result<(), Stop> {
        for (place, command) in commands.iter().enumerate() {
            self.place = Some(place);
            self.command(command).await?;
        }
        self.place = None;
        self.drain().await?;
        self.close_all().await
    }

    async fn command(&mut self, command: &Command) -> Result<(), Stop> {
        match command {
            Command::Drop(slot) => {
                let slot = usize::from(slot.index) % SLOTS.len();
                self.close(slot).await
            }
            Command::Advance(units) if self.setting.powers.clock => {
                self.close_all().await?;
                let hours = u32::from(*units) * UNIT_HOURS;
                self.target.advance(hours).await?;
                self.world.advance(hours);
                self.ledger.aged();
                Ok(())
            }
            Command::Restart if self.setting.powers.restart => self.restart().await,
            Command::Send { count, .. } => {
                for _ in 0..*count {
                    self.resolved(command).await?;
                }
                Ok(())
            }
            _ => self.resolved(command).await,
        }
    }

    async fn resolved(&mut self, command: &Command) -> Result<(), Stop> {
        match self.cast.resolve(command, &self.world, &self.links) {
            Some((slot, request)) => self.step(slot, &request).await.map(drop),
            None => Ok(()),
        }
    }

    /// One request in lockstep; an acknowledgement is followed by something that is answered.
    async fn step(&mut self, slot: usize, request: &Request) -> Result<Option<Answer>, Stop> {
        let answer = self.single(slot, request).await?;
        if let Request::Acknowledge { handle, .. } = request {
            let link = self.links.at(slot).and_then(|link| self.world.links().get(link));
            let attachment = link.and_then(|link| link.attachments.get(handle));
            let record = attachment.and_then(|a| self.world.records().get(&a.name));
            let barrier = match record.map(|record| record.state) {
                Some(State::Suspended) => Request::Suspend { handle: *handle },
                _ => Request::Resume { handle: *handle },
            };
            self.single(slot, &barrier).await?;
        }
        Ok(answer)
    }

    async fn single(&mut self, slot: usize, request: &Request) -> Result<Option<Answer>, Stop> {
        let link = self.link(slot).await?;
        let was = coverage::was(&self.world, link, request);
        let must = self.world.handle(link, request);
        self.coverage.count(coverage::cell(was, request, must.answer.as_ref()));
        self.cast.learn(&self.world);
        self.transcript.push(Line {
            command: self.place,
            link,
            request: request.clone(),
            answer: None,
            events: Vec::new(),
        });
        let answer = self.target.request(link, request).await?;
        if let Some(line) = self.transcript.last_mut() {
            line.answer.clone_from(&answer);
        }
        if !self.agree(must.answer.as_ref(), answer.as_ref()) {
            return Err(Stop::fail(
                format!("{} to {}", told(must.answer.as_ref()), asked(request)),
                told(answer.as_ref()),
            ));
        }
        self.ledger.answered(link, request, answer.as_ref());
        self.await_events(must.events).await?;
        Ok(answer)
    }

    /// Whether the answers are the same but for the numbers of incarnations, which only have to
    /// correspond.
    fn agree(&mut self, must: Option<&Answer>, answer: Option<&Answer>) -> bool {
        let (
            Some(Answer::Attached { incarnation: ours, state, next }),
            Some(Answer::Attached { incarnation: theirs, state: their_state, next: their_next }),
        ) = (must, answer)
        else {
            return must == answer;
        };
        let known = self.incarnations.get(ours).copied();
        let used = self.incarnations.values().any(|number| number == theirs);
        let corresponds = known.map_or(!used, |number| number == *theirs);
        self.incarnations.insert(*ours, *theirs);
        corresponds && (state, next) == (their_state, their_next)
    }

    /// Reads until everything that must come has come, in order for each attachment.
    async fn await_events(&mut self, must: Vec<(usize, Event)>) -> Result<(), Stop> {
        let mut by_link: BTreeMap<usize, BTreeMap<u32, VecDeque<Event>>> = BTreeMap::new();
        for (link, event) in must {
            by_link.entry(link).or_default().entry(event.handle()).or_default().push_back(event);
        }
        for (link, mut by_handle) in by_link {
            while let Some(next) = by_handle.values().find_map(|events| events.front()) {
                let wanted = format!("{next:?} on link {link}");
                let Some(event) = self.target.event(link, self.setting.patience).await? else {
                    return Err(Stop::fail(wanted, "nothing"));
                };
                if let Some(line) = self.transcript.last_mut() {
                    line.events.push((link, event));
                }
                if let Event::Space { handle } = event {
                    self.space(link, handle)?;
                    continue;
                }
                let queue = by_handle.get_mut(&event.handle());
                if queue.as_ref().and_then(|queue| queue.front()) != Some(&event) {
                    return Err(Stop::fail(wanted, format!("{event:?}")));
                }
                queue.and_then(VecDeque::pop_front);
                self.ledger.happened(link, &event)?;
            }
        }
        Ok(())
    }

    fn space(&mut self, link: usize, handle: u32) -> Result<(), Stop> {
        if self.world.take_space(link, handle) {
            return Ok(());
        }
        let expected = "a Space only after a Send was refused with QUOTA and room came";
        Err(Stop::fail(expected, format!("Space on link {link} for handle {handle}")))
    }

    /// The link of a slot, opened if there is none.
    async fn link(&mut self, slot: usize) -> Result<usize, Stop> {
        if let Some(link) = self.links.at(slot) {
            return Ok(link);
        }
        let class = SLOTS.get(slot).copied().ok_or_else(|| Stop::harness("no such slot"))?;
        self.target.open(class).await?;
        let link = self.world.open(class);
        self.links.set(slot, Some(link));
        Ok(link)
    }

    async fn close(&mut self, slot: usize) -> Result<(), Stop> {
        let Some(link) = self.links.at(slot) else { return Ok(()) };
        for event in self.target.close(link).await? {
            match event {
                Event::Space { handle } => self.space(link, handle)?,
                other => return Err(Stop::fail("nothing more on the link", format!("{other:?}"))),
            }
        }
        self.world.close(link);
        self.links.set(slot, None);
        Ok(())
    }

    async fn close_all(&mut self) -> Result<(), Stop> {
        for slot in 0..SLOTS.len() {
            self.close(slot).await?;
        }
        Ok(())
    }

    /// Restarts the server, and learns from a connection made just before whether it forgets.
    async fn restart(&mut self) -> Result<(), Stop> {
        let canary = self.cast.new_connection(SLOTS[0], State::Claimed, self.world.hour());
        let slot = 0;
        self.step(slot, &Request::Create(Box::new(canary.clone()))).await?;
        self.close_all().await?;
        self.target.restart().await?;
        let attach = self.attach_to(slot, canary.name, canary.key.pair, canary.key.version);
        let link = self.link(slot).await?;
        match self.target.request(link, &attach).await? {
            Some(Answer::Refused { .. }) => self.world.lose(),
            Some(Answer::Attached { .. }) => {}
            other => return Err(Stop::fail("an answer to Attach", told(other.as_ref()))),
        }
        // The handle is used now, whatever the answer was.
        self.world.handle(link, &attach);
        Ok(())
    }

    /// From any prefix: every connection can be emptied and deleted.
    async fn drain(&mut self) -> Result<(), Stop> {
        let names: Vec<Name> = self.world.records().keys().copied().collect();
        for name in names {
            let Some(record) = self.world.records().get(&name) else { continue };
            let (key, class) = (record.recipient, record.class);
            let slot = SLOTS.iter().position(|c| *c == class).unwrap_or_default();
            let attach = self.attach_to(slot, name, key.pair, key.version);
            let answer = self.step(slot, &attach).await?;
            if self.world.hour() >= key.not_after {
                continue; // The lockstep has seen KEY_EXPIRED.
            }
            let (Some(Answer::Attached { .. }), Request::Attach(attach)) = (answer, &attach) else {
                return Err(Stop::fail("Attached, so that the connection drains", "a refusal"));
            };
            let handle = attach.handle;
            self.step(slot, &Request::Subscribe { handle, parts: 64, bytes: 1 << 20 }).await?;
            while let Some(last) = self.last_delivered(slot, handle, name) {
                self.step(slot, &Request::Acknowledge { handle, through: last }).await?;
            }
            self.ledger.balance(name)?;
            self.step(slot, &Request::Delete { handle }).await?;
            let again = self.attach_to(slot, name, key.pair, key.version);
            self.step(slot, &again).await?;
        }
        Ok(())
    }

    /// The highest sequence delivered, while parts are left.
    fn last_delivered(&self, slot: usize, handle: u32, name: Name) -> Option<u64> {
        let left = self.world.records().get(&name)?.parts.len();
        let link = self.world.links().get(self.links.at(slot)?)?;
        let subscription = link.attachments.get(&handle)?.subscription.as_ref()?;
        (left > 0).then_some(subscription.delivered)
    }

    fn attach_to(&self, slot: usize, name: Name, pair: u32, version: u32) -> Request {
        let link = self.links.at(slot).and_then(|link| self.world.links().get(link));
        let free = |handle: &u32| link.is_none_or(|link| !link.attachments.contains_key(handle));
        let handle = (0..).find(free).unwrap_or_default();
        let (role, from, signed, chain) = (Role::Recipient, 0, true, Vec::new());
        Request::Attach(Box::new(Attach { handle, role, name, pair, version, from, signed, chain }))
    }
}

fn told(answer: Option<&Answer>) -> String {
    match answer {
        None => "no answer".to_owned(),
        Some(Answer::Refused { code, next }) => {
            let code = edgewise_proto::v1::RejectCode::try_from(*code);
            let name = code.map_or("a code that is not in the schema", |code| code.as_str_name());
            let name = name.trim_start_matches("REJECT_CODE_");
            if *next == 0 { name.to_owned() } else { format!("{name} with next {next}") }
        }
        Some(answer) => format!("{answer:?}"),
    }
}

fn asked(request: &Request) -> String {
    let text = format!("{request:?}");
    let end = text.char_indices().nth(160).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default().to_owned()
}
