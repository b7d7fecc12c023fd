//! A folder that goes when the demonstration does.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rand_core::Rng as _;

use crate::cli::failure::Failure;
use crate::clock::OsRandom;

/// A folder for its owner alone, removed with all that is in it when this is dropped.
pub(super) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(super) fn make() -> Result<Self, Failure> {
        let name = format!("edgewise-demo-{:016x}", OsRandom.next_u64());
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::store(format!("cannot make {}: {error}", path.display())))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
