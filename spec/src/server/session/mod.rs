//! A confirmed link: what came in and waits, what is with the store, what is to be said.

mod outgoing;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use edgewise_proto::v1::{self, Role, item::Body};
use rand_core::CryptoRng;

use super::attachments::{Attachment, Attachments};
use super::delivery::{Delivery, Subscription, Told};
use super::items::{Judge, Step};
use super::outbox::Said;
use super::{Request, ServerParams};
use crate::cadence::{Answering, TickMs};
use crate::connection::{By, Id, Outcome};
use crate::constants::{REQUESTS_MAX, SPACE_BATCH_MS, VK_LEN};
use crate::error::{GoodbyeCode, LinkEnd, Reject};
use crate::frame::{self, Class, Received};
use crate::link::blocks::Blocks;
use crate::store::{LinkId, PartBuf, Place, ReadSpec, Wake, Why};
use crate::time::Now;
use crate::{mutant, require};

/// Items for which an idle link keeps room.
const INBOX_KEPT: usize = 8;

/// Names one request that is with the store.
#[derive(Debug)]
pub struct Ticket {
    pub(super) tag: u32,
    pub(super) asked: Asked,
}

/// What a ticket's request was, as far as its answer needs to know.
#[derive(Debug)]
pub(super) enum Asked {
    /// No attachment is concerned.
    Alone,
    /// An attachment is asked for.
    Attach { handle: u16, role: Role, version: u32, recipient_id: Id, vk: [u8; VK_LEN] },
    /// An attachment asks.
    Attached { handle: u16 },
    /// An attachment subscribes.
    Subscribe { handle: u16, window_parts: u32, window_bytes: u32 },
    /// An attachment acknowledges: never answered (FRAME-18).
    Acknowledge { handle: u16 },
    /// An attachment is given back.
    Detach { handle: u16 },
}

/// Requests refused, by number of their code.
pub type Refusals = [u32; 18];

/// Both ends have keys.
#[derive(Debug)]
pub(super) struct Session {
    blocks: Box<Blocks>,
    opened: Now,
    /// The answers that are owed, in cadence.
    answering: Option<Answering>,
    inbox: VecDeque<Received>,
    attachments: Attachments,
    delivery: Delivery,
    outbox: VecDeque<Said>,
    /// How many at the front of the outbox were due before the parts that wait (LINK-51).
    ahead: usize,
    /// Requests received whose Result is in no block yet (LINK-30).
    unanswered: usize,
    /// Since when there is a block to take.
    waiting_since: Option<Now>,
    /// When the notices of space are due, if there are any (CONNECTION-38).
    space_due: Option<Now>,
    spaces: Vec<u16>,
    goodbye: Option<GoodbyeCode>,
    refusals: Option<Box<Refusals>>,
}

/// What comes in.
impl Session {
    pub(super) fn new(blocks: Box<Blocks>, now: Now) -> Self {
        let part_len = blocks.class.part_len();
        let answering = blocks.tick.map(|tick| Answering::new(tick, now));
        Self {
            blocks,
            opened: now,
            answering,
            inbox: VecDeque::new(),
            attachments: Attachments::default(),
            delivery: Delivery::new(part_len),
            outbox: VecDeque::new(),
            ahead: 0,
            unanswered: 0,
            waiting_since: None,
            space_due: None,
            spaces: Vec::new(),
            goodbye: None,
            refusals: None,
        }
    }

    pub(super) fn tick(&self) -> Option<TickMs> {
        self.blocks.tick
    }

    pub(super) fn class(&self) -> Class {
        self.blocks.class
    }

    pub(super) fn handle_block(&mut self, now: Now, mut block: BytesMut) -> Result<(), LinkEnd> {
        self.note_block(now)?;
        self.blocks.opener.open(&mut block)?;
        block.truncate(self.blocks.class.text_len());
        self.handle_text(block.freeze())
    }

    /// Takes the items of an opened block.
    pub(super) fn handle_text(&mut self, text: Bytes) -> Result<(), LinkEnd> {
        let mut items = Vec::new();
        let read = frame::read_client_items(text, &mut items);
        // FRAME-12: nothing of a block that is refused.
        if read.is_err() && !mutant!(FRAME_12) {
            items.clear();
        }
        let requests = items.iter().filter(|item| is_request(item)).count();
        self.unanswered += requests;
        if mutant!(FRAME_19) {
            items.reverse();
        }
        self.inbox.extend(items);
        read.map_err(LinkEnd::from)?;
        let end = LinkEnd::Ours(GoodbyeCode::TooManyRequests);
        require!(LINK_30, self.unanswered <= REQUESTS_MAX, end);
        Ok(())
    }

