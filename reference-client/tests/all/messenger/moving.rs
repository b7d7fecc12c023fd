//! Connections move while people talk.

use std::slice;

use edgewise_client::messenger::{Invite, Said};
use edgewise_client::store::Direction;
use edgewise_spec::constants::UNACKED_MAX;
use edgewise_spec::link::IdentityKey;

use super::{LONG, Person, two};
use crate::server::{Config, TestServer};

/// The servers that carry what the contact says, as the user sees them.
async fn receives_from(
    person: &Person,
    contact: edgewise_client::store::ContactId,
) -> Vec<[u8; 32]> {
    let view = person.messenger.contact(contact).await.unwrap();
    let lanes = view.connections.iter().filter(|it| it.direction == Direction::Received);
    lanes.map(|it| it.server.fingerprint).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_moves_while_people_talk() {
    let old = TestServer::start(Config::default()).await;
    let identity = IdentityKey::from_seed(&[7; 32]);
    let new = TestServer::start_as(&identity, Config::default()).await;
    let ((ann, bobs), (bob, anns)) = two(slice::from_ref(&old.address), Invite::default()).await;
    let (mut ann, mut bob) = (ann, bob);
    ann.say(bobs, "before").await;
    assert_eq!(bob.text().await, "before");
    bob.say(anns, "before").await;
    assert_eq!(ann.text().await, "before");
    let to = Some(new.address.clone());
    ann.messenger.move_connection(bobs, 0, to.clone()).await.unwrap();
    bob.messenger.move_connection(anns, 0, to.clone()).await.unwrap();
    assert!(ann.messenger.move_connection(bobs, 1, to).await.is_err(), "there is one place");
    for round in 0..20 {
        ann.say(bobs, &format!("there {round}")).await;
        bob.say(anns, &format!("back {round}")).await;
        assert_eq!(bob.text().await, format!("there {round}"));
        assert_eq!(ann.text().await, format!("back {round}"));
        if round % 7 == 3 {
            (ann, bob) = (ann.restart().await, bob.restart().await);
        }
    }
    let there = new.address.fingerprint;
    let settled = async {
        while receives_from(&ann, bobs).await != [there]
            || receives_from(&bob, anns).await != [there]
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, settled).await.expect("the old connections are left");
    // The old server is not needed any more, and keeps nothing.
    let emptied = async {
        while old.connections() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, emptied).await.expect("the old connections are deleted");
    drop(old);
    ann.say(bobs, "after").await;
    assert_eq!(bob.text().await, "after");
    bob.say(anns, "after").await;
    assert_eq!(ann.text().await, "after");
}

/// SESSION-43: the contact's only server is dead, and all that may be said without an answer is
/// said. The move away from it is answered all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_server_is_left_with_no_room_to_say_anything() {
    let old = TestServer::start(Config::default()).await;
    let identity = IdentityKey::from_seed(&[8; 32]);
    let new = TestServer::start_as(&identity, Config::default()).await;
    let ((ann, bobs), (mut bob, anns)) =
        two(slice::from_ref(&old.address), Invite::default()).await;
    ann.say(bobs, "before").await;
    assert_eq!(bob.text().await, "before");
    // What Bob says goes over the new server, what Ann says over the old one.
    let to = Some(new.address.clone());
    let there = new.address.fingerprint;
    ann.messenger.move_connection(bobs, 0, to.clone()).await.unwrap();
    while receives_from(&ann, bobs).await != [there] {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    drop(old);
    let count = UNACKED_MAX + 8;
    for n in 0..count {
        ann.say(bobs, &format!("text {n}")).await;
    }
    bob.messenger.move_connection(anns, 0, to).await.unwrap();
    let last = format!("text {}", count - 1);
    // The answer overtakes what waits on the dead server, and so shows that something is missing.
    let heard = async {
        loop {
            if matches!(bob.message().await.1.said, Said::Text(text) if text == last) {
                return;
            }
        }
    };
    tokio::time::timeout(LONG, heard).await.expect("what waited for room is said");
    assert!(receives_from(&bob, anns).await.contains(&there));
}
