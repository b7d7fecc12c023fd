//! What a client makes of the parts of a cell: any k are the cell, fewer are nothing, more are late.

use super::{acknowledged, four_of_seven, met, talk};
use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::Cell;
use crate::scene::{Scene, text_of};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("scatter/any-k", [SCATTER_21, SCATTER_15], any_k, needs Scatter),
    driven!("scatter/too-few", [SCATTER_21, SCATTER_15], too_few, needs Scatter),
    driven!("scatter/late-parts", [SCATTER_12, SCATTER_15], late, needs Scatter),
    driven!("scatter/replayed-parts", [SCATTER_11, SCATTER_15, SCATTER_20], replayed, needs Scatter),
    driven!("scatter/silent-servers", [SCATTER_21, SCATTER_15], silent, needs Scatter),
    driven!("scatter/interleaved", [SCATTER_21, SESSION_20], interleaved, needs Scatter),
];

/// Different four of seven places: the first, the last, a mixture.
const CHOICES: [[usize; 4]; 4] = [[0, 1, 2, 3], [3, 4, 5, 6], [0, 2, 4, 6], [5, 6, 0, 1]];

/// Exactly k of n parts are delivered, and the cell is shown; with k − 1 it was not.
async fn any_k(scene: &mut Scene) -> Verdict {
    for accepted in [true, false] {
        let (mut person, contact) = met(scene, &four_of_seven(), accepted).await?;
        for choice in CHOICES {
            let text = scene.canary();
            let cells = person.prepare(&text)?;
            let (last, before) = choice.split_last().ok_or_else(|| Stop::harness("no place"))?;
            for cell in &cells {
                person.hand_in_at(cell, before).await?;
            }
            scene.shows_nothing(&contact, "k - 1 parts of a cell are none (SCATTER-21)").await?;
            for cell in &cells {
                person.hand_in_at(cell, &[*last]).await?;
            }
            scene.shows(&contact, &text).await?;
        }
        acknowledged(scene).await?;
        person.gathers = true;
        talk(scene, &mut person, &contact).await?;
    }
    Ok(())
}

/// k − 1 parts come, the links end, and the k-th comes over new ones: nothing is lost.
async fn too_few(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    let text = scene.canary();
    let cells = person.prepare(&text)?;
    for cell in &cells {
        person.hand_in_at(cell, &[6, 1, 3]).await?;
    }
    scene.shows_nothing(&contact, "k - 1 parts of a cell are none (SCATTER-21)").await?;
    // A part is acknowledged when it is stored, not when its cell is whole.
    acknowledged(scene).await?;
    scene.hosts().iter().for_each(crate::host::Host::cut);
    person.relink().await?;
    for cell in &cells {
        person.hand_in_at(cell, &[4]).await?;
    }
    scene.shows(&contact, &text).await?;
    acknowledged(scene).await?;
    talk(scene, &mut person, &contact).await
}

/// The n − k parts that come when the cell was opened are acknowledged and dropped.
async fn late(scene: &mut Scene) -> Verdict {
    for accepted in [true, false] {
        let (mut person, contact) = met(scene, &four_of_seven(), accepted).await?;
        let text = scene.canary();
        let cells = person.prepare(&text)?;
        for cell in &cells {
            person.hand_in_at(cell, &[1, 2, 5, 6]).await?;
        }
        scene.shows(&contact, &text).await?;
        for cell in &cells {
            person.hand_in_at(cell, &[0, 3, 4]).await?;
        }
        scene.shows_nothing(&contact, "the cell was opened before (SCATTER-12)").await?;
        acknowledged(scene).await?;
        talk(scene, &mut person, &contact).await?;
    }
    Ok(())
}

/// The same k − 1 parts again and again are k − 1 parts; so are those of a whole cell no second one.
async fn replayed(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    let text = scene.canary();
    let cells = person.prepare(&text)?;
    for cell in &cells {
        for _ in 0..3 {
            person.hand_in_at(cell, &[0, 5, 6]).await?;
        }
    }
    scene.shows_nothing(&contact, "of one place one part counts (SCATTER-20)").await?;
    for cell in &cells {
        person.hand_in_at(cell, &[3]).await?;
    }
    scene.shows(&contact, &text).await?;
    for cell in &cells {
        person.hand_in(cell).await?;
        person.hand_in(cell).await?;
    }
    scene.shows_nothing(&contact, "the parts were taken before (SCATTER-11)").await?;
    acknowledged(scene).await?;
    talk(scene, &mut person, &contact).await
}

/// Any n − k servers are not there: both are heard, and what those servers have comes later.
async fn silent(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    for choice in CHOICES {
        let away: Vec<_> = (0..7).filter(|place| !choice.contains(place)).collect();
        for place in &away {
            scene.host(*place)?.close(true);
        }
        person.relink().await?;
        talk(scene, &mut person, &contact).await?;
        for place in &away {
            scene.host(*place)?.close(false);
        }
    }
    scene.shows_nothing(&contact, "what comes later was shown before (SCATTER-12)").await?;
    acknowledged(scene).await
}

/// Three cells at once, the last one whole first: each is shown once.
async fn interleaved(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&four_of_seven()).await?;
    let said: Vec<_> = (0..3).map(|number| format!("{number} {}", scene.canary())).collect();
    let mut cells: Vec<Cell> = Vec::new();
    for text in &said {
        cells.extend(person.prepare(text)?);
    }
    for place in [2, 3, 5, 0] {
        for cell in cells.iter().rev() {
            person.hand_in_at(cell, &[place]).await?;
        }
    }
    for text in &said {
        scene.shown_text(&contact, text).await?;
    }
    let entries = scene.history(&contact).await?;
    let mut shown: Vec<_> = entries.iter().filter_map(text_of).collect();
    shown.sort_unstable();
    ensure!(shown == said, "all texts, each once", "{shown:?}");
    acknowledged(scene).await
}
