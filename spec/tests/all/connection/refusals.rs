//! Requests that a server refuses, each with its code, and with nothing done.

use edgewise_proto::v1::{self, Role, State};
use edgewise_spec::client::{Answer, Request};
use edgewise_spec::constants::{HANDLES_MAX, WINDOW_BYTES_MAX, WINDOW_PARTS_MAX};
use edgewise_spec::error::Reject;
use edgewise_spec::frame::Class;

use crate::world::keys::{Connection, Key, Keys};
use crate::world::peer::{Pair, Peer};
use crate::world::server::{START, Server};

/// A connection that nobody has claimed, and its recipient's keys.
fn open(server: &mut Server, peer: &mut Peer) -> (Connection, Keys) {
    let keys = Keys::new(&mut server.rng);
    let fingerprint = *server.fingerprint();
    let connection = Connection::new(&mut server.rng, fingerprint, &keys.now, Class::Small, 16);
    assert_eq!(peer.create(server, START, &connection, &keys), Ok(Answer::Created(State::Open)));
    (connection, keys)
}

/// CONNECTION-10
#[test]
fn a_create_under_another_key_or_with_a_taken_claim_key_is_refused() {
    let mut server = Server::new(30);
    let server = &mut server;
    let mut peer = Peer::open(server, START, Class::Medium);
    let (connection, keys) = open(server, &mut peer);

    let stranger = Keys { now: keys.now.next(&mut server.rng), chain: Vec::new() };
    assert_eq!(peer.create(server, START, &connection, &stranger), Err(Reject::Refused));
    let sender = Key::new(&mut server.rng).record;
    let body = connection.body(&stranger.now, Some(sender));
    let restore = connection.create(&peer.transcript(), &stranger, &body);
    let restored = peer.ask(server, START, Request::Create(Box::new(restore)));
    assert_eq!(restored, Err(Reject::Refused));

    let other = Keys::new(&mut server.rng);
    let fingerprint = *server.fingerprint();
    let mut second = Connection::new(&mut server.rng, fingerprint, &other.now, Class::Small, 16);
    let claim = std::mem::replace(&mut second.claim, connection.claim.clone());
    assert_eq!(peer.create(server, START, &second, &other), Err(Reject::Refused));
    assert_eq!(server.store.stats().connections, 1);
    second.claim = claim;
    assert_eq!(peer.create(server, START, &second, &other), Ok(Answer::Created(State::Open)));
    assert_eq!(peer.create(server, START, &connection, &keys), Ok(Answer::Created(State::Open)));
}

/// CONNECTION-13
#[test]
fn a_full_server_refuses_another_connection_and_remembered_ids_take_room() {
    let mut server = Server::new(31);
    server.limits.connections_max = 2;
    server.restart();
    let server = &mut server;
    let mut peer = Peer::open(server, START, Class::Medium);
    let (first, first_keys) = open(server, &mut peer);
    let (second, second_keys) = open(server, &mut peer);
    let keys = Keys::new(&mut server.rng);
    let fingerprint = *server.fingerprint();
    let third = Connection::new(&mut server.rng, fingerprint, &keys.now, Class::Small, 16);
    assert_eq!(peer.create(server, START, &third, &keys), Err(Reject::Full));
    assert_eq!(server.store.stats().connections, 2);
    let known = peer.create(server, START, &second, &second_keys);
    assert_eq!(known, Ok(Answer::Created(State::Open)));

    let mut small = Peer::open(server, START, Class::Small);
    let (handle, _) = small.attach(server, START, &first, Role::Recipient, &first_keys, 0).unwrap();
    small.ask(server, START, Request::Delete { handle }).unwrap();
    assert_eq!(peer.create(server, START, &third, &keys), Err(Reject::Full));
    let later = START.plus_seconds(server.limits.tombstone_seconds);
    server.tick(later);
    let mut peer = Peer::open(server, later, Class::Medium);
    let made = peer.create(server, later, &third, &keys);
    assert_eq!(made, Ok(Answer::Created(State::Open)));
}

/// CONNECTION-16
#[test]
fn a_claim_of_an_unknown_connection_is_refused_and_makes_none() {
    let mut server = Server::new(32);
    let server = &mut server;
    let mut peer = Peer::open(server, START, Class::Medium);
    let (mut connection, _) = open(server, &mut peer);
    let sender = Key::new(&mut server.rng);
    let known = connection.claim.clone();
    connection.claim = Key::new(&mut server.rng);
    assert_eq!(peer.claim(server, START, &connection, &sender), Err(Reject::Refused));
    assert_eq!(server.store.stats().connections, 1);
    connection.claim = known;
    assert!(peer.claim(server, START, &connection, &sender).is_ok());
}

struct Handles<'a> {
    peer: &'a mut Peer,
    connection: &'a Connection,
    server: &'a mut Server,
}

impl Handles<'_> {
    /// An Attach that names this handle, whatever the client's own book of handles says.
    fn attach(&mut self, handle: u32, keys: &Keys) -> Option<Reject> {
        let transcript = self.peer.transcript();
        let attach = self.connection.attach(&transcript, handle, Role::Recipient, keys, 0);
        let asked = self.peer.ask(self.server, START, Request::Attach(Box::new(attach)));
        match asked {
            Ok(Answer::Attached(_)) => None,
            other => Some(other.unwrap_err()),
        }
    }

    fn detach(&mut self, handle: u32) -> Result<Answer, Reject> {
        self.peer.ask(self.server, START, Request::Detach { handle })
    }
}

