//! An open link with a task of its own, for any number of users at once.

use std::collections::HashMap;

use edgewise_proto::v1;
use edgewise_spec::client::{Answer, ClientLink, Event, Request};
use edgewise_spec::constants::REQUESTS_MAX;
use edgewise_spec::error::{GoodbyeCode, Misuse};
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
}

/// What stays the same for a link's life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) class: edgewise_spec::frame::Class,
    pub(crate) suite: edgewise_spec::suite::SuiteId,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) transcript: [u8; 32],
}

pub(crate) type Events = mpsc::UnboundedReceiver<ConnectionEvent>;

/// Makes the request of an attach for a handle.
type MakeAttach = Box<dyn FnOnce(u32) -> Request + Send>;

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
    pub(crate) fn new(mut pipeline: Pipeline) -> Self {
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
        Self { commands, over, opened }
    }

    pub(crate) const fn opened(&self) -> &Opened {
        &self.opened
    }

    /// The link's class.
    #[must_use]
    pub const fn class(&self) -> edgewise_spec::frame::Class {
        self.opened.class
    }

    /// The link's suite.
    #[must_use]
    pub const fn suite(&self) -> edgewise_spec::suite::SuiteId {
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

    pub(crate) async fn attach_with(&self, make: MakeAttach) -> Result<Attachment, Error> {
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

    /// Ends the link with a goodbye, after everything that was submitted before.
    pub async fn close(self) {
        if self.command(Command::Close).await.is_ok() {
            self.ended().await;
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
