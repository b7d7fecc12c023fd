//! Our client of the throughput measurement: senders and recipients of some connections, in one
//! process, each on a link of its own as isolation asks.

use crate::connections::{self, Ends, pump};
use crate::pass::{Ask, Count};
use crate::{Failure, process};
use bytes::Bytes;
use edgewise_client::{Address, Client, ClientOptions, Open, Pipeline};
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
    sender: Pipeline,
    recipient: Pipeline,
    /// By the recipient's handle.
    lanes: Vec<Lane>,
    turn: usize,
    unanswered: usize,
    part: Bytes,
    window: usize,
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

impl Pair {
    async fn open(role: &PairRole) -> Result<Self, Failure> {
        let address: Address = role.address.parse()?;
        let class = Class::try_from(role.class)?;
        let suite = Some(SuiteId::try_from(role.suite)?);
        // Two isolation contexts: nothing of the one is known to the other.
        let (senders, recipients) =
            (Client::new(ClientOptions::default()), Client::new(ClientOptions::default()));
        let mut sender = senders.pipeline(&address, Open { class, suite }).await?;
        let mut recipient = recipients.pipeline(&address, Open { class, suite }).await?;
        let mut medium = senders.pipeline(&address, Open { class: Class::Medium, suite }).await?;
        let run = connections::run()?;
        let mut lanes = Vec::with_capacity(role.connections);
        let mut ends = Vec::with_capacity(role.connections);
        for number in 0..role.connections as u64 {
            ends.push(Ends::of(&run, number, medium.link().fingerprint()));
        }
        let mut left = ends.iter();
        pump(&mut medium, |link| left.next().map(|ends| ends.create(link, class)).transpose())
            .await?;
        let mut left = ends.iter();
        pump(&mut medium, |link| left.next().map(|ends| ends.claim(link)).transpose()).await?;
        drop(medium);
        for ends in &ends {
            let handle = sender.link().free_handle()?;
            let attach = ends.attach(sender.link(), handle, v1::Role::Sender)?;
            let mut attach = Some(attach);
            pump(&mut sender, |_| Ok(attach.take())).await?;
            let recipient_handle = recipient.link().free_handle()?;
            if recipient_handle as usize != lanes.len() {
                return Err("handles of a new link do not count up from 0".into());
            }
            let attach = ends.attach(recipient.link(), recipient_handle, v1::Role::Recipient)?;
            let mut requests = [attach, connections::subscribe(recipient_handle)].into_iter();
            pump(&mut recipient, |_| Ok(requests.next())).await?;
            lanes.push(Lane { sender: handle, submission: 0, sequence: 0, sent: VecDeque::new() });
        }
        let part = Bytes::from(vec![0x5a; class.part_len()]);
        Ok(Self { sender, recipient, lanes, turn: 0, unanswered: 0, part, window: role.window })
    }

    /// One pass: a window of parts on their way until the time is over, then all of them home.
    async fn run(&mut self, count: &mut Count) -> Result<(), Failure> {
        // One for each link: a link is ready when it has appended to its own.
        let mut events = [Vec::new(), Vec::new()];
        let (mut open, mut under_way) = (true, 0);
        while open || under_way > 0 || self.unanswered > 0 {
            while open && under_way < self.window && self.sender.link().room() > 0 {
                self.submit()?;
                under_way += 1;
            }
            self.turn(&mut events).await?;
            let now = Instant::now();
            for event in events.iter_mut().flat_map(|of_link| of_link.drain(..)) {
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
        self.sender.link().submit(0, Request::Send(send))?;
        lane.submission += 1;
        lane.sent.push_back(Instant::now());
        self.unanswered += 1;
        Ok(())
    }

    /// Checks one delivered part, acknowledges it, and says when it was submitted.
    fn deliver(&mut self, deliver: &v1::Deliver) -> Result<Instant, Failure> {
        let lane = self.lanes.get_mut(deliver.handle as usize).ok_or("a handle of nobody")?;
        lane.sequence += 1;
        if deliver.sequence != lane.sequence || deliver.part != self.part {
            return Err(format!("part {} where {} is due", deliver.sequence, lane.sequence).into());
        }
        self.recipient.link().acknowledge(deliver.handle, deliver.sequence);
        lane.sent.pop_front().ok_or_else(|| "a part that nobody sent".into())
    }

    /// Turns both links until one of them has something to say.
    async fn turn(&mut self, events: &mut [Vec<Event>; 2]) -> Result<(), Failure> {
        let [of_sender, of_recipient] = events;
        poll_fn(|context| {
            let sender = self.sender.poll_turn(context, of_sender);
            let recipient = self.recipient.poll_turn(context, of_recipient);
            match (sender, recipient) {
                (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => {
                    Poll::Ready(Err(error.into()))
                }
                (Poll::Pending, Poll::Pending) => Poll::Pending,
                (Poll::Ready(Ok(())), _) | (_, Poll::Ready(Ok(()))) => Poll::Ready(Ok(())),
            }
        })
        .await
    }
}
