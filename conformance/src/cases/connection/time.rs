//! Lifetimes and loss: what the clock and a restart do.

use edgewise_proto::v1::{RejectCode, State, item::Body};

use crate::case::{Case, case};
use crate::cases::{SOON, ask};
use crate::peer::{Class, Connection, Link, Role};
use crate::trial::{Stop, Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("connection/part-days", [CONNECTION_54], part_days, needs Clock),
    case!("connection/idle-days", [CONNECTION_55], idle_days, needs Clock),
    case!("connection/idle-days-begin-again", [CONNECTION_55], idle_begins_again, needs Clock),
    case!("connection/sender-prolongs-nothing", [CONNECTION_56], sender_prolongs, needs Clock),
    case!("connection/restore", [CONNECTION_57], restore, needs Restart),
    case!("connection/incarnation-after-loss", [CONNECTION_58], incarnation, needs Restart),
];

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A claimed connection on the shortest terms, with one part; no link is left.
async fn short_lived(t: &mut Trial) -> Result<Connection, Stop> {
    let mut connection = t.connection(Class::Medium).await?;
    connection.terms = (16, 7, 1);
    let mut pair = t.pair_of(connection).await?;
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    pair.sender.finish().await?;
    pair.recipient.finish().await?;
    Ok(pair.connection)
}

async fn subscribed(t: &mut Trial, connection: &Connection) -> Result<Link, Stop> {
    let mut link = t.link(Class::Medium).await?;
    let (handle, _) = link.attach(connection, Role::Recipient, 0).await?;
    link.ask(ask::subscribe(handle, 8)).await?.subscribed()?;
    Ok(link)
}

async fn is_unknown(t: &mut Trial, connection: &Connection) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    let attach = connection.attach(link.transcript(), Role::Recipient, 0, 0);
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)
}

async fn part_days(t: &mut Trial) -> Verdict {
    let connection = short_lived(t).await?;
    t.advance(DAY - 2 * HOUR).await?;
    let mut link = subscribed(t, &connection).await?;
    ensure_eq!(link.deliver().await?.sequence, 1, "sequence");
    link.finish().await?;
    t.advance(4 * HOUR).await?;
    let mut link = subscribed(t, &connection).await?;
    link.quiet(SOON).await?;
    t.note("the next part has the next sequence");
    let (sender, attached) = link.attach(&connection, Role::Sender, 0).await?;
    ensure_eq!(attached.next, 1, "next submission");
    link.ask(ask::send(sender, 1, t.part(Class::Medium))).await?.done()?;
    ensure_eq!(link.deliver().await?.sequence, 2, "sequence");
    Ok(())
}

async fn idle_days(t: &mut Trial) -> Verdict {
    let connection = short_lived(t).await?;
    t.advance(7 * DAY + 2 * HOUR).await?;
    is_unknown(t, &connection).await?;
    t.note("its recipient may make it again");
    let mut link = t.link(Class::Medium).await?;
    let body = connection.restore_body(State::Claimed);
    let create = connection.create_from(link.transcript(), &body);
    link.ask(Body::Create(create)).await?.created().map(drop)
}

async fn idle_begins_again(t: &mut Trial) -> Verdict {
    let connection = short_lived(t).await?;
    for step in 0..3 {
        t.advance(4 * DAY).await?;
        let mut link = t.link(Class::Medium).await?;
        if step == 1 {
            t.note("by a Create");
            let body = connection.restore_body(State::Claimed);
            let create = connection.create_from(link.transcript(), &body);
            link.ask(Body::Create(create)).await?.created()?;
        } else {
            t.note("by an Attach");
            link.attach(&connection, Role::Recipient, 0).await?;
        }
        link.finish().await?;
    }
    t.advance(7 * DAY + 2 * HOUR).await?;
    is_unknown(t, &connection).await
}

async fn sender_prolongs(t: &mut Trial) -> Verdict {
    let connection = short_lived(t).await?;
    t.advance(4 * DAY).await?;
    let mut link = t.link(Class::Medium).await?;
    let (handle, attached) = link.attach(&connection, Role::Sender, 0).await?;
    link.ask(ask::send(handle, attached.next, t.part(Class::Medium))).await?.done()?;
    link.finish().await?;
    t.advance(3 * DAY + 2 * HOUR).await?;
    is_unknown(t, &connection).await
}

async fn restore(t: &mut Trial) -> Verdict {
    for state in [State::Claimed, State::Suspended] {
        let mut pair = t.pair(Class::Medium).await?;
        let part = t.part(Class::Medium);
        pair.send(part).await?;
        let (_, before) = pair.recipient.attach(&pair.connection, Role::Recipient, 0).await?;
        t.restart().await?;
        let mut link = t.link(Class::Medium).await?;
        let attach = pair.connection.attach(link.transcript(), Role::Recipient, 0, 0);
        let answer = link.ask(Body::Attach(attach)).await?;
        if answer.clone().attached().is_ok() {
            return Err(Stop::info("a restart loses no record of this server"));
        }
        answer.reject(RejectCode::Refused)?;
        let body = pair.connection.restore_body(state);
        let create = pair.connection.create_from(link.transcript(), &body);
        let created = link.ask(Body::Create(create)).await?.created()?;
        ensure_eq!(created.state, i32::from(state), "Created in state");
        let (_, after) = link.attach(&pair.connection, Role::Recipient, 0).await?;
        ensure_eq!(after.state, i32::from(state), "Attached in state");
        ensure!(
            after.incarnation != before.incarnation,
            "a new incarnation",
            "{} as before",
            after.incarnation
        );
        let (_, sender) = link.attach(&pair.connection, Role::Sender, 0).await?;
        ensure_eq!(sender.next, 0, "next submission");
    }
    Ok(())
}

/// A record that outlives a restart may have lost what was answered, so it gets a new incarnation
/// unless it lost nothing; one that is made again gets one anyway.
async fn incarnation(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    let (_, before) = pair.recipient.attach(&pair.connection, Role::Recipient, 0).await?;
    t.restart().await?;
    let mut link = t.link(Class::Medium).await?;
    let attach = pair.connection.attach(link.transcript(), Role::Recipient, 0, 0);
    let (after, handle) = match link.ask(Body::Attach(attach)).await?.attached() {
        Ok(attached) => {
            link.use_handle();
            (attached, 0)
        }
        Err(_) => {
            let body = pair.connection.restore_body(State::Claimed);
            let create = pair.connection.create_from(link.transcript(), &body);
            link.ask(Body::Create(create)).await?.created()?;
            let (handle, attached) = link.attach(&pair.connection, Role::Recipient, 0).await?;
            (attached, handle)
        }
    };
    if after.incarnation != before.incarnation {
        return Ok(());
    }
    link.ask(ask::subscribe(handle, 8)).await?.subscribed()?;
    ensure_eq!(link.deliver().await?.sequence, 1, "sequence in an incarnation that goes on");
    Ok(())
}
