//! Two people talk: profiles, invitations, contacts, messages, over the store and the links.
//!
//! A [`Messenger`] is the person's whole client: it keeps every connection of every profile up,
//! seals and opens, and stores before it sends or acknowledges. Everything goes through one
//! engine on a thread of its own, which owns the [`Store`]; what it decides is stored in one
//! transaction, and only then leaves.
//!
//! ```no_run
//! use edgewise_client::messenger::{Accept, Event, Invite, Messenger, Options, Say};
//! use edgewise_client::store::{self, Store, Unlock};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let unlock = Unlock::passphrase("correct horse battery staple");
//! let store = Store::create("chat.db".as_ref(), &unlock, &store::Options::default())?;
//! let (messenger, mut events) = Messenger::open(store, Options::default()).await?;
//! let me = messenger.add_profile("Ann").await?;
//! let server = "edgewise://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@localhost:4431".parse()?;
//! messenger.add_server(me, server, None).await?;
//! let contact = messenger.accept(me, "EDGEWISE:S1/…", Accept::default()).await?;
//! messenger.send(contact, Say::Text("hello".to_owned())).await?;
//! while let Some(event) = events.next().await {
//!     if let Event::Message { message, .. } = event {
//!         println!("{:?}", message.said);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod engine;
mod error;
mod event;
mod say;
mod view;

use std::sync::{Arc, mpsc as queue};
use std::time::Duration;

use edgewise_spec::link::Address;
use tokio::sync::{mpsc, oneshot};

use self::engine::{Input, Turn};
pub use self::error::MessengerError;
pub use self::event::{Event, InvitationStep};
pub use self::say::{Accept, Invite, Say};
pub use self::view::{
    AbandonReason, AddressView, BroadcastRole, ConnectionView, ContactView, Flow, InvitationView,
    Mark, MessageView, Page, ProfileView, Reach, ReactionView, RequestView, SafetyView, Said,
    ServerView, Standing,
};
use crate::client::ClientOptions;
use crate::store::{ContactId, InvitationId, Position, ProfileId, SecretText, ServerId, Store};

/// How a messenger works.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Of every link. The access password is each server's own, from the store.
    pub client: ClientOptions,
    /// Nothing is sent and nobody is listened to: for looking at a store and changing settings.
    /// What is said is stored, and goes out the next time.
    pub offline: bool,
}

/// A person's client. Clones are the same one; it ends when [`close`](Self::close) is called or the
/// last clone is dropped. What is accepted by any of its methods is stored when it returns.
#[derive(Clone, Debug)]
pub struct Messenger {
    inputs: Arc<Inputs>,
}

/// The way to the engine, which ends when nobody can ask any more.
#[derive(Debug)]
struct Inputs(queue::Sender<Input>);

impl Inputs {
    fn put(&self, input: Input) -> Result<()> {
        self.0.send(input).map_err(|_| MessengerError::Closed)
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        let _ = self.put(Input::Gone);
    }
}

/// What happens, in order. Reading is never required: what is told can be read from the messenger
/// too.
#[derive(Debug)]
pub struct Events(mpsc::UnboundedReceiver<Event>);

impl Events {
    /// What happens next; `None` once the messenger is closed.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}

type Result<T> = std::result::Result<T, MessengerError>;

/// Opening and closing.
impl Messenger {
    /// Takes a store over and begins: every connection in it is brought up.
    ///
    /// Called within a tokio runtime, on which the links run.
    ///
    /// # Errors
    /// [`MessengerError::Store`].
    pub async fn open(store: Store, options: Options) -> Result<(Self, Events)> {
        let (inputs, events) = engine::start(store, options).await?;
        Ok((Self { inputs: Arc::new(Inputs(inputs)) }, Events(events)))
    }

    /// Ends every link and closes the store.
    ///
    /// # Errors
    /// [`MessengerError::Store`]; all that was accepted is kept all the same.
    pub async fn close(self) -> Result<()> {
        let (reply, closed) = oneshot::channel();
        self.inputs.put(Input::Close(reply))?;
        closed.await.map_err(|_| MessengerError::Closed)?
    }

    /// Waits until everything that was said is accepted by a server, every acceptance and request
    /// is under way, what was removed is deleted on its server, and keys are changed, contacts
    /// blocked and connections moved as far as servers have to do with it; or until `millis` are
    /// over; whether it is.
    ///
    /// # Errors
    /// [`MessengerError::Closed`].
    pub async fn flush(&self, millis: u64) -> Result<bool> {
        let (reply, flushed) = oneshot::channel();
        self.inputs.put(Input::Flush(Duration::from_millis(millis), reply))?;
        flushed.await.map_err(|_| MessengerError::Closed)
    }

    /// Has something done in one transaction of the engine, and waits until it is stored.
    async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Turn<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.inputs.put(Input::job(what, reply))?;
        answer.await.map_err(|_| MessengerError::Closed)?
    }
}

/// Profiles and their servers.
impl Messenger {
    /// All profiles, by name.
    ///
    /// # Errors
    /// [`MessengerError::Store`].
    pub async fn profiles(&self) -> Result<Vec<ProfileView>> {
        self.ask(|turn| turn.profiles()).await
    }

