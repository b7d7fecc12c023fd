//! Peers that mean no good: bounded, answered as the clauses say, and nobody else's business.

use std::time::Duration;

use bytes::Bytes;
use edgewise_proto::v1::{self, item::Body};
use edgewise_server::{Clock, Running};
use edgewise_spec::frame::Class;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::peer::{
    Came, Link, Pair, Stream, connect, epoch, eventually, frame_of, request, start, start_with,
};

/// Everything still works for somebody else.
async fn works(running: &Running) {
    let mut pair = Pair::new(running, Class::Small).await;
    let send = pair.send(0);
    pair.sender.done(send).await;
}

#[tokio::test]
async fn garbage_on_the_port_is_closed() {
    let running = start().await;
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0xff; 4_096],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let mut socket = TcpStream::connect(running.local).await.unwrap();
        // The server may close while it is still being written to.
        let _ = socket.write_all(garbage).await;
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut rest));
        assert!(read.await.is_ok(), "left open");
    }
    eventually("no carriers", || running.stats().carriers == 0).await;
    works(&running).await;
}

#[tokio::test]
async fn streams_beyond_the_most_half_open_ones_are_refused_at_once() {
    let running = start_with(Clock::controlled(), |config| config.half_open_max = 2_000).await;
    let mut streams = Vec::new();
    for _ in 0..1_000 {
        let carrier = connect(running.local).await;
        for _ in 0..2 {
            streams.push(Stream::open(&carrier, "/edgewise.v1.LinkService/Open").await);
        }
    }
    eventually("2,000 half-open", || running.stats().half_open == 2_000).await;
    let carrier = connect(running.local).await;
    for _ in 0..10 {
        let mut one_more = Stream::open(&carrier, "/edgewise.v1.LinkService/Open").await;
        assert_eq!(one_more.status().await, 8);
    }
    assert_eq!(running.stats().half_open, 2_000);
    running.advance(11).unwrap();
    for stream in &mut streams {
        assert_eq!(stream.status().await, 4);
    }
    assert_eq!(running.stats().half_open, 0);
    works(&running).await;
}

#[tokio::test]
async fn confirmed_links_make_room_for_half_open_ones() {
    let running = start_with(Clock::controlled(), |config| config.half_open_max = 1).await;
    let mut links = Vec::new();
    for _ in 0..5 {
        links.push(Link::open(&running, Class::Small).await);
    }
    assert_eq!((running.stats().links, running.stats().half_open), (5, 0));
}

#[tokio::test]
async fn links_beyond_the_most_are_refused() {
    let running = start_with(Clock::controlled(), |config| config.links_max = 3).await;
    let mut links = Vec::new();
    for _ in 0..3 {
        links.push(Link::open(&running, Class::Small).await);
    }
    let carrier = connect(running.local).await;
    let mut one_more = Stream::open(&carrier, "/edgewise.v1.LinkService/Open").await;
    assert_eq!(one_more.status().await, 8);
    drop(links.pop());
    eventually("room", || running.stats().links == 2).await;
    Link::open(&running, Class::Small).await;
}

#[tokio::test]
async fn rapid_resets_cost_the_peer_its_carrier_and_leave_nothing() {
    let running = start().await;
    let mut other = Link::open(&running, Class::Small).await;
    let mut sender = connect(running.local).await;
    let mut opened = 0;
    let closed = loop {
        let Ok(ready) = sender.ready().await else { break true };
        sender = ready;
        let asked = request("/edgewise.v1.LinkService/Open");
        let Ok((answer, mut send)) = sender.send_request(asked, false) else { break true };
        send.send_reset(h2::Reason::CANCEL);
        drop(answer);
        opened += 1;
        if opened == 20_000 {
            break false;
        }
    };
    eventually("no half-open links", || running.stats().half_open == 0).await;
    assert_eq!(running.stats().links, 1, "closed: {closed}, after {opened}");
    let detach = Body::Detach(v1::Detach { handle: 0 });
    assert_eq!(other.reject(detach).await, v1::RejectCode::NotAttached);
    works(&running).await;
}

#[tokio::test]
async fn a_hello_that_comes_in_a_hundred_pieces_is_taken() {
    let running = start().await;
    let carrier = connect(running.local).await;
    let epoch = epoch(&running, &carrier).await;
    let mut stream = Stream::open(&carrier, "/edgewise.v1.LinkService/Open").await;
    let (mut handshake, hello) = edgewise_spec::link::ClientHandshake::start(
        &epoch,
        edgewise_spec::suite::SuiteId::Chacha20Poly1305,
        Class::Medium,
        &mut crate::peer::rng(),
    );
    // HTTP/2 itself ends carriers of thousands of smaller frames.
    for bytes in frame_of(&hello[0]).chunks(41) {
        assert!(stream.put(Bytes::copy_from_slice(bytes)).await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let reply = crate::peer::block_of(stream.message().await);
    assert!(handshake.handle_block(&reply).unwrap().is_some());
}

#[tokio::test]
async fn more_unanswered_requests_than_the_most_end_the_link() {
    let running = start().await;
    let mut link = Link::open(&running, Class::Medium).await;
    let items: Vec<v1::Item> = (1..=65)
        .map(|tag| v1::Item { tag, body: Some(Body::Detach(v1::Detach { handle: 0 })) })
        .collect();
    link.post(&items).await;
    assert_eq!(link.goodbye().await, v1::GoodbyeCode::TooManyRequests);
    works(&running).await;
}

#[tokio::test]
async fn a_message_said_to_be_endless_ends_the_link_without_being_kept() {
    let running = start().await;
    let mut link = Link::open(&running, Class::Small).await;
    link.stream.put(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff])).await;
    assert_eq!(link.goodbye().await, v1::GoodbyeCode::BlockLength);
    let carrier = connect(running.local).await;
    let mut stream = Stream::open(&carrier, "/edgewise.v1.LinkService/Open").await;
    stream.put(Bytes::from_static(&[1, 0, 0, 4, 3])).await;
    assert_eq!(stream.status().await, 3);
}

#[tokio::test]
async fn a_carrier_without_streams_is_closed() {
    let running = start().await;
    let silent = TcpStream::connect(running.local).await.unwrap();
    let mut link = Link::open(&running, Class::Small).await;
    let mut idle = connect(running.local).await.ready().await.unwrap();
    eventually("three carriers", || running.stats().carriers == 3).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    eventually("one carrier", || running.stats().carriers == 1).await;
    assert!(std::future::poll_fn(|context| idle.poll_ready(context)).await.is_err());
    let detach = Body::Detach(v1::Detach { handle: 0 });
    assert_eq!(link.reject(detach).await, v1::RejectCode::NotAttached);
    drop(silent);
}

#[tokio::test]
async fn an_interrupted_link_takes_nobody_else_with_it() {
    let running = start().await;
    let carrier = connect(running.local).await;
    let epoch = epoch(&running, &carrier).await;
    let mut first = Link::open_on(&carrier, &epoch, Class::Small).await;
    let mut second = Link::open_on(&carrier, &epoch, Class::Large).await;
    first.stream.block(&[1; 1_024]).await;
    assert_eq!(first.goodbye().await, v1::GoodbyeCode::BlockSeal);
    let detach = Body::Detach(v1::Detach { handle: 0 });
    assert_eq!(second.reject(detach).await, v1::RejectCode::NotAttached);
    second.stream.send.send_reset(h2::Reason::CANCEL);
    assert_eq!(second.next().await, Err(Came::Broken));
    eventually("no links", || running.stats().links == 0).await;
}
