//! Servers that lie, and a peer that does: what is no part of the cell is named, and the cell is shown.

use bytes::Bytes;
use edgewise_spec::frame::Class;

use super::{acknowledged, four_of_seven, met, spoilt, talk, until_blamed};
use crate::case::{Case, driven};
use crate::peer::person::Terms;
use crate::scene::Scene;
use crate::verdict::Verdict;

/// All of them.
pub const CASES: &[Case] = &[
    driven!(
        "scatter/lying-servers",
        [SCATTER_10, SCATTER_13, SCATTER_15, SCATTER_21],
        lying,
        needs Scatter
    ),
    driven!("scatter/altered-part", [SCATTER_10, SCATTER_13], altered, needs Scatter),
    driven!("scatter/swapped-parts", [SCATTER_10, SCATTER_13, SCATTER_20], swapped, needs Scatter),
    driven!("scatter/wrong-parts", [SCATTER_22, SCATTER_23], wrong, needs Scatter),
    driven!("scatter/no-cell", [SCATTER_22, SCATTER_15], apart, needs Scatter),
];

/// n − k servers alter, shorten, replay and make up every part, wherever they stand: every text is
/// shown once and in order, and each of them is named.
async fn lying(scene: &mut Scene) -> Verdict {
    for liars in [[0, 1, 2], [2, 4, 6]] {
        let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
        for place in liars {
            let mut turn = place;
            let mut first: Option<Bytes> = None;
            scene.host(place)?.tamper(move |parts| {
                for (_, part) in parts.iter_mut() {
                    turn += 1;
                    let honest = part.clone();
                    *part = match turn % 5 {
                        0 => spoilt(part, 100),
                        1 => part.slice(..part.len() - 1),
                        2 => first.clone().unwrap_or_else(|| spoilt(part, 0)),
                        3 => vec![0x5a; part.len()].into(),
                        _ => spoilt(part, part.len() - 1),
                    };
                    first.get_or_insert(honest);
                }
            });
        }
        let mut said = Vec::new();
        for _ in 0..6 {
            let text = scene.canary();
            person.say_text(&text).await?;
            said.push(text);
        }
        scene.until_history(&contact, &said).await?;
        until_blamed(scene, &contact, &liars, 2).await?;
        acknowledged(scene).await?;
        for place in liars {
            scene.host(place)?.tamper(|_| {});
        }
    }
    Ok(())
}

/// One altered part of n = k: there is no cell, until the good part comes; it was not used up.
async fn altered(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::of(Class::Small, 4, 4)).await?;
    for place in [0, 3] {
        let text = scene.canary();
        let cells = person.prepare(&text)?;
        for cell in &cells {
            for other in (0..4).filter(|other| *other != place) {
                person.hand_in_at(cell, &[other]).await?;
            }
            let part = cell.parts.get(place).cloned().unwrap_or_default();
            person.post(place, spoilt(&part, 300)).await?;
        }
        scene.shows_nothing(&contact, "one of its parts was altered").await?;
        for cell in &cells {
            person.hand_in_at(cell, &[place]).await?;
        }
        scene.shows(&contact, &text).await?;
    }
    until_blamed(scene, &contact, &[0, 3], 1).await?;
    acknowledged(scene).await
}

/// Two parts over each other's connection are parts of nothing; they use nothing up, and their
/// servers are named.
async fn swapped(scene: &mut Scene) -> Verdict {
    for accepted in [true, false] {
        let (mut person, contact) = met(scene, &Terms::of(Class::Small, 4, 4), accepted).await?;
        let text = scene.canary();
        let cells = person.prepare(&text)?;
        for cell in &cells {
            person.hand_in_at(cell, &[2, 3]).await?;
            for (from, to) in [(0, 1), (1, 0)] {
                person.post(to, cell.parts.get(from).cloned().unwrap_or_default()).await?;
            }
        }
        scene.shows_nothing(&contact, "two parts came by the wrong connection").await?;
        for cell in &cells {
            person.hand_in_at(cell, &[0, 1]).await?;
        }
        scene.shows(&contact, &text).await?;
        until_blamed(scene, &contact, &[0, 1], 1).await?;
        acknowledged(scene).await?;
        talk(scene, &mut person, &contact).await?;
    }
    Ok(())
}

/// Up to n − k parts are authentic and of another cell, and come before the others: the cell is found
/// all the same, and whoever brought them is named.
async fn wrong(scene: &mut Scene) -> Verdict {
    for accepted in [true, false] {
        let (mut person, contact) = met(scene, &four_of_seven(), accepted).await?;
        let mut guilty = Vec::new();
        for places in [&[5][..], &[0, 5], &[0, 2, 5]] {
            let text = scene.canary();
            let (cell, other) = person.prepare_apart(&text)?;
            for place in places {
                person.post(*place, other.get(*place).cloned().unwrap_or_default()).await?;
            }
            scene.shows_nothing(&contact, "the parts of another cell are too few").await?;
            let rest: Vec<_> = (0..7).filter(|place| !places.contains(place)).collect();
            person.hand_in_at(&cell, &rest).await?;
            scene.shows(&contact, &text).await?;
            guilty = places.to_vec();
        }
        until_blamed(scene, &contact, &guilty, 1).await?;
        acknowledged(scene).await?;
        talk(scene, &mut person, &contact).await?;
    }
    Ok(())
}

/// All n parts are authentic, and no k of them join: nothing is shown, and the talk goes on.
async fn apart(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    let text = scene.canary();
    let (cell, other) = person.prepare_apart(&text)?;
    // Three of the one and three of the other.
    for place in [0, 1, 2] {
        person.post(place, other.get(place).cloned().unwrap_or_default()).await?;
    }
    person.hand_in_at(&cell, &[3, 4, 5]).await?;
    scene.shows_nothing(&contact, "no k of its parts join (SCATTER-22)").await?;
    acknowledged(scene).await?;
    // The seventh part decides.
    person.hand_in_at(&cell, &[6]).await?;
    scene.shows(&contact, &text).await?;
    acknowledged(scene).await?;
    talk(scene, &mut person, &contact).await
}
