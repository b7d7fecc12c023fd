//! A client that can do less and more than it should: raw HTTP/2, spec's pure functions.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use edgewise_proto::v1::{self, item::Body};
use edgewise_server::{Clock, Config, Running, Server};
use edgewise_spec::connection::{
    self, Role, State, attach_input, claim_input, create_input, recipient_id,
};
use edgewise_spec::frame::{self, Class, Received, Writer};
use edgewise_spec::link::{
    Blocks, ClientHandshake, Description, IdentityKey, VerifiedEpoch, describe,
};
use edgewise_spec::suite::{SigningKey, SuiteId};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub type Rng = rand_core::UnwrapErr<getrandom::SysRng>;

pub const fn rng() -> Rng {
    rand_core::UnwrapErr(getrandom::SysRng)
}

/// Nothing here may take longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn start() -> Running {
    start_with(Clock::controlled(), |_| ()).await
}

pub async fn start_with(clock: Clock, change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config::ephemeral(IdentityKey::generate(&mut rng()));
    config.shutdown_seconds = 2;
    change(&mut config);
    Server::bind(config, clock).await.unwrap()
}

/// How often this process has dialled.
pub static DIALS: AtomicU64 = AtomicU64::new(0);

/// One HTTP/2 connection; its task ends with the test's runtime.
pub async fn connect(to: SocketAddr) -> SendRequest<Bytes> {
    DIALS.fetch_add(1, Ordering::Relaxed);
    connect_over(TcpStream::connect(to).await.unwrap(), 65_535).await
}

pub async fn connect_over<T>(io: T, window: u32) -> SendRequest<Bytes>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(window);
    let (sender, connection) = builder.handshake(io).await.unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender
}

pub fn request(path: &str) -> http::Request<()> {
    http::Request::post(format!("http://server{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap()
}

pub fn grpc(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap());
    bytes.put_slice(message);
    bytes.freeze()
}

pub fn frame_of(block: &[u8]) -> Bytes {
    grpc(&v1::Frame { block: Bytes::copy_from_slice(block) }.encode_to_vec())
}

/// A gRPC stream, bytes both ways.
pub struct Stream {
    pub send: SendStream<Bytes>,
    answer: Answer,
    buffer: BytesMut,
}

enum Answer {
    Waiting(h2::client::ResponseFuture),
    Headers(Option<u16>),
    Body(RecvStream),
}

/// What comes over a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    Message(Bytes),
    /// The gRPC status.
    Status(u16),
    /// Reset, or the carrier is gone.
    Broken,
}

impl Stream {
    pub async fn open(sender: &SendRequest<Bytes>, path: &str) -> Self {
        let mut sender = sender.clone().ready().await.unwrap();
        let (answer, send) = sender.send_request(request(path), false).unwrap();
        Self { send, answer: Answer::Waiting(answer), buffer: BytesMut::new() }
    }

    /// Hands bytes over as fast as flow control lets them go.
    pub async fn put(&mut self, mut bytes: Bytes) -> bool {
        while !bytes.is_empty() {
            self.send.reserve_capacity(bytes.len());
            let room = std::future::poll_fn(|context| self.send.poll_capacity(context)).await;
            let Some(Ok(room)) = room else { return false };
            let piece = bytes.split_to(room.min(bytes.len()));
            if self.send.send_data(piece, false).is_err() {
                return false;
            }
        }
        true
    }

    pub async fn block(&mut self, block: &[u8]) -> bool {
        self.put(frame_of(block)).await
    }

    pub fn half_close(&mut self) {
        let _ = self.send.send_data(Bytes::new(), true);
    }

    pub async fn came(&mut self) -> Came {
        timeout(PATIENCE, self.next()).await.expect("the server is silent")
    }

