//! What the suite's own client keeps over its end.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use edgewise_proto::conformance::v1::event::Kind as Event;

use super::contact::Contact;

/// All that the client knows.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) seed: [u8; 32],
    pub(super) contacts: Vec<Contact>,
    pub(super) events: Vec<Event>,
}

static KEPT: LazyLock<Mutex<HashMap<String, Kept>>> = LazyLock::new(Mutex::default);

/// Keeps it for the next start on the same folder.
pub(super) fn keep(folder: &str, kept: Kept) {
    let mut all = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    // What stood in a folder that is gone is gone with it.
    all.retain(|folder, _| Path::new(folder).exists());
    if !folder.is_empty() {
        all.insert(folder.to_owned(), kept);
    }
}

/// What was kept under a folder.
pub(super) fn take(folder: &str) -> Option<Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).remove(folder)
}
