//! What messages do, and what they do not.

use std::time::Instant;

use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, content};
use edgewise_spec::message::{self, Broadcast, Content, Receipt, Reference, Seen, Whose};
use edgewise_spec::session::Mode;

use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::{Heard, Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("message/unknown", [MESSAGE_18], unknown),
    driven!("message/unreadable", [MESSAGE_19], unreadable),
    driven!("message/edit-and-delete", [MESSAGE_20], edit_and_delete),
    driven!("message/meddling", [MESSAGE_20], meddling),
    driven!("message/reply-and-reaction", [MESSAGE_19], reply_and_reaction),
    driven!("message/receipt-delivered", [MESSAGE_31], receipt_delivered),
    driven!("message/receipt-taken", [MESSAGE_31], receipt_taken),
    driven!("message/no-receipt-of-reading", [MESSAGE_32], no_reading, needs Receipts),
    driven!("message/listener", [MESSAGE_21], listener),
    driven!("message/proof", [MESSAGE_26], proof, needs Attested),
];

/// A type from the future is kept and shown as such.
async fn unknown(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let bytes = b"from the future".to_vec();
    person.say(&Content::Unknown { kind: 4_000, bytes }).await?;
    let entry = scene.shown(&contact, "a message of an unknown type (MESSAGE-18)").await?;
    let marked = entry.marks.as_ref().is_some_and(|marks| marks.unknown);
    ensure!(marked, "a mark that its type is not known", "{entry:?}");
    let history = scene.history(&contact).await?;
    let kept = history.iter().any(|kept| kept.id == entry.id);
    ensure!(kept, "it in the history", "it is not");
    person.say_text("and on").await?;
    let next = scene.shows(&contact, "and on").await?;
    let whole = next.marks.is_none_or(|marks| marks.missing_first == 0);
    ensure!(whole, "it in the chain", "a gap behind it");
    Ok(())
}

/// A text that is no UTF-8 is kept, marked, and not acted on.
async fn unreadable(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let composed = person.compose(&Content::Custom { name: "x".into(), bytes: vec![] })?;
    // The type is told to be text; its content, "\0\x01x", is none. The hash goes with it.
    let mut bodies = composed.bodies.clone();
    for body in &mut bodies {
        if let Some(kind) = body.get_mut(2..4) {
            kind.copy_from_slice(&message::kind::TEXT.to_be_bytes());
        }
    }
    for cell in person.seal_all(&bodies)? {
        person.hand_in(&cell).await?;
    }
    let entry = scene.shown(&contact, "an unreadable message (MESSAGE-19)").await?;
    let marked = entry.marks.as_ref().is_some_and(|marks| marks.unreadable);
    ensure!(marked, "a mark that it cannot be read", "{entry:?}");
    Ok(())
}

async fn marks_of(
    scene: &Scene,
    contact: &bytes::Bytes,
    id: &bytes::Bytes,
) -> Result<driver::Marks, Stop> {
    let entries = scene.history(contact).await?;
    let found = entries.into_iter().find(|entry| entry.id == *id);
    let found = found.ok_or_else(|| Stop::fail("the message kept in the history", "it is gone"))?;
    Ok(found.marks.unwrap_or_default())
}

async fn until(
    scene: &Scene,
    contact: &bytes::Bytes,
    id: &bytes::Bytes,
    expected: &str,
    wanted: impl Fn(&driver::Marks) -> bool,
) -> Verdict {
    let end = Instant::now() + PATIENCE;
    loop {
        let marks = marks_of(scene, contact, id).await?;
        if wanted(&marks) {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(Stop::fail(expected, format!("{marks:?}")));
        }
        tokio::time::sleep(QUIET / 8).await;
    }
}

