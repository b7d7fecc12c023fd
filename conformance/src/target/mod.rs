//! The server under test: where it is, what it says of itself, what time it has.

mod child;
mod family;
mod source;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use edgewise_proto::conformance::v1::{AdvanceClockRequest, RestartRequest};
use edgewise_proto::v1::{DescribeRequest, DescribeResponse, Description};
use edgewise_spec::constants::{
    DESCRIBE_LEN, DESCRIBE_REQUEST_LEN, EPOCH_RECORD_LEN, HASH_LEN, VK_LEN, labels,
};
use edgewise_spec::suite::{argon2id, hash, lp};
use edgewise_spec::time::Now;
use prost::Message;

use crate::case::Need;
use crate::peer::{Address, Ending, Http, Trace, What};
use crate::verdict::Stop;

pub use family::Family;
pub use source::{Server, Source, StartFault, Variant};

/// Connections that a server keeps at most when a case is about a full one.
pub const FULL_CONNECTIONS: u32 = 4;

/// Seconds within which a program is usually to be ready.
pub const START_SECONDS: u64 = 30;

/// The password that the suite chooses for servers it starts.
pub const ACCESS_PASSWORD: &str = "conformance password";

/// Path of the method that describes a server.
pub const DESCRIBE: &str = "/edgewise.v1.LinkService/Describe";
const ADVANCE: &str = "/edgewise.conformance.v1.ConformanceControl/AdvanceClock";
const RESTART: &str = "/edgewise.conformance.v1.ConformanceControl/Restart";

/// A server that answers.
#[derive(Debug)]
pub struct Target {
    /// Where it is.
    pub address: Address,
    /// What it calls itself.
    pub implementation: String,
    /// Its version.
    pub version: String,
    /// What it can do beyond the profile.
    pub capabilities: Vec<String>,
    access_key: Option<[u8; HASH_LEN]>,
    described: Mutex<Option<Description>>,
    /// Seconds by which the server's clock is ahead of this machine's.
    ahead: AtomicI64,
}

impl Target {
    /// A server at an address.
    ///
    /// # Errors
    /// [`Stop::Harness`] if the password cannot be hashed.
    pub fn new(
        address: Address,
        implementation: String,
        version: String,
        capabilities: Vec<String>,
        password: Option<&str>,
    ) -> Result<Self, Stop> {
        let access_key =
            password.map(|password| access_key(&address.fingerprint, password)).transpose()?;
        Ok(Self {
            address,
            implementation,
            version,
            capabilities,
            access_key,
            described: Mutex::new(None),
            ahead: AtomicI64::new(0),
        })
    }

    /// Argon2id of the server's password, if it asks for one.
    #[must_use]
    pub fn access_key(&self) -> Option<[u8; HASH_LEN]> {
        self.access_key
    }

    /// Whether the server declares what a case needs.
    #[must_use]
    pub fn has(&self, need: Need) -> bool {
        if need == Need::Access {
            return self.access_key.is_some();
        }
        self.capabilities.iter().any(|capability| capability == need.name())
    }

    /// The server's time, as far as the suite knows it.
    #[must_use]
    pub fn now(&self) -> Now {
        let seconds = unix_seconds().saturating_add_signed(self.ahead.load(Ordering::Relaxed));
        Now::from_seconds(seconds)
    }

    /// Asks the server to describe itself, and judges the answer (LINK-3, LINK-6).
    ///
    /// # Errors
    /// [`Stop::Fail`] if the answer is not what the chapter asks for.
    pub async fn describe(&self, trace: &Trace) -> Result<Description, Stop> {
        let block = self.describe_block(trace).await?;
        let description = read_description(&block)?;
        let identity = hash(&[&lp(labels::LINK_FINGERPRINT), &description.identity_vk]);
        if identity != self.address.fingerprint {
            let actual = "another identity key";
            return Err(Stop::fail("the identity key of the address's fingerprint", actual));
        }
        let mut described = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        if described.is_none() {
            self.set_clock(&description);
        }
        *described = Some(description.clone());
        Ok(description)
    }

    /// The block of a DescribeResponse, as it came.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server does not answer with one.
    pub async fn describe_block(&self, trace: &Trace) -> Result<Bytes, Stop> {
        let block = Bytes::from_static(&[0; DESCRIBE_REQUEST_LEN]);
        match self.describe_with(block, trace).await? {
            Ok(block) => Ok(block),
            Err(ending) => Err(Stop::fail("a DescribeResponse", ending.to_string())),
        }
    }

    /// What the server says to any DescribeRequest.
    ///
    /// # Errors
    /// [`Stop::Fail`] on silence or an answer that does not decode.
    pub async fn describe_with(
        &self,
        block: Bytes,
        trace: &Trace,
    ) -> Result<Result<Bytes, Ending>, Stop> {
        let http = Http::connect(&self.address).await?;
        let request = DescribeRequest { block }.encode_to_vec();
        match http.unary(DESCRIBE, &request, trace).await? {
            Ok(message) => {
                let response = DescribeResponse::decode(message)
                    .map_err(|error| Stop::fail("a DescribeResponse", error.to_string()))?;
                let length = response.block.len();
                trace.push(0, What::ReceivedRaw(format!("Description in {length} bytes")));
                Ok(Ok(response.block))
            }
            Err(ending) => Ok(Err(ending)),
        }
    }

