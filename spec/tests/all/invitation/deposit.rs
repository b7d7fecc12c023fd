//! A contact address over a server: read by strangers, who leave requests that the owner accepts.

use edgewise_proto::v1::{Kind, Role, State};
use edgewise_spec::client::{
    self as signed, Answer, CreateAs, Event, Key, Lifetime, Request as Asked, Terms,
};
use edgewise_spec::connection::recipient_id;
use edgewise_spec::constants::ADDRESS_EK_HOURS;
use edgewise_spec::error::Reject;
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{
    Announcement, Card, Claimer, ContactBundle, ContactKeys, Name, Request, Root,
};
use edgewise_spec::link::{Address, Edge};

use super::{NOT_AFTER, bundle_over};
use crate::world::peer::Peer;
use crate::world::server::{START, Server};

/// The owner of an address on one server.
struct Owner {
    root: Root,
    keys: ContactKeys,
    key: Key,
    peer: Peer,
    server: Address,
}

impl Owner {
    fn new(server: &mut Server) -> Self {
        let address = Address {
            fingerprint: *server.fingerprint(),
            edge: Edge { host: "edge.example".to_owned(), port: 443 },
            tls: true,
        };
        let rng = &mut server.rng;
        let root = Root::generate(rng);
        let keys = ContactKeys::generate(rng, START.hour());
        let key = Key::generate(rng, 0, Lifetime::longest(START));
        let peer = Peer::open(server, START, Class::Medium);
        Self { root, keys, key, peer, server: address }
    }

    fn contact(&self) -> ContactBundle {
        let present = self.keys.present().unwrap();
        let announcement = Announcement {
            version: present.version,
            servers: std::slice::from_ref(&self.server),
            ek: &present.key.encapsulator(),
            name: Name::new("Grace").unwrap(),
            not_after: NOT_AFTER + START.hour(),
        };
        ContactBundle::make(&self.root, &announcement).unwrap()
    }

    /// Makes the connection, or puts the present version in the place of the one before.
    fn announce(&mut self, server: &mut Server) {
        let contact = self.contact();
        let id = recipient_id(server.fingerprint(), &self.key.record().vk);
        let terms = Terms { kind: Kind::Address, ..Terms::usual(Class::Medium) };
        let secret = self.root.secret().connection(0, server.fingerprint());
        let made = CreateAs::Open { claim: &secret.claim_key(), bundle: contact.sealed() };
        let transcript = self.peer.transcript();
        let create = signed::create(&transcript, &id, &self.key, &[], &terms, &made, None);
        let answer = self.peer.ask(server, START, Asked::Create(Box::new(create)));
        assert_eq!(answer, Ok(Answer::Created(State::Open)));
    }

    /// What strangers have left.
    fn requests(&mut self, server: &mut Server) -> Vec<Request> {
        let id = recipient_id(server.fingerprint(), &self.key.record().vk);
        let handle = self.peer.link.free_handle().unwrap();
        let transcript = self.peer.transcript();
        let attach = signed::attach(&transcript, handle, Role::Recipient, &id, &self.key, &[], 0);
        self.peer.ask(server, START, Asked::Attach(Box::new(attach))).unwrap();
        self.peer.subscribe(server, START, handle, 8).unwrap();
        let events = std::mem::take(&mut self.peer.events);
        let secret = self.root.secret();
        let open = |event| match event {
            Event::Deliver(deliver) => Request::open(&deliver.part, &self.keys, &secret).ok(),
            _ => None,
        };
        events.into_iter().filter_map(open).collect()
    }
}

/// Somebody who has nothing but the text of the address's card.
struct Stranger {
    card: Card,
    key: Key,
    peer: Peer,
}

impl Stranger {
    fn new(text: &str, server: &mut Server) -> Self {
        let card = Card::parse(text).unwrap();
        let key = Key::generate(&mut server.rng, 0, Lifetime::longest(START));
        let peer = Peer::open(server, START, Class::Medium);
        Self { card, key, peer }
    }

