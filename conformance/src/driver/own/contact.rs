//! What the suite's own client knows of one contact.

use bytes::Bytes;
use edgewise_proto::conformance::v1::{self as driver, content};
use edgewise_spec::message::{Content, Link, Message, MessageId, Reference, Whose};
use edgewise_spec::session::Mode;

use super::{Flaw, Refused, reject, unsupported};
use crate::peer::person::Person;

pub(super) struct Contact {
    pub(super) person: Option<Person>,
    pub(super) ready: bool,
    /// Its links have ended.
    pub(super) cut_off: bool,
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) entries: Vec<driver::Entry>,
    /// Wire ids of the entries, in order.
    pub(super) ids: Vec<MessageId>,
    /// To which entry, whose, and what.
    reactions: Vec<(usize, Whose, String)>,
}

impl Contact {
    pub(super) fn new(person: Person, mode: Mode) -> Self {
        let (entries, ids) = (Vec::new(), Vec::new());
        let name = String::new();
        Self {
            person: Some(person),
            ready: false,
            cut_off: false,
            name,
            mode,
            entries,
            ids,
            reactions: Vec::new(),
        }
    }

    pub(super) fn gone() -> Self {
        let (entries, ids) = (Vec::new(), Vec::new());
        let (name, mode) = (String::new(), Mode::Deniable);
        Self {
            person: None,
            ready: false,
            cut_off: false,
            name,
            mode,
            entries,
            ids,
            reactions: Vec::new(),
        }
    }

    fn last(&self) -> Bytes {
        let place = u32::try_from(self.ids.len()).unwrap_or_default();
        Bytes::copy_from_slice(&place.to_be_bytes())
    }

    fn find(&self, id: MessageId) -> Option<usize> {
        self.ids.iter().position(|known| *known == id)
    }

    fn id(&self, handle: &[u8]) -> Result<(MessageId, bool), Refused> {
        let unknown = || reject(driver::RejectReason::Unknown, "no such message");
        let place = handle.try_into().map(u32::from_be_bytes).map_err(|_| unknown())?;
        let place = usize::try_from(place).unwrap_or_default().checked_sub(1);
        let place = place.ok_or_else(unknown)?;
        let (id, entry) = (self.ids.get(place), self.entries.get(place));
        Ok((*id.ok_or_else(unknown)?, entry.is_some_and(|entry| entry.own)))
    }

    pub(super) fn content(&self, asked: Option<driver::Content>) -> Result<Content, Refused> {
        let kind = asked.and_then(|content| content.kind);
        let kind = kind.ok_or_else(|| reject(driver::RejectReason::Content, "nothing to say"))?;
        Ok(match kind {
            content::Kind::Text(text) => Content::Text(text),
            content::Kind::Reply(reply) => {
                let (id, own) = self.id(&reply.id)?;
                let whose = if own { Whose::Mine } else { Whose::Yours };
                Content::Reply { to: Reference { whose, id }, text: reply.text }
            }
            content::Kind::Edit(edit) => {
                Content::Edit { id: self.id(&edit.id)?.0, text: edit.text }
            }
            content::Kind::Delete(delete) => Content::Delete { id: self.id(&delete.id)?.0 },
            content::Kind::Reaction(it) => {
                let (id, own) = self.id(&it.id)?;
                let whose = if own { Whose::Mine } else { Whose::Yours };
                Content::Reaction { to: Reference { whose, id }, given: it.given, with: it.with }
            }
            content::Kind::Custom(custom) => {
                Content::Custom { name: custom.name, bytes: custom.bytes.to_vec() }
            }
            other => {
                return Err(unsupported(&other));
            }
        })
    }

