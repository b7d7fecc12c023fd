//! What the screen shows, and what a key or an event does to it. No terminal and no clock.

use std::collections::{BTreeMap, VecDeque};

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::input::Input;
use super::slash::{self, Line};
use crate::cli::failure::Failure;
use crate::cli::outcome::{Event, Outcome};
use crate::cli::shape::{Contact, Message, Way};
use crate::cli::verb::{Contacts, History, Read, Remove, Send, Verb};

/// Messages that are asked for at once.
const PAGE: u32 = 100;
/// Notices that are kept.
const NOTICES_MAX: usize = 50;

/// What is over everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Keys and verbs.
    Help,
    /// A card as a QR code, with words below it.
    Card { code: Vec<String>, words: String },
    /// What came of a verb.
    Text(String),
}

/// What an answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// The list of contacts.
    Contacts,
    /// The history of a contact.
    History(String),
    /// What the user has typed.
    Typed,
    /// Nothing is shown of it, unless it fails.
    Quiet,
}

/// What the screen wants done.
pub(super) type Wants = (For, Verb);

/// A person's screen.
#[derive(Clone, Debug, Default)]
pub(super) struct App {
    /// Whose it is.
    pub(super) title: String,
    pub(super) contacts: Vec<Contact>,
    /// Id of the contact that is shown.
    pub(super) open: Option<String>,
    pub(super) history: BTreeMap<u64, Message>,
    /// Where the history goes on, if there is more of it.
    pub(super) before: Option<u64>,
    /// Rows by which the history is moved up from its end.
    pub(super) scroll: usize,
    /// The highest `scroll` that shows anything, as the last drawing found.
    pub(super) scroll_max: usize,
    pub(super) input: Input,
    pub(super) notices: VecDeque<String>,
    pub(super) over: Option<Over>,
    pub(super) over_scroll: usize,
    pub(super) quit: bool,
    wants: Vec<Wants>,
    asked_older: bool,
}

impl App {
    pub(super) fn new(title: &str) -> Self {
        let mut app = Self { title: title.to_owned(), ..Self::default() };
        app.want_contacts();
        app
    }

    /// What is to be done now.
    pub(super) fn wants(&mut self) -> Vec<Wants> {
        std::mem::take(&mut self.wants)
    }

    pub(super) fn contact(&self) -> Option<&Contact> {
        let open = self.open.as_ref()?;
        self.contacts.iter().find(|contact| contact.id == *open)
    }

    /// Shows the contact of this id.
    pub(super) fn show(&mut self, id: &str) {
        self.open = Some(id.to_owned());
        self.history.clear();
        self.before = None;
        self.scroll = 0;
        self.want_history(None);
    }

    pub(super) fn notice(&mut self, text: &str) {
        let text = text.trim_end();
        if !text.is_empty() {
            self.notices.push_back(text.to_owned());
            if self.notices.len() > NOTICES_MAX {
                self.notices.pop_front();
            }
        }
    }

    fn want(&mut self, wants: Wants) {
        let same = |other: &Wants| other.0 == wants.0 && wants.0 == For::Contacts;
        if !self.wants.iter().any(same) {
            self.wants.push(wants);
        }
    }

    fn want_contacts(&mut self) {
        self.want((For::Contacts, Verb::Contacts(Contacts { contact: None })));
    }

    fn want_history(&mut self, before: Option<u64>) {
        if let Some(contact) = self.open.clone() {
            let verb = Verb::History(History { contact: contact.clone(), most: PAGE, before });
            self.want((For::History(contact), verb));
        }
    }

