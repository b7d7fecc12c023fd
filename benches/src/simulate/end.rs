//! A person's end of a conversation: message, session and scatter, from a text to ten parts and
//! back.

use std::collections::BTreeMap;

use edgewise_spec::constants::TAG_WINDOW;
use edgewise_spec::message::{
    Chain, Composer, Content, Direction, Event, Hello, Inbox, Layout, UpTo,
};
use edgewise_spec::scatter::{
    Arrival, Joined, OpenedPart, PartChain, Receiver, Sender, Shape, Tally, Window,
};
use edgewise_spec::session::{Mode, Purpose, SealRefused, Session};
use edgewise_spec::suite::Decapsulator;
use edgewise_spec::time::Now;
use rand_chacha::rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::Failure;

/// How parts become a cell: `edgewise_spec::scatter::join`, but where a test shows that another one
/// is noticed.
pub type Join = fn(Shape, &[OpenedPart]) -> Joined;

/// What a message or a cell becomes: a part for each group.
pub type Parts = Vec<Vec<u8>>;

/// The receiving end of scatter. Stored, a tag window takes 170 bytes.
enum Hearing {
    /// Nothing was heard yet.
    New(Shape, Vec<PartChain>),
    /// As a client stores it.
    Asleep(Shape, u32, Vec<u32>, Vec<Zeroizing<Vec<u8>>>),
    /// In memory.
    Awake(Box<Receiver>),
}

impl Hearing {
    fn wake(&mut self) -> Result<&mut Receiver, Failure> {
        let made = match self {
            Self::Awake(_) => None,
            Self::New(shape, chains) => Some(Receiver::new(*shape, core::mem::take(chains))?),
            Self::Asleep(shape, highest, opened, windows) => {
                let mut receiver = Receiver::restore(*shape, *highest, opened.iter().copied())?;
                for (place, window) in (0_u8..).zip(windows) {
                    receiver.add(place.into(), place, Window::from_bytes(window)?)?;
                }
                Some(receiver)
            }
        };
        if let Some(receiver) = made {
            *self = Self::Awake(Box::new(receiver));
        }
        match self {
            Self::Awake(receiver) => Ok(receiver),
            Self::New(..) | Self::Asleep(..) => Err("a receiver did not wake".into()),
        }
    }
}

/// One end of a conversation.
pub struct End {
    session: Session,
    layout: Layout,
    composer: Composer,
    inbox: Inbox,
    sender: Sender,
    hearing: Hearing,
    /// Parts of cells that are not whole, by s.
    held: BTreeMap<u32, Vec<OpenedPart>>,
    /// What was counted against each group before the receiver was last stored.
    blamed: Vec<Tally>,
}

impl End {
    fn new(
        session: Session,
        direction: Direction,
        own: Vec<PartChain>,
        other: Vec<PartChain>,
    ) -> Result<Self, Failure> {
        let (shape, mode) = (session.shape(), session.mode());
        let transcript = session.transcript0().ok_or("a session without a transcript")?;
        let layout = Layout::new(mode, shape);
        let composer = Composer::new(layout, transcript, direction, None)?;
        let inbox = Inbox::new(layout, transcript, direction.other(), None, Chain::default());
        let blamed = vec![Tally::default(); other.len()];
        let sender = Sender::new(shape, own)?;
        let hearing = Hearing::New(shape, other);
        let held = BTreeMap::new();
        Ok(Self { session, layout, composer, inbox, sender, hearing, held, blamed })
    }

    /// A claimer and an inviter who have met: the claimer's hello and the inviter's answer were
    /// passed by hand. `ways` are the part chains of what the claimer says, and the inviter.
    pub fn meet(
        now: Now,
        shape: Shape,
        hello: Hello,
        ways: [Vec<PartChain>; 2],
        rng: &mut dyn CryptoRng,
    ) -> Result<[Self; 2], Failure> {
        let (mut secret, mut bundle) = ([0; 32], [0; 64]);
        rng.fill_bytes(&mut secret);
        rng.fill_bytes(&mut bundle);
        let decapsulator = Decapsulator::generate(rng);
        let (ek, mode) = (decapsulator.encapsulator(), Mode::Deniable);
        let claimer = Session::claim(&secret, &bundle, &ek, shape, mode, now, rng);
        let inviter = Session::invite(&secret, &bundle, decapsulator, shape, mode);
        let [said, heard] = ways;
        let (own, other) = (said.clone(), heard.clone());
        let mut claimer = Self::new(claimer, Direction::FromClaimer, own, other)?;

        let hello = Content::Hello(hello);
        let composed = claimer.composer.compose(now, UpTo::default(), &hello, rng)?;
        claimer.composer = composed.0;
        let body = composed.1.bodies.first().ok_or("a hello without a body")?;
        let sealed = claimer.session.seal(Purpose::Message, now, body, rng)?;
        claimer.session = sealed.session;
        let opened = inviter.open(now, sealed.s, &sealed.cell)?;
        let mut inviter = Self::new(opened.session, Direction::FromInviter, heard, said)?;
        inviter.inbox.receive(now, &opened.body)?;

        let empty = inviter.layout.empty();
        let sealed = inviter.session.seal(Purpose::Answer, now, &empty, rng)?;
        inviter.session = sealed.session;
        let opened = claimer.session.open(now, sealed.s, &sealed.cell)?;
        claimer.session = opened.session;
        claimer.inbox.receive(now, &opened.body)?;
        Ok([claimer, inviter])
    }

