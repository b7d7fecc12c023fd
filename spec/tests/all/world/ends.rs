//! Both ends of a connection as protocol and chapter ask of them: what is durable survives a
//! crash, everything else does not. Written apart from the crate's own client.

use std::collections::{BTreeMap, VecDeque};

use edgewise_proto::v1::{self, Role};
use edgewise_spec::client::{Answer, ClientLink, Event, Request};
use edgewise_spec::constants::SPACE_RETRY_SECONDS;
use edgewise_spec::error::Reject;
use edgewise_spec::rotation::KeyRecord;
use edgewise_spec::time::Now;
use rand_core::CryptoRng;

use super::keys::{Connection, Keys, change};

/// Sends without an answer.
const PIPELINE: u64 = 6;
const RETRY_SECONDS: u64 = 30;

/// What an end's answer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    Create,
    Claim,
    Attach,
    Subscribe,
    Rotate,
    Other,
    Send { submission: u64, round: u64 },
}

/// Where an end stands on its present link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nothing is asked: attach next.
    Apart,
    /// Attach was refused: create or claim next.
    Unknown,
    /// Something is asked that decides what comes next.
    Asking,
    Attached(u32),
}

/// One link's worth of an end: lost with the link.
pub struct Visit {
    pub standing: Standing,
    pub not_before: Now,
    pub asked: BTreeMap<u64, (Asked, u32)>,
    tokens: u64,
}

impl Visit {
    pub fn new() -> Self {
        let standing = Standing::Apart;
        Self { standing, not_before: Now::default(), asked: BTreeMap::new(), tokens: 0 }
    }

    fn ask(&mut self, link: &mut ClientLink, asked: Asked, handle: u32, request: Request) {
        self.tokens += 1;
        link.submit(self.tokens, request).unwrap();
        self.asked.insert(self.tokens, (asked, handle));
    }

    fn attach(
        &mut self,
        link: &mut ClientLink,
        connection: &Connection,
        role: Role,
        keys: &Keys,
        from: u64,
    ) {
        let Ok(handle) = link.free_handle() else { return };
        let transcript = *link.transcript().unwrap();
        let attach = connection.attach(&transcript, handle, role, keys, from);
        self.ask(link, Asked::Attach, handle, Request::Attach(Box::new(attach)));
        self.standing = Standing::Asking;
    }
}

/// A part that the sender keeps until the recipient is known to have it.
#[derive(Clone, Debug)]
struct Kept {
    number: u32,
    submission: u64,
    answered: bool,
}

pub struct Sender {
    connection: Connection,
    first: Keys,
    pub keys: Keys,
    claimed: bool,
    incarnation: Option<u64>,
    kept: VecDeque<Kept>,
    next_submission: u64,
    pub pushed: u32,
    // Volatile from here on.
    pub visit: Visit,
    cursor: u64,
    round: u64,
    full_until: Option<Now>,
    pub fulls: u64,
    pub gaps: u64,
    pub again: u64,
    rotate: Option<v1::KeyChange>,
}

impl Sender {
    pub fn new(connection: Connection, keys: Keys) -> Self {
        Self {
            connection,
            first: keys.clone(),
            keys,
            claimed: false,
            incarnation: None,
            kept: VecDeque::new(),
            next_submission: 0,
            pushed: 0,
            visit: Visit::new(),
            cursor: 0,
            round: 0,
            full_until: None,
            fulls: 0,
            gaps: 0,
            again: 0,
            rotate: None,
        }
    }

    pub fn push(&mut self) {
        let submission = self.next_submission;
        self.next_submission += 1;
        self.kept.push_back(Kept { number: self.pushed, submission, answered: false });
        self.pushed += 1;
    }

    /// The recipient is known to have stored everything below this number.
    pub fn release(&mut self, below: u32) {
        while self.kept.front().is_some_and(|kept| kept.number < below && kept.answered) {
            self.kept.pop_front();
        }
    }

