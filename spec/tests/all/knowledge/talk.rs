//! Who may know what of what is said: one conversation over several servers, and the row of each
//! party.

mod scattered;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use edgewise_proto::v1;
use edgewise_spec::client::{Event as LinkEvent, Request};
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{ConnectionSecret, Descriptor};
use edgewise_spec::link::{Address, Edge};
use edgewise_spec::message::{
    Chain, Composer, Content, Direction, Event, Hello, Inbox, Layout, Profile, Proof,
    ProvenMessage, Receipt, Seen,
};
use edgewise_spec::scatter::{
    Arrival, Joined, OpenedPart, PartChain, Receiver, Sender, Shape, join,
};
use edgewise_spec::session::{Mode, Purpose, Session};
use edgewise_spec::suite::{Decapsulator, SigningKey};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::{Canary, found};
use crate::vector::pattern;
use crate::world::peer::Pair;
use crate::world::server::{START, Server};

const TEXT: &str = "the heron stands in the shallow water at six";
const NAME: &str = "Ada of the seventh lighthouse";
const ABOUT: &str = "keeps a ledger of the tides and storms";

fn secret(of: &str, lane: usize) -> ConnectionSecret {
    ConnectionSecret::from_bytes(&pattern(&format!("{of} c {lane}")))
}

fn chains(of: &str, shape: Shape) -> Vec<PartChain> {
    (0..usize::from(shape.n()))
        .map(|lane| PartChain::new(&secret(of, lane).part_chain(), 0))
        .collect()
}

/// One end, with what it has learned as text and sent as parts.
struct Person {
    session: Session,
    sender: Sender,
    receiver: Receiver,
    /// Parts of cells that were not opened, by s.
    held: BTreeMap<u32, Vec<OpenedPart>>,
    composer: Option<Composer>,
    inbox: Option<Inbox>,
    direction: Direction,
    signing: Option<SigningKey>,
    learned: String,
    heard: Vec<edgewise_spec::message::Message>,
    said: Vec<ProvenMessage>,
}

impl Person {
    fn new(session: Session, direction: Direction, of: &str) -> Self {
        let (shape, attested) = (session.shape(), session.mode() == Mode::Attested);
        let way = |direction: Direction| chains(&format!("{of} {}", direction.number()), shape);
        let sender = Sender::new(shape, way(direction)).unwrap();
        let receiver = Receiver::new(shape, way(direction.other())).unwrap();
        let signing = attested.then(|| key(of, direction));
        let (composer, inbox) = (None, None);
        let (held, learned, heard, said) = Default::default();
        Self {
            session,
            sender,
            receiver,
            held,
            composer,
            inbox,
            direction,
            signing,
            learned,
            heard,
            said,
        }
    }

    fn ready(&mut self, of: &str) {
        let Some(transcript) = self.session.transcript0() else { return };
        let layout = Layout::new(self.session.mode(), self.session.shape());
        let (own, other) = (self.direction, self.direction.other());
        let signing = self.signing.clone();
        self.composer
            .get_or_insert_with(|| Composer::new(layout, transcript, own, signing).unwrap());
        let vk = (other == Direction::FromInviter && self.signing.is_some())
            .then(|| key(of, other).verifying_key());
        self.inbox
            .get_or_insert_with(|| Inbox::new(layout, transcript, other, vk, Chain::default()));
    }
}

fn key(of: &str, direction: Direction) -> SigningKey {
    SigningKey::from_seed(&pattern(&format!("{of} signs {}", direction.number())))
}

/// A conversation: two people, and a connection each way on each server.
struct Talk {
    of: &'static str,
    people: [Person; 2],
    servers: Vec<Server>,
    pairs: [Vec<Pair>; 2],
    rng: ChaCha20Rng,
    /// By server: what it kept of the first message.
    parts: Vec<Vec<u8>>,
    submissions: [u64; 2],
    /// All that was sent: by whom, which s, the parts.
    sent: Vec<(usize, u32, Vec<Vec<u8>>)>,
}

