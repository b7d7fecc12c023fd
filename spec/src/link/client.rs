//! The client's end of a handshake, without a socket or a clock.

use core::fmt;

use bytes::{Bytes, BytesMut};
use edgewise_proto::v1;
use rand_core::CryptoRng;

use super::blocks::{BlockOpener, BlockSealer, Blocks};
use super::describe::write_padded;
use super::epoch::{VerifiedEpoch, fingerprint};
use super::schedule::{hello_key, master, nonce, th0, th1, transcript};
use crate::cadence::TickMs;
use crate::constants::{
    CONFIRMATION_LEN, HASH_LEN, HELLO_LEN, HELLO_OPTIONS_LEN, HELLO_PREFIX_LEN, REPLY_LEN, TAG_LEN,
};
use crate::frame::Class;
use crate::require;
use crate::suite::{Decapsulator, Sealer, SharedSecret, SuiteId, constant_time_eq};

/// Why a client ends a stream at the server's reply. It sends nothing more on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ReplyRefused {
    /// A block does not have the class's length.
    #[error("a block of another length than the link's")]
    Length,
    /// A byte after the confirmation is not zero.
    #[error("a byte after the confirmation is not zero")]
    Padding,
    /// ct_c is not acceptable.
    #[error("a ciphertext that is not acceptable")]
    Ciphertext,
    /// The confirmation is another: the server does not hold the epoch key.
    #[error("a confirmation that does not match")]
    Confirmation,
    /// The handshake is over already.
    #[error("a block after the handshake was over")]
    Over,
}

/// One handshake, from the hello to the reply.
pub struct ClientHandshake {
    state: State,
}

enum State {
    Reply(Box<Reply>),
    Over,
}

/// The hello is sent, the blocks of the reply come in.
struct Reply {
    suite: SuiteId,
    class: Class,
    tick: Option<TickMs>,
    ss_s: SharedSecret,
    decapsulator: Decapsulator,
    th1: [u8; HASH_LEN],
    blocks: usize,
    bytes: Vec<u8>,
}

impl ClientHandshake {
    /// Makes the hello: its blocks are to be sent in order, and nothing after them yet.
    #[must_use]
    pub fn start(
        epoch: &VerifiedEpoch,
        suite: SuiteId,
        class: Class,
        rng: &mut dyn CryptoRng,
    ) -> (Self, Vec<Bytes>) {
        Self::start_in_cadence(epoch, suite, class, None, rng)
    }

    /// As [`start`](Self::start), for a link in cadence where there is a tick. The caller has
    /// checked that the server offers it (CADENCE-16).
    #[must_use]
    pub fn start_in_cadence(
        epoch: &VerifiedEpoch,
        suite: SuiteId,
        class: Class,
        tick: Option<TickMs>,
        rng: &mut dyn CryptoRng,
    ) -> (Self, Vec<Bytes>) {
        let decapsulator = Decapsulator::generate(rng);
        let ek_c = decapsulator.encapsulator();
        let (ct_s, ss_s) = epoch.ek().encapsulate(rng);
        let mut prefix = [0; HELLO_PREFIX_LEN];
        let fields: [&[u8]; 4] =
            [&suite.code().to_be_bytes(), &epoch.number().to_be_bytes(), &ct_s, ek_c.as_bytes()];
        for (place, byte) in prefix.iter_mut().zip(fields.into_iter().flatten()) {
            *place = *byte;
        }
        let th0 = th0(suite, &fingerprint(&epoch.identity_vk()), epoch.bytes());
        let key = hello_key(suite, &ss_s, &th0, &prefix);
        let (options, tag) = sealed_options(suite, &key, &prefix, class, tick);

        let mut hello = [0; HELLO_LEN];
        let bytes = prefix.iter().chain(&options).chain(&tag);
        for (place, byte) in hello.iter_mut().zip(bytes) {
            *place = *byte;
        }
        let th1 = th1(&th0, &hello);
        let bytes = Vec::with_capacity(REPLY_LEN);
        let reply = Reply { suite, class, tick, ss_s, decapsulator, th1, blocks: 0, bytes };
        (Self { state: State::Reply(Box::new(reply)) }, hello_blocks(class, &hello))
    }

