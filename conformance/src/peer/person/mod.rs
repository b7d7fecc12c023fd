//! The other person: the words of the specification over links of the suite's own, honest or not.
//!
//! A person is one end of one session. It says and hears by itself nothing: a case tells it what to
//! do, piece by piece where the case has something to break.

mod asking;
mod claiming;
mod gathering;
mod inviting;
mod lanes;
mod listening;
mod moving;
mod owning;
mod talking;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use edgewise_spec::message::{Chain, Composer, Direction, Inbox, Layout};
use edgewise_spec::scatter::{OpenedPart, Receiver, Sender, Shape};
use edgewise_spec::session::{Mode, Session};
use edgewise_spec::suite::{Decapsulator, SigningKey, VerifyingKey};
use edgewise_spec::time::Now;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::host::Host;
use crate::peer::Trace;
use crate::target::Target;
use crate::verdict::Stop;

pub use claiming::Claimed;
pub use gathering::Gathered;
pub use inviting::{Draft, Terms, seal_bundle};
use lanes::Lane;
pub use listening::Heard;
pub use owning::AddressOwner;
pub use talking::Cell;

/// A server as a person uses it: the address that others are told, and the way there.
#[derive(Clone, Debug)]
pub struct Door {
    /// As bundles and descriptors name it.
    pub public: edgewise_spec::link::Address,
    /// Where the person itself goes.
    pub target: Arc<Target>,
}

impl Door {
    /// The door of a host for the suite's people.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn of(host: &Host) -> Result<Self, Stop> {
        let harness = |why: &dyn std::fmt::Display| Stop::harness(why.to_string());
        let public = host.address.to_string().parse().map_err(|error| harness(&error))?;
        let target = Target::new(host.side.clone(), "host".into(), String::new(), vec![], None)?;
        Ok(Self { public, target: Arc::new(target) })
    }
}

impl Door {
    /// The front door of any server.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn at(public: &edgewise_spec::link::Address) -> Result<Self, Stop> {
        let address = public.to_string().parse();
        let address =
            address.map_err(|error: crate::peer::NoAddress| Stop::harness(error.to_string()))?;
        let target = Target::new(address, "server".into(), String::new(), vec![], None)?;
        Ok(Self { public: public.clone(), target: Arc::new(target) })
    }
}

/// The clock of a scene: this machine's, and ahead of it by so many seconds.
#[derive(Clone, Debug, Default)]
pub struct SceneClock(Arc<AtomicU64>);

impl SceneClock {
    /// The present moment of the scene.
    #[must_use]
    pub fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now::from_millis(u64::try_from(since.as_millis()).unwrap_or_default())
            .plus_seconds(self.ahead())
    }

    /// Seconds by which it is ahead.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Moves it forward.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// What every person of a scene shares.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The servers that there are.
    pub doors: Vec<Door>,
    /// What time it is.
    pub clock: SceneClock,
    /// The case's record.
    pub trace: Trace,
}

/// One end of one session.
#[derive(Debug)]
pub struct Person {
    around: Surroundings,
    rng: ChaCha20Rng,
    /// The connections to this person, in the order of the bundle.
    ins: Vec<Lane>,
    /// The connections from it.
    outs: Vec<Lane>,
    role: Role,
    shape: Shape,
    mode: Mode,
    key: Option<SigningKey>,
    /// The session, once there is one.
    pub session: Option<Session>,
    /// How it splits what it seals, once it may send.
    pub sender: Option<Sender>,
    /// How it joins what comes.
    pub receiver: Receiver,
    /// How it numbers and signs what it says.
    pub composer: Option<Composer>,
    /// How it reads what comes.
    pub inbox: Option<Inbox>,
    /// Whether it acknowledges parts, as an honest end does.
    pub acknowledges: bool,
    /// Whether it waits for all n parts of a cell and joins it from several k of them, where an honest
    /// end joins the first k.
    pub gathers: bool,
    /// Whether it goes on beside parts that are none of the cell, as an honest end does; a case is told
    /// of them.
    pub forgives: bool,
    /// What it has gathered so.
    pub gathered: Vec<Gathered>,
    /// The parts of cells that are not whole yet, by s, and since when.
    held: BTreeMap<u32, (Now, Vec<OpenedPart>)>,
}

#[derive(Debug)]
enum Role {
    Inviter { secret: [u8; 32], bundle: Vec<u8>, decapsulator: Option<Decapsulator> },
    Claimer,
}

impl Person {
    fn new(
        around: Surroundings,
        seed: [u8; 32],
        role: Role,
        shape: Shape,
        mode: Mode,
        receiver: Receiver,
    ) -> Self {
        Self {
            around,
            rng: ChaCha20Rng::from_seed(seed),
            ins: Vec::new(),
            outs: Vec::new(),
            role,
            shape,
            mode,
            key: None,
            session: None,
            sender: None,
            receiver,
            composer: None,
            inbox: None,
            acknowledges: true,
            gathers: false,
            forgives: false,
            gathered: Vec::new(),
            held: BTreeMap::new(),
        }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Now {
        self.around.clock.now()
    }

    /// Goes by another clock from now on.
    pub fn set_clock(&mut self, clock: SceneClock) {
        self.around.clock = clock;
    }

    /// How its session's cells are split.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The direction in which it speaks.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        match self.role {
            Role::Inviter { .. } => Direction::FromInviter,
            Role::Claimer => Direction::FromClaimer,
        }
    }

    /// What bodies look like in its session.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        Layout::new(self.mode, self.shape)
    }

    /// Whether it has no connection to send over yet.
    #[must_use]
    pub const fn is_mute(&self) -> bool {
        self.sender.is_none()
    }

    /// The words that need tr_0, once it is known.
    fn begin_words(&mut self, vk: Option<VerifyingKey>) -> Result<(), Stop> {
        let transcript = self.session.as_ref().and_then(Session::transcript0);
        let transcript = transcript.ok_or_else(|| Stop::harness("no session yet"))?;
        let composer = Composer::new(self.layout(), transcript, self.direction(), self.key.clone())
            .map_err(|error| Stop::harness(error.to_string()))?;
        self.composer = Some(composer);
        let other = self.direction().other();
        self.inbox = Some(Inbox::new(self.layout(), transcript, other, vk, Chain::default()));
        Ok(())
    }
}
