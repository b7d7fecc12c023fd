//! The server's end of a handshake, without a socket or a clock.

use core::fmt;

use arrayvec::ArrayVec;
use bytes::{Bytes, BytesMut};
use edgewise_proto::v1;
use rand_core::CryptoRng;

use super::blocks::{BlockOpener, BlockSealer, Blocks};
use super::describe::read_padded;
use super::epoch::EpochWindow;
use super::schedule::{hello_key, master, nonce, th0, th1, transcript};
use crate::cadence::TickMs;
use crate::constants::{
    CT_LEN, EK_LEN, HASH_LEN, HELLO_LEN, HELLO_OPTIONS_LEN, HELLO_PREFIX_LEN, REPLY_LEN,
};
use crate::error::{LinkEnd, Status};
use crate::frame::Class;
use crate::suite::{Encapsulator, Sealer, SharedSecret, SuiteId};
use crate::time::Now;
use crate::{mutant, require};

/// What a server's handshakes need to know of it.
#[derive(Clone, Debug)]
pub struct HandshakeParams {
    /// The server's fingerprint.
    pub fingerprint: [u8; HASH_LEN],
    /// The epochs it holds.
    pub epochs: EpochWindow,
    /// The suites it offers.
    pub suites: ArrayVec<SuiteId, 2>,
    /// The classes it serves.
    pub classes: ArrayVec<Class, 3>,
    /// The ticks it offers to links in cadence.
    pub ticks: Vec<TickMs>,
}

/// What became of a block.
#[derive(Debug)]
pub enum Progress {
    /// The hello is not complete yet.
    More,
    /// These blocks are to be sent, in order, and nothing after them before the link is confirmed.
    Reply(Vec<Bytes>),
    /// The link is confirmed. The block was opened in place: its first
    /// [`text_len`](Class::text_len) bytes are the link's first opened block.
    Confirmed(Box<Blocks>),
}

/// One handshake, from the opening of a stream to the client's first block.
pub struct ServerHandshake {
    state: State,
    deadline: Now,
}

enum State {
    Hello(Hello),
    Confirm(Box<Blocks>),
    Over,
}

/// The blocks of a hello come in.
#[derive(Default)]
struct Hello {
    /// Known from the first block on.
    class: Option<Class>,
    blocks: usize,
    /// The hello so far, without padding: HELLO_LEN bytes at most.
    bytes: Vec<u8>,
}

const fn refused(status: Status) -> LinkEnd {
    LinkEnd::Refused(status)
}

impl ServerHandshake {
    /// Begins when a stream opens; it must be confirmed within `hello_seconds`.
    #[must_use]
    pub fn new(now: Now, hello_seconds: u64) -> Self {
        Self { state: State::Hello(Hello::default()), deadline: now.plus_seconds(hello_seconds) }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub const fn deadline(&self) -> Now {
        self.deadline
    }

    /// Time has passed.
    ///
    /// # Errors
    /// [`Status::DeadlineExceeded`] once the deadline has come.
    pub fn handle_timeout(&mut self, now: Now) -> Result<(), LinkEnd> {
        let late = now >= self.deadline && !matches!(self.state, State::Over);
        if late && !mutant!(LINK_19) {
            self.state = State::Over;
        }
        require!(LINK_19, !late, refused(Status::DeadlineExceeded));
        Ok(())
    }

    /// A block came in.
    ///
    /// # Errors
    /// The status that refuses the stream; the handshake is then over.
    pub fn handle_block(
        &mut self,
        params: &HandshakeParams,
        now: Now,
        rng: &mut dyn CryptoRng,
        block: &mut [u8],
    ) -> Result<Progress, LinkEnd> {
        self.handle_timeout(now)?;
        match core::mem::replace(&mut self.state, State::Over) {
            State::Hello(mut hello) => {
                if !hello.take(params, block)? {
                    self.state = State::Hello(hello);
                    return Ok(Progress::More);
                }
                let (blocks, reply) = hello.answer(params, now, rng)?;
                self.state = State::Confirm(Box::new(blocks));
                Ok(Progress::Reply(reply))
            }
            State::Confirm(mut blocks) => {
                // LINK-23
                if block.len() != blocks.class.block_len() {
                    return Err(refused(Status::InvalidArgument));
                }
                let opened = blocks.opener.open(block);
                require!(LINK_23, opened.is_ok(), refused(Status::InvalidArgument));
                Ok(Progress::Confirmed(blocks))
            }
            State::Over => Err(refused(Status::InvalidArgument)),
        }
    }
}

impl fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Hello(_) => "Hello",
            State::Confirm(_) => "Confirm",
            State::Over => "Over",
        })
    }
}

