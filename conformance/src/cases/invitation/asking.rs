//! The client asks at somebody's contact address.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, ok};
use edgewise_spec::invitation::CardKind;

use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::{AddressOwner, Person};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("invitation/asks", [INVITATION_47], asks, needs Address),
    driven!(
        "invitation/asks-forged",
        [INVITATION_41, INVITATION_42, INVITATION_43],
        forged,
        needs Address Clock
    ),
    driven!("invitation/asks-older", [INVITATION_44], older, needs Address Clock),
    driven!(
        "invitation/asks-older-later",
        [INVITATION_44],
        older_later,
        needs Address Clock Folder
    ),
];

/// More than the time between two attempts to leave a request.
const RETRY: u64 = 130;
/// Between two moves of the clock, so that the client has looked.
const LOOK: Duration = Duration::from_millis(60);

/// Somebody opens a contact address at so many servers.
async fn owner(scene: &mut Scene, places: &[usize]) -> Result<AddressOwner, Stop> {
    scene.servers(places.len()).await?;
    let seed = scene.seed32();
    AddressOwner::open(&scene.around(), seed, places).await
}

/// The client asks at an address; the handle of the invitation that it leaves there.
async fn ask(scene: &Scene, card: &str, greeting: &str) -> Result<Bytes, Stop> {
    let servers = vec![scene.host(0)?.address.to_string()];
    let (card, greeting) = (card.to_owned(), greeting.to_owned());
    let ask = driver::AskAtAddress { card, greeting, name: "Bob".to_owned(), servers };
    let told = scene.tell(Kind::AskAtAddress(ask)).await?;
    match told.map_err(|refused| refused.stop("a request taken up"))? {
        ok::Kind::Invited(invited) => Ok(invited.invitation),
        other => Err(Stop::fail("Invited", format!("{other:?}"))),
    }
}

/// The user is told that it could not be left, and nothing was.
async fn not_left(scene: &Scene, owner: &mut AddressOwner, why: &str) -> Verdict {
    let expected = format!("the user told that the request could not be left: {why}");
    let end = Instant::now() + PATIENCE;
    let mut problem = |event: &Event| matches!(event, Event::Problem(_)).then_some(());
    while scene.event_within(LOOK, &mut problem).await?.is_none() {
        nothing_left(owner, LOOK, why).await?;
        ensure!(Instant::now() < end, expected, "nothing told");
    }
    nothing_left(owner, QUIET, why).await
}

async fn nothing_left(owner: &mut AddressOwner, within: Duration, why: &str) -> Verdict {
    let left = owner.request_within(0, within).await?;
    ensure!(left.is_none(), format!("no request: {why}"), "one was left");
    Ok(())
}

/// Once the bundle is good again, a request that waits is left.
async fn left_at_last(scene: &mut Scene, owner: &mut AddressOwner, greeting: &str) -> Verdict {
    for _ in 0..4 {
        scene.advance(RETRY).await?;
        // One that was left before may come again, from a client that was killed since.
        while let Some((_, request)) = owner.request_within(0, 8 * LOOK).await? {
            if request.greeting() == greeting {
                return Ok(());
            }
        }
    }
    Err(Stop::fail(format!("the request {greeting:?} left at last"), "it is not"))
}

