//! The recipient's end: it makes the new connection, asks, and leaves the old one.

use arrayvec::ArrayVec;

use super::{AllLeft, LaneId, Lanes, Left};
use crate::constants::{MOVE_LANES_MAX, UNACKED_MAX};
use crate::{mutant, require};

/// The moves of one direction, at the end that receives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mover {
    /// No move is under way; connections may still be waited for.
    Still(Still),
    /// The new connection is being created: nobody has been told of it.
    Making(Course),
    /// The move has been asked for.
    Asking(Course),
}

/// What every state remembers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Still {
    /// The number of the last move, 0 for none.
    pub(super) number: u32,
    /// Connections that places have left, and that are not deleted yet.
    pub(super) left: AllLeft,
}

/// A move under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Course {
    pub(super) still: Still,
    pub(super) place: u8,
    /// The connection that the place has.
    pub(super) from: LaneId,
    pub(super) offer: Offer,
    /// Offers that were asked for and then superseded, oldest first: the sender may use any.
    pub(super) before: ArrayVec<Offer, MOVE_LANES_MAX>,
}

/// One new connection, offered under one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The move's number.
    pub number: u32,
    /// The new connection.
    pub lane: LaneId,
    /// Its base: the highest s opened when the move began.
    pub base: u32,
}

/// What happens at the recipient's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MoverEvent {
    /// A place is to move. While a move is asked for, the same place only: that supersedes it.
    Begin {
        /// The place, below n.
        place: u8,
        /// The connection that it has.
        from: LaneId,
        /// The number of the new one.
        lane: LaneId,
        /// `Session::opened`: the new connection's base.
        opened: u32,
    },
    /// The new connection exists.
    Created,
    /// The new connection cannot be made, or is not wanted any more.
    Withdrawn,
    /// The message *moved* has been opened.
    Moved {
        /// What it says.
        number: u32,
        /// What it says.
        place: u8,
        /// What it says.
        s: u32,
        /// `Session::opened`, after it.
        opened: u32,
    },
    /// `Session::awaited`: every cell below has been opened, or opens no more.
    Awaited(u32),
}

/// What the recipient does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MoverStep {
    /// Nothing.
    Nothing,
    /// Create the connection.
    Create(LaneId),
    /// Say *move* to this place, with the descriptor of the connection.
    Ask {
        /// The place.
        place: u8,
        /// Number, connection and base.
        offer: Offer,
    },
    /// The sender has moved: the place has that connection from now on.
    Taken {
        /// The place.
        place: u8,
        /// Its connection.
        lane: LaneId,
        /// The first s whose part comes over it.
        s: u32,
        /// A connection that nobody was told of: to be deleted.
        withdrawn: Option<LaneId>,
    },
    /// Delete these connections.
    Delete(Lanes),
    /// The message *moved* means nothing: the contact's program is broken.
    Refused(MovedRefused),
}

/// Why a move is not begun: the caller's mistake. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BeginRefused {
    /// A connection is being created for a move already.
    #[error("a move is being prepared; withdraw it first")]
    Busy,
    /// The move of another place has not been answered.
    #[error("the move of place {0} has not been answered; only that place may move again")]
    OtherPlace(u8),
    /// As many connections as may be are left or offered and not deleted yet.
    #[error("{MOVE_LANES_MAX} connections are still waited for; let them come to their end first")]
    TooMany,
    /// Every number has been used.
    #[error("the direction has no number left for a move; invite again")]
    Exhausted,
}

/// Why an answer is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MovedRefused {
    /// No such move was asked for.
    #[error("an answer to move {0}, which was not asked for")]
    Number(u32),
    /// The move is of another place.
    #[error("an answer for place {got} to the move of place {asked}")]
    Place {
        /// The move's.
        asked: u8,
        /// The answer's.
        got: u8,
    },
    /// The new connection has no part of that s.
    #[error("s = {s} is not above the base {base} of the new connection")]
    Early {
        /// The answer's.
        s: u32,
        /// The move's.
        base: u32,
    },
    /// No honest end has come that far.
    #[error("s = {s}, where the highest opened is {opened}")]
    Far {
        /// The answer's.
        s: u32,
        /// The highest s opened.
        opened: u32,
    },
}

