//! What one link may have under way.

use edgewise_proto::v1::{self, Role, item::Body};
use edgewise_spec::client::{Answer, Request};
use edgewise_spec::constants::{
    LINK_WINDOW_BYTES, REQUESTS_MAX, WINDOW_BYTES_MAX, WINDOW_PARTS_MAX,
};
use edgewise_spec::error::{GoodbyeCode, LinkEnd};
use edgewise_spec::frame::Class;

use crate::world::peer::Pair;
use crate::world::raw::Raw;
use crate::world::server::{START, Server};

/// Requests that are refused, one under each tag.
fn requests(tags: core::ops::RangeInclusive<u32>) -> Vec<v1::Item> {
    let suspend = |tag| v1::Item { tag, body: Some(Body::Suspend(v1::Suspend { handle: 0 })) };
    tags.map(suspend).collect()
}

/// LINK-30
#[test]
fn one_request_more_than_may_be_unanswered_ends_the_link() {
    let most = u32::try_from(REQUESTS_MAX).unwrap();
    let mut server = Server::new(51);
    let mut raw = Raw::open(&mut server, Class::Medium);
    // Answered and handed over, requests make room for as many again.
    for _ in 0..2 {
        raw.give(&mut server, &requests(1..=most / 2));
        raw.give(&mut server, &requests(most / 2 + 1..=most));
        let (answers, end) = raw.take(&mut server);
        assert_eq!((answers.len(), end), (REQUESTS_MAX, None));
    }
    raw.give(&mut server, &requests(1..=most));
    raw.give(&mut server, &requests(most + 1..=most + 1));
    let (_, end) = raw.take(&mut server);
    assert_eq!(end, Some(LinkEnd::Ours(GoodbyeCode::TooManyRequests)));
}

/// LINK-33: two subscriptions whose windows admit more together than the link does.
#[test]
fn all_subscriptions_of_a_link_share_its_window() {
    let class = Class::Large;
    let mut server = Server::new(52);
    let server = &mut server;
    let mut pair = Pair::new(server, START, class, 128);
    let mut other = Pair::new(server, START, class, 128);
    let link = &mut pair.recipient;
    let (second, _) = link
        .attach(server, START, &other.connection, Role::Recipient, &other.recipient_keys, 0)
        .unwrap();
    for n in 0..u64::from(WINDOW_PARTS_MAX) {
        pair.sender.send(server, START, pair.sender_handle, n, 1).unwrap();
        other.sender.send(server, START, other.sender_handle, n, 2).unwrap();
    }
    let (window_parts, window_bytes) = (WINDOW_PARTS_MAX, WINDOW_BYTES_MAX);
    for handle in [pair.recipient_handle, second] {
        let subscribe = v1::Subscribe { handle, window_parts, window_bytes };
        let asked = link.ask(server, START, Request::Subscribe(subscribe));
        assert!(matches!(asked, Ok(Answer::Subscribed(_))));
    }
    let most = LINK_WINDOW_BYTES / class.part_len();
    let all = 2 * usize::try_from(WINDOW_PARTS_MAX).unwrap();
    assert!(most < all, "the link's window is the narrower one");
    let delivered = link.delivered();
    assert_eq!(delivered.len(), most);
    // What the first subscription acknowledges is room for the second.
    let of_first = delivered.iter().filter(|(_, fill)| *fill == 1).count();
    link.acknowledge(server, START, pair.recipient_handle, of_first as u64);
    assert_eq!(link.delivered().len(), (all - most).min(of_first));
}