/// Each server of the address gets the request, sealed for it alone; who accepts it has a contact.
async fn asks(scene: &mut Scene) -> Verdict {
    let mut owner = owner(scene, &[0, 1]).await?;
    let greeting = scene.canary();
    let invitation = ask(scene, &owner.card()?, &greeting).await?;
    let (one, request) = owner.request(0).await?;
    let (other, second) = owner.request(1).await?;
    ensure!(one != other, "a request sealed anew for each server (INVITATION-47)", "equal bytes");
    for request in [&request, &second] {
        let (said, kind) = (request.greeting(), request.card().kind());
        ensure!(said == greeting, format!("the greeting {greeting:?}"), "{said:?}");
        ensure!(kind == CardKind::Sent, "a card of kind T (INVITATION-48)", "{kind:?}");
    }
    let same = request.card().secret() == second.card().secret();
    ensure!(same, "one invitation in both", "two");
    let (seed, card) = (scene.seed32(), request.card().to_text());
    let (mut person, _) = Person::accept(scene.around(), seed, &card).await?;
    let expected = "ContactReady of the invitation that was left";
    let contact = scene.event(expected, |event| match event {
        Event::ContactReady(ready) if ready.invitation == invitation => Some(ready.contact.clone()),
        _ => None,
    });
    let contact = contact.await?;
    person.cell("an answer to the hello (SESSION-35)", PATIENCE).await?;
    let (there, back) = (scene.canary(), scene.canary());
    person.say_text(&there).await?;
    scene.shows(&contact, &there).await?;
    scene.client_texts(&contact, &back).await?;
    person.text(&back).await
}

/// A contact bundle with one fault is refused: nothing is left by what it says, and what was to be
/// left is when it is good.
async fn forged(scene: &mut Scene) -> Verdict {
    let (mut owner, mut other) = (owner(scene, &[0]).await?, owner(scene, &[0]).await?);
    let good = owner.bundle(2)?.as_bytes().to_vec();
    let foreign = other.bundle(2)?.as_bytes().to_vec();
    let mut unsigned = good.clone();
    unsigned.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
    let spoiled = [
        (2, unsigned, "its root key has not signed it (INVITATION-42)"),
        (2, foreign, "its root does not hash to s (INVITATION-41)"),
        (1, good.clone(), "it is sealed as another version (INVITATION-43)"),
    ];
    let mut waiting = spoiled.len();
    for (sealed_as, bundle, why) in spoiled {
        owner.announce(sealed_as, &bundle).await?;
        ask(scene, &owner.card()?, why).await?;
        not_left(scene, &mut owner, why).await?;
        nothing_left(&mut other, LOOK, why).await?;
    }
    // Those that wait are tried again with the bundle that is good now.
    owner.announce(2, &good).await?;
    for _ in 0..8 {
        scene.advance(RETRY).await?;
        while waiting > 0 && owner.request_within(0, 8 * LOOK).await?.is_some() {
            waiting -= 1;
        }
        if waiting == 0 {
            return Ok(());
        }
    }
    Err(Stop::fail("each left at last", format!("{waiting} are not")))
}

/// Who has opened version 2 takes no version 1, and takes version 2 again.
async fn older(scene: &mut Scene) -> Verdict {
    let mut owner = owner(scene, &[0]).await?;
    ask(scene, &owner.card()?, "by the second").await?;
    owner.request(0).await?;
    let (first, second) = (owner.bundle(1)?, owner.bundle(2)?);
    owner.announce(1, first.as_bytes()).await?;
    let greeting = scene.canary();
    ask(scene, &owner.card()?, &greeting).await?;
    not_left(scene, &mut owner, "version 2 was opened (INVITATION-44)").await?;
    owner.announce(2, second.as_bytes()).await?;
    left_at_last(scene, &mut owner, &greeting).await
}

/// The same after an end of the client: what was opened is remembered.
async fn older_later(scene: &mut Scene) -> Verdict {
    let mut owner = owner(scene, &[0]).await?;
    ask(scene, &owner.card()?, "by the second").await?;
    owner.request(0).await?;
    scene.dismiss().await;
    let (first, second) = (owner.bundle(1)?, owner.bundle(2)?);
    owner.announce(1, first.as_bytes()).await?;
    scene.start().await?;
    let greeting = scene.canary();
    ask(scene, &owner.card()?, &greeting).await?;
    not_left(scene, &mut owner, "version 2 was opened before the end (INVITATION-44)").await?;
    owner.announce(2, second.as_bytes()).await?;
    left_at_last(scene, &mut owner, &greeting).await
}
