#![doc = include_str!("../../frame.md")]

mod class;
mod reader;
mod writer;

pub use class::{Class, UnknownClass};
pub use reader::{Malformed, Received, is_request, read_client_items, read_server_items};
pub use writer::{NoRoom, Writer};
