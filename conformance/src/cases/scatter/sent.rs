//! What a client sends for k > 1, and where: n parts that have nothing in common, any k of which are
//! the cell, each over the connection of its place.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bytes::Bytes;
use edgewise_proto::conformance::v1::MoveConnection;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_spec::connection::Op;
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::Descriptor;
use edgewise_spec::message::{Content, Event};

use super::super::rotation::moving::{deleted, made, until_deleted};
use super::super::session::store::{cut_at, kill_when};
use super::{four_of_seven, met, talk};
use crate::case::{Case, driven};
use crate::ensure;
use crate::host::Host;
use crate::peer::person::{Heard, Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("scatter/parts-sent", [SCATTER_4, SCATTER_8, SCATTER_20, SCATTER_21], parts_sent, needs Scatter),
    driven!("scatter/fresh-cell-keys", [SCATTER_16], fresh_keys, needs Scatter),
    driven!(
        "scatter/killed-scattering",
        [SCATTER_8, SESSION_23, SESSION_24],
        killed,
        needs Scatter Folder
    ),
    driven!("scatter/move", [SCATTER_20, ROTATION_20, ROTATION_25], moves, needs Scatter Move),
    driven!("scatter/follow", [SCATTER_20, ROTATION_36], follows, needs Scatter Move),
];

/// Bytes that two parts have in common by chance in no run: 2^-64 for each pair of places.
const RUN: usize = 8;

/// Expects that no two parts of any servers have a run of bytes in common, and that each server has
/// as many.
fn nothing_alike(hosts: &[Host]) -> Verdict {
    let parts: Vec<Vec<Bytes>> = hosts
        .iter()
        .map(|host| host.record().parts().map(|(_, _, part)| part.clone()).collect())
        .collect();
    let counts: Vec<_> = parts.iter().map(Vec::len).collect();
    let even = counts.iter().all(|count| counts.first() == Some(count) && *count > 0);
    ensure!(even, "as many parts at each server", "{counts:?}");
    let mut seen: HashMap<&[u8], usize> = HashMap::new();
    for (number, part) in parts.iter().flatten().enumerate() {
        for run in part.windows(RUN) {
            let before = seen.insert(run, number);
            let expected = "parts that have nothing in common";
            ensure!(before.is_none_or(|it| it == number), expected, "a run of {RUN} bytes in two");
        }
    }
    Ok(())
}

/// Waits until every server has as many parts, and has had so for a while.
async fn until_even(scene: &Scene) -> Verdict {
    for _ in 0..40 {
        let counts = |scene: &Scene| -> Vec<_> {
            scene.hosts().iter().map(|host| host.record().parts().count()).collect()
        };
        let before = counts(scene);
        tokio::time::sleep(QUIET / 4).await;
        let after = counts(scene);
        if before == after && after.iter().all(|count| after.first() == Some(count)) {
            return Ok(());
        }
    }
    Err(Stop::fail("as many parts at each server", "another number"))
}

/// The same text twice, seven of ten: a part of each cell at every server, no two of which have
/// anything in common, and any seven are the cell.
async fn parts_sent(scene: &mut Scene) -> Verdict {
    let terms = Terms::of(Class::Small, 7, 10);
    for accepted in [true, false] {
        let (mut person, contact) = met(scene, &terms, accepted).await?;
        person.gathers = true;
        let text = scene.canary();
        for _ in 0..2 {
            scene.client_texts(&contact, &text).await?;
            person.text(&text).await?;
        }
    }
    until_even(scene).await?;
    nothing_alike(scene.hosts())
}

/// No two cells are sealed under one cell key.
async fn fresh_keys(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    person.gathers = true;
    for _ in 0..4 {
        let text = scene.canary();
        scene.client_texts(&contact, &text).await?;
        person.text(&text).await?;
    }
    let pads: HashSet<_> = person.gathered.iter().map(|it| it.pad.clone()).collect();
    let (count, pads) = (person.gathered.len(), pads.len());
    ensure!(count >= 4, "four cells of which all parts came", "{count}");
    ensure!(pads == count, format!("{count} cell keys for {count} cells (SCATTER-16)"), "{pads}");
    Ok(())
}

