//! The ends of connections on the runtime: each has a task, which tells the engine what happens
//! and does what it is asked.

use std::collections::HashMap;
use std::sync::mpsc;

use bytes::Bytes;
use edgewise_spec::client::{Key, RecipientEvent, RecipientState, SenderEvent, SenderState};
use edgewise_spec::link::Address;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::asking::{Leaving, Reading};
use super::input::Input;
use super::places::Known;
use crate::client::{Client, ClientOptions};
use crate::error::Error;
use crate::recipient::Recipient;
use crate::sender::Sender;
use crate::store::{ConnectionId, End, InvitationId, ProfileId, SecretText};

/// What is asked of an end.
pub(super) enum Order {
    /// A sender takes a part that is stored.
    Push(Bytes),
    /// A sender lets parts go.
    Release(u64),
    /// A recipient's parts are stored.
    Stored(u64),
    /// A recipient's state with the sender's key is stored.
    SenderKeyStored,
    /// A recipient wants no parts, or wants them again.
    Suspend(bool),
    /// A recipient's connection is deleted.
    Delete,
    /// The key is changed; it is stored.
    Rotate(Box<Key>),
    /// Whether it is attached is to be told.
    Look,
}

/// What happens to an end.
pub(crate) enum Heard {
    /// A sender's event, with its state where that is to be stored.
    Sender(SenderEvent, Option<Box<SenderState>>),
    /// A recipient's event, with its state where that is to be stored.
    Recipient(RecipientEvent, Option<Box<RecipientState>>),
    /// Whether it is attached.
    Standing(bool),
    /// The server must not be used any more.
    Failed(Error),
}

impl Heard {
    /// Whether it says no more than that a server has taken parts.
    pub(super) const fn is_acceptance(&self) -> bool {
        matches!(self, Self::Sender(SenderEvent::Accepted { .. }, _))
    }
}

/// All ends that run.
pub(super) struct Net {
    runtime: Handle,
    options: ClientOptions,
    /// One context for each profile and server, so that nothing of one profile is used by another.
    clients: HashMap<(ProfileId, [u8; 32]), Client>,
    /// The places of servers, as far as they were stored before.
    known: Known,
    orders: HashMap<ConnectionId, UnboundedSender<Order>>,
    inputs: mpsc::Sender<Input>,
}

impl Net {
    pub(super) fn new(
        runtime: Handle,
        options: ClientOptions,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        let (clients, known, orders) = (HashMap::new(), Known::new(), HashMap::new());
        Self { runtime, options, clients, known, orders, inputs }
    }

    /// Takes the places of servers that were stored in an earlier life.
    pub(super) fn know(&mut self, known: Known) {
        self.known = known;
    }

    /// Brings an end up.
    pub(super) fn start(
        &mut self,
        id: ConnectionId,
        profile: ProfileId,
        address: &Address,
        password: Option<&SecretText>,
        end: End,
    ) {
        let client = self.client(profile, address, password);
        let (orders, receiver) = unbounded_channel();
        self.orders.insert(id, orders);
        let (address, inputs) = (address.clone(), self.inputs.clone());
        let _inside = self.runtime.enter();
        match end {
            End::Sender(state) => {
                let sender = Sender::start(&client, &address, *state);
                self.runtime.spawn(run_sender(id, sender, receiver, inputs));
            }
            End::Recipient(state) => {
                let recipient = Recipient::start(&client, &address, *state);
                self.runtime.spawn(run_recipient(id, recipient, receiver, inputs));
            }
        }
    }

    fn client(
        &mut self,
        profile: ProfileId,
        address: &Address,
        password: Option<&SecretText>,
    ) -> Client {
        let whose = (profile, address.fingerprint);
        let client = self.clients.entry(whose).or_insert_with(|| {
            let access_password = password.map(|password| password.as_str().to_owned());
            let client = Client::new(ClientOptions { access_password, ..self.options.clone() });
            if let Some(places) = self.known.remove(&whose) {
                client.places().remember(whose.1, places);
            }
            let inputs = self.inputs.clone();
            client.places().tell(move |fingerprint, places| {
                let _ = inputs.send(Input::Places(profile, fingerprint, places));
            });
            client
        });
        client.clone()
    }