    /// A block came in; `Some` once the reply is complete and confirmed. The client's first block,
    /// which may be empty of items, is then due: it confirms the link to the server.
    ///
    /// # Errors
    /// [`ReplyRefused`]; the handshake is then over.
    pub fn handle_block(&mut self, block: &[u8]) -> Result<Option<Box<Blocks>>, ReplyRefused> {
        match core::mem::replace(&mut self.state, State::Over) {
            State::Reply(mut reply) => {
                if reply.take(block)? {
                    return reply.finish().map(Some);
                }
                self.state = State::Reply(reply);
                Ok(None)
            }
            State::Over => Err(ReplyRefused::Over),
        }
    }
}

impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Reply(_) => "Reply",
            State::Over => "Over",
        })
    }
}

impl Reply {
    /// Takes one block; true once the reply is complete.
    fn take(&mut self, block: &[u8]) -> Result<bool, ReplyRefused> {
        require!(LINK_38, block.len() == self.class.block_len(), ReplyRefused::Length);
        let wanted = (REPLY_LEN - self.bytes.len()).min(block.len());
        let (reply, padding) = block.split_at(wanted);
        let zeros = padding.iter().all(|byte| *byte == 0);
        require!(LINK_38, zeros, ReplyRefused::Padding);
        self.bytes.extend_from_slice(reply);
        self.blocks += 1;
        Ok(self.blocks == self.class.reply_blocks())
    }

    /// Judges a complete reply.
    fn finish(self) -> Result<Box<Blocks>, ReplyRefused> {
        let reply = self.bytes.first_chunk().ok_or(ReplyRefused::Length)?;
        let Self { suite, class, tick, ss_s, decapsulator, th1, .. } = &self;
        let blocks = open_reply(*suite, *class, ss_s, decapsulator, th1, reply)?;
        Ok(Box::new(Blocks { tick: *tick, ..blocks }))
    }
}

/// Judges a reply, without its padding, to a hello with this th1.
///
/// # Errors
/// [`ReplyRefused::Ciphertext`] or [`ReplyRefused::Confirmation`].
pub fn open_reply(
    suite: SuiteId,
    class: Class,
    ss_s: &SharedSecret,
    decapsulator: &Decapsulator,
    th1: &[u8; HASH_LEN],
    reply: &[u8; REPLY_LEN],
) -> Result<Blocks, ReplyRefused> {
    let ct_c = reply.first_chunk().ok_or(ReplyRefused::Length)?;
    let shown = reply.last_chunk::<CONFIRMATION_LEN>().ok_or(ReplyRefused::Length)?;
    let ss_c = decapsulator.decapsulate(ct_c).map_err(|_| ReplyRefused::Ciphertext)?; // LINK-38
    let keys = master(suite, ss_s, &ss_c, th1, ct_c);
    let confirmed = constant_time_eq(&keys.confirmation, shown);
    require!(LINK_26, confirmed, ReplyRefused::Confirmation);
    Ok(Blocks {
        sealer: BlockSealer::new(suite, class, &keys.client_to_server),
        opener: BlockOpener::new(suite, class, &keys.server_to_client),
        class,
        suite,
        tick: None,
        transcript: transcript(th1, reply),
    })
}

fn sealed_options(
    suite: SuiteId,
    key: &[u8; HASH_LEN],
    prefix: &[u8; HELLO_PREFIX_LEN],
    class: Class,
    tick: Option<TickMs>,
) -> ([u8; HELLO_OPTIONS_LEN], [u8; TAG_LEN]) {
    let tick_ms = tick.map_or(0, TickMs::millis);
    let options = v1::HelloOptions { link_class: class.number(), depth: 0, tick_ms };
    let mut text = [0; HELLO_OPTIONS_LEN];
    // Three small numbers always fit.
    let _ = write_padded(&options, &mut text);
    let tag = Sealer::new(suite, key).seal(&nonce(0), prefix, &mut text);
    (text, tag)
}

/// The hello in whole blocks of the class.
fn hello_blocks(class: Class, hello: &[u8; HELLO_LEN]) -> Vec<Bytes> {
    let mut padded = BytesMut::zeroed(class.hello_blocks() * class.block_len());
    if let Some(front) = padded.first_chunk_mut() {
        *front = *hello;
    }
    let mut padded = padded.freeze();
    let mut blocks = Vec::with_capacity(class.hello_blocks());
    while !padded.is_empty() {
        blocks.push(padded.split_to(class.block_len().min(padded.len())));
    }
    blocks
}
