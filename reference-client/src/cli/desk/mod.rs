//! Verbs, done with an open messenger.

mod address;
mod contact;
mod doctor;
mod invite;
mod profile;
mod say;

pub(crate) use profile::server_address;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use super::failure::Failure;
use super::folder::Folder;
use super::outcome::Outcome;
use super::shape;
use super::verb::Verb;
use crate::messenger::{ContactView, Event, Events, Messenger, ProfileView};
use crate::store::{ContactId, ProfileId};

/// Events that a listener may be behind.
const EVENTS_MAX: usize = 4_096;
/// How long what was said may take to reach a server before a program that is about to end says so.
const FLUSH: Duration = Duration::from_secs(10);
/// How often things are looked at that nothing tells of.
const LOOK: Duration = Duration::from_millis(250);

/// A verb, and the profile that it is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) profile: Option<String>,
    pub(crate) verb: Verb,
}

/// Takes what is told on the way; false to be told no more.
pub(crate) type Tell<'a> = &'a (dyn Fn(Outcome) -> bool + Send + Sync);

/// An open messenger, and who listens to it.
#[derive(Clone)]
pub(crate) struct Desk {
    messenger: Messenger,
    folder: Folder,
    bell: broadcast::Sender<Event>,
    /// Whether the messenger stays open after the verb, as in a daemon, so that nothing has to be
    /// waited for.
    stays: bool,
}

impl Desk {
    /// A desk with its first listener, whom nothing escapes.
    pub(crate) fn new(
        messenger: Messenger,
        mut events: Events,
        folder: Folder,
        stays: bool,
    ) -> (Self, broadcast::Receiver<Event>) {
        let (bell, first) = broadcast::channel(EVENTS_MAX);
        let ring = bell.clone();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                // Nobody listens: all of it can be read from the messenger.
                let _ = ring.send(event);
            }
        });
        (Self { messenger, folder, bell, stays }, first)
    }

    /// What happens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.bell.subscribe()
    }

    /// Ends the messenger, when what was said is out or has had its time.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        Ok(self.messenger.close().await?)
    }

    /// Does what a request asks for.
    pub(crate) async fn run(&self, request: Request, tell: Tell<'_>) -> Result<Outcome, Failure> {
        let Request { profile, verb } = request;
        let changes = !verb.is_offline();
        if let Verb::Profile(verb) = verb {
            let outcome = self.profile_verb(profile.as_deref(), verb).await?;
            return self.out(changes, outcome).await;
        }
        let profile = self.profile(profile.as_deref()).await?.id;
        let outcome = match verb {
            Verb::Invite(invite) => self.invite(profile, invite, tell).await,
            Verb::Invitations(verb) => self.invitations(profile, verb).await,
            Verb::Accept(accept) => self.accept(profile, accept).await,
            Verb::Address(verb) => self.address(profile, verb, tell).await,
            Verb::Servers(verb) => self.servers(profile, verb).await,
            Verb::Doctor(doctor) => self.doctor(doctor.seconds).await,
            Verb::Send(_)
            | Verb::Reply(_)
            | Verb::Edit(_)
            | Verb::Delete(_)
            | Verb::React(_)
            | Verb::Introduce(_)
            | Verb::Broadcast(_) => self.say(profile, verb).await,
            Verb::Receive(receive) => self.receive(profile, receive, tell).await,
            Verb::History(history) => self.history(profile, history).await,
            Verb::Search(search) => self.search(profile, search).await,
            Verb::Export(export) => self.export(profile, export, tell).await,
            other => self.contact_verb(profile, other).await,
        }?;
        self.out(changes, outcome).await
    }

    /// What has come of a verb, once servers have done what it asks of them; what does not get
    /// through in time is asked the next time.
    async fn out(&self, changes: bool, outcome: Outcome) -> Result<Outcome, Failure> {
        if changes && !self.stays && !matches!(outcome, Outcome::Said { .. }) {
            self.messenger.flush(millis(FLUSH)).await?;
        }
        Ok(outcome)
    }

    /// The profile of a name, or the current one.
    async fn profile(&self, name: Option<&str>) -> Result<ProfileView, Failure> {
        let profiles = self.messenger.profiles().await?;
        let kept = self.folder.settings()?.profile;
        let found = match (name, kept) {
            (Some(name), _) => {
                let named = |view: &ProfileView| (shape::id(view.id.number()), view.name.clone());
                let names: Vec<_> = profiles.iter().map(named).collect();
                let place = choose(name, &names, "profile", "edgewise profile list")?;
                profiles.into_iter().nth(place)
            }
            (None, Some(kept)) => {
                let is_kept = |view: &ProfileView| shape::id(view.id.number()) == kept;
                let place = profiles.iter().position(is_kept).unwrap_or(0);
                profiles.into_iter().nth(place)
            }
            (None, None) => profiles.into_iter().next(),
        };
        found.ok_or_else(|| {
            Failure::failed("there is no profile; make one: edgewise profile add NAME")
        })
    }

    /// The contact of a name, the beginning of one, or an id.
    async fn contact(&self, profile: ProfileId, name: &str) -> Result<ContactView, Failure> {
        let contacts = self.messenger.contacts(profile).await?;
        let named = |view: &ContactView| (shape::id(view.id.number()), view.name.clone());
        let names: Vec<_> = contacts.iter().map(named).collect();
        let place = choose(name, &names, "contact", "edgewise contacts")?;
        contacts.into_iter().nth(place).ok_or_else(|| Failure::usage("the contact has just gone"))
    }

    async fn contact_id(
        &self,
        profile: ProfileId,
        name: Option<&str>,
    ) -> Result<Option<ContactId>, Failure> {
        match name {
            Some(name) => Ok(Some(self.contact(profile, name).await?.id)),
            None => Ok(None),
        }
    }

    fn watch(&self, seconds: Option<u64>) -> Watch {
        let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        Watch { bell: self.listen(), until }
    }
}

