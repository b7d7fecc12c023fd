//! From a command line to its outcome: in this process, or in the daemon that has the store open.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::args::{Cli, Command, Daemon, Globals};
use super::desk::{Desk, Request, Tell};
use super::failure::Failure;
use super::folder::Folder;
use super::outcome::{Event, Outcome};
use super::print::Out;
use super::verb::Verb;
use super::{args, init, local, proof, unlock};
use crate::daemon::{self, Remote};
use crate::messenger::{Messenger, Options};
use crate::{demo, driver, tui};

/// The exit code after a signal has ended a verb.
const INTERRUPTED: u8 = 130;

/// Who does verbs.
#[derive(Clone)]
pub(crate) enum Backend {
    /// This process.
    Here(Desk),
    /// A daemon.
    There(Arc<Remote>),
}

impl Backend {
    /// Has a verb done.
    pub(crate) async fn run(&self, request: Request, tell: Tell<'_>) -> Result<Outcome, Failure> {
        match self {
            Self::Here(desk) => desk.run(request, tell).await,
            Self::There(remote) => remote.run(request, tell).await,
        }
    }

    /// What happens from now on.
    pub(crate) async fn events(&self) -> Result<mpsc::UnboundedReceiver<Event>, Failure> {
        let desk = match self {
            Self::There(remote) => return remote.events().await,
            Self::Here(desk) => desk,
        };
        let (told, events) = mpsc::unbounded_channel();
        let mut bell = desk.listen();
        tokio::spawn(async move {
            use tokio::sync::broadcast::error::RecvError;
            loop {
                let event = match bell.recv().await {
                    Ok(event) => event.into(),
                    Err(RecvError::Lagged(count)) => Event::Missed { count },
                    Err(RecvError::Closed) => return,
                };
                if told.send(event).is_err() {
                    return;
                }
            }
        });
        Ok(events)
    }

    /// Ends it.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Here(desk) => desk.close().await,
            Self::There(_) => Ok(()),
        }
    }
}

/// Does what a command line says; the exit code.
pub(crate) fn run(cli: Cli, out: &Out) -> Result<u8, Failure> {
    match cli.command {
        Command::Completions(completions) => {
            let mut text = Vec::new();
            let mut command = <Cli as clap::CommandFactory>::command();
            clap_complete::generate(completions.shell, &mut command, "edgewise", &mut text);
            Out::raw(&text);
            return Ok(0);
        }
        Command::Man => {
            let mut text = Vec::new();
            args::manual(&mut text).map_err(Failure::failed)?;
            Out::raw(&text);
            return Ok(0);
        }
        Command::VerifyProof(arguments) => {
            out.outcome(&proof::verify(&arguments)?, false);
            return Ok(0);
        }
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start threads: {error}")))?;
    let done = runtime.block_on(with_folder(cli, out));
    // A thread that waits for the keyboard must not keep the program.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    done
}

/// Says where, and is driven by whoever comes there.
async fn listen(address: std::net::SocketAddr) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    anstream::println!("{url}");
    driver::listen(listener).await
}

async fn with_folder(cli: Cli, out: &Out) -> Result<u8, Failure> {
    let Cli { globals, command } = cli;
    if let Command::Demo(arguments) = command {
        return demo::run(arguments.script, out).await;
    }
    if let Command::Driver(arguments) = command {
        let served = match arguments.listen {
            None => driver::serve(tokio::io::stdin(), tokio::io::stdout()).await,
            Some(address) => listen(address).await,
        };
        return served.map(|()| 0).map_err(|error| Failure::failed(error.to_string()));
    }
    let folder = Folder::find(globals.data.clone())?;
    match command {
        Command::Init(arguments) => {
            out.outcome(&init::init(&globals, &folder, arguments).await?, false);
            Ok(0)
        }
        Command::Wipe(arguments) => {
            out.outcome(&init::wipe(&folder, &arguments)?, false);
            Ok(0)
        }
        Command::Daemon(arguments) => daemon(&globals, &folder, &arguments, out).await,
        Command::Chat(arguments) => {
            let backend = backend(&globals, &folder, false, true).await?;
            let done = tui::run(&backend, globals.profile.clone(), arguments.contact).await;
            backend.close().await?;
            done.map(|()| 0)
        }
        Command::Verb(verb) => self::verb(&globals, &folder, verb, out).await,
        _ => Err(Failure::usage("this verb needs no store")),
    }
}

