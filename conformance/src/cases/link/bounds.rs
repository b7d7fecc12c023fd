//! Bounds of a link: its life, its requests, its windows, and a peer that does not read.

use std::time::{Duration, Instant};

use edgewise_proto::v1::{self, GoodbyeCode, RejectCode, item::Body};
use edgewise_spec::constants::{
    LINK_WINDOW_BYTES, REQUESTS_MAX, WINDOW_BYTES_MAX, WINDOW_PARTS_MAX,
};

use crate::case::{Case, case};
use crate::cases::ask;
use crate::peer::{Class, Pair, Role};
use crate::trial::{Stop, Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("link/life-is-over", [LINK_29, LINK_34], life_is_over, needs Clock),
    case!("link/most-requests", [LINK_30], most_requests),
    case!("link/too-many-requests", [LINK_30, LINK_34], too_many_requests),
    case!("link/takes-while-not-taken", [LINK_31], takes_while_not_taken),
    case!("link/requests-of-a-peer-that-does-not-read", [LINK_30], flood),
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

/// Blocks of class large that are more than any buffers on the way back hold: 3 MiB.
const BEYOND_BUFFERS: usize = 200;

/// Nothing is read. The last request of each block suspends the connection or lets it go on, which
/// the other link sees: so the server has taken the block, and whatever the carrier still takes of
/// the Results, it does not take them for ever.
async fn flood(t: &mut Trial) -> Verdict {
    let mut pair = with_parts(t, UNREAD).await?;
    subscribe_blindly(&mut pair).await?;
    let (handle, mut longest) = (pair.recipient_handle, Duration::ZERO);
    for round in 0..BEYOND_BUFFERS {
        let (last, state) = match round % 2 {
            0 => (ask::suspend(handle), v1::State::Suspended),
            _ => (ask::resume(handle), v1::State::Claimed),
        };
        let mut requests = vec![harmless(); REQUESTS_MAX / 2 - 1];
        requests.push(last);
        pair.recipient.post_all(requests).await?;
        // Many times what it took before: what was not carried out by then will not be.
        let Some(took) = comes_to(&mut pair, state, SETTLED + longest * 20).await? else { break };
        longest = longest.max(took);
    }
    pair.recipient.goodbye(GoodbyeCode::TooManyRequests).await?;
    pair.sender.finish().await
}

/// How long a request may at least take to be carried out.
const SETTLED: Duration = Duration::from_secs(1);

/// How long it takes until the sender's link sees the connection in a state; none if it does not
/// in time.
async fn comes_to(
    pair: &mut Pair,
    state: v1::State,
    within: Duration,
) -> Result<Option<Duration>, Stop> {
    let begin = Instant::now();
    while begin.elapsed() < within {
        let (_, attached) = pair.sender.attach(&pair.connection, Role::Recipient, 0).await?;
        if attached.state() == state {
            return Ok(Some(begin.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(None)
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
