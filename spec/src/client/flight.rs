//! Requests of one end that wait for their answer.

use std::collections::VecDeque;

use super::link::ClientLink;
use super::requests::Request;
use crate::error::Misuse;

/// The token of an end's request: the end's number on its link above, the request's below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub u64);

impl Token {
    const fn new(end: u32, request: u32) -> Self {
        Self(((end as u64) << 32) | request as u64)
    }

    /// The number of the end that submitted the request.
    #[must_use]
    pub const fn end(self) -> u32 {
        (self.0 >> 32) as u32
    }

    const fn request(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }
}

/// What was submitted under which number, oldest first.
#[derive(Debug)]
pub(super) struct Flights<W> {
    next: u32,
    flights: VecDeque<(u32, W)>,
}

impl<W> Default for Flights<W> {
    fn default() -> Self {
        Self { next: 0, flights: VecDeque::new() }
    }
}

impl<W: Copy> Flights<W> {
    pub(super) fn submit(
        &mut self,
        end: u32,
        what: W,
        request: Request,
        link: &mut ClientLink,
    ) -> Result<(), Misuse> {
        link.submit(Token::new(end, self.next).0, request)?;
        self.flights.push_back((self.next, what));
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    /// What an answer is to; `None` if it is another end's, or means nothing any more.
    pub(super) fn answered(&mut self, end: u32, token: Token) -> Option<W> {
        if token.end() != end {
            return None;
        }
        let place = self.flights.iter().position(|(number, _)| *number == token.request())?;
        self.flights.remove(place).map(|(_, what)| what)
    }

    /// Answers to what was submitted before mean nothing any more.
    pub(super) fn clear(&mut self) {
        self.flights.clear();
    }
}
