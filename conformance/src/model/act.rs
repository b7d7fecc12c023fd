//! What each request does to the record, once nothing speaks against it.

use std::collections::VecDeque;

use edgewise_proto::v1::RejectCode as Code;

use super::judge::{self, Refusal};
use super::{
    Answer, Attach, Attachment, Change, Create, Key, Pair, Part, Record, Role, State, Subscription,
    World,
};

impl World {
    pub(super) fn create(&mut self, link: usize, create: &Create) -> Result<Answer, Refusal> {
        self.judge_create(link, create)?;
        let name = create.name;
        // ROTATION-15
        self.apply_chain(name, Role::Recipient, &create.chain)?;
        let hour = self.hour;
        if let Some(record) = self.records.get_mut(&name) {
            // CONNECTION-10
            if (record.recipient.pair, record.recipient.version)
                != (create.key.pair, create.key.version)
            {
                return Err(Refusal::of(Code::Refused));
            }
            judge::life(&record.recipient, hour)?;
            record.active = hour; // CONNECTION-9
            return Ok(Answer::Created(record.state));
        }
        let taken = self.records.values().any(|record| record.claim == create.claim);
        if taken || self.buried.contains_key(&name) {
            return Err(Refusal::of(Code::Refused)); // CONNECTION-10, CONNECTION-12
        }
        judge::life(&create.key, hour)?;
        self.made += 1;
        let record = Record {
            incarnation: self.made,
            recipient: create.key,
            claim: create.claim,
            state: create.state,
            sender: create.sender,
            class: create.class,
            quota: create.quota,
            idle_days: create.idle_days,
            part_days: create.part_days,
            bundle: create.bundle,
            accepted: false,
            conflict: false,
            next: 0,
            last: 0,
            parts: VecDeque::new(),
            active: hour,
        };
        self.records.insert(name, record); // CONNECTION-8
        Ok(Answer::Created(create.state))
    }

    pub(super) fn claim(
        &mut self,
        link: usize,
        claim: Pair,
        key: Key,
        signed: bool,
    ) -> Result<Answer, Refusal> {
        self.judge_claim(link, &key, signed)?;
        let hour = self.hour;
        let found = self.records.iter_mut().find(|(_, record)| record.claim == claim);
        let Some((name, record)) = found else { return Err(Refusal::of(Code::Refused)) };
        let same = record.sender.is_none_or(|own| (own.pair, own.version) == (key.pair, 0));
        if !same && record.accepted {
            return Err(Refusal::of(Code::Refused)); // CONNECTION-20
        }
        judge::life(record.sender.as_ref().filter(|_| same).unwrap_or(&key), hour)?;
        if !same {
            record.conflict = true; // CONNECTION-19
            return Err(Refusal::of(Code::Conflict));
        }
        if record.state == State::Open {
            record.state = State::Claimed; // CONNECTION-17
            record.sender = Some(key);
        }
        Ok(Answer::Claimed { name: *name, bundle: record.bundle, class: record.class })
    }

    pub(super) fn attach(&mut self, link: usize, attach: &Attach) -> Result<Answer, Refusal> {
        self.judge_attach(link, attach)?;
        let class = self.links.get(link).map(|link| link.class);
        let known = self.records.get(&attach.name);
        if known.is_none_or(|record| Some(record.class) != class) {
            return Err(Refusal::of(Code::Refused)); // CONNECTION-25
        }
        self.apply_chain(attach.name, attach.role, &attach.chain)?;
        let hour = self.hour;
        let known = self.records.get_mut(&attach.name);
        let Some(record) = known else { return Err(Refusal::of(Code::Refused)) };
        let key = record.key(attach.role);
        let key = key.filter(|key| (key.pair, key.version) == (attach.pair, attach.version));
        let Some(key) = key else { return Err(Refusal::of(Code::Refused)) }; // CONNECTION-25
        judge::life(&key, hour)?;
        let incarnation = record.incarnation;
        let answer = match attach.role {
            Role::Recipient => {
                record.active = hour;
                Answer::Attached { incarnation, state: Some(record.state), next: 0 }
            }
            Role::Sender => {
                record.next = record.next.max(attach.from); // CONNECTION-27
                Answer::Attached { incarnation, state: None, next: record.next }
            }
        };
        if let Some(link) = self.links.get_mut(link) {
            let attachment = Attachment {
                name: attach.name,
                role: attach.role,
                incarnation,
                version: attach.version,
                subscription: None,
                waiting: false,
                space_due: false,
            };
            link.attachments.insert(attach.handle, attachment);
        }
        Ok(answer)
    }

