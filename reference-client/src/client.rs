//! One isolation context: what is known of servers, and how links to them are opened.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgewise_spec::cadence::{Rhythm, TickMs};
use edgewise_spec::client::{ClientLink, Event, RecipientEnd, SenderEnd};
use edgewise_spec::connection::AccessKey;
use edgewise_spec::error::{LinkEnd, Status};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{Address, Description, SeenEpochs, VerifiedEpoch, describe};
use edgewise_spec::suite::{self, SuiteId};
use edgewise_spec::time::Now;
use tokio::time::timeout;

use crate::carrier::Carrier;
use crate::clock::{Clock, OsRandom};
use crate::connect::connect;
use crate::ends::Hubs;
use crate::error::Error;
use crate::link::{Access, Link};
use crate::pipeline::Pipeline;
use crate::places::Book;

/// So many other places are asked at most, one after another, where nobody tries again later.
const OTHERS: usize = 3;

/// Which connections of one server share a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All senders of the context share one link of each class, and all recipients another: the
    /// server sees that they belong together, and does not see which two are one conversation.
    #[default]
    Profile,
    /// Every [`Sender`](crate::Sender) and [`Recipient`](crate::Recipient) has a link of its own.
    Contact,
}

/// What all links of a client have in common.
#[derive(Clone)]
pub struct ClientOptions {
    /// The password of servers that ask for one before they make connections.
    pub access_password: Option<String>,
    /// Which connections share a link.
    pub isolation: Isolation,
    /// For TCP and TLS together.
    pub connect_timeout: Duration,
    /// For describing, and for the handshake of a link.
    pub handshake_timeout: Duration,
    /// Before a lost link of a [`Sender`](crate::Sender) or [`Recipient`](crate::Recipient) is
    /// first opened again, at most.
    pub reconnect_first: Duration,
    /// To which that delay doubles.
    pub reconnect_max: Duration,
    /// The clock that epochs, keys and deadlines are judged by.
    pub clock: Clock,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            access_password: None,
            isolation: Isolation::default(),
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            reconnect_first: Duration::from_millis(500),
            reconnect_max: Duration::from_secs(300),
            clock: Clock::default(),
        }
    }
}

impl core::fmt::Debug for ClientOptions {
    /// Without the password.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClientOptions")
            .field("isolation", &self.isolation)
            .field("connect_timeout", &self.connect_timeout)
            .field("handshake_timeout", &self.handshake_timeout)
            .finish_non_exhaustive()
    }
}

/// Which link to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// The link's class.
    pub class: Class,
    /// The link's suite. `None` is AES-256-GCM where this machine has the hardware and the server
    /// offers it, else the mandatory one.
    pub suite: Option<SuiteId>,
    /// The tick of the link's cadence: one block each way a tick, whatever is said. `None` sends
    /// when there is something to send. In cadence a request, and a goodbye, may take ticks.
    pub cadence: Option<TickMs>,
}

impl From<Class> for Open {
    fn from(class: Class) -> Self {
        Self { class, suite: None, cadence: None }
    }
}

/// One isolation context.
///
/// Links and descriptions of one client are never used by another, so that a server cannot tell
/// by them that two clients belong to one person (LINK-49). Make one client a context, and
/// clone it inside the context.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use edgewise_client::{Class, Client, ClientOptions};
///
/// let address = "edgewise://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@localhost:4431".parse()?;
/// let client = Client::new(ClientOptions::default());
/// let description = client.describe(&address).await?;
/// println!("parts a connection at most: {}", description.limits.quota_max);
/// let link = client.open(&address, Class::Medium).await?;
/// link.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    context: Arc<Context>,
}

#[derive(Debug)]
struct Context {
    options: ClientOptions,
    servers: Mutex<HashMap<[u8; 32], Known>>,
    places: Book,
    senders: Hubs<SenderEnd>,
    recipients: Hubs<RecipientEnd>,
}

/// What is known of one server, by its fingerprint.
#[derive(Debug, Default)]
struct Known {
    description: Option<Arc<Description>>,
    seen: SeenEpochs,
    /// Stretched once: it takes 20 MiB and 20 ms.
    access: Option<Arc<AccessKey>>,
}

