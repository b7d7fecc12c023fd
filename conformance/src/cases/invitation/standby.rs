//! Standbys are given and taken: for one session alone, the newest counts, and there is always one
//! that is good for a while.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_spec::constants::STANDBY_RENEW_DAYS;
use edgewise_spec::invitation::CardKind;
use edgewise_spec::session::Mode;

use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::{Claimed, Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene, card_of};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!(
        "invitation/standby-given",
        [INVITATION_49, INVITATION_38],
        given,
        needs Standby Clock Attested
    ),
    driven!("invitation/standby-latest", [INVITATION_50], latest, needs Standby),
    driven!(
        "invitation/standby-replaced",
        [INVITATION_51, INVITATION_52],
        replaced,
        needs Standby Clock
    ),
    driven!("invitation/standby-abandoned", [INVITATION_51], abandoned, needs Standby Clock),
];

/// Between two moves of the clock, so that the client has looked.
const LOOKS: Duration = Duration::from_millis(40);
/// So many moves: no link of the suite's is older than a day by them.
const LOOKS_MAX: usize = 40;

/// What is given in two sessions is an invitation for each of them, of its mode.
async fn given(scene: &mut Scene) -> Verdict {
    let (mut one, _) = scene.meet_inviting(&Terms::default()).await?;
    let terms = Terms { mode: Mode::Attested, ..Terms::default() };
    let (mut other, _) = scene.meet_claiming(&terms).await?;
    let first = scene.client_gives(&mut one).await?;
    let second = other.standby().await?;
    scene.keep_secret(second.as_bytes());
    ensure!(first != second, "another standby in another session (INVITATION-49)", "the same one");
    for (text, mode) in [(&first, Mode::Deniable), (&second, Mode::Attested)] {
        let card = card_of(text)?;
        let kind = card.kind() == CardKind::Sent;
        ensure!(kind, "a card of kind T (INVITATION-38)", "{:?}", card.kind());
        let bundle = scene.bundle_of(&card)?;
        let same = bundle.mode() == mode && bundle.secret() == *card.secret();
        ensure!(same, format!("a bundle of mode {mode:?} (INVITATION-49)"), "{:?}", bundle.mode());
    }
    Ok(())
}

/// Of two standbys the one that came last is used, and the other one never.
async fn latest(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let (_first, before) = scene.person_gives(&mut person, &contact, vec![0]).await?;
    let (mut second, _) = scene.person_gives(&mut person, &contact, vec![0]).await?;
    scene.client_renews(&contact).await?;
    // A client that claims the one before need not claim this one too.
    let before = card_of(&before)?;
    let end = Instant::now() + PATIENCE;
    while second.is_mute() && Instant::now() < end {
        second.listen(QUIET / 8).await?;
        let claimed = scene.is_claimed(&before);
        ensure!(!claimed, "the standby claimed that came last (INVITATION-50)", "the one before");
    }
    second.answer().await?;
    scene.renewed(&contact).await?;
    second.say_text("by the second").await?;
    scene.shown_text(&contact, "by the second").await?;
    let again = scene.try_renews(&contact).await?;
    ensure!(again.is_err(), "nothing left of the one before (INVITATION-50)", "{again:?}");
    Ok(())
}

/// Waits until the client gives a standby, looking at it every few minutes of its time.
async fn until_given(scene: &mut Scene, person: &mut Person, step: u64) -> Result<String, Stop> {
    let mut card = None;
    for _ in 0..LOOKS_MAX {
        card = person.standby_within(2 * LOOKS).await?;
        if card.is_some() {
            break;
        }
        scene.advance(step).await?;
    }
    if card.is_none() {
        card = person.standby_within(PATIENCE / 2).await?;
    }
    let card = card.ok_or_else(|| Stop::fail("another standby (INVITATION-51)", "none"))?;
    scene.keep_secret(card.as_bytes());
    Ok(card)
}

/// A month before its end another one is given, and the one before can still be claimed.
async fn replaced(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let first = scene.client_gives(&mut person).await?;
    let bundle = scene.bundle_of(&card_of(&first)?)?;
    let renewed = bundle.not_after().saturating_sub(STANDBY_RENEW_DAYS * 24);
    let hours = renewed.saturating_sub(scene.around().clock.now().hour());
    scene.advance(u64::from(hours) * 3_600).await?;
    // Nobody was attached for so long that the server has let the connections go.
    person.restore().await?;
    person.say_text("still there").await?;
    scene.shown_text(&contact, "still there").await?;
    let second = until_given(scene, &mut person, 301).await?;
    ensure!(second != first, "another standby (INVITATION-51)", "the same one");
    let after = scene.bundle_of(&card_of(&second)?)?.not_after();
    let longer = after > bundle.not_after();
    ensure!(longer, "one that is good for longer (INVITATION-51)", "{after}");
    let mut by_the_first = claimed(scene, &first).await?;
    by_the_first.cell("an answer over the replaced standby (INVITATION-52)", PATIENCE).await?;
    scene.renewed(&contact).await
}

/// Claims a standby and says hello, once its server has the connection again.
async fn claimed(scene: &mut Scene, card: &str) -> Result<Person, Stop> {
    let end = Instant::now() + PATIENCE / 2;
    loop {
        let seed = scene.seed32();
        match Person::accept(scene.around(), seed, card).await {
            Ok((person, _)) => return Ok(person),
            Err(stop) if Instant::now() >= end => return Err(stop),
            Err(_) => tokio::time::sleep(LOOKS).await,
        }
    }
}

/// Two claim a standby: it is over, the user is told, the session goes on, and another one is given
/// in it.
async fn abandoned(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let first = scene.client_gives(&mut person).await?;
    let connection = scene.connection_of(&card_of(&first)?)?;
    let seed = scene.seed32();
    let thief = Claimed::claim(scene.around(), seed, &first).await?;
    let server = thief.bundle.servers().first().cloned();
    let server = server.ok_or_else(|| Stop::harness("no server"))?;
    let seed = scene.seed32();
    let answer = Person::try_claim(&scene.around(), seed, &first, 0, &server).await?;
    answer.reject(edgewise_proto::v1::RejectCode::Conflict)?;
    is_told(scene, &contact).await?;
    for _ in 0..60 {
        if scene.is_deleted(connection) {
            break;
        }
        tokio::time::sleep(QUIET / 8).await;
    }
    ensure!(scene.is_deleted(connection), "its connection deleted (INVITATION-29)", "it is not");
    let second = until_given(scene, &mut person, 1_800).await?;
    ensure!(second != first, "another standby (INVITATION-51)", "the same one");
    scene.client_texts(&contact, "as before").await?;
    person.text("as before").await
}

async fn is_told(scene: &Scene, contact: &Bytes) -> Verdict {
    scene
        .event("the user told that two have claimed it (INVITATION-28)", |event| match event {
            Event::Problem(it) if it.contact == *contact => Some(()),
            _ => None,
        })
        .await
}
