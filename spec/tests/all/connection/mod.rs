//! A connection's life, clause by clause, over real links to a real store.

mod refusals;
mod requests;
mod vectors;

use bytes::BytesMut;
use edgewise_proto::v1::{self, EndReason, Role, State};
use edgewise_spec::client::{Answer, Event, Filled, Request};
use edgewise_spec::constants::{BUNDLE_LEN, REQUESTS_MAX, SPACE_BATCH_MS};
use edgewise_spec::error::Reject;
use edgewise_spec::frame::Class;
use edgewise_spec::time::Now;

use crate::world::keys::{Connection, Keys};
use crate::world::peer::{Pair, Peer};
use crate::world::server::{START, Server};

fn notices(peer: &mut Peer) -> Vec<v1::Notice> {
    let events = std::mem::take(&mut peer.events);
    events
        .into_iter()
        .filter_map(|e| if let Event::Notice(n) = e { Some(n) } else { None })
        .collect()
}

#[test]
fn a_part_goes_from_sender_to_recipient_and_is_gone_once_acknowledged() {
    let mut server = Server::new(1);
    let server = &mut server;
    for class in Class::ALL {
        let mut pair = Pair::new(server, START, class, 16);
        let (from, to) = (pair.sender_handle, pair.recipient_handle);
        for n in 0..3 {
            assert_eq!(pair.sender.send(server, START, from, n, n as u8), Ok(Answer::Done));
        }
        assert!(pair.recipient.subscribe(server, START, to, 64).is_ok());
        assert_eq!(pair.recipient.delivered(), [(1, 0), (2, 1), (3, 2)]);
        pair.recipient.acknowledge(server, START, to, 2);
        assert_eq!(server.store.stats().parts, 1);
        // While it is subscribed, parts come without being asked for.
        pair.sender.send(server, START, from, 3, 3).unwrap();
        pair.recipient.turn(server, START);
        assert_eq!(pair.recipient.delivered(), [(4, 3)]);
        // An acknowledgement beyond what was delivered deletes what was delivered.
        pair.recipient.acknowledge(server, START, to, 99);
        assert_eq!(server.store.stats().parts, 0);
    }
}

#[test]
fn create_is_idempotent_and_claim_happens_once() {
    let mut server = Server::new(2);
    let server = &mut server;
    let keys = Keys::new(&mut server.rng);
    let fingerprint = *server.fingerprint();
    let connection = Connection::new(&mut server.rng, fingerprint, &keys.now, Class::Small, 16);
    let mut peer = Peer::open(server, START, Class::Medium);
    assert_eq!(peer.create(server, START, &connection, &keys), Ok(Answer::Created(State::Open)));
    assert_eq!(peer.create(server, START, &connection, &keys), Ok(Answer::Created(State::Open)));

    let first = Keys::new(&mut server.rng);
    let second = Keys::new(&mut server.rng);
    for _ in 0..2 {
        let Answer::Claimed(claimed) = peer.claim(server, START, &connection, &first.now).unwrap()
        else {
            panic!()
        };
        assert_eq!(claimed.recipient_id, connection.recipient_id[..]);
        assert_eq!((claimed.bundle.len(), claimed.link_class), (BUNDLE_LEN, 1));
    }
    assert_eq!(peer.claim(server, START, &connection, &second.now), Err(Reject::Conflict));
    // CONNECTION-9: the present state, whatever the body says.
    assert_eq!(peer.create(server, START, &connection, &keys), Ok(Answer::Created(State::Claimed)));

    let mut small = Peer::open(server, START, Class::Small);
    let (to, attached) =
        small.attach(server, START, &connection, Role::Recipient, &keys, 0).unwrap();
    assert_eq!(attached.state(), State::Claimed);
    let Ok(Answer::Subscribed(notice)) = small.subscribe(server, START, to, 1) else { panic!() };
    assert!(notice.conflict);
    assert_eq!(notice.sender_key, Some(first.now.record.to_wire()));
    let (from, _) = small.attach(server, START, &connection, Role::Sender, &first, 0).unwrap();
    small.send(server, START, from, 0, 9).unwrap();
    // CONNECTION-18, CONNECTION-20: the bundle is gone with the first Send, and so is the hint.
    let again = peer.claim(server, START, &connection, &first.now).unwrap();
    assert!(matches!(again, Answer::Claimed(claimed) if claimed.bundle.is_empty()));
    assert_eq!(peer.claim(server, START, &connection, &second.now), Err(Reject::Refused));
}