impl Client {
    /// A context of its own.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let context = Context {
            options,
            servers: Mutex::default(),
            places: Book::default(),
            senders: Hubs::default(),
            recipients: Hubs::default(),
        };
        Self { context: Arc::new(context) }
    }

    /// The options it was made with.
    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        &self.context.options
    }

    /// What the server says of itself, verified; asked once in an epoch, at the address or, where
    /// that fails, at some other places that it has listed before (LINK-52).
    ///
    /// # Errors
    /// [`Error::Description`] and [`Error::Equivocation`] for a server that must not be used, and
    /// those of connecting; of the address, where every place fails.
    pub async fn describe(&self, address: &Address) -> Result<Arc<Description>, Error> {
        if let Some(known) = self.known(address, self.now()) {
            return Ok(known);
        }
        let given = match self.describe_at(address).await {
            Err(error) if error.is_of_place() => error,
            other => return other,
        };
        for place in self.places().some_others(address, OTHERS) {
            match self.describe_at(&place).await {
                Err(error) if error.is_of_place() => {}
                other => return other,
            }
        }
        Err(given)
    }

    async fn describe_at(&self, place: &Address) -> Result<Arc<Description>, Error> {
        let mut carrier = self.carrier(place).await?;
        self.describe_over(&mut carrier, place).await
    }

    /// Opens a link that has a task of its own.
    ///
    /// # Errors
    /// See [`pipeline`](Self::pipeline).
    pub async fn open(&self, address: &Address, open: impl Into<Open>) -> Result<Link, Error> {
        let pipeline = self.pipeline(address, open).await?;
        let access = self.access(address).await?;
        Ok(Link::new(pipeline, access))
    }

    /// The key that proves the access password, where the server asks for one and there is one.
    pub(crate) async fn access(&self, address: &Address) -> Result<Access, Error> {
        let Some(description) = self.known(address, self.now()) else { return Ok(Access::Open) };
        if !description.access_required {
            return Ok(Access::Open);
        }
        let Some(password) = self.context.options.access_password.clone() else {
            return Ok(Access::Unknown);
        };
        let fingerprint = address.fingerprint;
        if let Some(key) = self.with(&fingerprint, |known| known.access.clone()) {
            return Ok(Access::Known(key));
        }
        let stretch = move || AccessKey::from_password(&fingerprint, password.as_bytes());
        let key = tokio::task::spawn_blocking(stretch).await;
        let Ok(Ok(key)) = key else { return Err(Error::PasswordUnusable) };
        let key = Arc::new(key);
        self.with(&fingerprint, |known| known.access = Some(key.clone()));
        Ok(Access::Known(key))
    }

    /// Opens a link that the caller turns: at the address or, where that fails, at some other
    /// places that the server has listed before (LINK-52).
    ///
    /// # Errors
    /// Those of [`describe`](Self::describe), [`Error::ClassNotOffered`],
    /// [`Error::SuiteNotOffered`], [`Error::TickNotOffered`], [`Error::NoEpoch`], and
    /// [`Error::Ended`] with the server's status if it refuses the hello; of the address, where
    /// every place fails.
    pub async fn pipeline(
        &self,
        address: &Address,
        open: impl Into<Open>,
    ) -> Result<Pipeline, Error> {
        let open = open.into();
        let given = match self.pipeline_at(address, open).await {
            Err(error) if error.is_of_place() => error,
            other => return other,
        };
        for place in self.places().some_others(address, OTHERS) {
            match self.pipeline_at(&place, open).await {
                Err(error) if error.is_of_place() => {}
                other => return other,
            }
        }
        Err(given)
    }

    /// Opens a link at one place and nowhere else.
    pub(crate) async fn pipeline_at(&self, place: &Address, open: Open) -> Result<Pipeline, Error> {
        match self.handshake(place, open).await {
            // The epoch that was described has passed, the server lost the key, or it offers other
            // ticks now: ask again, once.
            Err(Error::Ended(LinkEnd::Refused(
                Status::FailedPrecondition | Status::OutOfRange,
            ))) => {
                self.forget(place);
                self.handshake(place, open).await
            }
            // A key that does not open the hello may be another server's: the next try asks who it is.
            refused @ Err(Error::Ended(LinkEnd::Refused(Status::InvalidArgument))) => {
                self.forget(place);
                refused
            }
            other => other,
        }
    }

    async fn handshake(&self, address: &Address, open: Open) -> Result<Pipeline, Error> {
        let mut carrier = self.carrier(address).await?;
        let now = self.now();
        let description = match self.known(address, now) {
            Some(known) => known,
            None => self.describe_over(&mut carrier, address).await?,
        };
        // Another place may describe itself otherwise.
        let suite = choose(&description, open).inspect_err(|_| self.forget(address))?;
        let epoch = epoch_of(&description, address, now)?;
        let rhythm = rhythm(&description, open.cadence)?;
        let link =
            ClientLink::open_in_cadence(epoch, suite, open.class, rhythm, now, &mut OsRandom);
        let opening = async {
            let stream = carrier.open().await?;
            let mut pipeline = Pipeline::new(link, stream, self.context.options.clock.clone());
            let mut events = Vec::new();
            while !events.contains(&Event::Opened) {
                pipeline.turn(&mut events).await?;
            }
            // The first block confirms the link to the server, whoever turns it next.
            pipeline.flush().await?;
            Ok(pipeline)
        };
        self.within("the handshake", address, opening).await
    }

    async fn carrier(&self, address: &Address) -> Result<Carrier, Error> {
        let limit = self.context.options.connect_timeout;
        let connecting = async {
            let io = connect(address).await?;
            Carrier::new(io, address.edge.to_string(), address.tls).await
        };
        timed("connecting", address, limit, connecting).await
    }

    async fn describe_over(
        &self,
        carrier: &mut Carrier,
        address: &Address,
    ) -> Result<Arc<Description>, Error> {
        let request = describe::request_block();
        let asking = carrier.describe(&request);
        let block = self.within("the description", address, asking).await?;
        let description = Description::read(&block, &address.fingerprint)
            .map_err(|why| Error::Description { edge: address.edge.to_string(), why })?;
        let description = Arc::new(description);
        self.with(&address.fingerprint, |known| {
            for epoch in &description.epochs {
                known.seen.note(epoch).map_err(Error::Equivocation)?;
            }
            known.description = Some(description.clone());
            Ok::<_, Error>(())
        })?;
        self.places().learn(address, &description.edges);
        Ok(description)
    }

    /// Looks at what is known of a server, or notes it.
    fn with<T>(&self, fingerprint: &[u8; 32], what: impl FnOnce(&mut Known) -> T) -> T {
        let mut servers = self.context.servers.lock().unwrap_or_else(PoisonError::into_inner);
        what(servers.entry(*fingerprint).or_default())
    }

    async fn within<T>(
        &self,
        what: &'static str,
        address: &Address,
        waited: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        timed(what, address, self.context.options.handshake_timeout, waited).await
    }

    /// The description of a server, as long as one of its epochs is valid.
    fn known(&self, address: &Address, now: Now) -> Option<Arc<Description>> {
        let description = self.with(&address.fingerprint, |known| known.description.clone())?;
        description.epochs.iter().any(|epoch| epoch.is_valid_at(now)).then_some(description)
    }

    fn forget(&self, address: &Address) {
        self.with(&address.fingerprint, |known| known.description = None);
    }

    /// The places of this context's servers.
    pub(crate) fn places(&self) -> &Book {
        &self.context.places
    }

    pub(crate) fn senders(&self) -> &Hubs<SenderEnd> {
        &self.context.senders
    }

    pub(crate) fn recipients(&self) -> &Hubs<RecipientEnd> {
        &self.context.recipients
    }

    pub(crate) fn now(&self) -> Now {
        self.context.options.clock.now()
    }
}

