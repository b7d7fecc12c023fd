//! Bundles that are not good: the person is told, and nothing is sent.

use bytes::Bytes;
use edgewise_proto::conformance::v1::AbandonReason;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_spec::constants::{BUNDLE_LEN, EK_LEN, HASH_LEN};
use edgewise_spec::invitation::filler;
use rand_core::CryptoRng;

use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::{Draft, Person, Terms, seal_bundle};
use crate::scene::Scene;
use crate::verdict::Verdict;

/// All of them.
pub const CASES: &[Case] = &[
    driven!("invitation/bundle-altered", [INVITATION_7], altered),
    driven!("invitation/bundle-zeros", [INVITATION_7], zeros),
    driven!("invitation/bundle-version", [INVITATION_7], version),
    driven!("invitation/bundle-other", [INVITATION_9], other),
    driven!("invitation/bundle-long", [INVITATION_11], long),
    driven!("invitation/bundle-suite", [INVITATION_12], suite),
    driven!("invitation/bundle-mode", [INVITATION_13], mode),
    driven!("invitation/bundle-key", [INVITATION_15], key),
    driven!("invitation/bundle-expired", [INVITATION_18], expired),
    driven!("invitation/card-altered", [INVITATION_19, INVITATION_21], card_altered),
];

/// Where suite, mode and shape stand: behind the salt.
const SUITE_AT: usize = HASH_LEN;
const MODE_AT: usize = HASH_LEN + 2;

async fn refused(
    scene: &mut Scene,
    clause: &str,
    change: impl FnOnce(&mut Draft, &mut dyn CryptoRng),
) -> Verdict {
    scene.servers(1).await?;
    let seed = scene.seed32();
    let terms = Terms::default();
    let (mut person, card) = Person::invite_with(scene.around(), seed, &terms, change).await?;
    abandoned(scene, &card, clause).await?;
    let heard = person.listen(crate::scene::QUIET).await?;
    let notice = heard.is_none() || matches!(heard, Some(crate::peer::person::Heard::Notice(_)));
    ensure!(notice, "nothing sent to the inviter", "{heard:?}");
    Ok(())
}

/// The client tells its user that nothing comes of the card, or why not yet, and sends nothing.
async fn abandoned(scene: &mut Scene, card: &str, clause: &str) -> Verdict {
    let contact = scene.client_accepts(card).await?;
    let expected = format!("the invitation abandoned ({clause})");
    let reason = scene
        .event(&expected, |event| match event {
            Event::InvitationAbandoned(it) if it.handle == contact => Some(it.reason()),
            _ => None,
        })
        .await?;
    ensure!(reason != AbandonReason::Conflict, "another reason than a conflict", "{reason:?}");
    let parts = scene.host(0)?.record().parts().count();
    ensure!(parts == 0, "nothing sent", "{parts} parts");
    scene.no_event("no contact of it", |event| matches!(event, Event::ContactReady(_))).await
}

/// The only server of the card returns what does not open: the client waits or gives up, but sends
/// nothing and tells of no contact.
async fn unopened(scene: &mut Scene, returned: Bytes) -> Verdict {
    scene.servers(1).await?;
    let seed = scene.seed32();
    let change = |draft: &mut Draft, _: &mut dyn CryptoRng| draft.returned = Some(returned);
    let terms = Terms::default();
    let (_person, card) = Person::invite_with(scene.around(), seed, &terms, change).await?;
    scene.client_accepts(&card).await?;
    scene
        .no_event("no contact of a bundle that does not open (INVITATION-7)", |event| {
            matches!(event, Event::ContactReady(_))
        })
        .await?;
    let parts = scene.host(0)?.record().parts().count();
    ensure!(parts == 0, "nothing sent", "{parts} parts");
    Ok(())
}

/// One bit of the sealed bundle is another.
async fn altered(scene: &mut Scene) -> Verdict {
    let mut bytes = vec![0; BUNDLE_LEN];
    for byte in bytes.iter_mut().skip(4) {
        *byte = 0xa5;
    }
    unopened(scene, bytes.into()).await
}

/// Zeros instead of a bundle.
async fn zeros(scene: &mut Scene) -> Verdict {
    unopened(scene, filler()).await
}

/// Sealed well as version 1, which a one-time bundle never is.
async fn version(scene: &mut Scene) -> Verdict {
    refused(scene, "INVITATION-7", |draft, _| draft.version = 1).await
}

/// Another bundle under the card's secret: it opens, and does not hash to s.
async fn other(scene: &mut Scene) -> Verdict {
    refused(scene, "INVITATION-9", |draft, rng| {
        let mut secret = [0; HASH_LEN];
        rng.fill_bytes(&mut secret);
        draft.returned = Some(seal_bundle(&secret, 0, &draft.bundle));
        draft.secret = Some(secret);
    })
    .await
}

/// A byte behind the last field.
async fn long(scene: &mut Scene) -> Verdict {
    refused(scene, "INVITATION-11", |draft, _| draft.bundle.push(0)).await
}

/// A suite that is not known.
async fn suite(scene: &mut Scene) -> Verdict {
    refused(scene, "INVITATION-12", |draft, _| set(draft, SUITE_AT, &[0x7f, 0xff])).await
}

/// A mode that is not known.
async fn mode(scene: &mut Scene) -> Verdict {
    refused(scene, "INVITATION-13", |draft, _| set(draft, MODE_AT, &[9])).await
}

/// Keys whose X25519 half has low order, and one whose ML-KEM half is out of range.
async fn key(scene: &mut Scene) -> Verdict {
    refused(scene, "INVITATION-15", |draft, _| {
        let at = ek_at(&draft.bundle) + EK_LEN - 32;
        set(draft, at, &[0; 32]);
    })
    .await?;
    refused(scene, "INVITATION-15", |draft, _| {
        let at = ek_at(&draft.bundle);
        set(draft, at, &[0xff; 32]);
    })
    .await
}

/// Its hour not_after has come.
async fn expired(scene: &mut Scene) -> Verdict {
    refused(scene, "INVITATION-18", |draft, _| {
        let at = draft.bundle.len().saturating_sub(4);
        set(draft, at, &1_u32.to_be_bytes());
    })
    .await
}

/// A card with another letter is none.
async fn card_altered(scene: &mut Scene) -> Verdict {
    let (_person, card) = scene.person_invites(&Terms::default()).await?;
    let at = card.len().saturating_sub(20);
    let (front, back) = card.split_at(at);
    let mut letters = back.chars();
    let other = if letters.next() == Some('A') { 'B' } else { 'A' };
    let altered = format!("{front}{other}{}", letters.as_str());
    for text in [altered.as_str(), front, "hello", ""] {
        let told = scene.try_accepts(text).await?;
        ensure!(told.is_err(), "a text that is no card refused", "{text:?} is accepted");
    }
    Ok(())
}

fn set(draft: &mut Draft, at: usize, bytes: &[u8]) {
    if let Some(place) = draft.bundle.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Where ek stands in a bundle of one server: behind salt, suite, four bytes, and the server.
fn ek_at(bundle: &[u8]) -> usize {
    let server = HASH_LEN + 2 + 4;
    let host = bundle.get(server + HASH_LEN + 3).copied().unwrap_or_default();
    server + HASH_LEN + 4 + usize::from(host)
}
