//! The requests of a link: what waits to go out, and which tags wait for an answer.

use std::collections::VecDeque;

use edgewise_proto::v1::{self, item::Body, result::Outcome};
use prost::Message;

use super::event::Answer;
use crate::constants::{ITEM_PREFIX, REQUESTS_MAX};
use crate::error::{Misuse, Reject};
use crate::time::Now;

/// A request to a server, answered exactly once.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Hand in one part.
    Send(v1::Send),
    /// Make a connection, or restore it.
    Create(Box<v1::Create>),
    /// Become a connection's sender.
    Claim(Box<v1::Claim>),
    /// Leave a part at a connection of kind address.
    Deposit(Box<v1::Deposit>),
    /// Prove a key once for this link.
    Attach(Box<v1::Attach>),
    /// Ask for parts.
    Subscribe(v1::Subscribe),
    /// Take no parts for now.
    Suspend {
        /// The recipient's attachment.
        handle: u32,
    },
    /// Take parts again.
    Resume {
        /// The recipient's attachment.
        handle: u32,
    },
    /// Change the key of the attachment's role.
    Rotate(Box<v1::Rotate>),
    /// Delete the connection.
    Delete {
        /// The recipient's attachment.
        handle: u32,
    },
    /// Give the handle back.
    Detach {
        /// The attachment.
        handle: u32,
    },
}

impl Request {
    /// The item's body, for the wire.
    fn into_body(self) -> Body {
        match self {
            Self::Send(send) => Body::Send(send),
            Self::Create(create) => Body::Create(*create),
            Self::Claim(claim) => Body::Claim(*claim),
            Self::Deposit(deposit) => Body::Deposit(*deposit),
            Self::Attach(attach) => Body::Attach(*attach),
            Self::Subscribe(subscribe) => Body::Subscribe(subscribe),
            Self::Suspend { handle } => Body::Suspend(v1::Suspend { handle }),
            Self::Resume { handle } => Body::Resume(v1::Resume { handle }),
            Self::Rotate(rotate) => Body::Rotate(*rotate),
            Self::Delete { handle } => Body::Delete(v1::Delete { handle }),
            Self::Detach { handle } => Body::Detach(v1::Detach { handle }),
        }
    }

    const fn kind(&self) -> Kind {
        match self {
            Self::Create(_) => Kind::Create,
            Self::Claim(_) => Kind::Claim,
            Self::Attach(_) => Kind::Attach,
            Self::Subscribe(_) => Kind::Subscribe,
            Self::Detach { .. } => Kind::Detach,
            Self::Send(_)
            | Self::Deposit(_)
            | Self::Suspend { .. }
            | Self::Resume { .. }
            | Self::Rotate(_)
            | Self::Delete { .. } => Kind::Plain,
        }
    }

    fn handle(&self) -> u32 {
        match self {
            Self::Send(send) => send.handle,
            Self::Create(_) | Self::Claim(_) | Self::Deposit(_) => 0,
            Self::Attach(attach) => attach.handle,
            Self::Subscribe(subscribe) => subscribe.handle,
            Self::Rotate(rotate) => rotate.handle,
            Self::Suspend { handle }
            | Self::Resume { handle }
            | Self::Delete { handle }
            | Self::Detach { handle } => *handle,
        }
    }
}

/// What an answer may say depends on what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Answered Done.
    Plain,
    Create,
    Claim,
    Attach,
    Subscribe,
    Detach,
}

/// A request whose answer is still to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) token: u64,
    pub(super) kind: Kind,
    pub(super) handle: u32,
    since: Now,
}

/// One bit a tag, so that a tag is free again only once it was answered.
type Tags = u64;

const _: () = assert!(REQUESTS_MAX == Tags::BITS as usize);

