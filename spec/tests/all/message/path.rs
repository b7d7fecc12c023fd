//! The whole path: message, session, scatter over three connections, and back.

use std::collections::BTreeMap;

use edgewise_spec::frame::Class;
use edgewise_spec::message::{
    Chain, Composer, Content, Direction, Event, Inbox, Layout, Message, Proof, ProvenMessage,
};
use edgewise_spec::scatter::{Arrival, PartChain, Receiver, Sender, Shape};
use edgewise_spec::session::{Mode, Purpose, Session};
use edgewise_spec::suite::Decapsulator;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{START, hello, key, text};

const CLAIMER: Direction = Direction::FromClaimer;
const INVITER: Direction = Direction::FromInviter;
const LANES: u8 = 3;

struct Person {
    session: Session,
    sender: Sender,
    receiver: Receiver,
    composer: Option<Composer>,
    inbox: Option<Inbox>,
    direction: Direction,
    said: BTreeMap<u32, ([u8; 32], ProvenMessage)>,
    heard: Vec<Message>,
}

fn chains(direction: Direction) -> Vec<PartChain> {
    (0..LANES).map(|lane| PartChain::new(&[lane + 16 * direction.number(); 32], 0)).collect()
}

impl Person {
    fn new(session: Session, direction: Direction) -> Self {
        let shape = session.shape();
        Self {
            session,
            sender: Sender::new(shape, chains(direction)).unwrap(),
            receiver: Receiver::new(shape, chains(direction.other())).unwrap(),
            composer: None,
            inbox: None,
            direction,
            said: BTreeMap::new(),
            heard: Vec::new(),
        }
    }

    /// Once tr_0 is there: for the claimer at once, for the inviter with the hello.
    fn ready(&mut self) {
        let Some(transcript) = self.session.transcript0() else { return };
        let layout = Layout::new(self.session.mode(), self.session.shape());
        let (own, other) = (self.direction, self.direction.other());
        self.composer
            .get_or_insert_with(|| Composer::new(layout, transcript, own, Some(key(own))).unwrap());
        let vk = (other == INVITER).then(|| key(other).verifying_key());
        self.inbox
            .get_or_insert_with(|| Inbox::new(layout, transcript, other, vk, Chain::default()));
    }

    /// The parts of every cell of a message: s, then a part a lane.
    fn say(&mut self, content: &Content, rng: &mut ChaCha20Rng) -> Vec<Vec<Vec<u8>>> {
        self.ready();
        let up_to = self.inbox.as_ref().unwrap().chain().up_to();
        let composer = self.composer.as_ref().unwrap();
        let (next, composed) = composer.compose(START, up_to, content, rng).unwrap();
        self.composer = Some(next);
        let proven = ProvenMessage::new(self.direction, composed.header, composed.content.clone());
        self.said.insert(composed.id.number(), (composed.hash, proven));
        let mut cells = Vec::new();
        for body in &composed.bodies {
            let sealed = self.session.seal(Purpose::Message, START, body, rng).unwrap();
            let (sender, parts) = self.sender.split(sealed.s, &sealed.cell, rng).unwrap();
            (self.session, self.sender) = (sealed.session, sender);
            cells.push(parts);
        }
        cells
    }

    fn take(&mut self, lane: u8, part: &[u8]) {
        match self.receiver.open(lane.into(), part) {
            Arrival::Cell { s, cell } => {
                let opened = self.session.open(START, s, &cell).unwrap();
                self.session = opened.session;
                self.receiver.commit(lane.into(), s);
                self.ready();
                let events = self.inbox.as_mut().unwrap().receive(START, &opened.body).unwrap();
                for event in events {
                    if let Event::Message(message) = event {
                        self.heard.push(*message);
                    }
                }
            }
            Arrival::Late { s } => self.receiver.commit(lane.into(), s),
            Arrival::Repeated { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    /// All that was said to this person, and what it says of what its author had heard.
    fn has_heard(&self, other: &Self) {
        let mut numbers: Vec<u32> =
            self.heard.iter().map(|message| message.header.id.number()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, other.said.keys().copied().collect::<Vec<_>>());
        assert_eq!(self.inbox.as_ref().unwrap().chain().missing().count(), 0);
        for message in &self.heard {
            let (hash, _) = &other.said[&message.header.id.number()];
            assert_eq!(&message.hash, hash);
            let up_to = message.header.up_to;
            let own = self.said.get(&up_to.number).map(|(hash, _)| hash);
            assert!(up_to.agrees(self.session.mode(), own));
        }
    }
}

/// Each cell arrives over one to three of its connections, in any order within one turn.
fn deliver(to: &mut Person, cells: Vec<Vec<Vec<u8>>>, rng: &mut ChaCha20Rng) {
    let mut parts: Vec<(u8, Vec<u8>)> = Vec::new();
    for cell in cells {
        let mask = 1 + rng.next_u32() % 7;
        let lanes = (0..LANES).zip(cell).filter(|(lane, _)| mask >> lane & 1 == 1);
        parts.extend(lanes);
    }
    while !parts.is_empty() {
        let (lane, part) = parts.swap_remove(rng.next_u32() as usize % parts.len());
        to.take(lane, &part);
        if rng.next_u32().is_multiple_of(4) {
            to.take(lane, &part);
        }
    }
}

#[test]
fn two_people_talk_over_three_servers_and_can_prove_it() {
    for seed in 0..4 {
        let mut rng = ChaCha20Rng::from_seed([seed; 32]);
        let rng = &mut rng;
        let (shape, mode) = (Shape::new(Class::Medium, 1, LANES).unwrap(), Mode::Attested);
        let decapsulator = Decapsulator::from_seed(&[4; 32]);
        let ek = decapsulator.encapsulator();
        let claimer = Session::claim(&[6; 32], b"bundle", &ek, shape, mode, START, rng);
        let inviter = Session::invite(&[6; 32], b"bundle", decapsulator, shape, mode);
        let (mut ada, mut ben) = (Person::new(claimer, CLAIMER), Person::new(inviter, INVITER));
        let mut first = ada.say(&hello(mode), rng);
        first.extend(ada.say(&text("are you there?"), rng));
        deliver(&mut ben, first, rng);
        for turn in 0..6 {
            let long = "word ".repeat(1 + (rng.next_u32() % 900) as usize);
            let answer = ben.say(&text(&format!("{turn} {long}")), rng);
            let mut both = ada.say(&text(&format!("and {turn}")), rng);
            both.extend(ada.say(&text(&long), rng));
            deliver(&mut ada, answer, rng);
            deliver(&mut ben, both, rng);
        }
        ada.has_heard(&ben);
        ben.has_heard(&ada);
        // Ben shows a third party the conversation, as he sent and received it.
        let sent = ben.said.values().map(|(_, message)| message.clone());
        let received =
            ben.heard.iter().map(|it| ProvenMessage::new(CLAIMER, it.header, it.bytes.clone()));
        let transcript = ben.session.transcript0().unwrap();
        assert_eq!(ada.session.transcript0(), Some(transcript));
        let keys = (key(INVITER).verifying_key(), key(CLAIMER).verifying_key());
        let messages = sent.chain(received).collect();
        let bytes = Proof::export(&transcript, &keys.0, &keys.1, messages).unwrap();
        let proof = Proof::verify(&bytes).unwrap();
        assert_eq!(proof.messages().len(), ada.said.len() + ben.said.len());
        assert!((0..proof.messages().len()).any(|place| !proof.receipts(place).is_empty()));
    }
}
