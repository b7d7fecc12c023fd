//! Messages of several cells.

use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_spec::message::Content;

use crate::case::{Case, driven};
use crate::peer::person::{Cell, Person, Terms};
use crate::scene::Scene;
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("message/pieces", [MESSAGE_4, MESSAGE_5], pieces),
    driven!("message/pieces-from-client", [MESSAGE_5], from_client),
    driven!("message/pieces-differ", [MESSAGE_7], differ),
    driven!("message/pieces-given-up", [MESSAGE_8], given_up, needs Clock),
];

fn long(letter: char) -> String {
    std::iter::repeat_n(letter, 3_000).collect()
}

fn cells(person: &mut Person, text: &str) -> Result<Vec<Cell>, Stop> {
    let composed = person.compose(&Content::Text(text.to_owned()))?;
    person.seal_all(&composed.bodies)
}

/// Nothing of a long text is shown before its last piece has come, in whatever order.
async fn pieces(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let text = long('a');
    let cells = cells(&mut person, &text)?;
    let [first, rest @ ..] = cells.as_slice() else { return Err(Stop::harness("three cells")) };
    for cell in rest.iter().rev() {
        person.hand_in(cell).await?;
    }
    scene.shows_nothing(&contact, "a piece is missing (MESSAGE-4)").await?;
    person.hand_in(first).await?;
    scene.shows(&contact, &text).await.map(drop)
}

/// What the client says may be long too.
async fn from_client(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let text = long('b');
    scene.client_texts(&contact, &text).await?;
    person.text(&text).await
}

/// A piece whose header is not that of the others is refused, and so is one that says something
/// else in a place that is taken; the message still comes, as it was said.
async fn differ(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let text = long('c');
    let composed = person.compose(&Content::Text(text.clone()))?;
    let [first, second, third] = composed.bodies.as_slice() else {
        return Err(Stop::harness("three bodies"));
    };
    // Another time in the header, byte 64 of the layout begins it; and other words.
    let mut odd = second.clone();
    let words = odd.len().saturating_sub(20);
    for place in [70, words] {
        if let Some(byte) = odd.get_mut(place) {
            *byte ^= 1;
        }
    }
    // The same header, and other words in a place that is taken.
    let mut other = second.clone();
    if let Some(byte) = other.get_mut(words) {
        *byte ^= 1;
    }
    for body in [first, &odd, second, &other, third] {
        let cell = person.seal_all(std::slice::from_ref(body))?;
        for cell in &cell {
            person.hand_in(cell).await?;
        }
    }
    scene.shows(&contact, &text).await.map(drop)
}

/// After seven days an incomplete message is given up, and the person is told.
async fn given_up(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let cells = cells(&mut person, &long('d'))?;
    let [first, second, third] = cells.as_slice() else {
        return Err(Stop::harness("three cells"));
    };
    person.hand_in(first).await?;
    person.hand_in(second).await?;
    person.say_text("meanwhile").await?;
    scene.shows(&contact, "meanwhile").await?;
    scene.advance(8 * 86_400).await?;
    person.relink().await?;
    scene
        .event("a message that could not be received (MESSAGE-8)", |event| match event {
            Event::Unreceived(it) if it.contact == contact => Some(()),
            _ => None,
        })
        .await?;
    // The last piece alone makes nothing of it.
    person.hand_in(third).await?;
    scene.shows_nothing(&contact, "the others were given up").await
}
