//! A driver behind ConformanceDriver: one client, for a suite that attaches to it.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use edgewise_proto::conformance::v1::{ClientStart, Command};
use edgewise_spec::constants::SPEC_REVISION;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use super::Driver;

/// The one call that there is.
const DRIVE: &str = "/edgewise.conformance.v1.ConformanceDriver/Drive";
/// Longest command, in bytes.
const COMMAND_MAX: usize = 16 * 1_024 * 1_024;
/// gRPC's OK, INVALID_ARGUMENT and UNIMPLEMENTED.
const OK: u8 = 0;
const INVALID: u8 = 3;
const UNIMPLEMENTED: u8 = 12;

type Shared = Arc<Mutex<Driver>>;

/// Serves a client to everybody who connects, one command at a time, for as long as the program
/// runs. Until the first Reset it is a person whose folder is nobody's.
///
/// # Errors
/// When the client cannot be started, or the socket fails.
pub async fn listen(listener: TcpListener) -> io::Result<()> {
    let start = ClientStart { spec_revision: SPEC_REVISION, ..ClientStart::default() };
    let (driver, _) = Driver::start(&start).await.map_err(io::Error::other)?;
    let shared = Arc::new(Mutex::new(driver));
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(serve(socket, Arc::clone(&shared)));
    }
}

async fn serve(socket: TcpStream, shared: Shared) {
    let _ = socket.set_nodelay(true);
    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A suite that is gone does not wait for its answer.
            let _ = answer(request, respond, &shared).await;
        });
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: &Shared,
) -> Result<(), h2::Error> {
    if request.uri().path() != DRIVE {
        return refuse(&mut respond, UNIMPLEMENTED);
    }
    let Some(order) = command(request.into_body()).await else {
        return refuse(&mut respond, INVALID);
    };
    let outcome = shared.lock().await.drive(order).await.encode_to_vec();
    let mut message = BytesMut::with_capacity(outcome.len() + 5);
    message.put_u8(0);
    message.put_u32(u32::try_from(outcome.len()).unwrap_or(u32::MAX));
    message.put_slice(&outcome);
    let mut sending = respond.send_response(head(), false)?;
    put(&mut sending, message.freeze()).await?;
    sending.send_trailers(status(OK))
}

/// The one message of a request, which is not compressed.
async fn command(mut body: RecvStream) -> Option<Command> {
    let mut bytes = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        let _ = body.flow_control().release_capacity(data.len());
        bytes.extend_from_slice(&data);
        if bytes.len() > COMMAND_MAX {
            return None;
        }
    }
    let (prefix, message) = bytes.split_first_chunk::<5>()?;
    let [compressed, length @ ..] = *prefix;
    let whole = usize::try_from(u32::from_be_bytes(length)) == Ok(message.len());
    (compressed == 0 && whole).then(|| Command::decode(message).ok())?
}

async fn put(sending: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<(), h2::Error> {
    while !bytes.is_empty() {
        sending.reserve_capacity(bytes.len());
        let mut room = sending.capacity();
        if room == 0 {
            match poll_fn(|context| sending.poll_capacity(context)).await {
                Some(granted) => room = granted?,
                None => return Err(h2::Reason::CANCEL.into()),
            }
        }
        sending.send_data(bytes.split_to(room.min(bytes.len())), false)?;
    }
    Ok(())
}

fn head() -> Response<()> {
    let mut response = Response::new(());
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}

fn status(code: u8) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(u16::from(code)));
    trailers
}

fn refuse(respond: &mut SendResponse<Bytes>, code: u8) -> Result<(), h2::Error> {
    let mut response = head();
    response.headers_mut().extend(status(code));
    respond.send_response(response, true).map(drop)
}
