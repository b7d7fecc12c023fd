//! The requests that need no signature, as bodies of items.

use bytes::Bytes;
use edgewise_proto::v1::{self, item::Body};
use edgewise_spec::constants::WINDOW_BYTES_MAX;

/// Hand in a part.
pub(crate) const fn send(handle: u32, submission: u64, part: Bytes) -> Body {
    Body::Send(v1::Send { handle, submission, part })
}

/// Ask for parts, in as many bytes as there may be.
pub(crate) const fn subscribe(handle: u32, window_parts: u32) -> Body {
    Body::Subscribe(v1::Subscribe { handle, window_parts, window_bytes: WINDOW_BYTES_MAX })
}

/// Everything up to `through` is stored.
pub(crate) const fn acknowledge(handle: u32, through: u64) -> Body {
    Body::Acknowledge(v1::Acknowledge { handle, through })
}

/// Take no parts for now.
pub(crate) const fn suspend(handle: u32) -> Body {
    Body::Suspend(v1::Suspend { handle })
}

/// Take parts again.
pub(crate) const fn resume(handle: u32) -> Body {
    Body::Resume(v1::Resume { handle })
}

/// Change the attachment's key.
pub(crate) const fn rotate(handle: u32, change: v1::KeyChange) -> Body {
    Body::Rotate(v1::Rotate { handle, change: Some(change) })
}

/// Delete the connection.
pub(crate) const fn delete(handle: u32) -> Body {
    Body::Delete(v1::Delete { handle })
}

/// Give the handle back.
pub(crate) const fn detach(handle: u32) -> Body {
    Body::Detach(v1::Detach { handle })
}
