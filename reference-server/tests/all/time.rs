//! What the clock does: only a moved one can show it.

use edgewise_proto::v1::{self, GoodbyeCode, item::Body};
use edgewise_server::Clock;
use edgewise_spec::connection::Role;
use edgewise_spec::frame::Class;

use crate::peer::{
    Came, Keys, Link, Pair, Stream, connect, describe_with, epoch, eventually, grpc, start,
    start_with,
};

const DAY: u64 = 86_400;

#[tokio::test]
async fn a_hello_that_does_not_end_in_time_is_refused_and_no_longer_counted() {
    let running = start().await;
    let carrier = connect(running.local).await;
    let mut stream = Stream::open(&carrier, "/edgewise.v1.LinkService/Open").await;
    eventually("a half-open link", || running.stats().half_open == 1).await;
    running.advance(9).unwrap();
    assert_eq!(running.stats().half_open, 1);
    running.advance(2).unwrap();
    assert_eq!(stream.status().await, 4);
    assert_eq!(running.stats().half_open, 0);
}

#[tokio::test]
async fn a_life_is_over_when_it_is_over() {
    let running = start().await;
    let mut link = Link::open(&running, Class::Small).await;
    running.advance(DAY - 60).unwrap();
    let detach = Body::Detach(v1::Detach { handle: 0 });
    assert_eq!(link.reject(detach).await, v1::RejectCode::NotAttached);
    running.advance(61).unwrap();
    assert_eq!(link.goodbye().await, GoodbyeCode::LifeOver);
}

#[tokio::test]
async fn advance_clock_over_the_wire_has_run_everything_when_it_answers() {
    let running = start().await;
    let mut link = Link::open(&running, Class::Medium).await;
    let create = Keys::new(&running, Class::Small).create(&running, &link);
    link.ask(create).await;
    let carrier = connect(running.local).await;
    let path = "/edgewise.conformance.v1.ConformanceControl/AdvanceClock";
    let mut control = Stream::open(&carrier, path).await;
    let before = running.now();
    // AdvanceClockRequest { seconds: 691200 }, eight days.
    control.put(grpc(&[0x08, 0x80, 0x98, 0x2a])).await;
    control.half_close();
    assert!(control.message().await.is_empty());
    assert_eq!(running.stats().connections, 0, "idle for more than seven days");
    assert!(running.now() >= before.plus_seconds(8 * DAY));
    assert_eq!(link.goodbye().await, GoodbyeCode::LifeOver);
}

#[tokio::test]
async fn an_epoch_rolls_over_and_the_one_before_is_still_taken() {
    let running = start().await;
    let carrier = connect(running.local).await;
    let zeros = [0; 1_024];
    let first = describe_with(&carrier, &zeros).await.unwrap();
    let old = epoch(&running, &carrier).await;
    let left = old.not_after() - running.now().seconds();
    running.advance(left).unwrap();
    let second = describe_with(&carrier, &zeros).await.unwrap();
    assert_ne!(first, second);
    let new = epoch(&running, &carrier).await;
    assert_eq!(new.number(), old.number() + 1);
    assert_eq!(running.stats().epoch, Some(new.number()));
    for epoch in [&old, &new] {
        let mut link = Link::open_on(&connect(running.local).await, epoch, Class::Small).await;
        let detach = Body::Detach(v1::Detach { handle: 3 });
        assert_eq!(link.reject(detach).await, v1::RejectCode::NotAttached);
    }
    running.advance(DAY).unwrap();
    let mut stream = Stream::open(&carrier, "/edgewise.v1.LinkService/Open").await;
    let (_, hello) = edgewise_spec::link::ClientHandshake::start(
        &old,
        edgewise_spec::suite::SuiteId::Chacha20Poly1305,
        Class::Medium,
        &mut crate::peer::rng(),
    );
    stream.block(&hello[0]).await;
    assert_eq!(stream.status().await, 9, "two epochs ago");
}

