//! The sender's end: it claims the new connection, answers, and serves the old one to its end.

use core::fmt;
use core::ops::Range;

use zeroize::Zeroizing;

use super::{AllLeft, LaneId, Lanes, Left};
use crate::constants::{DESCRIPTOR_LEN_MAX, TAG_WINDOW};
use crate::{mutant, require};

/// The moves of one direction, at the end that sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Follower {
    /// No move is under way.
    Still(Past),
    /// The new connection is being claimed.
    Claiming(FollowerClaim),
    /// It is claimed, and begins above the highest s sealed: the answer waits for that.
    Waiting(FollowerClaim),
}

/// What every state remembers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Past {
    /// The highest number taken up, 0 for none.
    pub(super) number: u32,
    pub(super) answered: Option<Answer>,
    /// While connections are left: the highest s of which it is sure that all cells up to it were
    /// opened.
    pub(super) floor: u32,
    /// Connections that places have left, and that still have parts to deliver.
    pub(super) left: AllLeft,
}

/// A move under way.
#[derive(Clone, PartialEq, Eq)]
pub struct FollowerClaim {
    pub(super) past: Past,
    /// The move's number.
    pub number: u32,
    /// The place that moves.
    pub place: u8,
    /// The new connection begins after this s.
    pub base: u32,
    /// The connection that the place has.
    pub from: LaneId,
    /// The new connection.
    pub to: LaneId,
    /// Its descriptor, as it came.
    pub descriptor: Zeroizing<Vec<u8>>,
}

/// The message *moved*.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The move's number.
    pub number: u32,
    /// The place.
    pub place: u8,
    /// s_m: the first s whose part goes over the new connection.
    pub s: u32,
}

/// Where the direction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Direction {
    /// `Session::sealed`.
    pub sealed: u32,
    /// `Session::acknowledged`.
    pub acked: u32,
}

/// What happens at the sender's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FollowerEvent<'a> {
    /// The message *move* has been opened.
    Move {
        /// What it says.
        number: u32,
        /// What it says.
        place: u8,
        /// What its descriptor says.
        base: u32,
        /// Its descriptor.
        descriptor: &'a [u8],
        /// How many places the direction has.
        n: u8,
        /// The connection that the place has; without meaning where there is no such place.
        from: LaneId,
        /// The number of the new connection.
        to: LaneId,
        /// Where the direction stands.
        now: Direction,
    },
    /// The claim was accepted.
    Claimed(Direction),
    /// The claim was refused or could not be made: it is made again, from time to time.
    Unclaimed,
    /// Another key has claimed the new connection.
    Conflict,
    /// A cell has been sealed.
    Sealed(Direction),
    /// A cell has been opened: the highest ack.
    Acknowledged(u32),
    /// A connection that was left is given up (CONNECTION-65).
    Gone(LaneId),
}

/// What the sender does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FollowerStep {
    /// Nothing.
    Nothing,
    /// Claim the new connection; the claim that it supersedes is forgotten.
    Claim {
        /// The new connection.
        to: LaneId,
        /// The one that was being claimed before.
        forget: Option<LaneId>,
    },
    /// Wait until the direction has come to the base.
    Wait,
    /// The place has the new connection from now on: replace its chain, and say *moved*.
    Switched {
        /// The answer.
        answer: Answer,
        /// The new connection begins after this s: its chain is to be moved on to `answer.s` − 1.
        base: u32,
        /// The connection that the place had.
        from: LaneId,
        /// The connection that it has.
        to: LaneId,
        /// Connections to be let go.
        let_go: Lanes,
    },
    /// Say *moved* again.
    Repeat(Answer),
    /// Let these connections go, with their parts.
    LetGo(Lanes),
    /// Somebody else has read the session: forget the connection, tell the user, and end the
    /// session.
    Alarm {
        /// The connection that somebody else has claimed.
        forget: LaneId,
    },
    /// The move means nothing: the contact's program is broken, or the move is very old.
    Refused(MoveRefused),
}

