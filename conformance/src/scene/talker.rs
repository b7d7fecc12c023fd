//! One of two clients that talk to one another: it can be killed and come back, and keeps what it
//! tells.

use std::collections::VecDeque;

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, ClientClock, ClientStart, NextEvent, ok};
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::suite::hash;

use super::cut;
use super::folder::Folder;
use crate::case::Need;
use crate::driver::{Client, ClientSource, Fault, Told};
use crate::verdict::{Stop, Verdict};

/// A client, its folder, and what it has told.
pub(crate) struct Talker {
    /// What reports call it.
    pub(crate) name: &'static str,
    /// What it has told and nobody has taken yet.
    pub(crate) events: VecDeque<Event>,
    /// The other one's handle, once it is ready.
    pub(crate) contact: Bytes,
    source: ClientSource,
    seed: u64,
    clock: ClientClock,
    client: Option<Client>,
    folder: Folder,
    needs: Vec<Need>,
}

/// What a talker may be asked for by name.
const ASKED: [Need; 4] = [Need::Folder, Need::Clock, Need::Receipts, Need::Move];

impl Talker {
    pub(crate) async fn start(
        name: &'static str,
        source: &ClientSource,
        seed: u64,
        clock: ClientClock,
    ) -> Result<Self, Stop> {
        let mut talker = Self {
            name,
            events: VecDeque::new(),
            contact: Bytes::new(),
            source: source.clone(),
            seed,
            clock,
            folder: Folder::make().map_err(|error| Stop::harness(error.to_string()))?,
            client: None,
            needs: Vec::new(),
        };
        talker.come_back(0).await?;
        Ok(talker)
    }

    /// Whether it declares this.
    pub(crate) fn has(&self, need: Need) -> bool {
        self.needs.contains(&need)
    }

    pub(crate) const fn is_here(&self) -> bool {
        self.client.is_some()
    }

    /// Kills it.
    pub(crate) async fn leave(&mut self) {
        if let Some(client) = self.client.take() {
            client.kill().await;
        }
    }

    /// Starts it on its folder, if it is not there, at a time so far ahead.
    pub(crate) async fn come_back(&mut self, ahead: u64) -> Verdict {
        if self.client.is_some() {
            return Ok(());
        }
        let name = self.name.as_bytes();
        let start = ClientStart {
            spec_revision: SPEC_REVISION,
            clock: self.clock.into(),
            seed: Bytes::copy_from_slice(&hash(&[&self.seed.to_be_bytes(), name])),
            folder: self.folder.path().to_string_lossy().into_owned(),
        };
        let client = self.source.start(start).await.map_err(|fault| self.stop(&fault))?;
        self.needs = ASKED.into_iter().filter(|need| client.has(*need)).collect();
        self.client = Some(client);
        if ahead > 0 {
            self.ask(Kind::Clock(driver::Clock { seconds: ahead })).await?;
        }
        Ok(())
    }

    fn stop(&self, fault: &Fault) -> Stop {
        let (expected, actual) = fault.finding();
        Stop::fail(format!("{}: {expected}", self.name), actual)
    }

    /// Has one thing done, or refused.
    pub(crate) async fn tell(&mut self, kind: Kind) -> Result<Told, Stop> {
        let Some(client) = &mut self.client else {
            return Err(Stop::harness(format!("{} is not there", self.name)));
        };
        client.tell(kind).await.map_err(|fault| self.stop(&fault))
    }

    /// Has one thing done.
    pub(crate) async fn ask(&mut self, kind: Kind) -> Result<ok::Kind, Stop> {
        let what = cut(&format!("{kind:?}"));
        let told = self.tell(kind).await?;
        told.map_err(|refused| refused.stop(&format!("{}: {what}", self.name)))
    }

    /// Lets it do what it does by itself for so long; whether it told something.
    pub(crate) async fn turn(&mut self, wait_ms: u32) -> Result<bool, Stop> {
        let told = self.ask(Kind::NextEvent(NextEvent { wait_ms })).await?;
        let ok::Kind::Event(driver::Event { kind: Some(kind) }) = told else { return Ok(false) };
        if let Event::ContactReady(ready) = &kind {
            self.contact = ready.contact.clone();
        }
        self.events.push_back(kind);
        Ok(true)
    }

    /// Says something to the other one.
    pub(crate) async fn say(&mut self, content: driver::content::Kind) -> Result<Bytes, Stop> {
        let content = Some(driver::Content { kind: Some(content) });
        let contact = self.contact.clone();
        match self.ask(Kind::SendMessage(driver::SendMessage { contact, content })).await? {
            ok::Kind::Sent(sent) => Ok(sent.id),
            other => Err(Stop::fail("Sent", cut(&format!("{other:?}")))),
        }
    }

    /// What its user sees of the other one.
    pub(crate) async fn history(&mut self) -> Result<Vec<driver::Entry>, Stop> {
        let contact = self.contact.clone();
        match self.ask(Kind::GetHistory(driver::GetHistory { contact })).await? {
            ok::Kind::History(history) => Ok(history.entries),
            other => Err(Stop::fail("History", cut(&format!("{other:?}")))),
        }
    }

    pub(crate) async fn safety_number(&mut self) -> Result<String, Stop> {
        let contact = self.contact.clone();
        match self.ask(Kind::GetSafetyNumber(driver::GetSafetyNumber { contact })).await? {
            ok::Kind::SafetyNumber(safety) => Ok(safety.number),
            other => Err(Stop::fail("SafetyNumber", cut(&format!("{other:?}")))),
        }
    }
}
