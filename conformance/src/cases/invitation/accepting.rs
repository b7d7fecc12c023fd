//! The client accepts.

use std::time::Instant;

use edgewise_proto::conformance::v1::AbandonReason;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_spec::connection::Op;
use edgewise_spec::error::Reject;

use super::super::session::store::{cut_at, kill_when};
use crate::case::{Case, driven};
use crate::ensure;
use crate::host::{Deed, Watched};
use crate::peer::person::{Person, Terms};
use crate::scene::Scene;
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("invitation/claim-order", [INVITATION_32, INVITATION_34], claim_order),
    driven!("invitation/claim-next", [INVITATION_32, INVITATION_34], claim_next),
    driven!("invitation/slow-place", [INVITATION_34], slow_place),
    driven!("invitation/claimed-before", [INVITATION_33], claimed_before),
    driven!("invitation/conflict-last", [INVITATION_33, INVITATION_34], conflict_last),
    driven!("invitation/killed-joining", [INVITATION_35], killed_joining, needs Folder),
];

/// When each server was first asked for a claim that it answered, and when the first part came to
/// any.
fn times(scene: &Scene) -> (Vec<Option<Instant>>, Option<Instant>) {
    let mut claims = Vec::new();
    let mut sent: Option<Instant> = None;
    for host in scene.hosts() {
        let record = host.record();
        let claim = record
            .asked
            .iter()
            .find(|asked| matches!(asked.what, Watched::Claim { .. }))
            .map(|asked| asked.at);
        claims.push(claim);
        let first = record
            .asked
            .iter()
            .find(|asked| matches!(asked.what, Watched::Send { .. }))
            .map(|asked| asked.at);
        sent = match (sent, first) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    (claims, sent)
}

/// Every place is claimed, the lowest first, and nothing is sent before the last.
async fn claim_order(scene: &mut Scene) -> Verdict {
    let terms = Terms { servers: vec![2, 0, 1], carded: 2, ..Terms::default() };
    let (mut person, card) = scene.person_invites(&terms).await?;
    scene.client_accepts(&card).await?;
    person.meet().await?;
    let (claims, sent) = times(scene);
    let [second, third, first] = claims.as_slice() else {
        return Err(Stop::harness("three servers"));
    };
    let all = [first, second, third].map(|at| at.as_ref());
    let [Some(first), Some(second), Some(third)] = all else {
        return Err(Stop::fail("a claim at each of three servers", "one is missing"));
    };
    ensure!(first < second && second < third, "claims in the order of the bundle", "another");
    let sent = sent.ok_or_else(|| Stop::fail("a part", "none"))?;
    ensure!(*third < sent, "the first part behind the last claim (INVITATION-34)", "before it");
    Ok(())
}

/// A server that does not answer is tried, and the next one after it; the session begins without it.
async fn claim_next(scene: &mut Scene) -> Verdict {
    let terms = Terms { servers: vec![0, 1], carded: 2, ..Terms::default() };
    let (mut person, card) = scene.person_invites(&terms).await?;
    scene.host(0)?.judge(|op| match op {
        Op::Claim(_) => Deed::Answer(Err(Reject::Refused)),
        _ => Deed::Honest,
    });
    scene.client_accepts(&card).await?;
    person.meet().await?;
    let (claims, sent) = times(scene);
    let [Some(first), Some(second)] = claims.as_slice() else {
        return Err(Stop::fail("a claim at both servers", "one is missing"));
    };
    ensure!(first < second, "the first server asked first", "the second");
    let sent = sent.ok_or_else(|| Stop::fail("a part", "none"))?;
    ensure!(*second < sent, "the first part behind the last claim (INVITATION-34)", "before it");
    Ok(())
}

/// A server in the middle ends the links of the first claims: nothing is sent while the last server
/// has not been tried.
async fn slow_place(scene: &mut Scene) -> Verdict {
    let terms = Terms { servers: vec![0, 1, 2], carded: 1, ..Terms::default() };
    let (mut person, card) = scene.person_invites(&terms).await?;
    let mut cuts = 2;
    scene.host(1)?.judge(move |op| match op {
        Op::Claim(_) if cuts > 0 => {
            cuts -= 1;
            Deed::Cut
        }
        _ => Deed::Honest,
    });
    scene.client_accepts(&card).await?;
    person.meet().await?;
    let (claims, sent) = times(scene);
    let [_, _, Some(last)] = claims.as_slice() else {
        return Err(Stop::fail("a claim at each of three servers", "one is missing"));
    };
    let sent = sent.ok_or_else(|| Stop::fail("a part", "none"))?;
    ensure!(*last < sent, "the first part behind the last claim (INVITATION-34)", "before it");
    Ok(())
}

async fn conflict(scene: &mut Scene, card: &str) -> Verdict {
    let contact = scene.client_accepts(card).await?;
    let reason = scene
        .event("the invitation abandoned (INVITATION-33)", |event| match event {
            Event::InvitationAbandoned(it) if it.handle == contact => Some(it.reason()),
            _ => None,
        })
        .await?;
    ensure!(reason == AbandonReason::Conflict, "CONFLICT", "{}", reason.as_str_name());
    let parts: usize = scene.hosts().iter().map(|host| host.record().parts().count()).sum();
    ensure!(parts == 0, "nothing sent", "{parts} parts");
    Ok(())
}

/// Somebody else has claimed the first server.
async fn claimed_before(scene: &mut Scene) -> Verdict {
    let (_person, card) = scene.person_invites(&Terms::default()).await?;
    let server = scene.around().doors.first().map(|door| door.public.clone());
    let server = server.ok_or_else(|| Stop::harness("no server"))?;
    let seed = scene.seed32();
    Person::try_claim(&scene.around(), seed, &card, 0, &server).await?.claimed()?;
    conflict(scene, &card).await
}

/// The last server says CONFLICT, when the others are claimed.
async fn conflict_last(scene: &mut Scene) -> Verdict {
    let terms = Terms { servers: vec![0, 1, 2], carded: 1, ..Terms::default() };
    let (_person, card) = scene.person_invites(&terms).await?;
    scene.host(2)?.judge(|op| match op {
        Op::Claim(_) => Deed::Answer(Err(Reject::Conflict)),
        _ => Deed::Honest,
    });
    conflict(scene, &card).await
}

/// An operation, whether the client is killed behind it, and its name.
type Point = (fn(&Op) -> bool, bool, &'static str);

/// Killed when it claims, and when its first part leaves: after the restart it joins all the same,
/// with the keys that it had.
async fn killed_joining(scene: &mut Scene) -> Verdict {
    let points: [Point; 3] = [
        (|op| matches!(op, Op::Claim(_)), true, "a Claim"),
        (|op| matches!(op, Op::Send { .. }), false, "a Send"),
        (|op| matches!(op, Op::Send { .. }), true, "a Send"),
    ];
    for (kind, after, what) in points {
        let (mut person, card) = scene.person_invites(&Terms::default()).await?;
        let seen = cut_at(scene, 0, after, kind)?;
        scene.client_accepts(&card).await?;
        kill_when(scene, 0, &seen, what).await?;
        person.meet().await?;
        person.answer().await?;
        let contact = scene.ready(None).await?;
        let text = scene.canary();
        person.say_text(&text).await?;
        scene.shows(&contact, &text).await?;
    }
    Ok(())
}
