//! Two people meet and talk.

use edgewise_spec::message::{Content, Direction};
use edgewise_spec::session::Mode;

use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::{Claimed, Heard, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("session/as-claimer", [SESSION_8], as_claimer),
    driven!("session/as-inviter", [SESSION_8], as_inviter),
    driven!("session/attested", [SESSION_39, MESSAGE_24], attested, needs Attested),
    driven!("session/deniable", [SESSION_39, MESSAGE_22], deniable),
    driven!("session/mute-inviter", [SESSION_34], mute_inviter),
    driven!("session/answer", [SESSION_35], answer),
    driven!("session/hello-first", [SESSION_36], hello_first),
    driven!("session/hello-again", [SESSION_36], hello_again, needs Clock),
];

/// The client accepts, and both say something; nothing of it stands on the wire.
async fn as_claimer(scene: &mut Scene) -> Verdict {
    talk(scene, &Terms::default(), false).await
}

/// The client invites, and both say something.
async fn as_inviter(scene: &mut Scene) -> Verdict {
    talk(scene, &Terms::default(), true).await
}

/// In a session of mode attested everything is signed, in either role.
async fn attested(scene: &mut Scene) -> Verdict {
    let terms = Terms { mode: Mode::Attested, ..Terms::default() };
    talk(scene, &terms, true).await?;
    talk(scene, &terms, false).await
}

async fn talk(scene: &mut Scene, terms: &Terms, inviting: bool) -> Verdict {
    let (mut person, contact) = if inviting {
        scene.meet_claiming(terms).await?
    } else {
        scene.meet_inviting(terms).await?
    };
    let (there, back) = (scene.canary(), scene.canary());
    person.say_text(&there).await?;
    scene.shows(&contact, &there).await?;
    scene.client_texts(&contact, &back).await?;
    person.text(&back).await?;
    let again = scene.canary();
    person.say_text(&again).await?;
    scene.shows(&contact, &again).await?;
    let shown = scene.safety_number(&contact).await?;
    let own = person.safety_number().unwrap_or_default();
    crate::ensure_eq!(shown, own, "safety number");
    Ok(())
}

/// A claimer's hello in a deniable session has no key.
async fn deniable(scene: &mut Scene) -> Verdict {
    let (mut person, card) = scene.person_invites(&Terms::default()).await?;
    scene.client_accepts(&card).await?;
    let message = person.meet().await?;
    match message.content {
        Ok(Content::Hello(hello)) if hello.vk.is_none() => Ok(()),
        other => Err(Stop::fail("a hello without a key", format!("{other:?}"))),
    }
}

/// An inviter says nothing before it has heard the claimer, whatever its user does.
async fn mute_inviter(scene: &mut Scene) -> Verdict {
    let (invitation, card) = scene.client_invites(&Terms::default()).await?;
    let seed = scene.seed32();
    let claimed = Claimed::claim(scene.around(), seed, &card).await?;
    // Whether it refuses or keeps it for later is its own affair.
    let text = scene.canary();
    let content = edgewise_proto::conformance::v1::content::Kind::Text(text);
    let _ = scene.try_says(&invitation, content).await?;
    tokio::time::sleep(QUIET).await;
    let parts = scene.host(0)?.record().parts().count();
    ensure!(parts == 0, "no part of an inviter that has heard nothing", "{parts} parts");
    let (mut person, hello) = claimed.begin().await?;
    person.say(&hello).await?;
    person.cell("an answer to the hello (SESSION-35)", PATIENCE).await?;
    Ok(())
}

/// An inviter that has opened a hello seals a cell at once, and it is of step 1.
async fn answer(scene: &mut Scene) -> Verdict {
    let (_, card) = scene.client_invites(&Terms::default()).await?;
    let seed = scene.seed32();
    let claimed = Claimed::claim(scene.around(), seed, &card).await?;
    let (mut person, hello) = claimed.begin().await?;
    person.say(&hello).await?;
    let heard = person.cell("a cell at once (SESSION-35)", PATIENCE).await?;
    match heard {
        Heard::Cell { s: 1, step: 1, acknowledged: 1, .. } => Ok(()),
        other => Err(Stop::fail("s 1 of step 1 that acknowledges s 1", format!("{other:?}"))),
    }
}

/// A claimer's first message is its hello, with a connection for each server.
async fn hello_first(scene: &mut Scene) -> Verdict {
    let terms = Terms { servers: vec![0, 1], carded: 1, ..Terms::default() };
    let (mut person, card) = scene.person_invites(&terms).await?;
    scene.client_accepts(&card).await?;
    let message = person.meet().await?;
    ensure!(message.header.id.number() == 1, "number 1", "{:?}", message.header.id);
    ensure!(person.direction() == Direction::FromInviter, "an inviter", "a claimer");
    Ok(())
}

/// Without an answer the hello is sealed again after a minute, then after two; it stops once the
/// inviter has been heard.
async fn hello_again(scene: &mut Scene) -> Verdict {
    let (mut person, card) = scene.person_invites(&Terms::default()).await?;
    scene.client_accepts(&card).await?;
    person.meet().await?;
    for (seconds, expected) in [(30, 0), (31, 1), (60, 0), (61, 1)] {
        scene.advance(seconds).await?;
        let mut cells = 0;
        while let Some(heard) = person.listen(2 * QUIET).await? {
            match heard {
                Heard::Cell { .. } => cells += 1,
                Heard::Bad(why) => return Err(Stop::fail("a cell that opens", why)),
                _ => {}
            }
        }
        let what = format!("{expected} new hellos {seconds} s later");
        ensure!(cells == expected, what, "{cells}");
    }
    person.answer().await?;
    scene.ready(None).await?;
    scene.advance(4 * 3_600).await?;
    person.relink().await?;
    while let Some(heard) = person.listen(2 * QUIET).await? {
        if let Heard::Cell { events, .. } = heard {
            let hello = events.iter().any(|event| {
                matches!(event, edgewise_spec::message::Event::Duplicate(id) if id.number() == 1)
            });
            ensure!(!hello, "no hello once the inviter has been heard", "another");
        }
    }
    Ok(())
}
