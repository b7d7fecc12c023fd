//! Ends that survive their links.

use std::time::Duration;

use bytes::Bytes;
use edgewise_client::{
    Class, Client, ClientOptions, Error, Isolation, Recipient, RecipientEvent, RecipientState,
    Sender, SenderEvent, SenderState, Stopped, Terms,
};
use edgewise_spec::suite::SigningKey;
use tokio::time::timeout;

use crate::link::{bundle, key};
use crate::server::{Config, TestServer};

pub fn client(password: Option<&str>) -> Client {
    Client::new(ClientOptions {
        access_password: password.map(str::to_owned),
        reconnect_first: Duration::from_millis(5),
        reconnect_max: Duration::from_millis(50),
        ..ClientOptions::default()
    })
}

pub fn ends(server: &TestServer, class: Class) -> (RecipientState, SenderState) {
    ends_of(server, class, 0)
}

/// The ends of connection `number`, less than 80.
fn ends_of(server: &TestServer, class: Class, number: u8) -> (RecipientState, SenderState) {
    let seed = 3 * number;
    let claim = SigningKey::from_seed(&[seed + 3; 32]);
    let fingerprint = &server.address.fingerprint;
    let terms = Terms::usual(class);
    let recipient =
        RecipientState::new(fingerprint, key(seed + 1, 0), claim.clone(), bundle(), terms);
    (recipient, SenderState::new(claim, key(seed + 2, 0)))
}

pub fn part(class: Class, number: u64) -> Bytes {
    let mut part = vec![0; class.part_len()];
    part[..8].copy_from_slice(&number.to_be_bytes());
    part.into()
}

pub async fn until(recipient: &mut Recipient, wanted: &RecipientEvent) {
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
pub async fn collect(recipient: &mut Recipient, numbers: &mut Vec<u64>, count: usize) {
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

/// Both ends of a connection, and what came over it.
struct Conversation {
    class: Class,
    recipient: Recipient,
    sender: Sender,
    came: Vec<u64>,
}

/// Connections `numbers`, small and medium in turn, each with its two ends of one context.
async fn conversations(
    server: &TestServer,
    client: &Client,
    numbers: std::ops::Range<u8>,
) -> Vec<Conversation> {
    let mut all = Vec::new();
    for number in numbers {
        let class = if number % 2 == 0 { Class::Small } else { Class::Medium };
        let (recipient, sender) = ends_of(server, class, number);
        all.push((class, Recipient::start(client, &server.address, recipient), sender));
    }
    let mut started = Vec::new();
    for (class, mut recipient, sender) in all {
        until(&mut recipient, &RecipientEvent::Created).await;
        let sender = Sender::start(client, &server.address, sender);
        started.push(Conversation { class, recipient, sender, came: Vec::new() });
    }
    started
}

/// Pushes the parts of `numbers` over every connection; then each has brought all, in order.
async fn exchange(all: &mut [Conversation], numbers: std::ops::Range<u64>) {
    for Conversation { class, sender, .. } in &*all {
        for number in numbers.clone() {
            sender.push(part(*class, number)).await.unwrap();
        }
    }
    for Conversation { recipient, came, .. } in all {
        collect(recipient, came, usize::try_from(numbers.end).unwrap()).await;
        assert_eq!(*came, (0..numbers.end).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn the_connections_of_a_context_share_a_link_of_each_class_and_direction() {
    let server = TestServer::start(Config::default()).await;
    let client = client(None);
    let mut all = conversations(&server, &client, 0..40).await;
    exchange(&mut all, 0..10).await;
    // Small and medium, for recipients and for senders.
    assert_eq!(server.opened(), 4);
    for Conversation { recipient, .. } in &all {
        assert!(recipient.state().await.unwrap().created);
    }
}

#[tokio::test]
async fn every_end_has_its_own_link_if_contacts_are_isolated() {
    let server = TestServer::start(Config::default()).await;
    let options = client(None).options().clone();
    let client = Client::new(ClientOptions { isolation: Isolation::Contact, ..options });
    let mut all = conversations(&server, &client, 0..3).await;
    exchange(&mut all, 0..5).await;
    // Two small connections with four links each, medium ones for create and claim among them; and
    // one medium connection with two.
    assert_eq!(server.opened(), 10);
}

#[tokio::test]
async fn a_shared_link_that_is_cut_brings_all_its_connections_back() {
    let server = TestServer::start(Config::default()).await;
    let mut all = conversations(&server, &client(None), 0..20).await;
    for round in 0..5 {
        exchange(&mut all, round * 10..(round + 1) * 10).await;
        server.cut_links();
    }
    exchange(&mut all, 50..60).await;
}

#[tokio::test]
async fn who_leaves_a_shared_link_leaves_nothing_behind() {
    let server = TestServer::start(Config::default()).await;
    let client = client(None);
    let mut all = conversations(&server, &client, 0..4).await;
    exchange(&mut all, 0..10).await;
    assert_eq!(server.opened(), 4);
    let attached = server.attached();
    assert_eq!(attached, 8);
    let Conversation { class, recipient, sender, came } = all.pop().unwrap();
    let (to, from) = (recipient.state().await.unwrap(), sender.state().await.unwrap());
    drop((recipient, sender));
    let gone = async {
        while server.attached() > 6 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), gone).await.expect("both are detached");
    exchange(&mut all, 10..20).await;
    // Again, on the same links.
    let recipient = Recipient::start(&client, &server.address, to);
    let sender = Sender::start(&client, &server.address, from);
    all.push(Conversation { class, recipient, sender, came });
    exchange(&mut all[3..], 10..20).await;
    exchange(&mut all, 20..30).await;
    assert_eq!((server.opened(), server.attached()), (4, 8));
}

#[tokio::test]
async fn a_part_that_fits_no_block_stops_its_own_sender_only() {
    let server = TestServer::start(Config::default()).await;
    let mut all = conversations(&server, &client(None), 0..3).await;
    exchange(&mut all, 0..3).await;
    let Conversation { sender, .. } = &mut all[0];
    sender.push(part(Class::Large, 3)).await.unwrap();
    let stopped = async {
        loop {
            match sender.next().await {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    };
    let stopped = timeout(Duration::from_secs(5), stopped).await.unwrap();
    assert!(matches!(stopped, Err(Error::Misuse(_))), "{stopped:?}");
    assert!(sender.push(part(Class::Small, 4)).await.is_err());
    exchange(&mut all[1..], 3..13).await;
    assert_eq!(server.opened(), 4);
}
