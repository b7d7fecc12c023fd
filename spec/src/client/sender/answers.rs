//! What a sender makes of an answer.

use edgewise_proto::v1;

use super::{
    Attachment, Next, Phase, RESTORE_GRACE_DAYS, SPACE_RETRY_SECONDS, SenderEnd, SenderEvent,
    Stopped, first,
};
use crate::client::event::Answer;
use crate::client::keys::Try;
use crate::error::Reject;
use crate::frame::Class;
use crate::time::Now;

impl SenderEnd {
    pub(super) fn claimed(&mut self, claimed: &v1::Claimed, events: &mut Vec<SenderEvent>) {
        let id = claimed.recipient_id.as_ref().try_into();
        let (Ok(id), Ok(class)) = (id, Class::try_from(claimed.link_class)) else {
            return self
                .stop(Stopped::Contradiction("a claim answered without id or class"), events);
        };
        if self.state.claimed.is_some_and(|before| before != (id, class)) {
            return self.stop(Stopped::Contradiction("a claim answered anew"), events);
        }
        self.state.claimed = Some((id, class));
        self.phase = Phase::Idle(first(&self.state));
        events.push(SenderEvent::Claimed { bundle: claimed.bundle.clone() });
    }

    pub(super) fn claim_refused(
        &mut self,
        now: Now,
        reject: Reject,
        events: &mut Vec<SenderEvent>,
    ) {
        match reject {
            Reject::Conflict => self.stop(Stopped::Conflict, events),
            Reject::Refused => self.unreachable(now, events),
            Reject::Unavailable | Reject::Full => self.try_later(now, first(&self.state)),
            other => self.stop(Stopped::Refused(other), events),
        }
    }

    pub(super) fn now_attached(
        &mut self,
        attempt: Try,
        handle: u32,
        attached: &v1::Attached,
        events: &mut Vec<SenderEvent>,
    ) {
        if self.state.unreachable_since.take().is_some() {
            self.retry.succeeded();
        }
        self.claimed_again = false;
        let outbox = &mut self.state.outbox;
        let before = self.state.incarnation.replace(attached.incarnation);
        let mut again = 0;
        // CONNECTION-66: on the same record what it accepted is accepted; on another one, or one
        // that has accepted what this end never made, every kept part is handed in anew.
        if before == Some(attached.incarnation) && attached.next <= outbox.next() {
            if let Some(through) = outbox.accept_below(attached.next) {
                events.push(SenderEvent::Accepted { through });
            }
        } else {
            // Before the first attach nothing can have been submitted.
            again = before.map_or(0, |_| outbox.iter().count());
            outbox.submit_again(attached.next);
        }
        let cursor = outbox.lowest_unanswered();
        self.phase = Phase::Attached(Attachment {
            handle,
            cursor,
            round: 0,
            full_until: None,
            rotating: false,
        });
        events.push(SenderEvent::Attached { again });
        if attempt == Try::Before {
            // The server has not taken the change: asked over this attachment it says why.
            self.rotate_due = true;
        } else {
            self.rotate_due = false;
            if self.state.keys.before().is_some() {
                self.state.keys.confirm();
                events.push(SenderEvent::KeyConfirmed);
            }
        }
    }

    pub(super) fn attach_refused(
        &mut self,
        now: Now,
        attempt: Try,
        reject: Reject,
        events: &mut Vec<SenderEvent>,
    ) {
        let next = self.state.keys.next_try(attempt);
        match (reject, next) {
            (Reject::Unavailable | Reject::Full | Reject::HandleTaken, _) => {
                self.try_later(now, Next::Attach(attempt));
            }
            (Reject::Refused, Some(next)) => self.phase = Phase::Idle(Next::Attach(next)),
            (_, Some(Try::Before)) => self.phase = Phase::Idle(Next::Attach(Try::Before)),
            (Reject::Refused, None) => self.claim_again(now, events),
            (Reject::KeyExpired, _) => {
                self.phase = Phase::Expired;
                events.push(SenderEvent::KeyExpired);
            }
            (Reject::KeyNotYetValid, _) => self.try_later(now, first(&self.state)),
            (other, _) => self.stop(Stopped::Refused(other), events),
        }
    }

