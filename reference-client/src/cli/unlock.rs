//! What opens the store: a passphrase that is asked for or read, or a key file.

use std::fs;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::failure::Failure;
use super::folder::{Folder, unreadable};
use crate::store::{Options, Store, Unlock};

/// Longest passphrase, in bytes.
const PASSPHRASE_MAX: u64 = 1_024;
/// The variable that may hold it.
pub(crate) const VARIABLE: &str = "EDGEWISE_PASSPHRASE";

/// Where what unlocks comes from, as the command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) passphrase_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
}

impl Source {
    /// What opens the store that is in `folder`.
    pub(crate) fn find(&self, folder: &Folder) -> Result<Unlock, Failure> {
        if let Some(given) = self.given()? {
            return Ok(given);
        }
        if let Some(path) = folder.settings()?.key_file {
            return Ok(Unlock::KeyFile(path));
        }
        ask("Passphrase: ").map(Unlock::Passphrase)
    }

    /// What a new store will be opened with.
    pub(crate) fn new_one(&self, make_key_file: Option<&Path>) -> Result<Unlock, Failure> {
        if let Some(path) = make_key_file {
            return Ok(Unlock::make_key_file(&std::path::absolute(path).unwrap_or(path.into()))?);
        }
        if let Some(given) = self.given()? {
            return Ok(given);
        }
        let passphrase = ask("New passphrase: ")?;
        if passphrase.is_empty() {
            return Err(Failure::store("an empty passphrase protects nothing; choose another"));
        }
        if ask("Once more: ")? != passphrase {
            return Err(Failure::store("the two differ; try again"));
        }
        Ok(Unlock::Passphrase(passphrase))
    }

    fn given(&self) -> Result<Option<Unlock>, Failure> {
        if let Some(path) = &self.key_file {
            return Ok(Some(Unlock::KeyFile(path.clone())));
        }
        if let Some(path) = &self.passphrase_file {
            return first_line(path).map(|line| Some(Unlock::Passphrase(line)));
        }
        match std::env::var(VARIABLE) {
            Ok(passphrase) => Ok(Some(Unlock::passphrase(passphrase))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(error) => Err(Failure::store(format!("{VARIABLE}: {error}"))),
        }
    }
}

/// Opens the store, with a sign of life on a terminal, for a passphrase is slow to stretch.
pub(crate) fn open(folder: &Folder, unlock: &Unlock) -> Result<Store, Failure> {
    folder.check()?;
    let progress = spinner("Opening the store");
    let store = Store::open(&folder.store(), unlock, &Options::default());
    progress.finish_and_clear();
    store.map_err(|error| match error {
        crate::store::StoreError::Missing { path } => Failure::store(format!(
            "there is no store at {}; begin with: edgewise init",
            path.display()
        )),
        other => other.into(),
    })
}

/// A sign of life on standard error, if that is a terminal.
pub(crate) fn spinner(text: &'static str) -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner().with_message(text);
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}

/// Asks on the terminal whether to go on with what cannot be undone. `how` says how to go on
/// without a terminal, `not` what has become of it if the user does not want to.
pub(crate) fn sure(question: &str, how: &str, not: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("there is no terminal to ask at; {how}")));
    }
    let mut screen = std::io::stderr();
    let _ = write!(screen, "{question} Type yes: ").and_then(|()| screen.flush());
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::failed(not)) }
}

/// Asks for a secret on the terminal, without showing it.
pub(crate) fn ask(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::store(format!(
            "no passphrase: there is no terminal to ask at; use --passphrase-file FILE, {VARIABLE} or --key-file FILE"
        )));
    }
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| Failure::store(format!("cannot ask for the passphrase: {error}")))
}

/// The first line of a file that only its owner can read.
pub(crate) fn first_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let about = file.metadata().map_err(|error| unreadable(path, &error))?;
    let mode = about.permissions().mode() & 0o7777;
    if about.is_file() && mode & 0o077 != 0 {
        return Err(Failure::store(format!(
            "{} has mode {mode:04o}, so that others may read it; run: chmod 600 {}",
            path.display(),
            path.display()
        )));
    }
    let mut text = Zeroizing::new(String::new());
    let read = file.take(PASSPHRASE_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(path, &error))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() || line.len() as u64 > PASSPHRASE_MAX {
        return Err(Failure::store(format!(
            "the first line of {} is empty or longer than {PASSPHRASE_MAX} bytes",
            path.display()
        )));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_file_is_private_and_not_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pass");
        super::super::folder::write_private(&path, b"correct horse\nnot this\n").unwrap();
        assert_eq!(first_line(&path).unwrap().as_str(), "correct horse");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(first_line(&path).unwrap_err().message.contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "\n").unwrap();
        assert!(first_line(&path).unwrap_err().message.contains("empty"));
        fs::write(&path, "x".repeat(2_000)).unwrap();
        assert!(first_line(&path).unwrap_err().message.contains("longer"));
        assert!(first_line(&folder.path().join("none")).is_err());
    }
}
