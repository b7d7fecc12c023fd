//! The contact address of a client under test, and other people's.

use std::time::Duration;

use bytes::Bytes;
use edgewise_proto::conformance::v1::{self as wire, RejectReason, ok};
use tokio::time::Instant;

use super::handle::{contact_handle, invitation_handle, request};
use super::{Answer, CARD_WITHIN, Driver, address, done, refused, reject};
use crate::messenger::{Accept, Invite, MessengerError};

/// Between two looks whether the card is there.
const LOOK: Duration = Duration::from_millis(10);

impl Driver {
    pub(super) async fn create_address(&mut self, asked: wire::CreateAddress) -> Answer {
        self.call(&asked.name).await?;
        for text in &asked.servers {
            match self.messenger.add_server(self.profile, address(text)?, None).await {
                // It is in the list already.
                Ok(_) | Err(MessengerError::NotNow(_)) => {}
                Err(error) => return Err(refused(&error)),
            }
        }
        let count = u8::try_from(asked.servers.len())
            .map_err(|_| reject(RejectReason::Server, "so many servers are not for one address"))?;
        let made = self.messenger.add_address(self.profile, count).await;
        made.map_err(|error| refused(&error))?;
        let end = Instant::now() + CARD_WITHIN;
        loop {
            let view = self.messenger.address(self.profile).await;
            let card = view.map_err(|error| refused(&error))?.and_then(|view| view.card);
            if card.is_some() || Instant::now() >= end {
                let (invitation, card) = (Bytes::from_static(b"a"), card.unwrap_or_default());
                return Ok(ok::Kind::Invited(wire::Invited { invitation, card }));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(super) async fn accept_request(&mut self, handle: &[u8]) -> Answer {
        let number = request(handle)?;
        let accepted = self.messenger.accept_request(self.profile, number, Accept::default()).await;
        let id = accepted.map_err(|error| refused(&error))?;
        self.joining.insert(id);
        Ok(ok::Kind::Accepted(wire::Accepted { contact: contact_handle(id) }))
    }

    pub(super) async fn refuse_request(&mut self, number: u64) -> Answer {
        let turned_down = self.messenger.refuse_request(self.profile, number).await;
        turned_down.map_err(|error| refused(&error))?;
        done()
    }

    /// Asks at somebody else's address.
    pub(super) async fn ask(&mut self, asked: wire::AskAtAddress) -> Answer {
        self.call(&asked.name).await?;
        let servers: Result<_, _> = asked.servers.iter().map(|text| address(text)).collect();
        let invite = Invite { servers: servers?, ..Invite::default() };
        let wire::AskAtAddress { card, greeting, .. } = asked;
        let left = self.messenger.request(self.profile, &card, &greeting, invite).await;
        let invitation = invitation_handle(left.map_err(|error| refused(&error))?);
        Ok(ok::Kind::Invited(wire::Invited { invitation, card: String::new() }))
    }
}
