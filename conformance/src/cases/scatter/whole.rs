//! k = 1: every part carries the whole cell, and any one server delivers it.

use bytes::Bytes;
use edgewise_proto::conformance::v1::Blame;
use edgewise_spec::constants::TAG_WINDOW;
use edgewise_spec::message::Content;
use edgewise_spec::session::Purpose;

use super::{acknowledged, blamed, spoilt};
use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::{Heard, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("scatter/any-server", [SCATTER_12, SCATTER_15], any_server),
    driven!("scatter/every-server", [SCATTER_8], every_server),
    driven!("scatter/repeated", [SCATTER_11, SCATTER_15], repeated),
    driven!("scatter/bad-part", [SCATTER_10, SCATTER_15], bad_part),
    driven!("scatter/blame", [SCATTER_13], blame),
    driven!("scatter/lying-server", [SCATTER_10, SCATTER_12, SCATTER_13, SCATTER_15], lying),
    driven!("scatter/reordering-server", [SCATTER_15, SESSION_20], reordering),
    driven!("scatter/window", [SCATTER_9], window),
];

fn two() -> Terms {
    Terms { servers: vec![0, 1], carded: 2, ..Terms::default() }
}

/// A cell that one server of two delivers is shown; the part that comes later from the other one is
/// acknowledged and dropped.
async fn any_server(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&two()).await?;
    for place in [0, 1] {
        let text = format!("by way of {place}");
        let composed = person.compose(&Content::Text(text.clone()))?;
        let cells = person.seal_all(&composed.bodies)?;
        for cell in &cells {
            let part = cell.parts.get(place).cloned().unwrap_or_default();
            person.post(place, part).await?;
        }
        scene.shows(&contact, &text).await?;
        for cell in &cells {
            let part = cell.parts.get(1 - place).cloned().unwrap_or_default();
            person.post(1 - place, part).await?;
        }
        scene.shows_nothing(&contact, "the cell was opened before (SCATTER-12)").await?;
    }
    acknowledged(scene).await
}

/// What the client says goes to every server, in different parts.
async fn every_server(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&two()).await?;
    scene.client_texts(&contact, "to both").await?;
    person.text("to both").await?;
    for _ in 0..20 {
        let parts: Vec<Vec<Bytes>> = scene
            .hosts()
            .iter()
            .map(|host| host.record().parts().map(|(_, _, part)| part.clone()).collect())
            .collect();
        let [first, second] = parts.as_slice() else { return Err(Stop::harness("two servers")) };
        if first.len() == second.len() {
            let alike = first.iter().any(|part| second.contains(part));
            ensure!(!alike, "different parts for different servers", "the same");
            return Ok(());
        }
        tokio::time::sleep(QUIET / 4).await;
    }
    Err(Stop::fail("as many parts at each server", "another number"))
}

/// The same part again and again is dropped and acknowledged.
async fn repeated(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let cells = person.say_text("once").await?;
    for cell in &cells {
        for _ in 0..3 {
            person.hand_in(cell).await?;
        }
    }
    scene.shows(&contact, "once").await?;
    scene.shows_nothing(&contact, "the part was taken before (SCATTER-11)").await?;
    acknowledged(scene).await
}

/// A part that a server has altered does not use up its tag: the good one is taken after it.
async fn bad_part(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let composed = person.compose(&Content::Text("in spite of it".to_owned()))?;
    let cells = person.seal_all(&composed.bodies)?;
    for cell in &cells {
        let part = cell.parts.first().cloned().unwrap_or_default();
        person.post(0, spoilt(&part, 100)).await?;
        person.post(0, spoilt(&part, part.len() - 1)).await?;
    }
    scene.shows_nothing(&contact, "the part was altered").await?;
    for cell in &cells {
        person.hand_in(cell).await?;
    }
    scene.shows(&contact, "in spite of it").await?;
    acknowledged(scene).await
}

/// Bad and stray parts are counted against the server that brought them.
async fn blame(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&two()).await?;
    let composed = person.compose(&Content::Text("who was it?".to_owned()))?;
    let cells = person.seal_all(&composed.bodies)?;
    for cell in &cells {
        let part = cell.parts.get(1).cloned().unwrap_or_default();
        person.post(1, spoilt(&part, 200)).await?;
        // Another tag: it belongs to nothing.
        person.post(1, spoilt(&part, 0)).await?;
        person.hand_in(cell).await?;
    }
    scene.shows(&contact, "who was it?").await?;
    let guilty = scene.host(1)?.address.to_string();
    for _ in 0..20 {
        let blamed = blamed(scene, &contact).await?;
        let count = |blame: &Blame| blame.bad + blame.stray;
        let innocent = blamed.iter().filter(|it| it.server != guilty).map(count).sum::<u32>();
        ensure!(innocent == 0, "nothing against the other server", "{blamed:?}");
        let found = blamed.iter().filter(|it| it.server == guilty).map(count).sum::<u32>();
        if found >= 2 {
            return Ok(());
        }
        tokio::time::sleep(QUIET / 4).await;
    }
    Err(Stop::fail("two parts against the server that brought them (SCATTER-13)", "fewer"))
}