/// The other changes and withdraws what it has said.
async fn edit_and_delete(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let composed = person.compose(&Content::Text("a tpyo".into()))?;
    for cell in person.seal_all(&composed.bodies)? {
        person.hand_in(&cell).await?;
    }
    let entry = scene.shows(&contact, "a tpyo").await?;
    person.say(&Content::Edit { id: composed.id, text: "a typo".into() }).await?;
    let edited = |marks: &driver::Marks| marks.edited == "a typo";
    until(scene, &contact, &entry.id, "the text edited", edited).await?;
    person.say(&Content::Delete { id: composed.id }).await?;
    until(scene, &contact, &entry.id, "the text withdrawn", |marks| marks.deleted).await
}

/// The other cannot change or withdraw what this end has said.
async fn meddling(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let sent = scene.client_texts(&contact, "my own words").await?;
    let message = person.message("a text").await?;
    let id = message.header.id;
    person.say(&Content::Edit { id, text: "put into your mouth".into() }).await?;
    person.say(&Content::Delete { id }).await?;
    person.say_text("well?").await?;
    scene.shown_text(&contact, "well?").await?;
    let marks = marks_of(scene, &contact, &sent.id).await?;
    let untouched = marks.edited.is_empty() && !marks.deleted;
    ensure!(untouched, "an own message as it was (MESSAGE-20)", "{marks:?}");
    Ok(())
}

/// A reply to a message and a reaction to it, given and taken back, in both directions.
async fn reply_and_reaction(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let composed = person.compose(&Content::Text("a question".into()))?;
    for cell in person.seal_all(&composed.bodies)? {
        person.hand_in(&cell).await?;
    }
    let entry = scene.shows(&contact, "a question").await?;
    let reply = driver::Reply { id: entry.id.clone(), own: false, text: "an answer".into() };
    scene.client_says(&contact, content::Kind::Reply(reply)).await?;
    let message = person.message("a reply").await?;
    let to = Reference { whose: Whose::Yours, id: composed.id };
    let expected = Content::Reply { to, text: "an answer".into() };
    ensure!(message.content.as_ref() == Ok(&expected), "a reply to it", "{:?}", message.content);
    let mine = Reference { whose: Whose::Mine, id: composed.id };
    person.say(&Content::Reaction { to: mine, given: true, with: "+1".into() }).await?;
    let reacted = |marks: &driver::Marks| marks.reactions.iter().any(|it| it == "+1");
    until(scene, &contact, &entry.id, "a reaction", reacted).await?;
    person.say(&Content::Reaction { to: mine, given: false, with: "+1".into() }).await?;
    until(scene, &contact, &entry.id, "no reaction", |marks| !reacted(marks)).await
}

