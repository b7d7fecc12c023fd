//! One link: spec's `ServerLink` between a stream of requests and a body of answers.
//!
//! Two tasks share it. The *driver* takes the peer's blocks as fast as they come, whatever the
//! peer takes (LINK-31), and carries out what they ask. The *body* is pulled by HTTP/2 whenever it
//! has room: it reads parts from the store and fills and seals a block only then, so that a peer
//! that takes nothing costs one chunk and no more. A mutex joins them; it is never held across an
//! await.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use edgewise_spec::constants::BLOCK_LARGE;
use edgewise_spec::error::{GoodbyeCode, LinkEnd};
use edgewise_spec::mutant;
use edgewise_spec::server::{Filled, ServerLink, ServerParams};
use edgewise_spec::store::{LinkId, PartBuf, ReadSpec, Store as _, Wake, Wakes};
use edgewise_spec::time::Now;
use hyper::body::{Body as _, Frame, Incoming};

use crate::carrier::{Carrier, StreamGuard};
use crate::hub::Hub;
use crate::message::{self, BlockReader};
use crate::random;
use crate::reply::{self, BodyError};

/// Blocks that a driver takes before others get their turn.
const BURST: usize = 16;
/// Bytes of blocks that leave in one chunk: as many as fit one HTTP/2 frame.
const CHUNK: usize = 32 * 1_024;
/// Seconds that a peer has for taking the last block of a link before its carrier is closed.
const LAST_SECONDS: u64 = 5;

/// A living link.
pub struct Link {
    id: LinkId,
    state: Mutex<State>,
    /// When something is due, in milliseconds since the Unix epoch; `u64::MAX` for never.
    due: AtomicU64,
    carrier: Arc<Carrier>,
}

struct State {
    link: ServerLink,
    phase: Phase,
    /// Whether the carrier still has the chunk that it was given last.
    untaken: bool,
    half_open: bool,
    body: Option<Waker>,
    driver: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Over for the protocol; the peer has until then to take the last block.
    Ending(Now),
    /// Over because the peer's stream is; it has until then to take the trailers.
    Closed(Now),
    /// Over without a word.
    Aborted,
    /// The body is gone, and with it the stream.
    Gone,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Link")
    }
}