/// CONNECTION-22, CONNECTION-23
#[test]
fn an_attach_names_a_free_handle_and_skips_none() {
    let mut server = Server::new(33);
    let server = &mut server;
    let mut medium = Peer::open(server, START, Class::Medium);
    let (connection, keys) = open(server, &mut medium);
    let stranger = Keys::new(&mut server.rng);
    let mut small = Peer::open(server, START, Class::Small);
    let mut handles = Handles { peer: &mut small, connection: &connection, server };

    assert_eq!(handles.attach(1, &keys), Some(Reject::HandleTaken), "0 was never used");
    assert_eq!(handles.attach(0, &keys), None);
    assert_eq!(handles.attach(0, &keys), Some(Reject::HandleTaken), "in use");
    assert_eq!(handles.attach(2, &keys), Some(Reject::HandleTaken), "1 was never used");
    assert_eq!(handles.attach(1, &stranger), Some(Reject::Refused));
    assert_eq!(handles.attach(2, &keys), None, "the refused Attach has used 1");
    assert_eq!(handles.detach(0), Ok(Answer::Done));
    assert_eq!(handles.attach(0, &keys), None, "free again");

    let beyond = u32::try_from(HANDLES_MAX).unwrap();
    assert_eq!(handles.attach(beyond - 1, &keys), Some(Reject::HandleTaken));
    for handle in [beyond, beyond + 1, u32::MAX] {
        assert_eq!(handles.attach(handle, &keys), Some(Reject::Full), "{handle}");
    }
    assert_eq!(handles.detach(beyond - 1), Err(Reject::NotAttached));
}

/// CONNECTION-31
#[test]
fn a_part_that_is_not_of_the_class_is_malformed_and_not_kept() {
    let mut server = Server::new(34);
    let server = &mut server;
    for class in Class::ALL {
        let mut pair = Pair::new(server, START, class, 16);
        let (handle, whole) = (pair.sender_handle, class.part_len());
        let others = Class::ALL.map(Class::part_len).into_iter().filter(|other| *other < whole);
        for len in others.chain([0, 1, whole - 1, whole + 1]) {
            let send = v1::Send { handle, submission: 0, part: vec![7; len].into() };
            let refused = pair.sender.ask(server, START, Request::Send(send));
            assert_eq!(refused, Err(Reject::Malformed), "{class:?}, {len} bytes");
        }
        assert_eq!(server.store.stats().parts, 0);
        assert_eq!(pair.sender.send(server, START, handle, 0, 7), Ok(Answer::Done));
        pair.recipient.subscribe(server, START, pair.recipient_handle, 1).unwrap();
        assert_eq!(pair.recipient.delivered(), [(1, 7)]);
        pair.recipient.acknowledge(server, START, pair.recipient_handle, 1);
    }
}

/// CONNECTION-40
#[test]
fn a_subscription_has_windows_from_one_to_the_most() {
    let mut server = Server::new(35);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let (peer, handle) = (&mut pair.recipient, pair.recipient_handle);
    pair.sender.send(server, START, pair.sender_handle, 0, 7).unwrap();
    let mut subscribe = |server: &mut Server, window_parts, window_bytes| {
        let subscribe = v1::Subscribe { handle, window_parts, window_bytes };
        let asked = peer.ask(server, START, Request::Subscribe(subscribe));
        (asked.map(drop), peer.delivered().len())
    };
    let (parts, bytes) = (WINDOW_PARTS_MAX, WINDOW_BYTES_MAX);
    for (window_parts, window_bytes) in
        [(0, bytes), (parts + 1, bytes), (u32::MAX, 1), (1, 0), (parts, bytes + 1), (1, u32::MAX)]
    {
        let refused = subscribe(server, window_parts, window_bytes);
        assert_eq!(refused, (Err(Reject::Terms), 0), "{window_parts} parts, {window_bytes} bytes");
    }
    for (window_parts, window_bytes) in [(1, 1), (parts, bytes)] {
        assert_eq!(subscribe(server, window_parts, window_bytes), (Ok(()), 1));
    }
}

/// CONNECTION-45: what was not delivered is not deleted, whatever was acknowledged.
#[test]
fn an_acknowledgement_deletes_nothing_that_was_not_delivered() {
    let mut server = Server::new(36);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let (from, to) = (pair.sender_handle, pair.recipient_handle);
    for n in 0..3 {
        pair.sender.send(server, START, from, n, n as u8).unwrap();
    }
    pair.recipient.subscribe(server, START, to, 1).unwrap();
    assert_eq!(pair.recipient.delivered(), [(1, 0)]);
    pair.recipient.acknowledge(server, START, to, 3);
    assert_eq!(server.store.stats().parts, 2);
    assert_eq!(pair.recipient.delivered(), [(2, 1)]);
    pair.recipient.subscribe(server, START, to, 1).unwrap();
    assert_eq!(pair.recipient.delivered(), [(2, 1)], "the oldest that the record holds");
}
