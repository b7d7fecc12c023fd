//! How the client and a person of the scene come together.

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, ok};
use edgewise_spec::session::Mode;

use super::{PATIENCE, Scene, cut};
use crate::driver::Told;
use crate::peer::person::{Person, Terms};
use crate::verdict::Stop;

/// A session's mode as a command has it.
#[must_use]
pub const fn mode(mode: Mode) -> driver::SessionMode {
    match mode {
        Mode::Deniable => driver::SessionMode::Deniable,
        Mode::Attested => driver::SessionMode::Attested,
    }
}

impl Scene {
    /// The client invites: the invitation's handle and its card.
    ///
    /// # Errors
    /// [`Stop::Fail`] where no card comes.
    pub async fn client_invites(&mut self, terms: &Terms) -> Result<(Bytes, String), Stop> {
        let count = terms.servers.iter().max().map_or(0, |place| place + 1);
        self.servers(count).await?;
        let mut servers = Vec::new();
        for place in &terms.servers {
            servers.push(self.host(*place)?.address.to_string());
        }
        let kind = Kind::CreateInvitation(driver::CreateInvitation {
            servers,
            mode: mode(terms.mode).into(),
            link_class: terms.class.number(),
            k: terms.k.into(),
            carded: u32::try_from(terms.carded).unwrap_or_default(),
            shown: false,
            good_hours: terms.hours,
            name: terms.name.clone(),
        });
        let told = self.tell(kind).await?.map_err(|refused| refused.stop("an invitation"))?;
        let ok::Kind::Invited(invited) = told else {
            return Err(Stop::fail("Invited", cut(&format!("{told:?}"))));
        };
        if !invited.card.is_empty() {
            return Ok((invited.invitation, invited.card));
        }
        let handle = invited.invitation;
        let made = self.event("InvitationMade", |event| match event {
            Event::InvitationMade(made) if made.invitation == handle => Some(made.card.clone()),
            _ => None,
        });
        let card = made.await?;
        Ok((handle, card))
    }

    /// The client accepts a card: its handle.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it does not.
    pub async fn client_accepts(&mut self, card: &str) -> Result<Bytes, Stop> {
        let kind = Kind::AcceptInvitation(driver::AcceptInvitation {
            card: card.to_owned(),
            scanned: false,
            name: "Bob".to_owned(),
            servers: Vec::new(),
            contact: Bytes::new(),
        });
        let told = self.tell(kind).await?.map_err(|refused| refused.stop("Accepted"))?;
        match told {
            ok::Kind::Accepted(accepted) => Ok(accepted.contact),
            other => Err(Stop::fail("Accepted", cut(&format!("{other:?}")))),
        }
    }

    /// The client is given a text to accept, and may refuse.
    ///
    /// # Errors
    /// [`Stop::Harness`] on a fault of the driver.
    pub async fn try_accepts(&self, card: &str) -> Result<Told, Stop> {
        let accept = driver::AcceptInvitation { card: card.to_owned(), ..Default::default() };
        self.tell(Kind::AcceptInvitation(accept)).await
    }

    /// A person of the scene invites.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn person_invites(&mut self, terms: &Terms) -> Result<(Person, String), Stop> {
        let count = terms.servers.iter().max().map_or(0, |place| place + 1);
        self.servers(count).await?;
        let seed = self.seed32();
        Person::invite(self.around(), seed, terms).await
    }

    /// A person invites, the client accepts, and both have heard one another.
    ///
    /// # Errors
    /// [`Stop::Fail`] where they do not meet.
    pub async fn meet_inviting(&mut self, terms: &Terms) -> Result<(Person, Bytes), Stop> {
        let (mut person, card) = self.person_invites(terms).await?;
        let contact = self.client_accepts(&card).await?;
        person.meet().await?;
        person.answer().await?;
        let contact = self.ready(Some(&contact)).await?;
        Ok((person, contact))
    }

    /// The client invites, a person accepts, and both have heard one another.
    ///
    /// # Errors
    /// [`Stop::Fail`] where they do not meet.
    pub async fn meet_claiming(&mut self, terms: &Terms) -> Result<(Person, Bytes), Stop> {
        let (_, card) = self.client_invites(terms).await?;
        let seed = self.seed32();
        let (mut person, _) = Person::accept(self.around(), seed, &card).await?;
        let contact = self.ready(None).await?;
        person.cell("an answer to the hello (SESSION-35)", PATIENCE).await?;
        Ok((person, contact))
    }

    /// The contact that has become ready; of an acceptance, if it is named.
    ///
    /// # Errors
    /// [`Stop::Fail`] where none does.
    pub async fn ready(&self, accepted: Option<&Bytes>) -> Result<Bytes, Stop> {
        let found = self.event("ContactReady", |event| match event {
            Event::ContactReady(ready) => (accepted.is_none() || accepted == Some(&ready.contact))
                .then(|| ready.contact.clone()),
            _ => None,
        });
        found.await
    }
}
