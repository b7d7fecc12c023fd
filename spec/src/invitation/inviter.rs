//! The inviter's side of one invitation, from its first connection to its session.

use crate::constants::SERVERS_MAX;
use crate::mutant;

/// Some places of a bundle's list of servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Places(u16);

impl Places {
    /// The first n places.
    #[must_use]
    pub const fn first(n: u8) -> Self {
        let n = if n as usize > SERVERS_MAX { SERVERS_MAX as u8 } else { n };
        Self((1 << n) - 1)
    }

    /// The places from their bits, as they were stored: bit i is place i.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::first(SERVERS_MAX as u8).0)
    }

    /// The bits, to be stored.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether a place is among them.
    #[must_use]
    pub const fn has(self, place: u8) -> bool {
        place < 16 && self.0 & (1 << place) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn with(self, place: u8) -> Self {
        if (place as usize) < SERVERS_MAX { Self(self.0 | (1 << place)) } else { self }
    }

    pub(super) const fn without(self, place: u8) -> Self {
        if place < 16 { Self(self.0 & !(1 << place)) } else { self }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// One invitation as its inviter sees it. Stored with every change, before what the change asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inviter {
    /// Its connections are being created.
    Making(Making),
    /// All exist: the card may be handed on.
    Made(Made),
    /// Somebody has claimed.
    Claimed(Claimed),
    /// The claimer's first cell has opened.
    Accepted,
    /// It is over, and its connections are to be deleted.
    Abandoned(Lost),
}

/// Connections are being created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Making {
    /// Those that do not exist yet.
    pub missing: Places,
}

/// All connections exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Made;

/// Somebody has claimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claimed {
    /// Where.
    pub at: Places,
}

/// Why an invitation was abandoned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// Two have claimed it: somebody else has seen the card.
    Conflict,
    /// Nobody claimed it in time.
    Expired,
    /// The inviter took it back.
    Withdrawn,
}

/// What happens to an invitation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happened {
    /// The connection at a place was created.
    Created(u8),
    /// A Notice or an Attached says that the connection at a place is claimed.
    Claimed(u8),
    /// A Notice or a Subscribed says that another claim came for it.
    Conflict(u8),
    /// The first cell of the session has opened.
    Opened,
    /// The hour `not_after` has come, and every connection was seen open since (INVITATION-30).
    Over,
    /// The person takes the invitation back.
    Withdrawn,
}

/// What an inviter does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Nothing.
    Nothing,
    /// Show or send the card.
    HandOn,
    /// Tell the person that somebody has claimed, and expect the first cell.
    Expect,
    /// Begin to talk.
    Begin,
    /// Delete every connection of the invitation, erase its keys, and tell the person why.
    Delete(Lost),
}

impl Inviter {
    /// An invitation with n connections to be created, everything of it stored (INVITATION-25).
    #[must_use]
    pub const fn new(n: u8) -> Self {
        Self::Making(Making { missing: Places::first(n) })
    }

    /// What comes of something.
    pub fn handle(&mut self, happened: Happened) -> Ask {
        let (next, ask) = match *self {
            Self::Making(making) => making.handle(happened),
            Self::Made(made) => made.handle(happened),
            Self::Claimed(claimed) => claimed.handle(happened),
            // What was told late changes nothing: conflicts end with the first Send.
            Self::Accepted | Self::Abandoned(_) => (*self, Ask::Nothing),
        };
        *self = next;
        ask
    }
}

const fn lost(why: Lost) -> (Inviter, Ask) {
    // INVITATION-29
    (Inviter::Abandoned(why), Ask::Delete(why))
}

impl Making {
    fn handle(self, happened: Happened) -> (Inviter, Ask) {
        match happened {
            Happened::Created(place) => {
                let missing = self.missing.without(place);
                // INVITATION-26
                if missing.is_empty() || mutant!(INVITATION_26) {
                    (Inviter::Made(Made), Ask::HandOn)
                } else {
                    (Inviter::Making(Self { missing }), Ask::Nothing)
                }
            }
            Happened::Over => lost(Lost::Expired),
            Happened::Withdrawn => lost(Lost::Withdrawn),
            // Nobody has the card yet: whoever says so is a lying server.
            Happened::Claimed(_) | Happened::Conflict(_) | Happened::Opened => {
                (Inviter::Making(self), Ask::Nothing)
            }
        }
    }
}

impl Made {
    fn handle(self, happened: Happened) -> (Inviter, Ask) {
        match happened {
            Happened::Created(_) => (Inviter::Made(self), Ask::Nothing),
            Happened::Claimed(place) => {
                let at = Places::default().with(place);
                (Inviter::Claimed(Claimed { at }), Ask::Expect)
            }
            Happened::Conflict(_) if mutant!(INVITATION_28) => (Inviter::Made(self), Ask::Nothing),
            // INVITATION-28
            Happened::Conflict(_) => lost(Lost::Conflict),
            Happened::Opened => (Inviter::Accepted, Ask::Begin),
            Happened::Over => lost(Lost::Expired),
            Happened::Withdrawn => lost(Lost::Withdrawn),
        }
    }
}

impl Claimed {
    fn handle(self, happened: Happened) -> (Inviter, Ask) {
        match happened {
            Happened::Claimed(place) => {
                let at = self.at.with(place);
                (Inviter::Claimed(Self { at }), Ask::Nothing)
            }
            Happened::Conflict(_) if mutant!(INVITATION_28) => {
                (Inviter::Claimed(self), Ask::Nothing)
            }
            // INVITATION-28
            Happened::Conflict(_) => lost(Lost::Conflict),
            Happened::Opened => (Inviter::Accepted, Ask::Begin),
            Happened::Withdrawn => lost(Lost::Withdrawn),
            // INVITATION-30: it was claimed in time; the claimer may take as long as it must.
            Happened::Over if mutant!(INVITATION_30) => lost(Lost::Expired),
            Happened::Created(_) | Happened::Over => (Inviter::Claimed(self), Ask::Nothing),
        }
    }
}
