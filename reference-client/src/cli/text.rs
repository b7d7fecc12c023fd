//! Outcomes as a person reads them. Everything that others have written goes through
//! [`plain`](super::plain); styles are ANSI codes, which are left out where no colour is wanted.

use core::fmt::Write as _;

use super::carry;
use super::failure::Failure;
use super::outcome::{Event, Finding, NotAdded, Outcome, Proven};
use super::plain::{line, lines};
use super::qr::Qr;
use super::shape::{
    Address, Asking, Contact, Handed, Invitation, Kept, Message, Profile, Reached, Safety, Server,
    Talk, Trust, Way, Words, Wrong,
};

pub(super) const BOLD: &str = "\u{1b}[1m";
pub(super) const DIM: &str = "\u{1b}[2m";
pub(super) const RED: &str = "\u{1b}[31m";
pub(super) const GREEN: &str = "\u{1b}[32m";
/// Black on bright white: a QR code is dark on light, whatever the terminal's colours.
const PAPER: &str = "\u{1b}[30;107m";
pub(super) const PLAIN: &str = "\u{1b}[0m";

/// How cards come out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cards {
    /// Whether colours come through.
    pub(crate) colours: bool,
    /// Whether the card's picture was written to a file.
    pub(crate) in_file: bool,
}

/// An outcome as text, with a line end behind each line.
pub(crate) fn outcome(outcome: &Outcome, cards: Cards) -> Result<String, Failure> {
    let mut out = String::new();
    match outcome {
        Outcome::Invitation { invitation, card } => {
            card_made(&mut out, invitation, card.as_deref(), cards)?;
        }
        Outcome::Address { address } => address_text(&mut out, address.as_ref(), cards)?,
        Outcome::Proof { messages, .. } if cards.in_file => say(
            &mut out,
            &format!(
                "a proof of {messages} messages; it is checked with: edgewise verify-proof FILE"
            ),
        ),
        Outcome::Invitations { .. }
        | Outcome::Contacts { .. }
        | Outcome::History { .. }
        | Outcome::Requests { .. }
        | Outcome::Profiles { .. }
        | Outcome::Servers { .. }
        | Outcome::ServersAdded { .. }
        | Outcome::Proven { .. }
        | Outcome::Findings { .. }
        | Outcome::Demo { .. } => list(&mut out, outcome),
        _ => single(&mut out, outcome),
    }
    Ok(out)
}

/// What there is one of.
fn single(out: &mut String, outcome: &Outcome) {
    match outcome {
        Outcome::Done { what } => say(out, what),
        Outcome::Initialized { folder, profile, key_file, servers } => {
            say(out, &format!("made a store in {}", line(folder)));
            if let Some(profile) = profile {
                let name = line(&profile.name);
                say(out, &format!("you are {BOLD}{name}{PLAIN} to your contacts"));
            }
            if let Some(path) = key_file {
                let path = line(path);
                say(out, &format!("its key is in {path}: keep a copy, nothing opens it without"));
            }
            say(
                out,
                match servers {
                    0 => "next: edgewise servers add ADDRESS, then edgewise invite",
                    _ => "next: edgewise invite, or edgewise accept",
                },
            );
        }
        Outcome::Accepted { contact, .. } => accepted(out, contact),
        Outcome::Asked { invitation } => {
            let until = moment(&invitation.until);
            say(out, &format!("your request is on its way; it is good until {until}"));
        }
        Outcome::Contact { contact } => contact_whole(out, contact),
        Outcome::Said { name, message: of, in_time, .. } => {
            say(out, &message(name, of));
            if !in_time {
                say(
                    out,
                    "no server has it yet; it is kept, and goes out whenever this program runs",
                );
            }
        }
        Outcome::Message { name, message: of, .. } => say(out, &message(name, of)),
        Outcome::Safety { contact, safety } => safety_text(out, contact, safety.as_ref()),
        Outcome::Proof { proof, .. } => say(out, proof),
        Outcome::Event { event: of } => say(out, &event(of)),
        _ => {}
    }
}

