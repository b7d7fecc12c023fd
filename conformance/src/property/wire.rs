//! A server under test behind the raw peer: numbers become keys, bundles and parts, and back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use edgewise_proto::v1::{self, item::Body, result::Outcome};
use edgewise_spec::constants::{BUNDLE_LEN, HASH_LEN, labels};
use edgewise_spec::suite::{SigningKey, hash, lp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::Supply;
use super::target::Target;
use crate::model::{
    Answer, Attach, Change, Class, Create, Event, Hour, Key, Name, Notice, Pair, Request, Role,
    State,
};
use crate::peer::{self, Connection, HelloPlan, Http, Link, OPEN, Trace};
use crate::target;
use crate::verdict::Stop;

/// Stands for whatever the suite never told the server.
const FOREIGN: u32 = u32::MAX;

/// Where sequences get their targets from: the same server, keys of their own.
#[derive(Debug)]
pub struct Wires {
    server: Arc<target::Target>,
    trace: Trace,
    made: AtomicU64,
}

/// One sequence's view of the server.
#[derive(Debug)]
pub struct Wire {
    server: Arc<target::Target>,
    trace: Trace,
    rng: ChaCha20Rng,
    book: Book,
    links: Vec<Option<Link>>,
}

/// What the numbers of one sequence stand for.
#[derive(Clone, Debug)]
pub struct Book {
    fingerprint: [u8; HASH_LEN],
    access_key: Option<[u8; HASH_LEN]>,
    /// Fresh for each sequence, so that nothing of another run is met again.
    nonce: [u8; HASH_LEN],
    keys: HashMap<Pair, SigningKey>,
    pairs: HashMap<Bytes, Pair>,
    names: HashMap<Bytes, Name>,
    incarnations: HashMap<u64, u32>,
}

impl Wires {
    /// Sequences against `server`; what goes over the wire is recorded in `trace`.
    #[must_use]
    pub const fn new(server: Arc<target::Target>, trace: Trace) -> Self {
        Self { server, trace, made: AtomicU64::new(0) }
    }
}

impl Supply for Wires {
    type Target = Wire;

    async fn supply(&self) -> Result<Wire, Stop> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let process = std::process::id();
        let nonce = hash(&[&number.to_be_bytes(), &now.to_be_bytes(), &process.to_be_bytes()]);
        let (fingerprint, access_key) = (self.server.address.fingerprint, self.server.access_key());
        Ok(Wire {
            server: Arc::clone(&self.server),
            trace: self.trace.clone(),
            rng: ChaCha20Rng::from_seed(nonce),
            book: Book {
                fingerprint,
                access_key,
                nonce,
                keys: HashMap::new(),
                pairs: HashMap::new(),
                names: HashMap::new(),
                incarnations: HashMap::new(),
            },
            links: Vec::new(),
        })
    }
}

impl Wire {
    /// Takes the links out, so that each can be used by a task of its own.
    pub fn take_links(&mut self) -> Vec<Link> {
        std::mem::take(&mut self.links).into_iter().flatten().collect()
    }

    /// Puts them back, in the same order.
    pub fn put_links(&mut self, links: Vec<Link>) {
        self.links = links.into_iter().map(Some).collect();
    }

    /// What the numbers stand for.
    pub const fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    fn link(&mut self, link: usize) -> Result<&mut Link, Stop> {
        let found = self.links.get_mut(link).and_then(Option::as_mut);
        found.ok_or_else(|| Stop::harness(format!("link {link} is not open")))
    }
}

impl Target for Wire {
    fn hour(&self) -> Hour {
        self.server.now().hour()
    }

    async fn open(&mut self, class: Class) -> Result<(), Stop> {
        let class = wire_class(class);
        let plan = HelloPlan::new(class, self.server.epoch(&self.trace).await?);
        let hello = plan.build(&self.server.address.fingerprint, &mut self.rng)?;
        let http = Http::connect(&self.server.address).await?;
        let carrier = http.open(OPEN, &self.trace).await?;
        let link = Link::open(carrier, Some(http), &hello, class).await?;
        self.links.push(Some(link));
        Ok(())
    }

