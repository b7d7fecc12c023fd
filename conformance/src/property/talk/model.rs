//! What both ends of a talk must come to show, and what they may show on the way there.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use edgewise_proto::conformance::v1::{Entry, content};

use super::command::Side;
use crate::verdict::Stop;

/// A message: who said it, and its place among what they said.
pub(super) type Id = (Side, usize);

/// How much of a text a report shows.
const SHOWN_MAX: usize = 60;

/// One message as it is to be shown.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// Every text that it ever had; the last is the present one.
    versions: Vec<String>,
    pub(super) reply: Option<Id>,
    pub(super) deleted: bool,
    /// By the inviter and by the claimer.
    reactions: [BTreeSet<&'static str>; 2],
    /// How often something was done to it.
    pub(super) touched: usize,
    /// The other has read it, and was to tell.
    pub(super) read_told: bool,
    /// The other has read it, told or not.
    pub(super) read: bool,
}

impl Said {
    pub(super) fn text(&self) -> &str {
        self.versions.last().map_or("", String::as_str)
    }

    pub(super) fn edit(&mut self, text: String) {
        self.versions.push(text);
        self.touched += 1;
    }

    pub(super) fn delete(&mut self) {
        self.deleted = true;
        self.touched += 1;
    }

    pub(super) fn react(&mut self, who: Side, with: &'static str, given: bool) {
        let [inviter, claimer] = &mut self.reactions;
        let reactions = if who == Side::Inviter { inviter } else { claimer };
        if given {
            reactions.insert(with);
        } else {
            reactions.remove(with);
        }
        self.touched += 1;
    }

    /// What stands in a history. What stands beside a message that was deleted is not judged: its
    /// author may have withdrawn it before.
    fn line(&self) -> Line {
        if self.deleted {
            return Line::default();
        }
        let mut reactions: Vec<String> =
            self.reactions.iter().flatten().map(|with| (*with).to_owned()).collect();
        reactions.sort();
        Line { text: Some(self.text().to_owned()), reply: self.reply, reactions }
    }
}

/// What is compared of one line of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Line {
    /// None for a deleted one.
    text: Option<String>,
    reply: Option<Id>,
    reactions: Vec<String>,
}

impl Line {
    fn shown(&self) -> String {
        let Some(text) = &self.text else { return "(deleted)".to_owned() };
        let mut line = format!("{:?}", short(text));
        if let Some((side, number)) = self.reply {
            line.push_str(&format!(" to {} {number}", side.name()));
        }
        if !self.reactions.is_empty() {
            line.push_str(&format!(" with {:?}", self.reactions));
        }
        line
    }
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

/// What one end shows, beside what it must come to show.
#[derive(Debug)]
pub(super) enum Seen {
    /// All of it.
    Same,
    /// It can still come to that.
    NotYet { expected: String, actual: String },
    /// It cannot.
    Wrong(Stop),
}

/// The text of a line, as it reads now; none for a deleted one.
pub(super) fn text_now(entry: &Entry) -> Option<&str> {
    let marks = entry.marks.as_ref();
    if marks.is_some_and(|marks| marks.deleted) {
        return None;
    }
    if let Some(edited) = marks.map(|marks| marks.edited.as_str()).filter(|it| !it.is_empty()) {
        return Some(edited);
    }
    match entry.content.as_ref()?.kind.as_ref()? {
        content::Kind::Text(text) => Some(text),
        content::Kind::Reply(reply) => Some(&reply.text),
        _ => None,
    }
}

/// All that was said.
#[derive(Debug, Default)]
pub(super) struct Model {
    inviter: Vec<Said>,
    claimer: Vec<Said>,
    texts: HashMap<String, Id>,
}

impl Model {
    pub(super) fn of(&self, side: Side) -> &[Said] {
        match side {
            Side::Inviter => &self.inviter,
            Side::Claimer => &self.claimer,
        }
    }

    pub(super) fn get(&self, (side, number): Id) -> Option<&Said> {
        self.of(side).get(number)
    }

    pub(super) fn get_mut(&mut self, (side, number): Id) -> Option<&mut Said> {
        match side {
            Side::Inviter => self.inviter.get_mut(number),
            Side::Claimer => self.claimer.get_mut(number),
        }
    }

    /// The next message of a side, whose text stands nowhere else.
    pub(super) fn say(&mut self, side: Side, text: String, reply: Option<Id>) {
        let number = self.of(side).len();
        self.texts.insert(text.clone(), (side, number));
        let said = Said {
            versions: vec![text],
            reply,
            deleted: false,
            reactions: Default::default(),
            touched: 0,
            read_told: false,
            read: false,
        };
        match side {
            Side::Inviter => self.inviter.push(said),
            Side::Claimer => self.claimer.push(said),
        }
    }