/// Why a move is refused. Nothing has changed, and nothing is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveRefused {
    /// Numbers begin with 1.
    #[error("a move without a number")]
    Number,
    /// There is no such place.
    #[error("a move of place {place} of {n}")]
    Place {
        /// The move's.
        place: u8,
        /// How many there are.
        n: u8,
    },
    /// The base is out of reach.
    #[error("a base of {base}, where {acked} is acknowledged and {sealed} sealed")]
    Base {
        /// The move's.
        base: u32,
        /// The highest ack.
        acked: u32,
        /// The highest s sealed.
        sealed: u32,
    },
    /// The descriptor is longer than one can be.
    #[error("a descriptor of {0} bytes")]
    Descriptor(usize),
}

type Next = (Follower, FollowerStep);

impl Default for Follower {
    fn default() -> Self {
        Self::Still(Past::default())
    }
}

impl Follower {
    /// What comes of something. To be stored before what is asked for is done.
    #[must_use]
    pub fn handle(&mut self, event: FollowerEvent<'_>) -> FollowerStep {
        let (next, step) = match (&*self, event) {
            (_, FollowerEvent::Move { number, place, base, descriptor, n, from, to, now }) => {
                let descriptor = Zeroizing::new(descriptor.to_vec());
                let past = self.past().clone();
                let claim = FollowerClaim { past, number, place, base, from, to, descriptor };
                self.asked(claim, n, now)
                    .unwrap_or_else(|refused| (self.clone(), FollowerStep::Refused(refused)))
            }
            (Self::Claiming(claim), FollowerEvent::Claimed(now)) => claim.claimed(now),
            (Self::Claiming(claim), FollowerEvent::Conflict) => claim.conflict(),
            (Self::Waiting(claim), FollowerEvent::Sealed(now)) => claim.sealed(now),
            (_, FollowerEvent::Acknowledged(ack)) => self.acknowledged(ack),
            (_, FollowerEvent::Gone(lane)) => self.settled(|it| it.lane == lane),
            // A claim is repeated until it is accepted or superseded.
            (
                _,
                FollowerEvent::Claimed(_)
                | FollowerEvent::Conflict
                | FollowerEvent::Unclaimed
                | FollowerEvent::Sealed(_),
            ) => (self.clone(), FollowerStep::Nothing),
        };
        *self = next;
        step
    }

    fn past(&self) -> &Past {
        match self {
            Self::Still(past) => past,
            Self::Claiming(claim) | Self::Waiting(claim) => &claim.past,
        }
    }

    fn past_mut(&mut self) -> &mut Past {
        match self {
            Self::Still(past) => past,
            Self::Claiming(claim) | Self::Waiting(claim) => &mut claim.past,
        }
    }

    fn asked(&self, mut claim: FollowerClaim, n: u8, now: Direction) -> Result<Next, MoveRefused> {
        let FollowerClaim { number, place, base, .. } = claim;
        require!(ROTATION_27, number > 0, MoveRefused::Number);
        let past = self.past();
        // ROTATION-30
        if let Some(answer) = past.answered.filter(|it| it.number == number) {
            let step = FollowerStep::Repeat(answer);
            return Ok((
                self.clone(),
                if mutant!(ROTATION_30) { FollowerStep::Nothing } else { step },
            ));
        }
        // ROTATION-29
        if number <= past.number && !mutant!(ROTATION_29) {
            return Ok((self.clone(), FollowerStep::Nothing));
        }
        require!(ROTATION_27, place < n, MoveRefused::Place { place, n });
        let Direction { sealed, acked } = now;
        let near =
            base <= sealed.saturating_add(TAG_WINDOW) && acked <= base.saturating_add(TAG_WINDOW);
        let near = near || mutant!(SCATTER_14, "anywhere");
        require!(ROTATION_28, near, MoveRefused::Base { base, acked, sealed });
        let length = claim.descriptor.len();
        if length > DESCRIPTOR_LEN_MAX {
            return Err(MoveRefused::Descriptor(length));
        }
        let forget = match self {
            Self::Still(_) => None,
            // ROTATION-31
            Self::Claiming(it) | Self::Waiting(it) if !mutant!(ROTATION_31) => Some(it.to),
            Self::Claiming(_) | Self::Waiting(_) => {
                return Ok((self.clone(), FollowerStep::Nothing));
            }
        };
        claim.past.number = number;
        let step = FollowerStep::Claim { to: claim.to, forget };
        if mutant!(ROTATION_32) {
            return Ok(claim.claimed(now));
        }
        Ok((Self::Claiming(claim), step))
    }

