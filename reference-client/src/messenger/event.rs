//! What a user is told without having asked.

use edgewise_spec::link::Address;

use super::view::{AbandonReason, MessageView, RequestView};
use crate::store::{ContactId, InvitationId, Position, ProfileId};

/// Something has happened, and is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A contact has said something, or a notice stands in the history. What a blocked contact says
    /// is not told.
    Message {
        /// Whose history it stands in.
        contact: ContactId,
        /// The message.
        message: Box<MessageView>,
    },
    /// A message of the history looks different: its delivery, an edit, a reaction, a deletion.
    Changed {
        /// Whose history it stands in.
        contact: ContactId,
        /// Its place; read it again.
        position: Position,
    },
    /// A contact is new, can be talked with, or looks different: name, profile, reach, verification.
    Contact(ContactId),
    /// A contact is gone from the store.
    ContactRemoved(ContactId),
    /// A new session has taken the place of the one before: its safety number is another one.
    Renewed(ContactId),
    /// An invitation has gone on.
    Invitation {
        /// The invitation.
        invitation: InvitationId,
        /// How far it is.
        step: InvitationStep,
    },
    /// What was accepted cannot be: the contact is removed.
    AcceptFailed {
        /// The contact that [`accept`](super::Messenger::accept) returned.
        contact: ContactId,
        /// The name it was given.
        name: String,
        /// Why.
        why: AbandonReason,
    },
    /// A stranger asks at a contact address.
    Request {
        /// The profile whose address it is.
        profile: ProfileId,
        /// Who asks, as they say.
        request: Box<RequestView>,
    },
    /// A server must not be used any more, or refuses for good; what to do is said in the text.
    Server {
        /// The server.
        server: Address,
        /// What is wrong with it.
        text: String,
    },
    /// Something of this device is wrong, such as a full disk. What was accepted is kept, and the
    /// messenger goes on trying.
    Trouble(String),
}

/// How far an invitation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvitationStep {
    /// Its connections exist: the card may be handed on.
    Ready,
    /// Somebody has claimed it.
    Claimed,
    /// Its claimer is a contact now.
    Accepted(ContactId),
    /// It is over, and its card is good for nothing.
    Abandoned(AbandonReason),
}
