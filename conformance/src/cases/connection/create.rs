//! Create: signatures, shape, terms, repetition, access, room.

use bytes::Bytes;
use edgewise_proto::v1::{self, RejectCode, item::Body};
use edgewise_spec::suite::SigningKey;
use prost::Message;

use crate::case::{Case, case};
use crate::cases::ask;
use crate::peer::{Class, Connection, Link, Role};
use crate::target::FULL_CONNECTIONS;
use crate::trial::{Stop, Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("connection/create-unsigned", [CONNECTION_3, ERROR_1], unsigned),
    case!("connection/create-unsigned-by-claim-key", [CONNECTION_4, ERROR_1], unsigned_by_claim),
    case!("connection/create-lengths", [CONNECTION_5], lengths),
    case!("connection/create-id-of-another-key", [CONNECTION_5], id_of_another_key),
    case!("connection/create-bundle-and-state", [CONNECTION_5], bundle_and_state),
    case!("connection/create-sender-and-state", [CONNECTION_5], sender_and_state),
    case!("connection/create-terms", [CONNECTION_6], terms),
    case!("connection/create-kind", [CONNECTION_6], kind),
    case!("connection/create-over-large", [CONNECTION_7], over_large),
    case!("connection/create-makes-what-it-names", [CONNECTION_8], makes_what_it_names),
    case!("connection/create-repeated", [CONNECTION_9], repeated),
    case!("connection/create-under-another-key", [CONNECTION_10], under_another_key),
    case!("connection/create-with-taken-claim-key", [CONNECTION_10], taken_claim_key),
    case!("connection/access", [CONNECTION_11], access, needs Access),
    case!("connection/create-after-delete", [CONNECTION_12], after_delete),
    case!("connection/full", [CONNECTION_13], full, needs Full),
];

/// The connection is unknown: the refused request has had no effect (ERROR-1).
async fn is_unknown(link: &mut Link, connection: &Connection) -> Verdict {
    let handle = link.next_handle();
    let attach = connection.attach(link.transcript(), Role::Recipient, handle, 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)
}

async fn unsigned(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let other = t.link(Class::Medium).await?;
    let right = connection.create(link.transcript());
    t.note("signed for another link");
    let elsewhere = connection.create(other.transcript()).recipient_signature;
    let create = v1::Create { recipient_signature: elsewhere, ..right.clone() };
    link.ask(Body::Create(create)).await?.reject(RejectCode::BadSignature)?;
    t.note("signed by another key");
    let create = v1::Create { recipient_signature: right.claim_signature.clone(), ..right };
    link.ask(Body::Create(create)).await?.reject(RejectCode::BadSignature)?;
    is_unknown(&mut link, &connection).await
}

async fn unsigned_by_claim(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let right = connection.create(link.transcript());
    let create = v1::Create { claim_signature: right.recipient_signature.clone(), ..right };
    link.ask(Body::Create(create)).await?.reject(RejectCode::BadSignature)?;
    is_unknown(&mut link, &connection).await
}

async fn lengths(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let right = connection.body();
    let cut = |bytes: &Bytes| bytes.slice(..bytes.len() - 1);
    let mut key = connection.recipient.record.clone();
    key.vk = cut(&key.vk);
    let bodies = [
        (
            "recipient id",
            v1::CreateBody { recipient_id: cut(&right.recipient_id), ..right.clone() },
        ),
        ("recipient key", v1::CreateBody { recipient_key: Some(key), ..right.clone() }),
        ("no recipient key", v1::CreateBody { recipient_key: None, ..right.clone() }),
        ("claim key", v1::CreateBody { claim_vk: cut(&right.claim_vk), ..right.clone() }),
        ("bundle", v1::CreateBody { bundle: cut(&right.bundle), ..right.clone() }),
    ];
    for (field, body) in bodies {
        t.note(format!("one byte short: {field}"));
        let create = connection.create_from(link.transcript(), &body);
        link.ask(Body::Create(create)).await?.reject(RejectCode::Malformed)?;
    }
    t.note("one byte short: signature");
    let mut create = connection.create(link.transcript());
    create.recipient_signature = cut(&create.recipient_signature);
    link.ask(Body::Create(create)).await?.reject(RejectCode::Malformed)?;
    t.note("a body that is no protobuf");
    let create = connection.create_bytes(link.transcript(), vec![0x0a, 0xff], true);
    link.ask(Body::Create(create)).await?.reject(RejectCode::Malformed)?;
    is_unknown(&mut link, &connection).await
}

async fn id_of_another_key(t: &mut Trial) -> Verdict {
    let (connection, other) =
        (t.connection(Class::Medium).await?, t.connection(Class::Medium).await?);
    let mut link = t.link(Class::Medium).await?;
    let recipient_id = other.recipient_id.clone();
    let body = v1::CreateBody { recipient_id, ..connection.body() };
    let create = connection.create_from(link.transcript(), &body);
    link.ask(Body::Create(create)).await?.reject(RejectCode::Malformed)?;
    is_unknown(&mut link, &other).await
}

