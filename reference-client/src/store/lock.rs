//! One process at a time.
//!
//! The lock is the operating system's, on a file beside the store, so it ends with the process
//! that holds it, however that ends: a lock left behind by a crash blocks nobody. The file tells
//! the holder's process id.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::error::{self, StoreError};
use super::file;

/// Held as long as the store is open.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of the store at `path`, or says who has it.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let beside = file::beside(path, "-lock");
        let failed = |error: &std::io::Error| error::io(&beside, error);
        // Not truncated: before the lock is held, the file says who holds it.
        let mut options = file::private();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&beside).map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { path: path.to_owned(), pid: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        // In place and always as long, so that a full disk has room for it.
        let line = format!("{:<10}\n", std::process::id());
        let written = file.rewind().and_then(|()| file.write_all(line.as_bytes()));
        written.map_err(|error| failed(&error))?;
        Ok(Self { file })
    }

    /// Removes the file, and the lock with it: the store is no more.
    pub(super) fn remove(self, path: &Path) -> Result<(), StoreError> {
        file::remove(&file::beside(path, "-lock"))
    }
}

impl Drop for Lock {
    /// Closing the file would not do: a process that was being started at this moment may have
    /// inherited it.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(11).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
