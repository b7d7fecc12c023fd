//! Cases of the chapter rotation, in its order.

pub mod chain;
pub mod change;
pub mod following;
pub mod keys;
pub mod life;
pub mod moving;

use edgewise_proto::v1::{KeyChange, item::Body};

use crate::case::Case;
use crate::cases::ask;
use crate::peer::{Answer, Class, Connection, Key, Link, Pair, Role};
use crate::trial::{Stop, Trial};

/// All of them.
pub const TABLES: &[&[Case]] =
    &[life::CASES, change::CASES, chain::CASES, moving::CASES, following::CASES, keys::CASES];

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

/// An Attach under any key, as its answer.
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

/// A pair whose keys end in two hours and have ten hours of grace.
async fn ending(t: &mut Trial) -> Result<Pair, Stop> {
    let mut connection = t.connection(Class::Medium).await?;
    let end = t.hour() + 2;
    for key in [&mut connection.recipient, &mut connection.sender] {
        (key.record.not_after, key.record.grace) = (end, 10);
    }
    t.pair_of(connection).await
}