type Next = (Mover, MoverStep);

impl Default for Mover {
    fn default() -> Self {
        Self::Still(Still::default())
    }
}

impl Mover {
    /// What comes of something. To be stored before what is asked for is done.
    ///
    /// # Errors
    /// [`BeginRefused`], for `Begin` alone.
    pub fn handle(&mut self, event: MoverEvent) -> Result<MoverStep, BeginRefused> {
        let (next, step) = match (&*self, event) {
            (_, MoverEvent::Begin { place, from, lane, opened }) => {
                self.begin(place, from, lane, opened)?
            }
            (Self::Making(course), MoverEvent::Created) => course.created(),
            (Self::Making(course), MoverEvent::Withdrawn) => course.withdrawn(),
            (_, MoverEvent::Moved { number, place, s, opened }) => {
                let answer = Answered { number, place, s };
                self.moved(answer, opened).unwrap_or_else(|refused| self.refused(refused))
            }
            (_, MoverEvent::Awaited(awaited)) => self.awaited(awaited),
            (_, MoverEvent::Created | MoverEvent::Withdrawn) => (self.clone(), MoverStep::Nothing),
        };
        *self = next;
        Ok(step)
    }

    fn still(&self) -> &Still {
        match self {
            Self::Still(still) => still,
            Self::Making(course) | Self::Asking(course) => &course.still,
        }
    }

    fn refused(&self, refused: MovedRefused) -> Next {
        (self.clone(), MoverStep::Refused(refused))
    }

    fn begin(
        &self,
        place: u8,
        from: LaneId,
        lane: LaneId,
        base: u32,
    ) -> Result<Next, BeginRefused> {
        let (from, before) = match self {
            Self::Still(_) => (from, ArrayVec::new()),
            Self::Making(_) => return Err(BeginRefused::Busy),
            Self::Asking(course) => {
                let same = course.place == place;
                require!(ROTATION_22, same, BeginRefused::OtherPlace(course.place));
                let mut before = course.before.clone();
                before.try_push(course.offer).map_err(|_| BeginRefused::TooMany)?;
                (course.from, before)
            }
        };
        let still = self.still();
        // The old connection and all offers but one are left by what is begun here.
        let lanes = still.left.len() + before.len() + 1;
        require!(ROTATION_26, lanes <= MOVE_LANES_MAX, BeginRefused::TooMany);
        let number = still.number.checked_add(1).ok_or(BeginRefused::Exhausted)?;
        // ROTATION-19: a number of its own, also for what is withdrawn.
        let number = if mutant!(ROTATION_19) { still.number.max(1) } else { number };
        let still = Still { number, left: still.left.clone() };
        // ROTATION-20
        let base = if mutant!(ROTATION_20) { base.saturating_add(1) } else { base };
        let offer = Offer { number, lane, base };
        let course = Course { still, place, from, offer, before };
        if mutant!(ROTATION_21) {
            let ask = MoverStep::Ask { place, offer };
            return Ok((Self::Asking(course), ask));
        }
        Ok((Self::Making(course), MoverStep::Create(lane)))
    }