/// Delivered by a server that cuts, empties, swaps, replays and makes up parts, while the other one
/// is honest: every text is shown once, in order, and the blame falls on the liar.
async fn lying(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&two()).await?;
    let mut earlier: Vec<Bytes> = Vec::new();
    let mut turn = 0;
    scene.host(1)?.tamper(move |parts| {
        if turn == 0 {
            // What it had first nobody ever gets.
            turn = 1;
            parts.clear();
        }
        for (_, part) in parts.iter_mut() {
            let honest = part.clone();
            turn += 1;
            *part = match turn % 6 {
                0 => part.slice(..part.len() - 1),
                1 => spoilt(part, 40),
                2 => earlier.first().cloned().unwrap_or_else(|| spoilt(part, 0)),
                3 => vec![0x5a; part.len()].into(),
                4 => Bytes::new(),
                _ => [&part[..], &[0]].concat().into(),
            };
            earlier.push(honest);
        }
    });
    let mut said = Vec::new();
    for number in 0..8 {
        let text = format!("text {number}");
        person.say_text(&text).await?;
        said.push(text);
    }
    scene.until_history(&contact, &said).await?;
    let guilty = scene.host(1)?.address.to_string();
    for _ in 0..20 {
        let blamed = blamed(scene, &contact).await?;
        let innocent = blamed.iter().filter(|it| it.server != guilty);
        let innocent: u32 = innocent.map(|it| it.bad + it.stray).sum();
        ensure!(innocent == 0, "nothing against the honest server", "{blamed:?}");
        if blamed.iter().any(|it| it.server == guilty && it.bad + it.stray >= 2) {
            return Ok(());
        }
        tokio::time::sleep(QUIET / 4).await;
    }
    Err(Stop::fail("parts counted against the server that lies (SCATTER-13)", "none"))
}

/// A server that hands over the parts of a link's beginning in the other order: every text is shown
/// once.
async fn reordering(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    person.say_text("in the beginning").await?;
    scene.shows(&contact, "in the beginning").await?;
    scene.host(0)?.tamper(|parts| {
        let mut contents: Vec<Bytes> = parts.iter().map(|(_, part)| part.clone()).collect();
        contents.reverse();
        for ((_, part), content) in parts.iter_mut().zip(contents) {
            *part = content;
        }
    });
    scene.host(0)?.close(true);
    person.relink().await?;
    let mut said = vec!["in the beginning".to_owned()];
    for number in 0..8 {
        let text = format!("text {number}");
        person.say_text(&text).await?;
        said.push(text);
    }
    scene.host(0)?.close(false);
    for text in said.iter().skip(1).rev() {
        scene.shown_text(&contact, text).await?;
    }
    scene.shows_nothing(&contact, "each came once").await?;
    let entries = scene.history(&contact).await?;
    let mut shown: Vec<_> = entries.iter().filter_map(|it| crate::scene::text_of(it)).collect();
    shown.sort_unstable();
    ensure!(shown == said, "all texts, each once", "{shown:?}");
    Ok(())
}

/// A part whose s lies more than TAG_WINDOW below the highest opened is of no use any more.
async fn window(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let composed = person.compose(&Content::Text("far behind".to_owned()))?;
    let held = person.seal_all(&composed.bodies)?;
    let body = person.layout().empty();
    for _ in 0..=TAG_WINDOW {
        // An honest end waits for acks; this one listens now and then.
        let cell = loop {
            match person.seal(Purpose::Cover, &body) {
                Ok(cell) => break cell,
                Err(_) => {
                    let heard = person.listen(PATIENCE).await?;
                    ensure!(heard.is_some(), "an ack (SESSION-33)", "none");
                }
            }
        };
        person.hand_in(&cell).await?;
        while matches!(person.listen(std::time::Duration::ZERO).await?, Some(Heard::Cell { .. })) {}
    }
    person.say_text("far ahead").await?;
    scene.shows(&contact, "far ahead").await?;
    let before = strays(scene, &contact).await?;
    for cell in &held {
        person.hand_in(cell).await?;
    }
    scene.shows_nothing(&contact, "its keys are forgotten (SCATTER-9)").await?;
    // Nobody knows its tag any more: that is what the user is told of its server.
    for _ in 0..20 {
        if strays(scene, &contact).await? > before {
            return Ok(());
        }
        tokio::time::sleep(QUIET / 4).await;
    }
    Err(Stop::fail("a stray part: the key of its tag is forgotten (SCATTER-9)", "a known one"))
}

/// Parts without a known tag, of all servers of a contact.
async fn strays(scene: &Scene, contact: &Bytes) -> Result<u32, Stop> {
    Ok(blamed(scene, contact).await?.iter().map(|blame| blame.stray).sum())
}
