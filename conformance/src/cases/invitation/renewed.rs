//! A new session takes the place of the one before, by a standby or an exchange that is repeated.

use std::time::Instant;

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::content::Kind as Say;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, DeliveryState, ok};
use edgewise_spec::connection::Id;
use edgewise_spec::message::{Content, Event as Came, Message, Receipt, Seen};

use crate::case::{Case, driven};
use crate::ensure;
use crate::host::Watched;
use crate::peer::person::{Heard, Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene, card_of};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!(
        "invitation/standby-claimed",
        [INVITATION_58, INVITATION_59, INVITATION_60],
        by_the_contacts,
        needs Standby Clock
    ),
    driven!(
        "invitation/standby-used",
        [INVITATION_58, INVITATION_59, INVITATION_60],
        by_its_own,
        needs Standby Clock
    ),
    driven!(
        "invitation/exchange-repeated",
        [INVITATION_58, INVITATION_60],
        repeated,
        needs Standby
    ),
    driven!("invitation/said-again", [INVITATION_61], said_again, needs Standby),
];

/// The first connection that the client has made at a server.
fn made(scene: &Scene) -> Result<Id, Stop> {
    let record = scene.host(0)?.record();
    let mut ids = record.asked.iter().filter_map(|asked| match &asked.what {
        Watched::Create { id, .. } if asked.refused.is_none() => Some(*id),
        _ => None,
    });
    ids.next().ok_or_else(|| Stop::fail("a connection made", "none"))
}

/// Waits until the client has deleted a connection.
pub(super) async fn until_deleted(scene: &Scene, connection: Id, what: &str) -> Verdict {
    for _ in 0..60 {
        if scene.is_deleted(connection) {
            return Ok(());
        }
        tokio::time::sleep(QUIET / 8).await;
    }
    Err(Stop::fail(format!("deleted: {what}"), "it is not"))
}

/// The user is told of the new session, whose safety number nobody has compared.
async fn to_be_compared(scene: &Scene, contact: &Bytes, next: &Person) -> Verdict {
    scene.renewed(contact).await?;
    let compared = scene.is_compared(contact).await?;
    ensure!(!compared, "a contact that is to be compared again (INVITATION-60)", "compared");
    let (shown, theirs) = (scene.safety_number(contact).await?, next.safety_number());
    let same = theirs.as_ref() == Some(&shown);
    ensure!(same, format!("the new safety number {theirs:?}"), "{shown}");
    Ok(())
}

/// Both talk with one another, and nothing is left that would be said again.
async fn talk(scene: &Scene, contact: &Bytes, person: &mut Person) -> Verdict {
    scene.client_texts(contact, "well").await?;
    person.text("well").await?;
    person.say_text("and you?").await?;
    scene.shown_text(contact, "and you?").await.map(drop)
}

/// The client claims the contact's standby: until that has answered, the old session goes on; then
/// nothing of it is left.
async fn by_the_contacts(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let old = made(scene)?;
    let (mut next, _) = scene.person_gives(&mut person, &contact, vec![0]).await?;
    let given = scene.client_gives(&mut person).await?;
    let given = scene.connection_of(&card_of(&given)?)?;
    scene.client_compares(&contact).await?;
    scene.client_renews(&contact).await?;
    next.meet().await?;
    scene.client_texts(&contact, "over the old one").await?;
    person.text("over the old one").await?;
    next.answer().await?;
    to_be_compared(scene, &contact, &next).await?;
    until_deleted(scene, old, "the connection of the session before (INVITATION-58)").await?;
    until_deleted(scene, given, "the standby that was given in it (INVITATION-59)").await?;
    let told = scene.try_renews(&contact).await?;
    ensure!(told.is_err(), "no standby left (INVITATION-59)", "{told:?}");
    next.say_text("and you?").await?;
    scene.shown_text(&contact, "and you?").await?;
    Ok(())
}

/// The contact claims the client's standby.
async fn by_its_own(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_claiming(&Terms::default()).await?;
    let old = made(scene)?;
    let (_next, card) = scene.person_gives(&mut person, &contact, vec![0]).await?;
    let given = scene.client_gives(&mut person).await?;
    scene.client_compares(&contact).await?;
    let seed = scene.seed32();
    let (mut next, _) = Person::accept(scene.around(), seed, &given).await?;
    next.cell("an answer to the hello (SESSION-35)", PATIENCE).await?;
    to_be_compared(scene, &contact, &next).await?;
    until_deleted(scene, old, "the connection of the session before (INVITATION-58)").await?;
    let told = scene.try_renews(&contact).await?;
    ensure!(told.is_err(), "the standby of before erased (INVITATION-59)", "{told:?}");
    let claimed = scene.is_claimed(&card_of(&card)?);
    ensure!(!claimed, "the standby of before erased (INVITATION-59)", "it is claimed");
    talk(scene, &contact, &mut next).await
}

