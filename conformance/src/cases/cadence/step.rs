//! The lock-step of a server: one answer for each block, and nothing else.

use edgewise_proto::v1::{RejectCode, item::Body};

use super::{LATER, ask, harmless, in_cadence, step};
use crate::case::{Case, case};
use crate::cases::{SOON, ask as asking};
use crate::peer::{Class, Link, Pair, Role};
use crate::trial::{Stop, Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("cadence/one-answer-a-block", [CADENCE_4], one_answer_a_block),
    case!("cadence/nothing-unasked", [CADENCE_5], nothing_unasked),
    case!("cadence/deliveries-are-answers", [CADENCE_5, CADENCE_6], deliveries_are_answers),
    case!("cadence/answers-carry-results", [CADENCE_6], answers_carry_results),
    case!("cadence/idle-and-busy-are-alike", [CADENCE_4, CADENCE_5], idle_and_busy_are_alike),
];

async fn one_answer_a_block(t: &mut Trial) -> Verdict {
    let classes = t.described().await?.classes;
    for class in Class::ALL.into_iter().filter(|class| classes.contains(&class.code())) {
        let mut link = in_cadence(t, class).await?;
        for _ in 0..3 {
            step(&mut link).await?;
        }
        // As a network may bunch them up.
        for _ in 0..5 {
            link.send_items(&[]).await?;
        }
        link.exactly(5, SOON).await?;
        link.post(harmless()).await?;
        link.exactly(1, SOON).await?;
    }
    Ok(())
}

/// A connection whose recipient listens over a link in cadence: that link, and the pair.
async fn listening(t: &mut Trial, class: Class) -> Result<(Link, Pair), Stop> {
    let pair = t.pair(class).await?;
    let mut link = in_cadence(t, class).await?;
    let handle = link.next_handle();
    let attach = pair.connection.attach(link.transcript(), Role::Recipient, handle, 0);
    ask(&mut link, Body::Attach(attach)).await?.attached()?;
    link.use_handle();
    ask(&mut link, asking::subscribe(handle, 16)).await?.subscribed()?;
    Ok((link, pair))
}

/// The next Deliver, in one of the next few answers.
async fn delivered(link: &mut Link) -> Result<u64, Stop> {
    for _ in 0..=LATER {
        match link.unread() {
            Some(Body::Deliver(deliver)) => return Ok(deliver.sequence),
            Some(_) => {}
            None => step(link).await?,
        }
    }
    Err(Stop::fail("a Deliver in one of the answers", format!("none in {LATER}")))
}

async fn nothing_unasked(t: &mut Trial) -> Verdict {
    let (mut link, mut pair) = listening(t, Class::Small).await?;
    let part = t.part(Class::Small);
    pair.send(part).await?;
    link.exactly(0, SOON).await?;
    // A subscription that is replaced is told, and that waits as well.
    pair.subscribe(4).await?;
    link.exactly(0, SOON).await?;
    step(&mut link).await
}

async fn deliveries_are_answers(t: &mut Trial) -> Verdict {
    const PARTS: u64 = 3;
    let (mut link, mut pair) = listening(t, Class::Medium).await?;
    for _ in 0..PARTS {
        let part = t.part(Class::Medium);
        pair.send(part).await?;
    }
    for sequence in 1..=PARTS {
        ensure_eq!(delivered(&mut link).await?, sequence, "sequence");
    }
    Ok(())
}

async fn answers_carry_results(t: &mut Trial) -> Verdict {
    let mut link = in_cadence(t, Class::Small).await?;
    for _ in 0..3 {
        ask(&mut link, harmless()).await?.reject(RejectCode::NotAttached)?;
    }
    let tags = link.post_all(vec![harmless(); 8]).await?;
    link.exactly(1, SOON).await?;
    for _ in 0..LATER {
        step(&mut link).await?;
    }
    for tag in tags {
        link.answer(tag).await?.reject(RejectCode::NotAttached)?;
    }
    Ok(())
}

/// What each block gets does not depend on what it asks, nor on what waits.
async fn idle_and_busy_are_alike(t: &mut Trial) -> Verdict {
    let (mut link, mut pair) = listening(t, Class::Small).await?;
    for _ in 0..8 {
        step(&mut link).await?;
    }
    for _ in 0..4 {
        let part = t.part(Class::Small);
        pair.send(part).await?;
    }
    for _ in 0..8 {
        link.post_all(vec![harmless(); 4]).await?;
        link.exactly(1, SOON).await?;
    }
    Ok(())
}
