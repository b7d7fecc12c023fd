//! Small concurrent histories, checked for linearizability (Wing and Gong).
//!
//! A history is linearizable if its calls can be put in one order that respects real time and in
//! which the model gives every answer that was given. A call without an answer may have taken
//! effect at any time after it was made, or never. Linearizability is local, so each connection
//! is checked by itself.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::model::{Answer, Request, World};

/// Most calls of one history: the search keeps the done ones in the bits of a number.
pub const CALLS_MAX: usize = 32;

/// One call of a concurrent history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The link it was made on.
    pub link: usize,
    /// What was asked.
    pub request: Request,
    /// When it was made, on a clock shared by all links.
    pub made: u64,
    /// When its answer came, and the answer; none while it is in flight.
    pub answered: Option<(u64, Answer)>,
}

/// An order of calls, by their places in the history, that explains every answer and leads to a
/// world that `end` agrees with; none if there is no such order.
///
/// Calls of one link stand in the order in which they were made on it.
pub fn explain(start: &World, calls: &[Call], end: impl Fn(&World) -> bool) -> Option<Vec<usize>> {
    if calls.len() > CALLS_MAX {
        return None;
    }
    let mut search = Search { calls, end, seen: HashSet::new(), order: Vec::new() };
    search.from(start, 0).then_some(search.order)
}

struct Search<'a, F> {
    calls: &'a [Call],
    end: F,
    seen: HashSet<(u32, World)>,
    order: Vec<usize>,
}

impl<F: Fn(&World) -> bool> Search<'_, F> {
    fn from(&mut self, world: &World, done: u32) -> bool {
        let answered = self.calls.iter().enumerate().filter(|(_, call)| call.answered.is_some());
        if answered.into_iter().all(|(place, _)| is_in(done, place)) && (self.end)(world) {
            return true;
        }
        if !self.seen.insert((done, world.clone())) {
            return false;
        }
        for (place, call) in self.calls.iter().enumerate() {
            if is_in(done, place) || !self.may_be_next(place, call, done) {
                continue;
            }
            let mut after = world.clone();
            let answer = after.handle(call.link, &call.request).answer;
            let given = call.answered.as_ref().map(|(_, answer)| answer);
            if given.is_some() && given != answer.as_ref() {
                continue;
            }
            self.order.push(place);
            if self.from(&after, done | (1 << place)) {
                return true;
            }
            self.order.pop();
        }
        false
    }

    /// Nothing that is not done was answered before this was made, or stands before it on its link.
    fn may_be_next(&self, place: usize, call: &Call, done: u32) -> bool {
        self.calls.iter().enumerate().all(|(other, earlier)| {
            let answered_before = earlier.answered.as_ref().is_some_and(|(at, _)| *at < call.made);
            let stands_before = earlier.link == call.link && other < place;
            is_in(done, other) || !(answered_before || stands_before)
        })
    }
}

const fn is_in(done: u32, place: usize) -> bool {
    done & (1 << place) != 0
}
