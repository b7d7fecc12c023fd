//! The sender's end of a connection: what it submits, and what it makes of each answer.

mod answers;
mod outbox;

use bytes::Bytes;
use edgewise_proto::v1::{self, Role};

pub use self::outbox::{Kept, Outbox};
use super::flight::{Flights, Token};
use super::keys::{Key, KeyRing, Try};
use super::requests::Request;
use super::retry::Retry;
use super::signed;
use super::{Answer, ClientLink, Event};
use crate::connection::Id;
use crate::constants::{RESTORE_GRACE_DAYS, SPACE_RETRY_SECONDS};
use crate::error::{Misuse, Reject};
use crate::frame::Class;
use crate::suite::SigningKey;
use crate::time::Now;

/// What a sender keeps over restarts. The caller stores it whenever an event says so, and every
/// part before it is pushed.
#[derive(Clone, Debug)]
pub struct SenderState {
    /// The claim key, as long as a claim may have to be repeated.
    pub claim: Option<SigningKey>,
    /// The sender's own keys. Stored before the first claim goes out.
    pub keys: KeyRing,
    /// Recipient id and class, once the claim was answered.
    pub claimed: Option<(Id, Class)>,
    /// The record's incarnation at the last attach.
    pub incarnation: Option<u64>,
    /// The parts that are kept, and their submissions.
    pub outbox: Outbox,
    /// Since when the server has refused every attach.
    pub unreachable_since: Option<Now>,
}

impl SenderState {
    /// A sender that is still to claim its connection, with a new key of version 0.
    #[must_use]
    pub fn new(claim: SigningKey, key: Key) -> Self {
        Self {
            claim: Some(claim),
            keys: KeyRing::new(key),
            claimed: None,
            incarnation: None,
            outbox: Outbox::default(),
            unreachable_since: None,
        }
    }
}

/// What a sender's caller has to know.
#[derive(Clone, Debug, PartialEq)]
pub enum SenderEvent {
    /// The claim was answered: store the state; the bundle is empty if a send was accepted before.
    Claimed {
        /// The sealed bundle, BUNDLE_LEN bytes or none.
        bundle: Bytes,
    },
    /// Attached; store the state. After a new incarnation every kept part is submitted again.
    Attached {
        /// How many parts are submitted again under new submissions.
        again: usize,
    },
    /// The server has accepted every part up to and including this number. It is kept until the
    /// caller releases it.
    Accepted {
        /// The number that [`SenderEnd::push`] returned.
        through: u64,
    },
    /// The recipient's row is full, or suspended: parts wait.
    Full,
    /// The server has the newest key only: store the state, the key before is erased.
    KeyConfirmed,
    /// The server refuses the newest key, and the one before goes on: store the state.
    KeyRefused(Reject),
    /// The key's time is over: nothing goes on before [`SenderEnd::rotate`].
    KeyExpired,
    /// The server refuses every attach; the end goes on trying for RESTORE_GRACE_DAYS.
    Unreachable,
    /// Nothing will go on any more.
    Stopped(Stopped),
}

/// Why an end gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// Somebody else claimed the connection first: the invitation is abandoned.
    #[error("somebody else has claimed the connection: abandon the invitation")]
    Conflict,
    /// The server has refused everything for RESTORE_GRACE_DAYS, or a recipient's restore.
    #[error("the connection is gone: the server refuses to attach and to restore it")]
    Gone,
    /// A request was refused in a way that repeating it cannot change.
    #[error("the server refuses for good: {0}")]
    Refused(Reject),
    /// An answer contradicts an earlier one.
    #[error("the server contradicts itself: {0}")]
    Contradiction(&'static str),
    /// The recipient has deleted the connection.
    #[error("deleted")]
    Deleted,
}

/// The sender's end of one connection, without IO.
///
/// [`push`](Self::push) parts that are stored; call [`advance`](Self::advance) with a link of the
/// class that [`wants`](Self::wants) names whenever there may be something to do, and
/// [`handle`](Self::handle) with every event of that link.
#[derive(Debug)]
pub struct SenderEnd {
    state: SenderState,
    phase: Phase,
    flights: Flights<What>,
    retry: Retry,
    /// The newest key's change is still to be submitted over the present attachment.
    rotate_due: bool,
    /// An attachment that is of no use any more, still to be detached.
    leave: Option<u32>,
    /// The claim was repeated since the last attach that succeeded.
    claimed_again: bool,
    /// The caller has left: nothing new is asked.
    leaving: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing asked: next is this.
    Idle(Next),
    /// A claim or an attach is unanswered, over a link of this class.
    Asking(Class),
    Attached(Attachment),
    /// The newest key is past its time.
    Expired,
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Claim,
    Attach(Try),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Attachment {
    handle: u32,
    /// The submission that goes out next.
    cursor: u64,
    /// Counts how often the sender went back; refusals of earlier rounds are ignored.
    round: u32,
    /// While refused with QUOTA: when to try without notice of space (CONNECTION-62).
    full_until: Option<Now>,
    rotating: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Claim,
    Attach { attempt: Try, handle: u32 },
    Rotate,
    Detach,
    Send { submission: u64, round: u32 },
}

impl SenderEnd {
    /// The end of a stored state, not attached.
    #[must_use]
    pub fn new(state: SenderState) -> Self {
        let phase = Phase::Idle(first(&state));
        Self {
            state,
            phase,
            flights: Flights::default(),
            retry: Retry::default(),
            rotate_due: false,
            leave: None,
            claimed_again: false,
            leaving: false,
        }
    }

