//! The client has a contact address: strangers ask, its user accepts or turns them down.

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, ok};
use edgewise_spec::constants::{ADDRESS_EK_HOURS, REQUEST_GRACE_DAYS};
use edgewise_spec::invitation::ContactBundle;

use crate::case::{Case, driven};
use crate::ensure;
use crate::host::Watched;
use crate::peer::person::{Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("invitation/address", [INVITATION_39, INVITATION_40, INVITATION_48], asked, needs Address),
    driven!("invitation/address-refused", [INVITATION_48], refused, needs Address),
    driven!("invitation/address-renewed", [INVITATION_45], renewed, needs Address Clock),
    driven!("invitation/address-late", [INVITATION_46, INVITATION_48], late, needs Address Clock),
];

/// The client opens a contact address on one server: its card.
async fn opened(scene: &mut Scene) -> Result<String, Stop> {
    scene.servers(1).await?;
    let servers = vec![scene.host(0)?.address.to_string()];
    let create = driver::CreateAddress { servers, name: "Bob".to_owned() };
    let told = scene.tell(Kind::CreateAddress(create)).await?;
    let card = match told.map_err(|refused| refused.stop("a contact address"))? {
        ok::Kind::Invited(invited) => invited.card,
        other => return Err(Stop::fail("Invited", format!("{other:?}"))),
    };
    ensure!(card.starts_with("EDGEWISE:A"), "a card of kind A", "{card:.11}");
    Ok(card)
}

async fn read(scene: &mut Scene, card: &str) -> Result<ContactBundle, Stop> {
    let seed = scene.seed32();
    Person::reads_address(&scene.around(), seed, card).await
}

/// A stranger leaves a request with an invitation of its own.
async fn asks(
    scene: &mut Scene,
    address: &ContactBundle,
    greeting: &str,
) -> Result<(Person, String), Stop> {
    let (stranger, own) = scene.person_invites(&Terms::default()).await?;
    let seed = scene.seed32();
    Person::asks(&scene.around(), seed, address, greeting, &own).await?;
    Ok((stranger, own))
}

async fn told(scene: &Scene, greeting: &str) -> Result<Bytes, Stop> {
    let expected = format!("the request {greeting:?}");
    scene
        .event(&expected, |event| match event {
            Event::AddressRequest(it) if it.greeting == greeting => Some(it.request.clone()),
            _ => None,
        })
        .await
}

async fn no_request(scene: &Scene, why: &str) -> Verdict {
    let request = |event: &Event| matches!(event, Event::AddressRequest(_));
    scene.no_event(&format!("no request: {why}"), request).await
}

fn claims(scene: &Scene) -> Result<usize, Stop> {
    let record = scene.host(0)?.record();
    Ok(record.asked.iter().filter(|it| matches!(it.what, Watched::Claim { .. })).count())
}

/// A request is shown and nothing is done before the user says so; then its invitation is accepted
/// as any other.
async fn asked(scene: &mut Scene) -> Verdict {
    let card = opened(scene).await?;
    let address = read(scene, &card).await?;
    let greeting = scene.canary();
    let (mut stranger, own) = asks(scene, &address, &greeting).await?;
    let request = told(scene, &greeting).await?;
    let seed = scene.seed32();
    Person::asks(&scene.around(), seed, &address, "once more", &own).await?;
    no_request(scene, "the same card once more").await?;
    ensure!(claims(scene)? == 0, "nothing claimed before the user accepts", "a claim");
    let accept = Kind::AcceptRequest(driver::AcceptRequest { request });
    let contact = match scene.tell(accept).await?.map_err(|refused| refused.stop("Accepted"))? {
        ok::Kind::Accepted(accepted) => accepted.contact,
        other => return Err(Stop::fail("Accepted", format!("{other:?}"))),
    };
    stranger.meet().await?;
    stranger.answer().await?;
    let contact = scene.ready(Some(&contact)).await?;
    let (there, back) = (scene.canary(), scene.canary());
    stranger.say_text(&there).await?;
    scene.shows(&contact, &there).await?;
    scene.client_texts(&contact, &back).await?;
    stranger.text(&back).await
}

/// A request that is turned down is answered with nothing, and does not come back.
async fn refused(scene: &mut Scene) -> Verdict {
    let card = opened(scene).await?;
    let address = read(scene, &card).await?;
    let (mut stranger, own) = asks(scene, &address, "let me in").await?;
    let request = told(scene, "let me in").await?;
    scene.done(Kind::Withdraw(driver::Withdraw { handle: request }), "turned down").await?;
    let seed = scene.seed32();
    Person::asks(&scene.around(), seed, &address, "please", &own).await?;
    no_request(scene, "it was turned down").await?;
    ensure!(claims(scene)? == 0, "nothing claimed of who was turned down", "a claim");
    let heard = stranger.listen(QUIET).await?;
    ensure!(heard.is_none(), "nothing said to who was turned down", "{heard:?}");
    // Another one is heard all the same.
    let (_other, _) = asks(scene, &address, "and me?").await?;
    told(scene, "and me?").await.map(drop)
}

/// The bundle, once it is of that version.
async fn until_version(scene: &mut Scene, card: &str, version: u32) -> Result<ContactBundle, Stop> {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let address = read(scene, card).await?;
        if address.version() >= version {
            return Ok(address);
        }
        if std::time::Instant::now() >= end {
            let expected = format!("version {version} of the contact bundle (INVITATION-45)");
            return Err(Stop::fail(expected, format!("version {}", address.version())));
        }
        tokio::time::sleep(QUIET / 8).await;
    }
}

/// The key is replaced when it is a week old, not before, and the version rises.
async fn renewed(scene: &mut Scene) -> Verdict {
    let card = opened(scene).await?;
    let first = read(scene, &card).await?;
    ensure!(first.version() == 1, "version 1", "{}", first.version());
    let week = u64::from(ADDRESS_EK_HOURS) * 3_600;
    scene.advance(week - 7_200).await?;
    tokio::time::sleep(QUIET).await;
    let young = read(scene, &card).await?;
    ensure!(young.version() == 1, "version 1 for a week", "{}", young.version());
    scene.advance(10_800).await?;
    let second = until_version(scene, &card, 2).await?;
    ensure!(second.version() == 2, "version 2 (INVITATION-45)", "{}", second.version());
    let differ = first.ek().as_bytes() != second.ek().as_bytes();
    ensure!(differ, "another ek (INVITATION-45)", "the same");
    let (_stranger, _) = asks(scene, &second, "to the new key").await?;
    told(scene, "to the new key").await.map(drop)
}

/// A request to a key that was replaced is read for as long as it may have been on its way, and no
/// longer.
async fn late(scene: &mut Scene) -> Verdict {
    let card = opened(scene).await?;
    let first = read(scene, &card).await?;
    let week = u64::from(ADDRESS_EK_HOURS) * 3_600;
    scene.advance(week + 3_600).await?;
    until_version(scene, &card, 2).await?;
    let grace = u64::from(REQUEST_GRACE_DAYS) * 86_400;
    let mut gone = 0;
    while gone + week < grace {
        scene.advance(week).await?;
        gone += week;
    }
    tokio::time::sleep(QUIET).await;
    let (_stranger, _) = asks(scene, &first, "a month on the way").await?;
    told(scene, "a month on the way").await?;
    scene.advance(grace - gone + 7_200).await?;
    tokio::time::sleep(QUIET).await;
    let (_stranger, _) = asks(scene, &first, "too long on the way").await?;
    no_request(scene, "its key was to be erased (INVITATION-46)").await
}
