//! What can be wrong with a store, and what a person can do about it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the store did not do something. Nothing in it names a contact, a connection or a key.
///
/// What was committed before is still there after every one of these, but for what
/// [`Corrupt`](Self::Corrupt) says is damaged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no store here.
    #[error("there is no store at {}; make one first, or check the path", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A store or another file is here already.
    #[error("{} exists already; open it, or choose another path", .path.display())]
    Exists {
        /// Where the store was to be made.
        path: PathBuf,
    },
    /// Another process has it open.
    #[error("{} is in use by {}; stop that process, or talk to it", .path.display(), process(*.pid))]
    InUse {
        /// The store.
        path: PathBuf,
        /// The other process's id, where it could be read.
        pid: Option<u32>,
    },
    /// The passphrase is not the store's.
    #[error("wrong passphrase; check Caps Lock and the keyboard's layout, and try again")]
    WrongPassphrase,
    /// The key file is whole, and belongs to another store.
    #[error("{} is not the key file of this store; name the right one", .path.display())]
    WrongKeyFile {
        /// The key file.
        path: PathBuf,
    },
    /// The store asks for a passphrase, and a key file was given.
    #[error("this store is locked with a passphrase, not with a key file; give the passphrase")]
    PassphraseNeeded,
    /// The store asks for its key file, and a passphrase was given.
    #[error("this store is locked with a key file, not with a passphrase; name the key file")]
    KeyFileNeeded,
    /// The key file is not there.
    #[error("the key file {} is missing; bring it back: without it nothing can be read", .path.display())]
    KeyFileMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is no key file, or a damaged one.
    #[error("{} is no key file, or it is damaged; restore it from a copy", .path.display())]
    KeyFileUnusable {
        /// The key file.
        path: PathBuf,
    },
    /// The passphrase cannot be stretched.
    #[error("the passphrase is empty or too long, or there is no memory to stretch it")]
    PassphraseUnusable,
    /// Others than the owner may read or write the file.
    #[error("{} has mode {mode:04o}, so that others may use it; run: chmod 600 {}", .path.display(), .path.display())]
    Permissions {
        /// The store or the key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is something else.
    #[error("{} is no store of Edgewise; check the path", .path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file is not as it was written.
    #[error(
        "the store {} is damaged ({what}); do not use it: keep a copy, check the disk, and ask your contacts to repeat the exchange or use their standby invitations", .path.display()
    )]
    Corrupt {
        /// The store.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The file is whole, but an older one than this machine has committed.
    #[error(
        "the store {} is older than what was last committed here ({found} of {committed} transactions); sealing from it would use counters twice. Bring the newer file back; if it is lost, delete {} and repeat the exchange with every contact", .path.display(), .mark.display()
    )]
    RolledBack {
        /// The store.
        path: PathBuf,
        /// The file that remembers.
        mark: PathBuf,
        /// Transactions that the store knows of.
        found: u64,
        /// Transactions that were committed.
        committed: u64,
    },
    /// A newer program has written it.
    #[error(
        "the store {} was made by a newer version (schema {found}; this program knows {known}); update this program", .path.display()
    )]
    FromTheFuture {
        /// The store.
        path: PathBuf,
        /// The store's schema.
        found: u32,
        /// The newest schema that this code knows.
        known: u32,
    },
    /// The store was being wiped, and its key is gone.
    #[error("the store {} has been wiped and cannot be read; wipe it again to remove the rest", .path.display())]
    Wiped {
        /// What is left of it.
        path: PathBuf,
    },
    /// An older store could not be brought to this program's schema. It is as it was.
    #[error(
        "the store could not be brought from schema {from} to {to}: {why}; it is unchanged, the version that wrote it still opens it"
    )]
    Migration {
        /// The store's schema.
        from: u32,
        /// What it was to become.
        to: u32,
        /// What failed.
        why: String,
    },
    /// The disk is full.
    #[error("no space left for {}; free some and try again: all that was committed is kept", .path.display())]
    NoSpace {
        /// The store.
        path: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error("{} or its folder cannot be written; check owner and permissions", .path.display())]
    ReadOnly {
        /// The store.
        path: PathBuf,
    },
    /// The operating system failed otherwise.
    #[error("{}: {why}", .path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// What it says.
        why: String,
    },
    /// The caller did something that the documentation forbids; nothing was written.
    #[error(transparent)]
    Misuse(#[from] StoreMisuse),
}

/// What a caller of the store must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreMisuse {
    /// There is no such row.
    #[error("the store has no {0} of this number")]
    Unknown(&'static str),
    /// The session has changed since its state was read: read again, and do the work again.
    #[error("the session was changed by somebody else since revision {0} was read")]
    Stale(u64),
    /// A counter would be sealed twice.
    #[error("counter {s} is not above {sealed}, the highest that is sealed")]
    CounterUsed {
        /// The counter.
        s: u32,
        /// The session's highest.
        sealed: u32,
    },
    /// Cells were stored without the state that sealed them.
    #[error("the cell of counter {0} was stored without the state that sealed it")]
    StateNotStored(u32),
    /// The connection has the other role.
    #[error("the connection has the other role")]
    OtherRole,
    /// A sender's state tells of parts that were never stored.
    #[error("the state has {pushed} parts, and only {stored} are stored")]
    PartNotStored {
        /// Parts that the state counts.
        pushed: u64,
        /// Parts that the store has ever had.
        stored: u64,
    },
    /// A value is longer than the store takes.
    #[error("a value of {0} bytes is too long")]
    TooLong(usize),
    /// A message of this id is in this contact's history already.
    #[error("the history has a message of this id already")]
    Doubled,
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// What SQLite says, in our words.
pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let corrupt = |what: String| StoreError::Corrupt { path: path.clone(), what };
    // SQLITE_IOERR_SHORT_READ and SQLITE_IOERR_CORRUPTFS: the file ends too early, or is unsound.
    let short_read = matches!(error.sqlite_extended_error_code(), Some(522 | 8458));
    match error.sqlite_error_code() {
        _ if short_read => corrupt("it ends too early".to_owned()),
        Some(ErrorCode::DiskFull) => StoreError::NoSpace { path },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            StoreError::ReadOnly { path }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::InUse { path, pid: None }
        }
        Some(ErrorCode::NotADatabase) => corrupt("it has no valid header".to_owned()),
        Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => {
            StoreError::Io { path, why: error.to_string() }
        }
        // The statements are this crate's and fit its schema: whatever else SQLite objects to is
        // in the file.
        _ => corrupt(error.to_string()),
    }
}

/// What the operating system says of a file, in our words.
pub(super) fn io(path: &Path, error: &io::Error) -> StoreError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { path }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::NoSpace { path },
        _ => StoreError::Io { path, why: error.to_string() },
    }
}
