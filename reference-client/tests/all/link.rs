//! Links and connections on them.

use bytes::Bytes;
use edgewise_client::{
    Class, Client, ClientOptions, ConnectionEvent, CreateAs, Error, Event, Key, Lifetime, Link,
    Request, SuiteId, Terms,
};
use edgewise_proto::v1::{self, EndReason, State};
use edgewise_spec::connection::recipient_id;
use edgewise_spec::constants::BUNDLE_LEN;
use edgewise_spec::error::Reject;
use edgewise_spec::link::IdentityKey;
use edgewise_spec::suite::SigningKey;
use edgewise_spec::time::Now;

use crate::server::{Config, TestServer};

fn client() -> Client {
    Client::new(ClientOptions::default())
}

pub fn now() -> Now {
    ClientOptions::default().clock.now()
}

pub fn key(seed: u8, version: u32) -> Key {
    Key::new(SigningKey::from_seed(&[seed; 32]), version, Lifetime::longest(now()))
}

pub fn bundle() -> Bytes {
    vec![5; BUNDLE_LEN].into()
}

/// A claimed connection of a class: recipient id, recipient's key, sender's key.
async fn claimed(server: &TestServer, link: &Link, class: Class) -> ([u8; 32], Key, Key) {
    let (recipient, sender, claim) = (key(1, 0), key(2, 0), SigningKey::from_seed(&[3; 32]));
    let id = recipient_id(&server.address.fingerprint, &recipient.record().vk);
    let open = CreateAs::Open { claim: &claim, bundle: bundle() };
    let state = link.create(&id, &recipient, &[], &Terms::usual(class), &open).await.unwrap();
    assert_eq!(state, State::Open);
    let answer = link.claim(&claim, &sender).await.unwrap();
    assert_eq!((answer.recipient_id, answer.class), (id, class));
    assert_eq!(answer.bundle, bundle());
    (id, recipient, sender)
}

#[tokio::test]
async fn a_part_goes_from_sender_to_recipient() {
    let server = TestServer::start(Config::default()).await;
    let (ours, theirs) = (client(), client());
    let link = ours.open(&server.address, Class::Medium).await.unwrap();
    let (id, recipient, sender) = claimed(&server, &link, Class::Medium).await;
    let mut recipient = link.attach_recipient(&id, &recipient, &[]).await.unwrap();
    let notice = recipient.subscribe(8, 1 << 20).await.unwrap();
    assert_eq!(notice.state(), State::Claimed);
    assert_eq!(notice.sender_key, Some(sender.record().to_wire()));

    let other = theirs.open(&server.address, Class::Medium).await.unwrap();
    let sender = other.attach_sender(&id, &sender, &[], 0).await.unwrap();
    let part = Bytes::from(vec![7; Class::Medium.part_len()]);
    sender.send(0, part.clone()).await.unwrap();
    let ConnectionEvent::Deliver { sequence, part: got } = recipient.event().await else {
        panic!("no part");
    };
    assert_eq!((sequence, &got), (1, &part));
    assert_eq!(server.parts(), 1);
    recipient.acknowledge(1).await.unwrap();
    // A request behind the acknowledgement is answered after it.
    recipient.suspend().await.unwrap();
    assert_eq!(server.parts(), 0);
    let refused = sender.send(1, part.clone()).await;
    assert!(matches!(refused, Err(Error::Refused(Reject::Quota))), "{refused:?}");
    recipient.resume().await.unwrap();
    recipient.delete().await.unwrap();
    link.close().await;
}

#[tokio::test]
async fn every_class_and_suite_opens() {
    let server = TestServer::start(Config::default()).await;
    let client = client();
    for class in Class::ALL {
        for suite in [None, Some(SuiteId::Chacha20Poly1305)] {
            let open = edgewise_client::Open { class, suite, cadence: None };
            let link = client.open(&server.address, open).await.unwrap();
            assert_eq!((link.class(), suite.unwrap_or(link.suite())), (class, link.suite()));
            let refused = link.request(Request::Suspend { handle: 0 }).await;
            assert!(matches!(refused, Err(Error::Refused(Reject::NotAttached))));
            link.close().await;
        }
    }
    assert_eq!(server.described(), 1, "one context asks once");
    Client::new(ClientOptions::default()).describe(&server.address).await.unwrap();
    assert_eq!(server.described(), 2, "another context asks for itself");
}

