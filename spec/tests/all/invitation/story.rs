//! An invitation from its making to its claim, over links to servers.

use edgewise_proto::v1::{Role, State};
use edgewise_spec::client::{
    self as signed, Answer as Told, CreateAs, Event, Key, Lifetime, Request, Terms,
};
use edgewise_spec::connection::recipient_id;
use edgewise_spec::constants::INVITATION_HOURS;
use edgewise_spec::error::Reject;
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{
    Answer, Ask, Bundle, Card, Claimer, Given, Happened, Inviter, Lost, Name, Offer, Step,
    bundle_at,
};
use edgewise_spec::link::{Address, Edge};
use edgewise_spec::scatter::Shape;
use edgewise_spec::suite::Decapsulator;

use crate::world::peer::Peer;
use crate::world::server::{START, Server};

/// Servers, and an inviter who has a connection on each of them.
struct Story {
    servers: Vec<Server>,
    bundle: Bundle,
    keys: Vec<Key>,
    inviter: Inviter,
    peers: Vec<Peer>,
}

fn address(n: usize, server: &Server) -> Address {
    let edge = Edge { host: format!("edge{n}.example"), port: 443 };
    Address { fingerprint: *server.fingerprint(), edge, tls: true }
}

impl Story {
    fn new(n: u8, carded: u8) -> Self {
        let mut servers: Vec<_> = (0..n).map(|n| Server::new(70 + u64::from(n))).collect();
        let addresses: Vec<_> =
            servers.iter().enumerate().map(|(n, server)| address(n, server)).collect();
        let rng = &mut servers[0].rng;
        let offer = Offer {
            shape: Shape::new(Class::Medium, 1, n).unwrap(),
            servers: &addresses,
            ek: &Decapsulator::generate(rng).encapsulator(),
            vk: None,
            name: Name::new("Ada").unwrap(),
            not_after: START.hour() + INVITATION_HOURS,
        };
        let bundle = Bundle::make(&offer, rng).unwrap();
        let keys: Vec<_> =
            (0..n).map(|_| Key::generate(rng, 0, Lifetime::longest(START))).collect();
        let peers = servers.iter_mut().map(|it| Peer::open(it, START, Class::Medium)).collect();
        let mut story = Self { servers, bundle, keys, inviter: Inviter::new(n), peers };
        for place in 0..n {
            let last = place + 1 == n;
            let ask = story.create(place, carded);
            assert_eq!(ask, if last { Ask::HandOn } else { Ask::Nothing });
        }
        story
    }

    /// INVITATION-5, INVITATION-27
    fn create(&mut self, place: u8, carded: u8) -> Ask {
        let n = usize::from(place);
        let (server, peer) = (&mut self.servers[n], &mut self.peers[n]);
        let fingerprint = *server.fingerprint();
        let secret = self.bundle.secret().connection(place, &fingerprint);
        let id = recipient_id(&fingerprint, &self.keys[n].record().vk);
        let terms = Terms::usual(self.bundle.shape().class());
        let bundle = bundle_at(place, carded, &self.bundle.sealed());
        let made = CreateAs::Open { claim: &secret.claim_key(), bundle };
        let key = &self.keys[n];
        let create = signed::create(&peer.transcript(), &id, key, &[], &terms, &made, None);
        let answer = peer.ask(server, START, Request::Create(Box::new(create)));
        assert_eq!(answer, Ok(Told::Created(State::Open)));
        self.inviter.handle(Happened::Created(place))
    }

    /// Attaches and subscribes everywhere, and tells the inviter what its servers say.
    fn look(&mut self) -> Vec<Ask> {
        let mut asks = Vec::new();
        for n in 0..self.servers.len() {
            let (server, peer, key) = (&mut self.servers[n], &mut self.peers[n], &self.keys[n]);
            let id = recipient_id(server.fingerprint(), &key.record().vk);
            let handle = peer.link.free_handle().unwrap();
            let transcript = peer.transcript();
            let attach = signed::attach(&transcript, handle, Role::Recipient, &id, key, &[], 0);
            peer.ask(server, START, Request::Attach(Box::new(attach))).unwrap();
            let Ok(Told::Subscribed(notice)) = peer.subscribe(server, START, handle, 4) else {
                panic!("not subscribed")
            };
            let later = std::mem::take(&mut peer.events).into_iter().filter_map(|event| {
                if let Event::Notice(notice) = event { Some(notice) } else { None }
            });
            for notice in [notice].into_iter().chain(later) {
                let place = n as u8;
                if notice.state() == State::Claimed {
                    asks.push(self.inviter.handle(Happened::Claimed(place)));
                }
                if notice.conflict {
                    asks.push(self.inviter.handle(Happened::Conflict(place)));
                }
            }
        }
        asks
    }
}

