//! Attach and detach: handles, proofs, what an attachment is bound to.

use bytes::Bytes;
use edgewise_proto::v1::{self, RejectCode, State, item::Body};
use edgewise_spec::constants::{HANDLES_MAX, SUBMISSIONS_MAX};

use crate::case::{Case, case};
use crate::cases::ask;
use crate::peer::{Class, Role};
use crate::trial::{Stop, Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("connection/attach-fields", [CONNECTION_70], fields),
    case!("connection/attach-handle-in-use", [CONNECTION_22], handle_in_use),
    case!("connection/attach-handle-ahead", [CONNECTION_22], handle_ahead),
    case!("connection/attach-handle-used-by-refusal", [CONNECTION_22], used_by_refusal),
    case!("connection/attach-handle-beyond", [CONNECTION_23], handle_beyond),
    case!("connection/attach-unsigned", [CONNECTION_24], unsigned),
    case!("connection/attach-unknown", [CONNECTION_25], unknown),
    case!("connection/attach-other-key", [CONNECTION_25], other_key),
    case!("connection/attach-other-version", [CONNECTION_25], other_version),
    case!("connection/attach-other-class", [CONNECTION_25], other_class),
    case!("connection/attach-sender-while-open", [CONNECTION_25], sender_while_open),
    case!("connection/stale-attachment", [CONNECTION_26], stale),
    case!("connection/attach-from", [CONNECTION_27], from),
    case!("connection/attached", [CONNECTION_28], attached),
    case!("connection/not-attached", [CONNECTION_29], not_attached),
    case!("connection/not-for-this-role", [CONNECTION_29], not_for_this_role),
    case!("connection/detach", [CONNECTION_30], detach),
    case!("connection/detach-ends-the-subscription", [CONNECTION_30], detach_ends),
];

async fn fields(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let right = connection.attach(link.transcript(), Role::Recipient, 0, 0);
    let cut = |bytes: &Bytes| bytes.slice(..bytes.len() - 1);
    for (what, attach) in [
        ("no role", v1::Attach { role: 0, ..right.clone() }),
        ("role 3", v1::Attach { role: 3, ..right.clone() }),
        ("a short id", v1::Attach { recipient_id: cut(&right.recipient_id), ..right.clone() }),
        ("a short key", v1::Attach { vk: cut(&right.vk), ..right.clone() }),
        ("a short signature", v1::Attach { signature: cut(&right.signature), ..right.clone() }),
        ("no signature", v1::Attach { signature: Bytes::new(), ..right.clone() }),
        ("from beyond", v1::Attach { from: SUBMISSIONS_MAX, ..right.clone() }),
    ] {
        t.note(what);
        link.ask(Body::Attach(attach)).await?.reject(RejectCode::Malformed)?;
    }
    link.ask(Body::Attach(right)).await?.attached().map(drop)
}

async fn handle_in_use(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let (handle, _) = link.attach(&connection, Role::Recipient, 0).await?;
    let attach = connection.attach(link.transcript(), Role::Recipient, handle, 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::HandleTaken)?;
    link.ask(ask::subscribe(handle, 1)).await?.subscribed().map(drop)
}

async fn handle_ahead(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    for handle in [1, 2, 1_000] {
        let attach = connection.attach(link.transcript(), Role::Recipient, handle, 0);
        link.ask(Body::Attach(attach)).await?.reject(RejectCode::HandleTaken)?;
    }
    link.attach(&connection, Role::Recipient, 0).await?;
    let attach = connection.attach(link.transcript(), Role::Recipient, 2, 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::HandleTaken)?;
    link.attach(&connection, Role::Recipient, 0).await.map(drop)
}

async fn used_by_refusal(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let unknown = t.connection(Class::Medium).await?;
    let attach = unknown.attach(link.transcript(), Role::Recipient, 0, 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)?;
    t.note("the next one may follow without waiting, and the one refused is free");
    for handle in [1, 0] {
        let attach = connection.attach(link.transcript(), Role::Recipient, handle, 0);
        link.ask(Body::Attach(attach)).await?.attached()?;
    }
    Ok(())
}

