//! An end of a connection that survives its links: reconnects, attaches again, goes on.

use std::time::Duration;

use edgewise_spec::client::{ClientLink, Event, RecipientEnd, SenderEnd};
use edgewise_spec::connection::AccessKey;
use edgewise_spec::error::{GoodbyeCode, Misuse};
use edgewise_spec::frame::Class;
use edgewise_spec::link::Address;
use edgewise_spec::time::Now;
use rand_core::Rng;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::Client;
use crate::clock::OsRandom;
use crate::error::Error;
use crate::link::Access;
use crate::pipeline::Pipeline;

/// The number of the one end on its link.
const END: u32 = 0;
/// A link that lived so long was worth opening: the next one is opened without delay.
const SETTLED: Duration = Duration::from_secs(10);
/// How long an end waits with nothing to do before it looks at its deadlines again.
const IDLE: Duration = Duration::from_secs(3_600);

/// What the task needs of an end, whichever it is.
pub(crate) trait End: Send + 'static {
    type Event: Send + 'static;
    fn wants(&self) -> Option<Class>;
    fn deadline(&self) -> Option<Now>;
    fn link_lost(&mut self);
    fn advance(
        &mut self,
        now: Now,
        access: Option<&AccessKey>,
        link: &mut ClientLink,
    ) -> Result<(), Misuse>;
    fn handle(&mut self, now: Now, event: &Event, events: &mut Vec<Self::Event>);
}

impl End for SenderEnd {
    type Event = edgewise_spec::client::SenderEvent;

    fn wants(&self) -> Option<Class> {
        self.wants()
    }

    fn deadline(&self) -> Option<Now> {
        self.deadline()
    }

    fn link_lost(&mut self) {
        self.link_lost();
    }

    fn advance(
        &mut self,
        now: Now,
        _access: Option<&AccessKey>,
        link: &mut ClientLink,
    ) -> Result<(), Misuse> {
        self.advance(now, END, link)
    }

    fn handle(&mut self, now: Now, event: &Event, events: &mut Vec<Self::Event>) {
        self.handle(now, END, event, events);
    }
}

impl End for RecipientEnd {
    type Event = edgewise_spec::client::RecipientEvent;

    fn wants(&self) -> Option<Class> {
        self.wants()
    }

    fn deadline(&self) -> Option<Now> {
        self.deadline()
    }

    fn link_lost(&mut self) {
        self.link_lost();
    }

    fn advance(
        &mut self,
        now: Now,
        access: Option<&AccessKey>,
        link: &mut ClientLink,
    ) -> Result<(), Misuse> {
        self.advance(now, END, access, link)
    }

    fn handle(&mut self, now: Now, event: &Event, events: &mut Vec<Self::Event>) {
        self.handle(now, END, event, events);
    }
}

/// What a user wants of the end, carried out in its task.
pub(crate) type Command<E> = Box<dyn FnOnce(&mut E) + Send>;

/// What a user is told: events, and at last why the server must not be used.
pub(crate) type Told<E> = Result<<E as End>::Event, Error>;

/// The task of one end.
pub(crate) struct Task<E: End> {
    client: Client,
    address: Address,
    end: E,
    commands: mpsc::Receiver<Command<E>>,
    told: mpsc::UnboundedSender<Told<E>>,
    failures: u32,
}

/// A running end: how to ask it and hear of it.
pub(crate) struct Running<E: End> {
    pub(crate) commands: mpsc::Sender<Command<E>>,
    pub(crate) told: mpsc::UnboundedReceiver<Told<E>>,
}

pub(crate) fn start<E: End>(client: &Client, address: &Address, end: E) -> Running<E> {
    let (commands, receiver) = mpsc::channel(64);
    let (sender, told) = mpsc::unbounded_channel();
    let task = Task {
        client: client.clone(),
        address: address.clone(),
        end,
        commands: receiver,
        told: sender,
        failures: 0,
    };
    tokio::spawn(task.run());
    Running { commands, told }
}

