//! A client's link to a server of the world, asked one request at a time.

use std::fmt::Write as _;

use bytes::BytesMut;
use edgewise_proto::v1;
use edgewise_proto::v1::Role;
use edgewise_spec::client::{Answer, ClientLink, Event, Filled, Request};
use edgewise_spec::error::{LinkEnd, Reject};
use edgewise_spec::frame::Class;
use edgewise_spec::store::LinkId;
use edgewise_spec::suite::SuiteId;
use edgewise_spec::time::Now;

use super::keys::{Connection, Key, Keys};
use super::server::Server;

pub struct Peer {
    pub link: ClientLink,
    pub id: LinkId,
    pub events: Vec<Event>,
    pub end: Option<LinkEnd>,
    /// Everything that went over the wire, as a network observer sees it.
    pub wire: Vec<u8>,
    /// Everything that was told, as the client reads it.
    pub learned: String,
    tokens: u64,
}

impl Peer {
    /// Opens and confirms a link.
    pub fn open(server: &mut Server, now: Now, class: Class) -> Self {
        let suite = SuiteId::Chacha20Poly1305;
        let link = ClientLink::open(&server.epoch, suite, class, now, &mut server.rng);
        let id = server.open(now);
        let mut peer = Self {
            link,
            id,
            events: Vec::new(),
            end: None,
            wire: Vec::new(),
            learned: String::new(),
            tokens: 0,
        };
        peer.turn(server, now);
        assert!(matches!(peer.events.first(), Some(Event::Opened)), "{:?}", peer.events);
        peer.events.clear();
        peer
    }

    pub fn transcript(&self) -> [u8; 32] {
        *self.link.transcript().unwrap()
    }

    /// Carries blocks both ways until there are none.
    pub fn turn(&mut self, server: &mut Server, now: Now) {
        loop {
            let mut idle = true;
            let mut out = BytesMut::new();
            if self.link.poll_block(now, &mut out) != Filled::Nothing && !out.is_empty() {
                idle = false;
                self.wire.extend_from_slice(&out);
                server.handle_block(now, self.id, out);
            }
            let (block, end) = server.poll_block(now, self.id);
            if let Some(block) = block {
                idle = false;
                self.wire.extend_from_slice(&block);
                let mut events = Vec::new();
                let _ = self.link.handle_block(now, block, &mut events);
                let _ = write!(self.learned, "{events:?}");
                self.events.append(&mut events);
            }
            self.end = self.end.or(end);
            if idle {
                return;
            }
        }
    }

    pub fn ask(
        &mut self,
        server: &mut Server,
        now: Now,
        request: Request,
    ) -> Result<Answer, Reject> {
        self.tokens += 1;
        let token = self.tokens;
        self.link.submit(token, request).unwrap();
        self.turn(server, now);
        let mut answer = None;
        self.events.retain(|event| match event {
            Event::Answered { token: answered, result } if *answered == token => {
                answer = Some(result.clone());
                false
            }
            _ => true,
        });
        answer.expect("every request is answered once")
    }

    pub fn create(
        &mut self,
        server: &mut Server,
        now: Now,
        connection: &Connection,
        keys: &Keys,
    ) -> Result<Answer, Reject> {
        let body = connection.body(&keys.now, None);
        let create = connection.create(&self.transcript(), keys, &body);
        self.ask(server, now, Request::Create(Box::new(create)))
    }

    pub fn claim(
        &mut self,
        server: &mut Server,
        now: Now,
        connection: &Connection,
        sender: &Key,
    ) -> Result<Answer, Reject> {
        let claim = connection.claim(&self.transcript(), sender);
        self.ask(server, now, Request::Claim(Box::new(claim)))
    }

    pub fn attach(
        &mut self,
        server: &mut Server,
        now: Now,
        connection: &Connection,
        role: Role,
        keys: &Keys,
        from: u64,
    ) -> Result<(u32, v1::Attached), Reject> {
        let handle = self.link.free_handle().unwrap();
        let attach = connection.attach(&self.transcript(), handle, role, keys, from);
        match self.ask(server, now, Request::Attach(Box::new(attach)))? {
            Answer::Attached(attached) => Ok((handle, attached)),
            other => panic!("{other:?}"),
        }
    }

    pub fn send(
        &mut self,
        server: &mut Server,
        now: Now,
        handle: u32,
        submission: u64,
        fill: u8,
    ) -> Result<Answer, Reject> {
        let part = vec![fill; self.link.class().part_len()].into();
        self.ask(server, now, Request::Send(v1::Send { handle, submission, part }))
    }

    pub fn subscribe(
        &mut self,
        server: &mut Server,
        now: Now,
        handle: u32,
        window_parts: u32,
    ) -> Result<Answer, Reject> {
        let window_bytes = 1 << 20;
        let subscribe = v1::Subscribe { handle, window_parts, window_bytes };
        self.ask(server, now, Request::Subscribe(subscribe))
    }

    pub fn acknowledge(&mut self, server: &mut Server, now: Now, handle: u32, through: u64) {
        self.link.acknowledge(handle, through);
        self.turn(server, now);
    }

    /// Sequence and first byte of every part that came since.
    pub fn delivered(&mut self) -> Vec<(u64, u8)> {
        let mut parts = Vec::new();
        self.events.retain(|event| match event {
            Event::Deliver(deliver) => {
                parts.push((deliver.sequence, deliver.part[0]));
                false
            }
            _ => true,
        });
        parts
    }
}

/// One connection, claimed, with both ends attached over links of their own.
pub struct Pair {
    pub connection: Connection,
    pub recipient_keys: Keys,
    pub sender_keys: Keys,
    pub medium: Peer,
    pub recipient: Peer,
    pub sender: Peer,
    pub recipient_handle: u32,
    pub sender_handle: u32,
}

impl Pair {
    pub fn new(server: &mut Server, now: Now, class: Class, quota: u32) -> Self {
        let recipient_keys = Keys::new(&mut server.rng);
        let sender_keys = Keys::new(&mut server.rng);
        let fingerprint = *server.fingerprint();
        let connection =
            Connection::new(&mut server.rng, fingerprint, &recipient_keys.now, class, quota);
        let mut medium = Peer::open(server, now, Class::Medium);
        medium.create(server, now, &connection, &recipient_keys).unwrap();
        medium.claim(server, now, &connection, &sender_keys.now).unwrap();
        let mut recipient = Peer::open(server, now, class);
        let mut sender = Peer::open(server, now, class);
        let (recipient_handle, _) = recipient
            .attach(server, now, &connection, Role::Recipient, &recipient_keys, 0)
            .unwrap();
        let (sender_handle, _) =
            sender.attach(server, now, &connection, Role::Sender, &sender_keys, 0).unwrap();
        Self {
            connection,
            recipient_keys,
            sender_keys,
            medium,
            recipient,
            sender,
            recipient_handle,
            sender_handle,
        }
    }
}
