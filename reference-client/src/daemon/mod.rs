//! Staying connected for other programs: JSON-RPC 2.0 over a Unix socket. `daemon.md` is its
//! reference.

mod remote;
mod rpc;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::{Semaphore, watch};

pub(crate) use remote::Remote;

use crate::cli::desk::Desk;
use crate::cli::failure::Failure;
use crate::cli::folder::Folder;

/// Programs that may be connected at once.
const CLIENTS_MAX: usize = 32;

/// Listens, and says so by `ready`, until `stop` is set or a client asks for the end.
pub(crate) async fn serve(
    desk: &Desk,
    folder: &Folder,
    stop: watch::Sender<bool>,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let listener = listen(folder)?;
    ready();
    let mut stopped = stop.subscribe();
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    let mut clients = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
            Some(_) = clients.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Too many open files: they become fewer.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let place = Arc::clone(&places).try_acquire_owned();
        let (desk, stop) = (desk.clone(), stop.clone());
        clients.spawn(async move {
            match place {
                Ok(_place) => rpc::Client::serve(stream, desk, stop).await,
                Err(_) => rpc::refuse(stream).await,
            }
        });
    }
    // Answers that are being written get through; whoever follows something is cut off.
    let last = async { while clients.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(std::time::Duration::from_millis(500), last).await;
    clients.shutdown().await;
    let _ = std::fs::remove_file(folder.socket());
    Ok(())
}

fn listen(folder: &Folder) -> Result<UnixListener, Failure> {
    let path = folder.socket();
    let failed = |error: std::io::Error| {
        Failure::store(format!(
            "cannot listen on {}: {error}; a socket's path has at most 107 bytes",
            path.display()
        ))
    };
    // The store is open, so no other daemon can be: what is here was left behind.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}
