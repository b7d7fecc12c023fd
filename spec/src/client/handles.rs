//! The handles of a link: which are free, and what is still to be acknowledged for each.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::constants::HANDLES_MAX;
use crate::error::Misuse;

/// Handles of one link. The lowest free one is taken first, because the server takes none above
/// the lowest that was never used (CONNECTION-22).
#[derive(Debug, Default)]
pub(super) struct Handles {
    entries: Vec<Entry>,
    free: BinaryHeap<Reverse<u32>>,
    /// Handles with an acknowledgement to send, each once.
    due: VecDeque<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    taken: bool,
    due: bool,
    through: u64,
}

impl Handles {
    /// Takes a free handle.
    pub(super) fn take(&mut self) -> Result<u32, Misuse> {
        if let Some(Reverse(handle)) = self.free.pop() {
            if let Some(entry) = self.entries.get_mut(handle as usize) {
                *entry = Entry { taken: true, ..Entry::default() };
            }
            return Ok(handle);
        }
        let handle = u32::try_from(self.entries.len()).map_err(|_| Misuse::NoHandle)?;
        if self.entries.len() >= HANDLES_MAX {
            return Err(Misuse::NoHandle);
        }
        self.entries.push(Entry { taken: true, ..Entry::default() });
        Ok(handle)
    }

    /// Gives a handle back; nothing if it is free already.
    pub(super) fn give_back(&mut self, handle: u32) {
        if let Some(entry) = self.entries.get_mut(handle as usize)
            && entry.taken
        {
            entry.taken = false;
            self.free.push(Reverse(handle));
        }
    }

    /// Notes that everything up to `through` is to be acknowledged; the greatest one counts.
    pub(super) fn acknowledge(&mut self, handle: u32, through: u64) {
        let Some(entry) = self.entries.get_mut(handle as usize) else { return };
        if !entry.taken || through <= entry.through {
            return;
        }
        entry.through = through;
        if !entry.due {
            entry.due = true;
            self.due.push_back(handle);
        }
    }

    /// The next acknowledgement to send, if any: handle and through.
    pub(super) fn next_due(&mut self) -> Option<(u32, u64)> {
        while let Some(&handle) = self.due.front() {
            match self.entries.get(handle as usize) {
                Some(entry) if entry.taken && entry.due => return Some((handle, entry.through)),
                _ => drop(self.due.pop_front()),
            }
        }
        None
    }

    /// The acknowledgement that `next_due` returned is on its way.
    pub(super) fn sent_due(&mut self) {
        if let Some(handle) = self.due.pop_front()
            && let Some(entry) = self.entries.get_mut(handle as usize)
        {
            entry.due = false;
        }
    }

    /// A new subscription counts from its own deliveries: forgets what was acknowledged before.
    pub(super) fn subscribed(&mut self, handle: u32) {
        if let Some(entry) = self.entries.get_mut(handle as usize) {
            entry.through = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_handle_is_taken_before_a_new_one() {
        let mut handles = Handles::default();
        assert_eq!((handles.take(), handles.take()), (Ok(0), Ok(1)));
        handles.give_back(0);
        handles.give_back(0);
        assert_eq!((handles.take(), handles.take()), (Ok(0), Ok(2)));
    }

    #[test]
    fn acknowledgements_of_one_handle_merge_and_those_of_a_freed_one_vanish() {
        let mut handles = Handles::default();
        let (a, b) = (handles.take().unwrap(), handles.take().unwrap());
        handles.acknowledge(a, 1);
        handles.acknowledge(b, 7);
        handles.acknowledge(a, 3);
        handles.acknowledge(a, 2);
        assert_eq!(handles.next_due(), Some((a, 3)));
        handles.sent_due();
        handles.give_back(b);
        assert_eq!(handles.next_due(), None);
        handles.acknowledge(a, 3);
        assert_eq!(handles.next_due(), None);
        assert_eq!(handles.take(), Ok(b));
        assert_eq!(handles.next_due(), None);
    }

    #[test]
    fn there_are_no_more_than_the_most() {
        let mut handles = Handles::default();
        for _ in 0..HANDLES_MAX {
            handles.take().unwrap();
        }
        assert_eq!(handles.take(), Err(Misuse::NoHandle));
    }
}
