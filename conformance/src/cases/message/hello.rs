//! Hello, and what comes before it.

use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_spec::constants::INCOMPLETE_MAX;
use edgewise_spec::message::{Content, Header, Layout};
use edgewise_spec::session::Mode;

use crate::case::{Case, driven};
use crate::peer::person::{Claimed, Heard, Person, Terms};
use crate::scene::{PATIENCE, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("message/hello-first", [MESSAGE_16], hello_first),
    driven!("message/hello-from-inviter", [MESSAGE_16], hello_from_inviter),
    driven!("message/before-hello", [MESSAGE_25], before_hello, needs Attested),
];

/// The bodies of a content that a composer would refuse: with the next number, chained to nothing.
fn odd(layout: Layout, kind: u16, content: &[u8], number: u32) -> Vec<Vec<u8>> {
    let mut id = [9; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let header = Header {
        kind,
        len: u32::try_from(content.len()).unwrap_or_default(),
        id: edgewise_spec::message::MessageId::from_bytes(id),
        previous: [0; 32],
        time: 0,
        up_to: edgewise_spec::message::UpTo::default(),
        signature: [0; 64],
    };
    layout.bodies(&header, content)
}

async fn claimed(scene: &mut Scene, terms: &Terms) -> Result<(Person, Content), Stop> {
    let (_, card) = scene.client_invites(terms).await?;
    let seed = scene.seed32();
    Claimed::claim(scene.around(), seed, &card).await?.begin().await
}

/// A claimer's first message that is a text is refused; its hello is taken all the same.
async fn hello_first(scene: &mut Scene) -> Verdict {
    let (mut person, hello) = claimed(scene, &Terms::default()).await?;
    for body in odd(person.layout(), 1, b"no hello", 1) {
        for cell in person.seal_all(&[body])? {
            person.hand_in(&cell).await?;
        }
    }
    scene
        .no_event("nothing of a first message that is no hello (MESSAGE-16)", |event| {
            matches!(event, Event::Shown(_))
        })
        .await?;
    person.say(&hello).await?;
    let contact = scene.ready(None).await?;
    person.say_text("after all").await?;
    scene.shows(&contact, "after all").await.map(drop)
}

/// A hello that is no claimer's first message is refused, whoever sends it.
async fn hello_from_inviter(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let bytes = [1_u8, 0, 1, 0, 0, 0, 0, 0, 0];
    for number in [1, 2] {
        for body in odd(person.layout(), edgewise_spec::message::kind::HELLO, &bytes, number) {
            for cell in person.seal_all(&[body])? {
                person.hand_in(&cell).await?;
            }
        }
    }
    scene.shows_nothing(&contact, "a hello of the inviter's (MESSAGE-16)").await?;
    person.say_text("after all").await?;
    scene.shows(&contact, "after all").await.map(drop)
}

/// What comes before the hello waits for its key, as much as may wait; the rest is refused.
async fn before_hello(scene: &mut Scene) -> Verdict {
    let terms = Terms { mode: Mode::Attested, ..Terms::default() };
    let (mut person, hello) = claimed(scene, &terms).await?;
    let hello = person.compose(&hello)?;
    let mut texts = Vec::new();
    for number in 0..INCOMPLETE_MAX + 4 {
        let composed = person.compose(&Content::Text(format!("early {number}")))?;
        texts.push(composed.bodies);
    }
    for bodies in &texts {
        for cell in person.seal_all(bodies)? {
            person.hand_in(&cell).await?;
        }
    }
    for cell in person.seal_all(&hello.bodies)? {
        person.hand_in(&cell).await?;
    }
    let contact = scene.ready(None).await?;
    for number in 0..INCOMPLETE_MAX {
        scene.shows(&contact, &format!("early {number}")).await?;
    }
    scene.shows_nothing(&contact, "too much came before the hello (MESSAGE-25)").await?;
    match person.cell("an answer", PATIENCE).await? {
        Heard::Cell { .. } => Ok(()),
        other => Err(Stop::fail("an answer", format!("{other:?}"))),
    }
}
