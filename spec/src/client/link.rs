//! The client's end of one link: requests to sealed blocks, blocks to events.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use edgewise_proto::v1::{self, item::Body};
use rand_core::CryptoRng;

use super::event::{Event, Filled};
use super::handles::Handles;
use super::requests::{Kind, Request, Requests};
use crate::cadence::{Beat, Rhythm};
use crate::constants::{ANSWER_SECONDS, HELLO_SECONDS, LINK_LIFE_SECONDS};
use crate::error::{GoodbyeCode, LinkEnd, Misuse, Reject, Status};
use crate::frame::{self, Class, Received, Writer};
use crate::link::{Blocks, ClientHandshake, VerifiedEpoch};
use crate::require;
use crate::suite::SuiteId;
use crate::time::Now;

/// The client's end of one link, without IO: see the [module](super) for how it is driven.
///
/// Requests queue until a block is filled, so that several ride together; a block is filled,
/// padded and sealed only when the carrier can take it. Incoming blocks are taken whatever waits
/// to go out (LINK-47).
#[derive(Debug)]
pub struct ClientLink {
    class: Class,
    suite: SuiteId,
    fingerprint: [u8; 32],
    phase: Phase,
    requests: Requests,
    handles: Handles,
    /// Kept between blocks, so that reading one allocates nothing.
    received: Vec<Received>,
    now: Now,
}

#[derive(Debug)]
enum Phase {
    /// The hello goes out and the reply is awaited.
    Greeting(Greeting),
    /// Keys are agreed.
    Open(Box<Open>),
    /// Nothing goes either way any more.
    Over(LinkEnd),
}

#[derive(Debug)]
struct Greeting {
    handshake: Box<ClientHandshake>,
    hello: VecDeque<Bytes>,
    rhythm: Option<Rhythm>,
    until: Now,
}

#[derive(Debug)]
struct Open {
    blocks: Box<Blocks>,
    /// The first block confirms the link and goes out even if it is empty.
    confirmed: bool,
    /// When blocks go, in cadence.
    beat: Option<Beat>,
    until: Now,
    /// The code of the goodbye to say, once there is one to say.
    goodbye: Option<GoodbyeCode>,
}

impl Open {
    /// Whether, in cadence, a block has been without an answer for too long.
    fn is_unanswered(&self, now: Now) -> bool {
        let since = self.beat.as_ref().and_then(Beat::unanswered_since);
        since.is_some_and(|since| since.plus_seconds(ANSWER_SECONDS) <= now)
    }
}

impl ClientLink {
    /// Begins a link to the server of this epoch record; its hello is ready to be polled.
    ///
    /// The caller has checked that the record is valid now, that the server offers suite and
    /// class, and that this machine has the suite.
    pub fn open(
        epoch: &VerifiedEpoch,
        suite: SuiteId,
        class: Class,
        now: Now,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        Self::open_in_cadence(epoch, suite, class, None, now, rng)
    }

    /// As [`open`](Self::open), for a link in cadence where there is a rhythm: once the reply has
    /// come, [`poll_block`](Self::poll_block) gives one block at once and one at each point, and
    /// none else. The caller has checked that the server offers the tick (CADENCE-16).
    pub fn open_in_cadence(
        epoch: &VerifiedEpoch,
        suite: SuiteId,
        class: Class,
        rhythm: Option<Rhythm>,
        now: Now,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        let tick = rhythm.map(Rhythm::tick);
        let (handshake, hello) = ClientHandshake::start_in_cadence(epoch, suite, class, tick, rng);
        Self {
            class,
            suite,
            fingerprint: crate::link::fingerprint(&epoch.identity_vk()),
            phase: Phase::Greeting(Greeting {
                handshake: Box::new(handshake),
                hello: hello.into(),
                rhythm,
                until: now.plus_seconds(HELLO_SECONDS),
            }),
            requests: Requests::new(),
            handles: Handles::default(),
            received: Vec::new(),
            now,
        }
    }

    /// The link's class.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// The link's suite: what an access proof is derived in.
    #[must_use]
    pub const fn suite(&self) -> SuiteId {
        self.suite
    }

