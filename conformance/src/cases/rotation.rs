//! Cases of the chapter rotation.

use bytes::Bytes;
use edgewise_proto::v1::{self, KeyChange, RejectCode, State, item::Body};
use edgewise_spec::constants::{CHAIN_MAX, KEY_GRACE_HOURS_MAX, KEY_LIFE_HOURS_MAX};

use crate::case::{Case, case};
use crate::cases::ask;
use crate::peer::{Answer, Class, Connection, Key, Link, Pair, Role};
use crate::trial::{Stop, Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("rotation/key-not-acceptable", [ROTATION_1], not_acceptable),
    case!("rotation/key-times", [ROTATION_2], times),
    case!("rotation/key-early", [ROTATION_3], early),
    case!("rotation/key-in-grace", [ROTATION_4], in_grace, needs Clock),
    case!("rotation/key-dead", [ROTATION_5], dead, needs Clock),
    case!("rotation/change-unsigned", [ROTATION_6], unsigned),
    case!("rotation/change-for-another", [ROTATION_6], for_another),
    case!("rotation/change-from-another-key", [ROTATION_7], from_another_key),
    case!("rotation/change-version", [ROTATION_8], version),
    case!("rotation/change-to-a-key-not-valid", [ROTATION_9], not_valid),
    case!("rotation/rotate", [ROTATION_11], rotate),
    case!("rotation/rotate-again", [ROTATION_10], again),
    case!("rotation/first-change-wins", [ROTATION_12], first_wins),
    case!("rotation/change-in-grace", [ROTATION_13], change_in_grace, needs Clock),
    case!("rotation/chain-too-long", [ROTATION_14], too_long),
    case!("rotation/chain-not-joined", [ROTATION_14], not_joined),
    case!("rotation/chain-in-attach", [ROTATION_15], chain_in_attach),
    case!("rotation/chain-in-create", [ROTATION_15], chain_in_create),
    case!("rotation/chain-from-the-middle", [ROTATION_15], from_the_middle),
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

fn change(pair: &Pair, role: Role, new: &Key) -> KeyChange {
    pair.connection.change(role, pair.connection.key(role), new)
}

/// A Rotate by the end of a role, as its answer.
async fn rotates(pair: &mut Pair, role: Role, change: KeyChange) -> Result<Answer, Stop> {
    match role {
        Role::Recipient => pair.recipient.ask(ask::rotate(pair.recipient_handle, change)).await,
        Role::Sender => pair.sender.ask(ask::rotate(pair.sender_handle, change)).await,
    }
}

async fn attach_under(
    link: &mut Link,
    connection: &Connection,
    role: Role,
    key: &Key,
    chain: Vec<KeyChange>,
) -> Result<Answer, Stop> {
    let handle = link.next_handle();
    let attach = connection.attach_with(link.transcript(), role, handle, 0, key, chain);
    let answer = link.ask(Body::Attach(attach)).await?;
    if answer.clone().attached().is_ok() {
        link.use_handle();
    }
    Ok(answer)
}

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

/// A pair whose recipient key ends in two hours and has ten hours of grace.
async fn ending(t: &mut Trial) -> Result<Pair, Stop> {
    let mut connection = t.connection(Class::Medium).await?;
    let end = t.hour() + 2;
    for key in [&mut connection.recipient, &mut connection.sender] {
        (key.record.not_after, key.record.grace) = (end, 10);
    }
    t.pair_of(connection).await
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

async fn unsigned(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let new = t.next_key(pair.connection.key(role));
        let right = change(&pair, role, &new);
        for (what, wrong) in [
            (
                "the old key has not signed",
                KeyChange { old_signature: right.new_signature.clone(), ..right.clone() },
            ),
            (
                "the new key has not signed",
                KeyChange { new_signature: right.old_signature.clone(), ..right.clone() },
            ),
        ] {
            t.note(what);
            rotates(&mut pair, role, wrong).await?.reject(RejectCode::BadSignature)?;
        }
        t.note("the new version is not the one signed");
        let mut wrong = right.clone();
        wrong.new_key = wrong.new_key.map(|key| v1::KeyRecord { version: 7, ..key });
        rotates(&mut pair, role, wrong).await?.reject(RejectCode::BadSignature)?;
    }
    Ok(())
}

async fn for_another(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let new = t.next_key(&pair.connection.sender);
    t.note("signed for the other role");
    let old = pair.connection.sender.clone();
    let wrong = pair.connection.change(Role::Recipient, &old, &new);
    rotates(&mut pair, Role::Sender, wrong).await?.reject(RejectCode::BadSignature)?;
    t.note("signed for another connection");
    let other = t.connection(Class::Medium).await?;
    let wrong = other.change(Role::Sender, &old, &new);
    rotates(&mut pair, Role::Sender, wrong).await?.reject(RejectCode::BadSignature)
}

async fn from_another_key(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let (foreign, new) = (t.key(), t.next_key(pair.connection.key(role)));
        let change = pair.connection.change(role, &foreign, &new);
        rotates(&mut pair, role, change).await?.reject(RejectCode::Refused)?;
    }
    pair.recipient.ask(ask::suspend(pair.recipient_handle)).await?.done()
}