    async fn next(&mut self) -> Came {
        loop {
            match &mut self.answer {
                Answer::Waiting(response) => {
                    let Ok(response) = response.await else { return Came::Broken };
                    let status = status_of(response.headers());
                    assert!(response.headers().get("grpc-message").is_none());
                    assert!(response.headers().get("grpc-status-details-bin").is_none());
                    self.answer = match status {
                        Some(_) => Answer::Headers(status),
                        None => Answer::Body(response.into_body()),
                    };
                }
                Answer::Headers(status) => return status.take().map_or(Came::Broken, Came::Status),
                Answer::Body(body) => {
                    if let Some(message) = take_message(&mut self.buffer) {
                        return Came::Message(message);
                    }
                    match body.data().await {
                        Some(Ok(data)) => {
                            let _ = body.flow_control().release_capacity(data.len());
                            self.buffer.extend_from_slice(&data);
                        }
                        Some(Err(_)) => return Came::Broken,
                        None => {
                            let Ok(Some(trailers)) = body.trailers().await else {
                                return Came::Broken;
                            };
                            assert!(trailers.get("grpc-message").is_none());
                            return status_of(&trailers).map_or(Came::Broken, Came::Status);
                        }
                    }
                }
            }
        }
    }

    pub async fn message(&mut self) -> Bytes {
        match self.came().await {
            Came::Message(message) => message,
            other => panic!("a message was expected: {other:?}"),
        }
    }

    pub async fn status(&mut self) -> u16 {
        match self.came().await {
            Came::Status(status) => status,
            other => panic!("a status was expected: {other:?}"),
        }
    }
}

fn status_of(headers: &http::HeaderMap) -> Option<u16> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

fn take_message(buffer: &mut BytesMut) -> Option<Bytes> {
    let length = buffer.get(1..5)?.get_u32() as usize;
    if buffer.len() < 5 + length {
        return None;
    }
    buffer.advance(5);
    Some(buffer.split_to(length).freeze())
}

pub fn block_of(message: Bytes) -> Bytes {
    v1::Frame::decode(message).unwrap().block
}

/// Asks Describe with any block; the status, or the answer's block.
pub async fn describe_with(sender: &SendRequest<Bytes>, block: &[u8]) -> Result<Bytes, u16> {
    let mut stream = Stream::open(sender, "/edgewise.v1.LinkService/Describe").await;
    stream.block(block).await;
    stream.half_close();
    match stream.came().await {
        Came::Message(message) => {
            assert_eq!(stream.status().await, 0);
            Ok(block_of(message))
        }
        Came::Status(status) => Err(status),
        Came::Broken => panic!("describe was cut off"),
    }
}

pub async fn describe(running: &Running, sender: &SendRequest<Bytes>) -> Description {
    let block = describe_with(sender, &describe::request_block()).await.unwrap();
    Description::read(&block, &running.address.fingerprint).unwrap()
}

pub async fn epoch(running: &Running, sender: &SendRequest<Bytes>) -> VerifiedEpoch {
    describe(running, sender).await.epoch_at(running.now()).unwrap().clone()
}

/// A confirmed link.
pub struct Link {
    pub stream: Stream,
    pub blocks: Box<Blocks>,
    pub items: VecDeque<v1::Item>,
    tag: u32,
}

impl Link {
    /// Opens over a new carrier.
    pub async fn open(running: &Running, class: Class) -> Self {
        Self::open_at(running, 0, class).await
    }

    /// Opens over a new carrier to one of the edges.
    pub async fn open_at(running: &Running, edge: usize, class: Class) -> Self {
        let sender = connect(running.edges()[edge].local).await;
        let epoch = epoch(running, &sender).await;
        Self::open_on(&sender, &epoch, class).await
    }

    pub async fn open_on(sender: &SendRequest<Bytes>, epoch: &VerifiedEpoch, class: Class) -> Self {
        let mut stream = Stream::open(sender, "/edgewise.v1.LinkService/Open").await;
        let (mut handshake, hello) =
            ClientHandshake::start(epoch, SuiteId::Chacha20Poly1305, class, &mut rng());
        for block in hello {
            assert!(stream.block(&block).await);
        }
        let blocks = loop {
            let block = block_of(stream.message().await);
            if let Some(blocks) = handshake.handle_block(&block).unwrap() {
                break blocks;
            }
        };
        let mut link = Self { stream, blocks, items: VecDeque::new(), tag: 0 };
        // Confirmed for certain once something is answered.
        let detach = Body::Detach(v1::Detach { handle: 0 });
        assert_eq!(link.reject(detach).await, v1::RejectCode::NotAttached);
        link
    }

