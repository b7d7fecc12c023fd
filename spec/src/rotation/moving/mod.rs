//! A place of a direction moves to another connection: both ends, as values without IO.
//!
//! [`Mover`] is the recipient's end, [`Follower`] the sender's; each direction of a session has
//! one of either. Both take plain numbers: the caller reads and writes the messages *move* and
//! *moved*, the descriptor and the chains. A client gives its connections numbers ([`LaneId`]), as
//! for `scatter::Receiver`; a number is never used twice in a direction.
//!
//! # What is stored when
//!
//! Each line is one transaction (ROTATION-37); what it asks for is done after it, and again after a crash, until
//! the next line is stored. So a crash anywhere is as if the last line had just been written.
//!
//! The recipient:
//!
//! 1. `Begin`: the Mover; the new connection with its recipient key, c and base; its window
//!    (`Receiver::add` at the place, `Window::new(chain, highest)`). Then Create.
//! 2. `Created`: the Mover; the message *move*, said as every message is. Then it leaves, and the
//!    new connection is attached and subscribed beside all others ([`Mover::lanes`]).
//! 3. `Moved`, in the transaction that stores the message *moved* and the session after it: the
//!    Mover; that the place now has the new connection.
//! 4. `Awaited`, in each transaction that stores a session after opening, or after its skipped keys
//!    expired: the Mover; `Receiver::remove` of what is to be deleted, and that it is. Then Delete,
//!    until it is answered.
//!
//! The sender:
//!
//! 1. `Move`, in the transaction that stores the message *move* and the session after it: the
//!    Follower; the new connection with its sender key. Then Claim, until it is answered.
//! 2. `Claimed` or `Sealed`, where it comes to [`FollowerStep::Switched`]: the Follower; the chain,
//!    `PartChain::new(chain of c, base)` moved on to the highest s sealed, in `Sender::replace`; that
//!    the place now has the new connection; the message *moved*. Then it leaves.
//! 3. `Acknowledged`, in each transaction that stores a session after opening: the Follower; the
//!    parts of every cell up to the ack are dropped from the outbox, but for those of
//!    [`Follower::kept`]; connections to be let go, with what the outbox has for them.

mod bytes;
mod follower;
mod mover;

use arrayvec::ArrayVec;

use crate::constants::MOVE_LANES_MAX;

pub use follower::{
    Answer, Direction, Follower, FollowerClaim, FollowerEvent, FollowerStep, MoveRefused,
};
pub use mover::{BeginRefused, Course, MovedRefused, Mover, MoverEvent, MoverStep, Offer};

/// The number that a client gave to a connection of the direction.
pub type LaneId = u32;

/// Some connections of a direction.
pub type Lanes = ArrayVec<LaneId, { MOVE_LANES_MAX + 1 }>;

/// A stored move that is cut, altered, or of an unknown version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored state of a move is damaged, or of a later version of this program")]
pub struct MovingState;

/// A connection that a place has left: cells below `s` may still come over it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// The connection.
    pub lane: LaneId,
    /// The first s whose part went over the place's next connection.
    pub s: u32,
}

/// At most MOVE_LANES_MAX of them, oldest first.
type AllLeft = ArrayVec<Left, MOVE_LANES_MAX>;
