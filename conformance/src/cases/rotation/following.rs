//! The suite's person moves a connection that the client sends over; the client follows.

use std::time::{Duration, Instant};

use edgewise_proto::conformance::v1::content::Kind as Say;
use edgewise_proto::conformance::v1::event::Kind as Told;
use edgewise_spec::connection::Op;
use edgewise_spec::constants::TAG_WINDOW;
use edgewise_spec::error::Reject;
use edgewise_spec::message::{Content, Event};

use super::super::session::store::{cut_at, kill_when};
use crate::case::{Case, driven};
use crate::ensure;
use crate::host::{Deed, Watched};
use crate::peer::person::{Heard, Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("rotation/follow", [ROTATION_33, ROTATION_36, ROTATION_30], follows, needs Move),
    driven!("rotation/follow-later", [ROTATION_33], later, needs Move),
    driven!("rotation/follow-claim-first", [ROTATION_32], claim_first, needs Move),
    driven!("rotation/follow-superseded", [ROTATION_31, ROTATION_29], superseded, needs Move),
    driven!("rotation/follow-conflict", [ROTATION_35], conflict, needs Move),
    driven!("rotation/follow-left-behind", [ROTATION_34], left_behind, needs Move),
    driven!("rotation/follow-far", [SCATTER_14, ROTATION_28], far, needs Move),
    driven!("rotation/follow-killed", [ROTATION_37, ROTATION_36], killed, needs Move Folder),
];

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    number: u32,
    place: u8,
    s: u32,
}

/// Everything that came, up to an answer to a move.
#[derive(Debug, Default)]
struct Came {
    /// Number and connection of each cell, the answer's own among them.
    cells: Vec<(u32, usize)>,
    answer: Option<Answer>,
}

impl Came {
    /// The highest s that came over the first connection.
    fn highest_before(&self) -> Option<u32> {
        self.cells.iter().filter(|(_, place)| *place == 0).map(|(s, _)| *s).max()
    }
}

async fn until_answer(person: &mut Person, within: Duration) -> Result<Came, Stop> {
    let mut came = Came::default();
    let end = Instant::now() + within;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match person.listen(left).await? {
            Some(Heard::Cell { s, events, place, .. }) => {
                came.cells.push((s, place));
                came.answer = events.iter().find_map(answer_in);
                if came.answer.is_some() {
                    return Ok(came);
                }
            }
            Some(Heard::Bad(why)) => return Err(Stop::fail("a cell that opens", why)),
            Some(_) => {}
            None => return Ok(came),
        }
    }
}

fn answer_in(event: &Event) -> Option<Answer> {
    let Event::Message(message) = event else { return None };
    match message.content {
        Ok(Content::Moved { number, place, s }) => Some(Answer { number, place, s }),
        _ => None,
    }
}

async fn answered(person: &mut Person) -> Result<(Came, Answer), Stop> {
    let came = until_answer(person, PATIENCE).await?;
    let answer = came.answer.ok_or_else(|| Stop::fail("an answer to the move", "none"))?;
    Ok((came, answer))
}

/// Hears the cells below the answer's s that it has overtaken: they come over the first connection,
/// which nothing keeps in step with the new one.
async fn overtaken(
    person: &mut Person,
    came: &mut Came,
    answer: Answer,
    before: u32,
) -> Result<u32, Stop> {
    let end = Instant::now() + 4 * QUIET;
    loop {
        let sealed = came.highest_before().unwrap_or(before);
        if sealed + 1 >= answer.s {
            return Ok(sealed);
        }
        match person.listen(end.saturating_duration_since(Instant::now())).await? {
            Some(Heard::Cell { s, place, .. }) => came.cells.push((s, place)),
            Some(Heard::Bad(why)) => return Err(Stop::fail("a cell that opens", why)),
            Some(_) => {}
            None => return Ok(sealed),
        }
    }
}

async fn silent(person: &mut Person, why: &str) -> Verdict {
    let came = until_answer(person, 2 * QUIET).await?;
    ensure!(came.answer.is_none(), format!("no answer: {why}"), "{:?}", came.answer);
    Ok(())
}

/// Whether the new connection, on the second server, was claimed.
fn is_claimed(scene: &Scene) -> Result<bool, Stop> {
    let record = scene.host(1)?.record();
    Ok(record.asked.iter().any(|asked| matches!(asked.what, Watched::Claim { .. })))
}

/// The client has claimed the new connection: what it does not do from here on it leaves.
async fn until_claimed(scene: &Scene) -> Verdict {
    let end = Instant::now() + PATIENCE;
    while !is_claimed(scene)? {
        if Instant::now() >= end {
            return Err(Stop::fail("a claim of the new connection (ROTATION-32)", "none"));
        }
        tokio::time::sleep(QUIET / 8).await;
    }
    Ok(())
}

