//! An open link with a task of its own, for any number of users at once.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use edgewise_proto::v1::{self, KeyChange, Role, State};
use edgewise_spec::client::{self, Answer, ClientLink, CreateAs, Event, Key, Request, Terms};
use edgewise_spec::connection::{AccessKey, Id};
use edgewise_spec::constants::REQUESTS_MAX;
use edgewise_spec::error::{GoodbyeCode, Misuse, Reject};
use edgewise_spec::frame::Class;
use edgewise_spec::suite::{SigningKey, SuiteId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::attachment::{Attachment, ConnectionEvent};
use crate::error::Error;
use crate::pipeline::Pipeline;

/// An open link. Clones are the same link; it ends when it is closed, when the server ends it, or
/// when the last clone and the last [`Attachment`] are dropped.
///
/// While REQUESTS_MAX requests are unanswered, further ones wait for their turn.
#[derive(Clone, Debug)]
pub struct Link {
    commands: mpsc::Sender<Command>,
    over: watch::Receiver<Option<Error>>,
    opened: Opened,
    access: Access,
}

/// Whether the server asks for a password, and whether this client has it.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    Open,
    Known(Arc<AccessKey>),
    Unknown,
}

/// What stays the same for a link's life.
#[derive(Clone, Copy, Debug)]
struct Opened {
    class: Class,
    suite: SuiteId,
    fingerprint: [u8; 32],
    transcript: [u8; 32],
}

pub(crate) type Events = mpsc::UnboundedReceiver<ConnectionEvent>;

/// Makes the request of an attach for a handle.
type MakeAttach = Box<dyn FnOnce(u32) -> Request + Send>;

/// How often an attach is repeated with another handle: the server may count as never used what
/// this end has used for an attach that was refused.
const HANDLES_TRIED: usize = 8;

pub(crate) enum Command {
    Request(Request, oneshot::Sender<Result<Answer, Error>>),
    Attach(MakeAttach, oneshot::Sender<Result<(u32, v1::Attached, Events), Error>>),
    Acknowledge { handle: u32, through: u64 },
    Detach { handle: u32 },
    Close,
}

impl core::fmt::Debug for Command {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Command")
    }
}

impl Link {
    pub(crate) fn new(mut pipeline: Pipeline, access: Access) -> Self {
        let link = pipeline.link();
        let opened = Opened {
            class: link.class(),
            suite: link.suite(),
            fingerprint: *link.fingerprint(),
            transcript: link.transcript().copied().unwrap_or_default(),
        };
        let (commands, receiver) = mpsc::channel(REQUESTS_MAX);
        let (said, over) = watch::channel(None);
        tokio::spawn(async move {
            let error = Task::new(pipeline, receiver).run().await;
            said.send_replace(Some(error));
        });
        Self { commands, over, opened, access }
    }

