//! Where the store of a client under test lies.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::{self, Store, StoreError, Stretch, Unlock};

/// How long a store is waited for that is still in use.
const STORE_WITHIN: Duration = Duration::from_secs(5);
/// With which the store of a client under test opens: it keeps nothing of anybody.
const PASSPHRASE: &str = "client under test";

fn store_options() -> store::Options {
    // Nobody guesses a passphrase that everybody knows.
    store::Options { stretch: Stretch { memory_kib: 8, passes: 1 }, ..store::Options::default() }
}

/// Makes the store, or opens the one that is there. A driver before this one, in this process, may
/// still be ending.
pub(super) async fn open(path: &Path) -> Result<Store, StoreError> {
    let unlock = Unlock::passphrase(PASSPHRASE);
    let end = Instant::now() + STORE_WITHIN;
    loop {
        let opened = if path.exists() {
            Store::open(path, &unlock, &store_options())
        } else {
            Store::create(path, &unlock, &store_options())
        };
        match opened {
            Err(StoreError::InUse { .. }) if Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            opened => return opened,
        }
    }
}

/// A folder that is nobody else's.
pub(super) fn fresh() -> PathBuf {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    std::env::temp_dir().join(format!("edgewise-driver-{}-{nanos}", std::process::id()))
}
