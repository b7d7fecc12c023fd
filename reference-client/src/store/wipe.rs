//! Removing a store so that it cannot be brought back.

use std::path::Path;

use super::error::{self, StoreError};
use super::{Store, file, open};

impl Store {
    /// Destroys the store at `path`. It needs no passphrase, and takes damaged stores too.
    ///
    /// The wrapped data key is erased first, without which nothing in the file or in what a disk
    /// may have kept of it can be read; then all files are overwritten and removed. If it is
    /// interrupted, the store is [`Wiped`](StoreError::Wiped), and wiping again removes the rest.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::InUse`], [`StoreError::NotAStore`], and what the
    /// operating system says.
    pub fn wipe(path: &Path) -> Result<(), StoreError> {
        let lock = open::lock_existing(path)?;
        match open::must_be_ours(path) {
            Ok(()) => {}
            // Damaged or half wiped, but no other program's.
            Err(StoreError::Corrupt { .. } | StoreError::Wiped { .. }) => {}
            Err(other) => return Err(other),
        }
        // What SQLite cannot do in a damaged file, overwriting does.
        let _ = erase_key(path);
        for ending in ["-wal", "-shm", "-journal", "-new", "-mark", ""] {
            let piece = file::beside(path, ending);
            file::overwrite(&piece)?;
            file::remove(&piece)?;
        }
        file::sync_folder(path)?;
        lock.remove(path)?;
        file::sync_folder(path)
    }
}

/// Writes zeros over the key record, in the file itself and not only in its log.
pub(super) fn erase_key(path: &Path) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| error::sqlite(path, &error);
    let db = open::connect(path)?;
    db.execute("UPDATE key SET record = zeroblob(length(record))", []).map_err(failed)?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    db.close().map_err(|(_, error)| failed(error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Options, Stretch, Unlock};
    use super::*;

    #[test]
    fn after_the_first_step_nothing_can_be_read_and_the_rest_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        let options =
            Options { stretch: Stretch { memory_kib: 8, passes: 1 }, ..Options::default() };
        let unlock = Unlock::passphrase("x");
        Store::create(&path, &unlock, &options).unwrap().close().unwrap();
        let before = fs::read(&path).unwrap();
        let at = before.windows(16).position(|window| window == b"edgewise store 1").unwrap();
        let record = &before[at..at + 105];
        erase_key(&path).unwrap();
        let after = fs::read(&path).unwrap();
        for piece in record.chunks_exact(15) {
            assert!(!after.windows(15).any(|window| window == piece));
        }
        let refused = Store::open(&path, &unlock, &options).unwrap_err();
        assert!(matches!(refused, StoreError::Wiped { .. }), "{refused:?}");
        Store::wipe(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
