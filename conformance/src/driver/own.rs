//! A client made of the suite's own person: the suite against itself. It shows that every case can
//! be passed by words of the specification alone, and, with a flaw, that the cases bite.
//!
//! It keeps nothing over its end, moves nothing, and has one link a connection.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{
    self as driver, ClientReady, ClientStart, Command, DriverError, Outcome, content, ok, outcome,
};
use edgewise_spec::message::{self, Content, Link, Message, MessageId, Reference, Whose};
use edgewise_spec::session::{Mode, Purpose};
use edgewise_spec::suite::hash;

use super::{Driving, Embedded, Started};
use crate::peer::Trace;
use crate::peer::person::{Door, Heard, Person, SceneClock, Surroundings, Terms};
use crate::verdict::Stop;

/// What the suite's own client does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It seals every text twice under one s.
    SealsTwice,
    /// It hands a text in as it is.
    Clear,
    /// It does not answer a hello.
    Silent,
    /// It shows a message again that came before.
    Repeats,
    /// It does not tell of missing messages.
    NoGaps,
    /// It takes the edit of a message that is not the other's.
    Meddles,
}

/// Starts the suite's own client, with the flaw of this number.
pub fn start<const FLAW: u8>(
    start: ClientStart,
) -> std::pin::Pin<Box<dyn Future<Output = Started> + Send>> {
    let flaws = [
        Flaw::None,
        Flaw::SealsTwice,
        Flaw::Clear,
        Flaw::Silent,
        Flaw::Repeats,
        Flaw::NoGaps,
        Flaw::Meddles,
    ];
    let flaw = flaws.into_iter().find(|flaw| *flaw as u8 == FLAW).unwrap_or(Flaw::None);
    Box::pin(async move {
        let own = Own {
            seed: hash(&[&start.seed]),
            flaw,
            clock: SceneClock::default(),
            contacts: Vec::new(),
            events: Vec::new(),
        };
        Ok((Box::new(own) as Box<dyn Embedded>, ready()))
    })
}

fn ready() -> ClientReady {
    ClientReady {
        implementation: "edgewise-conformance's own client".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        capabilities: vec!["clock".to_owned(), "attested".to_owned()],
    }
}

struct Own {
    seed: [u8; 32],
    flaw: Flaw,
    clock: SceneClock,
    contacts: Vec<Contact>,
    events: Vec<Event>,
}

struct Contact {
    person: Option<Person>,
    ready: bool,
    name: String,
    mode: Mode,
    entries: Vec<driver::Entry>,
    /// Wire ids of the entries, in order.
    ids: Vec<MessageId>,
}

type Refused = Box<outcome::Kind>;

type Answer = Result<ok::Kind, Refused>;

fn reject(code: driver::RejectReason, message: &str) -> Refused {
    let reject = driver::Reject { code: code.into(), message: message.to_owned() };
    Box::new(outcome::Kind::Reject(reject))
}

fn unsupported(what: &dyn std::fmt::Debug) -> Refused {
    let message = format!("{what:?}");
    Box::new(outcome::Kind::Unsupported(driver::Unsupported { message }))
}

fn fault(stop: &Stop) -> Refused {
    Box::new(outcome::Kind::DriverError(DriverError { message: format!("{stop:?}") }))
}

impl Embedded for Own {
    fn drive(&mut self, order: Command) -> Driving<'_> {
        Box::pin(async move {
            let answer = match order.kind {
                Some(kind) => self.act(kind).await,
                None => Err(reject(driver::RejectReason::Other, "an empty command")),
            };
            let kind = match answer {
                Ok(kind) => outcome::Kind::Ok(driver::Ok { kind: Some(kind) }),
                Err(kind) => *kind,
            };
            Outcome { kind: Some(kind) }
        })
    }
}

impl Own {
    async fn act(&mut self, kind: Kind) -> Answer {
        match kind {
            Kind::Info(_) => Ok(ok::Kind::Ready(ready())),
            Kind::Clock(clock) => {
                self.clock.advance(clock.seconds);
                Ok(ok::Kind::Done(driver::Done {}))
            }
            Kind::Close(_) => Ok(ok::Kind::Done(driver::Done {})),
            Kind::CreateInvitation(asked) => self.invite(&asked).await,
            Kind::AcceptInvitation(asked) => self.accept(&asked).await,
            Kind::SendMessage(asked) => self.send(asked).await,
            Kind::NextEvent(asked) => self.next(asked.wait_ms).await,
            Kind::GetSafetyNumber(asked) => {
                let contact = self.contact(&asked.contact)?;
                let person = contact.person.as_ref();
                let number = person.and_then(Person::safety_number);
                let number = number
                    .ok_or_else(|| reject(driver::RejectReason::State, "nothing to compare yet"))?;
                Ok(ok::Kind::SafetyNumber(driver::SafetyNumber { number, steps: Vec::new() }))
            }
            Kind::GetHistory(asked) => {
                let entries = self.contact(&asked.contact)?.entries.clone();
                Ok(ok::Kind::History(driver::History { entries }))
            }
            other => Err(unsupported(&other)),
        }
    }

