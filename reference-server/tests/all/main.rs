//! The server from outside: over sockets, as a program, and under abuse.
#![allow(clippy::indexing_slicing)]

mod abuse;
mod links;
mod logging;
mod peer;
mod program;
mod time;
mod transport;
