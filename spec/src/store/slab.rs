//! Things of one size, found by number, in pages that never move.

/// Entries of a page: growing by a page copies nothing and stalls nobody.
const PAGE: usize = 256;

/// The number of no entry.
pub(super) const NOWHERE: u32 = u32::MAX;

/// A growing row of entries; free ones are used again first.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    pages: Vec<Vec<Entry<T>>>,
    free: u32,
    len: usize,
}

#[derive(Clone, Debug)]
enum Entry<T> {
    Free { next: u32 },
    Taken(T),
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { pages: Vec::new(), free: NOWHERE, len: 0 }
    }

    /// Entries that are taken.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Numbers that were ever given.
    pub(super) fn end(&self) -> u32 {
        let last = self.pages.last().map_or(0, Vec::len);
        let full = self.pages.len().saturating_sub(1) * PAGE;
        u32::try_from(full + last).unwrap_or(NOWHERE)
    }

    /// Keeps a thing; `None` if there are no numbers left.
    pub(super) fn insert(&mut self, thing: T) -> Option<u32> {
        let number = if self.free == NOWHERE {
            let number = self.end();
            if number == NOWHERE {
                return None;
            }
            if self.pages.last().is_none_or(|page| page.len() == PAGE) {
                self.pages.push(Vec::with_capacity(PAGE));
            }
            self.pages.last_mut()?.push(Entry::Taken(thing));
            number
        } else {
            let number = self.free;
            let entry = self.entry_mut(number)?;
            let Entry::Free { next } = *entry else { return None };
            *entry = Entry::Taken(thing);
            self.free = next;
            number
        };
        self.len += 1;
        Some(number)
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let number = usize::try_from(number).ok()?;
        match self.pages.get(number / PAGE)?.get(number % PAGE)? {
            Entry::Taken(thing) => Some(thing),
            Entry::Free { .. } => None,
        }
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        match self.entry_mut(number)? {
            Entry::Taken(thing) => Some(thing),
            Entry::Free { .. } => None,
        }
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let free = self.free;
        let entry = self.entry_mut(number)?;
        if matches!(entry, Entry::Free { .. }) {
            return None;
        }
        let taken = core::mem::replace(entry, Entry::Free { next: free });
        self.free = number;
        self.len -= 1;
        match taken {
            Entry::Taken(thing) => Some(thing),
            Entry::Free { .. } => None,
        }
    }

    fn entry_mut(&mut self, number: u32) -> Option<&mut Entry<T>> {
        let number = usize::try_from(number).ok()?;
        self.pages.get_mut(number / PAGE)?.get_mut(number % PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_its_thing_until_it_is_removed() {
        let mut slab = Slab::new();
        let numbers: Vec<u32> = (0..1_000).filter_map(|n| slab.insert(n)).collect();
        assert_eq!(numbers, (0..1_000).collect::<Vec<u32>>());
        assert_eq!(slab.remove(500), Some(500));
        assert_eq!(slab.remove(500), None);
        assert_eq!(slab.get(500), None);
        assert_eq!((slab.len(), slab.end()), (999, 1_000));
        assert_eq!(slab.insert(7), Some(500), "a free number is used again");
        assert_eq!(slab.get(500), Some(&7));
        assert_eq!(slab.insert(8), Some(1_000));
    }
}