    /// Reads a contact address. A context of its own: what a server learns of a stranger's request
    /// it does not learn of the profile's connections.
    pub(super) fn read(&mut self, id: InvitationId, reading: Reading) {
        let (client, inputs) = (Client::new(self.options.clone()), self.inputs.clone());
        self.runtime.spawn(async move {
            let read = reading.by(&client).await;
            let _ = inputs.send(Input::Read(id, client, read.map(Box::new)));
        });
    }

    /// Leaves a request there, in the context that has read it.
    pub(super) fn leave(&mut self, id: InvitationId, client: Client, leaving: Leaving) {
        let inputs = self.inputs.clone();
        self.runtime.spawn(async move {
            let left = leaving.by(&client).await;
            let _ = inputs.send(Input::Left(id, left));
        });
    }

    /// Asks something of an end; one that does not run takes it up from the store later.
    pub(super) fn order(&self, id: ConnectionId, order: Order) {
        if let Some(orders) = self.orders.get(&id) {
            let _ = orders.send(order);
        }
    }

    /// Ends an end; what was asked of it before is still done.
    pub(super) fn stop(&mut self, id: ConnectionId) {
        self.orders.remove(&id);
    }

    /// Ends all.
    pub(super) fn stop_all(&mut self) {
        self.orders.clear();
        self.clients.clear();
    }
}

async fn run_sender(
    id: ConnectionId,
    mut sender: Sender,
    mut orders: UnboundedReceiver<Order>,
    inputs: mpsc::Sender<Input>,
) {
    let tell = |heard| inputs.send(Input::Heard(id, heard)).is_ok();
    loop {
        tokio::select! {
            event = sender.next() => match event {
                Ok(Some(event)) => {
                    let state = match &event {
                        SenderEvent::Accepted { .. } | SenderEvent::Full => None,
                        _ => sender.state().await.ok().map(Box::new),
                    };
                    if !tell(Heard::Sender(event, state)) {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tell(Heard::Failed(error));
                    return;
                }
            },
            order = orders.recv() => {
                let Some(order) = order else { return };
                // A sender that has stopped has said so in its last event.
                let _ = match order {
                    Order::Push(part) => sender.push(part).await.map(drop),
                    Order::Release(through) => sender.release(through).await,
                    Order::Rotate(key) => sender.rotate(*key).await,
                    Order::Look => {
                        let up = sender.is_attached().await.unwrap_or_default();
                        if !tell(Heard::Standing(up)) {
                            return;
                        }
                        Ok(())
                    }
                    _ => Ok(()),
                };
            }
        }
    }
}

async fn run_recipient(
    id: ConnectionId,
    mut recipient: Recipient,
    mut orders: UnboundedReceiver<Order>,
    inputs: mpsc::Sender<Input>,
) {
    let tell = |heard| inputs.send(Input::Heard(id, heard)).is_ok();
    // What was stored while the sender's key was not (CONNECTION-68).
    let mut early = None;
    loop {
        tokio::select! {
            event = recipient.next() => match event {
                Ok(Some(event)) => {
                    let state = match &event {
                        RecipientEvent::Part { .. }
                        | RecipientEvent::Conflict
                        | RecipientEvent::Suspended(_) => None,
                        _ => recipient.state().await.ok().map(Box::new),
                    };
                    if !tell(Heard::Recipient(event, state)) {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tell(Heard::Failed(error));
                    return;
                }
            },
            order = orders.recv() => {
                let Some(order) = order else { return };
                let _ = match order {
                    Order::Stored(through) => {
                        let stored = recipient.stored(through).await;
                        early = stored.is_err().then_some(through);
                        Ok(())
                    }
                    Order::SenderKeyStored => {
                        let stored = recipient.sender_key_stored().await;
                        match early.take() {
                            Some(through) => recipient.stored(through).await,
                            None => stored,
                        }
                    }
                    Order::Suspend(suspended) => recipient.suspend(suspended).await,
                    Order::Delete => recipient.delete().await,
                    Order::Rotate(key) => recipient.rotate(*key).await,
                    Order::Look => {
                        let up = recipient.is_attached().await.unwrap_or_default();
                        if !tell(Heard::Standing(up)) {
                            return;
                        }
                        Ok(())
                    }
                    Order::Push(_) | Order::Release(_) => Ok(()),
                };
            }
        }
    }
}
