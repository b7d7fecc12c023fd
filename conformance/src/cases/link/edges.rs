//! A server with two edges: whoever loses one goes on at the other.

use std::sync::Arc;

use bytes::Bytes;
use edgewise_spec::connection::Op;
use tokio::sync::Notify;

use crate::case::{Case, driven};
use crate::ensure;
use crate::host::{Deed, Entrance};
use crate::peer::person::{Person, Terms};
use crate::scene::{PATIENCE, Scene};
use crate::verdict::{Finding, Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[driven!("link/another-edge", [LINK_52], another_edge)];

/// Wherever the client begins, it is at the second edge while the first is shut, and at the first
/// while the second is; what was said when an edge was lost is there once.
async fn another_edge(scene: &mut Scene) -> Verdict {
    scene.servers(1).await?;
    scene.host(0)?.list_edges();
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    let mut said = vec!["before".to_owned()];
    person.say_text("before").await?;
    scene.shows(&contact, "before").await?;
    for (shut, open) in [(Entrance::First, Entrance::Second), (Entrance::Second, Entrance::First)] {
        scene.host(0)?.shut(open, false);
        lost(scene, &mut person, &contact, shut).await?;
        let text = format!("while {shut:?} is shut");
        person.say_text(&text).await?;
        scene.shows(&contact, &text).await.map_err(|stop| without(shut, stop))?;
        said.push(text);
    }
    let record = scene.host(0)?.record();
    let both = 0 < record.streams_at_second && record.streams_at_second < record.streams;
    ensure!(both, "links at either edge", "{} of {}", record.streams_at_second, record.streams);
    scene.until_history(&contact, &said).await
}

/// The edge is shut behind what the client says: the server has it, and has not answered. It is
/// heard once, and so is what the client says next.
async fn lost(scene: &Scene, person: &mut Person, contact: &Bytes, shut: Entrance) -> Verdict {
    let taken = Arc::new(Notify::new());
    let tell = Arc::clone(&taken);
    scene.host(0)?.judge(move |op| match op {
        Op::Send { .. } => {
            tell.notify_one();
            Deed::CutAfter
        }
        _ => Deed::Honest,
    });
    let (last, next) = (format!("as {shut:?} is lost"), format!("without {shut:?}"));
    scene.client_texts(contact, &last).await?;
    let taking = tokio::time::timeout(PATIENCE, taken.notified()).await;
    taking.map_err(|_| Stop::fail("a Send", format!("none for {} s", PATIENCE.as_secs())))?;
    scene.host(0)?.shut(shut, true);
    scene.host(0)?.honest();
    person.text(&last).await.map_err(|stop| without(shut, stop))?;
    scene.client_texts(contact, &next).await?;
    person.text(&next).await.map_err(|stop| without(shut, stop))
}

/// What was missed is for this clause to say.
fn without(shut: Entrance, stop: Stop) -> Stop {
    match stop {
        Stop::Fail(Finding { expected, actual }) => {
            let expected = format!("{expected}, with the edge {shut:?} shut (LINK-52)");
            Stop::Fail(Finding { expected, actual })
        }
        other => other,
    }
}
