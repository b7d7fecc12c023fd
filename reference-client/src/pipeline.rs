//! A link that the caller's own task turns: for throughput, and below everything else here.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use edgewise_proto::v1;
use edgewise_spec::client::{Answer, ClientLink, Event, Filled, Request};
use edgewise_spec::error::{GoodbyeCode, LinkEnd, Status};
use edgewise_spec::time::Now;
use tokio::time::{Instant, Sleep, sleep};

use crate::carrier::{BlockStream, Fill, Incoming};
use crate::clock::{Alarm, Clock};
use crate::error::Error;

/// How often a link looks at its deadlines, and whether its peer still answers pings.
const TICK: Duration = Duration::from_secs(15);

/// One open link, without a task, a lock or a queue of its own.
///
/// Requests and acknowledgements are submitted to [`link`](Self::link); nothing moves until
/// [`turn`](Self::turn) is awaited, which reads and writes until something has happened. Up to
/// REQUESTS_MAX requests may be unanswered; what is submitted between two turns shares blocks.
///
/// ```no_run
/// # async fn send_all(
/// #     mut pipeline: edgewise_client::Pipeline,
/// #     handle: u32,
/// #     parts: Vec<bytes::Bytes>,
/// # ) -> Result<(), edgewise_client::Error> {
/// use edgewise_client::Event;
///
/// let mut parts = parts.into_iter();
/// let (mut next, mut answered) = (0, 0);
/// let mut events = Vec::new();
/// while parts.len() > 0 || answered < next {
///     next += u64::from(pipeline.send_many(handle, next, &mut parts)?);
///     pipeline.turn(&mut events).await?;
///     for event in events.drain(..) {
///         if let Event::Answered { result, .. } = event {
///             result?;
///             answered += 1;
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Pipeline {
    link: ClientLink,
    stream: BlockStream,
    timer: Pin<Box<Sleep>>,
    ping: Option<h2::PingPong>,
    ping_unanswered: bool,
    /// When a link in cadence looks for its next block.
    point: Alarm,
    clock: Clock,
    over: Option<Error>,
    next_token: u64,
}

impl Pipeline {
    pub(crate) fn new(link: ClientLink, mut stream: BlockStream, clock: Clock) -> Self {
        // CADENCE-21: the answers to its blocks tell a link in cadence that its server lives.
        let ping = stream.ping_pong().filter(|_| !link.is_in_cadence());
        Self {
            link,
            stream,
            timer: Box::pin(sleep(TICK)),
            ping,
            ping_unanswered: false,
            point: Alarm::new(&clock),
            clock,
            over: None,
            next_token: u64::MAX,
        }
    }

    /// The link: to submit requests and acknowledgements, and to take handles.
    pub const fn link(&mut self) -> &mut ClientLink {
        &mut self.link
    }

    /// The clock that this link goes by.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Submits Sends of consecutive submissions from `first` on while there is room and parts are
    /// left; returns how many. The token of each answer is its submission.
    ///
    /// # Errors
    /// [`Misuse`](edgewise_spec::error::Misuse) for a part that fits no block; those before it are
    /// submitted.
    pub fn send_many(
        &mut self,
        handle: u32,
        first: u64,
        parts: &mut impl Iterator<Item = Bytes>,
    ) -> Result<u32, Error> {
        let mut submission = first;
        while self.link.room() > 0 {
            let Some(part) = parts.next() else { break };
            let send = v1::Send { handle, submission, part };
            self.link.submit(submission, Request::Send(send))?;
            submission += 1;
        }
        Ok(u32::try_from(submission - first).unwrap_or(u32::MAX))
    }

