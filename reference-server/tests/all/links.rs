//! Links that behave, and their ends.

use edgewise_proto::v1::{self, item::Body};
use edgewise_server::Clock;
use edgewise_spec::frame::Class;

use crate::peer::{
    Came, Keys, Link, Pair, Stream, connect, describe, describe_with, epoch, eventually, start,
    start_with,
};

#[tokio::test]
async fn a_part_goes_from_one_link_to_another_and_is_acknowledged() {
    let running = start().await;
    for class in Class::ALL {
        let mut pair = Pair::new(&running, class).await;
        pair.subscribe(4).await;
        for submission in 0..3 {
            let send = pair.send(submission);
            pair.sender.done(send).await;
            let item = pair.recipient.next().await.unwrap();
            let Some(Body::Deliver(deliver)) = item.body else { panic!("{item:?}") };
            assert_eq!((deliver.handle, deliver.sequence), (0, submission + 1));
            assert_eq!(deliver.part, pair.keys.part());
        }
        assert_eq!(running.stats().parts, 3);
        assert_eq!(running.stats().bytes, 3 * class.part_len() as u64);
        pair.recipient.tell(Body::Acknowledge(v1::Acknowledge { handle: 0, through: 3 })).await;
        eventually("the end of the parts", || running.stats().parts == 0).await;
    }
    assert_eq!(running.stats().connections, 3);
}

#[tokio::test]
async fn describe_says_the_same_to_everyone_and_refuses_what_is_no_request() {
    let running = start().await;
    let one = connect(running.local).await;
    let other = connect(running.local).await;
    let zeros = [0; 1_024];
    let first = describe_with(&one, &zeros).await.unwrap();
    assert_eq!(first.len(), 4_096);
    assert_eq!(describe_with(&other, &zeros).await.unwrap(), first);
    let mut marked = zeros;
    marked[1_023] = 1;
    for bad in [&marked[..], &[0; 1_023], &[0; 1_025], &[], &[0; 16_320]] {
        assert_eq!(describe_with(&one, bad).await, Err(3), "{} bytes", bad.len());
    }
    let description = describe(&running, &one).await;
    assert_eq!(description.classes, Class::ALL);
    assert_eq!(description.epochs.len(), 2);
}

#[tokio::test]
async fn a_request_of_no_or_two_messages_is_no_describe() {
    let running = start().await;
    let carrier = connect(running.local).await;
    for messages in [0, 2] {
        let mut stream = Stream::open(&carrier, "/edgewise.v1.LinkService/Describe").await;
        for _ in 0..messages {
            stream.block(&[0; 1_024]).await;
        }
        stream.half_close();
        assert_eq!(stream.status().await, 3);
    }
}

#[tokio::test]
async fn a_goodbye_is_answered_with_the_rest_and_ok() {
    let running = start().await;
    let mut link = Link::open(&running, Class::Medium).await;
    let create = Keys::new(&running, Class::Small).create(&running, &link);
    let goodbye = Body::Goodbye(v1::Goodbye { code: v1::GoodbyeCode::Done.into() });
    let items = [
        v1::Item { tag: 7, body: Some(Body::Detach(v1::Detach { handle: 0 })) },
        v1::Item { tag: 0, body: Some(goodbye) },
    ];
    link.post(&[v1::Item { tag: 5, body: Some(create) }]).await;
    link.post(&items).await;
    assert_eq!(link.next().await.unwrap().tag, 5);
    assert_eq!(link.next().await.unwrap().tag, 7);
    assert_eq!(link.next().await, Err(Came::Status(0)));
    eventually("the link's end", || running.stats().links == 0).await;
}

#[tokio::test]
async fn a_stream_that_half_closes_or_breaks_is_over_and_so_is_its_subscription() {
    let running = start().await;
    let mut pair = Pair::new(&running, Class::Small).await;
    pair.subscribe(1).await;
    pair.recipient.stream.half_close();
    assert_eq!(pair.recipient.next().await, Err(Came::Status(0)));
    eventually("the link's end", || running.stats().links == 1).await;
    pair.sender.stream.send.send_reset(h2::Reason::CANCEL);
    eventually("the other's end", || running.stats().links == 0).await;
    assert_eq!(running.stats().half_open, 0);
}

