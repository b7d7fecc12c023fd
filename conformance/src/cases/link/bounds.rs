//! Bounds of a link: its life, its requests, its windows, and a peer that does not read.

use std::time::Duration;

use edgewise_proto::v1::{self, GoodbyeCode, RejectCode, item::Body};
use edgewise_spec::constants::{
    LINK_WINDOW_BYTES, REQUESTS_MAX, WINDOW_BYTES_MAX, WINDOW_PARTS_MAX,
};
use tokio::time::timeout;

use crate::case::{Case, case};
use crate::peer::{Class, Pair, Role};
use crate::trial::{Stop, Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("link/life-is-over", [LINK_29, LINK_34], life_is_over, needs Clock),
    case!("link/most-requests", [LINK_30], most_requests),
    case!("link/too-many-requests", [LINK_30, LINK_34], too_many_requests),
    case!("link/takes-while-not-taken", [LINK_31], takes_while_not_taken),
    case!("link/requests-of-a-peer-that-does-not-read", [LINK_30, LINK_31], flood),
    case!("link/stalled", [LINK_32], stalled, needs Clock),
    case!("link/not-stalled-with-nothing-to-take", [LINK_32], not_stalled, needs Clock),
    case!("link/window-of-the-link", [LINK_33], window_of_the_link),
];

fn harmless() -> Body {
    Body::Suspend(v1::Suspend { handle: 9 })
}

async fn life_is_over(t: &mut Trial) -> Verdict {
    let seconds = u64::from(t.limits().await?.link_life_seconds);
    let mut link = t.link(Class::Small).await?;
    // Once it has answered, the server has seen the link confirmed.
    link.ask(harmless()).await?.reject(RejectCode::NotAttached)?;
    t.advance(seconds - 60.min(seconds / 2)).await?;
    link.ask(harmless()).await?.reject(RejectCode::NotAttached)?;
    t.advance(60).await?;
    link.goodbye(GoodbyeCode::LifeOver).await
}

async fn most_requests(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    for _ in 0..3 {
        let tags = link.post_all(vec![harmless(); REQUESTS_MAX]).await?;
        for tag in tags {
            link.answer(tag).await?.reject(RejectCode::NotAttached)?;
        }
    }
    link.finish().await
}

async fn too_many_requests(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    link.post_all(vec![harmless(); REQUESTS_MAX + 1]).await?;
    link.goodbye(GoodbyeCode::TooManyRequests).await
}

/// A pair of class large with so many parts waiting for the recipient.
async fn with_parts(t: &mut Trial, parts: u32) -> Result<Pair, Stop> {
    let mut pair = t.pair(Class::Large).await?;
    let part = t.part(Class::Large);
    for _ in 0..parts {
        pair.send(part.clone()).await?;
    }
    Ok(pair)
}

/// Asks for parts without reading anything from now on.
async fn subscribe_blindly(pair: &mut Pair) -> Result<u32, Stop> {
    let subscribe = v1::Subscribe {
        handle: pair.recipient_handle,
        window_parts: WINDOW_PARTS_MAX,
        window_bytes: WINDOW_BYTES_MAX,
    };
    pair.recipient.post(Body::Subscribe(subscribe)).await
}

/// Parts that are more than a server can hand to a carrier whose peer does not read.
const UNREAD: u32 = 16;

async fn takes_while_not_taken(t: &mut Trial) -> Verdict {
    let mut pair = with_parts(t, UNREAD).await?;
    let tag = subscribe_blindly(&mut pair).await?;
    for _ in 0..BEYOND_BUFFERS {
        pair.recipient.send_items(&[]).await?;
    }
    pair.recipient.answer(tag).await?.subscribed()?;
    for sequence in 1..=u64::from(UNREAD) {
        ensure_eq!(pair.recipient.deliver().await?.sequence, sequence, "sequence");
    }
    pair.recipient.finish().await
}