#[tokio::test]
async fn parts_and_connections_are_over_in_their_time() {
    let running = start().await;
    let mut pair = Pair::new(&running, Class::Small).await;
    let send = pair.send(0);
    pair.sender.done(send).await;
    running.advance(DAY - 120).unwrap();
    assert_eq!(running.stats().parts, 1);
    running.advance(240).unwrap();
    assert_eq!((running.stats().parts, running.stats().bytes), (0, 0));
    assert_eq!(running.stats().connections, 1);
    running.advance(7 * DAY).unwrap();
    assert_eq!(running.stats().connections, 0);
}

#[tokio::test]
async fn a_waiting_sender_hears_of_space_at_the_batch_and_not_before() {
    let running = start().await;
    let mut pair = Pair::new(&running, Class::Small).await;
    pair.subscribe(64).await;
    for submission in 0..16 {
        let send = pair.send(submission);
        pair.sender.done(send).await;
        pair.recipient.next().await.unwrap();
    }
    let send = pair.send(16);
    assert_eq!(pair.sender.reject(send).await, v1::RejectCode::Quota);
    pair.recipient.tell(Body::Acknowledge(v1::Acknowledge { handle: 0, through: 1 })).await;
    eventually("room", || running.stats().parts == 15).await;
    let acknowledged = running.now().millis();
    let item = pair.sender.next().await.unwrap();
    assert!(matches!(item.body, Some(Body::Space(v1::Space { handle: 0 }))));
    assert_ne!(running.now().millis() / 5_000, acknowledged / 5_000, "in a later batch");
    let send = pair.send(16);
    pair.sender.done(send).await;
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_ended_and_the_server_goes_on_taking_its_blocks() {
    let running = start().await;
    let mut pair = Pair::new(&running, Class::Large).await;
    let socket = tokio::net::TcpStream::connect(running.local).await.unwrap();
    let carrier = crate::peer::connect_over(socket, 65_535).await;
    let epoch = epoch(&running, &carrier).await;
    let mut slow = Link::open_on(&carrier, &epoch, Class::Large).await;
    let attach = pair.keys.attach(&slow, Role::Recipient, 0);
    slow.ask(attach).await;
    let subscribe = v1::Subscribe { handle: 0, window_parts: 64, window_bytes: 1 << 20 };
    slow.ask(Body::Subscribe(subscribe)).await;
    // It never looks at its answers again, so its window of 65,535 bytes fills.
    for submission in 0..10 {
        let send = pair.send(submission);
        pair.sender.done(send).await;
    }
    let taken = running.stats().blocks_in;
    for _ in 0..40 {
        assert!(slow.post(&[]).await);
    }
    eventually("its blocks", || running.stats().blocks_in == taken + 40).await;
    assert_eq!(running.stats().links, 3);
    running.advance(61).unwrap();
    let code = slow.goodbye().await;
    assert_eq!(code, GoodbyeCode::Stalled);
    // Nobody else has noticed.
    let send = pair.send(10);
    pair.sender.done(send).await;
}

#[tokio::test]
async fn a_peer_that_does_not_even_take_the_last_block_loses_its_carrier() {
    let running = start().await;
    let mut pair = Pair::new(&running, Class::Large).await;
    pair.subscribe(64).await;
    for submission in 0..10 {
        let send = pair.send(submission);
        pair.sender.done(send).await;
    }
    running.advance(61).unwrap();
    running.advance(6).unwrap();
    eventually("the stalled link's end", || running.stats().links <= 2).await;
    let end = loop {
        if let Err(end) = pair.recipient.next().await {
            break end;
        }
    };
    assert_eq!(end, Came::Broken);
}

#[tokio::test]
async fn the_system_clock_is_not_moved() {
    let running = start_with(Clock::system(), |_| ()).await;
    assert!(running.advance(1).is_err());
}
