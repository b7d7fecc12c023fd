//! A client that is killed at any moment loses nothing that was accepted, says nothing twice, and
//! seals no counter twice.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::slice;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use edgewise_client::Clock;
use edgewise_client::messenger::{Event, Invite, MessageView, Messenger, Said, Say};
use edgewise_client::store::{ContactId, Direction, Store};
use edgewise_spec::scatter::Shape;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::scatter::ten_servers;
use super::{LONG, Person, options, store_options, two, unlock};
use crate::server::{Config, TestServer};

const ROUNDS: u64 = 12;

/// The other process: says numbers for as long as it lives, and tells which were accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the body of another test"]
async fn child() {
    let path = PathBuf::from(std::env::var_os("EDGEWISE_STORE").unwrap());
    let from: u64 = std::env::var("EDGEWISE_FROM").unwrap().parse().unwrap();
    let store = Store::open(&path, &unlock(), &store_options()).unwrap();
    let clock = Clock::default();
    if let Ok(ahead) = std::env::var("EDGEWISE_AHEAD") {
        clock.advance_millis(ahead.parse().unwrap());
    }
    let (messenger, mut events) = Messenger::open(store, options(&clock)).await.unwrap();
    tokio::spawn(async move { while events.next().await.is_some() {} });
    let profile = messenger.profiles().await.unwrap()[0].id;
    let contact = messenger.contacts(profile).await.unwrap()[0].id;
    let mut out = std::io::stdout();
    // Ends the line that the harness has begun.
    writeln!(out).unwrap();
    if std::env::var_os("EDGEWISE_AHEAD").is_some() {
        // Refused where one is under way, or is over, since an earlier life.
        let _ = messenger.renew(contact).await;
        writeln!(out, "renews").unwrap();
        out.flush().unwrap();
    }
    for number in from.. {
        messenger.send(contact, Say::Text(format!("child {number}"))).await.unwrap();
        writeln!(out, "said {number}").unwrap();
        out.flush().unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

fn start(path: &std::path::Path, from: u64, ahead: Option<u64>) -> (Child, Receiver<String>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "messenger::kill::child", "--ignored", "--nocapture"]);
    command.env("EDGEWISE_STORE", path).env("EDGEWISE_FROM", from.to_string());
    if let Some(ahead) = ahead {
        command.env("EDGEWISE_AHEAD", ahead.to_string());
    }
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let (tell, lines) = channel();
    let stdout = BufReader::new(process.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    (process, lines)
}

/// Lets a child live for a while and kills it; the highest number that it had accepted.
fn live(path: &std::path::Path, from: u64, millis: u64) -> Option<u64> {
    let (mut process, lines) = start(path, from, None);
    std::thread::sleep(Duration::from_millis(millis));
    assert!(process.try_wait().unwrap().is_none(), "it ended by itself");
    process.kill().unwrap();
    process.wait().unwrap();
    lines.iter().filter_map(|line| line.strip_prefix("said ")?.parse().ok()).last()
}

/// The same for one that says that its session is lost, killed so long after it has said so; its
/// clock is as far ahead of the system's.
pub fn renew(path: &std::path::Path, from: u64, millis: u64, ahead: u64) -> Option<u64> {
    let (mut process, lines) = start(path, from, Some(ahead));
    let said = lines.iter().take_while(|line| line != "renews").count();
    assert!(said < 100, "it says that it renews");
    std::thread::sleep(Duration::from_millis(millis));
    assert!(process.try_wait().unwrap().is_none(), "it ended by itself");
    process.kill().unwrap();
    process.wait().unwrap();
    lines.iter().filter_map(|line| line.strip_prefix("said ")?.parse().ok()).last()
}

pub async fn texts(messenger: &Messenger, contact: ContactId, of: Direction) -> Vec<MessageView> {
    let (mut texts, mut before) = (Vec::new(), None);
    loop {
        let page = messenger.history(contact, before, 500).await.unwrap();
        let is_text = |view: &MessageView| matches!(view.said, Said::Text(_));
        texts.extend(page.messages.into_iter().filter(|it| it.direction == of && is_text(it)));
        before = page.before;
        if before.is_none() {
            texts.reverse();
            return texts;
        }
    }
}

/// Every number once, in order, with nothing wrong about it. One that was accepted by the store
/// just before the end, and not told, may be among them.
pub fn numbers(texts: &[MessageView], who: &str) -> Vec<u64> {
    let number = |view: &MessageView| {
        assert!(view.marks.is_empty(), "{view:?}");
        match &view.said {
            Said::Text(text) => text.strip_prefix(who)?.trim().parse().ok(),
            _ => None,
        }
    };
    texts.iter().map(|view| number(view).expect("a number")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_killed_loses_nothing_and_doubles_nothing() {
    let server = TestServer::start(Config::default()).await;
    killed(slice::from_ref(&server), Invite::default(), ROUNDS, 150).await;
}

/// It is killed amid cells of which it holds some parts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_ten_servers_that_is_killed_loses_nothing_and_doubles_nothing() {
    let servers = ten_servers(&Clock::default()).await;
    let shape = Shape::SEVEN_OF_TEN;
    killed(&servers, Invite { shape, ..Invite::default() }, 6, 600).await;
}

async fn killed(servers: &[TestServer], invite: Invite, rounds: u64, least: u64) {
    let addresses: Vec<_> = servers.iter().map(|server| server.address.clone()).collect();
    let ((mut ann, bobs), (bob, anns)) = two(&addresses, invite).await;
    let path = bob.folder.path().join("chat.db");
    bob.messenger.clone().close().await.unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (mut next, mut sent) = (0, 0);
    let mut accepted = Vec::new();
    for round in 0..rounds {
        let millis = least + u64::from(rng.next_u32() % 400);
        let (at, from) = (path.clone(), next);
        let life = tokio::task::spawn_blocking(move || live(&at, from, millis));
        for _ in 0..20 {
            ann.say(bobs, &format!("ann {sent}")).await;
            sent += 1;
            tokio::time::sleep(Duration::from_millis(least / 30)).await;
        }
        if let Some(last) = life.await.unwrap() {
            accepted.extend(next..=last);
            // Numbers that may or may not have been accepted are not used again.
            next = last + 10;
        }
        if round % 4 == 3 {
            servers[0].lose_everything();
        }
    }
    let least = if servers.len() == 1 { 50 } else { 10 };
    assert!(accepted.len() > least, "the child said only {}", accepted.len());
    let bob = bob.open().await;
    bob.say(anns, &format!("child {next}")).await;
    accepted.push(next);
    ann.heard_text(&format!("child {next}")).await;
    let heard = numbers(&texts(&ann.messenger, bobs, Direction::Received).await, "child");
    let said = numbers(&texts(&bob.messenger, anns, Direction::Sent).await, "child");
    assert_eq!(heard, said, "what stands in one history stands in the other");
    assert!(accepted.iter().all(|number| heard.contains(number)), "what was accepted has come");
    let all = async {
        loop {
            let back = numbers(&texts(&bob.messenger, anns, Direction::Received).await, "ann");
            if back.len() as u64 == sent {
                return back;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let back = tokio::time::timeout(LONG, all).await.expect("all that Ann said has come");
    assert_eq!(back, (0..sent).collect::<Vec<_>>());
}

impl Person {
    pub async fn heard_text(&mut self, wanted: &str) {
        self.wait(|event| match event {
            Event::Message { message, .. } => {
                (message.said == Said::Text(wanted.to_owned())).then_some(())
            }
            _ => None,
        })
        .await;
    }
}
