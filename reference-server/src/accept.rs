//! The accept loop: as many carriers as the server is meant to have, and never an end because of
//! one that could not be accepted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::carrier::{self, Answer};

/// Sockets that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// Pause after a socket could not be accepted for want of something that others may give back.
const PAUSE: Duration = Duration::from_millis(50);
/// How often that is said.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// Binds the listening socket.
///
/// # Errors
/// What the system says: the port is in use, the address is not this machine's, and so on.
pub fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

/// Counts open carriers.
#[derive(Clone, Debug, Default)]
pub struct Carriers(Arc<AtomicUsize>);

struct CarrierGuard(Carriers);

impl Carriers {
    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    fn enter(&self, most: usize) -> Option<CarrierGuard> {
        let entered = self.0.fetch_add(1, Ordering::AcqRel);
        let guard = CarrierGuard(self.clone());
        (entered < most).then_some(guard)
    }
}

impl Drop for CarrierGuard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Accepts until `stopping` turns true or its sender is gone. At `most` open carriers further
/// sockets are closed as they come.
pub async fn run<A: Answer>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    answer: A,
    carriers: Carriers,
    most: usize,
    mut stopping: watch::Receiver<bool>,
) {
    let mut said: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match accepted {
            Ok((socket, _)) => {
                let Some(guard) = carriers.enter(most) else { continue };
                let (tls, answer, stopping) = (tls.clone(), answer.clone(), stopping.clone());
                tokio::spawn(async move {
                    carrier::run(socket, tls, answer, stopping).await;
                    drop(guard);
                });
            }
            // The peer was gone before it was accepted.
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                if said.is_none_or(|said| said.elapsed() >= SAID_EVERY) {
                    said = Some(Instant::now());
                    tracing::error!(
                        carriers = carriers.open(),
                        "cannot accept: {error}. Raise the limit of open files (LimitNOFILE)."
                    );
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
