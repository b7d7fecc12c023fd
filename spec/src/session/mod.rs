#![doc = include_str!("../../session.md")]
//!
//! # This module
//!
//! A [`Session`] is a value: [`Session::seal`] and [`Session::open`] change nothing and return the
//! next one, which takes the place of the first once it is stored. So a failure changes nothing, and
//! a crash before storing is as if nothing had been done. What is large is shared between one value
//! and the next.

pub mod bytes;
pub mod cell;
mod mode;
mod open;
mod repeat;
mod safety;
pub mod schedule;
mod seal;
mod skipped;
mod state;

use core::fmt;
use std::sync::Arc;

use rand_core::CryptoRng;

use crate::constants::HASH_LEN;
use crate::scatter::Shape;
use crate::suite::{Decapsulator, Encapsulator};
use crate::time::Now;

pub use bytes::{STATE_VERSION, StateRefused};
pub use mode::{Mode, UnknownMode};
pub use open::{OpenFailed, Opened};
pub use repeat::Repeat;
pub use safety::{Digits, SafetyNumber};
pub use seal::{Purpose, SealRefused, Sealed};
pub use state::Fresh;

use schedule::{Transcript, start, transcript_of_bundle};
use skipped::Skipped;
use state::{Before, Claimed, Invited, Made, Ratchet, State, make};

/// One end of a session.
#[derive(Clone)]
pub struct Session {
    shape: Shape,
    mode: Mode,
    counts: Counts,
    /// When this end last stepped.
    stepped: Now,
    skipped: Skipped,
    state: State,
}

/// The numbers of both directions, 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// The highest s sealed.
    sent: u32,
    /// The highest ack that came in.
    acked: u32,
    /// The highest s opened.
    opened: u32,
    /// The ack of the last cell sealed.
    told: u32,
}

impl Session {
    /// The claimer's end: makes step 0 from the secret and the bundle of an invitation.
    ///
    /// `bundle` are the bundle's bytes as they were opened, `ek` the key in it, `shape` and `mode`
    /// what it says.
    #[must_use]
    pub fn claim(
        secret: &[u8; HASH_LEN],
        bundle: &[u8],
        ek: &Encapsulator,
        shape: Shape,
        mode: Mode,
        now: Now,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        Self::claim_derand(secret, bundle, ek, shape, mode, now, Fresh::generate(ek, rng))
    }

    /// [`claim`](Self::claim) with its randomness given: for vectors only.
    #[must_use]
    pub fn claim_derand(
        secret: &[u8; HASH_LEN],
        bundle: &[u8],
        ek: &Encapsulator,
        shape: Shape,
        mode: Mode,
        now: Now,
        fresh: Fresh,
    ) -> Self {
        let keys = start(secret, bundle);
        let tr = transcript_of_bundle(bundle);
        let (root, header) = (&keys.root, keys.claimer);
        let before = Before { tr: &tr, ek, root, step: 0, start: 1, header };
        let Made { sending, decapsulator, root, own } = make(before, fresh);
        let ratchet = Ratchet { first: sending.tr, root, own, peer: keys.inviter };
        let hello = Repeat::new(now);
        let state = State::Claimed(Claimed { ratchet, decapsulator, sending, hello });
        Self::begin(shape, mode, now, state)
    }

    /// The inviter's end: `decapsulator` is the pair of the key in the bundle.
    #[must_use]
    pub fn invite(
        secret: &[u8; HASH_LEN],
        bundle: &[u8],
        decapsulator: Decapsulator,
        shape: Shape,
        mode: Mode,
    ) -> Self {
        let start = start(secret, bundle);
        let tr = transcript_of_bundle(bundle);
        let decapsulator = Arc::new(decapsulator);
        let state = State::Invited(Invited { decapsulator, tr, start });
        Self::begin(shape, mode, Now::default(), state)
    }

    fn begin(shape: Shape, mode: Mode, stepped: Now, state: State) -> Self {
        let (counts, skipped) = (Counts::default(), Skipped::default());
        Self { shape, mode, counts, stepped, skipped, state }
    }

    /// How the session's cells are split.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether what is said can be shown to others (SESSION-39).
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The highest s sealed, 0 for none.
    #[must_use]
    pub const fn sealed(&self) -> u32 {
        self.counts.sent
    }

    /// The highest s that the other end has acknowledged, 0 for none: parts of cells up to it are
    /// kept no longer, those beyond it are (SESSION-38).
    #[must_use]
    pub const fn acknowledged(&self) -> u32 {
        self.counts.acked
    }

    /// The highest s opened, 0 for none: the middle of the window of tags.
    #[must_use]
    pub const fn opened(&self) -> u32 {
        self.counts.opened
    }

    /// The lowest s of which a cell may still open: each one below was opened, or is too old.
    #[must_use]
    pub fn awaited(&self) -> u32 {
        let skipped = self.skipped.keys().first().map(|key| key.s);
        skipped.unwrap_or_else(|| self.counts.opened.saturating_add(1))
    }

    /// Whether the cell of s was opened before, or is too old to be: nothing is lost with it.
    #[must_use]
    pub fn is_spent(&self, s: u32) -> bool {
        s <= self.counts.opened && !self.skipped.has(s)
    }

    /// tr_0, once step 0 is known: both ends have the same, and no other session has it.
    #[must_use]
    pub fn transcript0(&self) -> Option<Transcript> {
        self.state.ratchet().map(|ratchet| ratchet.first)
    }

    /// What both people compare, once step 0 is known (SESSION-8).
    #[must_use]
    pub fn safety_number(&self) -> Option<SafetyNumber> {
        let number = Digits::of(&self.transcript0()?, 0);
        let sending = self.state.sending().map(|own| (own.step, own.tr));
        let receiving = self.state.receiving().map(|peer| (peer.step, peer.tr));
        let mut known = [sending, receiving];
        known.sort_by_key(|step| step.map(|(t, _)| t));
        let steps = known.into_iter().flatten().map(|(t, tr)| (t, Digits::of(&tr, t))).collect();
        Some(SafetyNumber { number, steps })
    }

    /// When the claimer's Hello is to be sealed, again if it was before; `None` once a cell of the
    /// inviter has opened, and at the inviter (SESSION-36).
    #[must_use]
    pub fn hello(&self) -> Option<Repeat> {
        match &self.state {
            State::Claimed(claimed) => Some(claimed.hello),
            _ => None,
        }
    }

    /// The session once all cells of a Hello have been sealed.
    #[must_use]
    pub fn hello_sealed(&self, now: Now) -> Self {
        let mut next = self.clone();
        if let State::Claimed(claimed) = &mut next.state {
            claimed.hello = claimed.hello.done(now);
        }
        next
    }

    /// The session without the skipped keys whose time is over, `None` where there are none: to be
    /// asked for daily, by a session in which nothing comes too (SESSION-21).
    #[must_use]
    pub fn expired(&self, now: Now) -> Option<Self> {
        let skipped = self.skipped.with(Vec::new(), self.counts.opened, now);
        let over = skipped.keys().len() < self.skipped.keys().len();
        over.then(|| Self { skipped, ..self.clone() })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?})", self.state)
    }
}
