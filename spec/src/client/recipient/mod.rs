//! The recipient's end of a connection: made, subscribed to, restored, and what is acknowledged
//! when.

mod answers;

use bytes::Bytes;
use edgewise_proto::v1::{self, Role, State};

use super::flight::{Flights, Token};
use super::keys::{Key, KeyRing, Try};
use super::requests::Request;
use super::retry::Retry;
use super::sender::Stopped;
use super::signed::{self, CreateAs, Terms};
use super::{Answer, ClientLink, Event};
use crate::connection::{AccessKey, Id, recipient_id};
use crate::constants::WINDOW_BYTES_MAX;
use crate::error::{Misuse, Reject};
use crate::frame::Class;
use crate::require;
use crate::rotation::KeyRecord;
use crate::suite::{SigningKey, VerifyingKey};
use crate::time::Now;

/// What a recipient keeps over restarts. The caller stores it before the connection is made, and
/// whenever an event says so.
#[derive(Clone, Debug)]
pub struct RecipientState {
    /// The connection's id, 32 bytes.
    pub recipient_id: Id,
    /// The recipient's keys.
    pub keys: KeyRing,
    /// The public claim key.
    pub claim_vk: VerifyingKey,
    /// While nobody is known to have claimed it: the claim key and the sealed bundle.
    pub open: Option<(SigningKey, Bytes)>,
    /// What the connection is made with.
    pub terms: Terms,
    /// Whether the server has made the record at least once.
    pub created: bool,
    /// The sender's key, stored before anything is acknowledged.
    pub sender_key: Option<KeyRecord>,
    /// Whether parts are wanted.
    pub suspended: bool,
    /// Parts of the subscription's window, 1 to WINDOW_PARTS_MAX.
    pub window_parts: u32,
}

impl RecipientState {
    /// A connection that is still to be made on the server of a fingerprint, with a first key of
    /// version 0.
    #[must_use]
    pub fn new(
        fingerprint: &[u8; 32],
        key: Key,
        claim: SigningKey,
        bundle: Bytes,
        terms: Terms,
    ) -> Self {
        Self {
            recipient_id: recipient_id(fingerprint, &key.record().vk),
            keys: KeyRing::new(key),
            claim_vk: claim.verifying_key(),
            open: Some((claim, bundle)),
            terms,
            created: false,
            sender_key: None,
            suspended: false,
            window_parts: 16,
        }
    }
}

/// What a recipient's caller has to know.
#[derive(Clone, Debug, PartialEq)]
pub enum RecipientEvent {
    /// The server has made the record, or made it again: store the state.
    Created,
    /// Store the state, then say [`RecipientEnd::sender_key_stored`]: nothing is acknowledged
    /// before.
    StoreSenderKey(KeyRecord),
    /// Subscribed, in this state. Parts follow, from the oldest that the server keeps.
    Subscribed(State),
    /// One part: store it, then say [`RecipientEnd::stored`]. After a reconnection the server
    /// repeats what was not acknowledged; the recipient knows it by its tag.
    Part {
        /// One more each, for the life of the record.
        sequence: u64,
        /// As the sender handed it in.
        part: Bytes,
    },
    /// The server has done what [`RecipientEnd::suspend`] asked: whether parts are refused now.
    Suspended(bool),
    /// Somebody else tried to claim the connection too: the invitation was seen by others.
    Conflict,
    /// Another link has subscribed; this end does nothing more until
    /// [`RecipientEnd::subscribe_again`].
    Replaced,
    /// The server has the newest key only: store the state, the key before is erased.
    KeyConfirmed,
    /// The server refuses the newest key, and the one before goes on: store the state.
    KeyRefused(Reject),
    /// The key's time is over: nothing goes on before [`RecipientEnd::rotate`].
    KeyExpired,
    /// Nothing will go on any more.
    Stopped(Stopped),
}

