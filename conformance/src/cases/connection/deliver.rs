//! Subscribe, deliver, acknowledge: windows, order, what ends a subscription.

use edgewise_proto::v1::{self, EndReason, RejectCode, State, item::Body};
use edgewise_spec::constants::{WINDOW_BYTES_MAX, WINDOW_PARTS_MAX};

use crate::case::{Case, case};
use crate::cases::{SOON, ask};
use crate::peer::{Class, Pair, Role};
use crate::trial::{Stop, Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("connection/subscribe-windows", [CONNECTION_40], windows),
    case!("connection/subscribed", [CONNECTION_41], subscribed),
    case!("connection/subscribed-first", [CONNECTION_41], subscribed_first),
    case!("connection/deliver-in-order", [CONNECTION_42], in_order),
    case!("connection/deliver-again", [CONNECTION_42, CONNECTION_43], again),
    case!("connection/sequences", [CONNECTION_43], sequences),
    case!("connection/window-of-parts", [CONNECTION_44], window_of_parts),
    case!("connection/window-of-bytes", [CONNECTION_44], window_of_bytes),
    case!("connection/window-admits-one", [CONNECTION_44], window_admits_one),
    case!("connection/acknowledge", [CONNECTION_45], acknowledge),
    case!("connection/acknowledge-beyond", [CONNECTION_45], acknowledge_beyond),
    case!("connection/acknowledge-unsubscribed", [CONNECTION_46], acknowledge_unsubscribed),
    case!("connection/acknowledge-replaced", [CONNECTION_46], acknowledge_replaced),
    case!("connection/subscribe-elsewhere", [CONNECTION_47], subscribe_elsewhere),
    case!("connection/subscribe-again", [CONNECTION_47], subscribe_again),
    case!("connection/notice-of-state", [CONNECTION_48], notice_of_state),
    case!("connection/notice-of-claim", [CONNECTION_48], notice_of_claim),
    case!("connection/notice-of-sender-key", [CONNECTION_48], notice_of_sender_key),
    case!("connection/ended-by-delete", [CONNECTION_49], ended_by_delete),
    case!("connection/ended-by-rotation", [CONNECTION_49], ended_by_rotation),
    case!("connection/ended-by-chain", [CONNECTION_49], ended_by_chain),
];

/// A medium pair that holds so many parts, of which nobody was told.
async fn holding(t: &mut Trial, parts: usize) -> Result<Pair, Stop> {
    let mut pair = t.pair(Class::Medium).await?;
    for _ in 0..parts {
        let part = t.part(Class::Medium);
        pair.send(part).await?;
    }
    Ok(pair)
}

/// The next deliveries have these sequences.
async fn delivers(pair: &mut Pair, sequences: impl IntoIterator<Item = u64>) -> Verdict {
    for sequence in sequences {
        let deliver = pair.recipient.deliver().await?;
        ensure_eq!(deliver.sequence, sequence, "sequence");
        ensure_eq!(deliver.handle, pair.recipient_handle, "handle");
    }
    Ok(())
}

fn ended(got: &v1::Ended, handle: u32, reason: EndReason) -> Verdict {
    ensure_eq!(got.handle, handle, "Ended for handle");
    ensure_eq!(got.reason, i32::from(reason), "Ended for reason");
    Ok(())
}

async fn windows(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let (handle, _) = link.attach(&connection, Role::Recipient, 0).await?;
    for (window_parts, window_bytes) in [
        (0, 1),
        (WINDOW_PARTS_MAX + 1, 1),
        (u32::MAX, 1),
        (1, 0),
        (1, WINDOW_BYTES_MAX + 1),
        (1, u32::MAX),
    ] {
        let body = Body::Subscribe(v1::Subscribe { handle, window_parts, window_bytes });
        link.ask(body).await?.reject(RejectCode::Terms)?;
    }
    for (window_parts, window_bytes) in [(1, 1), (WINDOW_PARTS_MAX, WINDOW_BYTES_MAX)] {
        let body = Body::Subscribe(v1::Subscribe { handle, window_parts, window_bytes });
        link.ask(body).await?.subscribed()?;
    }
    Ok(())
}

