//! One server, one sender, one recipient, and a carrier that can be cut.

use bytes::{Bytes, BytesMut};
use edgewise_spec::client::{
    ClientLink, Event, Key, Lifetime, RecipientEnd, RecipientEvent, RecipientState, SenderEnd,
    SenderEvent, SenderState, Terms,
};
use edgewise_spec::constants::BUNDLE_LEN;
use edgewise_spec::frame::Class;
use edgewise_spec::store::LinkId;
use edgewise_spec::suite::{SigningKey, SuiteId};
use edgewise_spec::time::Now;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::world::server::{START, Server};

/// A client's link and the server's number of it.
pub struct Wire {
    pub link: ClientLink,
    pub id: LinkId,
}

impl Wire {
    pub fn open(server: &mut Server, class: Class, now: Now, rng: &mut ChaCha8Rng) -> Self {
        let suite = SuiteId::Chacha20Poly1305;
        let link = ClientLink::open(&server.epoch, suite, class, now, rng);
        Self { link, id: server.open(now) }
    }

    /// Carries blocks both ways until neither end has one; what came of it.
    pub fn carry(&mut self, server: &mut Server, now: Now) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let mut out = BytesMut::new();
            let _ = self.link.poll_block(now, &mut out);
            let sent = !out.is_empty();
            if sent {
                assert_eq!(out.len(), self.link.class().block_len(), "FRAME-3");
                server.handle_block(now, self.id, out);
            }
            let (block, _) = server.poll_block(now, self.id);
            let came = block.is_some();
            if let Some(block) = block {
                let _ = self.link.handle_block(now, block, &mut events);
            }
            if !sent && !came {
                return events;
            }
        }
    }
}

pub struct World {
    pub server: Server,
    pub now: Now,
    pub rng: ChaCha8Rng,
    pub sender: SenderEnd,
    pub recipient: RecipientEnd,
    pub sending: Vec<Wire>,
    pub receiving: Vec<Wire>,
    pub said: Vec<SenderEvent>,
    pub told: Vec<RecipientEvent>,
    /// Parts in the order in which the recipient stored them, repeats left out.
    pub stored: Vec<Bytes>,
    /// The recipient acknowledges what it stored.
    pub acknowledges: bool,
    /// The recipient stores the sender's key when it is told.
    pub stores_keys: bool,
}

pub fn key(seed: u8, version: u32) -> Key {
    Key::new(SigningKey::from_seed(&[seed; 32]), version, Lifetime::longest(START))
}

pub fn part(class: Class, number: u64) -> Bytes {
    let mut part = vec![0; class.part_len()];
    part[..8].copy_from_slice(&number.to_be_bytes());
    part.into()
}

impl World {
    pub fn new(seed: u64, class: Class, quota: u32) -> Self {
        let server = Server::new(seed);
        let claim = SigningKey::from_seed(&[3; 32]);
        let terms = Terms { quota, ..Terms::usual(class) };
        let bundle = Bytes::from(vec![9; BUNDLE_LEN]);
        let fingerprint = *server.fingerprint();
        let recipient = RecipientState::new(&fingerprint, key(1, 0), claim.clone(), bundle, terms);
        Self {
            server,
            now: START,
            rng: ChaCha8Rng::seed_from_u64(seed),
            sender: SenderEnd::new(SenderState::new(claim, key(2, 0))),
            recipient: RecipientEnd::new(recipient),
            sending: Vec::new(),
            receiving: Vec::new(),
            said: Vec::new(),
            told: Vec::new(),
            stored: Vec::new(),
            acknowledges: true,
            stores_keys: true,
        }
    }

    /// Made, claimed, attached and subscribed.
    pub fn ready(seed: u64, class: Class, quota: u32) -> Self {
        let mut world = Self::new(seed, class, quota);
        world.receive();
        world.settle();
        assert!(world.sender.is_attached() && world.recipient.is_subscribed());
        world
    }

    pub fn push(&mut self, numbers: core::ops::Range<u64>) {
        for number in numbers {
            let class = self.recipient.state().terms.class;
            assert_eq!(self.sender.push(part(class, number)), number);
        }
    }

