//! The receiving end: bodies become messages, verified and placed in their chain.

use super::content::{Content, ContentRefused, kind};
use super::pieces::{Accepted, PieceRefused, Pieces, Whole};
use super::{
    BodyRefused, Chain, Direction, Header, Layout, Link, MessageId, Statement, UpTo, content_hash,
};
use crate::constants::{HASH_LEN, INCOMPLETE_BYTES_MAX, INCOMPLETE_MAX};
use crate::session::Mode;
use crate::suite::VerifyingKey;
use crate::time::Now;
use crate::{mutant, require};

/// Why a body or its message is refused: the peer is at fault, and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageRefused {
    /// The body has no legal layout.
    #[error(transparent)]
    Body(#[from] BodyRefused),
    /// The piece contradicts another.
    #[error(transparent)]
    Piece(#[from] PieceRefused),
    /// The signature is not one of the peer's key.
    #[error("message {0:?} is not signed by the peer's key")]
    Signature(MessageId),
    /// The claimer's first message is no hello, or another message is one.
    #[error("message {0:?}: a hello is the claimer's first message, and nothing else")]
    Hello(MessageId),
    /// The hello that is to bring the key cannot be read.
    #[error("the hello that is to bring the peer's key: {0}")]
    HelloContent(ContentRefused),
    /// Too many messages wait for the key that the hello brings.
    #[error("message {0:?} came before the hello, with too many others")]
    TooManyBeforeHello(MessageId),
}

/// A verified message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// All but the content.
    pub header: Header,
    /// Its hash, which receipts and the next message name.
    pub hash: [u8; HASH_LEN],
    /// What it says, or why that cannot be read; it is kept in either case.
    pub content: Result<Content, ContentRefused>,
    /// The content as it was received, for proofs.
    pub bytes: Vec<u8>,
    /// How it stands to the others of its direction.
    pub link: Link,
}

/// What a body led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The body was empty: a cell of cover.
    Empty,
    /// A message.
    Message(Box<Message>),
    /// A piece; others are missing.
    Waiting {
        /// The message.
        id: MessageId,
        /// How many pieces have arrived.
        have: u16,
        /// How many there are.
        count: u16,
    },
    /// A message that waits for the hello, whose key is to verify it.
    Held(MessageId),
    /// A message, or a piece, that had arrived before: dropped.
    Duplicate(MessageId),
    /// A message so far behind that nothing is known of its number: dropped.
    Stale(MessageId),
    /// A message that was never complete, given up.
    GivenUp(MessageId),
}

/// The receiving end of one direction.
#[derive(Clone, Debug)]
pub struct Inbox {
    transcript: [u8; HASH_LEN],
    direction: Direction,
    vk: Option<VerifyingKey>,
    chain: Chain,
    pieces: Pieces,
    held: Vec<Whole>,
}

impl Inbox {
    /// The end that receives in a direction of a session with this tr_0. `vk` is the peer's key in
    /// an attested session: the inviter's from the bundle; the claimer's comes with its hello.
    #[must_use]
    pub const fn new(
        layout: Layout,
        transcript: [u8; HASH_LEN],
        direction: Direction,
        vk: Option<VerifyingKey>,
        chain: Chain,
    ) -> Self {
        let pieces = Pieces::new(layout);
        Self { transcript, direction, vk, chain, pieces, held: Vec::new() }
    }

    /// What is known of the direction's messages, to be stored with each message.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The peer's key, to be stored; `None` in a deniable session, and before the hello.
    #[must_use]
    pub const fn vk(&self) -> Option<&VerifyingKey> {
        self.vk.as_ref()
    }

    /// The incomplete messages. A client stores the bodies of incomplete and of held messages, and
    /// has them received again when it starts.
    #[must_use]
    pub const fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// Takes the body of a cell that the session has opened.
    ///
    /// # Errors
    /// [`MessageRefused`]; nothing has changed then, but for what was given up.
    pub fn receive(&mut self, now: Now, body: &[u8]) -> Result<Vec<Event>, MessageRefused> {
        let Some(piece) = self.pieces.layout().parse(body)? else { return Ok(vec![Event::Empty]) };
        let id = piece.header.id;
        let (accepted, given_up) = self.pieces.take(now, &piece)?;
        let mut events: Vec<_> = given_up.into_iter().map(Event::GivenUp).collect();
        match accepted {
            Accepted::Repeated => events.push(Event::Duplicate(id)),
            Accepted::Waiting { have, count } => {
                events.push(Event::Waiting { id, have, count });
            }
            Accepted::Whole(whole) => self.whole(whole, &mut events)?,
        }
        Ok(events)
    }

