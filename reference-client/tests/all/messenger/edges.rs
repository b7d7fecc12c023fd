//! Two people talk over a server with several edges, which come and go.

use std::slice;
use std::time::Duration;

use edgewise_client::messenger::{Accept, Invite, Said};
use edgewise_client::store::Direction;
use edgewise_spec::link::IdentityKey;
use tokio::time::timeout;

use super::{LONG, Person, meet, two};
use crate::edge::{Edge, two_edges};
use crate::server::{Config, TestServer};

/// A few words each way.
async fn talk(
    ann: &mut Person,
    bob: &mut Person,
    contacts: (super::ContactId, super::ContactId),
    word: &str,
) {
    let (bobs, anns) = contacts;
    ann.say(bobs, &format!("{word} to Bob")).await;
    assert_eq!(bob.text().await, format!("{word} to Bob"));
    bob.say(anns, &format!("{word} to Ann")).await;
    assert_eq!(ann.text().await, format!("{word} to Ann"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_goes_on_at_another_edge_and_back() {
    let (server, mut first, mut second) = two_edges().await;
    let given = first.address(&server);
    let ((mut ann, bobs), (mut bob, anns)) = two(slice::from_ref(&given), Invite::default()).await;
    let both = (bobs, anns);
    talk(&mut ann, &mut bob, both, "first").await;
    assert_eq!(second.taken(), 0, "the place that was given");
    first.close().await;
    talk(&mut ann, &mut bob, both, "second").await;
    assert!(second.taken() > 0);
    let before = first.taken();
    first.open(&server).await;
    second.close().await;
    talk(&mut ann, &mut bob, both, "first again").await;
    assert!(first.taken() > before);
    // What was told is stored: one who opens while the given edge is gone comes to the other.
    second.open(&server).await;
    first.close().await;
    let (mut ann, mut bob) = (ann.restart().await, bob.restart().await);
    talk(&mut ann, &mut bob, both, "after a restart").await;
}

/// Who joins was given one place, in the invitation, and is told of the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_finds_the_other_edges() {
    let (server, mut first, second) = two_edges().await;
    let identity = IdentityKey::from_seed(&[7; 32]);
    let elsewhere = TestServer::start_as(&identity, Config::default()).await;
    let mut ann = Person::new("Ann", &[first.address(&server)]).await;
    let mut bob = Person::new("Bob", slice::from_ref(&elsewhere.address)).await;
    let (bobs, anns) = meet(&mut ann, &mut bob, Invite::default()).await;
    talk(&mut ann, &mut bob, (bobs, anns), "here").await;
    first.close().await;
    let mut bob = bob.restart().await;
    talk(&mut ann, &mut bob, (bobs, anns), "there").await;
    assert!(second.taken() >= 2, "{}", second.taken());
    // A place that nothing is left on is forgotten.
    let mut views = bob.messenger.servers(bob.profile).await.unwrap();
    assert!(views.remove(0).others.is_empty(), "that of the other server");
    let views = ann.messenger.servers(ann.profile).await.unwrap();
    assert_eq!(views[0].others, [second.address(&server)]);
}

/// Dead and foreign places stand before the good one, and the given one is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_and_foreign_places_keep_nobody_from_a_good_one() {
    let foreign = TestServer::start_as(&IdentityKey::from_seed(&[9; 32]), Config::default()).await;
    let (mut first, mut last) = (Edge::new().await, Edge::new().await);
    let (dead, other) = (Edge::new().await.place, foreign.address.edge.clone());
    let edges = vec![dead, other, last.place.clone()];
    let server = TestServer::start(Config { edges, ..Config::default() }).await;
    first.open(&server).await;
    last.open(&server).await;
    let given = first.address(&server);
    let ((mut ann, bobs), (mut bob, anns)) = two(slice::from_ref(&given), Invite::default()).await;
    talk(&mut ann, &mut bob, (bobs, anns), "before").await;
    for round in 0..3 {
        first.close().await;
        talk(&mut ann, &mut bob, (bobs, anns), &format!("away {round}")).await;
        first.open(&server).await;
        last.close().await;
        talk(&mut ann, &mut bob, (bobs, anns), &format!("back {round}")).await;
        last.open(&server).await;
    }
    assert_eq!(foreign.attached(), 0, "nothing is asked of another identity");
}

/// An edge is lost while what was said to it is not answered: nothing is lost, nothing is doubled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_is_lost_amid_unanswered_submissions() {
    let (server, first, second) = two_edges().await;
    let given = first.address(&server);
    let ((mut ann, bobs), (mut bob, anns)) = two(slice::from_ref(&given), Invite::default()).await;
    talk(&mut ann, &mut bob, (bobs, anns), "before").await;
    let (mut here, mut there) = (first, second);
    there.close().await;
    let mut expected = vec!["before to Bob".to_owned()];
    for round in 0..6 {
        // The server takes what is said, and its answers are lost.
        here.mute();
        for number in 0..3 {
            let text = format!("{round} {number}");
            ann.say(bobs, &text).await;
            expected.push(text);
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
        there.open(&server).await;
        here.close().await;
        for text in &expected[expected.len() - 3..] {
            assert_eq!(bob.text().await, *text);
        }
        (here, there) = (there, here);
    }
    talk(&mut ann, &mut bob, (bobs, anns), "after").await;
    expected.push("after to Bob".to_owned());
    let history = bob.messenger.history(anns, None, 100).await.unwrap();
    let heard = history.messages.iter().rev().filter(|view| view.direction == Direction::Received);
    let heard: Vec<_> = heard.map(|view| view.said.clone()).collect();
    assert_eq!(heard, expected.into_iter().map(Said::Text).collect::<Vec<_>>());
    let contact = bob.messenger.contact(anns).await.unwrap();
    assert!(contact.connections.iter().all(|it| it.bad == 0 && it.stray == 0), "{contact:?}");
}

/// A contact address, too, is read and asked at wherever its server is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_is_accepted_at_another_edge() {
    let (server, mut first, second) = two_edges().await;
    let mut ann = Person::new("Ann", &[first.address(&server)]).await;
    // Bob's own server is the same one, by another address.
    let mut bob = Person::new("Bob", &[second.address(&server)]).await;
    let card = ann.invite(Invite::default()).await;
    let _ = bob.invite(Invite::default()).await;
    first.close().await;
    let accept = bob.messenger.accept(bob.profile, &card, Accept::default());
    let anns = accept.await.unwrap();
    let bobs = ann.accepted().await;
    let ready = async {
        bob.ready(anns).await;
        ann.ready(bobs).await;
    };
    timeout(LONG, ready).await.expect("the other edge is found");
    talk(&mut ann, &mut bob, (bobs, anns), "at last").await;
}
