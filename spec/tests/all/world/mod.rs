//! A whole world in one thread: servers, clients, and what goes wrong between them.

pub mod keys;
pub mod peer;
pub mod server;