    pub fn is_done(&self) -> bool {
        self.kept.is_empty()
    }

    /// Where it is, for whoever looks for a fault.
    pub fn place(&self) -> String {
        let Self { kept, cursor, round, full_until, next_submission, visit, .. } = self;
        let asked: Vec<_> = visit.asked.values().collect();
        format!("{cursor} of {next_submission} ({round}) {full_until:?} {kept:?} {asked:?}")
    }

    /// The link is gone.
    pub fn lose_link(&mut self) {
        self.visit = Visit::new();
        self.full_until = None;
        self.rotate = None;
    }

    pub fn rotate(&mut self, rng: &mut dyn CryptoRng) {
        let next = self.keys.now.next(rng);
        let id = &self.connection.recipient_id;
        let changed = change(Role::Sender, id, &self.keys.now, &next);
        self.keys.take(next, changed.clone());
        self.rotate = Some(changed);
    }

    fn from(&self) -> u64 {
        let unanswered = self.kept.iter().find(|kept| !kept.answered);
        unanswered.map_or(self.next_submission, |kept| kept.submission)
    }

    pub fn advance(&mut self, now: Now, link: &mut ClientLink) {
        if now < self.visit.not_before || link.room() == 0 {
            return;
        }
        match self.visit.standing {
            Standing::Apart if self.claimed => {
                let from = self.from();
                let Self { visit, connection, keys, .. } = self;
                visit.attach(link, connection, Role::Sender, keys, from);
            }
            Standing::Apart | Standing::Unknown => {
                // When attach is refused, a claimer repeats its claim.
                let transcript = *link.transcript().unwrap();
                let claim = self.connection.claim(&transcript, &self.first.now);
                self.visit.ask(link, Asked::Claim, 0, Request::Claim(Box::new(claim)));
                self.visit.standing = Standing::Asking;
            }
            Standing::Asking => {}
            Standing::Attached(handle) => {
                if let Some(change) = self.rotate.take() {
                    let rotate = v1::Rotate { handle, change: Some(change) };
                    self.visit.ask(link, Asked::Rotate, handle, Request::Rotate(Box::new(rotate)));
                    return;
                }
                if self.full_until.is_some_and(|until| now >= until) {
                    self.full_until = None;
                }
                if self.full_until.is_none() {
                    self.send(link, handle);
                }
            }
        }
    }

    fn send(&mut self, link: &mut ClientLink, handle: u32) {
        let lowest = self.from();
        let kept = self.kept.iter().find(|kept| kept.submission == self.cursor);
        let Some(kept) = kept.filter(|kept| kept.submission < lowest + PIPELINE) else { return };
        let mut part = vec![0x5E; link.class().part_len()];
        part[..4].copy_from_slice(&kept.number.to_be_bytes());
        let submission = kept.submission;
        let send = v1::Send { handle, submission, part: part.into() };
        let asked = Asked::Send { submission, round: self.round };
        self.visit.ask(link, asked, handle, Request::Send(send));
        self.cursor += 1;
    }

    fn again(&mut self, next: u64) {
        self.cursor = next;
        self.round += 1;
    }

    pub fn handle(&mut self, now: Now, event: &Event) {
        match event {
            Event::Answered { token, result } => {
                let Some((asked, handle)) = self.visit.asked.remove(token) else { return };
                self.answered(now, asked, handle, result);
            }
            Event::Space { .. } => self.full_until = None,
            _ => {}
        }
    }

