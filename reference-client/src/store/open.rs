//! Making a store, and opening one: who may, whether it is whole, and which schema it has.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edgewise_spec::constants::HASH_LEN;
use rand_core::Rng;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

use super::error::{self, StoreError};
use super::ledger::Ledger;
use super::lock::Lock;
use super::mark::Mark;
use super::schema::{APPLICATION_ID, Schema};
use super::seal::Keys;
use super::transaction::Transaction;
use super::unlock::{self, KeyRecord, Unlock, Unusable};
use super::{Options, Reader, Store, file};
use crate::clock::OsRandom;

/// What every SQLite file begins with.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the header has the application id.
const APPLICATION_ID_AT: usize = 68;
const HEADER_LEN: usize = 100;
/// A store's page, in bytes: SQLite's usual one.
const PAGE_LEN: u64 = 4_096;
/// Statements that are kept prepared: more than there are.
const STATEMENTS: usize = 96;

impl Store {
    /// Makes a store and opens it. It is there whole or not at all, even if this is interrupted.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::InUse`], [`StoreError::PassphraseUnusable`], those of
    /// a key file, and what the operating system says of the folder.
    pub fn create(path: &Path, unlock: &Unlock, options: &Options) -> Result<Self, StoreError> {
        Self::create_with(Schema::current(), path, unlock, options)
    }

    pub(super) fn create_with(
        schema: Schema,
        path: &Path,
        unlock: &Unlock,
        options: &Options,
    ) -> Result<Self, StoreError> {
        let lock = Lock::take(path)?;
        if fs::symlink_metadata(path).is_ok() {
            return Err(StoreError::Exists { path: path.to_owned() });
        }
        let mut data = Zeroizing::new([0; HASH_LEN]);
        OsRandom.fill_bytes(&mut *data);
        let record = unlock::wrap(&data, unlock, options.stretch)?;
        let keys = Keys::new(data);
        let new = file::beside(path, "-new");
        // Both are from a store that was never finished, or that is gone.
        for left in [&new, &file::beside(path, "-wal")] {
            file::remove(left)?;
        }
        let built = build(&new, &schema, &keys, record);
        let renamed = built.and_then(|()| {
            fs::rename(&new, path).map_err(|error| error::io(path, &error))?;
            file::sync_folder(path)
        });
        if let Err(error) = renamed {
            let _ = file::remove(&new);
            return Err(error);
        }
        open_locked(schema, path, unlock, options, lock)
    }

    /// Opens a store.
    ///
    /// # Errors
    /// Every one that [`StoreError`] has but those of making and of misuse.
    pub fn open(path: &Path, unlock: &Unlock, options: &Options) -> Result<Self, StoreError> {
        Self::open_with(Schema::current(), path, unlock, options)
    }

    pub(super) fn open_with(
        schema: Schema,
        path: &Path,
        unlock: &Unlock,
        options: &Options,
    ) -> Result<Self, StoreError> {
        let lock = lock_existing(path)?;
        open_locked(schema, path, unlock, options, lock)
    }
}

impl Store {
    fn migrate(&mut self, from: u32) -> Result<(), StoreError> {
        let schema = Arc::clone(&self.schema);
        self.write(|tx| schema.migrate(tx, from))
    }
}

/// Takes the lock of a store that is there and is this user's alone.
pub(super) fn lock_existing(path: &Path) -> Result<Lock, StoreError> {
    let about = match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        other => other.map_err(|error| error::io(path, &error))?,
    };
    if !about.is_file() {
        return Err(StoreError::NotAStore { path: path.to_owned() });
    }
    file::must_be_private(path, &about)?;
    Lock::take(path)
}

fn open_locked(
    schema: Schema,
    path: &Path,
    unlock: &Unlock,
    options: &Options,
    lock: Lock,
) -> Result<Store, StoreError> {
    must_be_ours(path)?;
    let db = connect(path)?;
    let found = version(&db, path)?;
    if found > schema.version {
        let (path, known) = (path.to_owned(), schema.version);
        return Err(StoreError::FromTheFuture { path, found, known });
    }
    let keys = Keys::new(key_record(&db, path)?.unwrap(unlock)?);
    let ledger = Reader { db: &db, keys: &keys, path }.ledger()?;
    let mark = Mark::compare(path, &keys, ledger.committed)?;
    if ledger.schema != found {
        let what = "its schema version has been altered".to_owned();
        return Err(StoreError::Corrupt { path: path.to_owned(), what });
    }
    let mut store = Store { db, mark, keys, path: path.to_owned(), schema: Arc::new(schema), lock };
    if found < store.schema.version {
        store.read().check_structure()?;
        store.migrate(found)?;
    }
    store.check_opening(options.check_whole_max)?;
    Ok(store)
}