    async fn close(&mut self, link: usize) -> Result<Vec<Event>, Stop> {
        let taken = self.links.get_mut(link).and_then(Option::take);
        let Some(mut link) = taken else { return Ok(Vec::new()) };
        link.finish().await?;
        let mut events = Vec::new();
        // Behind the end there is nothing but what was read before it.
        while let Ok(Some(body)) = link.next_event(Duration::ZERO).await {
            events.push(self.book.event(&body)?);
        }
        Ok(events)
    }

    async fn request(&mut self, link: usize, request: &Request) -> Result<Option<Answer>, Stop> {
        let transcript = *self.link(link)?.transcript();
        let class = self.link(link)?.class();
        let body = self.book.body(&transcript, class, request);
        if matches!(request, Request::Acknowledge { .. }) {
            self.link(link)?.tell(body).await?;
            return Ok(None);
        }
        let answer = self.link(link)?.ask(body).await?;
        self.book.answer(&answer.outcome).map(Some)
    }

    async fn event(&mut self, link: usize, within: Duration) -> Result<Option<Event>, Stop> {
        match self.link(link)?.next_event(within).await? {
            Some(body) => self.book.event(&body).map(Some),
            None => Ok(None),
        }
    }

    async fn advance(&mut self, hours: u32) -> Result<(), Stop> {
        self.server.advance(u64::from(hours) * 3_600, &self.trace).await
    }

    async fn restart(&mut self) -> Result<(), Stop> {
        self.server.restart(&self.trace).await
    }
}

impl Book {
    /// The item of a request, signed for the link of this transcript.
    pub fn body(
        &mut self,
        transcript: &[u8; HASH_LEN],
        class: peer::Class,
        request: &Request,
    ) -> Body {
        match request {
            Request::Create(create) => Body::Create(self.create(transcript, create)),
            Request::Claim { claim, key, signed } => {
                Body::Claim(self.claim(transcript, *claim, key, *signed))
            }
            Request::Attach(attach) => Body::Attach(self.attach(transcript, attach)),
            Request::Send { handle, submission, part, whole } => {
                let length = if *whole { class.part() } else { class.part() - 1 };
                let part = self.bytes(*part, length);
                Body::Send(v1::Send { handle: *handle, submission: *submission, part })
            }
            Request::Subscribe { handle, parts, bytes } => Body::Subscribe(v1::Subscribe {
                handle: *handle,
                window_parts: *parts,
                window_bytes: *bytes,
            }),
            Request::Acknowledge { handle, through } => {
                Body::Acknowledge(v1::Acknowledge { handle: *handle, through: *through })
            }
            Request::Suspend { handle } => Body::Suspend(v1::Suspend { handle: *handle }),
            Request::Resume { handle } => Body::Resume(v1::Resume { handle: *handle }),
            Request::Rotate { handle, name, role, change } => {
                let connection = self.connection(*name, &change.new, &change.new, *name);
                let change = Some(self.wire_change(&connection, wire_role(*role), change));
                Body::Rotate(v1::Rotate { handle: *handle, change })
            }
            Request::Delete { handle } => Body::Delete(v1::Delete { handle: *handle }),
            Request::Detach { handle } => Body::Detach(v1::Detach { handle: *handle }),
        }
    }

    /// A server's answer in numbers.
    ///
    /// # Errors
    /// [`Stop::Fail`] for what is no answer of this revision.
    pub fn answer(&mut self, outcome: &Outcome) -> Result<Answer, Stop> {
        Ok(match outcome {
            Outcome::Done(_) => Answer::Done,
            Outcome::Reject(reject) => Answer::Refused { code: reject.code, next: reject.next },
            Outcome::Created(created) => Answer::Created(state_of(created.state)?),
            Outcome::Claimed(claimed) => Answer::Claimed {
                name: self.names.get(&claimed.recipient_id).copied().unwrap_or(FOREIGN),
                bundle: self.number(&claimed.bundle, BUNDLE_LEN),
                class: class_of(claimed.link_class)?,
            },
            Outcome::Attached(attached) => {
                let numbered = u32::try_from(self.incarnations.len()).unwrap_or(FOREIGN);
                let incarnation =
                    *self.incarnations.entry(attached.incarnation).or_insert(numbered);
                let state = match attached.state {
                    0 => None,
                    state => Some(state_of(state)?),
                };
                Answer::Attached { incarnation, state, next: attached.next }
            }
            Outcome::Subscribed(subscribed) => match &subscribed.notice {
                Some(notice) if notice.handle == 0 => Answer::Subscribed(self.notice(notice)?),
                other => {
                    return Err(Stop::fail(
                        "a Notice with handle 0 in Subscribed",
                        format!("{other:?}"),
                    ));
                }
            },
        })
    }

