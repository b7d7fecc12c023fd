//! Drawing: from what the screen shows to a frame. Text of others is made harmless before it is
//! measured.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph};

use super::app::{App, Over, is_own};
use super::slash;
use super::wrap::{columns, cut, wrap};
use crate::cli::plain;
use crate::cli::shape::{Carried, Contact, Message, Talk, Trust};
use crate::cli::text::{mark, moment, named, reach, tick, words};

/// From this width on, the contacts stand beside the history.
const WIDE: u16 = 64;
const LIST: u16 = 24;
/// Rows that the line being written takes at most.
const INPUT_ROWS: usize = 5;

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const OWN: Style = Style::new().fg(Color::Cyan);
const BAD: Style = Style::new().fg(Color::Red);
const NEW: Style = Style::new().fg(Color::Green).add_modifier(Modifier::BOLD);
const BAR: Style = Style::new().add_modifier(Modifier::REVERSED);
/// A QR code is dark on light, whatever the terminal's colours.
const PAPER: Style = Style::new().fg(Color::Black).bg(Color::White);

/// Draws a person's screen into an area.
pub(super) fn draw(app: &mut App, frame: &mut Frame<'_>, area: Rect, focused: bool) {
    if area.width < 8 || area.height < 4 {
        return;
    }
    let (rows, cursor) = input_rows(app, usize::from(area.width));
    let input = u16::try_from(rows.len()).unwrap_or(1);
    let notice = u16::from(!app.notices.is_empty());
    let parts = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(notice),
        Constraint::Length(input),
    ]);
    let [top, middle, notices, bottom] = parts.areas(area);
    bar(app, frame, top, focused);
    if area.width >= WIDE {
        let [list, history] =
            Layout::horizontal([Constraint::Length(LIST), Constraint::Min(10)]).areas(middle);
        contacts(app, frame, list);
        self::history(app, frame, history);
    } else {
        history(app, frame, middle);
    }
    if let Some(last) = app.notices.back() {
        let text = cut(&plain::line(last), usize::from(notices.width));
        frame.render_widget(Paragraph::new(Line::styled(text, NEW)), notices);
    }
    let lines: Vec<_> = rows.into_iter().map(Line::raw).collect();
    frame.render_widget(Paragraph::new(lines), bottom);
    if let Some(over) = app.over.clone() {
        self::over(app, &over, frame, area);
    } else if focused {
        let (x, y) = cursor;
        frame.set_cursor_position(Position::new(bottom.x + x.min(bottom.width - 1), bottom.y + y));
    }
}

/// The rows of the line being written, and the cursor's place among them.
fn input_rows(app: &App, width: usize) -> (Vec<String>, (u16, u16)) {
    let text = format!("> {}", plain::lines(&app.input.text()));
    let mut rows = wrap(&text, width.saturating_sub(1), 2);
    // What is behind the cursor cannot move what is before it but for its last word.
    let before = format!("> {}\u{1}", plain::lines(&app.input.before()));
    let before = wrap(&before.replace('\u{1}', "_"), width.saturating_sub(1), 2);
    let y = before.len().saturating_sub(1);
    let x = before.last().map_or(0, |row| columns(row).saturating_sub(1));
    let skip = (y + 1).saturating_sub(INPUT_ROWS);
    rows.drain(..skip.min(rows.len()));
    rows.truncate(INPUT_ROWS);
    if rows.is_empty() {
        rows.push(String::new());
    }
    let short = |n: usize| u16::try_from(n).unwrap_or(0);
    (rows, (short(x), short((y - skip).min(INPUT_ROWS - 1))))
}

