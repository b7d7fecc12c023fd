//! How a confirmed link ends.

use edgewise_proto::v1::{self, item::Body, result::Outcome};
use edgewise_spec::error::{GoodbyeCode, LinkEnd};
use edgewise_spec::frame::Class;

use crate::world::keys::{Connection, Keys};
use crate::world::raw::Raw;
use crate::world::server::Server;

fn goodbye(code: GoodbyeCode) -> v1::Item {
    v1::Item { tag: 0, body: Some(Body::Goodbye(v1::Goodbye { code: code.into() })) }
}

/// A request that makes a connection.
fn create(server: &mut Server, raw: &Raw, tag: u32) -> v1::Item {
    let keys = Keys::new(&mut server.rng);
    let fingerprint = *server.fingerprint();
    let connection = Connection::new(&mut server.rng, fingerprint, &keys.now, Class::Small, 16);
    let body = connection.body(&keys.now, None);
    let create = connection.create(&raw.transcript(), &keys, &body);
    v1::Item { tag, body: Some(Body::Create(create)) }
}

fn suspend(tag: u32) -> v1::Item {
    v1::Item { tag, body: Some(Body::Suspend(v1::Suspend { handle: 0 })) }
}

/// LINK-34
#[test]
fn a_server_that_ends_a_link_says_why_in_the_last_item() {
    let mut server = Server::new(60);
    let mut raw = Raw::open(&mut server, Class::Medium);
    let requests: Vec<_> = (1..=65).map(suspend).collect();
    raw.give(&mut server, &requests);
    let (items, end) = raw.take(&mut server);
    assert_eq!(end, Some(LinkEnd::Ours(GoodbyeCode::TooManyRequests)));
    assert_eq!(items.last(), Some(&goodbye(GoodbyeCode::TooManyRequests)));
}

/// LINK-35
#[test]
fn what_stands_before_a_goodbye_is_carried_out_and_answered() {
    let mut server = Server::new(61);
    let mut raw = Raw::open(&mut server, Class::Medium);
    let create = create(&mut server, &raw, 1);
    raw.give(&mut server, &[create]);
    raw.give(&mut server, &[suspend(2), goodbye(GoodbyeCode::Done)]);
    let (items, end) = raw.take(&mut server);
    assert_eq!(end, Some(LinkEnd::Theirs(GoodbyeCode::Done)));
    let results = items.iter().map(|item| match &item.body {
        Some(Body::Result(v1::Result { outcome: Some(outcome) })) => {
            (item.tag, matches!(outcome, Outcome::Created(_)))
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(results.collect::<Vec<_>>(), [(1, true), (2, false)]);
    assert_eq!(server.store.stats().connections, 1);
}

/// LINK-36
#[test]
fn what_stands_behind_a_goodbye_is_not_carried_out() {
    let mut server = Server::new(62);
    let mut raw = Raw::open(&mut server, Class::Large);
    let behind = create(&mut server, &raw, 2);
    raw.give(&mut server, &[suspend(1), goodbye(GoodbyeCode::Done), behind]);
    let (items, end) = raw.take(&mut server);
    assert_eq!(end, Some(LinkEnd::Theirs(GoodbyeCode::Done)));
    let tags: Vec<u32> = items.iter().map(|item| item.tag).collect();
    assert_eq!(tags, [1]);
    assert_eq!(server.store.stats().connections, 0);
}