impl Hello {
    /// Takes one block; true once the hello is complete.
    fn take(&mut self, params: &HandshakeParams, block: &[u8]) -> Result<bool, HelloRefused> {
        let served = |class: &Class| params.classes.contains(class);
        let first = || Class::from_block_len(block.len()).filter(served);
        let class = self.class.or_else(first);
        require!(LINK_10, class.is_some(), HelloRefused::Length);
        let Some(class) = class else { return Ok(false) };
        self.class = Some(class);
        let same = block.len() == class.block_len();
        require!(LINK_11, same, HelloRefused::Length);
        let wanted = (HELLO_LEN - self.bytes.len()).min(block.len());
        let (hello, padding) = block.split_at(wanted);
        let zeros = padding.iter().all(|byte| *byte == 0);
        require!(LINK_11, zeros, HelloRefused::Padding);
        self.bytes.extend_from_slice(hello);
        self.blocks += 1;
        Ok(self.blocks == class.hello_blocks())
    }

    /// Judges a complete hello and makes the reply.
    fn answer(
        self,
        params: &HandshakeParams,
        now: Now,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Blocks, Vec<Bytes>), HelloRefused> {
        let class = self.class.ok_or(HelloRefused::Length)?;
        let hello: &[u8; HELLO_LEN] = self.bytes.first_chunk().ok_or(HelloRefused::Length)?;
        let OpenedHello { suite, tick, ss_s, ek_c, th1 } = open_hello(params, now, class, hello)?;
        let (ct_c, ss_c) = ek_c.encapsulate(rng);
        let keys = master(suite, &ss_s, &ss_c, &th1, &ct_c);
        let mut reply = [0; REPLY_LEN];
        let (front, back) = reply.split_at_mut(CT_LEN);
        front.copy_from_slice(&ct_c);
        back.copy_from_slice(&keys.confirmation);
        let blocks = Blocks {
            sealer: BlockSealer::new(suite, class, &keys.server_to_client),
            opener: BlockOpener::new(suite, class, &keys.client_to_server),
            class,
            suite,
            tick,
            transcript: transcript(&th1, &reply),
        };
        Ok((blocks, reply_blocks(class, &reply)))
    }
}

/// Why a hello is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HelloRefused {
    /// A block does not have the length of a class that is served, or not that of the first.
    #[error("a block of a wrong length")]
    Length,
    /// A byte after the hello is not zero.
    #[error("a byte after the hello is not zero")]
    Padding,
    /// The suite is not offered.
    #[error("a suite that is not offered")]
    Suite,
    /// The epoch is not one of the three that are accepted.
    #[error("an epoch that is not accepted")]
    Epoch,
    /// ek_c or ct_s is not acceptable.
    #[error("a key or ciphertext that is not acceptable")]
    Key,
    /// The options do not open.
    #[error("options that do not open")]
    OptionsSeal,
    /// The options are not u16 length, HelloOptions, zeros.
    #[error("options that are no padded HelloOptions")]
    OptionsEncoding,
    /// Another class than the blocks', or a depth.
    #[error("options that do not fit the blocks")]
    OptionsValue,
    /// A tick that is not offered.
    #[error("a tick that is not offered")]
    Tick,
}

impl HelloRefused {
    /// The status that refuses the stream.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Suite => Status::Unimplemented,
            Self::Epoch => Status::FailedPrecondition,
            Self::Tick => Status::OutOfRange,
            Self::Length
            | Self::Padding
            | Self::Key
            | Self::OptionsSeal
            | Self::OptionsEncoding
            | Self::OptionsValue => Status::InvalidArgument,
        }
    }
}

impl From<HelloRefused> for LinkEnd {
    fn from(why: HelloRefused) -> Self {
        refused(why.status())
    }
}

/// What a server has from a good hello.
#[derive(Debug)]
pub struct OpenedHello {
    /// The suite that it names.
    pub suite: SuiteId,
    /// The tick of the link's cadence, if the client asks for one.
    pub tick: Option<TickMs>,
    /// The secret that ct_s shares.
    pub ss_s: SharedSecret,
    /// The key of this link.
    pub ek_c: Encapsulator,
    /// The transcript so far.
    pub th1: [u8; HASH_LEN],
}

