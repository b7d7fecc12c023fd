//! What is said, and reading it.

use std::collections::HashMap;

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::shape;
use super::super::verb::{BroadcastVerb, Export, History, Receive, Search, Verb};
use super::{Desk, FLUSH, Seen, Tell, done, millis};
use crate::messenger::{ContactView, MessageView, Page, Say};
use crate::store::{ContactId, Delivery, Direction, Position, ProfileId};
use edgewise_spec::constants::PROOF_MESSAGES_MAX;

/// Messages read at once.
const PAGE: u32 = 200;

impl Desk {
    pub(super) async fn say(&self, profile: ProfileId, verb: Verb) -> Result<Outcome, Failure> {
        let (name, say, wait) = match verb {
            Verb::Send(send) => (send.contact, Say::Text(send.text.join(" ")), send.wait),
            Verb::Reply(reply) => {
                let to = Position(reply.message);
                (reply.contact, Say::Reply { to, text: reply.text.join(" ") }, None)
            }
            Verb::Edit(edit) => {
                let of = Position(edit.message);
                (edit.contact, Say::Edit { of, text: edit.text.join(" ") }, None)
            }
            Verb::Delete(at) => (at.contact, Say::Delete { of: Position(at.message) }, None),
            Verb::React(react) => {
                let to = Position(react.message);
                (react.contact, Say::Reaction { to, with: react.with, given: !react.back }, None)
            }
            Verb::Introduce(introduce) => {
                let say = Say::Introduction { name: introduce.name, card: introduce.card };
                (introduce.contact, say, None)
            }
            Verb::Broadcast(BroadcastVerb::Open(open)) => {
                (open.contact, Say::OpenBroadcast(open.name), None)
            }
            Verb::Broadcast(BroadcastVerb::Close(one)) => (one.contact, Say::CloseBroadcast, None),
            Verb::Broadcast(BroadcastVerb::Pause(one)) => {
                (one.contact, Say::PauseBroadcast(true), None)
            }
            Verb::Broadcast(BroadcastVerb::Resume(one)) => {
                (one.contact, Say::PauseBroadcast(false), None)
            }
            _ => return Err(Failure::failed("this verb says nothing")),
        };
        let contact = self.contact(profile, &name).await?;
        // What changes a message is shown as that message.
        let about = match &say {
            Say::Edit { of, .. } | Say::Delete { of } => Some(*of),
            Say::Reaction { to, .. } => Some(*to),
            _ => None,
        };
        let position = self.messenger.send(contact.id, say).await?;
        let wait = wait.map(|seconds| seconds.saturating_mul(1_000));
        let in_time = match (wait, self.stays) {
            (None, true) => true,
            (wait, _) => self.messenger.flush(wait.unwrap_or_else(|| millis(FLUSH))).await?,
        };
        let message = self.messenger.message(contact.id, about.unwrap_or(position)).await?;
        let (contact, name) = (shape::id(contact.id.number()), contact.name);
        Ok(Outcome::Said { contact, name, message: (&message).into(), in_time })
    }

    pub(super) async fn history(
        &self,
        profile: ProfileId,
        history: History,
    ) -> Result<Outcome, Failure> {
        let contact = self.contact(profile, &history.contact).await?;
        let before = history.before.map(Position);
        let page = self.messenger.history(contact.id, before, history.most).await?;
        Ok(shown(&contact, &page))
    }

    pub(super) async fn search(
        &self,
        profile: ProfileId,
        search: Search,
    ) -> Result<Outcome, Failure> {
        let contact = self.contact(profile, &search.contact).await?;
        let text = search.text.join(" ");
        let mut before = search.before.map(Position);
        loop {
            let page = self.messenger.search(contact.id, &text, before).await?;
            if page.before.is_none() || !page.messages.is_empty() {
                return Ok(shown(&contact, &page));
            }
            before = page.before;
        }
    }

    pub(super) async fn export(
        &self,
        profile: ProfileId,
        export: Export,
        tell: Tell<'_>,
    ) -> Result<Outcome, Failure> {
        let contact = self.contact(profile, &export.contact).await?;
        if export.proof {
            return self.proof(&contact, export.messages.as_deref()).await;
        }
        let mut pages = Vec::new();
        let mut before = None;
        loop {
            let page = self.messenger.history(contact.id, before, PAGE).await?;
            before = page.before;
            pages.push(page.messages);
            if before.is_none() {
                break;
            }
        }
        let mut count = 0_u64;
        for message in pages.iter().rev().flat_map(|page| page.iter().rev()) {
            if !tell(one(&contact, message)) {
                break;
            }
            count += 1;
        }
        Ok(done(format!("{count} messages")))
    }

