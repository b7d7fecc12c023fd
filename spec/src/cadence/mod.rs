#![doc = include_str!("../../cadence.md")]

mod answering;
mod bandwidth;
mod beat;
mod tick;

pub use answering::{Answering, TooSoon};
pub use bandwidth::{BlockBytes, bytes_a_day};
pub use beat::{Beat, Unasked};
pub use tick::{Rhythm, TickMs, TickRefused};
