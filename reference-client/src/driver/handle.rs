//! The handles that the suite is given: a letter, and the number of a row.

use bytes::Bytes;
use edgewise_proto::conformance::v1::RejectReason;

use super::{Refused, reject};
use crate::store::{ContactId, InvitationId, Position};

pub(super) fn handle(letter: u8, number: i64) -> Bytes {
    [&[letter][..], &number.to_be_bytes()].concat().into()
}

pub(super) fn number(letter: u8, handle: &[u8]) -> Result<i64, Refused> {
    let unknown = || reject(RejectReason::Unknown, "the handle means nothing");
    let rest = handle.strip_prefix(&[letter]).ok_or_else(unknown)?;
    rest.try_into().map(i64::from_be_bytes).map_err(|_| unknown())
}

pub(super) fn contact_handle(id: ContactId) -> Bytes {
    handle(b'c', id.number())
}

pub(super) fn contact(handle: &[u8]) -> Result<ContactId, Refused> {
    number(b'c', handle).map(ContactId::from_number)
}

pub(super) fn invitation_handle(id: InvitationId) -> Bytes {
    handle(b'i', id.number())
}

pub(super) fn invitation(handle: &[u8]) -> Result<InvitationId, Refused> {
    number(b'i', handle).map(InvitationId::from_number)
}

/// Of a request at the contact address.
pub(super) fn request_handle(number: u64) -> Bytes {
    handle(b'r', number.cast_signed())
}

pub(super) fn request(handle: &[u8]) -> Result<u64, Refused> {
    number(b'r', handle).map(i64::cast_unsigned)
}

pub(super) fn message_handle(at: Position) -> Bytes {
    handle(b'm', at.0.cast_signed())
}

pub(super) fn position(handle: &[u8]) -> Result<Position, Refused> {
    number(b'm', handle).map(|number| Position(number.cast_unsigned()))
}
