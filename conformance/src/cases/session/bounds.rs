//! How far an end goes while nothing is acknowledged, and what it keeps.

use std::time::Instant;

use edgewise_spec::constants::{ANSWER_RESERVE, MOVE_RESERVE, UNACKED_MAX};

use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::{Heard, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!(
        "session/unacknowledged",
        [SESSION_31, SESSION_32, SESSION_37, SESSION_38, SESSION_43],
        unacknowledged,
        needs Clock
    ),
    driven!("session/skipped-in-time", [SESSION_20, SESSION_21], skipped, needs Clock),
    driven!(
        "session/server-forgets",
        [SESSION_38, SCATTER_8, SESSION_23, CONNECTION_66, CONNECTION_67],
        server_forgets
    ),
];

/// The other end acknowledges nothing: the client stops in time, sends its highest cell again now
/// and then, and goes on once it hears an ack; nothing of what its user said is lost.
async fn unacknowledged(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let most = usize::try_from(UNACKED_MAX - ANSWER_RESERVE - MOVE_RESERVE).unwrap_or_default();
    for number in 0..=most {
        scene.client_texts(&contact, &format!("text {number}")).await?;
        // The server's quota is not what is to stop the client.
        if number % 32 == 0 {
            while person.listen(QUIET / 16).await?.is_some() {}
        }
    }
    while person.listen(QUIET).await?.is_some() {}
    let sent = scene.host(0)?.record().cells();
    // The hello, which came before, was acknowledged.
    ensure!(sent <= most + 1, format!("at most {most} cells beyond the last ack"), "{sent}");
    let before = scene.host(0)?.record().parts().count();
    scene.advance(62).await?;
    person.relink().await?;
    let again = person.listen(PATIENCE).await?;
    ensure!(
        matches!(again, Some(Heard::Repeated { .. })),
        "the highest cell's parts again (SESSION-37)",
        "{again:?}"
    );
    let after = scene.host(0)?.record().parts().count();
    ensure!(after > before, "a part that is handed in again", "none");
    person.answer().await?;
    let last = format!("text {most}");
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let Some(news) = person.listen(PATIENCE).await? else { break };
        let Heard::Cell { events, .. } = news else { continue };
        for event in events {
            if let edgewise_spec::message::Event::Message(message) = event
                && let Ok(edgewise_spec::message::Content::Text(text)) = &message.content
                && *text == last
            {
                return Ok(());
            }
        }
    }
    Err(Stop::fail("what waited, once an ack has come", "nothing"))
}

/// A cell that was overtaken opens for a week, and no longer.
async fn skipped(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let mut held = Vec::new();
    for text in ["first", "second"] {
        let content = edgewise_spec::message::Content::Text(text.to_owned());
        let composed = person.compose(&content)?;
        held.extend(person.seal_all(&composed.bodies)?);
    }
    person.say_text("third").await?;
    scene.shows(&contact, "third").await?;
    scene.advance(6 * 86_400).await?;
    person.relink().await?;
    let [first, second] = held.as_slice() else { return Err(Stop::harness("two cells")) };
    person.hand_in(first).await?;
    scene.shows(&contact, "first").await?;
    scene.advance(2 * 86_400).await?;
    person.relink().await?;
    person.hand_in(second).await?;
    scene.shows_nothing(&contact, "its key is erased after a week (SESSION-21)").await
}

/// The server loses its memory between any two things that the client hands in: the client restores
/// what is its own, sends again what was lost, and seals nothing twice.
async fn server_forgets(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    for round in 0..3 {
        let lost = format!("lost with the server, {round}");
        let before = scene.host(0)?.record().parts().count();
        scene.client_texts(&contact, &lost).await?;
        for _ in 0..40 {
            if scene.host(0)?.record().parts().count() > before {
                break;
            }
            tokio::time::sleep(QUIET / 8).await;
        }
        // What it says acknowledges nothing of that.
        let text = format!("before the server forgets, {round}");
        person.say_text(&text).await?;
        scene.shows(&contact, &text).await?;
        scene.host(0)?.forget();
        let back = format!("after it forgot, {round}");
        scene.client_texts(&contact, &back).await?;
        person.restore().await?;
        person.text(&lost).await?;
        person.text(&back).await?;
    }
    Ok(())
}