/// What a link came to.
enum Left {
    /// The user has dropped the end.
    Dropped,
    /// Another class is wanted, or none.
    Unwanted,
    /// The link failed.
    Failed(Error),
}

async fn open(
    client: &Client,
    address: &Address,
    class: Class,
) -> Result<(Pipeline, Access), Error> {
    let pipeline = client.pipeline(address, class).await?;
    let access = client.access(address).await?;
    Ok((pipeline, access))
}

impl<E: End> Task<E> {
    async fn run(mut self) {
        loop {
            let Some(class) = self.end.wants() else {
                match self.commands.recv().await {
                    Some(command) => command(&mut self.end),
                    None => return,
                }
                continue;
            };
            let failed = match open(&self.client, &self.address, class).await {
                Ok((pipeline, access)) => {
                    let since = Instant::now();
                    let left = self.use_link(pipeline, access, class).await;
                    self.end.link_lost();
                    if since.elapsed() >= SETTLED {
                        self.failures = 0;
                    }
                    match left {
                        Left::Dropped => return,
                        Left::Unwanted => continue,
                        Left::Failed(error) => error,
                    }
                }
                Err(error) => error,
            };
            if !failed.is_passing() {
                let _ = self.told.send(Err(failed));
                return;
            }
            if !self.wait().await {
                return;
            }
        }
    }

    /// Drives the end over one link, for as long as that goes.
    async fn use_link(&mut self, mut pipeline: Pipeline, access: Access, class: Class) -> Left {
        let access = match &access {
            Access::Known(key) => Some(key.as_ref()),
            Access::Open | Access::Unknown => None,
        };
        let (mut events, mut told) = (Vec::new(), Vec::new());
        loop {
            let now = self.client.now();
            if self.end.wants() != Some(class) {
                tokio::spawn(pipeline.close());
                return Left::Unwanted;
            }
            if let Err(misuse) = self.end.advance(now, access, pipeline.link())
                && misuse != Misuse::NotOpen
            {
                return Left::Failed(misuse.into());
            }
            let due = self.due(now);
            let failed = tokio::select! {
                turned = pipeline.turn(&mut events) => turned.err(),
                command = self.commands.recv() => match command {
                    Some(command) => {
                        command(&mut self.end);
                        None
                    }
                    None => {
                        // What was asked before, a detach or an acknowledgement, still goes out.
                        let _ = self.end.advance(now, access, pipeline.link());
                        pipeline.link().goodbye(GoodbyeCode::Done);
                        pipeline.close().await;
                        return Left::Dropped;
                    }
                },
                () = sleep(due) => None,
            };
            let now = self.client.now();
            for event in events.drain(..) {
                self.end.handle(now, &event, &mut told);
            }
            for event in told.drain(..) {
                // Nobody may listen any more; the end goes on as long as it is held.
                let _ = self.told.send(Ok(event));
            }
            if let Some(error) = failed {
                return Left::Failed(error);
            }
        }
    }

    /// How long there is nothing to do.
    fn due(&self, now: Now) -> Duration {
        let left = |at: Now| Duration::from_millis(at.millis().saturating_sub(now.millis()));
        self.end.deadline().map(left).filter(|left| !left.is_zero()).map_or(IDLE, |d| d.min(IDLE))
    }

    /// Waits before the next link is opened: doubling, and by chance less, so that the clients of
    /// a server that restarts do not come all at once. False once the user has dropped the end.
    async fn wait(&mut self) -> bool {
        let options = self.client.options();
        let longest = options.reconnect_first.saturating_mul(1 << self.failures.min(16));
        let longest = longest.min(options.reconnect_max);
        self.failures = self.failures.saturating_add(1);
        // Between half of it and all of it.
        let chance = f64::from(OsRandom.next_u32()) / f64::from(u32::MAX);
        let until = Instant::now() + longest.mul_f64(0.5 + chance / 2.0);
        loop {
            tokio::select! {
                () = sleep_until(until) => return true,
                command = self.commands.recv() => match command {
                    Some(command) => command(&mut self.end),
                    None => return false,
                },
            }
        }
    }
}