/// Hears what there is to be heard.
async fn drained(person: &mut Person) -> Verdict {
    while person.listen(QUIET / 4).await?.is_some() {}
    Ok(())
}

/// The next cell with this text comes over that connection.
async fn text_over(person: &mut Person, text: &str, expected: usize) -> Verdict {
    let end = Instant::now() + PATIENCE;
    while let Some(heard) = person.listen(end.saturating_duration_since(Instant::now())).await? {
        match heard {
            Heard::Cell { events, place, .. } => {
                let said = events.iter().any(|event| match event {
                    Event::Message(message) => {
                        matches!(&message.content, Ok(Content::Text(said)) if said == text)
                    }
                    _ => false,
                });
                if said {
                    ensure!(
                        place == expected,
                        format!("{text:?} over connection {expected} (ROTATION-36)"),
                        "over {place}"
                    );
                    return Ok(());
                }
            }
            Heard::Bad(why) => return Err(Stop::fail(format!("the text {text:?}"), why)),
            _ => {}
        }
    }
    Err(Stop::fail(format!("the text {text:?}"), "nothing"))
}

/// The answer names the first s of the new connection, and everything from that on comes over it;
/// asked once more, it says the same.
async fn follows(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    scene.client_texts(&contact, "before").await?;
    text_over(&mut person, "before", 0).await?;
    drained(&mut person).await?;
    let before = person.opened();
    let descriptor = person.offer(1, before).await?;
    let asks = Content::Move { number: 1, place: 0, descriptor };
    person.say(&asks).await?;
    let (mut came, answer) = answered(&mut person).await?;
    ensure!((answer.number, answer.place) == (1, 0), "an answer to move 1", "{answer:?}");
    let sealed = overtaken(&mut person, &mut came, answer, before).await?;
    ensure!(answer.s == sealed + 1, format!("s {} (ROTATION-33)", sealed + 1), "{}", answer.s);
    let strays: Vec<_> =
        came.cells.iter().filter(|(s, place)| (*s >= answer.s) != (*place == 1)).collect();
    ensure!(strays.is_empty(), "cells from s on over the new connection", "{strays:?}");
    scene.client_texts(&contact, "after").await?;
    text_over(&mut person, "after", 1).await?;
    drained(&mut person).await?;
    person.say(&asks).await?;
    let (_, again) = answered(&mut person).await?;
    ensure!(again == answer, format!("{answer:?} again (ROTATION-30)"), "{again:?}");
    Ok(())
}

/// A connection that begins above what was sealed is not used, and not answered for, before.
async fn later(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    drained(&mut person).await?;
    let base = person.opened() + 4;
    let descriptor = person.offer(1, base).await?;
    person.say(&Content::Move { number: 1, place: 0, descriptor }).await?;
    until_claimed(scene).await?;
    let came = until_answer(&mut person, QUIET).await?;
    let mut sealed = came.highest_before().unwrap_or(base - 4);
    ensure!(came.answer.is_none() || sealed >= base, "no answer yet (ROTATION-33)", "{came:?}");
    for number in 0..5 {
        scene.client_texts(&contact, &format!("text {number}")).await?;
    }
    let (mut came, answer) = answered(&mut person).await?;
    sealed = overtaken(&mut person, &mut came, answer, sealed).await?;
    let expected = sealed + 1;
    ensure!(
        answer.s == expected && answer.s > base,
        format!("s {expected}, above {base} (ROTATION-33)"),
        "{}",
        answer.s
    );
    Ok(())
}

/// While the server of the new connection does not take the claim, nothing is answered.
async fn claim_first(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let late = Instant::now() + 4 * QUIET;
    scene.host(1)?.judge(move |op| match op {
        Op::Claim(_) if Instant::now() < late => Deed::Cut,
        _ => Deed::Honest,
    });
    drained(&mut person).await?;
    person.moves(1, 1).await?;
    silent(&mut person, "the claim was not accepted (ROTATION-32)").await?;
    let (_, answer) = answered(&mut person).await?;
    ensure!(answer.number == 1, "an answer to move 1", "{answer:?}");
    scene.client_texts(&contact, "after").await?;
    text_over(&mut person, "after", 1).await
}

