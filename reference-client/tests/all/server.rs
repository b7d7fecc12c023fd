//! A server for these tests: the specification's role over HTTP/2, in this process, with one
//! store in memory. Its links can be cut, and its memory lost.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use edgewise_client::{Address, Clock};
use edgewise_proto::v1;
use edgewise_spec::connection::{AccessKey, Op};
use edgewise_spec::error::LinkEnd;
use edgewise_spec::frame::Class;
use edgewise_spec::link::describe::{DescribeAnswer, Description, Limits};
use edgewise_spec::link::{Edge, EpochWindow, HandshakeParams, IdentityKey};
use edgewise_spec::server::{Filled, ServerLink, ServerParams};
use edgewise_spec::store::memory::MemoryStore;
use edgewise_spec::store::{LinkId, PartBuf, StoreLimits, Wake};
use edgewise_spec::suite::SuiteId;
use prost::Message;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};

/// What a test server is like.
pub struct Config {
    pub suites: Vec<SuiteId>,
    pub password: Option<&'static str>,
    /// Epoch records are of this number.
    pub epoch: u32,
    /// Epoch keys are made from it.
    pub seed: u8,
    /// TLS 1.3 around the streams, with a certificate that nobody has issued.
    pub tls: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            suites: vec![SuiteId::Chacha20Poly1305, SuiteId::Aes256Gcm],
            password: None,
            epoch: 1,
            seed: 1,
            tls: false,
        }
    }
}

pub struct TestServer {
    pub address: Address,
    world: Arc<World>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for TestServer {
    /// The server is gone: nobody reaches it any more.
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut_links();
    }
}

struct World {
    params: ServerParams,
    describe: Bytes,
    clock: Clock,
    inner: Mutex<Inner>,
    cut: broadcast::Sender<()>,
}

struct Inner {
    store: MemoryStore,
    links: HashMap<LinkId, mpsc::UnboundedSender<Wake>>,
    next_link: u32,
    rng: ChaCha20Rng,
    opened: usize,
    attached: usize,
    described: usize,
}

fn new_store() -> MemoryStore {
    let limits = StoreLimits { connections_max: 1_000, tombstone_seconds: 86_400 };
    MemoryStore::new([7, 9], limits)
}

/// Serves whoever connects, inside TLS or not.
async fn accept(
    listener: TcpListener,
    world: Arc<World>,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
) {
    while let Ok((tcp, _)) = listener.accept().await {
        tcp.set_nodelay(true).unwrap();
        match &acceptor {
            None => drop(tokio::spawn(serve(world.clone(), tcp))),
            Some(acceptor) => {
                let (world, acceptor) = (world.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let tls = acceptor.accept(tcp).await.unwrap();
                    let session = tls.get_ref().1;
                    let group = session.negotiated_key_exchange_group().unwrap().name();
                    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
                    assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
                    serve(world, tls).await;
                });
            }
        }
    }
}

impl TestServer {
    pub async fn start(config: Config) -> Self {
        Self::start_as(&IdentityKey::from_seed(&[42; 32]), config).await
    }

    pub async fn start_as(identity: &IdentityKey, config: Config) -> Self {
        let mut rng = ChaCha20Rng::from_seed([config.seed; 32]);
        let clock = Clock::default();
        let from = clock.now().seconds() - 1_000;
        let epoch = identity.sign_epoch(config.epoch, from, from + 86_400, &mut rng);
        let record = epoch.record().clone();
        let fingerprint = identity.fingerprint();
        let access = config
            .password
            .map(|password| AccessKey::from_password(&fingerprint, password.as_bytes()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let edge =
            Edge { host: "127.0.0.1".to_owned(), port: listener.local_addr().unwrap().port() };
        let description = Description {
            identity_vk: identity.verifying_key(),
            epochs: vec![record],
            suites: config.suites.clone(),
            classes: Class::ALL.into(),
            limits: Limits::default(),
            edges: vec![edge.clone()],
            access_required: access.is_some(),
        };
        let describe = DescribeAnswer::new(&description)
            .unwrap()
            .answer(&edgewise_spec::link::describe::request_block())
            .unwrap();
        let params = ServerParams {
            fingerprint,
            link: HandshakeParams {
                fingerprint,
                epochs: EpochWindow::new([epoch]),
                suites: config.suites.iter().copied().collect(),
                classes: Class::ALL.into(),
            },
            limits: Limits::default(),
            access: access.map(Arc::new),
            hello_seconds: 10,
        };
        let inner = Inner {
            store: new_store(),
            links: HashMap::new(),
            next_link: 1,
            rng,
            opened: 0,
            attached: 0,
            described: 0,
        };
        let world = Arc::new(World {
            params,
            describe,
            clock,
            inner: Mutex::new(inner),
            cut: broadcast::channel(1).0,
        });
        let serving = accept(listener, world.clone(), config.tls.then(tls_acceptor));
        let accepting = tokio::spawn(serving);
        Self { address: Address { fingerprint, edge, tls: config.tls }, world, accepting }
    }

    /// Ends every stream without a word.
    pub fn cut_links(&self) {
        let _ = self.world.cut.send(());
    }

    /// The server's memory is gone, and every link with it.
    pub fn lose_everything(&self) {
        self.world.inner.lock().unwrap().store = new_store();
        self.cut_links();
    }

    /// How many links were opened so far.
    pub fn opened(&self) -> usize {
        self.world.inner.lock().unwrap().opened
    }

    /// Attaches that were accepted, less those that were given back by Detach.
    pub fn attached(&self) -> usize {
        self.world.inner.lock().unwrap().attached
    }

    /// How often it was asked to describe itself so far.
    pub fn described(&self) -> usize {
        self.world.inner.lock().unwrap().described
    }

    /// How many connections it keeps.
    pub fn connections(&self) -> usize {
        self.world.inner.lock().unwrap().store.stats().connections
    }

    /// How many parts it keeps.
    pub fn parts(&self) -> usize {
        self.world.inner.lock().unwrap().store.stats().parts
    }
}

fn tls_acceptor() -> tokio_rustls::TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["nobody.invalid".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config).into()
}

async fn serve(world: Arc<World>, io: impl AsyncRead + AsyncWrite + Unpin) {
    let mut cut = world.cut.subscribe();
    let Ok(mut connection) = h2::server::handshake(io).await else { return };
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            _ = cut.recv() => return,
        };
        let Some(Ok((request, mut respond))) = accepted else { return };
        let response =
            http::Response::builder().header("content-type", "application/grpc").body(()).unwrap();
        let stream = respond.send_response(response, false).unwrap();
        let path = request.uri().path().to_owned();
        let body = request.into_body();
        match path.as_str() {
            "/edgewise.v1.LinkService/Describe" => {
                tokio::spawn(describe(world.clone(), body, stream))
            }
            "/edgewise.v1.LinkService/Open" => tokio::spawn(open(world.clone(), body, stream)),
            other => panic!("{other}"),
        };
    }
}

