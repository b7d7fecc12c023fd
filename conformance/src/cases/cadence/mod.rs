//! Cases of the chapter cadence.

pub mod agree;
pub mod ends;
pub mod step;

use edgewise_proto::v1::{self, item::Body};
use edgewise_spec::constants::TICK_MS_LIST;

use crate::case::Case;
use crate::cases::SOON;
use crate::peer::{Answer, Class, HelloPlan, Link};
use crate::trial::{Stop, Trial, Verdict};

/// The tables, in the order of the chapter.
pub const TABLES: &[&[Case]] = &[agree::CASES, step::CASES, ends::CASES];

/// The longest tick that the server offers, so that a case has no more than its credit.
async fn longest_tick(t: &Trial) -> Result<u32, Stop> {
    let description = t.described().await?;
    let longest = TICK_MS_LIST.into_iter().filter(|tick| description.ticks.contains(tick)).max();
    longest.ok_or_else(|| Stop::unsupported("a server whose Description has ticks"))
}

/// A confirmed link in cadence, whose first block has its answer.
async fn in_cadence(t: &mut Trial, class: Class) -> Result<Link, Stop> {
    let tick_ms = longest_tick(t).await?;
    let plan = HelloPlan { tick_ms, ..t.hello(class).await? };
    let mut link = t.link_of(&plan).await?;
    link.exactly(1, SOON).await?;
    Ok(link)
}

/// One block without items, and its one answer.
async fn step(link: &mut Link) -> Verdict {
    link.send_items(&[]).await?;
    link.exactly(1, SOON).await
}

/// Asks in one block; the Result may be in a later answer than that block's.
async fn ask(link: &mut Link, body: Body) -> Result<Answer, Stop> {
    let tag = link.post(body).await?;
    link.exactly(1, SOON).await?;
    for _ in 0..LATER {
        if link.answered(tag).is_some() {
            break;
        }
        step(link).await?;
    }
    match link.answered(tag) {
        Some(_) => link.answer(tag).await,
        None => Err(Stop::fail("the Result in one of the answers", format!("none in {LATER}"))),
    }
}

/// Blocks within which what is due has to be said.
const LATER: usize = 4;

const fn harmless() -> Body {
    Body::Suspend(v1::Suspend { handle: 9 })
}
