//! The host's end of HTTP/2: streams of Open, and Describe.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use edgewise_proto::v1::{DescribeRequest, DescribeResponse, Frame};
use edgewise_spec::store::LinkId;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};

use super::state::Next;
use super::{Entrance, Shared, lock};
use crate::peer::OPEN;
use crate::target::DESCRIBE;

/// Longest message that a stream keeps until it is whole.
const MESSAGE_MAX: usize = 64 * 1_024;

pub(super) async fn accept(listener: TcpListener, shared: Shared, entrance: Entrance) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve(socket, Shared::clone(&shared), entrance));
    }
}

async fn serve(socket: TcpStream, shared: Shared, entrance: Entrance) {
    let _ = socket.set_nodelay(true);
    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
    let doors = Arc::clone(&lock(&shared).doors);
    loop {
        // In time for whatever is shut from now on.
        let mut shutting = pin!(doors.notified());
        shutting.as_mut().enable();
        if lock(&shared).is_shut(entrance) {
            return;
        }
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = shutting => continue,
        };
        let Some(Ok((request, respond))) = accepted else { return };
        let shared = Shared::clone(&shared);
        tokio::spawn(async move {
            // A stream that breaks is the client's way of ending it.
            let _ = answer(request, respond, shared, entrance).await;
        });
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Shared,
    entrance: Entrance,
) -> Result<(), h2::Error> {
    let watched = entrance.is_watched();
    match request.uri().path() {
        OPEN => {
            let opened = lock(&shared).open(entrance);
            let (id, notify) = match opened {
                Ok(opened) => opened,
                Err(status) => return bare(&mut respond, status),
            };
            let response = Response::builder().header("content-type", "application/grpc");
            let sending = respond.send_response(response.body(()).unwrap_or_default(), false)?;
            let heard = listen(Shared::clone(&shared), id, request.into_body());
            let heard = tokio::spawn(heard);
            let mut stream = Stream { shared, id, sending };
            let ended = stream.run(&notify).await;
            heard.abort();
            lock(&stream.shared).gone(id);
            ended
        }
        DESCRIBE => {
            let mut reader = Reader { body: request.into_body(), buffer: BytesMut::new() };
            let message = reader.message().await.unwrap_or_default();
            let block = DescribeRequest::decode(message).unwrap_or_default().block;
            let closed = watched && lock(&shared).closed;
            let described = lock(&shared).describe(&block, watched);
            match described {
                Ok(block) if !closed => {
                    let response = Response::builder().header("content-type", "application/grpc");
                    let body = response.body(()).unwrap_or_default();
                    let mut sending = respond.send_response(body, false)?;
                    let message = DescribeResponse { block }.encode_to_vec();
                    put(&mut sending, &message).await?;
                    sending.send_trailers(trailers(0))
                }
                Ok(_) => bare(&mut respond, 14),
                Err(status) => bare(&mut respond, status),
            }
        }
        _ => bare(&mut respond, 12),
    }
}

fn bare(respond: &mut SendResponse<Bytes>, status: u8) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    *response.headers_mut() = trailers(status);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    respond.send_response(response, true).map(drop)
}

fn trailers(status: u8) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(u16::from(status)));
    trailers
}

/// Takes the peer's blocks, whatever the peer takes of what is sent.
async fn listen(shared: Shared, id: LinkId, body: RecvStream) {
    let mut reader = Reader { body, buffer: BytesMut::new() };
    while let Some(message) = reader.message().await {
        let block = Frame::decode(message).unwrap_or_default().block;
        lock(&shared).take(id, BytesMut::from(&block[..]));
    }
    lock(&shared).gone(id);
}

struct Stream {
    shared: Shared,
    id: LinkId,
    sending: SendStream<Bytes>,
}

impl Stream {
    async fn run(&mut self, notify: &tokio::sync::Notify) -> Result<(), h2::Error> {
        loop {
            let next = lock(&self.shared).next(self.id);
            match next {
                Next::Nothing => notify.notified().await,
                Next::Block(block) => self.put_block(block).await?,
                Next::End(block, status) => {
                    if !block.is_empty() {
                        self.put_block(block).await?;
                    }
                    return self.sending.send_trailers(trailers(status));
                }
                Next::Gone => return self.sending.send_trailers(trailers(0)),
                Next::Cut => {
                    self.sending.send_reset(Reason::CANCEL);
                    return Ok(());
                }
            }
        }
    }

    async fn put_block(&mut self, block: BytesMut) -> Result<(), h2::Error> {
        let frame = Frame { block: block.freeze() }.encode_to_vec();
        put(&mut self.sending, &frame).await
    }
}

async fn put(sending: &mut SendStream<Bytes>, message: &[u8]) -> Result<(), h2::Error> {
    let mut bytes = BytesMut::with_capacity(message.len() + 5);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    bytes.put_slice(message);
    let mut bytes = bytes.freeze();
    while !bytes.is_empty() {
        sending.reserve_capacity(bytes.len());
        let mut room = sending.capacity();
        if room == 0 {
            match poll_fn(|context| sending.poll_capacity(context)).await {
                Some(granted) => room = granted?,
                None => return Err(Reason::CANCEL.into()),
            }
        }
        let chunk = bytes.split_to(room.min(bytes.len()));
        sending.send_data(chunk, false)?;
    }
    Ok(())
}

struct Reader {
    body: RecvStream,
    buffer: BytesMut,
}

impl Reader {
    /// The next whole message; `None` at the end. Cancelling loses nothing.
    async fn message(&mut self) -> Option<Bytes> {
        loop {
            if let Some(header) = self.buffer.get(1..5) {
                let length = u32::from_be_bytes(header.try_into().ok()?) as usize;
                if length > MESSAGE_MAX {
                    return None;
                }
                if self.buffer.len() >= length + 5 {
                    self.buffer.advance(5);
                    return Some(self.buffer.split_to(length).freeze());
                }
            }
            let data = self.body.data().await?.ok()?;
            let _ = self.body.flow_control().release_capacity(data.len());
            self.buffer.extend_from_slice(&data);
        }
    }
}