#[test]
fn submissions_are_counted_and_the_full_are_told_when_there_is_room() {
    let mut server = Server::new(3);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let (from, to) = (pair.sender_handle, pair.recipient_handle);
    assert_eq!(pair.sender.send(server, START, from, 1, 0), Err(Reject::Gap { next: 0 }));
    for n in 0..16 {
        pair.sender.send(server, START, from, n, 0).unwrap();
    }
    assert_eq!(pair.sender.send(server, START, from, 16, 0), Err(Reject::Quota));
    // CONNECTION-32: a repeat is answered before quota and state are looked at.
    assert_eq!(pair.sender.send(server, START, from, 3, 0), Ok(Answer::Done));
    assert_eq!(server.store.stats().parts, 16);

    pair.recipient.subscribe(server, START, to, 64).unwrap();
    pair.recipient.acknowledge(server, START, to, 1);
    let space = |events: &[Event]| {
        events.iter().filter(|event| matches!(event, Event::Space { .. })).count()
    };
    pair.sender.turn(server, START);
    assert_eq!(space(&pair.sender.events), 0, "CONNECTION-38: not before the next multiple");
    let later = START.plus_millis(SPACE_BATCH_MS);
    server.tick(later);
    pair.sender.turn(server, later);
    assert_eq!(space(&pair.sender.events), 1);
    pair.sender.send(server, later, from, 16, 0).unwrap();
}

#[test]
fn suspension_refuses_sends_and_goes_on_delivering() {
    let mut server = Server::new(4);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let (from, to) = (pair.sender_handle, pair.recipient_handle);
    pair.sender.send(server, START, from, 0, 7).unwrap();
    let suspend = Request::Suspend { handle: to };
    assert_eq!(pair.recipient.ask(server, START, suspend.clone()), Ok(Answer::Done));
    assert_eq!(pair.recipient.ask(server, START, suspend), Ok(Answer::Done));
    assert_eq!(pair.sender.send(server, START, from, 1, 8), Err(Reject::Quota));
    pair.recipient.subscribe(server, START, to, 4).unwrap();
    assert_eq!(pair.recipient.delivered(), [(1, 7)]);
    pair.recipient.ask(server, START, Request::Resume { handle: to }).unwrap();
    assert_eq!(notices(&mut pair.recipient).last().unwrap().state(), State::Claimed);
    pair.sender.send(server, START, from, 1, 8).unwrap();
    pair.recipient.turn(server, START);
    assert_eq!(pair.recipient.delivered(), [(2, 8)]);
}

#[test]
fn a_new_subscription_replaces_the_old_one_and_begins_at_the_oldest() {
    let mut server = Server::new(5);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let (from, to) = (pair.sender_handle, pair.recipient_handle);
    pair.recipient.subscribe(server, START, to, 2).unwrap();
    for n in 0..4 {
        pair.sender.send(server, START, from, n, n as u8).unwrap();
    }
    pair.recipient.turn(server, START);
    assert_eq!(pair.recipient.delivered(), [(1, 0), (2, 1)], "CONNECTION-44: the window");

    let mut other = Peer::open(server, START, Class::Small);
    let keys = pair.recipient_keys.clone();
    let (handle, _) =
        other.attach(server, START, &pair.connection, Role::Recipient, &keys, 0).unwrap();
    other.subscribe(server, START, handle, 64).unwrap();
    assert_eq!(other.delivered().len(), 4);
    pair.recipient.turn(server, START);
    let ended = |event: &Event| matches!(event, Event::Ended { reason: EndReason::Replaced, .. });
    assert!(pair.recipient.events.iter().any(ended));
    // CONNECTION-46: too late.
    pair.recipient.acknowledge(server, START, to, 2);
    assert_eq!(server.store.stats().parts, 4);
    other.acknowledge(server, START, handle, 4);
    assert_eq!(server.store.stats().parts, 0);
}

