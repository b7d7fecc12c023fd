//! A key's life and its changes, over real links to a real store.

mod moving;
mod vectors;

use edgewise_proto::v1::{self, EndReason, Role, State};
use edgewise_spec::client::{Answer, Event, Request};
use edgewise_spec::constants::SPACE_BATCH_MS;
use edgewise_spec::error::Reject;
use edgewise_spec::frame::Class;
use edgewise_spec::rotation::{Asked, KeyRecord, Life};

use crate::world::keys::{Key, Keys, change};
use crate::world::peer::{Pair, Peer};
use crate::world::server::{START, Server};

fn rotate(
    peer: &mut Peer,
    server: &mut Server,
    handle: u32,
    change: v1::KeyChange,
) -> Result<Answer, Reject> {
    let rotate = v1::Rotate { handle, change: Some(change) };
    peer.ask(server, START, Request::Rotate(Box::new(rotate)))
}

#[test]
fn a_key_is_early_valid_in_grace_and_dead() {
    let key = KeyRecord { vk: [0; 32], version: 0, not_before: 10, not_after: 20, grace: 5 };
    let lives: Vec<Life> = [9, 10, 19, 20, 24, 25].map(|hour| key.life(hour)).into();
    use Life::{Dead, Early, Grace, Valid};
    assert_eq!(lives, [Early, Valid, Valid, Grace, Grace, Dead]);
    assert_eq!(key.allows(Asked::Use, 9), Err(Reject::KeyNotYetValid));
    assert_eq!(key.allows(Asked::Use, 20), Err(Reject::KeyExpired));
    assert_eq!(key.allows(Asked::Change, 20), Ok(()));
    assert_eq!(key.allows(Asked::Change, 25), Err(Reject::KeyExpired));
    let endless = KeyRecord { not_after: u32::MAX, grace: 720, ..key };
    assert_eq!(endless.life(u32::MAX - 1), Valid);
    assert_eq!(endless.check_terms(), Err(Reject::Terms));
    assert_eq!(KeyRecord { not_after: 10, ..key }.check_terms(), Err(Reject::Terms));
    assert_eq!(KeyRecord { not_after: 9, ..key }.check_terms(), Err(Reject::Terms));
    assert_eq!(KeyRecord { grace: 721, ..key }.check_terms(), Err(Reject::Terms));
    assert_eq!(key.check_terms(), Ok(()));
}

#[test]
fn after_a_change_the_old_key_is_nothing_and_the_new_one_everything() {
    for role in [Role::Recipient, Role::Sender] {
        let mut server = Server::new(20);
        let server = &mut server;
        let mut pair = Pair::new(server, START, Class::Small, 16);
        let to = pair.recipient_handle;
        pair.recipient.subscribe(server, START, to, 4).unwrap();
        let (peer, mut keys, handle) = match role {
            Role::Sender => (&mut pair.sender, pair.sender_keys.clone(), pair.sender_handle),
            _ => (&mut pair.recipient, pair.recipient_keys.clone(), to),
        };
        let old = keys.clone();
        let id = &pair.connection.recipient_id;
        let next = keys.now.next(&mut server.rng);
        let changed = change(role, id, &keys.now, &next);
        assert_eq!(rotate(peer, server, handle, changed.clone()), Ok(Answer::Done));
        // ROTATION-11: this attachment is of the old version.
        let again = rotate(peer, server, handle, changed.clone());
        assert!(matches!(again, Err(Reject::Refused)), "{again:?}");
        let by_old = peer.attach(server, START, &pair.connection, role, &old, 0);
        assert_eq!(by_old.unwrap_err(), Reject::Refused);
        keys.take(next, changed.clone());
        let (handle, _) = peer.attach(server, START, &pair.connection, role, &keys, 0).unwrap();
        // ROTATION-10
        assert_eq!(rotate(peer, server, handle, changed), Ok(Answer::Done));
        pair.recipient.turn(server, START);
        let told = |event: &Event| match event {
            Event::Notice(notice) => {
                role == Role::Sender && notice.sender_key == Some(keys.now.record.to_wire())
            }
            Event::Ended { reason, .. } => role == Role::Recipient && *reason == EndReason::Stale,
            _ => false,
        };
        assert!(pair.recipient.events.iter().any(told), "{role:?} {:?}", pair.recipient.events);
    }
}

#[test]
fn an_attachment_under_the_key_of_before_is_not_told_of_room() {
    let mut server = Server::new(23);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let (from, to) = (pair.sender_handle, pair.recipient_handle);
    pair.recipient.ask(server, START, Request::Suspend { handle: to }).unwrap();
    assert_eq!(pair.sender.send(server, START, from, 0, 0), Err(Reject::Quota));
    let mut keys = pair.sender_keys.clone();
    let next = keys.now.next(&mut server.rng);
    let changed = change(Role::Sender, &pair.connection.recipient_id, &keys.now, &next);
    assert_eq!(rotate(&mut pair.sender, server, from, changed.clone()), Ok(Answer::Done));
    keys.take(next, changed);
    let (anew, _) =
        pair.sender.attach(server, START, &pair.connection, Role::Sender, &keys, 0).unwrap();
    assert_eq!(pair.sender.send(server, START, anew, 0, 0), Err(Reject::Quota));
    pair.recipient.ask(server, START, Request::Resume { handle: to }).unwrap();
    let later = START.plus_millis(SPACE_BATCH_MS);
    server.tick(later);
    pair.sender.turn(server, later);
    let told = pair.sender.events.iter().filter_map(|event| match event {
        Event::Space { handle } => Some(*handle),
        _ => None,
    });
    // CONNECTION-71
    assert_eq!(told.collect::<Vec<_>>(), [anew]);
}

