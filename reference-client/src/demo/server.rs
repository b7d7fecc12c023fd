//! A whole server in one file: the specification's role over HTTP/2, in this process, with one
//! store in memory. The demonstration and this crate's tests talk with it; who wants to serve
//! others runs `edgewise-server`, which is bounded, hardened and measured.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use edgewise_proto::v1;
use edgewise_spec::cadence::TickMs;
use edgewise_spec::connection::{AccessKey, Op};
use edgewise_spec::error::{GoodbyeCode, LinkEnd};
use edgewise_spec::frame::Class;
use edgewise_spec::link::describe::{self, DescribeAnswer, Description, Limits};
use edgewise_spec::link::{Address, Edge, EpochSecret, EpochWindow, HandshakeParams, IdentityKey};
use edgewise_spec::server::{Filled, ServerLink, ServerParams};
use edgewise_spec::store::memory::MemoryStore;
use edgewise_spec::store::{LinkId, PartBuf, StoreLimits, Wake};
use edgewise_spec::suite::SuiteId;
use prost::Message as _;
use rand_core::Rng as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};
use tokio_rustls::TlsAcceptor;

use crate::clock::{Clock, OsRandom};

/// Seconds before now from which the server's only epoch is good.
const EPOCH_BEFORE: u64 = 1_000;
/// Seconds for which its only epoch is good.
const EPOCH_SECONDS: u64 = 86_400;
/// gRPC's prefix of a message: a flag and a length.
const PREFIX: usize = 5;
/// Longest message of a client that is taken: a block of the largest class, and its framing.
const MESSAGE_MAX: usize = 128 * 1_024;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What a server is like.
pub struct Config {
    /// The suites that it offers.
    pub suites: Vec<SuiteId>,
    /// The ticks that it offers to links in cadence, ascending.
    pub ticks: Vec<TickMs>,
    /// What it asks for before connections are made.
    pub password: Option<String>,
    /// TLS around the streams; without it they are cleartext HTTP/2, and sealed all the same.
    pub tls: Option<TlsAcceptor>,
    /// Its epoch, instead of one that is signed when it starts.
    pub epoch: Option<EpochSecret>,
    /// Where its Description says that it is; where this is empty, the place it listens at.
    pub edges: Vec<Edge>,
    /// Its clock, which a test may move.
    pub clock: Clock,
}

impl Default for Config {
    fn default() -> Self {
        let suites = vec![SuiteId::Chacha20Poly1305, SuiteId::Aes256Gcm];
        let ticks = TickMs::all().collect();
        let (edges, clock) = (Vec::new(), Clock::default());
        Self { suites, ticks, password: None, tls: None, epoch: None, edges, clock }
    }
}

impl core::fmt::Debug for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config").field("suites", &self.suites).finish_non_exhaustive()
    }
}

/// A server that runs until it is dropped: then nobody reaches it any more.
pub struct Server {
    /// Where it is.
    pub address: Address,
    world: Arc<World>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut_links();
    }
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

struct World {
    params: Arc<ServerParams>,
    describe: Bytes,
    clock: Clock,
    inner: Mutex<Inner>,
    cut: broadcast::Sender<()>,
}

struct Inner {
    store: MemoryStore,
    links: HashMap<LinkId, mpsc::UnboundedSender<Wake>>,
    next_link: NonZeroU32,
    opened: usize,
    attached: usize,
    described: usize,
    /// Whether nobody reaches it.
    away: bool,
    /// What is done to each part before it is delivered.
    alter: Option<Alter>,
}

type Alter = Box<dyn Fn(&mut Vec<u8>) + Send>;

fn new_store() -> MemoryStore {
    let limits = StoreLimits { connections_max: 1_000, tombstone_seconds: 86_400 };
    MemoryStore::new([OsRandom.next_u64(), OsRandom.next_u64()], limits)
}

impl Server {
    /// Starts a server of its own identity on a free port of this machine.
    ///
    /// # Errors
    /// What the operating system says, and a password that cannot be stretched.
    pub async fn start(config: Config) -> std::io::Result<Self> {
        Self::start_as(&IdentityKey::generate(&mut OsRandom), config).await
    }

