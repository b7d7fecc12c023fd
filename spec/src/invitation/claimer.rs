//! The claimer's side of one invitation: claim after claim, in the order of the bundle.

use arrayvec::ArrayVec;

use super::bundle::{Bundle, BundleRefused};
use super::card::{Card, CardKind};
use super::secret::ConnectionSecret;
use crate::constants::SERVERS_MAX;
use crate::error::Misuse;
use crate::link::Address;
use crate::mutant;
use crate::time::Hour;

/// One invitation as its claimer sees it. Stored with every change, before what the change asks
/// for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claimer {
    /// No bundle yet: the servers of the card are asked in order.
    Seeking(Seeking),
    /// The bundle is open: the other servers are asked in order.
    Claiming(Claiming),
    /// Enough are claimed, and every place has answered or was tried: parts may be sent.
    Ready(Ready),
    /// Every place was tried, and too few are claimed.
    Waiting(Waiting),
    /// It is over: nothing is sent.
    Abandoned(Given),
}

/// No bundle yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seeking {
    card: Card,
    tried: Tried,
}

/// The bundle is open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claiming {
    card: Card,
    bundle: Bundle,
    tried: Tried,
}

/// Enough places are claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ready {
    card: Card,
    bundle: Bundle,
    tried: Tried,
}

/// Too few places are claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    card: Card,
    bundle: Option<Bundle>,
    tried: Tried,
}

/// What became of a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// It was not asked yet, or is to be asked again.
    Open,
    /// It is claimed.
    Claimed,
    /// The server refused: used, withdrawn, expired, or lost and not yet restored.
    Refused,
    /// The server could not be reached.
    Unreached,
}

/// The places that were tried, by their number; all others are open.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Tried(ArrayVec<Place, SERVERS_MAX>);

/// Why an invitation was given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Given {
    /// Somebody else has claimed it.
    Conflict,
    /// What it holds is not acceptable.
    Bundle(BundleRefused),
    /// The person took the acceptance back.
    Withdrawn,
}

/// What a server answers to a Claim at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer<'a> {
    /// Claimed, with what it returned as bundle.
    Claimed(&'a [u8]),
    /// CONFLICT.
    Conflict,
    /// Any other refusal.
    Refused,
    /// None: the server could not be reached.
    Unreached,
}

/// What a claimer does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Ask [`Claimer::next`].
    Claim,
    /// Begin the session, which is stored with the bundle before anything is sent (INVITATION-35);
    /// places that are missing are asked again from time to time.
    Begin,
    /// Tell the person that too few servers have answered, and try again later.
    Wait,
    /// Send nothing, and tell the person why.
    Abandon(Given),
    /// Nothing has changed.
    Nothing,
}

/// A claim to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The place in the bundle's list.
    pub place: u8,
    /// The server.
    pub server: Address,
    /// The connection's secret, whose claim key signs.
    pub secret: ConnectionSecret,
}

impl Claimer {
    /// Begins with a card of a one-time invitation.
    ///
    /// # Errors
    /// [`Misuse::NotClaimed`] for the card of a contact address, which nobody claims.
    pub fn new(card: Card) -> Result<Self, Misuse> {
        if card.kind() == CardKind::Address {
            return Err(Misuse::NotClaimed);
        }
        let tried = Tried::open(card.servers().len());
        Ok(Self::Seeking(Seeking { card, tried }))
    }