    /// Reads and writes until at least one event was appended to `events`.
    ///
    /// Dropping the future loses nothing: the next call goes on.
    ///
    /// # Errors
    /// Why the link is over; every later call says the same.
    pub async fn turn(&mut self, events: &mut Vec<Event>) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_turn(cx, events)).await
    }

    /// As [`turn`](Self::turn), for futures written by hand.
    ///
    /// # Errors
    /// Why the link is over.
    pub fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        events: &mut Vec<Event>,
    ) -> Poll<Result<(), Error>> {
        let before = events.len();
        if self.over.is_none()
            && let Err(error) = self.try_turn(cx, events)
        {
            self.over = Some(error);
        }
        match &self.over {
            _ if events.len() > before => Poll::Ready(Ok(())),
            Some(error) => Poll::Ready(Err(error.clone())),
            None => Poll::Pending,
        }
    }

    fn try_turn(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) -> Result<(), Error> {
        let before = events.len();
        loop {
            let now = self.clock.now();
            // What is submitted goes to HTTP/2 first, so that one turn of the connection both
            // writes it and reads what has come.
            let last = self.write(cx, now)?;
            self.stream.poll_connection(cx)?;
            if let Some(end) = last {
                return Err(Error::Ended(end));
            }
            let failed = self.read(cx, now, events)? || self.tick(cx, now)?;
            // In cadence a goodbye waits for its point, as everything does.
            self.point.set(self.link.point_after(now));
            let due = self.point.poll(cx).is_ready();
            if !due && (!failed || self.link.is_in_cadence()) {
                break;
            }
        }
        // Events that are due at once belong together with what the caller makes of them.
        if events.len() == before && self.ping_unanswered {
            self.poll_pong(cx)?;
        }
        Ok(())
    }

    /// Fills what the carrier takes; the end of the link once its last block is handed over.
    fn write(&mut self, cx: &mut Context<'_>, now: Now) -> Result<Option<LinkEnd>, Error> {
        let Self { link, stream, .. } = self;
        let mut end = None;
        let len = link.class().block_len();
        stream.poll_outgoing(cx, len, |out| match link.poll_block(now, out) {
            Filled::Nothing => Fill::Nothing,
            Filled::Block => Fill::Block,
            Filled::Last(last) => {
                end = Some(last);
                Fill::Last
            }
        })?;
        Ok(end)
    }

    /// Takes every block that has come; true if the link has ended here, so that a last block is
    /// to be written.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        now: Now,
        events: &mut Vec<Event>,
    ) -> Result<bool, Error> {
        // LINK-47: whatever waits to go out, what has come is taken.
        while let Poll::Ready(incoming) = self.stream.poll_incoming(cx) {
            match incoming? {
                Incoming::Block(block) => match self.link.handle_block(now, block, events) {
                    Ok(()) => {}
                    Err(LinkEnd::Ours(_)) => return Ok(true),
                    Err(end) => return Err(Error::Ended(end)),
                },
                Incoming::Closed(status) => {
                    let end = self.link.carrier_ended(status_from(status));
                    return Err(Error::Ended(end));
                }
            }
        }
        Ok(false)
    }

    /// Looks at deadlines when the timer has run out; true as for `read`.
    fn tick(&mut self, cx: &mut Context<'_>, now: Now) -> Result<bool, Error> {
        let mut failed = false;
        while self.timer.as_mut().poll(cx).is_ready() {
            match self.link.handle_timeout(now) {
                Ok(()) => {}
                Err(LinkEnd::Ours(_)) if self.link.end().is_none() => failed = true,
                Err(end) => return Err(Error::Ended(end)),
            }
            self.poll_pong(cx)?;
            if self.ping_unanswered {
                return Err(Error::Lost("the server answers no ping".to_owned()));
            }
            if let Some(ping) = &mut self.ping {
                ping.send_ping(h2::Ping::opaque())?;
                self.ping_unanswered = true;
            }
            let left = self
                .link
                .deadline()
                .map_or(u64::MAX, |at| at.millis() - now.millis().min(at.millis()));
            let next = TICK.min(Duration::from_millis(left.max(100)));
            self.timer.as_mut().reset(Instant::now() + next);
        }
        Ok(failed)
    }

    fn poll_pong(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.ping_unanswered
            && let Some(ping) = &mut self.ping
            && let Poll::Ready(pong) = ping.poll_pong(cx)
        {
            pong?;
            self.ping_unanswered = false;
        }
        Ok(())
    }

    /// Submits one request and turns the link until it is answered. What happens meanwhile is
    /// appended to `events`.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason, or why the link is over.
    pub async fn request(
        &mut self,
        request: Request,
        events: &mut Vec<Event>,
    ) -> Result<Answer, Error> {
        let token = self.next_token;
        self.next_token -= 1;
        while self.link.room() == 0 {
            self.turn(events).await?;
        }
        self.link.submit(token, request)?;
        let mut seen = events.len();
        loop {
            self.turn(events).await?;
            let ours =
                |event: &Event| matches!(event, Event::Answered { token: t, .. } if *t == token);
            let place = events.get(seen..).and_then(|new| new.iter().position(ours));
            let Some(place) = place else {
                seen = events.len();
                continue;
            };
            if let Event::Answered { result, .. } = events.remove(seen + place) {
                return Ok(result?);
            }
        }
    }

    /// Writes what is submitted, as far as the server takes it now, and waits for nothing.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        std::future::poll_fn(|cx| {
            let now = self.clock.now();
            Poll::Ready(self.write(cx, now).and_then(|_| self.stream.poll_connection(cx)))
        })
        .await
    }

    /// Ends the link with a goodbye, after everything that was submitted.
    pub async fn close(mut self) {
        self.link.goodbye(GoodbyeCode::Done);
        let mut events = Vec::new();
        while self.turn(&mut events).await.is_ok() {
            events.clear();
        }
        // The goodbye is in HTTP/2's buffer: give the socket a moment to take it.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.drain()).await;
    }

    /// Reads on until the server has closed the stream.
    async fn drain(&mut self) {
        std::future::poll_fn(|cx| {
            if self.stream.poll_connection(cx).is_err() {
                return Poll::Ready(());
            }
            loop {
                match self.stream.poll_incoming(cx) {
                    Poll::Ready(Ok(Incoming::Block(_))) => {}
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
}

impl core::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pipeline").field("over", &self.over).finish_non_exhaustive()
    }
}

/// The status of the table in `spec/link.md`; `None` for OK and all else.
const fn status_from(code: u8) -> Option<Status> {
    Some(match code {
        3 => Status::InvalidArgument,
        4 => Status::DeadlineExceeded,
        8 => Status::ResourceExhausted,
        9 => Status::FailedPrecondition,
        11 => Status::OutOfRange,
        12 => Status::Unimplemented,
        14 => Status::Unavailable,
        _ => return None,
    })
}