    fn read(&mut self, server: &mut Server) -> ContactBundle {
        let fingerprint = *server.fingerprint();
        let claim = self.card.secret().connection(0, &fingerprint).claim_key();
        let claim = signed::claim(&self.peer.transcript(), &fingerprint, &claim, &self.key);
        let told = self.peer.ask(server, START, Asked::Claim(Box::new(claim)));
        let Ok(Answer::Claimed(claimed)) = told else { panic!("{told:?}") };
        assert!(claimed.recipient_id.is_empty());
        ContactBundle::open(&self.card, &claimed.bundle, 0, START.hour()).unwrap()
    }

    fn deposit(&mut self, server: &mut Server, part: bytes::Bytes) -> Result<Answer, Reject> {
        let claim = self.card.secret().connection(0, server.fingerprint()).claim_key();
        let deposit = signed::deposit(&self.peer.transcript(), &claim, part);
        self.peer.ask(server, START, Asked::Deposit(Box::new(deposit)))
    }
}

#[test]
fn strangers_leave_requests_that_the_owner_can_accept() {
    let mut server = Server::new(90);
    let server = &mut server;
    let mut owner = Owner::new(server);
    owner.announce(server);
    let text = owner.contact().card(1).unwrap().to_text();
    let invitation = bundle_over(1, false).card(true, 1).unwrap();
    let request = |greeting: &str| Request::new(greeting, &invitation).unwrap();

    let mut early = Stranger::new(&text, server);
    let contact = early.read(server);
    assert_eq!((contact.version(), contact.name()), (1, "Grace"));
    let part = request("I read version 1").seal(&contact, &mut server.rng);
    // A week later there is another version; the request to the first one still opens.
    assert!(owner.keys.renew(&mut server.rng, START.hour() + ADDRESS_EK_HOURS));
    owner.announce(server);
    for _ in 0..3 {
        assert_eq!(early.deposit(server, part.clone()), Ok(Answer::Done));
    }
    let mut late = Stranger::new(&text.to_lowercase(), server);
    let contact = late.read(server);
    assert_eq!(contact.version(), 2);
    let part = request("I read version 2").seal(&contact, &mut server.rng);
    assert_eq!(late.deposit(server, part), Ok(Answer::Done));
    // Whoever has the card can leave what is no request.
    assert_eq!(late.deposit(server, vec![9; 3_920].into()), Ok(Answer::Done));
    assert_eq!(server.store.stats().parts, 3, "CONNECTION-79: none twice");

    let requests = owner.requests(server);
    let greetings: Vec<&str> = requests.iter().map(Request::greeting).collect();
    assert_eq!(greetings, ["I read version 1", "I read version 2"]);
    for request in &requests {
        assert_eq!(request.card().secret(), invitation.secret());
        assert!(Claimer::new(request.card().clone()).is_ok());
    }
}

#[test]
fn a_flood_fills_the_quota_and_takes_nothing_from_the_owner() {
    let mut server = Server::new(91);
    let server = &mut server;
    let mut owner = Owner::new(server);
    owner.announce(server);
    let text = owner.contact().card(1).unwrap().to_text();
    let mut stranger = Stranger::new(&text, server);
    let quota = edgewise_spec::constants::QUOTA as usize;
    for n in 0..quota {
        let mut part = vec![0; 3_920];
        part[..8].copy_from_slice(&n.to_be_bytes());
        assert_eq!(stranger.deposit(server, part.into()), Ok(Answer::Done));
    }
    assert_eq!(stranger.deposit(server, vec![1; 3_920].into()), Err(Reject::Quota));
    // No Space: who deposits does not learn when the owner reads.
    owner.requests(server);
    owner.peer.acknowledge(server, START, 0, 8);
    let later = START.plus_seconds(3_600);
    server.tick(later);
    stranger.peer.turn(server, later);
    assert!(stranger.peer.events.is_empty(), "{:?}", stranger.peer.events);
    assert_eq!(stranger.deposit(server, vec![1; 3_920].into()), Ok(Answer::Done));
    // A stranger is nobody: it cannot attach, suspend or send.
    let id = recipient_id(server.fingerprint(), &owner.key.record().vk);
    let transcript = stranger.peer.transcript();
    let attach = signed::attach(&transcript, 0, Role::Sender, &id, &stranger.key, &[], 0);
    let told = stranger.peer.ask(server, START, Asked::Attach(Box::new(attach)));
    assert_eq!(told, Err(Reject::Refused));
}