async fn version(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let mut second = t.next_key(pair.connection.key(role));
        second.record.version = 5;
        let first = change(&pair, role, &second);
        rotates(&mut pair, role, first).await?.done()?;
        let answer = attach_under(&mut link, &pair.connection, role, &second, Vec::new()).await?;
        answer.attached()?;
        let handle = link.next_handle() - 1;
        for version in [0, 4, 5] {
            t.note(format!("version {version} after 5"));
            let mut third = t.next_key(&second);
            third.record.version = version;
            let change = pair.connection.change(role, &second, &third);
            link.ask(ask::rotate(handle, change)).await?.reject(RejectCode::Terms)?;
        }
    }
    Ok(())
}

async fn not_valid(t: &mut Trial) -> Verdict {
    let hour = t.hour();
    let mut pair = t.pair(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        for (what, not_before, not_after) in
            [("early", hour + 2, hour + 20), ("over", hour - 20, hour - 2)]
        {
            t.note(what);
            let mut new = t.next_key(pair.connection.key(role));
            (new.record.not_before, new.record.not_after) = (not_before, not_after);
            let change = change(&pair, role, &new);
            rotates(&mut pair, role, change).await?.reject(RejectCode::Terms)?;
        }
    }
    Ok(())
}

async fn rotate(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let old = pair.connection.key(role).clone();
        let new = t.next_key(&old);
        let mut beside = t.link(Class::Medium).await?;
        let (handle, _) = beside.attach(&pair.connection, role, 0).await?;
        let change = change(&pair, role, &new);
        rotates(&mut pair, role, change).await?.done()?;
        let mut link = t.link(Class::Medium).await?;
        t.note("the old key can no longer attach");
        let answer = attach_under(&mut link, &pair.connection, role, &old, Vec::new()).await?;
        answer.reject(RejectCode::Refused)?;
        t.note("what was attached under it is refused");
        let body = match role {
            Role::Recipient => ask::suspend(handle),
            Role::Sender => ask::send(handle, 0, t.part(Class::Medium)),
        };
        beside.ask(body).await?.reject(RejectCode::Refused)?;
        t.note("the new one can");
        let answer = attach_under(&mut link, &pair.connection, role, &new, Vec::new()).await?;
        answer.attached()?;
    }
    Ok(())
}

async fn again(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let new = t.next_key(pair.connection.key(role));
        let change = change(&pair, role, &new);
        rotates(&mut pair, role, change.clone()).await?.done()?;
        let mut link = t.link(Class::Medium).await?;
        attach_under(&mut link, &pair.connection, role, &new, Vec::new()).await?.attached()?;
        for _ in 0..2 {
            link.ask(ask::rotate(0, change.clone())).await?.done()?;
        }
        t.note("nothing changed: the attachment is as good as before");
        let body = match role {
            Role::Recipient => ask::resume(0),
            Role::Sender => ask::send(0, 0, t.part(Class::Medium)),
        };
        link.ask(body).await?.done()?;
    }
    Ok(())
}

async fn first_wins(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let old = pair.connection.key(role).clone();
        let (first, mut second) = (t.next_key(&old), t.next_key(&old));
        second.record.version = 9;
        let mut beside = t.link(Class::Medium).await?;
        let (handle, _) = beside.attach(&pair.connection, role, 0).await?;
        let (one, other) = (change(&pair, role, &first), change(&pair, role, &second));
        rotates(&mut pair, role, one).await?.done()?;
        beside.ask(ask::rotate(handle, other.clone())).await?.reject(RejectCode::Refused)?;
        t.note("nor by a chain");
        let answer =
            attach_under(&mut beside, &pair.connection, role, &second, vec![other]).await?;
        answer.reject(RejectCode::Refused)?;
        let answer = attach_under(&mut beside, &pair.connection, role, &first, Vec::new()).await?;
        answer.attached()?;
    }
    Ok(())
}

