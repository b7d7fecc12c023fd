//! The files of a store: made for their owner alone, read only if they still are.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{self, StoreError};

/// A store's path with an ending, beside it.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// For creating files that only their owner can use.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Refuses a file that others may use.
#[cfg(unix)]
pub(super) fn must_be_private(path: &Path, file: &fs::Metadata) -> Result<(), StoreError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(StoreError::Permissions { path: path.to_owned(), mode })
}

/// Other systems have no such bits: the folder of the user's profile protects the file.
#[cfg(not(unix))]
pub(super) fn must_be_private(_: &Path, _: &fs::Metadata) -> Result<(), StoreError> {
    Ok(())
}

/// Writes a file that must not exist yet, and sees it on the disk.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = match private().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(StoreError::Exists { path: path.to_owned() });
        }
        other => other.map_err(|error| error::io(path, &error))?,
    };
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // A piece of a key file is of no use, and in the way of the next try.
        let _ = fs::remove_file(path);
        return Err(error::io(path, &error));
    }
    sync_folder(path)
}

/// Reads up to `most` bytes of a private file; `None` if there is none.
pub(super) fn read_private(
    path: &Path,
    most: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| error::io(path, &error))?,
    };
    let about = file.metadata().map_err(|error| error::io(path, &error))?;
    must_be_private(path, &about)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    file.take(most as u64).read_to_end(&mut bytes).map_err(|error| error::io(path, &error))?;
    Ok(Some(bytes))
}

/// Makes the creation, renaming or removal of a file in its folder outlast a loss of power.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = parent.unwrap_or_else(|| Path::new("."));
    // Windows opens no folders, and needs no such thing.
    if cfg!(windows) {
        return Ok(());
    }
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| error::io(folder, &error))
}

/// Removes a file, if there is one.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error::io(path, &error)),
        _ => Ok(()),
    }
}

/// Whether a file has nothing but zeros in it.
pub(super) fn is_zeros(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut piece = [0; 65_536];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(true),
            len if piece.iter().take(len).any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}

/// Writes zeros over a whole file, if there is one, and sees them on the disk. A disk that writes
/// elsewhere instead (flash, copy-on-write) keeps the old blocks for a while.
pub(super) fn overwrite(path: &Path) -> Result<(), StoreError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| error::io(path, &error))?,
    };
    let mut left = file.metadata().map_err(|error| error::io(path, &error))?.len();
    let zeros = [0; 65_536];
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
        let piece = zeros.get(..len).unwrap_or(&zeros);
        file.write_all(piece).map_err(|error| error::io(path, &error))?;
        left = left.saturating_sub(piece.len() as u64);
    }
    file.sync_all().map_err(|error| error::io(path, &error))
}
