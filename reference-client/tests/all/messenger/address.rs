//! Contact addresses: asking, and being asked.

use edgewise_client::messenger::{Accept, Event, Invite};

use super::{LONG, Person};
use crate::server::{Config, TestServer};

async fn addressed(person: &mut Person) -> String {
    person.messenger.add_address(person.profile, 1).await.unwrap();
    let waiting = async {
        loop {
            let view = person.messenger.address(person.profile).await.unwrap().unwrap();
            if let Some(card) = view.card {
                return card;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_asks_and_is_accepted() {
    let server = TestServer::start(Config::default()).await;
    let servers = [server.address.clone()];
    let mut ann = Person::new("Ann", &servers).await;
    let mut bob = Person::new("Bob", &servers).await;
    let card = addressed(&mut ann).await;
    let refused = bob.messenger.accept(bob.profile, &card, Accept::default()).await.unwrap_err();
    assert!(refused.to_string().contains("contact address"), "{refused}");
    let own = ann.messenger.request(ann.profile, &card, "me", Invite::default()).await;
    assert!(own.unwrap_err().to_string().contains("your own"));
    let greeting = "I am Bob,\nwe met in Rome";
    bob.messenger.request(bob.profile, &card, greeting, Invite::default()).await.unwrap();
    let request = ann
        .wait(|event| match event {
            Event::Request { request, .. } => Some((**request).clone()),
            _ => None,
        })
        .await;
    assert_eq!(request.greeting, greeting);
    let mut ann = ann.restart().await;
    let view = ann.messenger.address(ann.profile).await.unwrap().unwrap();
    assert_eq!(view.requests, std::slice::from_ref(&request));
    let bobs =
        ann.messenger.accept_request(ann.profile, request.number, Accept::default()).await.unwrap();
    let anns = bob.accepted().await;
    ann.ready(bobs).await;
    ann.say(bobs, "yes, in Rome").await;
    assert_eq!(bob.text().await, "yes, in Rome");
    bob.say(anns, "good").await;
    assert_eq!(ann.text().await, "good");
    assert!(ann.messenger.address(ann.profile).await.unwrap().unwrap().requests.is_empty());
    ann.messenger.remove_address(ann.profile).await.unwrap();
    assert!(ann.messenger.address(ann.profile).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_an_address_changes_weekly() {
    let server = TestServer::start(Config::default()).await;
    let servers = [server.address.clone()];
    let mut ann = Person::new("Ann", &servers).await;
    addressed(&mut ann).await;
    let before = ann.messenger.address(ann.profile).await.unwrap().unwrap().version;
    ann.clock.advance_millis(8 * 24 * 3_600_000);
    let ann = ann.restart().await;
    let after = ann.messenger.address(ann.profile).await.unwrap().unwrap();
    assert_eq!((before, after.version), (1, 2));
    assert_eq!(after.servers, servers);
    let ann = ann.restart().await;
    let again = ann.messenger.address(ann.profile).await.unwrap().unwrap();
    assert_eq!(again.version, 2, "once a week");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_turned_down_is_gone() {
    let server = TestServer::start(Config::default()).await;
    let servers = [server.address.clone()];
    let mut ann = Person::new("Ann", &servers).await;
    let card = addressed(&mut ann).await;
    let bob = Person::new("Bob", &servers).await;
    let long = "x".repeat(2_000);
    let refused = bob.messenger.request(bob.profile, &card, &long, Invite::default()).await;
    assert!(refused.unwrap_err().to_string().contains("1,024 bytes"));
    bob.messenger.request(bob.profile, &card, "hello", Invite::default()).await.unwrap();
    ann.wait(|event| matches!(event, Event::Request { .. }).then_some(())).await;
    ann.messenger.refuse_request(ann.profile, 1).await.unwrap();
    assert!(ann.messenger.address(ann.profile).await.unwrap().unwrap().requests.is_empty());
    assert!(ann.messenger.refuse_request(ann.profile, 1).await.is_err());
}