#[test]
fn a_change_is_refused_for_what_is_wrong_with_it() {
    let mut server = Server::new(21);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let (peer, keys, handle) = (&mut pair.sender, &pair.sender_keys, pair.sender_handle);
    let id = &pair.connection.recipient_id;
    let next = keys.now.next(&mut server.rng);
    let good = change(Role::Sender, id, &keys.now, &next);

    let mut unsigned = good.clone();
    unsigned.new_signature = vec![0; 64].into();
    let other_role = change(Role::Recipient, id, &keys.now, &next);
    for bad in [unsigned, other_role] {
        assert_eq!(rotate(peer, server, handle, bad), Err(Reject::BadSignature));
    }
    let mut short = good.clone();
    short.old_signature = vec![0; 63].into();
    assert_eq!(rotate(peer, server, handle, short), Err(Reject::Malformed));
    let stranger = Key::new(&mut server.rng);
    let foreign = change(Role::Sender, id, &stranger, &next);
    assert_eq!(rotate(peer, server, handle, foreign), Err(Reject::Refused));
    let hour = START.hour();
    for (version, from, until) in
        [(0, hour - 1, hour + 9), (1, hour + 1, hour + 9), (1, hour - 9, hour), (1, hour, hour)]
    {
        let bad = Key::lasting(&mut server.rng, version, from, until);
        let bad = change(Role::Sender, id, &keys.now, &bad);
        assert_eq!(rotate(peer, server, handle, bad), Err(Reject::Terms));
    }
    assert_eq!(rotate(peer, server, handle, good), Ok(Answer::Done));
}

#[test]
fn a_chain_brings_a_server_up_to_date_and_the_first_change_wins() {
    let mut server = Server::new(22);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let id = pair.connection.recipient_id;
    let first = pair.sender_keys.now.clone();
    let mut keys = pair.sender_keys.clone();
    for _ in 0..3 {
        let next = keys.now.next(&mut server.rng);
        let changed = change(Role::Sender, &id, &keys.now, &next);
        keys.take(next, changed);
    }
    let peer = &mut pair.sender;
    let mut broken = keys.clone();
    broken.chain.swap(0, 1);
    let connection = &pair.connection;
    let refused = |peer: &mut Peer, server: &mut Server, keys| {
        peer.attach(server, START, connection, Role::Sender, keys, 0).unwrap_err()
    };
    assert_eq!(refused(peer, server, &broken), Reject::Malformed);
    let mut short = keys.clone();
    short.chain.remove(0);
    assert_eq!(refused(peer, server, &short), Reject::Refused, "it does not start at the record");
    peer.attach(server, START, connection, Role::Sender, &keys, 0).unwrap();
    // ROTATION-12: another successor of the first key comes too late.
    let rival = Key::lasting(&mut server.rng, 9, START.hour(), START.hour() + 9);
    let mut late = pair.sender_keys.clone();
    late.take(rival.clone(), change(Role::Sender, &id, &first, &rival));
    assert_eq!(refused(peer, server, &late), Reject::Refused);
}

/// ROTATION-15: a Create with a chain, of a connection that the server knows under the key before.
#[test]
fn a_chain_in_a_restoring_create_changes_the_key_of_a_known_connection() {
    let mut server = Server::new(23);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let connection = &pair.connection;
    let old = pair.recipient_keys.clone();
    let mut keys = old.clone();
    let next = keys.now.next(&mut server.rng);
    let changed = change(Role::Recipient, &connection.recipient_id, &keys.now, &next);
    keys.take(next, changed);
    let peer = &mut pair.recipient;
    let restore = |peer: &mut Peer, server: &mut Server, keys: &Keys| {
        let body = connection.body(&keys.now, Some(pair.sender_keys.now.record));
        let create = connection.create(&peer.transcript(), keys, &body);
        peer.ask(server, START, Request::Create(Box::new(create)))
    };
    let bare = Keys { now: keys.now.clone(), chain: Vec::new() };
    assert_eq!(restore(peer, server, &bare), Err(Reject::Refused));
    assert_eq!(restore(peer, server, &keys), Ok(Answer::Created(State::Claimed)));
    peer.attach(server, START, connection, Role::Recipient, &bare, 0).unwrap();
    let by_old = peer.attach(server, START, connection, Role::Recipient, &old, 0);
    assert_eq!(by_old.unwrap_err(), Reject::Refused);
}