/// What there are many of.
fn list(out: &mut String, outcome: &Outcome) {
    fn rows<T>(out: &mut String, rows: &[T], empty: &str, row: impl Fn(&T) -> String) {
        if rows.is_empty() && !empty.is_empty() {
            say(out, empty);
        }
        rows.iter().for_each(|of| say(out, &row(of)));
    }
    match outcome {
        Outcome::Invitations { invitations } => {
            let empty = "no open invitations; make one: edgewise invite";
            rows(out, invitations, empty, invitation_line);
        }
        Outcome::Contacts { contacts } => {
            rows(out, contacts, "nobody yet; invite somebody: edgewise invite", contact_line);
        }
        Outcome::History { name, messages, before, .. } => {
            if let Some(before) = before {
                say(out, &format!("{DIM}there is more: --before {before}{PLAIN}"));
            }
            rows(out, messages, "nothing found", |of| message(name, of));
        }
        Outcome::Requests { requests } => rows(out, requests, "nobody asks", request),
        Outcome::Profiles { profiles } => {
            rows(out, profiles, "no profile; make one: edgewise profile add NAME", profile);
        }
        Outcome::Servers { servers } => {
            rows(out, servers, "no servers; add one: edgewise servers add ADDRESS", server);
        }
        Outcome::ServersAdded { added, had, failed, servers } => {
            rows(out, failed, "", |of: &NotAdded| {
                format!("{RED}line {}{PLAIN}: {}: {}", of.line, line(&of.text), line(&of.why))
            });
            rows(out, servers, "", server);
            say(out, &format!("{added} added, {had} there before, {} not", failed.len()));
        }
        Outcome::Proven { messages } => rows(out, messages, "", proven),
        Outcome::Findings { findings, .. } => rows(out, findings, "", finding),
        Outcome::Demo { milliseconds } => {
            rows(out, milliseconds, "", |(what, millis)| format!("{millis:>6} ms  {what}"));
        }
        _ => {}
    }
}

fn profile(of: &Profile) -> String {
    let mark = if of.current { '*' } else { ' ' };
    let (name, about) = (line(&of.name), line(&of.about));
    let text = format!("{mark} {BOLD}{name}{PLAIN}");
    if about.is_empty() { text } else { format!("{text}  {DIM}{about}{PLAIN}") }
}

fn safety_text(out: &mut String, contact: &Contact, safety: Option<&Safety>) {
    match safety {
        None => say(out, "there is no safety number yet: they have not answered"),
        Some(safety) => {
            say(out, &format!("safety number with {BOLD}{}{PLAIN}:", named(&contact.name)));
            grid(out, &safety.number);
            say(out, "compare it by voice or in person, then: edgewise verify NAME --same");
        }
    }
    say(out, &trust(contact));
}

