//! The client moves a connection that it receives over; the suite's person follows.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::MoveConnection;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_spec::connection::{Id, Op};
use edgewise_spec::constants::MOVE_LANES_MAX;
use edgewise_spec::invitation::Descriptor;
use edgewise_spec::message::{Content, Event};

use super::super::session::store::{cut_at, kill_when};
use crate::case::{Case, driven};
use crate::driver::Told;
use crate::ensure;
use crate::host::{Deed, Watched};
use crate::peer::person::{Heard, Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!(
        "rotation/move",
        [ROTATION_18, ROTATION_19, ROTATION_20, ROTATION_25, INVITATION_27],
        moves,
        needs Move
    ),
    driven!("rotation/move-created-first", [ROTATION_21], created_first, needs Move),
    driven!(
        "rotation/move-superseded",
        [ROTATION_18, ROTATION_19, ROTATION_23, ROTATION_25],
        superseded,
        needs Move
    ),
    driven!("rotation/move-bounds", [ROTATION_22, ROTATION_26], bounds, needs Move),
    driven!(
        "rotation/move-killed",
        [ROTATION_18, ROTATION_19, ROTATION_21],
        killed,
        needs Move Folder
    ),
];

/// Has the client move a place to a server; it may refuse.
async fn try_move(scene: &Scene, contact: &Bytes, place: u32, server: usize) -> Result<Told, Stop> {
    let server = scene.host(server)?.address.to_string();
    let contact = contact.clone();
    scene.tell(Kind::MoveConnection(MoveConnection { contact, place, server })).await
}

async fn has_move(scene: &Scene, contact: &Bytes, server: usize) -> Verdict {
    let told = try_move(scene, contact, 0, server).await?;
    told.map(drop).map_err(|refused| refused.stop("a move begun"))
}

/// What a move says.
struct Asked {
    number: u32,
    place: u8,
    to: Descriptor,
}

/// A move among what comes within a time.
async fn asked_within(person: &mut Person, within: Duration) -> Result<Option<Asked>, Stop> {
    let end = Instant::now() + within;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let Some(heard) = person.listen(left).await? else { return Ok(None) };
        let Heard::Cell { events, .. } = heard else { continue };
        for event in events {
            if let Event::Message(message) = event
                && let Ok(Content::Move { number, place, descriptor }) = message.content
            {
                let to = Descriptor::parse(&descriptor).map_err(|error| {
                    Stop::fail("a descriptor (INVITATION-36)", error.to_string())
                })?;
                return Ok(Some(Asked { number, place, to }));
            }
        }
    }
}

async fn asked(person: &mut Person) -> Result<Asked, Stop> {
    let asked = asked_within(person, PATIENCE).await?;
    asked.ok_or_else(|| Stop::fail("a move", "none"))
}

/// The connections that the client has deleted at a server.
pub(in crate::cases) fn deleted(scene: &Scene, server: usize) -> Result<Vec<Id>, Stop> {
    let record = scene.host(server)?.record();
    let ids = record.asked.iter().filter_map(|asked| match &asked.what {
        Watched::Delete { id } => Some(*id),
        _ => None,
    });
    Ok(ids.collect())
}

/// The first connection that the client has made at a server.
pub(in crate::cases) fn made(scene: &Scene, server: usize) -> Result<Id, Stop> {
    let record = scene.host(server)?.record();
    let mut ids = record.asked.iter().filter_map(|asked| match &asked.what {
        Watched::Create { id, .. } if asked.refused.is_none() => Some(*id),
        _ => None,
    });
    ids.next().ok_or_else(|| Stop::fail("a connection made", "none"))
}

pub(in crate::cases) async fn until_deleted(scene: &Scene, server: usize, id: Id) -> Verdict {
    for _ in 0..60 {
        if deleted(scene, server)?.contains(&id) {
            return Ok(());
        }
        tokio::time::sleep(QUIET / 8).await;
    }
    Err(Stop::fail("the connection that was left deleted (ROTATION-25)", "it is not"))
}

/// The place moves; what was sealed before and comes late over the old connection is taken, and
/// then, not before, that one is deleted.
async fn moves(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    person.say_text("before").await?;
    scene.shows(&contact, "before").await?;
    let old = made(scene, 0)?;
    has_move(scene, &contact, 1).await?;
    let Asked { number, place, to } = asked(&mut person).await?;
    ensure!((number, place) == (1, 0), "move 1 of place 0 (ROTATION-19)", "{number} of {place}");
    let (base, highest) = (to.base, person.sealed());
    ensure!(base == highest, format!("base {highest} (ROTATION-20)"), "{base}");
    let composed = person.compose(&Content::Text("held back".to_owned()))?;
    let held = person.seal_all(&composed.bodies)?;
    person.follow(number, place, &to).await?;
    person.say_text("over the new one").await?;
    // What says that the number held back is missing may be shown before.
    scene.shown_text(&contact, "over the new one").await?;
    tokio::time::sleep(QUIET).await;
    let early = deleted(scene, 0)?.contains(&old);
    ensure!(!early, "the old connection there while a cell may come over it", "deleted");
    for cell in &held {
        for part in &cell.parts {
            person.post(person.left(), part.clone()).await?;
        }
    }
    scene.shown_text(&contact, "held back").await?;
    until_deleted(scene, 0, old).await?;
    person.say_text("and on").await?;
    scene.shown_text(&contact, "and on").await?;
    let zeros = scene.host(1)?.record().asked.iter().all(|asked| match &asked.what {
        Watched::Create { bundle, .. } => bundle.iter().all(|byte| *byte == 0),
        _ => true,
    });
    ensure!(zeros, "a bundle of zeros (INVITATION-27)", "another");
    Ok(())
}

