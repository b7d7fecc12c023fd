//! The carrier: blocks over one gRPC stream, driven in the task of whoever waits for it.
//!
//! HTTP/2 is turned here and not in a task of its own, so that a block goes from the socket to
//! the link and back without a hop between tasks, and a link costs one task or none.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use edgewise_proto::v1;
use h2::client::{Connection, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, header};
use prost::Message;
use prost::encoding::{decode_varint, encode_varint, encoded_len_varint};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Error;

/// A byte stream to a server: TCP, TLS over it, or anything that a caller brings.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Most bytes handed to HTTP/2 at once, and so most that wait sealed for the socket.
const CHUNK: usize = 32_768;
/// Bytes of a server's blocks that may be under way: more than a round trip's worth.
const WINDOW: u32 = 512 * 1_024;
/// Longest HTTP/2 frame that is taken: a frame costs a call of the system, whatever it holds.
const FRAME: u32 = 65_535;
/// gRPC's prefix of a message: a flag and a length.
const PREFIX: usize = 5;
/// Longest header list that is taken.
const HEADERS: u32 = 4_096;

/// One HTTP/2 connection to one edge.
pub(crate) struct Carrier {
    connection: Connection<Box<dyn Io>, Bytes>,
    requests: SendRequest<Bytes>,
    authority: String,
    scheme: &'static str,
}

impl Carrier {
    /// Speaks HTTP/2 over a byte stream.
    pub(crate) async fn new(io: Box<dyn Io>, authority: String, tls: bool) -> Result<Self, Error> {
        let (requests, connection) = h2::client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(FRAME)
            .max_header_list_size(HEADERS)
            .max_send_buffer_size(2 * CHUNK)
            .enable_push(false)
            .handshake(io)
            .await?;
        let scheme = if tls { "https" } else { "http" };
        Ok(Self { connection, requests, authority, scheme })
    }

    /// Begins one call of LinkService; its messages go into the stream.
    async fn call(&mut self, path: &str) -> Result<(ResponseFuture, SendStream<Bytes>), Error> {
        let Self { connection, requests, .. } = self;
        turn(connection, std::future::poll_fn(|cx| requests.poll_ready(cx))).await??;
        let uri = format!("{}://{}/edgewise.v1.LinkService/{path}", self.scheme, self.authority);
        let request = Request::post(uri)
            .header(header::TE, "trailers")
            .header(header::CONTENT_TYPE, "application/grpc")
            .body(())
            .map_err(|_| Error::Carrier("no acceptable host name"))?;
        Ok(self.requests.send_request(request, false)?)
    }

    /// Asks the server to describe itself: block in, block out.
    pub(crate) async fn describe(&mut self, block: &[u8]) -> Result<Bytes, Error> {
        let (response, mut send) = self.call("Describe").await?;
        let mut message = BytesMut::new();
        put_message(&mut message, block);
        send.send_data(message.freeze(), true)?;
        turn(&mut self.connection, async {
            let (head, mut body) = response.await?.into_parts();
            if let Some(status) = status_of(&head.headers) {
                return Err(refused(status));
            }
            let mut messages = Messages::default();
            while let Some(chunk) = body.data().await {
                let chunk = chunk?;
                body.flow_control().release_capacity(chunk.len())?;
                messages.push(&chunk);
                if let Some(block) = messages.next_block()? {
                    return Ok(block.freeze());
                }
            }
            let trailers = body.trailers().await?.unwrap_or_default();
            Err(refused(status_of(&trailers).unwrap_or(2)))
        })
        .await?
    }

    /// Opens the stream of a link.
    pub(crate) async fn open(mut self) -> Result<BlockStream, Error> {
        let (response, send) = self.call("Open").await?;
        Ok(BlockStream {
            connection: self.connection,
            response: Some(response),
            receive: None,
            send,
            incoming: Messages::default(),
            outgoing: BytesMut::new(),
            closed: false,
        })
    }
}

fn refused(status: u8) -> Error {
    match status {
        14 => Error::Lost("the server is going away".to_owned()),
        8 => Error::Lost("the server is full".to_owned()),
        _ => Error::Carrier("it refuses to describe itself"),
    }
}

/// Waits for something on a connection, which is turned meanwhile.
async fn turn<F: Future>(
    connection: &mut Connection<Box<dyn Io>, Bytes>,
    waited: F,
) -> Result<F::Output, Error> {
    let mut waited = pin!(waited);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = waited.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        match Pin::new(&mut *connection).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Err(Error::Lost("closed by the server".into()))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending => waited.as_mut().poll(cx).map(Ok),
        }
    })
    .await
}

