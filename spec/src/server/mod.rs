//! The server's role: link, frame and connection put together, without a socket, a store or a
//! clock.
//!
//! A [`ServerLink`] is owned by one task. Whoever drives it
//!
//! 1. hands in blocks with [`ServerLink::handle_block`], as long as the stream lives;
//! 2. pulls requests with [`ServerLink::poll_request`] until there is none, carries each out in
//!    the store, and hands the outcome to [`ServerLink::complete`];
//! 3. reads what [`ServerLink::wants`] asks for and hands it to [`ServerLink::offer`], until it
//!    wants nothing;
//! 4. pulls blocks with [`ServerLink::poll_block`] when the carrier takes one, and says with
//!    [`ServerLink::taken`] that it did;
//! 5. hands in wakes from other links' commits, calls [`ServerLink::resync`] where wakes may have
//!    been lost, and calls [`ServerLink::handle_timeout`] at
//!    [`ServerLink::deadline`].
//!
//! In cadence (`spec/cadence.md`) [`ServerLink::poll_block`] gives exactly one block for each that
//! came, once its requests have been pulled, and nothing in between.
//!
//! Nothing is pushed, so nothing grows: what waits is bounded by REQUESTS_MAX and by one read.

mod attachments;
mod delivery;
mod items;
mod outbox;
mod session;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rand_core::CryptoRng;

pub use session::{Refusals, Ticket};

use crate::cadence::TickMs;
use crate::connection::{AccessKey, Op, Outcome};
use crate::error::{GoodbyeCode, LinkEnd, Reject};
use crate::frame::Class;
use crate::link::describe::Limits;
use crate::link::server::{HandshakeParams, Progress, ServerHandshake};
use crate::mutant;
use crate::store::{LinkId, PartBuf, ReadSpec, Wake};
use crate::time::Now;
use session::Session;

/// What a server's links need to know of it; replaced when its epoch moves.
#[derive(Clone, Debug)]
pub struct ServerParams {
    /// The server's fingerprint.
    pub fingerprint: [u8; 32],
    /// What its handshakes need.
    pub link: HandshakeParams,
    /// What it describes as its largest values.
    pub limits: Limits,
    /// The key of its access password, if it has one.
    pub access: Option<Arc<AccessKey>>,
    /// Seconds in which a hello must be complete and confirmed.
    pub hello_seconds: u64,
}

/// One operation for the store, and the ticket to hand its outcome back with.
#[derive(Debug)]
pub struct Request {
    /// Goes back with the outcome.
    pub ticket: Ticket,
    /// What to carry out.
    pub op: Op,
}

/// What [`ServerLink::poll_block`] has appended to its buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filled {
    /// Nothing: there is nothing to say now.
    Nothing,
    /// One block.
    Block,
    /// One last block, or none where the link was refused before it had keys, or the peer said
    /// goodbye. The stream ends after it: with the status of a refusal, else with OK.
    Last(LinkEnd),
}

/// The server's end of one link.
#[derive(Debug)]
pub struct ServerLink {
    id: LinkId,
    params: Arc<ServerParams>,
    phase: Phase,
}

/// Where a link stands. What is valid in one state only stands in that state.
#[derive(Debug)]
enum Phase {
    /// The handshake.
    Greeting { handshake: ServerHandshake, reply: VecDeque<Bytes> },
    /// Both ends have keys.
    Open(Box<Session>),
    /// The peer has said goodbye: what it asked before is finished.
    Leaving(Box<Session>, GoodbyeCode),
    /// This end has something to say before its goodbye.
    Closing(Box<Session>, GoodbyeCode),
    /// There is nothing left but the end.
    Over(LinkEnd),
}

impl ServerLink {
    /// The link of a stream that has just opened.
    #[must_use]
    pub fn new(id: LinkId, params: Arc<ServerParams>, now: Now) -> Self {
        let handshake = ServerHandshake::new(now, params.hello_seconds);
        Self { id, params, phase: Phase::Greeting { handshake, reply: VecDeque::new() } }
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> LinkId {
        self.id
    }

    /// Goes on with other parameters: a new epoch has begun, and the secrets of old ones are not to
    /// live as long as the links that were opened in them (LINK-39).
    pub fn adopt(&mut self, params: Arc<ServerParams>) {
        self.params = params;
    }

    /// Its class, once it is confirmed.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        self.session().map(Session::class)
    }

