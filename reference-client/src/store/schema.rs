//! The schema's version, and the way from one version to the next.

use rusqlite::types::Value;
use zeroize::Zeroizing;

use super::error::StoreError;
use super::table::{BASE, CREATE_KEY, CREATE_LOOKUP, HELD, LEDGER, TABLES, Table};
use super::transaction::Transaction;

/// In the file's header: tells a store from every other SQLite file. "Edge" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x4564_6765;

/// A version of the schema: what is in the file, and how an older one becomes it.
pub(super) struct Schema {
    pub(super) version: u32,
    /// The statements that make it, letter for letter as the file keeps them.
    pub(super) statements: Vec<&'static str>,
    pub(super) tables: Vec<&'static Table>,
    /// One for each version after the first, in order.
    pub(super) migrations: Vec<Migration>,
}

/// What was to be acknowledged was never read: after a crash servers deliver again what is not
/// acknowledged. And a session's state has a part that is written seldom; until it is, the
/// session's own row has all of it.
fn to_2(step: &mut Step<'_, '_>) -> Result<(), StoreError> {
    step.drop_table("inbox")?;
    step.sql(BASE.create)
}

/// Parts of cells that too few have come of.
fn to_3(step: &mut Step<'_, '_>) -> Result<(), StoreError> {
    step.sql(HELD.create)
}

/// The step to a version from the one before. It runs in a transaction with whatever other steps
/// are needed; if it fails, none of them has happened.
#[derive(Clone, Copy)]
pub(super) struct Migration {
    pub(super) to: u32,
    pub(super) run: fn(&mut Step<'_, '_>) -> Result<(), StoreError>,
}

/// What a migration can do.
pub(super) struct Step<'t, 'a>(pub(super) &'t mut Transaction<'a>);

impl Step<'_, '_> {
    /// Runs a statement of the schema.
    pub(super) fn sql(&self, sql: &str) -> Result<(), StoreError> {
        self.0.db.execute_batch(sql).map_err(|error| self.0.failed(&error))
    }

    /// Removes a table with its rows, which are in no ledger from then on.
    fn drop_table(&mut self, table: &str) -> Result<(), StoreError> {
        self.sql(&format!("DROP TABLE {table}"))?;
        self.0.forget_table(table);
        Ok(())
    }

    /// Opens, changes and seals again every value of a table.
    #[cfg_attr(not(test), expect(dead_code, reason = "no step of today changes values"))]
    pub(super) fn rewrite(
        &mut self,
        table: &'static Table,
        change: impl Fn(&[u8]) -> Option<Zeroizing<Vec<u8>>>,
    ) -> Result<(), StoreError> {
        let mut values = Vec::new();
        self.0.each(table, &[], "", |row| {
            let value = self.0.value(table, &row)?;
            values.push((row.columns, value));
            Ok::<_, StoreError>(true)
        })?;
        for (columns, value) in values {
            let changed = change(&value);
            let changed = changed.ok_or_else(|| self.0.corrupt("a value of an unknown shape"))?;
            self.0.put_value(table, &columns, &changed)?;
        }
        Ok(())
    }
}

impl Schema {
    /// The schema of this program.
    pub(super) fn current() -> Self {
        let tables = TABLES.to_vec();
        let mut statements: Vec<_> = tables.iter().map(|table| table.create).collect();
        statements.extend([LEDGER.create, CREATE_KEY, CREATE_LOOKUP]);
        let migrations = vec![Migration { to: 2, run: to_2 }, Migration { to: 3, run: to_3 }];
        Self { version: 3, statements, tables, migrations }
    }

    /// Brings a store from an older version to this one, inside a transaction.
    pub(super) fn migrate(&self, tx: &mut Transaction<'_>, from: u32) -> Result<(), StoreError> {
        let failed = |to: u32, why: String| StoreError::Migration { from, to, why };
        for to in from.saturating_add(1)..=self.version {
            let step = self.migrations.iter().find(|step| step.to == to);
            let step = step.ok_or_else(|| failed(to, "there is no way to it".to_owned()))?;
            (step.run)(&mut Step(tx)).map_err(|error| match error {
                full @ (StoreError::NoSpace { .. } | StoreError::ReadOnly { .. }) => full,
                other => failed(to, other.to_string()),
            })?;
        }
        let version = format!("PRAGMA user_version = {}", self.version);
        tx.db.execute_batch(&version).map_err(|error| tx.failed(&error))?;
        tx.set_schema(self.version);
        Ok(())
    }