    fn answered(&mut self, now: Now, asked: Asked, handle: u32, result: &Result<Answer, Reject>) {
        match (asked, result) {
            (Asked::Claim, Ok(_)) => {
                self.claimed = true;
                self.visit.standing = Standing::Apart;
            }
            (Asked::Claim, Err(_)) => {
                // Lost, and not restored yet: try to attach again later.
                self.visit.standing = Standing::Apart;
                self.visit.not_before = now.plus_seconds(RETRY_SECONDS);
            }
            (Asked::Attach, Ok(Answer::Attached(attached))) => self.attached(handle, attached),
            (Asked::Attach, _) => self.visit.standing = Standing::Unknown,
            (Asked::Send { submission, .. }, Ok(_)) => {
                for kept in &mut self.kept {
                    kept.answered |= kept.submission == submission;
                }
            }
            // What was sent before going back is refused too: that says nothing new.
            (Asked::Send { round, .. }, Err(Reject::Gap { .. })) if round < self.round => {
                self.gaps += 1;
            }
            (Asked::Send { submission, round }, Err(reject)) if round == self.round => match reject
            {
                Reject::Gap { next } => {
                    if self.kept.front().is_some_and(|kept| *next < kept.submission) {
                        self.visit.standing = Standing::Apart;
                    }
                    self.again(*next);
                }
                Reject::Quota => {
                    self.fulls += 1;
                    self.full_until = Some(now.plus_seconds(SPACE_RETRY_SECONDS));
                    self.again(submission);
                }
                Reject::Refused => {
                    self.visit.standing = Standing::Apart;
                    self.again(submission);
                }
                other => panic!("{other:?}"),
            },
            // Attach again, under the key it has now.
            (Asked::Rotate, _) => self.visit.standing = Standing::Apart,
            _ => {}
        }
    }

    fn attached(&mut self, handle: u32, attached: &v1::Attached) {
        self.visit.standing = Standing::Attached(handle);
        let v1::Attached { incarnation, next, .. } = *attached;
        if self.incarnation.is_some_and(|known| known != incarnation) {
            // Every kept part again, same bytes, under new submissions.
            for (kept, submission) in self.kept.iter_mut().zip(next..) {
                (kept.submission, kept.answered) = (submission, false);
                self.again += 1;
            }
            self.next_submission = next + self.kept.len() as u64;
        }
        self.incarnation = Some(incarnation);
        for kept in &mut self.kept {
            kept.answered |= kept.submission < next;
        }
        self.again(next);
    }
}

pub struct Recipient {
    connection: Connection,
    pub keys: Keys,
    sender_key: Option<KeyRecord>,
    /// Everything below this number is stored.
    pub stored: u32,
    // The judge's: what was delivered, by incarnation and sequence.
    seen: BTreeMap<(u64, u64), u32>,
    // Volatile from here on.
    pub visit: Visit,
    incarnation: u64,
    subscribed: bool,
    unacknowledged: Option<(u32, u64)>,
    rotate: Option<v1::KeyChange>,
    pub restored: u64,
    pub repeats: u64,
    pub replaced: u64,
    pub stale: u64,
}

impl Recipient {
    pub fn new(connection: Connection, keys: Keys) -> Self {
        Self {
            connection,
            keys,
            sender_key: None,
            stored: 0,
            seen: BTreeMap::new(),
            visit: Visit::new(),
            incarnation: 0,
            subscribed: false,
            unacknowledged: None,
            rotate: None,
            restored: 0,
            repeats: 0,
            replaced: 0,
            stale: 0,
        }
    }

    pub fn lose_link(&mut self) {
        self.visit = Visit::new();
        self.subscribed = false;
        self.unacknowledged = None;
        self.rotate = None;
    }

    pub fn rotate(&mut self, rng: &mut dyn CryptoRng) {
        let next = self.keys.now.next(rng);
        let id = &self.connection.recipient_id;
        let changed = change(Role::Recipient, id, &self.keys.now, &next);
        self.keys.take(next, changed.clone());
        self.rotate = Some(changed);
    }

    /// Suspends or resumes, if it is attached.
    pub fn suspend(&mut self, link: &mut ClientLink, suspend: bool) {
        if let Standing::Attached(handle) = self.visit.standing {
            let request =
                if suspend { Request::Suspend { handle } } else { Request::Resume { handle } };
            self.visit.ask(link, Asked::Other, handle, request);
        }
    }

