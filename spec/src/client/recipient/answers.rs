//! What a recipient makes of an answer.

use edgewise_proto::v1::{self, State};

use super::{
    Answer, Attachment, Next, Phase, RecipientEnd, RecipientEvent, Reject, Stopped, Subscription,
    What, first,
};
use crate::client::keys::Try;
use crate::rotation::KeyRecord;
use crate::time::Now;

impl RecipientEnd {
    pub(super) fn answered(
        &mut self,
        now: Now,
        what: What,
        result: Result<&Answer, &Reject>,
        events: &mut Vec<RecipientEvent>,
    ) {
        match (what, result) {
            (What::Create, Ok(_)) => {
                self.state.created = true;
                self.phase = Phase::Idle(Next::Attach(Try::Newest));
                events.push(RecipientEvent::Created);
            }
            (What::Create, Err(reject)) => self.create_refused(now, *reject, events),
            (What::Attach { attempt, handle }, Ok(Answer::Attached(attached))) => {
                self.now_attached(attempt, handle, attached, events);
            }
            (What::Attach { attempt, .. }, Err(reject)) => {
                self.attach_refused(now, attempt, *reject, events);
            }
            (What::Subscribe, Ok(Answer::Subscribed(notice))) => {
                if let Phase::Attached(at) = &mut self.phase {
                    at.subscription = Subscription::Running;
                }
                self.retry.succeeded();
                events.push(RecipientEvent::Subscribed(notice.state()));
                self.told(notice, events);
            }
            (What::Delete, Ok(_)) => self.stop(Stopped::Deleted, events),
            (What::Rotate, Ok(_)) => {
                self.rotate_due = false;
                self.attach_again();
            }
            (What::Suspend, Ok(_)) => self.changed(State::Suspended, events),
            (What::Resume, Ok(_)) => self.changed(State::Claimed, events),
            (What::Detach, _) | (_, Ok(_)) => {}
            (what, Err(reject)) => self.refused(now, what, *reject, events),
        }
    }

    fn changed(&mut self, told: State, events: &mut Vec<RecipientEvent>) {
        if let Phase::Attached(at) = &mut self.phase {
            at.told = told;
            at.changing = false;
            events.push(RecipientEvent::Suspended(told == State::Suspended));
        }
    }

    fn create_refused(&mut self, now: Now, reject: Reject, events: &mut Vec<RecipientEvent>) {
        match reject {
            Reject::Unavailable | Reject::Full => self.try_later(now, Next::Create),
            Reject::KeyExpired => self.expired(events),
            // The id was deleted, or belongs to another key: there is nothing to restore.
            Reject::Refused => self.stop(Stopped::Gone, events),
            other => self.stop(Stopped::Refused(other), events),
        }
    }

    fn now_attached(
        &mut self,
        attempt: Try,
        handle: u32,
        attached: &v1::Attached,
        events: &mut Vec<RecipientEvent>,
    ) {
        self.restored = false;
        self.phase = Phase::Attached(Attachment {
            handle,
            subscription: Subscription::Due,
            told: attached.state(),
            changing: false,
            delivered: 0,
            stored: None,
            key_untold: false,
        });
        if attempt == Try::Before {
            // The server has not taken the change: asked over this attachment it says why.
            self.rotate_due = true;
        } else {
            self.rotate_due = false;
            if self.state.keys.before().is_some() {
                self.state.keys.confirm();
                events.push(RecipientEvent::KeyConfirmed);
            }
        }
    }

    fn attach_refused(
        &mut self,
        now: Now,
        attempt: Try,
        reject: Reject,
        events: &mut Vec<RecipientEvent>,
    ) {
        match (reject, self.state.keys.next_try(attempt)) {
            (Reject::Unavailable | Reject::Full | Reject::HandleTaken, _) => {
                self.try_later(now, Next::Attach(attempt));
            }
            (Reject::Refused, Some(next)) => self.phase = Phase::Idle(Next::Attach(next)),
            (_, Some(Try::Before)) => self.phase = Phase::Idle(Next::Attach(Try::Before)),
            // CONNECTION-67: nobody else can have changed the key, so the server has lost the
            // record; restored and refused again, it contradicts itself for now.
            (Reject::Refused, None) if self.restored => {
                self.restored = false;
                self.try_later(now, first(&self.state));
            }
            (Reject::Refused, None) => {
                self.restored = true;
                self.phase = Phase::Idle(Next::Create);
            }
            (Reject::KeyExpired, _) => self.expired(events),
            (Reject::KeyNotYetValid, _) => self.try_later(now, first(&self.state)),
            (other, _) => self.stop(Stopped::Refused(other), events),
        }
    }

    /// What was asked over an attachment was refused.
    fn refused(&mut self, now: Now, what: What, reject: Reject, events: &mut Vec<RecipientEvent>) {
        let Phase::Attached(at) = &mut self.phase else { return };
        match (what, reject) {
            (_, Reject::Unavailable) => {
                at.changing = false;
                if what == What::Subscribe {
                    at.subscription = Subscription::Due;
                }
                self.retry.failed(now);
            }
            (_, Reject::Refused | Reject::NotAttached) => self.attach_again(),
            // Claimed or suspended meanwhile by another link: the next notice says how it stands.
            (What::Suspend | What::Resume, _) => at.changing = false,
            (What::Rotate, reject) => {
                at.changing = false;
                self.rotate_due = false;
                self.state.keys.withdraw();
                events.push(RecipientEvent::KeyRefused(reject));
            }
            (_, Reject::KeyExpired) => self.expired(events),
            (_, other) => self.stop(Stopped::Refused(other), events),
        }
    }

    /// The record's state, sender key and conflict flag, as the server tells them.
    pub(super) fn told(&mut self, notice: &v1::Notice, events: &mut Vec<RecipientEvent>) {
        let Phase::Attached(at) = &mut self.phase else { return };
        at.told = notice.state();
        if let Some(wire) = &notice.sender_key {
            let Ok(sender_key) = KeyRecord::from_wire(wire) else {
                let why = Stopped::Contradiction("a sender's key that is none");
                return self.stop(why, events);
            };
            if self.state.sender_key != Some(sender_key) {
                at.key_untold = true;
                self.state.sender_key = Some(sender_key);
                self.state.open = None;
                events.push(RecipientEvent::StoreSenderKey(sender_key));
            }
        }
        if notice.conflict && !self.conflict_told {
            self.conflict_told = true;
            events.push(RecipientEvent::Conflict);
        }
    }

    /// Leaves the present attachment, if there is one, and attaches anew.
    pub(super) fn attach_again(&mut self) {
        self.let_go();
        self.phase = Phase::Idle(first(&self.state));
    }

    /// Answers to what was asked before mean nothing; an attachment is to be given back.
    pub(super) fn let_go(&mut self) {
        self.leave = self.handle_of().or(self.leave);
        self.flights.clear();
    }

    fn try_later(&mut self, now: Now, next: Next) {
        self.retry.failed(now);
        self.phase = Phase::Idle(next);
    }

    fn expired(&mut self, events: &mut Vec<RecipientEvent>) {
        self.let_go();
        self.phase = Phase::Expired;
        events.push(RecipientEvent::KeyExpired);
    }

    pub(super) fn stop(&mut self, why: Stopped, events: &mut Vec<RecipientEvent>) {
        self.let_go();
        self.phase = Phase::Stopped;
        events.push(RecipientEvent::Stopped(why));
    }
}