impl Talk {
    fn new(of: &'static str, mode: Mode) -> Self {
        Self::over(of, mode, Shape::new(Class::Medium, 1, 2).unwrap())
    }

    fn over(of: &'static str, mode: Mode, shape: Shape) -> Self {
        let mut rng = ChaCha20Rng::from_seed(pattern(of));
        let decapsulator = Decapsulator::from_seed(&pattern(&format!("{of} ek")));
        let (s, bundle): ([u8; 32], [u8; 64]) = (pattern(&format!("{of} s")), pattern(of));
        let ek = decapsulator.encapsulator();
        let claimer = Session::claim(&s, &bundle, &ek, shape, mode, START, &mut rng);
        let inviter = Session::invite(&s, &bundle, decapsulator, shape, mode);
        let people = [
            Person::new(claimer, Direction::FromClaimer, of),
            Person::new(inviter, Direction::FromInviter, of),
        ];
        let mut servers: Vec<_> = (0..shape.n()).map(|n| Server::new(60 + u64::from(n))).collect();
        let mut pairs: [Vec<Pair>; 2] = Default::default();
        for server in &mut servers {
            server.learned = Some(String::new());
            for pairs in &mut pairs {
                let mut pair = Pair::new(server, START, shape.class(), 16);
                let handle = pair.recipient_handle;
                pair.recipient.subscribe(server, START, handle, 64).unwrap();
                pairs.push(pair);
            }
        }
        let (parts, sent) = Default::default();
        Self { of, people, servers, pairs, rng, parts, submissions: [0; 2], sent }
    }

    /// Says something, hands its parts to every server, and lets the other end take them.
    fn say(&mut self, who: usize, content: &Content) {
        let person = &mut self.people[who];
        person.ready(self.of);
        let up_to = person.inbox.as_ref().unwrap().chain().up_to();
        let composer = person.composer.as_ref().unwrap();
        let (next, composed) = composer.compose(START, up_to, content, &mut self.rng).unwrap();
        person.composer = Some(next);
        let (header, bytes) = (composed.header, composed.content.clone());
        person.said.push(ProvenMessage::new(person.direction, header, bytes));
        for body in &composed.bodies {
            let person = &mut self.people[who];
            let sealed = person.session.seal(Purpose::Message, START, body, &mut self.rng).unwrap();
            let split = person.sender.split(sealed.s, &sealed.cell, &mut self.rng);
            let (sender, parts) = split.unwrap();
            (person.session, person.sender) = (sealed.session, sender);
            if self.parts.is_empty() {
                self.parts.clone_from(&parts);
            }
            self.sent.push((who, sealed.s, parts.clone()));
            let submission = self.submissions[who];
            self.submissions[who] += 1;
            for (lane, part) in parts.into_iter().enumerate() {
                let (pair, server) = (&mut self.pairs[who][lane], &mut self.servers[lane]);
                let (handle, part) = (pair.sender_handle, part.into());
                let send = v1::Send { handle, submission, part };
                pair.sender.ask(server, START, Request::Send(send)).unwrap();
                pair.recipient.turn(server, START);
                let events = std::mem::take(&mut pair.recipient.events);
                for event in events {
                    if let LinkEvent::Deliver(deliver) = event {
                        self.take(1 - who, lane, &deliver.part);
                    }
                }
            }
        }
    }