    /// Takes a message into the history; what is shown of it.
    pub(super) fn show(&mut self, message: &Message, flaw: Flaw) -> Option<driver::Entry> {
        let mut marks = driver::Marks::default();
        match message.link {
            Link::Gap { first, last } if flaw != Flaw::NoGaps => {
                (marks.missing_first, marks.missing_last) = (first, last);
            }
            Link::Fork { with } => (marks.fork, marks.fork_with) = (true, with),
            _ => {}
        }
        let content = match &message.content {
            Ok(Content::Hello(hello)) => {
                self.name.clone_from(&hello.name);
                return None;
            }
            Ok(Content::Receipt(_)) => return None,
            Ok(Content::Text(text)) => Some(content::Kind::Text(text.clone())),
            Ok(Content::Reply { to, text }) => {
                let place = self.find(to.id);
                marks.dangling = place.is_none();
                let id = place.map_or_else(Bytes::new, handle_of);
                let own = to.whose == Whose::Mine;
                Some(content::Kind::Reply(driver::Reply { id, own, text: text.clone() }))
            }
            Ok(Content::Edit { id, text }) => {
                let first = flaw == Flaw::EditsBackwards;
                return self.touch(*id, flaw, |marks| {
                    if !first || marks.edited.is_empty() {
                        marks.edited.clone_from(text);
                    }
                });
            }
            Ok(Content::Delete { id }) => {
                return self.touch(*id, flaw, |marks| marks.deleted = true);
            }
            Ok(Content::Reaction { to, given, with }) => {
                return self.react(to.id, Whose::Yours, *given, with);
            }
            Ok(Content::Custom { name, bytes }) => Some(content::Kind::Custom(driver::Custom {
                name: name.clone(),
                bytes: Bytes::copy_from_slice(bytes),
            })),
            Ok(other) => {
                marks.unknown = matches!(other, Content::Unknown { .. });
                Some(content::Kind::Unknown(driver::Unknown {
                    r#type: other.kind().into(),
                    bytes: Bytes::copy_from_slice(&message.bytes),
                }))
            }
            Err(_) => {
                marks.unreadable = true;
                None
            }
        };
        self.ids.push(message.header.id);
        let entry = driver::Entry {
            own: false,
            number: message.header.id.number(),
            id: self.last(),
            time: message.header.time,
            content: content.map(|kind| driver::Content { kind: Some(kind) }),
            marks: Some(marks),
        };
        self.entries.push(entry.clone());
        Some(entry)
    }

    /// A reaction of one end; both may give the same.
    fn react(
        &mut self,
        id: MessageId,
        whose: Whose,
        given: bool,
        with: &str,
    ) -> Option<driver::Entry> {
        let place = self.find(id)?;
        self.reactions.retain(|known| *known != (place, whose, with.to_owned()));
        if given {
            self.reactions.push((place, whose, with.to_owned()));
        }
        let here = self.reactions.iter().filter(|(at, ..)| *at == place);
        let reactions = here.map(|(.., with)| with.clone()).collect();
        let entry = self.entries.get_mut(place)?;
        entry.marks.get_or_insert_default().reactions = reactions;
        Some(entry.clone())
    }

    /// Takes an own message into the history, or does what it says to one that is there; its
    /// handle.
    pub(super) fn said(
        &mut self,
        id: MessageId,
        content: &Content,
        time: u64,
        asked: Option<driver::Content>,
    ) -> Bytes {
        let mine = |contact: &Self, id: MessageId| {
            contact.find(id).filter(|at| contact.entries.get(*at).is_some_and(|entry| entry.own))
        };
        match content {
            Content::Edit { id: of, text } => {
                if let Some(entry) = mine(self, *of).and_then(|at| self.entries.get_mut(at)) {
                    entry.marks.get_or_insert_default().edited.clone_from(text);
                }
                Bytes::new()
            }
            Content::Delete { id: of } => {
                if let Some(entry) = mine(self, *of).and_then(|at| self.entries.get_mut(at)) {
                    entry.marks.get_or_insert_default().deleted = true;
                }
                Bytes::new()
            }
            Content::Reaction { to, given, with } => {
                self.react(to.id, Whose::Mine, *given, with);
                Bytes::new()
            }
            _ => {
                self.ids.push(id);
                let (id, number) = (self.last(), id.number());
                self.entries.push(driver::Entry {
                    own: true,
                    number,
                    id: id.clone(),
                    time,
                    content: asked,
                    marks: None,
                });
                id
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// An edit or a delete of the other's (MESSAGE-20).
    fn touch(
        &mut self,
        id: MessageId,
        flaw: Flaw,
        change: impl FnOnce(&mut driver::Marks),
    ) -> Option<driver::Entry> {
        let place = self.find(id)?;
        let entry = self.entries.get_mut(place)?;
        if entry.own && flaw != Flaw::Meddles {
            return None;
        }
        change(entry.marks.get_or_insert_default());
        Some(entry.clone())
    }
}

pub(super) fn handle_of(place: usize) -> Bytes {
    let place = u32::try_from(place + 1).unwrap_or_default();
    Bytes::copy_from_slice(&place.to_be_bytes())
}
