#![doc = include_str!("../../session.md")]

mod mode;

pub use mode::{Mode, UnknownMode};
