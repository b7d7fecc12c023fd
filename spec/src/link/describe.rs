//! What a server says of itself to anyone, padded both ways.

use core::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use edgewise_proto::v1;
use prost::Message;

use super::address::Edge;
use super::epoch::{EpochRefused, VerifiedEpoch, fingerprint};
use crate::cadence::TickMs;
use crate::constants::{
    DESCRIBE_LEN, DESCRIBE_REQUEST_LEN, EDGES_MAX, HASH_LEN, IDLE_DAYS, LINK_LIFE_SECONDS,
    LINK_LIFE_SECONDS_LIST, PART_DAYS, QUOTAS, SPEC_REVISION, STALL_SECONDS, STALL_SECONDS_LIST,
};
use crate::error::Status;
use crate::frame::Class;
use crate::suite::{SuiteId, VerifyingKey};
use crate::time::Now;
use crate::{mutant, require};

/// What a server imposes; every value is of its closed list (LINK-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The largest quota it grants, in parts.
    pub quota_max: u32,
    /// The longest life of an idle connection it grants, in days.
    pub idle_days_max: u32,
    /// The longest life of an unread part it grants, in days.
    pub part_days_max: u32,
    /// Seconds in which a peer must take a block.
    pub stall_seconds: u32,
    /// Seconds a link may live.
    pub link_life_seconds: u32,
}

impl Default for Limits {
    /// The most generous grants, and the usual times.
    fn default() -> Self {
        let most = |list: &[u32]| list.iter().copied().max().unwrap_or_default();
        Self {
            quota_max: most(&QUOTAS),
            idle_days_max: most(&IDLE_DAYS),
            part_days_max: most(&PART_DAYS),
            stall_seconds: STALL_SECONDS as u32,
            link_life_seconds: LINK_LIFE_SECONDS as u32,
        }
    }
}

/// A limit is not of its closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{0} is not of its closed list")]
pub struct LimitsRefused(pub &'static str);

impl Limits {
    /// Whether every value is of its closed list.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn check(&self) -> Result<(), LimitsRefused> {
        let days = [
            ("quota_max", self.quota_max, QUOTAS),
            ("idle_days_max", self.idle_days_max, IDLE_DAYS),
            ("part_days_max", self.part_days_max, PART_DAYS),
        ];
        for (name, value, list) in days {
            require!(LINK_8, list.contains(&value), LimitsRefused(name));
        }
        let seconds = [
            ("stall_seconds", self.stall_seconds, STALL_SECONDS_LIST),
            ("link_life_seconds", self.link_life_seconds, LINK_LIFE_SECONDS_LIST),
        ];
        for (name, value, list) in seconds {
            require!(LINK_8, list.contains(&u64::from(value)), LimitsRefused(name));
        }
        Ok(())
    }

    fn to_wire(self) -> v1::Limits {
        let Self { quota_max, idle_days_max, part_days_max, stall_seconds, link_life_seconds } =
            self;
        // LINK-8
        let quota_max = if mutant!(LINK_8, "open-list") { quota_max + 1 } else { quota_max };
        v1::Limits { quota_max, idle_days_max, part_days_max, stall_seconds, link_life_seconds }
    }

    fn from_wire(wire: &v1::Limits) -> Self {
        Self {
            quota_max: wire.quota_max,
            idle_days_max: wire.idle_days_max,
            part_days_max: wire.part_days_max,
            stall_seconds: wire.stall_seconds,
            link_life_seconds: wire.link_life_seconds,
        }
    }
}

/// A server's description of itself. One that was [`read`](Self::read) is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The identity key, whose hash is the fingerprint.
    pub identity_vk: VerifyingKey,
    /// The record of the current epoch and, if the server shows it, of the next.
    pub epochs: Vec<VerifiedEpoch>,
    /// The suites that the server accepts, ascending; a reader leaves out what it does not know.
    pub suites: Vec<SuiteId>,
    /// The classes that the server accepts, ascending; a reader leaves out what it does not know.
    pub classes: Vec<Class>,
    /// What the server imposes.
    pub limits: Limits,
    /// The ticks that it offers to links in cadence, ascending.
    pub ticks: Vec<TickMs>,
    /// Where else this identity serves.
    pub edges: Vec<Edge>,
    /// Whether Create needs the server's access password.
    pub access_required: bool,
}

/// A description does not fit its block, or lists more than EDGES_MAX edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the description does not fit its block; list fewer edges")]
pub struct DoesNotFit;

