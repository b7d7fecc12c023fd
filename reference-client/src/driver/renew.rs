//! The session of a contact: its safety number, and another one in its place.

use edgewise_proto::conformance::v1::{self as wire, RejectReason, ok};

use super::handle::contact;
use super::{Answer, Driver, Refused, done, refused, reject};
use crate::Address;
use crate::messenger::Invite;
use crate::store::{ContactId, Direction, Verified};

impl Driver {
    pub(super) async fn safety(&mut self, contact: ContactId) -> Answer {
        let number = self.messenger.safety_number(contact).await;
        let number = number
            .map_err(|error| refused(&error))?
            .ok_or_else(|| reject(RejectReason::State, "there is no session yet"))?;
        let steps = number.steps.into_iter();
        let steps = steps.map(|(step, number)| wire::SafetyStep { step, number }).collect();
        let view = self.messenger.contact(contact).await.map_err(|error| refused(&error))?;
        let compared = matches!(view.verified, Verified::Compared(_));
        let number = number.number;
        Ok(ok::Kind::SafetyNumber(wire::SafetyNumber { number, steps, compared }))
    }

    pub(super) async fn compare(&mut self, asked: &wire::MarkCompared) -> Answer {
        let compared = self.messenger.verify(contact(&asked.contact)?, asked.same).await;
        compared.map_err(|error| refused(&error))?;
        done()
    }

    /// The user says that the session is lost.
    pub(super) async fn renew(&mut self, asked: &wire::Renew) -> Answer {
        let renewed = self.messenger.renew(contact(&asked.contact)?).await;
        renewed.map_err(|error| refused(&error))?;
        done()
    }

    /// Invites somebody again who is a contact.
    pub(super) async fn repeat(&mut self, asked: &wire::RepeatExchange) -> Answer {
        let contact = contact(&asked.contact)?;
        let servers = self.servers_of(contact).await?;
        let invite = Invite { contact: Some(contact), servers, ..Invite::default() };
        self.hand_on(invite, !asked.shown).await
    }

    async fn servers_of(&self, contact: ContactId) -> Result<Vec<Address>, Refused> {
        let view = self.messenger.contact(contact).await.map_err(|error| refused(&error))?;
        let received = view.connections.iter().filter(|it| it.direction == Direction::Received);
        Ok(received.map(|it| it.server.clone()).collect())
    }
}