fn say(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// A moment in the user's own time.
pub(crate) fn moment(time: &str) -> String {
    time.parse::<jiff::Timestamp>().map_or_else(
        |_| line(time),
        |moment| {
            // Snapshots of the screen are the same everywhere.
            let zone =
                if cfg!(test) { jiff::tz::TimeZone::UTC } else { jiff::tz::TimeZone::system() };
            let zoned = moment.to_zoned(zone);
            zoned.strftime("%Y-%m-%d %H:%M").to_string()
        },
    )
}

fn card_made(
    out: &mut String,
    invitation: &Invitation,
    card: Option<&str>,
    cards: Cards,
) -> Result<(), Failure> {
    let Some(card) = card else {
        say(out, &invitation_line(invitation));
        return Ok(());
    };
    let until = moment(&invitation.until);
    if invitation.given == Handed::Shown {
        draw(out, card, cards)?;
        say(out, &format!("to be scanned from this screen; good for one person until {until}"));
        let id = invitation.id.get(..6).unwrap_or(&invitation.id);
        say(out, &format!("to send it instead: edgewise invitations card {id} --link"));
        return Ok(());
    }
    if cards.in_file {
        say(out, &format!("the picture is written; good for one person until {until}"));
    } else {
        say(out, card);
        say(
            out,
            &format!(
                "{DIM}good for one person until {until}; they type: edgewise accept LINK{PLAIN}"
            ),
        );
    }
    Ok(())
}

/// A card as a QR code.
fn draw(out: &mut String, card: &str, cards: Cards) -> Result<(), Failure> {
    for row in Qr::of(card)?.lines(!cards.colours) {
        if cards.colours {
            say(out, &format!("{PAPER}{row}{PLAIN}"));
        } else {
            say(out, &row);
        }
    }
    Ok(())
}

fn invitation_line(of: &Invitation) -> String {
    let state = match (of.claimed, of.ready, of.given) {
        (true, ..) => "claimed, being accepted",
        (_, false, _) => "waits for its servers",
        (_, _, Handed::Not) => "ready, not handed on",
        (_, _, Handed::Shown) => "shown",
        (_, _, Handed::Sent) => "sent",
    };
    let id = of.id.get(..6).unwrap_or(&of.id);
    let split = match (of.shape.enough, of.shape.servers) {
        (1, 1) => String::new(),
        (1, n) => format!(", any of {n} servers"),
        (k, n) => format!(", {k} of {n} servers"),
    };
    format!("{id}  {BOLD}{}{PLAIN}  {state}{split}, until {}", line(&of.label), moment(&of.until))
}

fn accepted(out: &mut String, contact: &Contact) {
    let name = named(&contact.name);
    say(
        out,
        &match contact.reach {
            Talk::Joining => {
                format!("{BOLD}{name}{PLAIN}: the invitation's servers are being asked")
            }
            Talk::Waiting => format!(
                "{BOLD}{name}{PLAIN} is a contact; what you say waits for their first answer"
            ),
            Talk::Ready => {
                format!("{BOLD}{name}{PLAIN} is a contact; say something: edgewise send NAME hello")
            }
            Talk::Lost => format!("{BOLD}{name}{PLAIN} cannot be reached any more"),
        },
    );
    say(out, &trust(contact));
}

/// In one word, whether a contact can be talked with.
pub(crate) const fn reach(talk: Talk) -> &'static str {
    match talk {
        Talk::Joining => "joining",
        Talk::Waiting => "waiting",
        Talk::Ready => "ready",
        Talk::Lost => "lost",
    }
}

fn contact_line(contact: &Contact) -> String {
    let id = contact.id.get(..6).unwrap_or(&contact.id);
    let mut text = format!("{id}  {BOLD}{}{PLAIN}  {}", named(&contact.name), reach(contact.reach));
    if contact.verified == Trust::Compared {
        text.push_str(", verified");
    }
    if contact.blocked {
        let _ = write!(text, ", {RED}blocked{PLAIN}");
    }
    if contact.unread > 0 {
        let _ = write!(text, ", {GREEN}{} unread{PLAIN}", contact.unread);
    }
    if let Some(last) = &contact.last {
        let said: String = line(&words(&last.said)).chars().take(40).collect();
        let _ = write!(text, "  {DIM}{said}{PLAIN}");
    }
    text
}

fn contact_whole(out: &mut String, contact: &Contact) {
    say(out, &contact_line(contact));
    if !contact.said_name.is_empty() && contact.said_name != contact.name {
        say(out, &format!("  calls themselves {}", line(&contact.said_name)));
    }
    if !contact.about.is_empty() {
        say(out, &format!("  {}", line(&contact.about)));
    }
    say(out, &format!("  id {}, a contact since {}", contact.id, moment(&contact.since)));
    say(out, &format!("  {}", trust(contact)));
    say(
        out,
        match contact.mode {
            Some(Kept::Attested) => "  attested: what is said can be shown to others",
            Some(Kept::Deniable) => "  deniable: nothing that is said can be proven to others",
            None => "  not decided yet whether what is said can be shown to others",
        },
    );
    if contact.standby {
        say(out, "  if their servers are gone for good, a standby invitation of theirs is used");
    }
    carry::lines(contact).iter().for_each(|text| say(out, text));
}

