//! Our client of the throughput measurement: senders and recipients of some connections, in one
//! process, on a link each as isolation asks, or both on one.

use crate::connections::{self, Ends, pump};
use crate::pass::{Ask, Count};
use crate::{Failure, process};
use bytes::Bytes;
use edgewise_client::{Address, Client, ClientLink, ClientOptions, Open, Pipeline};
use edgewise_proto::v1;
use edgewise_spec::client::{Event, Request};
use edgewise_spec::frame::Class;
use edgewise_spec::suite::SuiteId;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

/// What to send, and where.
#[derive(Clone, Serialize, Deserialize)]
pub struct PairRole {
    /// Address of the server.
    pub address: String,
    /// Number of the links' class.
    pub class: u32,
    /// Code of the links' suite.
    pub suite: u16,
    /// Connections that share the window.
    pub connections: usize,
    /// Parts on their way at a time, over all connections.
    pub window: usize,
    /// One link carries both ends: results ride with parts, and acknowledgements with sends.
    /// Otherwise sender and recipient have a link each, as isolation asks.
    pub one_link: bool,
    /// Process id of the server, whose CPU time is read.
    pub server: u32,
}

/// One connection under way.
struct Lane {
    sender: u32,
    submission: u64,
    sequence: u64,
    /// When each part that is not delivered yet was submitted.
    sent: VecDeque<Instant>,
}

struct Pair {
    sender: Side,
    /// The recipient's link, if it is not the sender's too.
    recipient: Option<Side>,
    /// By the recipient's handle.
    lanes: Vec<Lane>,
    /// The recipient's handle of the first lane; the others follow.
    first: u32,
    turn: usize,
    unanswered: usize,
    part: Bytes,
    window: usize,
}

/// A link, and what it said last.
struct Side {
    link: Pipeline,
    events: Vec<Event>,
}

/// Makes the connections and runs a pass for every [`Ask`] of the parent.
pub async fn drive(role: PairRole, pinned: bool) -> Result<(), Failure> {
    let mut asks = process::commands();
    let mut pair = Pair::open(&role).await?;
    process::answer(Ok(pinned))?;
    while let Some(line) = asks.recv().await {
        let ask: Ask = serde_json::from_str(&line)?;
        let mut count = Count::begin(ask, role.server);
        pair.run(&mut count).await?;
        process::answer(count.finish())?;
    }
    Ok(())
}

impl Side {
    /// A link of an isolation context of its own: nothing of it is known to another.
    async fn open(role: &PairRole, class: Class) -> Result<Self, Failure> {
        let address: Address = role.address.parse()?;
        let suite = Some(SuiteId::try_from(role.suite)?);
        let client = Client::new(ClientOptions::default());
        let link = client.pipeline(&address, Open { class, suite, cadence: None }).await?;
        Ok(Self { link, events: Vec::new() })
    }
}

impl Pair {
    async fn open(role: &PairRole) -> Result<Self, Failure> {
        let class = Class::try_from(role.class)?;
        let sender = Side::open(role, class).await?;
        let recipient = if role.one_link { None } else { Some(Side::open(role, class).await?) };
        let mut pair = Self {
            sender,
            recipient,
            lanes: Vec::with_capacity(role.connections),
            first: 0,
            turn: 0,
            unanswered: 0,
            part: Bytes::from(vec![0x5a; class.part_len()]),
            window: role.window,
        };
        let all = make(role, class).await?;
        let mut senders = Vec::with_capacity(all.len());
        for ends in &all {
            senders.push(attach(&mut pair.sender.link, ends, v1::Role::Sender).await?);
        }
        pair.first = if role.one_link { u32::try_from(all.len())? } else { 0 };
        for (number, (ends, sender)) in all.iter().zip(senders).enumerate() {
            let recipient = pair.recipient.as_mut().unwrap_or(&mut pair.sender);
            let handle = attach(&mut recipient.link, ends, v1::Role::Recipient).await?;
            if handle != pair.first + u32::try_from(number)? {
                return Err("handles of a link do not count up".into());
            }
            pair.lanes.push(Lane { sender, submission: 0, sequence: 0, sent: VecDeque::new() });
        }
        Ok(pair)
    }

