//! What is said again in the session that takes the place of another: shown once, and named by what
//! it was first.

use std::time::Instant;

use edgewise_spec::constants::HASH_LEN;
use edgewise_spec::message::{Content, Event, Message, MessageId};

use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::{Heard, Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("message/again-shown-once", [MESSAGE_35], shown_once, needs Standby),
    driven!("message/again-names-the-first", [MESSAGE_36], names_the_first, needs Standby),
];

/// A message as an again names it.
type Named = (MessageId, [u8; HASH_LEN]);

/// A text, and how an again names it.
async fn says(person: &mut Person, text: &str) -> Result<Named, Stop> {
    let composed = person.compose(&Content::Text(text.to_owned()))?;
    for cell in person.seal_all(&composed.bodies)? {
        person.hand_in(&cell).await?;
    }
    Ok((composed.id, composed.hash))
}

async fn says_again(person: &mut Person, (id, hash): Named, text: &str) -> Verdict {
    let content = Box::new(Content::Text(text.to_owned()));
    person.say(&Content::Again { id, hash, content }).await.map(drop)
}

/// What was shown in the session before is not shown again, nor what an again has shown, in its
/// session or the one behind it.
async fn shown_once(scene: &mut Scene) -> Verdict {
    let (mut first, contact) = scene.meet_inviting(&Terms::default()).await?;
    let once = says(&mut first, "once").await?;
    scene.shown_text(&contact, "once").await?;
    // Nobody hears this one in its own session.
    let composed = first.compose(&Content::Text("late".to_owned()))?;
    let late = (composed.id, composed.hash);
    let (mut second, _) = scene.person_gives(&mut first, &contact, vec![0]).await?;
    scene.renews_with(&contact, &mut second).await?;
    says_again(&mut second, once, "once").await?;
    says_again(&mut second, late, "late").await?;
    says_again(&mut second, late, "late").await?;
    let (mut third, _) = scene.person_gives(&mut second, &contact, vec![0]).await?;
    shows_each_once(scene, &contact).await?;
    scene.renews_with(&contact, &mut third).await?;
    for (named, text) in [(once, "once"), (late, "late")] {
        says_again(&mut third, named, text).await?;
    }
    third.say_text("the last").await?;
    scene.shown_text(&contact, "the last").await?;
    shows_each_once(scene, &contact).await
}

async fn shows_each_once(scene: &Scene, contact: &bytes::Bytes) -> Verdict {
    let entries = scene.history(contact).await?;
    for text in ["once", "late"] {
        let count = entries.iter().filter(|it| crate::scene::text_of(it) == Some(text)).count();
        ensure!(count == 1, format!("{text:?} shown once (MESSAGE-35)"), "{count} times");
    }
    Ok(())
}

/// The first message that is what `wanted` makes something of.
async fn hears<T>(
    person: &mut Person,
    expected: &str,
    mut wanted: impl FnMut(&Message) -> Option<T>,
) -> Result<T, Stop> {
    let end = Instant::now() + PATIENCE;
    while let Some(heard) = person.listen(end.saturating_duration_since(Instant::now())).await? {
        let events = match heard {
            Heard::Cell { events, .. } => events,
            Heard::Bad(why) => return Err(Stop::fail(expected, why)),
            _ => continue,
        };
        for event in events {
            if let Event::Message(message) = event
                && let Some(found) = wanted(&message)
            {
                return Ok(found);
            }
        }
    }
    Err(Stop::fail(expected, "nothing"))
}

/// What an again of a text names.
async fn named_again(person: &mut Person, text: &str) -> Result<Named, Stop> {
    let expected = format!("{text:?} said again (INVITATION-61)");
    hears(person, &expected, |message| match &message.content {
        Ok(Content::Again { id, hash, content }) => {
            matches!(&**content, Content::Text(said) if said == text).then_some((*id, *hash))
        }
        _ => None,
    })
    .await
}

/// Waits until the client has handed in more than so many parts.
async fn until_handed_in(scene: &Scene, before: usize) -> Verdict {
    for _ in 0..100 {
        if scene.host(0)?.record().parts().count() > before {
            return Ok(());
        }
        tokio::time::sleep(QUIET / 16).await;
    }
    Err(Stop::fail("a text handed in", "nothing"))
}

/// A text that nobody hears in two sessions names in the second and in the third what it was in the
/// first.
async fn names_the_first(scene: &mut Scene) -> Verdict {
    let (mut first, contact) = scene.meet_inviting(&Terms::default()).await?;
    let (mut second, _) = scene.person_gives(&mut first, &contact, vec![0]).await?;
    let before = scene.host(0)?.record().parts().count();
    scene.client_texts(&contact, "over and over").await?;
    until_handed_in(scene, before).await?;
    scene.renews_with(&contact, &mut second).await?;
    // What came over the first session's connection is still there for its other end.
    let said = hears(&mut first, "the text", |message| match &message.content {
        Ok(Content::Text(text)) if text == "over and over" => {
            Some((message.header.id, message.hash))
        }
        _ => None,
    })
    .await?;
    // Unheard: the session is put back, so that nothing of it is acknowledged.
    let session = second.session.clone();
    let named = named_again(&mut second, "over and over").await?;
    ensure!(named == said, format!("{said:?} named (MESSAGE-36)"), "{named:?}");
    second.session = session;
    let (mut third, _) = scene.person_gives(&mut second, &contact, vec![0]).await?;
    scene.renews_with(&contact, &mut third).await?;
    let named = named_again(&mut third, "over and over").await?;
    ensure!(named == said, format!("{said:?} named once more (MESSAGE-36)"), "{named:?}");
    Ok(())
}
