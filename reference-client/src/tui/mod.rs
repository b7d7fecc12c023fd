//! The screen: contacts, history, and a line to write in. It asks for verbs and shows what comes
//! of them, so it works over a daemon as over a messenger of its own.

mod app;
mod input;
mod render;
mod slash;
mod wrap;

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, EnableBracketedPaste, KeyCode, KeyEventKind,
};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};
use ratatui::layout::{Constraint, Layout};
use tokio::sync::mpsc;

use crate::cli::desk::Request;
use crate::cli::dispatch::{Backend, interrupted};
use crate::cli::failure::Failure;
use crate::cli::local::{self, Caller};
use crate::cli::outcome::{Event, Outcome};
use crate::cli::verb::{Export, Verb};
use app::{App, For};

/// Somebody at the screen: the demonstration has two.
pub(crate) struct Person {
    backend: Backend,
    profile: Option<String>,
    app: App,
}

/// What happens to the screen.
enum Happens {
    Key(event::Event),
    Answer(usize, For, Box<Result<Outcome, Failure>>),
    Event(usize, Event),
}

/// One person's screen, until they end it.
pub(crate) async fn run(
    backend: &Backend,
    profile: Option<String>,
    contact: Option<String>,
) -> Result<(), Failure> {
    let mut person = Person::new(backend.clone(), "edgewise", profile.clone());
    if let Some(name) = contact {
        let verb = Verb::Contacts(crate::cli::verb::Contacts { contact: Some(name) });
        let found = backend.run(Request { profile, verb }, &|_| true).await?;
        if let Outcome::Contact { contact } = found {
            person.app.show(&contact.id);
        }
    }
    people(vec![person]).await
}

impl Person {
    pub(crate) fn new(backend: Backend, title: &str, profile: Option<String>) -> Self {
        Self { backend, profile, app: App::new(title) }
    }
}

/// A screen for some people beside each other, until one of them ends it.
pub(crate) async fn people(mut people: Vec<Person>) -> Result<(), Failure> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "this needs a terminal; without one use send, receive --follow and history",
        ));
    }
    let (happens, mut happening) = mpsc::unbounded_channel();
    for (place, person) in people.iter().enumerate() {
        let mut events = person.backend.events().await?;
        let happens = happens.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if happens.send(Happens::Event(place, event)).is_err() {
                    return;
                }
            }
        });
    }
    let mut screen = Screen::enter()?;
    read_keys(&screen.over, happens.clone());
    let ended = interrupted();
    tokio::pin!(ended);
    if let [first, _, ..] = people.as_mut_slice() {
        first.app.notice("F2: the other person; F1: help");
    }
    let mut focus = 0;
    loop {
        for (place, person) in people.iter_mut().enumerate() {
            start_wants(place, person, &happens);
        }
        screen.draw(&mut people, focus)?;
        let first = tokio::select! {
            first = happening.recv() => first,
            () = &mut ended => return Ok(()),
        };
        // All that has happened is shown at once.
        let mut next = first;
        while let Some(happened) = next {
            handle(happened, &mut people, &mut focus);
            next = happening.try_recv().ok();
        }
        if people.iter().any(|person| person.app.quit) {
            return Ok(());
        }
    }
}

fn handle(happened: Happens, people: &mut [Person], focus: &mut usize) {
    match happened {
        Happens::Key(event::Event::Key(key)) if key.kind != KeyEventKind::Release => {
            if key.code == KeyCode::F(2) {
                *focus = (*focus + 1) % people.len().max(1);
            } else if let Some(person) = people.get_mut(*focus) {
                person.app.key(key);
            }
        }
        Happens::Key(event::Event::Paste(text)) => {
            if let Some(person) = people.get_mut(*focus) {
                person.app.paste(&text);
            }
        }
        Happens::Key(_) => {}
        Happens::Answer(place, what, answer) => {
            if let Some(person) = people.get_mut(place) {
                person.app.answer(what, *answer);
            }
        }
        Happens::Event(place, event) => {
            if let Some(person) = people.get_mut(place) {
                person.app.event(&event);
            }
        }
    }
}

/// Has what a person's screen wants done, beside the screen.
fn start_wants(place: usize, person: &mut Person, happens: &mpsc::UnboundedSender<Happens>) {
    for (what, mut verb) in person.app.wants() {
        let (backend, happens) = (person.backend.clone(), happens.clone());
        let profile = person.profile.clone();
        tokio::spawn(async move {
            let answer = do_verb(&backend, profile, &mut verb).await;
            let _ = happens.send(Happens::Answer(place, what, Box::new(answer)));
        });
    }
}

async fn do_verb(
    backend: &Backend,
    profile: Option<String>,
    verb: &mut Verb,
) -> Result<Outcome, Failure> {
    local::prepare(verb, Caller::Screen)?;
    let file = match verb {
        Verb::Export(Export { out: Some(path), .. }) => {
            Some(std::sync::Mutex::new(crate::cli::folder::create_private(path)?))
        }
        _ => None,
    };
    let tell = |outcome: Outcome| match &file {
        Some(file) => {
            let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            local::append(&mut *file, &outcome)
        }
        None => true,
    };
    let outcome = backend.run(Request { profile, verb: verb.clone() }, &tell).await?;
    local::finish(verb, &outcome)?;
    Ok(outcome)
}

/// Reads keys on a thread of its own, until the screen is over.
fn read_keys(over: &Arc<AtomicBool>, happens: mpsc::UnboundedSender<Happens>) {
    let over = Arc::clone(over);
    std::thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            match event::poll(Duration::from_millis(50)) {
                Ok(false) => {}
                Ok(true) => {
                    let Ok(key) = event::read() else { return };
                    if happens.send(Happens::Key(key)).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    });
}

/// The terminal, as long as it is ours.
struct Screen {
    terminal: Terminal<CrosstermBackend<std::io::Stdout>>,
    over: Arc<AtomicBool>,
}

impl Screen {
    fn enter() -> Result<Self, Failure> {
        let failed = |error| Failure::failed(format!("cannot use the terminal: {error}"));
        // What a panic says belongs on the user's own screen.
        let said = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            said(panic);
        }));
        enable_raw_mode().map_err(failed)?;
        let mut out = std::io::stdout();
        execute!(out, EnterAlternateScreen, EnableBracketedPaste).map_err(failed)?;
        let terminal = Terminal::new(CrosstermBackend::new(out)).map_err(failed)?;
        Ok(Self { terminal, over: Arc::new(AtomicBool::new(false)) })
    }

    fn draw(&mut self, people: &mut [Person], focus: usize) -> Result<(), Failure> {
        let drawn = self.terminal.draw(|frame| {
            let share = Constraint::Ratio(1, u32::try_from(people.len()).unwrap_or(1).max(1));
            let shares = vec![share; people.len()];
            let areas = Layout::horizontal(shares).spacing(1).split(frame.area());
            for (place, (person, area)) in people.iter_mut().zip(areas.iter()).enumerate() {
                render::draw(&mut person.app, frame, *area, place == focus);
            }
        });
        drawn.map(drop).map_err(|error| Failure::failed(format!("cannot draw: {error}")))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        leave();
    }
}

/// Gives the terminal back as it was.
fn leave() {
    let mut out = std::io::stdout();
    let _ = disable_raw_mode();
    let _ = execute!(out, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = out.flush();
}