    /// One pass: a window of parts on their way until the time is over, then all of them home.
    async fn run(&mut self, count: &mut Count) -> Result<(), Failure> {
        let (mut open, mut under_way) = (true, 0);
        let mut events = Vec::new();
        while open || under_way > 0 || self.unanswered > 0 {
            while open && under_way < self.window && self.sender.link.link().room() > 0 {
                self.submit()?;
                under_way += 1;
            }
            self.turn().await?;
            let now = Instant::now();
            events.append(&mut self.sender.events);
            if let Some(recipient) = &mut self.recipient {
                events.append(&mut recipient.events);
            }
            for event in events.drain(..) {
                match event {
                    Event::Answered { result, .. } => {
                        result?;
                        self.unanswered -= 1;
                    }
                    Event::Deliver(deliver) => {
                        under_way -= 1;
                        open &= count.message(self.deliver(&deliver)?, now);
                    }
                    other => return Err(format!("unexpected: {other:?}").into()),
                }
            }
        }
        Ok(())
    }

    fn submit(&mut self) -> Result<(), Failure> {
        self.turn = (self.turn + 1) % self.lanes.len().max(1);
        let lane = self.lanes.get_mut(self.turn).ok_or("no connection")?;
        let (handle, submission) = (lane.sender, lane.submission);
        let send = v1::Send { handle, submission, part: self.part.clone() };
        self.sender.link.link().submit(0, Request::Send(send))?;
        lane.submission += 1;
        lane.sent.push_back(Instant::now());
        self.unanswered += 1;
        Ok(())
    }

    /// Checks one delivered part, acknowledges it, and says when it was submitted.
    fn deliver(&mut self, deliver: &v1::Deliver) -> Result<Instant, Failure> {
        let number = deliver.handle.checked_sub(self.first).ok_or("a handle of nobody")?;
        let lane = self.lanes.get_mut(number as usize).ok_or("a handle of nobody")?;
        lane.sequence += 1;
        if deliver.sequence != lane.sequence || deliver.part != self.part {
            return Err(format!("part {} where {} is due", deliver.sequence, lane.sequence).into());
        }
        let sent = lane.sent.pop_front().ok_or("a part that nobody sent")?;
        self.recipient_link().acknowledge(deliver.handle, deliver.sequence);
        Ok(sent)
    }

    fn recipient_link(&mut self) -> &mut ClientLink {
        self.recipient.as_mut().unwrap_or(&mut self.sender).link.link()
    }

    /// Turns the links until one of them has something to say.
    async fn turn(&mut self) -> Result<(), Failure> {
        let Self { sender, recipient, .. } = self;
        poll_fn(|context| {
            let mut ready = false;
            for Side { link, events } in
                [Some(&mut *sender), recipient.as_mut()].into_iter().flatten()
            {
                match link.poll_turn(context, events) {
                    Poll::Ready(Ok(())) => ready = true,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                    Poll::Pending => {}
                }
            }
            if ready { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }
}

/// Makes and claims the connections, over a medium link of their own.
async fn make(role: &PairRole, class: Class) -> Result<Vec<Ends>, Failure> {
    let mut medium = Side::open(role, Class::Medium).await?.link;
    let run = connections::run()?;
    let fingerprint = *medium.link().fingerprint();
    let all: Vec<Ends> =
        (0..role.connections as u64).map(|number| Ends::of(&run, number, &fingerprint)).collect();
    let mut left = all.iter();
    pump(&mut medium, |link| left.next().map(|ends| ends.create(link, class)).transpose()).await?;
    let mut left = all.iter();
    pump(&mut medium, |link| left.next().map(|ends| ends.claim(link)).transpose()).await?;
    Ok(all)
}

/// Attaches one end, and subscribes if it is the recipient's.
async fn attach(link: &mut Pipeline, ends: &Ends, role: v1::Role) -> Result<u32, Failure> {
    let handle = link.link().free_handle()?;
    let attach = ends.attach(link.link(), handle, role)?;
    let subscribe =
        if role == v1::Role::Recipient { Some(connections::subscribe(handle)) } else { None };
    let mut requests = [Some(attach), subscribe].into_iter().flatten();
    pump(link, |_| Ok(requests.next())).await?;
    Ok(handle)
}