/// Tells a damaged store from another file before SQLite sees it.
pub(super) fn must_be_ours(path: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| error::io(path, &error);
    let mut header = Vec::with_capacity(HEADER_LEN);
    let file = File::open(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    file.take(HEADER_LEN as u64).read_to_end(&mut header).map_err(failed)?;
    let corrupt = |what: &str| StoreError::Corrupt { path: path.to_owned(), what: what.to_owned() };
    if header.is_empty() {
        return Err(corrupt("it is empty"));
    }
    if header.iter().all(|byte| *byte == 0) {
        // Only overwriting leaves a file like that.
        let zeros = file::is_zeros(path).map_err(failed)?;
        let wiped = StoreError::Wiped { path: path.to_owned() };
        return Err(if zeros { wiped } else { corrupt("its first page is lost") });
    }
    let sqlite = header.starts_with(SQLITE_MAGIC);
    let id = header.get(APPLICATION_ID_AT..APPLICATION_ID_AT + 4);
    let ours =
        id.is_some_and(|id| id.iter().fold(0, |n, b| n << 8 | i64::from(*b)) == APPLICATION_ID);
    match (sqlite, ours) {
        // A store keeps a log from its first byte on.
        (true, true) if header.get(18..20) == Some(&[2, 2]) => {
            // What is in the log may be missing here, and so may the end of its last page.
            let logged = fs::metadata(file::beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
            if logged || len % PAGE_LEN == 0 { Ok(()) } else { Err(corrupt("it ends too early")) }
        }
        (false, false) => Err(StoreError::NotAStore { path: path.to_owned() }),
        (true, _) if header.len() < HEADER_LEN => Err(corrupt("it ends too early")),
        // Some program's database; if it is a damaged store, wiping must not be what finds out.
        (true, false) => Err(StoreError::NotAStore { path: path.to_owned() }),
        _ => Err(corrupt("its header has been altered")),
    }
}

/// Opens the file for this process alone, with what durability and erasure need.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let failed = |error: rusqlite::Error| error::sqlite(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed)?;
    if db.is_readonly(rusqlite::MAIN_DB).map_err(failed)? {
        return Err(StoreError::ReadOnly { path: path.to_owned() });
    }
    db.busy_timeout(Duration::from_secs(1)).map_err(failed)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(failed)?;
    // Exclusive before the log is first used: then it needs no shared memory, whose file would be
    // mapped and could end the process when the disk is full.
    let pragmas = "PRAGMA page_size = 4096;
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA synchronous = FULL;
        PRAGMA fullfsync = ON;
        PRAGMA checkpoint_fullfsync = ON;
        PRAGMA foreign_keys = ON;
        PRAGMA secure_delete = ON;
        PRAGMA temp_store = MEMORY;
        PRAGMA trusted_schema = OFF;
        PRAGMA cell_size_check = ON;";
    db.execute_batch(pragmas).map_err(failed)?;
    let mode: String =
        db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        let why = format!("the file system cannot keep a log (journal mode {mode})");
        return Err(StoreError::Io { path: path.to_owned(), why });
    }
    Ok(db)
}

fn version(db: &Connection, path: &Path) -> Result<u32, StoreError> {
    let failed = |error: rusqlite::Error| error::sqlite(path, &error);
    let corrupt = || StoreError::Corrupt {
        path: path.to_owned(),
        what: "it has no schema version".to_owned(),
    };
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    u32::try_from(version).ok().filter(|version| *version > 0).ok_or_else(corrupt)
}

fn key_record(db: &Connection, path: &Path) -> Result<KeyRecord, StoreError> {
    let sql = "SELECT record FROM key WHERE key = 1";
    let record: Vec<u8> =
        db.query_row(sql, [], |row| row.get(0)).map_err(|error| error::sqlite(path, &error))?;
    KeyRecord::read(&record).map_err(|unusable| match unusable {
        Unusable::Wiped => StoreError::Wiped { path: path.to_owned() },
        Unusable::Damaged => {
            let what = "its key record has been altered".to_owned();
            StoreError::Corrupt { path: path.to_owned(), what }
        }
    })
}

/// Writes an empty store into a file of its own, and sees it on the disk.
fn build(new: &Path, schema: &Schema, keys: &Keys, record: Vec<u8>) -> Result<(), StoreError> {
    file::write_new(new, &[])?;
    let db = connect(new)?;
    let failed = |error: rusqlite::Error| error::sqlite(new, &error);
    let sql = db.unchecked_transaction().map_err(failed)?;
    let header = format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}; {}",
        schema.version,
        schema.statements.join(";")
    );
    db.execute_batch(&header).map_err(failed)?;
    db.execute("INSERT INTO key (key, record) VALUES (1, ?1)", [record]).map_err(failed)?;
    let reader = Reader { db: &db, keys, path: new };
    Transaction::new(reader, Ledger::new(schema.version)).finish()?;
    sql.commit().map_err(failed)?;
    // Closing empties the log into the file and syncs it.
    db.close().map_err(|(_, error)| failed(error))
}