    /// Makes a profile. Only its contacts ever see its name.
    ///
    /// # Errors
    /// [`MessengerError::Name`].
    pub async fn add_profile(&self, name: &str) -> Result<ProfileId> {
        let name = name.to_owned();
        self.ask(move |turn| turn.add_profile(&name)).await
    }

    /// Changes name, words, picture or receipts of a profile; its contacts are told what is theirs
    /// to know.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`], [`MessengerError::Name`].
    pub async fn set_profile(&self, profile: ProfileView) -> Result<()> {
        self.ask(move |turn| turn.set_profile(&profile)).await
    }

    /// Removes a profile with all its contacts; its connections are deleted on their servers.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn remove_profile(&self, profile: ProfileId) -> Result<()> {
        self.ask(move |turn| turn.remove_profile(profile)).await
    }

    /// The servers of a profile, by rank.
    ///
    /// # Errors
    /// [`MessengerError::Store`].
    pub async fn servers(&self, profile: ProfileId) -> Result<Vec<ServerView>> {
        self.ask(move |turn| turn.servers(profile)).await
    }

    /// Adds a server, behind the others, with the password that it asks for, if any.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`]; [`MessengerError::NotNow`] if the profile has it already.
    pub async fn add_server(
        &self,
        profile: ProfileId,
        address: Address,
        password: Option<SecretText>,
    ) -> Result<ServerId> {
        self.ask(move |turn| turn.add_server(profile, &address, password)).await
    }

    /// Removes a server from the list. Connections on it stay.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn remove_server(&self, server: ServerId) -> Result<()> {
        self.ask(move |turn| turn.remove_server(server)).await
    }
}

/// Invitations.
impl Messenger {
    /// Makes a one-time invitation. [`Event::Invitation`] tells when its card may be handed on.
    ///
    /// # Errors
    /// [`MessengerError::Servers`], [`MessengerError::Unknown`].
    pub async fn invite(&self, profile: ProfileId, invite: Invite) -> Result<InvitationId> {
        self.ask(move |turn| turn.invite(profile, &invite)).await
    }

    /// The card of an invitation, for handing on: shown on this screen, or `sent` in any other
    /// way, which is recorded and never gets better (INVITATION-23).
    ///
    /// # Errors
    /// [`MessengerError::Unknown`]; [`MessengerError::NotNow`] before it is ready (INVITATION-26).
    pub async fn card(&self, invitation: InvitationId, sent: bool) -> Result<String> {
        self.ask(move |turn| turn.card(invitation, sent)).await
    }

    /// The invitations of a profile that nobody has taken yet, the oldest first.
    ///
    /// # Errors
    /// [`MessengerError::Store`].
    pub async fn invitations(&self, profile: ProfileId) -> Result<Vec<InvitationView>> {
        self.ask(move |turn| turn.invitations(profile)).await
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn withdraw(&self, invitation: InvitationId) -> Result<()> {
        self.ask(move |turn| turn.withdraw(invitation)).await
    }

    /// Accepts a one-time invitation. The contact is there at once, and can be written to from
    /// [`Reach::Waiting`] on, which an [`Event::Contact`] tells: its servers are claimed then.
    ///
    /// # Errors
    /// [`MessengerError::Card`]; [`MessengerError::NotNow`] for the card of a contact address, which
    /// is [`request`](Self::request)'s, and for one's own or one that is accepted already.
    pub async fn accept(
        &self,
        profile: ProfileId,
        card: &str,
        accept: Accept,
    ) -> Result<ContactId> {
        let card = card.to_owned();
        self.ask(move |turn| turn.accept(profile, &card, &accept)).await
    }
}

/// Contact addresses.
impl Messenger {
    /// The contact address of a profile, if it has one.
    ///
    /// # Errors
    /// [`MessengerError::Store`].
    pub async fn address(&self, profile: ProfileId) -> Result<Option<AddressView>> {
        self.ask(move |turn| turn.address(profile)).await
    }

    /// Makes a contact address on so many of the profile's servers.
    ///
    /// # Errors
    /// [`MessengerError::Servers`]; [`MessengerError::NotNow`] if there is one.
    pub async fn add_address(&self, profile: ProfileId, redundancy: u8) -> Result<()> {
        self.ask(move |turn| turn.add_address(profile, redundancy)).await
    }

    /// Removes the contact address: its card is good for nothing from then on.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn remove_address(&self, profile: ProfileId) -> Result<()> {
        self.ask(move |turn| turn.remove_address(profile)).await
    }

    /// Accepts a request at the contact address.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn accept_request(
        &self,
        profile: ProfileId,
        number: u64,
        accept: Accept,
    ) -> Result<ContactId> {
        self.ask(move |turn| turn.accept_request(profile, number, &accept)).await
    }

    /// Turns a request down; the stranger learns nothing.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn refuse_request(&self, profile: ProfileId, number: u64) -> Result<()> {
        self.ask(move |turn| turn.refuse_request(profile, number)).await
    }

    /// Asks the owner of a contact address: makes an invitation of one's own and leaves it there
    /// with a greeting. Its [`Event::Invitation`] tells whether the owner has accepted.
    ///
    /// # Errors
    /// [`MessengerError::Card`], [`MessengerError::Request`], those of [`invite`](Self::invite).
    pub async fn request(
        &self,
        profile: ProfileId,
        card: &str,
        greeting: &str,
        invite: Invite,
    ) -> Result<InvitationId> {
        let (card, greeting) = (card.to_owned(), greeting.to_owned());
        self.ask(move |turn| turn.request(profile, &card, &greeting, &invite)).await
    }
}

