//! What a client keeps of a cell that is not whole: over a kill, and for PARTIAL_DAYS.

use std::collections::HashMap;

use bytes::Bytes;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_spec::connection::{Id, Op};
use edgewise_spec::constants::PARTIAL_DAYS;

use super::super::session::store::{cut_at, kill_when};
use super::{acknowledged, four_of_seven, talk};
use crate::case::{Case, driven};
use crate::ensure;
use crate::host::{Host, Watched};
use crate::peer::person::{Cell, Claimed, Person};
use crate::scene::{PATIENCE, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("scatter/killed-partial", [SCATTER_15, SCATTER_21], killed, needs Scatter Folder),
    driven!(
        "scatter/killed-partial-hello",
        [SCATTER_15, SCATTER_21, SESSION_35],
        hello,
        needs Scatter Folder
    ),
    driven!(
        "scatter/killed-acknowledging",
        [SCATTER_15, SESSION_25],
        acknowledging,
        needs Scatter Folder
    ),
    driven!("scatter/partial-kept", [SCATTER_24], kept, needs Scatter Clock),
    driven!("scatter/partial-given-up", [SCATTER_24], given_up, needs Scatter Clock),
];

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
const DAYS: u64 = PARTIAL_DAYS as u64;

/// k − 1 parts of a text, which the client has acknowledged; the text and its cells.
async fn begun(
    scene: &mut Scene,
    person: &mut Person,
    contact: &Bytes,
) -> Result<(String, Vec<Cell>), Stop> {
    let text = scene.canary();
    let cells = person.prepare(&text)?;
    for cell in &cells {
        person.hand_in_at(cell, &[0, 2, 5]).await?;
    }
    scene.shows_nothing(contact, "k - 1 parts of a cell are none (SCATTER-21)").await?;
    acknowledged(scene).await?;
    Ok((text, cells))
}

/// The sequences that were given at a server, how often each.
fn given(host: &Host) -> HashMap<(Id, u64), usize> {
    let mut given = HashMap::new();
    for asked in &host.record().asked {
        if let Watched::Given { id, sequence } = asked.what {
            *given.entry((id, sequence)).or_default() += 1;
        }
    }
    given
}

/// Killed with k − 1 parts: they are not asked for again, and with one more the text is shown.
async fn killed(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    let (text, cells) = begun(scene, &mut person, &contact).await?;
    scene.crash().await?;
    for cell in &cells {
        person.hand_in_at(cell, &[4]).await?;
    }
    scene.shows(&contact, &text).await?;
    for place in [0, 2, 5] {
        let again = given(scene.host(place)?).into_values().filter(|count| *count > 1).count();
        ensure!(again == 0, "no part asked for again that was acknowledged", "{again}");
    }
    scene.crash().await?;
    for cell in &cells {
        person.hand_in_at(cell, &[1, 3, 6]).await?;
    }
    scene.until_history(&contact, &[text]).await?;
    acknowledged(scene).await?;
    talk(scene, &mut person, &contact).await
}

/// Killed with k − 1 parts of the hello, before there is a session to open it: with one more there is
/// a contact, and the hello is answered.
async fn hello(scene: &mut Scene) -> Verdict {
    let (_, card) = scene.client_invites(&four_of_seven()).await?;
    let seed = scene.seed32();
    let claimed = Claimed::claim(scene.around(), seed, &card).await?;
    let (mut person, hello) = claimed.begin().await?;
    let composed = person.compose(&hello)?;
    let cells = person.seal_all(&composed.bodies)?;
    for cell in &cells {
        person.hand_in_at(cell, &[6, 4, 2]).await?;
    }
    let none = "no contact: k - 1 parts of a cell are none (SCATTER-21)";
    scene.no_event(none, |event| matches!(event, Event::ContactReady(_))).await?;
    acknowledged(scene).await?;
    scene.crash().await?;
    for cell in &cells {
        person.hand_in_at(cell, &[3]).await?;
    }
    let contact = scene.ready(None).await?;
    person.cell("an answer to the hello (SESSION-35)", PATIENCE).await?;
    for cell in &cells {
        person.hand_in_at(cell, &[0, 1, 5]).await?;
    }
    acknowledged(scene).await?;
    talk(scene, &mut person, &contact).await
}

/// Killed when it acknowledges a part, the first or the k-th, before and after the server has heard
/// it: the text is shown once.
async fn acknowledging(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    let mut said = Vec::new();
    for (place, after) in [(1, false), (1, true), (6, false), (6, true)] {
        let text = scene.canary();
        let cells = person.prepare(&text)?;
        let seen = cut_at(scene, place, after, |op| matches!(op, Op::Acknowledge { .. }))?;
        for cell in &cells {
            person.hand_in_at(cell, &[1, 0, 3, 6]).await?;
        }
        kill_when(scene, place, &seen, "an Acknowledge").await?;
        said.push(text);
        scene.until_history(&contact, &said).await?;
    }
    acknowledged(scene).await?;
    talk(scene, &mut person, &contact).await
}

/// A day before PARTIAL_DAYS the parts are there.
async fn kept(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    let (text, cells) = begun(scene, &mut person, &contact).await?;
    scene.advance((DAYS - 1) * DAY).await?;
    person.relink().await?;
    for cell in &cells {
        person.hand_in_at(cell, &[4]).await?;
    }
    scene.shown_text(&contact, &text).await.map(drop)
}

/// PARTIAL_DAYS after the first of them the k − 1 parts are given up: one more makes no cell, and the
/// talk goes on.
async fn given_up(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    let (_, cells) = begun(scene, &mut person, &contact).await?;
    scene.advance(DAYS * DAY + HOUR).await?;
    person.relink().await?;
    for cell in &cells {
        person.hand_in_at(cell, &[4]).await?;
    }
    scene.shows_nothing(&contact, "its parts are given up (SCATTER-24)").await?;
    acknowledged(scene).await?;
    let text = scene.canary();
    person.say_text(&text).await?;
    scene.shown_text(&contact, &text).await.map(drop)
}
