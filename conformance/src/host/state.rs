//! What a host holds: its keys, its store, its links, and what it was told to lie about.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use edgewise_spec::cadence::TickMs;
use edgewise_spec::connection::Op;
use edgewise_spec::constants::{EPOCH_SECONDS, HELLO_SECONDS};
use edgewise_spec::error::Status;
use edgewise_spec::frame::Class;
use edgewise_spec::link::Edge;
use edgewise_spec::link::describe::{DescribeAnswer, Description, Limits};
use edgewise_spec::link::epoch::{EpochWindow, IdentityKey, VerifiedEpoch};
use edgewise_spec::link::server::HandshakeParams;
use edgewise_spec::server::{Filled, ServerLink, ServerParams};
use edgewise_spec::store::memory::MemoryStore;
use edgewise_spec::store::{LinkId, PartBuf, StoreLimits, Wakes};
use edgewise_spec::suite::SuiteId;
use edgewise_spec::time::Now;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tokio::sync::Notify;

use super::record::Record;
use super::{Deed, Entrance, Judge, Tamper};

/// Hellos that are refused for their epoch once its keys are others: one for each link of a client
/// that sends and receives.
const STALE: usize = 2;
/// Connections that a host keeps: as many as any case makes.
const CONNECTIONS_MAX: usize = 10_000;

pub(super) struct State {
    identity: IdentityKey,
    window: EpochWindow,
    shown: Vec<VerifiedEpoch>,
    params: Arc<ServerParams>,
    store: MemoryStore,
    links: BTreeMap<LinkId, Living>,
    last_link: u32,
    rng: ChaCha20Rng,
    /// Seconds by which the clock is ahead of this machine's.
    ahead: u64,
    pub(super) closed: bool,
    /// The edges that are shut.
    shut: Vec<Entrance>,
    /// Told when an edge is shut.
    pub(super) doors: Arc<Notify>,
    /// What the Description lists.
    pub(super) edges: Vec<Edge>,
    /// How many hellos of the client are refused for their epoch.
    stale: usize,
    pub(super) tamper: Option<Tamper>,
    pub(super) judge: Option<Judge>,
    pub(super) record: Record,
    pub(super) false_description: Option<Bytes>,
}

struct Living {
    link: ServerLink,
    entrance: Entrance,
    notify: Arc<Notify>,
    /// Over without a word.
    cut: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("links", &self.links.len()).finish_non_exhaustive()
    }
}

/// What a stream is to do next.
pub(super) enum Next {
    /// Send this.
    Block(BytesMut),
    /// Send this, if there is anything, and end with this status.
    End(BytesMut, u8),
    /// Reset.
    Cut,
    /// The peer is gone: end.
    Gone,
    /// Wait.
    Nothing,
}

