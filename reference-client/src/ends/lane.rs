//! The link of one class: opened while an end wants it, and again when it is lost.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use edgewise_spec::client::Event;
use edgewise_spec::connection::AccessKey;
use edgewise_spec::error::{GoodbyeCode, LinkEnd};
use edgewise_spec::frame::Class;
use edgewise_spec::link::Address;
use rand_core::Rng;
use tokio::time::{Instant, Sleep, sleep};

use crate::client::Client;
use crate::clock::OsRandom;
use crate::error::Error;
use crate::link::Access;
use crate::pipeline::Pipeline;
use crate::places::Round;

/// A link that lived so long was worth opening: the next one is not opened more slowly.
const SETTLED: Duration = Duration::from_secs(10);

/// One link, and who is on it.
pub(super) struct Lane {
    pub(super) class: Class,
    /// Ends that want it.
    pub(super) members: usize,
    /// Ends that may have something to submit, in turn.
    pub(super) ready: VecDeque<u32>,
    /// Whose events name which handle.
    pub(super) handles: HashMap<u32, u32>,
    carrier: Carrier,
    /// Where the link is opened.
    round: Round,
    failures: u32,
}

type Opening = Pin<Box<dyn Future<Output = Result<(Pipeline, Access), Error>> + Send>>;

enum Carrier {
    Closed,
    Opening(Opening),
    Open {
        pipeline: Box<Pipeline>,
        access: Access,
        since: Instant,
    },
    /// Until the next try.
    Waiting(Pin<Box<Sleep>>),
}

/// What became of a lane.
pub(super) enum Turned {
    /// The link is open: every end of it may go on.
    Opened,
    /// The server has said something.
    Heard,
    /// The link is lost, or could not be opened.
    Failed(Error),
}

impl Lane {
    pub(super) fn new(class: Class, address: &Address) -> Self {
        Self {
            class,
            members: 0,
            ready: VecDeque::new(),
            handles: HashMap::new(),
            carrier: Carrier::Closed,
            round: Round::new(address),
            failures: 0,
        }
    }

    /// The link, with what a Create needs where the server asks for a password.
    pub(super) fn link(&mut self) -> Option<(&mut Pipeline, Option<Arc<AccessKey>>)> {
        match &mut self.carrier {
            Carrier::Open { pipeline, access: Access::Known(key), .. } => {
                Some((pipeline, Some(Arc::clone(key))))
            }
            Carrier::Open { pipeline, .. } => Some((pipeline, None)),
            Carrier::Closed | Carrier::Opening(_) | Carrier::Waiting(_) => None,
        }
    }

    /// The end whose turn it is, while the link is open and not full.
    pub(super) fn next(&mut self) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        self.ready.pop_front()
    }

    /// Whether an end might not submit all it has: a sender leaves the last place to a change of
    /// its key.
    pub(super) fn is_full(&mut self) -> bool {
        match &mut self.carrier {
            Carrier::Open { pipeline, .. } => pipeline.link().room() <= 1,
            Carrier::Closed | Carrier::Opening(_) | Carrier::Waiting(_) => true,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.carrier, Carrier::Open { .. })
    }

    /// Opens the link if somebody wants it, and closes it once nobody does.
    pub(super) fn settle(&mut self, client: &Client) {
        if self.members == 0 {
            self.ready.clear();
            self.handles.clear();
            if let Carrier::Open { pipeline, .. } =
                std::mem::replace(&mut self.carrier, Carrier::Closed)
            {
                tokio::spawn(pipeline.close());
            }
        } else if matches!(self.carrier, Carrier::Closed) {
            let (client, place, class) = (client.clone(), self.round.at().clone(), self.class);
            self.carrier = Carrier::Opening(Box::pin(async move {
                let pipeline = client.pipeline_at(&place, class.into()).await?;
                let access = client.access(&place).await?;
                Ok((pipeline, access))
            }));
        }
    }

    /// Goes on until something happens; what the server said is appended to `events`.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) -> Poll<Turned> {
        if let Carrier::Waiting(until) = &mut self.carrier {
            std::task::ready!(until.as_mut().poll(cx));
            // Opened anew by the next `settle`.
            self.carrier = Carrier::Closed;
            return Poll::Ready(Turned::Heard);
        }
        match &mut self.carrier {
            Carrier::Closed | Carrier::Waiting(_) => Poll::Pending,
            Carrier::Opening(opening) => match std::task::ready!(opening.as_mut().poll(cx)) {
                Ok((pipeline, access)) => {
                    let pipeline = Box::new(pipeline);
                    self.carrier = Carrier::Open { pipeline, access, since: Instant::now() };
                    Poll::Ready(Turned::Opened)
                }
                Err(error) => Poll::Ready(Turned::Failed(error)),
            },
            Carrier::Open { pipeline, .. } => {
                Poll::Ready(match std::task::ready!(pipeline.poll_turn(cx, events)) {
                    Ok(()) => Turned::Heard,
                    Err(error) => Turned::Failed(error),
                })
            }
        }
    }

    fn has_settled(&self) -> bool {
        matches!(&self.carrier, Carrier::Open { since, .. } if since.elapsed() >= SETTLED)
    }

    /// Chooses where the next link is opened (LINK-52); false where there is none to be opened.
    ///
    /// What another place may do better is no reason to give the server up before all that are
    /// known have failed. A link whose life is over has not failed: the next is opened where the
    /// first was.
    pub(super) fn goes_on(&mut self, client: &Client, error: &Error) -> bool {
        if !error.is_of_place() {
            return error.is_passing();
        }
        if self.has_settled() {
            self.round.settled();
            if let Error::Ended(LinkEnd::Theirs(why) | LinkEnd::Ours(why)) = error
                && *why == GoodbyeCode::LifeOver
            {
                self.round.begin();
                return true;
            }
        }
        self.round.go_on(client.places()) || error.is_passing()
    }

    /// Waits before the next link is opened, wherever that is: doubling, and by chance less, so
    /// that the clients of a server that restarts do not come all at once.
    pub(super) fn wait(&mut self, client: &Client) {
        if self.has_settled() {
            self.failures = 0;
        }
        self.ready.clear();
        self.handles.clear();
        let options = client.options();
        let longest = options.reconnect_first.saturating_mul(1 << self.failures.min(16));
        let longest = longest.min(options.reconnect_max);
        self.failures = self.failures.saturating_add(1);
        // Between half of it and all of it.
        let chance = f64::from(OsRandom.next_u32()) / f64::from(u32::MAX);
        self.carrier = Carrier::Waiting(Box::pin(sleep(longest.mul_f64(0.5 + chance / 2.0))));
    }
}
