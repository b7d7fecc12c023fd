//! The law of Edgewise and its sans-IO code.
//!
//! One word, one chapter (`spec/<word>.md`), one module: see ARCHITECTURE.md for the table.
//! Nothing here has a clock, a socket, a thread, a log or a source of randomness of its own.

pub mod cadence;
pub mod client;
pub mod connection;
pub mod constants;
pub mod error;
pub mod frame;
pub mod invitation;
pub mod link;
pub mod message;
pub mod requirement;
pub mod rotation;
pub mod scatter;
pub mod server;
pub mod session;
pub mod store;
pub mod suite;
pub mod time;
