//! How many transactions were committed, remembered beside the store.
//!
//! A store that is put back from a copy, or that lost the end of its log, looks whole: it is in a
//! state that was committed once. Going on from there would seal counters that were sealed
//! before. So the number of the last transaction stands in a file of its own too, written after
//! each commit; a store that knows of fewer is refused.
//!
//! ```text
//! mark = committed u64 ‖ the first 16 bytes of a keyed hash of it
//! ```
//!
//! The mark is behind the store or level with it, never ahead: it is written after the commit is
//! on the disk. It is not synced at each commit, so after a loss of power it may miss a rollback of
//! the transactions since the last time the store was closed; it never blames a store that is whole.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use super::error::{self, StoreError};
use super::file;
use super::seal::Keys;

const PROOF_LEN: usize = 16;

/// The file that remembers.
#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
    file: File,
}

impl Mark {
    pub(super) fn path(store: &Path) -> PathBuf {
        file::beside(store, "-mark")
    }

    /// Compares the mark with what the store knows. A mark that is missing or not this store's
    /// says nothing and is written anew.
    pub(super) fn compare(store: &Path, keys: &Keys, found: u64) -> Result<Self, StoreError> {
        let path = Self::path(store);
        let bytes = fs::read(&path).unwrap_or_default();
        let committed = read(&bytes, keys).unwrap_or(0);
        if committed > found {
            let (path, mark) = (store.to_owned(), path);
            return Err(StoreError::RolledBack { path, mark, found, committed });
        }
        let opened = file::private().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| error::io(&path, &error))?;
        let mut mark = Self { path, file };
        mark.set(keys, found);
        Ok(mark)
    }

    /// Remembers a commit. Should that fail, the commit still stands, and the mark stays behind.
    pub(super) fn set(&mut self, keys: &Keys, committed: u64) {
        let mut bytes = committed.to_be_bytes().to_vec();
        bytes.extend(keys.mark(committed).iter().take(PROOF_LEN));
        let _ = self.file.rewind().and_then(|()| self.file.write_all(&bytes));
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_all().map_err(|error| error::io(&self.path, &error))
    }
}

fn read(bytes: &[u8], keys: &Keys) -> Option<u64> {
    let (committed, proof) = bytes.split_first_chunk::<8>()?;
    let committed = u64::from_be_bytes(*committed);
    (keys.mark(committed).get(..PROOF_LEN)? == proof).then_some(committed)
}