    /// Lets the sender do all that it can do now; whether anything happened.
    pub fn send(&mut self) -> bool {
        let mut moved = false;
        for _ in 0..1_000 {
            if let Some(class) = self.sender.wants() {
                self.sending.retain(|wire| wire.link.end().is_none());
                if !self.sending.iter().any(|wire| wire.link.class() == class) {
                    let wire = Wire::open(&mut self.server, class, self.now, &mut self.rng);
                    self.sending.push(wire);
                }
            }
            let mut busy = false;
            for wire in &mut self.sending {
                let mut events = wire.carry(&mut self.server, self.now);
                let _ = self.sender.advance(self.now, 5, &mut wire.link);
                events.extend(wire.carry(&mut self.server, self.now));
                busy |= !events.is_empty();
                for event in events {
                    self.sender.handle(self.now, 5, &event, &mut self.said);
                }
            }
            if !busy {
                return moved;
            }
            moved = true;
        }
        panic!("the sender never rests: {:?}", self.said.last());
    }

    /// Lets the recipient do all that it can do now; whether anything happened.
    pub fn receive(&mut self) -> bool {
        let mut moved = false;
        for _ in 0..1_000 {
            if let Some(class) = self.recipient.wants() {
                self.receiving.retain(|wire| wire.link.end().is_none());
                if !self.receiving.iter().any(|wire| wire.link.class() == class) {
                    let wire = Wire::open(&mut self.server, class, self.now, &mut self.rng);
                    self.receiving.push(wire);
                }
            }
            let mut busy = false;
            let mut told = Vec::new();
            for wire in &mut self.receiving {
                let mut events = wire.carry(&mut self.server, self.now);
                let _ = self.recipient.advance(self.now, 6, None, &mut wire.link);
                events.extend(wire.carry(&mut self.server, self.now));
                busy |= !events.is_empty();
                for event in events {
                    self.recipient.handle(self.now, 6, &event, &mut told);
                }
            }
            self.take(told);
            if !busy {
                return moved;
            }
            moved = true;
        }
        panic!("the recipient never rests: {:?}", self.told.last());
    }

    fn take(&mut self, told: Vec<RecipientEvent>) {
        let mut greatest = None;
        for event in &told {
            match event {
                RecipientEvent::StoreSenderKey(_) if self.stores_keys => {
                    self.recipient.sender_key_stored();
                }
                RecipientEvent::Part { sequence, part } => {
                    if !self.stored.contains(part) {
                        self.stored.push(part.clone());
                    }
                    greatest = Some(*sequence);
                }
                _ => {}
            }
        }
        if let Some(through) = greatest
            && self.acknowledges
        {
            let _ = self.recipient.stored(through);
        }
        self.told.extend(told);
    }

    /// Everybody does what can be done at this moment.
    pub fn settle(&mut self) {
        while self.send() | self.receive() {}
    }

    /// Time goes by, in steps in which everybody does what is due.
    pub fn pass(&mut self, seconds: u64, step: u64) {
        let until = self.now.plus_seconds(seconds);
        while self.now < until {
            self.now = self.now.plus_seconds(step);
            self.server.tick(self.now);
            self.settle();
        }
    }

    pub fn cut_sending(&mut self) {
        for wire in self.sending.drain(..) {
            self.server.links.remove(&wire.id);
        }
        self.sender.link_lost();
    }

    pub fn cut_receiving(&mut self) {
        for wire in self.receiving.drain(..) {
            self.server.links.remove(&wire.id);
        }
        self.recipient.link_lost();
    }

    pub fn cut(&mut self) {
        self.cut_sending();
        self.cut_receiving();
    }

    /// The server loses all it knows.
    pub fn lose_everything(&mut self) {
        self.cut();
        self.server.restart();
    }

    /// The numbers of the stored parts, in the order in which they were stored.
    pub fn numbers(&self) -> Vec<u64> {
        self.stored.iter().map(|part| u64::from_be_bytes(part[..8].try_into().unwrap())).collect()
    }

    pub fn counted(&self, event: impl Fn(&SenderEvent) -> bool) -> usize {
        self.said.iter().filter(|said| event(said)).count()
    }
}
