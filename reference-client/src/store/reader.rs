//! Reading: rows by their place, opened one at a time.

use rusqlite::types::Value;
use rusqlite::{Connection, Row as SqlRow, params_from_iter};
use std::path::Path;
use zeroize::Zeroizing;

use super::codec::Record;
use super::error::{self, StoreError};
use super::ledger::{Ledger, Sum};
use super::seal::{Keys, Place};
use super::table::{LEDGER, Table};

/// The one row of the ledger.
pub(super) const LEDGER_ROW: [i64; 1] = [1];

/// Reads what is stored. Every value is opened when it is asked for, so what is damaged is noticed
/// by whoever reads it at the latest.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub(super) db: &'a Connection,
    pub(super) keys: &'a Keys,
    pub(super) path: &'a Path,
}

/// One row, its value still sealed.
pub(super) struct Row {
    pub(super) columns: Vec<i64>,
    pub(super) sealed: Vec<u8>,
}

impl Row {
    fn read(row: &SqlRow<'_>, table: &Table) -> rusqlite::Result<Self> {
        let count = table.columns.len();
        let columns = (0..count).map(|at| row.get(at)).collect::<Result<_, _>>()?;
        Ok(Self { columns, sealed: row.get(count)? })
    }

    /// A plain column; they are as many as the table has.
    pub(super) fn column(&self, at: usize) -> i64 {
        self.columns.get(at).copied().unwrap_or_default()
    }
}

impl core::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Reader")
    }
}

impl Reader<'_> {
    pub(super) fn failed(&self, error: &rusqlite::Error) -> StoreError {
        error::sqlite(self.path, error)
    }

    pub(crate) fn corrupt(&self, what: impl Into<String>) -> StoreError {
        StoreError::Corrupt { path: self.path.to_owned(), what: what.into() }
    }

    /// Rows whose first columns are these, handed over one by one. `tail` orders.
    pub(super) fn each<E: From<StoreError>>(
        &self,
        table: &'static Table,
        first: &[i64],
        tail: &str,
        take: impl FnMut(Row) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.each_of(table, first, (tail, &[]), take)
    }

    /// The same, with values of the tail, whose places come after those of the first columns.
    pub(super) fn each_of<E: From<StoreError>>(
        &self,
        table: &'static Table,
        first: &[i64],
        (tail, values): (&str, &[i64]),
        mut take: impl FnMut(Row) -> Result<bool, E>,
    ) -> Result<(), E> {
        let sql = format!("{} {tail}", table.select(first.len()));
        let failed = |error: rusqlite::Error| E::from(self.failed(&error));
        let mut statement = self.db.prepare_cached(&sql).map_err(failed)?;
        let mut rows =
            statement.query(params_from_iter(first.iter().chain(values))).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            if !take(Row::read(row, table).map_err(failed)?)? {
                break;
            }
        }
        Ok(())
    }

    /// The row of a key.
    pub(super) fn row(
        &self,
        table: &'static Table,
        key: &[i64],
    ) -> Result<Option<Row>, StoreError> {
        let mut found = None;
        self.each(table, key, "", |row| {
            found = Some(row);
            Ok::<_, StoreError>(false)
        })?;
        Ok(found)
    }

    /// The record that is sealed in a row.
    pub(super) fn opened<R: Record>(
        &self,
        table: &'static Table,
        row: &Row,
    ) -> Result<R, StoreError> {
        let value = self.value(table, row)?;
        R::decode(&value)
            .ok_or_else(|| self.corrupt(format!("a row of {} has an unknown shape", table.name)))
    }

    pub(super) fn value(
        &self,
        table: &'static Table,
        row: &Row,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let place = Place { table: table.name, columns: &row.columns };
        self.keys
            .open(place, &row.sealed)
            .map_err(|_| self.corrupt(format!("a row of {} does not open", table.name)))
    }

    /// The record of a key, with its row.
    pub(super) fn find<R: Record>(
        &self,
        table: &'static Table,
        key: &[i64],
    ) -> Result<Option<(Row, R)>, StoreError> {
        let Some(row) = self.row(table, key)? else { return Ok(None) };
        let record = self.opened(table, &row)?;
        Ok(Some((row, record)))
    }

    /// All records of a table, for tables that are as short as a list on a screen.
    pub(super) fn list<R: Record>(
        &self,
        table: &'static Table,
    ) -> Result<Vec<(Row, R)>, StoreError> {
        let mut records = Vec::new();
        self.each(table, &[], "", |row| {
            let record = self.opened(table, &row)?;
            records.push((row, record));
            Ok::<_, StoreError>(true)
        })?;
        Ok(records)
    }

    /// One number of a statement that always has a row.
    pub(super) fn number(&self, sql: &str, of: &[i64]) -> Result<Option<i64>, StoreError> {
        let failed = |error: rusqlite::Error| self.failed(&error);
        let mut statement = self.db.prepare_cached(sql).map_err(failed)?;
        let value = statement.query_row(params_from_iter(of), |row| row.get(0)).map_err(failed)?;
        match value {
            Value::Integer(number) => Ok(Some(number)),
            Value::Null => Ok(None),
            _ => Err(self.corrupt("a number is none")),
        }
    }

    pub(super) fn ledger(&self) -> Result<Ledger, StoreError> {
        let found = self.find(&LEDGER, &LEDGER_ROW)?;
        found.map(|(_, ledger)| ledger).ok_or_else(|| self.corrupt("the ledger is missing"))
    }

    /// Adds up a table and compares it with the ledger; opens every row if asked to.
    pub(super) fn compare(
        &self,
        table: &'static Table,
        ledger: &Ledger,
        open: bool,
    ) -> Result<(), StoreError> {
        let mut sum = Sum::of(table.name);
        self.each(table, &[], "", |row| {
            let place = Place { table: table.name, columns: &row.columns };
            sum.add(&self.keys.element(place, &row.sealed));
            if open {
                self.value(table, &row)?;
            }
            Ok::<_, StoreError>(true)
        })?;
        if ledger.matches(&sum) {
            return Ok(());
        }
        Err(self.corrupt(format!("rows of {} are missing or not the last ones", table.name)))
    }
}
