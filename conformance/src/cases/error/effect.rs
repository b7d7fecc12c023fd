//! A refusal changes nothing.

use std::time::Duration;

use bytes::Bytes;
use edgewise_proto::v1::{self, RejectCode, item::Body};

use crate::case::{Case, case};
use crate::peer::blocks::write_item;
use crate::peer::{Class, Role, show, wire};
use crate::trial::{Stop, Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("error/refused-send-keeps-nothing", [ERROR_1], refused_send_keeps_nothing),
    case!("error/refused-create-makes-nothing", [ERROR_1], refused_create_makes_nothing),
    case!("error/refused-rotate-keeps-the-key", [ERROR_1], refused_rotate_keeps_the_key),
    case!("error/refused-among-others", [ERROR_2], refused_among_others),
    case!("error/every-refusal-leaves-the-link", [ERROR_2], every_refusal_leaves_the_link),
    case!("error/next-only-with-gap", [ERROR_3], next_only_with_gap),
];

async fn refused_send_keeps_nothing(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let handle = pair.sender_handle;
    let (early, wanted) = (t.part(Class::Medium), t.part(Class::Medium));
    let send = v1::Send { handle, submission: 3, part: early.clone() };
    ensure_eq!(pair.sender.ask(Body::Send(send)).await?.gap()?, 0, "next");
    let short = v1::Send { handle, submission: 0, part: early.slice(1..) };
    pair.sender.ask(Body::Send(short)).await?.reject(RejectCode::Malformed)?;
    pair.send(wanted.clone()).await?;
    pair.subscribe(8).await?;
    let deliver = pair.recipient.deliver().await?;
    ensure_eq!(deliver.part, wanted, "part");
    ensure_eq!(deliver.sequence, 1, "sequence");
    pair.recipient.quiet(Duration::from_millis(50)).await
}

async fn refused_create_makes_nothing(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let mut create = connection.create(link.transcript());
    create.claim_signature = Bytes::from_static(&[1; 64]);
    link.ask(Body::Create(create)).await?.reject(RejectCode::BadSignature)?;
    let attach = connection.attach(link.transcript(), Role::Recipient, 0, 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)?;
    let claim = connection.claim(link.transcript());
    link.ask(Body::Claim(claim)).await?.reject(RejectCode::Refused)?;
    let create = connection.create(link.transcript());
    ensure_eq!(link.ask(Body::Create(create)).await?.created()?.state(), v1::State::Open, "state");
    Ok(())
}

async fn refused_rotate_keeps_the_key(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let old = pair.connection.recipient.clone();
    let new = t.next_key(&old);
    let mut change = pair.connection.change(Role::Recipient, &old, &new);
    change.old_signature = Bytes::from_static(&[1; 64]);
    let rotate = v1::Rotate { handle: pair.recipient_handle, change: Some(change) };
    pair.recipient.ask(Body::Rotate(rotate)).await?.reject(RejectCode::BadSignature)?;
    // The attachment and the old key go on; the new key is nothing.
    pair.subscribe(1).await?;
    let mut link = t.link(Class::Medium).await?;
    let transcript = *link.transcript();
    let connection = &pair.connection;
    let attach = connection.attach_with(&transcript, Role::Recipient, 0, 0, &new, Vec::new());
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)?;
    let attach = connection.attach(&transcript, Role::Recipient, link.next_handle(), 0);
    let answer = link.ask(Body::Attach(attach)).await?;
    answer.attached().map(|_| ())
}