    /// What is to be stored.
    #[must_use]
    pub const fn state(&self) -> &SenderState {
        &self.state
    }

    /// The number under which the next part will be kept.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.state.outbox.next_number()
    }

    /// Keeps a part, which the caller has stored, and hands it in as soon as it can; returns the
    /// part's number, one more each.
    pub fn push(&mut self, part: Bytes) -> u64 {
        self.state.outbox.push(part)
    }

    /// Drops the parts up to and including a number: the other side has them, or never will.
    pub fn release(&mut self, through: u64) {
        self.state.outbox.release(through);
    }

    /// The class of the link that [`advance`](Self::advance) needs now, if it has anything to do:
    /// medium for a claim, else the connection's.
    #[must_use]
    pub fn wants(&self) -> Option<Class> {
        match self.phase {
            // An attachment of no use is still to be given back, over the link that it is on.
            Phase::Stopped | Phase::Expired => {
                self.state.claimed.filter(|_| self.leave.is_some()).map(|(_, class)| class)
            }
            Phase::Idle(Next::Claim) => Some(Class::Medium),
            Phase::Asking(class) => Some(class),
            Phase::Idle(Next::Attach(_)) | Phase::Attached(_) => {
                self.state.claimed.map(|(_, class)| class)
            }
        }
    }

    /// Whether parts go out without a further attach.
    #[must_use]
    pub const fn is_attached(&self) -> bool {
        matches!(self.phase, Phase::Attached(_))
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

    /// When [`advance`](Self::advance) has something to do again, if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Now> {
        match self.phase {
            Phase::Idle(_) => self.retry.at(),
            Phase::Attached(Attachment { full_until, .. }) => full_until.or(self.retry.at()),
            Phase::Asking(_) | Phase::Expired | Phase::Stopped => None,
        }
    }

    /// Makes `key` the newest key; its version is above the present one's. Store the state before
    /// the next [`advance`](Self::advance).
    ///
    /// # Errors
    /// [`Misuse::NotClaimed`] before the claim was answered, [`Misuse::ChangePending`] while the
    /// change before is not confirmed, [`Misuse::Version`] unless the version rises.
    pub fn rotate(&mut self, key: Key) -> Result<(), Misuse> {
        let (recipient_id, _) = self.state.claimed.ok_or(Misuse::NotClaimed)?;
        self.state.keys.change(Role::Sender, &recipient_id, key)?;
        self.rotate_due = true;
        if self.phase == Phase::Expired {
            self.attach_again();
        }
        Ok(())
    }

    /// The link is over: every request without an answer may or may not have taken effect.
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
    /// caller's number of this end on that link, in the upper half of every token.
    ///
    /// # Errors
    /// [`Misuse`] of the link, for one that is not open. A full link is no error.
    pub fn advance(&mut self, now: Now, end: u32, link: &mut ClientLink) -> Result<(), Misuse> {
        if link.room() == 0 {
            return Ok(());
        }
        if self.leaving {
            self.go(now, end, link)?;
        }
        if let (Some(handle), Some((_, class))) = (self.leave, self.state.claimed)
            && class == link.class()
        {
            self.flights.submit(end, What::Detach, Request::Detach { handle }, link)?;
            self.leave = None;
        }
        if self.wants() != Some(link.class()) || link.room() == 0 {
            return Ok(());
        }
        match self.phase {
            Phase::Idle(_) if self.retry.waits(now) => Ok(()),
            Phase::Idle(Next::Claim) => self.claim(end, link),
            Phase::Idle(Next::Attach(attempt)) => self.attach(attempt, end, link),
            Phase::Attached(attachment) => self.attached(now, attachment, end, link),
            Phase::Asking(_) | Phase::Expired | Phase::Stopped => Ok(()),
        }
    }

