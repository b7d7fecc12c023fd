//! Subscriptions of one link: what is read for them, delivered, and acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;

use super::attachments::Attachments;
use crate::connection::{By, Notice};
use crate::constants::LINK_WINDOW_BYTES;
use crate::mutant;
use crate::store::{PartBuf, READ_PARTS_MAX, ReadSpec, Why};

/// A subscription of one attachment.
#[derive(Debug)]
pub(super) struct Subscription {
    window_parts: u32,
    window_bytes: u32,
    /// The last sequence that stands in a block.
    delivered: u64,
    /// The last sequence that was read.
    read: u64,
    /// The last sequence that was acknowledged.
    acknowledged: u64,
    /// Parts read and not acknowledged.
    in_flight: u32,
    cursor: u32,
    seen: u32,
    /// The store may hold more parts.
    more: bool,
    /// The record may have changed.
    changed: bool,
    /// It stands in the ready list.
    ready: bool,
}

impl Subscription {
    pub(super) const fn new(window_parts: u32, window_bytes: u32, notice: &Notice) -> Self {
        Self {
            window_parts,
            window_bytes,
            delivered: 0,
            read: 0,
            acknowledged: 0,
            in_flight: 0,
            cursor: u32::MAX,
            seen: notice.revision,
            more: true,
            changed: false,
            ready: false,
        }
    }

    /// CONNECTION-44: how many parts more its windows admit.
    fn room(&self, part_len: usize) -> usize {
        if mutant!(CONNECTION_44) {
            return READ_PARTS_MAX;
        }
        let parts = self.window_parts.saturating_sub(self.in_flight) as usize;
        let bytes = self.window_bytes as usize / part_len.max(1);
        let room = parts.min(bytes.saturating_sub(self.in_flight as usize));
        if self.in_flight == 0 { room.max(1) } else { room }
    }
}

/// What the peer is told of a subscription besides parts.
#[derive(Debug)]
pub(super) enum Told {
    /// The record changed.
    Notice(Notice),
    /// The subscription is over.
    Over(Why),
}

/// One part on its way into a block.
#[derive(Debug)]
pub(super) struct Part {
    pub handle: u16,
    pub sequence: u64,
    pub bytes: Arc<[u8]>,
}

/// What is on its way from the store to the peer.
#[derive(Debug)]
pub(super) struct Delivery {
    part_len: usize,
    /// Handles of subscriptions that have something, in turn.
    ready: VecDeque<u16>,
    /// The handle that is being read for.
    reading: Option<u16>,
    parts: VecDeque<Part>,
    /// Parts delivered, or about to be, and not acknowledged.
    in_flight: usize,
}

impl Delivery {
    pub(super) const fn new(part_len: usize) -> Self {
        Self {
            part_len,
            ready: VecDeque::new(),
            reading: None,
            parts: VecDeque::new(),
            in_flight: 0,
        }
    }

    pub(super) fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    pub(super) fn first(&self) -> Option<&Part> {
        self.parts.front()
    }

    /// The first part stands in a block now.
    pub(super) fn delivered(&mut self, attachments: &mut Attachments) {
        let Some(part) = self.parts.pop_front() else { return };
        let attachment = attachments.get_mut(part.handle.into());
        if let Some(subscription) = attachment.and_then(|a| a.subscription.as_mut()) {
            subscription.delivered = part.sequence;
        }
    }

    /// A subscription begins, in the place of the one before.
    pub(super) fn begin(
        &mut self,
        attachments: &mut Attachments,
        handle: u16,
        subscription: Subscription,
    ) {
        self.forget(attachments, handle);
        if let Some(attachment) = attachments.get_mut(handle.into()) {
            attachment.subscription = Some(Box::new(subscription));
            self.make_ready(attachments, handle);
        }
    }

    /// The subscription of a handle is over, and what was read for it is not delivered.
    pub(super) fn forget(&mut self, attachments: &mut Attachments, handle: u16) -> bool {
        let attachment = attachments.get_mut(handle.into());
        let Some(subscription) = attachment.and_then(|a| a.subscription.take()) else {
            return false;
        };
        self.in_flight = self.in_flight.saturating_sub(subscription.in_flight as usize);
        self.parts.retain(|part| part.handle != handle);
        self.ready.retain(|ready| *ready != handle);
        if self.reading == Some(handle) {
            self.reading = None;
        }
        true
    }

    /// There is something for the subscription of a handle.
    pub(super) fn wake(&mut self, attachments: &mut Attachments, handle: u16, why: Why) {
        let attachment = attachments.get_mut(handle.into());
        let Some(subscription) = attachment.and_then(|a| a.subscription.as_mut()) else { return };
        match why {
            Why::Record => subscription.changed = true,
            _ => subscription.more = true,
        }
        self.make_ready(attachments, handle);
    }