    /// Looks at everything again.
    pub(super) fn refresh(&mut self) {
        self.want_contacts();
        self.want_history(None);
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Message { contact, message } => {
                self.want_contacts();
                if self.open.as_ref() == Some(contact) {
                    self.history.insert(message.position, (**message).clone());
                    self.want_read();
                }
            }
            Event::Changed { contact, position } => {
                if self.open.as_ref() == Some(contact) {
                    let before = Some(position.saturating_add(1));
                    let most = 1;
                    let verb = History { contact: contact.clone(), most, before };
                    self.want((For::History(contact.clone()), Verb::History(verb)));
                }
            }
            Event::Contact { .. } => self.want_contacts(),
            Event::ContactRemoved { contact } => {
                if self.open.as_ref() == Some(contact) {
                    self.open = None;
                    self.history.clear();
                }
                self.want_contacts();
            }
            // What was not delivered stands at another place now.
            Event::Missed { .. } | Event::Renewed { .. } => self.refresh(),
            Event::Invitation { step, .. } => {
                if step == "accepted" {
                    self.over = None;
                    self.want_contacts();
                }
                if step != "ready" {
                    self.notice(&crate::cli::text::event(event));
                }
            }
            Event::AcceptFailed { .. }
            | Event::Request { .. }
            | Event::Server { .. }
            | Event::Trouble { .. } => {
                self.want_contacts();
                self.notice(&crate::cli::text::event(event));
            }
        }
    }

    fn want_read(&mut self) {
        if let Some(contact) = self.open.clone() {
            let read = Verb::Read(Read { contact, through: None });
            self.want((For::Quiet, read));
        }
    }

    pub(super) fn answer(&mut self, what: For, answer: Result<Outcome, Failure>) {
        match (what, answer) {
            (_, Err(failure)) => {
                let mut lines = failure.message.lines();
                if lines.clone().count() > 2 {
                    self.over = Some(Over::Text(failure.message));
                    self.over_scroll = 0;
                } else if let Some(line) = lines.next() {
                    self.notice(line);
                }
            }
            (For::Contacts, Ok(Outcome::Contacts { contacts })) => self.set_contacts(contacts),
            (For::History(of), Ok(Outcome::History { messages, before, .. })) => {
                self.set_history(&of, messages, before);
            }
            (For::Quiet, Ok(_)) => self.want_contacts(),
            (_, Ok(outcome)) => self.came(&outcome),
        }
    }

    fn set_contacts(&mut self, mut contacts: Vec<Contact>) {
        contacts.sort_by(|a, b| newest(b).cmp(newest(a)));
        self.contacts = contacts;
        if self.contact().is_none() {
            self.open = None;
            if let Some(first) = self.contacts.first().map(|contact| contact.id.clone()) {
                self.show(&first);
            }
        }
    }

    fn set_history(&mut self, of: &str, messages: Vec<Message>, before: Option<u64>) {
        if self.open.as_deref() != Some(of) {
            return;
        }
        let first = messages.first().map(|message| message.position);
        let oldest = self.history.keys().next().copied();
        // Only a page that reaches further back tells whether there is more.
        if oldest.is_none() || first < oldest {
            self.before = before;
        }
        self.asked_older = false;
        for message in messages {
            self.history.insert(message.position, message);
        }
        if self.contact().is_some_and(|contact| contact.unread > 0) {
            self.want_read();
        }
    }

    /// What came of a verb that the user has typed.
    fn came(&mut self, outcome: &Outcome) {
        use crate::cli::{local, qr, text};
        self.refresh();
        if let Outcome::Said { contact, message, .. } = outcome {
            if self.open.as_ref() == Some(contact) {
                self.history.insert(message.position, message.clone());
            }
            self.scroll = 0;
            return;
        }
        let cards = text::Cards { colours: false, in_file: false };
        let shown = matches!(outcome, Outcome::Address { .. })
            || matches!(outcome, Outcome::Invitation { invitation, .. }
                if invitation.given == crate::cli::shape::Handed::Shown);
        if let (Some(card), true) = (local::card_of(outcome), shown)
            && let Ok(code) = qr::Qr::of(card)
        {
            let words = match outcome {
                Outcome::Address { .. } => card.to_owned(),
                Outcome::Invitation { invitation, .. } => format!(
                    "to be scanned from this screen; to send it: /invitations card {} --link",
                    invitation.id.get(..6).unwrap_or(&invitation.id)
                ),
                _ => String::new(),
            };
            self.over = Some(Over::Card { code: code.lines(false), words });
        } else if let Ok(text) = text::outcome(outcome, cards) {
            let text = anstream::adapter::strip_str(&text).to_string();
            if text.lines().count() <= 1 {
                self.notice(&text);
            } else {
                self.over = Some(Over::Text(text));
            }
        }
        self.over_scroll = 0;
    }

    /// Text that was pasted.
    pub(super) fn paste(&mut self, text: &str) {
        self.over = None;
        self.input.insert(text);
    }

    pub(super) fn key(&mut self, key: KeyEvent) {
        if self.over.is_some() {
            return self.key_over(key);
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.key_control(key);
        }
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Enter if alt => self.input.insert("\n"),
            KeyCode::Enter => self.enter(),
            KeyCode::F(1) => self.over_with(Over::Help),
            KeyCode::Tab if self.input.before().starts_with('/') => self.complete(),
            KeyCode::Tab => self.next(1),
            KeyCode::BackTab => self.next(-1),
            KeyCode::Down if alt => self.next(1),
            KeyCode::Up if alt => self.next(-1),
            KeyCode::PageUp => self.older(10),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::Up => self.input.up(),
            KeyCode::Down => self.input.down(),
            KeyCode::Left => self.input.left(),
            KeyCode::Right => self.input.right(),
            KeyCode::Home => self.input.home(),
            KeyCode::End => self.input.end(),
            KeyCode::Backspace => self.input.backspace(),
            KeyCode::Delete => self.input.delete(),
            KeyCode::Esc => self.scroll = 0,
            KeyCode::Char(symbol) if !alt => self.input.insert(symbol.encode_utf8(&mut [0; 4])),
            _ => {}
        }
    }

    fn key_control(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Char('c') if self.input.is_empty() => self.quit = true,
            KeyCode::Char('c') => drop(self.input.take()),
            KeyCode::Char('q') => self.quit = true,
            KeyCode::Char('d') if self.input.is_empty() => self.quit = true,
            KeyCode::Char('a') => self.input.home(),
            KeyCode::Char('e') => self.input.end(),
            KeyCode::Char('u') => self.input.delete_to_start(),
            KeyCode::Char('k') => self.input.delete_to_end(),
            KeyCode::Char('w') => self.input.delete_word(),
            KeyCode::Char('j') => self.input.insert("\n"),
            KeyCode::Char('f') => self.input.set("/search "),
            KeyCode::Char('n') => self.next(1),
            KeyCode::Char('p') => self.next(-1),
            KeyCode::Char('l') => self.refresh(),
            _ => {}
        }
    }

    fn key_over(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Down => self.over_scroll += 1,
            KeyCode::Up => self.over_scroll = self.over_scroll.saturating_sub(1),
            KeyCode::PageDown => self.over_scroll += 10,
            KeyCode::PageUp => self.over_scroll = self.over_scroll.saturating_sub(10),
            KeyCode::Char('q' | 'c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.quit = key.code == KeyCode::Char('q');
                self.over = None;
            }
            _ => self.over = None,
        }
    }

    pub(super) fn over_with(&mut self, over: Over) {
        self.over = Some(over);
        self.over_scroll = 0;
    }

    fn older(&mut self, rows: usize) {
        self.scroll = (self.scroll + rows).min(self.scroll_max);
        if self.scroll == self.scroll_max && self.before.is_some() && !self.asked_older {
            self.asked_older = true;
            self.want_history(self.before);
        }
    }

    fn next(&mut self, by: isize) {
        let place =
            self.contacts.iter().position(|contact| Some(&contact.id) == self.open.as_ref());
        let len = isize::try_from(self.contacts.len()).unwrap_or(0);
        let from = place.and_then(|place| isize::try_from(place).ok()).unwrap_or(0);
        let to = usize::try_from((from + by).rem_euclid(len.max(1))).unwrap_or(0);
        if let Some(id) = self.contacts.get(to).map(|contact| contact.id.clone())
            && place != Some(to)
        {
            self.show(&id);
        }
    }

    fn complete(&mut self) {
        let start = self.input.before();
        let names = slash::complete(start.strip_prefix('/').unwrap_or_default());
        match names.as_slice() {
            [] => {}
            [one] => self.input.set(&format!("/{one} ")),
            many => self.notice(&many.join("  ")),
        }
    }

    fn enter(&mut self) {
        let line = self.input.take();
        if line.trim().is_empty() {
            return;
        }
        match slash::parse(&line, self.open.as_deref()) {
            Ok(Line::Help) => self.over_with(Over::Help),
            Ok(Line::Quit) => self.quit = true,
            Ok(Line::Verb(verb)) => self.typed(*verb),
            Ok(Line::Text(text)) => match self.open.clone() {
                Some(contact) => {
                    let send = Send { contact, text: vec![text], wait: None };
                    self.want((For::Typed, Verb::Send(send)));
                }
                None => self.notice("nobody is chosen yet; /invite somebody, or /accept LINK"),
            },
            Err(failure) => self.answer(For::Typed, Err(failure)),
        }
    }

    fn typed(&mut self, verb: Verb) {
        // Looking at another contact is choosing them.
        if let Verb::Contacts(Contacts { contact: Some(name) }) = &verb {
            let name = name.trim_start_matches('@').to_lowercase();
            let found = self.contacts.iter().find(|contact| contact.name.to_lowercase() == name);
            if let Some(id) = found.map(|contact| contact.id.clone()) {
                self.show(&id);
            }
        }
        if let Verb::Remove(Remove { contact, .. }) = &verb
            && Some(contact) == self.open.as_ref()
        {
            self.notice("removing the contact");
        }
        self.want((For::Typed, verb));
    }
}

/// Who is first: the one with whom there was talk last.
fn newest(contact: &Contact) -> &str {
    contact.last.as_ref().map_or(contact.since.as_str(), |last| last.stored.as_str())
}

/// Whether a message is the user's.
pub(super) const fn is_own(message: &Message) -> bool {
    matches!(message.direction, Way::Sent)
}
