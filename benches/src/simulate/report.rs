//! What a run found: text for people, JSON for programs. The seed and the options fix every byte.

use std::io::Write;

use edgewise_spec::constants::SERVERS_MAX;
use serde::Serialize;

use crate::Failure;
use crate::chance::{Share, reachable};
use crate::counts::{Latency, Text, Traffic};
use crate::options::Options;
use crate::watch::{Seen, Set, books};
use crate::world::{Found, NEED, WATCHED, peer};

/// Version of the JSON.
const SCHEMA: u32 = 1;

const DAY_MS: f64 = 86_400_000.0;

/// Everything that a run found.
#[derive(Serialize)]
pub struct Report {
    schema: u32,
    options: Options,
    texts: Texts,
    latency_ticks: Option<Latency>,
    bytes_a_client: BothWays<Bytes>,
    groups: Vec<Line>,
    named: Vec<usize>,
    reachable: Reachable,
    anonymity: Anonymity,
    comparisons: Vec<Comparison>,
}

/// What became of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Texts {
    /// Texts said.
    pub said: usize,
    /// Texts that nobody could say, as the other end had acknowledged too little.
    pub unsaid: u64,
    /// Texts shown at the other end.
    pub delivered: usize,
    /// Those shown within the deadline.
    pub in_time: usize,
    /// Texts that were not shown when the run ended.
    pub lost: usize,
    /// Delivered of said.
    pub share: f64,
}

/// A figure without cover and with it, as far as it was asked for.
#[derive(Clone, Copy, Serialize)]
struct BothWays<T> {
    without_cover: Option<T>,
    with_cover: Option<T>,
}

impl<T> BothWays<T> {
    fn new(options: &Options, without: T, with: T) -> Self {
        let cover = options.cover;
        Self {
            without_cover: cover.without().then_some(without),
            with_cover: cover.with().then_some(with),
        }
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, &T)> {
        let without = self.without_cover.iter().map(|it| ("without cover", it));
        without.chain(self.with_cover.iter().map(|it| ("with cover", it)))
    }
}

/// Bytes of blocks, a client that is there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Bytes {
    up_a_tick: f64,
    down_a_tick: f64,
    up_a_day: f64,
    down_a_day: f64,
}

/// Parts of one group that were of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Line {
    group: usize,
    lies: bool,
    bad: u64,
    stray: u64,
    wrong: u64,
}

/// How often seven groups or more are reachable.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Reachable {
    computed: f64,
    instants: Share,
    /// Of the texts, those said while so many were reachable.
    world: Option<Share>,
}

#[derive(Clone, Copy, Serialize)]
struct Anonymity {
    group: usize,
    /// By the group's own books.
    books: Set,
    wire: BothWays<Seen>,
}

/// Something that is to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// What.
    pub what: &'static str,
    /// Whether it does.
    pub holds: bool,
}

impl Report {
    /// Makes the report of a run.
    pub fn new(options: Options, found: Found) -> Self {
        let Found { texts, unsaid, traffic, watch, tallies, drained, looks, instants } = found;
        let lying = options.lying();
        let line = |(group, [bad, stray, wrong]): (usize, [u64; 3])| Line {
            group,
            lies: lying.contains(&group),
            bad,
            stray,
            wrong,
        };
        let groups: Vec<Line> = tallies.into_iter().enumerate().map(line).collect();
        let named = groups.iter().filter(|it| it.bad + it.stray + it.wrong > 0);
        let named: Vec<usize> = named.map(|line| line.group).collect();
        let computed = reachable(options.edge_uptime, NEED as u32, SERVERS_MAX as u32);
        let enough = texts.iter().filter(|text| text.reachable).count();
        let world = (!texts.is_empty() && options.dead == 0)
            .then(|| Share::new(enough as f64 / texts.len() as f64, looks));
        let reachable = Reachable { computed, instants, world };
        let mut comparisons = vec![
            Comparison {
                what: "the groups that are named are those that lie",
                holds: named.iter().copied().eq(lying),
            },
            Comparison {
                what: "seven groups are reachable as often as computed, at independent instants",
                holds: instants.admits(computed),
            },
        ];
        comparisons.extend(world.map(|world| Comparison {
            what: "seven groups are reachable as often as computed, when texts are said",
            holds: world.admits(computed),
        }));
        let books = books(&drained, options.clients);
        let [without, with] = watch.seen(peer);
        let wire = BothWays::new(&options, without, with);
        Self {
            schema: SCHEMA,
            texts: count(&texts, unsaid, options.deadline),
            latency_ticks: Latency::new(&texts),
            bytes_a_client: bytes(&options, &traffic),
            groups,
            named,
            reachable,
            anonymity: Anonymity { group: WATCHED, books, wire },
            comparisons,
            options,
        }
    }

    /// Whether every comparison holds.
    pub fn holds(&self) -> bool {
        self.comparisons.iter().all(|comparison| comparison.holds)
    }

