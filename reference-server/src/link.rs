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

use bytes::{BufMut as _, Bytes, BytesMut};
use edgewise_spec::constants::BLOCK_LARGE;
use edgewise_spec::error::{GoodbyeCode, LinkEnd};
use edgewise_spec::mutant;
use edgewise_spec::server::{Filled, ServerLink};
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
const CHUNK: usize = 16 * 1_024;
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
            Phase::Ending(until) if until <= now => {
                self.due.store(u64::MAX, Ordering::Release);
                self.carrier.kill();
            }
            Phase::Ending(_) | Phase::Aborted | Phase::Gone => {}
        }
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
            hub.confirm(&mut state.half_open);
            self.changed(state);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the deadline and lets both tasks look.
    fn changed(&self, mut state: MutexGuard<'_, State>) {
        let due = match state.phase {
            Phase::Open => state.link.deadline(),
            Phase::Ending(until) => Some(until),
            Phase::Aborted | Phase::Gone => None,
        };
        self.due.store(due.map_or(u64::MAX, Now::millis), Ordering::Release);
        let body = state.body.take();
        let driver = if state.phase == Phase::Open { None } else { state.driver.take() };
        drop(state);
        for waker in [body, driver].into_iter().flatten() {
            waker.wake();
        }
    }

    fn note_end(&self, state: &mut State, hub: &Hub, now: Now) {
        if state.half_open && (state.link.is_confirmed() || state.link.is_ended()) {
            hub.confirm(&mut state.half_open);
        }
        if state.link.is_ended() && state.phase == Phase::Open {
            state.phase = Phase::Ending(now.plus_seconds(LAST_SECONDS));
        }
    }
}