    /// Hands in what was to go out before the caller left, and asks for nothing more. An answer
    /// that is awaited says first what there is to give back.
    fn go(&mut self, now: Now, end: u32, link: &mut ClientLink) -> Result<(), Misuse> {
        match self.phase {
            Phase::Asking(_) => return Ok(()),
            Phase::Attached(attachment) => self.attached(now, attachment, end, link)?,
            Phase::Idle(_) | Phase::Expired | Phase::Stopped => {}
        }
        self.let_go();
        self.phase = Phase::Stopped;
        Ok(())
    }

    fn claim(&mut self, end: u32, link: &mut ClientLink) -> Result<(), Misuse> {
        let Some(claim) = &self.state.claim else {
            self.phase = Phase::Stopped;
            return Ok(());
        };
        let transcript = link.transcript().ok_or(Misuse::NotOpen)?;
        let key = self.state.keys.newest();
        let request = signed::claim(transcript, link.fingerprint(), claim, key);
        self.flights.submit(end, What::Claim, Request::Claim(Box::new(request)), link)?;
        self.phase = Phase::Asking(link.class());
        Ok(())
    }

    fn attach(&mut self, attempt: Try, end: u32, link: &mut ClientLink) -> Result<(), Misuse> {
        let Some((recipient_id, _)) = self.state.claimed else { return Ok(()) };
        let handle = link.free_handle()?;
        let transcript = link.transcript().ok_or(Misuse::NotOpen)?;
        let (key, chain) = self.state.keys.of(attempt);
        let from = self.state.outbox.lowest_unanswered(); // CONNECTION-60
        let request =
            signed::attach(transcript, handle, Role::Sender, &recipient_id, key, chain, from);
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
        if self.rotate_due && !at.rotating {
            let change = self.state.keys.chain().last().cloned();
            let request = Request::Rotate(Box::new(v1::Rotate { handle, change }));
            self.flights.submit(end, What::Rotate, request, link)?;
            at.rotating = true;
        }
        // After a change of key this attachment is void, so what would be sent waits for the next.
        let waits =
            at.rotating || self.retry.waits(now) || at.full_until.is_some_and(|until| now < until);
        if !waits {
            at.full_until = None;
            at.cursor = at.cursor.max(self.state.outbox.first());
            while link.room() > 1 {
                let submission = at.cursor;
                let Some(kept) = self.state.outbox.get(submission) else { break };
                at.cursor += 1;
                if kept.accepted {
                    continue;
                }
                // CONNECTION-59: the parts in their order, and one submission more each.
                let send = v1::Send { handle, submission, part: kept.part.clone() };
                let what = What::Send { submission, round: at.round };
                self.flights.submit(end, what, Request::Send(send), link)?;
            }
        }
        self.phase = Phase::Attached(at);
        Ok(())
    }

    /// Takes one event of the link that this end advances on; those of other ends are ignored.
    /// What is to be known of it is appended to `events`.
    pub fn handle(&mut self, now: Now, end: u32, event: &Event, events: &mut Vec<SenderEvent>) {
        match event {
            Event::Answered { token, result } => {
                if let Some(what) = self.flights.answered(end, Token(*token)) {
                    self.answered(now, what, result.as_ref(), events);
                }
            }
            Event::Space { handle } => {
                if let Phase::Attached(at) = &mut self.phase
                    && at.handle == *handle
                {
                    at.full_until = None;
                }
            }
            Event::Opened | Event::Deliver(_) | Event::Notice(_) | Event::Ended { .. } => {}
        }
    }

    fn answered(
        &mut self,
        now: Now,
        what: What,
        result: Result<&Answer, &Reject>,
        events: &mut Vec<SenderEvent>,
    ) {
        match (what, result) {
            (What::Claim, Ok(Answer::Claimed(claimed))) => self.claimed(claimed, events),
            (What::Claim, Err(reject)) => self.claim_refused(now, *reject, events),
            (What::Attach { attempt, handle }, Ok(Answer::Attached(attached))) => {
                self.now_attached(attempt, handle, attached, events);
            }
            (What::Attach { attempt, .. }, Err(reject)) => {
                self.attach_refused(now, attempt, *reject, events);
            }
            (What::Rotate, result) => self.rotated(now, result, events),
            (What::Send { submission, .. }, Ok(_)) => {
                if let Some(through) = self.state.outbox.accept(submission) {
                    self.retry.succeeded();
                    events.push(SenderEvent::Accepted { through });
                }
            }
            (What::Send { submission, round }, Err(reject)) => {
                self.send_refused(now, submission, round, *reject, events);
            }
            _ => {}
        }
    }
}

/// What a sender asks first on a new link.
fn first(state: &SenderState) -> Next {
    match state.claimed {
        None => Next::Claim,
        Some(_) => Next::Attach(state.keys.first_try()),
    }
}