async fn handle_beyond(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let most = u32::try_from(HANDLES_MAX).map_err(|_| Stop::harness("HANDLES_MAX"))?;
    for handle in [most, u32::MAX] {
        let attach = connection.attach(link.transcript(), Role::Recipient, handle, 0);
        link.ask(Body::Attach(attach)).await?.reject(RejectCode::Full)?;
    }
    t.note("the highest that there can be is only ahead");
    let attach = connection.attach(link.transcript(), Role::Recipient, most - 1, 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::HandleTaken)
}

async fn unsigned(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let other = t.link(Class::Medium).await?;
    let right = connection.attach(link.transcript(), Role::Recipient, 0, 0);
    let mut wrong = Vec::new();
    let elsewhere = connection.attach(other.transcript(), Role::Recipient, 0, 0);
    wrong.push(("for another link", elsewhere.signature));
    let key = connection.recipient.clone();
    let as_sender = connection.attach_with(link.transcript(), Role::Sender, 0, 0, &key, Vec::new());
    wrong.push(("for another role", as_sender.signature));
    let mut next = key.clone();
    next.record.version += 1;
    let version =
        connection.attach_with(link.transcript(), Role::Recipient, 0, 0, &next, Vec::new());
    wrong.push(("for another version", version.signature));
    let foreign = t.key();
    let by_another =
        connection.attach_with(link.transcript(), Role::Recipient, 0, 0, &foreign, Vec::new());
    wrong.push(("by another key", by_another.signature));
    for (what, signature) in wrong {
        t.note(format!("signed {what}"));
        let mut attach = right.clone();
        attach.signature = signature;
        link.ask(Body::Attach(attach)).await?.reject(RejectCode::BadSignature)?;
    }
    link.ask(Body::Attach(right)).await?.attached().map(drop)
}

async fn unknown(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let attach = connection.attach(link.transcript(), role, 0, 0);
        link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)?;
    }
    Ok(())
}

async fn other_key(t: &mut Trial) -> Verdict {
    let pair = t.pair(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let foreign = t.key();
    for (role, key) in [
        (Role::Recipient, &foreign),
        (Role::Sender, &foreign),
        (Role::Recipient, &pair.connection.sender),
        (Role::Sender, &pair.connection.recipient),
    ] {
        let attach = pair.connection.attach_with(link.transcript(), role, 0, 0, key, Vec::new());
        link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)?;
    }
    Ok(())
}

async fn other_version(t: &mut Trial) -> Verdict {
    let pair = t.pair(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let mut key = pair.connection.key(role).clone();
        key.record.version = 1;
        let attach = pair.connection.attach_with(link.transcript(), role, 0, 0, &key, Vec::new());
        link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)?;
    }
    Ok(())
}

async fn other_class(t: &mut Trial) -> Verdict {
    let (connection, mut medium) = t.open(Class::Small).await?;
    for mut link in [t.link(Class::Medium).await?, t.link(Class::Large).await?] {
        let attach = connection.attach(link.transcript(), Role::Recipient, 0, 0);
        link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)?;
    }
    medium.ask(Body::Claim(connection.claim(medium.transcript()))).await?.claimed()?;
    let attach = connection.attach(medium.transcript(), Role::Sender, 0, 0);
    medium.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)?;
    let mut small = t.link(Class::Small).await?;
    small.attach(&connection, Role::Recipient, 0).await.map(drop)
}

async fn sender_while_open(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let attach = connection.attach(link.transcript(), Role::Sender, 0, 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)
}

async fn stale(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let mut other = t.link(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let (handle, _) = other.attach(&pair.connection, role, 0).await?;
        let new = t.next_key(pair.connection.key(role));
        let change = pair.connection.change(role, pair.connection.key(role), &new);
        other.ask(ask::rotate(handle, change)).await?.done()?;
        t.note("the attachment that rotated, and the one beside it");
        let own = pair.connection.change(role, &new, &t.next_key(&new));
        other.ask(ask::rotate(handle, own)).await?.reject(RejectCode::Refused)?;
        if role == Role::Recipient {
            let handle = pair.recipient_handle;
            for body in [
                ask::subscribe(handle, 1),
                ask::suspend(handle),
                ask::resume(handle),
                ask::delete(handle),
            ] {
                pair.recipient.ask(body).await?.reject(RejectCode::Refused)?;
            }
        } else {
            let part = t.part(Class::Medium);
            let body = ask::send(pair.sender_handle, 0, part);
            pair.sender.ask(body).await?.reject(RejectCode::Refused)?;
        }
    }
    Ok(())
}

