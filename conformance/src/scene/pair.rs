//! Two clients under test talk to one another over one server: nothing is lost, doubled or
//! reordered, and both histories come to the same.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, ClientClock, ClientStart, NextEvent, ok};
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::suite::hash;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::folder::Folder;
use super::{PATIENCE, cut, text_of};
use crate::driver::{Client, ClientSource};
use crate::verdict::{Stop, Verdict};

/// What one NextEvent waits.
const TURN_MS: u32 = 20;

/// One of the two.
struct Talker {
    name: &'static str,
    client: Client,
    events: VecDeque<Event>,
    contact: Bytes,
    said: Vec<String>,
    _folder: Folder,
}

impl Talker {
    async fn start(name: &'static str, source: &ClientSource, seed: u64) -> Result<Self, Stop> {
        let folder = Folder::make().map_err(|error| Stop::harness(error.to_string()))?;
        let start = ClientStart {
            spec_revision: SPEC_REVISION,
            clock: ClientClock::Real.into(),
            seed: Bytes::copy_from_slice(&hash(&[&seed.to_be_bytes(), name.as_bytes()])),
            folder: folder.path().to_string_lossy().into_owned(),
        };
        let client = source.start(start).await.map_err(|fault| {
            let (expected, actual) = fault.finding();
            Stop::fail(expected, format!("{name}: {actual}"))
        })?;
        let (events, contact, said) = (VecDeque::new(), Bytes::new(), Vec::new());
        Ok(Self { name, client, events, contact, said, _folder: folder })
    }

    async fn tell(&mut self, kind: Kind) -> Result<ok::Kind, Stop> {
        let name = self.name;
        let what = cut(&format!("{kind:?}"));
        match self.client.tell(kind).await {
            Ok(Ok(told)) => Ok(told),
            Ok(Err(refused)) => Err(refused.stop(&format!("{name}: {what}"))),
            Err(fault) => {
                let (expected, actual) = fault.finding();
                Err(Stop::fail(format!("{name}: {expected}"), actual))
            }
        }
    }

    /// Lets the client do what it does by itself.
    async fn turn(&mut self) -> Verdict {
        let told = self.tell(Kind::NextEvent(NextEvent { wait_ms: TURN_MS })).await?;
        if let ok::Kind::Event(driver::Event { kind: Some(kind) }) = told {
            if let Event::ContactReady(ready) = &kind {
                self.contact = ready.contact.clone();
            }
            self.events.push_back(kind);
        }
        Ok(())
    }

    async fn say(&mut self, text: String) -> Verdict {
        let kind = Some(driver::content::Kind::Text(text.clone()));
        let content = Some(driver::Content { kind });
        let contact = self.contact.clone();
        self.tell(Kind::SendMessage(driver::SendMessage { contact, content })).await?;
        self.said.push(text);
        Ok(())
    }

    /// The texts of the history that it has said, or received.
    async fn texts(&mut self, own: bool) -> Result<Vec<String>, Stop> {
        let contact = self.contact.clone();
        match self.tell(Kind::GetHistory(driver::GetHistory { contact })).await? {
            ok::Kind::History(history) => Ok(history
                .entries
                .iter()
                .filter(|entry| entry.own == own)
                .filter_map(|entry| text_of(entry).map(str::to_owned))
                .collect()),
            other => Err(Stop::fail("History", cut(&format!("{other:?}")))),
        }
    }
}

/// Has two clients meet over a server, say `count` texts in an order that follows from the seed,
/// and compares what they show.
///
/// # Errors
/// [`Stop::Fail`] where something is lost, doubled or out of order.
pub async fn converse(
    inviter: &ClientSource,
    claimer: &ClientSource,
    server: &str,
    seed: u64,
    count: usize,
) -> Verdict {
    let mut one = Talker::start("inviter", inviter, seed).await?;
    let mut other = Talker::start("claimer", claimer, seed).await?;
    meet(&mut one, &mut other, server).await?;
    let mut rng = ChaCha20Rng::from_seed(hash(&[&seed.to_be_bytes(), b"pair"]));
    for number in 0..count {
        let first = rng.next_u32().is_multiple_of(2);
        let speaker = if first { &mut one } else { &mut other };
        speaker.say(format!("text {number} of the {}", speaker.name)).await?;
        if rng.next_u32().is_multiple_of(4) {
            one.turn().await?;
            other.turn().await?;
        }
    }
    let end = Instant::now() + PATIENCE;
    loop {
        one.turn().await?;
        other.turn().await?;
        let heard = (one.texts(false).await?, other.texts(false).await?);
        if heard.0 == other.said && heard.1 == one.said {
            break;
        }
        let more = heard.0.len() > other.said.len() || heard.1.len() > one.said.len();
        if more || Instant::now() >= end {
            let expected = "each history with all that the other has said, once and in order";
            return Err(Stop::fail(expected, cut(&format!("{heard:?}"))));
        }
    }
    let own = (one.texts(true).await?, other.texts(true).await?);
    if own.0 != one.said || own.1 != other.said {
        return Err(Stop::fail("each history with what was said here", cut(&format!("{own:?}"))));
    }
    let (mine, theirs) = (safety(&mut one).await?, safety(&mut other).await?);
    if mine != theirs {
        return Err(Stop::fail(format!("the safety number {mine}"), theirs));
    }
    Ok(())
}

async fn safety(talker: &mut Talker) -> Result<String, Stop> {
    let contact = talker.contact.clone();
    match talker.tell(Kind::GetSafetyNumber(driver::GetSafetyNumber { contact })).await? {
        ok::Kind::SafetyNumber(safety) => Ok(safety.number),
        other => Err(Stop::fail("SafetyNumber", cut(&format!("{other:?}")))),
    }
}

async fn meet(one: &mut Talker, other: &mut Talker, server: &str) -> Verdict {
    let create = driver::CreateInvitation {
        servers: vec![server.to_owned()],
        mode: driver::SessionMode::Deniable.into(),
        link_class: 2,
        k: 1,
        carded: 1,
        shown: false,
        good_hours: 48,
        name: "Ann".to_owned(),
    };
    let told = one.tell(Kind::CreateInvitation(create)).await?;
    let ok::Kind::Invited(driver::Invited { card, .. }) = told else {
        return Err(Stop::fail("Invited", cut(&format!("{told:?}"))));
    };
    let mut card = card;
    let end = Instant::now() + PATIENCE;
    while card.is_empty() && Instant::now() < end {
        one.turn().await?;
        let made = one.events.iter().find_map(|event| match event {
            Event::InvitationMade(made) => Some(made.card.clone()),
            _ => None,
        });
        card = made.unwrap_or_default();
    }
    let accept = driver::AcceptInvitation { card, name: "Bob".to_owned(), ..Default::default() };
    other.tell(Kind::AcceptInvitation(accept)).await?;
    let end = Instant::now() + PATIENCE;
    while one.contact.is_empty() || other.contact.is_empty() {
        one.turn().await?;
        other.turn().await?;
        if Instant::now() >= end {
            return Err(Stop::fail("two contacts that are ready", "one is not"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
