//! Kind address: read by everyone who has the claim key, claimed by nobody, and deposits.

use bytes::Bytes;
use edgewise_proto::v1::{self, RejectCode, item::Body};

use crate::case::{Case, case};
use crate::cases::{SOON, ask};
use crate::peer::{Class, Connection, Link, Role};
use crate::trial::{Stop, Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("connection/address-terms", [CONNECTION_72], terms),
    case!("connection/address-claim", [CONNECTION_73], claim),
    case!("connection/address-bundle", [CONNECTION_74], bundle),
    case!("connection/deposit-fields", [CONNECTION_70], fields),
    case!("connection/deposit-wrong-length", [CONNECTION_75], wrong_length),
    case!("connection/deposit-over-large", [CONNECTION_76], over_large),
    case!("connection/deposit-unsigned", [CONNECTION_77], unsigned),
    case!("connection/deposit-unknown", [CONNECTION_78], unknown),
    case!("connection/deposit-for-contact", [CONNECTION_78], for_contact),
    case!("connection/deposit-again", [CONNECTION_79], again),
    case!("connection/deposit-beyond-quota", [CONNECTION_80], beyond_quota),
    case!("connection/deposit", [CONNECTION_81], deposit),
];

/// A connection of kind address, with the smallest quota, and the medium link that created it.
async fn address(t: &mut Trial) -> Result<(Connection, Link), Stop> {
    let mut connection = t.connection(Class::Medium).await?;
    connection.kind = v1::Kind::Address;
    connection.terms.0 = 16;
    let mut link = t.link(Class::Medium).await?;
    let create = connection.create(link.transcript());
    link.ask(Body::Create(create)).await?.created()?;
    Ok((connection, link))
}

fn body(connection: &Connection, link: &Link, part: &Bytes) -> Body {
    Body::Deposit(connection.deposit(link.transcript(), part.clone()))
}

/// Attaches as the recipient, and is delivered these parts and no others.
async fn holds(link: &mut Link, connection: &Connection, parts: &[Bytes]) -> Verdict {
    let (handle, attached) = link.attach(connection, Role::Recipient, 0).await?;
    ensure_eq!(attached.state, i32::from(v1::State::Open), "Attached in state");
    link.ask(ask::subscribe(handle, 64)).await?.subscribed()?;
    for (sequence, part) in (1..).zip(parts) {
        let deliver = link.deliver().await?;
        ensure_eq!(deliver.sequence, sequence, "sequence");
        ensure!(deliver.part == part, "the part that was deposited", "another");
    }
    link.quiet(SOON).await
}

async fn terms(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    for class in [Class::Small, Class::Large] {
        let mut connection = t.connection(class).await?;
        connection.kind = v1::Kind::Address;
        let create = connection.create(link.transcript());
        link.ask(Body::Create(create)).await?.reject(RejectCode::Terms)?;
    }
    let mut connection = t.connection(Class::Medium).await?;
    connection.kind = v1::Kind::Address;
    for state in [v1::State::Claimed, v1::State::Suspended] {
        let body = connection.restore_body(state);
        let create = connection.create_from(link.transcript(), &body);
        link.ask(Body::Create(create)).await?.reject(RejectCode::Terms)?;
    }
    let create = connection.create(link.transcript());
    let created = link.ask(Body::Create(create)).await?.created()?;
    ensure_eq!(created.state, i32::from(v1::State::Open), "Created in state");
    Ok(())
}

async fn claim(t: &mut Trial) -> Verdict {
    let (connection, mut owner) = address(t).await?;
    let expected = v1::Claimed {
        recipient_id: Bytes::new(),
        bundle: connection.bundle.clone(),
        link_class: Class::Medium.code(),
    };
    let mut link = t.link(Class::Medium).await?;
    for key in [connection.sender.clone(), t.key()] {
        let claim = connection.claim_with(link.transcript(), &key);
        let claimed = link.ask(Body::Claim(claim)).await?.claimed()?;
        ensure!(claimed == expected, "the bundle and no recipient id", "something else");
    }
    t.note("nobody is the sender");
    let attach = connection.attach(link.transcript(), Role::Sender, link.next_handle(), 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)?;
    t.note("after a deposit the bundle is still there");
    let part = t.part(Class::Medium);
    link.ask(body(&connection, &link, &part)).await?.done()?;
    let claim = connection.claim(link.transcript());
    let claimed = link.ask(Body::Claim(claim)).await?.claimed()?;
    ensure!(claimed == expected, "the bundle and no recipient id", "something else");
    let (handle, _) = owner.attach(&connection, Role::Recipient, 0).await?;
    let subscribed = owner.ask(ask::subscribe(handle, 1)).await?.subscribed()?;
    let notice = subscribed.notice.unwrap_or_default();
    ensure!(!notice.conflict, "no conflict flag", "one");
    ensure_eq!(notice.sender_key, None, "sender key");
    owner.deliver().await?;
    owner.ask(ask::suspend(handle)).await?.reject(RejectCode::WrongState)
}

