//! What one group, or who watches its wire, can tell of who speaks to whom.
//!
//! Of a part that is drained in a tick, the senders that come into question are those who fed the
//! group in the tick before: their number, and the entropy of choosing among them, which no
//! watcher can tell apart (Serjantov and Danezis, 2002), over that of choosing among all clients
//! (Díaz and others, 2002).

use std::collections::BTreeMap;

use serde::Serialize;

/// Recipients that are watched for the whole run: the first ones.
const WATCHED: usize = 100;

/// Everybody who came into question in one tick.
#[derive(Clone, Default)]
struct Crowd {
    members: Vec<bool>,
    size: usize,
}

impl Crowd {
    fn new(members: Vec<bool>) -> Self {
        let size = members.iter().filter(|member| **member).count();
        Self { members, size }
    }

    fn has(&self, client: usize) -> bool {
        self.members.get(client) == Some(&true)
    }
}

/// One way of watching.
#[derive(Clone, Default)]
struct View {
    crowd: Crowd,
    sum: Sum,
    /// By watched recipient: how often each client came into question.
    seen: BTreeMap<usize, Vec<u32>>,
}

/// Figures of many parts.
#[derive(Clone, Copy, Default)]
struct Sum {
    parts: u64,
    size: f64,
    bits: f64,
    missed: u64,
}

impl Sum {
    fn add(&mut self, size: usize) {
        self.parts += 1;
        self.size += size as f64;
        self.bits += bits(size);
    }

    fn set(&self, clients: usize) -> Set {
        let each = |sum: f64| sum / self.parts.max(1) as f64;
        // Nobody sends to themselves.
        let most = bits(clients.saturating_sub(1));
        let normalised = if most > 0.0 { each(self.bits) / most } else { 0.0 };
        let missed = each(self.missed as f64);
        Set { parts: self.parts, size: each(self.size), bits: each(self.bits), normalised, missed }
    }
}

/// Entropy of choosing evenly.
fn bits(size: usize) -> f64 {
    if size > 1 { (size as f64).log2() } else { 0.0 }
}

/// The anonymity set of the senders of a delivered part: means over all parts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Set {
    /// Parts delivered.
    pub parts: u64,
    /// How many clients come into question.
    pub size: f64,
    /// Entropy, in bits.
    pub bits: f64,
    /// Entropy over that of all clients but the recipient, 0 to 1.
    pub normalised: f64,
    /// Share of parts whose sender is not among those: it had waited in the group.
    pub missed: f64,
}

/// What the whole run tells of watched recipients: who came into question most often.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Watched recipients to whom something was delivered.
    pub recipients: usize,
    /// How many clients came into question equally often, and more often than others: the mean.
    pub size: f64,
    /// Share of the recipients whose sender is the only one of these.
    pub named: f64,
}

/// What is told of one way of watching.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// A part.
    pub part: Set,
    /// The run.
    pub run: Run,
}

/// Watches one group.
#[derive(Clone)]
pub struct Watch {
    clients: usize,
    without: View,
    with: View,
}

impl Watch {
    /// Nothing was seen yet.
    pub fn new(clients: usize) -> Self {
        let (without, with) = (View::default(), View::default());
        Self { clients, without, with }
    }

    /// A tick is over: which clients fed the group, and which were linked, and with cover feed it.
    pub fn fed(&mut self, fed: Vec<bool>, linked: Vec<bool>) {
        // A link that is still greeting carries blocks and no cover.
        let with = linked.iter().zip(&fed).map(|(linked, fed)| *linked || *fed).collect();
        self.without.crowd = Crowd::new(fed);
        self.with.crowd = Crowd::new(with);
    }

    /// A part was delivered.
    pub fn drained(&mut self, recipient: usize, sender: usize) {
        for view in [&mut self.without, &mut self.with] {
            let own = usize::from(view.crowd.has(recipient));
            view.sum.add(view.crowd.size.saturating_sub(own));
            view.sum.missed += u64::from(!view.crowd.has(sender));
            if recipient < WATCHED {
                let seen = view.seen.entry(recipient).or_insert_with(|| vec![0; self.clients]);
                for (count, member) in seen.iter_mut().zip(&view.crowd.members) {
                    *count += u32::from(*member);
                }
            }
        }
    }

    /// What was seen without cover, and with it; `sender` says who sends to a recipient.
    pub fn seen(&self, sender: impl Fn(usize) -> usize) -> [Seen; 2] {
        [&self.without, &self.with].map(|view| {
            let part = view.sum.set(self.clients);
            Seen { part, run: run(&view.seen, &sender) }
        })
    }
}

/// The group's own books: of each part that it drained, how many clients had fed that connection.
pub fn books(drained: &[usize], clients: usize) -> Set {
    let mut sum = Sum::default();
    drained.iter().for_each(|size| sum.add(*size));
    sum.set(clients)
}

fn run(seen: &BTreeMap<usize, Vec<u32>>, sender: impl Fn(usize) -> usize) -> Run {
    let (mut size, mut named) = (0, 0);
    for (recipient, counts) in seen {
        let own = *recipient;
        let others = || counts.iter().enumerate().filter(move |(client, _)| *client != own);
        let most = others().map(|(_, count)| *count).max().unwrap_or_default();
        let often: Vec<usize> =
            others().filter(|(_, count)| **count == most).map(|(client, _)| client).collect();
        size += often.len();
        named += usize::from(often == [sender(own)]);
    }
    let each = |sum: usize| sum as f64 / seen.len().max(1) as f64;
    Run { recipients: seen.len(), size: each(size), named: each(named) }
}
