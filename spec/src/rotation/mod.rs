#![doc = include_str!("../../rotation.md")]

pub mod moving;

use edgewise_proto::v1::{self, Role};

use crate::constants::{
    CHAIN_MAX, KEY_GRACE_HOURS_MAX, KEY_LIFE_HOURS_MAX, SIGNATURE_LEN, VK_LEN, labels,
};
use crate::error::Reject;
use crate::suite::{self, VerifyingKey};
use crate::time::Hour;
use crate::{mutant, require};

/// A connection key and its life. Times are whole hours since the Unix epoch.
///
/// The key has been accepted as an Ed25519 key when the record was read (ROTATION-1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyRecord {
    /// Ed25519 public key.
    pub vk: [u8; VK_LEN],
    /// 0 for the first key, strictly increasing.
    pub version: u32,
    /// The first hour in which the key may be used.
    pub not_before: Hour,
    /// The first hour in which it may no longer be used.
    pub not_after: Hour,
    /// Hours after `not_after` in which it may still sign its own replacement.
    pub grace: u32,
}

/// Where a key stands in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// Its time has not begun.
    Early,
    /// It may be used.
    Valid,
    /// It may only name its successor.
    Grace,
    /// It may do nothing.
    Dead,
}

/// What is asked under a proven key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// A change of that key.
    Change,
    /// Anything else.
    Use,
}

impl KeyRecord {
    /// Reads a record from the wire; nothing is said yet about its times.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for a key that is not acceptable (ROTATION-1).
    pub fn from_wire(wire: &v1::KeyRecord) -> Result<Self, Reject> {
        let accepted = VerifyingKey::parse(&wire.vk);
        require!(ROTATION_1, accepted.is_ok(), Reject::Malformed);
        let vk = array(&wire.vk)?;
        let v1::KeyRecord { version, not_before, not_after, grace, .. } = *wire;
        Ok(Self { vk, version, not_before, not_after, grace })
    }

    /// The record as it goes on the wire.
    #[must_use]
    pub fn to_wire(&self) -> v1::KeyRecord {
        let Self { vk, version, not_before, not_after, grace } = *self;
        v1::KeyRecord { vk: vk.to_vec().into(), version, not_before, not_after, grace }
    }

    /// Whether a key of these times is accepted at all.
    ///
    /// # Errors
    /// [`Reject::Terms`] for times that do not fit together or are too long (ROTATION-2).
    pub fn check_terms(&self) -> Result<(), Reject> {
        let life = self.not_after.checked_sub(self.not_before);
        let acceptable = life.is_some_and(|hours| (1..=KEY_LIFE_HOURS_MAX).contains(&hours))
            && self.grace <= KEY_GRACE_HOURS_MAX;
        require!(ROTATION_2, acceptable, Reject::Terms);
        Ok(())
    }

    /// Where the key stands at an hour.
    #[must_use]
    pub const fn life(&self, hour: Hour) -> Life {
        if hour < self.not_before {
            Life::Early
        } else if hour < self.not_after {
            Life::Valid
        } else if hour < self.not_after.saturating_add(self.grace) {
            Life::Grace
        } else {
            Life::Dead
        }
    }

    /// Whether this key, proven, may ask that at an hour.
    ///
    /// # Errors
    /// [`Reject::KeyNotYetValid`] or [`Reject::KeyExpired`] (ROTATION-3 to ROTATION-5).
    pub fn allows(&self, asked: Asked, hour: Hour) -> Result<(), Reject> {
        let life = self.life(hour);
        require!(ROTATION_3, life != Life::Early, Reject::KeyNotYetValid);
        // ROTATION-13: a key in grace may still name its successor.
        let refuses_change = mutant!(ROTATION_13);
        let graced = asked == Asked::Change && !refuses_change;
        require!(ROTATION_4, life != Life::Grace || graced, Reject::KeyExpired);
        require!(ROTATION_5, life != Life::Dead, Reject::KeyExpired);
        Ok(())
    }

    /// Whether both are the same key in the same version.
    #[must_use]
    pub fn is(&self, vk: &[u8; VK_LEN], version: u32) -> bool {
        // No early exit: the time tells nothing (ERROR-5).
        suite::constant_time_eq(&self.vk, vk) & (self.version == version)
    }
}

/// One change of key, read from the wire: lengths and keys are in order, the signatures not yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The key that takes over.
    pub new: KeyRecord,
    /// The key that ends.
    pub old_vk: [u8; VK_LEN],
    old_signature: [u8; SIGNATURE_LEN],
    new_signature: [u8; SIGNATURE_LEN],
}

impl Change {
    /// Reads a change from the wire.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for a field of a wrong length or a key that is not acceptable.
    pub fn from_wire(wire: &v1::KeyChange) -> Result<Self, Reject> {
        let new = KeyRecord::from_wire(wire.new_key.as_ref().ok_or(Reject::Malformed)?)?;
        Ok(Self {
            new,
            old_vk: accepted(&wire.old_vk)?,
            old_signature: array(&wire.old_signature)?,
            new_signature: array(&wire.new_signature)?,
        })
    }

    /// Whether the change may be made at an hour from a key of `version`: its version rises, and
    /// its new key, where it is to be used next, is valid.
    ///
    /// # Errors
    /// [`Reject::Terms`] (ROTATION-2, ROTATION-8, ROTATION-9).
    pub fn check_terms(&self, version: u32, used_at: Option<Hour>) -> Result<(), Reject> {
        self.new.check_terms()?;
        require!(ROTATION_8, self.new.version > version, Reject::Terms);
        let valid = used_at.is_none_or(|hour| self.new.life(hour) == Life::Valid);
        require!(ROTATION_9, valid, Reject::Terms);
        Ok(())
    }

