//! The five states, each with what is valid in it, and the steps between them.

use core::fmt;
use std::sync::Arc;

use rand_core::CryptoRng;

use super::OpenFailed;
use super::cell::{FRONT_LEN, Header};
use super::repeat::Repeat;
use super::schedule::{self, Key, Transcript};
use crate::constants::{CT_LEN, EK_LEN};
use crate::require;
use crate::suite::{Decapsulator, Encapsulator, SharedSecret};

/// Where a session stands.
#[derive(Clone)]
pub(super) enum State {
    /// The inviter, before a cell of the claimer has opened.
    Invited(Invited),
    /// The inviter, before its first cell: the next one steps.
    Answering(Answering),
    /// The claimer, before a cell of the inviter has opened.
    Claimed(Claimed),
    /// The latest step is this end's own.
    Waiting(Waiting),
    /// The latest step is the other end's: this end may step.
    Entitled(Entitled),
}

#[derive(Clone)]
pub(super) struct Invited {
    /// The key whose public half stands in the bundle.
    pub decapsulator: Arc<Decapsulator>,
    /// tr_-1.
    pub tr: Transcript,
    pub start: schedule::Start,
}

#[derive(Clone)]
pub(super) struct Answering {
    pub ratchet: Ratchet,
    pub ek: Arc<Encapsulator>,
    pub receiving: Receiving,
}

#[derive(Clone)]
pub(super) struct Claimed {
    pub ratchet: Ratchet,
    pub decapsulator: Arc<Decapsulator>,
    pub sending: Sending,
    pub hello: Repeat,
}

#[derive(Clone)]
pub(super) struct Waiting {
    pub ratchet: Ratchet,
    pub decapsulator: Arc<Decapsulator>,
    pub sending: Sending,
    pub receiving: Receiving,
}

#[derive(Clone)]
pub(super) struct Entitled {
    pub ratchet: Ratchet,
    /// The key of the other end's latest step.
    pub ek: Arc<Encapsulator>,
    pub sending: Sending,
    pub receiving: Receiving,
}

/// What lies behind the latest step t of either end.
#[derive(Clone)]
pub(super) struct Ratchet {
    /// tr_0.
    pub first: Transcript,
    /// R_{t+1}.
    pub root: Key,
    /// Seals the headers of this end's next step.
    pub own: Key,
    /// Seals the headers of the other end's next step.
    pub peer: Key,
}

/// This end's latest step.
#[derive(Clone)]
pub(super) struct Sending {
    pub step: u32,
    pub start: u32,
    pub header: Key,
    pub chain: Key,
    pub tr: Transcript,
    /// ek ‖ ct, which stand in each header of the step.
    pub front: Arc<[u8; FRONT_LEN]>,
}

/// The other end's latest step.
#[derive(Clone)]
pub(super) struct Receiving {
    pub step: u32,
    pub start: u32,
    pub header: Key,
    pub chain: Key,
    pub tr: Transcript,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invited(_) => "Invited",
            Self::Answering(_) => "Answering",
            Self::Claimed(_) => "Claimed",
            Self::Waiting(_) => "Waiting",
            Self::Entitled(_) => "Entitled",
        })
    }
}

/// What a step takes from randomness.
pub struct Fresh {
    /// ct_t: encapsulated to the other end's latest key.
    pub ct: [u8; CT_LEN],
    /// What it shares.
    pub ss: SharedSecret,
    /// The pair of the step's new key ek_t; it serves this step alone.
    pub decapsulator: Decapsulator,
}

impl Fresh {
    /// Encapsulates to `ek` and makes a new key.
    #[must_use]
    pub fn generate(ek: &Encapsulator, rng: &mut dyn CryptoRng) -> Self {
        let (ct, ss) = ek.encapsulate(rng);
        Self { ct, ss, decapsulator: Decapsulator::generate(rng) }
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fresh")
    }
}

/// Where a step of this end begins.
pub(super) struct Before<'a> {
    /// tr of the step before.
    pub tr: &'a Transcript,
    /// The key that is encapsulated to.
    pub ek: &'a Encapsulator,
    /// R of the step before.
    pub root: &'a Key,
    /// Number of this step.
    pub step: u32,
    /// Its first s.
    pub start: u32,
    /// Seals its headers.
    pub header: Key,
}

/// A step of this end: its chain, its secret key, R_{t+1}, HK_{t+2}.
pub(super) struct Made {
    pub sending: Sending,
    pub decapsulator: Arc<Decapsulator>,
    pub root: Key,
    pub own: Key,
}

/// Makes a step (SESSION-2, SESSION-3).
pub(super) fn make(before: Before<'_>, fresh: Fresh) -> Made {
    let Before { tr, ek: ek_before, root, step, start, header } = before;
    let ek = fresh.decapsulator.encapsulator();
    let tr = schedule::transcript(tr, step, ek_before.as_bytes(), &fresh.ct, ek.as_bytes());
    let schedule::Step { root, chain, header: own } = schedule::step(root, &fresh.ss, &tr);
    let mut front = [0; FRONT_LEN];
    let (first, second) = front.split_at_mut(EK_LEN);
    first.copy_from_slice(ek.as_bytes());
    second.copy_from_slice(&fresh.ct);
    let sending = Sending { step, start, header, chain, tr, front: Arc::new(front) };
    Made { sending, decapsulator: Arc::new(fresh.decapsulator), root, own }
}

