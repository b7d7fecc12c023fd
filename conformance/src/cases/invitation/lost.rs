//! A session is lost: when a standby is claimed, and when it is not.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::content::Kind as Say;
use edgewise_spec::connection::Op;
use edgewise_spec::constants::{INVITATION_HOURS_MAX, RESTORE_GRACE_DAYS, STANDBY_TURN_HOURS};
use edgewise_spec::error::Reject;
use edgewise_spec::invitation::Card;

use super::renewed::until_deleted;
use crate::case::{Case, driven};
use crate::ensure;
use crate::host::Deed;
use crate::peer::person::{Heard, Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene, card_of};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("invitation/standby-not-before", [INVITATION_54], not_before, needs Standby Clock),
    driven!("invitation/standby-turn", [INVITATION_55], turn, needs Standby Clock),
    driven!(
        "invitation/standby-both-claim",
        [INVITATION_56],
        both_claim,
        needs Standby Clock
    ),
    driven!(
        "invitation/standby-gives-way",
        [INVITATION_56, INVITATION_58],
        gives_way,
        needs Standby Clock
    ),
    driven!(
        "invitation/standby-betrayed",
        [INVITATION_57],
        betrayed,
        needs Standby Clock Move
    ),
];

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// More than a client takes between two looks at its connections, and than it waits for servers
/// after a time in which it was not asked.
const LOOK: u64 = 660;
/// More than a client takes until it asks again what was not answered in time.
const AGAIN: u64 = 90;
/// Between two moves of the clock, so that the client has looked.
const LOOKS: Duration = Duration::from_millis(60);

/// The server 0 is gone; the client has an invitation on the server 1, and so reaches that.
async fn loses(scene: &mut Scene) -> Verdict {
    let hours = INVITATION_HOURS_MAX;
    scene.client_invites(&Terms { servers: vec![1], hours, ..Terms::default() }).await?;
    scene.host(0)?.close(true);
    later(scene, 0).await
}

/// So much later, and as many looks as it takes to be sure of what was lost.
async fn later(scene: &mut Scene, seconds: u64) -> Verdict {
    scene.advance(seconds).await?;
    for _ in 0..4 {
        tokio::time::sleep(LOOKS).await;
        scene.advance(LOOK).await?;
    }
    tokio::time::sleep(LOOKS).await;
    Ok(())
}

fn unclaimed(scene: &Scene, card: &Card, why: &str) -> Verdict {
    ensure!(!scene.is_claimed(card), format!("the standby not claimed: {why}"), "a Claim");
    Ok(())
}

/// Waits until the client has claimed a standby and says hello to who waits behind it.
async fn until_claimed(scene: &mut Scene, card: &Card) -> Verdict {
    let end = Instant::now() + PATIENCE;
    while !scene.is_claimed(card) {
        if Instant::now() >= end {
            return Err(Stop::fail("the standby claimed once the session is lost", "no Claim"));
        }
        tokio::time::sleep(LOOKS).await;
        scene.advance(LOOK).await?;
    }
    Ok(())
}

/// Who waits behind a standby that was claimed hears the hello, answers, and is talked with.
async fn stands(scene: &mut Scene, contact: &Bytes, next: &mut Person) -> Verdict {
    next.relink().await?;
    let end = Instant::now() + PATIENCE;
    while next.is_mute() {
        if Instant::now() >= end {
            return Err(Stop::fail("a hello (SESSION-36)", "none"));
        }
        if next.listen(QUIET).await?.is_none() {
            // The clock may have gone on while the client waited for what it asked: it asks again.
            scene.advance(AGAIN).await?;
        }
    }
    next.answer().await?;
    scene.renewed(contact).await?;
    next.say_text("here I am").await?;
    scene.shown_text(contact, "here I am").await.map(drop)
}

/// Neither for what the contact says, nor for what its server says, nor before the server was gone
/// for RESTORE_GRACE_DAYS; then it is.
async fn not_before(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let (mut next, card) = scene.person_gives(&mut person, &contact, vec![1]).await?;
    let card = card_of(&card)?;
    person.say_text("everything is lost: use the standby").await?;
    scene.shown_text(&contact, "everything is lost: use the standby").await?;
    scene.host(0)?.judge(|op| match op {
        Op::Attach(_) => Deed::Answer(Err(Reject::Unavailable)),
        _ => Deed::Honest,
    });
    scene.host(0)?.cut();
    tokio::time::sleep(QUIET / 2).await;
    unclaimed(scene, &card, "its session is not lost, whatever is said (INVITATION-54)")?;
    loses(scene).await?;
    unclaimed(scene, &card, "a server is away for an hour (INVITATION-54)")?;
    later(scene, (u64::from(RESTORE_GRACE_DAYS) - 2) * DAY).await?;
    let why = format!("not lost for {RESTORE_GRACE_DAYS} days (INVITATION-54)");
    unclaimed(scene, &card, &why)?;
    scene.advance(2 * DAY).await?;
    until_claimed(scene, &card).await?;
    stands(scene, &contact, &mut next).await
}

