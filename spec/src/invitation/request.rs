//! A contact request: what a stranger deposits at a contact address.

use bytes::Bytes;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::card::{Card, CardKind, CardRefused};
use super::contact::{ContactBundle, ContactKeys};
use super::layout::Fields;
use super::name::is_hidden;
use super::secret::{SUITE, Secret};
use crate::constants::{
    CT_LEN, GREETING_LEN_MAX, HASH_LEN, NONCE_LEN, REQUEST_LEN, REQUEST_TEXT_LEN, TAG_LEN, labels,
};
use crate::require;
use crate::suite::{self, Sealer, SharedSecret};

/// What a stranger says to the owner of a contact address, and how to answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    greeting: String,
    card: Card,
}

/// Why a request is refused. The owner drops it; the stranger learns nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefused {
    /// It has another length.
    #[error("a contact request of {0} bytes")]
    Length(usize),
    /// It is sealed to a version whose key is not kept.
    #[error("a contact request to version {0}, whose key is not kept")]
    Version(u32),
    /// It does not open.
    #[error("a contact request that does not open")]
    Sealed,
    /// Its text is not laid out as it has to be.
    #[error("a contact request that is not laid out as it has to be")]
    Layout,
    /// The greeting is too long, no text, or cannot be shown.
    #[error("a greeting of more than 1,024 bytes, or with characters that cannot be shown")]
    Greeting,
    /// Its card is none, not in its one spelling, or not that of a one-time invitation.
    #[error("a contact request without the card of a one-time invitation: {0}")]
    Card(CardRefused),
}

impl Request {
    /// A request with a one-time invitation of one's own, which the owner accepts by claiming it.
    ///
    /// # Errors
    /// [`RequestRefused::Greeting`]; [`RequestRefused::Card`] for a contact address's card.
    pub fn new(greeting: &str, card: &Card) -> Result<Self, RequestRefused> {
        let shown = greeting.chars().all(|symbol| symbol == '\n' || !is_hidden(symbol));
        let fits = greeting.len() <= GREETING_LEN_MAX && shown;
        require!(INVITATION_48, fits, RequestRefused::Greeting);
        let refused = RequestRefused::Card(CardRefused::Kind(card.kind().letter()));
        require!(INVITATION_48, card.kind() != CardKind::Address, refused);
        Ok(Self { greeting: greeting.to_owned(), card: card.sent() })
    }

    /// What the stranger says; may be empty.
    #[must_use]
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// The stranger's invitation.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// Seals the request for one server of the address: REQUEST_LEN bytes, another time others
    /// (INVITATION-47).
    #[must_use]
    pub fn seal(&self, contact: &ContactBundle, rng: &mut dyn CryptoRng) -> Bytes {
        let mut seed = Zeroizing::new([0; 64]);
        rng.fill_bytes(seed.as_mut());
        self.seal_derand(contact, &seed)
    }

    /// [`seal`](Self::seal) with the randomness of its encapsulation given: for vectors only.
    #[must_use]
    pub fn seal_derand(&self, contact: &ContactBundle, seed: &[u8; 64]) -> Bytes {
        let (ct, shared) = contact.ek().encapsulate_derand(seed);
        let version = contact.version().to_be_bytes();
        let ad = [&version[..], &ct].concat();
        let mut text = self.text();
        let sealer = sealer(&shared, &contact.secret(), &ad);
        let tag = sealer.seal(&[0; NONCE_LEN], &ad, &mut text);
        [&ad[..], &text, &tag].concat().into()
    }

    /// Opens a request that was deposited at the address of `secret`.
    ///
    /// # Errors
    /// [`RequestRefused`] (INVITATION-48).
    pub fn open(bytes: &[u8], keys: &ContactKeys, secret: &Secret) -> Result<Self, RequestRefused> {
        let length = RequestRefused::Length(bytes.len());
        require!(INVITATION_48, bytes.len() == REQUEST_LEN, length.clone());
        let (ad, rest) = bytes.split_at_checked(4 + CT_LEN).ok_or(length.clone())?;
        let mut fields = Fields::new(ad);
        let version = fields.long().ok_or(length.clone())?;
        let ct: [u8; CT_LEN] = fields.array().ok_or(length.clone())?;
        let (text, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(length)?;
        let key = keys.of_version(version).ok_or(RequestRefused::Version(version))?;
        let shared = key.decapsulate(&ct).map_err(|_| RequestRefused::Sealed)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = sealer(&shared, secret, ad).open(&[0; NONCE_LEN], ad, &mut text, tag);
        require!(INVITATION_48, opened.is_ok(), RequestRefused::Sealed);
        Self::parse(&text)
    }

    /// u16 length ‖ request ‖ zeros; request = u16 length ‖ greeting ‖ card.
    fn text(&self) -> Zeroizing<Vec<u8>> {
        let card = self.card.to_text();
        let number = |len: usize| u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        let mut text = Zeroizing::new(Vec::with_capacity(REQUEST_TEXT_LEN));
        text.extend_from_slice(&number(2 + self.greeting.len() + card.len()));
        text.extend_from_slice(&number(self.greeting.len()));
        text.extend_from_slice(self.greeting.as_bytes());
        text.extend_from_slice(card.as_bytes());
        text.resize(REQUEST_TEXT_LEN, 0);
        text
    }

    fn parse(text: &[u8]) -> Result<Self, RequestRefused> {
        let mut fields = Fields::new(text);
        let len = fields.short().ok_or(RequestRefused::Layout)?;
        let request = fields.bytes(usize::from(len)).ok_or(RequestRefused::Layout)?;
        let padded = fields.rest().iter().all(|byte| *byte == 0);
        require!(INVITATION_48, padded, RequestRefused::Layout);
        let mut fields = Fields::new(request);
        let len = fields.short().ok_or(RequestRefused::Layout)?;
        let greeting = fields.bytes(usize::from(len)).ok_or(RequestRefused::Layout)?;
        let greeting = core::str::from_utf8(greeting).map_err(|_| RequestRefused::Greeting)?;
        let spelled = core::str::from_utf8(fields.rest()).map_err(|_| RequestRefused::Layout)?;
        let card = Card::parse(spelled).map_err(RequestRefused::Card)?;
        let request = Self::new(greeting, &card)?;
        // One request, one encoding: a card has one spelling, and was sent.
        let canonical = suite::constant_time_eq(request.text().as_slice(), text);
        require!(INVITATION_48, canonical, RequestRefused::Layout);
        Ok(request)
    }
}

fn sealer(shared: &SharedSecret, secret: &Secret, ad: &[u8]) -> Sealer {
    let mut key = Zeroizing::new([0; HASH_LEN]);
    let context: [&[u8]; 2] = [secret.as_bytes(), ad];
    let label = labels::INVITATION_REQUEST;
    suite::derive(SUITE, &[shared.as_bytes()], label, &context, &mut key);
    Sealer::new(SUITE, &key)
}

const _: () = {
    let longest = 2 + 2 + GREETING_LEN_MAX + crate::constants::CARD_LEN_MAX;
    assert!(longest <= REQUEST_TEXT_LEN);
};