fn bar(app: &App, frame: &mut Frame<'_>, area: Rect, focused: bool) {
    let width = usize::from(area.width);
    let with = app.contact().map(|contact| {
        let mut text = format!(" {} [{}", named(&contact.name), reach(contact.reach));
        if contact.verified == Trust::Compared {
            text.push_str(", verified");
        }
        if contact.blocked {
            text.push_str(", blocked");
        }
        text.push_str(carried(contact));
        text + "]"
    });
    let others = app.contacts.iter().filter(|contact| Some(&contact.id) != app.open.as_ref());
    let unread: u64 = others.map(|contact| contact.unread).sum();
    let mut text = with.unwrap_or_else(|| " nobody yet: /invite or /accept".to_owned());
    if unread > 0 {
        text.push_str(&format!(" +{unread}"));
    }
    let end = format!("{} F1 ", plain::line(&app.title));
    let room = width.saturating_sub(columns(&end) + 1);
    let text = cut(&text, room);
    let gap = " ".repeat(width.saturating_sub(columns(&text) + columns(&end)));
    let style = if focused { BAR } else { BAR.add_modifier(Modifier::DIM) };
    frame.render_widget(Paragraph::new(Line::styled(format!("{text}{gap}{end}"), style)), area);
}

/// Whether enough of several servers carry what is said.
fn carried(contact: &Contact) -> &'static str {
    let several = contact.shape.is_some_and(|shape| shape.servers > 1);
    match contact.sending.into_iter().chain(contact.receiving).max() {
        Some(Carried::Enough) if several => ", servers still enough",
        Some(Carried::TooFew) if several => ", too few servers",
        _ => "",
    }
}

fn contacts(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width.saturating_sub(1));
    let place = app.contacts.iter().position(|contact| Some(&contact.id) == app.open.as_ref());
    let first = place.unwrap_or(0).saturating_sub(usize::from(area.height.saturating_sub(1)));
    let lines: Vec<_> = app
        .contacts
        .iter()
        .skip(first)
        .take(usize::from(area.height))
        .map(|contact| contact_row(contact, Some(&contact.id) == app.open.as_ref(), width))
        .collect();
    let block = Block::new().borders(Borders::RIGHT).border_style(DIM);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn contact_row(contact: &Contact, open: bool, width: usize) -> Line<'static> {
    let unread = match contact.unread {
        0 => String::new(),
        many => format!(" {many}"),
    };
    let sign = match (contact.blocked, contact.reach) {
        (true, _) => "⊘",
        (_, Talk::Joining | Talk::Waiting) => "…",
        (_, Talk::Ready) => "●",
        (_, Talk::Lost) => "✗",
    };
    let room = width.saturating_sub(columns(&unread) + 3);
    let name = cut(&named(&contact.name), room);
    let gap = " ".repeat(room.saturating_sub(columns(&name)));
    let style = if open { BOLD.add_modifier(Modifier::REVERSED) } else { Style::new() };
    Line::from(vec![
        Span::styled(format!("{sign} "), if open { style } else { DIM }),
        Span::styled(format!("{name}{gap}"), style),
        Span::styled(format!("{unread} "), NEW),
    ])
}

fn history(app: &mut App, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width);
    let name = app.contact().map(|contact| named(&contact.name)).unwrap_or_default();
    let mut rows: Vec<Line<'static>> = Vec::new();
    if app.before.is_some() {
        rows.push(Line::styled("  PageUp shows what was before", DIM));
    }
    let mut day = String::new();
    for message in app.history.values() {
        let time = moment(&message.time);
        let (date, clock) = time.split_once(' ').unwrap_or((&time, ""));
        if date != day {
            date.clone_into(&mut day);
            rows.push(Line::styled(format!("── {date} ──"), DIM));
        }
        rows.extend(message_rows(message, &name, clock, width));
    }
    let height = usize::from(area.height);
    app.scroll_max = rows.len().saturating_sub(height);
    app.scroll = app.scroll.min(app.scroll_max);
    let first = app.scroll_max - app.scroll;
    let shown: Vec<_> = rows.into_iter().skip(first).take(height).collect();
    // The newest stands right above the line being written.
    let above = u16::try_from(height.saturating_sub(shown.len())).unwrap_or(0);
    let area = Rect { y: area.y + above, height: area.height - above, ..area };
    frame.render_widget(Paragraph::new(shown), area);
}

