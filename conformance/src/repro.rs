//! Failures of properties as files, so that they can be run again.

use std::io;
use std::path::{Path, PathBuf};

use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::suite::hash;
use serde::{Deserialize, Serialize};

/// The version of this suite.
pub const SUITE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A failure that can be run again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repro {
    /// The case that failed.
    pub case: String,
    /// The seed of the run.
    pub seed: u64,
    /// Revision of the specification that was judged.
    pub spec_revision: u32,
    /// Version of the suite that failed.
    pub suite_version: String,
    /// What the case needs to run the same again.
    pub data: serde_json::Value,
}

/// Writes a failure to `<folder>/<hash>.json`, and returns that path.
///
/// # Errors
/// Whatever the file system says.
pub fn write(folder: &Path, case: &str, seed: u64, data: serde_json::Value) -> io::Result<PathBuf> {
    let repro = Repro {
        case: case.to_owned(),
        seed,
        spec_revision: SPEC_REVISION,
        suite_version: SUITE_VERSION.to_owned(),
        data,
    };
    let text = serde_json::to_string_pretty(&repro)?;
    let name = hex::encode(hash(&[text.as_bytes()]).get(..8).unwrap_or_default());
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{name}.json"));
    std::fs::write(&path, text + "\n")?;
    Ok(path)
}

/// Reads a failure.
///
/// # Errors
/// What is wrong with the file.
pub fn read(path: &Path) -> io::Result<Repro> {
    let text = std::fs::read_to_string(path)?;
    serde_json::from_str(&text).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let data = serde_json::json!({ "commands": [1, 2] });
        let path = write(folder.path(), "connection/property", 7, data.clone()).unwrap();
        let repro = read(&path).unwrap();
        assert_eq!(
            (repro.case.as_str(), repro.seed, &repro.data),
            ("connection/property", 7, &data)
        );
        let again = write(folder.path(), "connection/property", 7, data).unwrap();
        assert_eq!(path, again);
    }
}