    /// The goodbye that was reached, if one was.
    pub(super) const fn take_goodbye(&mut self) -> Option<GoodbyeCode> {
        self.goodbye.take()
    }

    /// This end says goodbye: nothing more is carried out.
    pub(super) fn stop(&mut self) {
        if !mutant!(FRAME_12) {
            self.inbox.clear();
        }
        self.delivery = Delivery::new(self.blocks.class.part_len());
        self.answer_now();
    }

    pub(super) fn poll_request(
        &mut self,
        params: &ServerParams,
        now: Now,
        rng: &mut dyn CryptoRng,
    ) -> Option<Request> {
        loop {
            // FRAME-19: an item waits until the one before it of the same handle is done.
            let handle = self.inbox.front().and_then(handle_of);
            if handle.is_some_and(|handle| self.attachments.is_busy(handle)) {
                return None;
            }
            let Some(item) = self.inbox.pop_front() else {
                self.inbox.shrink_to(INBOX_KEPT);
                return None;
            };
            let tag = tag_of(&item);
            let mut judge = Judge {
                params,
                blocks: &self.blocks,
                attachments: &mut self.attachments,
                delivery: &mut self.delivery,
                now,
                rng,
            };
            match judge.judge(item) {
                Step::Nothing => {
                    // FRAME-18
                    if mutant!(FRAME_18) && tag != 0 {
                        self.answer(now, tag, Ok(Outcome::Done));
                    }
                }
                Step::Refused(reject) => self.answer(now, tag, Err(reject)),
                Step::Ask(asked, op) => {
                    return Some(Request { ticket: Ticket { tag, asked }, op });
                }
                Step::Goodbye(code) => {
                    // LINK-36: what stands behind it is not carried out.
                    if !mutant!(LINK_36) {
                        let behind = self.inbox.iter().filter(|item| is_request(item)).count();
                        self.unanswered = self.unanswered.saturating_sub(behind);
                        self.inbox.clear();
                    }
                    self.goodbye = Some(code);
                    return None;
                }
            }
        }
    }

    /// Refusals since the last time.
    pub(super) const fn take_refusals(&mut self) -> Option<Box<Refusals>> {
        self.refusals.take()
    }

    fn count(&mut self, reject: Reject) {
        let refusals = self.refusals.get_or_insert_default();
        if let Some(count) = refusals.get_mut(reject.code() as usize) {
            *count = count.saturating_add(1);
        }
    }

    fn answer(&mut self, now: Now, tag: u32, outcome: Result<Outcome, Reject>) {
        if let Err(reject) = &outcome {
            self.count(*reject);
        }
        // FRAME-17
        if mutant!(FRAME_17) {
            self.say(now, Said::Result { tag, outcome: outcome.clone() });
        }
        // ERROR-2
        if mutant!(ERROR_2) && outcome.is_err() {
            self.inbox.clear();
        }
        self.say(now, Said::Result { tag, outcome });
    }

    fn say(&mut self, now: Now, said: Said) {
        self.outbox.push_back(said);
        self.note_due(now);
    }
}

