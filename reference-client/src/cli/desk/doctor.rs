//! What is right and what is wrong, and what to do about it.

use std::sync::Arc;
use std::time::Duration;

use super::super::failure::Failure;
use super::super::outcome::{Finding, Outcome};
use super::{Desk, Seen};
use crate::client::{Client, ClientOptions};
use crate::error::Error;
use crate::messenger::{ConnectionView, ContactView, Flow, Reach, ServerView, Standing};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{Address, Description};

/// No clock of a machine that runs this program is before it: 2026-01-01.
const NOT_BEFORE_SECONDS: u64 = 1_767_225_600;

impl Desk {
    pub(super) async fn doctor(&self, seconds: u64) -> Result<Outcome, Failure> {
        let mut findings = vec![self.folder_found(), clock_found()];
        let profiles = self.messenger.profiles().await?;
        let mut links = tokio::task::JoinSet::new();
        for profile in &profiles {
            let servers = self.messenger.servers(profile.id).await?;
            if servers.is_empty() {
                findings.push(wrong(
                    format!("servers of {}", super::super::plain::line(&profile.name)),
                    "there are none".to_owned(),
                    "add one: edgewise servers add ADDRESS",
                ));
            }
            for server in servers {
                links.spawn(server_found(server, seconds));
            }
        }
        let mut servers = links.join_all().await.concat();
        servers.sort_by(|a, b| a.what.cmp(&b.what));
        servers.dedup();
        findings.extend(servers);
        findings.extend(self.contacts_found(seconds).await?);
        let healthy = findings.iter().all(|finding| finding.good);
        Ok(Outcome::Findings { healthy, findings })
    }

    fn folder_found(&self) -> Finding {
        let what = format!("folder {}", self.folder.path().display());
        if let Err(failure) = self.folder.check() {
            return wrong(what, failure.message, "");
        }
        match self.folder.open_to_others().first() {
            None => good(what, "for its owner alone; the store opens and is whole"),
            Some((path, mode)) => wrong(
                what,
                format!("{} has mode {mode:04o}", path.display()),
                &format!("run: chmod 600 {}", path.display()),
            ),
        }
    }

    /// Contacts whose connections are not up once they have had time for it.
    async fn contacts_found(&self, seconds: u64) -> Result<Vec<Finding>, Failure> {
        let mut watch = self.watch(Some(seconds));
        loop {
            let mut contacts = Vec::new();
            for profile in self.messenger.profiles().await? {
                contacts.extend(self.messenger.contacts(profile.id).await?);
            }
            let found: Vec<_> = contacts.iter().map(contact_found).collect();
            if found.iter().all(|finding| finding.good) {
                return Ok(found);
            }
            if let Seen::Late = watch.next().await {
                return Ok(found);
            }
        }
    }
}

fn clock_found() -> Finding {
    let now = crate::clock::Clock::default().now();
    let time = super::super::shape::time(now);
    if now.seconds() < NOT_BEFORE_SECONDS {
        return wrong("clock".to_owned(), format!("it says {time}"), "set this machine's clock");
    }
    good("clock".to_owned(), &format!("it says {time}; servers judge it too"))
}

/// What one place of a server shows: its description, and whether a link opens.
struct Looked {
    description: Option<Arc<Description>>,
    link: Result<(), Error>,
}

