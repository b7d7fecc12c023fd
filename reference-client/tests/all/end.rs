//! Ends that survive their links.

use std::time::Duration;

use bytes::Bytes;
use edgewise_client::{
    Class, Client, ClientOptions, Error, Recipient, RecipientEvent, RecipientState, Sender,
    SenderEvent, SenderState, Stopped, Terms,
};
use edgewise_spec::suite::SigningKey;
use tokio::time::timeout;

use crate::link::{bundle, key};
use crate::server::{Config, TestServer};

fn client(password: Option<&str>) -> Client {
    Client::new(ClientOptions {
        access_password: password.map(str::to_owned),
        reconnect_first: Duration::from_millis(5),
        reconnect_max: Duration::from_millis(50),
        ..ClientOptions::default()
    })
}

fn ends(server: &TestServer, class: Class) -> (RecipientState, SenderState) {
    let claim = SigningKey::from_seed(&[3; 32]);
    let fingerprint = &server.address.fingerprint;
    let terms = Terms::usual(class);
    let recipient = RecipientState::new(fingerprint, key(1, 0), claim.clone(), bundle(), terms);
    (recipient, SenderState::new(claim, key(2, 0)))
}

fn part(class: Class, number: u64) -> Bytes {
    let mut part = vec![0; class.part_len()];
    part[..8].copy_from_slice(&number.to_be_bytes());
    part.into()
}

async fn until(recipient: &mut Recipient, wanted: &RecipientEvent) {
    let looking = async {
        loop {
            let event = recipient.next().await.unwrap().expect("it stopped");
            if event == *wanted {
                return;
            }
        }
    };
    timeout(Duration::from_secs(20), looking).await.expect("in time");
}

/// Stores and acknowledges until `count` different parts are there; in which order they came.
async fn collect(recipient: &mut Recipient, numbers: &mut Vec<u64>, count: usize) {
    let collecting = async {
        while numbers.len() < count {
            match recipient.next().await.unwrap().expect("it stopped") {
                RecipientEvent::StoreSenderKey(_) => {
                    recipient.sender_key_stored().await.unwrap();
                }
                RecipientEvent::Part { sequence, part } => {
                    let number = u64::from_be_bytes(part[..8].try_into().unwrap());
                    if !numbers.contains(&number) {
                        numbers.push(number);
                    }
                    let _ = recipient.stored(sequence).await;
                }
                _ => {}
            }
        }
    };
    timeout(Duration::from_secs(30), collecting).await.expect("in time");
}

#[tokio::test]
async fn parts_arrive_although_links_are_cut_again_and_again() {
    let server =
        TestServer::start(Config { password: Some("open sesame"), ..Config::default() }).await;
    let (recipient, sender) = ends(&server, Class::Small);
    let mut recipient = Recipient::start(&client(Some("open sesame")), &server.address, recipient);
    until(&mut recipient, &RecipientEvent::Created).await;
    let sender = Sender::start(&client(None), &server.address, sender);
    let mut numbers = Vec::new();
    for round in 0..10 {
        for number in round * 20..(round + 1) * 20 {
            assert_eq!(sender.push(part(Class::Small, number)).await.unwrap(), number);
        }
        collect(&mut recipient, &mut numbers, usize::try_from(round * 20 + 7).unwrap()).await;
        server.cut_links();
    }
    collect(&mut recipient, &mut numbers, 200).await;
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    assert!(server.opened() >= 20, "{} links", server.opened());
}

#[tokio::test]
async fn a_server_that_lost_everything_gets_it_back() {
    let server = TestServer::start(Config::default()).await;
    let (recipient, sender) = ends(&server, Class::Medium);
    let mut recipient = Recipient::start(&client(None), &server.address, recipient);
    until(&mut recipient, &RecipientEvent::Created).await;
    let mut sender = Sender::start(&client(None), &server.address, sender);
    for number in 0..5 {
        sender.push(part(Class::Medium, number)).await.unwrap();
    }
    let mut numbers = Vec::new();
    collect(&mut recipient, &mut numbers, 5).await;
    sender.release(1).await.unwrap();
    server.lose_everything();
    sender.push(part(Class::Medium, 5)).await.unwrap();
    collect(&mut recipient, &mut numbers, 6).await;
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    let mut again = 0;
    while again == 0 {
        let event = timeout(Duration::from_secs(5), sender.next()).await.unwrap().unwrap();
        if let Some(SenderEvent::Attached { again: parts }) = event {
            again = parts;
        }
    }
    // What was released is not among them; the last one may have been pushed before or after.
    assert!((3..=4).contains(&again), "{again}");
    recipient.delete().await.unwrap();
    until(&mut recipient, &RecipientEvent::Stopped(Stopped::Deleted)).await;
}

#[tokio::test]
async fn keys_change_while_parts_flow() {
    let server = TestServer::start(Config::default()).await;
    let (recipient, sender) = ends(&server, Class::Medium);
    let mut recipient = Recipient::start(&client(None), &server.address, recipient);
    until(&mut recipient, &RecipientEvent::Created).await;
    let sender = Sender::start(&client(None), &server.address, sender);
    let mut numbers = Vec::new();
    for round in 0..4_u8 {
        for number in u64::from(round) * 10..u64::from(round + 1) * 10 {
            sender.push(part(Class::Medium, number)).await.unwrap();
        }
        collect(&mut recipient, &mut numbers, usize::from(round) * 10 + 5).await;
        let version = u32::from(round) + 1;
        while sender.rotate(key(20 + round, version)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        while recipient.rotate(key(40 + round, version)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    collect(&mut recipient, &mut numbers, 40).await;
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    assert_eq!(sender.state().await.unwrap().keys.newest().record().version, 4);
}

#[tokio::test]
async fn a_server_that_must_not_be_used_is_not_tried_again() {
    let server = TestServer::start(Config::default()).await;
    let (recipient, _) = ends(&server, Class::Medium);
    let mut address = server.address.clone();
    address.fingerprint[31] ^= 1;
    let mut recipient = Recipient::start(&client(None), &address, recipient);
    let refused = timeout(Duration::from_secs(5), recipient.next()).await.unwrap();
    assert!(matches!(refused, Err(Error::Description { .. })), "{refused:?}");
    assert!(matches!(recipient.next().await, Ok(None)));
}