    /// The link's class.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.opened.class
    }

    /// The link's suite.
    #[must_use]
    pub const fn suite(&self) -> SuiteId {
        self.opened.suite
    }

    /// The link's transcript, 32 bytes: what every signature of a request covers.
    #[must_use]
    pub const fn transcript(&self) -> &[u8; 32] {
        &self.opened.transcript
    }

    /// Submits one request and waits for its answer.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason, or why the link is over: then nothing is known
    /// of the request's effect.
    pub async fn request(&self, request: Request) -> Result<Answer, Error> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::Request(request, reply)).await?;
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(self.ended().await),
        }
    }

    /// Makes a connection, or restores it; the state that the record has now.
    ///
    /// `recipient_id` is [`recipient_id`](edgewise_spec::connection::recipient_id) of the first
    /// recipient key; `chain` has the changes of the key that the server may have missed. One in
    /// state open is made over a medium link, whatever its class.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason, [`Error::PasswordNeeded`] if the server asks
    /// for a password that the options do not have.
    pub async fn create(
        &self,
        recipient_id: &Id,
        key: &Key,
        chain: &[KeyChange],
        terms: &Terms,
        made: &CreateAs<'_>,
    ) -> Result<State, Error> {
        let transcript = &self.opened.transcript;
        let access = match &self.access {
            Access::Open => None,
            Access::Known(key) => Some(key.proof(self.opened.suite, transcript)),
            Access::Unknown => return Err(Error::PasswordNeeded),
        };
        let create = client::create(transcript, recipient_id, key, chain, terms, made, access);
        match self.request(Request::Create(Box::new(create))).await? {
            Answer::Created(state) => Ok(state),
            _ => Err(Error::Carrier("a Create with the answer of something else")),
        }
    }

    /// Becomes a connection's sender, over a medium link. The caller has stored `sender`, a key of
    /// version 0, before: repeated with the same key, a claim is answered the same.
    ///
    /// # Errors
    /// [`Error::Refused`]; with CONFLICT somebody else was first, and the invitation is void.
    pub async fn claim(&self, claim: &SigningKey, sender: &Key) -> Result<Claimed, Error> {
        let Opened { transcript, fingerprint, .. } = &self.opened;
        let request = client::claim(transcript, fingerprint, claim, sender);
        match self.request(Request::Claim(Box::new(request))).await? {
            Answer::Claimed(claimed) => Claimed::read(*claimed),
            _ => Err(Error::Carrier("a Claim with the answer of something else")),
        }
    }

    /// Reads the bundle of a contact address, over a medium link: a Claim that changes nothing,
    /// under a key of version 0 that is made for it alone (CONNECTION-73).
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason.
    pub async fn contact_bundle(&self, claim: &SigningKey, key: &Key) -> Result<Bytes, Error> {
        let Opened { transcript, fingerprint, .. } = &self.opened;
        let request = client::claim(transcript, fingerprint, claim, key);
        match self.request(Request::Claim(Box::new(request))).await? {
            Answer::Claimed(claimed) => Ok(claimed.bundle),
            _ => Err(Error::Carrier("a Claim with the answer of something else")),
        }
    }

    /// Leaves a part of class medium at a contact address, over a medium link.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason; with QUOTA it is to be tried again later.
    pub async fn deposit(&self, claim: &SigningKey, part: Bytes) -> Result<(), Error> {
        let request = client::deposit(&self.opened.transcript, claim, part);
        self.request(Request::Deposit(Box::new(request))).await.map(drop)
    }

    /// Attaches a connection as its recipient.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason.
    pub async fn attach_recipient(
        &self,
        recipient_id: &Id,
        key: &Key,
        chain: &[KeyChange],
    ) -> Result<Attachment, Error> {
        self.attach(Role::Recipient, recipient_id, key, chain, 0).await
    }

    /// Attaches a connection as its sender; `from` is the lowest unanswered submission.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason.
    pub async fn attach_sender(
        &self,
        recipient_id: &Id,
        key: &Key,
        chain: &[KeyChange],
        from: u64,
    ) -> Result<Attachment, Error> {
        self.attach(Role::Sender, recipient_id, key, chain, from).await
    }

    async fn attach(
        &self,
        role: Role,
        recipient_id: &Id,
        key: &Key,
        chain: &[KeyChange],
        from: u64,
    ) -> Result<Attachment, Error> {
        let transcript = &self.opened.transcript;
        let signed = client::attach(transcript, 0, role, recipient_id, key, chain, from);
        let mut last = Error::Refused(Reject::HandleTaken);
        for _ in 0..HANDLES_TRIED {
            let signed = signed.clone();
            let make = move |handle| Request::Attach(Box::new(v1::Attach { handle, ..signed }));
            match self.attach_with(Box::new(make)).await {
                Err(error @ Error::Refused(Reject::HandleTaken)) => last = error,
                other => return other,
            }
        }
        Err(last)
    }

    async fn attach_with(&self, make: MakeAttach) -> Result<Attachment, Error> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::Attach(make, reply)).await?;
        match answer.await {
            Ok(attached) => {
                let (handle, attached, events) = attached?;
                Ok(Attachment::new(self.clone(), handle, attached, events))
            }
            Err(_) => Err(self.ended().await),
        }
    }

    pub(crate) async fn command(&self, command: Command) -> Result<(), Error> {
        if self.commands.send(command).await.is_err() {
            return Err(self.ended().await);
        }
        Ok(())
    }

    /// As `command`, without waiting; false if the link is over or busy.
    pub(crate) fn try_command(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }

    /// Waits until the link is over; why.
    pub async fn ended(&self) -> Error {
        let mut over = self.over.clone();
        match over.wait_for(Option::is_some).await.ok().and_then(|error| error.clone()) {
            Some(error) => error,
            None => Error::Lost("its task has stopped".to_owned()),
        }
    }

    /// Whether the link is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.over.borrow().is_some()
    }

    /// Ends the link with a goodbye, after everything that was submitted before.
    pub async fn close(self) {
        if self.command(Command::Close).await.is_ok() {
            self.ended().await;
        }
    }
}

/// What a claim was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// What the sender attaches to.
    pub recipient_id: Id,
    /// The sealed bundle, BUNDLE_LEN bytes; empty once a send was accepted.
    pub bundle: Bytes,
    /// The class of the link to attach on.
    pub class: Class,
}

impl Claimed {
    fn read(claimed: v1::Claimed) -> Result<Self, Error> {
        let broken = Error::Carrier("a Claim answered without recipient id or class");
        let recipient_id = claimed.recipient_id.as_ref().try_into();
        match (recipient_id, Class::try_from(claimed.link_class)) {
            (Ok(recipient_id), Ok(class)) => {
                Ok(Self { recipient_id, bundle: claimed.bundle, class })
            }
            _ => Err(broken),
        }
    }
}

