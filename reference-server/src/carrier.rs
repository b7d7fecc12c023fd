//! One HTTP/2 connection over TCP, with TLS or without: what carries a link.
//!
//! Everything that a peer can make this side keep is bounded here, before any protocol begins.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_rustls::TlsAcceptor;

use crate::reply::ReplyBody;

/// Bytes that HTTP/2 keeps of what a peer does not take, a stream.
const SEND_BUFFER: usize = 32 * 1_024;
/// Longest HTTP/2 frame that is taken: a frame costs a call of the system, whatever it holds.
const FRAME_MAX: u32 = 32 * 1_024;
/// Bytes that a peer may send before they are read, a stream and a carrier. Half of REQUESTS_MAX
/// medium blocks: with HTTP/2's own 65,535 a busy peer waits for the next window after every 15.
const RECEIVE_WINDOW: u32 = 131_072;
/// A link, and a Describe or a health check beside it.
const STREAMS_MAX: u32 = 2;
/// Bytes of a request's headers.
const HEADER_LIST: u32 = 4 * 1_024;
/// Bytes of header compression state a direction; gRPC's few headers need no more.
const HEADER_TABLE: u32 = 1_024;
/// Streams that a peer may reset before they are looked at, and that it may make us reset, before
/// the carrier is closed: rapid resets cost the peer its carrier.
const RESETS_MAX: usize = 16;
/// Silence after which a peer is pinged, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(45);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Time for the TLS handshake.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// A carrier without a stream is closed after one to two of these.
const IDLE: Duration = Duration::from_secs(15);

/// What others may do to a carrier while its task owns it.
#[derive(Debug, Default)]
pub struct Carrier {
    streams: AtomicUsize,
    kill: Notify,
}

/// Counts a stream of a carrier for as long as it lives.
#[derive(Debug)]
pub struct StreamGuard(Arc<Carrier>);

impl Carrier {
    /// Closes the carrier at once and without a word, whatever it carries.
    pub fn kill(&self) {
        self.kill.notify_one();
    }

    /// Marks the beginning of a stream.
    pub fn stream(self: &Arc<Self>) -> StreamGuard {
        self.streams.fetch_add(1, Ordering::AcqRel);
        StreamGuard(Arc::clone(self))
    }

    fn is_idle(&self) -> bool {
        self.streams.load(Ordering::Acquire) == 0
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Answers the requests of a carrier.
pub trait Answer: Clone + Send + Sync + 'static {
    /// Answers one request; never fails, but with a status.
    fn answer(
        &self,
        carrier: &Arc<Carrier>,
        request: http::Request<Incoming>,
    ) -> impl Future<Output = http::Response<ReplyBody>> + Send;
}

/// Runs one accepted socket until it is done, silent, killed, or `stopping` turns true and its
/// streams have ended.
pub async fn run<A: Answer>(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    answer: A,
    stopping: watch::Receiver<bool>,
) {
    // A peer that is gone already is noticed by the first read.
    let _ = socket.set_nodelay(true);
    match tls {
        None => serve(socket, answer, stopping).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(TLS_TIMEOUT, tls.accept(socket)).await {
                serve(stream, answer, stopping).await;
            }
        }
    }
}

async fn serve<A: Answer, T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: T,
    answer: A,
    mut stopping: watch::Receiver<bool>,
) {
    let carrier = Arc::new(Carrier::default());
    let of_requests = Arc::clone(&carrier);
    let service = service_fn(move |request| {
        let (answer, carrier) = (answer.clone(), Arc::clone(&of_requests));
        async move { Ok::<_, Infallible>(answer.answer(&carrier, request).await) }
    });
    let mut http = pin!(builder().serve_connection(TokioIo::new(io), service));
    let mut idle = interval_at(Instant::now() + IDLE, IDLE);
    idle.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_idle = false;
    loop {
        tokio::select! {
            // Errors are the peer's (resets, garbage, floods) and concern nobody else.
            _ = http.as_mut() => return,
            () = carrier.kill.notified() => return,
            // A sender that is gone means that the server is.
            changed = stopping.wait_for(|stopping| *stopping) => {
                if changed.is_err() {
                    return;
                }
                http.as_mut().graceful_shutdown();
                break;
            }
            _ = idle.tick() => {
                let is_idle = carrier.is_idle();
                if is_idle && was_idle {
                    return;
                }
                was_idle = is_idle;
            }
        }
    }
    tokio::select! {
        _ = http => {}
        () = carrier.kill.notified() => {}
        // The server's hard deadline drops the sender: hyper's own shutdown may never end.
        _ = stopping.wait_for(|stopping| !*stopping) => {}
    }
}

fn builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .adaptive_window(false)
        .auto_date_header(false)
        .initial_stream_window_size(RECEIVE_WINDOW)
        .initial_connection_window_size(RECEIVE_WINDOW)
        .max_frame_size(FRAME_MAX)
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST)
        .header_table_size(HEADER_TABLE)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    builder
}