/// What an end that waits for a step of the other one opens it with.
pub(super) struct Awaited<'a> {
    pub decapsulator: &'a Arc<Decapsulator>,
    /// tr of the step before.
    pub tr: &'a Transcript,
    /// R of the step before.
    pub root: &'a Key,
    /// Number of the awaited step.
    pub step: u32,
    /// Seals its headers.
    pub header: &'a Key,
}

/// A step of the other end: its chain, its key, R_{t+1}, HK_{t+2}.
pub(super) struct Taken {
    pub receiving: Receiving,
    pub ek: Arc<Encapsulator>,
    pub root: Key,
    pub peer: Key,
}

impl Awaited<'_> {
    /// Takes the step that a header shows.
    ///
    /// # Errors
    /// [`OpenFailed`] for another step's number (SESSION-12), a key or a ciphertext that is not
    /// acceptable (SESSION-14).
    pub fn take(&self, header: &Header) -> Result<Taken, OpenFailed> {
        let numbers = header.numbers();
        let known = numbers.step == self.step && numbers.reserved == 0;
        require!(SESSION_12, known, OpenFailed);
        let ct = header.ct().ok_or(OpenFailed)?;
        let ek = Encapsulator::parse(header.ek()).map_err(|_| OpenFailed)?; // SESSION-14
        let ss = self.decapsulator.decapsulate(ct).map_err(|_| OpenFailed)?;
        let before = self.decapsulator.encapsulator();
        let (t, ek_before) = (self.step, before.as_bytes());
        let tr = schedule::transcript(self.tr, t, ek_before, ct, ek.as_bytes());
        let schedule::Step { root, chain, header: peer } = schedule::step(self.root, &ss, &tr);
        let header = self.header.clone();
        let receiving = Receiving { step: self.step, start: numbers.start, header, chain, tr };
        Ok(Taken { receiving, ek: Arc::new(ek), root, peer })
    }
}

impl State {
    /// The other end's latest step, once there is one.
    pub fn receiving(&self) -> Option<&Receiving> {
        match self {
            Self::Invited(_) | Self::Claimed(_) => None,
            Self::Answering(Answering { receiving, .. })
            | Self::Waiting(Waiting { receiving, .. })
            | Self::Entitled(Entitled { receiving, .. }) => Some(receiving),
        }
    }

    /// This end's latest step, once there is one.
    pub fn sending(&self) -> Option<&Sending> {
        match self {
            Self::Invited(_) | Self::Answering(_) => None,
            Self::Claimed(Claimed { sending, .. })
            | Self::Waiting(Waiting { sending, .. })
            | Self::Entitled(Entitled { sending, .. }) => Some(sending),
        }
    }

    /// What lies behind the latest step, once there is one.
    pub fn ratchet(&self) -> Option<&Ratchet> {
        match self {
            Self::Invited(_) => None,
            Self::Answering(Answering { ratchet, .. })
            | Self::Claimed(Claimed { ratchet, .. })
            | Self::Waiting(Waiting { ratchet, .. })
            | Self::Entitled(Entitled { ratchet, .. }) => Some(ratchet),
        }
    }

    /// The step of the other end that may come next; none while the latest one is the other end's,
    /// which has to wait for one of this end first.
    pub fn awaited(&self) -> Option<Awaited<'_>> {
        let of = |decapsulator, sending, ratchet| {
            let (sending, ratchet): (&Sending, &Ratchet) = (sending, ratchet);
            let step = sending.step.checked_add(1)?;
            let (tr, root, header) = (&sending.tr, &ratchet.root, &ratchet.peer);
            Some(Awaited { decapsulator, tr, root, step, header })
        };
        match self {
            Self::Invited(Invited { decapsulator, tr, start }) => {
                let (root, header) = (&start.root, &start.claimer);
                Some(Awaited { decapsulator, tr, root, step: 0, header })
            }
            Self::Claimed(Claimed { decapsulator, sending, ratchet, .. })
            | Self::Waiting(Waiting { decapsulator, sending, ratchet, .. }) => {
                of(decapsulator, sending, ratchet)
            }
            Self::Answering(_) | Self::Entitled(_) => None,
        }
    }

    /// This state after a step of the other end; the secret key that opened it is gone
    /// (SESSION-41).
    pub fn with_step(&self, taken: Taken) -> Option<Self> {
        let Taken { receiving, ek, root, peer } = taken;
        match self {
            Self::Invited(Invited { start, .. }) => {
                let own = start.inviter.clone();
                let ratchet = Ratchet { first: receiving.tr, root, own, peer };
                Some(Self::Answering(Answering { ratchet, ek, receiving }))
            }
            Self::Claimed(Claimed { ratchet, sending, .. })
            | Self::Waiting(Waiting { ratchet, sending, .. }) => {
                let (first, own) = (ratchet.first, ratchet.own.clone());
                let ratchet = Ratchet { first, root, own, peer };
                let sending = sending.clone();
                Some(Self::Entitled(Entitled { ratchet, ek, sending, receiving }))
            }
            Self::Answering(_) | Self::Entitled(_) => None,
        }
    }

    /// This state with the chain of the other end's step moved on.
    pub fn with_chain(mut self, chain: Key) -> Self {
        match &mut self {
            Self::Invited(_) | Self::Claimed(_) => {}
            Self::Answering(Answering { receiving, .. })
            | Self::Waiting(Waiting { receiving, .. })
            | Self::Entitled(Entitled { receiving, .. }) => receiving.chain = chain,
        }
        self
    }
}
