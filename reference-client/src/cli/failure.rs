//! What ends a verb early, and with which exit code.

use serde::{Deserialize, Serialize};

use crate::messenger::MessengerError;
use crate::store::{StoreError, StoreMisuse};

/// What kind of failure it is; each kind has an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// The thing itself failed.
    Failed,
    /// A command line or a value that cannot be.
    Usage,
    /// The store, its files, or what unlocks it.
    Store,
    /// A server was not reached in the time given. What was said is kept.
    Unreached,
}

impl Reason {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [Self::Failed, Self::Usage, Self::Store, Self::Unreached];

    /// The program's exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Store => 3,
            Self::Unreached => 4,
        }
    }

    /// What it means, as the README says it.
    #[cfg(test)]
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "the thing itself failed, or does not go with how things stand",
            Self::Usage => "a command line, a name, a card or a file that cannot be",
            Self::Store => "the store, its files, or the passphrase or key file",
            Self::Unreached => {
                "no server took it, or nobody answered, in the time given; what was said is kept"
            }
        }
    }
}

/// What was wrong, with which value, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Which kind.
    pub(crate) reason: Reason,
    /// For a person.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn failed(message: impl ToString) -> Self {
        Self { reason: Reason::Failed, message: message.to_string() }
    }

    pub(crate) fn usage(message: impl ToString) -> Self {
        Self { reason: Reason::Usage, message: message.to_string() }
    }

    pub(crate) fn store(message: impl ToString) -> Self {
        Self { reason: Reason::Store, message: message.to_string() }
    }

    pub(crate) fn unreached(message: impl ToString) -> Self {
        Self { reason: Reason::Unreached, message: message.to_string() }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Misuse(StoreMisuse::Unknown(_)) => Self::usage(error),
            other => Self::store(other),
        }
    }
}

impl From<MessengerError> for Failure {
    fn from(error: MessengerError) -> Self {
        match error {
            MessengerError::Store(error) => error.into(),
            MessengerError::Unknown(_)
            | MessengerError::Card(_)
            | MessengerError::Name(_)
            | MessengerError::Compose(_)
            | MessengerError::Request(_) => Self::usage(error),
            other => Self::failed(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_exit_code() {
        let readme = include_str!("../../README.md");
        for reason in Reason::ALL {
            let row = format!("| {} | {} |", reason.code(), reason.meaning());
            assert!(readme.contains(&row), "put this into the README:\n{row}");
        }
    }
}
