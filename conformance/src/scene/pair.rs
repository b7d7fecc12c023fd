//! Two clients under test meet and talk to one another: nothing is lost, doubled or reordered, and
//! both histories come to the same.

use std::time::{Duration, Instant};

use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, ClientClock, content, ok};
use edgewise_spec::suite::hash;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::talker::Talker;
use super::{PATIENCE, cut, text_of};
use crate::driver::ClientSource;
use crate::verdict::{Stop, Verdict};

/// What one NextEvent waits.
const TURN_MS: u32 = 20;

/// The texts of a talker's history that it has said, or received.
async fn texts(talker: &mut Talker, own: bool) -> Result<Vec<String>, Stop> {
    let entries = talker.history().await?;
    let entries = entries.iter().filter(|entry| entry.own == own);
    Ok(entries.filter_map(|entry| text_of(entry).map(str::to_owned)).collect())
}

/// Has two clients meet over a server, say `count` texts in an order that follows from the seed,
/// and compares what they show.
///
/// # Errors
/// [`Stop::Fail`] where something is lost, doubled or out of order.
pub async fn converse(
    inviter: &ClientSource,
    claimer: &ClientSource,
    server: &str,
    seed: u64,
    count: usize,
) -> Verdict {
    let mut one = Talker::start("inviter", inviter, seed, ClientClock::Real).await?;
    let mut other = Talker::start("claimer", claimer, seed, ClientClock::Real).await?;
    meet(&mut one, &mut other, &[server.to_owned()]).await?;
    let mut rng = ChaCha20Rng::from_seed(hash(&[&seed.to_be_bytes(), b"pair"]));
    let mut said = [Vec::new(), Vec::new()];
    for number in 0..count {
        let [first, second] = &mut said;
        let (speaker, said) =
            if rng.next_u32().is_multiple_of(2) { (&mut one, first) } else { (&mut other, second) };
        let text = format!("text {number} of the {}", speaker.name);
        speaker.say(content::Kind::Text(text.clone())).await?;
        said.push(text);
        if rng.next_u32().is_multiple_of(4) {
            one.turn(TURN_MS).await?;
            other.turn(TURN_MS).await?;
        }
    }
    let [said_one, said_other] = said;
    let end = Instant::now() + PATIENCE;
    loop {
        one.turn(TURN_MS).await?;
        other.turn(TURN_MS).await?;
        let heard = (texts(&mut one, false).await?, texts(&mut other, false).await?);
        if heard.0 == said_other && heard.1 == said_one {
            break;
        }
        let more = heard.0.len() > said_other.len() || heard.1.len() > said_one.len();
        if more || Instant::now() >= end {
            let expected = "each history with all that the other has said, once and in order";
            return Err(Stop::fail(expected, cut(&format!("{heard:?}"))));
        }
    }
    let own = (texts(&mut one, true).await?, texts(&mut other, true).await?);
    if own.0 != said_one || own.1 != said_other {
        return Err(Stop::fail("each history with what was said here", cut(&format!("{own:?}"))));
    }
    same_safety_number(&mut one, &mut other).await
}

/// Both show one safety number.
pub(crate) async fn same_safety_number(one: &mut Talker, other: &mut Talker) -> Verdict {
    let (mine, theirs) = (one.safety_number().await?, other.safety_number().await?);
    if mine != theirs {
        return Err(Stop::fail(format!("the safety number {mine}"), theirs));
    }
    Ok(())
}

/// Has one invite over some servers and the other accept, until both are ready.
pub(crate) async fn meet(one: &mut Talker, other: &mut Talker, servers: &[String]) -> Verdict {
    let create = driver::CreateInvitation {
        servers: servers.to_vec(),
        mode: driver::SessionMode::Deniable.into(),
        link_class: 2,
        k: 1,
        carded: u32::try_from(servers.len()).unwrap_or(1),
        shown: false,
        good_hours: 48,
        name: "Ann".to_owned(),
    };
    let told = one.ask(Kind::CreateInvitation(create)).await?;
    let ok::Kind::Invited(driver::Invited { card, .. }) = told else {
        return Err(Stop::fail("Invited", cut(&format!("{told:?}"))));
    };
    let mut card = card;
    let end = Instant::now() + PATIENCE;
    while card.is_empty() && Instant::now() < end {
        one.turn(TURN_MS).await?;
        let made = one.events.iter().find_map(|event| match event {
            Event::InvitationMade(made) => Some(made.card.clone()),
            _ => None,
        });
        card = made.unwrap_or_default();
    }
    let accept = driver::AcceptInvitation { card, name: "Bob".to_owned(), ..Default::default() };
    other.ask(Kind::AcceptInvitation(accept)).await?;
    let end = Instant::now() + PATIENCE;
    while one.contact.is_empty() || other.contact.is_empty() {
        one.turn(TURN_MS).await?;
        other.turn(TURN_MS).await?;
        if Instant::now() >= end {
            return Err(Stop::fail("two contacts that are ready", "one is not"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