    pub fn transcript(&self) -> &[u8; 32] {
        &self.blocks.transcript
    }

    /// One sealed block of items.
    pub fn seal(&mut self, items: &[v1::Item]) -> Vec<u8> {
        let class = self.blocks.class;
        let mut block = vec![0; class.block_len()];
        let mut writer = Writer::new(&mut block[..class.text_len()]);
        for item in items {
            writer.push(item).unwrap();
        }
        writer.finish();
        self.blocks.sealer.seal(&mut block).unwrap();
        block
    }

    pub async fn post(&mut self, items: &[v1::Item]) -> bool {
        let block = self.seal(items);
        self.stream.block(&block).await
    }

    pub async fn tell(&mut self, body: Body) -> bool {
        self.post(&[v1::Item { tag: 0, body: Some(body) }]).await
    }

    /// The next item, or how the stream ended.
    pub async fn next(&mut self) -> Result<v1::Item, Came> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Ok(item);
            }
            match self.stream.came().await {
                Came::Message(message) => {
                    let mut block = BytesMut::from(&block_of(message)[..]);
                    self.blocks.opener.open(&mut block).unwrap();
                    block.truncate(self.blocks.class.text_len());
                    let mut items = Vec::new();
                    frame::read_server_items(block.freeze(), &mut items).unwrap();
                    self.items.extend(items.into_iter().map(|item| match item {
                        Received::Item(item) => item,
                        Received::Unknown { tag } => panic!("unknown item of tag {tag}"),
                    }));
                }
                end => return Err(end),
            }
        }
    }

    pub async fn goodbye(&mut self) -> v1::GoodbyeCode {
        loop {
            if let Body::Goodbye(goodbye) = self.next().await.unwrap().body.unwrap() {
                assert_eq!(self.next().await, Err(Came::Status(0)));
                return goodbye.code();
            }
        }
    }

    /// Asks, and waits for the answer; what else comes meanwhile is kept.
    pub async fn ask(&mut self, body: Body) -> v1::result::Outcome {
        self.tag += 1;
        let tag = self.tag;
        assert!(self.post(&[v1::Item { tag, body: Some(body) }]).await);
        let mut others = VecDeque::new();
        loop {
            let item = self.next().await.unwrap();
            match item.body {
                Some(Body::Result(result)) if item.tag == tag => {
                    others.append(&mut self.items);
                    self.items = others;
                    return result.outcome.unwrap();
                }
                _ => others.push_back(item),
            }
        }
    }

    pub async fn done(&mut self, body: Body) {
        assert_eq!(self.ask(body).await, v1::result::Outcome::Done(v1::Done {}));
    }

    pub async fn reject(&mut self, body: Body) -> v1::RejectCode {
        match self.ask(body).await {
            v1::result::Outcome::Reject(reject) => reject.code(),
            other => panic!("a refusal was expected: {other:?}"),
        }
    }
}

/// The keys of one connection.
pub struct Keys {
    pub recipient: SigningKey,
    pub sender: SigningKey,
    pub claim: SigningKey,
    pub class: Class,
    pub recipient_id: [u8; 32],
    fingerprint: [u8; 32],
}

impl Keys {
    pub fn new(running: &Running, class: Class) -> Self {
        let [recipient, sender, claim] = std::array::from_fn(|_| SigningKey::generate(&mut rng()));
        let fingerprint = running.address.fingerprint;
        let recipient_id = recipient_id(&fingerprint, recipient.verifying_key().as_bytes());
        Self { recipient, sender, claim, class, recipient_id, fingerprint }
    }

    fn record(running: &Running, key: &SigningKey) -> v1::KeyRecord {
        let hour = running.now().hour();
        v1::KeyRecord {
            vk: Bytes::copy_from_slice(key.verifying_key().as_bytes()),
            version: 0,
            not_before: hour - 1,
            not_after: hour + 24 * 365,
            grace: 0,
        }
    }