fn message_rows(message: &Message, name: &str, clock: &str, width: usize) -> Vec<Line<'static>> {
    let who = if is_own(message) { "you" } else { name };
    let head = format!("{:>3} {clock} ", message.position);
    let mut text = format!("{who}: {}", plain::lines(&words(&message.said)));
    if message.edited {
        text.push_str(" (edited)");
    }
    let ticks = tick(message);
    if ticks != " " {
        text.push_str("  ");
        text.push_str(ticks);
    }
    let style = if is_own(message) { OWN } else { Style::new() };
    let mut rows: Vec<_> = wrap(&format!("{head}{text}"), width, 4)
        .into_iter()
        .enumerate()
        .map(|(place, row)| match row.strip_prefix(&head) {
            Some(rest) if place == 0 => Line::from(vec![
                Span::styled(head.clone(), DIM),
                Span::styled(rest.to_owned(), style),
            ]),
            _ => Line::styled(row, style),
        })
        .collect();
    if !message.reactions.is_empty() {
        let whose = |own| if own { "you" } else { "they" };
        let reactions: Vec<_> = message
            .reactions
            .iter()
            .map(|reaction| {
                let own = matches!(reaction.direction, crate::cli::shape::Way::Sent);
                format!("{} {}", plain::line(&reaction.with), whose(own))
            })
            .collect();
        let text = format!("    {}", reactions.join("  "));
        rows.extend(wrap(&text, width, 4).into_iter().map(|row| Line::styled(row, DIM)));
    }
    for wrong in &message.marks {
        let text = format!("    ! {}", mark(wrong));
        rows.extend(wrap(&text, width, 6).into_iter().map(|row| Line::styled(row, BAD)));
    }
    rows
}

fn over(app: &mut App, over: &Over, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width);
    let (title, lines) = match over {
        Over::Help => (" Help: Up and Down scroll, any other key closes ", help(width)),
        Over::Text(text) => (" Up and Down scroll, any other key closes ", text_lines(text, width)),
        Over::Card { code, words } => (" Any other key closes ", card(code, words, area)),
    };
    frame.render_widget(Clear, area);
    let block = Block::new().borders(Borders::TOP).title(title).border_style(DIM);
    let height = usize::from(area.height.saturating_sub(1));
    app.over_scroll = app.over_scroll.min(lines.len().saturating_sub(height));
    let shown: Vec<_> = lines.into_iter().skip(app.over_scroll).take(height).collect();
    frame.render_widget(Paragraph::new(shown).block(block), area);
}

fn text_lines(text: &str, width: usize) -> Vec<Line<'static>> {
    wrap(&plain::lines(text), width, 2).into_iter().map(Line::raw).collect()
}

fn card(code: &[String], words: &str, area: Rect) -> Vec<Line<'static>> {
    let width = usize::from(area.width);
    let needs = code.first().map_or(0, |row| columns(row));
    let fits = needs <= width && code.len() < usize::from(area.height);
    let mut lines = Vec::new();
    if fits {
        lines.extend(code.iter().map(|row| Line::from(Span::styled(row.clone(), PAPER))));
    } else {
        let text = format!(
            "This terminal is too small for the QR code: it needs {needs} columns and {} rows. \
             Make it larger, or use a link or a picture: /invite --link, /invite --png FILE.",
            code.len() + 1
        );
        lines.extend(text_lines(&text, width));
    }
    lines.extend(text_lines(words, width));
    lines
}

const KEYS: &[(&str, &str)] = &[
    ("Enter", "say it; behind a / do it"),
    ("Alt+Enter, Ctrl+J", "a new line"),
    ("Tab, Shift+Tab", "the next, the previous contact"),
    ("PageUp, PageDown", "older, newer"),
    ("Up, Down", "lines written before"),
    ("Ctrl+F", "search"),
    ("Ctrl+L", "look at everything again"),
    ("Ctrl+C", "empty the line; on an empty one, the end"),
    ("Ctrl+Q", "the end"),
    ("F2", "in the demo, the other person"),
];

