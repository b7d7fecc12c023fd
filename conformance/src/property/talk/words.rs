//! The commands of a talk that say something.

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind as Ask;
use edgewise_proto::conformance::v1::{self as driver, content};

use super::Came;
use super::command::{Command, Side};
use super::model::{Id, text_now};
use super::play::Play;
use crate::case::Need;
use crate::verdict::Stop;

/// Characters of a text that needs several pieces.
const LONG: usize = 9_000;
/// What is said to what somebody said.
const WORDS: [&str; 2] = ["yes", "👍"];

impl Play<'_> {
    /// Has a side say something, change what it said, or read.
    pub(super) async fn words(&mut self, command: &Command) -> Result<Came, Stop> {
        match *command {
            Command::Say { who, count, long } => {
                self.come_back(who).await?;
                for _ in 0..count {
                    let mut text = self.text(who);
                    if long {
                        text.extend(std::iter::repeat_n('.', LONG));
                    }
                    self.say(who, text.clone(), None, content::Kind::Text(text)).await?;
                }
                Ok(Came::Done)
            }
            Command::Reply { who, to } => {
                let Some((id, handle)) = self.shown(who, to).await? else {
                    return Ok(Came::Nothing);
                };
                let text = self.text(who);
                let (own, said) = (id.0 == who, text.clone());
                let reply = driver::Reply { id: handle, own, text };
                self.say(who, said, Some(id), content::Kind::Reply(reply)).await?;
                Ok(Came::Done)
            }
            Command::Edit { who, of } => {
                let Some((id, handle)) = self.own(who, of) else { return Ok(Came::Nothing) };
                self.come_back(who).await?;
                let times = self.model.get(id).map_or(0, |said| said.touched);
                let text = format!("{} of the {}, change {times}", id.1, who.name());
                self.model.edit(id, text.clone());
                let edit = driver::Edit { id: handle, text };
                self.talker(who).say(content::Kind::Edit(edit)).await?;
                Ok(Came::Done)
            }
            Command::Delete { who, of } => {
                let Some((id, handle)) = self.own(who, of) else { return Ok(Came::Nothing) };
                self.come_back(who).await?;
                if let Some(said) = self.model.get_mut(id) {
                    said.delete();
                }
                let delete = driver::Delete { id: handle };
                self.talker(who).say(content::Kind::Delete(delete)).await?;
                Ok(Came::Done)
            }
            Command::React { who, to, with, given } => {
                let Some((id, handle)) = self.shown(who, to).await? else {
                    return Ok(Came::Nothing);
                };
                let with = if with { WORDS[0] } else { WORDS[1] };
                if let Some(said) = self.model.get_mut(id) {
                    said.react(who, with, given);
                }
                let own = id.0 == who;
                let with = with.to_owned();
                let reaction = driver::Reaction { id: handle, own, given, with };
                self.talker(who).say(content::Kind::Reaction(reaction)).await?;
                Ok(Came::Done)
            }
            Command::Receipts { who, delivered, read } if self.can(who, Need::Receipts) => {
                self.come_back(who).await?;
                self.told_of(who).choose(delivered, read);
                let choice = driver::SetReceipts { delivered, read };
                self.talker(who).ask(Ask::SetReceipts(choice)).await?;
                Ok(Came::Done)
            }
            Command::Read(who) if self.can(who, Need::Receipts) => self.read(who).await,
            _ => Ok(Came::Nothing),
        }
    }

    /// A text that nobody has said.
    fn text(&self, who: Side) -> String {
        format!("text {} of the {}", self.model.of(who).len(), who.name())
    }

    async fn say(
        &mut self,
        who: Side,
        text: String,
        reply: Option<Id>,
        content: content::Kind,
    ) -> Result<(), Stop> {
        // It is said before it is answered: the answer may come only after a reply of the other's.
        self.model.say(who, text, reply);
        let handle = self.talker(who).say(content).await?;
        let [inviter, claimer] = &mut self.handles;
        let handles = if who == Side::Inviter { inviter } else { claimer };
        handles.push(handle);
        Ok(())
    }

    pub(super) fn handles_of(&self, who: Side) -> &[Bytes] {
        let [inviter, claimer] = &self.handles;
        if who == Side::Inviter { inviter } else { claimer }
    }

    /// A message of the side's own that stands.
    fn own(&self, who: Side, of: u8) -> Option<(Id, Bytes)> {
        let standing = self.model.of(who).iter().enumerate().filter(|(_, said)| !said.deleted);
        let standing: Vec<usize> = standing.map(|(number, _)| number).collect();
        let number = *standing.get(usize::from(of) % standing.len().max(1))?;
        Some(((who, number), self.handles_of(who).get(number)?.clone()))
    }

    /// A message of either side that is shown to a side and stands.
    async fn shown(&mut self, who: Side, of: u8) -> Result<Option<(Id, Bytes)>, Stop> {
        let mut standing = Vec::new();
        for side in Side::BOTH {
            for (number, said) in self.model.of(side).iter().enumerate() {
                if !said.deleted {
                    standing.push((side, number));
                }
            }
        }
        let Some(id) = standing.get(usize::from(of) % standing.len().max(1)).copied() else {
            return Ok(None);
        };
        self.come_back(who).await?;
        let entries = self.talker(who).history().await?;
        let named = |text: &str| self.model.id_of(text) == Some(id);
        let found = entries.iter().find(|entry| text_now(entry).is_some_and(named));
        Ok(found.map(|entry| (id, entry.id.clone())))
    }

    /// Reads everything that is shown.
    async fn read(&mut self, who: Side) -> Result<Came, Stop> {
        self.come_back(who).await?;
        let entries = self.talker(who).history().await?;
        let received = entries.iter().filter(|entry| !entry.own);
        let received: Vec<_> = received.cloned().collect();
        let Some(last) = received.last() else { return Ok(Came::Nothing) };
        let telling = self.told_of(who).read_told;
        for entry in &received {
            let id = text_now(entry).and_then(|text| self.model.id_of(text));
            if let Some(said) = id.and_then(|id| self.model.get_mut(id))
                && !said.read
            {
                said.read = true;
                said.read_told = telling;
            }
        }
        let (contact, id) = (self.talker(who).contact.clone(), last.id.clone());
        self.talker(who).ask(Ask::MarkRead(driver::MarkRead { contact, id })).await?;
        Ok(Came::Done)
    }
}
