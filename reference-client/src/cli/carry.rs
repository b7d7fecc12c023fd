//! Which servers carry what is said with a contact, as a person reads it.

use core::fmt::Write as _;

use super::plain::line;
use super::shape::{Carried, Connection, Contact, Does, Way};
use super::text::{GREEN, PLAIN, RED};

/// What there is to say of a contact's connections, one line each.
pub(super) fn lines(contact: &Contact) -> Vec<String> {
    let mut lines = Vec::new();
    for (way, carried) in [(Way::Sent, contact.sending), (Way::Received, contact.receiving)] {
        let its = contact.connections.iter().filter(|it| it.direction == way);
        let its: Vec<&Connection> = its.collect();
        if let Some(carried) = carried {
            lines.push(format!("  {}: {}", name(way), whole(contact, way, carried)));
        }
        lines.extend(its.into_iter().map(connection));
    }
    lines
}

const fn name(way: Way) -> &'static str {
    match way {
        Way::Sent => "to them",
        Way::Received => "from them",
    }
}

/// How a direction does.
fn whole(contact: &Contact, way: Way, carried: Carried) -> String {
    let needed = match contact.shape.map(|shape| (shape.enough, shape.servers)) {
        None | Some((1, 1)) => "its server".to_owned(),
        Some((1, n)) => format!("any of {n} servers"),
        Some((k, n)) => format!("any {k} of {n} servers"),
    };
    match (carried, way) {
        (Carried::Whole, _) => format!("{GREEN}carried{PLAIN}, needs {needed}"),
        (Carried::Enough, _) => format!("{GREEN}still enough{PLAIN}, needs {needed}"),
        (Carried::TooFew, Way::Sent) => {
            format!("{RED}too few{PLAIN}, needs {needed}: what you say waits, and is not lost")
        }
        (Carried::TooFew, Way::Received) => format!(
            "{RED}too few{PLAIN}, needs {needed}: what they say cannot be received now, and is not lost"
        ),
    }
}

fn connection(of: &Connection) -> String {
    let does = match of.standing {
        Does::Answering => "answering".to_owned(),
        Does::Silent => "silent".to_owned(),
        Does::Lying => format!("{RED}lying{PLAIN}"),
    };
    let mut text = format!("  {} {}: {does}, {}", name(of.direction), of.place, line(&of.server));
    if of.waiting > 0 {
        let _ = write!(text, ", {} parts wait", of.waiting);
    }
    if of.bad > 0 {
        let _ = write!(text, ", {RED}{} parts were altered{PLAIN}", of.bad);
    }
    if of.wrong > 0 {
        let _ = write!(text, ", {RED}{} parts were not of their cells{PLAIN}", of.wrong);
    }
    if of.stray > 0 {
        let _ = write!(text, ", {} parts were not awaited", of.stray);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::shape::{Kept, Split, Talk, Trust};
    use super::super::verb::Blocks;
    use super::*;

    fn one(place: u8, standing: Does, bad: u32) -> Connection {
        Connection {
            direction: Way::Received,
            place,
            server: format!("edgewise://server-{place}"),
            up: standing != Does::Silent,
            waiting: 0,
            bad,
            stray: 0,
            wrong: 0,
            standing,
        }
    }

    fn said(receiving: Carried) -> String {
        let contact = Contact {
            id: "0123456789abcdef".to_owned(),
            name: "Ann".to_owned(),
            said_name: "Ann".to_owned(),
            about: String::new(),
            reach: Talk::Ready,
            verified: Trust::No,
            compared: None,
            blocked: false,
            mode: Some(Kept::Deniable),
            broadcast: None,
            unread: 0,
            standby: false,
            since: "2026-11-22T12:00:00.000Z".to_owned(),
            last: None,
            connections: vec![
                one(0, Does::Answering, 0),
                one(1, Does::Silent, 0),
                one(2, Does::Lying, 3),
            ],
            shape: Some(Split { class: Blocks::Small, enough: 7, servers: 10 }),
            sending: None,
            receiving: Some(receiving),
        };
        let text = lines(&contact).join("\n");
        [RED, GREEN, PLAIN].iter().fold(text, |text, code| text.replace(code, ""))
    }

    #[test]
    fn who_is_silent_and_who_lies_is_named() {
        assert_eq!(
            said(Carried::Enough),
            "  from them: still enough, needs any 7 of 10 servers\n  \
             from them 0: answering, edgewise://server-0\n  \
             from them 1: silent, edgewise://server-1\n  \
             from them 2: lying, edgewise://server-2, 3 parts were altered"
        );
        assert!(said(Carried::TooFew).contains("cannot be received now"));
    }
}
