//! The world: what happens in a tick, and in which order.

use edgewise_spec::constants::{BLOCK_SMALL, SERVERS_MAX};
use edgewise_spec::scatter::Shape;
use edgewise_spec::time::Now;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::Failure;
use crate::chance::{Share, trials, unit};
use crate::counts::{Text, Traffic};
use crate::edges::{EDGES, Edges};
use crate::end::{End, Join, Parts};
use crate::group::{Group, Ledger};
use crate::lane::Lane;
use crate::options::Options;
use crate::report::Report;
use crate::setup;
use crate::watch::Watch;

/// The world begins here.
const START: Now = Now::from_seconds(1_800_000_000);

/// The group that is watched.
pub const WATCHED: usize = 0;

/// How many groups a cell needs.
pub const NEED: usize = Shape::SEVEN_OF_TEN.k() as usize;

/// What is drawn from the seed, each apart, so that none of it changes with the others.
#[derive(Clone, Copy)]
enum Draw {
    Keys,
    Users,
    Edges,
    Instants,
    Group(usize),
}

fn draw(seed: u64, of: Draw) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(match of {
        Draw::Keys => 0,
        Draw::Users => 1,
        Draw::Edges => 2,
        Draw::Instants => 3,
        Draw::Group(group) => 4 + group as u64,
    });
    rng
}

/// Who a client talks with.
pub const fn peer(client: usize) -> usize {
    client ^ 1
}

struct Client {
    lanes: Vec<Lane>,
    end: End,
    /// While away: the tick in which the client is back.
    back: Option<u64>,
    /// The last tick in which a part came.
    heard: u64,
}

impl Client {
    fn push(&mut self, parts: Parts) {
        for (lane, part) in self.lanes.iter_mut().zip(parts) {
            lane.push(part);
        }
    }
}

/// Clients, groups, and the time.
pub struct World {
    options: Options,
    join: Join,
    now: Now,
    tick: u64,
    clients: Vec<Client>,
    groups: Vec<Group>,
    edges: Edges,
    keys: ChaCha8Rng,
    users: ChaCha8Rng,
    texts: Vec<Text>,
    unsaid: u64,
    traffic: Traffic,
    watch: Watch,
}

impl World {
    /// A world in which everybody has met, before its first tick.
    pub fn new(options: Options, join: Join) -> Result<Self, Failure> {
        let seed = options.seed;
        let (mut keys, count) = (draw(seed, Draw::Keys), options.clients);
        let lying = options.lying();
        let group = |number: usize| {
            Group::new(START, count, lying.contains(&number), draw(seed, Draw::Group(number)))
        };
        let mut groups: Vec<_> = (0..SERVERS_MAX).map(group).collect();
        let begun = setup::clients(START, count, &mut groups, &mut keys)?;
        if let Some(group) = groups.get_mut(WATCHED) {
            group.ledger = Some(Ledger::default());
        }
        let client = |(lanes, end)| Client { lanes, end, back: None, heard: 0 };
        let edges = draw(seed, Draw::Edges);
        Ok(Self {
            join,
            now: START,
            tick: 0,
            clients: begun.into_iter().map(client).collect(),
            groups,
            edges: Edges::new(options.edge_uptime, options.repair_ticks, edges),
            keys,
            users: draw(seed, Draw::Users),
            texts: Vec::new(),
            unsaid: 0,
            traffic: Traffic::default(),
            watch: Watch::new(count),
            options,
        })
    }

    /// Lets everything happen, and says what did.
    pub fn run(mut self) -> Result<Report, Failure> {
        for _ in 0..self.options.ticks {
            self.step(true)?;
        }
        for _ in 0..self.options.deadline {
            if self.texts.iter().all(|text| text.heard.is_some()) {
                break;
            }
            self.step(false)?;
        }
        Ok(self.report())
    }

