//! Statistics for whoever may open a file of this machine: one JSON object a connection.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::stats::Stats;

/// Time for one exchange.
const LIMIT: Duration = Duration::from_secs(5);
/// Longest answer, in bytes.
const ANSWER_MAX: u64 = 64 * 1_024;

/// Why statistics cannot be given or had.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The socket cannot be bound.
    #[error("cannot make the admin socket {path}: {source}", path = path.display())]
    Bind {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something else is where the socket should be.
    #[error("{path} exists and is no socket: change `admin_socket`", path = path.display())]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// Another server answers there.
    #[error("another server uses the admin socket {path}", path = path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// No server answers.
    #[error("no server answers on {path}: {source}", path = path.display())]
    Ask {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The socket of a running server; its file goes with it.
#[derive(Debug)]
pub struct Admin {
    listener: UnixListener,
    path: PathBuf,
}

impl Admin {
    /// Binds the socket, for its owner alone; one left behind by a server that died is replaced.
    ///
    /// # Errors
    /// [`AdminError`].
    pub fn bind(path: &Path) -> Result<Self, AdminError> {
        let failed = |source| AdminError::Bind { path: path.to_owned(), source };
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(AdminError::Taken { path: path.to_owned() });
            }
            Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
                return Err(AdminError::InUse { path: path.to_owned() });
            }
            Ok(_) => std::fs::remove_file(path).map_err(failed)?,
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers with what `stats` gives until `stop` turns true or its sender is gone.
    pub async fn run(
        self,
        stats: impl Fn() -> Stats + Send + 'static,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let now = stats();
                    answer(stream, &now).await;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        // Left behind, it would be replaced by the next server.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn answer(mut stream: UnixStream, stats: &Stats) {
    if let Ok(json) = serde_json::to_vec(stats) {
        // Whoever asked may be gone.
        let _ = timeout(LIMIT, async {
            stream.write_all(&json).await?;
            stream.shutdown().await
        })
        .await;
    }
}

/// Asks the server behind `path`.
///
/// # Errors
/// [`AdminError::Ask`].
pub async fn ask(path: &Path) -> Result<Stats, AdminError> {
    let failed = |source| AdminError::Ask { path: path.to_owned(), source };
    let exchange = async {
        let stream = UnixStream::connect(path).await?;
        let mut json = Vec::new();
        stream.take(ANSWER_MAX).read_to_end(&mut json).await?;
        serde_json::from_slice(&json).map_err(io::Error::other)
    };
    match timeout(LIMIT, exchange).await {
        Ok(answered) => answered.map_err(failed),
        Err(_) => Err(failed(ErrorKind::TimedOut.into())),
    }
}
