//! A client made of the suite's own person: the suite against itself. It shows that every case can
//! be passed by words of the specification alone, and, with a flaw, that the cases bite.
//!
//! It moves nothing, makes nothing anew that a server has lost, and has one link a connection. What
//! it keeps over its end is kept by this process, under the name of its folder.

mod contact;
mod kept;

use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{
    self as driver, ClientReady, ClientStart, Command, DriverError, Outcome, content, ok, outcome,
};
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::frame::Class;
use edgewise_spec::message::{self, Content};
use edgewise_spec::scatter::{Shape, Tally};
use edgewise_spec::session::{Mode, Purpose};
use edgewise_spec::suite::hash;

use self::contact::Contact;
use self::kept::Kept;
use super::{Driving, Embedded, Started};
use crate::peer::Trace;
use crate::peer::person::{Claimed, Door, Heard, Person, SceneClock, Surroundings, Terms};
use crate::verdict::Stop;

/// Between two attempts to make a new link.
const TRY_AGAIN: Duration = Duration::from_millis(20);

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
    /// It says that a text is stored for sending, and has it in memory alone until its next turn.
    Forgets,
    /// It shows what it shows already when a part of it comes again.
    ShowsAgain,
    /// It takes the oldest change of a message for the newest.
    EditsBackwards,
    /// It says that everything is done, whatever it is asked for.
    Agrees,
    /// It says that it is of the next revision.
    Ahead,
    /// Nothing, and it speaks no k > 1.
    Single,
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
        Flaw::Forgets,
        Flaw::ShowsAgain,
        Flaw::EditsBackwards,
        Flaw::Agrees,
        Flaw::Ahead,
        Flaw::Single,
    ];
    let flaw = flaws.into_iter().find(|flaw| *flaw as u8 == FLAW).unwrap_or(Flaw::None);
    Box::pin(async move {
        let kept = kept::take(&start.folder).unwrap_or_else(|| Kept {
            seed: hash(&[&start.seed]),
            contacts: Vec::new(),
            events: Vec::new(),
        });
        // Time is what the suite says it is.
        let clock = SceneClock::default();
        let mut own = Own { kept, flaw, clock, folder: start.folder, waiting: Vec::new() };
        own.wake();
        let mut ready = ready(flaw);
        ready.spec_revision += u32::from(flaw == Flaw::Ahead);
        Ok((Box::new(own) as Box<dyn Embedded>, ready))
    })
}

fn ready(flaw: Flaw) -> ClientReady {
    let mut capabilities = vec!["clock", "folder", "attested"];
    capabilities.extend(speaks_scatter(flaw).then_some("scatter"));
    ClientReady {
        implementation: "edgewise-conformance's own client".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        capabilities: capabilities.into_iter().map(str::to_owned).collect(),
        spec_revision: SPEC_REVISION,
    }
}

/// Whether it says that it speaks k > 1.
const fn speaks_scatter(flaw: Flaw) -> bool {
    !matches!(flaw, Flaw::Agrees | Flaw::Single)
}

/// The row of the table that is asked for (SCATTER-1).
fn shape_of(asked: &driver::CreateInvitation) -> Result<Shape, Refused> {
    let class = Class::ALL.into_iter().find(|class| class.number() == asked.link_class);
    let (k, n) = (u8::try_from(asked.k), u8::try_from(asked.servers.len()));
    let shape = class.zip(k.ok()).zip(n.ok());
    shape
        .and_then(|((class, k), n)| Shape::new(class, k, n).ok())
        .ok_or_else(|| reject(driver::RejectReason::Other, "no row of the table"))
}

struct Own {
    kept: Kept,
    flaw: Flaw,
    clock: SceneClock,
    folder: String,
    /// What was to be said and is not stored.
    waiting: Vec<driver::SendMessage>,
}

