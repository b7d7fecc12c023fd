//! Writing: all of a transaction is there afterwards, or none of it.

use core::ops::Deref;
use std::collections::BTreeMap;

use rand_core::Rng;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::codec::Record;
use super::error::{StoreError, StoreMisuse};
use super::ledger::Ledger;
use super::reader::{LEDGER_ROW, Reader};
use super::seal::Place;
use super::table::{LEDGER, Table};
use super::{SessionId, VALUE_LEN_MAX};
use crate::clock::OsRandom;

/// Reads and writes inside one transaction; see [`Store::write`](super::Store::write).
pub struct Transaction<'a> {
    reader: Reader<'a>,
    ledger: Ledger,
    written: core::cell::Cell<bool>,
    /// The highest counter of the cells that were stored, for the sessions whose state that
    /// sealed them is still to come.
    pub(super) sealed: BTreeMap<SessionId, u32>,
}

impl<'a> Deref for Transaction<'a> {
    type Target = Reader<'a>;

    fn deref(&self) -> &Reader<'a> {
        &self.reader
    }
}

impl core::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Transaction")
    }
}

impl<'a> Transaction<'a> {
    pub(super) const fn new(reader: Reader<'a>, ledger: Ledger) -> Self {
        Self { reader, ledger, written: core::cell::Cell::new(false), sealed: BTreeMap::new() }
    }

    pub(super) fn execute(&self, sql: &str, values: Vec<Value>) -> Result<usize, StoreError> {
        self.written.set(true);
        let mut statement = self.db.prepare_cached(sql).map_err(|error| self.failed(&error))?;
        statement.execute(params_from_iter(values)).map_err(|error| self.failed(&error))
    }

    /// Takes the row of this key out of the ledger, if there is one.
    fn unledger(&mut self, table: &'static Table, key: &[i64]) -> Result<bool, StoreError> {
        let Some(row) = self.row(table, key)? else { return Ok(false) };
        let place = Place { table: table.name, columns: &row.columns };
        let element = self.keys.element(place, &row.sealed);
        self.ledger.sum(table.name).take(&element);
        Ok(true)
    }

    /// Seals a value into a row, over the one with the same key.
    pub(super) fn put_value(
        &mut self,
        table: &'static Table,
        columns: &[i64],
        value: &[u8],
    ) -> Result<(), StoreError> {
        if value.len() > VALUE_LEN_MAX {
            return Err(StoreMisuse::TooLong(value.len()).into());
        }
        let key = columns.get(..table.key).unwrap_or(columns);
        self.unledger(table, key)?;
        let place = Place { table: table.name, columns };
        let sealed = self.keys.seal(place, value);
        let element = self.keys.element(place, &sealed);
        self.ledger.sum(table.name).add(&element);
        self.write_row(table, columns, sealed)
    }

    fn write_row(
        &self,
        table: &'static Table,
        columns: &[i64],
        sealed: Vec<u8>,
    ) -> Result<(), StoreError> {
        let mut values: Vec<Value> = columns.iter().map(|column| (*column).into()).collect();
        values.push(sealed.into());
        self.execute(&table.put(), values).map(drop)
    }

    pub(super) fn put<R: Record>(
        &mut self,
        table: &'static Table,
        columns: &[i64],
        record: &R,
    ) -> Result<(), StoreError> {
        self.put_value(table, columns, &record.encode())
    }

    /// Removes a row; false if there was none.
    pub(super) fn remove(
        &mut self,
        table: &'static Table,
        key: &[i64],
    ) -> Result<bool, StoreError> {
        if !self.unledger(table, key)? {
            return Ok(false);
        }
        let key = key.iter().map(|column| (*column).into()).collect();
        self.execute(&table.delete(), key)?;
        Ok(true)
    }

    /// Removes every row whose first column is this.
    pub(super) fn remove_all(
        &mut self,
        table: &'static Table,
        first: i64,
    ) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        self.each(table, &[first], "", |row| {
            keys.push(row.columns);
            Ok::<_, StoreError>(true)
        })?;
        for columns in keys {
            self.remove(table, columns.get(..table.key).unwrap_or(&columns))?;
        }
        Ok(())
    }

    /// A row number that says nothing: 63 random bits.
    pub(super) fn fresh() -> i64 {
        i64::try_from(OsRandom.next_u64() >> 1).unwrap_or(i64::MAX)
    }

    /// Brings the ledger's table to a schema and writes it; the number of this transaction.
    ///
    /// # Errors
    /// [`StoreMisuse::StateNotStored`]
    pub(super) fn finish(mut self) -> Result<u64, StoreError> {
        if let Some(s) = self.sealed.values().next() {
            return Err(StoreMisuse::StateNotStored(*s).into());
        }
        self.ledger.committed = self.ledger.committed.saturating_add(1);
        let place = Place { table: LEDGER.name, columns: &LEDGER_ROW };
        let sealed = self.keys.seal(place, &self.ledger.encode());
        self.write_row(&LEDGER, &LEDGER_ROW, sealed)?;
        Ok(self.ledger.committed)
    }

    /// Whether anything was written, so that there is something to commit.
    pub(crate) const fn has_written(&self) -> bool {
        self.written.get()
    }

    pub(super) fn forget_table(&mut self, table: &str) {
        self.ledger.forget(table);
    }

    pub(super) fn set_schema(&mut self, schema: u32) {
        self.written.set(true);
        self.ledger.schema = schema;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Store, Stretch, Unlock, Versioned};
    use super::*;

    fn limit(store: &Store, pages: i64) {
        store.db.pragma_update(None, "max_page_count", pages).unwrap();
    }

    fn names(store: &Store) -> Vec<String> {
        store.read().settings(None).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_full_disk_refuses_a_transaction_and_loses_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        let options =
            Options { stretch: Stretch { memory_kib: 8, passes: 1 }, ..Options::default() };
        let unlock = Unlock::passphrase("x");
        let mut store = Store::create(&path, &unlock, &options).unwrap();
        let value = Versioned::new(1, vec![5; 3_000].into());
        let pages = store.read().number("PRAGMA page_count", &[]).unwrap().unwrap();
        limit(&store, pages + 40);
        let mut committed = Vec::new();
        let refused = loop {
            let name = format!("{:03}", committed.len());
            match store.write(|tx| {
                tx.set_setting(None, &name, &value)?;
                tx.set_setting(None, &format!("{name} too"), &value)
            }) {
                Ok(()) => committed.extend([name.clone(), format!("{name} too")]),
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, StoreError::NoSpace { .. }), "{refused:?}");
        assert!(refused.to_string().contains("all that was committed is kept"));
        assert!(committed.len() > 10);
        assert_eq!(names(&store), committed);
        store.check().unwrap();
        // Once there is room the same store goes on.
        limit(&store, pages + 80);
        store.write(|tx| tx.set_setting(None, "zzz", &value)).unwrap();
        committed.push("zzz".to_owned());
        store.close().unwrap();
        let store = Store::open(&path, &unlock, &options).unwrap();
        assert_eq!(names(&store), committed);
    }
}