async fn timed<T>(
    what: &'static str,
    address: &Address,
    limit: Duration,
    waited: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(limit, waited).await.unwrap_or_else(|_| {
        let edge = address.edge.to_string();
        Err(Error::Timeout { what, edge, seconds: limit.as_secs() })
    })
}

fn choose(description: &Description, open: Open) -> Result<SuiteId, Error> {
    let Description { suites, classes, .. } = description;
    if !classes.contains(&open.class) {
        return Err(Error::ClassNotOffered { asked: open.class, offered: classes.clone() });
    }
    let had = |suite: &SuiteId| *suite != SuiteId::Aes256Gcm || suite::aes_available();
    let wanted = [SuiteId::Aes256Gcm, SuiteId::Chacha20Poly1305];
    let wanted: &[SuiteId] = open.suite.as_ref().map_or(&wanted, core::slice::from_ref);
    let chosen = wanted.iter().find(|suite| suites.contains(suite) && had(suite));
    chosen.copied().ok_or_else(|| Error::SuiteNotOffered {
        asked: open.suite.unwrap_or(SuiteId::Chacha20Poly1305),
        offered: suites.clone(),
    })
}

/// When the link's blocks go: each link has a phase of its own.
fn rhythm(description: &Description, tick: Option<TickMs>) -> Result<Option<Rhythm>, Error> {
    let Some(tick) = tick else { return Ok(None) };
    // CADENCE-16
    if !description.ticks.contains(&tick) {
        return Err(Error::TickNotOffered { asked: tick, offered: description.ticks.clone() });
    }
    Ok(Some(Rhythm::draw(tick, &mut OsRandom)))
}

fn epoch_of<'a>(
    description: &'a Description,
    address: &Address,
    now: Now,
) -> Result<&'a VerifiedEpoch, Error> {
    description
        .epoch_at(now)
        .ok_or_else(|| Error::NoEpoch { edge: address.edge.to_string(), second: now.seconds() })
}
