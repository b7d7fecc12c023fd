#![doc = include_str!("../../scatter.md")]

mod chain;
mod coding;
mod join;
mod part;
mod receiver;
mod sender;
mod shape;
mod share;
mod window;

pub use chain::{PartChain, PartKey};
pub use coding::{coding_row, fragments};
pub use join::{Joined, join};
pub use part::{OpenedPart, PartRefused, open_part, seal_cell, seal_part};
pub use receiver::{Arrival, LaneId, Receiver, Tally};
pub use sender::{Sender, SplitRefused};
pub use shape::{Shape, ShapeRefused};
pub use share::shares;
pub use window::Window;

/// Why an end of a direction cannot be set up or changed. Each blames the caller, or its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScatterRefused {
    /// There are not as many connections as the shape says.
    #[error("the shape has {expected} connections, {got} were given")]
    Connections {
        /// n of the shape.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// No connection has this number.
    #[error("the direction has no connection {0}")]
    NoConnection(u32),
    /// The shape has no such place.
    #[error("there is no place {place}; the shape has {n}, from 0")]
    Place {
        /// What was given.
        place: u8,
        /// n of the shape.
        n: u8,
    },
    /// The direction has two connections for each place already.
    #[error("a direction has at most {0} connections, while they move")]
    TooMany(usize),
    /// A connection's part chain begins too far from where the direction stands.
    #[error("a part chain that begins at {base} cannot follow s = {last}")]
    Base {
        /// The base of the new chain.
        base: u32,
        /// The last s that was sealed.
        last: u32,
    },
    /// Stored bytes are not those of this type and version.
    #[error("stored state of scatter is not of this version, or damaged")]
    State,
}
