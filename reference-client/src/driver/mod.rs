//! The client as a client under test: `driver.proto`'s commands as calls of a [`Messenger`].
//!
//! One driver is one person with one profile, whose store lies in the folder that the suite names.

mod address;
mod folder;
mod handle;
mod listen;
mod once;
mod renew;
mod serve;
mod show;

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Told;
use edgewise_proto::conformance::v1::{
    self as wire, ClientReady, ClientStart, Command, Outcome, RejectReason, content, ok, outcome,
};
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::frame::Class;
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;
use tokio::time::{Instant, timeout_at};

use self::handle::{
    contact, contact_handle, invitation, invitation_handle, message_handle, position, request,
    request_handle,
};
pub use self::listen::listen;
use self::once::Once;
pub use self::serve::serve;
use crate::messenger::{
    Accept, Event, Events, InvitationStep, Invite, Messenger, MessengerError, Options, Reach, Say,
};
use crate::store::{ContactId, Direction, InvitationId, ProfileId};
use crate::{Address, ClientOptions, Clock};

/// How long an invitation is waited for before it is told later.
const CARD_WITHIN: Duration = Duration::from_secs(10);
/// The newest messages of a history that are shown.
const HISTORY_MAX: u32 = 10_000;

/// A client under test. Dropping it ends it as a crash does.
#[derive(Debug)]
pub struct Driver {
    messenger: Messenger,
    events: Events,
    profile: ProfileId,
    clock: Clock,
    waiting: VecDeque<Told>,
    once: Once,
    /// Contacts of which it is not told yet that they are ready.
    joining: HashSet<ContactId>,
    /// The folder, where the suite has named none.
    own_folder: Option<PathBuf>,
}

/// What is answered instead of what was asked for.
type Refused = Box<outcome::Kind>;

type Answer = Result<ok::Kind, Refused>;

fn reject(code: RejectReason, message: impl ToString) -> Refused {
    let reject = wire::Reject { code: code.into(), message: message.to_string() };
    Box::new(outcome::Kind::Reject(reject))
}

fn unsupported(message: &str) -> Refused {
    let message = message.to_owned();
    Box::new(outcome::Kind::Unsupported(wire::Unsupported { message }))
}

fn refused(error: &MessengerError) -> Refused {
    let code = match error {
        MessengerError::Unknown(_) => RejectReason::Unknown,
        MessengerError::Card(_) => RejectReason::Card,
        MessengerError::Compose(_) | MessengerError::Name(_) | MessengerError::Request(_) => {
            RejectReason::Content
        }
        MessengerError::Servers { .. } => RejectReason::Server,
        MessengerError::Proof(_) => RejectReason::Proof,
        MessengerError::NotNow(text) if text.contains("listen") => RejectReason::Listener,
        MessengerError::NotNow(_) | MessengerError::Closed => RejectReason::State,
        _ => RejectReason::Other,
    };
    reject(code, error)
}

fn done() -> Answer {
    Ok(ok::Kind::Done(wire::Done {}))
}

fn options(clock: &Clock) -> Options {
    let client = ClientOptions {
        clock: clock.clone(),
        reconnect_first: Duration::from_millis(20),
        reconnect_max: Duration::from_millis(200),
        ..ClientOptions::default()
    };
    Options { client, offline: false }
}

/// What the client says of itself.
#[must_use]
pub fn ready() -> ClientReady {
    let capabilities =
        ["clock", "folder", "attested", "address", "receipts", "move", "standby", "scatter"];
    ClientReady {
        implementation: "edgewise-client".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        capabilities: capabilities.map(str::to_owned).to_vec(),
        spec_revision: SPEC_REVISION,
    }
}