    async fn proof(&self, contact: &ContactView, list: Option<&str>) -> Result<Outcome, Failure> {
        let messages = match list {
            Some(list) => numbers(list)?,
            None => {
                let most = u32::try_from(PROOF_MESSAGES_MAX.min(100)).unwrap_or(100);
                let page = self.messenger.history(contact.id, None, most).await?;
                page.messages.iter().rev().map(|message| message.position).collect()
            }
        };
        let count = messages.len();
        if count == 0 {
            return Err(Failure::failed("there is nothing to prove: nothing was said"));
        }
        let proof = self.messenger.export_proof(contact.id, messages).await?;
        Ok(Outcome::Proof {
            contact: shape::id(contact.id.number()),
            messages: count,
            proof: shape::base64(&proof),
        })
    }

    pub(super) async fn receive(
        &self,
        profile: ProfileId,
        receive: Receive,
        tell: Tell<'_>,
    ) -> Result<Outcome, Failure> {
        let only = self.contact_id(profile, receive.contact.as_deref()).await?;
        let mut watch = self.watch((!receive.follow).then_some(receive.seconds));
        let mut told = 0_u64;
        let mut shown_to: HashMap<ContactId, Position> = HashMap::new();
        loop {
            for contact in self.messenger.contacts(profile).await? {
                if contact.unread == 0 || contact.blocked || only.is_some_and(|id| id != contact.id)
                {
                    continue;
                }
                let after = shown_to.get(&contact.id).copied();
                for message in self.unseen(&contact, after).await? {
                    shown_to.insert(contact.id, message.position);
                    // Seen is what somebody took.
                    if !tell(one(&contact, &message)) {
                        return Ok(done(count(told)));
                    }
                    if !receive.peek {
                        self.messenger.mark_read(contact.id, message.position).await?;
                    }
                    told += 1;
                    if receive.count.is_some_and(|count| told >= count) {
                        return Ok(done(count(told)));
                    }
                }
            }
            if told > 0 && !receive.follow {
                return Ok(done(count(told)));
            }
            if let Seen::Late = watch.next().await {
                return Ok(done(count(told)));
            }
        }
    }

    /// Received messages that were not seen, behind a position, the oldest first.
    async fn unseen(
        &self,
        contact: &ContactView,
        after: Option<Position>,
    ) -> Result<Vec<MessageView>, Failure> {
        let mut found = Vec::new();
        let mut left = contact.unread;
        let mut before = None;
        while left > 0 {
            let page = self.messenger.history(contact.id, before, PAGE).await?;
            for message in page.messages {
                let counts =
                    message.direction == Direction::Received && message.delivery < Delivery::Seen;
                if counts && left > 0 {
                    left -= 1;
                    found.push(message);
                }
            }
            before = page.before;
            if before.is_none() {
                break;
            }
        }
        found.retain(|message| after.is_none_or(|after| message.position > after));
        found.reverse();
        Ok(found)
    }
}

fn count(told: u64) -> String {
    match told {
        0 => "nothing new".to_owned(),
        1 => "1 message".to_owned(),
        many => format!("{many} messages"),
    }
}

fn one(contact: &ContactView, message: &MessageView) -> Outcome {
    Outcome::Message {
        contact: shape::id(contact.id.number()),
        name: contact.name.clone(),
        message: message.into(),
    }
}

fn shown(contact: &ContactView, page: &Page) -> Outcome {
    Outcome::History {
        contact: shape::id(contact.id.number()),
        name: contact.name.clone(),
        messages: page.messages.iter().rev().map(Into::into).collect(),
        before: page.before.map(|at| at.0),
    }
}

/// Places from a list such as 3,5-9.
fn numbers(list: &str) -> Result<Vec<Position>, Failure> {
    let wrong = || {
        Failure::usage(format!(
            "{list:?} is no list of at most {PROOF_MESSAGES_MAX} messages; write it like 3,5-9"
        ))
    };
    let mut places = Vec::new();
    for piece in list.split(',') {
        let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let (first, last) = (number(first)?, number(last)?);
        let len = last.checked_sub(first).ok_or_else(wrong)?;
        if first == 0 || len >= PROOF_MESSAGES_MAX as u64 {
            return Err(wrong());
        }
        places.extend((first..=last).map(Position));
    }
    places.sort_unstable();
    places.dedup();
    if places.len() > PROOF_MESSAGES_MAX { Err(wrong()) } else { Ok(places) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_messages() {
        let read = |list: &str| {
            numbers(list).map(|places| places.into_iter().map(|at| at.0).collect::<Vec<_>>())
        };
        assert_eq!(read("3,5-7, 6").unwrap(), [3, 5, 6, 7]);
        assert_eq!(read("1").unwrap(), [1]);
        for wrong in ["", "0", "7-3", "a", "1-99999999999", "1,,2", "-1", "1-"] {
            assert!(read(wrong).unwrap_err().message.contains("3,5-9"), "{wrong}");
        }
    }
}