impl State {
    pub(super) fn new(seed: [u8; 32], ahead: u64) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let identity = IdentityKey::generate(&mut rng);
        let fingerprint = identity.fingerprint();
        let params = ServerParams {
            fingerprint,
            link: HandshakeParams {
                fingerprint,
                epochs: EpochWindow::default(),
                suites: [SuiteId::Chacha20Poly1305].into_iter().collect(),
                classes: Class::ALL.into_iter().collect(),
                ticks: TickMs::all().collect(),
            },
            limits: Limits::default(),
            access: None,
            hello_seconds: HELLO_SECONDS,
        };
        let mut state = Self {
            identity,
            window: EpochWindow::default(),
            shown: Vec::new(),
            params: Arc::new(params),
            store: new_store(&mut rng),
            links: BTreeMap::new(),
            last_link: 0,
            rng,
            ahead,
            closed: false,
            shut: Vec::new(),
            doors: Arc::default(),
            edges: Vec::new(),
            stale: 0,
            tamper: None,
            judge: None,
            record: Record::default(),
            false_description: None,
        };
        state.turn_epoch();
        state
    }

    pub(super) fn identity(&self) -> IdentityKey {
        self.identity.clone()
    }

    pub(super) fn fingerprint(&self) -> [u8; 32] {
        self.params.fingerprint
    }

    pub(super) fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now::from_millis(u64::try_from(since.as_millis()).unwrap_or_default())
            .plus_seconds(self.ahead)
    }

    pub(super) fn connections(&self) -> usize {
        self.store.stats().connections
    }

    /// Makes the keys of the present epoch and the next where they are missing.
    fn turn_epoch(&mut self) {
        let now = self.now();
        for seconds in [now.seconds(), now.seconds() + EPOCH_SECONDS] {
            let number = seconds / EPOCH_SECONDS;
            let start = number * EPOCH_SECONDS;
            if self.window.current(Now::from_seconds(start)).is_none() {
                let name = u32::try_from(number).unwrap_or_default();
                let end = start + EPOCH_SECONDS;
                let secret = self.identity.sign_epoch(name, start, end, &mut self.rng);
                self.window.insert(secret);
            }
        }
        self.publish();
    }

    fn publish(&mut self) {
        let now = self.now();
        let shown = [self.window.current(now), self.window.next(now)];
        self.shown = shown.into_iter().flatten().map(|it| it.record().clone()).collect();
        let mut params = (*self.params).clone();
        params.link.epochs = self.window.clone();
        self.params = Arc::new(params);
        for living in self.links.values_mut() {
            living.link.adopt(Arc::clone(&self.params));
        }
    }

    pub(super) fn equivocate(&mut self) {
        self.window = EpochWindow::default();
        self.turn_epoch();
        self.stale = STALE;
        self.end_all();
    }

    /// The answer to a DescribeRequest, or a gRPC status.
    pub(super) fn describe(&self, request: &[u8], watched: bool) -> Result<Bytes, u8> {
        if let (true, Some(block)) = (watched, &self.false_description) {
            return Ok(block.clone());
        }
        let description = Description {
            identity_vk: self.identity.verifying_key(),
            epochs: self.shown.clone(),
            suites: vec![SuiteId::Chacha20Poly1305],
            classes: Class::ALL.to_vec(),
            limits: Limits::default(),
            ticks: TickMs::all().collect(),
            edges: self.edges.clone(),
            access_required: false,
        };
        let answer = DescribeAnswer::new(&description).map_err(|_| 13)?;
        answer.answer(request).map_err(|status| status as u8)
    }

    /// A new link, or the gRPC status that refuses it.
    pub(super) fn open(&mut self, entrance: Entrance) -> Result<(LinkId, Arc<Notify>), u8> {
        let watched = entrance.is_watched();
        if self.closed && watched {
            return Err(Status::Unavailable as u8);
        }
        if watched && self.stale > 0 {
            self.stale -= 1;
            return Err(Status::FailedPrecondition as u8);
        }
        self.last_link += 1;
        let id = LinkId(NonZeroU32::new(self.last_link).ok_or(Status::Unavailable as u8)?);
        let link = ServerLink::new(id, Arc::clone(&self.params), self.now());
        let notify = Arc::new(Notify::new());
        let living = Living { link, entrance, notify: Arc::clone(&notify), cut: false };
        self.links.insert(id, living);
        self.record.streams += usize::from(watched);
        self.record.streams_at_second += usize::from(entrance == Entrance::Second);
        Ok((id, notify))
    }

    /// One block of a peer, and everything that it asks.
    pub(super) fn take(&mut self, id: LinkId, block: BytesMut) {
        let now = self.now();
        let Some(living) = self.links.get_mut(&id) else { return };
        let watched = living.entrance.is_watched();
        if watched {
            self.record.block(block.len());
        }
        let _ = living.link.handle_block(now, &mut self.rng, block);
        let mut wakes = Wakes::new();
        while let Some(living) = self.links.get_mut(&id)
            && !living.cut
            && let Some(request) = living.link.poll_request(now, &mut self.rng)
        {
            let judge = self.judge.as_mut().filter(|_| watched);
            let deed = judge.map_or(Deed::Honest, |judge| judge(&request.op));
            let outcome = match deed {
                Deed::Forget => {
                    self.note(
                        watched,
                        &request.op,
                        &Err(edgewise_spec::error::Reject::Unavailable),
                    );
                    self.forget();
                    break;
                }
                Deed::Cut => {
                    self.note(
                        watched,
                        &request.op,
                        &Err(edgewise_spec::error::Reject::Unavailable),
                    );
                    self.cut(id);
                    break;
                }
                Deed::Answer(outcome) => outcome,
                Deed::Honest => self.store.apply(now, &request.op, &mut wakes),
                Deed::Say(outcome) => {
                    let _ = self.store.apply(now, &request.op, &mut wakes);
                    outcome
                }
                Deed::CutAfter => {
                    let outcome = self.store.apply(now, &request.op, &mut wakes);
                    self.note(watched, &request.op, &outcome);
                    self.cut(id);
                    break;
                }
            };
            self.note(watched, &request.op, &outcome);
            if let Some(living) = self.links.get_mut(&id) {
                living.link.complete(now, request.ticket, outcome);
            }
        }
        self.route(now, wakes);
        if let Some(living) = self.links.get(&id) {
            living.notify.notify_one();
        }
    }

    fn note(
        &mut self,
        watched: bool,
        op: &Op,
        outcome: &Result<edgewise_spec::connection::Outcome, edgewise_spec::error::Reject>,
    ) {
        if watched {
            self.record.note(op, outcome);
        }
    }

    fn route(&mut self, now: Now, wakes: Wakes) {
        for wake in wakes {
            if let Some(living) = self.links.get_mut(&wake.place.link) {
                living.link.wake(now, &wake);
                living.notify.notify_one();
            }
        }
    }

    /// What a stream is to do next.
    pub(super) fn next(&mut self, id: LinkId) -> Next {
        let now = self.now();
        let Some(living) = self.links.get_mut(&id) else { return Next::Gone };
        if living.cut {
            self.links.remove(&id);
            return Next::Cut;
        }
        let mut parts = PartBuf::default();
        while let Some(spec) = living.link.wants() {
            self.store.read(now, &spec, &mut parts);
            if living.entrance.is_watched() {
                if let Some(tamper) = self.tamper.as_mut().filter(|_| !parts.parts.is_empty()) {
                    tampered(tamper, &mut parts);
                }
                for (sequence, _) in &parts.parts {
                    self.record.given(&spec.by, *sequence);
                }
            }
            living.link.offer(now, &mut parts);
        }
        let mut block = BytesMut::new();
        let filled = living.link.poll_block(now, &mut block);
        if living.entrance.is_watched() && !block.is_empty() {
            self.record.block(block.len());
        }
        living.link.taken(now);
        match filled {
            Filled::Nothing => Next::Nothing,
            Filled::Block => Next::Block(block),
            Filled::Last(end) => {
                self.links.remove(&id);
                let status = match end {
                    edgewise_spec::error::LinkEnd::Refused(status) => status as u8,
                    _ => 0,
                };
                Next::End(block, status)
            }
        }
    }

    /// The stream of a link is gone.
    pub(super) fn gone(&mut self, id: LinkId) {
        if let Some(living) = self.links.remove(&id) {
            living.notify.notify_one();
        }
    }

    fn cut(&mut self, id: LinkId) {
        if let Some(living) = self.links.get_mut(&id) {
            living.cut = true;
            living.notify.notify_one();
        }
    }

    pub(super) fn end_all(&mut self) {
        for living in self.links.values_mut() {
            living.cut = true;
            living.notify.notify_one();
        }
    }

    pub(super) fn is_shut(&self, entrance: Entrance) -> bool {
        self.shut.contains(&entrance)
    }

    pub(super) fn shut(&mut self, entrance: Entrance, shut: bool) {
        self.shut.retain(|other| *other != entrance);
        if shut {
            self.shut.push(entrance);
            for living in self.links.values_mut().filter(|it| it.entrance == entrance) {
                living.cut = true;
                living.notify.notify_one();
            }
            self.doors.notify_waiters();
        }
    }

    pub(super) fn forget(&mut self) {
        self.store = new_store(&mut self.rng);
        self.end_all();
    }

    pub(super) fn advance(&mut self, seconds: u64) {
        self.ahead += seconds;
        self.turn_epoch();
        let now = self.now();
        let mut wakes = Wakes::new();
        self.store.sweep(now, &mut wakes);
        self.route(now, wakes);
        for living in self.links.values_mut() {
            while living.link.deadline().is_some_and(|due| due <= now) {
                living.link.handle_timeout(now);
            }
            living.notify.notify_one();
        }
    }
}

/// What a liar makes of what was read; no more of it than there is room for.
fn tampered(tamper: &mut Tamper, read: &mut PartBuf) {
    let honest = read.parts.drain(..);
    let mut parts: Vec<_> =
        honest.map(|(sequence, part)| (sequence, Bytes::copy_from_slice(&part))).collect();
    tamper(&mut parts);
    let room = read.parts.capacity();
    read.parts.extend(parts.into_iter().take(room).map(|(at, part)| (at, Arc::from(&part[..]))));
}

fn new_store(rng: &mut ChaCha20Rng) -> MemoryStore {
    let limits = StoreLimits { connections_max: CONNECTIONS_MAX, tombstone_seconds: EPOCH_SECONDS };
    MemoryStore::new([rng.next_u64(), rng.next_u64()], limits)
}