    pub(super) fn edit(&mut self, id: Id, text: String) {
        self.texts.insert(text.clone(), id);
        if let Some(said) = self.get_mut(id) {
            said.edit(text);
        }
    }

    /// Whose message a text is, in any of its versions.
    pub(super) fn id_of(&self, text: &str) -> Option<Id> {
        self.texts.get(text).copied()
    }

    /// Every text that was ever said, as none of it may stand on a server.
    pub(super) fn texts(&self) -> Vec<Vec<u8>> {
        self.texts.keys().map(|text| text.clone().into_bytes()).collect()
    }

    /// Judges a history. Where cells can overtake one another, a message that was told as missing
    /// may stand where it came.
    pub(super) fn see(&self, end: Side, entries: &[Entry], overtaking: bool) -> Seen {
        let mut ways = Vec::new();
        for side in Side::BOTH {
            let own = side == end;
            let lines: Vec<&Entry> = entries.iter().filter(|entry| entry.own == own).collect();
            match self.sound(end, side, lines, overtaking) {
                Ok(way) => ways.push(way),
                Err(stop) => return Seen::Wrong(stop),
            }
        }
        let handles = ways.iter().flat_map(Way::handles).collect();
        let overtaken = ways.iter().filter(|way| way.overtaken).map(|way| way.side).collect();
        let names = Names { handles, overtaken };
        for way in &ways {
            if let Some(missing) = self.complete(end, way, &names) {
                return missing;
            }
        }
        Seen::Same
    }

    /// What can be said of one direction whatever is still to come: every line is a message that
    /// was said, none stands there twice, and all are in order.
    fn sound<'a>(
        &self,
        end: Side,
        side: Side,
        lines: Vec<&'a Entry>,
        overtaking: bool,
    ) -> Result<Way<'a>, Stop> {
        let (at, by) = (end.name(), side.name());
        let mut way = Way { side, lines: Vec::new(), deleted: Vec::new(), overtaken: false };
        let mut last = None;
        for entry in lines {
            if let Some(marks) = &entry.marks {
                let gap = marks.missing_first != 0;
                way.overtaken |= gap && overtaking;
                if marks.unknown && gap && overtaking {
                    // Something that is not shown by itself, with what it tells as missing.
                    continue;
                }
                let fault = marks.unreadable || marks.unknown || marks.fork || marks.dangling;
                if fault || gap && !overtaking {
                    let actual = format!("the {at} shows {marks:?}");
                    return Err(Stop::fail(
                        format!("messages of the {by} without a fault"),
                        actual,
                    ));
                }
                if marks.deleted {
                    way.deleted.push((way.lines.len() + way.deleted.len(), entry));
                    continue;
                }
            }
            let text = text_now(entry).unwrap_or("(no text)");
            let found = self.id_of(text).filter(|(of, _)| *of == side);
            let Some((_, number)) = found else {
                let actual = format!("the {at} shows {:?}", short(text));
                return Err(Stop::fail(format!("what the {by} has said"), actual));
            };
            if way.lines.iter().any(|(known, _)| *known == number) {
                let actual = format!("the {at} shows {:?} twice", short(text));
                return Err(Stop::fail("each message once (MESSAGE-15)", actual));
            }
            if !way.overtaken && last.is_some_and(|last| last > number) {
                let actual = format!("the {at} shows {:?} behind a later one", short(text));
                return Err(Stop::fail(format!("the order in which the {by} said it"), actual));
            }
            last = Some(number);
            way.lines.push((number, entry));
        }
        let count = way.lines.len() + way.deleted.len();
        if count > self.of(side).len() {
            let actual = format!("the {at} shows {count}");
            let expected = format!("{} messages of the {by}", self.of(side).len());
            return Err(Stop::fail(expected, actual));
        }
        Ok(way)
    }

    /// What is missing yet of one direction.
    fn complete(&self, end: Side, way: &Way<'_>, names: &Names<'_>) -> Option<Seen> {
        let (at, by) = (end.name(), way.side.name());
        let said = self.of(way.side);
        let count = way.lines.len() + way.deleted.len();
        if count < said.len() {
            let expected = format!("{} messages of the {by}", said.len());
            let actual = format!("the {at} shows {count} of them");
            return Some(Seen::NotYet { expected, actual });
        }
        for (number, said) in said.iter().enumerate() {
            let entry = way.lines.iter().find(|(known, _)| *known == number);
            let is = entry.map_or_else(Line::default, |(_, entry)| line(entry, &names.handles));
            let mut must = said.line();
            if must.reply.is_some_and(|to| self.is_nameless(to, names)) {
                must.reply = is.reply;
            }
            if must != is {
                let expected = format!("message {number} of the {by}: {}", must.shown());
                let actual = format!("the {at} shows {}", is.shown());
                return Some(Seen::NotYet { expected, actual });
            }
        }
        None
    }

    /// Whether a history does not tell which message it is: it was deleted, and others of its
    /// direction may stand elsewhere than they were said.
    fn is_nameless(&self, (side, number): Id, names: &Names<'_>) -> bool {
        let deleted = self.get((side, number)).is_some_and(|said| said.deleted);
        deleted && names.overtaken.contains(&side)
    }
}