/// Why a client refuses a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DescriptionRefused {
    /// The block is not u16 length, Description and zeros of DESCRIBE_LEN bytes.
    #[error("a block that is not a padded Description")]
    Malformed,
    /// It is of another revision of the specification.
    #[error("revision {0} of the specification")]
    Revision(u32),
    /// The identity key is not acceptable, or not the one of the fingerprint.
    #[error("an identity that is not the address's")]
    Identity,
    /// It holds no epoch record.
    #[error("a description without an epoch record")]
    NoEpoch,
    /// An epoch record is refused.
    #[error("an epoch record is refused: {0}")]
    Epoch(EpochRefused),
    /// A limit is not of its closed list.
    #[error("limit {0} is not of its closed list")]
    Limits(&'static str),
    /// A tick is not of its closed list, or not above the one before.
    #[error("ticks that are not of their closed list, ascending")]
    Ticks,
    /// Too many edges, or one that is not host:port.
    #[error("an edge that is not host:port, or too many of them")]
    Edge,
}

impl From<LimitsRefused> for DescriptionRefused {
    fn from(refused: LimitsRefused) -> Self {
        Self::Limits(refused.0)
    }
}

impl Description {
    /// The block of a DescribeResponse, DESCRIBE_LEN bytes.
    ///
    /// # Errors
    /// [`DoesNotFit`].
    pub fn to_block(&self) -> Result<Bytes, DoesNotFit> {
        let wire = v1::Description {
            revision: SPEC_REVISION,
            identity_vk: Bytes::copy_from_slice(self.identity_vk.as_bytes()),
            epochs: self.epochs.iter().map(record_bytes).collect(),
            suites: self.suites.iter().map(|suite| u32::from(suite.code())).collect(),
            classes: self.classes.iter().map(|class| class.number()).collect(),
            limits: Some(self.limits.to_wire()),
            edges: self.edges.iter().map(Edge::to_string).collect(),
            access_required: self.access_required,
            ticks: ticks_to_wire(&self.ticks),
        };
        if self.edges.len() > EDGES_MAX {
            return Err(DoesNotFit);
        }
        let mut block = BytesMut::zeroed(DESCRIBE_LEN);
        write_padded(&wire, &mut block).ok_or(DoesNotFit)?;
        if mutant!(LINK_6) {
            block.truncate(DESCRIBE_LEN - 1);
        }
        Ok(block.freeze())
    }

    /// Reads the block of a DescribeResponse of the server with this fingerprint.
    ///
    /// # Errors
    /// The first rule that it breaks, in the order of [`DescriptionRefused`].
    pub fn read(block: &[u8], expected: &[u8; HASH_LEN]) -> Result<Self, DescriptionRefused> {
        let wire: v1::Description = Some(block)
            .filter(|block| block.len() == DESCRIBE_LEN)
            .and_then(read_padded)
            .ok_or(DescriptionRefused::Malformed)?;
        // LINK-41
        let known = wire.revision == SPEC_REVISION;
        require!(LINK_41, known, DescriptionRefused::Revision(wire.revision));
        let identity_vk = VerifyingKey::parse(&wire.identity_vk)
            .map_err(|_| DescriptionRefused::Identity)
            .and_then(|vk| match fingerprint(&vk) == *expected {
                true => Ok(vk),
                false => Err(DescriptionRefused::Identity),
            })?;
        require!(LINK_4, !wire.epochs.is_empty(), DescriptionRefused::NoEpoch);
        let verify = |record: &Bytes| VerifiedEpoch::verify(record, expected);
        let epochs: Result<_, _> = wire.epochs.iter().map(verify).collect();
        let limits = Limits::from_wire(&wire.limits.unwrap_or_default());
        let epochs = epochs.map_err(DescriptionRefused::Epoch)?;
        limits.check()?;
        let ticks = read_ticks(&wire.ticks)?;
        let few = wire.edges.len() <= EDGES_MAX;
        require!(LINK_41, few, DescriptionRefused::Edge);
        let edges: Result<_, _> = wire.edges.iter().map(|edge| edge.parse()).collect();
        Ok(Self {
            identity_vk,
            epochs,
            suites: wire.suites.iter().filter_map(|code| known_suite(*code)).collect(),
            classes: wire.classes.iter().filter_map(|n| Class::try_from(*n).ok()).collect(),
            limits,
            ticks,
            edges: edges.map_err(|_| DescriptionRefused::Edge)?,
            access_required: wire.access_required,
        })
    }