/// Judges a hello, without its padding, that came in blocks of `class`.
///
/// # Errors
/// The first rule that it breaks, in the order of [`HelloRefused`].
pub fn open_hello(
    params: &HandshakeParams,
    now: Now,
    class: Class,
    hello: &[u8; HELLO_LEN],
) -> Result<OpenedHello, HelloRefused> {
    let fields = Fields::of(hello).ok_or(HelloRefused::Length)?;
    let suite = SuiteId::try_from(u16::from_be_bytes(*fields.suite)).ok();
    let suite = suite.filter(|suite| params.suites.contains(suite));
    // SUITE-1
    let suite = suite.filter(|_| !mutant!(SUITE_1));
    require!(LINK_12, suite.is_some(), HelloRefused::Suite);
    let suite = suite.unwrap_or(SuiteId::Chacha20Poly1305);
    let epoch = params.epochs.select(u32::from_be_bytes(*fields.epoch), now);
    let epoch = epoch.ok_or(HelloRefused::Epoch)?; // LINK-13

    let ek_c = Encapsulator::parse(fields.ek_c);
    require!(LINK_15, ek_c.is_ok(), HelloRefused::Key);
    // Where LINK-15 is left out, a key that is acceptable stands in.
    let ek_c = ek_c.unwrap_or_else(|_| epoch.record().ek().clone());
    let ss_s = epoch.decapsulator().decapsulate(fields.ct_s);
    let ss_s = ss_s.map_err(|_| HelloRefused::Key)?; // LINK-15

    let th0 = th0(suite, &params.fingerprint, epoch.record().bytes());
    let key = hello_key(suite, &ss_s, &th0, fields.prefix);
    let options = open_options(suite, &key, &fields, class)?;
    let tick = choose_tick(params, options.tick_ms)?;
    Ok(OpenedHello { suite, tick, ss_s, ek_c, th1: th1(&th0, hello) })
}

/// The tick that a client asks for; none for 0 (CADENCE-3).
fn choose_tick(params: &HandshakeParams, millis: u32) -> Result<Option<TickMs>, HelloRefused> {
    let millis = match millis {
        0 if mutant!(CADENCE_3) => params.ticks.last().map_or(0, |tick| tick.millis()),
        millis => millis,
    };
    if millis == 0 {
        return Ok(None);
    }
    let offered = params.ticks.iter().copied().find(|tick| tick.millis() == millis);
    require!(CADENCE_2, offered.is_some(), HelloRefused::Tick);
    Ok(offered)
}

/// Opens and judges the options of a hello.
fn open_options(
    suite: SuiteId,
    key: &[u8; HASH_LEN],
    fields: &Fields<'_>,
    class: Class,
) -> Result<v1::HelloOptions, HelloRefused> {
    let mut text = *fields.options;
    let opened = Sealer::new(suite, key).open(&nonce(0), fields.prefix, &mut text, fields.tag);
    require!(LINK_16, opened.is_ok(), HelloRefused::OptionsSeal);
    if opened.is_err() {
        // Reached only where LINK-16 is left out: such a server believes the blocks' length.
        return Ok(v1::HelloOptions::default());
    }
    let options: Option<v1::HelloOptions> = read_padded(&text);
    require!(LINK_17, options.is_some(), HelloRefused::OptionsEncoding);
    let Some(options) = options else { return Ok(v1::HelloOptions::default()) };
    let agrees = options.link_class == class.number() && options.depth == 0;
    require!(LINK_18, agrees, HelloRefused::OptionsValue);
    Ok(options)
}

/// The reply in whole blocks of the class.
fn reply_blocks(class: Class, reply: &[u8; REPLY_LEN]) -> Vec<Bytes> {
    let mut padded = BytesMut::zeroed(class.reply_blocks() * class.block_len());
    if let Some(front) = padded.first_chunk_mut() {
        *front = *reply;
    }
    if mutant!(LINK_22)
        && let Some(last) = padded.last_mut()
    {
        *last = 1;
    }
    let mut padded = padded.freeze();
    let mut blocks = Vec::with_capacity(class.reply_blocks() + 1);
    while !padded.is_empty() {
        blocks.push(padded.split_to(class.block_len().min(padded.len())));
    }
    // LINK-24
    if mutant!(LINK_24) {
        blocks.push(Bytes::from(vec![0; class.block_len()]));
    }
    blocks
}

/// The fields of a hello.
struct Fields<'a> {
    prefix: &'a [u8; HELLO_PREFIX_LEN],
    suite: &'a [u8; 2],
    epoch: &'a [u8; 4],
    ct_s: &'a [u8; CT_LEN],
    ek_c: &'a [u8; EK_LEN],
    options: &'a [u8; HELLO_OPTIONS_LEN],
    tag: &'a [u8; 16],
}

impl<'a> Fields<'a> {
    fn of(hello: &'a [u8; HELLO_LEN]) -> Option<Self> {
        let (prefix, sealed) = hello.split_first_chunk::<HELLO_PREFIX_LEN>()?;
        let (suite, rest) = prefix.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (ct_s, rest) = rest.split_first_chunk()?;
        let ek_c = rest.first_chunk()?;
        let (options, tag) = sealed.split_first_chunk()?;
        Some(Self { prefix, suite, epoch, ct_s, ek_c, options, tag: tag.first_chunk()? })
    }
}