/// Looks at one place and at no other, as somebody who knows nothing of the server.
async fn look(place: &Address, limit: Duration) -> Looked {
    let options = ClientOptions {
        connect_timeout: limit,
        handshake_timeout: limit,
        ..ClientOptions::default()
    };
    let client = Client::new(options);
    match client.describe(place).await {
        Err(error) => Looked { description: None, link: Err(error) },
        Ok(description) => {
            let opened = client.pipeline_at(place, Class::Medium.into()).await;
            let link = match opened {
                Ok(pipeline) => {
                    pipeline.close().await;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            Looked { description: Some(description), link }
        }
    }
}

/// A server at its address, and each other edge that it lists, or has listed to the profile.
async fn server_found(server: ServerView, seconds: u64) -> Vec<Finding> {
    let limit = Duration::from_secs(seconds);
    let ServerView { address, mut others, password, .. } = server;
    let given = look(&address, limit).await;
    if let Some(description) = &given.description {
        let places = description.edges.iter().filter(|edge| **edge != address.edge);
        others = places.map(|edge| Address { edge: edge.clone(), ..address.clone() }).collect();
    }
    let mut looking = tokio::task::JoinSet::new();
    for place in others {
        looking.spawn(async move {
            let looked = look(&place, limit).await;
            (place, looked)
        });
    }
    let mut edges = looking.join_all().await;
    edges.sort_by(|(a, _), (b, _)| a.edge.cmp(&b.edge));
    edges.dedup_by(|(a, _), (b, _)| a.edge == b.edge);
    let answers = given.link.is_ok() || edges.iter().any(|(_, looked)| looked.link.is_ok());
    let advice = match (answers, &given.description) {
        (true, _) => {
            "another edge of the server is used meanwhile; if it stays so, tell who runs it"
        }
        (false, Some(_)) => "try again later, or use another server",
        (false, None) => "check the address and the network, or use another server",
    };
    let found = |what: String, looked: &Looked| match &looked.link {
        Ok(()) => good(what, "describes itself, and a link opens"),
        Err(error) => wrong(what, error.to_string(), advice),
    };
    let what = format!("server {address}");
    let descriptions = core::iter::once(&given).chain(edges.iter().map(|(_, looked)| looked));
    let asks = descriptions.filter_map(|looked| looked.description.as_ref());
    let first = if asks.into_iter().any(|it| it.access_required) && !password {
        wrong(
            what,
            "it asks for a password before it makes connections, and none is stored".to_owned(),
            "remove it and add it again with --password",
        )
    } else {
        found(what, &given)
    };
    let others = edges
        .iter()
        .map(|(place, looked)| found(format!("server {address}, edge {}", place.edge), looked));
    core::iter::once(first).chain(others).collect()
}

fn contact_found(contact: &ContactView) -> Finding {
    let what = format!("contact {}", super::super::plain::line(&contact.name));
    let of = |standing| contact.connections.iter().filter(move |it| it.standing == standing);
    let silent = of(Standing::Silent).count();
    let flows = [contact.sending, contact.receiving];
    let too_few = flows.contains(&Some(Flow::TooFew));
    match contact.reach {
        Reach::Lost if contact.standby => wrong(
            what,
            "the session is lost".to_owned(),
            "their standby invitation is used by itself; to use it now: edgewise renew NAME",
        ),
        Reach::Lost => wrong(
            what,
            "every connection is gone".to_owned(),
            "exchange an invitation again: edgewise invite --for NAME",
        ),
        _ if of(Standing::Lying).next().is_some() => {
            let all: Vec<String> = of(Standing::Lying).map(altered).collect();
            let enough = if too_few { "" } else { "; the others are still enough" };
            wrong(
                what,
                format!("parts were altered on their way: {}{enough}", all.join("; ")),
                "move to another server: edgewise move NAME --place PLACE",
            )
        }
        _ if contact.blocked => good(what, "blocked"),
        _ if silent > 0 && too_few => wrong(
            what,
            format!(
                "{silent} of {} connections are not up, and the others are not enough",
                contact.connections.len()
            ),
            "see what is said of their servers; what is said waits, and is not lost",
        ),
        _ if silent > 0 => wrong(
            what,
            format!(
                "{silent} of {} connections are not up, and the others are still enough",
                contact.connections.len()
            ),
            "if a server stays away, move to another one: edgewise move NAME --place PLACE",
        ),
        Reach::Joining => good(what, "its invitation is being claimed"),
        Reach::Waiting => good(what, "waits for their first answer"),
        Reach::Ready => good(what, "every connection is up"),
    }
}

/// Which server has altered what.
fn altered(of: &ConnectionView) -> String {
    let count = of.bad.saturating_add(of.wrong);
    format!("{count} at place {} by {}", of.place, of.server)
}

fn good(what: String, found: &str) -> Finding {
    Finding { good: true, what, found: found.to_owned(), advice: String::new() }
}

fn wrong(what: String, found: String, advice: &str) -> Finding {
    Finding { good: false, what, found, advice: advice.to_owned() }
}
