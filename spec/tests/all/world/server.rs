//! A whole server without a socket: the role, and a store in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::BytesMut;
use edgewise_spec::cadence::TickMs;
use edgewise_spec::connection::{AccessKey, Op};
use edgewise_spec::constants::HELLO_SECONDS;
use edgewise_spec::error::LinkEnd;
use edgewise_spec::frame::Class;
use edgewise_spec::link::describe::Limits;
use edgewise_spec::link::epoch::{EpochWindow, IdentityKey, VerifiedEpoch};
use edgewise_spec::link::server::HandshakeParams;
use edgewise_spec::server::{Filled, ServerLink, ServerParams};
use edgewise_spec::store::memory::MemoryStore;
use edgewise_spec::store::{LinkId, PartBuf, StoreLimits, Wakes};
use edgewise_spec::suite::SuiteId;
use edgewise_spec::time::Now;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// The world begins here.
pub const START: Now = Now::from_seconds(1_800_000_000);

pub struct Server {
    pub epoch: VerifiedEpoch,
    pub params: Arc<ServerParams>,
    pub store: MemoryStore,
    pub links: BTreeMap<LinkId, ServerLink>,
    pub rng: ChaCha8Rng,
    pub limits: StoreLimits,
    /// Every part that was accepted, by incarnation: none twice.
    accepted: BTreeSet<(u64, u32, Vec<u8>)>,
    /// The parts of a test are all alike.
    pub repeats_allowed: bool,
    /// Everything that was asked, as the server reads it (spec/README.md, who may know what).
    pub learned: Option<String>,
    last_link: u32,
    wakes: Wakes,
}

impl Server {
    pub fn new(seed: u64) -> Self {
        Self::with(seed, Limits::default(), None)
    }

    pub fn with(seed: u64, limits: Limits, password: Option<&[u8]>) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let identity = IdentityKey::generate(&mut rng);
        let (from, until) = (START.seconds() - 60, START.seconds() + 400 * 86_400);
        let secret = identity.sign_epoch(7, from, until, &mut rng);
        let epoch = secret.record().clone();
        let fingerprint = identity.fingerprint();
        let access = password
            .map(|password| Arc::new(AccessKey::from_password(&fingerprint, password).unwrap()));
        let link = HandshakeParams {
            fingerprint,
            epochs: EpochWindow::new([secret]),
            suites: [SuiteId::Chacha20Poly1305].into_iter().collect(),
            classes: Class::ALL.into_iter().collect(),
            ticks: TickMs::all().collect(),
        };
        let params =
            ServerParams { fingerprint, link, limits, access, hello_seconds: HELLO_SECONDS };
        let limits = StoreLimits { connections_max: 1_000, tombstone_seconds: 86_400 };
        Self {
            epoch,
            params: Arc::new(params),
            store: MemoryStore::new([1, 2], limits),
            links: BTreeMap::new(),
            rng,
            limits,
            accepted: BTreeSet::new(),
            repeats_allowed: true,
            learned: None,
            last_link: 0,
            wakes: Wakes::new(),
        }
    }

    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.params.fingerprint
    }

    pub fn open(&mut self, now: Now) -> LinkId {
        self.last_link += 1;
        let id = LinkId(self.last_link.try_into().unwrap());
        self.links.insert(id, ServerLink::new(id, Arc::clone(&self.params), now));
        id
    }

    /// One block of a client, and everything that it asks.
    pub fn handle_block(&mut self, now: Now, id: LinkId, block: BytesMut) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let _ = link.handle_block(now, &mut self.rng, block);
        while let Some(request) = link.poll_request(now, &mut self.rng) {
            let held = self.store.stats().parts;
            if let Some(learned) = &mut self.learned {
                let _ = write!(learned, "{:?}", request.op);
            }
            let outcome = self.store.apply(now, &request.op, &mut self.wakes);
            if let Op::Send { by, part, .. } = &request.op
                && self.store.stats().parts > held
            {
                let number = (by.incarnation, by.slot.0, part[..4].to_vec());
                let once = self.accepted.insert(number) || self.repeats_allowed;
                assert!(once, "a part is doubled in a living record");
            }
            link.complete(now, request.ticket, outcome);
        }
        self.route(now);
    }

    /// The next block of a link, or its end.
    pub fn poll_block(&mut self, now: Now, id: LinkId) -> (Option<BytesMut>, Option<LinkEnd>) {
        let Some(link) = self.links.get_mut(&id) else { return (None, None) };
        let mut parts = PartBuf::default();
        while let Some(spec) = link.wants() {
            self.store.read(now, &spec, &mut parts);
            link.offer(now, &mut parts);
        }
        let mut out = BytesMut::new();
        let end = match link.poll_block(now, &mut out) {
            Filled::Nothing | Filled::Block => None,
            Filled::Last(end) => Some(end),
        };
        link.taken(now);
        if end.is_some() {
            self.links.remove(&id);
        }
        ((!out.is_empty()).then_some(out), end)
    }

    /// What is due, everywhere.
    pub fn tick(&mut self, now: Now) {
        self.store.sweep(now, &mut self.wakes);
        self.route(now);
        for link in self.links.values_mut() {
            while link.deadline().is_some_and(|due| due <= now) {
                link.handle_timeout(now);
            }
        }
    }

    /// Everything is lost.
    pub fn restart(&mut self) {
        self.links.clear();
        self.last_link += 1_000;
        self.store = MemoryStore::new([3, 4], self.limits);
    }

    /// An older state comes back: commits that were answered since are lost (CONNECTION-58).
    pub fn fail_over(&mut self, now: Now, snapshot: MemoryStore) {
        self.store = snapshot;
        self.store.renew(&mut self.rng, &mut self.wakes);
        self.route(now);
        // Who has subscribed since the snapshot is known to the links alone.
        self.links.values_mut().for_each(ServerLink::resync);
    }

    fn route(&mut self, now: Now) {
        for wake in self.wakes.drain(..) {
            if let Some(link) = self.links.get_mut(&wake.place.link) {
                link.wake(now, &wake);
            }
        }
    }
}
