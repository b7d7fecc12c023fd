//! Which items of a client are answered.

use edgewise_proto::v1::{self, item::Body};
use edgewise_spec::frame::Class;

use super::item;
use crate::world::raw::Raw;
use crate::world::server::Server;

/// FRAME-18: not even where it has a tag, which a client has no reason to give it.
#[test]
fn an_acknowledge_is_not_answered() {
    let mut server = Server::new(50);
    for class in Class::ALL {
        let mut raw = Raw::open(&mut server, class);
        let acknowledge = |tag| item(tag, Body::Acknowledge(v1::Acknowledge::default()));
        let detach = item(6, Body::Detach(v1::Detach { handle: 0 }));
        raw.give(&mut server, &[acknowledge(5), detach, acknowledge(7), acknowledge(0)]);
        let (items, end) = raw.take(&mut server);
        let tags: Vec<u32> = items.iter().map(|item| item.tag).collect();
        assert_eq!((tags, end), (vec![6], None));
    }
}
