//! A server of the suite's own, for clients under test: honest until a case says otherwise, and
//! with a record of everything that it is asked.
//!
//! It is spec's [`ServerLink`](edgewise_spec::server::ServerLink) and `MemoryStore` on three ports
//! of the loopback: two edges for the client, which is watched and lied to, and one for the suite's
//! own people, who see the same store and no lies. The second edge is in the Description where a
//! case wants it there.

mod record;
mod state;
mod stream;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use edgewise_spec::connection::{Op, Outcome};
use edgewise_spec::error::Reject;
use edgewise_spec::link::epoch::IdentityKey;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::peer::Address;

pub use record::{Asked, Record, Watched};
use state::State;

/// What becomes of one operation that the client asks for.
#[derive(Clone, Debug)]
pub enum Deed {
    /// It is carried out and answered.
    Honest,
    /// It is not carried out, and answered like this.
    Answer(Result<Outcome, Reject>),
    /// It is carried out, and answered like this.
    Say(Result<Outcome, Reject>),
    /// It is not carried out, and the link ends without an answer.
    Cut,
    /// It is carried out, and the link ends without an answer.
    CutAfter,
    /// The server restarts before it looks at the operation: memory and links are gone.
    Forget,
}

/// Decides about each operation of the client, in the order in which they come.
pub type Judge = Box<dyn FnMut(&Op) -> Deed + Send>;

/// Changes what the client is delivered: sequences and parts.
pub type Tamper = Box<dyn FnMut(&mut Vec<(u64, Bytes)>) + Send>;

/// Where a peer has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// The edge whose address the client is given.
    First,
    /// The edge that it finds in the Description.
    Second,
    /// The one for the suite's people.
    Side,
}

impl Entrance {
    const ALL: [Self; 3] = [Self::First, Self::Second, Self::Side];

    /// Whether it is for the client under test.
    const fn is_watched(self) -> bool {
        matches!(self, Self::First | Self::Second)
    }
}

/// A server of the suite's own. Dropping it ends it.
#[derive(Debug)]
pub struct Host {
    /// Where the client finds it.
    pub address: Address,
    /// Its other edge.
    pub second: Address,
    /// Where the suite's people find it.
    pub side: Address,
    shared: Shared,
    tasks: Vec<AbortHandle>,
}

type Shared = Arc<Mutex<State>>;

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Host {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        lock(&self.shared).end_all();
    }
}

impl Host {
    /// Starts a server whose identity and keys follow from a seed, `ahead` seconds before this
    /// machine's time.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(seed: [u8; 32], ahead: u64) -> io::Result<Self> {
        let state = State::new(seed, ahead);
        let fingerprint = state.fingerprint();
        let shared = Arc::new(Mutex::new(state));
        let mut ports = Vec::new();
        let mut tasks = Vec::new();
        for entrance in Entrance::ALL {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            ports.push(listener.local_addr()?.port());
            let task = tokio::spawn(stream::accept(listener, Arc::clone(&shared), entrance));
            tasks.push(task.abort_handle());
        }
        let address = |place: usize| Address {
            fingerprint,
            host: "127.0.0.1".to_owned(),
            port: ports.get(place).copied().unwrap_or_default(),
            tls: false,
        };
        let (first, second, side) = (address(0), address(1), address(2));
        Ok(Self { address: first, second, side, shared, tasks })
    }

    /// The address, as specification code has it.
    #[must_use]
    pub fn spec_address(&self) -> Option<edgewise_spec::link::Address> {
        self.address.to_string().parse().ok()
    }

    /// From now on decides about every operation of the client.
    pub fn judge(&self, judge: impl FnMut(&Op) -> Deed + Send + 'static) {
        lock(&self.shared).judge = Some(Box::new(judge));
    }

    /// Is honest again.
    pub fn honest(&self) {
        lock(&self.shared).judge = None;
    }

    /// What the client has asked so far.
    #[must_use]
    pub fn record(&self) -> Record {
        lock(&self.shared).record.clone()
    }

    /// Restarts: links, records and parts are gone, the identity stays.
    pub fn forget(&self) {
        lock(&self.shared).forget();
    }

    /// Ends every link without a word; nothing is lost.
    pub fn cut(&self) {
        lock(&self.shared).end_all();
    }

    /// Refuses every stream from now on, or no longer.
    pub fn close(&self, closed: bool) {
        let mut state = lock(&self.shared);
        state.closed = closed;
        if closed {
            state.end_all();
        }
    }

    /// Lists both edges in the Description, from before anybody has read it (LINK-9).
    pub fn list_edges(&self) {
        let places = [&self.address, &self.second].map(|it| format!("{}:{}", it.host, it.port));
        lock(&self.shared).edges = places.iter().filter_map(|place| place.parse().ok()).collect();
    }

    /// Shuts one edge, or opens it again: whoever comes there is cut off at once, and so are those
    /// who are there.
    pub fn shut(&self, entrance: Entrance, shut: bool) {
        lock(&self.shared).shut(entrance, shut);
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: u64) {
        lock(&self.shared).advance(seconds);
    }

    /// Signs other keys for the epochs that it has shown, as an honest server never does; refuses
    /// the next hellos for their epoch, so that whoever comes asks for its Description again.
    pub fn equivocate(&self) {
        lock(&self.shared).equivocate();
    }

    /// Its identity, to sign with what no honest server signs.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        lock(&self.shared).identity()
    }

    /// Changes what the client is delivered: any bytes, none, or more.
    pub fn tamper(&self, tamper: impl FnMut(&mut Vec<(u64, Bytes)>) + Send + 'static) {
        lock(&self.shared).tamper = Some(Box::new(tamper));
    }

    /// Answers Describe with this block; `None`: honestly.
    pub fn describe_as(&self, block: Option<Bytes>) {
        lock(&self.shared).false_description = block;
    }

    /// How many connections the server holds.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.shared).connections()
    }
}
