//! Why something did not work.

use edgewise_spec::error::Misuse;
use edgewise_spec::invitation::{CardRefused, NameRefused, RequestRefused};
use edgewise_spec::message::{ComposeRefused, ProofRefused};

use crate::store::StoreError;

/// Why something did not work, and what to do. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessengerError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such profile, contact, message, invitation, server or request.
    #[error("there is no {0} of this number; it may have been removed")]
    Unknown(&'static str),
    /// The text is no card.
    #[error(transparent)]
    Card(#[from] CardRefused),
    /// The name is not acceptable.
    #[error("{0}")]
    Name(#[from] NameRefused),
    /// The message cannot be sent.
    #[error("{0}")]
    Compose(#[from] ComposeRefused),
    /// The request to a contact address cannot be sent.
    #[error("{0}")]
    Request(#[from] RequestRefused),
    /// The proof does not hold.
    #[error("{0}")]
    Proof(#[from] ProofRefused),
    /// The profile has too few servers.
    #[error(
        "the profile has {have} servers, and {need} are needed; add {}: edgewise servers add ADDRESS",
        more(*.need, *.have)
    )]
    Servers {
        /// How many there are.
        have: usize,
        /// How many are needed.
        need: usize,
    },
    /// What was asked does not go with how things stand; the text says why, and what to do.
    #[error("{0}")]
    NotNow(String),
    /// The caller did something that the documentation forbids.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The messenger was closed.
    #[error("the messenger is closed; open it again")]
    Closed,
}

fn more(need: usize, have: usize) -> String {
    match need.saturating_sub(have) {
        0 | 1 => "one".to_owned(),
        more => format!("{more} more"),
    }
}