    /// An item that came unasked, in numbers.
    ///
    /// # Errors
    /// [`Stop::Fail`] for what is none of this revision.
    pub fn event(&self, body: &Body) -> Result<Event, Stop> {
        Ok(match body {
            Body::Deliver(deliver) => Event::Deliver {
                handle: deliver.handle,
                sequence: deliver.sequence,
                part: self.number(&deliver.part, deliver.part.len()).unwrap_or(FOREIGN),
            },
            Body::Notice(notice) => {
                Event::Notice { handle: notice.handle, notice: self.notice(notice)? }
            }
            Body::Space(space) => Event::Space { handle: space.handle },
            Body::Ended(ended) if ended.reason == i32::from(v1::EndReason::Replaced) => {
                Event::Replaced { handle: ended.handle }
            }
            Body::Ended(ended) if ended.reason == i32::from(v1::EndReason::Stale) => {
                Event::Stale { handle: ended.handle }
            }
            other => return Err(Stop::fail("an item of this revision", format!("{other:?}"))),
        })
    }

    fn signing(&mut self, pair: Pair) -> SigningKey {
        if let Some(key) = self.keys.get(&pair) {
            return key.clone();
        }
        let key = SigningKey::from_seed(&hash(&[&self.nonce, &pair.to_be_bytes()]));
        let vk = Bytes::copy_from_slice(key.verifying_key().as_bytes());
        self.names.insert(self.recipient_id(&vk), pair);
        self.pairs.insert(vk, pair);
        self.keys.insert(pair, key.clone());
        key
    }

    fn key(&mut self, key: &Key) -> peer::Key {
        let signing = self.signing(key.pair);
        peer::Key::new(signing, key.version, key.not_before, key.not_after, key.grace)
    }

    fn recipient_id(&self, vk: &[u8]) -> Bytes {
        let id = hash(&[&lp(labels::CONNECTION_RECIPIENT_ID), &self.fingerprint, vk]);
        Bytes::copy_from_slice(&id)
    }

    /// A connection with any keys under the id of `name`: what the raw peer signs with.
    fn connection(&mut self, name: Name, recipient: &Key, sender: &Key, claim: Pair) -> Connection {
        let (recipient, sender) = (self.key(recipient), self.key(sender));
        let (first, claim) = (self.signing(name), self.signing(claim));
        let class = peer::Class::Medium;
        let bundle = Bytes::new();
        let mut connection =
            Connection::new(class, self.fingerprint, recipient, sender, claim, bundle);
        connection.recipient_id = self.recipient_id(first.verifying_key().as_bytes());
        connection.access_key = self.access_key;
        connection
    }

    fn create(&mut self, transcript: &[u8; HASH_LEN], create: &Create) -> v1::Create {
        let sender = create.sender.unwrap_or(create.key);
        let mut connection = self.connection(create.name, &create.key, &sender, create.claim);
        connection.class = wire_class(create.class);
        connection.terms = (create.quota, create.idle_days, create.part_days);
        let mut body = connection.body();
        body.state = state_code(create.state);
        body.sender_key = create.sender.map(|_| connection.sender.record.clone());
        body.bundle =
            create.bundle.map_or_else(Bytes::new, |bundle| self.bytes(bundle, BUNDLE_LEN));
        let mut made = connection.create_from(transcript, &body);
        let chain = create.chain.iter();
        made.chain = chain
            .map(|change| self.wire_change(&connection, peer::Role::Recipient, change))
            .collect();
        if !create.recipient_signed {
            made.recipient_signature = spoiled(&made.recipient_signature);
        }
        if create.state == State::Open && !create.claim_signed {
            made.claim_signature = spoiled(&made.claim_signature);
        }
        made
    }

    fn claim(
        &mut self,
        transcript: &[u8; HASH_LEN],
        claim: Pair,
        key: &Key,
        signed: bool,
    ) -> v1::Claim {
        let connection = self.connection(key.pair, key, key, claim);
        let mut made = connection.claim(transcript);
        match (signed, key.pair.is_multiple_of(2)) {
            (true, _) => {}
            (false, true) => made.claim_signature = spoiled(&made.claim_signature),
            (false, false) => made.sender_signature = spoiled(&made.sender_signature),
        }
        made
    }

