//! Everything that is tested across crates, as one program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a fault"
)]

mod driver;
mod expect;
mod harness;
mod house;
mod own;
mod plug;
mod preflight;
mod run;
mod talk;
mod told;
mod trace;
mod vectors;