    fn take(&mut self, who: usize, lane: usize, part: &[u8]) {
        let person = &mut self.people[who];
        let arrival = match person.receiver.open(lane as u32, part) {
            Arrival::Part { s, part } => {
                let held = person.held.entry(s).or_default();
                held.push(part);
                match join(person.session.shape(), held) {
                    Joined::Short { .. } => return person.receiver.hold(lane as u32, s),
                    Joined::Cell { cell, .. } => Arrival::Cell { s, cell },
                    Joined::Apart => panic!("{s} is apart"),
                }
            }
            other => other,
        };
        match arrival {
            Arrival::Cell { s, cell } => {
                person.held.remove(&s);
                let opened = person.session.open(START, s, &cell).unwrap();
                person.session = opened.session;
                person.receiver.commit(lane as u32, s);
                person.ready(self.of);
                for event in person.inbox.as_mut().unwrap().receive(START, &opened.body).unwrap() {
                    write!(person.learned, "{event:?}").unwrap();
                    if let Event::Message(message) = event {
                        // An id shows itself in another spelling.
                        let id = message.header.id;
                        write!(person.learned, "{:?}", id.as_bytes()).unwrap();
                        if let Ok(Content::Receipt(receipt)) = &message.content {
                            for (id, _) in &receipt.messages {
                                write!(person.learned, "{:?}", id.as_bytes()).unwrap();
                            }
                        }
                        person.heard.push(*message);
                    }
                }
            }
            Arrival::Late { s } => person.receiver.commit(lane as u32, s),
            other => panic!("{other:?}"),
        }
    }

    /// Hello and a text, a receipt, a profile.
    fn tell(&mut self, name: &str, text: &str, about: &str) {
        let edge = Edge { host: "edge.example".to_owned(), port: 4_433 };
        let server = Address { fingerprint: pattern("fingerprint"), edge, tls: true };
        let secret = secret(&format!("{} hello", self.of), 0);
        let descriptor = Descriptor { server, secret, base: 0 }.to_bytes();
        let vk = self.people[0].signing.as_ref().map(|key| *key.verifying_key().as_bytes());
        let (name, standby) = (name.to_owned(), Vec::new());
        let hello = Hello { descriptors: vec![descriptor], vk, name, standby };
        self.say(0, &Content::Hello(hello));
        self.say(0, &Content::Text(text.to_owned()));
        let heard = self.people[1].heard.iter();
        let messages: Vec<_> = heard.map(|message| (message.header.id, message.hash)).collect();
        assert_eq!(messages.len(), 2);
        self.say(1, &Content::Receipt(Receipt { seen: Seen::Delivered, messages }));
        let (about, name) = (about.to_owned(), String::new());
        self.say(
            0,
            &Content::Profile(Profile { name, about, picture: pattern::<64>("picture").to_vec() }),
        );
        assert_eq!(self.people[0].heard.len(), 1);
        assert_eq!(self.people[1].heard.len(), 3);
    }

    fn canaries(&self) -> Vec<Canary> {
        let of = self.of;
        let hash = self.people[1].heard[1].hash;
        let id = *self.people[1].heard[1].header.id.as_bytes();
        let vk = |direction| *key(of, direction).verifying_key().as_bytes();
        let seed = |name: &str| pattern::<32>(&format!("{of} {name}"));
        let chain = secret(&format!("{of} 0"), 0).part_chain();
        vec![
            Canary::new("text", TEXT.as_bytes()),
            Canary::new("name", NAME.as_bytes()),
            Canary::new("profile", ABOUT.as_bytes()),
            Canary::new("picture", &pattern::<64>("picture")),
            Canary::new("id of the text", &id),
            Canary::new("hash of the text", &hash),
            Canary::new("connection back", &pattern::<32>(&format!("{of} hello c 0"))),
            Canary::new("claimer's signing key", &vk(Direction::FromClaimer)),
            Canary::new("inviter's signing key", &vk(Direction::FromInviter)),
            Canary::new("tr_0", &self.people[0].session.transcript0().unwrap()),
            Canary::new("s", &seed("s")),
            Canary::new("bundle", &pattern::<64>(of)),
            Canary::new("secret of the bundle's ek", &seed("ek")),
            Canary::new("signing secret", &seed("signs 0")),
            Canary::new("part chain", chain.as_ref()),
            Canary::new("part on the first server", &self.parts[0][700..764]),
            Canary::new("part on the second server", &self.parts[1][700..764]),
        ]
    }
}

