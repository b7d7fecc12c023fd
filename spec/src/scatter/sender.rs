//! The sending end of a direction: a cell becomes one part for each connection.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::coding::fragments;
use super::part::{seal_cell, seal_part};
use super::share::shares;
use super::{PartChain, ScatterRefused, Shape};
use crate::constants::{HASH_LEN, SHARE_LEN, TAG_WINDOW};
use crate::{mutant, require};

const STATE_VERSION: u8 = 1;
const LANE_LEN: usize = HASH_LEN + 4;

/// Why a cell cannot be split. Each blames the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitRefused {
    /// The cell does not have the length of the shape.
    #[error("a cell of {got} bytes where the shape has {expected}")]
    Length {
        /// CELL of the shape.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// Parts of this s, or of a later one, have been sealed already.
    #[error("s = {s} is not above {last}, up to which parts are sealed")]
    Spent {
        /// What was asked.
        s: u32,
        /// The last s that was sealed.
        last: u32,
    },
    /// There are not k − 1 coefficients for the shares of the cell's key.
    #[error("{got} coefficients for the shares of a cell's key where the shape has {expected}")]
    Coefficients {
        /// k − 1.
        expected: usize,
        /// How many were given.
        got: usize,
    },
}

/// The part chains of the n connections of one direction, at the end that sends.
#[derive(Clone, Debug)]
pub struct Sender {
    shape: Shape,
    chains: Vec<PartChain>,
}

impl Sender {
    /// The end that sends over n connections, in the order of the bundle.
    ///
    /// # Errors
    /// [`ScatterRefused::Connections`] for another number than n.
    pub fn new(shape: Shape, chains: Vec<PartChain>) -> Result<Self, ScatterRefused> {
        let (expected, got) = (usize::from(shape.n()), chains.len());
        if expected != got {
            return Err(ScatterRefused::Connections { expected, got });
        }
        Ok(Self { shape, chains })
    }

    /// Splits the cell of `s` into n parts, the part of place i at i, and gives the state after it.
    ///
    /// State and parts are stored in one transaction before the first part leaves (SCATTER-8).
    ///
    /// # Errors
    /// [`SplitRefused`].
    pub fn split(
        &self,
        s: u32,
        cell: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(Self, Vec<Vec<u8>>), SplitRefused> {
        // SCATTER-16, SCATTER-19: every byte as the generator gives it, zeros too.
        let mut cell_key = Zeroizing::new([0; SHARE_LEN]);
        if !mutant!(SCATTER_16) {
            rng.fill_bytes(cell_key.as_mut());
        }
        let mut coefficients = Zeroizing::new(vec![[0; SHARE_LEN]; self.coefficients()]);
        coefficients.iter_mut().for_each(|coefficient| rng.fill_bytes(coefficient));
        self.split_under(s, cell, &cell_key, &coefficients)
    }

    /// How many coefficients, beside the cell's key, the shares of a key are made from.
    fn coefficients(&self) -> usize {
        usize::from(self.shape.k()).saturating_sub(1)
    }

    /// [`split`](Self::split) with the cell's key given, and the k − 1 coefficients that go with
    /// each byte of it, those of x first: for vectors only.
    ///
    /// # Errors
    /// [`SplitRefused`].
    pub fn split_under(
        &self,
        s: u32,
        cell: &[u8],
        cell_key: &[u8; SHARE_LEN],
        coefficients: &[[u8; SHARE_LEN]],
    ) -> Result<(Self, Vec<Vec<u8>>), SplitRefused> {
        let (expected, got) = (self.shape.cell_len(), cell.len());
        if expected != got {
            return Err(SplitRefused::Length { expected, got });
        }
        let (expected, got) = (self.coefficients(), coefficients.len());
        if expected != got {
            return Err(SplitRefused::Coefficients { expected, got });
        }
        let fragments = fragments(self.shape, &seal_cell(cell_key, cell));
        let mut shares = shares(self.shape, cell_key, coefficients);
        if mutant!(SCATTER_20, "neighbour") {
            shares.rotate_left(1);
        }
        let mut next = self.clone();
        let mut parts = Vec::with_capacity(next.chains.len());
        // SCATTER-20: the place's own fragment and share, and no others.
        for (chain, (fragment, share)) in next.chains.iter_mut().zip(fragments.iter().zip(&shares))
        {
            let last = chain.s();
            let key = chain.step_to(s);
            // SCATTER-8: a chain goes forward only.
            let key = key.ok_or(SplitRefused::Spent { s, last })?;
            parts.push(seal_part(&key, fragment, share));
        }
        let stays = mutant!(SCATTER_8) || mutant!(SCATTER_8, "twice");
        Ok((if stays { self.clone() } else { next }, parts))
    }

    /// Replaces the chain of connection `place`: the parts of later cells go to the new one.
    ///
    /// # Errors
    /// [`ScatterRefused::NoConnection`]; [`ScatterRefused::Base`] for a chain that begins further
    /// from the last s than tags reach (SCATTER-14).
    pub fn replace(&mut self, place: u8, chain: PartChain) -> Result<(), ScatterRefused> {
        let old = self.chains.get_mut(usize::from(place));
        let old = old.ok_or(ScatterRefused::NoConnection(place.into()))?;
        let (base, last) = (chain.s(), old.s());
        let lowest = last.saturating_sub(2 * TAG_WINDOW);
        let near = (lowest..=last.saturating_add(TAG_WINDOW)).contains(&base);
        require!(SCATTER_14, near, ScatterRefused::Base { base, last });
        // ROTATION-36
        if !mutant!(ROTATION_36) {
            *old = chain;
        }
        Ok(())
    }

    /// The state, to be stored: a version byte, then 36 bytes a connection.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + self.chains.len() * LANE_LEN));
        bytes.push(STATE_VERSION);
        for chain in &self.chains {
            bytes.extend_from_slice(chain.to_key().as_ref());
            bytes.extend_from_slice(&chain.s().to_be_bytes());
        }
        bytes
    }

    /// Reads a stored state.
    ///
    /// # Errors
    /// [`ScatterRefused::State`], or what [`new`](Self::new) refuses.
    pub fn from_bytes(shape: Shape, bytes: &[u8]) -> Result<Self, ScatterRefused> {
        let Some((&STATE_VERSION, lanes)) = bytes.split_first() else {
            return Err(ScatterRefused::State);
        };
        let (lanes, rest) = lanes.as_chunks::<LANE_LEN>();
        if !rest.is_empty() {
            return Err(ScatterRefused::State);
        }
        let chain = |lane: &[u8; LANE_LEN]| {
            let (key, s) = lane.split_first_chunk::<HASH_LEN>()?;
            Some(PartChain::new(key, u32::from_be_bytes(*s.first_chunk()?)))
        };
        let chains: Option<Vec<_>> = lanes.iter().map(chain).collect();
        Self::new(shape, chains.ok_or(ScatterRefused::State)?)
    }
}