/// Somebody who has nothing but the text of a card.
struct Guest {
    claimer: Claimer,
    key: Key,
}

impl Guest {
    fn new(text: &str, server: &mut Server) -> Self {
        let claimer = Claimer::new(Card::parse(text).unwrap()).unwrap();
        Self { claimer, key: Key::generate(&mut server.rng, 0, Lifetime::longest(START)) }
    }

    /// One claim; `None` when there is none to be made.
    fn claim(&mut self, servers: &mut [Server], down: &[u8]) -> Option<Step> {
        let claim = self.claimer.next()?;
        let find = |server: &&mut Server| *server.fingerprint() == claim.server.fingerprint;
        let server = servers.iter_mut().find(find).expect("a server of the world");
        if down.contains(&claim.place) {
            let answer = Answer::Unreached;
            return Some(self.claimer.handle(claim.place, answer, START.hour()));
        }
        let mut peer = Peer::open(server, START, Class::Medium);
        let (transcript, fingerprint) = (peer.transcript(), claim.server.fingerprint);
        let claim_key = claim.secret.claim_key();
        let wire = signed::claim(&transcript, &fingerprint, &claim_key, &self.key);
        let told = peer.ask(server, START, Request::Claim(Box::new(wire)));
        let answer = match &told {
            Ok(Told::Claimed(claimed)) => Answer::Claimed(&claimed.bundle),
            Err(Reject::Conflict) => Answer::Conflict,
            Err(_) => Answer::Refused,
            Ok(other) => panic!("{other:?}"),
        };
        Some(self.claimer.handle(claim.place, answer, START.hour()))
    }

    fn run(&mut self, servers: &mut [Server], down: &[u8]) -> Step {
        loop {
            match self.claim(servers, down).expect("a claim to make") {
                Step::Claim => {}
                last => return last,
            }
        }
    }
}

#[test]
fn the_text_of_a_card_is_enough_to_claim_every_connection() {
    for (n, carded) in [(1, 1), (3, 3), (4, 2), (10, 1)] {
        let mut story = Story::new(n, carded);
        let card = story.bundle.card(true, carded.into()).unwrap();
        let mut guest = Guest::new(&card.to_text(), &mut story.servers[0]);
        assert_eq!(guest.run(&mut story.servers, &[]), Step::Begin);
        assert_eq!(guest.claimer.bundle(), Some(&story.bundle));
        let asks = story.look();
        assert_eq!(asks[0], Ask::Expect);
        let Inviter::Claimed(claimed) = story.inviter else { panic!("{:?}", story.inviter) };
        assert_eq!(claimed.at.count(), u32::from(n));
        // The claimer is the sender: it can attach and send, and the inviter gets the part.
        for place in 0..n {
            let server = &mut story.servers[usize::from(place)];
            let id =
                recipient_id(server.fingerprint(), &story.keys[usize::from(place)].record().vk);
            let mut peer = Peer::open(server, START, Class::Medium);
            let handle = peer.link.free_handle().unwrap();
            let (transcript, key) = (peer.transcript(), &guest.key);
            let attach = signed::attach(&transcript, handle, Role::Sender, &id, key, &[], 0);
            peer.ask(server, START, Request::Attach(Box::new(attach))).unwrap();
            assert_eq!(peer.send(server, START, handle, 0, place), Ok(Told::Done));
            let inviter = &mut story.peers[usize::from(place)];
            inviter.turn(server, START);
            assert_eq!(inviter.delivered(), [(1, place)]);
        }
        assert_eq!(story.inviter.handle(Happened::Opened), Ask::Begin);
    }
}

