//! What a case is given: a server, a source of randomness of its own, and a trace.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use edgewise_proto::v1::{self, item::Body};
use edgewise_spec::constants::{BUNDLE_LEN, HASH_LEN};
use edgewise_spec::suite::{SigningKey, hash};
use edgewise_spec::time::{Hour, Now};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};

use crate::case::Case;
use crate::peer::{
    Carrier, Class, Connection, HelloPlan, Http, Key, Link, OPEN, Pair, Role, Trace, What,
};
use crate::repro;
use crate::target::Target;

pub use crate::verdict::{Stop, Verdict};
pub use crate::{ensure, ensure_eq};

/// What holds for all cases of one run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From which all randomness of the suite comes.
    pub seed: u64,
    /// Runs of each property.
    pub cases: u32,
    /// The failure that is run again.
    pub replay: Option<Arc<serde_json::Value>>,
    /// Where failures of properties are written.
    pub repro: PathBuf,
}

/// One run of one case.
#[derive(Debug)]
pub struct Trial {
    case: &'static Case,
    target: Arc<Target>,
    settings: Arc<Settings>,
    trace: Trace,
    rng: ChaCha20Rng,
}

impl Trial {
    /// A run of `case` against `target`.
    #[must_use]
    pub fn new(
        case: &'static Case,
        target: Arc<Target>,
        settings: Arc<Settings>,
        trace: Trace,
    ) -> Self {
        let seed = hash(&[&settings.seed.to_be_bytes(), case.id.as_bytes()]);
        Self { case, target, settings, trace, rng: ChaCha20Rng::from_seed(seed) }
    }

    // ---- the server ----------------------------------------------------------------------------

    /// The server under test.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Asks the server to describe itself; the answer is judged.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the answer is not what the chapter asks for.
    pub async fn describe(&self) -> Result<v1::Description, Stop> {
        self.target.describe(&self.trace).await
    }

    /// What the server said of itself last.
    ///
    /// # Errors
    /// As [`describe`](Self::describe).
    pub async fn described(&self) -> Result<v1::Description, Stop> {
        self.target.described(&self.trace).await
    }

    /// The limits that the server describes.
    ///
    /// # Errors
    /// As [`describe`](Self::describe).
    pub async fn limits(&self) -> Result<v1::Limits, Stop> {
        let description = self.described().await?;
        description.limits.ok_or_else(|| Stop::fail("Limits in the Description", "none"))
    }

    /// The record of the current epoch.
    ///
    /// # Errors
    /// As [`describe`](Self::describe).
    pub async fn epoch(&self) -> Result<Bytes, Stop> {
        self.target.epoch(&self.trace).await
    }

    /// The server's time, as far as the suite knows it.
    #[must_use]
    pub fn now(&self) -> Now {
        self.target.now()
    }

    /// The same in whole hours.
    #[must_use]
    pub fn hour(&self) -> Hour {
        self.now().hour()
    }

    /// Moves the server's clock; for cases that need it.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server does not do what it declares.
    pub async fn advance(&self, seconds: u64) -> Verdict {
        self.target.advance(seconds, &self.trace).await
    }

    /// Restarts the server; for cases that need it.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server does not do what it declares.
    pub async fn restart(&self) -> Verdict {
        self.target.restart(&self.trace).await
    }

    // ---- streams and links ---------------------------------------------------------------------

    /// A new HTTP/2 connection.
    ///
    /// # Errors
    /// [`Stop::Unreachable`].
    pub async fn http(&self) -> Result<Http, Stop> {
        Http::connect(&self.target.address).await
    }

    /// A raw stream of `Open` on an HTTP/2 connection of its own.
    ///
    /// # Errors
    /// [`Stop::Unreachable`].
    pub async fn stream(&self) -> Result<(Http, Carrier), Stop> {
        let http = self.http().await?;
        let carrier = http.open(OPEN, &self.trace).await?;
        Ok((http, carrier))
    }

    /// A hello without a fault, for the current epoch, in suite 1.
    ///
    /// # Errors
    /// As [`describe`](Self::describe).
    pub async fn hello(&self, class: Class) -> Result<HelloPlan, Stop> {
        Ok(HelloPlan::new(class, self.epoch().await?))
    }

    /// A confirmed link in suite 1.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server does not do its part.
    pub async fn link(&mut self, class: Class) -> Result<Link, Stop> {
        self.link_on(class, 1).await
    }

    /// A confirmed link in any suite.
    ///
    /// # Errors
    /// As [`link`](Self::link).
    pub async fn link_on(&mut self, class: Class, suite: u16) -> Result<Link, Stop> {
        let plan = HelloPlan { suite, ..self.hello(class).await? };
        self.link_of(&plan).await
    }

    /// A confirmed link by any hello.
    ///
    /// # Errors
    /// As [`link`](Self::link).
    pub async fn link_of(&mut self, plan: &HelloPlan) -> Result<Link, Stop> {
        let hello = plan.build(&self.target.address.fingerprint, &mut self.rng)?;
        let (http, carrier) = self.stream().await?;
        Link::open(carrier, Some(http), &hello, plan.class).await
    }

