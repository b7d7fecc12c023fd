//! Edges in front of a test server: places of their own, which a test closes, opens and mutes; and
//! what links make of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use edgewise_client::{Address, Class, Error, Recipient, RecipientEvent, Sender};
use edgewise_spec::link::{Edge as Place, IdentityKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::end::{client, collect, ends, part, until};
use crate::server::{Config, TestServer};

/// A place that carries bytes to a server and back.
pub struct Edge {
    pub place: Place,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    /// Where the server is, and what is done to the bytes.
    state: watch::Sender<State>,
    taken: AtomicUsize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    server: SocketAddr,
    /// What the server says is lost.
    mute: bool,
    /// Raised to end what is open.
    cut: u64,
}

impl Edge {
    /// A place that goes nowhere yet.
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let place = Place { host: "127.0.0.1".to_owned(), port: server.port() };
        let state = watch::Sender::new(State { server, mute: false, cut: 0 });
        let shared = Arc::new(Shared { state, taken: AtomicUsize::new(0) });
        drop(listener);
        Self { place, shared, accepting: None }
    }

    /// The server's address here.
    pub fn address(&self, server: &TestServer) -> Address {
        Address { edge: self.place.clone(), ..server.address.clone() }
    }

    /// Listens, and carries to this server.
    pub async fn open(&mut self, server: &TestServer) {
        let to = SocketAddr::from(([127, 0, 0, 1], server.address.edge.port));
        self.shared.state.send_modify(|state| (state.server, state.mute) = (to, false));
        let listener = TcpListener::bind(("127.0.0.1", self.place.port)).await.unwrap();
        let shared = Arc::clone(&self.shared);
        self.accepting = Some(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.taken.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(carry(stream, shared.state.subscribe()));
            }
        }));
    }

    /// Nobody reaches it any more, and whoever was there is cut off.
    pub async fn close(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            let _ = accepting.await;
        }
        self.shared.state.send_modify(|state| state.cut += 1);
    }

    /// What clients say still comes to the server; nothing of its answers comes back.
    pub fn mute(&self) {
        self.shared.state.send_modify(|state| state.mute = true);
    }

    /// How many streams of bytes were opened here.
    pub fn taken(&self) -> usize {
        self.shared.taken.load(Ordering::Relaxed)
    }
}

async fn carry(client: TcpStream, state: watch::Receiver<State>) {
    let now = *state.borrow();
    let mut cutting = state.clone();
    let cut = async move { drop(cutting.wait_for(|state| state.cut > now.cut).await) };
    tokio::select! {
        () = cut => {}
        () = pump(client, now.server, state) => {}
    }
}

async fn pump(mut client: TcpStream, server: SocketAddr, state: watch::Receiver<State>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut up, mut down) = ([0; 8_192], [0; 8_192]);
    loop {
        let (count, to, from) = tokio::select! {
            count = client.read(&mut up) => (count, &mut server, &up),
            count = server.read(&mut down) => {
                if state.borrow().mute {
                    continue;
                }
                (count, &mut client, &down)
            }
        };
        match count {
            Ok(count) if count > 0 && to.write_all(&from[..count]).await.is_ok() => {}
            _ => return,
        }
    }
}

/// A server with two edges, both open, which its Description lists.
pub async fn two_edges() -> (TestServer, Edge, Edge) {
    let (mut first, mut second) = (Edge::new().await, Edge::new().await);
    let edges = vec![first.place.clone(), second.place.clone()];
    let server = TestServer::start(Config { edges, ..Config::default() }).await;
    first.open(&server).await;
    second.open(&server).await;
    (server, first, second)
}

/// A place where nobody listens.
async fn nowhere() -> Place {
    Edge::new().await.place
}

/// LINK-52
#[tokio::test]
async fn a_link_opens_at_another_place_where_the_given_one_is_gone() {
    let (server, mut first, second) = two_edges().await;
    let client = client(None);
    let given = first.address(&server);
    client.open(&given, Class::Medium).await.unwrap().close().await;
    assert_eq!(second.taken(), 0, "the given place comes first");
    first.close().await;
    client.open(&given, Class::Medium).await.unwrap().close().await;
    assert!(second.taken() > 0);
    // Another context was told nothing.
    let stranger = self::client(None).open(&given, Class::Medium).await;
    assert!(matches!(stranger, Err(Error::Unreachable { .. })), "{stranger:?}");
}

#[tokio::test]
async fn of_many_dead_places_some_few_are_tried_and_the_given_one_is_told_of() {
    let mut given = Edge::new().await;
    let mut edges = Vec::new();
    for _ in 0..20 {
        edges.push(nowhere().await);
    }
    let server = TestServer::start(Config { edges, ..Config::default() }).await;
    given.open(&server).await;
    let (client, address) = (client(None), given.address(&server));
    client.open(&address, Class::Medium).await.unwrap().close().await;
    given.close().await;
    let Err(Error::Unreachable { edge, .. }) = client.open(&address, Class::Medium).await else {
        panic!("nobody is there");
    };
    assert_eq!(edge, given.place.to_string());
}