async fn from(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let (handle, attached) = link.attach(&pair.connection, Role::Sender, 5).await?;
    ensure_eq!(attached.next, 5, "next submission");
    let (_, attached) = link.attach(&pair.connection, Role::Sender, 3).await?;
    ensure_eq!(attached.next, 5, "next submission");
    t.note("for the other attachment too");
    let body = ask::send(pair.sender_handle, 6, t.part(Class::Medium));
    ensure_eq!(pair.sender.ask(body).await?.gap()?, 5, "next submission");
    link.ask(ask::send(handle, 5, t.part(Class::Medium))).await?.done()?;
    pair.subscribe(8).await?;
    ensure_eq!(pair.recipient.deliver().await?.sequence, 1, "sequence");
    Ok(())
}

async fn attached(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    let mut link = t.link(Class::Medium).await?;
    let (handle, recipient) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    let (_, sender) = link.attach(&pair.connection, Role::Sender, 0).await?;
    ensure_eq!(recipient.incarnation, sender.incarnation, "incarnation");
    ensure_eq!(recipient.state, i32::from(State::Claimed), "Attached in state");
    ensure_eq!(recipient.next, 0, "next for the recipient");
    ensure_eq!(sender.next, 1, "next submission");
    ensure_eq!(sender.state, 0, "state for the sender");
    link.ask(ask::suspend(handle)).await?.done()?;
    let (_, recipient) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    ensure_eq!(recipient.state, i32::from(State::Suspended), "Attached in state");
    t.note("another record has another incarnation");
    let (other, mut medium) = t.open(Class::Medium).await?;
    let (_, another) = medium.attach(&other, Role::Recipient, 0).await?;
    ensure!(
        another.incarnation != recipient.incarnation,
        "an incarnation of its own",
        "{} for both",
        another.incarnation
    );
    Ok(())
}

async fn not_attached(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    let connection = t.connection(Class::Medium).await?;
    let new = t.next_key(&connection.recipient);
    let change = connection.change(Role::Recipient, &connection.recipient, &new);
    for handle in [0, 1, 70_000] {
        for body in [
            ask::send(handle, 0, t.part(Class::Medium)),
            ask::subscribe(handle, 1),
            ask::suspend(handle),
            ask::resume(handle),
            ask::rotate(handle, change.clone()),
            ask::delete(handle),
            ask::detach(handle),
        ] {
            link.ask(body).await?.reject(RejectCode::NotAttached)?;
        }
    }
    Ok(())
}

async fn not_for_this_role(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let handle = pair.sender_handle;
    for body in
        [ask::subscribe(handle, 1), ask::suspend(handle), ask::resume(handle), ask::delete(handle)]
    {
        pair.sender.ask(body).await?.reject(RejectCode::NotAttached)?;
    }
    let body = ask::send(pair.recipient_handle, 0, t.part(Class::Medium));
    pair.recipient.ask(body).await?.reject(RejectCode::NotAttached)
}

async fn detach(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let handle = pair.recipient_handle;
    pair.recipient.ask(ask::detach(handle)).await?.done()?;
    pair.recipient.ask(ask::suspend(handle)).await?.reject(RejectCode::NotAttached)?;
    pair.recipient.ask(ask::detach(handle)).await?.reject(RejectCode::NotAttached)?;
    t.note("the handle can be used again, for the other role too");
    let attach = pair.connection.attach(pair.recipient.transcript(), Role::Sender, handle, 0);
    pair.recipient.ask(Body::Attach(attach)).await?.attached()?;
    let part = t.part(Class::Medium);
    pair.recipient.ask(ask::send(handle, 0, part)).await?.done()
}

async fn detach_ends(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    pair.subscribe(8).await?;
    let handle = pair.recipient_handle;
    pair.recipient.ask(ask::detach(handle)).await?.done()?;
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    t.note("nothing comes for a handle that was given back");
    pair.recipient.quiet(crate::cases::SOON).await?;
    let attach = pair.connection.attach(pair.recipient.transcript(), Role::Recipient, handle, 0);
    pair.recipient.ask(Body::Attach(attach)).await?.attached()?;
    pair.subscribe(8).await?;
    ensure_eq!(pair.recipient.deliver().await?.sequence, 1, "sequence");
    Ok(())
}
