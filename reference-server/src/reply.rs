//! What goes back over HTTP/2: a link's blocks, one message, or what a library answers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use edgewise_spec::mutant;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use hyper::body::{Body, Frame, SizeHint};

use crate::carrier::StreamGuard;
use crate::link::LinkBody;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The body of an answer.
pub enum ReplyBody {
    /// One message, then the status OK.
    Once {
        /// The message, until it is taken.
        message: Option<Bytes>,
        /// Whether the trailers are out.
        done: bool,
        /// Keeps the carrier from looking idle.
        guard: StreamGuard,
    },
    /// A status and nothing else; it stands in the headers.
    Empty,
    /// A link.
    Link(Box<LinkBody>),
    /// The answer of a generated service.
    Tonic(tonic::body::Body, StreamGuard),
}

/// What ends a body early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The trailers that end a stream with `code`, without message and without details (LINK-21).
#[must_use]
pub fn trailers(code: u8) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, HeaderValue::from(u16::from(code)));
    explain_as_mutant(&mut trailers, code);
    trailers
}

/// Tells why, if that is the mutant (LINK-21).
fn explain_as_mutant(headers: &mut HeaderMap, code: u8) {
    if mutant!(LINK_21) && code != 0 {
        headers.insert("grpc-message", HeaderValue::from_static("refused"));
    }
}

/// An answer that is a bare status (LINK-21).
#[must_use]
pub fn bare(code: u8) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Empty);
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    response.headers_mut().insert(GRPC_STATUS, HeaderValue::from(u16::from(code)));
    explain_as_mutant(response.headers_mut(), code);
    response
}

/// An answer with a body and the headers of gRPC.
#[must_use]
pub fn answer(body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    response
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Once { message, done, .. } => Poll::Ready(match message.take() {
                Some(message) => Some(Ok(Frame::data(message))),
                None if *done => None,
                None => {
                    *done = true;
                    Some(Ok(Frame::trailers(trailers(0))))
                }
            }),
            Self::Link(body) => body.poll_frame(context),
            Self::Tonic(body, _) => Pin::new(body).poll_frame(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Once { done, .. } => *done,
            Self::Link(_) => false,
            Self::Tonic(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        // Never exact: a content-length would say how a link ends before it does.
        SizeHint::default()
    }
}
