//! The answers of a link, as HTTP/2 pulls them.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use edgewise_spec::error::LinkEnd;
use edgewise_spec::server::Filled;
use edgewise_spec::store::{PartBuf, ReadSpec, Store as _};
use edgewise_spec::time::Now;
use hyper::body::Frame;

use super::{Link, Phase, State};
use crate::carrier::StreamGuard;
use crate::hub::Hub;
use crate::message;
use crate::reply::{self, BodyError};

/// Bytes of blocks that leave in one chunk: as many as fit one HTTP/2 frame.
const CHUNK: usize = 32 * 1_024;

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
