//! Who steps, and when; what is acknowledged.

use edgewise_spec::session::Purpose;

use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::{Heard, Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("session/one-step", [SESSION_26, SESSION_29], one_step),
    driven!("session/step-with-next", [SESSION_27, SESSION_29], step_with_next),
    driven!("session/ack", [SESSION_30], ack),
    driven!("session/answer-due", [SESSION_33], answer_due),
    driven!("session/no-step-for-answers", [SESSION_28], no_step_for_answers),
];

/// Step and number of the next cell with something in it.
async fn next(person: &mut Person) -> Result<(u32, u32), Stop> {
    loop {
        let heard = person.cell("a cell with a message", PATIENCE).await?;
        if let Heard::Cell { s, step, empty: false, events, .. } = heard {
            let receipt = events.iter().all(|event| match event {
                edgewise_spec::message::Event::Message(message) => {
                    matches!(message.content, Ok(edgewise_spec::message::Content::Receipt(_)))
                }
                _ => true,
            });
            if !receipt {
                return Ok((s, step));
            }
        }
    }
}

/// However much the client says: without a step of the other's it makes one at most, and the
/// numbers of its cells go on within it.
async fn one_step(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let mut last = None;
    for text in ["one", "two", "three"] {
        scene.client_texts(&contact, text).await?;
        let (s, step) = next(&mut person).await?;
        ensure!(step == 2, "step 2, the claimer's only one", "step {step}");
        let rising = last.is_none_or(|last| s > last);
        ensure!(rising, "rising numbers", "s {s} after {last:?}");
        last = Some(s);
    }
    Ok(())
}

/// Each time the other has stepped, the client's next message does.
async fn step_with_next(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    for round in 1..4 {
        scene.client_texts(&contact, "over to you").await?;
        let (_, step) = next(&mut person).await?;
        ensure!(step == 2 * round, format!("step {}", 2 * round), "step {step}");
        person.say_text("and back").await?;
        scene.shows(&contact, "and back").await?;
        // What the client says by itself meanwhile may have stepped already.
        while person.listen(QUIET / 4).await?.is_some() {}
        let known = person.session.as_ref().and_then(|it| it.safety_number());
        let latest = known.iter().flat_map(|it| it.steps.iter()).map(|(t, _)| *t).max();
        if latest.is_some_and(|latest| latest > 2 * round + 1) {
            // A receipt took the step: it is a message as any other.
            return Ok(());
        }
    }
    Ok(())
}

/// A cell acknowledges the highest one that was opened.
async fn ack(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let mut highest = 0;
    for text in ["one", "two", "three"] {
        for cell in person.say_text(text).await? {
            highest = cell.s;
        }
        scene.shows(&contact, text).await?;
    }
    scene.client_texts(&contact, "heard").await?;
    let end = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < end {
        let heard = person.cell("a cell", PATIENCE).await?;
        if let Heard::Cell { acknowledged, .. } = heard
            && acknowledged == highest
        {
            return Ok(());
        }
    }
    Err(Stop::fail(format!("ack {highest}"), "a lower one"))
}

/// A client that only listens answers all the same, before 64 cells are beyond what it has told.
async fn answer_due(scene: &mut Scene) -> Verdict {
    let (mut person, _) = scene.meet_inviting(&Terms::default()).await?;
    let body = person.layout().empty();
    let mut last = 0;
    for _ in 0..70 {
        let cell = person.seal(Purpose::Cover, &body)?;
        person.hand_in(&cell).await?;
        last = cell.s;
    }
    let end = std::time::Instant::now() + PATIENCE;
    let mut told = 0;
    while std::time::Instant::now() < end {
        match person.listen(PATIENCE).await? {
            Some(Heard::Cell { acknowledged, .. }) => told = acknowledged,
            Some(_) => {}
            None => break,
        }
        if last - told < 64 {
            return Ok(());
        }
    }
    Err(Stop::fail(format!("an ack above {}", last - 64), format!("ack {told}")))
}

/// An answer to cover does not step while the last step is young.
async fn no_step_for_answers(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    scene.client_texts(&contact, "a step").await?;
    let (_, before) = next(&mut person).await?;
    let body = person.layout().empty();
    for _ in 0..70 {
        let cell = person.seal(Purpose::Message, &body)?;
        person.hand_in(&cell).await?;
    }
    let heard = person.cell("an answer (SESSION-33)", PATIENCE).await?;
    let Heard::Cell { step, empty, .. } = heard else {
        return Err(Stop::harness("no cell"));
    };
    ensure!(empty, "an answer with an empty body", "something said");
    ensure!(step == before, format!("step {before}: no time has passed"), "step {step}");
    Ok(())
}