    /// The server's fingerprint, 32 bytes.
    #[must_use]
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// The link's transcript, 32 bytes, once the server has proved its identity: what every
    /// signature of a request covers.
    #[must_use]
    pub fn transcript(&self) -> Option<&[u8; 32]> {
        match &self.phase {
            Phase::Open(open) => Some(&open.blocks.transcript),
            Phase::Greeting(_) | Phase::Over(_) => None,
        }
    }

    /// Why the link is over, if it is.
    #[must_use]
    pub const fn end(&self) -> Option<LinkEnd> {
        match &self.phase {
            Phase::Over(end) => Some(*end),
            Phase::Greeting(_) | Phase::Open(_) => None,
        }
    }

    /// How many requests may be submitted now: REQUESTS_MAX less those without an answer.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.requests.room()
    }

    /// Queues a request. Its answer comes as [`Event::Answered`] with the same token, unless the
    /// link ends before: then nothing is known of its effect.
    ///
    /// # Errors
    /// [`Misuse::TooManyRequests`] while [`room`](Self::room) is 0 (LINK-46),
    /// [`Misuse::ItemTooLong`] if the request fits no block of the class, [`Misuse::NotOpen`]
    /// unless the link is open.
    pub fn submit(&mut self, token: u64, request: Request) -> Result<(), Misuse> {
        match &self.phase {
            Phase::Open(open) if open.goodbye.is_none() => {}
            Phase::Open(_) | Phase::Greeting(_) | Phase::Over(_) => return Err(Misuse::NotOpen),
        }
        self.requests.submit(token, request, self.class.text_len(), self.now)
    }

    /// Queues an acknowledgement of everything up to `through`, which the caller has stored.
    ///
    /// Of one handle only the greatest goes out. It rides along with other items and is never
    /// answered.
    pub fn acknowledge(&mut self, handle: u32, through: u64) {
        self.handles.acknowledge(handle, through);
    }

    /// A handle for an Attach. It is free again once the Attach is refused or a Detach of it is
    /// accepted.
    ///
    /// # Errors
    /// [`Misuse::NoHandle`] if all HANDLES_MAX are taken.
    pub fn free_handle(&mut self) -> Result<u32, Misuse> {
        self.handles.take()
    }

    /// Gives back a handle that no Attach was submitted for.
    pub fn give_back(&mut self, handle: u32) {
        self.handles.give_back(handle);
    }

    /// Ends the link: what is queued still goes out, then a goodbye with this code (LINK-45).
    pub fn goodbye(&mut self, code: GoodbyeCode) {
        match &mut self.phase {
            Phase::Greeting(_) => self.phase = Phase::Over(LinkEnd::Ours(code)),
            Phase::Open(open) => open.goodbye = open.goodbye.or(Some(code)),
            Phase::Over(_) => {}
        }
    }

    /// The carrier has ended without a goodbye, or with a bare status.
    pub fn carrier_ended(&mut self, status: Option<Status>) -> LinkEnd {
        let said = match &self.phase {
            Phase::Over(end) => Some(*end),
            Phase::Open(open) => open.goodbye.map(LinkEnd::Ours),
            Phase::Greeting(_) => None,
        };
        let bare = LinkEnd::Refused(status.unwrap_or(Status::Unavailable));
        let end = said.unwrap_or(bare);
        self.phase = Phase::Over(end);
        end
    }

    /// Takes one block of the server and appends what it says to `events`.
    ///
    /// # Errors
    /// Why the link is over. After [`LinkEnd::Ours`] one last block is to be polled, in cadence at
    /// its point; the events of
    /// a refused block are not appended, those before a goodbye are.
    pub fn handle_block(
        &mut self,
        now: Now,
        mut block: BytesMut,
        events: &mut Vec<Event>,
    ) -> Result<(), LinkEnd> {
        self.now = now;
        match &mut self.phase {
            Phase::Greeting(greeting) => {
                let reply = greeting.handshake.handle_block(&block);
                let Ok(reply) = reply else {
                    // No keys, so no goodbye: the stream is dropped (LINK-26).
                    return self.over(LinkEnd::Refused(Status::InvalidArgument));
                };
                if let Some(blocks) = reply {
                    let until = now.plus_seconds(LINK_LIFE_SECONDS);
                    let beat = greeting.rhythm.map(Beat::new);
                    let open = Open { blocks, confirmed: false, beat, until, goodbye: None };
                    self.phase = Phase::Open(Box::new(open));
                    events.push(Event::Opened);
                }
                Ok(())
            }
            Phase::Open(open) => {
                if let Err(end) = open.blocks.opener.open(&mut block) {
                    return self.fail(end);
                }
                if let Some(beat) = &mut open.beat {
                    // CADENCE-18
                    if beat.answered().is_err() {
                        return self.fail(LinkEnd::Ours(GoodbyeCode::OutOfStep));
                    }
                }
                block.truncate(self.class.text_len());
                self.handle_text(block.freeze(), events)
            }
            Phase::Over(end) => Err(*end),
        }
    }

    fn handle_text(&mut self, text: Bytes, events: &mut Vec<Event>) -> Result<(), LinkEnd> {
        let before = events.len();
        let mut received = std::mem::take(&mut self.received);
        let mut outcome = frame::read_server_items(text, &mut received).map_err(LinkEnd::from);
        if outcome.is_ok() {
            for item in received.drain(..) {
                outcome = self.handle_item(item, events);
                if outcome.is_err() {
                    break;
                }
            }
        }
        received.clear();
        self.received = received;
        match outcome {
            Err(end @ LinkEnd::Ours(_)) => {
                events.truncate(before);
                self.fail(end)
            }
            Err(end) => self.over(end),
            Ok(()) => Ok(()),
        }
    }

    fn handle_item(&mut self, item: Received, events: &mut Vec<Event>) -> Result<(), LinkEnd> {
        let malformed = LinkEnd::Ours(GoodbyeCode::FrameMalformed);
        let Received::Item(v1::Item { tag, body: Some(body) }) = item else { return Ok(()) };
        match body {
            Body::Result(result) => {
                let answer = result.outcome.and_then(|outcome| self.requests.answer(tag, outcome));
                require!(LINK_48, answer.is_some(), malformed);
                let Some((pending, result)) = answer else { return Ok(()) };
                match (pending.kind, &result) {
                    (Kind::Attach, Err(_)) | (Kind::Detach, Ok(_) | Err(Reject::NotAttached)) => {
                        self.handles.give_back(pending.handle);
                    }
                    (Kind::Subscribe, Ok(_)) => self.handles.subscribed(pending.handle),
                    _ => {}
                }
                events.push(Event::Answered { token: pending.token, result });
            }
            Body::Deliver(deliver) => events.push(Event::Deliver(deliver)),
            Body::Notice(notice) => events.push(Event::Notice(notice)),
            Body::Ended(ended) => {
                events.push(Event::Ended { handle: ended.handle, reason: ended.reason() });
            }
            Body::Space(space) => events.push(Event::Space { handle: space.handle }),
            Body::Goodbye(goodbye) => return Err(LinkEnd::Theirs(goodbye.code())),
            // The reader hands no item over that is not for a client.
            _ => {}
        }
        Ok(())
    }

    /// Ends the link here: a goodbye is to be polled.
    fn fail(&mut self, end: LinkEnd) -> Result<(), LinkEnd> {
        match (&mut self.phase, end) {
            (Phase::Open(open), LinkEnd::Ours(code)) => {
                open.goodbye = Some(code);
                Err(end)
            }
            _ => self.over(end),
        }
    }

    fn over(&mut self, end: LinkEnd) -> Result<(), LinkEnd> {
        self.phase = Phase::Over(end);
        Err(end)
    }

    /// Appends the next block to `out`, filled, padded and sealed, if there is one to send; every
    /// one has the length of the class (FRAME-3).
    pub fn poll_block(&mut self, now: Now, out: &mut BytesMut) -> Filled {
        self.now = now;
        let open = match &mut self.phase {
            Phase::Greeting(greeting) => {
                let Some(block) = greeting.hello.pop_front() else { return Filled::Nothing };
                out.extend_from_slice(&block);
                return Filled::Block;
            }
            Phase::Open(open) => open,
            Phase::Over(_) => return Filled::Nothing,
        };
        let idle = self.requests.front().is_none() && self.handles.next_due().is_none();
        let due = match &mut open.beat {
            // CADENCE-13: whatever there is to say, and if there is nothing.
            Some(beat) => beat.take(now),
            None => !open.confirmed || !idle || open.goodbye.is_some(),
        };
        if !due {
            return Filled::Nothing;
        }
        let start = out.len();
        out.resize(start + self.class.block_len(), 0);
        let Some(block) = out.get_mut(start..) else { return Filled::Nothing };
        let last = fill(block, self.class, &mut self.requests, &mut self.handles, open.goodbye);
        open.confirmed = true;
        if open.blocks.sealer.seal(block).is_err() {
            // The block has the class's length by construction; without a seal nothing goes out.
            out.truncate(start);
            self.phase = Phase::Over(LinkEnd::Ours(GoodbyeCode::Fault));
            return Filled::Nothing;
        }
        match open.goodbye {
            Some(code) if last => {
                self.phase = Phase::Over(LinkEnd::Ours(code));
                Filled::Last(LinkEnd::Ours(code))
            }
            _ => Filled::Block,
        }
    }

    /// Whether it is in cadence, or asks for one.
    #[must_use]
    pub const fn is_in_cadence(&self) -> bool {
        match &self.phase {
            Phase::Greeting(greeting) => greeting.rhythm.is_some(),
            Phase::Open(open) => open.beat.is_some(),
            Phase::Over(_) => false,
        }
    }

    /// In cadence, when [`poll_block`](Self::poll_block) is next to be called: the first point
    /// after `now`.
    #[must_use]
    pub fn point_after(&self, now: Now) -> Option<Now> {
        match &self.phase {
            Phase::Open(open) => open.beat.as_ref().map(|beat| beat.point_after(now)),
            Phase::Greeting(_) | Phase::Over(_) => None,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Now> {
        match &self.phase {
            Phase::Greeting(greeting) => Some(greeting.until),
            Phase::Open(open) => {
                // CADENCE-19: in cadence each block has an answer, and a request waits for ticks.
                let oldest = match &open.beat {
                    Some(beat) => beat.unanswered_since(),
                    None => self.requests.oldest(),
                };
                let answer = oldest.map(|since| since.plus_seconds(ANSWER_SECONDS));
                Some(answer.map_or(open.until, |answer| answer.min(open.until)))
            }
            Phase::Over(_) => None,
        }
    }

    /// Ends a link whose handshake, whose answers or whose life have taken too long.
    ///
    /// # Errors
    /// Why the link is over; after [`LinkEnd::Ours`] one last block is to be polled, unless
    /// [`end`](Self::end) says that it is over already.
    pub fn handle_timeout(&mut self, now: Now) -> Result<(), LinkEnd> {
        self.now = now;
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        match &self.phase {
            Phase::Greeting(_) => self.over(LinkEnd::Refused(Status::DeadlineExceeded)),
            // CADENCE-19: nothing is said to a server that answers nothing.
            Phase::Open(open) if open.is_unanswered(now) => {
                self.over(LinkEnd::Ours(GoodbyeCode::Stalled))
            }
            Phase::Open(open) if now >= open.until => {
                self.fail(LinkEnd::Ours(GoodbyeCode::LifeOver))
            }
            // LINK-50
            Phase::Open(_) => self.fail(LinkEnd::Ours(GoodbyeCode::Stalled)),
            Phase::Over(end) => Err(*end),
        }
    }
}

/// Fills one block; true if nothing is left to send and the goodbye, if any, is in it.
fn fill(
    block: &mut [u8],
    class: Class,
    requests: &mut Requests,
    handles: &mut Handles,
    goodbye: Option<GoodbyeCode>,
) -> bool {
    let text = block.split_at_mut(class.text_len()).0;
    let mut writer = Writer::new(text);
    // A part leaves room for at least one acknowledgement, so it goes first and they ride along;
    // before anything else they go first, because a Detach would make them void.
    if let Some(item @ v1::Item { body: Some(Body::Send(_)), .. }) = requests.front()
        && writer.push(item).is_ok()
    {
        requests.sent_front();
    }
    while let Some((handle, through)) = handles.next_due() {
        let body = Some(Body::Acknowledge(v1::Acknowledge { handle, through }));
        if writer.push(&v1::Item { tag: 0, body }).is_err() {
            break;
        }
        handles.sent_due();
    }
    while let Some(item) = requests.front() {
        if writer.push(item).is_err() {
            break;
        }
        requests.sent_front();
    }
    let mut last = requests.front().is_none() && handles.next_due().is_none();
    if last && let Some(code) = goodbye {
        let body = Some(Body::Goodbye(v1::Goodbye { code: code.into() }));
        last = writer.push(&v1::Item { tag: 0, body }).is_ok();
    }
    writer.finish();
    last
}