fn row(names: &[&'static str]) -> BTreeSet<&'static str> {
    names.iter().copied().collect()
}

fn story(mode: Mode) -> (Talk, Vec<Canary>) {
    let mut talk = Talk::new("a talk", mode);
    talk.tell(NAME, TEXT, ABOUT);
    let canaries = talk.canaries();
    (talk, canaries)
}

#[test]
fn servers_and_observers_learn_nothing_of_what_is_said() {
    for mode in [Mode::Deniable, Mode::Attested] {
        let (talk, canaries) = story(mode);
        let told = |text: &str| found(&canaries, |canary| canary.in_text(text));
        let learned: Vec<_> = talk.servers.iter().map(|it| it.learned.clone().unwrap()).collect();
        let (first, second) = ("part on the first server", "part on the second server");
        assert_eq!(told(&learned[0]), row(&[first]), "one server");
        assert_eq!(told(&learned[1]), row(&[second]), "the other");
        assert_eq!(told(&learned.concat()), row(&[first, second]), "both together");
        // No two parts of the cell have anything in common.
        let [one, other] = &talk.parts[..] else { panic!() };
        let common = one.windows(16).filter(|window| other.windows(16).any(|it| it == *window));
        assert_eq!(common.count(), 0);
        let mut wire = Vec::new();
        for pair in talk.pairs.iter().flatten() {
            for peer in [&pair.medium, &pair.recipient, &pair.sender] {
                wire.extend_from_slice(&peer.wire);
            }
        }
        assert_eq!(found(&canaries, |canary| canary.in_bytes(&wire)), row(&[]), "an observer");
    }
}

#[test]
fn a_contact_learns_what_it_is_told() {
    let said = ["text", "name", "profile", "picture", "id of the text", "hash of the text"];
    for mode in [Mode::Deniable, Mode::Attested] {
        let (talk, canaries) = story(mode);
        let told = |text: &str| found(&canaries, |canary| canary.in_text(text));
        let mut inviter = row(&said);
        inviter.insert("connection back");
        let claimer = row(&["id of the text", "hash of the text"]);
        // There is a key to learn in an attested session, and none in a deniable one.
        if mode == Mode::Attested {
            inviter.insert("claimer's signing key");
        } else {
            assert!(talk.people.iter().all(|person| person.signing.is_none()));
        }
        assert_eq!(told(&talk.people[1].learned), inviter, "the inviter");
        // A receipt names what was said, and says nothing of it.
        assert_eq!(told(&talk.people[0].learned), claimer, "the claimer");
        // Another contact of the same person, who is told other things.
        let mut other = Talk::new("another talk", mode);
        other.tell("somebody", "something else", "nothing");
        let learned = other.people.map(|person| person.learned).concat();
        assert_eq!(told(&learned), row(&["picture"]), "what both were shown, and no more");
    }
}

/// What a proof of one message shows, and what it does not.
#[test]
fn who_is_shown_a_proof_learns_that_message() {
    let (talk, canaries) = story(Mode::Attested);
    let transcript = talk.people[0].session.transcript0().unwrap();
    let vk = |direction| key(talk.of, direction).verifying_key();
    let message = vec![talk.people[0].said[1].clone()];
    let (inviter, claimer) = (vk(Direction::FromInviter), vk(Direction::FromClaimer));
    let proof = Proof::export(&transcript, &inviter, &claimer, message).unwrap();
    let shown =
        ["text", "id of the text", "claimer's signing key", "inviter's signing key", "tr_0"];
    assert_eq!(found(&canaries, |canary| canary.in_bytes(&proof)), row(&shown));
}

/// What lies in a stored session and its part chains once everything has been opened.
#[test]
fn a_thief_of_the_stored_keys_learns_nothing_that_was_said() {
    for mode in [Mode::Deniable, Mode::Attested] {
        let (talk, canaries) = story(mode);
        for person in &talk.people {
            let mut state = person.session.to_bytes().to_vec();
            state.extend_from_slice(&person.sender.to_bytes());
            let found = found(&canaries, |canary| canary.in_bytes(&state));
            assert_eq!(found, row(&["tr_0"]), "{:?}", person.direction);
        }
    }
}