/// Contacts.
impl Messenger {
    /// The contacts of a profile, the oldest first.
    ///
    /// # Errors
    /// [`MessengerError::Store`].
    pub async fn contacts(&self, profile: ProfileId) -> Result<Vec<ContactView>> {
        self.ask(move |turn| turn.contacts(profile)).await
    }

    /// One contact.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn contact(&self, contact: ContactId) -> Result<ContactView> {
        self.ask(move |turn| turn.contact_view(contact)).await
    }

    /// Calls a contact by another name.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`], [`MessengerError::Name`].
    pub async fn rename(&self, contact: ContactId, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.ask(move |turn| turn.rename(contact, &name)).await
    }

    /// Shows nothing of a contact any more and has its servers refuse what it sends; or shows it
    /// again.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn block(&self, contact: ContactId, blocked: bool) -> Result<()> {
        self.ask(move |turn| turn.block(contact, blocked)).await
    }

    /// Removes a contact with its history; the connections are deleted on their servers.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn remove_contact(&self, contact: ContactId) -> Result<()> {
        self.ask(move |turn| turn.remove_contact(contact)).await
    }

    /// What both people compare; `None` while the session has not begun.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn safety_number(&self, contact: ContactId) -> Result<Option<SafetyView>> {
        self.ask(move |turn| turn.safety_number(contact)).await
    }

    /// Remembers that the safety numbers were compared and are the same, or that they no longer
    /// count.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn verify(&self, contact: ContactId, same: bool) -> Result<()> {
        self.ask(move |turn| turn.verify(contact, same)).await
    }

    /// Changes the keys of every connection with a contact.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`]; [`MessengerError::NotNow`] while a change is not confirmed.
    pub async fn rotate(&self, contact: ContactId) -> Result<()> {
        self.ask(move |turn| turn.rotate(contact)).await
    }

    /// Says that the session with a contact is lost for good: the standby invitation that they
    /// gave is claimed, and [`Event::Renewed`] tells when the new session has taken its place.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`]; [`MessengerError::NotNow`] without a standby, or while it is
    /// claimed.
    pub async fn renew(&self, contact: ContactId) -> Result<()> {
        self.ask(move |turn| turn.renew(contact)).await
    }

    /// Moves the connection at a place of what the contact sends to a server of the profile, or to
    /// `server`.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`], [`MessengerError::Servers`]; [`MessengerError::NotNow`] while
    /// another move is not answered.
    pub async fn move_connection(
        &self,
        contact: ContactId,
        place: u8,
        server: Option<Address>,
    ) -> Result<()> {
        self.ask(move |turn| turn.move_connection(contact, place, server)).await
    }
}

/// Messages.
impl Messenger {
    /// Says something to a contact. It is stored when this returns, and goes out when it can; the
    /// place in the history.
    ///
    /// # Errors
    /// [`MessengerError::Compose`], [`MessengerError::Unknown`], [`MessengerError::NotNow`] for a
    /// listener of a broadcast.
    pub async fn send(&self, contact: ContactId, say: Say) -> Result<Position> {
        self.ask(move |turn| turn.send(contact, &say)).await
    }

    /// Up to `most` messages before a position, or the newest; the newest first.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn history(
        &self,
        contact: ContactId,
        before: Option<Position>,
        most: u32,
    ) -> Result<Page> {
        self.ask(move |turn| turn.history(contact, before, most)).await
    }

    /// Messages with this text in them, in either case; at most 10,000 are looked at, and
    /// [`Page::before`] is where to look on.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn search(
        &self,
        contact: ContactId,
        text: &str,
        before: Option<Position>,
    ) -> Result<Page> {
        let text = text.to_lowercase();
        self.ask(move |turn| turn.search(contact, &text, before)).await
    }

    /// One message.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn message(&self, contact: ContactId, position: Position) -> Result<MessageView> {
        self.ask(move |turn| turn.message(contact, position)).await
    }

    /// The user has seen everything up to here. The contact is told where the profile says so.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`].
    pub async fn mark_read(&self, contact: ContactId, through: Position) -> Result<()> {
        self.ask(move |turn| turn.mark_read(contact, through)).await
    }

    /// A proof of messages of an attested session, to be shown to others: authorship, receipt and
    /// order, as the chapter message says. All of them are of one session.
    ///
    /// # Errors
    /// [`MessengerError::Proof`]; [`MessengerError::NotNow`] in a deniable session.
    pub async fn export_proof(
        &self,
        contact: ContactId,
        messages: Vec<Position>,
    ) -> Result<Vec<u8>> {
        self.ask(move |turn| turn.export_proof(contact, &messages)).await
    }
}