/// The gRPC status of headers or trailers.
fn status_of(headers: &HeaderMap) -> Option<u8> {
    headers
        .get("grpc-status")
        .map(|value| value.to_str().ok()?.parse().ok())
        .map(|s| s.unwrap_or(2))
}

/// The stream of one link: whole blocks in, whole blocks out.
pub(crate) struct BlockStream {
    connection: Connection<Box<dyn Io>, Bytes>,
    response: Option<ResponseFuture>,
    receive: Option<RecvStream>,
    send: SendStream<Bytes>,
    incoming: Messages,
    outgoing: BytesMut,
    closed: bool,
}

/// What came in.
pub(crate) enum Incoming {
    /// One block of the server.
    Block(BytesMut),
    /// The stream is over, with this gRPC status.
    Closed(u8),
}

impl BlockStream {
    /// Reads and writes the socket. Must be polled whenever the task runs.
    pub(crate) fn poll_connection(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        match Pin::new(&mut self.connection).poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) => {
                // Whatever came before the end is still to be read.
                self.closed = true;
                Ok(())
            }
            Poll::Ready(Err(error)) => Err(error.into()),
        }
    }

    /// The ping of this connection, to be taken once.
    pub(crate) fn ping_pong(&mut self) -> Option<h2::PingPong> {
        self.connection.ping_pong()
    }

    /// The next thing that came in.
    pub(crate) fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Error>> {
        loop {
            if let Some(block) = self.incoming.next_block()? {
                return Poll::Ready(Ok(Incoming::Block(block)));
            }
            if let Some(receive) = &mut self.receive {
                match receive.poll_data(cx) {
                    Poll::Ready(Some(chunk)) => {
                        let chunk = chunk?;
                        receive.flow_control().release_capacity(chunk.len())?;
                        self.incoming.push(&chunk);
                    }
                    Poll::Ready(None) => return poll_trailers(receive, cx),
                    Poll::Pending => return self.pending(),
                }
            } else if let Some(response) = &mut self.response {
                match Pin::new(response).poll(cx) {
                    Poll::Ready(response) => {
                        let (head, body) = response?.into_parts();
                        if head.status != http::StatusCode::OK {
                            return Poll::Ready(Err(Error::Carrier("no gRPC behind this address")));
                        }
                        if let Some(status) = status_of(&head.headers) {
                            return Poll::Ready(Ok(Incoming::Closed(status)));
                        }
                        self.response = None;
                        self.receive = Some(body);
                    }
                    Poll::Pending => return self.pending(),
                }
            }
        }
    }

    fn pending(&self) -> Poll<Result<Incoming, Error>> {
        if self.closed {
            return Poll::Ready(Err(Error::Lost("closed by the server".to_owned())));
        }
        Poll::Pending
    }

    /// Asks for room and fills it with blocks of `len` bytes, as long as `fill` appends one;
    /// true if anything was handed over.
    pub(crate) fn poll_outgoing(
        &mut self,
        cx: &mut Context<'_>,
        len: usize,
        mut fill: impl FnMut(&mut BytesMut) -> Fill,
    ) -> Result<bool, Error> {
        let message = message_len(len);
        let chunk = (CHUNK / message).max(1);
        let mut wrote = false;
        loop {
            self.send.reserve_capacity(chunk * message);
            while self.send.capacity() < message {
                match self.send.poll_capacity(cx) {
                    Poll::Ready(Some(capacity)) => drop(capacity?),
                    Poll::Ready(None) | Poll::Pending => return Ok(wrote),
                }
            }
            let blocks = (self.send.capacity() / message).min(chunk);
            self.outgoing.reserve(blocks * message);
            let mut last = Fill::Block;
            for _ in 0..blocks {
                let before = self.outgoing.len();
                put_head(&mut self.outgoing, len);
                let head = self.outgoing.len();
                last = fill(&mut self.outgoing);
                if self.outgoing.len() == head {
                    self.outgoing.truncate(before);
                }
                if last != Fill::Block {
                    break;
                }
            }
            if !self.outgoing.is_empty() || last == Fill::Last {
                let chunk = self.outgoing.split().freeze();
                self.send.send_data(chunk, last == Fill::Last)?;
                wrote = true;
            }
            if last != Fill::Block {
                return Ok(wrote);
            }
        }
    }
}

/// What was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    Nothing,
    Block,
    Last,
}

fn poll_trailers(receive: &mut RecvStream, cx: &mut Context<'_>) -> Poll<Result<Incoming, Error>> {
    receive.poll_trailers(cx).map(|trailers| {
        let status = trailers?.as_ref().and_then(status_of);
        Ok(Incoming::Closed(status.unwrap_or(2)))
    })
}