    /// CONNECTION-64: a claimer whose attach is refused repeats its claim, with the same key. Only
    /// a key of version 0 can be claimed with; a later one has been attached under before.
    fn claim_again(&mut self, now: Now, events: &mut Vec<SenderEvent>) {
        let claims = self.state.claim.is_some() && self.state.keys.newest().record().version == 0;
        if claims && !self.claimed_again {
            self.claimed_again = true;
            self.phase = Phase::Idle(Next::Claim);
        } else {
            self.claimed_again = false;
            self.unreachable(now, events);
        }
    }

    /// CONNECTION-65: goes on trying, ever less often, for RESTORE_GRACE_DAYS.
    fn unreachable(&mut self, now: Now, events: &mut Vec<SenderEvent>) {
        let since = *self.state.unreachable_since.get_or_insert(now);
        let grace = u64::from(RESTORE_GRACE_DAYS) * 86_400;
        if now >= since.plus_seconds(grace) {
            return self.stop(Stopped::Gone, events);
        }
        events.push(SenderEvent::Unreachable);
        self.try_later(now, first(&self.state));
    }

    pub(super) fn rotated(
        &mut self,
        now: Now,
        result: Result<&Answer, &Reject>,
        events: &mut Vec<SenderEvent>,
    ) {
        let Phase::Attached(at) = &mut self.phase else { return };
        match result {
            Ok(_) => {
                self.rotate_due = false;
                self.attach_again();
            }
            Err(Reject::Refused | Reject::NotAttached) => {
                self.attach_again();
            }
            Err(Reject::Unavailable) => {
                at.rotating = false;
                self.retry.failed(now);
            }
            Err(reject) => {
                at.rotating = false;
                self.rotate_due = false;
                self.state.keys.withdraw();
                events.push(SenderEvent::KeyRefused(*reject));
                if *reject == Reject::KeyExpired {
                    self.let_go();
                    self.phase = Phase::Expired;
                    events.push(SenderEvent::KeyExpired);
                }
            }
        }
    }

    pub(super) fn send_refused(
        &mut self,
        now: Now,
        submission: u64,
        round: u32,
        reject: Reject,
        events: &mut Vec<SenderEvent>,
    ) {
        let Phase::Attached(at) = &mut self.phase else { return };
        // CONNECTION-61: the sender went back already, and these were sent before that.
        if round != at.round {
            return;
        }
        at.round += 1;
        match reject {
            Reject::Gap { next } if next < self.state.outbox.first() => {
                // CONNECTION-63: only an attach can lift the record to where the kept parts are.
                self.attach_again();
                self.retry.failed(now);
            }
            Reject::Gap { next } if next <= submission => {
                at.cursor = next;
                if let Some(through) = self.state.outbox.accept_below(next) {
                    events.push(SenderEvent::Accepted { through });
                }
            }
            Reject::Quota => {
                at.cursor = submission;
                at.full_until = Some(now.plus_seconds(SPACE_RETRY_SECONDS)); // CONNECTION-62
                events.push(SenderEvent::Full);
            }
            Reject::Unavailable => {
                at.cursor = submission;
                self.retry.failed(now);
            }
            Reject::Refused | Reject::NotAttached => {
                self.attach_again();
            }
            Reject::KeyExpired => {
                self.let_go();
                self.phase = Phase::Expired;
                events.push(SenderEvent::KeyExpired);
            }
            Reject::Gap { .. } => {
                self.stop(Stopped::Contradiction("a gap ahead of itself"), events)
            }
            other => self.stop(Stopped::Refused(other), events),
        }
    }

    /// Attaches anew, on this link or the next one; answers to what was asked before mean nothing.
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

    fn stop(&mut self, why: Stopped, events: &mut Vec<SenderEvent>) {
        self.let_go();
        self.phase = Phase::Stopped;
        events.push(SenderEvent::Stopped(why));
    }
}