    fn acknowledged(&self, ack: u32) -> Next {
        let mut next = self.clone();
        let past = next.past_mut();
        let Some(lowest) = past.left.iter().map(|left| left.s).min() else {
            return (next, FollowerStep::Nothing);
        };
        // ROTATION-34: an ack from the first s of a new connection on says nothing of what the old
        // one still has; what is out of the recipient's reach is of no use to it.
        let sure = if ack < lowest || mutant!(ROTATION_34) {
            ack
        } else {
            ack.saturating_sub(TAG_WINDOW).saturating_sub(1)
        };
        past.floor = past.floor.max(sure);
        let floor = past.floor;
        next.settled(|it| it.s <= floor.saturating_add(1))
    }

    fn settled(&self, over: impl Fn(&Left) -> bool) -> Next {
        let mut next = self.clone();
        let left = &mut next.past_mut().left;
        let go: Lanes = left.iter().filter(|it| over(it)).map(|it| it.lane).collect();
        left.retain(|it| !over(it));
        let step = if go.is_empty() { FollowerStep::Nothing } else { FollowerStep::LetGo(go) };
        (next, step)
    }

    /// The cells whose parts, of every place, stay in the outbox although an ack covers them; often
    /// none (ROTATION-34).
    #[must_use]
    pub fn kept(&self) -> Range<u32> {
        let past = self.past();
        let end = past.left.iter().map(|left| left.s).max().unwrap_or(0);
        let start = past.floor.saturating_add(1).min(end);
        if mutant!(ROTATION_34) { end..end } else { start..end }
    }

    /// The connections of the direction beside the n that its places have: parts of the outbox
    /// still go to them.
    pub fn lanes(&self) -> impl Iterator<Item = LaneId> + '_ {
        self.past().left.iter().map(|left| left.lane)
    }

    /// The claim to be made, again after a crash.
    #[must_use]
    pub const fn claim(&self) -> Option<&FollowerClaim> {
        match self {
            Self::Claiming(claim) => Some(claim),
            Self::Still(_) | Self::Waiting(_) => None,
        }
    }
}

impl FollowerClaim {
    fn claimed(&self, now: Direction) -> Next {
        let (next, step) = self.sealed(now);
        let waits = matches!(next, Follower::Waiting(_));
        (next, if waits { FollowerStep::Wait } else { step })
    }

    fn conflict(&self) -> Next {
        // ROTATION-35
        if mutant!(ROTATION_35) {
            return (Follower::Claiming(self.clone()), FollowerStep::Nothing);
        }
        (Follower::Still(self.past.clone()), FollowerStep::Alarm { forget: self.to })
    }

    fn sealed(&self, now: Direction) -> Next {
        let Self { past, number, place, base, from, to, .. } = self;
        let waits = now.sealed < *base && !mutant!(ROTATION_33, "below-base");
        let Some(s) = now.sealed.checked_add(1).filter(|_| !waits) else {
            return (Follower::Waiting(self.clone()), FollowerStep::Nothing);
        };
        // ROTATION-33
        let told = if mutant!(ROTATION_33) { now.sealed.saturating_add(2) } else { s };
        let answer = Answer { number: *number, place: *place, s: told };
        let mut past = past.clone();
        past.answered = Some(answer);
        if past.left.is_empty() {
            past.floor = now.acked;
        }
        let mut let_go = Lanes::new();
        if past.floor >= now.sealed {
            // Nothing is under way over the old connection.
            let_go.push(*from);
        } else {
            // Only a recipient that begins more moves than it may comes to this.
            if past.left.is_full() {
                let_go.extend(past.left.pop_at(0).map(|oldest| oldest.lane));
            }
            past.left.push(Left { lane: *from, s });
        }
        let (base, from, to) = (*base, *from, *to);
        let step = FollowerStep::Switched { answer, base, from, to, let_go };
        (Follower::Still(past), step)
    }
}

impl fmt::Debug for FollowerClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, place, base, from, to, .. } = self;
        write!(f, "FollowerClaim({number}, {place}, {base}, {from} to {to})")
    }
}