/// Length of the gRPC message around a block: prefix, field head, block.
fn message_len(block: usize) -> usize {
    PREFIX + 1 + encoded_len_varint(block as u64) + block
}

/// Writes everything of a message before its block. Frame, DescribeRequest and DescribeResponse
/// are alike: one field of bytes, number 1.
fn put_head(out: &mut BytesMut, block: usize) {
    let length = u32::try_from(message_len(block) - PREFIX).unwrap_or(u32::MAX);
    out.put_u8(0);
    out.put_u32(length);
    out.put_u8(FIELD_1_BYTES);
    encode_varint(block as u64, out);
}

fn put_message(out: &mut BytesMut, block: &[u8]) {
    put_head(out, block.len());
    out.extend_from_slice(block);
}

/// Key of field 1 with wire type 2.
const FIELD_1_BYTES: u8 = 0x0a;

/// Longest message that is taken: the largest block and room for fields of later revisions.
const MESSAGE_MAX: usize = edgewise_spec::constants::BLOCK_LARGE + 64;

/// Cuts the bytes of a gRPC stream into the blocks of its messages.
#[derive(Default)]
struct Messages {
    bytes: BytesMut,
}

impl Messages {
    fn push(&mut self, chunk: &[u8]) {
        // Room for a whole chunk at once: what is read from it later stays in this allocation.
        if self.bytes.capacity() - self.bytes.len() < chunk.len() {
            self.bytes.reserve(chunk.len().max(CHUNK));
        }
        self.bytes.extend_from_slice(chunk);
    }

    /// The block of the next whole message.
    fn next_block(&mut self) -> Result<Option<BytesMut>, Error> {
        let Some(&[compressed, a, b, c, d]) = self.bytes.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if compressed != 0 || length > MESSAGE_MAX {
            return Err(Error::Carrier("a message that is compressed or too long"));
        }
        if self.bytes.len() < PREFIX + length {
            return Ok(None);
        }
        let mut message = self.bytes.split_to(PREFIX + length);
        message.advance(PREFIX);
        Ok(Some(block_of(message)?))
    }
}

/// The block of one encoded message. The usual encoding is cut; any other is decoded.
fn block_of(mut message: BytesMut) -> Result<BytesMut, Error> {
    if let Some(mut rest) = message.strip_prefix(&[FIELD_1_BYTES])
        && let Ok(length) = decode_varint(&mut rest)
        && length == rest.len() as u64
    {
        let head = message.len() - rest.len();
        message.advance(head);
        return Ok(message);
    }
    let frame = v1::Frame::decode(message)
        .map_err(|_| Error::Carrier("a message that is no encoding of a Frame"))?;
    Ok(BytesMut::from(frame.block))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(messages: &mut Messages) -> Vec<Vec<u8>> {
        let mut blocks = Vec::new();
        while let Some(block) = messages.next_block().unwrap() {
            blocks.push(block.to_vec());
        }
        blocks
    }

    #[test]
    fn blocks_come_out_whole_however_the_bytes_are_cut() {
        let mut stream = BytesMut::new();
        for byte in 1..=3_u8 {
            put_message(&mut stream, &[byte; 300]);
        }
        for step in [1, 7, 308, 1_000] {
            let mut messages = Messages::default();
            let mut blocks = Vec::new();
            for chunk in stream.chunks(step) {
                messages.push(chunk);
                blocks.extend(cut(&mut messages));
            }
            assert_eq!(blocks, [[1; 300], [2; 300], [3; 300]]);
        }
    }

    #[test]
    fn a_message_is_what_a_protobuf_library_writes_and_reads() {
        let frame = v1::Frame { block: vec![9; 4_096].into() };
        let mut ours = BytesMut::new();
        put_message(&mut ours, &frame.block);
        assert_eq!(ours.len(), message_len(4_096));
        assert_eq!(ours[PREFIX..], frame.encode_to_vec());
        let mut unusual = vec![0x12, 1, 5];
        unusual.extend(frame.encode_to_vec());
        assert_eq!(block_of(BytesMut::from(&unusual[..])).unwrap()[..], frame.block);
        assert!(block_of(BytesMut::from(&[0x0a, 9, 1][..])).is_err());
    }

    #[test]
    fn a_compressed_or_too_long_message_is_refused_by_its_prefix() {
        let mut messages = Messages::default();
        messages.push(&[1, 0, 0, 0, 1]);
        assert!(messages.next_block().is_err());
        let mut messages = Messages::default();
        messages.push(&[0, 0, 1, 0, 0]);
        assert!(messages.next_block().is_err());
    }
}
