//! The client's role: its end of a link, and the two ends of a connection.
//!
//! [`ClientLink`] turns requests into sealed blocks and blocks into events. It has neither a clock
//! nor a socket: whoever drives it says what time it is and carries the blocks.

mod handles;
mod link;
mod requests;

pub use link::{Answer, ClientLink, Event, Filled};
pub use requests::Request;