/// Requests of one link that wait to go out or to be answered.
#[derive(Debug)]
pub(super) struct Requests {
    taken: Tags,
    pending: Vec<Option<Pending>>,
    queue: VecDeque<v1::Item>,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { taken: 0, pending: vec![None; REQUESTS_MAX], queue: VecDeque::new() }
    }

    /// How many more requests there may be now.
    pub(super) const fn room(&self) -> usize {
        self.taken.count_zeros() as usize
    }

    /// Queues a request of at most `item_len_max` encoded bytes under a tag of its own.
    pub(super) fn submit(
        &mut self,
        token: u64,
        request: Request,
        item_len_max: usize,
        now: Now,
    ) -> Result<(), Misuse> {
        // FRAME-20, LINK-46: the lowest tag that no unanswered request has, of REQUESTS_MAX.
        let slot = self.taken.trailing_ones();
        let Some(entry) = self.pending.get_mut(slot as usize) else {
            return Err(Misuse::TooManyRequests);
        };
        let pending = Pending { token, kind: request.kind(), handle: request.handle(), since: now };
        let item = v1::Item { tag: slot + 1, body: Some(request.into_body()) };
        // A Send's length follows from its part's; all else is measured.
        if item.encoded_len() + ITEM_PREFIX > item_len_max {
            return Err(Misuse::ItemTooLong);
        }
        *entry = Some(pending);
        self.taken |= 1 << slot;
        self.queue.push_back(item);
        Ok(())
    }

    /// The item that goes out next.
    pub(super) fn front(&self) -> Option<&v1::Item> {
        self.queue.front()
    }

    /// The item that `front` returned is on its way.
    pub(super) fn sent_front(&mut self) {
        self.queue.pop_front();
    }

    /// Takes the request that a result of this tag answers, and what the result says of it.
    ///
    /// `None` if there is no such request, or the result is none for it.
    pub(super) fn answer(
        &mut self,
        tag: u32,
        outcome: Outcome,
    ) -> Option<(Pending, Result<Answer, Reject>)> {
        let slot = tag.checked_sub(1)?;
        let entry = self.pending.get_mut(slot as usize)?;
        let pending = (*entry)?;
        let result = read_outcome(pending.kind, outcome)?;
        *entry = None;
        self.taken &= !(1 << slot);
        Some((pending, result))
    }

    /// When the longest unanswered request was submitted.
    pub(super) fn oldest(&self) -> Option<Now> {
        if self.taken == 0 {
            return None;
        }
        self.pending.iter().flatten().map(|pending| pending.since).min()
    }
}

fn read_outcome(kind: Kind, outcome: Outcome) -> Option<Result<Answer, Reject>> {
    Some(Ok(match (kind, outcome) {
        (_, Outcome::Reject(reject)) => return Some(Err(Reject::from_wire(&reject)?)),
        (Kind::Plain | Kind::Detach, Outcome::Done(_)) => Answer::Done,
        (Kind::Create, Outcome::Created(created)) => Answer::Created(known(created.state())?),
        (Kind::Claim, Outcome::Claimed(claimed)) => Answer::Claimed(Box::new(claimed)),
        (Kind::Attach, Outcome::Attached(attached)) => Answer::Attached(attached),
        (Kind::Subscribe, Outcome::Subscribed(subscribed)) => {
            Answer::Subscribed(subscribed.notice?)
        }
        _ => return None,
    }))
}

/// A state that this revision has.
fn known(state: v1::State) -> Option<v1::State> {
    (state != v1::State::Unspecified).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(handle: u32) -> Request {
        Request::Suspend { handle }
    }

    fn done() -> Outcome {
        Outcome::Done(v1::Done {})
    }

    #[test]
    fn a_tag_is_free_again_only_once_it_was_answered() {
        let mut requests = Requests::new();
        let now = Now::default();
        for token in 0..64 {
            requests.submit(token, plain(0), 100, now).unwrap();
        }
        assert_eq!(requests.room(), 0);
        assert_eq!(requests.submit(64, plain(0), 100, now), Err(Misuse::TooManyRequests));
        let mut tags: Vec<u32> = Vec::new();
        while let Some(item) = requests.front() {
            tags.push(item.tag);
            requests.sent_front();
        }
        assert_eq!(tags, (1..=64).collect::<Vec<_>>());
        assert_eq!(requests.answer(7, done()).unwrap().0.token, 6);
        assert!(requests.answer(7, done()).is_none());
        requests.submit(64, plain(0), 100, now).unwrap();
        assert_eq!(requests.front().unwrap().tag, 7);
    }

    #[test]
    fn an_answer_of_another_kind_is_none() {
        let mut requests = Requests::new();
        requests.submit(1, plain(0), 100, Now::default()).unwrap();
        let attached = Outcome::Attached(v1::Attached::default());
        assert!(requests.answer(1, attached).is_none());
        assert!(requests.answer(0, done()).is_none());
        assert!(requests.answer(65, done()).is_none());
        assert!(requests.answer(1, Outcome::Reject(v1::Reject::default())).is_none());
        assert_eq!(requests.answer(1, done()).unwrap().1, Ok(Answer::Done));
    }

    #[test]
    fn what_does_not_fit_a_block_is_refused_at_once() {
        let mut requests = Requests::new();
        let send = v1::Send { part: vec![0; 101].into(), ..v1::Send::default() };
        let refused = requests.submit(1, Request::Send(send), 100, Now::default());
        assert_eq!(refused, Err(Misuse::ItemTooLong));
        assert_eq!(requests.room(), 64);
    }
}
