//! What a messenger tells, in the words of `driver.proto`.

use bytes::Bytes;
use edgewise_proto::conformance::v1::event::Kind as Told;
use edgewise_proto::conformance::v1::{self as wire, content};
use edgewise_spec::session::Mode;

use super::handle::message_handle;
use crate::messenger::{AbandonReason, ContactView, Mark, MessageView, Said};
use crate::store::{Delivery, Direction};

/// A message as a line of a history; `None` for a notice of the program itself.
pub(super) fn entry(message: &MessageView) -> Option<wire::Entry> {
    let mut marks = wire::Marks::default();
    let kind = match &message.said {
        Said::Text(text) if message.edited => {
            marks.edited.clone_from(text);
            Some(content::Kind::Text(text.clone()))
        }
        Said::Text(text) => Some(content::Kind::Text(text.clone())),
        Said::Reply { to, text } => {
            marks.dangling = to.is_none();
            let id = to.map_or_else(Bytes::new, message_handle);
            Some(content::Kind::Reply(wire::Reply { id, own: false, text: text.clone() }))
        }
        Said::Deleted => {
            marks.deleted = true;
            None
        }
        Said::Introduction { name, card } => {
            let (name, card) = (name.clone(), card.clone());
            Some(content::Kind::Introduction(wire::Introduction { name, card }))
        }
        Said::Profile { name } => {
            let profile = wire::Profile { name: name.clone(), ..wire::Profile::default() };
            Some(content::Kind::Profile(profile))
        }
        Said::Broadcast(_) => Some(content::Kind::Broadcast(wire::Broadcast::default())),
        Said::Custom { name, bytes } => {
            let bytes = Bytes::copy_from_slice(bytes);
            Some(content::Kind::Custom(wire::Custom { name: name.clone(), bytes }))
        }
        Said::Unknown { kind, .. } => {
            marks.unknown = true;
            let bytes = Bytes::new();
            Some(content::Kind::Unknown(wire::Unknown { r#type: u32::from(*kind), bytes }))
        }
        Said::Unreadable { .. } => {
            marks.unreadable = true;
            None
        }
        Said::Unreceived { .. } | Said::Notice(_) => return None,
    };
    for mark in &message.marks {
        match mark {
            Mark::Gap { first, last } => {
                (marks.missing_first, marks.missing_last) = (*first, *last);
            }
            Mark::Fork { with } => (marks.fork, marks.fork_with) = (true, *with),
            Mark::Mismatch { .. } => {}
        }
    }
    marks.reactions = message.reactions.iter().map(|reaction| reaction.with.clone()).collect();
    Some(wire::Entry {
        own: message.direction == Direction::Sent,
        number: 0,
        id: message_handle(message.position),
        time: message.time.millis(),
        content: kind.map(|kind| wire::Content { kind: Some(kind) }),
        marks: Some(marks),
    })
}

/// What is told of a message that has come.
pub(super) fn message(contact: Bytes, message: &MessageView) -> Vec<Told> {
    let mut told = Vec::new();
    match &message.said {
        Said::Unreceived { number } => {
            told.push(Told::Unreceived(wire::Unreceived { contact, number: *number }));
            return told;
        }
        Said::Notice(text) => {
            told.push(Told::Problem(wire::Problem { contact, message: text.clone() }));
            return told;
        }
        _ => {}
    }
    for mark in &message.marks {
        if let Mark::Mismatch { number } = mark {
            let (contact, number) = (contact.clone(), *number);
            told.push(Told::Disagreement(wire::Disagreement { contact, number }));
        }
    }
    if let Some(entry) = entry(message) {
        told.push(Told::Shown(wire::Shown { contact, entry: Some(entry) }));
    }
    told
}

/// What is told of a message that looks different.
pub(super) fn changed(contact: Bytes, message: &MessageView) -> Vec<Told> {
    let mut told = Vec::new();
    if message.direction == Direction::Sent {
        let state = match message.delivery {
            Delivery::Waiting | Delivery::Failed => None,
            Delivery::Accepted => Some(wire::DeliveryState::Taken),
            Delivery::Delivered => Some(wire::DeliveryState::Delivered),
            Delivery::Seen => Some(wire::DeliveryState::Read),
        };
        if let Some(state) = state {
            let id = message_handle(message.position);
            told.push(Told::Delivery(wire::Delivery {
                contact: contact.clone(),
                id,
                state: state.into(),
            }));
        }
    }
    if let Some(entry) = entry(message) {
        told.push(Told::Shown(wire::Shown { contact, entry: Some(entry) }));
    }
    told
}

/// That a contact is ready.
pub(super) fn contact_ready(contact: Bytes, invitation: Bytes, view: &ContactView) -> Told {
    let mode = match view.mode {
        Some(Mode::Attested) => wire::SessionMode::Attested,
        Some(Mode::Deniable) => wire::SessionMode::Deniable,
        None => wire::SessionMode::Unspecified,
    };
    Told::ContactReady(wire::ContactReady {
        contact,
        invitation,
        name: view.said_name.clone(),
        mode: mode.into(),
        face_to_face: false,
    })
}

/// That nothing comes of an invitation.
pub(super) fn abandoned(handle: Bytes, why: AbandonReason) -> Told {
    let reason = match why {
        AbandonReason::Conflict => wire::AbandonReason::Conflict,
        AbandonReason::Expired => wire::AbandonReason::Expired,
        AbandonReason::Withdrawn => wire::AbandonReason::Withdrawn,
        AbandonReason::Bundle => wire::AbandonReason::Bundle,
        AbandonReason::Refused => wire::AbandonReason::Other,
    };
    let abandoned =
        wire::InvitationAbandoned { handle, reason: reason.into(), message: why.to_string() };
    Told::InvitationAbandoned(abandoned)
}

/// That a server did what no honest server does.
pub(super) fn server_fault(server: String, message: String) -> Told {
    let kind = if message.contains("two keys") || message.contains("equivoca") {
        wire::ServerFaultKind::Equivocation
    } else {
        wire::ServerFaultKind::Other
    };
    Told::ServerFault(wire::ServerFault { server, kind: kind.into(), message })
}
