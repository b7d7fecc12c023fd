//! What a client has in one group: a link, and the ends of its two connections there, one to say
//! things and one to hear.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use edgewise_spec::client::{ClientLink, RecipientEnd, RecipientEvent, SenderEnd, SenderEvent};
use edgewise_spec::frame::Class;
use edgewise_spec::store::LinkId;
use edgewise_spec::suite::SuiteId;
use edgewise_spec::time::Now;
use rand_chacha::rand_core::CryptoRng;

use crate::Failure;
use crate::edges::EDGES;
use crate::group::Group;

/// Numbers of the two ends on their link.
pub const SENDER: u32 = 0;
/// See [`SENDER`].
pub const RECIPIENT: u32 = 1;

/// Parts that are with the sender's end at a time. At one block a tick more would wait for longer
/// than an answer may take (ANSWER_SECONDS).
const AHEAD: u64 = 8;

/// A link over one edge, and the group's number of it.
struct Wire {
    link: ClientLink,
    id: LinkId,
    edge: usize,
}

/// A client's link and connections in one group.
pub struct Lane {
    sender: SenderEnd,
    recipient: RecipientEnd,
    /// Parts that are not with the sender's end yet.
    waiting: VecDeque<Bytes>,
    wire: Option<Wire>,
    /// The edge that is tried next.
    next: usize,
}

impl Lane {
    /// A lane whose connections are made and claimed, without a link.
    pub const fn new(sender: SenderEnd, recipient: RecipientEnd) -> Self {
        Self { sender, recipient, waiting: VecDeque::new(), wire: None, next: 0 }
    }

    /// A part to be handed in.
    pub fn push(&mut self, part: Vec<u8>) {
        self.waiting.push_back(part.into());
    }

    /// Whether there is a link and both its ends have keys.
    pub fn is_linked(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.link.transcript().is_some())
    }

    /// The stream is gone, with what was in it.
    pub fn lose(&mut self, group: &mut Group) {
        if let Some(wire) = self.wire.take() {
            group.close(wire.id);
            self.next = (wire.edge + 1) % EDGES;
            self.sender.link_lost();
            self.recipient.link_lost();
        }
    }

    /// The stream is lost if its edge is down.
    pub fn look(&mut self, up: [bool; EDGES], group: &mut Group) {
        let edge = self.wire.as_ref().and_then(|wire| up.get(wire.edge));
        if edge == Some(&false) {
            self.lose(group);
        }
    }

    /// Takes the block that the group has for this tick, and gives its length; what it delivers is
    /// appended to `parts`.
    pub fn hear(
        &mut self,
        now: Now,
        group: &mut Group,
        parts: &mut Vec<(u64, Bytes)>,
    ) -> Result<usize, Failure> {
        let Some(wire) = &mut self.wire else { return Ok(0) };
        let Some(block) = group.give(now, wire.id) else {
            if !group.has(wire.id) || wire.link.handle_timeout(now).is_err() {
                self.lose(group);
            }
            return Ok(0);
        };
        let len = block.len();
        let mut events = Vec::new();
        let over = wire.link.handle_block(now, block, &mut events).is_err();
        let (mut said, mut told) = (Vec::new(), Vec::new());
        for event in &events {
            self.sender.handle(now, SENDER, event, &mut said);
            self.recipient.handle(now, RECIPIENT, event, &mut told);
        }
        for event in said {
            match event {
                // No core loses anything here, so what it has accepted need not be kept.
                SenderEvent::Accepted { through } => self.sender.release(through),
                SenderEvent::Stopped(why) => return Err(format!("a sender stopped: {why}").into()),
                _ => {}
            }
        }
        for event in told {
            match event {
                RecipientEvent::StoreSenderKey(_) => self.recipient.sender_key_stored(),
                RecipientEvent::Part { sequence, part } => parts.push((sequence, part)),
                RecipientEvent::Stopped(why) => {
                    return Err(format!("a recipient stopped: {why}").into());
                }
                _ => {}
            }
        }
        if over {
            self.lose(group);
        }
        Ok(len)
    }

    /// Every part up to this sequence is stored.
    pub fn stored(&mut self, through: u64) -> Result<(), Failure> {
        Ok(self.recipient.stored(through)?)
    }

    /// Tries the next edge if there is no link.
    pub fn connect(
        &mut self,
        now: Now,
        up: [bool; EDGES],
        client: usize,
        group: &mut Group,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), Failure> {
        if self.wire.is_some() {
            return Ok(());
        }
        let edge = self.next;
        self.next = (edge + 1) % EDGES;
        if up.get(edge) == Some(&true) {
            let suite = SuiteId::Chacha20Poly1305;
            let link = ClientLink::open(group.epoch(), suite, Class::Small, now, rng);
            self.wire = Some(Wire { link, id: group.open(now, client)?, edge });
        }
        Ok(())
    }

    /// Sends the block of this tick, if there is something to say, and gives its length.
    pub fn speak(&mut self, now: Now, group: &mut Group) -> Result<usize, Failure> {
        let Some(wire) = &mut self.wire else { return Ok(0) };
        if wire.link.transcript().is_some() {
            let outbox = &self.sender.state().outbox;
            for _ in outbox.next() - outbox.first()..AHEAD {
                let Some(part) = self.waiting.pop_front() else { break };
                self.sender.push(part);
            }
            self.sender.advance(now, SENDER, &mut wire.link)?;
            self.recipient.advance(now, RECIPIENT, None, &mut wire.link)?;
        }
        let mut out = BytesMut::new();
        let _ = wire.link.poll_block(now, &mut out);
        let len = out.len();
        if len > 0 {
            group.take(now, wire.id, out);
        }
        Ok(len)
    }
}