    fn make_ready(&mut self, attachments: &mut Attachments, handle: u16) {
        let part_len = self.part_len;
        let attachment = attachments.get_mut(handle.into());
        let Some(subscription) = attachment.and_then(|a| a.subscription.as_mut()) else { return };
        let something =
            subscription.changed || (subscription.more && subscription.room(part_len) > 0);
        if something && !subscription.ready {
            subscription.ready = true;
            self.ready.push_back(handle);
        }
    }

    /// LINK-33: how many parts more the link admits.
    fn link_room(&self) -> usize {
        if mutant!(LINK_33) {
            return READ_PARTS_MAX;
        }
        let room = (LINK_WINDOW_BYTES / self.part_len.max(1)).saturating_sub(self.in_flight);
        if self.in_flight == 0 { room.max(1) } else { room }
    }

    /// What to read now: nothing before what was read is in blocks.
    pub(super) fn wants(&mut self, attachments: &mut Attachments) -> Option<ReadSpec> {
        if !self.parts.is_empty() || self.reading.is_some() {
            return None;
        }
        let link_room = self.link_room();
        for _ in 0..self.ready.len() {
            let handle = self.ready.pop_front()?;
            let part_len = self.part_len;
            let Some(attachment) = attachments.get_mut(handle.into()) else { continue };
            let by = attachment.by;
            let Some(subscription) = attachment.subscription.as_mut() else { continue };
            let room = subscription.room(part_len).min(link_room).min(READ_PARTS_MAX);
            let parts = if subscription.more { room } else { 0 };
            if parts == 0 && !subscription.changed {
                if subscription.more && subscription.room(part_len) > 0 {
                    // The link's window is full: its turn stays.
                    self.ready.push_back(handle);
                } else {
                    subscription.ready = false;
                }
                continue;
            }
            subscription.ready = false;
            subscription.changed = false;
            subscription.more = subscription.more && parts == 0;
            self.reading = Some(handle);
            let Subscription { read, cursor, seen, .. } = **subscription;
            return Some(ReadSpec { by, after: read, cursor, seen, parts });
        }
        None
    }

    /// What was read. Returns what the peer is told first.
    pub(super) fn offer(
        &mut self,
        attachments: &mut Attachments,
        read: &mut PartBuf,
    ) -> Option<(u16, Told)> {
        let handle = self.reading.take()?;
        if let Some(why) = read.over {
            return self.forget(attachments, handle).then_some((handle, Told::Over(why)));
        }
        let attachment = attachments.get_mut(handle.into())?;
        let subscription = attachment.subscription.as_mut()?;
        let told = read.notice.take().map(|notice| {
            subscription.seen = notice.revision;
            (handle, Told::Notice(notice))
        });
        subscription.cursor = read.cursor;
        subscription.more |= read.more;
        for (sequence, bytes) in read.parts.drain(..) {
            subscription.read = sequence;
            subscription.in_flight += 1;
            self.in_flight += 1;
            self.parts.push_back(Part { handle, sequence, bytes });
        }
        if mutant!(CONNECTION_42) {
            self.parts.make_contiguous().reverse();
        }
        self.make_ready(attachments, handle);
        told
    }

    /// An acknowledgement: what the store is to delete, if anything (CONNECTION-45).
    pub(super) fn acknowledge(
        &mut self,
        attachments: &mut Attachments,
        handle: u32,
        through: u64,
    ) -> Option<(By, u64)> {
        let attachment = attachments.get_mut(handle)?;
        let by = attachment.by;
        // CONNECTION-46
        if attachment.subscription.is_none() && mutant!(CONNECTION_46) {
            return Some((by, through));
        }
        let subscription = attachment.subscription.as_mut()?;
        // Only what was delivered to this subscription.
        let unbounded = mutant!(CONNECTION_45, "undelivered");
        let through = if unbounded { through } else { through.min(subscription.delivered) };
        if through <= subscription.acknowledged {
            return None;
        }
        subscription.acknowledged = through;
        let left = subscription.read.saturating_sub(through);
        let left = u32::try_from(left).unwrap_or(u32::MAX).min(subscription.in_flight);
        self.in_flight = self.in_flight.saturating_sub((subscription.in_flight - left) as usize);
        subscription.in_flight = left;
        if let Ok(handle) = u16::try_from(handle) {
            self.make_ready(attachments, handle);
        }
        Some((by, through))
    }
}
