//! Claim: who may, once, and what the others are told.

use bytes::Bytes;
use edgewise_proto::v1::{self, RejectCode, item::Body};

use crate::case::{Case, case};
use crate::cases::ask;
use crate::peer::{Class, Connection, Link, Role};
use crate::trial::{Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("connection/claim-fields", [CONNECTION_70], fields),
    case!("connection/claim-over-small-or-large", [CONNECTION_14], over_small_or_large),
    case!("connection/claim-unsigned", [CONNECTION_15], unsigned),
    case!("connection/claim-unknown", [CONNECTION_16], unknown),
    case!("connection/claim", [CONNECTION_17], claim),
    case!("connection/claim-repeated", [CONNECTION_18], repeated),
    case!("connection/claim-after-send", [CONNECTION_39, CONNECTION_18], after_send),
    case!("connection/claim-conflict", [CONNECTION_19], conflict),
    case!("connection/claim-conflict-is-told", [CONNECTION_19], conflict_is_told),
    case!("connection/claim-by-another-after-send", [CONNECTION_20], by_another_after_send),
    case!("connection/claim-with-version", [CONNECTION_21], with_version),
];

/// The connection is open still: its recipient is told so.
async fn is_open(link: &mut Link, connection: &Connection) -> Verdict {
    let (handle, attached) = link.attach(connection, Role::Recipient, 0).await?;
    ensure_eq!(attached.state, i32::from(v1::State::Open), "Attached in state");
    link.ask(ask::detach(handle)).await?.done()
}

async fn fields(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let right = connection.claim(link.transcript());
    let cut = |bytes: &Bytes| bytes.slice(..bytes.len() - 1);
    let mut key = connection.sender.record.clone();
    key.vk = cut(&key.vk);
    for (what, claim) in [
        ("a short claim key", v1::Claim { claim_vk: cut(&right.claim_vk), ..right.clone() }),
        ("no sender's key", v1::Claim { sender_key: None, ..right.clone() }),
        ("a short sender's key", v1::Claim { sender_key: Some(key), ..right.clone() }),
        (
            "a short signature of the claim key",
            v1::Claim { claim_signature: cut(&right.claim_signature), ..right.clone() },
        ),
        (
            "a short signature of the sender's key",
            v1::Claim { sender_signature: cut(&right.sender_signature), ..right },
        ),
    ] {
        t.note(what);
        link.ask(Body::Claim(claim)).await?.reject(RejectCode::Malformed)?;
    }
    is_open(&mut link, &connection).await
}

async fn over_small_or_large(t: &mut Trial) -> Verdict {
    let (connection, mut medium) = t.open(Class::Medium).await?;
    for class in [Class::Small, Class::Large] {
        let mut link = t.link(class).await?;
        let claim = connection.claim(link.transcript());
        link.ask(Body::Claim(claim)).await?.reject(RejectCode::WrongLinkClass)?;
    }
    is_open(&mut medium, &connection).await
}

async fn unsigned(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let right = connection.claim(link.transcript());
    let other = connection.claim(t.link(Class::Medium).await?.transcript());
    for (what, claim) in [
        (
            "the claim key signed for another link",
            v1::Claim { claim_signature: other.claim_signature, ..right.clone() },
        ),
        (
            "the sender's key signed for another link",
            v1::Claim { sender_signature: other.sender_signature, ..right.clone() },
        ),
        (
            "both signatures by the claim key",
            v1::Claim { sender_signature: right.claim_signature.clone(), ..right },
        ),
    ] {
        t.note(what);
        link.ask(Body::Claim(claim)).await?.reject(RejectCode::BadSignature)?;
    }
    is_open(&mut link, &connection).await
}

async fn unknown(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let claim = connection.claim(link.transcript());
    link.ask(Body::Claim(claim)).await?.reject(RejectCode::Refused)
}

