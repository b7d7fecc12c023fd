//! Another session with somebody who is a contact: by a standby, or by an exchange that is repeated.

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, ok};
use edgewise_spec::connection::Id;
use edgewise_spec::constants::{INVITATION_HOURS_MAX, STANDBY_DELAY_SECONDS};
use edgewise_spec::invitation::{Bundle, Card};
use edgewise_spec::message::Content;

use super::{Scene, cut};
use crate::driver::Told;
use crate::host::Watched;
use crate::peer::person::{Person, Terms};
use crate::verdict::{Stop, Verdict};

/// The card of a text that must be one.
///
/// # Errors
/// [`Stop::Fail`] where it is none.
pub fn card_of(text: &str) -> Result<Card, Stop> {
    Card::parse(text)
        .map_err(|error| Stop::fail("the text of a card (INVITATION-19)", error.to_string()))
}

impl Scene {
    /// A person of the scene gives the client a standby on these servers: who waits behind it, and
    /// its card. What the client is told behind the standby is shown before this returns.
    ///
    /// # Errors
    /// [`Stop`] of a link, or [`Stop::Fail`] where the client hears nothing.
    pub async fn person_gives(
        &mut self,
        person: &mut Person,
        contact: &Bytes,
        servers: Vec<usize>,
    ) -> Result<(Person, String), Stop> {
        let mode = person.layout().mode();
        // Two hours less than the longest: the keys of the suite's people are good for a year.
        let (carded, hours) = (servers.len(), INVITATION_HOURS_MAX - 48);
        let terms = Terms { servers, carded, mode, hours, ..Terms::default() };
        let (next, card) = self.person_invites(&terms).await?;
        person.say(&Content::Standby(card.clone().into_bytes())).await?;
        let heard = self.canary();
        person.say_text(&heard).await?;
        self.shown_text(contact, &heard).await?;
        Ok((next, card))
    }

    /// Lets so much time pass that the client gives its standby: its card.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it gives none.
    pub async fn client_gives(&mut self, person: &mut Person) -> Result<String, Stop> {
        self.advance(2 * STANDBY_DELAY_SECONDS + 1).await?;
        let card = person.standby().await?;
        self.keep_secret(card.as_bytes());
        Ok(card)
    }

    /// The user says that the session is lost; the client may refuse.
    ///
    /// # Errors
    /// [`Stop::Harness`] on a fault of the driver.
    pub async fn try_renews(&self, contact: &Bytes) -> Result<Told, Stop> {
        self.tell(Kind::Renew(driver::Renew { contact: contact.clone() })).await
    }

    /// The user says that the session is lost, and the client claims the standby.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it refuses.
    pub async fn client_renews(&self, contact: &Bytes) -> Verdict {
        let told = self.try_renews(contact).await?;
        told.map(drop).map_err(|refused| refused.stop("the standby claimed"))
    }

    /// The user is told that another session has taken the place of the one before.
    ///
    /// # Errors
    /// [`Stop::Fail`] where nothing is told.
    pub async fn renewed(&self, contact: &Bytes) -> Verdict {
        let expected = "the user told that the safety number is another one (INVITATION-60)";
        self.event(expected, |event| match event {
            Event::Renewed(it) if it.contact == *contact => Some(()),
            _ => None,
        })
        .await
    }

    /// The client claims the standby behind which a person waits, and both have heard one another.
    ///
    /// # Errors
    /// [`Stop::Fail`] where they do not meet.
    pub async fn renews_with(&self, contact: &Bytes, next: &mut Person) -> Verdict {
        self.client_renews(contact).await?;
        next.meet().await?;
        next.answer().await?;
        self.renewed(contact).await
    }

    /// The client invites somebody again who is a contact: the card.
    ///
    /// # Errors
    /// [`Stop::Fail`] where no card comes.
    pub async fn client_repeats(&self, contact: &Bytes) -> Result<String, Stop> {
        let kind =
            Kind::RepeatExchange(driver::RepeatExchange { contact: contact.clone(), shown: false });
        match self.tell(kind).await?.map_err(|refused| refused.stop("Invited"))? {
            ok::Kind::Invited(invited) if !invited.card.is_empty() => Ok(invited.card),
            other => Err(Stop::fail("Invited, with a card", cut(&format!("{other:?}")))),
        }
    }

