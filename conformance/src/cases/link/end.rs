//! How a link ends.

use std::time::Duration;

use edgewise_proto::v1::{self, GoodbyeCode, Item, RejectCode, item::Body};

use crate::case::{Case, case};
use crate::peer::{Class, Pair, Role};
use crate::trial::{Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("link/goodbye-of-the-server", [LINK_34], goodbye_of_the_server),
    case!("link/goodbye-of-the-client", [LINK_35], goodbye_of_the_client),
    case!("link/nothing-behind-goodbye", [LINK_36], nothing_behind_goodbye),
    case!("link/nothing-after-goodbye", [LINK_36], nothing_after_goodbye),
    case!("link/nothing-after-a-fault", [LINK_36], nothing_after_a_fault),
    case!("link/end-of-the-stream", [LINK_37], end_of_the_stream),
    case!("link/reset-of-the-stream", [LINK_37], reset_of_the_stream),
];

/// The answers that are due come before the goodbye, or not at all; never behind it.
async fn goodbye_of_the_server(t: &mut Trial) -> Verdict {
    for class in [Class::Small, Class::Medium, Class::Large] {
        let mut link = t.link(class).await?;
        let suspend = Body::Suspend(v1::Suspend { handle: 0 });
        link.ask(suspend).await?.reject(RejectCode::NotAttached)?;
        link.send_block(&vec![0; class.block()]).await?;
        link.goodbye(GoodbyeCode::BlockSeal).await?;
    }
    Ok(())
}

async fn goodbye_of_the_client(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let handle = pair.recipient_handle;
    let tags = [pair.recipient.tag(), pair.recipient.tag()];
    let item = |tag, body| Item { tag, body: Some(body) };
    let done = v1::Goodbye { code: GoodbyeCode::Done.into() };
    pair.recipient
        .send_items(&[
            item(tags[0], Body::Suspend(v1::Suspend { handle })),
            item(tags[1], Body::Resume(v1::Resume { handle: 77 })),
            item(0, Body::Goodbye(done)),
        ])
        .await?;
    pair.recipient.answer(tags[0]).await?.done()?;
    pair.recipient.answer(tags[1]).await?.reject(RejectCode::NotAttached)?;
    pair.recipient.ends_ok().await
}

async fn is_still_claimed(t: &mut Trial, pair: &Pair) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    let (_, attached) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    ensure_eq!(attached.state(), v1::State::Claimed, "state");
    Ok(())
}

async fn nothing_behind_goodbye(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let link = &mut pair.recipient;
    let done = v1::Goodbye { code: GoodbyeCode::Done.into() };
    let suspend = Body::Suspend(v1::Suspend { handle: pair.recipient_handle });
    let tag = link.tag();
    let items =
        [Item { tag: 0, body: Some(Body::Goodbye(done)) }, Item { tag, body: Some(suspend) }];
    link.send_items(&items).await?;
    link.ends_ok().await?;
    is_still_claimed(t, &pair).await
}

async fn nothing_after_goodbye(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let link = &mut pair.recipient;
    let done = v1::Goodbye { code: GoodbyeCode::Done.into() };
    let suspend = Body::Suspend(v1::Suspend { handle: pair.recipient_handle });
    link.tell(Body::Goodbye(done)).await?;
    link.post(suspend).await?;
    link.ends_ok().await?;
    is_still_claimed(t, &pair).await
}

async fn nothing_after_a_fault(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let link = &mut pair.recipient;
    let mut text = link.text(&[])?;
    if let Some(last) = text.last_mut() {
        *last = 1;
    }
    link.send_text(text).await?;
    let suspend = Body::Suspend(v1::Suspend { handle: pair.recipient_handle });
    link.post(suspend).await?;
    link.goodbye(GoodbyeCode::FrameMalformed).await?;
    is_still_claimed(t, &pair).await
}

async fn end_of_the_stream(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.subscribe(4).await?;
    pair.recipient.carrier().half_close();
    pair.recipient.end("the end of a stream that its client has ended").await?;
    let part = t.part(Class::Medium);
    pair.send(part.clone()).await?;
    // The subscription is over: the part waits for the next one, and nobody is told of an end.
    let mut link = t.link(Class::Medium).await?;
    let (handle, _) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    let subscribe = v1::Subscribe { handle, window_parts: 1, window_bytes: 1 };
    link.ask(Body::Subscribe(subscribe)).await?.subscribed()?;
    ensure_eq!(link.deliver().await?.part, part, "part");
    link.quiet(Duration::from_millis(50)).await
}

async fn reset_of_the_stream(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.subscribe(4).await?;
    pair.recipient.carrier().reset();
    let part = t.part(Class::Medium);
    pair.send(part.clone()).await?;
    let mut link = t.link(Class::Medium).await?;
    let (handle, _) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    let subscribe = v1::Subscribe { handle, window_parts: 1, window_bytes: 1 };
    link.ask(Body::Subscribe(subscribe)).await?.subscribed()?;
    ensure_eq!(link.deliver().await?.part, part, "part");
    link.quiet(Duration::from_millis(50)).await
}
