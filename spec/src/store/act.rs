//! What a plan does to a shard: records, parts, bundles, and who is told.

use bytes::Bytes;

use super::shard::{Indexed, Shard, Stored};
use super::slab::NOWHERE;
use super::{Place, Wake, Wakes, Why};
use crate::connection::{Op, Outcome, Plan, Put, Record, Unwait};
use crate::constants::WAITERS_MAX;
use crate::error::Reject;
use crate::mutant;
use crate::time::Now;

/// Carrying out.
impl Shard {
    pub(super) fn carry_out(
        &mut self,
        planned: Plan,
        op: &Op,
        found: Option<u32>,
        now: Now,
        wakes: &mut Wakes,
    ) -> (Result<Outcome, Reject>, Option<u32>) {
        let mut outcome = planned.outcome.clone();
        if let Put::Insert(record) = planned.put {
            let at = self.insert(record, op);
            // Numbers ran out: the plan was told that there is room, so this cannot be.
            let outcome = if at.is_some() { outcome } else { Err(Reject::Full) };
            return (outcome, at);
        }
        let Some(at) = found else { return (outcome, None) };
        self.tell(at, planned.tell, wakes);
        if matches!(planned.put, Put::Remove) {
            self.bury(at, Some(now));
            return (outcome, None);
        }
        self.change(at, &planned);
        match (planned.append, op) {
            (true, Op::Send { part, .. }) => self.append(at, part, now),
            (true, Op::Deposit(deposit)) => self.append(at, &deposit.part, now),
            _ => {}
        }
        if let Some(through) = planned.trim {
            self.trim(at, through);
        }
        if planned.drop_bundle {
            self.bundles.remove(&at);
        }
        if let (true, Op::Create(create)) = (planned.put_bundle, op) {
            self.bundles.insert(at, create.bundle.clone());
        }
        if let (true, Ok(Outcome::Claimed { bundle, .. })) = (planned.read_bundle, &mut outcome) {
            *bundle = self.bundles.get(&at).cloned().unwrap_or_default();
        }
        self.wait(at, planned.wait, planned.unwait);
        if planned.room {
            self.tell_waiters(at, wakes);
        }
        (outcome, Some(at))
    }

    fn insert(&mut self, record: Record, op: &Op) -> Option<u32> {
        let at = self.records.insert(record)?;
        let (key, records) = (self.key, &self.records);
        let hash_at =
            |at: &u32| records.get(*at).map_or(0, |record| key.hash(&record.recipient_id));
        self.by_recipient.insert_unique(key.hash(&record.recipient_id), at, hash_at);
        if let Op::Create(create) = op
            && !create.bundle.is_empty()
        {
            self.bundles.insert(at, create.bundle.clone());
        }
        Some(at)
    }

    /// What a plan changes in the record itself.
    fn change(&mut self, at: u32, planned: &Plan) {
        let Some(record) = self.records.get_mut(at) else { return };
        if let Put::Replace(changed) = planned.put {
            record.take_control(&changed);
        }
        if let Some(active) = planned.active {
            record.active = active;
        }
        if let Some(next) = planned.next {
            record.next = record.next.max(next);
        }
        if let Some(subscriber) = planned.subscriber {
            record.set_subscriber(subscriber);
        }
    }

    fn append(&mut self, at: u32, part: &Bytes, now: Now) {
        let Some(record) = self.records.get_mut(at) else { return };
        // CONNECTION-43: from 1, one more each.
        let sequence = record.accepted + 1 + u64::from(mutant!(CONNECTION_43));
        let accepted_at = u32::try_from(now.seconds()).unwrap_or(u32::MAX);
        let stored =
            Stored { part: part[..].into(), sequence, owner: at, next: NOWHERE, accepted_at };
        let Some(number) = self.parts.insert(stored) else { return };
        let last = core::mem::replace(&mut record.parts, number);
        record.accepted = sequence;
        record.held += 1;
        self.part_bytes += part.len();
        let first = match self.parts.get_mut(last) {
            Some(last) => core::mem::replace(&mut last.next, number),
            None => number,
        };
        if let Some(new) = self.parts.get_mut(number) {
            new.next = first;
        }
    }

