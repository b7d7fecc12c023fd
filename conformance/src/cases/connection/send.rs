//! Send: submissions, room, and being told of room again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use edgewise_proto::v1::RejectCode;
use edgewise_spec::constants::SPACE_BATCH_MS;

use crate::case::{Case, case};
use crate::cases::{SOON, ask};
use crate::peer::{Class, Pair, Role};
use crate::trial::{Stop, Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("connection/send-wrong-length", [CONNECTION_31], wrong_length),
    case!("connection/send-again", [CONNECTION_32], again),
    case!("connection/send-again-while-full", [CONNECTION_32], again_while_full),
    case!("connection/send-ahead", [CONNECTION_33], ahead),
    case!("connection/send", [CONNECTION_34], send),
    case!("connection/send-beyond-quota", [CONNECTION_35], beyond_quota),
    case!("connection/send-after-suspend", [CONNECTION_36], after_suspend),
    case!("connection/space", [CONNECTION_37], space, long),
    case!("connection/space-after-rotate", [CONNECTION_71], space_after_rotate, long),
    case!("connection/space-is-delayed", [CONNECTION_38], space_is_delayed, needs Clock),
];

/// A pair with the smallest quota, and that many parts in it.
async fn full_pair(t: &mut Trial) -> Result<Pair, Stop> {
    let mut connection = t.connection(Class::Small).await?;
    connection.terms.0 = 16;
    let mut pair = t.pair_of(connection).await?;
    for _ in 0..16 {
        let part = t.part(Class::Small);
        pair.send(part).await?;
    }
    Ok(pair)
}

async fn wrong_length(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let right = Class::Medium.part();
    for length in [0, 1, right - 1, right + 1, Class::Small.part()] {
        t.note(format!("{length} bytes"));
        let body = ask::send(pair.sender_handle, 0, t.bytes(length));
        pair.sender.ask(body).await?.reject(RejectCode::Malformed)?;
    }
    let part = t.part(Class::Medium);
    pair.send(part).await
}

async fn again(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let parts = [t.part(Class::Medium), t.part(Class::Medium)];
    for part in &parts {
        pair.send(part.clone()).await?;
    }
    for submission in [0, 1, 0] {
        let body = ask::send(pair.sender_handle, submission, t.part(Class::Medium));
        pair.sender.ask(body).await?.done()?;
    }
    pair.subscribe(8).await?;
    for (sequence, part) in (1..).zip(&parts) {
        let deliver = pair.recipient.deliver().await?;
        ensure_eq!(deliver.sequence, sequence, "sequence");
        ensure!(deliver.part == part, "the part first sent", "another");
    }
    pair.recipient.quiet(SOON).await
}

async fn again_while_full(t: &mut Trial) -> Verdict {
    let mut pair = full_pair(t).await?;
    t.note("full");
    let body = ask::send(pair.sender_handle, 15, t.part(Class::Small));
    pair.sender.ask(body).await?.done()?;
    t.note("full and suspended");
    pair.recipient.ask(ask::suspend(pair.recipient_handle)).await?.done()?;
    let body = ask::send(pair.sender_handle, 0, t.part(Class::Small));
    pair.sender.ask(body).await?.done()
}

async fn ahead(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    for submission in [1, 2, u64::from(u32::MAX), (1 << 63) - 1] {
        let body = ask::send(pair.sender_handle, submission, t.part(Class::Medium));
        ensure_eq!(pair.sender.ask(body).await?.gap()?, 0, "next submission");
    }
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    let body = ask::send(pair.sender_handle, 2, t.part(Class::Medium));
    ensure_eq!(pair.sender.ask(body).await?.gap()?, 1, "next submission");
    Ok(())
}

async fn send(t: &mut Trial) -> Verdict {
    for class in Class::ALL {
        let mut pair = t.pair(class).await?;
        let parts = [t.part(class), t.part(class), t.part(class)];
        for part in &parts {
            pair.send(part.clone()).await?;
        }
        let (_, attached) = pair.sender.attach(&pair.connection, Role::Sender, 0).await?;
        ensure_eq!(attached.next, 3, "next submission");
        pair.subscribe(8).await?;
        for (sequence, part) in (1..).zip(&parts) {
            let deliver = pair.recipient.deliver().await?;
            ensure_eq!(deliver.sequence, sequence, "sequence");
            ensure!(deliver.part == part, "the part as it was sent", "another");
        }
    }
    Ok(())
}

