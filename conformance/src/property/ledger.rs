//! What was handed in and what came out: conservation, order, no cross-talk.
//!
//! The ledger knows nothing of the model. It believes only answers and deliveries that were seen:
//! a second opinion on the same sequence.

use std::collections::BTreeMap;

use crate::model::{Answer, Event, Name, Request, Role};
use crate::verdict::Stop;

/// The books of one sequence.
#[derive(Debug, Default)]
pub struct Ledger {
    attached: BTreeMap<(usize, u32), (Name, Role)>,
    accounts: BTreeMap<Name, Account>,
}

#[derive(Debug, Default)]
struct Account {
    incarnation: u32,
    next: u64,
    accepted: Vec<u32>,
    delivered: BTreeMap<u64, u32>,
}

impl Ledger {
    /// Takes note of a request and its answer.
    pub fn answered(&mut self, link: usize, request: &Request, answer: Option<&Answer>) {
        match (request, answer) {
            (Request::Attach(attach), Some(Answer::Attached { incarnation, next, .. })) => {
                self.attached.insert((link, attach.handle), (attach.name, attach.role));
                let account = self.accounts.entry(attach.name).or_default();
                if account.incarnation != *incarnation {
                    // Another record under the same id.
                    *account = Account { incarnation: *incarnation, ..Account::default() };
                }
                if attach.role == Role::Sender {
                    account.next = *next;
                }
            }
            (Request::Send { handle, submission, part, .. }, Some(Answer::Done)) => {
                let attached = self.attached.get(&(link, *handle));
                let account = attached.and_then(|(name, _)| self.accounts.get_mut(name));
                if let Some(account) = account.filter(|account| account.next == *submission) {
                    account.next += 1;
                    account.accepted.push(*part);
                }
            }
            _ => {}
        }
    }

    /// Takes note of an event.
    ///
    /// # Errors
    /// A part of another connection, or another part than the one of its sequence.
    pub fn happened(&mut self, link: usize, event: &Event) -> Result<(), Stop> {
        let Event::Deliver { handle, sequence, part } = event else { return Ok(()) };
        let Some((name, _)) = self.attached.get(&(link, *handle)) else { return Ok(()) };
        let account = self.accounts.entry(*name).or_default();
        let place = usize::try_from(*sequence).ok().and_then(|n| n.checked_sub(1));
        let accepted = place.and_then(|place| account.accepted.get(place));
        if accepted != Some(part) {
            return Err(Stop::fail(
                format!("sequence {sequence} of connection {name} to carry part {accepted:?}"),
                format!("part {part}"),
            ));
        }
        account.delivered.insert(*sequence, *part);
        Ok(())
    }

    /// Parts of a connection may have grown too old: what was not delivered need not be.
    pub fn aged(&mut self) {
        for account in self.accounts.values_mut() {
            let parts = (1_u64..).zip(&account.accepted);
            account.delivered.extend(parts.map(|(sequence, part)| (sequence, *part)));
        }
    }

    /// After a drain: everything accepted was delivered.
    ///
    /// # Errors
    /// What is missing.
    pub fn balance(&self, name: Name) -> Result<(), Stop> {
        let Some(account) = self.accounts.get(&name) else { return Ok(()) };
        let (accepted, delivered) = (account.accepted.len(), account.delivered.len());
        if accepted == delivered {
            return Ok(());
        }
        Err(Stop::fail(
            format!("all {accepted} parts accepted on connection {name} to be delivered"),
            format!("{delivered} were"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attach;

    fn attach(role: Role, handle: u32) -> Request {
        Request::Attach(Box::new(Attach {
            handle,
            role,
            name: 7,
            pair: 7,
            version: 0,
            from: 0,
            signed: true,
            chain: Vec::new(),
        }))
    }

    fn open() -> Ledger {
        let mut ledger = Ledger::default();
        let attached = Answer::Attached { incarnation: 1, state: None, next: 0 };
        ledger.answered(0, &attach(Role::Sender, 0), Some(&attached));
        ledger.answered(1, &attach(Role::Recipient, 0), Some(&attached));
        for (submission, part) in [(0, 40), (1, 41)] {
            let send = Request::Send { handle: 0, submission, part, whole: true };
            ledger.answered(0, &send, Some(&Answer::Done));
        }
        ledger
    }

    #[test]
    fn a_lost_part_does_not_balance() {
        let mut ledger = open();
        ledger.happened(1, &Event::Deliver { handle: 0, sequence: 1, part: 40 }).unwrap();
        ledger.balance(7).unwrap_err();
        ledger.happened(1, &Event::Deliver { handle: 0, sequence: 2, part: 41 }).unwrap();
        ledger.balance(7).unwrap();
    }

    #[test]
    fn a_doubled_or_swapped_part_is_seen() {
        let mut ledger = open();
        let doubled = Event::Deliver { handle: 0, sequence: 2, part: 40 };
        ledger.happened(1, &doubled).unwrap_err();
        let foreign = Event::Deliver { handle: 0, sequence: 1, part: 99 };
        ledger.happened(1, &foreign).unwrap_err();
    }

    #[test]
    fn a_repeated_send_is_not_counted_twice() {
        let mut ledger = open();
        let again = Request::Send { handle: 0, submission: 0, part: 40, whole: true };
        ledger.answered(0, &again, Some(&Answer::Done));
        ledger.happened(1, &Event::Deliver { handle: 0, sequence: 1, part: 40 }).unwrap();
        ledger.happened(1, &Event::Deliver { handle: 0, sequence: 2, part: 41 }).unwrap();
        ledger.balance(7).unwrap();
    }
}