/// Blocks of class large that are more than any buffers on the way hold: 3 MiB. So are the blocks
/// of their Results where each asks for half of what may be unanswered.
const BEYOND_BUFFERS: usize = 200;
/// How long a server may take no block until it counts as one that has ended the link.
const TAKES_WITHIN: Duration = Duration::from_secs(2);

/// Whatever the carrier still takes of the Results, it cannot take them all: nothing is read until
/// the server has taken all requests, or takes no more of them since the link is over.
async fn flood(t: &mut Trial) -> Verdict {
    let mut pair = with_parts(t, UNREAD).await?;
    subscribe_blindly(&mut pair).await?;
    for _ in 0..BEYOND_BUFFERS {
        let requests = pair.recipient.post_all(vec![harmless(); REQUESTS_MAX / 2]);
        match timeout(TAKES_WITHIN, requests).await {
            Ok(posted) => drop(posted?),
            Err(_) => break,
        }
    }
    pair.recipient.goodbye(GoodbyeCode::TooManyRequests).await?;
    let part = t.part(Class::Large);
    pair.send(part).await
}

async fn stalled(t: &mut Trial) -> Verdict {
    let seconds = u64::from(t.limits().await?.stall_seconds);
    let mut pair = with_parts(t, UNREAD).await?;
    subscribe_blindly(&mut pair).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    t.advance(seconds + 1).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let delivered = delivered_until_the_end(&mut pair).await?;
    ensure!(
        delivered < u64::from(UNREAD),
        "an end before all parts were taken",
        "all {UNREAD} of them"
    );
    let part = t.part(Class::Large);
    pair.send(part).await
}

async fn delivered_until_the_end(pair: &mut Pair) -> Result<u64, Stop> {
    pair.recipient.end("the end of a link whose peer took nothing").await?;
    let mut delivered = 0;
    while let Some(Body::Deliver(_)) = pair.recipient.unread() {
        delivered += 1;
    }
    Ok(delivered)
}

async fn not_stalled(t: &mut Trial) -> Verdict {
    let seconds = u64::from(t.limits().await?.stall_seconds);
    let mut link = t.link(Class::Small).await?;
    link.ask(harmless()).await?.reject(RejectCode::NotAttached)?;
    t.advance(seconds * 3).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    link.ask(harmless()).await?.reject(RejectCode::NotAttached)
}

/// Two connections whose windows together are larger than the link's.
async fn window_of_the_link(t: &mut Trial) -> Verdict {
    let mut one = with_parts(t, WINDOW_PARTS_MAX).await?;
    let other = with_parts(t, WINDOW_PARTS_MAX).await?;
    let link = &mut one.recipient;
    let (second, _) = link.attach(&other.connection, Role::Recipient, 0).await?;
    for handle in [one.recipient_handle, second] {
        let (window_parts, window_bytes) = (WINDOW_PARTS_MAX, WINDOW_BYTES_MAX);
        let subscribe = v1::Subscribe { handle, window_parts, window_bytes };
        link.ask(Body::Subscribe(subscribe)).await?.subscribed()?;
    }
    let within = Duration::from_millis(500);
    let (mut bytes, mut last) = (0, [0; 2]);
    while let Some(Body::Deliver(deliver)) = link.next_event(within).await? {
        bytes += deliver.part.len();
        let place = usize::from(deliver.handle == second);
        if let Some(last) = last.get_mut(place) {
            *last = deliver.sequence;
        }
    }
    let part = Class::Large.part();
    ensure!(
        bytes < LINK_WINDOW_BYTES + part,
        format!("no part once {LINK_WINDOW_BYTES} bytes are delivered"),
        "{bytes} bytes"
    );
    ensure!(
        bytes + part > LINK_WINDOW_BYTES / 2,
        "parts until the window of the link is full",
        "{bytes} bytes"
    );
    for (handle, through) in [one.recipient_handle, second].into_iter().zip(last) {
        link.tell(Body::Acknowledge(v1::Acknowledge { handle, through })).await?;
    }
    let left = 2 * u64::from(WINDOW_PARTS_MAX) - last.iter().sum::<u64>();
    for _ in 0..left {
        link.deliver().await?;
    }
    Ok(())
}
