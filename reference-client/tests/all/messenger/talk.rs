//! Two people talk.

use std::slice;

use edgewise_client::messenger::{AbandonReason, Accept, Event, InvitationStep, Invite, Said, Say};
use edgewise_client::store::Delivery;
use edgewise_spec::frame::Class;
use edgewise_spec::link::IdentityKey;
use edgewise_spec::message::Proof;
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;

use super::{Person, two};
use crate::server::{Config, TestServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_talk() {
    let server = TestServer::start(Config::default()).await;
    let invite = Invite::default();
    let ((mut ann, bobs), (mut bob, anns)) = two(slice::from_ref(&server.address), invite).await;
    assert_eq!(ann.messenger.contact(bobs).await.unwrap().name, "Bob");
    assert_eq!(bob.messenger.contact(anns).await.unwrap().name, "Ann");
    let position = ann.say(bobs, "hello Bob").await;
    assert_eq!(bob.text().await, "hello Bob");
    bob.say(anns, "hello Ann").await;
    assert_eq!(ann.text().await, "hello Ann");
    // The receipt came with the answer, or before it.
    let shown = ann.messenger.message(bobs, position).await.unwrap();
    assert_eq!(shown.delivery, Delivery::Delivered);
    let safety = ann.messenger.safety_number(bobs).await.unwrap().unwrap();
    let other = bob.messenger.safety_number(anns).await.unwrap().unwrap();
    assert_eq!(safety.number, other.number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_loses_nothing() {
    let server = TestServer::start(Config::default()).await;
    let ((ann, bobs), (mut bob, anns)) =
        two(slice::from_ref(&server.address), Invite::default()).await;
    let ann = ann.restart().await;
    ann.say(bobs, "one").await;
    assert_eq!(bob.text().await, "one");
    let mut bob = bob.restart().await;
    ann.say(bobs, "two").await;
    assert_eq!(bob.text().await, "two");
    bob.say(anns, "three").await;
    let mut ann = ann.restart().await;
    let page = loop {
        let page = ann.messenger.history(bobs, None, 10).await.unwrap();
        if page.messages.len() == 3 {
            break page;
        }
        ann.message().await;
    };
    let said: Vec<_> = page.messages.iter().rev().map(|view| view.said.clone()).collect();
    assert_eq!(said, ["one", "two", "three"].map(|text| Said::Text(text.to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_to_somebody_who_is_away_waits() {
    let server = TestServer::start(Config::default()).await;
    let ((mut ann, bobs), (bob, anns)) =
        two(slice::from_ref(&server.address), Invite::default()).await;
    bob.messenger.clone().close().await.unwrap();
    // More than a connection and a session hold together.
    let count = 700;
    for number in 0..count {
        ann.say(bobs, &format!("text {number}")).await;
    }
    let mut bob = bob.open().await;
    for number in 0..count {
        assert_eq!(bob.text().await, format!("text {number}"));
    }
    bob.say(anns, "all").await;
    assert_eq!(ann.text().await, "all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_message_comes_whole() {
    let server = TestServer::start(Config::default()).await;
    let ((ann, bobs), (mut bob, _)) =
        two(slice::from_ref(&server.address), Invite::default()).await;
    let long: String = (0..40_000).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
    ann.say(bobs, &long).await;
    assert_eq!(bob.text().await, long);
    let refused = ann.messenger.send(bobs, Say::Text("x".repeat(300_000))).await.unwrap_err();
    assert!(refused.to_string().contains("at most 262144"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_deletions_replies_and_reactions() {
    let server = TestServer::start(Config::default()).await;
    let ((mut ann, bobs), (mut bob, anns)) =
        two(slice::from_ref(&server.address), Invite::default()).await;
    let own = ann.say(bobs, "helo").await;
    let (_, heard) = bob.message().await;
    let at = heard.position;
    ann.messenger.send(bobs, Say::Edit { of: own, text: "hello".to_owned() }).await.unwrap();
    bob.changed(at).await;
    let shown = bob.messenger.message(anns, at).await.unwrap();
    assert_eq!((shown.said, shown.edited), (Said::Text("hello".to_owned()), true));
    let with = "+1".to_owned();
    bob.messenger.send(anns, Say::Reaction { to: at, with, given: true }).await.unwrap();
    let reacted = loop {
        ann.changed(own).await;
        let shown = ann.messenger.message(bobs, own).await.unwrap();
        if !shown.reactions.is_empty() {
            break shown;
        }
    };
    assert_eq!(reacted.reactions[0].with, "+1");
    bob.messenger.send(anns, Say::Reply { to: at, text: "hi".to_owned() }).await.unwrap();
    assert_eq!(ann.message().await.1.said, Said::Reply { to: Some(own), text: "hi".to_owned() });
    // Only what one has said oneself.
    let foreign = bob.messenger.send(anns, Say::Delete { of: at }).await.unwrap_err();
    assert!(foreign.to_string().contains("your own"), "{foreign}");
    ann.messenger.send(bobs, Say::Delete { of: own }).await.unwrap();
    // His own reaction changed it too.
    while bob.messenger.message(anns, at).await.unwrap().said != Said::Deleted {
        bob.changed(at).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attested_session_can_be_proved_and_a_deniable_one_cannot() {
    let server = TestServer::start(Config::default()).await;
    let invite = Invite { mode: Mode::Attested, ..Invite::default() };
    let ((ann, bobs), (mut bob, anns)) = two(slice::from_ref(&server.address), invite).await;
    ann.say(bobs, "I owe you ten").await;
    let (_, heard) = bob.message().await;
    let proof = bob.messenger.export_proof(anns, vec![heard.position]).await.unwrap();
    let verified = Proof::verify(&proof).unwrap();
    assert_eq!(verified.messages().len(), 1);
    assert_eq!(verified.messages()[0].content, b"I owe you ten");
    let mut forged = proof.clone();
    let at = forged.windows(3).position(|window| window == b"ten").unwrap();
    forged[at] = b'T';
    assert!(Proof::verify(&forged).is_err());

    let ((ann, bobs), (mut bob, anns)) =
        two(slice::from_ref(&server.address), Invite::default()).await;
    ann.say(bobs, "nothing").await;
    let (_, heard) = bob.message().await;
    let refused = bob.messenger.export_proof(anns, vec![heard.position]).await.unwrap_err();
    assert!(refused.to_string().contains("deniable"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_server_that_lives_delivers() {
    let mut servers = Vec::new();
    for seed in 1..=3 {
        let identity = IdentityKey::from_seed(&[seed; 32]);
        servers.push(TestServer::start_as(&identity, Config::default()).await);
    }
    let addresses: Vec<_> = servers.iter().map(|server| server.address.clone()).collect();
    let shape = Shape::new(Class::Medium, 1, 3).unwrap();
    let invite = Invite { shape, ..Invite::default() };
    let ((mut ann, bobs), (mut bob, anns)) = two(&addresses, invite).await;
    ann.say(bobs, "by all").await;
    assert_eq!(bob.text().await, "by all");
    // Two of three are gone.
    drop(servers.drain(..2));
    ann.say(bobs, "by one").await;
    assert_eq!(bob.text().await, "by one");
    bob.say(anns, "and back").await;
    assert_eq!(ann.text().await, "and back");
    let shown = bob.messenger.history(anns, None, 10).await.unwrap();
    assert_eq!(shown.messages.len(), 3, "each is shown once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_its_memory_is_restored() {
    let server = TestServer::start(Config::default()).await;
    let ((ann, bobs), (mut bob, anns)) =
        two(slice::from_ref(&server.address), Invite::default()).await;
    ann.say(bobs, "before").await;
    assert_eq!(bob.text().await, "before");
    bob.messenger.clone().close().await.unwrap();
    ann.say(bobs, "lost on the server").await;
    assert!(ann.messenger.flush(10_000).await.unwrap());
    server.lose_everything();
    let mut bob = bob.open().await;
    assert_eq!(bob.text().await, "lost on the server");
    let page = bob.messenger.history(anns, None, 10).await.unwrap();
    assert_eq!(page.messages.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_claim_ends_the_invitation_for_both() {
    let server = TestServer::start(Config::default()).await;
    let servers = [server.address.clone()];
    let mut ann = Person::new("Ann", &servers).await;
    let mut bob = Person::new("Bob", &[]).await;
    let mut eve = Person::new("Eve", &servers).await;
    let card = ann.invite(Invite::default()).await;
    // Eve claims, and says nothing: her connections back are on no server that lives.
    let dead = TestServer::start_as(&IdentityKey::from_seed(&[9; 32]), Config::default()).await;
    let address = dead.address.clone();
    drop(dead);
    let known = eve.messenger.servers(eve.profile).await.unwrap();
    eve.messenger.remove_server(known[0].id).await.unwrap();
    eve.messenger.add_server(eve.profile, address, None).await.unwrap();
    eve.messenger.accept(eve.profile, &card, Accept::default()).await.unwrap();
    ann.wait(|event| {
        matches!(event, Event::Invitation { step: InvitationStep::Claimed, .. }).then_some(())
    })
    .await;
    bob.messenger.accept(bob.profile, &card, Accept::default()).await.unwrap();
    let why = bob
        .wait(|event| match event {
            Event::AcceptFailed { why, .. } => Some(*why),
            _ => None,
        })
        .await;
    assert_eq!(why, AbandonReason::Conflict);
    let why = ann
        .wait(|event| match event {
            Event::Invitation { step: InvitationStep::Abandoned(why), .. } => Some(*why),
            _ => None,
        })
        .await;
    assert_eq!(why, AbandonReason::Conflict);
    assert!(bob.messenger.contacts(bob.profile).await.unwrap().is_empty());
    assert!(ann.messenger.invitations(ann.profile).await.unwrap().is_empty());
    drop(eve.events.next());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_change_while_people_talk() {
    let server = TestServer::start(Config::default()).await;
    let ((mut ann, bobs), (mut bob, anns)) =
        two(slice::from_ref(&server.address), Invite::default()).await;
    for round in 0..3 {
        ann.messenger.rotate(bobs).await.unwrap();
        bob.messenger.rotate(anns).await.unwrap();
        ann.say(bobs, &format!("there {round}")).await;
        assert_eq!(bob.text().await, format!("there {round}"));
        bob.say(anns, &format!("back {round}")).await;
        assert_eq!(ann.text().await, format!("back {round}"));
        (ann, bob) = (ann.restart().await, bob.restart().await);
        // Both changes are confirmed once both have heard something over the new attachments.
        ann.say(bobs, "settled").await;
        assert_eq!(bob.text().await, "settled");
        bob.say(anns, "settled").await;
        assert_eq!(ann.text().await, "settled");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_blocked_contact_is_shown() {
    let server = TestServer::start(Config::default()).await;
    let ((ann, bobs), (mut bob, anns)) =
        two(slice::from_ref(&server.address), Invite::default()).await;
    bob.messenger.block(anns, true).await.unwrap();
    ann.say(bobs, "are you there?").await;
    assert!(!ann.messenger.flush(1_000).await.unwrap(), "the server refuses it");
    assert!(bob.messenger.history(anns, None, 10).await.unwrap().messages.is_empty());
    bob.messenger.block(anns, false).await.unwrap();
    assert_eq!(bob.text().await, "are you there?");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_accepted_once() {
    let server = TestServer::start(Config::default()).await;
    let servers = slice::from_ref(&server.address);
    let mut ann = Person::new("Ann", servers).await;
    let mut bob = Person::new("Bob", servers).await;
    let card = ann.invite(Invite::default()).await;
    let own = ann.messenger.accept(ann.profile, &card, Accept::default()).await.unwrap_err();
    assert!(own.to_string().contains("of your own"), "{own}");
    let anns = bob.messenger.accept(bob.profile, &card, Accept::default()).await.unwrap();
    bob.ready(anns).await;
    let again = bob.messenger.accept(bob.profile, &card, Accept::default()).await.unwrap_err();
    assert!(again.to_string().contains("accepted before"), "{again}");
    assert_eq!(bob.messenger.contacts(bob.profile).await.unwrap().len(), 1);
    // Somebody who comes later is told, and nothing happens to the two.
    let mut eve = Person::new("Eve", servers).await;
    eve.messenger.accept(eve.profile, &card, Accept::default()).await.unwrap();
    let told = eve
        .wait(|event| match event {
            Event::Trouble(text) => Some(text.clone()),
            _ => None,
        })
        .await;
    assert!(told.contains("refuse it"), "{told}");
    let bobs = ann.accepted().await;
    ann.say(bobs, "still here").await;
    assert_eq!(bob.text().await, "still here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_is_told_only_by_choice() {
    let server = TestServer::start(Config::default()).await;
    let ((mut ann, bobs), (mut bob, anns)) =
        two(slice::from_ref(&server.address), Invite::default()).await;
    let first = ann.say(bobs, "one").await;
    let (_, heard) = bob.message().await;
    assert_eq!(bob.messenger.contact(anns).await.unwrap().unread, 1);
    bob.messenger.mark_read(anns, heard.position).await.unwrap();
    assert_eq!(bob.messenger.contact(anns).await.unwrap().unread, 0);
    bob.say(anns, "seen").await;
    assert_eq!(ann.text().await, "seen");
    let delivery = ann.messenger.message(bobs, first).await.unwrap().delivery;
    assert_eq!(delivery, Delivery::Delivered, "nobody has chosen to tell more");
    let mut profile = bob.messenger.profiles().await.unwrap().remove(0);
    profile.read_receipts = true;
    bob.messenger.set_profile(profile).await.unwrap();
    let second = ann.say(bobs, "two").await;
    let (_, heard) = bob.message().await;
    bob.messenger.mark_read(anns, heard.position).await.unwrap();
    loop {
        ann.changed(second).await;
        if ann.messenger.message(bobs, second).await.unwrap().delivery == Delivery::Seen {
            break;
        }
    }
}