async fn receipts(person: &mut Person, within: std::time::Duration) -> Result<Vec<Receipt>, Stop> {
    let mut found = Vec::new();
    let end = Instant::now() + within;
    while let Some(heard) = person.listen(end.saturating_duration_since(Instant::now())).await? {
        let Heard::Cell { events, .. } = heard else { continue };
        for event in events {
            if let message::Event::Message(message) = event
                && let Ok(Content::Receipt(receipt)) = message.content
            {
                found.push(receipt);
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// A message that was stored is receipted, by its id and hash; a receipt is not.
async fn receipt_delivered(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let composed = person.compose(&Content::Text("did it come?".into()))?;
    for cell in person.seal_all(&composed.bodies)? {
        person.hand_in(&cell).await?;
    }
    scene.shows(&contact, "did it come?").await?;
    let found = receipts(&mut person, PATIENCE).await?;
    if found.is_empty() {
        return Err(Stop::info("no receipt of delivery: they may be switched off"));
    }
    for receipt in found {
        ensure!(receipt.seen == Seen::Delivered, "delivered", "{:?}", receipt.seen);
        let named = receipt.messages.contains(&(composed.id, composed.hash));
        ensure!(named, "the message's id and hash", "{:?}", receipt.messages);
    }
    Ok(())
}

/// A receipt of the other's is told to the user.
async fn receipt_taken(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let sent = scene.client_texts(&contact, "did it come?").await?;
    let message = person.message("a text").await?;
    let messages = vec![(message.header.id, message.hash)];
    person.say(&Content::Receipt(Receipt { seen: Seen::Delivered, messages })).await?;
    scene
        .event("the message told to be delivered", |event| match event {
            Event::Delivery(it)
                if it.id == sent.id && it.state() == driver::DeliveryState::Delivered =>
            {
                Some(())
            }
            _ => None,
        })
        .await
}

/// What the user has read is not told before the user chooses so.
async fn no_reading(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    person.say_text("read me").await?;
    let entry = scene.shows(&contact, "read me").await?;
    let read = driver::MarkRead { contact: contact.clone(), id: entry.id };
    scene.done(Kind::MarkRead(read.clone()), "marked as read").await?;
    // The first one is of delivery.
    let end = Instant::now() + 2 * QUIET;
    while Instant::now() < end {
        let left = end.saturating_duration_since(Instant::now());
        let found = receipts(&mut person, left).await?;
        let reading = found.iter().any(|receipt| receipt.seen == Seen::Read);
        ensure!(!reading, "no receipt of reading (MESSAGE-32)", "{found:?}");
    }
    let choose = driver::SetReceipts { delivered: true, read: true };
    scene.done(Kind::SetReceipts(choose), "receipts of reading chosen").await?;
    person.say_text("and me").await?;
    let entry = scene.shows(&contact, "and me").await?;
    let read = driver::MarkRead { contact: contact.clone(), id: entry.id };
    scene.done(Kind::MarkRead(read), "marked as read").await?;
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let found = receipts(&mut person, PATIENCE).await?;
        if found.iter().any(|receipt| receipt.seen == Seen::Read) {
            return Ok(());
        }
    }
    Err(Stop::fail("a receipt of reading, as the user has chosen", "none"))
}

/// Whoever listens to a broadcast says nothing.
async fn listener(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    person.say(&Content::Broadcast(Broadcast::Open { name: "News".into() })).await?;
    person.say_text("the news").await?;
    scene.shown_text(&contact, "the news").await?;
    let told = scene.try_says(&contact, content::Kind::Text("an opinion".into())).await?;
    ensure!(told.is_err(), "a listener that is told it only listens (MESSAGE-21)", "{told:?}");
    while let Some(heard) = person.listen(QUIET).await? {
        let Heard::Cell { events, .. } = heard else { continue };
        for event in events {
            if let message::Event::Message(message) = event {
                let control = message.content.as_ref().is_ok_and(Content::is_control);
                ensure!(control, "receipts and control alone", "{:?}", message.content);
            }
        }
    }
    person.say(&Content::Broadcast(Broadcast::Close)).await?;
    person.say_text("that was it").await?;
    scene.shown_text(&contact, "that was it").await?;
    scene.client_texts(&contact, "an opinion").await?;
    person.text("an opinion").await
}

/// A proof that is exported verifies, and shows what was said.
async fn proof(scene: &mut Scene) -> Verdict {
    let terms = Terms { mode: Mode::Attested, ..Terms::default() };
    let (mut person, contact) = scene.meet_inviting(&terms).await?;
    person.say_text("in writing").await?;
    let entry = scene.shows(&contact, "in writing").await?;
    let export = driver::ExportProof { contact: contact.clone(), ids: vec![entry.id] };
    let told = scene.tell(Kind::ExportProof(export)).await?;
    let bytes = match told.map_err(|refused| refused.stop("a proof"))? {
        driver::ok::Kind::Exported(exported) => exported.bytes,
        other => return Err(Stop::fail("a proof", format!("{other:?}"))),
    };
    let proof = message::Proof::verify(&bytes)
        .map_err(|why| Stop::fail("a proof that verifies (MESSAGE-26)", why.to_string()))?;
    let said: Vec<_> = proof.messages().iter().map(|it| it.content.as_slice()).collect();
    ensure!(said == [b"in writing"], "the message in it", "{} others", said.len());
    Ok(())
}