    pub fn advance(&mut self, now: Now, link: &mut ClientLink) {
        if now < self.visit.not_before || link.room() == 0 {
            return;
        }
        match self.visit.standing {
            Standing::Apart => {
                let Self { visit, connection, keys, .. } = self;
                visit.attach(link, connection, Role::Recipient, keys, 0);
            }
            Standing::Unknown => {
                // Make it, or take it back after the server lost it.
                let transcript = *link.transcript().unwrap();
                let body = self.connection.body(&self.keys.now, self.sender_key);
                let create = self.connection.create(&transcript, &self.keys, &body);
                self.visit.ask(link, Asked::Create, 0, Request::Create(Box::new(create)));
                self.visit.standing = Standing::Asking;
            }
            Standing::Asking => {}
            Standing::Attached(handle) => {
                if let Some(change) = self.rotate.take() {
                    let rotate = v1::Rotate { handle, change: Some(change) };
                    self.visit.ask(link, Asked::Rotate, handle, Request::Rotate(Box::new(rotate)));
                } else if !self.subscribed {
                    self.subscribed = true;
                    let (window_parts, window_bytes) = (5, 1 << 20);
                    let subscribe = v1::Subscribe { handle, window_parts, window_bytes };
                    let request = Request::Subscribe(subscribe);
                    self.visit.ask(link, Asked::Subscribe, handle, request);
                }
                if let Some((handle, through)) = self.unacknowledged.take() {
                    link.acknowledge(handle, through);
                }
            }
        }
    }

    fn store_notice(&mut self, notice: &v1::Notice) {
        if let Some(key) = &notice.sender_key {
            self.sender_key = Some(KeyRecord::from_wire(key).unwrap());
        }
    }

    pub fn handle(&mut self, event: &Event) {
        match event {
            Event::Answered { token, result } => {
                let Some((asked, handle)) = self.visit.asked.remove(token) else { return };
                match (asked, result) {
                    (Asked::Attach, Ok(Answer::Attached(attached))) => {
                        self.visit.standing = Standing::Attached(handle);
                        self.incarnation = attached.incarnation;
                        self.subscribed = false;
                    }
                    (Asked::Attach, _) => self.visit.standing = Standing::Unknown,
                    (Asked::Create, result) => {
                        assert!(result.is_ok(), "{result:?}");
                        self.restored += 1;
                        self.visit.standing = Standing::Apart;
                    }
                    (Asked::Subscribe, Ok(Answer::Subscribed(notice))) => {
                        self.store_notice(notice);
                    }
                    (Asked::Rotate | Asked::Subscribe, _) => {
                        self.visit.standing = Standing::Apart;
                    }
                    _ => {}
                }
            }
            Event::Notice(notice) => self.store_notice(notice),
            Event::Deliver(deliver) => self.deliver(deliver),
            Event::Ended { handle, reason } => {
                match reason {
                    v1::EndReason::Replaced => self.replaced += 1,
                    _ => self.stale += 1,
                }
                if self.visit.standing == Standing::Attached(*handle) {
                    self.visit.standing = Standing::Apart;
                    self.unacknowledged = None;
                }
            }
            _ => {}
        }
    }

    /// Nothing that was accepted is lost, doubled, or out of order.
    fn deliver(&mut self, deliver: &v1::Deliver) {
        let number = u32::from_be_bytes(deliver.part[..4].try_into().unwrap());
        let (incarnation, sequence) = (self.incarnation, deliver.sequence);
        let same = *self.seen.entry((incarnation, sequence)).or_insert(number);
        assert_eq!(same, number, "one sequence, one part");
        assert!(number <= self.stored, "part {number} came before {}", self.stored);
        if number == self.stored {
            self.stored += 1;
        } else {
            self.repeats += 1;
        }
        self.unacknowledged = Some((deliver.handle, sequence));
    }
}
