//! Cases of the chapter scatter.

mod joining;
mod lying;
mod partial;
mod sent;
mod shapes;
mod whole;

use std::collections::HashMap;

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::{self as driver, Blame};
use edgewise_spec::frame::Class;

use crate::case::Case;
use crate::host::Watched;
use crate::peer::person::{Person, Terms};
use crate::scene::{QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// The tables: k = 1, and what profile scatter judges.
pub const TABLES: &[&[Case]] =
    &[whole::CASES, shapes::CASES, joining::CASES, lying::CASES, partial::CASES, sent::CASES];

/// The shape of most cases: small, 4 of 7.
fn four_of_seven() -> Terms {
    Terms::of(Class::Small, 4, 7)
}

/// The client and a person have met: the client has accepted, or has invited.
async fn met(scene: &mut Scene, terms: &Terms, accepted: bool) -> Result<(Person, Bytes), Stop> {
    if accepted { scene.meet_inviting(terms).await } else { scene.meet_claiming(terms).await }
}

/// A text either way.
async fn talk(scene: &mut Scene, person: &mut Person, contact: &Bytes) -> Verdict {
    let (there, back) = (scene.canary(), scene.canary());
    person.say_text(&there).await?;
    scene.shown_text(contact, &there).await?;
    scene.client_texts(contact, &back).await?;
    person.text(&back).await
}

/// Every part that was given to the client is acknowledged.
async fn acknowledged(scene: &Scene) -> Verdict {
    for _ in 0..40 {
        let mut open = 0;
        for host in scene.hosts() {
            let (mut given, mut through) = (HashMap::new(), Vec::new());
            for asked in &host.record().asked {
                match &asked.what {
                    Watched::Given { id, sequence } => {
                        given.insert(*id, *sequence);
                    }
                    Watched::Acknowledge { id, through: to } => through.push((*id, *to)),
                    _ => {}
                }
            }
            open += given.iter().filter(|(id, last)| !through.contains(&(**id, **last))).count();
        }
        if open == 0 {
            return Ok(());
        }
        tokio::time::sleep(QUIET / 4).await;
    }
    Err(Stop::fail("every part acknowledged in the end (SCATTER-15)", "some are not"))
}

fn spoilt(part: &Bytes, at: usize) -> Bytes {
    let mut bytes = part.to_vec();
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
    bytes.into()
}

/// What a server has brought that was of no use, whatever the fault is called.
const fn against(blame: &Blame) -> u32 {
    blame.bad + blame.stray + blame.wrong
}

/// Waits until each of these servers is blamed for as much, and no other for anything.
async fn until_blamed(scene: &Scene, contact: &Bytes, guilty: &[usize], least: u32) -> Verdict {
    let mut names = Vec::new();
    for place in guilty {
        names.push(scene.host(*place)?.address.to_string());
    }
    let mut missing = Vec::new();
    for _ in 0..40 {
        let told = blamed(scene, contact).await?;
        for blame in told.iter().filter(|blame| !names.contains(&blame.server)) {
            if against(blame) > 0 {
                let actual = format!("{blame:?}");
                return Err(Stop::fail("nothing against a server that is honest", actual));
            }
        }
        let of = |name: &String| {
            told.iter().filter(|blame| blame.server == *name).map(against).sum::<u32>()
        };
        missing = names.iter().filter(|name| of(name) < least).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(QUIET / 4).await;
    }
    let expected = format!("{least} parts against each server that brought them (SCATTER-13)");
    Err(Stop::fail(expected, format!("fewer against {}", missing.join(", "))))
}

async fn blamed(scene: &Scene, contact: &Bytes) -> Result<Vec<Blame>, Stop> {
    let get = driver::GetBlame { contact: contact.clone() };
    match scene.tell(Kind::GetBlame(get)).await?.map_err(|refused| refused.stop("Blamed"))? {
        driver::ok::Kind::Blamed(blamed) => Ok(blamed.servers),
        other => Err(Stop::fail("Blamed", format!("{other:?}"))),
    }
}
