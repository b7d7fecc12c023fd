//! gRPC over HTTP/2, low enough to send and see anything: own length prefixes, trailers as they
//! came, half-closes, resets, and a reader that can stop reading.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use edgewise_proto::v1::Frame;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream, SendStream};
use http::{HeaderMap, Request};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::address::Address;
use super::tls;
use super::trace::{Trace, What};
use crate::verdict::Stop;

/// How long the suite waits for anything that a server owes at once.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Path of the method that opens links.
pub const OPEN: &str = "/edgewise.v1.LinkService/Open";

/// One HTTP/2 connection. Dropping it drops the TCP connection and every stream.
pub struct Http {
    requests: SendRequest<Bytes>,
    ping: Option<PingPong>,
    driver: AbortHandle,
    base: String,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Http {
    /// Connects, with TLS (any certificate, the fingerprint is the identity) unless it is off.
    ///
    /// # Errors
    /// [`Stop::Unreachable`] where no HTTP/2 connection comes about.
    pub async fn connect(address: &Address) -> Result<Self, Stop> {
        let attempt = timeout(PATIENCE, Self::try_connect(address)).await;
        attempt.unwrap_or_else(|_| Err(Stop::unreachable(format!("{address}: no connection"))))
    }

    async fn try_connect(address: &Address) -> Result<Self, Stop> {
        let unreachable = |error: &dyn std::fmt::Display| {
            Stop::unreachable(format!("{}:{}: {error}", address.host, address.port))
        };
        let host = address.host.trim_matches(['[', ']']);
        let socket = TcpStream::connect((host, address.port)).await.map_err(|e| unreachable(&e))?;
        socket.set_nodelay(true).map_err(|e| unreachable(&e))?;
        let scheme = if address.tls { "https" } else { "http" };
        let base = format!("{scheme}://{}:{}", address.host, address.port);
        if address.tls {
            let socket = tls::connect(host, socket).await.map_err(|e| unreachable(&e))?;
            Self::over(socket, base).await.map_err(|e| unreachable(&e))
        } else {
            Self::over(socket, base).await.map_err(|e| unreachable(&e))
        }
    }

    async fn over<S>(socket: S, base: String) -> Result<Self, h2::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, mut connection) = h2::client::handshake(socket).await?;
        let ping = connection.ping_pong();
        let driver = tokio::spawn(async move {
            // An error of the connection shows on its streams.
            let _ = connection.await;
        });
        Ok(Self { requests, ping, driver: driver.abort_handle(), base })
    }

    /// Streams that the server allows at once on this connection, once it has said so.
    ///
    /// # Errors
    /// [`Stop::Unreachable`] where the connection is gone.
    pub async fn streams_max(&mut self) -> Result<usize, Stop> {
        if let Some(mut ping) = self.ping.take() {
            // The answer comes behind the server's settings.
            timeout(PATIENCE, ping.ping(Ping::opaque()))
                .await
                .map_err(|_| Stop::unreachable("no answer to a ping"))?
                .map_err(|error| Stop::unreachable(format!("ping: {error}")))?;
        }
        Ok(self.requests.current_max_send_streams())
    }

    /// Begins a call of the method at `path`.
    ///
    /// # Errors
    /// [`Stop::Unreachable`] where the connection takes no more streams.
    pub async fn open(&self, path: &str, trace: &Trace) -> Result<Carrier, Stop> {
        let unreachable = |e: &dyn std::fmt::Display| Stop::unreachable(format!("{path}: {e}"));
        let mut requests = timeout(PATIENCE, self.requests.clone().ready())
            .await
            .map_err(|_| Stop::unreachable(format!("{path}: no stream allowed")))?
            .map_err(|e| unreachable(&e))?;
        let request = Request::post(format!("{}{path}", self.base))
            .version(http::Version::HTTP_2)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(|e| Stop::harness(e.to_string()))?;
        let (response, sending) =
            requests.send_request(request, false).map_err(|e| unreachable(&e))?;
        let number = trace.stream();
        Ok(Carrier {
            sending,
            receiving: Receiving::Head(Box::pin(response)),
            buffer: BytesMut::new(),
            ending: Ending::default(),
            trace: trace.clone(),
            number,
        })
    }

    /// Calls a unary method with one encoded message.
    ///
    /// # Errors
    /// [`Stop::Fail`] on silence or a broken stream.
    pub async fn unary(
        &self,
        path: &str,
        message: &[u8],
        trace: &Trace,
    ) -> Result<Result<Bytes, Ending>, Stop> {
        let mut carrier = self.open(path, trace).await?;
        carrier.send_message(message).await?;
        carrier.half_close();
        let answer = match carrier.receive_within(PATIENCE).await? {
            Heard::Message(bytes) => bytes,
            Heard::End(ending) => return Ok(Err(ending)),
        };
        match carrier.receive_within(PATIENCE).await? {
            Heard::End(ending) if ending.status == Some(0) => Ok(Ok(answer)),
            Heard::End(ending) => Ok(Err(ending)),
            Heard::Message(_) => Err(Stop::fail("one message", "a second message")),
        }
    }
}

