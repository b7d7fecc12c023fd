//! The client invites.

use std::time::Instant;

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, AbandonReason};
use edgewise_spec::connection::Op;
use edgewise_spec::constants::CARD_SERVERS_MAX;
use edgewise_spec::invitation::{Card, CardKind};

use super::super::session::store::{cut_at, kill_when};
use crate::case::{Case, driven};
use crate::ensure;
use crate::host::{Deed, Watched};
use crate::peer::person::{Claimed, Person, Terms};
use crate::scene::{QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("invitation/all-created", [INVITATION_26, INVITATION_27], all_created),
    driven!("invitation/created-late", [INVITATION_26], created_late),
    driven!("invitation/second-claim", [INVITATION_28, INVITATION_29], second_claim),
    driven!("invitation/withdrawn", [INVITATION_29], withdrawn),
    driven!("invitation/expires", [INVITATION_30, INVITATION_29], expires, needs Clock),
    driven!("invitation/seen-open", [INVITATION_30, INVITATION_29], seen_open, needs Clock),
    driven!("invitation/claimed-in-time", [INVITATION_30], claimed_in_time, needs Clock),
    driven!("invitation/card-kind", [INVITATION_23, INVITATION_38], card_kind),
    driven!("invitation/killed-creating", [INVITATION_25], killed_creating, needs Folder),
];

/// Once the card is there, every connection is; those that the card does not name hold zeros.
async fn all_created(scene: &mut Scene) -> Verdict {
    // One more than a card has room for.
    let servers: Vec<usize> = (0..=CARD_SERVERS_MAX).collect();
    let terms = Terms { servers, carded: 2, ..Terms::default() };
    let (_, card) = scene.client_invites(&terms).await?;
    let parsed = Card::parse(&card)
        .map_err(|error| Stop::fail("the text of a card (INVITATION-19)", error.to_string()))?;
    for (place, host) in scene.hosts().iter().enumerate() {
        let record = host.record();
        let bundle = record.asked.iter().find_map(|asked| match &asked.what {
            Watched::Create { bundle, open: true, .. } if asked.refused.is_none() => Some(bundle),
            _ => None,
        });
        let bundle =
            bundle.ok_or_else(|| Stop::fail("a connection on every server", "one is missing"))?;
        let zeros = bundle.iter().all(|byte| *byte == 0);
        let carded = place < parsed.servers().len();
        ensure!(zeros != carded, "a bundle where the card names the server", "place {place}");
    }
    let seed = scene.seed32();
    Claimed::claim(scene.around(), seed, &card).await.map(drop)
}

/// A server that does not create at first: the card comes when all connections of its bundle are
/// there, with this server or without it.
async fn created_late(scene: &mut Scene) -> Verdict {
    scene.servers(2).await?;
    let late = Instant::now() + 2 * QUIET;
    scene.host(1)?.judge(move |op| match op {
        Op::Create(_) if Instant::now() < late => Deed::Cut,
        _ => Deed::Honest,
    });
    let terms = Terms { servers: vec![0, 1], carded: 1, ..Terms::default() };
    let (_, card) = match scene.client_invites(&terms).await {
        Ok(invited) => invited,
        // Whether it tries again before it answers is its own affair.
        Err(Stop::Fail(finding)) if finding.actual.contains("SERVER") => return Ok(()),
        Err(stop) => return Err(stop),
    };
    let there = scene.host(1)?.connections();
    let seed = scene.seed32();
    let claimed = Claimed::claim(scene.around(), seed, &card).await?;
    let needed = claimed.bundle.servers().len().saturating_sub(1);
    ensure!(there >= needed, "every connection of the bundle there before its card", "{there}");
    Ok(())
}

/// Its time is over, and one of its servers is not to be reached: it may have been claimed there,
/// so it is not over before that server was seen.
async fn seen_open(scene: &mut Scene) -> Verdict {
    let terms = Terms { servers: vec![0, 1], carded: 2, hours: 48, ..Terms::default() };
    let (handle, _) = scene.client_invites(&terms).await?;
    scene.host(1)?.close(true);
    scene.advance(60 * 3_600).await?;
    tokio::time::sleep(QUIET).await;
    let over = |event: &Event| matches!(event, Event::InvitationAbandoned(_));
    scene.no_event("an invitation whose second server was not seen (INVITATION-30)", over).await?;
    scene.host(1)?.close(false);
    is_abandoned(scene, &handle, AbandonReason::Expired).await?;
    are_deleted(scene).await
}

pub(in crate::cases) async fn is_abandoned(
    scene: &Scene,
    handle: &Bytes,
    reason: AbandonReason,
) -> Verdict {
    let expected = format!("InvitationAbandoned, {}", reason.as_str_name());
    let told = scene
        .event(&expected, |event| match event {
            Event::InvitationAbandoned(it) if it.handle == *handle => Some(it.reason()),
            _ => None,
        })
        .await?;
    ensure!(told == reason, expected, "{}", told.as_str_name());
    Ok(())
}

/// Every connection that the client has created is deleted.
async fn are_deleted(scene: &Scene) -> Verdict {
    for _ in 0..40 {
        let left: usize = scene.hosts().iter().map(crate::host::Host::connections).sum();
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(QUIET / 4).await;
    }
    Err(Stop::fail("every connection deleted (INVITATION-29)", "some are left"))
}