/// The inviter of the lost session leaves it to the claimer for STANDBY_TURN_HOURS.
async fn turn(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let (mut person, contact) = scene.meet_claiming(&Terms::default()).await?;
    let (mut next, card) = scene.person_gives(&mut person, &contact, vec![1]).await?;
    let card = card_of(&card)?;
    loses(scene).await?;
    later(scene, u64::from(RESTORE_GRACE_DAYS) * DAY).await?;
    unclaimed(scene, &card, "it is the claimer's turn (INVITATION-55)")?;
    later(scene, (u64::from(STANDBY_TURN_HOURS) - 3) * HOUR).await?;
    unclaimed(scene, &card, "it is the claimer's turn still (INVITATION-55)")?;
    scene.advance(3 * HOUR).await?;
    until_claimed(scene, &card).await?;
    stands(scene, &contact, &mut next).await
}

/// Nothing of the client's comes to a person for a while.
async fn unanswered(person: &mut Person, why: &str) -> Verdict {
    let end = Instant::now() + QUIET;
    while let Some(heard) = person.listen(end.saturating_duration_since(Instant::now())).await? {
        let cell = matches!(heard, Heard::Cell { .. });
        ensure!(!cell, format!("no answer: {why}"), "a cell");
    }
    Ok(())
}

/// Both claim at once: the client was the claimer of the session before, and decides.
async fn both_claim(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let (mut next, _) = scene.person_gives(&mut person, &contact, vec![0]).await?;
    let card = scene.client_gives(&mut person).await?;
    scene.client_renews(&contact).await?;
    next.meet().await?;
    let seed = scene.seed32();
    let (mut other, _) = Person::accept(scene.around(), seed, &card).await?;
    unanswered(&mut other, "the client has said its hello first (INVITATION-56)").await?;
    scene.advance((u64::from(STANDBY_TURN_HOURS) - 2) * HOUR).await?;
    // What was left unacknowledged is delivered again.
    scene.host(0)?.cut();
    other.relink().await?;
    next.relink().await?;
    unanswered(&mut other, "the client's turn is not over (INVITATION-56)").await?;
    next.answer().await?;
    scene.renewed(&contact).await?;
    next.say_text("yours it is").await?;
    scene.shown_text(&contact, "yours it is").await.map(drop)
}

/// Both claim at once: the client was the inviter of the session before, and takes what the other
/// end begins.
async fn gives_way(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_claiming(&Terms::default()).await?;
    let (mut next, _) = scene.person_gives(&mut person, &contact, vec![0]).await?;
    let card = scene.client_gives(&mut person).await?;
    scene.client_renews(&contact).await?;
    next.meet().await?;
    let seed = scene.seed32();
    let (mut other, _) = Person::accept(scene.around(), seed, &card).await?;
    other.cell("an answer to who was the claimer before (INVITATION-56)", PATIENCE).await?;
    scene.renewed(&contact).await?;
    other.say_text("mine it is").await?;
    scene.shown_text(&contact, "mine it is").await?;
    scene.client_texts(&contact, "yours").await?;
    other.text("yours").await
}

/// Somebody else has read the session: what was passed in it is of no use any more.
async fn betrayed(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let (_next, _) = scene.person_gives(&mut person, &contact, vec![0]).await?;
    let given = scene.client_gives(&mut person).await?;
    let given = scene.connection_of(&card_of(&given)?)?;
    scene.host(1)?.judge(|op| match op {
        Op::Claim(_) => Deed::Answer(Err(Reject::Conflict)),
        _ => Deed::Honest,
    });
    person.moves(1, 1).await?;
    until_deleted(scene, given, "the standby that it has given (INVITATION-57)").await?;
    let told = scene.try_says(&contact, Say::Text("anyone?".to_owned())).await?;
    ensure!(told.is_err(), "a session that is over (ROTATION-35)", "{told:?}");
    let told = scene.try_renews(&contact).await?;
    ensure!(told.is_err(), "the standby erased that came in it (INVITATION-57)", "{told:?}");
    Ok(())
}