async fn refused_among_others(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let handle = pair.recipient_handle;
    let subscribe = |window_parts| v1::Subscribe { handle, window_parts, window_bytes: 9_999 };
    let bodies = vec![
        Body::Suspend(v1::Suspend { handle }),
        Body::Suspend(v1::Suspend { handle: 50 }),
        Body::Subscribe(subscribe(0)),
        Body::Subscribe(subscribe(4)),
        Body::Rotate(v1::Rotate { handle, change: None }),
        Body::Resume(v1::Resume { handle }),
    ];
    let tags = pair.recipient.post_all(bodies).await?;
    let mut answers = Vec::new();
    for tag in tags {
        answers.push(pair.recipient.answer(tag).await?);
    }
    let mut answers = answers.into_iter();
    let mut next = || answers.next().ok_or_else(|| Stop::harness("answers"));
    next()?.done()?;
    next()?.reject(RejectCode::NotAttached)?;
    next()?.reject(RejectCode::Terms)?;
    next()?.subscribed()?;
    next()?.reject(RejectCode::Malformed)?;
    next()?.done()?;
    let part = t.part(Class::Medium);
    pair.send(part.clone()).await?;
    loop {
        match pair.recipient.event().await? {
            Body::Deliver(deliver) => {
                ensure_eq!(deliver.part, part, "part");
                return Ok(());
            }
            Body::Notice(_) => {}
            other => return Err(Stop::fail("a Deliver", show::body(&other))),
        }
    }
}

/// After each kind of refusal the same link, and its attachment, do their work.
async fn every_refusal_leaves_the_link(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let connection = pair.connection.clone();
    let handle = pair.sender_handle;
    let transcript = *pair.sender.transcript();
    let part = t.part(Class::Medium);
    let mut forged = connection.attach(&transcript, Role::Sender, 1, 0);
    forged.signature = Bytes::from_static(&[1; 64]);
    let stranger = t.connection(Class::Medium).await?;
    let send =
        |submission, part: &Bytes| Body::Send(v1::Send { handle, submission, part: part.clone() });
    let refused = [
        (send(0, &part.slice(1..)), RejectCode::Malformed),
        (send(7, &part), RejectCode::Gap),
        (Body::Suspend(v1::Suspend { handle }), RejectCode::NotAttached),
        (Body::Attach(connection.attach(&transcript, Role::Sender, 0, 0)), RejectCode::HandleTaken),
        (Body::Attach(forged), RejectCode::BadSignature),
        (Body::Claim(stranger.claim(&transcript)), RejectCode::Refused),
    ];
    for (submission, (body, code)) in (0..).zip(refused) {
        pair.sender.ask(body).await?.reject(code)?;
        if submission == 0 {
            pair.send(part.clone()).await?;
        } else {
            // Sends go on where they were: the one before is known, this one is next.
            pair.sender.ask(send(submission - 1, &part)).await?.done()?;
            pair.send(part.clone()).await?;
        }
    }
    pair.sender.finish().await
}

async fn next_only_with_gap(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    for _ in 0..3 {
        let part = t.part(Class::Medium);
        pair.send(part).await?;
    }
    let handle = pair.sender_handle;
    let part = t.part(Class::Medium);
    let item = |submission, handle, part: Bytes| Body::Send(v1::Send { handle, submission, part });
    let gap = pair.sender.ask(item(9, handle, part.clone())).await?;
    ensure_eq!(gap.gap()?, 3, "next");
    // The link judges `next` of every Reject; here some that come from where a number is at hand.
    let malformed = pair.sender.ask(item(9, handle, part.slice(1..))).await?;
    malformed.reject(RejectCode::Malformed)?;
    let unattached = pair.sender.ask(item(3, handle + 1, part.clone())).await?;
    unattached.reject(RejectCode::NotAttached)?;
    let suspend = Body::Suspend(v1::Suspend { handle: pair.recipient_handle });
    pair.recipient.ask(suspend).await?.done()?;
    pair.sender.ask(item(3, handle, part)).await?.reject(RejectCode::Quota)?;
    let unknown = pair.sender.tag();
    let item = [wire::number(1, u64::from(unknown)), wire::bytes(999, &[])].concat();
    let mut block = Vec::new();
    write_item(&mut block, &item);
    block.resize(Class::Medium.text(), 0);
    pair.sender.expect(unknown);
    pair.sender.send_text(block).await?;
    pair.sender.answer(unknown).await?.reject(RejectCode::UnsupportedItem)?;
    Ok(())
}
