//! The client is killed at each point where something could be lost or sealed twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use edgewise_spec::connection::Op;
use tokio::sync::Notify;

use crate::case::{Case, driven};
use crate::host::Deed;
use crate::peer::person::Terms;
use crate::scene::{PATIENCE, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("session/killed-sending", [SESSION_24, SESSION_23], killed_sending, needs Folder),
    driven!("session/killed-receiving", [SESSION_25], killed_receiving, needs Folder),
];

/// Cuts the link at the first operation of a kind, and tells of it.
pub(in crate::cases) fn cut_at(
    scene: &Scene,
    place: usize,
    after: bool,
    kind: fn(&Op) -> bool,
) -> Result<Arc<Notify>, Stop> {
    let seen = Arc::new(Notify::new());
    let (tell, done) = (Arc::clone(&seen), AtomicBool::new(false));
    scene.host(place)?.judge(move |op| {
        if done.load(Ordering::Relaxed) || !kind(op) {
            return if done.load(Ordering::Relaxed) { Deed::Cut } else { Deed::Honest };
        }
        done.store(true, Ordering::Relaxed);
        tell.notify_one();
        if after { Deed::CutAfter } else { Deed::Cut }
    });
    Ok(seen)
}

/// Waits for what [`cut_at`] tells, kills the client, and is honest from then on.
pub(in crate::cases) async fn kill_when(
    scene: &mut Scene,
    place: usize,
    seen: &Notify,
    what: &str,
) -> Verdict {
    if tokio::time::timeout(PATIENCE, seen.notified()).await.is_err() {
        return Err(Stop::fail(what, "nothing"));
    }
    scene.host(place)?.honest();
    scene.crash().await
}

/// Killed when the first part of a text leaves, before and after the server has it: the text comes
/// once, and no s is sealed twice.
async fn killed_sending(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    for after in [false, true] {
        let seen = cut_at(scene, 0, after, |op| matches!(op, Op::Send { .. }))?;
        let text = scene.canary();
        scene.client_texts(&contact, &text).await?;
        kill_when(scene, 0, &seen, "a Send").await?;
        person.text(&text).await?;
        let next = scene.canary();
        scene.client_texts(&contact, &next).await?;
        person.text(&next).await?;
    }
    Ok(())
}

/// Killed when it acknowledges: what it acknowledged stands in its history, once.
async fn killed_receiving(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let mut said = Vec::new();
    for after in [false, true] {
        let seen = cut_at(scene, 0, after, |op| matches!(op, Op::Acknowledge { .. }))?;
        let text = scene.canary();
        said.push(text.clone());
        person.say_text(&text).await?;
        kill_when(scene, 0, &seen, "an Acknowledge").await?;
        let next = scene.canary();
        said.push(next.clone());
        person.say_text(&next).await?;
        scene.until_history(&contact, &said).await?;
    }
    Ok(())
}