    pub(super) fn send(
        &mut self,
        link: usize,
        handle: u32,
        submission: u64,
        part: u32,
        whole: bool,
    ) -> Result<Answer, Refusal> {
        if !whole {
            return Err(Refusal::of(Code::Malformed)); // CONNECTION-31
        }
        self.judge_handle(link, handle, Some(Role::Sender))?;
        let hour = self.hour;
        let record = self.record_of(link, handle)?;
        if submission < record.next {
            return Ok(Answer::Done); // CONNECTION-32
        }
        if submission > record.next {
            return Err(Refusal { code: Code::Gap, next: record.next }); // CONNECTION-33
        }
        if !record.has_room() {
            // CONNECTION-35, CONNECTION-36
            if let Some(attachment) = self.attachment_mut(link, handle) {
                attachment.waiting = true;
            }
            return Err(Refusal::of(Code::Quota));
        }
        // CONNECTION-34, CONNECTION-39, CONNECTION-43
        record.next += 1;
        record.last += 1;
        record.accepted = true;
        record.bundle = None;
        record.parts.push_back(Part { sequence: record.last, part, since: hour });
        Ok(Answer::Done)
    }

    pub(super) fn subscribe(
        &mut self,
        link: usize,
        handle: u32,
        parts: u32,
        bytes: u32,
    ) -> Result<Answer, Refusal> {
        self.judge_subscribe(link, handle, parts, bytes)?;
        let hour = self.hour;
        let record = self.record_of(link, handle)?;
        record.active = hour;
        let told = record.notice(); // CONNECTION-41
        if let Some(attachment) = self.attachment_mut(link, handle) {
            let subscription = Subscription { parts, bytes, delivered: 0, told };
            attachment.subscription = Some(subscription);
        }
        Ok(Answer::Subscribed(told))
    }

    pub(super) fn acknowledge(&mut self, link: usize, handle: u32, through: u64) {
        let judged = self.judge_handle(link, handle, Some(Role::Recipient));
        let subscribed = self.attachment_mut(link, handle);
        let Some(delivered) = subscribed.and_then(|a| a.subscription.as_ref()).map(|s| s.delivered)
        else {
            return; // CONNECTION-46
        };
        let hour = self.hour;
        if let (Ok(()), Ok(record)) = (judged, self.record_of(link, handle)) {
            record.active = hour;
            let through = through.min(delivered); // CONNECTION-45
            record.parts.retain(|part| part.sequence > through);
        }
    }

    pub(super) fn turn(
        &mut self,
        link: usize,
        handle: u32,
        state: State,
    ) -> Result<Answer, Refusal> {
        self.judge_handle(link, handle, Some(Role::Recipient))?;
        let record = self.record_of(link, handle)?;
        if record.state == State::Open {
            return Err(Refusal::of(Code::WrongState)); // CONNECTION-51
        }
        record.state = state; // CONNECTION-50
        Ok(Answer::Done)
    }

    pub(super) fn rotate(
        &mut self,
        link: usize,
        handle: u32,
        change: &Change,
    ) -> Result<Answer, Refusal> {
        let role = self.judge_rotate(link, handle, change)?;
        let record = self.record_of(link, handle)?;
        let present = record.key(role);
        if present
            .is_some_and(|key| (key.pair, key.version) == (change.new.pair, change.new.version))
        {
            return Ok(Answer::Done); // ROTATION-10
        }
        if present.map(|key| key.pair) != Some(change.old) {
            return Err(Refusal::of(Code::Refused)); // ROTATION-7
        }
        record.set_key(role, change.new);
        Ok(Answer::Done)
    }

    pub(super) fn delete(&mut self, link: usize, handle: u32) -> Result<Answer, Refusal> {
        self.judge_handle(link, handle, Some(Role::Recipient))?;
        let name = self.attachment_mut(link, handle).map(|attachment| attachment.name);
        if let Some(name) = name {
            self.records.remove(&name); // CONNECTION-53
            self.buried.insert(name, self.hour + self.terms.buried_hours);
        }
        Ok(Answer::Done)
    }
}