    // ---- connections ---------------------------------------------------------------------------

    /// A connection key of version 0, valid since an hour for a year.
    pub fn key(&mut self) -> Key {
        let hour = self.hour();
        let signing = SigningKey::generate(&mut self.rng);
        Key::new(signing, 0, hour.saturating_sub(1), hour.saturating_add(365 * 24 - 1), 24)
    }

    /// A key that may follow `old`.
    pub fn next_key(&mut self, old: &Key) -> Key {
        let mut key = self.key();
        key.record.version = old.record.version + 1;
        key
    }

    /// Fresh keys for a connection that the server does not know yet, on usual terms.
    ///
    /// # Errors
    /// As [`describe`](Self::describe).
    pub async fn connection(&mut self, class: Class) -> Result<Connection, Stop> {
        let limits = self.limits().await?;
        let (recipient, sender) = (self.key(), self.key());
        let claim = SigningKey::generate(&mut self.rng);
        let bundle = self.bundle();
        let fingerprint = self.target.address.fingerprint;
        let mut connection = Connection::new(class, fingerprint, recipient, sender, claim, bundle);
        let (quota, idle_days, part_days) = connection.terms;
        connection.terms = (
            quota.min(limits.quota_max),
            idle_days.min(limits.idle_days_max),
            part_days.min(limits.part_days_max),
        );
        connection.access_key = self.target.access_key();
        Ok(connection)
    }

    /// A created connection that nobody has claimed, and the medium link that created it.
    ///
    /// # Errors
    /// As [`link`](Self::link).
    pub async fn open(&mut self, class: Class) -> Result<(Connection, Link), Stop> {
        let connection = self.connection(class).await?;
        let mut link = self.link(Class::Medium).await?;
        let create = connection.create(link.transcript());
        link.ask(Body::Create(create)).await?.created()?;
        Ok((connection, link))
    }

    /// A claimed connection, attached at both ends, each on a link of its own.
    ///
    /// # Errors
    /// As [`link`](Self::link).
    pub async fn pair(&mut self, class: Class) -> Result<Pair, Stop> {
        let connection = self.connection(class).await?;
        self.pair_of(connection).await
    }

    /// The same for keys and terms that the case chose.
    ///
    /// # Errors
    /// As [`link`](Self::link).
    pub async fn pair_of(&mut self, connection: Connection) -> Result<Pair, Stop> {
        let class = connection.class;
        let mut medium = self.link(Class::Medium).await?;
        let create = connection.create(medium.transcript());
        medium.ask(Body::Create(create)).await?.created()?;
        let claim = connection.claim(medium.transcript());
        medium.ask(Body::Claim(claim)).await?.claimed()?;
        let mut recipient = if class == Class::Medium { medium } else { self.link(class).await? };
        let mut sender = self.link(class).await?;
        let (recipient_handle, _) = recipient.attach(&connection, Role::Recipient, 0).await?;
        let (sender_handle, _) = sender.attach(&connection, Role::Sender, 0).await?;
        Ok(Pair { connection, recipient, sender, recipient_handle, sender_handle, next: 0 })
    }

    /// The sealed bundle of an invitation, as far as a server can tell.
    pub fn bundle(&mut self) -> Bytes {
        self.bytes(BUNDLE_LEN)
    }

    /// A part of a class.
    pub fn part(&mut self, class: Class) -> Bytes {
        self.bytes(class.part())
    }

    // ---- the rest ------------------------------------------------------------------------------

    /// Random bytes.
    pub fn bytes(&mut self, length: usize) -> Bytes {
        let mut bytes = vec![0; length];
        self.rng.fill_bytes(&mut bytes);
        bytes.into()
    }

    /// The case's own source of randomness, the same for the same seed.
    pub fn rng(&mut self) -> &mut dyn CryptoRng {
        &mut self.rng
    }

    /// 32 random bytes.
    pub fn seed32(&mut self) -> [u8; HASH_LEN] {
        let mut bytes = [0; HASH_LEN];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// The seed of the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.settings.seed
    }

    /// What holds for the run.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The id of the case.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.case.id
    }

    /// How often a property is to be run.
    #[must_use]
    pub fn cases(&self) -> u32 {
        self.settings.cases
    }

    /// Puts a line into the trace.
    pub fn note(&self, text: impl Into<String>) {
        self.trace.push(0, What::Note(text.into()));
    }

    /// The trace, for streams that a case opens by itself.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The failure that is run again, as its case wrote it.
    #[must_use]
    pub fn replay(&self) -> Option<&serde_json::Value> {
        self.settings.replay.as_deref()
    }

    /// Writes a failure down so that `replay` can run it again.
    ///
    /// # Errors
    /// [`Stop::Harness`] if the file cannot be written.
    pub fn repro(&self, data: serde_json::Value) -> Result<PathBuf, Stop> {
        repro::write(&self.settings.repro, self.case.id, self.settings.seed, data)
            .map_err(|error| Stop::harness(format!("{}: {error}", self.settings.repro.display())))
    }
}