impl Drop for Own {
    fn drop(&mut self) {
        kept::keep(&self.folder, std::mem::take(&mut self.kept));
    }
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
                None if self.flaw == Flaw::Agrees => Ok(ok::Kind::Done(driver::Done {})),
                None => Err(unsupported(&"a command of no known kind")),
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
            Kind::Info(_) => Ok(ok::Kind::Ready(ready(self.flaw))),
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
                let safety = driver::SafetyNumber { number, ..driver::SafetyNumber::default() };
                Ok(ok::Kind::SafetyNumber(safety))
            }
            Kind::GetHistory(asked) => {
                let entries = self.contact(&asked.contact)?.entries.clone();
                Ok(ok::Kind::History(driver::History { entries }))
            }
            Kind::GetBlame(asked) => {
                let contact = self.contact(&asked.contact)?;
                let tallies = contact.person.as_ref().map(Person::tallies).unwrap_or_default();
                let blame = |(server, Tally { bad, stray, wrong }): (String, Tally)| {
                    driver::Blame { server, bad, stray, wrong }
                };
                let servers = tallies.into_iter().map(blame).collect();
                Ok(ok::Kind::Blamed(driver::Blamed { servers }))
            }
            _ if self.flaw == Flaw::Agrees => Ok(ok::Kind::Done(driver::Done {})),
            other => Err(unsupported(&other)),
        }
    }

    fn contact(&mut self, handle: &[u8]) -> Result<&mut Contact, Refused> {
        let place = handle.first().map(|byte| usize::from(*byte));
        place
            .and_then(|place| self.kept.contacts.get_mut(place))
            .ok_or_else(|| reject(driver::RejectReason::Unknown, "no such contact"))
    }

    fn handle(&self) -> Bytes {
        Bytes::copy_from_slice(&[u8::try_from(self.kept.contacts.len()).unwrap_or(u8::MAX)])
    }

    fn fresh_seed(&mut self) -> [u8; 32] {
        self.kept.seed = hash(&[&self.kept.seed]);
        self.kept.seed
    }

    fn around(&self, addresses: &[edgewise_spec::link::Address]) -> Result<Surroundings, Stop> {
        let doors = addresses.iter().map(Door::at).collect::<Result<_, _>>()?;
        Ok(Surroundings { doors, clock: self.clock.clone(), trace: Trace::default() })
    }

    async fn invite(&mut self, asked: &driver::CreateInvitation) -> Answer {
        if asked.k > 1 && !speaks_scatter(self.flaw) {
            return match self.flaw {
                Flaw::Agrees => Ok(ok::Kind::Done(driver::Done {})),
                _ => Err(unsupported(&"k = 1 alone")),
            };
        }
        let shape = shape_of(asked)?;
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
            class: shape.class(),
            k: shape.k(),
        };
        let around = self.around(&addresses).map_err(|stop| fault(&stop))?;
        let seed = self.fresh_seed();
        let (mut person, card) =
            Person::invite(around, seed, &terms).await.map_err(|stop| fault(&stop))?;
        person.forgives = true;
        let handle = self.handle();
        self.kept.contacts.push(Contact::new(person, mode));
        Ok(ok::Kind::Invited(driver::Invited { invitation: handle, card }))
    }

    async fn accept(&mut self, asked: &driver::AcceptInvitation) -> Answer {
        if edgewise_spec::invitation::Card::parse(&asked.card).is_err() {
            return Err(reject(driver::RejectReason::Card, "not a card"));
        }
        let around = self.around(&[]).map_err(|stop| fault(&stop))?;
        let seed = self.fresh_seed();
        let handle = self.handle();
        let claimed = Claimed::claim(around, seed, &asked.card).await.and_then(|claimed| {
            let spoken = claimed.bundle.shape().k() == 1 || self.flaw != Flaw::Single;
            if spoken { Ok(claimed) } else { Err(Stop::fail("a bundle of k = 1", "of k > 1")) }
        });
        let accepted = match claimed {
            Ok(claimed) => claimed.greet().await,
            Err(stop) => Err(stop),
        };
        match accepted {
            Ok((mut person, _)) => {
                person.forgives = true;
                let mode = person.layout().mode();
                self.kept.contacts.push(Contact::new(person, mode));
            }
            Err(stop) => {
                // The person of the suite says what it saw, the user of a client is told why.
                let text = format!("{stop:?}");
                let reason = if text.contains("CONFLICT") {
                    driver::AbandonReason::Conflict
                } else if text.contains("good until") {
                    driver::AbandonReason::Expired
                } else if text.contains("a bundle that the card opens") || text.contains("k > 1") {
                    driver::AbandonReason::Bundle
                } else {
                    driver::AbandonReason::Other
                };
                self.kept.contacts.push(Contact::gone());
                self.kept.events.push(Event::InvitationAbandoned(driver::InvitationAbandoned {
                    handle: handle.clone(),
                    reason: reason.into(),
                    message: text,
                }));
            }
        }
        Ok(ok::Kind::Accepted(driver::Accepted { contact: handle }))
    }

    /// What was started again has no links, and another clock.
    fn wake(&mut self) {
        for contact in &mut self.kept.contacts {
            contact.cut_off = true;
            if let Some(person) = &mut contact.person {
                person.set_clock(self.clock.clone());
            }
        }
    }

    async fn send(&mut self, asked: driver::SendMessage) -> Answer {
        if self.flaw == Flaw::Forgets
            && matches!(
                asked.content.as_ref().and_then(|content| content.kind.as_ref()),
                Some(content::Kind::Text(_))
            )
        {
            let waiting = self.waiting.len() + 1;
            let contact = self.contact(&asked.contact)?;
            let id = contact::handle_of(contact.len() + waiting - 1);
            self.waiting.push(asked);
            return Ok(ok::Kind::Sent(driver::Sent { id, number: 0 }));
        }
        self.say_waiting().await?;
        self.say(asked).await
    }

    async fn say_waiting(&mut self) -> Result<(), Refused> {
        for asked in std::mem::take(&mut self.waiting) {
            self.say(asked).await?;
        }
        Ok(())
    }

    async fn say(&mut self, asked: driver::SendMessage) -> Answer {
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
            for (place, part) in cell.parts.iter().enumerate() {
                person.post_surely(place, part.clone()).await.map_err(|stop| fault(&stop))?;
            }
        }
        let (id, number) = (composed.id, composed.id.number());
        let id = contact.said(id, &content, composed.header.time, asked.content);
        Ok(ok::Kind::Sent(driver::Sent { id, number }))
    }

    async fn next(&mut self, wait_ms: u32) -> Answer {
        let end = Instant::now() + Duration::from_millis(wait_ms.into());
        self.say_waiting().await?;
        loop {
            if !self.kept.events.is_empty() {
                let kind = Some(self.kept.events.remove(0));
                return Ok(ok::Kind::Event(driver::Event { kind }));
            }
            for place in 0..self.kept.contacts.len() {
                self.hear(place).await.map_err(|stop| fault(&stop))?;
            }
            if Instant::now() >= end && self.kept.events.is_empty() {
                return Ok(ok::Kind::Event(driver::Event { kind: None }));
            }
            if self.kept.contacts.is_empty() {
                tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
            }
        }
    }

    async fn hear(&mut self, place: usize) -> Result<(), Stop> {
        let flaw = self.flaw;
        let handle = Bytes::copy_from_slice(&[u8::try_from(place).unwrap_or(u8::MAX)]);
        let Some(contact) = self.kept.contacts.get_mut(place) else { return Ok(()) };
        let Some(person) = &mut contact.person else { return Ok(()) };
        if contact.cut_off && person.relink().await.is_err() {
            tokio::time::sleep(TRY_AGAIN).await;
            return Ok(());
        }
        contact.cut_off = false;
        let Ok(heard) = person.listen(Duration::from_millis(3)).await else {
            contact.cut_off = true;
            return Ok(());
        };
        match heard {
            Some(Heard::Cell { events, .. }) => {
                if !contact.ready {
                    contact.ready = true;
                    let inviter = person.direction() == message::Direction::FromInviter;
                    if inviter && flaw != Flaw::Silent && !person.is_mute() {
                        person.answer().await?;
                    }
                    self.kept.events.push(Event::ContactReady(driver::ContactReady {
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
                        self.kept.events.push(Event::Shown(driver::Shown { contact, entry }));
                    }
                }
            }
            Some(Heard::Repeated { .. }) if flaw == Flaw::ShowsAgain => {
                if let Some(entry) = contact.entries.iter().rev().find(|entry| !entry.own).cloned()
                {
                    contact.entries.push(entry.clone());
                    contact.ids.extend(contact.ids.last().copied());
                    let entry = Some(entry);
                    let shown = driver::Shown { contact: handle, entry };
                    self.kept.events.push(Event::Shown(shown));
                }
            }
            Some(Heard::Notice(notice)) if notice.conflict && !contact.ready => {
                contact.person = None;
                self.kept.events.push(Event::InvitationAbandoned(driver::InvitationAbandoned {
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