async fn bundle_and_state(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    t.note("open without a bundle");
    let body = v1::CreateBody { bundle: Bytes::new(), ..connection.body() };
    let create = connection.create_from(link.transcript(), &body);
    link.ask(Body::Create(create)).await?.reject(RejectCode::Malformed)?;
    t.note("claimed with a bundle");
    let bundle = connection.bundle.clone();
    let body = v1::CreateBody { bundle, ..connection.restore_body(v1::State::Claimed) };
    let mut large = t.link(Class::Large).await?;
    let create = connection.create_from(large.transcript(), &body);
    large.ask(Body::Create(create)).await?.reject(RejectCode::Malformed)?;
    is_unknown(&mut link, &connection).await
}

async fn sender_and_state(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    for state in [v1::State::Claimed, v1::State::Suspended] {
        t.note(format!("{} without a sender's key", state.as_str_name()));
        let body = v1::CreateBody { sender_key: None, ..connection.restore_body(state) };
        let create = connection.create_from(link.transcript(), &body);
        link.ask(Body::Create(create)).await?.reject(RejectCode::Malformed)?;
    }
    t.note("open with a sender's key");
    let sender_key = Some(connection.sender.record.clone());
    let body = v1::CreateBody { sender_key, ..connection.body() };
    let mut large = t.link(Class::Large).await?;
    let create = connection.create_from(large.transcript(), &body);
    large.ask(Body::Create(create)).await?.reject(RejectCode::Malformed)?;
    is_unknown(&mut link, &connection).await
}

async fn terms(t: &mut Trial) -> Verdict {
    let limits = t.limits().await?;
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let right = connection.restore_body(v1::State::Claimed);
    let mut bodies = vec![
        ("class 0", v1::CreateBody { link_class: 0, ..right.clone() }),
        ("class 4", v1::CreateBody { link_class: 4, ..right.clone() }),
        ("quota 0", v1::CreateBody { quota: 0, ..right.clone() }),
        ("quota 17", v1::CreateBody { quota: 17, ..right.clone() }),
        ("idle days 8", v1::CreateBody { idle_days: 8, ..right.clone() }),
        ("part days 2", v1::CreateBody { part_days: 2, ..right.clone() }),
    ];
    if limits.quota_max < 512 {
        bodies.push(("quota above the limit", v1::CreateBody { quota: 512, ..right.clone() }));
    }
    if limits.idle_days_max < 365 {
        bodies.push((
            "idle days above the limit",
            v1::CreateBody { idle_days: 365, ..right.clone() },
        ));
    }
    if limits.part_days_max < 30 {
        bodies.push(("part days above the limit", v1::CreateBody { part_days: 30, ..right }));
    }
    for (what, body) in bodies {
        t.note(what);
        let create = connection.create_from(link.transcript(), &body);
        link.ask(Body::Create(create)).await?.reject(RejectCode::Terms)?;
    }
    is_unknown(&mut link, &connection).await
}

async fn kind(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    for kind in [0, 3, -1] {
        t.note(format!("kind {kind}"));
        let body = v1::CreateBody { kind, ..connection.restore_body(v1::State::Claimed) };
        let create = connection.create_from(link.transcript(), &body);
        link.ask(Body::Create(create)).await?.reject(RejectCode::Terms)?;
    }
    is_unknown(&mut link, &connection).await
}

async fn over_large(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Large).await?;
    let mut link = t.link(Class::Large).await?;
    let create = connection.create(link.transcript());
    link.ask(Body::Create(create)).await?.reject(RejectCode::WrongLinkClass)?;
    is_unknown(&mut link, &connection).await
}

async fn makes_what_it_names(t: &mut Trial) -> Verdict {
    for (class, state) in [
        (Class::Small, v1::State::Claimed),
        (Class::Medium, v1::State::Suspended),
        (Class::Large, v1::State::Claimed),
    ] {
        let connection = t.connection(class).await?;
        let mut link = t.link(class).await?;
        let body = connection.restore_body(state);
        let create = connection.create_from(link.transcript(), &body);
        let created = link.ask(Body::Create(create)).await?.created()?;
        ensure_eq!(created.state, i32::from(state), "Created in state");
        let (handle, attached) = link.attach(&connection, Role::Recipient, 0).await?;
        ensure_eq!(attached.state, i32::from(state), "Attached in state");
        let subscribed = link.ask(ask::subscribe(handle, 1)).await?.subscribed()?;
        let notice = subscribed.notice.unwrap_or_default();
        ensure_eq!(notice.sender_key.as_ref(), Some(&connection.sender.record), "sender key");
        let (_, attached) = link.attach(&connection, Role::Sender, 0).await?;
        ensure_eq!(attached.next, 0, "next submission");
    }
    let (connection, mut link) = t.open(Class::Medium).await?;
    let (_, attached) = link.attach(&connection, Role::Recipient, 0).await?;
    ensure_eq!(attached.state, i32::from(v1::State::Open), "Attached in state");
    Ok(())
}

