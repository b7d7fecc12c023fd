//! Where clients under test come from.

use std::ffi::OsString;
use std::time::Duration;

use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::{
    ClientReady, ClientStart, Command, Info, Outcome, Reset, ok,
};
use tokio::process;

use super::attach::Attached;
use super::child::Program;
use super::embedded::{self, Embedded, Starter};
use super::{Fault, OUTCOME_WITHIN, REFERENCE, Told, command, patience, told};
use crate::case::Need;
use crate::scene::cut;

/// Where clients come from.
#[derive(Clone, Debug)]
pub enum ClientSource {
    /// One in this process.
    Embedded(Starter),
    /// A driver that runs already; there is only this one.
    Attached {
        /// `http://host:port`.
        url: String,
        /// How long an Outcome may take.
        outcome: Duration,
    },
    /// A program that speaks ClientStart and ClientReady.
    Program {
        /// File name and arguments.
        words: Vec<OsString>,
        /// How long it may take until it is ready.
        within: Duration,
        /// How long an Outcome may take.
        outcome: Duration,
    },
}

/// A client under test, for as long as this lives. Dropping it ends it as a crash does.
#[derive(Debug)]
pub struct Client {
    /// What it says of itself.
    pub ready: ClientReady,
    hold: Hold,
    within: Duration,
}

enum Hold {
    Embedded(Box<dyn Embedded>),
    Attached(Attached),
    Program(Box<Program>),
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Embedded(_) => "Embedded",
            Self::Attached(_) => "Attached",
            Self::Program(_) => "Program",
        })
    }
}

impl ClientSource {
    /// Whether it is the reference inside this program.
    #[must_use]
    pub fn is_reference(&self) -> bool {
        matches!(self, Self::Embedded(starter) if std::ptr::fn_addr_eq(*starter, REFERENCE))
    }

    /// Whether each call of [`start`](Self::start) gives a client of its own.
    #[must_use]
    pub const fn many(&self) -> bool {
        !matches!(self, Self::Attached { .. })
    }

    /// Starts a client, or makes the one that is there a new person.
    ///
    /// # Errors
    /// [`Fault`] with the evidence.
    pub async fn start(&self, start: ClientStart) -> Result<Client, Fault> {
        match self {
            Self::Embedded(starter) => {
                let (client, ready) = starter(start).await.map_err(Fault::Driver)?;
                Ok(Client { ready, hold: Hold::Embedded(client), within: OUTCOME_WITHIN })
            }
            Self::Attached { url, outcome } => {
                let attached = Attached::connect(url).await.map_err(Fault::Crash)?;
                let ready = ClientReady::default();
                let mut client = Client { ready, hold: Hold::Attached(attached), within: *outcome };
                let reset = Kind::Reset(Reset { start: Some(start) });
                client.tell(reset).await?.map_err(|why| Fault::Driver(format!("{why:?}")))?;
                if let Ok(ok::Kind::Ready(ready)) = client.tell(Kind::Info(Info {})).await? {
                    client.ready = ready;
                }
                Ok(client)
            }
            Self::Program { words, within, outcome } => {
                let (first, rest) = words
                    .split_first()
                    .ok_or_else(|| Fault::Driver("an empty command".to_owned()))?;
                let mut command = process::Command::new(first);
                command.args(rest);
                let mut program = Program::spawn(command).map_err(Fault::Driver)?;
                let ready = program.exchange(&start, *within).await;
                let ready = ready.map_err(|fault| fault.behind("ClientStart"))?;
                Ok(Client { ready, hold: Hold::Program(Box::new(program)), within: *outcome })
            }
        }
    }
}

impl Client {
    /// Whether it declares what a case needs.
    #[must_use]
    pub fn has(&self, need: Need) -> bool {
        self.ready.capabilities.iter().any(|capability| capability == need.name())
    }

    /// Has one thing done.
    ///
    /// # Errors
    /// [`Fault`] of the driver.
    pub async fn tell(&mut self, kind: Kind) -> Result<Told, Fault> {
        let within = patience(&kind, self.within);
        self.order(command(kind), within).await
    }

    /// Asks for something that no revision has: to every protobuf library, a Command without a kind.
    ///
    /// # Errors
    /// [`Fault`] of the driver.
    pub async fn tell_strange(&mut self) -> Result<Told, Fault> {
        self.order(Command { kind: None }, self.within).await
    }

    async fn order(&mut self, order: Command, within: Duration) -> Result<Told, Fault> {
        // Only what goes wrong is told, so that only then it is put into words.
        let asked = order.clone();
        let outcome: Result<Outcome, Fault> = match &mut self.hold {
            Hold::Embedded(client) => embedded::drive(client.as_mut(), order, within).await,
            Hold::Attached(attached) => attached.drive(order, within).await,
            Hold::Program(program) => program.drive(&order, within).await,
        };
        let told = outcome.and_then(|outcome| told(outcome.kind));
        told.map_err(|fault| fault.behind(&cut(&format!("{:?}", asked.kind))))
    }

    /// Ends it without a word, as a crash does.
    pub async fn kill(mut self) {
        if let Hold::Program(program) = &mut self.hold {
            program.kill().await;
        }
    }

    /// Whether the program behind it ended by itself within a while; other clients have no program.
    pub async fn ended(&mut self, within: Duration) -> bool {
        match &mut self.hold {
            Hold::Program(program) => program.end(within).await,
            Hold::Embedded(_) | Hold::Attached(_) => true,
        }
    }
}