/// The daemon of the folder if there is one, else the store, opened here.
async fn backend(
    globals: &Globals,
    folder: &Folder,
    offline: bool,
    stays: bool,
) -> Result<Backend, Failure> {
    if let Some(remote) = Remote::connect(folder).await {
        return Ok(Backend::There(Arc::new(remote)));
    }
    Ok(Backend::Here(open(globals, folder, offline, stays).await?))
}

async fn open(
    globals: &Globals,
    folder: &Folder,
    offline: bool,
    stays: bool,
) -> Result<Desk, Failure> {
    // Said before a passphrase is asked for.
    folder.check()?;
    if !folder.store().exists() {
        return Err(Failure::store(format!(
            "there is no store at {}; begin with: edgewise init",
            folder.store().display()
        )));
    }
    let unlock = globals.unlock().find(folder)?;
    let store = unlock::open(folder, &unlock)?;
    let options = Options { offline, ..Options::default() };
    let (messenger, events) = Messenger::open(store, options).await?;
    Ok(Desk::new(messenger, events, folder.clone(), stays).0)
}

async fn verb(
    globals: &Globals,
    folder: &Folder,
    mut verb: Verb,
    out: &Out,
) -> Result<u8, Failure> {
    local::prepare(&mut verb, out.caller())?;
    let backend = backend(globals, folder, verb.is_offline(), false).await?;
    let request = Request { profile: globals.profile.clone(), verb: verb.clone() };
    let told = local::Told::new(&verb, out)?;
    let tell = |outcome: Outcome| told.take(&outcome);
    let progress = match &verb {
        Verb::Invite(invite) if !invite.wait => unlock::spinner("Waiting for the servers"),
        Verb::Accept(_) | Verb::Send(_) | Verb::Doctor(_) => {
            unlock::spinner("Waiting for the servers")
        }
        _ => indicatif::ProgressBar::hidden(),
    };
    let done = tokio::select! {
        done = backend.run(request, &tell) => Some(done),
        () = interrupted() => None,
    };
    progress.finish_and_clear();
    let closed = backend.close().await;
    let Some(done) = done else { return closed.map(|()| INTERRUPTED) };
    let outcome = done?;
    local::finish(&verb, &outcome)?;
    if !told.is_all() {
        out.outcome(&outcome, local::in_file(&verb));
    }
    closed?;
    Ok(code(&outcome))
}

/// The exit code of what has come of a verb.
const fn code(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Said { in_time: false, .. } => super::failure::Reason::Unreached.code(),
        Outcome::Findings { healthy: false, .. } => super::failure::Reason::Failed.code(),
        Outcome::ServersAdded { failed, .. } if !failed.is_empty() => {
            super::failure::Reason::Failed.code()
        }
        _ => 0,
    }
}

async fn daemon(
    globals: &Globals,
    folder: &Folder,
    arguments: &Daemon,
    out: &Out,
) -> Result<u8, Failure> {
    let running = Remote::connect(folder).await;
    if arguments.stop {
        let remote = running.ok_or_else(|| {
            Failure::failed(format!("no daemon listens on {}", folder.socket().display()))
        })?;
        remote.stop().await?;
        out.outcome(&Outcome::Done { what: "the daemon stops".to_owned() }, false);
        return Ok(0);
    }
    if running.is_some() {
        return Err(Failure::failed(format!(
            "a daemon listens on {} already; stop it first: edgewise daemon --stop",
            folder.socket().display()
        )));
    }
    let desk = open(globals, folder, false, true).await?;
    let stop = watch::Sender::new(false);
    let signals = stop.clone();
    tokio::spawn(async move {
        interrupted().await;
        signals.send_replace(true);
    });
    let what = format!("listening on {}", folder.socket().display());
    let served = daemon::serve(&desk, folder, stop, || {
        out.outcome(&Outcome::Done { what }, false);
    });
    let served = served.await;
    desk.close().await?;
    served.map(|()| 0)
}

/// Returns when the user or the system wants the program to end.
pub(crate) async fn interrupted() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut waiting = tokio::task::JoinSet::new();
    for kind in kinds {
        if let Ok(mut signal) = signal(kind) {
            waiting.spawn(async move { signal.recv().await });
        }
    }
    if waiting.join_next().await.is_none() {
        std::future::pending().await
    }
}
