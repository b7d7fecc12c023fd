//! Everything that tests the specification crate from outside, in one program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a fault"
)]

mod audit;
mod cadence;
mod client;
mod connection;
mod corpus;
mod error;
mod frame;
mod invitation;
mod knowledge;
mod link;
mod message;
mod parameters;
mod rotation;
mod scatter;
mod schema;
mod session;
mod store;
mod suite;
mod vector;
mod world;
