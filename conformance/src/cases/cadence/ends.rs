//! How a link in cadence ends: at its bound, and in step.

use edgewise_proto::v1::{self, GoodbyeCode, Item, RejectCode, item::Body};
use edgewise_spec::constants::TICKS_AHEAD_MAX;

use super::{ask, harmless, in_cadence, longest_tick, step};
use crate::case::{Case, case};
use crate::cases::{SOON, ask as asking};
use crate::peer::{Class, Link, Role};
use crate::trial::{Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("cadence/too-soon", [CADENCE_8], too_soon),
    case!("cadence/missed-ticks", [CADENCE_8, CADENCE_9], missed_ticks, needs Clock),
    case!("cadence/fault-is-answered", [CADENCE_4, CADENCE_5], fault_is_answered),
    case!("cadence/goodbye-of-the-server", [CADENCE_10], goodbye_of_the_server, needs Clock),
    case!("cadence/goodbye-of-the-client", [CADENCE_11], goodbye_of_the_client),
    case!("cadence/not-stalled", [CADENCE_12], not_stalled, needs Clock),
];

/// So many blocks at once, each with its answer, and one more, which is too soon.
async fn spends(link: &mut Link, credit: u64) -> Verdict {
    for _ in 0..credit {
        link.send_items(&[]).await?;
    }
    link.exactly(credit, SOON).await?;
    link.send_items(&[]).await?;
    let before = link.received();
    link.goodbye(GoodbyeCode::OutOfStep).await?;
    ensure_eq!(link.received() - before, 1, "blocks at the end");
    Ok(())
}

async fn too_soon(t: &mut Trial) -> Verdict {
    let mut link = in_cadence(t, Class::Small).await?;
    // The first block has cost one.
    spends(&mut link, TICKS_AHEAD_MAX - 1).await
}

async fn missed_ticks(t: &mut Trial) -> Verdict {
    let tick = u64::from(longest_tick(t).await?);
    let mut link = in_cadence(t, Class::Small).await?;
    t.advance((tick * 100).div_ceil(1_000)).await?;
    link.exactly(0, SOON).await?;
    ask(&mut link, harmless()).await?.reject(RejectCode::NotAttached)?;
    t.advance((tick * 10).div_ceil(1_000)).await?;
    spends(&mut link, TICKS_AHEAD_MAX).await
}

async fn fault_is_answered(t: &mut Trial) -> Verdict {
    for class in [Class::Small, Class::Medium] {
        let mut link = in_cadence(t, class).await?;
        let before = link.received();
        link.send_block(&vec![0; class.block()]).await?;
        link.goodbye(GoodbyeCode::BlockSeal).await?;
        ensure_eq!(link.received() - before, 1, "blocks at the end");
    }
    Ok(())
}

async fn goodbye_of_the_server(t: &mut Trial) -> Verdict {
    let seconds = u64::from(t.limits().await?.link_life_seconds);
    let mut link = in_cadence(t, Class::Small).await?;
    t.advance(seconds + 1).await?;
    link.exactly(0, SOON * 2).await?;
    let before = link.received();
    link.send_items(&[]).await?;
    link.goodbye(GoodbyeCode::LifeOver).await?;
    ensure_eq!(link.received() - before, 1, "blocks at the end");
    Ok(())
}

async fn goodbye_of_the_client(t: &mut Trial) -> Verdict {
    for requests in [0, 2] {
        let mut link = in_cadence(t, Class::Small).await?;
        let mut items = Vec::new();
        for _ in 0..requests {
            items.push(Item { tag: link.tag(), body: Some(harmless()) });
        }
        let done = v1::Goodbye { code: GoodbyeCode::Done.into() };
        items.push(Item { tag: 0, body: Some(Body::Goodbye(done)) });
        let before = link.received();
        link.send_items(&items).await?;
        link.ends_ok().await?;
        ensure_eq!(link.received() - before, 1, "blocks after the client's Goodbye");
    }
    Ok(())
}

/// A part waits for the client's next block for as long as it takes.
async fn not_stalled(t: &mut Trial) -> Verdict {
    let seconds = u64::from(t.limits().await?.stall_seconds);
    let mut pair = t.pair(Class::Small).await?;
    let mut link = in_cadence(t, Class::Small).await?;
    let handle = link.next_handle();
    let attach = pair.connection.attach(link.transcript(), Role::Recipient, handle, 0);
    ask(&mut link, Body::Attach(attach)).await?.attached()?;
    ask(&mut link, asking::subscribe(handle, 4)).await?.subscribed()?;
    let part = t.part(Class::Small);
    pair.send(part).await?;
    t.advance(seconds * 3).await?;
    link.exactly(0, SOON * 2).await?;
    step(&mut link).await?;
    step(&mut link).await
}
