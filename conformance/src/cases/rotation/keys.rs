//! The client changes its keys: what it keeps for servers that do not take a change, or lose it.

use std::time::Instant;

use bytes::Bytes;
use edgewise_proto::conformance::v1::RotateKeys;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_spec::connection::Op;
use edgewise_spec::error::Reject;

use crate::case::{Case, driven};
use crate::host::{Asked, Deed, Watched};
use crate::peer::person::{Person, Terms};
use crate::scene::{PATIENCE, QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("rotation/keys-not-taken", [ROTATION_16], not_taken, needs Move),
    driven!("rotation/keys-lost", [ROTATION_16, ROTATION_17], lost, needs Move),
];

/// Has the client change its keys, as soon as it may.
async fn rotates(scene: &Scene, contact: &Bytes) -> Verdict {
    let end = Instant::now() + PATIENCE;
    loop {
        let told = scene.tell(Kind::RotateKeys(RotateKeys { contact: contact.clone() })).await?;
        match told {
            Ok(_) => return Ok(()),
            // The change before may not be confirmed yet.
            Err(_) if Instant::now() < end => tokio::time::sleep(QUIET / 8).await,
            Err(refused) => return Err(refused.stop("the keys changed")),
        }
    }
}

/// Waits until the server has taken this of the client, as recipient and as sender.
async fn until_both(scene: &Scene, what: &str, seen: impl Fn(&Asked, bool) -> bool) -> Verdict {
    for _ in 0..80 {
        let record = scene.host(0)?.record();
        let as_role = |recipient| record.asked.iter().any(|asked| seen(asked, recipient));
        if as_role(true) && as_role(false) {
            return Ok(());
        }
        tokio::time::sleep(QUIET / 8).await;
    }
    Err(Stop::fail(format!("{what} at either end"), "it is missing"))
}

async fn talks(scene: &mut Scene, person: &mut Person, contact: &Bytes) -> Verdict {
    let (there, back) = (scene.canary(), scene.canary());
    person.say_text(&there).await?;
    scene.shows(contact, &there).await?;
    scene.client_texts(contact, &back).await?;
    person.text(&back).await
}

/// The server ends the links instead of taking a change, and does not know the new keys: the client
/// comes back under the old ones.
async fn not_taken(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let mut cuts = 2;
    scene.host(0)?.judge(move |op| match op {
        Op::Rotate { .. } if cuts > 0 => {
            cuts -= 1;
            Deed::Cut
        }
        Op::Rotate { .. } => Deed::Answer(Err(Reject::Terms)),
        Op::Attach(attach) if attach.version > 0 => Deed::Answer(Err(Reject::Refused)),
        _ => Deed::Honest,
    });
    rotates(scene, &contact).await?;
    until_both(scene, "an Attach under the new key", |asked, role| {
        matches!(asked.what, Watched::Attach { recipient, version: 1, .. } if recipient == role)
    })
    .await?;
    talks(scene, &mut person, &contact).await
}

/// The keys change twice, and the server loses its memory: the person, who has not heard of either
/// change, restores what it knew, and the client's changes lead on from there.
async fn lost(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    talks(scene, &mut person, &contact).await?;
    for newest in 1..=2 {
        rotates(scene, &contact).await?;
        let rotated = |asked: &Asked, role| {
            asked.refused.is_none()
                && matches!(asked.what, Watched::Rotate { recipient, .. } if recipient == role)
        };
        until_both(scene, "a Rotate", rotated).await?;
        tokio::time::sleep(QUIET / 4).await;
        scene.host(0)?.cut();
        until_both(scene, "an Attach under the newest key", |asked, role| {
            asked.refused.is_none()
                && matches!(asked.what, Watched::Attach { recipient, version, .. }
                    if recipient == role && version == newest)
        })
        .await?;
    }
    scene.host(0)?.forget();
    scene.client_texts(&contact, "under the newest key").await?;
    person.restore().await?;
    person.text("under the newest key").await?;
    talks(scene, &mut person, &contact).await
}