/// How a stream ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// `grpc-status`, if the stream ended with one.
    pub status: Option<u32>,
    /// `grpc-message` as it came; empty if there was none.
    pub message: String,
    /// Whether `grpc-status-details-bin` was there.
    pub details: bool,
    /// What broke the stream, if it did not end with trailers.
    pub broken: Option<String>,
}

impl Ending {
    fn read(&mut self, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(status) = text("grpc-status").and_then(|status| status.parse().ok()) {
            self.status = Some(status);
        }
        if let Some(message) = text("grpc-message") {
            message.clone_into(&mut self.message);
        }
        self.details |= headers.contains_key("grpc-status-details-bin");
    }

    fn break_off(&mut self, why: &impl std::fmt::Display) {
        self.broken = Some(why.to_string());
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.status, &self.broken) {
            (Some(status), _) => write!(f, "gRPC status {status}")?,
            (None, Some(why)) => write!(f, "stream broken: {why}")?,
            (None, None) => write!(f, "end of stream without a gRPC status")?,
        }
        if !self.message.is_empty() {
            write!(f, ", message {:?}", self.message)?;
        }
        if self.details {
            write!(f, ", with details")?;
        }
        Ok(())
    }
}

/// What comes from a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// One gRPC message.
    Message(Bytes),
    /// The end; the same again ever after.
    End(Ending),
}

#[derive(Debug)]
enum Receiving {
    Head(std::pin::Pin<Box<ResponseFuture>>),
    Body(RecvStream),
    Over,
}

/// One gRPC stream.
#[derive(Debug)]
pub struct Carrier {
    sending: SendStream<Bytes>,
    receiving: Receiving,
    buffer: BytesMut,
    ending: Ending,
    trace: Trace,
    number: u32,
}

impl Carrier {
    /// The stream's number in the trace.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Puts an event of this stream into the trace.
    pub fn record(&self, what: What) {
        self.trace.push(self.number, what);
    }

    /// Sends a `Frame` with these bytes as its block, whatever they are, and records it as such.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server takes no bytes for [`PATIENCE`]. A stream that is over is no
    /// error here: what the server said at its end is for [`receive`](Self::receive).
    pub async fn send_block(&mut self, block: &[u8]) -> Result<(), Stop> {
        self.record(What::SentRaw(format!("block of {} bytes", block.len())));
        self.put_block(block).await
    }

    /// As [`send_block`](Self::send_block), unrecorded.
    ///
    /// # Errors
    /// As `send_block`.
    pub async fn put_block(&mut self, block: &[u8]) -> Result<(), Stop> {
        let frame = Frame { block: Bytes::copy_from_slice(block) };
        self.put(&frame.encode_to_vec(), 0).await
    }

    /// Sends any bytes as one gRPC message.
    ///
    /// # Errors
    /// As [`send_block`](Self::send_block).
    pub async fn send_message(&mut self, message: &[u8]) -> Result<(), Stop> {
        self.record(What::SentRaw(format!("message of {} bytes", message.len())));
        self.put(message, 0).await
    }

