//! The reference client of Edgewise: links and connections, over gRPC.
//!
//! - [`Client`] is one isolation context: it describes servers and opens links.
//! - [`Link`] is an open link with a task of its own; [`Attachment`] one connection on it.
//! - [`Sender`] and [`Recipient`] are ends of a connection that survive their links, which those
//!   of one context share.
//! - [`Pipeline`] is a link that the caller's own task turns: for throughput.
//! - [`store`] is what a chat client keeps over restarts, sealed, in one file.
//!
//! The rules are in `spec/`; this crate carries blocks, keeps time and waits.

mod attachment;
mod carrier;
#[cfg(feature = "program")]
pub mod cli;
mod client;
mod clock;
mod connect;
#[cfg(feature = "program")]
mod daemon;
#[cfg(feature = "program")]
pub mod demo;
pub mod driver;
mod ends;
mod error;
mod link;
pub mod messenger;
mod pipeline;
mod places;
mod recipient;
mod sender;
pub mod store;
#[cfg(feature = "program")]
mod tui;

pub use attachment::{Attachment, ConnectionEvent};
pub use carrier::Io;
pub use client::{Client, ClientOptions, Isolation, Open};
pub use clock::Clock;
pub use edgewise_spec::cadence::TickMs;
pub use edgewise_spec::client::{
    Answer, ClientLink, CreateAs, Event, Key, KeyRing, Lifetime, RecipientEvent, RecipientState,
    Request, SenderEvent, SenderState, Stopped, Terms,
};
pub use edgewise_spec::frame::Class;
pub use edgewise_spec::link::{Address, Description};
pub use edgewise_spec::suite::SuiteId;
pub use error::Error;
pub use link::{Claimed, Link};
pub use pipeline::Pipeline;
pub use recipient::Recipient;
pub use sender::Sender;