    fn contact(&mut self, handle: &[u8]) -> Result<&mut Contact, Refused> {
        let place = handle.first().map(|byte| usize::from(*byte));
        place
            .and_then(|place| self.contacts.get_mut(place))
            .ok_or_else(|| reject(driver::RejectReason::Unknown, "no such contact"))
    }

    fn handle(&self) -> Bytes {
        Bytes::copy_from_slice(&[u8::try_from(self.contacts.len()).unwrap_or(u8::MAX)])
    }

    fn fresh_seed(&mut self) -> [u8; 32] {
        self.seed = hash(&[&self.seed]);
        self.seed
    }

    fn around(&self, addresses: &[edgewise_spec::link::Address]) -> Result<Surroundings, Stop> {
        let doors = addresses.iter().map(Door::at).collect::<Result<_, _>>()?;
        Ok(Surroundings { doors, clock: self.clock.clone(), trace: Trace::default() })
    }

    async fn invite(&mut self, asked: &driver::CreateInvitation) -> Answer {
        let addresses: Result<Vec<_>, _> = asked.servers.iter().map(|text| text.parse()).collect();
        let addresses =
            addresses.map_err(|_| reject(driver::RejectReason::Server, "not an address"))?;
        let mode = match asked.mode() {
            driver::SessionMode::Attested => Mode::Attested,
            _ => Mode::Deniable,
        };
        let terms = Terms {
            servers: (0..addresses.len()).collect(),
            carded: usize::try_from(asked.carded.max(1)).unwrap_or(1),
            mode,
            hours: asked.good_hours,
            name: asked.name.clone(),
        };
        let around = self.around(&addresses).map_err(|stop| fault(&stop))?;
        let seed = self.fresh_seed();
        let (person, card) =
            Person::invite(around, seed, &terms).await.map_err(|stop| fault(&stop))?;
        let handle = self.handle();
        self.contacts.push(Contact::new(person, mode));
        Ok(ok::Kind::Invited(driver::Invited { invitation: handle, card }))
    }

    async fn accept(&mut self, asked: &driver::AcceptInvitation) -> Answer {
        if edgewise_spec::invitation::Card::parse(&asked.card).is_err() {
            return Err(reject(driver::RejectReason::Card, "not a card"));
        }
        let around = self.around(&[]).map_err(|stop| fault(&stop))?;
        let seed = self.fresh_seed();
        let handle = self.handle();
        match Person::accept(around, seed, &asked.card).await {
            Ok((person, _)) => {
                let mode = person.layout().mode();
                self.contacts.push(Contact::new(person, mode));
            }
            Err(stop) => {
                // The person of the suite says what it saw, the user of a client is told why.
                let text = format!("{stop:?}");
                let reason = if text.contains("CONFLICT") {
                    driver::AbandonReason::Conflict
                } else if text.contains("good until") {
                    driver::AbandonReason::Expired
                } else if text.contains("a bundle that the card opens") {
                    driver::AbandonReason::Bundle
                } else {
                    driver::AbandonReason::Other
                };
                self.contacts.push(Contact::gone());
                self.events.push(Event::InvitationAbandoned(driver::InvitationAbandoned {
                    handle: handle.clone(),
                    reason: reason.into(),
                    message: text,
                }));
            }
        }
        Ok(ok::Kind::Accepted(driver::Accepted { contact: handle }))
    }

