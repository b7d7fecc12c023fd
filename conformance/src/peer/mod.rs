//! The raw peer: a client that can put any bytes into any block, and judges everything that the
//! server sends with code of its own.
//!
//! From the specification crate it takes numbers, labels and the primitives of suite; handshake,
//! blocks, items and signed layouts are written here once more, from the chapters.

mod address;
mod answer;
pub mod blocks;
mod carrier;
mod class;
mod connection;
pub mod contrary;
pub mod hello;
mod link;
mod pair;
pub mod person;
pub mod show;
mod tls;
mod trace;
pub mod wire;

pub use address::{Address, NoAddress};
pub use answer::Answer;
pub use carrier::{Carrier, Ending, Heard, Http, OPEN, PATIENCE};
pub use class::Class;
pub use connection::{Connection, Key, Role, sender_id};
pub use hello::HelloPlan;
pub use link::Link;
pub use pair::Pair;
pub use trace::{Trace, What};