    pub fn create(&self, running: &Running, link: &Link) -> Body {
        let body = v1::CreateBody {
            recipient_id: Bytes::copy_from_slice(&self.recipient_id),
            recipient_key: Some(Self::record(running, &self.recipient)),
            claim_vk: Bytes::copy_from_slice(self.claim.verifying_key().as_bytes()),
            state: State::Open.into(),
            sender_key: None,
            link_class: self.class.number(),
            kind: connection::Kind::Contact.into(),
            quota: 16,
            idle_days: 7,
            part_days: 1,
            bundle: vec![7; 3_584].into(),
        }
        .encode_to_vec();
        let input = create_input(link.transcript(), &body);
        Body::Create(v1::Create {
            body: body.into(),
            recipient_signature: self.recipient.sign(&input).to_vec().into(),
            claim_signature: self.claim.sign(&input).to_vec().into(),
            access: Bytes::new(),
            chain: Vec::new(),
        })
    }

    pub fn claim(&self, running: &Running, link: &Link) -> Body {
        let claim_vk = self.claim.verifying_key();
        let sender_id = connection::sender_id(&self.fingerprint, claim_vk.as_bytes());
        let sender_vk = self.sender.verifying_key();
        let input = claim_input(link.transcript(), &sender_id, sender_vk.as_bytes());
        Body::Claim(v1::Claim {
            claim_vk: Bytes::copy_from_slice(claim_vk.as_bytes()),
            sender_key: Some(Self::record(running, &self.sender)),
            claim_signature: self.claim.sign(&input).to_vec().into(),
            sender_signature: self.sender.sign(&input).to_vec().into(),
        })
    }

    pub fn attach(&self, link: &Link, role: Role, handle: u32) -> Body {
        let key = if role == Role::Recipient { &self.recipient } else { &self.sender };
        let input = attach_input(link.transcript(), role, &self.recipient_id, 0);
        Body::Attach(v1::Attach {
            handle,
            role: role.into(),
            recipient_id: Bytes::copy_from_slice(&self.recipient_id),
            vk: Bytes::copy_from_slice(key.verifying_key().as_bytes()),
            version: 0,
            signature: key.sign(&input).to_vec().into(),
            from: 0,
            chain: Vec::new(),
        })
    }

    pub fn part(&self) -> Bytes {
        vec![9; self.class.part_len()].into()
    }
}

/// A claimed connection and its two ends, both at handle 0.
pub struct Pair {
    pub keys: Keys,
    pub recipient: Link,
    pub sender: Link,
}

impl Pair {
    pub async fn new(running: &Running, class: Class) -> Self {
        let keys = Keys::new(running, class);
        let mut medium = Link::open(running, Class::Medium).await;
        let create = keys.create(running, &medium);
        assert!(matches!(medium.ask(create).await, v1::result::Outcome::Created(_)));
        let claim = keys.claim(running, &medium);
        assert!(matches!(medium.ask(claim).await, v1::result::Outcome::Claimed(_)));
        let mut recipient = Link::open(running, class).await;
        let mut sender = Link::open(running, class).await;
        for (link, role) in [(&mut recipient, Role::Recipient), (&mut sender, Role::Sender)] {
            let attach = keys.attach(link, role, 0);
            assert!(matches!(link.ask(attach).await, v1::result::Outcome::Attached(_)));
        }
        Self { keys, recipient, sender }
    }

    pub async fn subscribe(&mut self, window_parts: u32) {
        let subscribe = v1::Subscribe { handle: 0, window_parts, window_bytes: 1 << 20 };
        let outcome = self.recipient.ask(Body::Subscribe(subscribe)).await;
        assert!(matches!(outcome, v1::result::Outcome::Subscribed(_)));
    }

    pub fn send(&self, submission: u64) -> Body {
        Body::Send(v1::Send { handle: 0, submission, part: self.keys.part() })
    }
}

/// Waits until something holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = tokio::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