    /// One tick: faults, what groups say, what people say, what clients say.
    fn step(&mut self, talking: bool) -> Result<(), Failure> {
        self.tick += 1;
        self.now = START.plus_millis(self.tick.saturating_mul(self.options.tick_ms));
        self.edges.advance(self.tick);
        let dead = |group| self.options.is_dead(group, self.tick);
        let up: Vec<_> = (0..)
            .zip(self.edges.up())
            .map(|(group, up)| if dead(group) { [false; EDGES] } else { up })
            .collect();
        self.come_and_go(&up);
        self.hear(talking)?;
        if talking {
            let reachable = up.iter().filter(|pair| pair.contains(&true)).count();
            self.talk(reachable >= NEED)?;
        }
        self.speak(&up, talking)?;
        self.groups.iter_mut().for_each(|group| group.pass(self.now));
        self.rest();
        Ok(())
    }

    /// Links over edges that failed are lost, and those of clients who leave.
    fn come_and_go(&mut self, up: &[[bool; EDGES]]) {
        let Options { churn, away_ticks, .. } = self.options;
        for client in &mut self.clients {
            let lanes = client.lanes.iter_mut().zip(&mut self.groups);
            match client.back {
                Some(back) if back <= self.tick => client.back = None,
                Some(_) => {}
                None if churn > 0.0 && unit(&mut self.users) < churn => {
                    let ticks = trials(1.0 / away_ticks, &mut self.users);
                    client.back = Some(self.tick.saturating_add(ticks));
                    lanes.for_each(|(lane, group)| lane.lose(group));
                }
                None => lanes.zip(up).for_each(|((lane, group), up)| lane.look(*up, group)),
            }
        }
    }

    /// Every link's block from its group, and what it brings.
    fn hear(&mut self, talking: bool) -> Result<(), Failure> {
        for (number, client) in self.clients.iter_mut().enumerate() {
            if client.back.is_some() {
                continue;
            }
            let mut parts = Vec::new();
            for (place, group) in (0_u8..).zip(&mut self.groups) {
                let Some(lane) = client.lanes.get_mut(usize::from(place)) else { break };
                let cover = if lane.is_linked() { BLOCK_SMALL } else { 0 };
                let len = lane.hear(self.now, group, &mut parts)?;
                if talking {
                    self.traffic.down.add(len, cover);
                }
                for (sequence, part) in parts.drain(..) {
                    if usize::from(place) == WATCHED {
                        self.watch.drained(number, peer(number));
                    }
                    client.heard = self.tick;
                    let text = client.end.hear(self.now, place, &part, self.join)?;
                    if let Some(text) = text {
                        heard(&mut self.texts, &text, peer(number), self.tick)?;
                    }
                    lane.stored(sequence)?;
                }
            }
            if let Some(answer) = client.end.answer(self.now, &mut self.keys)? {
                client.push(answer);
            }
        }
        Ok(())
    }

    /// What people say: each one who is there one text at most.
    fn talk(&mut self, reachable: bool) -> Result<(), Failure> {
        for (from, client) in self.clients.iter_mut().enumerate() {
            if client.back.is_some() || unit(&mut self.users) >= self.options.rate {
                continue;
            }
            let text = format!("text {}", self.texts.len());
            match client.end.say(self.now, text, &mut self.keys)? {
                Some(parts) => {
                    client.push(parts);
                    self.texts.push(Text { from, said: self.tick, heard: None, reachable });
                }
                None => self.unsaid += 1,
            }
        }
        Ok(())
    }