/// The recipient's end of one connection, without IO.
///
/// Call [`advance`](Self::advance) with a link of the class that [`wants`](Self::wants) names
/// whenever there may be something to do, and [`handle`](Self::handle) with every event of that
/// link.
#[derive(Debug)]
pub struct RecipientEnd {
    state: RecipientState,
    phase: Phase,
    flights: Flights<What>,
    retry: Retry,
    rotate_due: bool,
    leave: Option<u32>,
    delete: bool,
    /// A restore was answered since the last attach that succeeded.
    restored: bool,
    conflict_told: bool,
    /// The caller has left: nothing new is asked.
    leaving: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing asked: next is this.
    Idle(Next),
    /// A create or an attach is unanswered, over a link of this class.
    Asking(Class),
    Attached(Attachment),
    Expired,
    /// Another link has the subscription.
    Replaced,
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Create,
    Attach(Try),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Attachment {
    handle: u32,
    subscription: Subscription,
    /// The state that the server told last.
    told: State,
    /// A suspend, resume, rotate or delete is unanswered: one at a time.
    changing: bool,
    /// The greatest sequence delivered; 0 before the first.
    delivered: u64,
    /// Stored through here, and not acknowledged yet.
    stored: Option<u64>,
    /// The sender's key was told and is not stored yet.
    key_untold: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subscription {
    Due,
    Asked,
    Running,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Create,
    Attach { attempt: Try, handle: u32 },
    Subscribe,
    Suspend,
    Resume,
    Rotate,
    Delete,
    Detach,
}

impl RecipientEnd {
    /// The end of a stored state, not attached.
    #[must_use]
    pub fn new(state: RecipientState) -> Self {
        Self {
            phase: Phase::Idle(first(&state)),
            state,
            flights: Flights::default(),
            retry: Retry::default(),
            rotate_due: false,
            leave: None,
            delete: false,
            restored: false,
            conflict_told: false,
            leaving: false,
        }
    }

    /// What is to be stored.
    #[must_use]
    pub const fn state(&self) -> &RecipientState {
        &self.state
    }

    /// The class of the link that [`advance`](Self::advance) needs now, if it has anything to do:
    /// medium to make an open connection, else the connection's.
    #[must_use]
    pub const fn wants(&self) -> Option<Class> {
        match self.phase {
            // An attachment of no use is still to be given back, over the link that it is on.
            Phase::Stopped | Phase::Expired | Phase::Replaced if self.leave.is_none() => None,
            Phase::Idle(Next::Create) if self.state.open.is_some() => Some(Class::Medium),
            Phase::Asking(class) => Some(class),
            _ => Some(self.state.terms.class),
        }
    }

    /// The handle that events for this end name, while it is attached.
    #[must_use]
    pub const fn handle_of(&self) -> Option<u32> {
        match self.phase {
            Phase::Attached(attachment) => Some(attachment.handle),
            _ => None,
        }
    }

    /// Asks for nothing new; an attachment is given back to its link. Once
    /// [`has_left`](Self::has_left), the end may be dropped while the link goes on.
    pub const fn leave(&mut self) {
        self.leaving = true;
    }

    /// Whether nothing of this end is left on its link.
    #[must_use]
    pub const fn has_left(&self) -> bool {
        self.leaving && self.leave.is_none() && matches!(self.phase, Phase::Stopped)
    }

    /// Whether parts are coming in.
    #[must_use]
    pub const fn is_subscribed(&self) -> bool {
        matches!(
            self.phase,
            Phase::Attached(Attachment { subscription: Subscription::Running, .. })
        )
    }

    /// When [`advance`](Self::advance) has something to do again, if nothing happens before.
    #[must_use]
    pub const fn deadline(&self) -> Option<Now> {
        match self.phase {
            Phase::Idle(_) | Phase::Attached(_) => self.retry.at(),
            Phase::Asking(_) | Phase::Expired | Phase::Replaced | Phase::Stopped => None,
        }
    }

    /// The sender's key of the last [`RecipientEvent::StoreSenderKey`] is stored: parts may be
    /// acknowledged.
    pub const fn sender_key_stored(&mut self) {
        if let Phase::Attached(at) = &mut self.phase {
            at.key_untold = false;
        }
    }

    /// Every part up to this sequence is stored: it is acknowledged with the next
    /// [`advance`](Self::advance).
    ///
    /// # Errors
    /// [`Misuse::SenderKeyNotStored`] before [`sender_key_stored`](Self::sender_key_stored):
    /// without that key the connection could not be restored (CONNECTION-68).
    pub fn stored(&mut self, through: u64) -> Result<(), Misuse> {
        if let Phase::Attached(at) = &mut self.phase {
            require!(CONNECTION_68, !at.key_untold, Misuse::SenderKeyNotStored);
            at.stored = at.stored.max(Some(through.min(at.delivered)));
        }
        Ok(())
    }

    /// Wants no parts from now on, or wants them again: store the state.
    pub const fn suspend(&mut self, suspended: bool) {
        self.state.suspended = suspended;
    }

    /// Deletes the connection as soon as it is attached.
    pub const fn delete(&mut self) {
        self.delete = true;
    }

    /// Subscribes again after [`RecipientEvent::Replaced`].
    pub fn subscribe_again(&mut self) {
        if self.phase == Phase::Replaced {
            self.phase = Phase::Idle(first(&self.state));
        }
    }

    /// Makes `key` the newest key; its version is above the present one's. Store the state before
    /// the next [`advance`](Self::advance).
    ///
    /// # Errors
    /// [`Misuse::ChangePending`] while the change before is not confirmed, [`Misuse::Version`]
    /// unless the version rises.
    pub fn rotate(&mut self, key: Key) -> Result<(), Misuse> {
        self.state.keys.change(Role::Recipient, &self.state.recipient_id, key)?;
        self.rotate_due = true;
        if self.phase == Phase::Expired {
            self.attach_again();
        }
        Ok(())
    }

    /// The link is over: what was unanswered may or may not have taken effect.
    pub fn link_lost(&mut self) {
        self.flights.clear();
        self.leave = None;
        if self.leaving {
            self.phase = Phase::Stopped;
        } else if matches!(self.phase, Phase::Asking(_) | Phase::Attached(_)) {
            self.phase = Phase::Idle(first(&self.state));
        }
    }

    /// Submits what there is to submit over a link of the class that is wanted; `end` is the
    /// caller's number of this end on that link, in the upper half of every token. `access` is
    /// the stretched password where the server asks for one.
    ///
    /// # Errors
    /// [`Misuse`] of the link, for one that is not open. A full link is no error.
    pub fn advance(
        &mut self,
        now: Now,
        end: u32,
        access: Option<&AccessKey>,
        link: &mut ClientLink,
    ) -> Result<(), Misuse> {
        if self.leaving {
            self.go(now, end, link)?;
        }
        if let Some(handle) = self.leave
            && link.class() == self.state.terms.class
            && link.room() > 0
        {
            self.flights.submit(end, What::Detach, Request::Detach { handle }, link)?;
            self.leave = None;
        }
        if self.wants() != Some(link.class()) || link.room() == 0 {
            return Ok(());
        }
        match self.phase {
            Phase::Idle(_) if self.retry.waits(now) => Ok(()),
            Phase::Idle(Next::Create) => self.create(end, access, link),
            Phase::Idle(Next::Attach(attempt)) => self.attach(attempt, end, link),
            Phase::Attached(attachment) => self.attached(now, attachment, end, link),
            Phase::Asking(_) | Phase::Expired | Phase::Replaced | Phase::Stopped => Ok(()),
        }
    }

    /// Acknowledges what was stored before the caller left, and asks for nothing more. An answer
    /// that is awaited says first what there is to give back.
    fn go(&mut self, now: Now, end: u32, link: &mut ClientLink) -> Result<(), Misuse> {
        match self.phase {
            Phase::Asking(_) => return Ok(()),
            Phase::Attached(attachment) => self.attached(now, attachment, end, link)?,
            Phase::Idle(_) | Phase::Expired | Phase::Replaced | Phase::Stopped => {}
        }
        self.let_go();
        self.phase = Phase::Stopped;
        Ok(())
    }

    fn create(
        &mut self,
        end: u32,
        access: Option<&AccessKey>,
        link: &mut ClientLink,
    ) -> Result<(), Misuse> {
        let RecipientState { recipient_id, keys, claim_vk, open, terms, .. } = &self.state;
        let made = match (open, self.state.sender_key) {
            (_, Some(sender_key)) => CreateAs::Claimed {
                claim_vk: *claim_vk,
                sender_key,
                suspended: self.state.suspended,
            },
            (Some((claim, bundle)), None) => CreateAs::Open { claim, bundle: bundle.clone() },
            (None, None) => {
                self.phase = Phase::Stopped;
                return Ok(());
            }
        };
        let transcript = link.transcript().ok_or(Misuse::NotOpen)?;
        let proof = access.map(|key| key.proof(link.suite(), transcript));
        // A bundle leaves no room for a chain, and a connection that nobody has claimed seldom
        // has one.
        let chain = if open.is_some() { &[][..] } else { keys.chain() };
        let request =
            signed::create(transcript, recipient_id, keys.newest(), chain, terms, &made, proof);
        self.flights.submit(end, What::Create, Request::Create(Box::new(request)), link)?;
        self.phase = Phase::Asking(link.class());
        Ok(())
    }

    fn attach(&mut self, attempt: Try, end: u32, link: &mut ClientLink) -> Result<(), Misuse> {
        let handle = link.free_handle()?;
        let transcript = link.transcript().ok_or(Misuse::NotOpen)?;
        let (key, chain) = self.state.keys.of(attempt);
        let id = &self.state.recipient_id;
        let request = signed::attach(transcript, handle, Role::Recipient, id, key, chain, 0);
        let what = What::Attach { attempt, handle };
        let submitted = self.flights.submit(end, what, Request::Attach(Box::new(request)), link);
        if submitted.is_err() {
            link.give_back(handle);
        }
        submitted?;
        self.phase = Phase::Asking(link.class());
        Ok(())
    }

    fn attached(
        &mut self,
        now: Now,
        mut at: Attachment,
        end: u32,
        link: &mut ClientLink,
    ) -> Result<(), Misuse> {
        let handle = at.handle;
        // CONNECTION-68: what `stored` admitted before a new sender's key was told may wait too.
        if let Some(through) = at.stored
            && !at.key_untold
        {
            link.acknowledge(handle, through);
            at.stored = None;
        }
        if self.retry.waits(now) {
            self.phase = Phase::Attached(at);
            return Ok(());
        }
        if at.subscription == Subscription::Due {
            let window_parts = self.state.window_parts;
            let subscribe = v1::Subscribe { handle, window_parts, window_bytes: WINDOW_BYTES_MAX };
            self.flights.submit(end, What::Subscribe, Request::Subscribe(subscribe), link)?;
            at.subscription = Subscription::Asked;
        }
        if let Some((what, request)) = self.change(&at)
            && link.room() > 0
        {
            self.flights.submit(end, what, request, link)?;
            at.changing = true;
        }
        self.phase = Phase::Attached(at);
        Ok(())
    }

    /// What is still to be changed of the record, one request at a time.
    fn change(&self, at: &Attachment) -> Option<(What, Request)> {
        let handle = at.handle;
        if at.changing {
            None
        } else if self.delete {
            Some((What::Delete, Request::Delete { handle }))
        } else if self.rotate_due {
            let change = self.state.keys.chain().last().cloned();
            Some((What::Rotate, Request::Rotate(Box::new(v1::Rotate { handle, change }))))
        } else {
            match (at.told, self.state.suspended) {
                (State::Claimed, true) => Some((What::Suspend, Request::Suspend { handle })),
                (State::Suspended, false) => Some((What::Resume, Request::Resume { handle })),
                _ => None,
            }
        }
    }

    /// Takes one event of the link that this end advances on; those of other ends are ignored.
    /// What is to be known of it is appended to `events`.
    pub fn handle(&mut self, now: Now, end: u32, event: &Event, events: &mut Vec<RecipientEvent>) {
        if let Event::Answered { token, result } = event {
            if let Some(what) = self.flights.answered(end, Token(*token)) {
                self.answered(now, what, result.as_ref(), events);
            }
            return;
        }
        let Phase::Attached(at) = &mut self.phase else { return };
        match event {
            Event::Deliver(deliver) if deliver.handle == at.handle => {
                let v1::Deliver { sequence, part, .. } = deliver;
                if at.delivered != 0 && *sequence != at.delivered + 1 {
                    let why = Stopped::Contradiction("parts out of sequence");
                    return self.stop(why, events);
                }
                at.delivered = *sequence;
                events.push(RecipientEvent::Part { sequence: *sequence, part: part.clone() });
            }
            Event::Notice(notice) if notice.handle == at.handle => self.told(notice, events),
            Event::Ended { handle, reason } if *handle == at.handle => {
                self.let_go();
                if *reason == v1::EndReason::Replaced {
                    // CONNECTION-69
                    self.phase = Phase::Replaced;
                    events.push(RecipientEvent::Replaced);
                } else {
                    self.phase = Phase::Idle(first(&self.state));
                }
            }
            _ => {}
        }
    }
}

/// What a recipient asks first on a new link.
const fn first(state: &RecipientState) -> Next {
    if state.created { Next::Attach(state.keys.first_try()) } else { Next::Create }
}
