//! What a link says, and when.

use bytes::BytesMut;

use super::super::Filled;
use super::super::outbox::{self, Said};
use super::Session;
use crate::cadence::Answering;
use crate::error::{GoodbyeCode, LinkEnd};
use crate::frame::Writer;
use crate::link::describe::Limits;
use crate::time::Now;
use crate::{mutant, require};

impl Session {
    /// Whether everything that was asked has been answered and said.
    pub(in crate::server) fn is_finished(&self) -> bool {
        self.outbox.is_empty() && self.unanswered == 0
    }

    pub(in crate::server) fn poll_block(&mut self, now: Now, out: &mut BytesMut) -> Filled {
        self.say_spaces(now);
        if !self.may_speak() {
            return Filled::Nothing;
        }
        let start = self.begin_block(out);
        if let Some(text) = self.text(out, start) {
            let mut writer = Writer::new(text);
            // CADENCE-6
            if !(mutant!(CADENCE_6) && self.answering.is_some()) {
                self.fill(&mut writer);
            }
            writer.finish();
        }
        self.seal(out, start);
        Filled::Block
    }

    /// Whether a block is to go now: when there is something to say or, in cadence, when a block of
    /// the client has no answer yet.
    fn may_speak(&mut self) -> bool {
        let something = !self.outbox.is_empty() || self.delivery.has_parts();
        let Some(answering) = &mut self.answering else { return something };
        // CADENCE-4
        if mutant!(CADENCE_4, "not-when-idle") && !something {
            answering.answer();
            return false;
        }
        // CADENCE-5
        answering.answer() || (mutant!(CADENCE_5) && something)
    }

    /// Takes note of a block of a client in cadence, before anything else is done with it.
    pub(in crate::server) fn note_block(&mut self, now: Now) -> Result<(), LinkEnd> {
        let Some(answering) = &mut self.answering else { return Ok(()) };
        let in_time = answering.block(now);
        // CADENCE-12: from now on there is a block to take.
        self.waiting_since.get_or_insert(now);
        in_time.map_err(|_| LinkEnd::Ours(GoodbyeCode::OutOfStep)) // CADENCE-8
    }

    /// The answers to all blocks so far may go (CADENCE-7).
    pub(in crate::server) const fn answer_now(&mut self) {
        if let Some(answering) = &mut self.answering {
            answering.carried_out();
        }
    }

    /// How many answers are owed, in cadence.
    pub(in crate::server) fn owed(&self) -> Option<u64> {
        self.answering.as_ref().map(Answering::owed)
    }

    /// There is something to say: without a cadence, a block to take.
    pub(super) fn note_due(&mut self, now: Now) {
        if self.answering.is_none() || mutant!(CADENCE_12) {
            self.waiting_since.get_or_insert(now);
        }
    }

    /// The block that ends the link (LINK-34).
    pub(in crate::server) fn last_block(&mut self, code: GoodbyeCode, out: &mut BytesMut) {
        if mutant!(LINK_34) {
            return;
        }
        let start = self.begin_block(out);
        if let Some(text) = self.text(out, start) {
            let mut writer = Writer::new(text);
            // An empty block of the smallest class has room for it.
            let _ = writer.push(&outbox::goodbye(code));
            writer.finish();
        }
        self.seal(out, start);
    }

    fn begin_block(&self, out: &mut BytesMut) -> usize {
        let start = out.len();
        out.resize(start + self.blocks.class.block_len(), 0);
        start
    }

    fn text<'o>(&self, out: &'o mut BytesMut, start: usize) -> Option<&'o mut [u8]> {
        out.get_mut(start..start + self.blocks.class.text_len())
    }

    fn seal(&mut self, out: &mut BytesMut, start: usize) {
        if let Some(block) = out.get_mut(start..) {
            // Of the right length by construction.
            let _ = self.blocks.sealer.seal(block);
        }
        // FRAME-1
        if mutant!(FRAME_1) {
            out.truncate(out.len() - 1);
        }
    }

    /// Everything that fits, in the order in which it became due; beside a part, what is short.
    fn fill(&mut self, writer: &mut Writer<'_>) {
        loop {
            // LINK-51
            let written = self.ahead == 0 && self.write_part(writer);
            if !written && !self.write_said(writer) {
                return;
            }
        }
    }

    /// Whether there was a part and it fitted.
    fn write_part(&mut self, writer: &mut Writer<'_>) -> bool {
        let Some(part) = self.delivery.first() else { return false };
        let deliver = outbox::Deliver::of(part);
        if writer.push_encoded(deliver.encoded_len(), |item| deliver.encode(item)).is_err() {
            return false;
        }
        self.delivery.delivered(&mut self.attachments);
        true
    }

    /// Whether there was something else to say and it fitted.
    fn write_said(&mut self, writer: &mut Writer<'_>) -> bool {
        let Some(said) = self.outbox.front() else { return false };
        if writer.push(&said.to_item()).is_err() {
            return false;
        }
        // LINK-30: a peer that has the Result may ask anew before the carrier says that it took the
        // block.
        self.unanswered = self.unanswered.saturating_sub(usize::from(said.is_answer()));
        self.outbox.pop_front();
        self.ahead = self.ahead.saturating_sub(1);
        true
    }

    pub(in crate::server) fn taken(&mut self, now: Now) {
        let something = !self.outbox.is_empty() || self.delivery.has_parts();
        let more = match self.owed() {
            Some(owed) if !mutant!(CADENCE_12) => owed > 0,
            _ => something,
        };
        self.waiting_since = more.then_some(now);
    }

    fn say_spaces(&mut self, now: Now) {
        if self.space_due.is_none_or(|due| due > now) {
            return;
        }
        self.space_due = None;
        for handle in core::mem::take(&mut self.spaces) {
            if let Some(attachment) = self.attachments.get_mut(handle.into())
                && core::mem::take(&mut attachment.space)
            {
                self.say(now, Said::Space { handle });
            }
        }
    }

    pub(in crate::server) fn deadline(&self, limits: &Limits) -> Now {
        let life = self.opened.plus_seconds(limits.link_life_seconds.into());
        let stall = self.waiting_since.map(|at| at.plus_seconds(limits.stall_seconds.into()));
        [stall, self.space_due].into_iter().flatten().fold(life, Now::min)
    }

    pub(in crate::server) fn handle_timeout(
        &mut self,
        now: Now,
        limits: &Limits,
    ) -> Result<(), LinkEnd> {
        let life = self.opened.plus_seconds(limits.link_life_seconds.into());
        require!(LINK_29, now < life, LinkEnd::Ours(GoodbyeCode::LifeOver));
        let stalled = |at: Now| at.plus_seconds(limits.stall_seconds.into()) <= now;
        let stalled = self.waiting_since.is_some_and(stalled);
        require!(LINK_32, !stalled, LinkEnd::Ours(GoodbyeCode::Stalled));
        self.say_spaces(now);
        Ok(())
    }
}
