//! Everything that a chat client must not lose, in one file that shows none of it.
//!
//! A store is an SQLite file whose values are sealed under a *data key*; the data key is wrapped
//! under a passphrase or a key file ([`Unlock`]). Beside it stand `-lock` (one process at a time),
//! `-mark` (how many transactions there were, against old copies) and, while it is open or after a
//! crash, SQLite's `-wal`. `reference-client/store.md` says what each file shows and to whom.
//!
//! - [`Store::read`] gives a [`Reader`], [`Store::write`] a [`Transaction`]: all of it happens, or
//!   none.
//! - [`Transaction::send`] and [`Transaction::receive`] are the two transactions of the protocol:
//!   session state, outbox and history change together.
//! - States of sessions and invitations are [`Versioned`] bytes: their own code writes and reads
//!   them. Ends of connections are typed, since their keys and outbox are rows of their own.
//!
//! # Threads
//!
//! The store blocks, for a commit waits for the disk, and it is `Send` and not `Sync`: one thread
//! uses it at a time. It starts no thread and knows no runtime. Give it a thread that takes
//! closures from a channel, or lend it to `spawn_blocking`: both are a few lines, the first lets
//! the caller put all that is waiting into one transaction (one wait for the disk), and neither
//! could be undone if it were built in here.
//!
//! ```
//! use edgewise_client::store::{Options, Profile, Store, StoreError, Stretch, Unlock};
//!
//! # fn main() -> Result<(), StoreError> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("chat.db");
//! # let options = Options { stretch: Stretch { memory_kib: 8, passes: 1 }, ..Options::default() };
//! let unlock = Unlock::passphrase("correct horse battery staple");
//! let mut store = Store::create(&path, &unlock, &options)?;
//! let profile = store.write(|tx| tx.add_profile(&Profile::named("Ann")))?;
//! assert_eq!(store.read().profile(profile)?.unwrap().name, "Ann");
//! store.close()
//! # }
//! ```

mod check;
pub(crate) mod codec;
mod connection;
mod contact;
mod error;
mod export;
mod file;
mod held;
mod history;
mod id;
mod inbox;
mod invitation;
mod ledger;
mod lock;
mod mark;
mod open;
mod outbox;
mod piece;
mod profile;
mod reader;
mod schema;
mod seal;
mod server;
mod session;
mod setting;
mod table;
mod transaction;
mod unlock;
mod value;
mod wipe;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::TransactionBehavior;

pub use connection::{Connection, End, Owner};
pub use contact::{Contact, Verified};
pub use error::{StoreError, StoreMisuse};
pub use export::Exported;
pub use held::Held;
pub use history::{Delivery, Direction, Found, Message, Position};
pub use id::{ConnectionId, ContactId, InvitationId, PieceId, ProfileId, ServerId, SessionId};
pub use inbox::{Received, Receiving};
pub use invitation::{Given, Invitation};
pub use outbox::{Cell, Part, Says, Sending, Sent};
pub use piece::Piece;
pub use profile::Profile;
pub use reader::Reader;
pub use server::Server;
pub use session::Session;
pub use transaction::Transaction;
pub use unlock::{Stretch, Unlock};
pub use value::{SecretText, Versioned};

use lock::Lock;
use mark::Mark;
use seal::Keys;

/// The longest value of a row, in bytes: four times the longest message.
pub const VALUE_LEN_MAX: usize = 1 << 20;

/// How a store is made and opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How hard a passphrase is made to guess, when one is set.
    pub stretch: Stretch,
    /// A file of up to this many bytes is checked whole whenever it is opened; one of 288 MiB took
    /// 0.8 s. In a larger one the history is left to [`Store::check`], and to each reading of it.
    pub check_whole_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { stretch: Stretch::default(), check_whole_max: 64 << 20 }
    }
}

/// An open store. Dropped, it is closed; what was committed is on the disk either way.
pub struct Store {
    // In this order they are dropped: the lock is the last thing to go.
    db: rusqlite::Connection,
    mark: Mark,
    keys: Keys,
    path: PathBuf,
    schema: Arc<schema::Schema>,
    lock: Lock,
}

impl core::fmt::Debug for Store {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}

impl Store {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For reading.
    #[must_use]
    pub fn read(&self) -> Reader<'_> {
        Reader { db: &self.db, keys: &self.keys, path: &self.path }
    }

    /// Runs `work` in one transaction. If it returns `Ok`, everything it wrote is on the disk when
    /// this returns; if it returns an error, or the commit fails, nothing of it ever happened.
    /// Work that writes nothing does not wait for the disk.
    ///
    /// # Errors
    /// Those of `work`, [`StoreError::NoSpace`], [`StoreError::Io`], [`StoreError::Corrupt`].
    pub fn write<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let reader = Reader { db: &self.db, keys: &self.keys, path: &self.path };
        let failed = |error: rusqlite::Error| E::from(reader.failed(&error));
        let immediate = TransactionBehavior::Immediate;
        let sql = rusqlite::Transaction::new_unchecked(&self.db, immediate).map_err(failed)?;
        let mut tx = Transaction::new(reader, reader.ledger()?);
        let done = work(&mut tx)?;
        if !tx.has_written() {
            return Ok(done);
        }
        let committed = tx.finish()?;
        sql.commit().map_err(failed)?;
        self.mark.set(&self.keys, committed);
        Ok(done)
    }

    /// Locks the store with another passphrase or key file from now on. The data key stays, and
    /// with it every value; it is wrapped anew.
    ///
    /// Who has a copy of the file from before can still open that copy in the old way.
    ///
    /// # Errors
    /// [`StoreError::PassphraseUnusable`], those of a key file, and those of [`write`](Self::write).
    pub fn change_unlock(&mut self, unlock: &Unlock, stretch: Stretch) -> Result<(), StoreError> {
        let record = unlock::wrap(self.keys.data(), unlock, stretch)?;
        self.write(|tx| {
            let sql = "UPDATE key SET record = ?1 WHERE key = 1";
            let changed = tx.execute(sql, vec![record.into()])?;
            if changed == 1 { Ok(()) } else { Err(tx.corrupt("its key is missing")) }
        })?;
        // The record before leaves the log too.
        self.checkpoint()
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|error| error::sqlite(&self.path, &error))
    }

    /// Closes the store: the log is emptied into the file and removed.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] and [`StoreError::Io`]; all that was committed is on the disk all
    /// the same, in the log.
    pub fn close(self) -> Result<(), StoreError> {
        self.checkpoint()?;
        let Self { db, mark, path, lock, .. } = self;
        db.close().map_err(|(_, error)| error::sqlite(&path, &error))?;
        mark.sync()?;
        drop(lock);
        Ok(())
    }
}