    fn attach(&mut self, transcript: &[u8; HASH_LEN], attach: &Attach) -> v1::Attach {
        let (pair, version) = (attach.pair, attach.version);
        let key = Key { pair, version, not_before: 0, not_after: 0, grace: 0 };
        let connection = self.connection(attach.name, &key, &key, pair);
        let role = wire_role(attach.role);
        let chain = attach.chain.iter();
        let chain = chain.map(|change| self.wire_change(&connection, role, change)).collect();
        let (handle, from) = (attach.handle, attach.from);
        let mut made =
            connection.attach_with(transcript, role, handle, from, connection.key(role), chain);
        if !attach.signed {
            made.signature = spoiled(&made.signature);
        }
        made
    }

    fn wire_change(
        &mut self,
        connection: &Connection,
        role: peer::Role,
        change: &Change,
    ) -> v1::KeyChange {
        let old = Key { pair: change.old, version: 0, not_before: 0, not_after: 0, grace: 0 };
        let mut made = connection.change(role, &self.key(&old), &self.key(&change.new));
        match (change.signed, change.new.pair.is_multiple_of(2)) {
            (true, _) => {}
            (false, true) => made.old_signature = spoiled(&made.old_signature),
            (false, false) => made.new_signature = spoiled(&made.new_signature),
        }
        made
    }

    /// Bytes that stand for a number, in this sequence alone.
    fn bytes(&self, number: u32, length: usize) -> Bytes {
        let unit = hash(&[&self.nonce, &number.to_be_bytes(), &length.to_be_bytes()]);
        let mut bytes = Vec::with_capacity(length + HASH_LEN);
        bytes.extend_from_slice(&number.to_be_bytes());
        while bytes.len() < length {
            bytes.extend_from_slice(&unit);
        }
        bytes.truncate(length);
        bytes.into()
    }

    /// The number that bytes stand for; none for no bytes.
    fn number(&self, bytes: &[u8], length: usize) -> Option<u32> {
        let number = bytes.first_chunk().map(|first| u32::from_be_bytes(*first))?;
        Some(if self.bytes(number, length) == bytes { number } else { FOREIGN })
    }

    fn notice(&self, notice: &v1::Notice) -> Result<Notice, Stop> {
        let sender = notice.sender_key.as_ref().map(|key| Key {
            pair: self.pairs.get(&key.vk).copied().unwrap_or(FOREIGN),
            version: key.version,
            not_before: key.not_before,
            not_after: key.not_after,
            grace: key.grace,
        });
        Ok(Notice { state: state_of(notice.state)?, sender, conflict: notice.conflict })
    }
}

fn spoiled(signature: &[u8]) -> Bytes {
    let mut bytes = signature.to_vec();
    if let Some(byte) = bytes.first_mut() {
        *byte ^= 1;
    }
    bytes.into()
}

const fn wire_class(class: Class) -> peer::Class {
    match class {
        Class::Small => peer::Class::Small,
        Class::Medium => peer::Class::Medium,
        Class::Large => peer::Class::Large,
    }
}

const fn wire_role(role: Role) -> peer::Role {
    match role {
        Role::Recipient => peer::Role::Recipient,
        Role::Sender => peer::Role::Sender,
    }
}

const fn state_code(state: State) -> i32 {
    match state {
        State::Open => v1::State::Open as i32,
        State::Claimed => v1::State::Claimed as i32,
        State::Suspended => v1::State::Suspended as i32,
    }
}

fn state_of(state: i32) -> Result<State, Stop> {
    match v1::State::try_from(state) {
        Ok(v1::State::Open) => Ok(State::Open),
        Ok(v1::State::Claimed) => Ok(State::Claimed),
        Ok(v1::State::Suspended) => Ok(State::Suspended),
        _ => Err(Stop::fail("a state of the schema", format!("{state}"))),
    }
}

fn class_of(class: u32) -> Result<Class, Stop> {
    match class {
        1 => Ok(Class::Small),
        2 => Ok(Class::Medium),
        3 => Ok(Class::Large),
        _ => Err(Stop::fail("a class of the schema", format!("{class}"))),
    }
}
