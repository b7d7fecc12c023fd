//! Connections to measure with: their keys, and the requests that make them.

use crate::Failure;
use bytes::Bytes;
use edgewise_client::Pipeline;
use edgewise_proto::v1::{Role, Subscribe};
use edgewise_spec::client::{
    self, Answer, ClientLink, CreateAs, Event, Key, Lifetime, Request, Terms,
};
use edgewise_spec::connection::{self, Id};
use edgewise_spec::constants::{BUNDLE_LEN, WINDOW_BYTES_MAX, WINDOW_PARTS_MAX};
use edgewise_spec::frame::Class;
use edgewise_spec::suite::{self, SigningKey};
use edgewise_spec::time::Now;
use std::time::{SystemTime, UNIX_EPOCH};

/// Both ends of one connection. Its keys follow from a number, so that none has to be kept.
pub struct Ends {
    /// The recipient's key.
    pub recipient: Key,
    /// The claim key.
    pub claim: SigningKey,
    /// The sender's key.
    pub sender: Key,
    /// The recipient id.
    pub recipient_id: Id,
}

impl Ends {
    /// The connection with this number, of one run, on the server of this fingerprint.
    pub fn of(run: &[u8; 16], number: u64, fingerprint: &[u8; 32]) -> Self {
        let recipient = recipient_key(run, number);
        let recipient_id = connection::recipient_id(fingerprint, &recipient.record().vk);
        let claim = secret(run, number, b"claim");
        let sender = Key::new(secret(run, number, b"sender"), 0, life());
        Self { recipient, claim, sender, recipient_id }
    }

    /// A Create in state open, with a bundle.
    pub fn create(&self, link: &ClientLink, class: Class) -> Result<Request, Failure> {
        let bundle = Bytes::from_static(&[0xb5; BUNDLE_LEN]);
        self.create_as(link, class, &CreateAs::Open { claim: &self.claim, bundle })
    }

    /// A Create in state claimed, as after a loss.
    pub fn restore(&self, link: &ClientLink, class: Class) -> Result<Request, Failure> {
        let made = CreateAs::Claimed {
            claim_vk: self.claim.verifying_key(),
            sender_key: self.sender.record(),
            suspended: false,
        };
        self.create_as(link, class, &made)
    }

    fn create_as(
        &self,
        link: &ClientLink,
        class: Class,
        made: &CreateAs<'_>,
    ) -> Result<Request, Failure> {
        let terms = Terms::usual(class);
        let (transcript, key) = (transcript(link)?, &self.recipient);
        let create = client::create(transcript, &self.recipient_id, key, &[], &terms, made, None);
        Ok(Request::Create(Box::new(create)))
    }

    /// A Claim for the sender's key.
    pub fn claim(&self, link: &ClientLink) -> Result<Request, Failure> {
        let transcript = transcript(link)?;
        let claim = client::claim(transcript, link.fingerprint(), &self.claim, &self.sender);
        Ok(Request::Claim(Box::new(claim)))
    }

    /// An Attach of one role.
    pub fn attach(&self, link: &ClientLink, handle: u32, role: Role) -> Result<Request, Failure> {
        let key = if role == Role::Sender { &self.sender } else { &self.recipient };
        attach(link, handle, role, &self.recipient_id, key)
    }
}

/// An Attach under a key.
pub fn attach(
    link: &ClientLink,
    handle: u32,
    role: Role,
    recipient_id: &Id,
    key: &Key,
) -> Result<Request, Failure> {
    let attach = client::attach(transcript(link)?, handle, role, recipient_id, key, &[], 0);
    Ok(Request::Attach(Box::new(attach)))
}

/// A Subscribe with the widest windows.
pub const fn subscribe(handle: u32) -> Request {
    let (window_parts, window_bytes) = (WINDOW_PARTS_MAX, WINDOW_BYTES_MAX);
    Request::Subscribe(Subscribe { handle, window_parts, window_bytes })
}

/// The recipient's key of the connection with this number.
pub fn recipient_key(run: &[u8; 16], number: u64) -> Key {
    Key::new(secret(run, number, b"recipient"), 0, life())
}

/// Random bytes that tell one run's connections from another's.
pub fn run() -> Result<[u8; 16], Failure> {
    let mut run = [0; 16];
    getrandom::fill(&mut run)?;
    Ok(run)
}

fn secret(run: &[u8; 16], number: u64, of: &[u8]) -> SigningKey {
    SigningKey::from_seed(&suite::hash(&[run, &number.to_be_bytes(), of]))
}

fn transcript(link: &ClientLink) -> Result<&[u8; 32], Failure> {
    link.transcript().ok_or_else(|| "the link is not open".into())
}

fn life() -> Lifetime {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Lifetime::longest(Now::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
}

/// Submits what `next` gives, as fast as the link has room, until it gives nothing more and all is
/// answered. A refusal ends it; parts that are delivered meanwhile are acknowledged.
pub async fn pump(
    pipeline: &mut Pipeline,
    mut next: impl FnMut(&mut ClientLink) -> Result<Option<Request>, Failure>,
) -> Result<Pumped, Failure> {
    let mut events = Vec::new();
    let mut pumped = Pumped::default();
    let (mut unanswered, mut more) = (0_u64, true);
    loop {
        while more && pipeline.link().room() > 0 {
            let submitted = next(pipeline.link()).and_then(|request| {
                let Some(request) = request else { return Ok(false) };
                pipeline.link().submit(0, request)?;
                Ok(true)
            });
            match submitted {
                Ok(submitted) => {
                    unanswered += u64::from(submitted);
                    more = submitted;
                }
                Err(error) => {
                    // A link that is over says why when it is turned.
                    pipeline.turn(&mut events).await?;
                    return Err(error);
                }
            }
        }
        if unanswered == 0 {
            return Ok(pumped);
        }
        pipeline.turn(&mut events).await?;
        for event in events.drain(..) {
            match event {
                Event::Answered { result, .. } => {
                    unanswered -= 1;
                    pumped.attached += u64::from(matches!(result?, Answer::Attached(_)));
                }
                Event::Deliver(deliver) => {
                    pumped.delivered += 1;
                    pipeline.link().acknowledge(deliver.handle, deliver.sequence);
                }
                _ => {}
            }
        }
    }
}

/// What came of a [`pump`].
#[derive(Default)]
pub struct Pumped {
    /// Attaches that were accepted.
    pub attached: u64,
    /// Parts that were delivered.
    pub delivered: u64,
}
