//! One talk, and the client killed at each of its steps in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::{self as driver, ok};
use tokio::sync::Notify;

use crate::case::{Case, driven};
use crate::ensure;
use crate::host::Deed;
use crate::peer::person::{Claimed, Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!(
        "session/killed-anywhere-joining",
        [SESSION_24, SESSION_36, INVITATION_35],
        joining,
        needs Folder
    ),
    driven!(
        "session/killed-anywhere-answering",
        [SESSION_24, SESSION_25, SESSION_35],
        answering,
        needs Folder
    ),
    driven!(
        "session/killed-anywhere-talking",
        [SESSION_23, SESSION_24, SESSION_25, MESSAGE_31],
        talking,
        needs Folder
    ),
];

/// More operations than any step takes: the loop ends when there is none at a position.
const POSITIONS_MAX: usize = 24;

/// A server that goes down behind the operation of this position, counted from now; told once.
fn cut_behind(scene: &Scene, place: usize, position: usize) -> Result<Arc<Notify>, Stop> {
    let seen = Arc::new(Notify::new());
    let (tell, count) = (Arc::clone(&seen), AtomicUsize::new(0));
    scene.host(place)?.judge(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        number if number < position => Deed::Honest,
        number if number == position => {
            tell.notify_one();
            Deed::CutAfter
        }
        _ => Deed::Cut,
    });
    Ok(seen)
}

/// Kills the client once its operation of the position has come; false where none does.
async fn killed(scene: &mut Scene, place: usize, seen: &Notify) -> Result<bool, Stop> {
    let within = Duration::from_millis(1_000);
    let came = tokio::time::timeout(within, seen.notified()).await.is_ok();
    scene.host(place)?.honest();
    if came {
        scene.crash().await?;
    }
    Ok(came)
}

/// Between accepting a card and being heard: however far it came, it joins, with one hello.
async fn joining(scene: &mut Scene) -> Verdict {
    for position in 0..POSITIONS_MAX {
        // A server of its own: what older contacts do is not counted.
        scene.servers(position + 1).await?;
        let terms = Terms { servers: vec![position], ..Terms::default() };
        let (mut person, card) = scene.person_invites(&terms).await?;
        let seen = cut_behind(scene, position, position)?;
        scene.client_accepts(&card).await?;
        let was_killed = killed(scene, position, &seen).await?;
        person.meet().await?;
        person.answer().await?;
        let contact = scene.ready(None).await?;
        let (there, back) = (scene.canary(), scene.canary());
        person.say_text(&there).await?;
        scene.shows(&contact, &there).await?;
        scene.client_texts(&contact, &back).await?;
        person.text(&back).await?;
        if !was_killed {
            let steps = position;
            ensure!(steps >= 4, "a Claim, a Create, Attach and Send at the least", "{steps}");
            return Ok(());
        }
    }
    Err(Stop::fail(format!("fewer than {POSITIONS_MAX} operations to join"), "more"))
}

/// A contact that was not known before. What was told of it may have ended with the client.
async fn new_contact(scene: &Scene, known: &mut Vec<Bytes>) -> Result<Bytes, Stop> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let told = scene.tell(Kind::ListContacts(driver::ListContacts {})).await?;
        let contacts = match told.map_err(|refused| refused.stop("Contacts"))? {
            ok::Kind::Contacts(contacts) => contacts.contacts,
            other => return Err(Stop::fail("Contacts", format!("{other:?}"))),
        };
        if let Some(new) = contacts.into_iter().find(|contact| !known.contains(contact)) {
            known.push(new.clone());
            return Ok(new);
        }
        tokio::time::sleep(QUIET / 8).await;
    }
    Err(Stop::fail("a contact, whenever the client was killed", "none"))
}

/// Between the claimer's hello and the answer to it: however far it came, it answers, and they talk.
async fn answering(scene: &mut Scene) -> Verdict {
    let mut known = Vec::new();
    for position in 0..POSITIONS_MAX {
        scene.servers(position + 1).await?;
        let terms = Terms { servers: vec![position], ..Terms::default() };
        let (_, card) = scene.client_invites(&terms).await?;
        let seed = scene.seed32();
        let claimed = Claimed::claim(scene.around(), seed, &card).await?;
        let (mut person, hello) = claimed.begin().await?;
        let seen = cut_behind(scene, position, position)?;
        person.say(&hello).await?;
        let was_killed = killed(scene, position, &seen).await?;
        let contact = new_contact(scene, &mut known).await?;
        person.cell("an answer to the hello (SESSION-35)", PATIENCE).await?;
        let (there, back) = (scene.canary(), scene.canary());
        person.say_text(&there).await?;
        scene.shows(&contact, &there).await?;
        scene.client_texts(&contact, &back).await?;
        person.text(&back).await?;
        if !was_killed {
            ensure!(position >= 3, "a Claim, an Attach and a Send at the least", "{position}");
            return Ok(());
        }
    }
    Err(Stop::fail(format!("fewer than {POSITIONS_MAX} operations to answer"), "more"))
}

/// While both say something: what was said comes once, and is shown once.
async fn talking(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let mut said = Vec::new();
    for position in 0..POSITIONS_MAX {
        while person.listen(QUIET / 8).await?.is_some() {}
        let seen = cut_behind(scene, 0, position)?;
        let (there, back) = (scene.canary(), scene.canary());
        said.push(there.clone());
        person.say_text(&there).await?;
        // It is killed while it is told so, or behind it.
        scene.client_texts(&contact, &back).await?;
        let was_killed = killed(scene, 0, &seen).await?;
        until_said(&mut person, &back).await?;
        scene.until_history(&contact, &said).await?;
        if !was_killed {
            ensure!(position >= 2, "a Send and an Acknowledge at the least", "{position}");
            return Ok(());
        }
    }
    Err(Stop::fail(format!("fewer than {POSITIONS_MAX} operations a round"), "more"))
}

/// The next text that comes is this one: no other one comes twice.
async fn until_said(person: &mut Person, text: &str) -> Verdict {
    let said = tokio::time::timeout(2 * PATIENCE, person.text(text)).await;
    said.unwrap_or_else(|_| Err(Stop::fail(format!("the text {text:?}"), "nothing")))
}