impl Link {
    /// A link that waits for its hello.
    #[must_use]
    pub fn new(id: LinkId, link: ServerLink, carrier: Arc<Carrier>) -> Arc<Self> {
        let due = link.deadline().map_or(u64::MAX, Now::millis);
        let state = State {
            link,
            phase: Phase::Open,
            untaken: false,
            half_open: true,
            body: None,
            driver: None,
        };
        Arc::new(Self { id, state: Mutex::new(state), due: AtomicU64::new(due), carrier })
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> LinkId {
        self.id
    }

    /// The carrier it runs over.
    #[must_use]
    pub const fn carrier(&self) -> &Arc<Carrier> {
        &self.carrier
    }

    /// Whether something is due at `now`.
    #[must_use]
    pub fn is_due(&self, now: Now) -> bool {
        self.due.load(Ordering::Acquire) <= now.millis()
    }

    /// Tells it what another link has committed.
    pub fn wake(&self, now: Now, wake: &Wake) {
        let mut state = self.state();
        if state.phase == Phase::Open {
            state.link.wake(now, wake);
            self.changed(state);
        }
    }

    /// Runs what is due: an unconfirmed hello, a stalled peer, the end of its life, or a last block
    /// that is not taken.
    pub fn run_due(&self, hub: &Hub, now: Now) {
        let mut state = self.state();
        match state.phase {
            Phase::Open => {
                state.link.handle_timeout(now);
                self.note_end(&mut state, hub, now);
                self.changed(state);
            }
            Phase::Ending(until) | Phase::Closed(until) if until <= now => {
                self.due.store(u64::MAX, Ordering::Release);
                self.carrier.kill();
            }
            Phase::Ending(_) | Phase::Closed(_) | Phase::Aborted | Phase::Gone => {}
        }
    }

    /// Goes on under a new epoch's parameters, so that no link keeps old secrets alive (LINK-39).
    pub fn adopt(&self, params: &Arc<ServerParams>) {
        self.state().link.adopt(Arc::clone(params));
    }

    /// Ends it with a goodbye, or a bare status where it has no keys.
    pub fn say_goodbye(&self, hub: &Hub, now: Now, code: GoodbyeCode) {
        let mut state = self.state();
        if state.phase == Phase::Open {
            state.link.say_goodbye(code);
            self.note_end(&mut state, hub, now);
            self.changed(state);
        }
    }

    /// Ends it without a word.
    pub fn abort(&self, hub: &Hub) {
        let mut state = self.state();
        if state.phase != Phase::Gone {
            state.phase = Phase::Aborted;
            hub.leave_half_open(&mut state.half_open);
            self.changed(state);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish_due(&self, state: &State) {
        let due = match state.phase {
            Phase::Open => state.link.deadline(),
            Phase::Ending(until) | Phase::Closed(until) => Some(until),
            Phase::Aborted | Phase::Gone => None,
        };
        self.due.store(due.map_or(u64::MAX, Now::millis), Ordering::Release);
    }

    /// Publishes the deadline and lets both tasks look.
    fn changed(&self, mut state: MutexGuard<'_, State>) {
        self.publish_due(&state);
        let body = state.body.take();
        let driver = if state.phase == Phase::Open { None } else { state.driver.take() };
        drop(state);
        for waker in [body, driver].into_iter().flatten() {
            waker.wake();
        }
    }

    fn note_end(&self, state: &mut State, hub: &Hub, now: Now) {
        if state.half_open && (state.link.is_confirmed() || state.link.is_ended()) {
            hub.leave_half_open(&mut state.half_open);
        }
        if state.link.is_ended() && state.phase == Phase::Open {
            state.phase = Phase::Ending(now.plus_seconds(LAST_SECONDS));
        }
    }
}

/// Takes the peer's blocks and carries out what they ask, until the stream is over.
pub async fn drive(link: Arc<Link>, hub: Arc<Hub>, mut requests: Incoming) {
    let mut driver =
        Driver { reader: BlockReader::new(BLOCK_LARGE), wakes: Wakes::new(), burst: 0 };
    // LINK-37: no more once the peer has half-closed or reset the stream, or is gone.
    while let Some(mut chunk) =
        poll_fn(|context| driver.poll_chunk(context, &link, &mut requests)).await
    {
        while let Some(block) = driver.reader.next(&mut chunk) {
            driver.take(&link, &hub, block).await;
            if driver.burst >= BURST {
                driver.burst = 0;
                link.wake_body();
                tokio::task::yield_now().await;
            }
        }
    }
    link.close(&hub);
}

struct Driver {
    reader: BlockReader,
    wakes: Wakes,
    /// Blocks taken since the body was last let look.
    burst: usize,
}

impl Driver {
    /// The next bytes of the request; `None` once there is nothing more to wait for.
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        link: &Link,
        requests: &mut Incoming,
    ) -> Poll<Option<Bytes>> {
        // LINK-31
        if mutant!(LINK_31) && link.wait_untaken(context) {
            return Poll::Pending;
        }
        loop {
            match Pin::new(&mut *requests).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(chunk) = frame.into_data() {
                        return Poll::Ready(Some(chunk));
                    }
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
                Poll::Pending => break,
            }
        }
        if self.burst > 0 {
            self.burst = 0;
            link.wake_body();
        }
        self.reader.release();
        let mut state = link.state();
        if matches!(state.phase, Phase::Aborted | Phase::Gone) {
            return Poll::Ready(None);
        }
        match &mut state.driver {
            Some(waker) => waker.clone_from(context.waker()),
            driver @ None => *driver = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Takes one block and carries out its requests, in order (FRAME-19).
    async fn take(&mut self, link: &Link, hub: &Hub, block: BytesMut) {
        self.burst += 1;
        hub.counters().block_in();
        let now = hub.clock().now();
        {
            let mut state = link.state();
            // LINK-36
            if state.phase != Phase::Open && !mutant!(LINK_36) {
                return;
            }
            let _ = state.link.handle_block(now, &mut random(), block);
        }
        loop {
            let request = link.state().link.poll_request(now, &mut random());
            let Some(request) = request else { break };
            let outcome = hub.store().apply(now, &request.op, &mut self.wakes).await;
            link.state().link.complete(now, request.ticket, outcome);
            if !self.wakes.is_empty() {
                hub.route(now, &mut self.wakes);
            }
        }
        let mut state = link.state();
        if let Some(refusals) = state.link.take_refusals() {
            hub.counters().refusals(&refusals);
        }
        link.note_end(&mut state, hub, now);
        link.publish_due(&state);
        if let Some(class) = state.link.class() {
            self.reader.expect(class.block_len());
        }
    }
}

impl Link {
    fn wake_body(&self) {
        let body = self.state().body.take();
        if let Some(body) = body {
            body.wake();
        }
    }

    /// The end of the request stream: the link is over, whatever it still had to say (LINK-37).
    fn close(&self, hub: &Hub) {
        let now = hub.clock().now();
        let mut state = self.state();
        if state.phase == Phase::Open && !mutant!(LINK_37) {
            state.phase = Phase::Closed(now.plus_seconds(LAST_SECONDS));
            hub.leave_half_open(&mut state.half_open);
            self.changed(state);
        }
    }

    fn wait_untaken(&self, context: &mut Context<'_>) -> bool {
        let mut state = self.state();
        if state.untaken {
            state.driver = Some(context.waker().clone());
        }
        state.untaken
    }
}

/// The answers of a link, pulled by HTTP/2.
pub struct LinkBody {
    link: Arc<Link>,
    hub: Arc<Hub>,
    out: BytesMut,
    /// Bytes of the last chunk.
    reserved: usize,
    parts: PartBuf,
    reading: Option<Reading>,
    /// The status that the trailers carry, once the last block is out.
    status: Option<u8>,
    done: bool,
    _guard: StreamGuard,
}

/// A read of a store that was not ready at once.
type Reading = Pin<Box<dyn Future<Output = PartBuf> + Send>>;

impl LinkBody {
    /// The answers of `link`; dropping them ends it.
    #[must_use]
    pub fn new(link: Arc<Link>, hub: Arc<Hub>) -> Self {
        let guard = link.carrier.stream();
        Self {
            link,
            hub,
            out: BytesMut::new(),
            reserved: 0,
            parts: PartBuf::default(),
            reading: None,
            status: None,
            done: false,
            _guard: guard,
        }
    }

    /// The next chunk of blocks, or the trailers.
    pub fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.done {
            return Poll::Ready(None);
        }
        if let Some(status) = self.status {
            self.done = true;
            return Poll::Ready(Some(Ok(Frame::trailers(reply::trailers(status)))));
        }
        let link = Arc::clone(&self.link);
        let now = self.hub.clock().now();
        let mut state = link.state();
        if std::mem::take(&mut state.untaken) {
            state.link.taken(now);
        }
        match state.phase {
            Phase::Aborted | Phase::Gone => {
                self.done = true;
                return Poll::Ready(Some(Err("the link was aborted".into())));
            }
            Phase::Closed(_) => {
                self.done = true;
                return Poll::Ready(Some(Ok(Frame::trailers(reply::trailers(0)))));
            }
            Phase::Open | Phase::Ending(_) => {}
        }
        self.fill(context, &mut state, now);
        link.note_end(&mut state, &self.hub, now);
        link.publish_due(&state);
        if self.out.is_empty() {
            if let Some(status) = self.status {
                self.done = true;
                return Poll::Ready(Some(Ok(Frame::trailers(reply::trailers(status)))));
            }
            // Nothing is kept for an idle peer.
            self.out = BytesMut::new();
            match &mut state.body {
                Some(waker) => waker.clone_from(context.waker()),
                body @ None => *body = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        state.untaken = true;
        self.reserved = self.out.len();
        Poll::Ready(Some(Ok(Frame::data(self.out.split().freeze()))))
    }

    /// Fills blocks, as many as fit one chunk, from what the link has and the store gives.
    fn fill(&mut self, context: &mut Context<'_>, state: &mut State, now: Now) {
        let mut blocks = 0;
        loop {
            self.read(context, state, now);
            let start = self.out.len();
            if start == 0 && state.link.class().is_some() {
                // As much as last time: a busy link fills chunks, a quiet one single blocks.
                self.out.reserve(self.reserved);
            }
            message::reserve_prefix(&mut self.out);
            let filled = state.link.poll_block(now, &mut self.out);
            let written = message::fill_prefix(&mut self.out, start);
            blocks += u64::from(written);
            match filled {
                Filled::Nothing => break,
                Filled::Block => {}
                Filled::Last(end) => {
                    self.status = Some(status_of(end));
                    if matches!(end, LinkEnd::Refused(_)) {
                        self.hub.counters().refused_stream();
                    }
                    break;
                }
            }
            let length = self.out.len() - start;
            if self.out.len() + length > CHUNK {
                break;
            }
        }
        self.hub.counters().blocks_out(blocks);
    }

    /// Reads what the link's subscriptions want, until nothing more fits its next block.
    fn read(&mut self, context: &mut Context<'_>, state: &mut State, now: Now) {
        loop {
            if let Some(mut reading) = self.reading.take() {
                match reading.as_mut().poll(context) {
                    Poll::Ready(parts) => self.parts = parts,
                    Poll::Pending => {
                        self.reading = Some(reading);
                        return;
                    }
                }
            } else {
                let Some(spec) = state.link.wants() else { return };
                if !self.start_read(context, now, spec) {
                    continue;
                }
            }
            state.link.offer(now, &mut self.parts);
        }
    }

    /// Reads at once where the store can; else leaves a read to be polled, and returns false.
    fn start_read(&mut self, context: &mut Context<'_>, now: Now, spec: ReadSpec) -> bool {
        let hub = Arc::clone(&self.hub);
        let at_once = pin!(hub.store().read(now, &spec, &mut self.parts)).poll(context);
        match at_once {
            // A store that cannot be reached offers nothing now; a wake or a resync asks again.
            Poll::Ready(_) => true,
            Poll::Pending => {
                let hub = Arc::clone(&self.hub);
                self.reading = Some(Box::pin(async move {
                    let mut parts = PartBuf::default();
                    let _ = hub.store().read(now, &spec, &mut parts).await;
                    parts
                }));
                false
            }
        }
    }
}

impl Drop for LinkBody {
    fn drop(&mut self) {
        let mut state = self.link.state();
        state.phase = Phase::Gone;
        self.hub.leave_half_open(&mut state.half_open);
        self.hub.registry().leave(self.link.id);
        self.link.changed(state);
    }
}

/// The gRPC status at the end of a stream: OK but for a refused hello (LINK-21, LINK-34, LINK-35).
const fn status_of(end: LinkEnd) -> u8 {
    match end {
        LinkEnd::Refused(status) => status as u8,
        LinkEnd::Ours(_) | LinkEnd::Theirs(_) => 0,
    }
}
