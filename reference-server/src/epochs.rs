//! The epochs a server holds, and what it publishes of them.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use edgewise_spec::link::EpochWindow;
use edgewise_spec::time::Now;

use crate::config::Epochs;
use crate::keyfile::{self, KeyFileError};
use crate::random;

/// Seconds before the end of the last signed epoch from which on the operator is warned.
const WARN_SECONDS: u64 = 7 * 86_400;

/// Why there is no current epoch.
#[derive(Debug, thiserror::Error)]
pub enum EpochsError {
    /// The file of epochs cannot be used.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// All signed epochs are still to come.
    #[error(
        "the first signed epoch begins {0} seconds from now: the machine's clock is behind; set it"
    )]
    TooEarly(u64),
    /// All signed epochs are over.
    #[error(
        "the last signed epoch ended {0} seconds ago: sign more with `edgewise-server epochs` \
         where the identity key is kept"
    )]
    Over(u64),
    /// There is a hole in the signed epochs.
    #[error("no signed epoch covers this moment: sign more with `edgewise-server epochs`")]
    Hole,
}

/// Supplies epochs as the clock moves on.
#[derive(Debug)]
pub struct EpochSource {
    from: Epochs,
    held: Mutex<EpochWindow>,
}

impl EpochSource {
    /// Takes the epochs from where the configuration says.
    ///
    /// # Errors
    /// [`EpochsError`] if they cannot be read or none is current.
    pub fn open(from: &Epochs, now: Now) -> Result<Self, EpochsError> {
        let source = Self { from: from.clone(), held: Mutex::default() };
        source.reload()?;
        source.window(now)?;
        Ok(source)
    }

    /// Reads the file again. What is held stays if it cannot be used, or is of another identity.
    ///
    /// # Errors
    /// [`EpochsError::File`].
    pub fn reload(&self) -> Result<(), EpochsError> {
        if let Epochs::File(path) = &self.from {
            let read = EpochWindow::new(keyfile::read_epochs(path)?);
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if held.fingerprint().is_some_and(|known| read.fingerprint() != Some(known)) {
                return Err(another_identity(path).into());
            }
            *held = read;
        }
        Ok(())
    }

    /// The epochs around `now`, older ones erased; what is missing is signed where the identity
    /// key is at hand, or looked for in the file.
    ///
    /// # Errors
    /// [`EpochsError`] if none is current.
    pub fn window(&self, now: Now) -> Result<EpochWindow, EpochsError> {
        match &self.from {
            Epochs::Identity { key, epoch_seconds } => {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                let current = keyfile::epoch_number(now, *epoch_seconds);
                for number in [current, current.saturating_add(1)] {
                    let start = u64::from(number).saturating_mul(*epoch_seconds);
                    if held.current(Now::from_seconds(start)).is_none() {
                        held.insert(keyfile::sign_epoch(
                            key,
                            number,
                            *epoch_seconds,
                            &mut random(),
                        ));
                    }
                }
            }
            Epochs::File(_) => {
                let next_is_known = {
                    let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                    held.next(now).is_some()
                };
                // Extended meanwhile, perhaps. A file that cannot be used is no news: what is
                // held may still do, and the reason is given where it does not.
                if !next_is_known && let Err(error) = self.reload() {
                    tracing::warn!("the epochs cannot be read again: {error}");
                }
            }
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.current(now).is_none() {
            return Err(why_none(&held, now));
        }
        held.forget(now);
        Ok(held.clone())
    }

    /// When the last of the epochs that follow one another from `now` on ends, in seconds since
    /// the Unix epoch; `None` where the identity key itself is at hand.
    #[must_use]
    pub fn signed_until(&self, now: Now) -> Option<u64> {
        if matches!(self.from, Epochs::Identity { .. }) {
            return None;
        }
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut until = now.seconds();
        while let Some(end) = held.until(Now::from_seconds(until)) {
            until = end;
        }
        Some(until)
    }

    /// Whether more epochs are to be signed soon.
    #[must_use]
    pub fn run_out(&self, now: Now) -> bool {
        self.signed_until(now).is_some_and(|until| until < now.plus_seconds(WARN_SECONDS).seconds())
    }

    /// Says so where the signed epochs run out soon.
    pub fn warn(&self, now: Now) {
        if self.run_out(now) {
            let left = self.signed_until(now).unwrap_or(0).saturating_sub(now.seconds());
            tracing::warn!(
                hours_left = left / 3_600,
                "the signed epochs run out: sign more with `edgewise-server epochs`"
            );
        }
    }
}

fn another_identity(path: &Path) -> KeyFileError {
    KeyFileError::Contents {
        path: path.to_owned(),
        reason: "is of another identity than this server's",
    }
}

fn why_none(held: &EpochWindow, now: Now) -> EpochsError {
    let seconds = now.seconds();
    match (held.first_not_before(), held.last_not_after()) {
        (Some(first), _) if seconds < first => EpochsError::TooEarly(first - seconds),
        (_, Some(last)) if seconds >= last => EpochsError::Over(seconds - last),
        _ => EpochsError::Hole,
    }
}
