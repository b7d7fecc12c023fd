//! Suspend, resume, delete.

use edgewise_proto::v1::{RejectCode, State, item::Body};

use crate::case::{Case, case};
use crate::cases::{SOON, ask};
use crate::peer::{Class, Role};
use crate::trial::{Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("connection/suspend-and-resume", [CONNECTION_50], suspend_and_resume),
    case!("connection/suspend-while-open", [CONNECTION_51], while_open),
    case!("connection/deliver-while-suspended", [CONNECTION_52], deliver_while_suspended),
    case!("connection/delete", [CONNECTION_53], delete),
    case!("connection/delete-open", [CONNECTION_53], delete_open),
];

async fn suspend_and_resume(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let handle = pair.recipient_handle;
    for (body, state) in [
        (ask::resume(handle), State::Claimed),
        (ask::suspend(handle), State::Suspended),
        (ask::suspend(handle), State::Suspended),
        (ask::resume(handle), State::Claimed),
        (ask::resume(handle), State::Claimed),
    ] {
        pair.recipient.ask(body).await?.done()?;
        let (_, attached) = pair.recipient.attach(&pair.connection, Role::Recipient, 0).await?;
        ensure_eq!(attached.state, i32::from(state), "Attached in state");
    }
    Ok(())
}

async fn while_open(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let (handle, _) = link.attach(&connection, Role::Recipient, 0).await?;
    link.ask(ask::suspend(handle)).await?.reject(RejectCode::WrongState)?;
    link.ask(ask::resume(handle)).await?.reject(RejectCode::WrongState)?;
    let (_, attached) = link.attach(&connection, Role::Recipient, 0).await?;
    ensure_eq!(attached.state, i32::from(State::Open), "Attached in state");
    Ok(())
}

async fn deliver_while_suspended(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    for _ in 0..3 {
        let part = t.part(Class::Medium);
        pair.send(part).await?;
    }
    let handle = pair.recipient_handle;
    pair.recipient.ask(ask::suspend(handle)).await?.done()?;
    pair.subscribe(1).await?;
    for sequence in 1..=3 {
        ensure_eq!(pair.recipient.deliver().await?.sequence, sequence, "sequence");
        pair.acknowledge(sequence).await?;
    }
    pair.recipient.ask(ask::suspend(handle)).await?.done()?;
    t.note("acknowledged parts are gone");
    pair.subscribe(8).await?;
    pair.recipient.quiet(SOON).await
}

async fn delete(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    let handle = pair.recipient_handle;
    pair.recipient.ask(ask::delete(handle)).await?.done()?;
    t.note("for those attached, and for everyone who comes");
    let body = ask::send(pair.sender_handle, 1, t.part(Class::Medium));
    pair.sender.ask(body).await?.reject(RejectCode::Refused)?;
    pair.recipient.ask(ask::subscribe(handle, 1)).await?.reject(RejectCode::Refused)?;
    let mut link = t.link(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let attach = pair.connection.attach(link.transcript(), role, 0, 0);
        link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)?;
    }
    let claim = pair.connection.claim(link.transcript());
    link.ask(Body::Claim(claim)).await?.reject(RejectCode::Refused)
}

async fn delete_open(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let (handle, _) = link.attach(&connection, Role::Recipient, 0).await?;
    link.ask(ask::delete(handle)).await?.done()?;
    t.note("the bundle can no longer be claimed");
    let claim = connection.claim(link.transcript());
    link.ask(Body::Claim(claim)).await?.reject(RejectCode::Refused)?;
    t.note("nothing is kept of the claim key");
    let mut other = t.connection(Class::Medium).await?;
    other.claim = connection.claim;
    link.ask(Body::Create(other.create(link.transcript()))).await?.created().map(drop)
}
