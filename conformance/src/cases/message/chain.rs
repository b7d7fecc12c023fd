//! Gaps, forks and duplicates, as the person is told of them.

use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_spec::message::{Content, UpTo};

use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::{Person, Terms};
use crate::scene::Scene;
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("message/gap", [MESSAGE_12], gap),
    driven!("message/fork", [MESSAGE_13], fork),
    driven!("message/two-of-one-number", [MESSAGE_14], two_of_one_number),
    driven!("message/fork-told-once", [MESSAGE_34], fork_told_once),
    driven!("message/duplicate", [MESSAGE_15], duplicate),
    driven!("message/disagreement", [MESSAGE_17], disagreement),
    driven!("message/received", [MESSAGE_17], received),
];

/// Numbers that were left out are named, and the missing message is shown when it comes.
async fn gap(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    person.say_text("before").await?;
    scene.shows(&contact, "before").await?;
    let before = person.composer.as_ref().map_or(0, edgewise_spec::message::Composer::number);
    let mut held = Vec::new();
    for text in ["held one", "held two"] {
        let composed = person.compose(&Content::Text(text.to_owned()))?;
        held.push(composed.bodies);
    }
    person.say_text("behind").await?;
    let behind = scene.shows(&contact, "behind").await?;
    let marks = behind.marks.unwrap_or_default();
    let missing = (marks.missing_first, marks.missing_last);
    let expected = (before + 1, before + 2);
    ensure!(missing == expected, format!("{expected:?} missing (MESSAGE-12)"), "{missing:?}");
    for (bodies, text) in held.iter().zip(["held one", "held two"]) {
        for cell in person.seal_all(bodies)? {
            person.hand_in(&cell).await?;
        }
        scene.shows(&contact, text).await?;
    }
    Ok(())
}

/// A message that names another one before it is marked.
async fn fork(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    person.say_text("as it was").await?;
    scene.shows(&contact, "as it was").await?;
    let kept = person.composer.clone();
    person.compose(&Content::Text("one that nobody gets".to_owned()))?;
    let other = person.compose(&Content::Text("another way".to_owned()))?;
    person.composer = kept;
    person.say_text("this way").await?;
    scene.shows(&contact, "this way").await?;
    for cell in person.seal_all(&other.bodies)? {
        person.hand_in(&cell).await?;
    }
    let entry = scene.shows(&contact, "another way").await?;
    ensure!(entry.marks.is_some_and(|marks| marks.fork), "a fork marked (MESSAGE-13)", "none");
    Ok(())
}

/// Two messages of one number are both shown, the second one marked.
async fn two_of_one_number(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let kept = person.composer.clone();
    person.say_text("the first").await?;
    scene.shows(&contact, "the first").await?;
    person.composer = kept;
    person.say_text("the second").await?;
    let entry = scene.shows(&contact, "the second").await?;
    ensure!(entry.marks.is_some_and(|marks| marks.fork), "a fork marked (MESSAGE-14)", "none");
    Ok(())
}

/// The second of two messages of one number is shown once, however often it comes.
async fn fork_told_once(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let kept = person.composer.clone();
    person.say_text("the first").await?;
    scene.shows(&contact, "the first").await?;
    person.composer = kept;
    let second = person.compose(&Content::Text("the second".to_owned()))?;
    hand_in(&mut person, &second.bodies, 1).await?;
    scene.shows(&contact, "the second").await?;
    hand_in(&mut person, &second.bodies, 2).await?;
    scene.shows_nothing(&contact, "the fork was told (MESSAGE-34)").await
}

/// The same message in new cells, so often: once it was shown, so that no client takes all at once
/// and tells of them together.
async fn hand_in(person: &mut Person, bodies: &[Vec<u8>], times: usize) -> Verdict {
    for _ in 0..times {
        for cell in person.seal_all(bodies)? {
            person.hand_in(&cell).await?;
        }
    }
    Ok(())
}

/// The same message in a new cell is not shown again.
async fn duplicate(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let composed = person.compose(&Content::Text("once".to_owned()))?;
    hand_in(&mut person, &composed.bodies, 1).await?;
    scene.shows(&contact, "once").await?;
    hand_in(&mut person, &composed.bodies, 2).await?;
    scene.shows_nothing(&contact, "a duplicate (MESSAGE-15)").await?;
    let entries = scene.history(&contact).await?;
    let count = entries.iter().filter(|it| crate::scene::text_of(it) == Some("once")).count();
    ensure!(count == 1, "it once in the history", "{count} times");
    Ok(())
}

/// The other says that it has received what the client has not sent.
async fn disagreement(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let up_to = UpTo { number: 99, hash: [7; 32] };
    let composed = person.compose_with(&Content::Text("so you say".to_owned()), up_to)?;
    for cell in person.seal_all(&composed.bodies)? {
        person.hand_in(&cell).await?;
    }
    scene.shows(&contact, "so you say").await?;
    told_of(scene, &contact, 99).await?;
    // A number that was sent, with another hash.
    let up_to = UpTo { number: 1, hash: [7; 32] };
    let composed = person.compose_with(&Content::Text("or so".to_owned()), up_to)?;
    for cell in person.seal_all(&composed.bodies)? {
        person.hand_in(&cell).await?;
    }
    scene.shows(&contact, "or so").await?;
    told_of(scene, &contact, 1).await
}

async fn told_of(scene: &Scene, contact: &bytes::Bytes, number: u32) -> Verdict {
    let expected = format!("a disagreement about number {number} (MESSAGE-17)");
    scene
        .event(&expected, |event| match event {
            Event::Disagreement(it) if it.contact == *contact && it.number == number => Some(()),
            _ => None,
        })
        .await
}

/// What the client says it has received is what was sent.
async fn received(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let composed = person.compose(&Content::Text("heard?".to_owned()))?;
    for cell in person.seal_all(&composed.bodies)? {
        person.hand_in(&cell).await?;
    }
    scene.shows(&contact, "heard?").await?;
    scene.client_texts(&contact, "yes").await?;
    let message = person.message("a text").await?;
    let up_to = message.header.up_to;
    let agrees = up_to.agrees(person.layout().mode(), Some(&composed.hash));
    if up_to.number == composed.id.number() && agrees {
        return Ok(());
    }
    Err(Stop::fail("the highest message received, by its hash", format!("{up_to:?}")))
}
