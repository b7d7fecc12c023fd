//! From an item to an operation: everything that can be judged before a record is looked at, in
//! the order of ERROR-6.

use edgewise_proto::v1::{self, Role, item::Body};
use rand_core::CryptoRng;

use super::ServerParams;
use super::attachments::Attachments;
use super::delivery::Delivery;
use super::session::Asked;
use crate::connection::{Attach, By, Claim, Create, Deposit, Op, Setting};
use crate::constants::{WINDOW_BYTES_MAX, WINDOW_PARTS_MAX};
use crate::error::{GoodbyeCode, Reject};
use crate::frame::Received;
use crate::link::blocks::Blocks;
use crate::require;
use crate::rotation::Change;
use crate::time::Now;

/// What becomes of an item.
pub(super) enum Step {
    /// Nothing more.
    Nothing,
    /// It is refused.
    Refused(Reject),
    /// It is an operation for the store.
    Ask(Asked, Op),
    /// It ends the link.
    Goodbye(GoodbyeCode),
}

/// Judges the items of one link.
pub(super) struct Judge<'a> {
    pub params: &'a ServerParams,
    pub blocks: &'a Blocks,
    pub attachments: &'a mut Attachments,
    pub delivery: &'a mut Delivery,
    pub now: Now,
    pub rng: &'a mut dyn CryptoRng,
}

