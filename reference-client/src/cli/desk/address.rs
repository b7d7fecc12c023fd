//! Contact addresses and the requests at them.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::verb::{AcceptRequest, AddAddress, AddressVerb, Request};
use super::invite::split;
use super::{Desk, Seen, Tell, done};
use crate::messenger;
use crate::store::ProfileId;

impl Desk {
    pub(super) async fn address(
        &self,
        profile: ProfileId,
        verb: AddressVerb,
        tell: Tell<'_>,
    ) -> Result<Outcome, Failure> {
        match verb {
            AddressVerb::Show(_) => {
                let address = self.messenger.address(profile).await?;
                Ok(Outcome::Address { address: address.as_ref().map(Into::into) })
            }
            AddressVerb::Add(add) => self.add_address(profile, add).await,
            AddressVerb::Remove(_) => {
                self.messenger.remove_address(profile).await?;
                Ok(done("the contact address is removed; its card is good for nothing"))
            }
            AddressVerb::Requests(_) => {
                let address = self.messenger.address(profile).await?;
                let requests = address.map(|address| address.requests).unwrap_or_default();
                Ok(Outcome::Requests { requests: requests.iter().map(Into::into).collect() })
            }
            AddressVerb::Accept(accept) => self.accept_request(profile, accept).await,
            AddressVerb::Refuse(refuse) => {
                self.messenger.refuse_request(profile, refuse.number).await?;
                Ok(done("the request is turned down"))
            }
            AddressVerb::Request(request) => self.request(profile, request, tell).await,
        }
    }

    async fn add_address(&self, profile: ProfileId, add: AddAddress) -> Result<Outcome, Failure> {
        let mut watch = self.watch(Some(add.seconds));
        self.messenger.add_address(profile, add.servers).await?;
        loop {
            let address = self.messenger.address(profile).await?;
            if let Some(address) = &address
                && address.card.is_some()
            {
                return Ok(Outcome::Address { address: Some(address.into()) });
            }
            if let Seen::Late = watch.next().await {
                return Err(Failure::unreached(format!(
                    "no server has answered in {} s; the address is kept: try `edgewise address show` later, and `edgewise doctor`",
                    add.seconds
                )));
            }
        }
    }

    async fn accept_request(
        &self,
        profile: ProfileId,
        accept: AcceptRequest,
    ) -> Result<Outcome, Failure> {
        let options = messenger::Accept { name: accept.name, scanned: false, contact: None };
        let id = self.messenger.accept_request(profile, accept.number, options).await?;
        let contact = self.messenger.contact(id).await?;
        Ok(Outcome::Accepted { invitation: None, contact: (&contact).into() })
    }

    async fn request(
        &self,
        profile: ProfileId,
        request: Request,
        tell: Tell<'_>,
    ) -> Result<Outcome, Failure> {
        let options = messenger::Invite {
            label: request.label,
            shape: split(request.full, request.servers, request.enough, request.class)?,
            ..messenger::Invite::default()
        };
        let asked = self.messenger.request(profile, &request.card, &request.greeting, options);
        let id = asked.await?;
        let view = self.invitation(profile, id).await?;
        let view = view.ok_or_else(|| Failure::failed("the request is over"))?;
        let outcome = Outcome::Asked { invitation: (&view).into() };
        if request.wait && tell(outcome.clone()) {
            return self.accepted(id).await;
        }
        Ok(outcome)
    }
}