/// Killed when the first or the last part of a text leaves, before and after the server has it: all n
/// parts come, and are of one cell.
async fn killed(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    person.gathers = true;
    for (place, after) in [(0, false), (0, true), (6, false), (6, true)] {
        let seen = cut_at(scene, place, after, |op| matches!(op, Op::Send { .. }))?;
        let text = scene.canary();
        scene.client_texts(&contact, &text).await?;
        kill_when(scene, place, &seen, "a Send").await?;
        person.text(&text).await?;
        let next = scene.canary();
        scene.client_texts(&contact, &next).await?;
        person.text(&next).await?;
    }
    Ok(())
}

/// The move that the client says, within a time.
async fn asked(person: &mut Person) -> Result<(u32, u8, Descriptor), Stop> {
    let end = Instant::now() + PATIENCE;
    while let Some(heard) = person.listen(end.saturating_duration_since(Instant::now())).await? {
        let Heard::Cell { events, .. } = heard else { continue };
        for event in events {
            if let Event::Message(message) = event
                && let Ok(Content::Move { number, place, descriptor }) = message.content
            {
                let to = Descriptor::parse(&descriptor).map_err(|error| {
                    Stop::fail("a descriptor (INVITATION-36)", error.to_string())
                })?;
                return Ok((number, place, to));
            }
        }
    }
    Err(Stop::fail("a move", "none"))
}

/// The client moves one of its seven: a part over the new connection is the part of that place, and
/// one of the old connection that comes late is too.
async fn moves(scene: &mut Scene) -> Verdict {
    scene.servers(8).await?;
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    let old = made(scene, 2)?;
    let held = scene.canary();
    let cells = person.prepare(&held)?;
    for cell in &cells {
        person.hand_in_at(cell, &[0, 5, 6]).await?;
    }
    let server = scene.host(7)?.address.to_string();
    let begin = MoveConnection { contact: contact.clone(), place: 2, server };
    scene.done(Kind::MoveConnection(begin), "a move begun").await?;
    let (number, place, to) = asked(&mut person).await?;
    ensure!(place == 2, "a move of place 2", "{place}");
    person.follow(number, place, &to).await?;
    let text = scene.canary();
    for cell in &person.prepare(&text)? {
        person.hand_in_at(cell, &[1, 2, 3, 4]).await?;
    }
    scene.shown_text(&contact, &text).await?;
    let early = deleted(scene, 2)?.contains(&old);
    ensure!(!early, "the old connection there while a part may come over it", "deleted");
    for cell in &cells {
        let part = cell.parts.get(2).cloned().unwrap_or_default();
        person.post(person.left(), part).await?;
    }
    scene.shown_text(&contact, &held).await?;
    until_deleted(scene, 2, old).await?;
    person.gathers = true;
    talk(scene, &mut person, &contact).await
}

/// The person moves one of its seven: the client's parts of that place come over the new connection,
/// and belong to the cell of the others.
async fn follows(scene: &mut Scene) -> Verdict {
    scene.servers(8).await?;
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    talk(scene, &mut person, &contact).await?;
    person.gathers = true;
    person.moves_place(1, 3, 7).await?;
    let moved = person.message("an answer to the move (ROTATION-33)").await?;
    let answered = matches!(moved.content, Ok(Content::Moved { number: 1, place: 3, .. }));
    ensure!(answered, "an answer to move 1 of place 3", "{:?}", moved.content);
    tokio::time::sleep(QUIET).await;
    let before = scene.host(3)?.record().parts().count();
    for _ in 0..2 {
        talk(scene, &mut person, &contact).await?;
    }
    tokio::time::sleep(QUIET).await;
    let (there, old) = (scene.host(7)?.record(), scene.host(3)?.record());
    let (there, old) = (there.parts().count(), old.parts().count());
    ensure!(there >= 2, "parts over the new connection (ROTATION-36)", "{there}");
    ensure!(old == before, "none over the old one any more (ROTATION-36)", "{}", old - before);
    Ok(())
}