#[test]
fn a_deleted_connection_is_refused_like_an_unknown_one_and_stays_dead() {
    let mut server = Server::new(6);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let (from, to) = (pair.sender_handle, pair.recipient_handle);
    pair.recipient.subscribe(server, START, to, 2).unwrap();
    pair.recipient.ask(server, START, Request::Delete { handle: to }).unwrap();
    let ended = |event: &Event| matches!(event, Event::Ended { reason: EndReason::Stale, .. });
    assert!(pair.recipient.events.iter().any(ended));
    assert_eq!(pair.sender.send(server, START, from, 0, 0), Err(Reject::Refused));
    let (connection, keys) = (&pair.connection, &pair.recipient_keys);
    assert_eq!(pair.medium.create(server, START, connection, keys), Err(Reject::Refused));
    // The handle of a dead attachment can be given back.
    assert_eq!(pair.sender.ask(server, START, Request::Detach { handle: from }), Ok(Answer::Done));
    assert_eq!(pair.sender.send(server, START, from, 0, 0), Err(Reject::NotAttached));
    let stats = server.store.stats();
    assert_eq!((stats.connections, stats.parts, stats.tombstones), (0, 0, 1));
    let later = START.plus_seconds(86_400);
    let (connection, keys) = (&pair.connection, &pair.recipient_keys);
    let mut peer = Peer::open(server, later, Class::Medium);
    assert_eq!(peer.create(server, later, connection, keys), Ok(Answer::Created(State::Open)));
}

#[test]
fn parts_and_connections_end_with_their_time() {
    let mut server = Server::new(7);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let from = pair.sender_handle;
    for n in 0..16 {
        pair.sender.send(server, START, from, n, 0).unwrap();
    }
    assert_eq!(pair.sender.send(server, START, from, 16, 0), Err(Reject::Quota));
    let parts_at = |server: &mut Server, now: Now| {
        server.tick(now);
        server.store.stats().parts
    };
    assert_eq!(parts_at(server, START.plus_seconds(7 * 86_400 - 1)), 16);
    assert_eq!(parts_at(server, START.plus_seconds(7 * 86_400)), 0);
    // CONNECTION-56: what the sender does is no activity of the recipient.
    let late = START.plus_seconds(29 * 86_400);
    let mut peer = Peer::open(server, late, Class::Small);
    let (connection, keys) = (pair.connection.clone(), pair.sender_keys.clone());
    let (from, _) = peer.attach(server, late, &connection, Role::Sender, &keys, 16).unwrap();
    peer.send(server, late, from, 16, 0).unwrap();
    server.tick(START.plus_seconds(30 * 86_400 - 1));
    assert_eq!(server.store.stats().connections, 1);
    server.tick(START.plus_seconds(30 * 86_400));
    assert_eq!(server.store.stats().connections, 0);
    let keys = pair.recipient_keys.clone();
    let last = START.plus_seconds(30 * 86_400);
    let mut peer = Peer::open(server, last, Class::Medium);
    assert_eq!(peer.create(server, last, &connection, &keys), Ok(Answer::Created(State::Open)));
}

#[test]
fn a_lost_connection_is_taken_back_and_the_sender_goes_on() {
    let mut server = Server::new(8);
    let server = &mut server;
    let pair = Pair::new(server, START, Class::Small, 16);
    server.restart();
    let mut peer = Peer::open(server, START, Class::Small);
    let (connection, recipient, sender) = (pair.connection, pair.recipient_keys, pair.sender_keys);
    let attached = peer.attach(server, START, &connection, Role::Recipient, &recipient, 0);
    assert_eq!(attached.unwrap_err(), Reject::Refused);
    let body = connection.body(&recipient.now, Some(sender.now.record));
    let create = connection.create(&peer.transcript(), &recipient, &body);
    let restored = peer.ask(server, START, Request::Create(Box::new(create)));
    assert_eq!(restored, Ok(Answer::Created(State::Claimed)));
    let (to, _) = peer.attach(server, START, &connection, Role::Recipient, &recipient, 0).unwrap();
    let (from, attached) =
        peer.attach(server, START, &connection, Role::Sender, &sender, 41).unwrap();
    assert_eq!(attached.next, 41, "CONNECTION-27");
    peer.subscribe(server, START, to, 4).unwrap();
    peer.send(server, START, from, 41, 5).unwrap();
    assert_eq!(peer.delivered(), [(1, 5)]);
}