    /// Whether both keys have signed the change for this connection and role.
    ///
    /// # Errors
    /// [`Reject::BadSignature`] (ROTATION-6).
    pub fn verify(&self, role: Role, recipient_id: &[u8; 32]) -> Result<(), Reject> {
        let input = change_input(role, recipient_id, &self.old_vk, &self.new);
        let signed = signed(&self.old_vk, &input, &self.old_signature)
            & signed(&self.new.vk, &input, &self.new_signature);
        require!(ROTATION_6, signed, Reject::BadSignature);
        Ok(())
    }
}

/// The changes of one key that a server may have missed, oldest first. May be empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chain(arrayvec::ArrayVec<Change, CHAIN_MAX>);

impl Chain {
    /// Reads the chain of a request that itself carries a key.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for a chain that is too long, does not join, or does not end at the
    /// request's key (ROTATION-14), or holds a malformed change.
    pub fn from_wire(
        wire: &[v1::KeyChange],
        vk: &[u8; VK_LEN],
        version: u32,
    ) -> Result<Self, Reject> {
        let new_vk = |change: &v1::KeyChange| change.new_key.as_ref().map(|key| key.vk.clone());
        let joined = wire
            .iter()
            .zip(wire.iter().skip(1))
            .all(|(older, newer)| new_vk(older).is_some_and(|vk| vk == newer.old_vk));
        let ends = wire.last().is_none_or(|last| {
            last.new_key.as_ref().is_some_and(|key| key.vk == vk[..] && key.version == version)
        });
        let whole = wire.len() <= CHAIN_MAX && joined && ends;
        require!(ROTATION_14, whole, Reject::Malformed);
        // Only a mutant gets here with more than there is room for.
        let chain = wire.iter().take(CHAIN_MAX).map(Change::from_wire).collect::<Result<_, _>>()?;
        Ok(Self(chain))
    }

    /// Whether the versions rise and the last key, which the request uses, is valid at the hour.
    ///
    /// # Errors
    /// [`Reject::Terms`].
    pub fn check_terms(&self, hour: Hour) -> Result<(), Reject> {
        let mut version = None;
        for (index, change) in self.0.iter().enumerate() {
            let used_at = (index + 1 == self.0.len()).then_some(hour);
            match version {
                // What the first change follows, only the record knows: see `follow`.
                None => change.check_terms(change.new.version.saturating_sub(1), used_at)?,
                Some(version) => change.check_terms(version, used_at)?,
            }
            version = Some(change.new.version);
        }
        Ok(())
    }

    /// Whether every change is signed by both its keys.
    ///
    /// # Errors
    /// [`Reject::BadSignature`] (ROTATION-6).
    pub fn verify(&self, role: Role, recipient_id: &[u8; 32]) -> Result<(), Reject> {
        self.0.iter().try_for_each(|change| change.verify(role, recipient_id))
    }

    /// The key that the record's key has after this chain; the same one where the chain does not
    /// start from it (ROTATION-15).
    ///
    /// # Errors
    /// [`Reject::KeyNotYetValid`] or [`Reject::KeyExpired`] where a key of the chain may not name
    /// its successor now, [`Reject::Terms`] where a version does not rise.
    pub fn follow(&self, record: &KeyRecord, hour: Hour) -> Result<KeyRecord, Reject> {
        let mut key = *record;
        let from = self.0.iter().position(|change| change.old_vk == key.vk);
        // ROTATION-12: a change from any other key than the record's came too late.
        let from = from.or_else(|| mutant!(ROTATION_12).then_some(0));
        let Some(from) = from.filter(|_| !mutant!(ROTATION_15)) else { return Ok(key) };
        for change in self.0.iter().skip(from) {
            key.allows(Asked::Change, hour)?;
            if !mutant!(ROTATION_12) {
                change.check_terms(key.version, None)?;
            }
            key = change.new;
        }
        Ok(key)
    }
}

/// The exact bytes that the old and the new key sign (ROTATION-6).
#[must_use]
pub fn change_input(
    role: Role,
    recipient_id: &[u8; 32],
    old_vk: &[u8; VK_LEN],
    new: &KeyRecord,
) -> Vec<u8> {
    let mut input = suite::lp(labels::ROTATION_CHANGE).to_vec();
    input.push(role_byte(role));
    input.extend_from_slice(recipient_id);
    input.extend_from_slice(old_vk);
    input.extend_from_slice(&new.vk);
    for number in [new.version, new.not_before, new.not_after, new.grace] {
        input.extend_from_slice(&number.to_be_bytes());
    }
    input
}

/// A role as one byte of a signature's input: 1 recipient, 2 sender.
pub(crate) const fn role_byte(role: Role) -> u8 {
    match role {
        Role::Unspecified => 0,
        Role::Recipient => 1,
        Role::Sender => 2,
    }
}

/// A field of fixed length.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Reject> {
    bytes.try_into().map_err(|_| Reject::Malformed)
}

/// An Ed25519 key that is acceptable.
pub(crate) fn accepted(bytes: &[u8]) -> Result<[u8; VK_LEN], Reject> {
    VerifyingKey::parse(bytes).map(|key| *key.as_bytes()).map_err(|_| Reject::Malformed)
}

/// Whether a key that was accepted before has signed.
pub(crate) fn signed(vk: &[u8; VK_LEN], message: &[u8], signature: &[u8; SIGNATURE_LEN]) -> bool {
    VerifyingKey::parse(vk).is_ok_and(|key| key.verify(message, signature).is_ok())
}