    /// Deletes the parts up to a sequence (CONNECTION-45).
    fn trim(&mut self, at: u32, through: u64) {
        let all = mutant!(CONNECTION_45);
        while self.first(at).is_some_and(|first| first.sequence <= through || all) {
            self.drop_first(at);
        }
    }

    /// The oldest part that a record holds.
    fn first(&self, at: u32) -> Option<&Stored> {
        let last = self.parts.get(self.records.get(at)?.parts)?;
        self.parts.get(last.next)
    }

    fn drop_first(&mut self, at: u32) {
        let Some(record) = self.records.get_mut(at) else { return };
        let Some(last) = self.parts.get(record.parts) else { return };
        let number = last.next;
        let Some(first) = self.parts.remove(number) else { return };
        self.part_bytes -= first.part.len();
        record.held = record.held.saturating_sub(1);
        if number == record.parts {
            record.parts = NOWHERE;
        } else if let Some(last) = self.parts.get_mut(record.parts) {
            last.next = first.next;
        }
    }

    /// CONNECTION-54
    pub(super) fn drop_old_parts(&mut self, at: u32, now: Now, wakes: &mut Wakes) {
        let held = self.records.get(at).map_or(0, |record| record.held);
        if held == 0 {
            return;
        }
        let is_over = |shard: &Self| {
            let record = shard.records.get(at)?;
            shard.first(at).map(|first| record.part_is_over(first.accepted_at, now))
        };
        while is_over(self) == Some(true) {
            self.drop_first(at);
        }
        if self.records.get(at).is_some_and(|record| record.held < held) {
            self.tell_waiters(at, wakes);
        }
    }
}

/// Ends, and who is told.
impl Shard {
    /// Deletes a record whose time is over (CONNECTION-55).
    pub(super) fn bury_if_over(
        &mut self,
        found: Option<u32>,
        now: Now,
        wakes: &mut Wakes,
    ) -> (Option<u32>, Option<Indexed>) {
        let Some(at) = found else { return (None, None) };
        if !self.records.get(at).is_some_and(|record| record.is_over(now)) {
            return (found, None);
        }
        let indexed = self.indexed(at);
        self.tell(at, Some(Why::Stale), wakes);
        self.bury(at, None);
        (None, indexed)
    }

    /// CONNECTION-53: nothing is kept but, of one that was deleted, its id.
    fn bury(&mut self, at: u32, deleted: Option<Now>) {
        while self.first(at).is_some() {
            self.drop_first(at);
        }
        self.bundles.remove(&at);
        self.waiters.remove(&at);
        let Some(record) = self.records.get(at) else { return };
        let id = record.recipient_id;
        if let Ok(found) = self.by_recipient.find_entry(self.key.hash(&id), |other| *other == at) {
            found.remove();
        }
        self.records.remove(at);
        if let Some(now) = deleted {
            self.tombstones.insert(id, now);
        }
    }

    fn tell(&self, at: u32, why: Option<Why>, wakes: &mut Wakes) {
        let subscriber = self.records.get(at).and_then(Record::subscriber);
        if let (Some(place), Some(why)) = (subscriber, why) {
            wakes.push(Wake { place, slot: self.slot(at), why });
        }
    }

    fn wait(&mut self, at: u32, wait: Option<Place>, unwait: Option<Unwait>) {
        if let Some(place) = wait {
            let waiters = self.waiters.entry(at).or_default();
            if !waiters.contains(&place) {
                if waiters.len() == WAITERS_MAX {
                    waiters.pop_front();
                }
                waiters.push_back(place);
            }
        }
        match unwait {
            Some(Unwait::All) => drop(self.waiters.remove(&at)),
            Some(Unwait::One(place)) => {
                let Some(waiters) = self.waiters.get_mut(&at) else { return };
                waiters.retain(|waiting| *waiting != place);
                if waiters.is_empty() {
                    self.waiters.remove(&at);
                }
            }
            None => {}
        }
    }

    /// CONNECTION-37: everybody who waits, once.
    fn tell_waiters(&mut self, at: u32, wakes: &mut Wakes) {
        if self.waiters.is_empty() || !self.records.get(at).is_some_and(Record::has_room) {
            return;
        }
        let slot = self.slot(at);
        let places = self.waiters.remove(&at).unwrap_or_default();
        wakes.extend(places.into_iter().map(|place| Wake { place, slot, why: Why::Space }));
    }
}