#[test]
fn a_second_claimer_gets_conflict_and_the_inviter_is_told() {
    let mut story = Story::new(3, 3);
    let card = story.bundle.card(false, 3).unwrap();
    let mut guest = Guest::new(&card.to_text(), &mut story.servers[0]);
    let mut thief = Guest::new(&card.to_text(), &mut story.servers[0]);
    assert_eq!(thief.claim(&mut story.servers, &[]), Some(Step::Claim));
    let step = guest.run(&mut story.servers, &[]);
    assert_eq!(step, Step::Abandon(Given::Conflict));
    // Another first server does not help the slower one.
    let mut late = Guest::new(&card.to_text(), &mut story.servers[0]);
    assert_eq!(late.claim(&mut story.servers, &[0]), Some(Step::Claim));
    assert_eq!(late.claim(&mut story.servers, &[]), Some(Step::Claim));
    assert_eq!(thief.run(&mut story.servers, &[]), Step::Abandon(Given::Conflict));
    // INVITATION-28
    let asks = story.look();
    assert!(asks.contains(&Ask::Delete(Lost::Conflict)), "{asks:?}");
    assert_eq!(story.inviter, Inviter::Abandoned(Lost::Conflict));
    assert_eq!(story.look().iter().filter(|ask| **ask != Ask::Nothing).count(), 0);
}

#[test]
fn one_server_that_is_up_is_enough_to_open_the_bundle() {
    let mut story = Story::new(3, 2);
    let card = story.bundle.card(true, 2).unwrap();
    let mut guest = Guest::new(&card.to_text(), &mut story.servers[0]);
    assert_eq!(guest.run(&mut story.servers, &[0, 2]), Step::Begin);
    assert_eq!(guest.claimer.retry(START.hour()), Step::Claim);
    assert_eq!(guest.run(&mut story.servers, &[]), Step::Nothing);
    story.look();
    let Inviter::Claimed(claimed) = story.inviter else { panic!("{:?}", story.inviter) };
    assert_eq!(claimed.at.count(), 3);
}

#[test]
fn a_claim_that_was_answered_and_lost_is_made_again() {
    let mut story = Story::new(2, 1);
    let card = story.bundle.card(true, 1).unwrap();
    let mut guest = Guest::new(&card.to_text(), &mut story.servers[0]);
    let stored = guest.claimer.clone();
    assert_eq!(guest.claim(&mut story.servers, &[]), Some(Step::Claim));
    // A crash before the answer was stored, with the key that was.
    guest.claimer = stored;
    assert_eq!(guest.run(&mut story.servers, &[]), Step::Begin);
    assert!(!story.look().contains(&Ask::Delete(Lost::Conflict)));
}

#[test]
fn nobody_has_it_when_it_was_deleted() {
    let mut story = Story::new(2, 2);
    let card = story.bundle.card(true, 2).unwrap();
    story.look();
    let asked = story.inviter.handle(Happened::Over);
    assert_eq!(asked, Ask::Delete(Lost::Expired));
    for (server, peer) in story.servers.iter_mut().zip(&mut story.peers) {
        // INVITATION-29; the handle is the one that `look` attached.
        let delete = Request::Delete { handle: 0 };
        assert_eq!(peer.ask(server, START, delete), Ok(Told::Done));
    }
    let mut guest = Guest::new(&card.to_text(), &mut story.servers[0]);
    assert_eq!(guest.run(&mut story.servers, &[]), Step::Wait);
}

/// A server sees no secret of the invitation, and cannot tell what it holds but for the zeros.
#[test]
fn a_server_learns_nothing_of_the_bundle() {
    let mut story = Story::new(2, 1);
    story.servers.iter_mut().for_each(|server| server.learned = Some(String::new()));
    story.create(0, 1);
    story.create(1, 1);
    let secret = story.bundle.secret();
    let shown = |bytes: &[u8]| {
        let array = format!("{bytes:?}");
        let text = format!("{:?}", bytes::Bytes::copy_from_slice(bytes));
        let learned: String = story.servers.iter().filter_map(|it| it.learned.clone()).collect();
        learned.contains(array.trim_matches(['[', ']']))
            || learned.contains(text.trim_start_matches("b\"").trim_end_matches('"'))
    };
    assert!(shown(&story.bundle.sealed()), "the search works");
    assert!(!shown(&secret.as_bytes()[..]));
    assert!(!shown(&story.bundle.as_bytes()[..64]));
    for (place, server) in story.servers.iter().enumerate() {
        let c = secret.connection(place as u8, server.fingerprint());
        assert!(!shown(&c.as_bytes()[..]));
        assert!(!shown(&c.claim_key().to_seed()[..]));
    }
}
