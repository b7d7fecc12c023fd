//! What opens a store: a passphrase or a key file, and the data key wrapped under it.
//!
//! ```text
//! key record = "edgewise store 1" 16 ‖ kind u8 ‖ memory KiB u32 ‖ passes u32 ‖ salt 16 ‖ wrapped 32 ‖ tag 16 ‖ sum 16
//! wrapping key = Argon2id(passphrase, salt, memory, passes)       kind 1
//!              = D(key file's secret, "store/key-file", salt)     kind 2
//! wrapped, tag = AEAD(wrapping key, nonce 0, ad = all before, data key)
//! sum          = first bytes of H(all before): tells a damaged record from a wrong passphrase
//! ```
//!
//! Each wrapping has a fresh salt, so each key seals once.

use core::fmt;
use std::path::{Path, PathBuf};

use edgewise_spec::constants::{HASH_LEN, NONCE_LEN, TAG_LEN};
use edgewise_spec::suite::{self, Sealer, SuiteId};
use rand_core::Rng;
use zeroize::Zeroizing;

use super::codec::{Fields, Writer};
use super::error::StoreError;
use super::file;
use crate::clock::OsRandom;

const MAGIC: &[u8; 16] = b"edgewise store 1";
const KEY_FILE_MAGIC: &[u8; 16] = b"edgewise key 1\r\n";
const SUM_LEN: usize = 16;
const KEY_FILE_LEN: usize = 16 + HASH_LEN + SUM_LEN;
const LABEL: &str = "store/key-file";
const SUITE: SuiteId = SuiteId::Chacha20Poly1305;
/// No store asks for more, so that a forged file cannot take all memory and time.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 64;

/// How hard a passphrase is to guess from a copy of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Argon2id's memory in KiB, 8 to 1,048,576.
    pub memory_kib: u32,
    /// Argon2id's passes, 1 to 64.
    pub passes: u32,
}

impl Default for Stretch {
    /// 64 MiB and 3 passes, the second recommendation of RFC 9106, section 4: 0.1 to 0.2 s.
    fn default() -> Self {
        Self { memory_kib: 65_536, passes: 3 }
    }
}

/// What opens a store.
#[derive(Clone)]
pub enum Unlock {
    /// A passphrase, of at least one byte, as it was typed.
    Passphrase(Zeroizing<String>),
    /// The path of a key file; see [`Unlock::make_key_file`].
    KeyFile(PathBuf),
}

impl Unlock {
    /// A passphrase.
    #[must_use]
    pub fn passphrase(passphrase: impl Into<String>) -> Self {
        Self::Passphrase(Zeroizing::new(passphrase.into()))
    }

    /// Writes a new key file that only its owner can read, and returns what opens with it. Keep
    /// it on another medium than the store, or in the system's key store.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is such a file, and what the operating system says.
    pub fn make_key_file(path: &Path) -> Result<Self, StoreError> {
        let mut secret = Zeroizing::new([0; HASH_LEN]);
        OsRandom.fill_bytes(&mut *secret);
        let mut writer = Writer::bare();
        writer.raw(KEY_FILE_MAGIC);
        writer.raw(&*secret);
        let mut bytes = writer.finish();
        let sum = sum(&bytes);
        bytes.extend_from_slice(&sum);
        file::write_new(path, &bytes)?;
        Ok(Self::KeyFile(path.to_owned()))
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Passphrase",
            Self::KeyFile(_) => "KeyFile",
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passphrase = 1,
    KeyFile = 2,
}

/// Wraps the data key; the key record's bytes.
pub(super) fn wrap(
    data: &[u8; HASH_LEN],
    unlock: &Unlock,
    stretch: Stretch,
) -> Result<Vec<u8>, StoreError> {
    let mut salt = [0; 16];
    OsRandom.fill_bytes(&mut salt);
    let (kind, stretch) = match unlock {
        Unlock::Passphrase(_) => (Kind::Passphrase, stretch),
        Unlock::KeyFile(_) => (Kind::KeyFile, Stretch { memory_kib: 0, passes: 0 }),
    };
    let key = wrapping_key(unlock, stretch, &salt)?;
    let mut writer = Writer::bare();
    writer.raw(MAGIC);
    writer.u8(kind as u8);
    writer.u32(stretch.memory_kib);
    writer.u32(stretch.passes);
    writer.raw(&salt);
    let mut record = writer.finish().to_vec();
    let mut wrapped = Zeroizing::new(*data);
    let tag = Sealer::new(SUITE, &key).seal(&[0; NONCE_LEN], &record, &mut *wrapped);
    record.extend_from_slice(&*wrapped);
    record.extend_from_slice(&tag);
    let sum = sum(&record);
    record.extend_from_slice(&sum);
    Ok(record)
}

/// What is wrong with a key record before anything secret is tried.
pub(super) enum Unusable {
    /// All zeros: the store was wiped.
    Wiped,
    /// Not as it was written.
    Damaged,
}

/// A key record whose sum is right.
pub(super) struct KeyRecord {
    kind: Kind,
    stretch: Stretch,
    salt: [u8; 16],
    ad: Vec<u8>,
    wrapped: [u8; HASH_LEN],
    tag: [u8; TAG_LEN],
}

impl KeyRecord {
    pub(super) fn read(record: &[u8]) -> Result<Self, Unusable> {
        if !record.is_empty() && record.iter().all(|byte| *byte == 0) {
            return Err(Unusable::Wiped);
        }
        Self::parse(record).ok_or(Unusable::Damaged)
    }