/// Who waits for an answer.
enum Waiting {
    Answer(oneshot::Sender<Result<Answer, Error>>),
    Attach(u32, oneshot::Sender<Result<(u32, v1::Attached, Events), Error>>),
    Nobody,
}

/// The task of one link: owns the pipeline, answers its users.
struct Task {
    pipeline: Pipeline,
    commands: mpsc::Receiver<Command>,
    waiting: HashMap<u64, Waiting>,
    routes: HashMap<u32, mpsc::UnboundedSender<ConnectionEvent>>,
    next_token: u64,
}

impl Task {
    fn new(pipeline: Pipeline, commands: mpsc::Receiver<Command>) -> Self {
        Self { pipeline, commands, waiting: HashMap::new(), routes: HashMap::new(), next_token: 0 }
    }

    async fn run(mut self) -> Error {
        let mut events = Vec::new();
        let mut batch = Vec::new();
        let mut open = true;
        let error = loop {
            let room = self.pipeline.link().room();
            let error = tokio::select! {
                biased;
                turned = self.pipeline.turn(&mut events) => turned.err(),
                count = self.commands.recv_many(&mut batch, room), if open && room > 0 => {
                    open = count > 0;
                    None
                }
            };
            for event in events.drain(..) {
                self.event(event);
            }
            if let Some(error) = error {
                break error;
            }
            for command in batch.drain(..) {
                self.command(command);
            }
            if !open {
                self.pipeline.link().goodbye(GoodbyeCode::Done);
            }
        };
        for route in self.routes.into_values() {
            let _ = route.send(ConnectionEvent::LinkEnded(error.clone()));
        }
        for waiting in self.waiting.into_values() {
            waiting.fail(&error);
        }
        // What the server still says goes nowhere; the last block is on its way.
        self.pipeline.close().await;
        error
    }

    fn command(&mut self, command: Command) {
        let token = self.next_token;
        self.next_token += 1;
        let link = self.pipeline.link();
        match command {
            Command::Request(request, reply) => match link.submit(token, request) {
                Ok(()) => drop(self.waiting.insert(token, Waiting::Answer(reply))),
                Err(misuse) => Waiting::Answer(reply).fail(&misuse.into()),
            },
            Command::Attach(make, reply) => match submit_attach(link, token, make) {
                Ok(handle) => drop(self.waiting.insert(token, Waiting::Attach(handle, reply))),
                Err(misuse) => Waiting::Attach(0, reply).fail(&misuse.into()),
            },
            Command::Acknowledge { handle, through } => link.acknowledge(handle, through),
            Command::Detach { handle } => {
                self.routes.remove(&handle);
                if link.submit(token, Request::Detach { handle }).is_ok() {
                    self.waiting.insert(token, Waiting::Nobody);
                }
            }
            Command::Close => link.goodbye(GoodbyeCode::Done),
        }
    }

    fn event(&mut self, event: Event) {
        let (handle, event) = match event {
            Event::Answered { token, result } => {
                let waiting = self.waiting.remove(&token).unwrap_or(Waiting::Nobody);
                return self.answered(waiting, result.map_err(Error::from));
            }
            Event::Deliver(v1::Deliver { handle, sequence, part }) => {
                (handle, ConnectionEvent::Deliver { sequence, part })
            }
            Event::Notice(notice) => (notice.handle, ConnectionEvent::Notice(notice)),
            Event::Ended { handle, reason } => (handle, ConnectionEvent::Ended(reason)),
            Event::Space { handle } => (handle, ConnectionEvent::Space),
            Event::Opened => return,
        };
        // No more wait here than the subscription's window admits.
        if let Some(route) = self.routes.get(&handle) {
            let _ = route.send(event);
        }
    }

    fn answered(&mut self, waiting: Waiting, result: Result<Answer, Error>) {
        match (waiting, result) {
            (Waiting::Answer(reply), result) => drop(reply.send(result)),
            (Waiting::Attach(handle, reply), Ok(Answer::Attached(attached))) => {
                let (route, events) = mpsc::unbounded_channel();
                self.routes.insert(handle, route);
                if reply.send(Ok((handle, attached, events))).is_err() {
                    self.command(Command::Detach { handle });
                }
            }
            (waiting, Err(error)) => waiting.fail(&error),
            (Waiting::Attach(..) | Waiting::Nobody, Ok(_)) => {}
        }
    }
}

fn submit_attach(link: &mut ClientLink, token: u64, make: MakeAttach) -> Result<u32, Misuse> {
    let handle = link.free_handle()?;
    let submitted = link.submit(token, make(handle));
    if submitted.is_err() {
        link.give_back(handle);
    }
    submitted.map(|()| handle)
}

impl Waiting {
    fn fail(self, error: &Error) {
        match self {
            Self::Answer(reply) => drop(reply.send(Err(error.clone()))),
            Self::Attach(_, reply) => drop(reply.send(Err(error.clone()))),
            Self::Nobody => {}
        }
    }
}
