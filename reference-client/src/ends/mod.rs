//! Ends of connections that survive their links: all senders, or all recipients, of one server
//! share a link of each class, and a task that opens it again.
//!
//! Senders and recipients never share a link, so that a server cannot tell by it which
//! connections are the two directions of one conversation.

mod end;
mod lane;
mod task;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use edgewise_spec::link::Address;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::end::End;
use self::task::Task;
use crate::client::{Client, Isolation};
use crate::error::Error;

/// What a user is told: events, and at last why the server must not be used.
type Told<E> = Result<<E as End>::Event, Error>;

/// What a user wants of an end, carried out in the task.
type Command<E> = Box<dyn FnOnce(&mut E) + Send>;

enum Ask<E: End> {
    /// An end begins under this number.
    Begin(u32, E, mpsc::UnboundedSender<Told<E>>),
    /// Something is wanted of it.
    Command(u32, Command<E>),
    /// Its user has dropped it.
    Leave(u32),
}

/// The way to a task.
struct Hub<E: End> {
    asks: mpsc::UnboundedSender<Ask<E>>,
    next: Arc<AtomicU32>,
}

/// The tasks of one context, by server; each lives as long as an end of it.
pub(crate) struct Hubs<E: End>(Mutex<HashMap<Address, WeakHub<E>>>);

struct WeakHub<E: End> {
    asks: mpsc::WeakUnboundedSender<Ask<E>>,
    next: Arc<AtomicU32>,
}

impl<E: End> Default for Hubs<E> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<E: End> core::fmt::Debug for Hubs<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Hubs")
    }
}

impl<E: End> WeakHub<E> {
    fn upgrade(&self) -> Option<Hub<E>> {
        Some(Hub { asks: self.asks.upgrade()?, next: Arc::clone(&self.next) })
    }
}

impl<E: End> Hub<E> {
    fn spawn(client: &Client, address: &Address) -> Self {
        let (asks, receiver) = mpsc::unbounded_channel();
        tokio::spawn(Task::new(client.clone(), address, receiver).run());
        Self { asks, next: Arc::default() }
    }

    /// The task that the client's isolation leaves to choose.
    fn of(client: &Client, address: &Address) -> Self {
        if client.options().isolation == Isolation::Contact {
            return Self::spawn(client, address);
        }
        let mut hubs = E::hubs(client).0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hub) = hubs.get(address).and_then(WeakHub::upgrade) {
            return hub;
        }
        hubs.retain(|_, hub| hub.asks.upgrade().is_some());
        let hub = Self::spawn(client, address);
        let weak = WeakHub { asks: hub.asks.downgrade(), next: Arc::clone(&hub.next) };
        hubs.insert(address.clone(), weak);
        hub
    }
}

/// A running end: how to ask it and hear of it. Dropped, it leaves.
pub(crate) struct Running<E: End> {
    hub: Hub<E>,
    number: u32,
    told: mpsc::UnboundedReceiver<Told<E>>,
}

impl<E: End> Running<E> {
    /// Starts an end on the links of a server.
    pub(crate) fn start(client: &Client, address: &Address, end: E) -> Self {
        let hub = Hub::of(client, address);
        let number = hub.next.fetch_add(1, Ordering::Relaxed);
        let (sender, told) = mpsc::unbounded_channel();
        // The task runs for as long as there is a way to it.
        let _ = hub.asks.send(Ask::Begin(number, end, sender));
        Self { hub, number, told }
    }

    /// Has something done with the end, and waits for what comes of it.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut E) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let command = Box::new(move |end: &mut E| drop(reply.send(what(end))));
        let stopped = || Error::Lost(format!("the {} has stopped; see its last event", E::NAME));
        let asked = self.hub.asks.send(Ask::Command(self.number, command));
        asked.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())
    }

    /// What happens next; `None` after the last event.
    pub(crate) async fn next(&mut self) -> Result<Option<E::Event>, Error> {
        self.told.recv().await.transpose()
    }
}

impl<E: End> Drop for Running<E> {
    fn drop(&mut self) {
        let _ = self.hub.asks.send(Ask::Leave(self.number));
    }
}