    /// The file must have this schema, letter for letter.
    pub(super) fn compare(&self, reader: &super::Reader<'_>) -> Result<(), StoreError> {
        let failed = |error: rusqlite::Error| reader.failed(&error);
        let sql = "SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
        let mut statement = reader.db.prepare(sql).map_err(failed)?;
        let found = statement.query_map([], |row| row.get::<_, Value>(0)).map_err(failed)?;
        let mut found = found.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        for expected in &self.statements {
            let expected = Value::Text((*expected).to_owned());
            let at = found.iter().position(|statement| *statement == expected);
            let at = at.ok_or_else(|| reader.corrupt("its schema has been altered"))?;
            found.swap_remove(at);
        }
        if found.is_empty() { Ok(()) } else { Err(reader.corrupt("its schema has been altered")) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::super::table::CONTACT;
    use super::super::{Options, Store, Unlock};
    use super::*;

    const NEXT: u32 = 4;

    static PIN: Table = Table {
        name: "pin",
        columns: &["pin", "contact"],
        key: 1,
        create: "CREATE TABLE pin (pin INTEGER PRIMARY KEY, contact INTEGER NOT NULL REFERENCES contact, sealed BLOB NOT NULL) STRICT",
    };

    /// A next version for this test alone: it pins every contact, and adds a byte to their
    /// records.
    fn next(run: fn(&mut Step<'_, '_>) -> Result<(), StoreError>) -> Schema {
        let mut schema = Schema::current();
        schema.version = NEXT;
        schema.tables.push(&PIN);
        schema.statements.push(PIN.create);
        schema.migrations.push(Migration { to: NEXT, run });
        schema
    }

    fn to_next(step: &mut Step<'_, '_>) -> Result<(), StoreError> {
        step.sql(PIN.create)?;
        step.rewrite(&CONTACT, |value| {
            let mut longer = Zeroizing::new(value.to_vec());
            longer.push(0xaa);
            Some(longer)
        })?;
        let mut contacts = Vec::new();
        step.0.each(&CONTACT, &[], "", |row| {
            contacts.push(row.column(0));
            Ok::<_, StoreError>(true)
        })?;
        for contact in contacts {
            step.0.put_value(&PIN, &[1, contact], b"pinned")?;
        }
        Ok(())
    }

    /// Does the whole step, and fails then.
    fn in_vain(step: &mut Step<'_, '_>) -> Result<(), StoreError> {
        to_next(step)?;
        Err(step.0.corrupt("as a test"))
    }

    /// A copy of the store that version 1 made, and what opens it.
    fn fixture() -> (tempfile::TempDir, PathBuf, Unlock) {
        fixture_of(1)
    }

    fn fixture_of(version: u32) -> (tempfile::TempDir, PathBuf, Unlock) {
        let folder = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        for (ending, to) in [("db", "chat.db"), ("key", "key")] {
            let from = fixtures.join(format!("store-v{version}.{ending}"));
            let bytes = fs::read(from).unwrap();
            super::super::file::write_new(&folder.path().join(to), &bytes).unwrap();
        }
        let (path, key) = (folder.path().join("chat.db"), folder.path().join("key"));
        (folder, path, Unlock::KeyFile(key))
    }

    fn contacts(store: &Store) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        let reader = store.read();
        reader
            .each(&CONTACT, &[], "", |row| {
                values.push(reader.value(&CONTACT, &row)?.to_vec());
                Ok::<_, StoreError>(true)
            })
            .unwrap();
        values
    }

    #[test]
    fn an_older_store_becomes_the_newer_one_whole() {
        let (_folder, path, unlock) = fixture();
        let options = Options::default();
        let store = Store::open(&path, &unlock, &options).unwrap();
        let mut expected = contacts(&store);
        let messages = store.read().export(|_| Ok::<_, StoreError>(()));
        messages.unwrap();
        drop(store);
        let store = Store::open_with(next(to_next), &path, &unlock, &options).unwrap();
        assert!(!expected.is_empty());
        expected.iter_mut().for_each(|value| value.push(0xaa));
        assert_eq!(contacts(&store), expected);
        let (row, value) = {
            let row = store.read().row(&PIN, &[1]).unwrap().unwrap();
            let value = store.read().value(&PIN, &row).unwrap();
            (row.column(0), value)
        };
        assert_eq!((row, &**value), (1, &b"pinned"[..]));
        store.check().unwrap();
        store.close().unwrap();
        // The code of today will not touch it any more, and the next one's opens it again without
        // a step.
        let refused = Store::open(&path, &unlock, &options).unwrap_err();
        assert!(matches!(refused, StoreError::FromTheFuture { found: NEXT, known: 3, .. }));
        let store = Store::open_with(next(in_vain), &path, &unlock, &options).unwrap();
        assert_eq!(contacts(&store), expected);
        drop(store);
        // A version that was altered in the plain header starts no step again.
        let db = rusqlite::Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
        drop(db);
        let refused = Store::open_with(next(to_next), &path, &unlock, &options).unwrap_err();
        assert!(
            matches!(&refused, StoreError::Corrupt { what, .. } if what.contains("version")),
            "{refused:?}"
        );
    }

    #[test]
    fn a_migration_that_fails_leaves_the_store_as_it_was() {
        let options = Options::default();
        let before = {
            let (_folder, path, unlock) = fixture();
            contacts(&Store::open(&path, &unlock, &options).unwrap())
        };
        let (_folder, path, unlock) = fixture();
        let bytes = fs::read(&path).unwrap();
        let refused = Store::open_with(next(in_vain), &path, &unlock, &options).unwrap_err();
        assert!(matches!(&refused, StoreError::Migration { from: 1, to: NEXT, .. }), "{refused:?}");
        assert!(refused.to_string().contains("unchanged"), "{refused}");
        assert!(fs::read(&path).unwrap() == bytes, "not one byte of the file has changed");
        let store = Store::open(&path, &unlock, &options).unwrap();
        assert_eq!(contacts(&store), before);
    }

    #[test]
    fn a_version_without_a_way_to_it_is_told() {
        let (_folder, path, unlock) = fixture();
        let schema = Schema { migrations: Vec::new(), ..next(to_next) };
        let refused = Store::open_with(schema, &path, &unlock, &Options::default()).unwrap_err();
        assert!(matches!(refused, StoreError::Migration { from: 1, to: 2, .. }), "{refused:?}");
    }

    #[test]
    fn version_2_has_no_inbox_and_goes_on_with_the_sessions() {
        let (_folder, path, unlock) = fixture();
        let tables = |path: &Path| {
            let db = rusqlite::Connection::open(path).unwrap();
            let sql = "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema \
                       WHERE name IN ('inbox', 'base') ORDER BY name)";
            db.query_row(sql, [], |row| row.get::<_, Option<String>>(0)).unwrap()
        };
        assert_eq!(tables(&path).as_deref(), Some("inbox"));
        let mut store = Store::open(&path, &unlock, &Options::default()).unwrap();
        let (profile, _) = store.read().profiles().unwrap().remove(0);
        let (contact, _) = store.read().contacts(profile).unwrap().remove(0);
        let (id, session) = store.read().sessions(contact).unwrap().remove(0);
        assert_eq!(store.read().base(id).unwrap(), None);
        let base = super::super::Versioned::new(7, b"seldom".to_vec().into());
        store
            .write(|tx| {
                tx.set_base(id, &base)?;
                tx.set_session(id, session.revision, &session.state)
            })
            .unwrap();
        store.check().unwrap();
        store.close().unwrap();
        assert_eq!(tables(&path).as_deref(), Some("base"));
        let store = Store::open(&path, &unlock, &Options::default()).unwrap();
        assert_eq!(store.read().base(id).unwrap(), Some(base));
    }

    #[test]
    fn version_3_holds_parts_and_goes_on_with_the_connections() {
        let (_folder, path, unlock) = fixture_of(2);
        let tables = |path: &Path| {
            let db = rusqlite::Connection::open(path).unwrap();
            let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'held'";
            db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!(tables(&path), 0);
        let mut store = Store::open(&path, &unlock, &Options::default()).unwrap();
        let (profile, _) = store.read().profiles().unwrap().remove(0);
        let (connection, _) = store.read().connections(profile).unwrap().remove(0);
        let held = super::super::Held {
            s: 7,
            since: edgewise_spec::time::Now::from_seconds(5),
            part: super::super::Versioned::new(1, b"fragment".to_vec().into()),
        };
        assert_eq!(store.read().all_held(connection).unwrap(), []);
        store.write(|tx| tx.hold(connection, &held)).unwrap();
        store.check().unwrap();
        store.close().unwrap();
        assert_eq!(tables(&path), 1);
        let store = Store::open(&path, &unlock, &Options::default()).unwrap();
        assert_eq!(store.read().all_held(connection).unwrap(), [held]);
    }
}