    fn moved(&self, answer: Answered, opened: u32) -> Result<Next, MovedRefused> {
        let Answered { number, place, s } = answer;
        let (course, asked, withdrawn) = match self {
            Self::Asking(course) => (course, course.offer, None),
            // What is being made was to supersede the move that is answered now.
            Self::Making(course) => match course.before.last() {
                Some(last) => (course, *last, Some(course.offer.lane)),
                None => return self.other_answer(number),
            },
            Self::Still(_) => return self.other_answer(number),
        };
        // ROTATION-23
        if number != asked.number && !mutant!(ROTATION_23) {
            return self.other_answer(number);
        }
        let mine = place == course.place;
        require!(ROTATION_23, mine, MovedRefused::Place { asked: course.place, got: place });
        let base = asked.base;
        require!(ROTATION_24, s > base, MovedRefused::Early { s, base });
        // The sender has sealed at most UNACKED_MAX cells beyond what it knows to be opened.
        let near = s <= opened.saturating_add(UNACKED_MAX).saturating_add(1);
        require!(ROTATION_24, near, MovedRefused::Far { s, opened });
        let others = course.before.iter().map(|offer| offer.lane).filter(|it| *it != asked.lane);
        let mut left = course.still.left.clone();
        let from = std::iter::once(course.from);
        // `begin` has seen to the room.
        left.extend(
            from.chain(others).map(|lane| Left { lane, s }).take(left.remaining_capacity()),
        );
        let still = Still { number: course.still.number, left };
        let taken = MoverStep::Taken { place, lane: asked.lane, s, withdrawn };
        Ok((Self::Still(still), taken))
    }

    /// An answer to another move than the last one that was asked for: superseded, answered before,
    /// or never begun.
    fn other_answer(&self, number: u32) -> Result<Next, MovedRefused> {
        // What is only being made has been told to nobody.
        let making = u32::from(matches!(self, Self::Making(_)));
        let last = self.still().number.saturating_sub(making);
        if (1..=last).contains(&number) {
            Ok((self.clone(), MoverStep::Nothing))
        } else {
            Err(MovedRefused::Number(number))
        }
    }

    fn awaited(&self, awaited: u32) -> Next {
        let mut next = self.clone();
        let left = match &mut next {
            Self::Still(still) => &mut still.left,
            Self::Making(course) | Self::Asking(course) => &mut course.still.left,
        };
        let early = mutant!(ROTATION_25, "early");
        let never = mutant!(ROTATION_25, "never");
        // ROTATION-25
        let over = |it: &Left| (it.s <= awaited || early) && !never;
        let delete: Lanes = left.iter().filter(|it| over(it)).map(|it| it.lane).collect();
        left.retain(|it| !over(it));
        let step = if delete.is_empty() { MoverStep::Nothing } else { MoverStep::Delete(delete) };
        (next, step)
    }

    /// The connections of the direction beside the n that its places have: to be listened to as
    /// those are (ROTATION-18).
    pub fn lanes(&self) -> impl Iterator<Item = LaneId> + '_ {
        let offers = match self {
            Self::Still(_) => None,
            Self::Making(course) => Some((&course.before, None)),
            Self::Asking(course) => Some((&course.before, Some(course.offer.lane))),
        };
        let offers = offers
            .into_iter()
            .flat_map(|(before, now)| before.iter().map(|offer| offer.lane).chain(now));
        let left = self.still().left.iter().map(|left| left.lane);
        left.chain(offers.filter(|_| !mutant!(ROTATION_18)))
    }

    /// The move under way: the step that it waits with, to be done again after a crash.
    #[must_use]
    pub fn pending(&self) -> MoverStep {
        match self {
            Self::Still(_) => MoverStep::Nothing,
            Self::Making(course) => MoverStep::Create(course.offer.lane),
            Self::Asking(course) => MoverStep::Ask { place: course.place, offer: course.offer },
        }
    }
}

/// What an answer says.
#[derive(Clone, Copy)]
struct Answered {
    number: u32,
    place: u8,
    s: u32,
}

impl Course {
    fn created(&self) -> Next {
        let step = MoverStep::Ask { place: self.place, offer: self.offer };
        (Mover::Asking(self.clone()), step)
    }

    fn withdrawn(&self) -> Next {
        let mut before = self.before.clone();
        let delete = MoverStep::Delete(std::iter::once(self.offer.lane).collect());
        let Some(offer) = before.pop() else { return (Mover::Still(self.still.clone()), delete) };
        (Mover::Asking(Self { offer, before, ..self.clone() }), delete)
    }
}