async fn bundle(t: &mut Trial) -> Verdict {
    let (mut connection, mut owner) = address(t).await?;
    let mut link = t.link(Class::Medium).await?;
    for _ in 0..2 {
        connection.bundle = t.bundle();
        let create = connection.create(owner.transcript());
        owner.ask(Body::Create(create)).await?.created()?;
        let claim = connection.claim(link.transcript());
        let claimed = link.ask(Body::Claim(claim)).await?.claimed()?;
        ensure!(claimed.bundle == connection.bundle, "the new bundle", "another");
    }
    t.note("not under another key");
    let mut thief = connection.clone();
    thief.recipient = t.key();
    thief.recipient.record.version = 1;
    thief.bundle = t.bundle();
    let create = thief.create(link.transcript());
    link.ask(Body::Create(create)).await?.reject(RejectCode::Refused)?;
    let claim = connection.claim(link.transcript());
    let claimed = link.ask(Body::Claim(claim)).await?.claimed()?;
    ensure!(claimed.bundle == connection.bundle, "the owner's bundle", "another");
    t.note("not of kind contact");
    let (mut contact, mut owner) = t.open(Class::Medium).await?;
    let first = contact.bundle.clone();
    for kind in [v1::Kind::Contact, v1::Kind::Address] {
        contact.kind = kind;
        contact.bundle = t.bundle();
        let create = contact.create(owner.transcript());
        owner.ask(Body::Create(create)).await?.created()?;
    }
    let claim = contact.claim(link.transcript());
    let claimed = link.ask(Body::Claim(claim)).await?.claimed()?;
    ensure!(claimed.bundle == first, "the first bundle", "another");
    ensure_eq!(claimed.recipient_id, contact.recipient_id, "recipient id");
    Ok(())
}

async fn fields(t: &mut Trial) -> Verdict {
    let (connection, mut link) = address(t).await?;
    let part = t.part(Class::Medium);
    let right = connection.deposit(link.transcript(), part);
    let cut = |bytes: &Bytes| bytes.slice(..bytes.len() - 1);
    for (what, deposit) in [
        ("a short claim key", v1::Deposit { claim_vk: cut(&right.claim_vk), ..right.clone() }),
        ("a key of small order", {
            v1::Deposit { claim_vk: Bytes::from_static(&[0; 32]), ..right.clone() }
        }),
        ("a short signature", v1::Deposit { signature: cut(&right.signature), ..right }),
    ] {
        t.note(what);
        link.ask(Body::Deposit(deposit)).await?.reject(RejectCode::Malformed)?;
    }
    holds(&mut link, &connection, &[]).await
}

async fn wrong_length(t: &mut Trial) -> Verdict {
    let (connection, mut link) = address(t).await?;
    let right = Class::Medium.part();
    for length in [0, 1, right - 1, right + 1, Class::Small.part()] {
        t.note(format!("{length} bytes"));
        let part = t.bytes(length);
        link.ask(body(&connection, &link, &part)).await?.reject(RejectCode::Malformed)?;
    }
    holds(&mut link, &connection, &[]).await
}

async fn over_large(t: &mut Trial) -> Verdict {
    let (connection, mut owner) = address(t).await?;
    let mut link = t.link(Class::Large).await?;
    let part = t.part(Class::Medium);
    link.ask(body(&connection, &link, &part)).await?.reject(RejectCode::WrongLinkClass)?;
    holds(&mut owner, &connection, &[]).await
}

async fn unsigned(t: &mut Trial) -> Verdict {
    let (connection, mut link) = address(t).await?;
    let other = t.link(Class::Medium).await?;
    let parts = [t.part(Class::Medium), t.part(Class::Medium)];
    let [right, of_other] = parts.map(|part| connection.deposit(link.transcript(), part));
    let elsewhere = connection.deposit(other.transcript(), right.part.clone());
    for (what, signature) in [
        ("signed for another link", elsewhere.signature),
        ("signed over another part", of_other.signature),
    ] {
        t.note(what);
        let deposit = v1::Deposit { signature, ..right.clone() };
        link.ask(Body::Deposit(deposit)).await?.reject(RejectCode::BadSignature)?;
    }
    holds(&mut link, &connection, &[]).await
}

async fn unknown(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let part = t.part(Class::Medium);
    link.ask(body(&connection, &link, &part)).await?.reject(RejectCode::Refused)
}

async fn for_contact(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let part = t.part(Class::Medium);
    link.ask(body(&connection, &link, &part)).await?.reject(RejectCode::Refused)?;
    holds(&mut link, &connection, &[]).await
}

async fn again(t: &mut Trial) -> Verdict {
    let (connection, mut link) = address(t).await?;
    let parts: Vec<Bytes> = (0..16).map(|_| t.part(Class::Medium)).collect();
    for part in &parts {
        link.ask(body(&connection, &link, part)).await?.done()?;
        link.ask(body(&connection, &link, part)).await?.done()?;
    }
    t.note("while it is full, over another link");
    let mut other = t.link(Class::Medium).await?;
    for part in [&parts[0], &parts[15]] {
        other.ask(body(&connection, &other, part)).await?.done()?;
    }
    holds(&mut link, &connection, &parts).await
}

async fn beyond_quota(t: &mut Trial) -> Verdict {
    let (connection, mut owner) = address(t).await?;
    let mut link = t.link(Class::Medium).await?;
    for _ in 0..16 {
        let part = t.part(Class::Medium);
        link.ask(body(&connection, &link, &part)).await?.done()?;
    }
    let part = t.part(Class::Medium);
    link.ask(body(&connection, &link, &part)).await?.reject(RejectCode::Quota)?;
    t.note("there is room again once a part is acknowledged");
    let (handle, _) = owner.attach(&connection, Role::Recipient, 0).await?;
    owner.ask(ask::subscribe(handle, 1)).await?.subscribed()?;
    owner.deliver().await?;
    owner.tell(ask::acknowledge(handle, 1)).await?;
    owner.deliver().await?;
    link.ask(body(&connection, &link, &part)).await?.done()
}

async fn deposit(t: &mut Trial) -> Verdict {
    let (connection, mut owner) = address(t).await?;
    let parts: Vec<Bytes> = (0..3).map(|_| t.part(Class::Medium)).collect();
    for part in &parts {
        let mut link = t.link(Class::Medium).await?;
        link.ask(body(&connection, &link, part)).await?.done()?;
    }
    holds(&mut owner, &connection, &parts).await
}