async fn subscribed(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let (handle, _) = link.attach(&connection, Role::Recipient, 0).await?;
    let subscribed = link.ask(ask::subscribe(handle, 1)).await?.subscribed()?;
    let open = v1::Notice { state: State::Open.into(), ..Default::default() };
    ensure_eq!(subscribed.notice.unwrap_or_default(), open, "notice");
    link.ask(ask::detach(handle)).await?.done()?;
    link.ask(Body::Claim(connection.claim(link.transcript()))).await?.claimed()?;
    let (handle, _) = link.attach(&connection, Role::Recipient, 0).await?;
    let subscribed = link.ask(ask::subscribe(handle, 1)).await?.subscribed()?;
    let sender_key = Some(connection.sender.record.clone());
    let claimed = v1::Notice { state: State::Claimed.into(), sender_key, ..Default::default() };
    ensure_eq!(subscribed.notice.unwrap_or_default(), claimed, "notice");
    link.ask(ask::suspend(handle)).await?.done()?;
    let subscribed = link.ask(ask::subscribe(handle, 1)).await?.subscribed()?;
    let suspended = v1::Notice { state: State::Suspended.into(), ..claimed };
    ensure_eq!(subscribed.notice.unwrap_or_default(), suspended, "notice");
    Ok(())
}

async fn subscribed_first(t: &mut Trial) -> Verdict {
    let mut pair = holding(t, 3).await?;
    for _ in 0..3 {
        let tag = pair.recipient.post(ask::subscribe(pair.recipient_handle, 8)).await?;
        let first = pair.recipient.event().await?;
        ensure!(
            pair.recipient.answered(tag).is_some() && matches!(first, Body::Deliver(_)),
            "Subscribed, then a Deliver",
            "the Deliver first"
        );
        pair.recipient.answer(tag).await?.subscribed()?;
        delivers(&mut pair, 2..=3).await?;
    }
    Ok(())
}

async fn in_order(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Small).await?;
    let parts: Vec<_> = (0..20).map(|_| t.part(Class::Small)).collect();
    for part in parts.iter().take(10) {
        pair.send(part.clone()).await?;
    }
    pair.subscribe(64).await?;
    for part in parts.iter().skip(10) {
        pair.send(part.clone()).await?;
    }
    for (sequence, part) in (1..).zip(&parts) {
        let deliver = pair.recipient.deliver().await?;
        ensure_eq!(deliver.sequence, sequence, "sequence");
        ensure!(deliver.part == part, "the part accepted in its turn", "another");
    }
    Ok(())
}

async fn again(t: &mut Trial) -> Verdict {
    let mut pair = holding(t, 4).await?;
    pair.subscribe(8).await?;
    delivers(&mut pair, 1..=4).await?;
    pair.acknowledge(2).await?;
    t.note("a new subscription begins with the oldest part kept");
    pair.subscribe(8).await?;
    delivers(&mut pair, 3..=4).await?;
    t.note("on another link too");
    let mut link = t.link(Class::Medium).await?;
    let (handle, _) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    (pair.recipient, pair.recipient_handle) = (link, handle);
    pair.subscribe(8).await?;
    delivers(&mut pair, 3..=4).await
}

async fn sequences(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    for sequence in 1..=6 {
        pair.subscribe(1).await?;
        let part = t.part(Class::Medium);
        pair.send(part).await?;
        delivers(&mut pair, [sequence]).await?;
        pair.acknowledge(sequence).await?;
    }
    Ok(())
}

async fn window_of_parts(t: &mut Trial) -> Verdict {
    let mut pair = holding(t, 6).await?;
    pair.subscribe(2).await?;
    delivers(&mut pair, 1..=2).await?;
    pair.recipient.quiet(SOON).await?;
    pair.acknowledge(1).await?;
    delivers(&mut pair, [3]).await?;
    pair.recipient.quiet(SOON).await?;
    pair.acknowledge(3).await?;
    delivers(&mut pair, 4..=5).await
}

