//! The change of a key: signatures, versions, and what it ends.

use bytes::Bytes;
use edgewise_proto::v1::{self, KeyChange, RejectCode, item::Body};

use super::{attach_under, change, ending, rotates};
use crate::case::{Case, case};
use crate::cases::ask;
use crate::peer::{Class, Role};
use crate::trial::{Trial, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    case!("rotation/change-fields", [CONNECTION_70], fields),
    case!("rotation/change-unsigned", [ROTATION_6], unsigned),
    case!("rotation/change-for-another", [ROTATION_6], for_another),
    case!("rotation/change-from-another-key", [ROTATION_7], from_another_key),
    case!("rotation/change-version", [ROTATION_8], version),
    case!("rotation/change-to-a-key-not-valid", [ROTATION_9], not_valid),
    case!("rotation/rotate", [ROTATION_11], rotate),
    case!("rotation/rotate-again", [ROTATION_10], again),
    case!("rotation/first-change-wins", [ROTATION_12], first_wins),
    case!("rotation/change-in-grace", [ROTATION_13], change_in_grace, needs Clock),
];

async fn fields(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let new = t.next_key(&pair.connection.recipient);
    let right = change(&pair, Role::Recipient, &new);
    let cut = |bytes: &Bytes| bytes.slice(..bytes.len() - 1);
    for (what, wrong) in [
        ("no new key", KeyChange { new_key: None, ..right.clone() }),
        ("a short old key", KeyChange { old_vk: cut(&right.old_vk), ..right.clone() }),
        (
            "a short signature of the old key",
            KeyChange { old_signature: cut(&right.old_signature), ..right.clone() },
        ),
        (
            "a short signature of the new key",
            KeyChange { new_signature: cut(&right.new_signature), ..right.clone() },
        ),
    ] {
        t.note(what);
        rotates(&mut pair, Role::Recipient, wrong).await?.reject(RejectCode::Malformed)?;
    }
    t.note("no change at all");
    let none = Body::Rotate(v1::Rotate { handle: pair.recipient_handle, change: None });
    pair.recipient.ask(none).await?.reject(RejectCode::Malformed)?;
    rotates(&mut pair, Role::Recipient, right).await?.done()
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
