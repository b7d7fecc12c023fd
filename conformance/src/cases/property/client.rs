//! Properties of clients: talks of two, which come to show the same whatever fails.

use std::sync::Arc;

use super::report::{self, Account, SHRINK_WITHIN};
use crate::case::{Case, driven};
use crate::driver::{ClientSource, own};
use crate::property::Plan;
use crate::property::talk::{Powers, Talks};
use crate::scene::Scene;
use crate::verdict::Verdict;

/// All of them.
pub const CASES: &[Case] = &[
    driven!("property/talks", [MESSAGE_15, MESSAGE_20, MESSAGE_32, SCATTER_12], talks),
    driven!("property/talks-with-the-suite", [MESSAGE_15, MESSAGE_20], talks_with_the_suite),
    driven!(
        "property/talks-with-restarts",
        [SESSION_23, SESSION_24, SESSION_25, MESSAGE_15],
        talks_with_restarts,
        needs Folder
    ),
    driven!(
        "property/talks-in-time",
        [SESSION_24, SESSION_25, MESSAGE_15],
        talks_in_time,
        needs Clock Folder
    ),
    driven!(
        "property/talks-with-loss",
        [SESSION_23, SESSION_24, SESSION_25, MESSAGE_15],
        talks_with_loss,
        needs Folder
    ),
    driven!("property/talks-with-lies", [SCATTER_12, MESSAGE_15], talks_with_lies),
];

/// Commands of one talk.
const COMMANDS: usize = 20;
/// Talks at a time.
const AT_ONCE: usize = 2;
/// So many runs of a property are one talk: it takes as long.
const RUNS_A_TALK: u32 = 25;

/// Carries out talks of the client under test with another, or with itself where there are as many
/// as one likes.
async fn run(scene: &mut Scene, powers: Powers, with: Option<ClientSource>) -> Verdict {
    scene.dismiss().await;
    let one = scene.source().clone();
    let many = one.many();
    let other = match with {
        Some(other) => other,
        None if many => one.clone(),
        None => ClientSource::Embedded(own::start::<0>),
    };
    let settings = scene.settings();
    let plan = Plan {
        seed: settings.seed,
        first: 0,
        sequences: u64::from(settings.cases.div_ceil(RUNS_A_TALK)),
        commands: COMMANDS,
        at_once: if many { AT_ONCE } else { 1 },
        shrink_within: SHRINK_WITHIN,
    };
    let seed = settings.seed;
    let talks = Talks { one, other, powers, seed, trace: scene.trace().clone() };
    let account = Account { case: scene.id(), settings, trace: scene.trace() };
    report::run(Arc::new(talks), plan, &account).await.map(drop)
}

/// Both say, answer, edit, withdraw and react as they like, and read one another, while keys change
/// and connections move.
async fn talks(scene: &mut Scene) -> Verdict {
    run(scene, Powers { receipts: true, moves: true, ..Powers::default() }, None).await
}

/// The same, without moves, with the words of the specification at the other end, and links that
/// are cut.
async fn talks_with_the_suite(scene: &mut Scene) -> Verdict {
    let suite = ClientSource::Embedded(own::start::<0>);
    run(scene, Powers { cuts: true, ..Powers::default() }, Some(suite)).await
}

/// Either is killed at any point, or stays away for a while.
async fn talks_with_restarts(scene: &mut Scene) -> Verdict {
    run(scene, Powers { restarts: true, moves: true, ..Powers::default() }, None).await
}

/// Days go by between any two words.
async fn talks_in_time(scene: &mut Scene) -> Verdict {
    run(scene, Powers { restarts: true, clock: true, ..Powers::default() }, None).await
}

/// Servers cut links, are away, and forget everything, and clients are killed.
async fn talks_with_loss(scene: &mut Scene) -> Verdict {
    let powers = Powers { restarts: true, cuts: true, loss: true, ..Powers::default() };
    run(scene, powers, None).await
}

/// One of two servers drops, repeats and swaps what it was given.
async fn talks_with_lies(scene: &mut Scene) -> Verdict {
    run(scene, Powers { lies: true, ..Powers::default() }, None).await
}