    /// What the server said of itself last; asks if it has not been asked yet.
    ///
    /// # Errors
    /// As [`describe`](Self::describe).
    pub async fn described(&self, trace: &Trace) -> Result<Description, Stop> {
        let cached = self.described.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match cached {
            Some(description) => Ok(description),
            None => self.describe(trace).await,
        }
    }

    /// The record of the epoch that is current at the server.
    ///
    /// # Errors
    /// As [`describe`](Self::describe).
    pub async fn epoch(&self, trace: &Trace) -> Result<Bytes, Stop> {
        let cached = self.described(trace).await?;
        if let Some(record) = current(&cached, self.now()) {
            return Ok(record);
        }
        let fresh = self.describe(trace).await?;
        current(&fresh, self.now()).ok_or_else(|| {
            Stop::fail("the record of the current epoch (LINK-3)", "no record that is valid now")
        })
    }

    /// Moves the server's clock forward.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server declares a clock and does not move it.
    pub async fn advance(&self, seconds: u64, trace: &Trace) -> Result<(), Stop> {
        trace.push(0, What::Note(format!("the clock goes forward {seconds} s")));
        let request = AdvanceClockRequest { seconds }.encode_to_vec();
        self.control(ADVANCE, &request, trace).await?;
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the server lose what its store loses in a restart.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server declares restarts and does not restart.
    pub async fn restart(&self, trace: &Trace) -> Result<(), Stop> {
        trace.push(0, What::Note("the server restarts".to_owned()));
        self.control(RESTART, &RestartRequest {}.encode_to_vec(), trace).await
    }

    /// Whether a call of an undeclared capability is answered with UNIMPLEMENTED, as it must be
    /// for a case that needs it to count as unsupported.
    pub async fn canary(&self, need: Need, trace: &Trace) -> bool {
        let (path, request) = match need {
            Need::Clock => (ADVANCE, AdvanceClockRequest { seconds: 0 }.encode_to_vec()),
            Need::Restart => (RESTART, RestartRequest {}.encode_to_vec()),
            _ => return true,
        };
        let Ok(http) = Http::connect(&self.address).await else { return false };
        let unimplemented = Some(12);
        matches!(
            http.unary(path, &request, trace).await,
            Ok(Err(ending)) if ending.status == unimplemented
        )
    }

    async fn control(&self, path: &str, request: &[u8], trace: &Trace) -> Result<(), Stop> {
        let http = Http::connect(&self.address).await?;
        match http.unary(path, request, trace).await? {
            Ok(_) => Ok(()),
            Err(ending) => Err(Stop::fail("the declared ConformanceControl", ending.to_string())),
        }
    }

    /// A server whose clock was moved before it was attached to shows it by its epoch.
    fn set_clock(&self, description: &Description) {
        if current(description, self.now()).is_some() {
            return;
        }
        if let Some((from, _)) = description.epochs.first().and_then(|record| life(record)) {
            let here = i64::try_from(unix_seconds()).unwrap_or(i64::MAX);
            let there = i64::try_from(from).unwrap_or(i64::MAX);
            self.ahead.store(there.saturating_sub(here), Ordering::Relaxed);
        }
    }
}

/// Reads the block of a DescribeResponse (LINK-6).
///
/// # Errors
/// [`Stop::Fail`] with what is wrong.
pub fn read_description(block: &[u8]) -> Result<Description, Stop> {
    let expected = "a length, a Description and zeros (LINK-6)";
    let wrong = |actual: String| Stop::fail(expected, actual);
    if block.len() != DESCRIBE_LEN {
        return Err(wrong(format!("{} bytes", block.len())));
    }
    let (length, rest) = block.split_at(2);
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let (body, padding) = rest
        .split_at_checked(length)
        .ok_or_else(|| wrong(format!("a length of {length} bytes")))?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(wrong("padding that is not zero".to_owned()));
    }
    Description::decode(body).map_err(|error| wrong(error.to_string()))
}

/// When an epoch record begins and ends, in seconds since the Unix epoch.
#[must_use]
pub fn life(record: &[u8]) -> Option<(u64, u64)> {
    if record.len() != EPOCH_RECORD_LEN {
        return None;
    }
    let at = |from: usize| {
        let bytes = record.get(from..from + 8)?.try_into().ok()?;
        Some(u64::from_be_bytes(bytes))
    };
    Some((at(VK_LEN + 4)?, at(VK_LEN + 12)?))
}

fn current(description: &Description, now: Now) -> Option<Bytes> {
    let valid = |record: &&Bytes| {
        life(record).is_some_and(|(from, until)| (from..until).contains(&now.seconds()))
    };
    description.epochs.iter().find(valid).cloned()
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

// CONNECTION-11
fn access_key(fingerprint: &[u8; HASH_LEN], password: &str) -> Result<[u8; HASH_LEN], Stop> {
    const MEMORY_KIB: u32 = 19_456;
    const PASSES: u32 = 2;
    let mut salt = [0; 16];
    for (salt, byte) in salt.iter_mut().zip(fingerprint) {
        *salt = *byte;
    }
    let mut key = [0; HASH_LEN];
    argon2id(password.as_bytes(), &salt, MEMORY_KIB, PASSES, &mut key)
        .map_err(|error| Stop::harness(error.to_string()))?;
    Ok(key)
}