    async fn send(&mut self, asked: driver::SendMessage) -> Answer {
        let flaw = self.flaw;
        let contact = self.contact(&asked.contact)?;
        let content = contact.content(asked.content.clone())?;
        let text = match &content {
            Content::Text(text) => text.clone(),
            _ => String::new(),
        };
        let Some(person) = &mut contact.person else {
            return Err(reject(driver::RejectReason::State, "nobody is there"));
        };
        if person.sender.is_none() {
            return Err(reject(driver::RejectReason::State, "the other has not come yet"));
        }
        let composed = person.compose(&content).map_err(|stop| fault(&stop))?;
        for body in &composed.bodies {
            let sealed = match flaw {
                Flaw::SealsTwice => {
                    let s = person.session.as_ref().map_or(0, |session| session.sealed()) + 1;
                    let junk = vec![0; person.shape().cell_len()];
                    let parts = person.forge(s, &junk).map_err(|stop| fault(&stop))?;
                    for (place, part) in parts.into_iter().enumerate() {
                        person.post(place, part).await.map_err(|stop| fault(&stop))?;
                    }
                    person.seal(Purpose::Message, body)
                }
                Flaw::Clear => {
                    let mut part = text.clone().into_bytes();
                    part.resize(person.shape().part_len(), 0);
                    person.post(0, part.into()).await.map_err(|stop| fault(&stop))?;
                    person.seal(Purpose::Message, body)
                }
                _ => person.seal(Purpose::Message, body),
            };
            let cell = sealed.map_err(|stop| fault(&stop))?;
            person.hand_in(&cell).await.map_err(|stop| fault(&stop))?;
        }
        let number = composed.id.number();
        contact.ids.push(composed.id);
        let id = contact.last();
        contact.entries.push(driver::Entry {
            own: true,
            number,
            id: id.clone(),
            time: composed.header.time,
            content: asked.content,
            marks: None,
        });
        Ok(ok::Kind::Sent(driver::Sent { id, number }))
    }

    async fn next(&mut self, wait_ms: u32) -> Answer {
        let end = Instant::now() + Duration::from_millis(wait_ms.into());
        loop {
            if !self.events.is_empty() {
                let kind = Some(self.events.remove(0));
                return Ok(ok::Kind::Event(driver::Event { kind }));
            }
            for place in 0..self.contacts.len() {
                self.hear(place).await.map_err(|stop| fault(&stop))?;
            }
            if Instant::now() >= end && self.events.is_empty() {
                return Ok(ok::Kind::Event(driver::Event { kind: None }));
            }
            if self.contacts.is_empty() {
                tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
            }
        }
    }