async fn repeated(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let create = connection.create(link.transcript());
    let created = link.ask(Body::Create(create.clone())).await?.created()?;
    ensure_eq!(created.state, i32::from(v1::State::Open), "Created in state");
    link.ask(Body::Claim(connection.claim(link.transcript()))).await?.claimed()?;
    t.note("the same create once more, and one that names a state the record never had");
    let created = link.ask(Body::Create(create)).await?.created()?;
    ensure_eq!(created.state, i32::from(v1::State::Claimed), "Created in state");
    let body = connection.restore_body(v1::State::Suspended);
    let body = v1::CreateBody { quota: 16, link_class: 1, ..body };
    let create = connection.create_from(link.transcript(), &body);
    let created = link.ask(Body::Create(create)).await?.created()?;
    ensure_eq!(created.state, i32::from(v1::State::Claimed), "Created in state");
    t.note("nothing else has changed: class and state");
    let (handle, attached) = link.attach(&connection, Role::Recipient, 0).await?;
    ensure_eq!(attached.state, i32::from(v1::State::Claimed), "Attached in state");
    let (sender, _) = link.attach(&connection, Role::Sender, 0).await?;
    for submission in 0..17 {
        let part = t.part(Class::Medium);
        link.ask(ask::send(sender, submission, part)).await?.done()?;
    }
    link.ask(ask::detach(handle)).await?.done()
}

async fn under_another_key(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let recipient = t.next_key(&connection.recipient);
    let other = Connection { recipient, ..connection.clone() };
    let create = other.create(link.transcript());
    link.ask(Body::Create(create)).await?.reject(RejectCode::Refused)?;
    t.note("the right key in another version");
    let mut recipient = connection.recipient.clone();
    recipient.record.version = 1;
    let other = Connection { recipient, ..connection.clone() };
    let create = other.create(link.transcript());
    link.ask(Body::Create(create)).await?.reject(RejectCode::Refused)?;
    link.attach(&connection, Role::Recipient, 0).await.map(drop)
}

async fn taken_claim_key(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let mut other = t.connection(Class::Medium).await?;
    other.claim = SigningKey::from_seed(&connection.claim.to_seed());
    let create = other.create(link.transcript());
    link.ask(Body::Create(create)).await?.reject(RejectCode::Refused)?;
    is_unknown(&mut link, &other).await
}

async fn access(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let other = t.link(Class::Medium).await?;
    let right = connection.create(link.transcript());
    ensure!(!right.access.is_empty(), "a server that asks for a password", "one that does not");
    for (what, access) in [
        ("no proof", Bytes::new()),
        ("a proof for another link", connection.access(other.transcript())),
        ("any 32 bytes", t.bytes(32)),
    ] {
        t.note(what);
        let create = v1::Create { access, ..right.clone() };
        link.ask(Body::Create(create)).await?.reject(RejectCode::AccessDenied)?;
    }
    is_unknown(&mut link, &connection).await?;
    t.note("the right proof; claim and attach need none");
    link.ask(Body::Create(right)).await?.created()?;
    link.ask(Body::Claim(connection.claim(link.transcript()))).await?.claimed().map(drop)
}

async fn after_delete(t: &mut Trial) -> Verdict {
    let (connection, mut link) = t.open(Class::Medium).await?;
    let (handle, _) = link.attach(&connection, Role::Recipient, 0).await?;
    link.ask(ask::delete(handle)).await?.done()?;
    let create = connection.create(link.transcript());
    link.ask(Body::Create(create)).await?.reject(RejectCode::Refused)?;
    let mut later = t.link(Class::Medium).await?;
    let body = connection.restore_body(v1::State::Claimed).encode_to_vec();
    let create = connection.create_bytes(later.transcript(), body, false);
    later.ask(Body::Create(create)).await?.reject(RejectCode::Refused)
}

async fn full(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    let mut first = None;
    for _ in 0..FULL_CONNECTIONS {
        let connection = t.connection(Class::Medium).await?;
        let create = connection.create(link.transcript());
        link.ask(Body::Create(create)).await?.created()?;
        first.get_or_insert(connection);
    }
    let another = t.connection(Class::Medium).await?;
    let create = another.create(link.transcript());
    link.ask(Body::Create(create)).await?.reject(RejectCode::Full)?;
    t.note("those that are there can still be created again");
    let first = first.ok_or_else(|| Stop::harness("no connection was made"))?;
    link.ask(Body::Create(first.create(link.transcript()))).await?.created().map(drop)
}