    /// Sends bytes as they are into the stream, without gRPC's prefix.
    ///
    /// # Errors
    /// As [`send_block`](Self::send_block).
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.record(What::SentRaw(format!("{} raw bytes", bytes.len())));
        self.push(Bytes::copy_from_slice(bytes)).await
    }

    async fn put(&mut self, message: &[u8], compressed: u8) -> Result<(), Stop> {
        let mut bytes = BytesMut::with_capacity(message.len() + 5);
        bytes.put_u8(compressed);
        bytes.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        bytes.put_slice(message);
        self.push(bytes.freeze()).await
    }

    async fn push(&mut self, mut bytes: Bytes) -> Result<(), Stop> {
        while !bytes.is_empty() {
            self.sending.reserve_capacity(bytes.len());
            let mut room = self.sending.capacity();
            if room == 0 {
                let ready = poll_fn(|context| self.sending.poll_capacity(context));
                room = match timeout(PATIENCE, ready).await {
                    Ok(Some(Ok(room))) => room,
                    Ok(_) => return Ok(()),
                    Err(_) => {
                        return Err(Stop::fail(
                            "the server takes blocks (LINK-31)",
                            format!("it took no bytes for {} s", PATIENCE.as_secs()),
                        ));
                    }
                };
            }
            let chunk = bytes.split_to(room.min(bytes.len()));
            if self.sending.send_data(chunk, false).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Ends this direction; the server may go on sending.
    pub fn half_close(&mut self) {
        self.record(What::SentRaw("end of stream".to_owned()));
        let _ = self.sending.send_data(Bytes::new(), true);
    }

    /// Resets the stream, as a client that went away does.
    pub fn reset(&mut self) {
        self.record(What::SentRaw("reset".to_owned()));
        self.sending.send_reset(Reason::CANCEL);
    }

    /// What comes next; cancelling loses nothing.
    pub async fn receive(&mut self) -> Heard {
        loop {
            if let Some(message) = self.take_message() {
                return Heard::Message(message);
            }
            match &mut self.receiving {
                Receiving::Head(response) => match response.await {
                    Ok(response) => {
                        self.ending.read(response.headers());
                        self.receiving = Receiving::Body(response.into_body());
                    }
                    Err(error) => self.break_off(&error),
                },
                Receiving::Body(body) => match body.data().await {
                    Some(Ok(data)) => {
                        let _ = body.flow_control().release_capacity(data.len());
                        self.buffer.extend_from_slice(&data);
                    }
                    Some(Err(error)) => self.break_off(&error),
                    None => {
                        match body.trailers().await {
                            Ok(Some(trailers)) => self.ending.read(&trailers),
                            Ok(None) => {}
                            Err(error) => self.ending.break_off(&error),
                        }
                        self.finish();
                    }
                },
                Receiving::Over => return Heard::End(self.ending.clone()),
            }
        }
    }

    /// What has come already, without waiting for anything.
    pub async fn received(&mut self) -> Option<Heard> {
        let mut receive = pin!(self.receive());
        poll_fn(|context| match receive.as_mut().poll(context) {
            Poll::Ready(heard) => Poll::Ready(Some(heard)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// What comes next within `patience`.
    ///
    /// # Errors
    /// [`Stop::Fail`] on silence.
    pub async fn receive_within(&mut self, patience: Duration) -> Result<Heard, Stop> {
        timeout(patience, self.receive()).await.map_err(|_| {
            Stop::fail("an answer", format!("nothing for {:.1} s", patience.as_secs_f32()))
        })
    }

    fn break_off(&mut self, why: &impl std::fmt::Display) {
        self.ending.break_off(why);
        self.finish();
    }

    fn finish(&mut self) {
        if !self.buffer.is_empty() {
            let left = self.buffer.len();
            self.ending.broken = Some(format!("{left} bytes of an unfinished message"));
        }
        self.receiving = Receiving::Over;
        self.trace.push(self.number, What::ReceivedRaw(self.ending.to_string()));
    }

    fn take_message(&mut self) -> Option<Bytes> {
        let header = self.buffer.get(1..5)?;
        let length = u32::from_be_bytes(header.try_into().ok()?) as usize;
        if self.buffer.len() < length + 5 {
            return None;
        }
        self.buffer.advance(5);
        Some(self.buffer.split_to(length).freeze())
    }
}