impl Driver {
    /// Starts a client, or goes on from what stands in the folder.
    ///
    /// Called within a tokio runtime.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub async fn start(start: &ClientStart) -> Result<(Self, ClientReady), String> {
        if start.spec_revision != SPEC_REVISION {
            let asked = start.spec_revision;
            return Err(format!("the suite judges revision {asked}, this is {SPEC_REVISION}"));
        }
        let words = |error: &dyn core::fmt::Display| error.to_string();
        let own_folder = start.folder.is_empty().then(folder::fresh);
        let folder = own_folder.clone().unwrap_or_else(|| PathBuf::from(&start.folder));
        std::fs::create_dir_all(&folder).map_err(|error| words(&error))?;
        let path = folder.join("client.db");
        let store = folder::open(&path).await.map_err(|error| words(&error))?;
        let clock = Clock::default();
        let opened = Messenger::open(store, options(&clock)).await;
        let (messenger, events) = opened.map_err(|error| words(&error))?;
        let profiles = messenger.profiles().await.map_err(|error| words(&error))?;
        let profile = match profiles.first() {
            Some(profile) => profile.id,
            None => messenger.add_profile("Client").await.map_err(|error| words(&error))?,
        };
        let (mut joining, mut once) = (HashSet::new(), Once::default());
        for contact in messenger.contacts(profile).await.map_err(|error| words(&error))? {
            if contact.reach != Reach::Ready {
                joining.insert(contact.id);
            }
            let page = messenger.history(contact.id, None, HISTORY_MAX).await;
            for message in page.map_err(|error| words(&error))?.messages {
                once.know(&contact_handle(contact.id), &message);
            }
        }
        let waiting = VecDeque::new();
        let driver = Self { messenger, events, profile, clock, waiting, once, joining, own_folder };
        Ok((driver, ready()))
    }

    /// Does one thing.
    pub async fn drive(&mut self, order: Command) -> Outcome {
        let answer = match order.kind {
            Some(kind) => self.act(kind).await,
            None => Err(unsupported("a command of no known kind")),
        };
        let kind = match answer {
            Ok(kind) => outcome::Kind::Ok(wire::Ok { kind: Some(kind) }),
            Err(kind) => *kind,
        };
        Outcome { kind: Some(kind) }
    }

    async fn act(&mut self, kind: Kind) -> Answer {
        match kind {
            Kind::Info(_) => Ok(ok::Kind::Ready(ready())),
            Kind::Reset(reset) => self.reset(reset.start.unwrap_or_default()).await,
            Kind::Clock(clock) => self.advance(clock.seconds).await,
            Kind::Close(_) => {
                let messenger = self.messenger.clone();
                messenger.close().await.map_err(|error| refused(&error))?;
                done()
            }
            Kind::CreateInvitation(asked) => self.invite(asked).await,
            Kind::AcceptInvitation(asked) => self.accept(asked).await,
            Kind::Withdraw(asked) => self.withdraw(&asked.handle).await,
            Kind::SendMessage(asked) => self.send(asked).await,
            Kind::CreateAddress(asked) => self.create_address(asked).await,
            Kind::AcceptRequest(asked) => self.accept_request(&asked.request).await,
            Kind::AskAtAddress(asked) => self.ask(asked).await,
            Kind::NextEvent(asked) => self.next(Duration::from_millis(asked.wait_ms.into())).await,
            other => self.act_on_contact(other).await,
        }
    }

    async fn act_on_contact(&mut self, kind: Kind) -> Answer {
        match kind {
            Kind::GetSafetyNumber(asked) => self.safety(contact(&asked.contact)?).await,
            Kind::GetHistory(asked) => self.history(contact(&asked.contact)?).await,
            Kind::GetBlame(asked) => self.blame(contact(&asked.contact)?).await,
            Kind::RepeatExchange(asked) => self.repeat(&asked).await,
            Kind::Renew(asked) => self.renew(&asked).await,
            Kind::MarkCompared(asked) => self.compare(&asked).await,
            Kind::MoveConnection(asked) => {
                let server = address(&asked.server)?;
                let place = u8::try_from(asked.place)
                    .map_err(|_| reject(RejectReason::Unknown, "no such place"))?;
                let moved =
                    self.messenger.move_connection(contact(&asked.contact)?, place, Some(server));
                moved.await.map_err(|error| refused(&error))?;
                done()
            }
            Kind::RotateKeys(asked) => {
                let rotated = self.messenger.rotate(contact(&asked.contact)?).await;
                rotated.map_err(|error| refused(&error))?;
                done()
            }
            Kind::SetReceipts(asked) => {
                let profiles = self.messenger.profiles().await.map_err(|error| refused(&error))?;
                let mut profile = profiles
                    .into_iter()
                    .find(|profile| profile.id == self.profile)
                    .ok_or_else(|| reject(RejectReason::Unknown, "no profile"))?;
                profile.delivery_receipts = asked.delivered;
                profile.read_receipts = asked.read;
                self.messenger.set_profile(profile).await.map_err(|error| refused(&error))?;
                done()
            }
            Kind::MarkRead(asked) => {
                let (contact, through) = (contact(&asked.contact)?, position(&asked.id)?);
                let read = self.messenger.mark_read(contact, through).await;
                read.map_err(|error| refused(&error))?;
                done()
            }
            Kind::ExportProof(asked) => {
                let messages: Result<_, _> = asked.ids.iter().map(|id| position(id)).collect();
                let proof = self.messenger.export_proof(contact(&asked.contact)?, messages?).await;
                let bytes = proof.map_err(|error| refused(&error))?.into();
                Ok(ok::Kind::Exported(wire::Exported { bytes }))
            }
            Kind::ListContacts(_) => {
                let contacts = self.messenger.contacts(self.profile).await;
                let contacts = contacts.map_err(|error| refused(&error))?;
                let contacts = contacts.iter().map(|it| contact_handle(it.id)).collect();
                Ok(ok::Kind::Contacts(wire::Contacts { contacts }))
            }
            _ => Err(unsupported("the reference client cannot be told to do this")),
        }
    }

    async fn reset(&mut self, start: ClientStart) -> Answer {
        // It may begin on the folder that it stands on.
        let _ = self.messenger.clone().close().await;
        let (next, ready) = Self::start(&start)
            .await
            .map_err(|message| wire::DriverError { message })
            .map_err(|error| Box::new(outcome::Kind::DriverError(error)))?;
        *self = next;
        Ok(ok::Kind::Ready(ready))
    }

    async fn advance(&mut self, seconds: u64) -> Answer {
        self.clock.advance_millis(seconds.saturating_mul(1_000));
        // Whatever is asked makes the engine look at the time once it has answered: after the
        // second answer what became due has been begun.
        for _ in 0..2 {
            self.messenger.profiles().await.map_err(|error| refused(&error))?;
        }
        done()
    }

    async fn invite(&mut self, asked: wire::CreateInvitation) -> Answer {
        let shape = shape(&asked)?;
        self.call(&asked.name).await?;
        let servers: Result<_, _> = asked.servers.iter().map(|text| address(text)).collect();
        let invite = Invite {
            mode: match asked.mode() {
                wire::SessionMode::Attested => Mode::Attested,
                _ => Mode::Deniable,
            },
            shape,
            servers: servers?,
            hours: match asked.good_hours {
                0 => Invite::default().hours,
                hours => hours,
            },
            ..Invite::default()
        };
        self.hand_on(invite, !asked.shown).await
    }

    /// Makes an invitation, and waits for its card as long as it may.
    async fn hand_on(&mut self, invite: Invite, sent: bool) -> Answer {
        let made = self.messenger.invite(self.profile, invite).await;
        let id = made.map_err(|error| refused(&error))?;
        let end = Instant::now() + CARD_WITHIN;
        while let Ok(Some(event)) = timeout_at(end, self.events.next()).await {
            let is_ready = matches!(
                &event,
                Event::Invitation { invitation, step: InvitationStep::Ready } if *invitation == id
            );
            if is_ready {
                let card = self.messenger.card(id, sent).await.map_err(|error| refused(&error))?;
                let invitation = invitation_handle(id);
                return Ok(ok::Kind::Invited(wire::Invited { invitation, card }));
            }
            self.take(event).await;
        }
        let invitation = invitation_handle(id);
        Ok(ok::Kind::Invited(wire::Invited { invitation, card: String::new() }))
    }

    async fn accept(&mut self, asked: wire::AcceptInvitation) -> Answer {
        self.call(&asked.name).await?;
        let again = match &asked.contact {
            known if known.is_empty() => None,
            known => Some(contact(known)?),
        };
        let accept = Accept { scanned: asked.scanned, contact: again, ..Accept::default() };
        let accepted = self.messenger.accept(self.profile, &asked.card, accept).await;
        let id = accepted.map_err(|error| refused(&error))?;
        if again.is_none() {
            self.joining.insert(id);
        }
        Ok(ok::Kind::Accepted(wire::Accepted { contact: contact_handle(id) }))
    }

    /// The name by which the other is to call this person.
    async fn call(&mut self, name: &str) -> Result<(), Refused> {
        let profiles = self.messenger.profiles().await.map_err(|error| refused(&error))?;
        let profile = profiles.into_iter().find(|profile| profile.id == self.profile);
        if let Some(mut profile) = profile.filter(|it| !name.is_empty() && it.name != name) {
            name.clone_into(&mut profile.name);
            self.messenger.set_profile(profile).await.map_err(|error| refused(&error))?;
        }
        Ok(())
    }

    async fn withdraw(&mut self, handle: &[u8]) -> Answer {
        if let Ok(request) = request(handle) {
            return self.refuse_request(request).await;
        }
        let withdrawn = match contact(handle) {
            Ok(contact) => self.messenger.remove_contact(contact).await,
            Err(_) => self.messenger.withdraw(invitation(handle)?).await,
        };
        withdrawn.map_err(|error| refused(&error))?;
        done()
    }

    async fn send(&mut self, asked: wire::SendMessage) -> Answer {
        let kind = asked.content.and_then(|content| content.kind);
        let kind = kind.ok_or_else(|| reject(RejectReason::Content, "nothing to say"))?;
        let say = say(kind)?;
        let sent = self.messenger.send(contact(&asked.contact)?, say).await;
        let at = sent.map_err(|error| refused(&error))?;
        Ok(ok::Kind::Sent(wire::Sent { id: message_handle(at), number: 0 }))
    }

    async fn history(&mut self, contact: ContactId) -> Answer {
        let page = self.messenger.history(contact, None, HISTORY_MAX).await;
        let page = page.map_err(|error| refused(&error))?;
        let entries = page.messages.iter().rev().filter_map(show::entry).collect();
        Ok(ok::Kind::History(wire::History { entries }))
    }

    async fn blame(&mut self, contact: ContactId) -> Answer {
        let view = self.messenger.contact(contact).await.map_err(|error| refused(&error))?;
        let received = view.connections.iter().filter(|it| it.direction == Direction::Received);
        let servers = received.map(|it| wire::Blame {
            server: it.server.to_string(),
            bad: it.bad,
            stray: it.stray,
            wrong: it.wrong,
        });
        Ok(ok::Kind::Blamed(wire::Blamed { servers: servers.collect() }))
    }

    async fn next(&mut self, wait: Duration) -> Answer {
        let end = Instant::now() + wait;
        while self.waiting.is_empty() {
            match timeout_at(end, self.events.next()).await {
                Ok(Some(event)) => self.take(event).await,
                Ok(None) => return Err(reject(RejectReason::State, "the client is closed")),
                Err(_) => break,
            }
        }
        let kind = self.waiting.pop_front();
        Ok(ok::Kind::Event(wire::Event { kind }))
    }

    fn tell(&mut self, all: Vec<Told>) {
        let once = &mut self.once;
        self.waiting.extend(all.into_iter().filter(|told| once.is_new(told)));
    }

    /// Keeps what an event tells, in the suite's words.
    async fn take(&mut self, event: Event) {
        match event {
            Event::Message { contact, message } => {
                // Told as often as it is shown: a driver that hides a repetition hides a fault.
                let contact = contact_handle(contact);
                self.once.know(&contact, &message);
                self.waiting.extend(show::message(contact, &message));
            }
            Event::Changed { contact, position } => {
                if let Ok(message) = self.messenger.message(contact, position).await {
                    self.tell(show::changed(contact_handle(contact), &message));
                }
            }
            Event::Contact(id) => self.look_at(id, None).await,
            Event::ContactRemoved(_) => {}
            Event::Invitation { invitation, step } => self.went_on(invitation, step).await,
            Event::AcceptFailed { contact, why, .. } => {
                self.joining.remove(&contact);
                self.waiting.push_back(show::abandoned(contact_handle(contact), why));
            }
            Event::Server { server, text } => {
                self.waiting.push_back(show::server_fault(server.to_string(), text));
            }
            Event::Trouble(message) => {
                let contact = Bytes::new();
                self.waiting.push_back(Told::Problem(wire::Problem { contact, message }));
            }
            Event::Request { request, .. } => {
                let greeting = request.greeting.clone();
                let request = request_handle(request.number);
                self.waiting
                    .push_back(Told::AddressRequest(wire::AddressRequest { request, greeting }));
            }
            Event::Renewed(contact) => {
                let contact = contact_handle(contact);
                self.waiting.push_back(Told::Renewed(wire::Renewed { contact }));
            }
        }
    }

    async fn went_on(&mut self, id: InvitationId, step: InvitationStep) {
        let invitation = invitation_handle(id);
        match step {
            InvitationStep::Ready => {
                if let Ok(card) = self.messenger.card(id, true).await {
                    let made = wire::Invited { invitation, card };
                    self.waiting.push_back(Told::InvitationMade(made));
                }
            }
            InvitationStep::Claimed => {
                let claimed = wire::InvitationClaimed { invitation };
                self.waiting.push_back(Told::InvitationClaimed(claimed));
            }
            InvitationStep::Accepted(contact) => {
                self.joining.insert(contact);
                self.look_at(contact, Some(invitation)).await;
            }
            InvitationStep::Abandoned(why) => {
                self.waiting.push_back(show::abandoned(invitation, why));
            }
        }
    }

    /// Tells once that a contact is ready.
    async fn look_at(&mut self, id: ContactId, invitation: Option<Bytes>) {
        if !self.joining.contains(&id) {
            return;
        }
        let Ok(view) = self.messenger.contact(id).await else { return };
        if view.reach != Reach::Ready {
            return;
        }
        self.joining.remove(&id);
        let invitation = invitation.unwrap_or_default();
        self.waiting.push_back(show::contact_ready(contact_handle(id), invitation, &view));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(folder) = self.own_folder.take() {
            // Nobody asked for it to stay.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn address(text: &str) -> Result<Address, Refused> {
    text.parse().map_err(|error| reject(RejectReason::Server, error))
}

/// The row of the table that is asked for; n is the number of the servers.
fn shape(asked: &wire::CreateInvitation) -> Result<Shape, Refused> {
    let other = |why: &str| reject(RejectReason::Other, why);
    let class = Class::try_from(asked.link_class).map_err(|_| other("no such class"))?;
    if class == Class::Large {
        return Err(unsupported("sessions over large links"));
    }
    let k = u8::try_from(asked.k).map_err(|_| other("no such k"))?;
    let n = u8::try_from(asked.servers.len()).map_err(|_| other("too many servers"))?;
    Shape::new(class, k, n).map_err(|error| reject(RejectReason::Other, error))
}

fn say(kind: content::Kind) -> Result<Say, Refused> {
    Ok(match kind {
        content::Kind::Text(text) => Say::Text(text),
        content::Kind::Reply(it) => Say::Reply { to: position(&it.id)?, text: it.text },
        content::Kind::Edit(it) => Say::Edit { of: position(&it.id)?, text: it.text },
        content::Kind::Delete(it) => Say::Delete { of: position(&it.id)? },
        content::Kind::Reaction(it) => {
            Say::Reaction { to: position(&it.id)?, with: it.with, given: it.given }
        }
        content::Kind::Introduction(it) => Say::Introduction { name: it.name, card: it.card },
        content::Kind::Broadcast(it) => match it.operation() {
            wire::BroadcastOperation::Open => Say::OpenBroadcast(it.name),
            wire::BroadcastOperation::Close => Say::CloseBroadcast,
            wire::BroadcastOperation::Pause => Say::PauseBroadcast(true),
            wire::BroadcastOperation::Resume => Say::PauseBroadcast(false),
            wire::BroadcastOperation::Unspecified => {
                return Err(reject(RejectReason::Content, "no operation"));
            }
        },
        content::Kind::Custom(it) => Say::Custom { name: it.name, bytes: it.bytes.to_vec() },
        content::Kind::Profile(_) | content::Kind::Unknown(_) => {
            return Err(unsupported("a user cannot say this"));
        }
    })
}