/// Nothing is said of a connection that does not exist yet.
async fn created_first(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let late = Instant::now() + 3 * QUIET;
    scene.host(1)?.judge(move |op| match op {
        Op::Create(_) if Instant::now() < late => Deed::Cut,
        _ => Deed::Honest,
    });
    has_move(scene, &contact, 1).await?;
    let early = asked_within(&mut person, 2 * QUIET).await?;
    ensure!(early.is_none(), "no move before its connection is created (ROTATION-21)", "one");
    let Asked { number, place, to } = asked(&mut person).await?;
    person.follow(number, place, &to).await?;
    person.say_text("there").await?;
    scene.shows(&contact, "there").await.map(drop)
}

/// A move that nobody has answered is superseded: what answers the first one is not acted on, and
/// both connections that are of no use any more are deleted.
async fn superseded(scene: &mut Scene) -> Verdict {
    scene.servers(3).await?;
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let old = made(scene, 0)?;
    has_move(scene, &contact, 1).await?;
    let first = asked(&mut person).await?;
    has_move(scene, &contact, 2).await?;
    let second = asked(&mut person).await?;
    let numbers = (first.number, second.number);
    ensure!(numbers == (1, 2), "moves 1 and 2 (ROTATION-19)", "{numbers:?}");
    let s = person.sealed() + 1;
    person.say(&Content::Moved { number: 1, place: 0, s }).await?;
    person.say_text("still over the old one").await?;
    scene.shows(&contact, "still over the old one").await?;
    tokio::time::sleep(QUIET).await;
    let early = deleted(scene, 0)?;
    ensure!(early.is_empty(), "nothing done for an old answer (ROTATION-23)", "a Delete");
    person.follow(2, 0, &second.to).await?;
    person.say_text("over the newest one").await?;
    scene.shows(&contact, "over the newest one").await?;
    until_deleted(scene, 0, old).await?;
    until_deleted(scene, 1, made(scene, 1)?).await
}

/// Another place waits until the move of the first is answered; and one place is offered no more
/// connections than there may be.
async fn bounds(scene: &mut Scene) -> Verdict {
    scene.servers(3).await?;
    let terms = Terms { servers: vec![0, 1], carded: 2, ..Terms::default() };
    let (mut person, contact) = scene.meet_inviting(&terms).await?;
    has_move(scene, &contact, 2).await?;
    asked(&mut person).await?;
    let other = try_move(scene, &contact, 1, 2).await?;
    ensure!(other.is_err(), "no move of another place meanwhile (ROTATION-22)", "{other:?}");
    for _ in 1..MOVE_LANES_MAX {
        has_move(scene, &contact, 2).await?;
        asked(&mut person).await?;
    }
    let more = try_move(scene, &contact, 0, 2).await?;
    ensure!(more.is_err(), "no more than MOVE_LANES_MAX of them (ROTATION-26)", "{more:?}");
    Ok(())
}

/// An operation at a server, whether the client is killed behind it, and its name.
type Point = (usize, fn(&Op) -> bool, bool, &'static str);

/// Killed at each step of a move: the connection is created before and after, the move is said
/// before and after; it comes once, and the talk goes on over the new connection.
async fn killed(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let create: fn(&Op) -> bool = |op| matches!(op, Op::Create(_));
    let send: fn(&Op) -> bool = |op| matches!(op, Op::Send { .. });
    let points: [Point; 4] = [
        (1, create, false, "a Create"),
        (1, create, true, "a Create"),
        (0, send, false, "a Send"),
        (0, send, true, "a Send"),
    ];
    for (at, kind, after, what) in points {
        let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
        while person.listen(QUIET / 4).await?.is_some() {}
        let seen = cut_at(scene, at, after, kind)?;
        has_move(scene, &contact, 1).await?;
        kill_when(scene, at, &seen, what).await?;
        let Asked { number, place, to } = asked(&mut person).await?;
        ensure!(number == 1, "move 1 (ROTATION-19)", "{number}");
        person.follow(number, place, &to).await?;
        let text = scene.canary();
        person.say_text(&text).await?;
        scene.shows(&contact, &text).await?;
        let again = asked_within(&mut person, QUIET / 2).await?;
        ensure!(again.is_none(), "one move, said once", "another");
    }
    Ok(())
}
