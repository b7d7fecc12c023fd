//! Two people and their servers: everything through the messenger's interface.

mod address;
mod disk;
mod edges;
mod kill;
mod moving;
mod older;
mod scatter;
mod standby;
mod talk;

use std::time::Duration;

use edgewise_client::messenger::{
    Accept, Event, Events, InvitationStep, Invite, Mark, MessageView, Messenger, Options, Reach,
    Said, Say,
};
use edgewise_client::store::{self, ContactId, ProfileId, Store, Stretch, Unlock};
use edgewise_client::{Address, ClientOptions, Clock};
use tempfile::TempDir;
use tokio::time::timeout;

/// Long enough for a busy machine; nothing waits for its end.
const LONG: Duration = Duration::from_secs(30);

/// A person with a store of their own.
pub struct Person {
    pub messenger: Messenger,
    pub events: Events,
    pub profile: ProfileId,
    pub clock: Clock,
    folder: TempDir,
}

fn store_options() -> store::Options {
    store::Options { stretch: Stretch { memory_kib: 8, passes: 1 }, ..store::Options::default() }
}

fn unlock() -> Unlock {
    Unlock::passphrase("correct horse battery staple")
}

fn options(clock: &Clock) -> Options {
    let client = ClientOptions {
        clock: clock.clone(),
        reconnect_first: Duration::from_millis(20),
        reconnect_max: Duration::from_millis(200),
        ..ClientOptions::default()
    };
    Options { client, offline: false }
}

impl Person {
    pub async fn new(name: &str, servers: &[Address]) -> Self {
        Self::with_clock(name, servers, Clock::default()).await
    }

    pub async fn with_clock(name: &str, servers: &[Address], clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        let store = Store::create(&path, &unlock(), &store_options()).unwrap();
        let (messenger, events) = Messenger::open(store, options(&clock)).await.unwrap();
        let profile = messenger.add_profile(name).await.unwrap();
        for server in servers {
            messenger.add_server(profile, server.clone(), None).await.unwrap();
        }
        Self { messenger, events, profile, clock, folder }
    }

    /// Closes everything and opens it again.
    pub async fn restart(self) -> Self {
        self.messenger.clone().close().await.unwrap();
        self.open().await
    }

    /// Opens everything again that was closed.
    pub async fn open(self) -> Self {
        let Self { messenger, events, profile, clock, folder } = self;
        drop((messenger, events));
        let path = folder.path().join("chat.db");
        let store = Store::open(&path, &unlock(), &store_options()).unwrap();
        let (messenger, events) = Messenger::open(store, options(&clock)).await.unwrap();
        Self { messenger, events, profile, clock, folder }
    }

    /// The next event that is wanted; others are dropped.
    pub async fn wait<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let next = async {
            loop {
                let event = self.events.next().await.expect("the messenger goes on");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        timeout(LONG, next).await.expect("what was waited for has not come")
    }

    pub async fn message(&mut self) -> (ContactId, MessageView) {
        self.wait(|event| match event {
            Event::Message { contact, message } => Some((*contact, (**message).clone())),
            _ => None,
        })
        .await
    }

    pub async fn changed(&mut self, at: store::Position) {
        self.wait(|event| {
            matches!(event, Event::Changed { position, .. } if *position == at).then_some(())
        })
        .await;
    }

    pub async fn text(&mut self) -> String {
        loop {
            let message = self.message().await.1;
            match message.said {
                Said::Text(text) => return text,
                // What overtakes while two connections of one direction deliver tells of the gap.
                Said::Unknown { .. } if matches!(message.marks[..], [Mark::Gap { .. }]) => {}
                other => panic!("{other:?} where a text was expected"),
            }
        }
    }

    pub async fn say(&self, contact: ContactId, text: &str) -> store::Position {
        self.messenger.send(contact, Say::Text(text.to_owned())).await.unwrap()
    }

    pub async fn invite(&mut self, invite: Invite) -> String {
        let invitation = self.messenger.invite(self.profile, invite).await.unwrap();
        self.wait(|event| match event {
            Event::Invitation { invitation: id, step: InvitationStep::Ready }
                if *id == invitation =>
            {
                Some(())
            }
            _ => None,
        })
        .await;
        self.messenger.card(invitation, true).await.unwrap()
    }

    pub async fn accepted(&mut self) -> ContactId {
        self.wait(|event| match event {
            Event::Invitation { step: InvitationStep::Accepted(contact), .. } => Some(*contact),
            _ => None,
        })
        .await
    }

    pub async fn ready(&mut self, contact: ContactId) {
        loop {
            if self.messenger.contact(contact).await.unwrap().reach == Reach::Ready {
                return;
            }
            self.wait(|event| matches!(event, Event::Contact(_)).then_some(())).await;
        }
    }
}

/// Two who can talk: the inviter with the claimer as contact, and the other way round.
pub async fn two(
    servers: &[Address],
    invite: Invite,
) -> ((Person, ContactId), (Person, ContactId)) {
    let mut ann = Person::new("Ann", servers).await;
    let mut bob = Person::new("Bob", servers).await;
    let (bobs, anns) = meet(&mut ann, &mut bob, invite).await;
    ((ann, bobs), (bob, anns))
}

/// Has the first invite the second: the contact of the first, and that of the second.
pub async fn meet(ann: &mut Person, bob: &mut Person, invite: Invite) -> (ContactId, ContactId) {
    let card = ann.invite(invite).await;
    let anns = bob.messenger.accept(bob.profile, &card, Accept::default()).await.unwrap();
    let bobs = ann.accepted().await;
    bob.ready(anns).await;
    ann.ready(bobs).await;
    (bobs, anns)
}