/// What the store answers and what it says unasked.
impl Session {
    pub(super) fn complete(
        &mut self,
        id: LinkId,
        now: Now,
        ticket: Ticket,
        outcome: Result<Outcome, Reject>,
    ) {
        let Ticket { tag, asked } = ticket;
        match asked {
            Asked::Alone => {}
            Asked::Attach { handle, role, version, recipient_id, vk } => {
                let Ok(Outcome::Attached { slot, incarnation, state, next }) = outcome else {
                    self.attachments.settle(handle, None);
                    return self.answer(now, tag, outcome);
                };
                let by = By { slot, incarnation, version, role, place: Place { link: id, handle } };
                let attachment = Attachment::new(by, recipient_id, vk);
                self.attachments.settle(handle, Some(attachment));
                let attached = match role {
                    Role::Sender => v1::Attached { incarnation, next, state: 0 },
                    _ => v1::Attached { incarnation, next: 0, state: state.into() },
                };
                return self.say(now, Said::Attached { tag, attached });
            }
            Asked::Attached { handle } => self.settle(handle),
            Asked::Acknowledge { handle } => return self.settle(handle),
            Asked::Subscribe { handle, window_parts, window_bytes } => {
                self.settle(handle);
                if let Ok(Outcome::Subscribed(notice)) = &outcome {
                    let begun = Subscription::new(window_parts, window_bytes, notice);
                    // CONNECTION-41: the answer stands before the first part.
                    self.delivery.begin(&mut self.attachments, handle, begun);
                }
            }
            Asked::Detach { handle } => {
                if outcome.is_ok() && !mutant!(CONNECTION_30) {
                    self.delivery.forget(&mut self.attachments, handle);
                    self.spaces.retain(|waiting| *waiting != handle);
                    self.attachments.free(handle);
                } else {
                    self.settle(handle);
                }
            }
        }
        self.answer(now, tag, outcome);
    }

    fn settle(&mut self, handle: u16) {
        if let Some(attachment) = self.attachments.get_mut(handle.into()) {
            attachment.busy = false;
        }
    }

    pub(super) fn wake(&mut self, now: Now, wake: &Wake) {
        let handle = wake.place.handle;
        let attachment = self.attachments.get_mut(handle.into());
        let Some(attachment) = attachment.filter(|a| a.by.slot == wake.slot) else { return };
        match wake.why {
            Why::Parts | Why::Record => {
                self.delivery.wake(&mut self.attachments, handle, wake.why);
            }
            Why::Space => {
                if !core::mem::replace(&mut attachment.space, true) {
                    self.spaces.push(handle);
                }
                // CONNECTION-38
                let next = (now.millis() / SPACE_BATCH_MS + 1) * SPACE_BATCH_MS;
                let due = if mutant!(CONNECTION_38) { now } else { Now::from_millis(next) };
                self.space_due.get_or_insert(due);
            }
            Why::Replaced | Why::Stale => {
                if self.delivery.forget(&mut self.attachments, handle) {
                    self.say(now, Said::Ended { handle, why: wake.why });
                }
            }
        }
    }

    pub(super) fn resync(&mut self) {
        for handle in self.attachments.subscribed() {
            // Only the store knows whether the subscription is still its record's.
            self.delivery.wake(&mut self.attachments, handle, Why::Parts);
            self.delivery.wake(&mut self.attachments, handle, Why::Record);
        }
    }

    pub(super) fn wants(&mut self) -> Option<ReadSpec> {
        self.delivery.wants(&mut self.attachments)
    }

    pub(super) fn offer(&mut self, now: Now, parts: &mut PartBuf) {
        match self.delivery.offer(&mut self.attachments, parts) {
            Some((handle, Told::Notice(notice))) => {
                self.say(now, Said::Notice { handle, notice });
            }
            Some((handle, Told::Over(why))) => self.say(now, Said::Ended { handle, why }),
            None => {}
        }
        if self.delivery.has_parts() {
            self.ahead = self.outbox.len();
            self.note_due(now);
        }
    }
}

fn is_request(item: &Received) -> bool {
    match item {
        Received::Item(item) => item.body.as_ref().is_some_and(frame::is_request),
        Received::Unknown { .. } => true,
    }
}

const fn tag_of(item: &Received) -> u32 {
    match item {
        Received::Item(item) => item.tag,
        Received::Unknown { tag } => *tag,
    }
}

/// The handle that an item names.
fn handle_of(item: &Received) -> Option<u32> {
    let Received::Item(v1::Item { body: Some(body), .. }) = item else { return None };
    match body {
        Body::Send(send) => Some(send.handle),
        Body::Acknowledge(acknowledge) => Some(acknowledge.handle),
        Body::Attach(attach) => Some(attach.handle),
        Body::Subscribe(subscribe) => Some(subscribe.handle),
        Body::Suspend(suspend) => Some(suspend.handle),
        Body::Resume(resume) => Some(resume.handle),
        Body::Rotate(rotate) => Some(rotate.handle),
        Body::Delete(delete) => Some(delete.handle),
        Body::Detach(detach) => Some(detach.handle),
        _ => None,
    }
}