    /// The client accepts the card of somebody who is a contact.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it does not, or takes them for somebody else.
    pub async fn client_accepts_again(&self, contact: &Bytes, card: &str) -> Verdict {
        let kind = Kind::AcceptInvitation(driver::AcceptInvitation {
            card: card.to_owned(),
            contact: contact.clone(),
            ..driver::AcceptInvitation::default()
        });
        match self.tell(kind).await?.map_err(|refused| refused.stop("Accepted"))? {
            ok::Kind::Accepted(accepted) if accepted.contact == *contact => Ok(()),
            other => Err(Stop::fail("Accepted, of this contact", cut(&format!("{other:?}")))),
        }
    }

    /// The user has compared the safety number, and it is the same.
    ///
    /// # Errors
    /// [`Stop::Fail`] where the client does not show it.
    pub async fn client_compares(&self, contact: &Bytes) -> Verdict {
        let compared = driver::MarkCompared { contact: contact.clone(), same: true };
        self.done(Kind::MarkCompared(compared), "a contact that was compared").await?;
        match self.is_compared(contact).await? {
            true => Ok(()),
            false => Err(Stop::fail("the contact shown as compared", "it is not")),
        }
    }

    /// Whether the contact is shown as compared.
    ///
    /// # Errors
    /// [`Stop::Fail`] where there is no safety number.
    pub async fn is_compared(&self, contact: &Bytes) -> Result<bool, Stop> {
        let get = driver::GetSafetyNumber { contact: contact.clone() };
        match self
            .tell(Kind::GetSafetyNumber(get))
            .await?
            .map_err(|refused| refused.stop("SafetyNumber"))?
        {
            ok::Kind::SafetyNumber(safety) => Ok(safety.compared),
            other => Err(Stop::fail("SafetyNumber", cut(&format!("{other:?}")))),
        }
    }

    /// The bundle that the client has made for a card, as a server has it.
    ///
    /// # Errors
    /// [`Stop::Fail`] where no server has one that the card opens.
    pub fn bundle_of(&self, card: &Card) -> Result<Bundle, Stop> {
        let hour = self.around.clock.now().hour();
        let found = self.hosts.iter().find_map(|host| {
            let record = host.record();
            record.asked.iter().find_map(|asked| match &asked.what {
                Watched::Create { bundle, open: true, .. } => Bundle::open(card, bundle, hour).ok(),
                _ => None,
            })
        });
        found.ok_or_else(|| Stop::fail("a bundle that the standby opens", "none"))
    }

    /// The connection that the client has made for the first place of a card.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it has made none.
    pub fn connection_of(&self, card: &Card) -> Result<Id, Stop> {
        let found = self.hosts.iter().find_map(|host| {
            let wanted = sender_of(card, &host.address.fingerprint);
            let record = host.record();
            record.asked.iter().find_map(|asked| match &asked.what {
                Watched::Create { id, sender_id, .. } => (*sender_id == wanted).then_some(*id),
                _ => None,
            })
        });
        found.ok_or_else(|| Stop::fail("a connection made for the standby", "none"))
    }

    /// Whether the client has claimed the first place of a card.
    #[must_use]
    pub fn is_claimed(&self, card: &Card) -> bool {
        self.hosts.iter().any(|host| {
            let wanted = sender_of(card, &host.address.fingerprint);
            host.record().asked.iter().any(|asked| {
                matches!(&asked.what, Watched::Claim { sender_id, .. } if *sender_id == wanted)
            })
        })
    }

    /// Whether the client has deleted a connection.
    #[must_use]
    pub fn is_deleted(&self, connection: Id) -> bool {
        self.hosts.iter().any(|host| {
            host.record()
                .asked
                .iter()
                .any(|asked| matches!(&asked.what, Watched::Delete { id } if *id == connection))
        })
    }
}

/// The sender id that the first place of a card has at a server.
fn sender_of(card: &Card, fingerprint: &[u8; 32]) -> Id {
    card.secret().connection(0, fingerprint).sender_id(fingerprint)
}