    /// The record to use at this time: the one that is valid or, where this end's clock is off by
    /// less than an epoch, the first.
    #[must_use]
    pub fn epoch_at(&self, now: Now) -> Option<&VerifiedEpoch> {
        self.epochs.iter().find(|epoch| epoch.is_valid_at(now)).or(self.epochs.first())
    }
}

fn record_bytes(record: &VerifiedEpoch) -> Bytes {
    let mut bytes = record.bytes().to_vec();
    if mutant!(LINK_3)
        && let Some(last) = bytes.last_mut()
    {
        *last ^= 1;
    }
    bytes.into()
}

fn ticks_to_wire(ticks: &[TickMs]) -> Vec<u32> {
    let mut wire: Vec<u32> = ticks.iter().map(|tick| tick.millis()).collect();
    // CADENCE-1
    if mutant!(CADENCE_1) {
        wire.push(u32::MAX);
    }
    wire
}

/// The ticks of a description, each of its closed list and above the one before.
fn read_ticks(wire: &[u32]) -> Result<Vec<TickMs>, DescriptionRefused> {
    let ticks: Result<Vec<_>, _> = wire.iter().map(|millis| TickMs::try_from(*millis)).collect();
    let ticks = ticks.map_err(|_| DescriptionRefused::Ticks)?; // CADENCE-20
    let ascend = ticks.is_sorted_by(|one, next| one < next);
    require!(CADENCE_20, ascend, DescriptionRefused::Ticks);
    Ok(ticks)
}

fn known_suite(code: u32) -> Option<SuiteId> {
    SuiteId::try_from(u16::try_from(code).ok()?).ok()
}

/// Writes u16 length and message to the front of `place`; `None` if it does not fit.
pub(super) fn write_padded(message: &impl Message, place: &mut [u8]) -> Option<()> {
    let len = message.encoded_len();
    let (head, rest) = place.split_first_chunk_mut()?;
    *head = u16::try_from(len).ok()?.to_be_bytes();
    message.encode(&mut rest.get_mut(..len)?).ok()
}

/// Reads u16 length, message and zeros; `None` if it is anything else.
pub(super) fn read_padded<M: Message + Default>(place: &[u8]) -> Option<M> {
    let (head, rest) = place.split_first_chunk()?;
    let (encoded, padding) = rest.split_at_checked(usize::from(u16::from_be_bytes(*head)))?;
    if padding.iter().any(|byte| *byte != 0) {
        return None;
    }
    M::decode(encoded).ok()
}

/// The block of a DescribeRequest: DESCRIBE_REQUEST_LEN zeros.
#[must_use]
pub fn request_block() -> Bytes {
    Bytes::from_static(&[0; DESCRIBE_REQUEST_LEN])
}

/// What a server answers to Describe within one epoch.
#[derive(Debug)]
pub struct DescribeAnswer {
    block: Bytes,
    other: AtomicBool,
}

impl DescribeAnswer {
    /// Prepares the answer. A server makes one for each epoch, when the epoch begins (LINK-9).
    ///
    /// # Errors
    /// [`DoesNotFit`].
    pub fn new(description: &Description) -> Result<Self, DoesNotFit> {
        Ok(Self { block: description.to_block()?, other: AtomicBool::new(false) })
    }

    /// Answers one request with the block of the response.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] for a block that is not DESCRIBE_REQUEST_LEN zeros.
    pub fn answer(&self, request_block: &[u8]) -> Result<Bytes, Status> {
        let zeros = request_block.len() == DESCRIBE_REQUEST_LEN
            && request_block.iter().all(|byte| *byte == 0);
        require!(LINK_7, zeros, Status::InvalidArgument);
        // LINK-9
        if mutant!(LINK_9) && self.other.fetch_xor(true, Ordering::Relaxed) {
            return Ok(self.marked());
        }
        Ok(self.block.clone())
    }

    /// The same description in other bytes: `access_required` said once more, as the last field.
    fn marked(&self) -> Bytes {
        let mut block = self.block.to_vec();
        let len = block.first_chunk().map_or(0, |head| usize::from(u16::from_be_bytes(*head)));
        let said = v1::Description { access_required: true, ..v1::Description::default() };
        let encoded = said.encode_to_vec();
        if let Some(place) = block.get_mut(2 + len..2 + len + encoded.len()) {
            place.copy_from_slice(&encoded);
        }
        if let (Some(head), Ok(len)) = (block.first_chunk_mut(), u16::try_from(len + encoded.len()))
        {
            *head = len.to_be_bytes();
        }
        block.into()
    }
}