#[tokio::test]
async fn blocks_that_are_none_end_a_link_with_a_reason() {
    let running = start().await;
    for (bytes, code) in [
        (vec![1; 1_024], v1::GoodbyeCode::BlockSeal),
        (vec![1; 1_023], v1::GoodbyeCode::BlockLength),
        (vec![1; 4_096], v1::GoodbyeCode::BlockLength),
        (vec![1; 100_000], v1::GoodbyeCode::BlockLength),
        (vec![], v1::GoodbyeCode::BlockLength),
    ] {
        let mut link = Link::open(&running, Class::Small).await;
        link.stream.block(&bytes).await;
        assert_eq!(link.goodbye().await, code, "{} bytes", bytes.len());
    }
}

#[tokio::test]
async fn a_hello_that_is_none_is_a_bare_status() {
    let running = start().await;
    let carrier = connect(running.local).await;
    let epoch = epoch(&running, &carrier).await;
    for length in [0, 1_023, 1_025, 4_097, 16_384, 70_000] {
        let mut stream = Stream::open(&carrier, "/edgewise.v1.LinkService/Open").await;
        stream.block(&vec![0; length]).await;
        assert_eq!(stream.status().await, 3, "{length} bytes");
    }
    let link = Link::open_on(&carrier, &epoch, Class::Large).await;
    eventually("one link", || running.stats().links == 1).await;
    assert_eq!(running.stats().half_open, 0);
    drop(link);
}

#[tokio::test]
async fn what_is_no_method_is_unimplemented_and_control_only_with_a_controlled_clock() {
    let running = start_with(Clock::system(), |_| ()).await;
    let carrier = connect(running.local).await;
    for path in [
        "/edgewise.v1.LinkService/Close",
        "/edgewise.conformance.v1.ConformanceControl/Restart",
        "/nothing",
        "/",
    ] {
        let mut stream = Stream::open(&carrier, path).await;
        stream.half_close();
        assert_eq!(stream.status().await, 12, "{path}");
    }
}

#[tokio::test]
async fn a_restart_loses_everything_and_says_nothing() {
    let running = start().await;
    let mut pair = Pair::new(&running, Class::Small).await;
    let carrier = connect(running.local).await;
    let mut control =
        Stream::open(&carrier, "/edgewise.conformance.v1.ConformanceControl/Restart").await;
    control.put(crate::peer::grpc(&[])).await;
    control.half_close();
    assert_eq!(control.message().await.len(), 0);
    assert_eq!(control.status().await, 0);
    assert_eq!(pair.sender.next().await, Err(Came::Broken));
    assert_eq!(pair.recipient.next().await, Err(Came::Broken));
    let stats = running.stats();
    assert_eq!((stats.links, stats.connections, stats.half_open), (0, 0, 0));
    let mut link = Link::open(&running, Class::Small).await;
    let attach = pair.keys.attach(&link, edgewise_spec::connection::Role::Recipient, 0);
    assert_eq!(link.reject(attach).await, v1::RejectCode::Refused);
}

#[tokio::test]
async fn most_connections_are_counted_over_all_shards() {
    let running = start_with(Clock::controlled(), |config| config.connections_max = 5).await;
    let mut link = Link::open(&running, Class::Medium).await;
    for _ in 0..5 {
        let create = Keys::new(&running, Class::Small).create(&running, &link);
        assert!(matches!(link.ask(create).await, v1::result::Outcome::Created(_)));
    }
    for _ in 0..5 {
        let create = Keys::new(&running, Class::Small).create(&running, &link);
        assert_eq!(link.reject(create).await, v1::RejectCode::Full);
    }
    assert_eq!(running.stats().connections, 5);
    assert_eq!(running.stats().rejects.get("FULL"), Some(&5));
}
