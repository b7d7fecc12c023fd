//! A group: the core that its edges share, with the links that its edges carry. It is the
//! specification's server role over its memory store, and alters what it delivers if it lies.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::BytesMut;
use edgewise_spec::connection::Op;
use edgewise_spec::constants::HELLO_SECONDS;
use edgewise_spec::frame::Class;
use edgewise_spec::link::server::HandshakeParams;
use edgewise_spec::link::{EpochWindow, IdentityKey, Limits, VerifiedEpoch};
use edgewise_spec::server::{Filled, ServerLink, ServerParams};
use edgewise_spec::store::memory::MemoryStore;
use edgewise_spec::store::{LinkId, PartBuf, StoreLimits, Wakes};
use edgewise_spec::suite::SuiteId;
use edgewise_spec::time::Now;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::Failure;

const TOMBSTONE_SECONDS: u64 = 86_400;
const EPOCH_DAYS: u64 = 400;

/// One link, and who is at its other end: what the group knows by its address.
struct Served {
    link: ServerLink,
    client: usize,
}

/// What a group can write down of connections, as whoever runs it could.
#[derive(Default)]
pub struct Ledger {
    /// By connection: the clients that fed it.
    fed: BTreeMap<u32, BTreeSet<usize>>,
    /// Of every part that it drained: how many clients may have fed it.
    pub drained: Vec<usize>,
}

/// One group of edges with one core.
pub struct Group {
    epoch: VerifiedEpoch,
    params: Arc<ServerParams>,
    store: MemoryStore,
    links: BTreeMap<LinkId, Served>,
    last_link: u32,
    wakes: Wakes,
    rng: ChaCha8Rng,
    lies: bool,
    /// Kept by the group that is watched.
    pub ledger: Option<Ledger>,
}

impl Group {
    /// A group with an empty store for so many connections.
    pub fn new(now: Now, connections: usize, lies: bool, mut rng: ChaCha8Rng) -> Self {
        let identity = IdentityKey::generate(&mut rng);
        let until = now.plus_seconds(EPOCH_DAYS * 86_400).seconds();
        let secret = identity.sign_epoch(1, now.seconds(), until, &mut rng);
        let epoch = secret.record().clone();
        let fingerprint = identity.fingerprint();
        let link = HandshakeParams {
            fingerprint,
            epochs: EpochWindow::new([secret]),
            suites: [SuiteId::Chacha20Poly1305].into_iter().collect(),
            classes: Class::ALL.into_iter().collect(),
            ticks: Vec::new(),
        };
        let limits = Limits::default();
        let hello_seconds = HELLO_SECONDS;
        let params = ServerParams { fingerprint, link, limits, access: None, hello_seconds };
        let limits =
            StoreLimits { connections_max: connections, tombstone_seconds: TOMBSTONE_SECONDS };
        let store = MemoryStore::new([rng.next_u64(), rng.next_u64()], limits);
        let (links, wakes) = (BTreeMap::new(), Wakes::new());
        let params = Arc::new(params);
        Self { epoch, params, store, links, last_link: 0, wakes, rng, lies, ledger: None }
    }

    /// What a client begins a link with.
    pub const fn epoch(&self) -> &VerifiedEpoch {
        &self.epoch
    }

    /// Its fingerprint, 32 bytes.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.params.fingerprint
    }

    /// A client's stream has opened at one of the edges.
    pub fn open(&mut self, now: Now, client: usize) -> Result<LinkId, Failure> {
        self.last_link = self.last_link.checked_add(1).ok_or("a group ran out of link numbers")?;
        let id = LinkId(NonZeroU32::new(self.last_link).ok_or("a link's number is not zero")?);
        let link = ServerLink::new(id, Arc::clone(&self.params), now);
        self.links.insert(id, Served { link, client });
        Ok(id)
    }

    /// A stream is gone.
    pub fn close(&mut self, id: LinkId) {
        self.links.remove(&id);
    }

    /// Whether a link's stream is still there.
    pub fn has(&self, id: LinkId) -> bool {
        self.links.contains_key(&id)
    }

    /// Takes one block of a client, and carries out all that it asks.
    pub fn take(&mut self, now: Now, id: LinkId, block: BytesMut) {
        let Some(Served { link, client }) = self.links.get_mut(&id) else { return };
        // Why a link is over shows when its next block is polled.
        let _ = link.handle_block(now, &mut self.rng, block);
        while let Some(request) = link.poll_request(now, &mut self.rng) {
            if let (Some(ledger), Op::Send { by, .. }) = (&mut self.ledger, &request.op) {
                ledger.fed.entry(by.slot.0).or_default().insert(*client);
            }
            let outcome = self.store.apply(now, &request.op, &mut self.wakes);
            link.complete(now, request.ticket, outcome);
        }
        self.route(now);
    }

    /// The block that a link has to say now, if any.
    pub fn give(&mut self, now: Now, id: LinkId) -> Option<BytesMut> {
        let served = self.links.get_mut(&id)?;
        let mut parts = PartBuf::default();
        while let Some(spec) = served.link.wants() {
            self.store.read(now, &spec, &mut parts);
            if let Some(ledger) = &mut self.ledger {
                let fed = ledger.fed.get(&spec.by.slot.0).map_or(0, BTreeSet::len);
                ledger.drained.extend(parts.parts.iter().map(|_| fed));
            }
            if self.lies {
                for (_, part) in &mut parts.parts {
                    let mut altered = part.to_vec();
                    let at = self.rng.next_u64() as usize % altered.len().max(1);
                    if let Some(byte) = altered.get_mut(at) {
                        *byte ^= 1 << (self.rng.next_u32() % 8);
                    }
                    *part = altered.into();
                }
            }
            served.link.offer(now, &mut parts);
        }
        let mut out = BytesMut::new();
        let filled = served.link.poll_block(now, &mut out);
        served.link.taken(now);
        if let Filled::Last(_) = filled {
            self.links.remove(&id);
        }
        (!out.is_empty()).then_some(out)
    }

    /// Does what is due.
    pub fn pass(&mut self, now: Now) {
        for served in self.links.values_mut() {
            while served.link.deadline().is_some_and(|due| due <= now) {
                served.link.handle_timeout(now);
            }
        }
        self.store.sweep(now, &mut self.wakes);
        self.route(now);
    }

    fn route(&mut self, now: Now) {
        for wake in self.wakes.drain(..) {
            if let Some(served) = self.links.get_mut(&wake.place.link) {
                served.link.wake(now, &wake);
            }
        }
    }
}
