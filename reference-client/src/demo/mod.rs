//! A server and two people in one process, gone when it ends.

mod folder;
pub mod server;

use std::io::IsTerminal as _;
use std::time::Instant;

use crate::cli::desk::{Desk, Request, Tell};
use crate::cli::dispatch::{Backend, interrupted};
use crate::cli::failure::Failure;
use crate::cli::folder::Folder;
use crate::cli::outcome::Outcome;
use crate::cli::print::Out;
use crate::cli::shape::{Talk, Way};
use crate::cli::verb::{
    Accept, AddServer, Contacts, History, Invite, Read, Send, ServersVerb, Verb,
};
use crate::messenger::{Messenger, Options};
use crate::store::{self, Store, Stretch, Unlock};
use crate::tui::{self, Person};
use folder::TemporaryFolder;
use server::Server;

/// How long anything in a demonstration may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(10);
/// What the two say.
const TALK: [(usize, &str); 4] = [
    (0, "Hello Bob! Only your device and mine can read this."),
    (1, "Hello Ann! And the server?"),
    (0, "It has two one-way connections, and knows neither of us."),
    (1, "I like that."),
];

/// Somebody in the demonstration.
struct Somebody {
    name: &'static str,
    desk: Desk,
}

/// Plays the demonstration: on a screen, or as a script.
pub(crate) async fn run(script: bool, out: &Out) -> Result<u8, Failure> {
    let begun = Instant::now();
    let folder = TemporaryFolder::make()?;
    let server = Server::start(server::Config::default())
        .await
        .map_err(|error| Failure::failed(format!("cannot start a server: {error}")))?;
    let mut times = vec![("a server runs", begun.elapsed())];
    let ann = Somebody::new("Ann", &folder, &server).await?;
    let bob = Somebody::new("Bob", &folder, &server).await?;
    times.push(("two people have a store and a profile each", begun.elapsed()));
    meet(&ann, &bob).await?;
    times.push(("Bob has accepted Ann's invitation, both can talk", begun.elapsed()));
    let people = [ann, bob];
    let screen = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let done = if script || out.json || !screen {
        talk(&people, out, begun, times).await
    } else {
        show(&people).await
    };
    let [ann, bob] = people;
    let closed = (ann.desk.close().await, bob.desk.close().await);
    done?;
    closed.0.and(closed.1).map(|()| 0)
}

impl Somebody {
    async fn new(
        name: &'static str,
        folder: &TemporaryFolder,
        server: &Server,
    ) -> Result<Self, Failure> {
        let folder = Folder::find(Some(folder.path().join(name)))?;
        folder.make()?;
        // The store lives as long as this process and nothing in it is worth guessing.
        let stretch = Stretch { memory_kib: 8, passes: 1 };
        let options = store::Options { stretch, ..store::Options::default() };
        let store = Store::create(&folder.store(), &Unlock::passphrase(name), &options)?;
        let (messenger, events) = Messenger::open(store, Options::default()).await?;
        messenger.add_profile(name).await?;
        let somebody = Self { name, desk: Desk::new(messenger, events, folder, true).0 };
        let address = server.address.to_string();
        let add = AddServer {
            address: Some(address),
            file: None,
            list: None,
            password_file: None,
            ask: false,
            password: None,
        };
        somebody.run(Verb::Servers(ServersVerb::Add(add))).await?;
        Ok(somebody)
    }

    async fn run(&self, verb: Verb) -> Result<Outcome, Failure> {
        let tell: Tell<'_> = &|_| true;
        self.desk.run(Request { profile: None, verb }, tell).await
    }

    /// Waits until the only contact can be talked with.
    async fn ready(&self) -> Result<(), Failure> {
        loop {
            let mut bell = self.desk.listen();
            let contacts = self.run(Verb::Contacts(Contacts { contact: None })).await?;
            let Outcome::Contacts { contacts } = contacts else { continue };
            if contacts.iter().any(|contact| contact.reach == Talk::Ready) {
                return Ok(());
            }
            let _ = bell.recv().await;
        }
    }
}

/// Ann shows Bob an invitation.
async fn meet(ann: &Somebody, bob: &Somebody) -> Result<(), Failure> {
    let invite = serde_json::from_str::<Invite>(r#"{"shown":true,"label":"Bob"}"#);
    let made = ann.run(Verb::Invite(invite.map_err(Failure::failed)?)).await?;
    let Outcome::Invitation { card: Some(card), .. } = made else {
        return Err(Failure::failed("the invitation has no card"));
    };
    let accept = Accept { card, name: ann.name.to_owned(), scanned: true, contact: None, wait: 10 };
    bob.run(Verb::Accept(accept)).await?;
    let both = async { ann.ready().await.and(bob.ready().await) };
    tokio::time::timeout(LIMIT, both).await.map_err(|_| late("the first answer"))?
}

/// The short talk, with what it took.
async fn talk(
    people: &[Somebody; 2],
    out: &Out,
    begun: Instant,
    mut times: Vec<(&'static str, std::time::Duration)>,
) -> Result<(), Failure> {
    let mut slowest = std::time::Duration::ZERO;
    for (who, text) in TALK {
        let (from, to) = if who == 0 { (&people[0], &people[1]) } else { (&people[1], &people[0]) };
        let said = Instant::now();
        let wanted = heard(to, text);
        let send = Send { contact: to.name.to_owned(), text: vec![text.to_owned()], wait: None };
        from.run(Verb::Send(send)).await?;
        let outcome = tokio::time::timeout(LIMIT, wanted).await.map_err(|_| late(text))??;
        slowest = slowest.max(said.elapsed());
        out.outcome(&outcome, false);
        let read = Read { contact: from.name.to_owned(), through: None };
        to.run(Verb::Read(read)).await?;
    }
    times.push(("four texts were said and heard", begun.elapsed()));
    times.push(("of them, the slowest took", slowest));
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let milliseconds = times.into_iter().map(|(what, at)| (what.to_owned(), millis(at))).collect();
    out.outcome(&Outcome::Demo { milliseconds }, false);
    Ok(())
}

/// Waits until somebody's history ends with a text that they have received.
async fn heard(somebody: &Somebody, text: &str) -> Result<Outcome, Failure> {
    let other = if somebody.name == "Ann" { "Bob" } else { "Ann" };
    loop {
        let mut bell = somebody.desk.listen();
        let history = History { contact: other.to_owned(), most: 1, before: None };
        if let Outcome::History { contact, messages, .. } =
            somebody.run(Verb::History(history)).await?
            && let Some(message) = messages.into_iter().next()
            && message.direction == Way::Received
            && crate::cli::text::words(&message.said) == text
        {
            return Ok(Outcome::Message { contact, name: other.to_owned(), message });
        }
        let _ = bell.recv().await;
    }
}

/// Both screens beside each other.
async fn show(people: &[Somebody; 2]) -> Result<(), Failure> {
    let person = |of: &Somebody| Person::new(Backend::Here(of.desk.clone()), of.name, None);
    let screens = tui::people(people.iter().map(person).collect());
    tokio::select! {
        done = screens => done,
        () = interrupted() => Ok(()),
    }
}

fn late(what: &str) -> Failure {
    Failure::unreached(format!("{what} did not come within {} s", LIMIT.as_secs()))
}