async fn window_of_bytes(t: &mut Trial) -> Verdict {
    let mut pair = holding(t, 4).await?;
    let two = u32::try_from(2 * Class::Medium.part()).unwrap_or(u32::MAX);
    for (window_bytes, admits) in [(two, 2), (two + 1, 2), (two - 1, 1)] {
        t.note(format!("{window_bytes} bytes"));
        let handle = pair.recipient_handle;
        let body = Body::Subscribe(v1::Subscribe { handle, window_parts: 8, window_bytes });
        pair.recipient.ask(body).await?.subscribed()?;
        delivers(&mut pair, 1..=admits).await?;
        pair.recipient.quiet(SOON).await?;
    }
    Ok(())
}

async fn window_admits_one(t: &mut Trial) -> Verdict {
    let mut pair = holding(t, 3).await?;
    let handle = pair.recipient_handle;
    let body = Body::Subscribe(v1::Subscribe { handle, window_parts: 8, window_bytes: 1 });
    pair.recipient.ask(body).await?.subscribed()?;
    for sequence in 1..=3 {
        delivers(&mut pair, [sequence]).await?;
        pair.recipient.quiet(SOON).await?;
        pair.acknowledge(sequence).await?;
    }
    Ok(())
}

async fn acknowledge(t: &mut Trial) -> Verdict {
    let mut pair = holding(t, 5).await?;
    pair.subscribe(8).await?;
    delivers(&mut pair, 1..=5).await?;
    pair.acknowledge(3).await?;
    pair.acknowledge(1).await?;
    pair.subscribe(8).await?;
    delivers(&mut pair, 4..=5).await?;
    pair.acknowledge(5).await?;
    pair.subscribe(8).await?;
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    delivers(&mut pair, [6]).await
}

async fn acknowledge_beyond(t: &mut Trial) -> Verdict {
    let mut pair = holding(t, 4).await?;
    pair.subscribe(1).await?;
    delivers(&mut pair, [1]).await?;
    t.note("what was not delivered is not deleted");
    pair.acknowledge(1_000).await?;
    delivers(&mut pair, [2]).await?;
    pair.acknowledge(u64::MAX).await?;
    delivers(&mut pair, [3]).await?;
    pair.subscribe(8).await?;
    delivers(&mut pair, 3..=4).await
}

async fn acknowledge_unsubscribed(t: &mut Trial) -> Verdict {
    let mut pair = holding(t, 2).await?;
    pair.acknowledge(2).await?;
    t.note("and by the sender");
    pair.sender.tell(ask::acknowledge(pair.sender_handle, 2)).await?;
    pair.sender.tell(ask::acknowledge(40, 2)).await?;
    pair.recipient.ask(ask::resume(pair.recipient_handle)).await?.done()?;
    pair.subscribe(8).await?;
    delivers(&mut pair, 1..=2).await
}

async fn acknowledge_replaced(t: &mut Trial) -> Verdict {
    let mut pair = holding(t, 2).await?;
    pair.subscribe(8).await?;
    delivers(&mut pair, 1..=2).await?;
    let mut link = t.link(Class::Medium).await?;
    let (handle, _) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    link.ask(ask::subscribe(handle, 8)).await?.subscribed()?;
    ended(&pair.recipient.ended().await?, pair.recipient_handle, EndReason::Replaced)?;
    pair.acknowledge(2).await?;
    pair.recipient.ask(ask::resume(pair.recipient_handle)).await?.done()?;
    link.ask(ask::subscribe(handle, 8)).await?.subscribed()?;
    for sequence in [1, 2, 1, 2] {
        ensure_eq!(link.deliver().await?.sequence, sequence, "sequence");
    }
    Ok(())
}

async fn subscribe_elsewhere(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.subscribe(8).await?;
    let mut link = t.link(Class::Medium).await?;
    let (handle, _) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    link.ask(ask::subscribe(handle, 8)).await?.subscribed()?;
    ended(&pair.recipient.ended().await?, pair.recipient_handle, EndReason::Replaced)?;
    t.note("parts go to the new one alone");
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    ensure_eq!(link.deliver().await?.sequence, 1, "sequence");
    pair.recipient.quiet(SOON).await?;
    t.note("the old attachment may subscribe again");
    pair.subscribe(8).await?;
    ended(&link.ended().await?, handle, EndReason::Replaced)?;
    delivers(&mut pair, [1]).await
}

