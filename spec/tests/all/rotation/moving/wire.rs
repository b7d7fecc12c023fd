//! Connections on servers that are slow, forget, and die.

use std::collections::VecDeque;

use edgewise_spec::link::{Address, Edge};

/// The secret c of a connection names it here.
pub type WireId = [u8; 32];
/// A sender's key.
pub type Key = u32;

/// One connection, as its server has it.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    pub exists: bool,
    pub deleted: bool,
    pub claimed: Option<Key>,
    pub incarnation: u32,
    pub parts: VecDeque<Vec<u8>>,
    /// Nobody gets through to the server.
    pub down: bool,
}

impl Wire {
    /// A connection that is in use.
    pub fn claimed(key: Key) -> Self {
        Self { exists: true, claimed: Some(key), ..Self::default() }
    }

    /// Whether anything can be asked of it.
    pub fn is_up(&self) -> bool {
        self.exists && !self.deleted && !self.down
    }

    /// The server restarts with nothing in its memory.
    pub fn forget(&mut self) {
        self.parts.clear();
        self.incarnation += 1;
    }
}

/// Where all of them are.
pub fn server() -> Address {
    let edge = Edge { host: "edge.example".to_owned(), port: 4_433 };
    Address { fingerprint: [7; 32], edge, tls: true }
}