fn help(width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (key, does) in KEYS {
        lines.extend(text_lines(&format!("{key:<18} {does}"), width));
    }
    lines.push(Line::raw(""));
    let about = "Verbs are about the contact that is shown, or about @NAME: /rotate, /rotate @bob. \
                 Numbers are those in front of messages: /reply 7 yes, /react 7 👍.";
    lines.extend(text_lines(about, width));
    lines.push(Line::raw(""));
    for (name, does) in slash::verbs() {
        lines.extend(text_lines(&format!("/{name:<12} {does}"), width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::cli::outcome::Outcome;
    use crate::cli::shape::{
        Handed, Invitation, Kept, Reached, Reaction, Split, Way, Words, Wrong,
    };
    use crate::cli::verb::Blocks;
    use crate::tui::app::For;

    fn contact(id: &str, name: &str, unread: u64) -> Contact {
        Contact {
            id: id.to_owned(),
            name: name.to_owned(),
            said_name: String::new(),
            about: String::new(),
            reach: Talk::Ready,
            verified: Trust::No,
            compared: None,
            blocked: false,
            mode: Some(Kept::Deniable),
            broadcast: None,
            unread,
            standby: false,
            since: format!("2026-11-2{unread}T12:00:00.000Z"),
            last: None,
            connections: Vec::new(),
            shape: None,
            sending: None,
            receiving: None,
        }
    }

    fn said(position: u64, direction: Way, text: &str) -> Message {
        let time = format!("2026-11-21T12:{position:02}:00.000Z");
        Message {
            position,
            direction,
            time: time.clone(),
            stored: time,
            delivery: Reached::Delivered,
            said: Words::Text { text: text.to_owned() },
            edited: false,
            reactions: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Two contacts, and a talk with everything in it.
    fn app() -> App {
        let mut app = App::new("Ann");
        let contacts = vec![contact("aa", "Bob", 2), contact("bb", "Carol\u{202e}", 1)];
        app.answer(For::Contacts, Ok(Outcome::Contacts { contacts }));
        let mut messages = vec![
            said(1, Way::Received, "hello"),
            said(
                2,
                Way::Sent,
                "a text that is longer than the terminal is wide, so that it is broken",
            ),
            said(3, Way::Received, "\u{1b}[2J\u{1b}[H evil\u{202e}\nyou: forged"),
            said(4, Way::Sent, "世界 👍"),
        ];
        messages[0].marks = vec![Wrong::Gap { first: 1, last: 3 }, Wrong::Fork { with: 9 }];
        messages[1].edited = true;
        messages[1].delivery = Reached::Seen;
        messages[2].reactions =
            vec![Reaction { direction: Way::Sent, with: "\u{1b}[31m👎".to_owned() }];
        messages[3].said = Words::Reply { to: Some(1), text: "世界 👍".to_owned() };
        messages[3].delivery = Reached::Waiting;
        let (contact, name) = ("aa".to_owned(), "Bob".to_owned());
        let page = Outcome::History { contact, name, messages, before: Some(1) };
        app.answer(For::History("aa".to_owned()), Ok(page));
        app
    }

    fn drawn(app: &mut App, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(app, frame, frame.area(), true)).unwrap();
        let text = terminal.backend().to_string();
        assert!(!text.chars().any(|symbol| symbol != '\n' && plain::is_hidden(symbol)));
        text
    }

    fn press(app: &mut App, code: KeyCode) {
        app.key(KeyEvent::new(code, KeyModifiers::NONE));
    }

    #[test]
    fn a_wide_and_a_small_screen() {
        insta::assert_snapshot!("wide", drawn(&mut app(), 80, 16));
        insta::assert_snapshot!("small", drawn(&mut app(), 40, 12));
    }

    #[test]
    fn no_size_breaks_it() {
        for (width, height) in [(1, 1), (8, 4), (9, 5), (20, 4), (200, 4), (12, 50), (64, 12)] {
            let mut app = app();
            app.input.insert(&"long line ".repeat(40));
            drawn(&mut app, width, height);
            press(&mut app, KeyCode::F(1));
            drawn(&mut app, width, height);
            app.over_with(Over::Card { code: vec!["█".repeat(50); 25], words: "x".to_owned() });
            drawn(&mut app, width, height);
        }
    }

    #[test]
    fn the_help_names_keys_and_verbs() {
        let mut app = app();
        press(&mut app, KeyCode::F(1));
        let all: Vec<_> = (0..40)
            .map(|_| {
                let text = drawn(&mut app, 60, 20);
                press(&mut app, KeyCode::Down);
                text
            })
            .collect();
        for name in ["Ctrl+F", "/introduce", "/doctor"] {
            assert!(all.iter().any(|text| text.contains(name)), "{name}");
        }
        press(&mut app, KeyCode::Esc);
        assert!(app.over.is_none());
    }

    #[test]
    fn an_invitation_is_drawn_as_a_code_where_it_fits() {
        let mut app = app();
        let invitation = Invitation {
            id: "0123456789abcdef".to_owned(),
            label: String::new(),
            given: Handed::Shown,
            ready: true,
            claimed: false,
            mode: Kept::Deniable,
            shape: Split { class: Blocks::Medium, enough: 1, servers: 1 },
            servers: Vec::new(),
            made: "2026-11-21T12:00:00.000Z".to_owned(),
            until: "2026-11-28T12:00:00.000Z".to_owned(),
        };
        let card = Some(format!("EDGEWISE:S1/{}", "A".repeat(130)));
        app.answer(For::Typed, Ok(Outcome::Invitation { invitation, card }));
        let large = drawn(&mut app, 80, 40);
        assert!(large.contains('▀') && large.contains("to be scanned from this screen"), "{large}");
        assert!(!large.contains("EDGEWISE:"));
        let small = drawn(&mut app, 40, 12);
        assert!(small.contains("This terminal is too small"), "{small}");
    }

    #[test]
    fn what_is_typed_is_said_and_verbs_are_done() {
        let mut app = app();
        app.wants();
        for symbol in "hi".chars() {
            press(&mut app, KeyCode::Char(symbol));
        }
        app.paste("\r\nyou");
        press(&mut app, KeyCode::Enter);
        app.input.insert("/reply 3 no");
        press(&mut app, KeyCode::Enter);
        app.input.insert("/nothing");
        press(&mut app, KeyCode::Enter);
        let wants: Vec<_> = app
            .wants()
            .into_iter()
            .map(|(what, verb)| (what, serde_json::to_string(&verb).unwrap()))
            .collect();
        assert_eq!(wants.len(), 2, "{wants:?}");
        assert!(wants[0].1.contains(r#""contact":"aa","text":"hi\nyou""#), "{wants:?}");
        assert!(wants[1].1.contains(r#""contact":"aa","message":3,"text":"no""#), "{wants:?}");
        let refused = app.over.is_some() || !app.notices.is_empty();
        assert!(refused, "an unknown verb is said to be one");
        press(&mut app, KeyCode::Esc);
        press(&mut app, KeyCode::Tab);
        assert_eq!(app.open.as_deref(), Some("bb"));
        assert!(app.history.is_empty());
    }

    #[test]
    fn older_messages_are_asked_for_once() {
        let mut app = app();
        drawn(&mut app, 40, 8);
        app.wants();
        press(&mut app, KeyCode::PageUp);
        press(&mut app, KeyCode::PageUp);
        let asked = app.wants();
        assert!(matches!(asked.as_slice(), [(For::History(_), _)]), "{asked:?}");
        assert!(app.scroll > 0 && drawn(&mut app, 40, 8).contains("PageUp shows"));
    }
}