impl Judge<'_> {
    pub(super) fn judge(&mut self, item: Received) -> Step {
        let body = match item {
            Received::Item(v1::Item { body: Some(body), .. }) => body,
            // FRAME-14
            Received::Item(_) | Received::Unknown { .. } => {
                return Step::Refused(Reject::UnsupportedItem);
            }
        };
        let asked = match body {
            Body::Acknowledge(acknowledge) => return self.acknowledge(&acknowledge),
            Body::Goodbye(goodbye) => return Step::Goodbye(goodbye.code()),
            Body::Send(send) => self.send(send),
            Body::Create(create) => self.create(&create),
            Body::Claim(claim) => self.claim(&claim),
            Body::Deposit(deposit) => self.deposit(&deposit),
            Body::Attach(attach) => self.attach(&attach),
            Body::Subscribe(subscribe) => self.subscribe(&subscribe),
            Body::Suspend(v1::Suspend { handle }) => {
                self.of_recipient(handle, |by| Op::Suspend { by })
            }
            Body::Resume(v1::Resume { handle }) => {
                self.of_recipient(handle, |by| Op::Resume { by })
            }
            Body::Delete(v1::Delete { handle }) => {
                self.of_recipient(handle, |by| Op::Delete { by })
            }
            Body::Rotate(rotate) => self.rotate(&rotate),
            Body::Detach(detach) => self.detach(&detach),
            Body::Deliver(_)
            | Body::Result(_)
            | Body::Notice(_)
            | Body::Ended(_)
            | Body::Space(_) => Err(Reject::UnsupportedItem),
        };
        match asked {
            Ok((asked, op)) => Step::Ask(asked, op),
            Err(reject) => Step::Refused(reject),
        }
    }

    fn setting(&self) -> Setting<'_> {
        Setting {
            fingerprint: &self.params.fingerprint,
            transcript: &self.blocks.transcript,
            suite: self.blocks.suite,
            class: self.blocks.class,
            limits: &self.params.limits,
            access: self.params.access.as_deref(),
            hour: self.now.hour(),
        }
    }

    /// The attachment of a handle, which is busy from now on.
    fn attached(&mut self, handle: u32, role: Option<Role>) -> Result<(u16, By), Reject> {
        let attachment = self.attachments.of_role(handle, role)?;
        attachment.busy = true;
        Ok((attachment.by.place.handle, attachment.by))
    }

    fn of_recipient(
        &mut self,
        handle: u32,
        op: impl FnOnce(By) -> Op,
    ) -> Result<(Asked, Op), Reject> {
        let (handle, by) = self.attached(handle, Some(Role::Recipient))?;
        Ok((Asked::Attached { handle }, op(by)))
    }

    fn create(&mut self, wire: &v1::Create) -> Result<(Asked, Op), Reject> {
        let incarnation = self.rng.next_u64();
        let create = Create::from_wire(wire, &self.setting(), incarnation)?;
        Ok((Asked::Alone, Op::Create(Box::new(create))))
    }

    fn claim(&self, wire: &v1::Claim) -> Result<(Asked, Op), Reject> {
        let claim = Claim::from_wire(wire, &self.setting())?;
        Ok((Asked::Alone, Op::Claim(Box::new(claim))))
    }

    fn deposit(&self, wire: &v1::Deposit) -> Result<(Asked, Op), Reject> {
        let deposit = Deposit::from_wire(wire, &self.setting())?;
        Ok((Asked::Alone, Op::Deposit(Box::new(deposit))))
    }

    fn attach(&mut self, wire: &v1::Attach) -> Result<(Asked, Op), Reject> {
        let attach = Attach::from_wire(wire, self.blocks.class)?;
        self.attachments.name(wire.handle)?;
        attach.verify(&self.setting())?;
        let handle = self.attachments.take(wire.handle)?;
        let Attach { role, version, recipient_id, vk, .. } = attach;
        let asked = Asked::Attach { handle, role, version, recipient_id, vk };
        Ok((asked, Op::Attach(Box::new(attach))))
    }

    fn send(&mut self, wire: v1::Send) -> Result<(Asked, Op), Reject> {
        // A link's class is that of every connection attached to it.
        let fits = wire.part.len() == self.blocks.class.part_len();
        require!(CONNECTION_31, fits, Reject::Malformed);
        let (handle, by) = self.attached(wire.handle, Some(Role::Sender))?;
        let v1::Send { submission, part, .. } = wire;
        Ok((Asked::Attached { handle }, Op::Send { by, submission, part }))
    }

    fn subscribe(&mut self, wire: &v1::Subscribe) -> Result<(Asked, Op), Reject> {
        let by = self.attachments.of_role(wire.handle, Some(Role::Recipient))?.by;
        let v1::Subscribe { window_parts, window_bytes, .. } = *wire;
        let listed = (1..=WINDOW_PARTS_MAX).contains(&window_parts)
            && (1..=WINDOW_BYTES_MAX).contains(&window_bytes);
        require!(CONNECTION_40, listed, Reject::Terms);
        let (handle, _) = self.attached(wire.handle, Some(Role::Recipient))?;
        let asked = Asked::Subscribe { handle, window_parts, window_bytes };
        Ok((asked, Op::Subscribe { by }))
    }

    /// Never answered, and without effect where there is no subscription (CONNECTION-46).
    fn acknowledge(&mut self, wire: &v1::Acknowledge) -> Step {
        let v1::Acknowledge { handle, through } = *wire;
        let Some((by, through)) = self.delivery.acknowledge(self.attachments, handle, through)
        else {
            return Step::Nothing;
        };
        if let Some(attachment) = self.attachments.get_mut(handle) {
            attachment.busy = true;
        }
        let asked = Asked::Acknowledge { handle: by.place.handle };
        Step::Ask(asked, Op::Acknowledge { by, through })
    }

    fn rotate(&mut self, wire: &v1::Rotate) -> Result<(Asked, Op), Reject> {
        let change = wire.change.as_ref().ok_or(Reject::Malformed)?;
        let change = Change::from_wire(change)?;
        let attachment = self.attachments.of_role(wire.handle, None)?;
        let By { version, role, .. } = attachment.by;
        // ROTATION-10: nothing is asked of the key that is attached already.
        if !change.new.is(&attachment.vk, version) {
            change.check_terms(version, Some(self.now.hour()))?;
        }
        let id = attachment.recipient_id;
        change.verify(role, &id)?;
        let (handle, by) = self.attached(wire.handle, None)?;
        Ok((Asked::Attached { handle }, Op::Rotate { by, change: Box::new(change) }))
    }

    fn detach(&mut self, wire: &v1::Detach) -> Result<(Asked, Op), Reject> {
        let (handle, by) = self.attached(wire.handle, None)?;
        Ok((Asked::Detach { handle }, Op::Detach { by }))
    }
}