fn trust(contact: &Contact) -> String {
    match (contact.verified, &contact.compared) {
        (Trust::Compared, Some(at)) => {
            format!("{GREEN}verified{PLAIN}: the numbers were compared {}", moment(at))
        }
        (Trust::Compared, None) => format!("{GREEN}verified{PLAIN}"),
        (Trust::Shown, _) => {
            "the invitation was scanned from a screen; the numbers were not compared".to_owned()
        }
        (Trust::No, _) => "not verified: compare the numbers, edgewise verify NAME".to_owned(),
    }
}

fn grid(out: &mut String, number: &str) {
    let groups: Vec<_> = number.split_whitespace().collect();
    for row in groups.chunks(4) {
        say(out, &format!("    {BOLD}{}{PLAIN}", row.join("  ")));
    }
}

/// A contact's name, also while they have none.
pub(crate) fn named(name: &str) -> String {
    if name.is_empty() { "(no name yet)".to_owned() } else { line(name) }
}

/// How far a message of one's own got.
pub(crate) const fn tick(message: &Message) -> &'static str {
    match (message.direction, message.delivery) {
        (Way::Received, _) => " ",
        (_, Reached::Waiting) => "…",
        (_, Reached::Accepted) => "✓",
        (_, Reached::Delivered) => "✓✓",
        (_, Reached::Seen) => "✓✓ seen",
        (_, Reached::Failed) => "✗ failed",
    }
}

/// What was said, as one text; not yet made harmless.
pub(crate) fn words(said: &Words) -> String {
    match said {
        Words::Text { text } => text.clone(),
        Words::Reply { to: Some(to), text } => format!("[to {to}] {text}"),
        Words::Reply { to: None, text } => format!("[to a message that is not here] {text}"),
        Words::Deleted => "(withdrawn)".to_owned(),
        Words::Introduction { name, card } => format!("introduces {name}; to accept: {card}"),
        Words::Profile { name } => format!("(goes by {name} now)"),
        Words::Broadcast { text } => format!("({text})"),
        Words::Custom { name, bytes } => format!("({name}: {} characters of base64)", bytes.len()),
        Words::Unknown { number, len } => {
            format!("(a message of type {number} with {len} bytes; a newer program may know it)")
        }
        Words::Unreadable { number, why } => {
            format!("(a message of type {number} that breaks a rule: {why})")
        }
        Words::Notice { text } => format!("* {text}"),
    }
}

/// That a message was given up.
pub(crate) fn unreceived(number: u32) -> String {
    format!("Message {number} could not be received: parts of it never came. Ask for it again.")
}

/// What is wrong with a message, as a person reads it.
pub(crate) fn mark(wrong: &Wrong) -> String {
    match wrong {
        Wrong::Gap { first, last } if first == last => {
            format!("message {first} of theirs is missing before it")
        }
        Wrong::Gap { first, last } => {
            format!("messages {first} to {last} of theirs are missing before it")
        }
        Wrong::Fork { with } => {
            format!("it contradicts message {with} of theirs: two devices, or a copied one")
        }
        Wrong::Mismatch { number } => {
            format!("it answers another message {number} than you have sent")
        }
    }
}

fn message(name: &str, of: &Message) -> String {
    let who = if of.direction == Way::Sent { "you".to_owned() } else { named(name) };
    let mut text = format!(
        "{DIM}{:>4} {}{PLAIN} {BOLD}{who}{PLAIN}: {}",
        of.position,
        moment(&of.time),
        lines(&words(&of.said)).replace('\n', "\n       "),
    );
    if of.edited {
        let _ = write!(text, " {DIM}(edited){PLAIN}");
    }
    let ticks = tick(of);
    if ticks != " " {
        let _ = write!(text, " {DIM}{ticks}{PLAIN}");
    }
    for reaction in &of.reactions {
        let whose = if reaction.direction == Way::Sent { "you" } else { "they" };
        let _ = write!(text, "\n       {whose}: {}", line(&reaction.with));
    }
    for wrong in &of.marks {
        let _ = write!(text, "\n       {RED}! {}{PLAIN}", mark(wrong));
    }
    text
}