    /// Starts a server of an identity on a free port of this machine.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_as(identity: &IdentityKey, config: Config) -> std::io::Result<Self> {
        let clock = config.clock;
        let from = clock.now().seconds().saturating_sub(EPOCH_BEFORE);
        let epoch = config.epoch.unwrap_or_else(|| {
            identity.sign_epoch(1, from, from.saturating_add(EPOCH_SECONDS), &mut OsRandom)
        });
        let fingerprint = identity.fingerprint();
        let password = config.password.as_ref();
        let access = password
            .map(|password| AccessKey::from_password(&fingerprint, password.as_bytes()))
            .transpose()
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let edge = Edge { host: "127.0.0.1".to_owned(), port: listener.local_addr()?.port() };
        let description = Description {
            identity_vk: identity.verifying_key(),
            epochs: vec![epoch.record().clone()],
            suites: config.suites.clone(),
            classes: Class::ALL.into(),
            limits: Limits::default(),
            ticks: config.ticks.clone(),
            edges: if config.edges.is_empty() { vec![edge.clone()] } else { config.edges },
            access_required: access.is_some(),
        };
        let describe = DescribeAnswer::new(&description)
            .map_err(|error| std::io::Error::other(error.to_string()))?
            .answer(&describe::request_block())
            .map_err(|status| std::io::Error::other(format!("{status:?}")))?;
        let link = HandshakeParams {
            fingerprint,
            epochs: EpochWindow::new([epoch]),
            suites: config.suites.iter().copied().collect(),
            classes: Class::ALL.into(),
            ticks: config.ticks.clone(),
        };
        let access = access.map(Arc::new);
        let limits = Limits::default();
        let params = ServerParams { fingerprint, link, limits, access, hello_seconds: 10 };
        let inner = Inner {
            store: new_store(),
            links: HashMap::new(),
            next_link: NonZeroU32::MIN,
            opened: 0,
            attached: 0,
            described: 0,
            away: false,
            alter: None,
        };
        let world = Arc::new(World {
            params: Arc::new(params),
            describe,
            clock,
            inner: Mutex::new(inner),
            cut: broadcast::channel(1).0,
        });
        let tls = config.tls.is_some();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&world), config.tls));
        Ok(Self { address: Address { fingerprint, edge, tls }, world, accepting })
    }

    /// Ends every stream without a word.
    pub fn cut_links(&self) {
        let _ = self.world.cut.send(());
    }

    /// The server's memory is gone, and every link with it.
    pub fn lose_everything(&self) {
        self.world.inner().store = new_store();
        self.cut_links();
    }

    /// Nobody reaches it, as one whose machine is off; or it is back, with all that it had.
    pub fn set_away(&self, away: bool) {
        self.world.inner().away = away;
        self.cut_links();
    }

    /// From now on it lies: each part is altered so before it is delivered.
    pub fn alter(&self, how: impl Fn(&mut Vec<u8>) + Send + 'static) {
        self.world.inner().alter = Some(Box::new(how));
    }

    /// How many links were opened so far.
    #[must_use]
    pub fn opened(&self) -> usize {
        self.world.inner().opened
    }

    /// Attaches that were accepted, less those that were given back by Detach.
    #[must_use]
    pub fn attached(&self) -> usize {
        self.world.inner().attached
    }

    /// How often it was asked to describe itself so far.
    #[must_use]
    pub fn described(&self) -> usize {
        self.world.inner().described
    }

    /// How many connections it keeps.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.world.inner().store.stats().connections
    }

    /// How many parts it keeps.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.world.inner().store.stats().parts
    }
}

impl World {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves whoever connects, inside TLS or not.
async fn accept(listener: TcpListener, world: Arc<World>, tls: Option<TlsAcceptor>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let _ = tcp.set_nodelay(true);
        let (world, tls) = (Arc::clone(&world), tls.clone());
        if world.inner().away {
            continue;
        }
        tokio::spawn(async move {
            match tls {
                None => serve(world, tcp).await,
                Some(tls) => match tls.accept(tcp).await {
                    Ok(stream) => serve(world, stream).await,
                    Err(_) => Ok(()),
                },
            }
        });
    }
}

async fn serve(world: Arc<World>, io: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Fault> {
    let mut cut = world.cut.subscribe();
    let mut connection = h2::server::handshake(io).await?;
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            _ = cut.recv() => return Ok(()),
        };
        let Some(accepted) = accepted else { return Ok(()) };
        let (request, mut respond) = accepted?;
        let response = http::Response::builder().header("content-type", "application/grpc");
        let stream = respond.send_response(response.body(())?, false)?;
        let path = request.uri().path().to_owned();
        let (world, body) = (Arc::clone(&world), request.into_body());
        match path.as_str() {
            "/edgewise.v1.LinkService/Describe" => {
                drop(tokio::spawn(describe_to(world, body, stream)));
            }
            "/edgewise.v1.LinkService/Open" => drop(tokio::spawn(open(world, body, stream))),
            // gRPC's code for a method that is not there.
            _ => drop(tokio::spawn(async move { end(stream, 12) })),
        }
    }
}

fn message(block: &[u8]) -> Bytes {
    let frame = v1::Frame { block: block.to_vec().into() }.encode_to_vec();
    let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    [&[0][..], &len.to_be_bytes(), &frame].concat().into()
}

fn end(mut stream: h2::SendStream<Bytes>, status: u8) -> Result<(), Fault> {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", u16::from(status).into());
    stream.send_trailers(trailers)?;
    Ok(())
}