async fn claim(t: &mut Trial) -> Verdict {
    for class in Class::ALL {
        let (connection, mut medium) = t.open(class).await?;
        let claim = connection.claim(medium.transcript());
        let claimed = medium.ask(Body::Claim(claim)).await?.claimed()?;
        ensure_eq!(claimed.recipient_id, connection.recipient_id, "recipient id");
        ensure!(claimed.bundle == connection.bundle, "the bundle", "other bytes");
        ensure_eq!(claimed.link_class, class.code(), "class");
        let mut link = t.link(class).await?;
        let (handle, attached) = link.attach(&connection, Role::Recipient, 0).await?;
        ensure_eq!(attached.state, i32::from(v1::State::Claimed), "Attached in state");
        let subscribed = link.ask(ask::subscribe(handle, 1)).await?.subscribed()?;
        let notice = subscribed.notice.unwrap_or_default();
        ensure_eq!(notice.sender_key.as_ref(), Some(&connection.sender.record), "sender key");
        let (_, attached) = link.attach(&connection, Role::Sender, 0).await?;
        ensure_eq!(attached.next, 0, "next submission");
    }
    Ok(())
}

async fn repeated(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let claim = connection.claim(link.transcript());
    let first = link.ask(Body::Claim(claim.clone())).await?.claimed()?;
    let again = link.ask(Body::Claim(claim)).await?.claimed()?;
    ensure!(first == again, "the same answer", "another");
    let mut later = t.link(Class::Medium).await?;
    let claim = connection.claim(later.transcript());
    let again = later.ask(Body::Claim(claim)).await?.claimed()?;
    ensure!(first == again, "the same answer on another link", "another");
    Ok(())
}

async fn after_send(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    let claim = pair.connection.claim(pair.sender.transcript());
    let claimed = pair.sender.ask(Body::Claim(claim)).await?.claimed()?;
    let expected = v1::Claimed {
        recipient_id: pair.connection.recipient_id.clone(),
        bundle: Bytes::new(),
        link_class: Class::Medium.code(),
    };
    ensure!(
        claimed == expected,
        "the same answer without a bundle",
        "a bundle of {} bytes",
        claimed.bundle.len()
    );
    Ok(())
}

async fn conflict(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    link.ask(Body::Claim(connection.claim(link.transcript()))).await?.claimed()?;
    let other = t.key();
    let claim = connection.claim_with(link.transcript(), &other);
    link.ask(Body::Claim(claim)).await?.reject(RejectCode::Conflict)?;
    let (handle, _) = link.attach(&connection, Role::Recipient, 0).await?;
    let subscribed = link.ask(ask::subscribe(handle, 1)).await?.subscribed()?;
    let notice = subscribed.notice.unwrap_or_default();
    ensure!(notice.conflict, "the conflict flag", "none");
    ensure_eq!(notice.sender_key.as_ref(), Some(&connection.sender.record), "sender key");
    Ok(())
}

async fn conflict_is_told(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let before = pair.subscribe(1).await?;
    ensure!(!before.conflict, "no conflict flag", "one");
    let other = t.key();
    let mut link = t.link(Class::Medium).await?;
    let claim = pair.connection.claim_with(link.transcript(), &other);
    link.ask(Body::Claim(claim)).await?.reject(RejectCode::Conflict)?;
    let notice = pair.recipient.notice().await?;
    ensure!(notice.conflict, "the conflict flag", "none");
    Ok(())
}

async fn by_another_after_send(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    let other = t.key();
    let claim = pair.connection.claim_with(pair.sender.transcript(), &other);
    pair.sender.ask(Body::Claim(claim)).await?.reject(RejectCode::Refused)?;
    let notice = pair.subscribe(1).await?;
    ensure!(!notice.conflict, "no conflict flag", "one");
    Ok(())
}

async fn with_version(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let mut key = connection.sender.clone();
    key.record.version = 1;
    let claim = connection.claim_with(link.transcript(), &key);
    link.ask(Body::Claim(claim)).await?.reject(RejectCode::Terms)?;
    is_open(&mut link, &connection).await
}