    /// An acceptance from its parts, as they were stored: the card, the bundle once it was open,
    /// and [`places`](Self::places); with what to do next.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn restore(
        card: Card,
        bundle: Option<Bundle>,
        places: &[Place],
    ) -> Result<(Self, Step), Misuse> {
        Self::new(card.clone())?;
        let count = bundle.as_ref().map_or(card.servers().len(), |it| it.servers().len());
        let mut tried = Tried::open(count);
        tried.0.iter_mut().zip(places).for_each(|(tried, stored)| *tried = *stored);
        let mut claimer = match bundle {
            None => Self::Seeking(Seeking { card, tried }),
            Some(bundle) => Self::Claiming(Claiming { card, bundle, tried }),
        };
        let step = claimer.settle();
        Ok((claimer, step))
    }

    /// The claim to make next; `None` where nothing is to be claimed now.
    ///
    /// The caller stores the claimer's key before it makes the claim, and makes it again with the
    /// same key after a crash.
    #[must_use]
    pub fn next(&self) -> Option<Claim> {
        let (card, bundle, tried) = match self {
            Self::Seeking(Seeking { card, tried }) => (card, None, tried),
            Self::Claiming(Claiming { card, bundle, tried })
            | Self::Ready(Ready { card, bundle, tried }) => (card, Some(bundle), tried),
            Self::Waiting(_) | Self::Abandoned(_) => return None,
        };
        let servers = bundle.map_or(card.servers(), Bundle::servers);
        let place = tried.next_open()?;
        let server = servers.get(usize::from(place))?.clone();
        let secret = card.secret().connection(place, &server.fingerprint);
        Some(Claim { place, server, secret })
    }

    /// What comes of the answer to a claim.
    pub fn handle(&mut self, place: u8, answer: Answer<'_>, now: Hour) -> Step {
        if matches!(self, Self::Abandoned(_)) {
            return Step::Nothing;
        }
        // INVITATION-33: whenever it comes.
        if answer == Answer::Conflict && !mutant!(INVITATION_33) {
            return self.abandon(Given::Conflict);
        }
        let became = match answer {
            Answer::Claimed(_) => Place::Claimed,
            Answer::Conflict | Answer::Refused => Place::Refused,
            Answer::Unreached => Place::Unreached,
        };
        match self {
            Self::Seeking(seeking) => {
                seeking.tried.set(place, became);
                if let Answer::Claimed(sealed) = answer {
                    return self.open(sealed, now);
                }
            }
            Self::Claiming(Claiming { tried, .. }) | Self::Ready(Ready { tried, .. }) => {
                tried.set(place, became);
            }
            // A late answer: the claim is made again, and answered the same.
            Self::Waiting(_) | Self::Abandoned(_) => {}
        }
        self.settle()
    }

    /// Asks the places again that were refused or not reached. Called from time to time.
    pub fn retry(&mut self, now: Hour) -> Step {
        let (card, bundle, mut tried) = match self {
            Self::Waiting(Waiting { card, bundle, tried }) => {
                (card.clone(), bundle.clone(), tried.clone())
            }
            Self::Ready(Ready { tried, .. }) => {
                tried.reopen();
                return if tried.next_open().is_some() { Step::Claim } else { Step::Nothing };
            }
            Self::Seeking(_) | Self::Claiming(_) => return Step::Claim,
            Self::Abandoned(_) => return Step::Nothing,
        };
        tried.reopen();
        *self = match bundle {
            None => Self::Seeking(Seeking { card, tried }),
            Some(bundle) => {
                if let Err(fault) = bundle.check_time(now) {
                    return self.abandon(Given::Bundle(fault));
                }
                Self::Claiming(Claiming { card, bundle, tried })
            }
        };
        Step::Claim
    }

    /// The person takes the acceptance back.
    pub fn withdraw(&mut self) -> Step {
        match self {
            Self::Abandoned(_) => Step::Nothing,
            _ => self.abandon(Given::Withdrawn),
        }
    }

    /// The bundle, once it is open.
    #[must_use]
    pub const fn bundle(&self) -> Option<&Bundle> {
        match self {
            Self::Claiming(Claiming { bundle, .. }) | Self::Ready(Ready { bundle, .. }) => {
                Some(bundle)
            }
            Self::Waiting(Waiting { bundle, .. }) => bundle.as_ref(),
            Self::Seeking(_) | Self::Abandoned(_) => None,
        }
    }

    /// What became of each place that is known, in order.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        match self {
            Self::Seeking(Seeking { tried, .. })
            | Self::Claiming(Claiming { tried, .. })
            | Self::Ready(Ready { tried, .. })
            | Self::Waiting(Waiting { tried, .. }) => &tried.0,
            Self::Abandoned(_) => &[],
        }
    }

    /// A server has returned a bundle to the first claim that was accepted.
    fn open(&mut self, sealed: &[u8], now: Hour) -> Step {
        let Self::Seeking(Seeking { card, tried }) = self else { return Step::Nothing };
        match Bundle::open(card, sealed, now) {
            Ok(bundle) => {
                let (card, mut tried) = (card.clone(), tried.clone());
                tried.grow(bundle.servers().len());
                *self = Self::Claiming(Claiming { card, bundle, tried });
                self.settle()
            }
            // What was not sealed by the inviter says nothing about the invitation: another server
            // of the card may be honest.
            Err(BundleRefused::Length(_) | BundleRefused::Sealed)
                if tried.claimed() < tried.0.len() =>
            {
                self.settle()
            }
            Err(fault) => self.abandon(Given::Bundle(fault)),
        }
    }

    /// Where the places that were tried lead.
    fn settle(&mut self) -> Step {
        match self {
            Self::Seeking(Seeking { card, tried }) => {
                if tried.next_open().is_some() {
                    return Step::Claim;
                }
                let (card, tried) = (card.clone(), tried.clone());
                *self = Self::Waiting(Waiting { card, bundle: None, tried });
                Step::Wait
            }
            Self::Claiming(Claiming { card, bundle, tried }) => {
                let enough = tried.claimed() >= usize::from(bundle.shape().k());
                // INVITATION-34
                let asked = tried.next_open().is_none() || mutant!(INVITATION_34);
                if !asked {
                    return Step::Claim;
                }
                let (card, bundle, tried) = (card.clone(), bundle.clone(), tried.clone());
                if enough {
                    *self = Self::Ready(Ready { card, bundle, tried });
                    return Step::Begin;
                }
                *self = Self::Waiting(Waiting { card, bundle: Some(bundle), tried });
                Step::Wait
            }
            Self::Ready(Ready { tried, .. }) if tried.next_open().is_some() => Step::Claim,
            Self::Ready(_) | Self::Waiting(_) | Self::Abandoned(_) => Step::Nothing,
        }
    }

    fn abandon(&mut self, why: Given) -> Step {
        *self = Self::Abandoned(why.clone());
        Step::Abandon(why)
    }
}

impl Tried {
    fn open(len: usize) -> Self {
        let mut tried = Self(ArrayVec::new());
        tried.grow(len);
        tried
    }

    fn grow(&mut self, len: usize) {
        while self.0.len() < len && self.0.try_push(Place::Open).is_ok() {}
    }

    fn set(&mut self, place: u8, became: Place) {
        if let Some(known) = self.0.get_mut(usize::from(place))
            && *known != Place::Claimed
        {
            *known = became;
        }
    }

    /// INVITATION-32: the lowest one.
    fn next_open(&self) -> Option<u8> {
        let mut places = self.0.iter();
        let open = |place: &Place| *place == Place::Open;
        let first =
            if mutant!(INVITATION_32) { places.rposition(open) } else { places.position(open) };
        first.and_then(|place| u8::try_from(place).ok())
    }

    fn claimed(&self) -> usize {
        self.0.iter().filter(|place| **place == Place::Claimed).count()
    }

    fn reopen(&mut self) {
        for place in self.0.iter_mut().filter(|place| **place != Place::Claimed) {
            *place = Place::Open;
        }
    }
}