/// Two who meet again exchange a card once more, in either direction: one contact, one history, and
/// each time another session.
async fn repeated(scene: &mut Scene) -> Verdict {
    let (mut first, contact) = scene.meet_inviting(&Terms::default()).await?;
    let mut old = made(scene)?;
    first.say_text("as we were").await?;
    scene.shown_text(&contact, "as we were").await?;
    scene.client_compares(&contact).await?;
    let card = scene.client_repeats(&contact).await?;
    let seed = scene.seed32();
    let (mut second, _) = Person::accept(scene.around(), seed, &card).await?;
    second.cell("an answer to the hello (SESSION-35)", PATIENCE).await?;
    to_be_compared(scene, &contact, &second).await?;
    until_deleted(scene, old, "the connection of the session before (INVITATION-58)").await?;
    talk(scene, &contact, &mut second).await?;
    old = scene.connection_of(&card_of(&card)?)?;
    scene.client_compares(&contact).await?;
    let (mut third, card) = scene.person_invites(&Terms::default()).await?;
    scene.client_accepts_again(&contact, &card).await?;
    third.meet().await?;
    third.answer().await?;
    to_be_compared(scene, &contact, &third).await?;
    until_deleted(scene, old, "the connection of the session before (INVITATION-58)").await?;
    talk(scene, &contact, &mut third).await?;
    let texts = ["as we were", "and you?", "and you?"].map(str::to_owned);
    scene.until_history(&contact, &texts).await?;
    let listed = scene.tell(Kind::ListContacts(driver::ListContacts {})).await?;
    match listed.map_err(|refused| refused.stop("Contacts"))? {
        ok::Kind::Contacts(listed) if listed.contacts == [contact] => Ok(()),
        other => Err(Stop::fail("one contact, the same as before", format!("{other:?}"))),
    }
}

/// The next message that is no receipt, and the session as it was before: what the person seals
/// afterwards acknowledges nothing of it.
async fn overheard(person: &mut Person, expected: &str) -> Result<Message, Stop> {
    let before = person.session.clone();
    let message = person.message(expected).await?;
    person.session = before;
    Ok(message)
}

async fn until_delivered(scene: &Scene, id: &Bytes) -> Verdict {
    scene
        .event("a receipt taken", |event| match event {
            Event::Delivery(it) if it.id == *id && it.state() == DeliveryState::Delivered => {
                Some(())
            }
            _ => None,
        })
        .await
}

/// What is said again, up to a text that is said in the new session.
async fn heard_again(person: &mut Person, last: &str) -> Result<Vec<Content>, Stop> {
    let mut again = Vec::new();
    let end = Instant::now() + PATIENCE;
    while let Some(heard) = person.listen(end.saturating_duration_since(Instant::now())).await? {
        let events = match heard {
            Heard::Cell { events, .. } => events,
            Heard::Bad(why) => return Err(Stop::fail("what is said again", why)),
            _ => continue,
        };
        for event in events {
            let Came::Message(message) = event else { continue };
            match message.content {
                Ok(Content::Again { content, .. }) => again.push(*content),
                Ok(Content::Text(text)) if text == last => return Ok(again),
                _ => {}
            }
        }
    }
    Err(Stop::fail(format!("the text {last:?}"), format!("only {again:?} again")))
}

/// What the contact has not said it has: each is said again, as it is now, and nothing else.
async fn said_again(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let (mut next, _) = scene.person_gives(&mut person, &contact, vec![0]).await?;
    let sent = scene.client_texts(&contact, "with a receipt").await?;
    let heard = overheard(&mut person, "a text").await?;
    let receipt = Receipt { seen: Seen::Delivered, messages: vec![(heard.header.id, heard.hash)] };
    person.say(&Content::Receipt(receipt)).await?;
    until_delivered(scene, &sent.id).await?;
    scene.client_texts(&contact, "as it was").await?;
    let edited = scene.client_texts(&contact, "before the edit").await?;
    let edit = driver::Edit { id: edited.id, text: "behind the edit".to_owned() };
    scene.client_says(&contact, Say::Edit(edit)).await?;
    let deleted = scene.client_texts(&contact, "withdrawn").await?;
    scene.client_says(&contact, Say::Delete(driver::Delete { id: deleted.id })).await?;
    let custom = driver::Custom { name: "org.example".to_owned(), bytes: vec![1, 2, 3].into() };
    scene.client_says(&contact, Say::Custom(custom)).await?;
    let (_third, card) = scene.person_invites(&Terms::default()).await?;
    let dora = driver::Introduction { name: "Dora".to_owned(), card: card.clone() };
    scene.client_says(&contact, Say::Introduction(dora)).await?;
    let reply = driver::Reply { id: sent.id, own: true, text: "so I say".to_owned() };
    scene.client_says(&contact, Say::Reply(reply)).await?;
    scene.renews_with(&contact, &mut next).await?;
    scene.client_texts(&contact, "the last").await?;
    let again = heard_again(&mut next, "the last").await?;
    let (name, bytes) = ("org.example".to_owned(), vec![1, 2, 3]);
    let introduced = Content::Introduction { name: "Dora".to_owned(), card: card.into_bytes() };
    let expected = [
        Content::Text("as it was".to_owned()),
        Content::Text("behind the edit".to_owned()),
        Content::Custom { name, bytes },
        introduced,
    ];
    let (replies, others): (Vec<_>, Vec<_>) =
        again.into_iter().partition(|content| matches!(content, Content::Reply { .. }));
    ensure!(
        others == expected,
        "each said again that has no receipt (INVITATION-61)",
        "{others:?}"
    );
    let replied = matches!(&replies[..], [Content::Reply { text, .. }] if text == "so I say");
    ensure!(replied, "the reply said again (INVITATION-61)", "{replies:?}");
    Ok(())
}