async fn change_in_grace(t: &mut Trial) -> Verdict {
    let mut pair = ending(t).await?;
    t.advance(3 * 3_600).await?;
    t.note("through an attachment made before");
    let new = t.next_key(&pair.connection.recipient);
    let first = change(&pair, Role::Recipient, &new);
    rotates(&mut pair, Role::Recipient, first).await?.done()?;
    let mut link = t.link(Class::Medium).await?;
    let answer =
        attach_under(&mut link, &pair.connection, Role::Recipient, &new, Vec::new()).await?;
    answer.attached()?;
    t.note("by a chain");
    let new = t.next_key(&pair.connection.sender);
    let chain = vec![change(&pair, Role::Sender, &new)];
    attach_under(&mut link, &pair.connection, Role::Sender, &new, chain).await?.attached().map(drop)
}

/// A key after so many changes from the role's present one, and the changes.
fn chain_of(t: &mut Trial, connection: &Connection, role: Role, n: usize) -> (Vec<Key>, Vec<KeyChange>) {
    let mut keys = vec![connection.key(role).clone()];
    let mut changes = Vec::new();
    for _ in 0..n {
        let Some(old) = keys.last().cloned() else { break };
        let new = t.next_key(&old);
        changes.push(connection.change(role, &old, &new));
        keys.push(new);
    }
    (keys, changes)
}

fn last(keys: &[Key]) -> Result<&Key, Stop> {
    keys.last().ok_or_else(|| Stop::harness("a chain without a key"))
}

async fn too_long(t: &mut Trial) -> Verdict {
    let pair = t.pair(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let (keys, changes) = chain_of(t, &pair.connection, role, CHAIN_MAX + 1);
        let answer = attach_under(&mut link, &pair.connection, role, last(&keys)?, changes).await?;
        answer.reject(RejectCode::Malformed)?;
        t.note("nothing of it was applied");
        link.attach(&pair.connection, role, 0).await?;
    }
    Ok(())
}

async fn not_joined(t: &mut Trial) -> Verdict {
    let pair = t.pair(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let role = Role::Recipient;
    let (keys, mut changes) = chain_of(t, &pair.connection, role, 3);
    t.note("it ends at another key than the request's");
    let key = pair.connection.recipient.clone();
    let answer = attach_under(&mut link, &pair.connection, role, &key, changes.clone()).await?;
    answer.reject(RejectCode::Malformed)?;
    t.note("one is missing in the middle");
    changes.remove(1);
    let answer = attach_under(&mut link, &pair.connection, role, last(&keys)?, changes).await?;
    answer.reject(RejectCode::Malformed)?;
    t.note("nothing of it was applied");
    link.attach(&pair.connection, role, 0).await.map(drop)
}

async fn chain_in_attach(t: &mut Trial) -> Verdict {
    for role in [Role::Recipient, Role::Sender] {
        for length in [1, CHAIN_MAX] {
            let mut connection = t.pair(Class::Medium).await?.connection;
            let (keys, changes) = chain_of(t, &connection, role, length);
            let mut link = t.link(Class::Medium).await?;
            let new = last(&keys)?;
            let answer = attach_under(&mut link, &connection, role, new, changes).await?;
            answer.attached()?;
            t.note("the key before is no longer the record's");
            let old = connection.key(role).clone();
            let answer = attach_under(&mut link, &connection, role, &old, Vec::new()).await?;
            answer.reject(RejectCode::Refused)?;
            match role {
                Role::Recipient => connection.recipient = new.clone(),
                Role::Sender => connection.sender = new.clone(),
            }
            link.attach(&connection, role, 0).await?;
        }
    }
    Ok(())
}

async fn chain_in_create(t: &mut Trial) -> Verdict {
    let pair = t.pair(Class::Medium).await?;
    let (keys, changes) = chain_of(t, &pair.connection, Role::Recipient, 2);
    let mut link = t.link(Class::Medium).await?;
    let new = Connection { recipient: last(&keys)?.clone(), ..pair.connection.clone() };
    let body = new.restore_body(State::Suspended);
    let mut create = new.create_from(link.transcript(), &body);
    create.chain = changes;
    let created = link.ask(Body::Create(create)).await?.created()?;
    ensure_eq!(created.state, i32::from(State::Claimed), "Created in state");
    link.attach(&new, Role::Recipient, 0).await?;
    let attach = pair.connection.attach(link.transcript(), Role::Recipient, 1, 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)
}

async fn from_the_middle(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    for role in [Role::Recipient, Role::Sender] {
        let (keys, changes) = chain_of(t, &pair.connection, role, 3);
        let first = changes.first().cloned().ok_or_else(|| Stop::harness("no change"))?;
        rotates(&mut pair, role, first).await?.done()?;
        let mut link = t.link(Class::Medium).await?;
        let answer = attach_under(&mut link, &pair.connection, role, last(&keys)?, changes).await?;
        answer.attached()?;
    }
    Ok(())
}
