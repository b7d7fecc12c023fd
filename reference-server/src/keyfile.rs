//! The two files that hold secrets: the identity key, which stays offline, and the signed epochs,
//! which the server needs.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use edgewise_spec::constants::EPOCH_SECONDS;
use edgewise_spec::link::{EpochSecret, IdentityKey};
use edgewise_spec::time::Now;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

/// Why a key file cannot be used or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It would be overwritten.
    #[error("{path} exists and is not overwritten: move it away first", path = path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// It does not hold what it should.
    #[error("{path} {reason}", path = path.display())]
    Contents {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFile {
    seed: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochsFile {
    #[serde(default)]
    epoch: Vec<EpochEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochEntry {
    number: u32,
    seed: String,
    record: String,
}

impl Drop for IdentityFile {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl Drop for EpochEntry {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

/// Writes a new file that only its owner can read.
///
/// # Errors
/// [`KeyFileError::Exists`] rather than overwriting; [`KeyFileError::Write`].
pub fn write_secret(path: &Path, contents: &[u8]) -> Result<(), KeyFileError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
        _ => KeyFileError::Write { path: path.to_owned(), source },
    };
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(contents).and_then(|()| file.sync_all()).map_err(failed)
}

/// Writes the identity key to a new file.
///
/// # Errors
/// As [`write_secret`].
pub fn write_identity(path: &Path, identity: &IdentityKey) -> Result<(), KeyFileError> {
    let seed = Zeroizing::new(hex::encode(identity.to_seed().as_slice()));
    let text = Zeroizing::new(format!(
        "# The server's identity. Whoever holds this can be the server, and without it the\n\
         # address is lost: keep it offline, twice. The running server does not need it.\n\
         seed = \"{}\"\n",
        seed.as_str()
    ));
    write_secret(path, text.as_bytes())
}

/// Reads an identity key.
///
/// # Errors
/// [`KeyFileError::Read`] or [`KeyFileError::Contents`].
pub fn read_identity(path: &Path) -> Result<IdentityKey, KeyFileError> {
    let refused = || KeyFileError::Contents {
        path: path.to_owned(),
        reason: "is no identity key file: `seed`, 64 hexadecimal digits, is expected",
    };
    let file: IdentityFile = toml::from_str(&read(path)?).map_err(|_| refused())?;
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(&file.seed, seed.as_mut_slice()).map_err(|_| refused())?;
    Ok(IdentityKey::from_seed(&seed))
}

/// Reads signed epochs; all are verified, and belong to one identity.
///
/// # Errors
/// [`KeyFileError::Read`] or [`KeyFileError::Contents`].
pub fn read_epochs(path: &Path) -> Result<Vec<EpochSecret>, KeyFileError> {
    let refused = |reason| KeyFileError::Contents { path: path.to_owned(), reason };
    let file: EpochsFile = toml::from_str(&read(path)?)
        .map_err(|_| refused("is no file of epochs: make one with `edgewise-server epochs`"))?;
    let mut epochs: Vec<EpochSecret> = Vec::with_capacity(file.epoch.len());
    for entry in &file.epoch {
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(&entry.seed, seed.as_mut_slice())
            .map_err(|_| refused("holds a seed that is not 64 hexadecimal digits"))?;
        let record = hex::decode(&entry.record)
            .map_err(|_| refused("holds a record that is not hexadecimal"))?;
        let epoch = EpochSecret::from_parts(&seed, &record)
            .map_err(|_| refused("holds a record whose signature or seed does not fit"))?;
        let strange = epochs.last().is_some_and(|before| {
            before.record().identity_vk() != epoch.record().identity_vk()
                || before.record().number() >= epoch.record().number()
        });
        if strange {
            return Err(refused("mixes identities, or its epochs are not in order"));
        }
        epochs.push(epoch);
    }
    if epochs.is_empty() {
        return Err(refused("holds no epoch: extend it with `edgewise-server epochs`"));
    }
    Ok(epochs)
}

/// Replaces a file of epochs at once, so that a server that reads it meanwhile sees old or new.
///
/// # Errors
/// [`KeyFileError::Write`].
pub fn write_epochs(path: &Path, epochs: &[EpochSecret]) -> Result<(), KeyFileError> {
    let failed = |source| KeyFileError::Write { path: path.to_owned(), source };
    let beside = path.with_extension("new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    write_secret(&beside, epochs_text(epochs).as_bytes())?;
    std::fs::rename(&beside, path).map_err(failed)
}

/// Signs epochs of a day each, from the one of `now` or the first that `known` lacks, until `days`
/// days from now are covered. Those that are over for two epochs are dropped.
#[must_use]
pub fn extend(
    identity: &IdentityKey,
    known: Vec<EpochSecret>,
    now: Now,
    days: u32,
    rng: &mut dyn CryptoRng,
) -> Vec<EpochSecret> {
    let today = epoch_number(now, EPOCH_SECONDS);
    let mut epochs: Vec<EpochSecret> =
        known.into_iter().filter(|epoch| epoch.record().number() + 1 >= today).collect();
    let first = epochs.last().map_or(today, |last| today.max(last.record().number() + 1));
    for number in first..today.saturating_add(days) {
        epochs.push(sign_epoch(identity, number, EPOCH_SECONDS, rng));
    }
    epochs
}

/// The number of the epoch in which `now` lies: whole epochs since the Unix epoch.
#[must_use]
pub fn epoch_number(now: Now, epoch_seconds: u64) -> u32 {
    u32::try_from(now.seconds() / epoch_seconds.max(1)).unwrap_or(u32::MAX)
}

/// Signs the epoch of a number.
#[must_use]
pub fn sign_epoch(
    identity: &IdentityKey,
    number: u32,
    epoch_seconds: u64,
    rng: &mut dyn CryptoRng,
) -> EpochSecret {
    let not_before = u64::from(number).saturating_mul(epoch_seconds);
    identity.sign_epoch(number, not_before, not_before.saturating_add(epoch_seconds), rng)
}

fn epochs_text(epochs: &[EpochSecret]) -> Zeroizing<String> {
    // One allocation of the right size: growing would leave copies of seeds behind.
    let entry = 2 * (edgewise_spec::constants::EPOCH_RECORD_LEN + 32) + 80;
    let mut text = Zeroizing::new(String::with_capacity(256 + epochs.len() * entry));
    text.push_str(
        "# Signed epochs and their secret seeds. The server needs this file; nobody else.\n",
    );
    text.push_str("# Extend it with `edgewise-server epochs` before its last epoch is over.\n");
    for epoch in epochs {
        let seed = Zeroizing::new(hex::encode(epoch.to_seed().as_slice()));
        text.push_str("\n[[epoch]]\nnumber = ");
        text.push_str(&epoch.record().number().to_string());
        text.push_str("\nseed = \"");
        text.push_str(&seed);
        text.push_str("\"\nrecord = \"");
        text.push_str(&hex::encode(epoch.record().bytes()));
        text.push_str("\"\n");
    }
    text
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| KeyFileError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use std::os::unix::fs::PermissionsExt as _;

    const DAY: u64 = 20_000;

    fn numbers(epochs: &[EpochSecret]) -> Vec<u32> {
        epochs.iter().map(|epoch| epoch.record().number()).collect()
    }

    #[test]
    fn files_survive_and_only_their_owner_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let (identity_path, epochs_path) =
            (folder.path().join("identity.key"), folder.path().join("epochs.toml"));
        let identity = IdentityKey::generate(&mut random());
        let now = Now::from_seconds(DAY * EPOCH_SECONDS + 1);
        let epochs = extend(&identity, Vec::new(), now, 3, &mut random());
        write_identity(&identity_path, &identity).unwrap();
        write_epochs(&epochs_path, &epochs).unwrap();
        let read = read_epochs(&epochs_path).unwrap();
        assert_eq!(numbers(&read), [20_000, 20_001, 20_002]);
        for (written, read) in epochs.iter().zip(&read) {
            assert_eq!(written.record().bytes(), read.record().bytes());
            assert_eq!(*written.to_seed(), *read.to_seed());
        }
        assert_eq!(read_identity(&identity_path).unwrap().fingerprint(), identity.fingerprint());
        for path in [identity_path, epochs_path] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.key");
        write_identity(&path, &IdentityKey::generate(&mut random())).unwrap();
        let before = std::fs::read(&path).unwrap();
        let again = write_identity(&path, &IdentityKey::generate(&mut random()));
        assert!(matches!(again, Err(KeyFileError::Exists { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn extending_goes_on_where_the_known_epochs_end() {
        let identity = IdentityKey::generate(&mut random());
        let start = Now::from_seconds(DAY * EPOCH_SECONDS);
        let first = extend(&identity, Vec::new(), start, 2, &mut random());
        let later = extend(&identity, first, start.plus_seconds(EPOCH_SECONDS), 3, &mut random());
        assert_eq!(numbers(&later), [20_000, 20_001, 20_002, 20_003]);
        let gap = extend(&identity, later, start.plus_seconds(9 * EPOCH_SECONDS), 1, &mut random());
        assert_eq!(numbers(&gap), [20_009]);
    }

    #[test]
    fn what_is_no_key_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epochs.toml");
        for text in ["", "epoch = 1", "[[epoch]]\nnumber = 1\nseed = \"00\"\nrecord = \"\""] {
            std::fs::write(&path, text).unwrap();
            let error = read_epochs(&path).map(|_| text).unwrap_err().to_string();
            assert!(error.contains("epochs.toml"), "{error}");
            assert!(read_identity(&path).is_err());
        }
    }
}