/// Waits for something to happen, or to look again.
struct Watch {
    bell: broadcast::Receiver<Event>,
    until: Option<Instant>,
}

/// What a watch has seen.
enum Seen {
    /// This has happened.
    Event(Event),
    /// It may be time to look.
    Look,
    /// The time is over.
    Late,
}

impl Watch {
    async fn next(&mut self) -> Seen {
        let now = Instant::now();
        if self.until.is_some_and(|until| until <= now) {
            return Seen::Late;
        }
        let look = now + LOOK;
        match timeout_at(self.until.map_or(look, |until| until.min(look)), self.bell.recv()).await {
            Ok(Ok(event)) => Seen::Event(event),
            Ok(Err(RecvError::Lagged(_))) | Err(_) => Seen::Look,
            Ok(Err(RecvError::Closed)) => Seen::Late,
        }
    }
}

/// The place of the one that `text` names, among ids and names: the whole name, or the beginning
/// of one, or of an id of at least four digits; in either case.
pub(super) fn choose(
    text: &str,
    among: &[(String, String)],
    what: &str,
    list: &str,
) -> Result<usize, Failure> {
    let asked = text.strip_prefix('@').unwrap_or(text).to_lowercase();
    let select = |takes: &dyn Fn(&str, &str) -> bool| -> Vec<usize> {
        let names = among.iter().enumerate();
        names.filter(|(_, (id, name))| takes(id, &name.to_lowercase())).map(|(at, _)| at).collect()
    };
    let whole = select(&|id, name| name == asked || id == asked);
    let start = || {
        let id = |id: &str| asked.len() >= 4 && id.starts_with(&asked);
        select(&|of, name| !asked.is_empty() && name.starts_with(&asked) || id(of))
    };
    let found = if whole.is_empty() { start() } else { whole };
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Failure::usage(format!("there is no {what} {text:?}; see: {list}"))),
        many => {
            let names = many.iter().filter_map(|at| among.get(*at));
            let names: Vec<_> = names
                .map(|(id, name)| {
                    format!("{} ({})", super::plain::line(name), id.get(..6).unwrap_or(id))
                })
                .collect();
            Err(Failure::usage(format!(
                "{text:?} may be {}; write more of the name, or the id in brackets",
                names.join(", ")
            )))
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn done(what: impl ToString) -> Outcome {
    Outcome::Done { what: what.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_its_beginning_or_an_id_chooses_one() {
        let named = |id: &str, name: &str| (id.to_owned(), name.to_owned());
        let among = [
            named("0123456789abcdef", "Ann"),
            named("0123ffff00000000", "Annabel"),
            named("ffff000000000000", "Bob"),
        ];
        let choose = |text: &str| choose(text, &among, "contact", "edgewise contacts");
        assert_eq!(choose("ann").unwrap(), 0);
        assert_eq!(choose("@ANNA").unwrap(), 1);
        assert_eq!(choose("b").unwrap(), 2);
        assert_eq!(choose("0123f").unwrap(), 1);
        assert_eq!(choose("ffff000000000000").unwrap(), 2);
        let two = choose("an").unwrap_err().message;
        assert!(two.contains("Ann (012345)") && two.contains("Annabel (0123ff)"), "{two}");
        assert!(choose("0123").unwrap_err().message.contains("Annabel"));
        for none in ["", "fff", "carol", "@"] {
            assert!(choose(none).unwrap_err().message.contains("there is no contact"), "{none}");
        }
    }
}
