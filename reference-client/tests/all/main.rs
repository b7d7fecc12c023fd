//! The client against the specification's server role, over HTTP/2 in this process; its store, and the program.

#![cfg(feature = "program")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a fault"
)]
#![allow(missing_docs, reason = "a program of tests")]

mod cadence;
mod edge;
mod end;
mod link;
mod messenger;
mod program;
mod server;
mod store;
