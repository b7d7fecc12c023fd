//! Chains: the changes that a server may have missed.

use edgewise_proto::v1::{KeyChange, RejectCode, State, item::Body};
use edgewise_spec::constants::CHAIN_MAX;

use super::{attach_under, rotates};
use crate::case::{Case, case};
use crate::peer::{Class, Connection, Key, Role};
use crate::trial::{Stop, Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("rotation/chain-too-long", [ROTATION_14], too_long),
    case!("rotation/chain-not-joined", [ROTATION_14], not_joined),
    case!("rotation/chain-in-attach", [ROTATION_15], chain_in_attach),
    case!("rotation/chain-in-create", [ROTATION_15], chain_in_create),
    case!("rotation/chain-from-the-middle", [ROTATION_15], from_the_middle),
];

/// A key after so many changes from the role's present one, and the changes.
fn chain_of(
    t: &mut Trial,
    connection: &Connection,
    role: Role,
    n: usize,
) -> (Vec<Key>, Vec<KeyChange>) {
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