    /// The parts of a text; `None` while the other end has to acknowledge first.
    pub fn say(
        &mut self,
        now: Now,
        text: String,
        rng: &mut dyn CryptoRng,
    ) -> Result<Option<Parts>, Failure> {
        if self.session.room() == 0 {
            return Ok(None);
        }
        let up_to = self.inbox.chain().up_to();
        let (composer, composed) = self.composer.compose(now, up_to, &Content::Text(text), rng)?;
        let [body] = &composed.bodies[..] else {
            return Err("a text that takes several cells".into());
        };
        self.composer = composer;
        self.seal(Purpose::Message, now, body, rng).map(Some)
    }

    /// The parts of an answer without content, when one is due.
    pub fn answer(&mut self, now: Now, rng: &mut dyn CryptoRng) -> Result<Option<Parts>, Failure> {
        if !self.session.answer_due() {
            return Ok(None);
        }
        let empty = self.layout.empty();
        match self.seal(Purpose::Answer, now, &empty, rng) {
            // It stays due until the other end has acknowledged more.
            Err(failure) if failure.downcast_ref::<SealRefused>() == Some(&SealRefused::Full) => {
                Ok(None)
            }
            sealed => sealed.map(Some),
        }
    }

    fn seal(
        &mut self,
        purpose: Purpose,
        now: Now,
        body: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Parts, Failure> {
        let sealed = self.session.seal(purpose, now, body, rng)?;
        let (sender, parts) = self.sender.split(sealed.s, &sealed.cell, rng)?;
        (self.session, self.sender) = (sealed.session, sender);
        Ok(parts)
    }

    /// Takes a part that a group delivered; the text that it completes, if it does.
    pub fn hear(
        &mut self,
        now: Now,
        place: u8,
        part: &[u8],
        join: Join,
    ) -> Result<Option<String>, Failure> {
        let Self { session, inbox, hearing, held, .. } = self;
        let receiver = hearing.wake()?;
        let id = place.into();
        let (s, cell) = match receiver.open(id, part) {
            Arrival::Part { s, part } => {
                receiver.hold(id, s);
                let parts = held.entry(s).or_default();
                parts.push(part);
                let Joined::Cell { cell, wrong } = join(session.shape(), parts) else {
                    return Ok(None);
                };
                wrong.into_iter().for_each(|place| receiver.blame_wrong(place.into()));
                (s, cell)
            }
            Arrival::Cell { s, cell } => (s, cell),
            Arrival::Late { s } => {
                receiver.commit(id, s);
                return Ok(None);
            }
            useless => {
                receiver.blame(id, &useless);
                return Ok(None);
            }
        };
        let opened = session.open(now, s, &cell)?;
        *session = opened.session;
        receiver.commit(id, s);
        // SCATTER-9: what the windows have forgotten is no use any more.
        let forgotten = receiver.highest().saturating_sub(TAG_WINDOW);
        held.retain(|of, _| *of != s && *of >= forgotten);
        for event in inbox.receive(now, &opened.body)? {
            if let Event::Message(message) = event
                && let Content::Text(text) = message.content?
            {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// Whether the tag windows are in memory.
    pub const fn is_awake(&self) -> bool {
        matches!(self.hearing, Hearing::Awake(_))
    }

    /// Keeps the tag windows as a client stores them, until the next part.
    pub fn sleep(&mut self) {
        self.blamed = self.tallies();
        let shape = self.session.shape();
        if let Hearing::Awake(receiver) = &self.hearing {
            let windows = receiver.windows().map(|(_, window)| window).collect();
            let opened = receiver.opened().collect();
            self.hearing = Hearing::Asleep(shape, receiver.highest(), opened, windows);
        }
    }

    /// What each group has brought that was of no use.
    pub fn tallies(&self) -> Vec<Tally> {
        let Hearing::Awake(receiver) = &self.hearing else { return self.blamed.clone() };
        let now = |place: u8| receiver.tally(place.into()).unwrap_or_default();
        let sum = |(place, before): (u8, &Tally)| {
            let Tally { bad, stray, wrong } = now(place);
            Tally {
                bad: before.bad.saturating_add(bad),
                stray: before.stray.saturating_add(stray),
                wrong: before.wrong.saturating_add(wrong),
            }
        };
        (0_u8..).zip(&self.blamed).map(sum).collect()
    }
}
