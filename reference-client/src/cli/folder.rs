//! The data folder: where it is, what is in it, and that only its owner can use it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::failure::Failure;

const STORE: &str = "chat.db";
const SOCKET: &str = "daemon.sock";
const SETTINGS: &str = "settings.json";

/// A data folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// What is remembered outside the store, because it is needed before the store is open or is
/// nobody's secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Id of the profile that verbs use when they name none.
    pub(crate) profile: Option<String>,
    /// The store's key file, where there is one.
    pub(crate) key_file: Option<PathBuf>,
}

impl Folder {
    /// The folder at `path`, or the system's place for a user's data.
    pub(crate) fn find(path: Option<PathBuf>) -> Result<Self, Failure> {
        let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let path = path
            .or_else(|| from("XDG_DATA_HOME").map(|data| PathBuf::from(data).join("edgewise")))
            .or_else(|| from("HOME").map(|home| PathBuf::from(home).join(".local/share/edgewise")))
            .ok_or_else(|| Failure::usage("there is no HOME; name a folder: --data DIR"))?;
        let path = std::path::absolute(&path).unwrap_or(path);
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The store.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    /// Where a daemon listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join(SOCKET)
    }

    /// Makes the folder, for its owner alone.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        let failed =
            |error| Failure::store(format!("cannot make {}: {error}", self.path.display()));
        let empty = fs::read_dir(&self.path).is_ok_and(|mut inside| inside.next().is_none());
        if empty {
            return fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))
                .map_err(failed);
        }
        if self.path.is_dir() {
            return self.check();
        }
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::DirBuilder::new().mode(0o700).create(&self.path).map_err(failed)
    }

    /// Refuses a folder that others may use.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let path = self.path.display();
        let about = fs::metadata(&self.path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Failure::store(format!("there is nothing at {path}; begin with: edgewise init"))
            }
            _ => Failure::store(format!("cannot look at {path}: {error}")),
        })?;
        let mode = about.permissions().mode() & 0o7777;
        if about.is_dir() && mode & 0o077 == 0 {
            return Ok(());
        }
        if !about.is_dir() {
            return Err(Failure::store(format!("{path} is no folder; name another: --data DIR")));
        }
        Err(Failure::store(format!(
            "{path} has mode {mode:04o}, so that others may look into it; run: chmod 700 {path}"
        )))
    }

    /// The settings, or none.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let path = self.path.join(SETTINGS);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Settings::default());
            }
            Err(error) => return Err(unreadable(&path, &error)),
        };
        serde_json::from_str(&text).map_err(|error| unreadable(&path, &error))
    }

    /// Keeps the settings; they are there whole, before or after.
    pub(crate) fn keep(&self, settings: &Settings) -> Result<(), Failure> {
        let new = self.path.join("settings.json-new");
        let _ = fs::remove_file(&new);
        let text = serde_json::to_string_pretty(settings).map_err(Failure::store)?;
        write_private(&new, format!("{text}\n").as_bytes())?;
        fs::rename(&new, self.path.join(SETTINGS)).map_err(|error| unwritable(&new, &error))
    }

    /// Removes what is beside the store, after that was wiped.
    pub(crate) fn clear(&self) {
        for name in [SETTINGS, "settings.json-new", SOCKET] {
            let _ = fs::remove_file(self.path.join(name));
        }
        let _ = fs::remove_dir(&self.path);
    }

    /// Files of the folder that others may use, with their modes.
    pub(crate) fn open_to_others(&self) -> Vec<(PathBuf, u32)> {
        let Ok(files) = fs::read_dir(&self.path) else { return Vec::new() };
        files
            .flatten()
            .filter_map(|file| {
                let mode = file.metadata().ok()?.permissions().mode() & 0o7777;
                (mode & 0o077 != 0).then(|| (file.path(), mode))
            })
            .collect()
    }
}

/// Writes a file that only its owner can read, and nothing over one that exists.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = create_private(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| unwritable(path, &error))
}

/// A new file that only its owner can read.
pub(crate) fn create_private(path: &Path) -> Result<fs::File, Failure> {
    let options = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    options.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::usage(format!(
            "{} exists already; choose another name, or remove it first",
            path.display()
        )),
        _ => unwritable(path, &error),
    })
}

pub(crate) fn unreadable(path: &Path, error: &impl core::fmt::Display) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", path.display()))
}

pub(crate) fn unwritable(path: &Path, error: &impl core::fmt::Display) -> Failure {
    Failure::usage(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Reason;

    #[test]
    fn a_folder_is_its_owners_alone() {
        let outside = tempfile::tempdir().unwrap();
        let folder = Folder::find(Some(outside.path().join("deep/data"))).unwrap();
        let missing = folder.check().unwrap_err();
        assert!(missing.reason == Reason::Store && missing.message.contains("edgewise init"));
        folder.make().unwrap();
        folder.check().unwrap();
        let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(folder.check().unwrap_err().message.contains("chmod 700"));
        // An empty one is made right, one with something in it is left for its owner to decide.
        folder.make().unwrap();
        folder.check().unwrap();
        fs::write(folder.path().join("x"), "").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(folder.make().unwrap_err().reason, Reason::Store);
        assert_eq!(folder.open_to_others().len(), 1);
    }

    #[test]
    fn settings_come_back_and_damaged_ones_are_named() {
        let outside = tempfile::tempdir().unwrap();
        let folder = Folder::find(Some(outside.path().to_owned())).unwrap();
        assert_eq!(folder.settings().unwrap(), Settings::default());
        let settings = Settings { profile: Some("01".to_owned()), key_file: None };
        folder.keep(&settings).unwrap();
        folder.keep(&settings).unwrap();
        assert_eq!(folder.settings().unwrap(), settings);
        let path = folder.path().join(SETTINGS);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "{").unwrap();
        assert!(folder.settings().unwrap_err().message.contains("settings.json"));
    }

    #[test]
    fn nothing_is_written_over_a_file() {
        let outside = tempfile::tempdir().unwrap();
        let path = outside.path().join("card.png");
        write_private(&path, b"1").unwrap();
        let refused = write_private(&path, b"2").unwrap_err();
        assert!(refused.reason == Reason::Usage && refused.message.contains("exists already"));
        assert_eq!(fs::read(&path).unwrap(), b"1");
    }
}
