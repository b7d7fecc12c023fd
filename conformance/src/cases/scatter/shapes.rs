//! Every shape with k > 1 of the table: the client invites and accepts, and both ends are heard.

use bytes::Bytes;
use edgewise_proto::conformance::v1::AbandonReason;
use edgewise_spec::constants::SERVERS_MAX;
use edgewise_spec::frame::Class;

use super::super::invitation::inviting::is_abandoned;
use super::{met, talk};
use crate::case::{Case, Need, driven};
use crate::ensure;
use crate::host::Watched;
use crate::peer::person::{Person, Terms};
use crate::scene::Scene;
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("scatter/small-4", [SCATTER_4, SCATTER_21], small_4, needs Scatter),
    driven!("scatter/small-7", [SCATTER_4, SCATTER_21], small_7, needs Scatter),
    driven!("scatter/medium-7", [SCATTER_4, SCATTER_21], medium_7, needs Scatter),
    driven!("scatter/undeclared", [SCATTER_1, SESSION_36], undeclared),
];

/// Cells that the long text of a row takes.
const CELLS: usize = 3;

/// Every n of a row, in both roles; the last ones with a text of several cells.
async fn row(scene: &mut Scene, class: Class, k: u8) -> Verdict {
    for n in k..=u8::try_from(SERVERS_MAX).unwrap_or(u8::MAX) {
        let terms = Terms::of(class, k, n);
        for accepted in [true, false] {
            scene.note(format!("{k} of {n}, the client {}", role(accepted)));
            let (mut person, contact) = met(scene, &terms, accepted).await?;
            person.gathers = true;
            talk(scene, &mut person, &contact).await?;
            if usize::from(n) == SERVERS_MAX {
                long(scene, &mut person, &contact).await?;
            }
            let len = person.shape().part_len();
            for host in scene.hosts() {
                let record = host.record();
                let odd = record.parts().map(|(_, _, part)| part.len()).find(|it| *it != len);
                let actual = odd.unwrap_or_default();
                ensure!(odd.is_none(), format!("parts of {len} bytes (SCATTER-5)"), "{actual}");
            }
        }
    }
    Ok(())
}

const fn role(accepted: bool) -> &'static str {
    if accepted { "accepts" } else { "invites" }
}

/// A text of several cells either way.
async fn long(scene: &mut Scene, person: &mut Person, contact: &Bytes) -> Verdict {
    let length = (CELLS - 1) * person.shape().body_len();
    let text = |canary: String| canary.chars().cycle().take(length).collect::<String>();
    let (there, back) = (text(scene.canary()), text(scene.canary()));
    let cells = person.say_text(&there).await?;
    if cells.len() != CELLS {
        return Err(Stop::harness(format!("a text of {} cells", cells.len())));
    }
    scene.shows(contact, &there).await?;
    scene.client_texts(contact, &back).await?;
    person.text(&back).await
}

/// Small, 4 of 4 to 10.
async fn small_4(scene: &mut Scene) -> Verdict {
    row(scene, Class::Small, 4).await
}

/// Small, 7 of 7 to 10.
async fn small_7(scene: &mut Scene) -> Verdict {
    row(scene, Class::Small, 7).await
}

/// Medium, 7 of 7 to 10.
async fn medium_7(scene: &mut Scene) -> Verdict {
    row(scene, Class::Medium, 7).await
}

/// A bundle with k > 1: a client that declares it says hello; one that does not abandons the
/// invitation, tells its user that the bundle is why, and has made and sent nothing.
async fn undeclared(scene: &mut Scene) -> Verdict {
    let (mut person, card) = scene.person_invites(&Terms::of(Class::Small, 4, 4)).await?;
    if scene.has(Need::Scatter).await {
        scene.client_accepts(&card).await?;
        return person.meet().await.map(drop);
    }
    let handle = scene.client_accepts(&card).await?;
    is_abandoned(scene, &handle, AbandonReason::Bundle).await?;
    for host in scene.hosts() {
        for asked in &host.record().asked {
            let idle = !matches!(asked.what, Watched::Create { .. } | Watched::Send { .. });
            ensure!(idle, "no connection and no part", "{:?}", asked.what);
        }
    }
    Ok(())
}
