//! What all rows of a table add up to, so that a row that is missing, doubled, or an older one
//! put back is noticed.
//!
//! Each row's element is a keyed hash of its place and of its sealing, and a table's sum is the
//! exclusive or of its rows' elements, which changes with each row in constant time. The ledger is
//! itself a sealed row, rewritten by every transaction, with the number of that transaction.

use edgewise_spec::constants::HASH_LEN;

use super::codec::{Fields, Record, Writer};

/// Count and sum of one table's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) table: String,
    pub(super) rows: u64,
    pub(super) elements: [u8; HASH_LEN],
}

impl Sum {
    pub(super) fn of(table: &str) -> Self {
        Self { table: table.to_owned(), rows: 0, elements: [0; HASH_LEN] }
    }

    pub(super) fn add(&mut self, element: &[u8; HASH_LEN]) {
        self.rows = self.rows.wrapping_add(1);
        self.mix(element);
    }

    pub(super) fn take(&mut self, element: &[u8; HASH_LEN]) {
        self.rows = self.rows.wrapping_sub(1);
        self.mix(element);
    }

    fn mix(&mut self, element: &[u8; HASH_LEN]) {
        for (sum, byte) in self.elements.iter_mut().zip(element) {
            *sum ^= byte;
        }
    }
}

/// The sums of all tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ledger {
    /// The schema's version, so that the plain one in the file's header is bound.
    pub(super) schema: u32,
    /// Transactions so far.
    pub(super) committed: u64,
    pub(super) sums: Vec<Sum>,
}

impl Ledger {
    pub(super) const fn new(schema: u32) -> Self {
        Self { schema, committed: 0, sums: Vec::new() }
    }

    /// The sum of a table; a table that was never written to has none yet.
    pub(super) fn sum(&mut self, table: &str) -> &mut Sum {
        let at = self.sums.iter().position(|sum| sum.table == table);
        let at = at.unwrap_or_else(|| {
            self.sums.push(Sum::of(table));
            self.sums.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
        &mut self.sums[at]
    }

    /// A table that there is no more.
    pub(super) fn forget(&mut self, table: &str) {
        self.sums.retain(|sum| sum.table != table);
    }

    pub(super) fn matches(&self, found: &Sum) -> bool {
        let known = self.sums.iter().find(|sum| sum.table == found.table);
        known.map_or(found.rows == 0, |known| known == found)
    }
}

impl Record for Ledger {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.u32(self.schema);
        to.u64(self.committed);
        to.u32(u32::try_from(self.sums.len()).unwrap_or(u32::MAX));
        for sum in &self.sums {
            to.bytes(sum.table.as_bytes());
            to.u64(sum.rows);
            to.raw(&sum.elements);
        }
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        let (schema, committed, count) = (from.u32()?, from.u64()?, from.u32()?);
        let mut ledger = Self { schema, committed, sums: Vec::new() };
        for _ in 0..count {
            let (table, rows, elements) = (from.text()?, from.u64()?, from.array()?);
            ledger.sums.push(Sum { table, rows, elements });
        }
        Some(ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_knows_its_rows_in_any_order() {
        let (mut one, mut other) = (Sum::of("contact"), Sum::of("contact"));
        one.add(&[1; 32]);
        one.add(&[2; 32]);
        other.add(&[2; 32]);
        assert_ne!(one, other);
        other.add(&[1; 32]);
        assert_eq!(one, other);
        one.take(&[1; 32]);
        one.add(&[4; 32]);
        assert_ne!(one, other);
    }

    #[test]
    fn a_ledger_is_read_as_it_was_written() {
        let mut ledger = Ledger::new(1);
        ledger.sum("contact").add(&[1; 32]);
        ledger.sum("message").add(&[2; 32]);
        ledger.committed = 9;
        assert_eq!(Ledger::decode(&ledger.encode()), Some(ledger.clone()));
        assert!(ledger.matches(&Sum::of("session")));
        assert!(!ledger.matches(&Sum::of("contact")));
    }
}