/// Two claim: the invitation is over, its connections are deleted, the person is told.
async fn second_claim(scene: &mut Scene) -> Verdict {
    let terms = Terms { servers: vec![0, 1], carded: 2, ..Terms::default() };
    let (handle, card) = scene.client_invites(&terms).await?;
    let seed = scene.seed32();
    let _first = Claimed::claim(scene.around(), seed, &card).await?;
    let server = scene.around().doors.first().map(|door| door.public.clone());
    let server = server.ok_or_else(|| Stop::harness("no server"))?;
    let seed = scene.seed32();
    let answer = Person::try_claim(&scene.around(), seed, &card, 0, &server).await?;
    answer.reject(edgewise_proto::v1::RejectCode::Conflict)?;
    is_abandoned(scene, &handle, AbandonReason::Conflict).await?;
    are_deleted(scene).await
}

/// The person takes it back.
async fn withdrawn(scene: &mut Scene) -> Verdict {
    let terms = Terms { servers: vec![0, 1], carded: 1, ..Terms::default() };
    let (handle, _) = scene.client_invites(&terms).await?;
    scene.done(Kind::Withdraw(driver::Withdraw { handle }), "withdrawn").await?;
    are_deleted(scene).await
}

/// Nobody claims it in time.
async fn expires(scene: &mut Scene) -> Verdict {
    let terms = Terms { hours: 48, ..Terms::default() };
    let (handle, _) = scene.client_invites(&terms).await?;
    scene.advance(40 * 3_600).await?;
    let early = |event: &Event| matches!(event, Event::InvitationAbandoned(_));
    scene.no_event("an invitation that is still good", early).await?;
    scene.advance(10 * 3_600).await?;
    is_abandoned(scene, &handle, AbandonReason::Expired).await?;
    are_deleted(scene).await
}

/// One that was claimed in time is waited for.
async fn claimed_in_time(scene: &mut Scene) -> Verdict {
    let terms = Terms { hours: 48, ..Terms::default() };
    let (_, card) = scene.client_invites(&terms).await?;
    let seed = scene.seed32();
    let claimed = Claimed::claim(scene.around(), seed, &card).await?;
    let (mut person, hello) = claimed.begin().await?;
    tokio::time::sleep(QUIET).await;
    scene.advance(60 * 3_600).await?;
    let over = |event: &Event| matches!(event, Event::InvitationAbandoned(_));
    scene.no_event("an invitation that was claimed in time (INVITATION-30)", over).await?;
    person.relink().await?;
    person.say(&hello).await?;
    scene.ready(None).await.map(drop)
}

/// A card that is not shown on the screen has kind T, and so has one that is passed in a session,
/// whatever it was before.
async fn card_kind(scene: &mut Scene) -> Verdict {
    let (_, sent) = scene.client_invites(&Terms::default()).await?;
    ensure!(sent.starts_with("EDGEWISE:T"), "a card of kind T", "{:.11}", sent);
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let (_third, card) = scene.person_invites(&Terms::default()).await?;
    // As it was shown to this user, face to face.
    let fault = |why: &dyn std::fmt::Display| Stop::harness(why.to_string());
    let sent = Card::parse(&card).map_err(|error| fault(&error))?;
    let shown = Card::new(CardKind::Shown, sent.secret().clone(), sent.servers());
    let card = shown.map_err(|error| fault(&error))?.to_text().to_string();
    let introduction = driver::Introduction { name: "Dora".to_owned(), card };
    let content = driver::content::Kind::Introduction(introduction);
    scene.client_says(&contact, content).await?;
    let message = person.message("an introduction").await?;
    match message.content {
        Ok(edgewise_spec::message::Content::Introduction { card, .. }) => {
            let kind = String::from_utf8_lossy(&card).starts_with("EDGEWISE:T");
            ensure!(kind, "a card of kind T (INVITATION-38)", "another kind");
            Ok(())
        }
        other => Err(Stop::fail("an introduction", format!("{other:?}"))),
    }
}

/// Killed when the first Create leaves: the same connection is created after the restart, so its
/// key was stored before.
async fn killed_creating(scene: &mut Scene) -> Verdict {
    scene.servers(1).await?;
    let seen = cut_at(scene, 0, false, |op| matches!(op, Op::Create(_)))?;
    let servers = vec![scene.host(0)?.address.to_string()];
    let create = driver::CreateInvitation {
        servers,
        mode: driver::SessionMode::Deniable.into(),
        link_class: 2,
        k: 1,
        carded: 1,
        shown: false,
        good_hours: 48,
        name: "Bob".to_owned(),
    };
    {
        let telling = scene.tell(Kind::CreateInvitation(create));
        // The answer may come before the client is killed, or never.
        tokio::select! {
            _ = telling => {}
            () = seen.notified() => seen.notify_one(),
        }
    }
    kill_when(scene, 0, &seen, "a Create").await?;
    tokio::time::sleep(2 * QUIET).await;
    let record = scene.host(0)?.record();
    let ids: Vec<_> = record
        .asked
        .iter()
        .filter_map(|asked| match &asked.what {
            Watched::Create { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    let [first, rest @ ..] = ids.as_slice() else {
        return Err(Stop::fail("a Create", "none"));
    };
    ensure!(rest.contains(first), "the same connection created again", "{} others", rest.len());
    Ok(())
}