    /// Gives up what has been incomplete for too long.
    pub fn expire(&mut self, now: Now) -> Vec<MessageId> {
        self.pieces.expire(now)
    }

    fn whole(&mut self, whole: Whole, events: &mut Vec<Event>) -> Result<(), MessageRefused> {
        let (id, mode) = (whole.header.id, self.pieces.layout().mode());
        let first = self.direction == Direction::FromClaimer && id.number() == 1;
        let is_hello = whole.header.kind == kind::HELLO;
        require!(MESSAGE_16, first == is_hello, MessageRefused::Hello(id));
        if mode == Mode::Attested && self.vk.is_none() {
            if !is_hello {
                return self.hold(whole, events);
            }
            let content = Content::decode(mode, whole.header.kind, &whole.content);
            let Ok(Content::Hello(hello)) = &content else {
                let refused = content.err().unwrap_or(ContentRefused::Key);
                return Err(MessageRefused::HelloContent(refused));
            };
            let vk = hello.vk.and_then(|vk| VerifyingKey::parse(&vk).ok());
            let vk = vk.ok_or(MessageRefused::HelloContent(ContentRefused::Key))?;
            // The key comes with a message that it has signed itself.
            let event = self.verified(whole, Some(&vk))?;
            self.vk = Some(vk);
            events.push(event);
            for whole in core::mem::take(&mut self.held) {
                // One that does not verify does not take the others with it.
                if let Ok(event) = self.verified(whole, Some(&vk)) {
                    events.push(event);
                }
            }
            return Ok(());
        }
        let vk = self.vk;
        events.push(self.verified(whole, vk.as_ref())?);
        Ok(())
    }

    fn hold(&mut self, whole: Whole, events: &mut Vec<Event>) -> Result<(), MessageRefused> {
        let id = whole.header.id;
        if self.held.contains(&whole) {
            events.push(Event::Duplicate(id));
            return Ok(());
        }
        let bytes: usize = self.held.iter().map(|held| held.content.len()).sum();
        let room =
            self.held.len() < INCOMPLETE_MAX && bytes + whole.content.len() <= INCOMPLETE_BYTES_MAX;
        require!(MESSAGE_25, room, MessageRefused::TooManyBeforeHello(id));
        self.held.push(whole);
        events.push(Event::Held(id));
        Ok(())
    }

    fn verified(
        &mut self,
        whole: Whole,
        vk: Option<&VerifyingKey>,
    ) -> Result<Event, MessageRefused> {
        let Whole { header, content: bytes } = whole;
        let (id, mode) = (header.id, self.pieces.layout().mode());
        let content_hash = content_hash(header.kind, &bytes);
        let statement = Statement {
            mode,
            transcript: &self.transcript,
            direction: self.direction,
            id,
            previous: &header.previous,
            up_to: header.up_to,
            time: header.time,
            content_hash: &content_hash,
        };
        if mode == Mode::Attested {
            let signed = vk.is_some_and(|vk| statement.is_signed(vk, &header.signature));
            require!(MESSAGE_23, signed, MessageRefused::Signature(id));
        }
        let hash = statement.hash();
        let link = self.chain.judge(id.number(), &hash, &header.previous);
        match link {
            Link::Duplicate if !mutant!(MESSAGE_15) => return Ok(Event::Duplicate(id)),
            Link::Stale => return Ok(Event::Stale(id)),
            _ => self.chain.take(id.number(), &hash, &header.previous),
        }
        let content = Content::decode(mode, header.kind, &bytes);
        Ok(Event::Message(Box::new(Message { header, hash, content, bytes, link })))
    }
}

impl UpTo {
    /// Whether the peer means the message that this end has sent under that number, whose hash is
    /// `own`; `None` where no such message was sent (MESSAGE-17).
    #[must_use]
    pub fn agrees(self, mode: Mode, own: Option<&[u8; HASH_LEN]>) -> bool {
        let expected = match (self.number, own) {
            (0, _) => Self::default(),
            (number, Some(hash)) => Self { number, hash: *hash }.cut(mode),
            (_, None) => return mutant!(MESSAGE_17),
        };
        self == expected || mutant!(MESSAGE_17)
    }
}