async fn subscribe_again(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.subscribe(1).await?;
    pair.subscribe(2).await?;
    t.note("no Ended for the attachment that subscribes again");
    pair.recipient.quiet(SOON).await?;
    for _ in 0..2 {
        let part = t.part(Class::Medium);
        pair.send(part).await?;
    }
    delivers(&mut pair, 1..=2).await
}

async fn notice_of_state(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.subscribe(8).await?;
    let mut link = t.link(Class::Medium).await?;
    let (handle, _) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    for (body, state) in
        [(ask::suspend(handle), State::Suspended), (ask::resume(handle), State::Claimed)]
    {
        link.ask(body).await?.done()?;
        let notice = pair.recipient.notice().await?;
        ensure_eq!(notice.handle, pair.recipient_handle, "Notice for handle");
        ensure_eq!(notice.state, i32::from(state), "Notice of state");
        ensure_eq!(notice.sender_key.as_ref(), Some(&pair.connection.sender.record), "sender key");
    }
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    delivers(&mut pair, [1]).await
}

async fn notice_of_claim(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let (handle, _) = link.attach(&connection, Role::Recipient, 0).await?;
    link.ask(ask::subscribe(handle, 8)).await?.subscribed()?;
    let mut sender = t.link(Class::Medium).await?;
    sender.ask(Body::Claim(connection.claim(sender.transcript()))).await?.claimed()?;
    let (attached, _) = sender.attach(&connection, Role::Sender, 0).await?;
    sender.ask(ask::send(attached, 0, t.part(Class::Medium))).await?.done()?;
    t.note("the Notice stands before the part");
    let notice = link.notice().await?;
    ensure_eq!(notice.state, i32::from(State::Claimed), "Notice of state");
    ensure_eq!(notice.sender_key.as_ref(), Some(&connection.sender.record), "sender key");
    ensure_eq!(link.deliver().await?.sequence, 1, "sequence");
    Ok(())
}

async fn notice_of_sender_key(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.subscribe(8).await?;
    let new = t.next_key(&pair.connection.sender);
    let change = pair.connection.change(Role::Sender, &pair.connection.sender, &new);
    pair.sender.ask(ask::rotate(pair.sender_handle, change)).await?.done()?;
    let notice = pair.recipient.notice().await?;
    ensure_eq!(notice.sender_key.as_ref(), Some(&new.record), "sender key");
    ensure_eq!(notice.state, i32::from(State::Claimed), "Notice of state");
    Ok(())
}

async fn ended_by_delete(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.subscribe(8).await?;
    let mut link = t.link(Class::Medium).await?;
    let (handle, _) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    link.ask(ask::delete(handle)).await?.done()?;
    ended(&pair.recipient.ended().await?, pair.recipient_handle, EndReason::Stale)
}

async fn ended_by_rotation(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.subscribe(8).await?;
    let new = t.next_key(&pair.connection.recipient);
    let change = pair.connection.change(Role::Recipient, &pair.connection.recipient, &new);
    pair.recipient.ask(ask::rotate(pair.recipient_handle, change)).await?.done()?;
    ended(&pair.recipient.ended().await?, pair.recipient_handle, EndReason::Stale)?;
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    pair.recipient.quiet(SOON).await
}

async fn ended_by_chain(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.subscribe(8).await?;
    let new = t.next_key(&pair.connection.recipient);
    let change = pair.connection.change(Role::Recipient, &pair.connection.recipient, &new);
    let mut link = t.link(Class::Medium).await?;
    let attach =
        pair.connection.attach_with(link.transcript(), Role::Recipient, 0, 0, &new, vec![change]);
    link.ask(Body::Attach(attach)).await?.attached()?;
    ended(&pair.recipient.ended().await?, pair.recipient_handle, EndReason::Stale)
}
