//! One transaction of the engine: what it reads and writes, and what is to be done once it is
//! stored.

use std::collections::{BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use edgewise_spec::client::{Key, Lifetime, RecipientState, SenderState, Terms};
use edgewise_spec::constants::{IDLE_DAYS, PART_DAYS, QUOTA, QUOTAS, WINDOW_PARTS_MAX};
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::ConnectionSecret;
use edgewise_spec::link::Address;
use edgewise_spec::time::Now;

use super::address::Home;
use super::input::Output;
use super::join::Join;
use super::net::Order;
use super::offer::Offer;
use super::record::Record;
use super::standby::Standby;
use super::talk::Talk;
use crate::clock::OsRandom;
use crate::messenger::{Event, MessengerError};
use crate::store::{
    Connection, ConnectionId, ContactId, Delivery, Direction, End, InvitationId, Message, Owner,
    Position, ProfileId, SecretText, SessionId, Transaction,
};

pub(super) type Result<T> = std::result::Result<T, MessengerError>;

/// Everything in memory: what the store has, as values that work.
#[derive(Default)]
pub(crate) struct State {
    pub(super) talks: HashMap<SessionId, Talk>,
    pub(super) joins: HashMap<SessionId, Join>,
    pub(super) offers: HashMap<InvitationId, Offer>,
    pub(super) homes: HashMap<ProfileId, Home>,
    pub(super) uses: HashMap<ConnectionId, Use>,
    pub(super) standbys: HashMap<ContactId, Standby>,
    /// Talks that are to be stored at the end of the turn.
    pub(super) dirty: BTreeSet<SessionId>,
    /// Connections that are attached, as far as is known.
    pub(super) up: HashSet<ConnectionId>,
    /// Connections whose key or state is being changed, and whose server has not answered yet.
    pub(super) changing: HashSet<ConnectionId>,
    /// When connections were last looked at, and since when without a pause.
    pub(super) looked: Option<Now>,
    pub(super) awake: Now,
    /// Whether nobody is listened to, so that nothing is attached.
    pub(super) offline: bool,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A session, that has begun or is to begin.
    Session(SessionId),
    /// An invitation that the user made.
    Offer(InvitationId),
    /// A profile's contact address.
    Home(ProfileId),
    /// Nothing any more: it is to be deleted.
    Doomed,
}

/// One transaction.
pub(crate) struct Turn<'a, 'b> {
    pub(super) tx: &'a mut Transaction<'b>,
    pub(super) state: &'a mut State,
    pub(super) now: Now,
    pub(super) outputs: &'a mut Vec<Output>,
}

impl Turn<'_, '_> {
    pub(super) fn tell(&mut self, event: Event) {
        self.outputs.push(Output::Tell(event));
    }

    pub(super) fn order(&mut self, id: ConnectionId, order: Order) {
        self.outputs.push(Output::Order(id, order));
    }

    /// The password of a profile's server, if it has one.
    pub(super) fn password(
        &self,
        profile: ProfileId,
        address: &Address,
    ) -> Result<Option<SecretText>> {
        let servers = self.tx.servers(profile)?;
        let its = |server: &Address| server.fingerprint == address.fingerprint;
        let found = servers.into_iter().find(|(_, server)| its(&server.address));
        Ok(found.and_then(|(_, server)| server.access_password))
    }

    fn add_end(
        &mut self,
        profile: ProfileId,
        (owner, used): (Owner, Use),
        place: u8,
        address: &Address,
        end: End,
    ) -> Result<ConnectionId> {
        let address = address.clone();
        let connection = Connection { profile, owner, place, address: address.clone(), end };
        let id = self.tx.add_connection(&connection)?;
        self.state.uses.insert(id, used);
        let password = self.password(profile, &address)?;
        let end = Box::new(connection.end);
        self.outputs.push(Output::Start { id, profile, address, password, end });
        Ok(id)
    }

    /// A new connection to the user, which is stored before it is made (INVITATION-25).
    pub(super) fn add_recipient(
        &mut self,
        profile: ProfileId,
        owner: (Owner, Use),
        (place, address): (u8, &Address),
        secret: &ConnectionSecret,
        bundle: Bytes,
        terms: Terms,
    ) -> Result<ConnectionId> {
        let key = Key::generate(&mut OsRandom, 0, Lifetime::longest(self.now));
        let claim = secret.claim_key();
        let state = RecipientState {
            window_parts: WINDOW_PARTS_MAX,
            ..RecipientState::new(&address.fingerprint, key, claim, bundle, terms)
        };
        self.add_end(profile, owner, place, address, End::Recipient(Box::new(state)))
    }

    /// A new connection from the user, which claims it with a key that is stored before.
    pub(super) fn add_sender(
        &mut self,
        profile: ProfileId,
        owner: (Owner, Use),
        (place, address): (u8, &Address),
        secret: &ConnectionSecret,
    ) -> Result<ConnectionId> {
        let key = Key::generate(&mut OsRandom, 0, Lifetime::longest(self.now));
        let state = SenderState::new(secret.claim_key(), key);
        self.add_end(profile, owner, place, address, End::Sender(Box::new(state)))
    }

    /// Lets a connection go: a recipient's is deleted on its server first, a sender's is forgotten.
    pub(super) fn doom(&mut self, id: ConnectionId) -> Result<()> {
        match self.tx.connection(id)?.map(|connection| connection.end) {
            None => self.forget(id),
            Some(End::Sender(_)) => {
                self.tx.remove_connection(id)?;
                self.forget(id);
            }
            Some(End::Recipient(_)) => {
                self.tx.let_all_go(id)?;
                self.tx.set_owner(id, Owner::Profile)?;
                self.state.uses.insert(id, Use::Doomed);
                self.order(id, Order::Delete);
            }
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, id: ConnectionId) {
        self.state.uses.remove(&id);
        self.state.up.remove(&id);
        self.state.changing.remove(&id);
        self.outputs.push(Output::Stop(id));
    }

    /// Puts a notice into a contact's history, and tells it.
    pub(super) fn notice(&mut self, contact: ContactId, text: &str) -> Result<()> {
        self.mention(contact, &Record::Notice(text.to_owned()))
    }

    /// Puts what no message of the session is into a contact's history, and tells it.
    pub(super) fn mention(&mut self, contact: ContactId, record: &Record) -> Result<()> {
        let mut id = vec![0xff];
        id.extend(rand_core::Rng::next_u64(&mut OsRandom).to_be_bytes());
        let message = Message {
            id,
            direction: Direction::Received,
            time: self.now,
            stored: self.now,
            delivery: Delivery::Waiting,
            content: record.to_versioned(),
        };
        let position = self.tx.add_message(contact, &message)?;
        self.tell_message(contact, position)
    }

    /// Tells a message that was stored, unless nobody wants to see it.
    pub(super) fn tell_message(&mut self, contact: ContactId, position: Position) -> Result<()> {
        let blocked = self.tx.contact(contact)?.is_none_or(|contact| contact.blocked);
        if !blocked && let Some(message) = self.shown(contact, position)? {
            self.tell(Event::Message { contact, message: Box::new(message) });
        }
        Ok(())
    }

    /// The terms of a contact's connection. It has room for everything that a session lets the
    /// contact say without an answer, so that nobody waits for notices of space.
    pub(super) fn terms(class: Class) -> Terms {
        let quota = QUOTAS.into_iter().max().unwrap_or(QUOTA);
        Terms { quota, ..Terms::usual(class) }
    }

    /// A server that refuses the terms of a new connection is asked for less; false where there is
    /// no less.
    pub(super) fn ask_for_less(&mut self, id: ConnectionId) -> Result<bool> {
        let Some(connection) = self.tx.connection(id)? else { return Ok(false) };
        let End::Recipient(mut state) = connection.end else { return Ok(false) };
        let less = |list: [u32; 4], than: u32| list.into_iter().filter(|it| *it < than).max();
        let Terms { quota, idle_days, part_days, .. } = state.terms;
        match (less(QUOTAS, quota), less(IDLE_DAYS, idle_days), less(PART_DAYS, part_days)) {
            _ if state.created => return Ok(false),
            (Some(quota), _, _) => state.terms.quota = quota,
            (None, Some(idle_days), _) => state.terms.idle_days = idle_days,
            (None, None, Some(part_days)) => state.terms.part_days = part_days,
            (None, None, None) => return Ok(false),
        }
        self.tx.set_recipient(id, &state)?;
        self.restart(id)?;
        Ok(true)
    }

    /// A row that this program wrote and cannot read is damage.
    pub(super) fn damaged(&self, what: &'static str) -> MessengerError {
        self.tx.corrupt(format!("a row of its {what} is of an unknown shape")).into()
    }
}