    fn parse(record: &[u8]) -> Option<Self> {
        let (body, end) = record.split_at_checked(record.len().checked_sub(SUM_LEN)?)?;
        let ad = body.get(..body.len().checked_sub(HASH_LEN + TAG_LEN)?)?.to_vec();
        let mut reader = Fields::new(body);
        let magic = reader.array::<16>()?;
        let kind = match reader.u8()? {
            1 => Kind::Passphrase,
            2 => Kind::KeyFile,
            _ => return None,
        };
        let stretch = Stretch { memory_kib: reader.u32()?, passes: reader.u32()? };
        let salt = reader.array()?;
        let (wrapped, tag) = (reader.array()?, reader.array()?);
        reader.end()?;
        let sound = magic == *MAGIC
            && sum(body) == end
            && stretch.memory_kib <= MEMORY_KIB_MAX
            && stretch.passes <= PASSES_MAX;
        sound.then_some(Self { kind, stretch, salt, ad, wrapped, tag })
    }

    /// The data key.
    pub(super) fn unwrap(&self, unlock: &Unlock) -> Result<Zeroizing<[u8; HASH_LEN]>, StoreError> {
        match (self.kind, unlock) {
            (Kind::Passphrase, Unlock::KeyFile(_)) => return Err(StoreError::PassphraseNeeded),
            (Kind::KeyFile, Unlock::Passphrase(_)) => return Err(StoreError::KeyFileNeeded),
            _ => {}
        }
        let key = wrapping_key(unlock, self.stretch, &self.salt)?;
        let mut data = Zeroizing::new(self.wrapped);
        Sealer::new(SUITE, &key).open(&[0; NONCE_LEN], &self.ad, &mut *data, &self.tag).map_err(
            |_| match unlock {
                Unlock::Passphrase(_) => StoreError::WrongPassphrase,
                Unlock::KeyFile(path) => StoreError::WrongKeyFile { path: path.clone() },
            },
        )?;
        Ok(data)
    }
}

fn sum(bytes: &[u8]) -> [u8; SUM_LEN] {
    let [sum @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = suite::hash(&[bytes]);
    sum
}

fn wrapping_key(
    unlock: &Unlock,
    stretch: Stretch,
    salt: &[u8; 16],
) -> Result<Zeroizing<[u8; HASH_LEN]>, StoreError> {
    let mut key = Zeroizing::new([0; HASH_LEN]);
    match unlock {
        Unlock::Passphrase(passphrase) => {
            let Stretch { memory_kib, passes } = stretch;
            let in_bounds = memory_kib <= MEMORY_KIB_MAX && passes <= PASSES_MAX;
            if passphrase.is_empty() || !in_bounds {
                return Err(StoreError::PassphraseUnusable);
            }
            suite::argon2id(passphrase.as_bytes(), salt, memory_kib, passes, &mut key)
                .map_err(|_| StoreError::PassphraseUnusable)?;
        }
        Unlock::KeyFile(path) => {
            let secret = read_key_file(path)?;
            suite::derive(SUITE, &[&*secret], LABEL, &[salt], &mut key);
        }
    }
    Ok(key)
}

fn read_key_file(path: &Path) -> Result<Zeroizing<[u8; HASH_LEN]>, StoreError> {
    let missing = || StoreError::KeyFileMissing { path: path.to_owned() };
    let unusable = || StoreError::KeyFileUnusable { path: path.to_owned() };
    // One byte more than a key file has: enough to see that something is none.
    let bytes = file::read_private(path, KEY_FILE_LEN + 1)?.ok_or_else(missing)?;
    let (body, end) = bytes.split_at_checked(KEY_FILE_LEN - SUM_LEN).ok_or_else(unusable)?;
    let mut reader = Fields::new(body);
    let magic = reader.array::<16>();
    let secret = reader.array::<HASH_LEN>().map(Zeroizing::new).ok_or_else(unusable)?;
    if magic != Some(*KEY_FILE_MAGIC) || sum(body) != end {
        return Err(unusable());
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEAK: Stretch = Stretch { memory_kib: 8, passes: 1 };

    #[test]
    fn every_byte_of_a_key_record_is_covered_by_its_sum() {
        let record = wrap(&[9; 32], &Unlock::passphrase("right"), WEAK).unwrap();
        let read = KeyRecord::read(&record).ok().unwrap();
        assert_eq!(*read.unwrap(&Unlock::passphrase("right")).unwrap(), [9; 32]);
        for at in 0..record.len() {
            let mut altered = record.clone();
            altered[at] ^= 0x10;
            assert!(matches!(KeyRecord::read(&altered), Err(Unusable::Damaged)), "byte {at}");
            assert!(matches!(KeyRecord::read(&record[..at]), Err(Unusable::Damaged)));
        }
        assert!(matches!(KeyRecord::read(&[0; 105]), Err(Unusable::Wiped)));
    }

    #[test]
    fn a_forged_record_cannot_ask_for_all_memory() {
        let mut record = wrap(&[9; 32], &Unlock::passphrase("right"), WEAK).unwrap();
        record[17..21].copy_from_slice(&u32::MAX.to_be_bytes());
        let body = record.len() - SUM_LEN;
        let forged = sum(&record[..body]);
        record[body..].copy_from_slice(&forged);
        assert!(matches!(KeyRecord::read(&record), Err(Unusable::Damaged)));
    }

    #[test]
    fn unlocking_prints_nothing() {
        assert_eq!(format!("{:?}", Unlock::passphrase("secret")), "Passphrase");
    }
}