    /// What became of the texts.
    #[cfg(test)]
    pub const fn texts(&self) -> Texts {
        self.texts
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Result<String, Failure> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Prints the report.
    pub fn print(&self, out: &mut impl Write) -> Result<(), Failure> {
        let Options { clients, ticks, tick_ms, seed, edge_uptime, deadline, .. } = &self.options;
        writeln!(out, "simulate: {clients} clients, {ticks} ticks of {tick_ms} ms, seed {seed}")?;
        writeln!(
            out,
            "ten groups of two edges, each up {edge_uptime} of the time; 7 of 10, small"
        )?;
        let Texts { said, unsaid, delivered, in_time, lost, share } = &self.texts;
        writeln!(out, "\ntexts: {said} said, {delivered} delivered ({share:.6}), {lost} lost")?;
        writeln!(out, "       {in_time} within {deadline} ticks; {unsaid} more could not be said")?;
        if let Some(Latency { p50, p90, p99, max }) = &self.latency_ticks {
            writeln!(out, "ticks from said to shown: p50 {p50}, p90 {p90}, p99 {p99}, max {max}")?;
        }
        for (cover, bytes) in self.bytes_a_client.each() {
            let Bytes { up_a_tick, down_a_tick, up_a_day, down_a_day } = bytes;
            write!(
                out,
                "a client, {cover}: {up_a_tick:.0} bytes a tick up, {down_a_tick:.0} down"
            )?;
            writeln!(out, "; {:.1} MB a day up, {:.1} down", up_a_day / 1e6, down_a_day / 1e6)?;
        }
        self.print_groups(out)?;
        self.print_anonymity(out)?;
        writeln!(out)?;
        for Comparison { what, holds } in &self.comparisons {
            writeln!(out, "{} {what}", if *holds { "holds  " } else { "DOES NOT HOLD" })?;
        }
        Ok(())
    }

    fn print_groups(&self, out: &mut impl Write) -> Result<(), Failure> {
        writeln!(out, "\ngroup  lies  bad parts  stray  wrong")?;
        for Line { group, lies, bad, stray, wrong } in &self.groups {
            let lies = if *lies { "yes" } else { "no" };
            writeln!(out, "{group:>5}  {lies:>4}  {bad:>9}  {stray:>5}  {wrong:>5}")?;
        }
        let Reachable { computed, instants, world } = &self.reachable;
        writeln!(
            out,
            "\nat least {NEED} of {SERVERS_MAX} groups reachable: computed {computed:.7}"
        )?;
        let world = world.iter().map(|share| ("when texts were said", share));
        for (when, share) in [("at independent instants", instants)].into_iter().chain(world) {
            let Share { share, looks, low, high } = share;
            write!(out, "  {when}: {share:.7}, worth {looks:.0} looks: ")?;
            writeln!(out, "{low:.7} to {high:.7} (99.9 %)")?;
        }
        Ok(())
    }

    fn print_anonymity(&self, out: &mut impl Write) -> Result<(), Failure> {
        let Anonymity { group, books, wire } = &self.anonymity;
        writeln!(out, "\nwho may have sent a part that group {group} delivered")?;
        let line = |of: &str, set: &Set| {
            let Set { parts, size, bits, normalised, missed } = set;
            format!(
                "  {of}: {size:.1} clients, {bits:.2} bits, {normalised:.3} of all; \
                 {parts} parts, {missed:.3} of them missed"
            )
        };
        writeln!(out, "{}", line("by the group's own books", books))?;
        for (cover, Seen { part, run }) in wire.each() {
            writeln!(out, "{}", line(&format!("by its wire, {cover}"), part))?;
            let (recipients, size, named) = (run.recipients, run.size, run.named);
            write!(
                out,
                "    over the run, of {recipients} recipients: {size:.1} clients stand out"
            )?;
            writeln!(out, ", and the sender alone of {named:.3} of them")?;
        }
        Ok(())
    }
}

fn count(texts: &[Text], unsaid: u64, deadline: u64) -> Texts {
    let latencies = || texts.iter().filter_map(Text::latency);
    let (said, delivered) = (texts.len(), latencies().count());
    let in_time = latencies().filter(|latency| *latency <= deadline).count();
    let share = delivered as f64 / said.max(1) as f64;
    Texts { said, unsaid, delivered, in_time, lost: said - delivered, share }
}

fn bytes(options: &Options, traffic: &Traffic) -> BothWays<Bytes> {
    let Traffic { ticks, up, down } = traffic;
    let each = |bytes: u64| bytes as f64 / (*ticks).max(1) as f64;
    let days = DAY_MS / options.tick_ms as f64;
    let of = |up: u64, down: u64| {
        let (up_a_tick, down_a_tick) = (each(up), each(down));
        let (up_a_day, down_a_day) = (up_a_tick * days, down_a_tick * days);
        Bytes { up_a_tick, down_a_tick, up_a_day, down_a_day }
    };
    let with = of(up.said + up.cover, down.said + down.cover);
    BothWays::new(options, of(up.said, down.said), with)
}