    /// Whether both ends have keys, or had.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        !matches!(self.phase, Phase::Greeting { .. } | Phase::Over(LinkEnd::Refused(_)))
    }

    /// Whether nothing that still comes in is looked at (LINK-36).
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Leaving(..) | Phase::Closing(..) | Phase::Over(_))
    }

    /// Takes one block of the peer, and opens it in place. What it asks is pulled with
    /// [`Self::poll_request`].
    ///
    /// # Errors
    /// Why the link is over, if it is; [`Self::poll_block`] says the same once what was to be
    /// said before has been.
    pub fn handle_block(
        &mut self,
        now: Now,
        rng: &mut dyn CryptoRng,
        block: BytesMut,
    ) -> Result<(), LinkEnd> {
        let result = match &mut self.phase {
            Phase::Greeting { .. } => self.greet(now, rng, block),
            Phase::Open(session) => session.handle_block(now, block),
            // LINK-36: in cadence it is the one that the goodbye answers, whatever it is.
            Phase::Closing(session, _) => {
                let _ = session.note_block(now);
                session.answer_now();
                Ok(())
            }
            Phase::Leaving(..) => Ok(()),
            Phase::Over(end) => Err(*end),
        };
        if let Err(end) = result {
            self.end(end);
        }
        result
    }

    /// The next operation to carry out; `None` if there is none that could be carried out before
    /// others are completed.
    pub fn poll_request(&mut self, now: Now, rng: &mut dyn CryptoRng) -> Option<Request> {
        let params = Arc::clone(&self.params);
        let (Phase::Open(session) | Phase::Leaving(session, _) | Phase::Closing(session, _)) =
            &mut self.phase
        else {
            return None;
        };
        let request = session.poll_request(&params, now, rng);
        if request.is_none() {
            session.answer_now();
        }
        let code = session.take_goodbye();
        if let Some(code) = code {
            self.end(LinkEnd::Theirs(code));
        }
        request
    }

    /// The store takes its time: in cadence the answer does not wait for it (CADENCE-7), and what
    /// the store says goes with a later one.
    pub fn answer_now(&mut self) {
        if let Some(session) = self.session_mut() {
            session.answer_now();
        }
    }

    /// The tick of its cadence, once it is confirmed and if it has one.
    #[must_use]
    pub fn tick(&self) -> Option<TickMs> {
        self.session().and_then(Session::tick)
    }

    /// Hands in the outcome of one request.
    pub fn complete(&mut self, now: Now, ticket: Ticket, outcome: Result<Outcome, Reject>) {
        let id = self.id;
        if let Some(session) = self.session_mut() {
            session.complete(id, now, ticket, outcome);
        }
    }

    /// How many requests were refused since this was last asked, for a server's statistics.
    pub fn take_refusals(&mut self) -> Option<Box<Refusals>> {
        self.session_mut().and_then(Session::take_refusals)
    }

    /// Another link's commit concerns an attachment of this one.
    pub fn wake(&mut self, now: Now, wake: &Wake) {
        if let Phase::Open(session) = &mut self.phase {
            session.wake(now, wake);
        }
    }

    /// Wakes may have been lost: every subscription looks at its record again. To be called after
    /// a store has given its records new incarnations, and now and then for one that loses wakes.
    pub fn resync(&mut self) {
        if let Phase::Open(session) = &mut self.phase {
            session.resync();
        }
    }

    /// What to read from the store now: round robin over the subscriptions that have something.
    pub fn wants(&mut self) -> Option<ReadSpec> {
        match &mut self.phase {
            Phase::Open(session) => session.wants(),
            _ => None,
        }
    }

    /// Hands in what was read. The buffer is emptied.
    pub fn offer(&mut self, now: Now, parts: &mut PartBuf) {
        if let Phase::Open(session) = &mut self.phase {
            session.offer(now, parts);
        }
        parts.clear();
    }

    /// Appends one block, if there is something to say: filled, padded, and sealed.
    ///
    /// Call it when the carrier takes a block, and [`Self::taken`] when it has.
    pub fn poll_block(&mut self, now: Now, out: &mut BytesMut) -> Filled {
        match &mut self.phase {
            Phase::Greeting { reply, .. } => match reply.pop_front() {
                Some(block) => {
                    out.extend_from_slice(&block);
                    Filled::Block
                }
                None => Filled::Nothing,
            },
            Phase::Open(session) => session.poll_block(now, out),
            Phase::Leaving(session, code) => {
                let code = *code;
                if let Some(owed) = session.owed() {
                    // CADENCE-11: one block, with what of it fits.
                    if owed == 0 || mutant!(CADENCE_11) {
                        return self.over(LinkEnd::Theirs(code));
                    }
                    return session.poll_block(now, out);
                }
                // LINK-35: first the answers to what was asked before.
                if session.is_finished() || mutant!(LINK_35) {
                    return self.over(LinkEnd::Theirs(code));
                }
                session.poll_block(now, out)
            }
            Phase::Closing(session, code) => {
                let code = *code;
                match session.owed() {
                    // CADENCE-10: the goodbye is the answer to the client's next block.
                    Some(0) if !mutant!(CADENCE_10) => return Filled::Nothing,
                    Some(0 | 1) => {}
                    Some(_) => return session.poll_block(now, out),
                    None if session.poll_block(now, out) == Filled::Block => return Filled::Block,
                    None => {}
                }
                // LINK-34
                session.last_block(code, out);
                self.over(LinkEnd::Ours(code))
            }
            Phase::Over(end) => Filled::Last(*end),
        }
    }

    /// The carrier has taken every block that was polled so far.
    pub fn taken(&mut self, now: Now) {
        if let Some(session) = self.session_mut() {
            session.taken(now);
        }
    }

    /// Ends the link from this end.
    pub fn say_goodbye(&mut self, code: GoodbyeCode) {
        self.end(LinkEnd::Ours(code));
    }

    /// When [`Self::handle_timeout`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Now> {
        match &self.phase {
            Phase::Greeting { handshake, .. } => Some(handshake.deadline()),
            Phase::Open(session) => Some(session.deadline(&self.params.limits)),
            Phase::Leaving(..) | Phase::Closing(..) | Phase::Over(_) => None,
        }
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, now: Now) {
        let result = match &mut self.phase {
            Phase::Greeting { handshake, .. } => handshake.handle_timeout(now),
            Phase::Open(session) => session.handle_timeout(now, &self.params.limits),
            Phase::Leaving(..) | Phase::Closing(..) | Phase::Over(_) => Ok(()),
        };
        if let Err(end) = result {
            self.end(end);
        }
    }

    fn greet(
        &mut self,
        now: Now,
        rng: &mut dyn CryptoRng,
        mut block: BytesMut,
    ) -> Result<(), LinkEnd> {
        let Phase::Greeting { handshake, reply } = &mut self.phase else { return Ok(()) };
        match handshake.handle_block(&self.params.link, now, rng, &mut block)? {
            Progress::More => Ok(()),
            Progress::Reply(blocks) => {
                reply.extend(blocks);
                Ok(())
            }
            Progress::Confirmed(blocks) => {
                block.truncate(blocks.class.text_len());
                let mut session = Box::new(Session::new(blocks, now));
                let result = session.note_block(now);
                let result = result.and_then(|()| session.handle_text(block.freeze()));
                self.phase = Phase::Open(session);
                result
            }
        }
    }

    /// Moves on to the end.
    fn end(&mut self, end: LinkEnd) {
        let phase = core::mem::replace(&mut self.phase, Phase::Over(end));
        self.phase = match (phase, end) {
            (Phase::Open(session), LinkEnd::Theirs(code)) => Phase::Leaving(session, code),
            (Phase::Open(mut session), LinkEnd::Ours(code)) => {
                session.stop();
                Phase::Closing(session, code)
            }
            (Phase::Greeting { .. }, LinkEnd::Ours(_)) => {
                Phase::Over(LinkEnd::Refused(crate::error::Status::Unavailable))
            }
            (Phase::Greeting { .. } | Phase::Open(_), end) => Phase::Over(end),
            // The first end stands.
            (ended, _) => ended,
        };
    }

    fn over(&mut self, end: LinkEnd) -> Filled {
        self.phase = Phase::Over(end);
        Filled::Last(end)
    }

    const fn session(&self) -> Option<&Session> {
        match &self.phase {
            Phase::Open(session) | Phase::Leaving(session, _) | Phase::Closing(session, _) => {
                Some(session)
            }
            Phase::Greeting { .. } | Phase::Over(_) => None,
        }
    }

    const fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::Open(session) | Phase::Leaving(session, _) | Phase::Closing(session, _) => {
                Some(session)
            }
            Phase::Greeting { .. } | Phase::Over(_) => None,
        }
    }
}