fn message(block: &[u8]) -> Bytes {
    let frame = v1::Frame { block: block.to_vec().into() }.encode_to_vec();
    let mut bytes = vec![0];
    bytes.extend((frame.len() as u32).to_be_bytes());
    bytes.extend(frame);
    bytes.into()
}

fn trailers(status: u8) -> http::HeaderMap {
    [("grpc-status".parse().unwrap(), status.to_string().parse().unwrap())].into_iter().collect()
}

async fn describe(world: Arc<World>, mut body: h2::RecvStream, mut send: h2::SendStream<Bytes>) {
    while body.data().await.is_some() {}
    world.inner.lock().unwrap().described += 1;
    send.send_data(message(&world.describe), false).unwrap();
    send.send_trailers(trailers(0)).unwrap();
}

async fn open(world: Arc<World>, mut body: h2::RecvStream, mut send: h2::SendStream<Bytes>) {
    let (sender, mut wakes) = mpsc::unbounded_channel();
    let mut link = {
        let mut inner = world.inner.lock().unwrap();
        let id = LinkId(NonZeroU32::new(inner.next_link).unwrap());
        inner.next_link += 1;
        inner.opened += 1;
        inner.links.insert(id, sender);
        ServerLink::new(id, Arc::new(world.params.clone()), world.clock.now())
    };
    let mut bytes = BytesMut::new();
    loop {
        if let Some(end) = pump(&world, &mut link, &mut send).await {
            let status = if let LinkEnd::Refused(status) = end { status as u8 } else { 0 };
            let _ = send.send_trailers(trailers(status));
            return;
        }
        let now = world.clock.now();
        let deadline =
            link.deadline().map_or(3_600_000, |at| at.millis().saturating_sub(now.millis()));
        tokio::select! {
            chunk = body.data() => {
                let Some(Ok(chunk)) = chunk else { return };
                let _ = body.flow_control().release_capacity(chunk.len());
                bytes.extend_from_slice(&chunk);
                while let Some(block) = next_block(&mut bytes) {
                    let mut inner = world.inner.lock().unwrap();
                    let _ = link.handle_block(now, &mut inner.rng, block);
                }
            }
            Some(wake) = wakes.recv() => link.wake(now, &wake),
            () = tokio::time::sleep(Duration::from_millis(deadline)) => {
                link.handle_timeout(world.clock.now());
            }
        }
    }
}

fn next_block(bytes: &mut BytesMut) -> Option<BytesMut> {
    let head = bytes.first_chunk::<5>()?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if bytes.len() < 5 + length {
        return None;
    }
    let message = bytes.split_to(5 + length);
    let frame = v1::Frame::decode(&message[5..]).unwrap();
    Some(BytesMut::from(&frame.block[..]))
}

/// Carries out all there is and sends what there is to say; `Some` when the link is over.
async fn pump(
    world: &World,
    link: &mut ServerLink,
    send: &mut h2::SendStream<Bytes>,
) -> Option<LinkEnd> {
    let now = world.clock.now();
    loop {
        {
            let mut inner = world.inner.lock().unwrap();
            let inner = &mut *inner;
            let mut woken = Vec::new();
            while let Some(request) = link.poll_request(now, &mut inner.rng) {
                let outcome = inner.store.apply(now, &request.op, &mut woken);
                match (&request.op, &outcome) {
                    (Op::Attach(_), Ok(_)) => inner.attached += 1,
                    (Op::Detach { .. }, Ok(_)) => inner.attached -= 1,
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
                link.offer(now, &mut parts);
            }
        }
        let mut out = BytesMut::new();
        let filled = link.poll_block(now, &mut out);
        if !out.is_empty() {
            let data = message(&out);
            send.reserve_capacity(data.len());
            while send.capacity() < data.len() {
                if std::future::poll_fn(|cx| send.poll_capacity(cx)).await.is_none() {
                    return Some(LinkEnd::Theirs(edgewise_spec::error::GoodbyeCode::Fault));
                }
            }
            send.send_data(data, false).ok()?;
            link.taken(now);
        }
        match filled {
            Filled::Nothing => return None,
            Filled::Block => {}
            Filled::Last(end) => return Some(end),
        }
    }
}
