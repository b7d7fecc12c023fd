//! How it is laid out; how it is run stands below.
//!
//! [`Server::bind`] makes a [`Running`] server inside any tokio runtime; the program
//! `edgewise-server` ([`cli`]) is that and files around it. What the protocol says is in
//! `edgewise-spec`; here is what a network, a clock and an operator add:
//!
//! | module | what |
//! |---|---|
//! | [`config`], [`keyfile`], [`tls`] | what an operator gives, checked |
//! | [`accept`], [`carrier`], [`service`], [`reply`], [`message`] | HTTP/2 and gRPC, bounded |
//! | [`link`] | one link: blocks in, requests carried out, blocks pulled out |
//! | [`core`], [`store`], [`epochs`], [`clock`] | what the edges of one identity share |
//! | [`edge`], [`hub`], [`registry`] | one edge: its listener, and what its links share |
//! | [`server`], [`group`] | a core and its edges, and what time does to them |
//! | [`network`] | many unlinked groups on one machine |
//! | [`stats`], [`admin`] | aggregates for the operator |
//! | [`control`], [`conformance`] | being a server under test |
//!
#![doc = include_str!("../README.md")]

pub mod accept;
pub mod admin;
pub mod carrier;
pub mod cli;
pub mod clock;
pub mod config;
pub mod conformance;
pub mod control;
pub mod core;
pub mod edge;
pub mod epochs;
pub mod group;
pub mod hub;
pub mod keyfile;
pub mod link;
pub mod message;
pub mod network;
pub mod registry;
pub mod reply;
pub mod server;
pub mod service;
pub mod stats;
pub mod store;
pub mod tls;

pub use clock::Clock;
pub use config::Config;
pub use server::{Running, Server, ServerError};

/// The system's random numbers.
#[must_use]
pub(crate) const fn random() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}
