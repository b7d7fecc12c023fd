//! The parts that a sender keeps, and the submissions under which it hands them in.

use std::collections::VecDeque;

use bytes::Bytes;

/// One part that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The sealed part, of the class's length; every time the same bytes.
    pub part: Bytes,
    /// Whether the record of the present incarnation has accepted it.
    pub accepted: bool,
}

/// A row of kept parts. Submissions rise by one along it; numbers do too, and stay with their part
/// when submissions change.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Outbox {
    first: u64,
    released: u64,
    lowest_unanswered: u64,
    kept: VecDeque<Kept>,
}

impl Outbox {
    /// A row from its parts, as they were stored: the submission and the number of the oldest.
    #[must_use]
    pub fn restore(first: u64, released: u64, kept: VecDeque<Kept>) -> Self {
        let answered = kept.iter().take_while(|kept| kept.accepted).count();
        let lowest_unanswered = first.saturating_add(answered as u64);
        Self { first, released, lowest_unanswered, kept }
    }

    /// The submission of the oldest kept part.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The number of the oldest kept part: how many were released.
    #[must_use]
    pub const fn released(&self) -> u64 {
        self.released
    }

    /// The submission of the next part.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.first.saturating_add(self.kept.len() as u64)
    }

    /// The number of the next part.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.released.saturating_add(self.kept.len() as u64)
    }

    /// The lowest submission without an answer: `from` of an attach.
    #[must_use]
    pub const fn lowest_unanswered(&self) -> u64 {
        self.lowest_unanswered
    }

    /// The kept parts, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.kept.iter()
    }

    /// The part of a submission.
    #[must_use]
    pub fn get(&self, submission: u64) -> Option<&Kept> {
        self.kept.get(self.index(submission)?)
    }

    fn index(&self, submission: u64) -> Option<usize> {
        usize::try_from(submission.checked_sub(self.first)?).ok()
    }

    pub(super) fn push(&mut self, part: Bytes) -> u64 {
        let number = self.next_number();
        self.kept.push_back(Kept { part, accepted: false });
        number
    }

    pub(super) fn release(&mut self, through: u64) {
        while self.released <= through && self.kept.pop_front().is_some() {
            self.released += 1;
            self.first += 1;
        }
        self.lowest_unanswered = self.lowest_unanswered.max(self.first);
    }

    /// Notes that one submission was accepted; returns the number up to which all were, if it rose.
    pub(super) fn accept(&mut self, submission: u64) -> Option<u64> {
        let index = self.index(submission)?;
        self.kept.get_mut(index)?.accepted = true;
        self.rise()
    }

    /// Notes that every submission below `next` was accepted.
    pub(super) fn accept_below(&mut self, next: u64) -> Option<u64> {
        let count = self.index(next)?.min(self.kept.len());
        for kept in self.kept.iter_mut().take(count) {
            kept.accepted = true;
        }
        self.rise()
    }

    fn rise(&mut self) -> Option<u64> {
        let before = self.lowest_unanswered;
        while self.get(self.lowest_unanswered).is_some_and(|kept| kept.accepted) {
            self.lowest_unanswered += 1;
        }
        let rose = self.lowest_unanswered > before;
        rose.then(|| self.released + (self.lowest_unanswered - self.first) - 1)
    }

    /// Gives every kept part a new submission, from `next` on, and none is accepted any more.
    pub(super) fn submit_again(&mut self, next: u64) {
        self.first = next;
        self.lowest_unanswered = next;
        for kept in &mut self.kept {
            kept.accepted = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(parts: u8) -> Outbox {
        let mut outbox = Outbox::default();
        for part in 0..parts {
            assert_eq!(outbox.push(vec![part].into()), u64::from(part));
        }
        outbox
    }

    #[test]
    fn accepted_rises_over_whole_runs_only() {
        let mut outbox = outbox(4);
        assert_eq!(outbox.accept(1), None);
        assert_eq!(outbox.accept(0), Some(1));
        assert_eq!(outbox.accept(0), None);
        assert_eq!(outbox.lowest_unanswered(), 2);
        assert_eq!(outbox.accept_below(4), Some(3));
        assert_eq!(outbox.accept(9), None);
    }

    #[test]
    fn numbers_stay_when_submissions_change() {
        let mut outbox = outbox(3);
        outbox.accept_below(2);
        outbox.release(0);
        outbox.submit_again(10);
        assert_eq!((outbox.first(), outbox.next(), outbox.lowest_unanswered()), (10, 12, 10));
        assert_eq!(outbox.get(10).unwrap().part[..], [1]);
        assert_eq!(outbox.accept(10), Some(1));
        assert_eq!(outbox.push(vec![3].into()), 3);
    }

    #[test]
    fn releasing_what_is_unanswered_moves_from_on() {
        let mut outbox = outbox(3);
        outbox.release(1);
        assert_eq!((outbox.lowest_unanswered(), outbox.next()), (2, 3));
        outbox.release(9);
        assert_eq!((outbox.lowest_unanswered(), outbox.next_number()), (3, 3));
        let stored = Outbox::restore(outbox.first(), outbox.released(), VecDeque::new());
        assert_eq!(stored, outbox);
    }
}