async fn beyond_quota(t: &mut Trial) -> Verdict {
    let mut pair = full_pair(t).await?;
    let body = ask::send(pair.sender_handle, 16, t.part(Class::Small));
    pair.sender.ask(body).await?.reject(RejectCode::Quota)?;
    t.note("a gap is a gap all the same");
    let body = ask::send(pair.sender_handle, 17, t.part(Class::Small));
    ensure_eq!(pair.sender.ask(body).await?.gap()?, 16, "next submission");
    t.note("one acknowledged makes room for one");
    pair.subscribe(1).await?;
    pair.recipient.deliver().await?;
    pair.acknowledge(1).await?;
    pair.recipient.deliver().await?;
    let part = t.part(Class::Small);
    pair.send(part).await?;
    let body = ask::send(pair.sender_handle, 17, t.part(Class::Small));
    pair.sender.ask(body).await?.reject(RejectCode::Quota)
}

async fn after_suspend(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.recipient.ask(ask::suspend(pair.recipient_handle)).await?.done()?;
    let part = t.part(Class::Medium);
    let body = ask::send(pair.sender_handle, 0, part.clone());
    pair.sender.ask(body).await?.reject(RejectCode::Quota)?;
    pair.recipient.ask(ask::resume(pair.recipient_handle)).await?.done()?;
    pair.send(part).await
}

async fn space(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let handle = pair.sender_handle;
    pair.recipient.ask(ask::suspend(pair.recipient_handle)).await?.done()?;
    t.note("refused twice, told once");
    for _ in 0..2 {
        let body = ask::send(handle, 0, t.part(Class::Medium));
        pair.sender.ask(body).await?.reject(RejectCode::Quota)?;
    }
    pair.recipient.ask(ask::resume(pair.recipient_handle)).await?.done()?;
    ensure_eq!(pair.sender.space().await?.handle, handle, "Space for handle");
    pair.sender.quiet(SOON).await?;
    let part = t.part(Class::Medium);
    pair.send(part).await
}

/// Milliseconds until the server's next batch of Spaces. Its clock is ahead of this machine's by
/// whole seconds, so that the fraction of a second is the same.
fn until_batch(t: &Trial) -> u64 {
    let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let there = t.now().seconds() * 1_000 + u64::from(here.subsec_millis());
    SPACE_BATCH_MS - there % SPACE_BATCH_MS
}

async fn space_after_rotate(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.recipient.ask(ask::suspend(pair.recipient_handle)).await?.done()?;
    t.note("refused under the old key, then under the new one");
    let body = ask::send(pair.sender_handle, 0, t.part(Class::Medium));
    pair.sender.ask(body).await?.reject(RejectCode::Quota)?;
    let new = t.next_key(&pair.connection.sender);
    let change = pair.connection.change(Role::Sender, &pair.connection.sender, &new);
    pair.sender.ask(ask::rotate(pair.sender_handle, change)).await?.done()?;
    pair.connection.sender = new;
    let (handle, _) = pair.sender.attach(&pair.connection, Role::Sender, 0).await?;
    let body = ask::send(handle, 0, t.part(Class::Medium));
    pair.sender.ask(body).await?.reject(RejectCode::Quota)?;
    t.note("room: only the attachment under the new key is told");
    pair.recipient.ask(ask::resume(pair.recipient_handle)).await?.done()?;
    ensure_eq!(pair.sender.space().await?.handle, handle, "Space for handle");
    pair.sender.quiet(SOON).await
}

async fn space_is_delayed(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let handle = pair.sender_handle;
    pair.recipient.ask(ask::suspend(pair.recipient_handle)).await?.done()?;
    let body = ask::send(handle, 0, t.part(Class::Medium));
    pair.sender.ask(body).await?.reject(RejectCode::Quota)?;
    t.note("well before the next batch");
    let left = until_batch(t);
    if left < 1_500 {
        tokio::time::sleep(Duration::from_millis(left + 200)).await;
    }
    pair.recipient.ask(ask::resume(pair.recipient_handle)).await?.done()?;
    pair.sender.quiet(Duration::from_millis(500)).await?;
    t.note("at the next batch");
    t.advance(SPACE_BATCH_MS / 1_000).await?;
    ensure_eq!(pair.sender.space().await?.handle, handle, "Space for handle");
    Ok(())
}