/// A move that could not be followed is given up for the next one; what is older is not taken up.
async fn superseded(scene: &mut Scene) -> Verdict {
    scene.servers(3).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    scene.host(1)?.judge(|op| match op {
        Op::Claim(_) => Deed::Cut,
        _ => Deed::Honest,
    });
    drained(&mut person).await?;
    person.moves(2, 1).await?;
    silent(&mut person, "its claim was not accepted (ROTATION-32)").await?;
    person.moves(3, 2).await?;
    let (_, answer) = answered(&mut person).await?;
    ensure!(answer.number == 3, "an answer to move 3 (ROTATION-31)", "{answer:?}");
    scene.host(1)?.honest();
    let descriptor = person.offer(1, person.opened()).await?;
    person.say(&Content::Move { number: 1, place: 0, descriptor }).await?;
    silent(&mut person, "a move of a lower number (ROTATION-29)").await?;
    scene.client_texts(&contact, "after").await?;
    text_over(&mut person, "after", 2).await
}

/// Somebody else has claimed the new connection: the user is told, and the session is over.
async fn conflict(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    scene.host(1)?.judge(|op| match op {
        Op::Claim(_) => Deed::Answer(Err(Reject::Conflict)),
        _ => Deed::Honest,
    });
    drained(&mut person).await?;
    person.moves(1, 1).await?;
    scene
        .event("the user told that somebody else reads (ROTATION-35)", |event| match event {
            Told::Problem(it) if it.contact == contact => Some(()),
            Told::ContactLost(it) if it.contact == contact => Some(()),
            _ => None,
        })
        .await?;
    let told = scene.try_says(&contact, Say::Text("anyone?".to_owned())).await?;
    ensure!(told.is_err(), "a session that is over (ROTATION-35)", "{told:?}");
    silent(&mut person, "the session is over (ROTATION-35)").await
}

/// What stands on the old server when the place moves is kept beyond an ack of what came over the
/// new one: the old server loses it, and gets it again.
async fn left_behind(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    drained(&mut person).await?;
    let before = scene.host(0)?.record().parts().count();
    scene.client_texts(&contact, "left behind").await?;
    for _ in 0..40 {
        if scene.host(0)?.record().parts().count() > before {
            break;
        }
        tokio::time::sleep(QUIET / 8).await;
    }
    person.moves(1, 1).await?;
    let end = Instant::now() + PATIENCE;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match person.listen_at(1, left).await? {
            Some(Heard::Cell { events, .. }) if events.iter().any(|it| answer_in(it).is_some()) => {
                break;
            }
            Some(Heard::Bad(why)) => return Err(Stop::fail("a cell that opens", why)),
            Some(_) => {}
            None => return Err(Stop::fail("an answer to the move", "none")),
        }
    }
    // It acknowledges what came over the new connection; the text below is still missing.
    person.say_text("and you?").await?;
    scene.shows(&contact, "and you?").await?;
    tokio::time::sleep(QUIET / 2).await;
    scene.host(0)?.forget();
    person.restore_first().await?;
    text_over(&mut person, "left behind", 0).await
}

/// A connection whose chain begins out of reach is not claimed.
async fn far(scene: &mut Scene) -> Verdict {
    scene.servers(3).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    drained(&mut person).await?;
    let descriptor = person.offer(1, person.opened() + TAG_WINDOW + 8).await?;
    person.say(&Content::Move { number: 1, place: 0, descriptor }).await?;
    silent(&mut person, "a base out of reach (SCATTER-14)").await?;
    let claimed = is_claimed(scene)?;
    ensure!(!claimed, "no claim of a connection that is out of reach (SCATTER-14)", "one");
    person.moves(2, 2).await?;
    let (_, answer) = answered(&mut person).await?;
    ensure!(answer.number == 2, "an answer to move 2", "{answer:?}");
    scene.client_texts(&contact, "after").await?;
    text_over(&mut person, "after", 2).await
}

/// An operation, whether the client is killed behind it, and its name.
type Point = (fn(&Op) -> bool, bool, &'static str);

/// Killed when it claims and when its answer leaves, before and after: answer and first part over
/// the new connection agree, and the talk goes on over it.
async fn killed(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let claim: fn(&Op) -> bool = |op| matches!(op, Op::Claim(_));
    let send: fn(&Op) -> bool = |op| matches!(op, Op::Send { .. });
    let points: [Point; 4] = [
        (claim, false, "a Claim"),
        (claim, true, "a Claim"),
        (send, false, "a Send"),
        (send, true, "a Send"),
    ];
    for (kind, after, what) in points {
        let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
        drained(&mut person).await?;
        let before = person.opened();
        let seen = cut_at(scene, 1, after, kind)?;
        person.moves(1, 1).await?;
        kill_when(scene, 1, &seen, what).await?;
        let (came, answer) = answered(&mut person).await?;
        let sealed = came.highest_before().unwrap_or(before);
        ensure!(answer.s == sealed + 1, format!("s {} (ROTATION-33)", sealed + 1), "{answer:?}");
        let text = scene.canary();
        scene.client_texts(&contact, &text).await?;
        text_over(&mut person, &text, 1).await?;
    }
    Ok(())
}