/// What a history tells of which message is which.
struct Names<'a> {
    handles: HashMap<&'a Bytes, Id>,
    /// Directions whose messages may stand elsewhere than they were said.
    overtaken: Vec<Side>,
}

/// One direction of a history.
struct Way<'a> {
    side: Side,
    /// Number and line of what stands.
    lines: Vec<(usize, &'a Entry)>,
    /// Place and line of what was deleted, which does not say any more what it was.
    deleted: Vec<(usize, &'a Entry)>,
    /// Whether a message was told as missing, and may stand elsewhere.
    overtaken: bool,
}

impl<'a> Way<'a> {
    /// Which message each handle names.
    fn handles(&self) -> Vec<(&'a Bytes, Id)> {
        let standing = self.lines.iter();
        let deleted = self.deleted.iter().filter(|_| !self.overtaken);
        standing.chain(deleted).map(|(number, entry)| (&entry.id, (self.side, *number))).collect()
    }
}

fn line(entry: &Entry, handles: &HashMap<&Bytes, Id>) -> Line {
    let Some(text) = text_now(entry) else { return Line::default() };
    let reply = match entry.content.as_ref().and_then(|content| content.kind.as_ref()) {
        Some(content::Kind::Reply(reply)) => handles.get(&reply.id).copied(),
        _ => None,
    };
    let reactions = entry.marks.as_ref().map(|marks| marks.reactions.clone());
    let mut reactions = reactions.unwrap_or_default();
    reactions.sort();
    Line { text: Some(text.to_owned()), reply, reactions }
}

#[cfg(test)]
mod tests {
    use edgewise_proto::conformance::v1::{Content, Marks, Reply};

    use super::*;

    fn entry(own: bool, id: &'static [u8], kind: Option<content::Kind>, marks: Marks) -> Entry {
        let content = kind.map(|kind| Content { kind: Some(kind) });
        let (id, marks) = (Bytes::from_static(id), Some(marks));
        Entry { own, id, content, marks, ..Entry::default() }
    }

    /// The inviter says two messages and withdraws the first one, to which the claimer has replied.
    fn replied() -> (Model, Vec<Entry>) {
        let mut model = Model::default();
        for text in ["a", "b"] {
            model.say(Side::Inviter, text.to_owned(), None);
        }
        model.say(Side::Claimer, "c".to_owned(), Some((Side::Inviter, 0)));
        model.get_mut((Side::Inviter, 0)).unwrap().delete();
        let text = |text: &str| Some(content::Kind::Text(text.to_owned()));
        let reply = Reply { id: Bytes::from_static(b"1"), own: false, text: "c".to_owned() };
        let deleted = Marks { deleted: true, ..Marks::default() };
        let entries = vec![
            entry(false, b"1", None, deleted),
            entry(false, b"2", text("b"), Marks::default()),
            entry(true, b"3", Some(content::Kind::Reply(reply)), Marks::default()),
        ];
        (model, entries)
    }

    #[test]
    fn a_reply_names_what_was_deleted_by_its_place() {
        let (model, mut entries) = replied();
        assert!(matches!(model.see(Side::Claimer, &entries, false), Seen::Same));
        if let Some(content::Kind::Reply(reply)) = &mut entries[2].content.as_mut().unwrap().kind {
            reply.id = Bytes::from_static(b"2");
        }
        assert!(matches!(model.see(Side::Claimer, &entries, false), Seen::NotYet { .. }));
    }

    #[test]
    fn a_reply_to_a_deleted_one_of_a_direction_that_was_mixed_up_names_any() {
        let (model, mut entries) = replied();
        entries[1].marks.as_mut().unwrap().missing_first = 1;
        assert!(matches!(model.see(Side::Claimer, &entries, true), Seen::Same));
    }
}
