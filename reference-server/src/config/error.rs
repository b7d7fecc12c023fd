//! Why a configuration is refused: which value, what stands there, and what may.

use std::fmt;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}. {hint}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The file is not the TOML that is expected.
    #[error("{path}: {message}", path = path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// A value cannot be.
    #[error("`{field}` cannot be {value}: write {wants}")]
    Value {
        /// The value's name in the file.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        wants: String,
    },
}

pub(super) fn value(
    field: &'static str,
    value: impl fmt::Display,
    wants: impl Into<String>,
) -> ConfigError {
    ConfigError::Value { field, value: value.to_string(), wants: wants.into() }
}

pub(super) fn one_of<T: PartialEq + fmt::Display>(
    field: &'static str,
    given: T,
    list: &[T],
) -> Result<(), ConfigError> {
    if list.contains(&given) {
        return Ok(());
    }
    let list = list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(value(field, given, format!("one of {list}")))
}

pub(super) fn within<T: PartialOrd + fmt::Display>(
    field: &'static str,
    given: T,
    least: T,
    most: T,
) -> Result<(), ConfigError> {
    if given >= least && given <= most {
        return Ok(());
    }
    Err(value(field, given, format!("a number from {least} to {most}")))
}

pub(super) fn quoted(text: &str) -> String {
    format!("{text:?}")
}
