//! One link: spec's `ServerLink` between a stream of requests and a body of answers.
//!
//! Two tasks share it. The *driver* takes the peer's blocks as fast as they come, whatever the
//! peer takes (LINK-31), and carries out what they ask. The *body* is pulled by HTTP/2 whenever it
//! has room: it reads parts from the store and fills and seals a block only then, so that a peer
//! that takes nothing costs one chunk and no more. A mutex joins them; it is never held across an
//! await.

mod body;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use edgewise_spec::connection::{Op, Outcome};
use edgewise_spec::constants::BLOCK_LARGE;
use edgewise_spec::error::{GoodbyeCode, Reject};
use edgewise_spec::mutant;
use edgewise_spec::server::{ServerLink, ServerParams};
use edgewise_spec::store::{LinkId, Store as _, Wake, Wakes};
use edgewise_spec::time::Now;
use hyper::body::{Body as _, Incoming};

pub use self::body::LinkBody;
use crate::carrier::Carrier;
use crate::hub::Hub;
use crate::message::BlockReader;
use crate::random;

/// Blocks that a driver takes before others get their turn.
const BURST: usize = 16;
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
            // CADENCE-10: in cadence the last block waits for the peer's next one.
            let tick = state.link.tick().map_or(0, |tick| tick.millis());
            let until = now.plus_seconds(LAST_SECONDS).plus_millis(tick.into());
            state.phase = Phase::Ending(until);
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
            // LINK-36: in cadence a block still has its answer.
            let answers = matches!(state.phase, Phase::Ending(_)) && state.link.tick().is_some();
            if state.phase != Phase::Open && !answers && !mutant!(LINK_36) {
                return;
            }
            let _ = state.link.handle_block(now, &mut random(), block);
        }
        loop {
            let request = link.state().link.poll_request(now, &mut random());
            let Some(request) = request else { break };
            let outcome = self.apply(link, hub, now, &request.op).await;
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

    /// Carries out one operation. In cadence the answer does not wait for a store that is not
    /// ready at once (CADENCE-7).
    async fn apply(
        &mut self,
        link: &Link,
        hub: &Hub,
        now: Now,
        op: &Op,
    ) -> Result<Outcome, Reject> {
        let mut applying = pin!(hub.store().apply(now, op, &mut self.wakes));
        let mut waited = false;
        poll_fn(|context| {
            let outcome = applying.as_mut().poll(context);
            if outcome.is_pending() && !waited {
                waited = true;
                link.state().link.answer_now();
                link.wake_body();
            }
            outcome
        })
        .await
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