#[tokio::test]
async fn parts_arrive_although_edges_are_lost_in_turn() {
    let (server, mut first, mut second) = two_edges().await;
    let given = first.address(&server);
    let (recipient, sender) = ends(&server, Class::Small);
    let mut recipient = Recipient::start(&client(None), &given, recipient);
    until(&mut recipient, &RecipientEvent::Created).await;
    let sender = Sender::start(&client(None), &given, sender);
    let mut got = BTreeMap::new();
    for round in 0..8_u64 {
        for number in round * 20..(round + 1) * 20 {
            assert_eq!(sender.push(part(Class::Small, number)).await.unwrap(), number);
        }
        deliveries(&mut recipient, &mut got, usize::try_from(round * 20 + 7).unwrap()).await;
        // One of the two is always there; what it says is lost first, every other time.
        let (lost, other) =
            if round % 2 == 0 { (&mut first, &mut second) } else { (&mut second, &mut first) };
        if round > 0 {
            other.open(&server).await;
        }
        if round % 4 < 2 {
            lost.mute();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        lost.close().await;
    }
    deliveries(&mut recipient, &mut got, 160).await;
    // The server gave each part one number: none was taken twice, and none is missing.
    assert_eq!(got, (0..160).map(|number| (number + 1, number)).collect());
    assert!(second.taken() >= 8, "{}: a link of each end, four times", second.taken());
}

/// Stores and acknowledges until there are `count` parts, by the server's numbers.
async fn deliveries(recipient: &mut Recipient, got: &mut BTreeMap<u64, u64>, count: usize) {
    let collecting = async {
        while got.len() < count {
            match recipient.next().await.unwrap().expect("it stopped") {
                RecipientEvent::StoreSenderKey(_) => {
                    recipient.sender_key_stored().await.unwrap();
                }
                RecipientEvent::Part { sequence, part } => {
                    let number = u64::from_be_bytes(part[..8].try_into().unwrap());
                    let before = got.insert(sequence, number);
                    assert!(before.is_none_or(|before| before == number));
                    let _ = recipient.stored(sequence).await;
                }
                _ => {}
            }
        }
    };
    timeout(Duration::from_secs(30), collecting).await.expect("in time");
}

/// A list that is nothing but dead keeps nobody from the place that was given.
#[tokio::test]
async fn the_given_place_stays_in_the_round() {
    let mut given = Edge::new().await;
    let mut edges = Vec::new();
    for _ in 0..20 {
        edges.push(nowhere().await);
    }
    let server = TestServer::start(Config { edges, ..Config::default() }).await;
    given.open(&server).await;
    let (recipient, _) = ends(&server, Class::Small);
    let mut recipient = Recipient::start(&client(None), &given.address(&server), recipient);
    until(&mut recipient, &RecipientEvent::Created).await;
    for _ in 0..3 {
        let before = given.taken();
        given.close().await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        given.open(&server).await;
        let again = async {
            while given.taken() == before || !recipient.is_attached().await.unwrap() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Not after twenty pauses of up to 50 ms.
        timeout(Duration::from_millis(700), again).await.expect("every other try is there");
    }
}

/// LINK-4: what presents another identity is refused, and is no reason to refuse the others.
#[tokio::test]
async fn a_foreign_place_is_refused_and_the_others_are_not() {
    let foreign = TestServer::start_as(&IdentityKey::from_seed(&[9; 32]), Config::default()).await;
    let (mut first, mut second) = (Edge::new().await, Edge::new().await);
    let edges = vec![foreign.address.edge.clone(), second.place.clone(), first.place.clone()];
    let server = TestServer::start(Config { edges, ..Config::default() }).await;
    first.open(&server).await;
    second.open(&server).await;
    let given = first.address(&server);
    let (recipient, sender) = ends(&server, Class::Small);
    let mut recipient = Recipient::start(&client(None), &given, recipient);
    until(&mut recipient, &RecipientEvent::Created).await;
    let mut sender = Sender::start(&client(None), &given, sender);
    sender.push(part(Class::Small, 0)).await.unwrap();
    let mut numbers = Vec::new();
    collect(&mut recipient, &mut numbers, 1).await;
    // Somebody else listens at the given place.
    first.close().await;
    first.open(&foreign).await;
    sender.push(part(Class::Small, 1)).await.unwrap();
    collect(&mut recipient, &mut numbers, 2).await;
    assert!(second.taken() >= 2);
    // And nobody of the server's is left: now it is as it always was.
    second.close().await;
    let refused = async {
        loop {
            match sender.next().await {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    };
    let refused = timeout(Duration::from_secs(20), refused).await.expect("it is told");
    assert!(matches!(refused, Err(Error::Description { .. })), "{refused:?}");
    assert!(foreign.described() > 0);
    assert_eq!(foreign.attached(), 0, "nothing is asked of another identity");
}