#[test]
fn items_of_one_block_that_name_one_handle_are_carried_out_in_order() {
    let mut server = Server::new(9);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Medium, 16);
    let sender = &mut pair.sender;
    // Detach, attach the same handle again, and send twice: one block, one order (FRAME-19).
    let handle = pair.sender_handle;
    let transcript = sender.transcript();
    let attach = pair.connection.attach(&transcript, handle, Role::Sender, &pair.sender_keys, 0);
    sender.link.submit(1_001, Request::Detach { handle }).unwrap();
    sender.link.submit(1_002, Request::Attach(Box::new(attach))).unwrap();
    let subscribe = v1::Subscribe { handle, window_parts: 1, window_bytes: 1 };
    sender.link.submit(1_003, Request::Subscribe(subscribe)).unwrap();
    sender.turn(server, START);
    let results: Vec<_> = sender
        .events
        .iter()
        .map(|event| match event {
            Event::Answered { token, result } => (*token, result.clone().err()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [(1_001, None), (1_002, None), (1_003, Some(Reject::NotAttached))];
    assert_eq!(results, expected);
}

#[test]
fn a_peer_that_has_its_results_may_ask_as_much_again() {
    let mut server = Server::new(11);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Medium, 16);
    let (handle, peer) = (pair.recipient_handle, &mut pair.recipient);
    for round in 0..3 {
        for n in 0..REQUESTS_MAX as u64 {
            peer.link.submit(1_000 * round + n, Request::Resume { handle }).unwrap();
        }
        let mut out = BytesMut::new();
        while peer.link.poll_block(START, &mut out) != Filled::Nothing {
            server.handle_block(START, peer.id, out.split());
        }
        // Polled, and with the peer, before anyone told the link that the carrier took it.
        let link = server.links.get_mut(&peer.id).unwrap();
        while link.poll_block(START, &mut out) != edgewise_spec::server::Filled::Nothing {
            peer.link.handle_block(START, out.split(), &mut peer.events).unwrap();
        }
    }
    let answered = peer.events.iter().filter(|e| matches!(e, Event::Answered { .. })).count();
    assert_eq!(answered, 3 * REQUESTS_MAX, "LINK-30");
}

#[test]
fn answers_that_never_stop_do_not_hold_a_part_back() {
    let mut server = Server::new(10);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Medium, 16);
    let (from, to) = (pair.sender_handle, pair.recipient_handle);
    let keys = Keys::new(&mut server.rng);
    let fingerprint = *server.fingerprint();
    let other = Connection::new(&mut server.rng, fingerprint, &keys.now, Class::Medium, 16);
    pair.medium.create(server, START, &other, &keys).unwrap();
    let peer = &mut pair.recipient;
    peer.subscribe(server, START, to, 4).unwrap();
    let (handle, _) = peer.attach(server, START, &other, Role::Recipient, &keys, 0).unwrap();
    pair.sender.send(server, START, from, 0, 7).unwrap();
    // Sixteen answers to a Subscribe do not fit beside a part, and every block asks for as many.
    let mut delivered_in = Vec::new();
    for round in 0..6_u64 {
        for n in 0..16 {
            let subscribe = v1::Subscribe { handle, window_parts: 1, window_bytes: 1 };
            peer.link.submit(1_000 + 16 * round + n, Request::Subscribe(subscribe)).unwrap();
        }
        let mut out = BytesMut::new();
        assert_eq!(peer.link.poll_block(START, &mut out), Filled::Block);
        server.handle_block(START, peer.id, out);
        let (block, _) = server.poll_block(START, peer.id);
        peer.link.handle_block(START, block.unwrap(), &mut peer.events).unwrap();
        delivered_in.extend(peer.delivered().iter().map(|_| round));
    }
    assert_eq!(delivered_in, [1], "LINK-51: behind the answers that were due before it");
    peer.turn(server, START);
    let answered = peer.events.iter().filter(|e| matches!(e, Event::Answered { .. })).count();
    assert_eq!(answered, 96, "and no answer is lost for it");
}