    async fn hear(&mut self, place: usize) -> Result<(), Stop> {
        let flaw = self.flaw;
        let handle = Bytes::copy_from_slice(&[u8::try_from(place).unwrap_or(u8::MAX)]);
        let Some(contact) = self.contacts.get_mut(place) else { return Ok(()) };
        let Some(person) = &mut contact.person else { return Ok(()) };
        let heard = person.listen(Duration::from_millis(3)).await?;
        match heard {
            Some(Heard::Cell { events, .. }) => {
                if !contact.ready {
                    contact.ready = true;
                    let inviter = person.direction() == message::Direction::FromInviter;
                    if inviter && flaw != Flaw::Silent && !person.is_mute() {
                        person.answer().await?;
                    }
                    self.events.push(Event::ContactReady(driver::ContactReady {
                        contact: handle.clone(),
                        invitation: if inviter { handle.clone() } else { Bytes::new() },
                        name: contact.name.clone(),
                        mode: crate::scene::mode(contact.mode).into(),
                        face_to_face: false,
                    }));
                }
                for event in events {
                    let shown = match event {
                        message::Event::Message(message) => contact.show(&message, flaw),
                        message::Event::Duplicate(_) if flaw == Flaw::Repeats => {
                            contact.entries.iter().rev().find(|entry| !entry.own).cloned()
                        }
                        _ => None,
                    };
                    if let Some(entry) = shown {
                        let entry = Some(entry);
                        let contact = handle.clone();
                        self.events.push(Event::Shown(driver::Shown { contact, entry }));
                    }
                }
            }
            Some(Heard::Notice(notice)) if notice.conflict && !contact.ready => {
                contact.person = None;
                self.events.push(Event::InvitationAbandoned(driver::InvitationAbandoned {
                    handle,
                    reason: driver::AbandonReason::Conflict.into(),
                    message: String::new(),
                }));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Contact {
    fn new(person: Person, mode: Mode) -> Self {
        let (entries, ids) = (Vec::new(), Vec::new());
        Self { person: Some(person), ready: false, name: String::new(), mode, entries, ids }
    }

    fn gone() -> Self {
        let (entries, ids) = (Vec::new(), Vec::new());
        let (name, mode) = (String::new(), Mode::Deniable);
        Self { person: None, ready: false, name, mode, entries, ids }
    }

    fn last(&self) -> Bytes {
        let place = u32::try_from(self.ids.len()).unwrap_or_default();
        Bytes::copy_from_slice(&place.to_be_bytes())
    }

    fn find(&self, id: MessageId) -> Option<usize> {
        self.ids.iter().position(|known| *known == id)
    }

    fn id(&self, handle: &[u8]) -> Result<(MessageId, bool), Refused> {
        let unknown = || reject(driver::RejectReason::Unknown, "no such message");
        let place = handle.try_into().map(u32::from_be_bytes).map_err(|_| unknown())?;
        let place = usize::try_from(place).unwrap_or_default().checked_sub(1);
        let place = place.ok_or_else(unknown)?;
        let (id, entry) = (self.ids.get(place), self.entries.get(place));
        Ok((*id.ok_or_else(unknown)?, entry.is_some_and(|entry| entry.own)))
    }

    fn content(&self, asked: Option<driver::Content>) -> Result<Content, Refused> {
        let kind = asked.and_then(|content| content.kind);
        let kind = kind.ok_or_else(|| reject(driver::RejectReason::Content, "nothing to say"))?;
        Ok(match kind {
            content::Kind::Text(text) => Content::Text(text),
            content::Kind::Reply(reply) => {
                let (id, own) = self.id(&reply.id)?;
                let whose = if own { Whose::Mine } else { Whose::Yours };
                Content::Reply { to: Reference { whose, id }, text: reply.text }
            }
            content::Kind::Edit(edit) => {
                Content::Edit { id: self.id(&edit.id)?.0, text: edit.text }
            }
            content::Kind::Delete(delete) => Content::Delete { id: self.id(&delete.id)?.0 },
            content::Kind::Reaction(it) => {
                let (id, own) = self.id(&it.id)?;
                let whose = if own { Whose::Mine } else { Whose::Yours };
                Content::Reaction { to: Reference { whose, id }, given: it.given, with: it.with }
            }
            content::Kind::Custom(custom) => {
                Content::Custom { name: custom.name, bytes: custom.bytes.to_vec() }
            }
            other => {
                return Err(unsupported(&other));
            }
        })
    }

    /// Takes a message into the history; what is shown of it.
    fn show(&mut self, message: &Message, flaw: Flaw) -> Option<driver::Entry> {
        let mut marks = driver::Marks::default();
        match message.link {
            Link::Gap { first, last } if flaw != Flaw::NoGaps => {
                (marks.missing_first, marks.missing_last) = (first, last);
            }
            Link::Fork { with } => (marks.fork, marks.fork_with) = (true, with),
            _ => {}
        }
        let content = match &message.content {
            Ok(Content::Hello(hello)) => {
                self.name.clone_from(&hello.name);
                return None;
            }
            Ok(Content::Receipt(_)) => return None,
            Ok(Content::Text(text)) => Some(content::Kind::Text(text.clone())),
            Ok(Content::Reply { to, text }) => {
                let place = self.find(to.id);
                marks.dangling = place.is_none();
                let id = place.map_or_else(Bytes::new, handle_of);
                let own = to.whose == Whose::Mine;
                Some(content::Kind::Reply(driver::Reply { id, own, text: text.clone() }))
            }
            Ok(Content::Edit { id, text }) => {
                return self.touch(*id, flaw, |m| m.edited.clone_from(text));
            }
            Ok(Content::Delete { id }) => return self.touch(*id, flaw, |m| m.deleted = true),
            Ok(Content::Reaction { to, given, with }) => {
                let place = self.find(to.id)?;
                let entry = self.entries.get_mut(place)?;
                let marks = entry.marks.get_or_insert_default();
                marks.reactions.retain(|known| known != with);
                if *given {
                    marks.reactions.push(with.clone());
                }
                return Some(entry.clone());
            }
            Ok(Content::Custom { name, bytes }) => Some(content::Kind::Custom(driver::Custom {
                name: name.clone(),
                bytes: Bytes::copy_from_slice(bytes),
            })),
            Ok(other) => {
                marks.unknown = matches!(other, Content::Unknown { .. });
                Some(content::Kind::Unknown(driver::Unknown {
                    r#type: other.kind().into(),
                    bytes: Bytes::copy_from_slice(&message.bytes),
                }))
            }
            Err(_) => {
                marks.unreadable = true;
                None
            }
        };
        self.ids.push(message.header.id);
        let entry = driver::Entry {
            own: false,
            number: message.header.id.number(),
            id: self.last(),
            time: message.header.time,
            content: content.map(|kind| driver::Content { kind: Some(kind) }),
            marks: Some(marks),
        };
        self.entries.push(entry.clone());
        Some(entry)
    }

    /// An edit or a delete of the other's (MESSAGE-20).
    fn touch(
        &mut self,
        id: MessageId,
        flaw: Flaw,
        change: impl FnOnce(&mut driver::Marks),
    ) -> Option<driver::Entry> {
        let place = self.find(id)?;
        let entry = self.entries.get_mut(place)?;
        if entry.own && flaw != Flaw::Meddles {
            return None;
        }
        change(entry.marks.get_or_insert_default());
        Some(entry.clone())
    }
}

fn handle_of(place: usize) -> Bytes {
    let place = u32::try_from(place + 1).unwrap_or_default();
    Bytes::copy_from_slice(&place.to_be_bytes())
}
