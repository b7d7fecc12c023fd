//! A key's life: what can be one, and what it allows when.

use bytes::Bytes;
use edgewise_proto::v1::{self, RejectCode, State, item::Body};
use edgewise_spec::constants::{KEY_GRACE_HOURS_MAX, KEY_LIFE_HOURS_MAX};

use super::{attach_under, change, ending, rotates};
use crate::case::{Case, case};
use crate::cases::ask;
use crate::peer::{Class, Role};
use crate::trial::{Trial, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    case!("rotation/key-not-acceptable", [ROTATION_1], not_acceptable),
    case!("rotation/key-times", [ROTATION_2], times),
    case!("rotation/key-early", [ROTATION_3], early),
    case!("rotation/key-in-grace", [ROTATION_4], in_grace, needs Clock),
    case!("rotation/key-dead", [ROTATION_5], dead, needs Clock),
];

/// Encodings of points of small order, and one that is not canonical.
const WEAK_KEYS: [[u8; 32]; 3] = {
    let (mut one, mut order_two, mut not_canonical) = ([0; 32], [0xff; 32], [0xff; 32]);
    one[0] = 1;
    order_two[0] = 0xec;
    order_two[31] = 0x7f;
    not_canonical[0] = 0xee;
    not_canonical[31] = 0x7f;
    [one, order_two, not_canonical]
};

async fn not_acceptable(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    for vk in WEAK_KEYS {
        t.note(format!("key {}", hex::encode(vk)));
        let mut body = connection.restore_body(State::Claimed);
        let weak = Bytes::copy_from_slice(&vk);
        body.sender_key = body.sender_key.map(|key| v1::KeyRecord { vk: weak.clone(), ..key });
        let create = connection.create_from(link.transcript(), &body);
        link.ask(Body::Create(create)).await?.reject(RejectCode::Malformed)?;
    }
    let mut pair = t.pair(Class::Medium).await?;
    let new = t.next_key(&pair.connection.sender);
    let mut change = change(&pair, Role::Sender, &new);
    change.new_key = change
        .new_key
        .map(|key| v1::KeyRecord { vk: Bytes::copy_from_slice(&WEAK_KEYS[0]), ..key });
    rotates(&mut pair, Role::Sender, change).await?.reject(RejectCode::Malformed)
}

async fn times(t: &mut Trial) -> Verdict {
    let hour = t.hour();
    let lives = [
        ("ends when it begins", hour, hour, 0),
        ("ends before it begins", hour, hour - 1, 0),
        ("lives too long", hour - 1, hour + KEY_LIFE_HOURS_MAX, 0),
        ("has too long a grace", hour - 1, hour + 10, KEY_GRACE_HOURS_MAX + 1),
    ];
    let mut open = t.open(Class::Medium).await?;
    let mut pair = t.pair(Class::Medium).await?;
    for (what, not_before, not_after, grace) in lives {
        t.note(format!("a key that {what}: recipient's, sender's, and a changed one"));
        let mut connection = t.connection(Class::Medium).await?;
        let record = &mut connection.recipient.record;
        (record.not_before, record.not_after, record.grace) = (not_before, not_after, grace);
        let create = connection.create(pair.recipient.transcript());
        pair.recipient.ask(Body::Create(create)).await?.reject(RejectCode::Terms)?;

        let mut key = open.0.sender.clone();
        (key.record.not_before, key.record.not_after) = (not_before, not_after);
        key.record.grace = grace;
        let claim = open.0.claim_with(open.1.transcript(), &key);
        open.1.ask(Body::Claim(claim)).await?.reject(RejectCode::Terms)?;

        let mut new = t.next_key(&pair.connection.sender);
        (new.record.not_before, new.record.not_after) = (not_before, not_after);
        new.record.grace = grace;
        let change = change(&pair, Role::Sender, &new);
        rotates(&mut pair, Role::Sender, change).await?.reject(RejectCode::Terms)?;
    }
    Ok(())
}

async fn early(t: &mut Trial) -> Verdict {
    let hour = t.hour();
    t.note("a recipient's early key");
    let mut connection = t.connection(Class::Medium).await?;
    connection.recipient.record.not_before = hour + 2;
    let mut link = t.link(Class::Medium).await?;
    let create = connection.create(link.transcript());
    link.ask(Body::Create(create)).await?.reject(RejectCode::KeyNotYetValid)?;
    t.note("a claim under an early key");
    let (connection, mut link) = t.open(Class::Medium).await?;
    let mut key = connection.sender.clone();
    key.record.not_before = hour + 2;
    let claim = connection.claim_with(link.transcript(), &key);
    link.ask(Body::Claim(claim)).await?.reject(RejectCode::KeyNotYetValid)?;
    t.note("an attach of a sender whose restored key is early");
    let mut connection = t.connection(Class::Medium).await?;
    connection.sender.record.not_before = hour + 2;
    let body = connection.restore_body(State::Claimed);
    let create = connection.create_from(link.transcript(), &body);
    link.ask(Body::Create(create)).await?.created()?;
    let attach = connection.attach(link.transcript(), Role::Sender, link.next_handle(), 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::KeyNotYetValid)
}

async fn in_grace(t: &mut Trial) -> Verdict {
    let mut pair = ending(t).await?;
    t.advance(3 * 3_600).await?;
    let handle = pair.recipient_handle;
    for body in [ask::subscribe(handle, 1), ask::suspend(handle), ask::delete(handle)] {
        pair.recipient.ask(body).await?.reject(RejectCode::KeyExpired)?;
    }
    let body = ask::send(pair.sender_handle, 0, t.part(Class::Medium));
    pair.sender.ask(body).await?.reject(RejectCode::KeyExpired)?;
    let mut link = t.link(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let key = pair.connection.key(role).clone();
        let answer = attach_under(&mut link, &pair.connection, role, &key, Vec::new()).await?;
        answer.reject(RejectCode::KeyExpired)?;
    }
    Ok(())
}

async fn dead(t: &mut Trial) -> Verdict {
    let mut pair = ending(t).await?;
    t.advance(14 * 3_600).await?;
    for role in [Role::Recipient, Role::Sender] {
        let new = t.next_key(pair.connection.key(role));
        let change = change(&pair, role, &new);
        rotates(&mut pair, role, change.clone()).await?.reject(RejectCode::KeyExpired)?;
        let mut link = t.link(Class::Medium).await?;
        let key = pair.connection.key(role).clone();
        let answer = attach_under(&mut link, &pair.connection, role, &key, Vec::new()).await?;
        answer.reject(RejectCode::KeyExpired)?;
    }
    Ok(())
}