async fn describe_to(
    world: Arc<World>,
    mut body: h2::RecvStream,
    mut stream: h2::SendStream<Bytes>,
) -> Result<(), Fault> {
    while let Some(data) = body.data().await {
        data?;
    }
    world.inner().described += 1;
    stream.send_data(message(&world.describe), false)?;
    end(stream, 0)
}

async fn open(
    world: Arc<World>,
    mut body: h2::RecvStream,
    mut stream: h2::SendStream<Bytes>,
) -> Result<(), Fault> {
    let (sender, mut wakes) = mpsc::unbounded_channel();
    let mut link = {
        let mut inner = world.inner();
        let id = LinkId(inner.next_link);
        inner.next_link = inner.next_link.saturating_add(1);
        inner.opened += 1;
        inner.links.insert(id, sender);
        ServerLink::new(id, Arc::clone(&world.params), world.clock.now())
    };
    let mut bytes = BytesMut::new();
    loop {
        if let Some(why) = pump(&world, &mut link, &mut stream).await {
            return end(stream, if let LinkEnd::Refused(status) = why { status as u8 } else { 0 });
        }
        let now = world.clock.now();
        let left = |at: edgewise_spec::time::Now| at.millis().saturating_sub(now.millis());
        let deadline = Duration::from_millis(link.deadline().map_or(3_600_000, left));
        tokio::select! {
            chunk = body.data() => {
                let Some(chunk) = chunk else { return Ok(()) };
                let chunk = chunk?;
                body.flow_control().release_capacity(chunk.len())?;
                bytes.extend_from_slice(&chunk);
                while let Some(block) = next_block(&mut bytes)? {
                    // What it comes to is said by the link when it is pumped.
                    let _ = link.handle_block(world.clock.now(), &mut OsRandom, block);
                }
            }
            Some(wake) = wakes.recv() => link.wake(now, &wake),
            () = tokio::time::sleep(deadline) => link.handle_timeout(world.clock.now()),
        }
    }
}

fn next_block(bytes: &mut BytesMut) -> Result<Option<BytesMut>, Fault> {
    let Some([_, length @ ..]) = bytes.first_chunk::<PREFIX>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length))?;
    if length > MESSAGE_MAX {
        return Err("a message is longer than any block".into());
    }
    if bytes.len() < PREFIX + length {
        return Ok(None);
    }
    let message = bytes.split_to(PREFIX + length);
    let frame = v1::Frame::decode(message.get(PREFIX..).unwrap_or_default())?;
    Ok(Some(BytesMut::from(&frame.block[..])))
}

/// Carries out all there is and sends what there is to say; `Some` when the link is over.
async fn pump(
    world: &World,
    link: &mut ServerLink,
    stream: &mut h2::SendStream<Bytes>,
) -> Option<LinkEnd> {
    let now = world.clock.now();
    loop {
        carry_out(world, link);
        let mut out = BytesMut::new();
        let filled = link.poll_block(now, &mut out);
        if !out.is_empty() {
            let data = message(&out);
            stream.reserve_capacity(data.len());
            while stream.capacity() < data.len() {
                if std::future::poll_fn(|cx| stream.poll_capacity(cx)).await.is_none() {
                    return Some(LinkEnd::Theirs(GoodbyeCode::Fault));
                }
            }
            stream.send_data(data, false).ok()?;
            link.taken(now);
        }
        match filled {
            Filled::Nothing => return None,
            Filled::Block => {}
            Filled::Last(end) => return Some(end),
        }
    }
}

/// Carries out what the link's client has asked for, and wakes whom it concerns.
fn carry_out(world: &World, link: &mut ServerLink) {
    let now = world.clock.now();
    let mut inner = world.inner();
    let inner = &mut *inner;
    let mut woken = Vec::new();
    while let Some(request) = link.poll_request(now, &mut OsRandom) {
        let outcome = inner.store.apply(now, &request.op, &mut woken);
        match (&request.op, &outcome) {
            (Op::Attach(_), Ok(_)) => inner.attached += 1,
            (Op::Detach { .. }, Ok(_)) => inner.attached = inner.attached.saturating_sub(1),
            _ => {}
        }
        link.complete(now, request.ticket, outcome);
    }
    for wake in woken.drain(..) {
        if wake.place.link == link.id() {
            link.wake(now, &wake);
        } else if let Some(other) = inner.links.get(&wake.place.link) {
            let _ = other.send(wake);
        }
    }
    let mut parts = PartBuf::default();
    while let Some(spec) = link.wants() {
        inner.store.read(now, &spec, &mut parts);
        if let Some(alter) = &inner.alter {
            for (_, part) in &mut parts.parts {
                let mut altered = part.to_vec();
                alter(&mut altered);
                *part = altered.into();
            }
        }
        link.offer(now, &mut parts);
    }
}
