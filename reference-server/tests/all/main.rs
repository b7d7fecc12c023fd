//! The server from outside: over sockets, as a program, and under abuse.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at a fault"
)]

mod abuse;
mod edges;
mod links;
mod logging;
mod network;
mod peer;
mod program;
mod time;
mod transport;
