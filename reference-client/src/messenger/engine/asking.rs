//! Requests at other people's contact addresses.

use edgewise_spec::client::{Key, Lifetime};
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{BundleRefused, Card, CardKind, ContactBundle, Request};
use edgewise_spec::mutant;
use edgewise_spec::suite;

use super::input::Output;
use super::offer::Asked;
use super::turn::{Result, Turn};
use crate::client::Client;
use crate::clock::OsRandom;
use crate::messenger::{Event, Invite, MessengerError};
use crate::store::{Given, Invitation, InvitationId, ProfileId, Versioned};

/// The versions that were opened of other people's addresses: hash of the secret, version.
const OPENED: &str = "addresses opened";
/// Bytes of one of them.
const OPENED_LEN: usize = 36;
/// So many are remembered; the one that was opened longest ago is forgotten first.
const OPENED_MAX: usize = 256;
/// How often a request that could not be left is tried again.
const RETRY_SECONDS: u64 = 60;

/// An address that is to be read.
pub(super) struct Reading {
    card: Card,
    /// The highest version of its bundle that was opened before; 0 for none.
    seen: u32,
}

/// A request that is to be left at an address that was read.
pub(super) struct Leaving {
    contact: Box<ContactBundle>,
    greeting: String,
    own: Card,
}

impl Turn<'_, '_> {
    pub(crate) fn request(
        &mut self,
        profile: ProfileId,
        card: &str,
        greeting: &str,
        invite: &Invite,
    ) -> Result<InvitationId> {
        let card = Card::parse(card)?;
        if card.kind() != CardKind::Address {
            let text = "this is a one-time invitation, no contact address; accept it instead";
            return Err(MessengerError::NotNow(text.to_owned()));
        }
        if self.is_own_address(&card) {
            let text = "this is your own contact address; give it to somebody else";
            return Err(MessengerError::NotNow(text.to_owned()));
        }
        // The greeting is judged now, not when the card is ready.
        let sent = CardKind::Sent;
        let probe = Card::new(sent, card.secret().clone(), card.servers())?;
        Request::new(greeting, &probe)?;
        let asked = Asked { card, greeting: greeting.to_owned(), left: false, retry: None };
        self.add_offer(profile, invite, Some(asked))
    }

    /// Begins to leave the request of an invitation whose card may be handed on: its address is
    /// read.
    pub(super) fn leave_request(&mut self, id: InvitationId) -> Result<()> {
        let retry = Some(self.now.plus_seconds(RETRY_SECONDS));
        let Some(offer) = self.state.offers.get_mut(&id) else { return Ok(()) };
        let Some(asked) = offer.request.as_mut().filter(|asked| !asked.left) else {
            return Ok(());
        };
        asked.retry = retry;
        let card = asked.card.clone();
        let stored = self.tx.invitation(id)?.ok_or(MessengerError::Unknown("invitation"))?;
        let seen = self.version_opened(stored.profile, &card)?;
        self.outputs.push(Output::Read(id, Box::new(Reading { card, seen })));
        Ok(())
    }

    /// What an address was read as. INVITATION-44: its version is stored before anything is left
    /// there.
    pub(super) fn address_read(
        &mut self,
        id: InvitationId,
        client: Client,
        read: core::result::Result<Box<ContactBundle>, String>,
    ) -> Result<()> {
        let contact = match read {
            Ok(contact) => contact,
            Err(text) => return self.not_left(&text),
        };
        let Some(offer) = self.state.offers.get(&id) else { return Ok(()) };
        let own = offer.bundle.card(false, offer.carded.into())?;
        let Some(asked) = offer.request.as_ref().filter(|asked| !asked.left) else {
            return Ok(());
        };
        let (card, greeting) = (asked.card.clone(), asked.greeting.clone());
        let stored = self.tx.invitation(id)?.ok_or(MessengerError::Unknown("invitation"))?;
        let seen = self.version_opened(stored.profile, &card)?;
        if contact.version() < seen && !mutant!(INVITATION_44) {
            // INVITATION-44: another request has opened a later one meanwhile.
            let older = BundleRefused::Older { got: contact.version(), seen };
            return self.not_left(&older.to_string());
        }
        self.note_opened(stored.profile, &card, contact.version())?;
        // INVITATION-23: it leaves this device.
        self.tx.set_invitation(id, &Invitation { given: Given::Sent, ..stored })?;
        let leaving = Leaving { contact, greeting, own };
        self.outputs.push(Output::Leave(id, client, Box::new(leaving)));
        Ok(())
    }

