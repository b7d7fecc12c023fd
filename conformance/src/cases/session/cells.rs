//! Cells that are not good: nothing comes of them, and the next good one opens.

use edgewise_spec::constants::{CT_LEN, HEADER_BOX_LEN};
use edgewise_spec::message::Content;
use edgewise_spec::session::Session;
use edgewise_spec::session::{Fresh, Purpose};

use crate::case::{Case, driven};
use crate::peer::person::{Claimed, Terms};
use crate::scene::Scene;
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("session/forged", [SESSION_19, SESSION_11, SESSION_17, SESSION_18], forged),
    driven!("session/replayed", [SESSION_10, SESSION_19], replayed),
    driven!("session/low-order", [SESSION_14], low_order),
    driven!("session/overtaken", [SESSION_20], overtaken),
];

/// Cells altered in their box, commitment or body, and one of random bytes, under good parts: none
/// is shown, and the good cell of the same s is.
async fn forged(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let places = [0, HEADER_BOX_LEN, HEADER_BOX_LEN + 40, usize::MAX];
    for (round, place) in places.into_iter().enumerate() {
        let text = format!("good {round}");
        let composed = person.compose(&Content::Text(text.clone()))?;
        let before = person.sender.clone();
        let cells = person.seal_all(&composed.bodies)?;
        let good = cells.first().ok_or_else(|| Stop::harness("a cell"))?;
        let mut bad = good.cell.clone();
        match bad.get_mut(place) {
            Some(byte) => *byte ^= 1,
            None => bad = vec![0x5a; bad.len()],
        }
        // The parts of the altered cell are what a server cannot make: sealed by the sender.
        let after = std::mem::replace(&mut person.sender, before);
        let parts = person.forge(good.s, &bad)?;
        person.sender = after;
        for (place, part) in parts.into_iter().enumerate() {
            person.post(place, part).await?;
        }
        scene.shows_nothing(&contact, "the cell was altered (SESSION-19)").await?;
        // Nothing has changed: the good cell of the same s is taken, and the session goes on.
        person.hand_in(good).await?;
        scene.shows(&contact, &text).await?;
        let next = format!("next {round}");
        person.say_text(&next).await?;
        scene.shows(&contact, &next).await?;
    }
    Ok(())
}

/// A cell that was opened is not opened again, in whatever parts it comes.
async fn replayed(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let cells = person.say_text("once").await?;
    scene.shows(&contact, "once").await?;
    for cell in &cells {
        person.hand_in(cell).await?;
        person.hand_in(cell).await?;
    }
    scene.shows_nothing(&contact, "the cell was opened before (SESSION-10)").await?;
    person.say_text("twice").await?;
    scene.shows(&contact, "twice").await.map(drop)
}

/// A claimer's first step with a ciphertext whose X25519 half has low order is refused.
async fn low_order(scene: &mut Scene) -> Verdict {
    for half in [[0; 32], one()] {
        let (_, card) = scene.client_invites(&Terms::default()).await?;
        let seed = scene.seed32();
        let claimed = Claimed::claim(scene.around(), seed, &card).await?;
        let (bundle, opened) = (claimed.bundle.clone(), claimed.card.clone());
        let (mut person, hello) = claimed.begin().await?;
        let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::from_seed(seed);
        let mut fresh = Fresh::generate(bundle.ek(), &mut rng);
        let (_, last) = fresh.ct.split_at_mut(CT_LEN - 32);
        last.copy_from_slice(&half);
        let session = Session::claim_derand(
            opened.secret().as_bytes(),
            bundle.as_bytes(),
            bundle.ek(),
            bundle.shape(),
            bundle.mode(),
            person.now(),
            fresh,
        );
        person.session = Some(session);
        let composed = person.compose(&hello)?;
        for body in &composed.bodies {
            let cell = person.seal(Purpose::Message, body)?;
            person.hand_in(&cell).await?;
        }
        scene
            .no_event("no contact of a step that is not acceptable (SESSION-14)", |event| {
                matches!(event, edgewise_proto::conformance::v1::event::Kind::ContactReady(_))
            })
            .await?;
        let parts = scene.host(0)?.record().parts().count();
        crate::ensure!(parts == 0, "no answer to it", "{parts} parts");
    }
    Ok(())
}

/// The point of order 1 in X25519's coordinates.
const fn one() -> [u8; 32] {
    let mut point = [0; 32];
    point[0] = 1;
    point
}

/// Cells that overtake one another are all opened.
async fn overtaken(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let mut cells = Vec::new();
    for text in ["a", "b", "c"] {
        let composed = person.compose(&Content::Text(text.to_owned()))?;
        cells.extend(person.seal_all(&composed.bodies)?);
    }
    for cell in cells.iter().rev() {
        person.hand_in(cell).await?;
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        let entry = scene.shown(&contact, "three texts").await?;
        seen.push(crate::scene::text_of(&entry).unwrap_or_default().to_owned());
    }
    seen.sort();
    crate::ensure_eq!(seen, ["a", "b", "c"], "texts");
    Ok(())
}