#[tokio::test]
async fn a_suite_that_is_not_offered_is_not_asked_for() {
    let config = Config { suites: vec![SuiteId::Chacha20Poly1305], ..Config::default() };
    let server = TestServer::start(config).await;
    let open = edgewise_client::Open {
        class: Class::Small,
        suite: Some(SuiteId::Aes256Gcm),
        cadence: None,
    };
    let refused = client().open(&server.address, open).await;
    assert!(matches!(refused, Err(Error::SuiteNotOffered { .. })), "{refused:?}");
    let link = client().open(&server.address, Class::Small).await.unwrap();
    assert_eq!(link.suite(), SuiteId::Chacha20Poly1305);
}

/// LINK-43: a certificate of nobody, for another name; what counts is the fingerprint.
#[tokio::test]
async fn tls_lies_around_the_link_whatever_the_certificate() {
    let server = TestServer::start(Config { tls: true, ..Config::default() }).await;
    let link = client().open(&server.address, Class::Large).await.unwrap();
    let (id, recipient, _) = {
        let medium = client().open(&server.address, Class::Medium).await.unwrap();
        claimed(&server, &medium, Class::Large).await
    };
    let attached = link.attach_recipient(&id, &recipient, &[]).await.unwrap();
    assert_eq!(attached.state(), State::Claimed);
    let mut address = server.address.clone();
    address.fingerprint[7] ^= 1;
    let refused = client().open(&address, Class::Medium).await;
    assert!(matches!(refused, Err(Error::Description { .. })), "{refused:?}");
}

/// LINK-4: another identity at the address.
#[tokio::test]
async fn a_server_of_another_identity_is_refused() {
    let server = TestServer::start(Config::default()).await;
    let mut address = server.address.clone();
    address.fingerprint[0] ^= 1;
    let refused = client().open(&address, Class::Medium).await;
    assert!(matches!(refused, Err(Error::Description { .. })), "{refused:?}");
}

/// LINK-5: two keys for one epoch, shown to one client.
#[tokio::test]
async fn two_keys_of_one_epoch_are_reported() {
    let identity = IdentityKey::from_seed(&[42; 32]);
    let one = TestServer::start_as(&identity, Config::default()).await;
    let client = client();
    client.describe(&one.address).await.unwrap();
    // The clock's epoch is over, so the client asks again; another key of number 1 answers.
    client.options().clock.advance_millis(90_000_000);
    let two =
        TestServer::start_as(&identity, Config { epoch: 1, seed: 9, ..Config::default() }).await;
    let refused = client.describe(&two.address).await;
    let Err(Error::Equivocation(proof)) = refused else { panic!("{refused:?}") };
    assert_ne!(proof.seen.bytes(), proof.shown.bytes());
    assert_eq!(proof.seen.number(), proof.shown.number());
}

#[tokio::test]
async fn a_password_is_proved_where_the_server_asks() {
    let server =
        TestServer::start(Config { password: Some("open sesame"), ..Config::default() }).await;
    let (recipient, claim) = (key(1, 0), SigningKey::from_seed(&[3; 32]));
    let id = recipient_id(&server.address.fingerprint, &recipient.record().vk);
    let terms = Terms::usual(Class::Medium);
    let open = CreateAs::Open { claim: &claim, bundle: bundle() };
    for (password, as_expected) in [(None, 0), (Some("open barley"), 1), (Some("open sesame"), 2)] {
        let access_password = password.map(str::to_owned);
        let client = Client::new(ClientOptions { access_password, ..ClientOptions::default() });
        let link = client.open(&server.address, Class::Medium).await.unwrap();
        let created = link.create(&id, &recipient, &[], &terms, &open).await;
        let outcome = match created {
            Err(Error::PasswordNeeded) => 0,
            Err(Error::Refused(Reject::AccessDenied)) => 1,
            Ok(State::Open) => 2,
            other => panic!("{other:?}"),
        };
        assert_eq!(outcome, as_expected);
    }
}

