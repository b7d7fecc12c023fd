//! The keys of a session whose secrets are all known, worked out from the derivations alone; and
//! cells made with them, honest ones and others.

use edgewise_spec::constants::CT_LEN;
use edgewise_spec::session::Fresh;
use edgewise_spec::session::cell::{FRONT_LEN, Numbers, seal};
use edgewise_spec::session::schedule::{self, Key, Transcript};
use edgewise_spec::suite::{Decapsulator, SharedSecret};

/// One step with all that it gives.
#[derive(Clone)]
pub struct KnownStep {
    pub t: u32,
    pub header: Key,
    pub chain: Key,
    pub tr: Transcript,
    pub front: [u8; FRONT_LEN],
}

/// Every step of a session: `seeds` are those of the bundle's key and of each step's, `cts` the
/// ciphertexts of the steps.
pub fn steps(
    secret: &[u8; 32],
    bundle: &[u8],
    seeds: &[[u8; 32]],
    cts: &[[u8; CT_LEN]],
) -> Vec<KnownStep> {
    let schedule::Start { mut root, claimer, inviter } = schedule::start(secret, bundle);
    let mut headers = vec![claimer, inviter];
    let mut tr = schedule::transcript_of_bundle(bundle);
    let mut steps = Vec::new();
    for (t, (pair, ct)) in seeds.windows(2).zip(cts).enumerate() {
        let [before, own] = [pair[0], pair[1]].map(|seed| Decapsulator::from_seed(&seed));
        let (ek_before, ek) = (before.encapsulator(), own.encapsulator());
        tr = schedule::transcript(&tr, t as u32, ek_before.as_bytes(), ct, ek.as_bytes());
        let step = schedule::step(&root, &before.decapsulate(ct).unwrap(), &tr);
        root = step.root;
        headers.push(step.header);
        let front = [&ek.as_bytes()[..], ct].concat().try_into().unwrap();
        let (t, header) = (t as u32, headers[t].clone());
        steps.push(KnownStep { t, header, chain: step.chain, tr, front });
    }
    steps
}

/// What step t took from randomness.
pub fn fresh(t: usize, seeds: &[[u8; 32]], cts: &[[u8; CT_LEN]]) -> Fresh {
    let ct = cts[t];
    let ss: SharedSecret = Decapsulator::from_seed(&seeds[t]).decapsulate(&ct).unwrap();
    Fresh { ct, ss, decapsulator: Decapsulator::from_seed(&seeds[t + 1]) }
}

impl KnownStep {
    pub fn numbers(&self, start: u32, ack: u32) -> Numbers {
        Numbers { step: self.t, start, ack, reserved: 0 }
    }

    /// The message key of s in a chain that begins at `start`.
    pub fn message(&self, start: u32, s: u32) -> Key {
        let mut chain = self.chain.clone();
        for earlier in start..s {
            chain = schedule::chain(&chain, earlier).0;
        }
        schedule::chain(&chain, s).1
    }

    /// Cell s of the step, its chain begun at `start`, with these numbers in its header.
    pub fn cell(&self, start: u32, s: u32, numbers: Numbers, body: &[u8]) -> Vec<u8> {
        let keys = schedule::message(&self.message(start, s));
        seal(&self.header, &keys, &self.tr, s, &self.front, numbers, body)
    }
}