    /// Every link's block to its group.
    fn speak(&mut self, up: &[[bool; EDGES]], talking: bool) -> Result<(), Failure> {
        let mut fed = vec![false; self.clients.len()];
        let mut linked = fed.clone();
        let flags = fed.iter_mut().zip(&mut linked);
        for ((number, client), (fed, linked)) in self.clients.iter_mut().enumerate().zip(flags) {
            if client.back.is_some() {
                continue;
            }
            self.traffic.ticks += u64::from(talking);
            let groups = self.groups.iter_mut().zip(up).enumerate();
            for ((place, (group, up)), lane) in groups.zip(&mut client.lanes) {
                lane.connect(self.now, *up, number, group, &mut self.keys)?;
                let cover = if lane.is_linked() { BLOCK_SMALL } else { 0 };
                let len = lane.speak(self.now, group)?;
                if talking {
                    self.traffic.up.add(len, cover);
                }
                if place == WATCHED {
                    (*fed, *linked) = (len > 0, cover > 0);
                }
            }
        }
        self.watch.fed(fed, linked);
        Ok(())
    }

    /// No more tag windows stay in memory than may: those that were used last.
    fn rest(&mut self) {
        let awake = || self.clients.iter().filter(|client| client.end.is_awake());
        let Some(beyond) = awake().count().checked_sub(self.options.awake).filter(|it| *it > 0)
        else {
            return;
        };
        let mut used: Vec<u64> = awake().map(|client| client.heard).collect();
        used.sort_unstable();
        let Some(last) = used.get(beyond - 1).copied() else { return };
        let idle = self.clients.iter_mut().filter(|it| it.end.is_awake() && it.heard <= last);
        idle.take(beyond).for_each(|client| client.end.sleep());
    }

    fn report(self) -> Report {
        let Self { options, texts, unsaid, traffic, watch, clients, groups, edges, .. } = self;
        let mut tallies = vec![[0_u64; 3]; groups.len()];
        for client in &clients {
            for ([bad, stray, wrong], tally) in tallies.iter_mut().zip(client.end.tallies()) {
                *bad += u64::from(tally.bad);
                *stray += u64::from(tally.stray);
                *wrong += u64::from(tally.wrong);
            }
        }
        let ledger = groups.into_iter().nth(WATCHED).and_then(|group| group.ledger);
        let drained = ledger.map(|ledger| ledger.drained).unwrap_or_default();
        let looks = edges.independent(options.ticks);
        let instants = instants(&options);
        let found = Found { texts, unsaid, traffic, watch, tallies, drained, looks, instants };
        Report::new(options, found)
    }
}

/// What a world leaves.
pub struct Found {
    /// Every text.
    pub texts: Vec<Text>,
    /// Texts that a session had no room for.
    pub unsaid: u64,
    /// Bytes.
    pub traffic: Traffic,
    /// What was seen of the watched group's wire.
    pub watch: Watch,
    /// By group: parts that were bad, stray and wrong.
    pub tallies: Vec<[u64; 3]>,
    /// The watched group's books.
    pub drained: Vec<usize>,
    /// How many independent looks at the edges the world's ticks are worth.
    pub looks: f64,
    /// How often enough groups were reachable at independent instants.
    pub instants: Share,
}

/// A text is shown, as it was said and by whom.
fn heard(texts: &mut [Text], shown: &str, from: usize, tick: u64) -> Result<(), Failure> {
    let number = shown.strip_prefix("text ").and_then(|number| number.parse::<usize>().ok());
    let text = number.and_then(|number| texts.get_mut(number));
    match text.filter(|text| text.from == from && text.heard.is_none()) {
        Some(text) => text.heard = Some(tick),
        None => return Err(format!("{shown:?} of client {from} was never said, or twice").into()),
    }
    Ok(())
}

/// The edges alone, looked at so seldom that each look is a new one.
fn instants(options: &Options) -> Share {
    let Options { edge_uptime, repair_ticks, instants, seed, .. } = *options;
    let mut edges = Edges::new(edge_uptime, repair_ticks, draw(seed, Draw::Instants));
    let step = edges.forgets();
    let mut enough = 0_u64;
    for instant in 0..instants {
        edges.advance(instant.saturating_mul(step));
        enough += u64::from(edges.reachable() >= NEED);
    }
    Share::new(enough as f64 / instants as f64, instants as f64)
}