fn address_text(out: &mut String, address: Option<&Address>, cards: Cards) -> Result<(), Failure> {
    let Some(address) = address else {
        say(out, "no contact address; make one: edgewise address add");
        return Ok(());
    };
    match &address.card {
        None => say(out, "the contact address waits for its servers"),
        Some(_) if cards.in_file => say(out, "the picture is written; anyone may have it"),
        Some(card) => {
            draw(out, card, cards)?;
            say(out, card);
            say(out, "anyone may have it, and asks with: edgewise address request LINK");
        }
    }
    address.requests.iter().for_each(|asking| say(out, &request(asking)));
    Ok(())
}

fn request(asking: &Asking) -> String {
    format!("{:>3}  {}  {}", asking.number, moment(&asking.time), line(&asking.greeting))
}

fn server(of: &Server) -> String {
    let reached = if of.reached { "reached" } else { "not reached" };
    let password = if of.password { ", with a password" } else { "" };
    let altered = match of.altered {
        0 => String::new(),
        altered => format!(", {RED}{altered} parts were altered{PLAIN}"),
    };
    format!("{}  {} connections, {reached}{password}{altered}", line(&of.address), of.connections)
}

fn proven(of: &Proven) -> String {
    let mut text = format!(
        "{:>3}  {} {}  {}  {}",
        of.place,
        of.author,
        of.number,
        moment(&of.time),
        line(&of.text)
    );
    if !of.received_by.is_empty() {
        let by: Vec<_> = of.received_by.iter().map(ToString::to_string).collect();
        let _ = write!(text, "  {GREEN}received, as {} shows{PLAIN}", by.join(", "));
    }
    text
}

fn finding(of: &Finding) -> String {
    let (colour, mark) = if of.good { (GREEN, "ok") } else { (RED, "!!") };
    let mut text = format!("{colour}{mark}{PLAIN} {}: {}", line(&of.what), line(&of.found));
    if !of.advice.is_empty() {
        let _ = write!(text, "\n   {}", of.advice);
    }
    text
}

/// An event in one line.
pub(crate) fn event(of: &Event) -> String {
    match of {
        Event::Message { message: of, .. } => message("they", of),
        Event::Changed { position, .. } => format!("message {position} has changed"),
        Event::Contact { contact } => format!("contact {contact} has changed"),
        Event::Renewed { contact } => {
            format!("contact {contact} has a new session; compare the safety number again")
        }
        Event::ContactRemoved { contact } => format!("contact {contact} is gone"),
        Event::Invitation { invitation, step, why, .. } => {
            let why = why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("invitation {invitation}: {step}{why}")
        }
        Event::AcceptFailed { name, why, .. } => format!("{}: {why}", line(name)),
        Event::Request { request, .. } => {
            format!("somebody asks at your address: {}", line(&request.greeting))
        }
        Event::Server { server, text } => format!("server {}: {}", line(server), line(text)),
        Event::Trouble { text } => line(text),
        Event::Missed { count } => format!("{count} events were missed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let of = Message {
            position: 7,
            direction: Way::Received,
            time: "2026-11-21T12:00:00.000Z".to_owned(),
            stored: "2026-11-21T12:00:00.000Z".to_owned(),
            delivery: Reached::Waiting,
            said: Words::Text { text: "a\u{1b}[2Jb\u{202e}c\r\nyou: forged".to_owned() },
            edited: false,
            reactions: vec![Reaction { direction: Way::Received, with: "\u{1b}[31m".to_owned() }],
            marks: vec![Wrong::Fork { with: 3 }],
        };
        let shown = message("Ma\u{7}llory\nyou", &of);
        let bare =
            [BOLD, DIM, RED, GREEN, PLAIN].iter().fold(shown, |text, code| text.replace(code, ""));
        assert!(!bare.chars().any(|c| c != '\n' && super::super::plain::is_hidden(c)), "{bare:?}");
        assert!(bare.contains("Ma<U+0007>llory<U+000A>you: a<U+001B>[2Jb<U+202E>c"), "{bare}");
        // A second line cannot pass for another message.
        assert!(bare.contains("\n       you: forged") && bare.contains("contradicts message 3"));
    }

    use super::super::shape::Reaction;
}