#[tokio::test]
async fn a_pipeline_keeps_many_sends_under_way_and_loses_none() {
    let server = TestServer::start(Config::default()).await;
    let client = client();
    let link = client.open(&server.address, Class::Medium).await.unwrap();
    let (id, recipient, sender) = claimed(&server, &link, Class::Small).await;
    let mut pipeline = client.pipeline(&server.address, Class::Small).await.unwrap();
    let mut events = Vec::new();
    let mut handles = Vec::new();
    for (role, key) in [(v1::Role::Recipient, &recipient), (v1::Role::Sender, &sender)] {
        let link = pipeline.link();
        let handle = link.free_handle().unwrap();
        let transcript = *link.transcript().unwrap();
        let attach = edgewise_spec::client::attach(&transcript, handle, role, &id, key, &[], 0);
        pipeline.request(Request::Attach(Box::new(attach)), &mut events).await.unwrap();
        handles.push(handle);
    }
    let subscribe = v1::Subscribe { handle: handles[0], window_parts: 64, window_bytes: 1 << 20 };
    pipeline.request(Request::Subscribe(subscribe), &mut events).await.unwrap();
    assert!(events.is_empty());

    const PARTS: u64 = 1_000;
    let part = |n: u64| {
        let mut part = vec![0; Class::Small.part_len()];
        part[..8].copy_from_slice(&n.to_be_bytes());
        Bytes::from(part)
    };
    let mut parts = (0..PARTS).map(part);
    let (mut sent, mut answered, mut delivered) = (0, 0, 0);
    while answered < PARTS || delivered < PARTS {
        sent += u64::from(pipeline.send_many(handles[1], sent, &mut parts).unwrap());
        pipeline.turn(&mut events).await.unwrap();
        for event in events.drain(..) {
            match event {
                Event::Answered { token, result } => {
                    assert_eq!(token, answered, "answers come in order");
                    result.unwrap();
                    answered += 1;
                }
                Event::Deliver(deliver) => {
                    assert_eq!(deliver.part, part(delivered));
                    delivered += 1;
                    assert_eq!(deliver.sequence, delivered);
                    pipeline.link().acknowledge(handles[0], delivered);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    pipeline.close().await;
}

#[tokio::test]
async fn a_replaced_subscription_is_told() {
    let server = TestServer::start(Config::default()).await;
    let client = client();
    let link = client.open(&server.address, Class::Medium).await.unwrap();
    let (id, recipient, _) = claimed(&server, &link, Class::Medium).await;
    let mut first = link.attach_recipient(&id, &recipient, &[]).await.unwrap();
    first.subscribe(8, 1 << 20).await.unwrap();
    let other = client.open(&server.address, Class::Medium).await.unwrap();
    let second = other.attach_recipient(&id, &recipient, &[]).await.unwrap();
    second.subscribe(8, 1 << 20).await.unwrap();
    let event = first.event().await;
    assert!(matches!(event, ConnectionEvent::Ended(EndReason::Replaced)), "{event:?}");
    server.cut_links();
    let event = first.event().await;
    assert!(matches!(event, ConnectionEvent::LinkEnded(_)), "{event:?}");
    assert!(link.request(Request::Suspend { handle: 0 }).await.is_err());
}

#[tokio::test]
async fn nobody_at_the_address_is_said_with_the_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let server = TestServer::start(Config::default()).await;
    let mut address = server.address.clone();
    address.edge.port = port;
    let refused = client().open(&address, Class::Medium).await.unwrap_err();
    assert!(refused.to_string().contains(&format!("127.0.0.1:{port}")), "{refused}");
    assert!(refused.is_passing());
}