    /// What became of leaving a request.
    pub(super) fn request_left(
        &mut self,
        id: InvitationId,
        left: core::result::Result<(), String>,
    ) -> Result<()> {
        if let Err(text) = left {
            return self.not_left(&text);
        }
        let Some(offer) = self.state.offers.get_mut(&id) else { return Ok(()) };
        let Some(asked) = &mut offer.request else { return Ok(()) };
        asked.left = true;
        self.store_offer(id)
    }

    fn not_left(&mut self, why: &str) -> Result<()> {
        self.tell(Event::Trouble(format!("The request could not be left yet: {why}")));
        Ok(())
    }

    /// The highest version of an address's bundle that was opened; 0 for none.
    fn version_opened(&self, profile: ProfileId, card: &Card) -> Result<u32> {
        if mutant!(INVITATION_44, "forgotten") {
            return Ok(0);
        }
        let hash = suite::hash(&[card.secret().as_bytes()]);
        let Some(stored) = self.tx.setting(Some(profile), OPENED)? else { return Ok(0) };
        let version = stored.bytes().chunks(OPENED_LEN).find_map(|known| {
            let version = known.strip_prefix(&hash[..])?;
            version.try_into().ok().map(u32::from_be_bytes)
        });
        Ok(version.unwrap_or(0))
    }

    fn note_opened(&mut self, profile: ProfileId, card: &Card, version: u32) -> Result<()> {
        let hash = suite::hash(&[card.secret().as_bytes()]);
        let stored = self.tx.setting(Some(profile), OPENED)?;
        let known = stored.map_or_else(Vec::new, |stored| stored.bytes().to_vec());
        let others = known.chunks(OPENED_LEN).filter(|known| !known.starts_with(&hash));
        let mut opened: Vec<u8> = others.flatten().copied().collect();
        opened.extend_from_slice(&hash);
        opened.extend_from_slice(&version.to_be_bytes());
        let surplus = opened.len().saturating_sub(OPENED_MAX * OPENED_LEN);
        opened.drain(..surplus);
        let value = Versioned::new(1, opened.into());
        Ok(self.tx.set_setting(Some(profile), OPENED, &value)?)
    }
}

impl Reading {
    /// The first server that has the address's bundle, and one that is good, tells where requests
    /// are taken.
    pub(super) async fn by(&self, client: &Client) -> core::result::Result<ContactBundle, String> {
        let now = client.options().clock.now();
        let life = Lifetime::longest(now);
        let mut fault = "the address names no server".to_owned();
        for (place, server) in (0..).zip(self.card.servers()) {
            let secret = self.card.secret().connection(place, &server.fingerprint);
            let read = async {
                let link = client.open(server, Class::Medium).await?;
                let key = Key::generate(&mut OsRandom, 0, life);
                link.contact_bundle(&secret.claim_key(), &key).await
            };
            let opened = match read.await {
                Ok(sealed) => ContactBundle::open(&self.card, &sealed, self.seen, now.hour())
                    .map_err(|fault| fault.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match opened {
                Ok(contact) => return Ok(contact),
                Err(why) => fault = why,
            }
        }
        Err(fault)
    }
}

impl Leaving {
    /// All servers of the address are asked, and one that takes the request is enough.
    pub(super) async fn by(&self, client: &Client) -> core::result::Result<(), String> {
        let Self { contact, greeting, own } = self;
        let request = Request::new(greeting, own).map_err(|fault| fault.to_string())?;
        let mut left = Err("the address names no server".to_owned());
        for (place, server) in (0..).zip(contact.servers()) {
            let claim = contact.secret().connection(place, &server.fingerprint).claim_key();
            // INVITATION-47: sealed anew for each server.
            let part = request.seal(contact, &mut OsRandom);
            let leaving = async {
                let link = client.open(server, Class::Medium).await?;
                link.deposit(&claim, part).await
            };
            match leaving.await {
                Ok(()) => left = Ok(()),
                Err(error) => left = left.map_err(|_| error.to_string()),
            }
        }
        left
    }
}
